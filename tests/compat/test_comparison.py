"""What the comparison finds: who breaks, by which value, where, and which version it needs."""

from __future__ import annotations

import json
from typing import Any

import jsonschema_rs
import pytest
from octopusx_video_compat import Difference, compared, releases
from octopusx_video_openapi import Contract
from octopusx_video_openapi.document import Document
from octopusx_video_openapi.reading import parse, read

from tests.compat.edits import Change, changes
from tests.compat.table import found

FAST = (
    *("request-new-required-field", "response-field-removed", "response-status-added", "path-changed"),
    *("client-method-renamed", "client-path-parameter-renamed", "client-enum-rewritten", "client-attribute-type"),
    *("client-body-closed", "request-optional-field-added", "response-status-removed", "security-dropped"),
    *("rule-removed", "rule-added", "rule-time-shorter", "life-new-running-status", "value-of-changed"),
    *("default-changed", "description-changed", "response-optional-field-added", "rewrite-order-of-keys"),
    *("rewrite-bound", "rewrite-parameter-of-path", "rewrite-component-renamed"),
)
"""The changes that are compared in the tests of every day; `nox -s compat -- --table` compares all of them."""
BY_NAME = {change.name: change for change in changes()}


@pytest.fixture(scope="module")
def document() -> Document:
    """The last release, with its lines, whatever has changed in the contract since."""
    return read(releases.newest() / releases.CONTRACT)


@pytest.fixture(scope="module")
def base(document: Document) -> Contract:
    """The last release as a contract."""
    return Contract(document.value, document.path, document.line)


def _edited(document: Document, old: str, new: str) -> Contract:
    """The contract with its text edited, so that the lines are those of the edited file."""
    text = document.path.read_text("utf-8")
    assert text.count(old) == 1
    made = parse(text.replace(old, new), document.path)
    return Contract(made.value, made.path, made.line)


@pytest.mark.parametrize("change", [BY_NAME[name] for name in FAST], ids=FAST)
def test_a_change_breaks_whom_the_table_says(change: Change, document: Document, base: Contract) -> None:
    """The row of the table was written before the comparison."""
    row = found(change, document, base)
    assert (row.breaks, row.version) == (sorted(change.breaks), change.version)


def test_nothing_changed(document: Document, base: Contract) -> None:
    """A contract is compatible with itself."""
    assert compared(base, Contract(document.value, document.path, document.line)) == []


def test_a_break_says_all_that_a_caller_needs(document: Document, base: Contract) -> None:
    """The value that is refused now, in the smallest request, the line that refuses it, and a sentence."""
    new = _edited(document, "      enum: [6, 10, 15]\n", "      enum: [6, 10]\n")
    line = document.path.read_text("utf-8").splitlines().index("      enum: [6, 10, 15]") + 1
    broken = [one for one in compared(base, new) if one.breaks]
    assert len(broken) == 1
    (one,) = broken
    assert one.sentence == "a request with duration 15 was valid and is refused now"
    assert (one.breaks, one.version, one.line) == (("callers",), "major", line)
    assert one.where == "createVideoExtension request"
    body = one.example["body"]["application/json"]
    assert body["duration"] == 15
    assert body.keys() == {"model", "prompt", "video", "start_time", "duration"}


def test_a_counter_example_is_allowed_by_one_contract_and_refused_by_the_other(
    document: Document, base: Contract
) -> None:
    """By a validator that the comparison does not make; and no property can be removed from it."""
    new = _edited(document, "      minimum: 0\n      x-unit: seconds\n", "      minimum: 3\n      x-unit: seconds\n")
    schema = "ExtendVideoRequest"
    example = next(
        one.example["body"]["application/json"]
        for one in compared(base, new)
        if one.where.startswith("extendVideo request")
    )
    assert _is_valid(base, schema, example)
    assert not _is_valid(new, schema, example)
    for name in example:
        rest = {key: value for key, value in example.items() if key != name}
        assert not _is_valid(base, schema, rest) or _is_valid(new, schema, rest)


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("request-field-required", "a request without start_time was valid and is refused now"),
        (
            "response-field-not-required",
            "a response may come without status now, and a caller of the old contract reads it",
        ),
        (
            "life-new-final-status",
            (
                'the status "rejected" is an end (failed); a caller of the old contract takes it for running, '
                "and polls for ever"
            ),
        ),
        (
            "client-positions-swapped",
            "by position, argument 1 of CreateVideoExtensionRequest was model, which is argument 2 now",
        ),
        (
            "bill-never-to-possible",
            "a response with status 400 meant that the request was billed: never; now it means possible",
        ),
    ],
)
def test_a_sentence_is_in_the_words_of_a_caller(name: str, sentence: str, document: Document, base: Contract) -> None:
    """What worked, and what happens now."""
    new = Contract(BY_NAME[name].of(document.value), document.path, document.line)
    assert sentence in [one.sentence for one in compared(base, new)]


