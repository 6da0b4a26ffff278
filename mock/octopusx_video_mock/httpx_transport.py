"""The mock behind httpx, without a socket: a transport for its synchronous and its asynchronous client."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import anyio
import httpx

from octopusx_video_mock.delivery import CHUNKED, CRAWL_PIECES, CRAWL_SECONDS, pieces
from octopusx_video_mock.engine.clock import Clock
from octopusx_video_mock.messages import MAX_BODY, Request, Response


class MockTransport(httpx.BaseTransport, httpx.AsyncBaseTransport):
    """Responds to what an httpx client sends, without a network.

    Faults of the connection are raised as httpx raises them over a socket: a lost response as ``httpx.ReadTimeout``, a
    reset as ``httpx.ReadError``, a download that is cut as ``httpx.RemoteProtocolError``. A slow download advances a
    clock that stands still, and waits on one that runs. A chunked one has the headers and the pieces that it has over a
    socket.

    Args:
        respond: Responds to the requests.
        clock: The mock's clock.
        latency: Returns how long the next response is held back, in seconds.
    """

    def __init__(
        self, respond: Callable[[Request], Response], clock: Clock, latency: Callable[[], float] | None = None
    ) -> None:
        self._respond = respond
        self._clock = clock
        self._latency = latency

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Called by ``httpx.Client``."""
        response = self._respond(_mock_request(request, request.read()))
        held_back = self._held_back(request)
        if held_back:
            time.sleep(held_back)
        return self._response(request, response)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Called by ``httpx.AsyncClient``."""
        response = self._respond(_mock_request(request, await request.aread()))
        held_back = self._held_back(request)
        if held_back:
            await anyio.sleep(held_back)
        return self._response(request, response)

    def _held_back(self, request: httpx.Request) -> float:
        """How long to wait for the response, in seconds; a clock that stands still is advanced instead.

        Raises:
            httpx.ReadTimeout: The client's timeout is shorter.
        """
        held_back = self._latency() if self._latency is not None else 0.0
        if not held_back:
            return 0.0
        timeouts: dict[str, Any] = request.extensions.get("timeout", {})
        timeout = timeouts.get("read")
        if timeout is not None and timeout < held_back:
            raise httpx.ReadTimeout("the response did not arrive in time", request=request)
        if self._clock.stands_still:
            self._clock.advance(held_back)
            return 0.0
        return held_back

    def _response(self, request: httpx.Request, response: Response) -> httpx.Response:
        delivery = response.delivery
        if delivery == "lost":
            raise httpx.ReadTimeout("the response did not arrive", request=request)
        if delivery == "reset":
            raise httpx.ReadError("connection reset by peer", request=request)
        length = (b"content-length", b"%d" % len(response.body))
        headers = [*response.headers, (b"transfer-encoding", b"chunked") if delivery in CHUNKED else length]
        stream: httpx.ByteStream | _Stream = httpx.ByteStream(b"" if request.method == "HEAD" else response.body)
        if delivery is not None and request.method != "HEAD":
            stream = _Stream(response, request, self._clock)
        return httpx.Response(response.status, headers=headers, stream=stream, request=request)


def _mock_request(request: httpx.Request, body: bytes) -> Request:
    url = request.url
    path, _, query = url.raw_path.partition(b"?")
    headers = [(name.lower(), value) for name, value in request.headers.raw]
    whole = body if len(body) <= MAX_BODY else None
    return Request(request.method, path, query, headers, dict(headers), whole, url.netloc.decode(), url.scheme)


class _Stream(httpx.SyncByteStream, httpx.AsyncByteStream):
    """A download that arrives in pieces, or not whole."""

    def __init__(self, response: Response, request: httpx.Request, clock: Clock) -> None:
        self._response = response
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
        body, delivery = self._response.body, self._response.delivery
        arriving = pieces(body, delivery)
        yield from arriving
        if delivery == "cut":
            raise httpx.RemoteProtocolError(
                f"peer closed connection without sending complete message body "
                f"(received {sum(map(len, arriving))} bytes, expected {len(body)})",
                request=self._request,
            )

    def _waits(self) -> bool:
        """Whether to wait for the next piece; a clock that stands still is advanced instead.

        Raises:
            httpx.ReadTimeout: The client's timeout is shorter than the pause.
        """
        if self._response.delivery != "crawl":
            return False
        timeouts: dict[str, Any] = self._request.extensions.get("timeout", {})
        timeout = timeouts.get("read")
        if timeout is not None and timeout < self._pause:
            raise httpx.ReadTimeout("the next piece did not arrive in time", request=self._request)
        if self._clock.stands_still:
            self._clock.advance(self._pause)
            return False
        return True
