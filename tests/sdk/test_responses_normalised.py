"""What the service writes in several ways comes out in one, and every shape of an error is read."""

from __future__ import annotations

import datetime as dt
from typing import Any

import httpx
import pytest
from octopusx_video import (
    BrokenAnswerError,
    NotSentError,
    OctopusXError,
    RefusedError,
    UnifiedVideoTask,
    VideoTask,
    phase,
)
from octopusx_video._flows.backoff import retry_after
from octopusx_video._flows.context import Environment
from octopusx_video._messages.exchange import ResponseHead
from octopusx_video._messages.tasks import percent, seconds
from octopusx_video_client.types import UNSET
from octopusx_video_mock import Mock

from tests.support.sdk.clients import CREATE, KEY, KINDS, SOURCE, Kind, answering, connected

NOON = int(dt.datetime(2026, 1, 1, 12, tzinfo=dt.UTC).timestamp())
URL = "https://cdn.example/v.mp4"


def _read(answer: Any, *, unified: bool = False) -> Any:
    """What is read of an answer's JSON."""
    with connected("sync", answering(httpx.Response(200, json=answer)), max_retries=0) as client:
        return (client.unified if unified else client.videos).retrieve(SOURCE)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (NOON, NOON),
        (NOON * 1000, NOON),
        (str(NOON), NOON),
        (f"{NOON}000", NOON),
        (float(NOON), NOON),
        ("2026-01-01T20:00:00+08:00", NOON),
        ("2026-01-01T12:00:00Z", NOON),
        (0, None),
        ("", None),
        ("0", None),
        ("soon", None),
        (-5, None),
        (True, None),
        ([NOON], None),
        (float("inf"), None),
    ],
    ids=repr,
)
def test_times_are_unix_seconds(value: Any, expected: int | None) -> None:
    """Seconds or milliseconds, a number, a text or RFC 3339; zero and what is no time stand for none."""
    assert seconds(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [(42, 42), ("42", 42), ("42%", 42), (" 42 % ", 42), (42.9, 42), (140, 100), (0, 0), ("", None), (None, None)],
    ids=repr,
)
def test_progress_is_a_whole_percentage(value: Any, expected: int | None) -> None:
    """A number or a text, with a percent sign or without."""
    assert percent(value) == expected


@pytest.mark.parametrize(
    "absent",
    [
        {},
        {"completed_at": 0, "remixed_from_video_id": "", "error": {"message": "", "code": ""}, "video_url": ""},
        {"completed_at": None, "remixed_from_video_id": None, "error": None, "video_url": None, "output": None},
        {"error": {}, "output": {}, "detail": {"url": ""}, "metadata": {"url": None}},
    ],
)
def test_what_is_absent_is_left_out(absent: dict[str, Any]) -> None:
    """Left out, null, empty, zero and an object of such come out alike, and are false."""
    task = _read({"id": SOURCE, "status": "processing", **absent})
    for name in ("completed_at", "remixed_from_video_id", "error", "video_url", "output", "detail", "metadata"):
        assert getattr(task, name) is UNSET
    assert (
        _read({"id": SOURCE, "status": "processing", "video_url": absent.get("video_url")}, unified=True).video_url
        is UNSET
    )


@pytest.mark.parametrize(
    "places",
    [
        {"video_url": URL},
        {"video_url": f"  {URL}\n"},
        {"output": {"url": URL}},
        {"output": URL},
        {"url": URL},
        {"detail": {"url": URL}},
        {"metadata": {"url": URL}},
        {"video_url": "", "output": None, "url": "", "detail": {}, "metadata": {"url": URL}},
        {"video_url": URL, "output": {"url": "https://other.example"}, "url": "https://other.example"},
    ],
)
def test_the_address_is_in_one_place(places: dict[str, Any]) -> None:
    """Once a task has succeeded its video's address is in video_url, wherever it stood, in the contract's order."""
    assert _read({"id": SOURCE, "status": "completed", **places}).video_url == URL


def test_a_reason_in_the_place_of_an_address_is_none() -> None:
    """The gateway puts the reason of a failure where the address stands; a failed task gets no address from there."""
    task = _read({"id": SOURCE, "status": "failed", "metadata": {"url": "it was refused"}})
    assert not task.video_url