def test_what_breaks_in_many_operations_is_said_once(document: Document, base: Contract) -> None:
    """An error that all operations have in common is one difference that names its places."""
    new = Contract(BY_NAME["response-null-dropped"].of(document.value), document.path, document.line)
    broken: list[Difference] = [one for one in compared(base, new) if one.breaks]
    assert len(broken) == 1
    assert broken[0].where.endswith(" more")


@pytest.mark.parametrize(
    ("old", "new", "body"),
    [
        (
            "properties: {video_url: {type: string, pattern: '[!-~]'}}\n",
            "properties: {video_url: {type: string, pattern: '^[^0-9]*$'}}\n",
            {"id": "a", "status": "SUCCESS", "video_url": "0"},
        ),
        (
            "properties: {message: {minLength: 1}}\n              - required: [code]",
            "properties: {message: {minLength: 2}}\n              - required: [code]",
            {"id": "a", "status": "FAILURE", "error": {"message": "a"}},
        ),
    ],
    ids=["R08", "R11"],
)
def test_two_fields_that_only_a_condition_ties_together_are_tried_together(
    old: str, new: str, body: Any, document: Document, base: Contract
) -> None:
    """A rule about a task with one status and another field, which has a field of its own in R11."""
    broken = [one for one in compared(base, _edited(document, old, new)) if "servers" in one.breaks]
    assert body in [one.example["body"] for one in broken]


@pytest.mark.parametrize(
    ("edit", "pointer"),
    [
        ("a header", ("headers", "RequestId", "schema", "type")),
        ("a body that is no JSON", ("schemas", "VideoBytes", "type")),
    ],
)
def test_what_is_sent_as_a_text_is_one_whatever_its_type(
    edit: str, pointer: tuple[str, ...], document: Document, base: Contract
) -> None:
    """The text 0 and the number 0 are sent as the same bytes, so that nobody breaks where a type is taken away."""
    new = Contract(_without(document.value, ("components", *pointer)), document.path, document.line)
    assert [one for one in compared(base, new) if one.breaks] == [], edit


def test_another_media_type_breaks_callers_whatever_its_schema(document: Document, base: Contract) -> None:
    """A body that is no JSON is a text only where its schema allows one; an error is an object in either shape."""
    responses = document.value["components"]["responses"]
    [media] = responses["SubmitForbidden"]["content"].values()
    forbidden = {**responses["SubmitForbidden"], "content": {"application/x-other": media}}
    components = {**document.value["components"], "responses": {**responses, "SubmitForbidden": forbidden}}
    new = Contract({**document.value, "components": components}, document.path, document.line)
    assert {side for one in compared(base, new) for side in one.breaks} == {"callers", "servers"}


def test_a_request_without_a_part_of_its_path_is_no_example(document: Document, base: Contract) -> None:
    """An empty id makes another path, so that a pattern which is gone shows with another text."""
    new = Contract(
        _without(document.value, ("components", "schemas", "TaskId", "pattern")), document.path, document.line
    )
    examples = [one.example for one in compared(base, new) if one.rule == "request-servers: pattern"]
    assert examples
    assert all("" not in one.get("path", {}).values() for one in examples)


def test_a_response_that_is_billed_otherwise_is_one_that_both_contracts_allow(
    document: Document, base: Contract
) -> None:
    """Else nobody could get it."""
    new = Contract(BY_NAME["bill-never-to-possible"].of(document.value), document.path, document.line)
    example = next(one.example for one in compared(base, new) if one.rule == "bill")
    assert example["status"] == "400"
    assert all(_is_valid(one, "ErrorResponse", example["body"]) for one in (base, new))


@pytest.mark.parametrize(
    ("name", "example"),
    [
        (
            "rule-removed",
            {"operation": "queryUnifiedVideo", "status": "200", "body": {"id": "a", "status": "completed"}},
        ),
        ("rule-time-shorter", {"seconds": 86400}),
        ("response-status-added", {"status": "409"}),
    ],
)
def test_what_is_no_single_schema_has_an_example_too(
    name: str, example: Any, document: Document, base: Contract
) -> None:
    """A response that breaks the rule, a time that one rule alone allows, a status."""
    new = Contract(BY_NAME[name].of(document.value), document.path, document.line)
    assert example in [one.example for one in compared(base, new) if one.breaks]


def _without(node: Any, place: tuple[str, ...]) -> Any:
    """A copy of a document without what stands at a place."""
    step, *rest = place
    if rest:
        return {**node, step: _without(node[step], tuple(rest))}
    return {name: value for name, value in node.items() if name != step}


def _is_valid(contract: Contract, name: str, value: Any) -> bool:
    components = json.loads(contract.text())["components"]
    schema = {"$ref": f"#/components/schemas/{name}", "components": components}
    return jsonschema_rs.Draft202012Validator(schema).is_valid(value)
