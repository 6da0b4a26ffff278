"""A submit is sent again only where it surely was not begun; everything else says what it may have cost."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from octopusx_video import (
    AmbiguousSubmitError,
    AsyncOctopusX,
    DownloadError,
    NotSentError,
    OctopusX,
    RefusedError,
)
from octopusx_video_mock import Mock
from octopusx_video_openapi import Contract, billing

from tests.support import documents
from tests.support.sdk.clients import (
    BASE_URL,
    CREATE,
    EXTEND,
    KEY,
    KINDS,
    SOURCE,
    Between,
    Kind,
    answering,
    connected,
    on_mock,
)

Call = Callable[[Any], Any]

UNSENT = (
    httpx.ConnectError("connection refused"),
    httpx.ConnectTimeout("no route"),
    httpx.PoolTimeout("every connection is busy"),
    httpx.ProxyError("407 Proxy Authentication Required"),
)
LOST = (
    httpx.ReadTimeout("silence"),
    httpx.ReadError("reset by peer"),
    httpx.WriteError("broken pipe"),
    httpx.WriteTimeout("the server takes nothing"),
    httpx.RemoteProtocolError("closed without a response"),
    httpx.LocalProtocolError("too much data"),
    httpx.DecodingError("no gzip"),
    ValueError("something that nobody foresaw"),
)
ACCEPTED = httpx.Response(200, json={"id": "grok:new", "status": "processing"})
GATEWAY = {"error": {"message": "Too many requests", "type": "new_api_error", "code": ""}}
UPSTREAM = {"code": "fail_to_fetch_task", "message": "saturated", "data": None}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("error", UNSENT, ids=lambda error: type(error).__name__)
def test_a_submit_is_sent_again_where_no_connection_was_made(kind: Kind, error: Exception, mock: Mock) -> None:
    """It goes out when a connection can be had, and once."""
    transport = answering(error, error, ACCEPTED)
    with connected(kind, transport, mock.clock) as client:
        assert client.videos.extend(SOURCE, **EXTEND).id == "grok:new"
    assert len(transport.requests) == 3


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("error", UNSENT, ids=lambda error: type(error).__name__)
def test_without_a_connection_nothing_was_sent(kind: Kind, error: Exception, mock: Mock) -> None:
    """It ends in an error that says so, after as many tries as were allowed."""
    transport = answering(error)
    with connected(kind, transport, mock.clock, max_retries=2) as client:
        with pytest.raises(NotSentError, match="no connection was made"):
            client.extensions.create(SOURCE, **CREATE)
    assert len(transport.requests) == 3


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("error", LOST, ids=lambda error: type(error).__name__)
def test_a_submit_whose_answer_is_lost_is_not_sent_again(kind: Kind, error: Exception, mock: Mock) -> None:
    """One request, and an error that tells what is known of it."""
    transport = answering(error, ACCEPTED)
    with connected(kind, transport, mock.clock) as client:
        with pytest.raises(AmbiguousSubmitError, match="may be billed") as caught:
            client.extensions.create(SOURCE, **CREATE)
    assert len(transport.requests) == 1
    request = transport.requests[0]
    known = caught.value
    assert (known.operation, known.status, known.request_id) == ("createVideoExtension", None, None)
    assert known.request_hash == hashlib.sha256(f"POST {request.url}\n".encode() + request.content).hexdigest()
    assert known.sent_at > 1_700_000_000
    assert known.request_hash[:12] in str(known)


@pytest.mark.parametrize("operation", ["extendVideo", "createVideoExtension", "extendUnifiedVideo"])
def test_each_documented_answer_costs_what_the_contract_says(operation: str, contract: Contract, mock: Mock) -> None:
    """What is never billed is a refusal, and is sent again only where a rule says that it came before any work."""
    submit = contract.operations[operation]
    for status, response in documents.responses(contract, submit):
        for name, body in documents.examples(contract, response["content"]["application/json"]):
            transport = answering(httpx.Response(int(status), json=body, headers={"X-Oneapi-Request-Id": "r-1"}))
            with connected("sync", transport, mock.clock, max_retries=2) as client:
                outcome = _submitted(client, operation)
            told = billing.billed(submit, int(status), body)
            if status == "200":
                assert outcome == body["id"]
                continue
            assert isinstance(outcome, RefusedError if told == "never" else AmbiguousSubmitError), (status, name)
            assert (outcome.status, outcome.request_id) == (int(status), "r-1")
            again = told == "never" and billing.decided_by(submit, int(status), body) is not None
            assert len(transport.requests) == (3 if again else 1), (status, name)


def _submitted(client: Any, operation: str) -> Any:
    try:
        if operation == "createVideoExtension":
            return client.extensions.create("task_source", **CREATE).id
        routes = client.unified if operation == "extendUnifiedVideo" else client.videos
        return routes.extend("task_source", **EXTEND).id
    except (RefusedError, AmbiguousSubmitError) as error:
        return error


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(202, json={"status": "processing"}),
        httpx.Response(307, headers={"Location": "https://elsewhere.example/v1/videos/extensions"}),
        httpx.Response(408),
        httpx.Response(409, json=GATEWAY),
        httpx.Response(502, text="<html>Bad Gateway</html>"),
        httpx.Response(504),
        httpx.Response(429),
        httpx.Response(429, json=UPSTREAM),
        httpx.Response(400, json=UPSTREAM),
        httpx.Response(503, json={"error": {"message": "overloaded", "type": "upstream_error", "code": ""}}),
        httpx.Response(200),
        httpx.Response(200, text="<html>"),
        httpx.Response(200, json=[]),
        httpx.Response(200, json={"status": "processing"}),
        httpx.Response(200, json={"id": 7, "status": "processing"}),
        httpx.Response(200, json={"id": "no id at all", "status": "processing"}),
        httpx.Response(200, json={"id": SOURCE, "status": "processing"}),
        httpx.Response(200, json=UPSTREAM),
        httpx.Response(200, content=b'{"id": "' + b"x" * 5_000_000 + b'"}'),
    ],
    ids=lambda answer: f"{answer.status_code} {answer.text[:40]}",
)
@pytest.mark.parametrize("kind", KINDS)
def test_whatever_else_comes_is_ambiguous(kind: Kind, answer: httpx.Response, mock: Mock) -> None:
    """An answer that the contract does not list, or a success without a new task, is neither repeated nor trusted."""
    transport = answering(answer, ACCEPTED)
    with connected(kind, transport, mock.clock) as client:
        with pytest.raises(AmbiguousSubmitError, match="may be billed"):
            client.extensions.create(SOURCE, **CREATE)
    assert len(transport.requests) == 1


@pytest.mark.parametrize("kind", KINDS)
def test_retry_after_is_honoured_within_the_deadline(kind: Kind, mock: Mock) -> None:
    """A refusal of the gateway's own is waited out as long as it asks; one that asks for too long is told at once."""
    refused = httpx.Response(429, json=GATEWAY, headers={"Retry-After": "20"})
    began = mock.clock.now()
    with connected(kind, answering(refused, ACCEPTED), mock.clock) as client:
        assert client.videos.extend(SOURCE, **EXTEND).id == "grok:new"
    assert mock.clock.now() - began >= 20
    began = mock.clock.now()
    transport = answering(httpx.Response(429, json=GATEWAY, headers={"Retry-After": "3600"}), ACCEPTED)
    with connected(kind, transport, mock.clock) as client, pytest.raises(RefusedError) as caught:
        client.videos.extend(SOURCE, **EXTEND)
    assert caught.value.retry_after == 3600
    assert (mock.clock.now(), len(transport.requests)) == (began, 1)


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_a_lost_answer_after_a_refusal_is_not_sent_again(kind: Kind, mock: Mock) -> None:
    """That an earlier try was free says nothing of the one that was lost."""
    mock.faults.on("rate_limited", times=1)
    mock.faults.on("lost_answer", times=1)
    with on_mock(kind, mock) as client, pytest.raises(AmbiguousSubmitError):
        client.videos.extend(SOURCE, **EXTEND)
    assert len(mock.billed) == 1


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_what_is_sent_is_what_was_asked(kind: Kind, mock: Mock) -> None:
    """Every field arrives under its name, what was left out is left out, and the source stands where it belongs."""
    transport = Between(mock.transport)
    fields = {"images": ("https://example.com/a.png",), "size": "1080P", "aspect_ratio": "3:2", "start_time": 0}
    with connected(kind, transport, mock.clock) as client:
        client.videos.extend(SOURCE, **EXTEND, **fields, upscale=False, extra={"seed": 7})
        client.extensions.create(client.videos.retrieve(SOURCE), **CREATE)
        client.unified.extend(SOURCE, **EXTEND)
    first, _, second, third = transport.requests
    assert first.url.raw_path.decode() == f"/v1/videos/{SOURCE.replace(':', '%3A')}/extend"
    images = ["https://example.com/a.png"]
    assert json.loads(first.content) == {**EXTEND, **fields, "images": images, "upscale": False, "seed": 7}
    assert json.loads(second.content) == {**CREATE, "video": {"url": SOURCE}}
    assert json.loads(third.content) == {**EXTEND, "task_id": SOURCE}
    for request in transport.requests:
        assert request.headers["Authorization"] == f"Bearer {KEY}"
        assert request.headers["User-Agent"].startswith("octopusx-video/")
        assert str(request.url).startswith(BASE_URL)


