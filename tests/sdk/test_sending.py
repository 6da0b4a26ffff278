"""A submit says what it has come to however it ends: interrupted, slow, or begun where it can't work."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import multiprocessing
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import anyio
import httpx
import pytest
from octopusx_video import AmbiguousSubmitError, AsyncOctopusX, BrokenAnswerError, NotSentError, OctopusX
from octopusx_video._drivers import translation
from octopusx_video_mock import Mock

from tests.support.sdk.clients import BASE_URL, CLIENTS, CREATE, KEY, KINDS, SOURCE, Kind, answering, connected

NEW = "grok:b"
HEAD = b'{"id":"grok:b",'
TAIL = b'"status":"processing"}'


class Interrupting(httpx.SyncByteStream, httpx.AsyncByteStream):
    """A body that an interrupt cuts: before its end, or when it is closed."""

    def __init__(self, *pieces: bytes, when: str) -> None:
        self._pieces = pieces
        self._when = when

    def __iter__(self) -> Iterator[bytes]:
        """For the synchronous client."""
        yield from self._pieces
        if self._when == "reading":
            raise KeyboardInterrupt

    async def __aiter__(self) -> Any:
        """For the asynchronous one."""
        for piece in self:
            yield piece

    def close(self) -> None:
        """Interrupt the closing."""
        if self._when == "closing":
            self._when = ""
            raise KeyboardInterrupt

    async def aclose(self) -> None:
        """The same."""
        self.close()


@pytest.mark.parametrize("kind", CLIENTS)
@pytest.mark.parametrize(
    ("pieces", "when", "note"),
    [
        ((HEAD, TAIL), "closing", f"the submit was accepted and is billed: continue with task {NEW}"),
        ((HEAD,), "reading", f"what may be the id of the new task: {NEW}"),
        ((), "reading", "may be billed"),
    ],
)
def test_an_interrupt_tells_what_had_arrived(
    kind: Kind, pieces: tuple[bytes, ...], when: str, note: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The exception carries a note, and the log says the same, with the error for programs."""

    def respond(_: httpx.Request) -> httpx.Response:
        return httpx.Response(200, stream=Interrupting(*pieces, when=when))

    with connected(kind, answering(respond)) as client, pytest.raises(KeyboardInterrupt) as caught:
        client.extensions.create(SOURCE, **CREATE)
    assert note in caught.value.__notes__[0]
    logged = [record for record in caplog.records if hasattr(record, "ambiguous")]
    assert len(logged) == (when == "reading")
    if logged:
        assert logged[0].ambiguous.possible_task_ids == ((NEW,) if pieces else ())


def test_a_cancelled_submit_tells_the_id_that_had_arrived() -> None:
    """In asyncio, while the response is closed."""

    class Slow(httpx.AsyncByteStream):
        async def __aiter__(self) -> Any:
            yield HEAD + TAIL

        async def aclose(self) -> None:
            await asyncio.sleep(0.05)

    async def main() -> None:
        transport = httpx.MockTransport(lambda _: httpx.Response(200, stream=Slow()))
        async with AsyncOctopusX(KEY, base_url=BASE_URL, transport=transport) as client:
            job = asyncio.create_task(client.extensions.create(SOURCE, **CREATE))  # type: ignore[arg-type]
            await asyncio.sleep(0.02)
            job.cancel()
            await job

    with pytest.raises(asyncio.CancelledError) as caught:
        asyncio.run(main())
    assert f"continue with task {NEW}" in caught.value.__notes__[0]


def test_an_interrupt_before_the_submit_says_that_nothing_was_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever catches it need not look into the account."""

    def interrupt(*_: Any, **__: Any) -> Any:
        raise KeyboardInterrupt

    transport = answering(httpx.Response(200))
    with connected("sync", transport) as client:
        monkeypatch.setattr(translation, "prepared", interrupt)
        with pytest.raises(KeyboardInterrupt) as caught:
            client.extensions.create(SOURCE, **CREATE)
    assert caught.value.__notes__ == ["the submit was not sent"]
    assert transport.requests == []


@contextlib.contextmanager
def serving(answer: Callable[[socket.socket], None]) -> Iterator[str]:
    """A server that reads each request to its end, and then does as it is told."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                with connection, contextlib.suppress(OSError):
                    answer(connection)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        listener.shutdown(socket.SHUT_RDWR)
    thread.join(10)


