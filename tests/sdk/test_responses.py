"""A response that has arrived is never dropped: what it holds is in the result or in the error."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from octopusx_video import (
    AmbiguousSubmitError,
    BrokenAnswerError,
    DownloadError,
    NotSentError,
    OctopusX,
    OctopusXError,
    RefusedError,
    WaitTimeoutError,
)
from octopusx_video._messages import contract
from octopusx_video_mock import Mock

from tests.sdk.test_downloads import ADDRESS, CONTENT, Bytes, api, saved
from tests.support.sdk.clients import (
    BASE_URL,
    CLIENTS,
    CREATE,
    EXTEND,
    KEY,
    KINDS,
    SOURCE,
    Between,
    Kind,
    answering,
    connected,
)

NEW = "grok:b"
TASK = {"id": NEW, "status": "processing"}


def ambiguous(kind: Kind, response: Any, mock: Mock) -> AmbiguousSubmitError:
    """The error of a submit that gets this response, and is sent once."""
    transport = answering(response)
    with connected(kind, transport, mock.clock) as client, pytest.raises(AmbiguousSubmitError) as caught:
        client.extensions.create(SOURCE, **CREATE)
    assert len(transport.requests) == 1
    return caught.value


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("status", [200, 201, 202, 206])
def test_the_documented_body_is_a_task_under_any_success(
    kind: Kind, status: int, mock: Mock, caplog: pytest.LogCaptureFixture
) -> None:
    """With a warning where the contract does not list the status."""
    with connected(kind, answering(httpx.Response(status, json=TASK)), mock.clock) as client:
        assert client.extensions.create(SOURCE, **CREATE).id == NEW
    warned = [one.getMessage() for one in caplog.records if one.levelname == "WARNING"]
    assert warned == (
        []
        if status == 200
        else [f"createVideoExtension accepted with status {status}, which is not documented: task {NEW}"]
    )


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("status", [200, 201])
def test_a_read_is_understood_under_any_success(kind: Kind, status: int, mock: Mock) -> None:
    """A read is the same kind of response."""
    with connected(kind, answering(httpx.Response(status, json=TASK)), mock.clock) as client:
        assert client.videos.retrieve(NEW).status == "processing"


WITH_AN_ID: dict[str, tuple[httpx.Response, tuple[str, ...]]] = {
    "a wrapper": (httpx.Response(200, json={"code": "success", "message": "", "data": "task_x"}), ("task_x",)),
    "a wrapped object": (httpx.Response(200, json={"code": "success", "data": {"task_id": "task_x"}}), ("task_x",)),
    "a request id": (httpx.Response(200, json={"request_id": "b53c"}), ("b53c",)),
    "an id beside a request id": (
        httpx.Response(200, json={"request_id": "b53c", "data": {"videoId": "v_1"}}),
        ("v_1",),
    ),
    "a bare text": (httpx.Response(200, json="task_x"), ("task_x",)),
    "a byte too many": (httpx.Response(200, content=json.dumps(TASK).encode() + b"x"), (NEW,)),
    "a byte too many before": (httpx.Response(200, content=b"x" + json.dumps(TASK).encode()), (NEW,)),
    "cut after the id": (httpx.Response(200, content=b'{"id": "grok:b", "status": "proc'), (NEW,)),
    "500": (httpx.Response(500, json=TASK), (NEW,)),
    "504, in an error": (httpx.Response(504, json={"error": {"message": "late", "task_id": NEW}}), (NEW,)),
    "302": (httpx.Response(302, json=TASK, headers={"location": "/elsewhere"}), (NEW,)),
    "the source's": (httpx.Response(200, json={"id": SOURCE, "data": {"id": NEW}}), (NEW,)),
    "the source's alone": (httpx.Response(200, json={"id": SOURCE, "video_id": SOURCE}), ()),
    "what the request held": (httpx.Response(200, json={"model_id": CREATE["model"], "source_id": SOURCE}), ()),
    "seven": (httpx.Response(200, json=[{"id": f"v_{n}"} for n in range(7)]), ("v_0", "v_1", "v_2", "v_3", "v_4")),
    "none that fits": (httpx.Response(500, json={"id": "no id", "uuid": 7, "grid": None, "data": ["a b"]}), ()),
    "in a list": (httpx.Response(200, json={"output": [{"generation_id": "g1"}], "id": ""}), ("g1",)),
    "with a mark": (httpx.Response(200, content=b"\xef\xbb\xbf" + json.dumps("task_x").encode()), ("task_x",)),
    "no JSON": (httpx.Response(502, text="<html>Bad Gateway</html>"), ()),
    "nothing": (httpx.Response(204), ()),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("case", WITH_AN_ID)
def test_an_error_carries_what_may_be_the_id_of_the_new_task(kind: Kind, case: str, mock: Mock) -> None:
    """As an attribute, in the message with the free call that looks at it, and in the log."""
    response, ids = WITH_AN_ID[case]
    error = ambiguous(kind, response, mock)
    assert error.possible_task_ids == ids
    assert error.response == response.text.replace("\ufeff", r"\ufeff")
    assert error.status == response.status_code
    for one in ids:
        assert one in str(error)
    assert (f"client.videos.retrieve({ids[0]!r})" if ids else "look for it in your account") in str(error)
    assert '"success' not in error.reason


def test_the_free_call_is_the_one_that_reads_such_tasks(mock: Mock) -> None:
    """A task of the unified submit is read by the unified route (R04)."""
    response = httpx.Response(500, json=TASK)
    with connected("sync", answering(response), mock.clock) as client, pytest.raises(AmbiguousSubmitError) as caught:
        client.unified.extend(SOURCE, **EXTEND)
    assert f"client.unified.retrieve({NEW!r})" in str(caught.value)


@pytest.mark.parametrize(
    ("response", "reason"),
    [
        (
            httpx.Response(200, json={"id": "", "status": "failed", "error": {"message": "balance too low"}}),
            "balance too low",
        ),
        (httpx.Response(200, json={"id": "", "status": "failed", "fail_reason": "no channel"}), "no channel"),
        (httpx.Response(422, json={"detail": [{"loc": ["body", "size"], "msg": "wrong"}]}), "body.size: wrong"),
        (httpx.Response(200, json={"error": ["first", {"message": "second"}]}), "first; second"),
        (httpx.Response(500, json={"errors": {"detail": "broken"}}), "broken"),
        (httpx.Response(502, text="<html><b>Bad</b> Gateway</html>"), "Bad Gateway"),
        (httpx.Response(200, json={"success": False, "message": "closed"}), "closed"),
        (httpx.Response(409, json={"code": 5, "message": "twice"}), "5: twice"),
    ],
)
@pytest.mark.parametrize("kind", KINDS)
def test_the_reason_is_found_wherever_it_stands(kind: Kind, response: httpx.Response, reason: str, mock: Mock) -> None:
    """In the attribute and in the message."""
    error = ambiguous(kind, response, mock)
    assert reason in error.reason
    assert reason in str(error)


@pytest.mark.parametrize("kind", KINDS)
def test_a_response_that_breaks_off_is_kept_as_far_as_it_came(kind: Kind, mock: Mock) -> None:
    """The id had arrived, and the rest did not: cut, too large, too slow, or packed and cut."""
    head = b'{"id": "grok:b", "status": '

    class Broken(httpx.SyncByteStream, httpx.AsyncByteStream):
        def __init__(self, pieces: list[bytes], error: Exception | None) -> None:
            self.pieces, self.error = pieces, error

        def __iter__(self) -> Iterator[bytes]:
            yield from self.pieces
            if self.error:
                raise self.error

        async def __aiter__(self) -> Any:
            for piece in self:
                yield piece

    packed = gzip.compress(head)[:-6]
    for stream, headers in (
        (Broken([head[:9], head[9:]], httpx.ReadError("reset")), {}),
        (Broken([head], httpx.ReadTimeout("slow")), {}),
        (Broken([head, *[b" " * 1_000_000] * 5], None), {}),
        (Broken([packed], httpx.RemoteProtocolError("cut")), {"content-encoding": "gzip"}),
    ):
        error = ambiguous(kind, lambda _, s=stream, h=headers: httpx.Response(200, headers=h, stream=s), mock)
        assert error.possible_task_ids == (NEW,)
        assert error.response is not None
        assert error.response.startswith(head.decode())
        assert len(error.response) <= 2000
        assert error.status == 200


@pytest.mark.parametrize("kind", KINDS)
def test_what_an_error_carries_holds_no_key(kind: Kind, mock: Mock) -> None:
    """Neither whole, nor the piece of it that a cut left at the end; control characters are written as escapes."""
    key = "sk-0123456789abcdef"
    body = json.dumps({"id": NEW, "echo": f"Bearer {key}", "odd": "\x9b"}, ensure_ascii=False) + f' "{key[:-1]}'
    with connected(kind, answering(httpx.Response(500, content=body.encode())), mock.clock, api_key=key) as client:
        with pytest.raises(AmbiguousSubmitError) as caught:
            client.extensions.create(SOURCE, **CREATE)
    assert caught.value.possible_task_ids == (NEW,)
    for text in (str(caught.value), repr(vars(caught.value))):
        assert "sk-0123" not in text
        assert "\x9b" not in text
    error = ambiguous(kind, httpx.Response(500, json={"id": "", "task_id": KEY}), mock)
    assert error.possible_task_ids == ()


@pytest.mark.parametrize("kind", KINDS)
def test_a_read_that_is_not_understood_carries_its_response(kind: Kind, mock: Mock) -> None:
    """With its reason: an error under 200, a page, an undocumented status, half of a body."""
    for response, reason in (
        (httpx.Response(200, json={"error": {"message": "balance too low"}}), "balance too low"),
        (httpx.Response(200, text="<html>Maintenance</html>"), "Maintenance"),
        (httpx.Response(307, headers={"location": "/"}, text="moved"), "307"),
    ):
        with connected(kind, answering(response), mock.clock) as client, pytest.raises(BrokenAnswerError) as caught:
            client.videos.retrieve(NEW)
        assert (caught.value.response, caught.value.status) == (response.text, response.status_code)
        assert reason in str(caught.value)
    with connected(kind, answering(httpx.Response(403, json={"message": "no"})), mock.clock) as client:
        with pytest.raises(RefusedError) as refused:
            client.videos.retrieve(NEW)
    assert refused.value.response == '{"message":"no"}'
    with connected(kind, answering(httpx.Response(200, text="<html>Maintenance</html>")), mock.clock) as client:
        with pytest.raises(WaitTimeoutError, match="Maintenance"):
            client.videos.wait(NEW, timeout=5)


@pytest.mark.parametrize("kind", KINDS)
def test_a_download_says_why_a_source_refused_it(kind: Kind, mock: Mock, tmp_path: Any) -> None:
    """The reason in a body of another status is part of the error."""
    refused = httpx.Response(403, json={"error": {"message": "the address has expired", "code": "expired"}})
    gone = httpx.Response(410, text="<html>gone for good</html>")
    with pytest.raises(DownloadError) as caught:
        saved(kind, api({ADDRESS: refused, CONTENT: gone}), tmp_path / "v.mp4", mock.clock)
    assert "status 403 (expired: the address has expired)" in str(caught.value)
    assert "status 410 (gone for good)" in str(caught.value)


def raising(response: httpx.Response) -> None:
    """The hook of common advice."""
    response.raise_for_status()


async def raising_in_async(response: httpx.Response) -> None:
    """The same for the asynchronous client."""
    raising(response)


def hooked(kind: Kind, transport: Any, sync: Any, asynchronous: Any) -> Any:
    """A client of httpx's with a response hook."""
    if kind == "sync":
        return httpx.Client(transport=transport, event_hooks={"response": [sync]})
    return httpx.AsyncClient(transport=transport, event_hooks={"response": [asynchronous]})