def _create(**changes: Any) -> Call:
    return lambda client: client.extensions.create(SOURCE, **{**CREATE, **changes})


def _extend(source: Any = SOURCE, **changes: Any) -> Call:
    return lambda client: client.videos.extend(source, **{**EXTEND, **changes})


def _wait(**options: Any) -> Call:
    return lambda client: client.videos.wait(SOURCE, **options)


BAD_INPUT: dict[str, tuple[Call, str]] = {
    "duration of 7": (_create(duration=7), "duration: 7 is not one of 6, 10 or 15"),
    "negative start": (_create(start_time=-1), "start_time: -1 is less than the minimum of 0"),
    "start as text": (_create(start_time="4"), 'start_time: "4" is not of type "integer"'),
    "no start": (_create(start_time=None), "start_time is missing"),
    "a link for a video": (lambda client: client.extensions.create("https://x/v.mp4", **CREATE), "video: .* is a link"),
    "a link in a path": (_extend("http://x/v.mp4"), "video_id: .* is a link; give the id of a task"),
    "a number for a task": (_extend(7), "video_id is of type int; give the id of a task"),
    "no id": (_extend(""), "video_id: '' is not the id of a task"),
    "a path for an id": (_extend("a/../b"), "video_id: 'a/../b' is not the id of a task"),
    "half a character in an id": (_extend("task\ud800"), "video_id: .* is not the id of a task"),
    "empty model": (_extend(model=""), "model: '' is not allowed; it takes: Name of a model"),
    "blank prompt": (_extend(prompt=" \n"), "prompt: .* is not allowed; it takes: What happens"),
    "bytes for a prompt": (_extend(prompt=b"p"), "prompt can't be written as JSON: .*bytes"),
    "half a character in a prompt": (_extend(prompt="\ud800"), "prompt can't be written as JSON"),
    "size in lower case": (_extend(size="1080p"), 'size: "1080p" is not one of "720P"'),
    "an ftp image": (_extend(images=["ftp://x"]), "images.0: 'ftp://x' is not allowed; it takes: http, https"),
    "text for images": (_extend(images="https://x/a.png"), 'images: .* is not of type "array"'),
    "text for a boolean": (_extend(upscale="yes"), 'upscale: "yes" is not of type "boolean"'),
    "a field told twice": (_extend(extra={"prompt": "q"}), "extra: prompt is an argument of its own"),
    "extra as a list": (_extend(extra=[1]), "extra is of type list"),
    "no number": (_extend(extra={"x": float("nan")}), "can't be written as JSON"),
    "an object": (_extend(extra={"x": object()}), "can't be written as JSON"),
    "negative timeout": (_wait(timeout=-1), "timeout: -1 is not a non-negative number of seconds"),
    "timeout as text": (_wait(timeout="9"), "timeout: '9' is not a non-negative number of seconds"),
    "polling without a pause": (_wait(poll_interval=0), "poll_interval: 0 is not allowed"),
    "a listener that is none": (_wait(on_progress=1), "on_progress is of type int; give a function"),
    "no task": (lambda client: client.videos.retrieve(None), "task is of type NoneType"),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("case", BAD_INPUT)
def test_bad_input_is_named_before_anything_is_sent(kind: Kind, case: str, mock: Mock) -> None:
    """Each is an error that names the argument and the mend, and no request leaves."""
    call, complaint = BAD_INPUT[case]
    with on_mock(kind, mock) as client, pytest.raises(NotSentError, match=complaint):
        call(client)
    assert mock.calls == []


@pytest.mark.parametrize("kind", KINDS)
def test_an_error_after_the_answer_is_no_sign_that_nothing_was_sent(kind: Kind, mock: Mock) -> None:
    """Httpx looks at the address of a redirect even where it follows none, and fails of one that is too long."""
    transport = answering(httpx.Response(307, headers={"Location": "/" + '"' * 22_000}))
    with connected(kind, transport, mock.clock) as client, pytest.raises(AmbiguousSubmitError):
        client.extensions.create(SOURCE, **CREATE)
    assert len(transport.requests) == 1


def test_a_hook_that_raises_does_not_hide_the_response() -> None:
    """It runs when the response is there, and may raise what a connection raises."""

    def hook(response: httpx.Response) -> None:
        raise httpx.ConnectError("the host of the metrics is down")

    transport = answering(ACCEPTED)
    with (
        httpx.Client(transport=transport, event_hooks={"response": [hook]}) as own,
        OctopusX(KEY, base_url=BASE_URL, http_client=own) as client,
    ):
        assert client.videos.extend(SOURCE, model="grok-video-3", prompt="a cat").id == "grok:new"
    assert len(transport.requests) == 1


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "body",
    [
        b'{"id":"grok:new","status":"processing","seconds":' + b"9" * 400 + b"}",
        b'{"id":"grok:new","status":"processing","deep":' + b'{"a":' * 700 + b"1" + b"}" * 701,
        b'{"id":"grok:new","status":["processing"],"status_update_time":{"a":1},"output":5}',
    ],
    ids=["a huge number", "a deep object", "other types"],
)
def test_an_id_is_not_lost_to_what_stands_beside_it(kind: Kind, body: bytes, mock: Mock) -> None:
    """Whatever else an accepted submit answers, its task is told."""
    with connected(kind, answering(httpx.Response(200, content=body)), mock.clock) as client:
        assert client.extensions.create(SOURCE, **CREATE).id == "grok:new"


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(429, content=b'{"code":"x\\ud800","message":"m","data":null}'),
        httpx.Response(503, content=b'{"code":"x\\ud800","message":"m","data":null}'),
        httpx.Response(400, content='{"code":"fail_to_fetch_task","message":"é"}'.encode("latin-1")),
        httpx.Response(413, text="<html>too large</html>"),
        httpx.Response(401, content=b'{"error":'),
    ],
    ids=lambda answer: str(answer.status_code),
)
def test_a_refusal_that_can_not_be_read_is_ambiguous(kind: Kind, answer: httpx.Response, mock: Mock) -> None:
    """It is none that the contract lists, and may be the upstream's word (R29, R35)."""
    with connected(kind, answering(answer), mock.clock) as client, pytest.raises(AmbiguousSubmitError):
        client.extensions.create(SOURCE, **CREATE)