def _request_read(connection: socket.socket) -> None:
    data = b""
    while b"\r\n\r\n" not in data:
        data += connection.recv(65536)
    head, _, body = data.partition(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
    while len(body) < length:
        body += connection.recv(65536)


def dribble(connection: socket.socket) -> None:
    """The beginning of a response, and then one byte now and then."""
    _request_read(connection)
    connection.sendall(b'HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{"id":"grok:b",')
    for _ in range(900):
        connection.sendall(b" ")
        time.sleep(0.02)


def dribble_head(connection: socket.socket) -> None:
    """One byte of a head now and then."""
    _request_read(connection)
    for _ in range(900):
        connection.sendall(b"H")
        time.sleep(0.02)


def flood(connection: socket.socket) -> None:
    """One interim response now and then."""
    _request_read(connection)
    while True:
        connection.sendall(b"HTTP/1.1 102 Processing\r\n\r\n")
        time.sleep(0.02)


@pytest.mark.slow
@pytest.mark.parametrize("kind", [*KINDS, "handed in"])
@pytest.mark.parametrize(("answer", "ids"), [(dribble, (NEW,)), (dribble_head, ()), (flood, ())])
def test_a_submit_ends_in_bounded_time(kind: Any, answer: Any, ids: tuple[str, ...]) -> None:
    """However much keeps arriving, and whoever made the client of httpx's; what had arrived is kept."""
    options: dict[str, Any] = {"timeout": 3}
    with serving(answer) as url, contextlib.ExitStack() as stack:
        if kind == "handed in":  # an event loop bounds the asynchronous ones whoever made them
            kind, options = "sync", {"http_client": stack.enter_context(httpx.Client(timeout=3))}
        began = time.monotonic()
        with connected(kind, None, base_url=url, submit_timeout=0.7, **options) as client:
            with pytest.raises(AmbiguousSubmitError) as caught:
                client.extensions.create(SOURCE, **CREATE)
        assert time.monotonic() - began < 8  # on a machine that is busy; without the bound it takes 18
    assert caught.value.possible_task_ids == ids


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_a_slow_upload_does_not_count(kind: Kind) -> None:
    """The time begins when the request has been written."""

    def slow(connection: socket.socket) -> None:
        size = 0
        while size < 20_000_000:
            size += len(connection.recv(400_000))
            if size < 10_000_000:  # what is left fits into the buffers, and is written as far as the client sees
                time.sleep(0.05)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 37\r\n\r\n" + HEAD + TAIL)

    with serving(slow) as url, connected(kind, None, base_url=url, submit_timeout=1) as client:
        began = time.monotonic()
        images = ["data:image/png;base64," + "A" * 20_000_000]
        assert client.videos.extend(SOURCE, model="grok-video-3", prompt="a cat", images=images).id == NEW
        assert time.monotonic() - began > 1


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_a_client_of_another_event_loop_is_refused_before_anything_is_sent(backend: str, mock: Mock) -> None:
    """Reads too, which would hide the mistake until a submit is lost to it."""
    client = AsyncOctopusX(KEY, base_url=BASE_URL, transport=mock.transport)

    async def read() -> None:
        for _ in range(2):  # in its own loop it works again and again
            await client.videos.retrieve(SOURCE)

    async def submit() -> None:
        await client.extensions.create(SOURCE, model="grok-video-3", prompt="a cat", start_time=4)

    anyio.run(read, backend=backend)
    for call in (read, submit):
        with pytest.raises(NotSentError, match=r"another event loop.*inside of the coroutine"):
            anyio.run(call, backend=backend)
    anyio.run(client.close, backend=backend)
    assert len(mock.calls) == 2


def test_a_client_is_refused_on_the_other_side_of_a_fork(mock: Mock) -> None:
    """One that was not used before the fork works there, as servers that fork their workers need it."""
    with mock.serve() as url, OctopusX(KEY, base_url=url) as used, OctopusX(KEY, base_url=url) as fresh:
        used.videos.retrieve(SOURCE)
        results = multiprocessing.get_context("fork").SimpleQueue()

        def child() -> None:
            for client in (used, fresh):
                try:
                    results.put(client.videos.retrieve(SOURCE).id)
                except NotSentError as error:
                    results.put(str(error))
            used.close()
            results.put("closed")
            os._exit(0)

        process = multiprocessing.get_context("fork").Process(target=child)
        process.start()
        said = [results.get() for _ in range(3)]
        process.join(10)
        assert "before the process was forked" in said[0]
        assert "make a client in each process" in said[0]
        assert said[1:] == [SOURCE, "closed"]
        assert used.videos.retrieve(SOURCE).id == SOURCE


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_a_connection_that_is_being_made_is_no_submit(kind: Kind) -> None:
    """A TLS handshake without a response has the connect timeout, and nothing was sent when it is over."""

    def silent(connection: socket.socket) -> None:
        connection.recv(1)
        time.sleep(1.5)

    with serving(silent) as url:
        timeout = httpx.Timeout(5, connect=0.8)
        options: dict[str, Any] = {"timeout": timeout, "submit_timeout": 0.3, "max_retries": 0}
        with connected(kind, None, base_url=url.replace("http:", "https:"), **options) as client:
            with pytest.raises(NotSentError, match="no connection was made"):
                client.extensions.create(SOURCE, **CREATE)


def test_a_transport_that_was_handed_in_is_bounded_between_its_pieces() -> None:
    """Whatever sockets it has."""

    class Slow(httpx.SyncByteStream):
        def __iter__(self) -> Iterator[bytes]:
            for piece in (HEAD, *[b" "] * 100):
                yield piece
                time.sleep(0.05)

    with connected("sync", answering(lambda _: httpx.Response(200, stream=Slow())), submit_timeout=0.3) as client:
        with pytest.raises(AmbiguousSubmitError) as caught:
            client.extensions.create(SOURCE, **CREATE)
    assert caught.value.possible_task_ids == (NEW,)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["async", "trio"])
def test_over_sockets_nothing_is_left_half_read(kind: Kind, tmp_path: Any) -> None:
    """A job, a download that a listener breaks off, and a response that is too large; trio warns of what is left."""
    mock = Mock(token=KEY, start=None, speed=1000)

    def stop(*_: Any) -> None:
        raise LookupError

    with mock.serve() as url, connected(kind, None, base_url=url, max_retries=0) as client:
        task = client.extensions.create_and_download(SOURCE, tmp_path / "v.mp4", poll_interval=0.05, **CREATE)
        with pytest.raises(LookupError):
            client.videos.download(task, tmp_path / "w.mp4", on_progress=stop)
        with mock.fault("too_large"), pytest.raises(BrokenAnswerError):
            client.videos.retrieve(task)
        client.videos.retrieve(task)
        gc.collect()
