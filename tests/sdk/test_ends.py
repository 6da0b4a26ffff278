"""A wait ends when it should, and not before; what a failed task says is found."""

from __future__ import annotations

import json
import ssl
import threading
import time
from typing import Any

import anyio
import httpx
import pytest
from octopusx_video import (
    AsyncOctopusX,
    BrokenAnswerError,
    NotSentError,
    OctopusX,
    OctopusXError,
    RefusedError,
    TaskBlockedError,
    TaskFailedError,
    WaitTimeoutError,
)
from octopusx_video_mock import Mock

from tests.sdk.test_downloads import ADDRESS, Storage, api, saved
from tests.support.sdk.clients import BASE_URL, CREATE, KEY, KINDS, SOURCE, Kind, answering, connected, on_mock

ID = "grok:b"
DONE = httpx.Response(200, json={"id": ID, "status": "completed", "video_url": "https://cdn.example/v.mp4"})
RUNNING = httpx.Response(200, json={"id": ID, "status": "processing"})
REFUSED = {"error": {"message": "no", "type": "new_api_error", "code": ""}}


def untrusted(request: httpx.Request) -> httpx.Response:
    """Fail as httpx does of a certificate that is not trusted."""
    try:
        raise ssl.SSLCertVerificationError(1, "certificate verify failed: self-signed certificate")
    except ssl.SSLError as error:
        raise httpx.ConnectError(str(error), request=request) from error


PERMANENT: dict[str, tuple[Any, type[OctopusXError], int]] = {
    "too large": (httpx.Response(200, content=b" " * 4_000_001), BrokenAnswerError, 3),
    "not unpackable": (
        lambda _: httpx.Response(200, headers={"content-encoding": "br"}, stream=httpx.ByteStream(b"{}")),
        BrokenAnswerError,
        3,
    ),
    "a certificate": (untrusted, NotSentError, 3),
    "a refused key": (httpx.Response(401, json=REFUSED), RefusedError, 1),
    "a refused key, in a page": (httpx.Response(401, text="<html>401</html>"), RefusedError, 1),
    "a refused key, without a body": (httpx.Response(401), RefusedError, 1),
    "a forbidden key": (httpx.Response(403, json={"success": False, "message": "Invalid token"}), RefusedError, 1),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("case", PERMANENT)
def test_what_can_not_succeed_ends_the_wait(kind: Kind, case: str, mock: Mock) -> None:
    """After a few reads in a row, with an error that keeps the id; a retrieve reads once."""
    response, error, reads = PERMANENT[case]
    for call, most in (("wait", reads), ("retrieve", 1)):
        transport = answering(response)
        began = mock.clock.now()
        with connected(kind, transport, mock.clock) as client, pytest.raises(error) as caught:
            getattr(client.videos, call)(ID)
        assert caught.value.task_id == ID
        assert len(transport.requests) == most
        assert mock.clock.now() - began < 10
        if reads > 1:
            assert "will fail again; the task is not affected" in str(caught.value)


@pytest.mark.parametrize("kind", KINDS)
def test_such_reads_have_to_come_in_a_row(kind: Kind, mock: Mock) -> None:
    """One that succeeds in between, or that fails for a while, shows that they can succeed."""
    large = httpx.Response(200, content=b" " * 4_000_001)
    turns = [large, large, RUNNING, large, large, httpx.Response(502), large, large, DONE]
    with connected(kind, answering(*turns), mock.clock) as client:
        assert client.videos.wait(ID).status == "completed"


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "failure",
    [
        httpx.Response(429),
        httpx.Response(500),
        httpx.Response(503, text="<html>"),
        httpx.ReadTimeout("silence"),
        httpx.ConnectError("no route to host"),
        httpx.ConnectError("name or service not known"),
        httpx.ReadError("reset"),
        httpx.Response(200, text="<html>maintenance</html>"),
    ],
    ids=str,
)
def test_what_may_pass_never_ends_the_wait(kind: Kind, failure: Any, mock: Mock) -> None:
    """However often it happens: 429, 5xx, silence, no route, no name, a page of a proxy."""
    with connected(kind, answering(*[failure] * 30, DONE), mock.clock) as client:
        assert client.videos.wait(ID).status == "completed"


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("asked", ["3600", "60000", "1795405524", "1795405524000", "Fri, 01 Jan 2100 00:00:00 GMT"])
def test_one_retry_after_does_not_stop_a_wait(
    kind: Kind, asked: str, mock: Mock, caplog: pytest.LogCaptureFixture
) -> None:
    """A read waits for a minute at most, and the log says so; a submit raises at once with the number."""
    limited = httpx.Response(429, headers={"Retry-After": asked}, json=REFUSED)
    with on_mock(kind, mock) as client:
        task = client.extensions.create(SOURCE, **CREATE)
    began = mock.clock.now()
    reads = [0]

    def once(request: httpx.Request) -> httpx.Response:
        reads[0] += 1
        return limited if reads[0] == 1 else mock.transport.handle_request(request)

    caplog.set_level("INFO", "octopusx_video")
    with connected(kind, answering(once), mock.clock) as client:
        client.videos.wait(task.id)
    assert mock.clock.now() - began < 180 + 60
    assert "the next read is in 60 s" in caplog.text
    transport = answering(limited)
    with connected(kind, transport, mock.clock) as client, pytest.raises(RefusedError) as caught:
        client.extensions.create(SOURCE, **CREATE)
    assert caught.value.retry_after
    assert caught.value.retry_after >= 3600
    assert len(transport.requests) == 1