@pytest.mark.parametrize("kind", KINDS)
def test_a_hook_that_raises_for_status_changes_nothing(kind: Kind, mock: Mock) -> None:
    """Where httpx closes the response unread, as it does over sockets: a wrong key is refused, also in a wait."""

    def unread(request: httpx.Request, pass_on: Any) -> httpx.Response:
        response = pass_on(request)
        return httpx.Response(response.status_code, headers=response.headers, stream=Bytes(response.read()))

    own = hooked(kind, Between(mock.transport, unread), raising, raising_in_async)
    with connected(kind, None, mock.clock, api_key="sk-wrong", http_client=own) as client:
        calls: list[Callable[[], Any]] = [
            lambda: client.extensions.create(SOURCE, **CREATE),
            lambda: client.videos.retrieve(SOURCE),
            lambda: client.videos.wait(SOURCE, timeout=60),
            lambda: client.videos.download(SOURCE, "never.mp4"),
        ]
        for call in calls:
            with pytest.raises(RefusedError) as caught:
                call()
            assert (caught.value.status, caught.value.request_id is not None) == (401, True)
            assert "Invalid token" in caught.value.reason


@pytest.mark.parametrize("kind", KINDS)
def test_a_transport_that_raises_with_the_response_changes_nothing(kind: Kind, mock: Mock) -> None:
    """The exception carries the response to this very request; one to another request counts for nothing."""
    refused = {"error": {"message": "no", "type": "new_api_error", "code": ""}}

    def own(request: httpx.Request) -> httpx.Response:
        response = httpx.Response(401, json=refused, request=request)
        raise RuntimeError from httpx.HTTPStatusError("401", request=request, response=response)

    def foreign(request: httpx.Request) -> httpx.Response:
        other = httpx.Request("GET", request.url)
        raise httpx.HTTPStatusError("401", request=other, response=httpx.Response(401, json=refused, request=other))

    with connected(kind, answering(own), mock.clock) as client, pytest.raises(RefusedError):
        client.extensions.create(SOURCE, **CREATE)
    assert ambiguous(kind, foreign, mock).status is None