@pytest.mark.parametrize(
    ("status", "expected", "meaning"),
    [
        ("SUCCESS", "SUCCESS", "succeeded"),
        ("canceled", "canceled", "failed"),
        ("moderating", "moderating", "running"),
        ("", "unknown", "running"),
        (None, "unknown", "running"),
        (7, "unknown", "running"),
    ],
)
def test_a_status_that_is_missing_or_unknown_means_running(status: Any, expected: str, meaning: str) -> None:
    """Nothing but the contract's ends is an end."""
    task = _read({"id": SOURCE, "status": status})
    assert (task.status, phase(task)) == (expected, meaning)


def test_a_task_without_an_id_is_the_one_that_was_asked_for() -> None:
    """Right after the submit an upstream may tell neither id nor status; another id is a slip of a sample (R06)."""
    assert _read({"request_id": "r-1"}).id == SOURCE
    assert _read({"id": "grok:of-another", "status": "queued"}).id == SOURCE
    assert _read({"id": 5, "status": "queued"}).id == SOURCE


def test_what_was_not_foreseen_is_kept(mock: Mock) -> None:
    """Fields of other channels, numbers as lengths, and an error as a text can be read."""
    task = _read(
        {"id": SOURCE, "status": "failed", "seconds": 6, "error": "no luck", "trace": {"a": [1]}, "output": [1]}
    )
    assert isinstance(task, VideoTask)
    assert task.error
    assert (task.seconds, task.error.message, task["trace"]) == ("6", "no luck", {"a": [1]})
    assert isinstance(_read({"id": SOURCE, "status": "completed", "x": 1}, unified=True), UnifiedVideoTask)


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(200),
        httpx.Response(200, text="<html>login</html>"),
        httpx.Response(200, json=[]),
        httpx.Response(200, json="r-1"),
        httpx.Response(200, json={"code": "task_not_exist", "message": "x", "data": None}),
        httpx.Response(200, json={"error": {"message": "broke", "type": "t"}}),
        httpx.Response(200, content=b"[" * 100_000),
        httpx.Response(200, content=b"x" * 5_000_000),
        httpx.Response(302, headers={"Location": "https://login.example"}),
        httpx.Response(204),
    ],
    ids=lambda answer: f"{answer.status_code} {answer.text[:30]}",
)
@pytest.mark.parametrize("kind", KINDS)
def test_an_answer_that_tells_no_task_is_broken(kind: Kind, answer: httpx.Response, mock: Mock) -> None:
    """It ends in an error of the package's own that names the task, after the reads that were allowed."""
    with connected(kind, answering(answer), mock.clock) as client, pytest.raises(BrokenAnswerError) as caught:
        client.videos.retrieve(SOURCE)
    assert caught.value.task_id == SOURCE


SHAPES = {
    "middleware": (
        401,
        {"error": {"message": "no (request id: r)", "type": "new_api_error", "code": ""}},
        "",
        "no (request",
    ),
    "task": (400, {"code": "task_not_exist", "message": "gone", "data": None}, "task_not_exist", "gone"),
    "proxy": (404, {"error": {"message": "Task not found", "type": "invalid_request_error"}}, "", "Task not found"),
    "route": (
        404,
        {"error": {"message": "Invalid URL", "type": "invalid_request_error", "param": "", "code": ""}},
        "",
        "Inv",
    ),
    "account": (403, {"success": False, "message": "No header", "code": "AUTH_1"}, "AUTH_1", "No header"),
    "null code": (400, {"error": {"message": "m", "type": "upstream_error", "param": "", "code": None}}, "", "m"),
    "number": (400, {"error": {"message": "m", "code": 7}}, "7", "m"),
    "text": (400, {"error": "prompt is missing"}, "", "prompt is missing"),
    "detail": (400, {"detail": "not this"}, "", "not this"),
    "list": (400, ["no"], "", '["no"]'),
}


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("kind", KINDS)
def test_every_shape_of_an_error_is_read(kind: Kind, shape: str) -> None:
    """Code, reason, status and the gateway's id of the request are told, whatever the shape."""
    status, body, code, reason = SHAPES[shape]
    answer = httpx.Response(status, json=body, headers={"X-Oneapi-Request-Id": "r-1"})
    with connected(kind, answering(answer), max_retries=0) as client, pytest.raises(RefusedError) as caught:
        client.videos.retrieve(SOURCE)
    error = caught.value
    assert (error.status, error.code, error.request_id, error.task_id) == (status, code, "r-1", SOURCE)
    assert error.reason.replace(" ", "").startswith(reason.replace(" ", ""))


