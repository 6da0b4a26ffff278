"""The recording of a release, held against new contracts: who breaks by a message that was sent."""

from __future__ import annotations

import json

import pytest
from octopusx_video_compat import Difference, releases
from octopusx_video_compat.recordings import of_recording
from octopusx_video_openapi import Contract
from octopusx_video_openapi.document import Document
from octopusx_video_openapi.reading import parse, read

from tests.compat.edits import changes

RELEASE = releases.RELEASES / "1.0.0"
RECORDING = RELEASE / releases.RECORDING
BY_NAME = {change.name: change for change in changes()}


@pytest.fixture(scope="module")
def document() -> Document:
    """The contract that was released, with its lines."""
    return read(RELEASE / releases.CONTRACT)


@pytest.fixture(scope="module")
def base(document: Document) -> Contract:
    """The contract that was released."""
    return Contract(document.value, document.path, document.line)


def _found(new: Contract, base: Contract, known: list[Difference] | None = None) -> list[Difference]:
    return list(of_recording(RELEASE, base, new, known or []))


def _changed(name: str, document: Document) -> Contract:
    return Contract(BY_NAME[name].of(document.value), document.path, document.line)


def _edited(document: Document, old: str, new: str) -> Contract:
    text = document.path.read_text("utf-8")
    assert old in text
    made = parse(text.replace(old, new), document.path)
    return Contract(made.value, made.path, made.line)


def _line(text: str, before: str) -> int:
    """The line of the recording with a text, the last one before the first with another text."""
    lines = RECORDING.read_text("utf-8").splitlines()
    end = next(index for index, line in enumerate(lines) if before in line)
    return max(index for index in range(end) if text in lines[index]) + 1


@pytest.mark.parametrize(
    ("name", "where", "said"),
    [
        (
            "request-enum-value-removed",
            "createVideoExtension",
            "body.application/json.duration: 15 is not one of 10 or 6",
        ),
        (
            "request-minimum-raised",
            "createVideoExtension",
            "body.application/json.start_time: 0 is less than the minimum of 1",
        ),
        ("request-field-removed", "extendVideo", "('upscale' was unexpected)"),
        ("request-query-renamed", "queryUnifiedVideo", 'query: "task_id" is a required property'),
        ("path-changed", "queryUnifiedVideo", "was sent, and the new contract has no such operation"),
    ],
)
def test_a_recorded_request_that_is_refused_breaks_callers(
    name: str, where: str, said: str, document: Document, base: Contract
) -> None:
    """The operation and what is wrong are named; the responses of an operation that is gone concern nobody."""
    found = _found(_changed(name, document), base)
    assert {(one.rule, one.breaks, one.file) for one in found} == {("recording: request", ("callers",), RECORDING)}
    (one,) = [one for one in found if said in one.sentence]
    assert one.where.startswith(f"{where} request, recorded at line")


def test_a_recorded_response_that_is_not_allowed_breaks_servers(document: Document, base: Contract) -> None:
    """A body that does not fit, and a status that is not there; each once for all messages, with the first line."""
    found = _found(_edited(document, "maximum: 100\n", "maximum: 99\n"), base)
    assert {(one.rule, one.breaks) for one in found} == {("recording: response", ("servers",))}
    assert len(found) == 2  # of the two operations that read a task
    assert found[0].line == _line('"response": {', before='"progress": 100')
    assert "progress: 100 is greater than the maximum of 99" in found[0].sentence
    gone = json.loads(json.dumps(document.value))
    del gone["paths"]["/v1/videos/{task_id}/content"]["get"]["responses"]["416"]
    (one,) = _found(Contract(gone, document.path, document.line), base)
    assert one.sentence == "a response with status 416 was recorded and is not allowed any more"
    assert one.line == _line('"response": {', before='"status": 416')


def test_what_the_comparison_has_found_is_marked(document: Document, base: Contract) -> None:
    """So that only what it has not found is a surprise."""
    new = _changed("request-enum-value-removed", document)
    limit = ("components", "schemas", "ExtensionDuration", "enum")
    known = Difference("request-callers: enum", "createVideoExtension request", limit, ("callers",), "", 0)
    for one, is_repeated in ((known, True), (known._replace(breaks=("servers",)), False)):
        assert [found.is_repeated for found in _found(new, base, [one])] == [is_repeated]


def test_requests_that_were_refused_before_prove_nothing(document: Document, base: Contract) -> None:
    """The recording has requests that the contract refuses; they may be refused for another reason now."""
    assert any(message["response"]["status"] == 400 for message in json.loads(RECORDING.read_bytes()))
    assert _found(base, base) == []


@pytest.mark.parametrize(
    "name",
    [
        *("rewrite-parameter-of-path", "rewrite-order-of-keys", "rewrite-bound", "rewrite-component-renamed"),
        *("client-path-parameter-renamed", "client-method-renamed", "request-optional-field-added"),
    ],
)
def test_what_is_sent_as_before_is_no_difference(name: str, document: Document, base: Contract) -> None:
    """Another name of an operation or of a parameter of a path does not show in messages."""
    assert _found(_changed(name, document), base) == []