@pytest.mark.parametrize("kind", KINDS)
def test_a_response_that_a_hook_has_read_is_used(kind: Kind, mock: Mock, tmp_path: Any) -> None:
    """A submit, the reads and the download, with a hook that reads each response whole."""

    def read(response: httpx.Response) -> None:
        response.read()

    async def read_in_async(response: httpx.Response) -> None:
        await response.aread()

    own = hooked(kind, mock.transport, read, read_in_async)
    with connected(kind, None, mock.clock, http_client=own) as client:
        client.extensions.create_and_download(SOURCE, tmp_path / "v.mp4", **CREATE)
    assert (tmp_path / "v.mp4").stat().st_size > 10_000


def test_hooks_get_the_response_with_its_body() -> None:
    """Each response hook is called once for each response, in both clients, and what it raises is logged."""
    seen: list[tuple[int, str]] = []

    def hook(response: httpx.Response) -> None:
        seen.append((response.status_code, response.json()["id"]))
        raise ValueError

    transport = answering(httpx.Response(200, json=TASK))
    with httpx.Client(transport=transport, event_hooks={"response": [hook]}) as own:
        with OctopusX(KEY, base_url=BASE_URL, http_client=own) as client:
            assert client.videos.extend(SOURCE, model="grok-video-3", prompt="a cat").id == NEW
    assert seen == [(200, NEW)]


