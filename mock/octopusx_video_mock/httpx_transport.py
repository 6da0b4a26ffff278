"""The mock behind httpx, without a socket: a transport for its synchronous and its asynchronous client."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import anyio
import httpx

from octopusx_video_mock.engine.clock import Clock
from octopusx_video_mock.faults.table import CHUNKED, CRAWL_PIECES, CRAWL_SECONDS, pieces
from octopusx_video_mock.messages import MAX_BODY, Answer, Request


class MockTransport(httpx.BaseTransport, httpx.AsyncBaseTransport):
    """Answers what an httpx client sends, at the speed of memory.

    Faults of the connection are raised as httpx raises them over a socket: a lost answer as ``httpx.ReadTimeout``, a
    reset as ``httpx.ReadError``, a download that is cut as ``httpx.RemoteProtocolError``. A download that crawls turns
    a clock that stands still, and waits on one that runs. A chunked one has the headers that it has over a socket, and
    comes in the same pieces.

    Args:
        answer: Answers the requests.
        clock: What time it is for whoever answers.
    """

    def __init__(self, answer: Callable[[Request], Answer], clock: Clock) -> None:
        self._answer = answer
        self._clock = clock

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Called by ``httpx.Client``."""
        return self._response(request, request.read())

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Called by ``httpx.AsyncClient``."""
        return self._response(request, await request.aread())

    def _response(self, request: httpx.Request, body: bytes) -> httpx.Response:
        url = request.url
        path, _, query = url.raw_path.partition(b"?")
        headers = [(name.lower(), value) for name, value in request.headers.raw]
        answer = self._answer(
            Request(
                request.method,
                path,
                query,
                headers,
                dict(headers),
                body if len(body) <= MAX_BODY else None,
                url.netloc.decode(),
                url.scheme,
            )
        )
        if answer.delivery == "lost":
            raise httpx.ReadTimeout("the answer did not arrive", request=request)
        if answer.delivery == "reset":
            raise httpx.ReadError("connection reset by peer", request=request)
        length = (b"content-length", b"%d" % len(answer.body))
        headers = [*answer.headers, (b"transfer-encoding", b"chunked") if answer.delivery in CHUNKED else length]
        stream: httpx.ByteStream | _Stream = httpx.ByteStream(b"" if request.method == "HEAD" else answer.body)
        if answer.delivery is not None and request.method != "HEAD":
            stream = _Stream(answer, request, self._clock)
        return httpx.Response(answer.status, headers=headers, stream=stream, request=request)


class _Stream(httpx.SyncByteStream, httpx.AsyncByteStream):
    """A download that arrives in pieces, or not whole."""

    def __init__(self, answer: Answer, request: httpx.Request, clock: Clock) -> None:
        self._answer = answer
        self._request = request
        self._clock = clock
        self._pause = CRAWL_SECONDS / CRAWL_PIECES

    def __iter__(self) -> Iterator[bytes]:
        for at, piece in enumerate(self._pieces()):
            if at and self._waits():
                time.sleep(self._pause)
            yield piece

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for at, piece in enumerate(self._pieces()):
            if at and self._waits():
                await anyio.sleep(self._pause)  # under asyncio and trio
            yield piece

    def _pieces(self) -> Iterator[bytes]:
        body, delivery = self._answer.body, self._answer.delivery
        arriving = pieces(body, delivery)
        yield from arriving
        if delivery == "cut":
            raise httpx.RemoteProtocolError(
                f"peer closed connection without sending complete message body "
                f"(received {sum(map(len, arriving))} bytes, expected {len(body)})",
                request=self._request,
            )

    def _waits(self) -> bool:
        """Whether to wait for the next piece, once the client's patience and a clock that stands still are seen to.

        Raises:
            httpx.ReadTimeout: The client would not have waited so long.
        """
        if self._answer.delivery != "crawl":
            return False
        timeouts: dict[str, Any] = self._request.extensions.get("timeout", {})
        patience = timeouts.get("read")
        if patience is not None and patience < self._pause:
            raise httpx.ReadTimeout("the next piece did not arrive in time", request=self._request)
        if self._clock.stands_still:
            self._clock.advance(self._pause)
            return False
        return True
