"""What is compared of each task, at whatever moment, and what may differ all the same."""

from __future__ import annotations

import json
from typing import Any

import pytest
from octopusx_video_contract.checks.history import History
from octopusx_video_contract.messages.http import Request, Response
from octopusx_video_contract.scenarios.whole_life import WholeLife
from octopusx_video_mock.messages import Request as Asked
from octopusx_video_mock.messages import Response as Sent
from octopusx_video_openapi import load, task_ids

from tests.campaigns.detection.suite_runs import START
from tests.conftest import KEY as TESTS_KEY
from tests.defects import DEFECTS, Server, defective
from tests.suite.test_clock import prepared

CONTRACT = load()
KEY, OTHER = "sk-a", "sk-b"
ENDED = {
    "id": "t",
    "object": "video",
    "model": "m",
    "status": "completed",
    "progress": 100,
    "created_at": 1000,
    "completed_at": 1100,
    "expires_at": 5000,
    "seconds": "6",
    "size": "720P",
    "video_url": "https://example.com/a",
}
RUNNING = {"id": "t", "object": "video", "model": "m", "status": "processing", "progress": 5, "created_at": 1000}


def answer(body: Any, target: str = "/v1/videos/t", status: int = 200, key: str = KEY, **headers: str) -> Response:
    """What came back of a GET; bytes are a body as they are."""
    sent = (("Authorization", f"Bearer {key}"), *((name, value) for name, value in headers.items() if name == "Prefer"))
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    given = {name.replace("_", "-").lower(): value for name, value in headers.items()}
    return Response(Request("GET", target, sent), status, given, content)


def rules(*answers: Response | tuple[Response, float]) -> list[str]:
    """The rules that the last answer breaks given those before it, each at 1200 Unix seconds or when it says."""
    history, broken = History(), []
    for one in answers:
        told, at = one if isinstance(one, tuple) else (one, 1200.0)
        broken = [
            rule
            for rule, fault in history.check(CONTRACT, (KEY, OTHER), told, lambda at=at: at)  # type: ignore[misc]
            if fault
        ]
    return broken


@pytest.mark.parametrize(
    "change",
    [
        {"expires_at": 6000},
        {"seconds": "7"},
        {"progress": 99},
        {"status": "succeeded"},
        {"status": "processing"},
        {"video_url": ""},
        {"completed_at": 1101},
    ],
)
def test_an_ended_task_stays_as_it_ended(change: dict[str, Any]) -> None:
    """Each documented value of it, and its address is still there."""
    assert rules(answer(ENDED), answer({**ENDED, **change})) == ["R16"]


@pytest.mark.parametrize(
    "change",
    [{}, {"video_url": "https://example.com/signed-again"}, {"more": 1}, {"error": {"message": "", "code": ""}}],
)
def test_what_may_differ_of_an_ended_task(change: dict[str, Any]) -> None:
    """An address, a field that the contract does not have, what stands for nothing."""
    assert rules(answer(ENDED), answer({**ENDED, "more": 2}), answer({**ENDED, **change})) == []


def test_what_was_not_there_yet_may_come_and_then_stays() -> None:
    """Zero and empty stand for not yet; what came after the end is held to stay as well."""
    early = {**ENDED, "completed_at": 0}
    assert rules(answer(early), answer(ENDED)) == []
    assert rules(answer(early), answer(ENDED), answer({**ENDED, "completed_at": 1101})) == ["R16"]


@pytest.mark.parametrize("name", ["object", "model", "size", "created_at"])
def test_what_a_task_is_never_changes(name: str) -> None:
    """While it runs, and from before its end to after it."""
    before = {**RUNNING, "size": "720P"}
    assert rules(answer(before), answer({**before, name: "x"})) == ["R17"]
    assert rules(answer({**before, name: "x"}), answer(ENDED)) == ["R17"]


def test_a_source_that_comes_late_is_a_change() -> None:
    """What continues nothing while it runs continues nothing at its end."""
    before = {**RUNNING, "remixed_from_video_id": ""}
    assert rules(answer(before), answer({**ENDED, "remixed_from_video_id": "s"})) == ["R17"]
    assert rules(answer(RUNNING), answer({**ENDED, "remixed_from_video_id": "s"})) == []


def test_what_runs_may_move_on() -> None:
    """Progress, status and times are free while a task runs, and at its end."""
    assert rules(answer(RUNNING), answer({**RUNNING, "progress": 50, "status": "queued"}), answer(ENDED)) == []