@pytest.mark.parametrize("kind", KINDS)
def test_an_odd_id_is_told_whole(kind: Kind, mock: Mock) -> None:
    """It is what was paid for, whatever it is."""
    for told in ("an id with spaces " * 10, 12345):
        answer = httpx.Response(200, json={"id": told, "status": "processing"})
        with connected(kind, answering(answer), mock.clock) as client, pytest.raises(AmbiguousSubmitError) as caught:
            client.extensions.create(SOURCE, **CREATE)
        assert str(told) in str(caught.value)


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_what_comes_after_an_accepted_submit_never_says_that_nothing_was_sent(
    kind: Kind, mock: Mock, tmp_path: Any
) -> None:
    """A file that appears in the way, or a folder that goes, is an error of the download, with the task."""
    path = tmp_path / "v.mp4"
    with on_mock(kind, mock) as client, pytest.raises(DownloadError) as caught:
        client.videos.extend_and_download(SOURCE, path, **EXTEND, on_submit=lambda task: path.write_bytes(b"mine"))
    assert caught.value.task_id == mock.submissions[0].task
    assert path.read_bytes() == b"mine"


def test_a_submit_that_is_interrupted_says_that_it_may_be_billed(caplog: pytest.LogCaptureFixture) -> None:
    """A timeout around it, or Ctrl-C, leaves a note and a warning with the request's hash."""

    async def slow(request: httpx.Request) -> httpx.Response:
        await asyncio.sleep(30)
        return ACCEPTED

    async def main() -> None:
        async with AsyncOctopusX(KEY, base_url=BASE_URL, transport=httpx.MockTransport(slow)) as client:
            await asyncio.wait_for(client.extensions.create(SOURCE, **CREATE), 0.1)  # type: ignore[arg-type]

    with pytest.raises(TimeoutError):
        asyncio.run(main())
    assert any("may be billed" in record.getMessage() for record in caplog.records)
    transport = answering(KeyboardInterrupt())
    with connected("sync", transport) as client, pytest.raises(KeyboardInterrupt) as caught:
        client.extensions.create(SOURCE, **CREATE)
    assert "may be billed" in caught.value.__notes__[0]