@pytest.mark.parametrize("body", [b"", b"<html><body><h1>502</h1> Bad Gateway</body></html>", b"\xff\xfe", b"{"])
def test_an_empty_or_foreign_error_is_read(body: bytes) -> None:
    """What is no JSON is told as text, without its tags."""
    answer = httpx.Response(403, content=body)
    with (
        connected("sync", answering(answer)) as client,
        pytest.raises(RefusedError, match="refused with 403") as caught,
    ):
        client.videos.retrieve(SOURCE)
    assert "<" not in str(caught.value)


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"retry-after": "5"}, 5.0),
        ({"retry-after": " 1.5 "}, 1.5),
        ({"retry-after": "0"}, 0.0),
        ({"retry-after": "Thu, 01 Jan 2026 12:00:30 GMT"}, 30.0),
        ({"retry-after": "Thursday, 01-Jan-26 12:00:30 GMT"}, 30.0),
        ({"retry-after": "Thu Jan  1 12:00:30 2026"}, 30.0),
        ({"retry-after": "Thu, 01 Jan 2026 11:00:00 GMT"}, 0.0),
        ({"retry-after": "Thu, 01 Jan 2026 12:01:00 GMT", "date": "Thu, 01 Jan 2026 12:00:50 GMT"}, 10.0),
        ({"retry-after": "-3"}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": ""}, None),
        ({}, None),
    ],
)
def test_retry_after_is_read_in_all_its_forms(headers: dict[str, str], expected: float | None) -> None:
    """Seconds, or a date in any of the three forms of RFC 9110, held to the server's own clock where it tells it."""
    assert (
        retry_after(ResponseHead(429, headers), Environment(lambda: 0.0, lambda: float(NOON), lambda: 0.0)) == expected
    )


ECHOES = (
    httpx.Response(401, json={"error": {"message": f"Invalid token {KEY}", "type": "t", "code": KEY}}),
    httpx.Response(500, text=f"panic: Authorization: Bearer {KEY}"),
    httpx.Response(200, text=f"key={KEY}"),
    httpx.LocalProtocolError(f"Illegal header value b'Bearer {KEY}'"),
    httpx.ConnectError(f"proxy says {KEY}"),
)


@pytest.mark.parametrize("echo", ECHOES, ids=str)
@pytest.mark.parametrize("kind", KINDS)
def test_the_key_never_shows(
    kind: Kind, echo: httpx.Response | Exception, mock: Mock, caplog: pytest.LogCaptureFixture
) -> None:
    """Not in an error, its attributes or causes, not in a log, not in a repr, though a server or a library tells it."""
    caplog.set_level("DEBUG")
    with connected(kind, answering(echo), mock.clock) as client:
        for call in (client.videos.retrieve, lambda source: client.extensions.create(source, **CREATE)):
            with pytest.raises(OctopusXError) as caught:
                call(SOURCE)
            assert KEY not in str(caught.value) + repr(vars(caught.value))
            assert caught.value.__cause__ is caught.value.__context__ is None
        assert KEY not in repr(client) + repr(vars(client))
    assert KEY not in "".join(record.getMessage() for record in caplog.records if record.name.startswith("octopusx"))


def test_a_closed_client_says_so(mock: Mock) -> None:
    """It sends nothing, and raises none of httpx's errors."""
    for kind in KINDS:
        with connected(kind, mock.transport) as client:
            client.close()
            with pytest.raises(NotSentError, match="the client is closed"):
                client.videos.retrieve(SOURCE)