@pytest.mark.parametrize("kind", KINDS)
def test_one_retry_after_does_not_stop_a_download(kind: Kind, mock: Mock, tmp_path: Any) -> None:
    """The same bound."""
    turns: list[Any] = [lambda _: httpx.Response(429, headers={"Retry-After": "86400"}), Storage()]
    began = mock.clock.now()

    def serve(request: httpx.Request) -> httpx.Response:
        return turns.pop(0)(request)  # type: ignore[no-any-return]

    saved(kind, api({ADDRESS: serve}), tmp_path / "v.mp4", mock.clock)
    assert mock.clock.now() - began <= 60


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("family", ["videos", "unified"])
def test_an_id_that_was_never_known_is_called_unknown(kind: Kind, family: str, mock: Mock) -> None:
    """Where the wait is shorter than the contract's tolerance of 30 seconds (R04), and where it is longer."""
    with on_mock(kind, mock) as client:
        with pytest.raises(WaitTimeoutError, match="task grok:typo is unknown") as caught:
            getattr(client, family).wait("grok:typo", timeout=10)
        assert "continues" not in str(caught.value)
        assert "check the id" in str(caught.value)
        with pytest.raises(RefusedError, match="has no task grok:typo"):
            getattr(client, family).wait("grok:typo", timeout=100)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("family", ["videos", "unified"])
@pytest.mark.parametrize(
    ("fields", "code", "reason"),
    [
        ({"fail_reason": "no such style"}, "", "no such style"),
        ({"error": [{"message": "no such style"}]}, "", "no such style"),
        ({"error": [{"code": 7, "message": "no"}, {"message": "such style"}]}, "7", "no; such style"),
        ({"error": ["no such style"]}, "", "no such style"),
        ({"error": {"message": "no such style", "code": 5}}, "5", "no such style"),
        ({"error": "no such style"}, "", "no such style"),
        ({"error": {"message": "", "code": ""}, "fail_reason": "no such style"}, "", "no such style"),
        ({"error": {"detail": {"msg": "no such style"}}}, "", "no such style"),
        ({"message": "no such style", "code": "style"}, "style", "no such style"),
    ],
    ids=str,
)
def test_the_reason_of_a_failed_task_is_found(
    kind: Kind, family: str, fields: dict[str, Any], code: str, reason: str, mock: Mock
) -> None:
    """Wherever the response gives it, in both families of reads."""
    response = httpx.Response(200, json={"id": ID, "status": "failed", **fields})
    with connected(kind, answering(response), mock.clock) as client, pytest.raises(TaskFailedError) as caught:
        getattr(client, family).wait(ID)
    assert (caught.value.code, caught.value.reason) == (code, reason)
    assert reason in str(caught.value)
    json.dumps(caught.value.task.to_dict())


@pytest.mark.parametrize("kind", KINDS)
def test_a_reason_that_is_none_is_not_taken_for_one(kind: Kind, mock: Mock) -> None:
    """The gateway keeps the video's address in fail_reason of a task that has succeeded; an empty list is none."""
    told = {"id": ID, "status": "completed", "video_url": "https://cdn.example/v.mp4", "fail_reason": "https://a/v.mp4"}
    nothing: tuple[Any, ...] = ([], {}, {"message": "", "code": ""}, None, "", [{}], {"code": None})
    for error in nothing:
        with connected(kind, answering(httpx.Response(200, json={**told, "error": error})), mock.clock) as client:
            assert client.videos.wait(ID).status == "completed"
    blocked = httpx.Response(200, json={**told, "error": {"code": 451, "message": "held back"}})
    with connected(kind, answering(blocked), mock.clock) as client, pytest.raises(TaskBlockedError, match="451: held"):
        client.videos.wait(ID)


def test_many_waits_at_once_share_the_connections() -> None:
    """No more requests than a few are in httpx's pool at once, where each would cost the others time."""
    under_way = most = 0

    async def slow(_: httpx.Request) -> httpx.Response:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        await anyio.sleep(0.001)
        under_way -= 1
        return httpx.Response(200, json={"id": ID, "status": "completed", "video_url": "https://cdn.example/v.mp4"})

    async def main() -> None:
        async with AsyncOctopusX(KEY, base_url=BASE_URL, transport=httpx.MockTransport(slow)) as client:
            async with anyio.create_task_group() as group:
                for _ in range(200):
                    group.start_soon(client.videos.wait, ID)

    anyio.run(main)
    assert 1 < most <= 20


def test_downloads_do_not_keep_the_reads_from_their_connections(mock: Mock, tmp_path: Any) -> None:
    """A listener of a download may read tasks with the same client, however many downloads there are."""
    transport = api({ADDRESS: Storage()})

    async def main() -> None:
        async with AsyncOctopusX(KEY, base_url=BASE_URL, transport=transport) as client:

            async def look(*_: Any) -> None:
                await client.videos.retrieve("grok:new")

            async def fetch(number: int) -> None:
                await client.videos.download("grok:new", tmp_path / f"{number}.mp4", on_progress=look)

            async with anyio.create_task_group() as group:
                for number in range(60):
                    group.start_soon(fetch, number)

    with anyio.from_thread.start_blocking_portal() as portal:
        portal.call(main)
    assert len(list(tmp_path.iterdir())) == 60


@pytest.mark.slow
def test_a_wait_ends_in_time_where_all_places_are_taken() -> None:
    """The deadline holds while a read waits for its turn."""

    class Slow(httpx.BaseTransport):
        def handle_request(self, request: httpx.Request) -> httpx.Response:
            time.sleep(0.4)
            return httpx.Response(200, json={"id": ID, "status": "processing"})

    def wait(client: OctopusX) -> None:
        with pytest.raises(WaitTimeoutError):
            client.videos.wait(ID, timeout=0.1)

    with OctopusX(KEY, base_url=BASE_URL, transport=Slow()) as client:
        threads = [threading.Thread(target=wait, args=(client,)) for _ in range(60)]
        began = time.monotonic()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert time.monotonic() - began < 4