DEEP = b'{"id":"grok:b","error":' + b"[" * 700 + b"]" * 700 + b"}"

HIDDEN: dict[str, tuple[httpx.Response, tuple[str, ...]]] = {
    "after a chunk's length": (httpx.Response(200, content=b'2c\r\n{"id":"grok:b"}\r\n0\r\n\r\n'), (NEW,)),
    "in the second of two lines": (httpx.Response(200, content=b'{"ping":1}\n{"id":"grok:b"}'), (NEW,)),
    "after null": (httpx.Response(200, content=b'null{"id":"grok:b"}'), (NEW,)),
    "beside many others": (
        httpx.Response(
            200,
            json={
                "code": "success",
                "message": "",
                "data": "task_x",
                "user_id": "1",
                "token_id": "2",
                "channel_id": "3",
                "group_id": "4",
                "org_id": "5",
            },
        ),
        ("task_x", "1", "2", "3", "4"),
    ),
    "beside other words": (
        httpx.Response(200, json={"paid": "yes", "valid": "no", "data": "task_x"}),
        ("task_x", "yes", "no"),
    ),
    "behind the images": (httpx.Response(200, json={"images": ["x" * 120_000], "data": "task_x"}), ("task_x",)),
    "beside the request's in a header": (
        httpx.Response(
            200, headers={"x-oneapi-request-id": "R1"}, json={"reqId": "R1", "theId": "R1", "data": "task_x"}
        ),
        ("task_x",),
    ),
    "in UTF-16": (httpx.Response(500, content='{"id":"grok:b"}'.encode("utf-16")), (NEW,)),
    "in JSON in JSON": (httpx.Response(200, json={"data": '{"id":"grok:b"}'}), (NEW,)),
    "in a wrapped list": (httpx.Response(200, json={"data": ["task_x"]}), ("task_x",)),
    "in an address": (httpx.Response(202, headers={"location": "/v1/videos/grok%3Ab"}), (NEW,)),
    "in a full address": (httpx.Response(303, headers={"location": "https://a.example/v1/videos/grok:b"}), (NEW,)),
    "in escapes": (httpx.Response(200, content=rb'{"id":"grok\u003ab","status":'), (NEW,)),
    "in something deep": (httpx.Response(500, content=DEEP), (NEW,)),
    "the source without its beginning": (httpx.Response(500, json={"id": SOURCE.partition(":")[2]}), ()),
}


