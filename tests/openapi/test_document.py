"""What the contract itself must be."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from octopusx_video_openapi import Contract, house, lifecycle, load, vocabulary
from octopusx_video_openapi.reading import read

from tests.support import documents

CONTRACT = load()
README = CONTRACT.path.with_name("README.md").read_text("utf-8")
SUBMITS = ("extendVideo", "createVideoExtension", "extendUnifiedVideo")


def test_it_keeps_the_rules_of_the_project() -> None:
    """Everything says itself how it is known, and by what; each field of a request has an example."""
    document = read(CONTRACT.path)
    assert vocabulary.check(document) == []
    assert house.check(document) == []


def test_the_six_operations_are_described() -> None:
    """The contract has the six operations of the pages, at their routes."""
    assert {(o.id, o.method, o.path) for o in CONTRACT.operations.values()} >= {
        ("extendVideo", "post", "/v1/videos/{video_id}/extend"),
        ("createVideoExtension", "post", "/v1/videos/extensions"),
        ("getVideoTask", "get", "/v1/videos/{task_id}"),
        ("downloadVideoContent", "get", "/v1/videos/{task_id}/content"),
        ("extendUnifiedVideo", "post", "/v1/video/extend"),
        ("queryUnifiedVideo", "get", "/v1/video/query"),
    }


@pytest.mark.parametrize("operation", CONTRACT.operations.values(), ids=lambda operation: operation.id)
def test_every_response_says_whether_it_may_be_billed(operation: Any) -> None:
    """A submit's success is billed, a read never is, and every response says which."""
    for status, response in documents.responses(CONTRACT, operation):
        assert response["x-billed"] in {"never", "possible", "yes"}, status
        if operation.method == "get":
            assert response["x-billed"] == "never", status
        elif status == "200":
            assert response["x-billed"] == "yes"
        elif status.startswith("5"):
            assert response["x-billed"] == "possible", f"{status}: the upstream may have accepted it before"


@pytest.mark.parametrize("operation", CONTRACT.operations.values(), ids=lambda operation: operation.id)
def test_every_response_has_an_example(operation: Any) -> None:
    """Each documented response shows what it looks like, in each of its media types."""
    for status, response in documents.responses(CONTRACT, operation):
        assert response["content"], status
        for media_type, content in response["content"].items():
            assert list(documents.examples(CONTRACT, content)), f"{status} {media_type}"


@pytest.mark.parametrize("operation", CONTRACT.operations.values(), ids=lambda operation: operation.id)
def test_every_error_takes_either_shape(operation: Any) -> None:
    """Each documented 4xx and 5xx may come in the OpenAI-like or in the task-like shape."""
    for status, response in documents.responses(CONTRACT, operation):
        if status[0] in "45":
            assert response["content"]["application/json"]["schema"] == {"$ref": "#/components/schemas/ErrorResponse"}


@pytest.mark.parametrize("operation", SUBMITS)
def test_links_lead_from_each_submit_to_the_reads(operation: str) -> None:
    """The answer of each submit links to all three reads of the new task."""
    response = dict(documents.responses(CONTRACT, CONTRACT.operations[operation]))["200"]
    targets = {documents.resolve(CONTRACT, link)["operationId"] for link in response["links"].values()}
    assert targets == {"getVideoTask", "downloadVideoContent", "queryUnifiedVideo"}


def _readme_table(heading: str) -> set[str]:
    """What stands in code style in the first column of a table of the contract's README."""
    section = README.split(f"## {heading}", 1)[1].split("\n## ", 1)[0]
    rows = [line.split("|")[1] for line in section.splitlines() if line.startswith("| `")]
    return {name for row in rows for name in re.findall(r"`([^`]+)`", row)}