def test_two_routes_are_compared_in_what_was_submitted_alone() -> None:
    """Each read has its own fields; the id and the prompt are one."""
    query = "/v1/video/query?id=t"
    told = {"id": "t", "status": "completed", "video_url": "https://example.com/a", "progress": 100, "prompt": "p"}
    assert rules(answer(ENDED), answer(told, query)) == []
    assert rules(answer(told, query), answer(ENDED), answer({**told, "prompt": "q"}, query)) == ["R17", "R16"]


@pytest.mark.parametrize(
    ("first", "last"),
    [
        (answer(ENDED), answer({**ENDED, "seconds": "7"}, Prefer="code=200")),
        (answer(ENDED, Prefer="code=200"), answer({**ENDED, "seconds": "7"})),
        (answer(ENDED), answer({**ENDED, "seconds": "7"}, key="sk-c")),
        (answer(ENDED), answer({**ENDED, "seconds": "7"}, key=OTHER)),
        (answer(ENDED), answer({**ENDED, "seconds": "7"}, "/v1/videos/u")),
        (answer(ENDED, "/v1/video/query?id=t"), answer({**ENDED, "seconds": "7"}, "/v1/video/query?id=u&id=t")),
        ((answer(ENDED), 1200.0), (answer({**ENDED, "seconds": "7"}), 5001.0)),
    ],
)
def test_what_is_not_compared(first: Any, last: Any) -> None:
    """What was ordered, what another key got, another task, two ids at once, and what came when it had expired."""
    assert rules(first, last) == []


def test_an_expired_task_is_compared_with_what_it_was_then() -> None:
    """A task that had expired at first is held to stay as it was; none runs again."""
    late = {**ENDED, "seconds": "7"}
    assert rules((answer(ENDED), 5001.0), (answer(late), 5002.0)) == ["R16"]
    assert rules((answer(ENDED), 1200.0), (answer(RUNNING), 5002.0)) == ["R16"]


CONTENT = "/v1/videos/t/content"


def test_the_video_is_the_same_each_time() -> None:
    """All of it by its bytes, and each part by those of the same part; after the expiry nothing is compared."""
    part = {"status": 206, "Content_Range": "bytes 0-1/4"}
    assert rules(answer(b"abcd", CONTENT), answer(b"abcd", CONTENT)) == []
    assert rules(answer(b"abcd", CONTENT), answer(b"abce", CONTENT)) == ["R52"]
    assert rules(answer(b"abcd", CONTENT), answer(b"abce", "/v1/videos/u/content")) == []
    assert rules(answer(b"ab", CONTENT, **part), answer(b"abcd", CONTENT), answer(b"ac", CONTENT, **part)) == ["R52"]  # type: ignore[arg-type]
    assert rules(answer(ENDED), answer(b"abcd", CONTENT), (answer(b"abce", CONTENT), 5001.0)) == []


def rules_of_a_walk(server: Server) -> set[str]:
    """The rules that the walk through whole lives finds broken by a server."""
    with prepared(server.mock.controlled_transport) as run:
        walk = WholeLife(run.with_settings(other_key=server.other_key))
        walk.whole()
        return {finding.rule for findings in walk.findings.values() for finding in findings}


@pytest.mark.slow
@pytest.mark.parametrize("name", ["later-seconds-by-refusal", "later-part-by-refusal", "later-size-after-hour"])
def test_a_walk_meets_each_task_again(name: str) -> None:
    """After a submit that is refused, and after an hour, a task is read and downloaded once more, and a part of it."""
    defect = next(one for one in DEFECTS if one.name == name)
    server = defective(defect, key=TESTS_KEY, start=START)
    assert defect.rule in rules_of_a_walk(server)


@pytest.mark.slow
def test_a_walk_looks_at_the_known_tasks_first_and_last() -> None:
    """What is submitted and refused in between changes nothing of them."""
    server = defective(None, key=TESTS_KEY, start=START)
    known = task_ids.documented(CONTRACT)[0]
    answer, submitted = server.mock.engine.respond, []

    def changing(request: Asked) -> Sent:
        sent = answer(request)
        submitted.extend([1] if request.method == "POST" else [])
        if submitted and request.method == "GET" and request.path.endswith(known.encode()):
            sent.body = sent.body.replace(b'"seconds":"', b'"seconds":"1')
        return sent

    server.mock.engine.respond = changing  # type: ignore[method-assign]
    assert "R16" in rules_of_a_walk(server)