@pytest.mark.parametrize("kind", CLIENTS)
@pytest.mark.parametrize("case", HIDDEN)
def test_an_id_is_found_wherever_it_hides(kind: Kind, case: str, mock: Mock) -> None:
    """The likeliest first."""
    response, ids = HIDDEN[case]
    assert ambiguous(kind, response, mock).possible_task_ids == ids


@pytest.mark.parametrize("kind", CLIENTS)
@pytest.mark.parametrize(
    "response",
    [
        httpx.Response(429, json={"error": {"message": "m", "type": "new_api_error", "code": ""}, "id": "grok:first"}),
        httpx.Response(
            503, json={"error": {"message": "m", "type": "new_api_error", "code": "", "task_id": "grok:first"}}
        ),
        httpx.Response(400, json={"code": "invalid_request", "message": "m", "data": {"task_id": "grok:first"}}),
    ],
    ids=lambda response: str(response.status_code),
)
def test_a_rejection_that_names_a_task_is_ambiguous(kind: Kind, response: httpx.Response, mock: Mock) -> None:
    """Nobody can tell whether it was accepted; it is not sent again."""
    assert ambiguous(kind, response, mock).possible_task_ids == ("grok:first",)


@pytest.mark.parametrize("kind", CLIENTS)
def test_what_is_nested_deeply_is_no_other_error(kind: Kind, mock: Mock) -> None:
    """A read of it fails for a while, as any 500 does."""
    done = httpx.Response(200, json={"id": NEW, "status": "completed", "video_url": "https://a.example/v.mp4"})
    with connected(kind, answering(httpx.Response(500, content=DEEP), done), mock.clock) as client:
        assert client.videos.wait(NEW).status == "completed"


@pytest.mark.parametrize("kind", CLIENTS)
def test_a_short_key_does_not_damage_other_words(kind: Kind, mock: Mock) -> None:
    """As the one that the README gives for a mock: it is hidden where it stands by itself."""
    unknown = httpx.Response(404, json={"code": "task_not_exist", "message": "no grok:many for key any, or many"})
    with connected(kind, answering(unknown), mock.clock, api_key="any") as client:
        with pytest.raises(RefusedError) as caught:
            client.videos.retrieve("grok:many")
    assert caught.value.task_id == "grok:many"
    assert caught.value.reason == "no grok:many for key [key], or many"