def test_the_vendor_extensions_are_documented() -> None:
    """Each value and each cause that the contract names stands in its README, and none there that it does not have."""
    text = CONTRACT.path.read_text("utf-8")
    values = {re.sub(r"^request\..*", "request.NAME", name) for name in re.findall(r"x-value-of: (\S+)", text)}
    assert values == _readme_table("What a field of a response contains: `x-value-of`")
    causes = {cause for when in re.findall(r"x-when: \{(.*)\}", text) for cause in re.findall(r"([a-z-]+): ", when)}
    assert causes == _readme_table("Why a request is rejected: `x-when`")
    definitions = vocabulary.schema()["$defs"]
    assert set(definitions["x-when"]["properties"]) == causes
    assert set(definitions["rule"]["properties"]["about"]["enum"]) == _readme_table("Rules: `x-rules`")
    assert set(definitions["x-value-of"]["else"]["enum"]) == values - {"request.NAME"}


def test_each_status_of_a_task_has_a_meaning() -> None:
    """What a task is called while it runs, succeeds and fails is what the lists of statuses say."""
    told = lifecycle.task_life(CONTRACT)
    assert [CONTRACT.phase(status) for status in (told.running, told.succeeded, told.failed)] == [
        "running",
        "succeeded",
        "failed",
    ]
    assert 0 < told.lasts < told.expires_after


def test_only_documented_rules_are_musts() -> None:
    """A remote server fails only on what OctopusX itself has promised."""
    for rule in documents.document(CONTRACT)["x-rules"]:
        assert rule["level"] in {"must", "should"}, rule["id"]
        if rule["level"] == "must":
            assert "documented" in rule["x-grade"], rule["id"]


def test_rules_are_numbered_once_and_name_what_exists() -> None:
    """A rule's number is its own, and the operations and statuses it names are in the contract."""
    numbers = [rule.id for rule in CONTRACT.rules]
    assert numbers == [f"R{number:02}" for number in range(1, len(numbers) + 1)]
    for rule in CONTRACT.rules:
        for operation_id in rule.operations:
            documented = {int(status) for status, _ in documents.responses(CONTRACT, CONTRACT.operations[operation_id])}
            assert not rule.statuses or documented & set(rule.statuses), f"{rule.id} {operation_id}"


@pytest.mark.parametrize(
    ("status", "phase"),
    [
        ("processing", "running"),
        ("queued", "running"),
        ("unknown", "running"),
        ("completed", "succeeded"),
        ("succeeded", "succeeded"),
        ("failed", "failed"),
        ("cancelled", "failed"),
        ("dreaming", None),
        ("", None),
    ],
)
def test_the_contract_says_what_a_status_means(contract: Contract, status: str, phase: str | None) -> None:
    """The known values are mapped; one that is not known has no meaning, and so is taken for running."""
    assert contract.phase(status) == phase


def test_a_value_of_a_status_means_one_thing() -> None:
    """No value stands in two of the three lists."""
    schemas = documents.document(CONTRACT)["components"]["schemas"]
    values = [value for name in ("RunningStatus", "SucceededStatus", "FailedStatus") for value in schemas[name]["enum"]]
    assert len(values) == len(set(values))


def test_answers_require_only_the_core_and_take_more() -> None:
    """An answer must have an id and a status; a field that nobody has described is no fault."""
    schemas = documents.document(CONTRACT)["components"]["schemas"]
    for name in ("SubmittedTask", "VideoTask", "UnifiedVideoTask"):
        assert schemas[name]["required"] == ["id", "status"]
    closed = [name for name, schema in schemas.items() if "additionalProperties" in schema]
    assert closed == [], "a schema that is closed refuses what the service may add"


def test_no_default_is_sent_for_the_caller() -> None:
    """No request schema has a `default`: the generator would send what the caller did not say."""
    schemas = documents.document(CONTRACT)["components"]["schemas"]
    fields = [(name, key) for name, schema in schemas.items() for key in [*schema, *_keys(schema)] if key == "default"]
    assert fields == []


def _keys(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        for key, value in node.items():
            yield key
            yield from _keys(value)
    elif isinstance(node, list):
        for value in node:
            yield from _keys(value)