def test_the_key_is_hidden_in_every_spelling(mock: Mock) -> None:
    """Of JSON, of URLs and of HTML, in each text of the error, in the log's error, and in a task's repr."""
    key = "sk-ab/cd+ef&123456=="
    spelled = (
        key,
        r"sk-ab\/cd+ef&123456==",
        r"sk-ab/cd+ef\u0026123456==",
        "sk-ab/cd+ef&amp;123456==",
        "sk-ab%2fcd%2Bef%26123456%3D%3D",
    )
    for one in spelled:
        response = httpx.Response(
            500, headers={"x-oneapi-request-id": key}, content=f'{{"message":"no {one}"}}'.encode()
        )
        with connected("sync", answering(response), mock.clock, api_key=key) as client:
            with pytest.raises(AmbiguousSubmitError) as caught:
                client.extensions.create(SOURCE, **CREATE)
        for text in (caught.value.response, caught.value.reason, str(caught.value), caught.value.request_id):
            assert "[key]" in str(text)
            assert "123456" not in str(text)
    task = {"id": NEW, "status": f"{key}\x1b[2J", "error": {"message": key}, "video_url": f"https://a.example/{key}"}
    with connected("sync", answering(httpx.Response(200, json=task)), mock.clock, api_key=key) as client:
        read = client.videos.retrieve(NEW)
    assert "123456" not in repr(read) + repr(read.error)
    assert "\x1b" not in repr(read)


def test_hooks_run_as_httpx_runs_them(mock: Mock) -> None:
    """Once for each request and response, also of one that breaks off, with what httpx gives them; they may send."""
    seen: list[str] = []

    def on_request(request: httpx.Request) -> None:
        seen.append(request.method)

    def on_response(response: httpx.Response) -> None:
        response.read()
        seen.append(f"{response.status_code} {response.elapsed >= response.elapsed}")
        if len(seen) < 40:
            client.videos.retrieve(SOURCE)

    with httpx.Client(
        transport=mock.transport, event_hooks={"request": [on_request], "response": [on_response]}
    ) as own:
        with OctopusX(KEY, base_url=BASE_URL, http_client=own) as client:
            client.videos.retrieve(SOURCE)
    assert len(seen) == 40
    assert seen[:2] == ["GET", "200 True"]


@pytest.mark.parametrize("kind", CLIENTS)
def test_a_request_hook_that_raises_has_sent_nothing(kind: Kind, mock: Mock) -> None:
    """It runs before the request leaves."""

    def broken(_: httpx.Request) -> None:
        raise ValueError("no")

    async def broken_in_async(request: httpx.Request) -> None:
        broken(request)

    hooks = {"request": [broken if kind == "sync" else broken_in_async]}
    own: Any = (httpx.Client if kind == "sync" else httpx.AsyncClient)(transport=mock.transport, event_hooks=hooks)
    with (
        connected(kind, None, mock.clock, http_client=own) as client,
        pytest.raises(NotSentError, match="ValueError: no"),
    ):
        client.extensions.create(SOURCE, **CREATE)
    assert mock.calls == []


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "address", ["http://[::1/x", "//[", "http://xn--/\xff", "https://h:99999/x", "/" + '"' * 22_000]
)
@pytest.mark.parametrize("status", [201, 302, 307, 500])
def test_an_unreadable_location_hides_nothing(kind: Kind, address: str, status: int, mock: Mock) -> None:
    """Httpx looks at the address of a redirect though it follows none, and fails of such; the response is kept."""
    headers = [(b"Location", address.encode("latin-1"))]
    body = TASK if status == 201 else {"code": "x", "task_id": NEW}
    response = lambda _: httpx.Response(status, headers=headers, json=body)  # noqa: E731
    if status == 201:
        with connected(kind, answering(response), mock.clock) as client:
            assert client.extensions.create(SOURCE, **CREATE).id == NEW
        return
    error = ambiguous(kind, response, mock)
    assert (error.possible_task_ids, error.status) == ((NEW,), status)
    with connected(kind, answering(response), mock.clock) as client, pytest.raises(OctopusXError) as caught:
        client.videos.wait(NEW, timeout=5)
    assert str(status) in str(caught.value)


def test_a_fault_of_ours_loses_no_submit(mock: Mock, monkeypatch: pytest.MonkeyPatch) -> None:
    """What nobody foresaw, after the request was sent, is ambiguous and carries the response."""

    def broken(*_: Any, **__: Any) -> Any:
        raise ZeroDivisionError

    monkeypatch.setattr(contract, "is_documented", broken)
    with connected("sync", answering(httpx.Response(200, json=TASK)), mock.clock) as client:
        with pytest.raises(AmbiguousSubmitError, match="ZeroDivisionError") as caught:
            client.extensions.create(SOURCE, **CREATE)
    assert caught.value.possible_task_ids == (NEW,)
