"""One connection of the server: bytes come in, a request goes to the application, its answer goes out.

uvicorn gives the sockets, the loop, the signals and the end; httptools reads HTTP. In between stands this instead of
uvicorn's own protocol: it limits what a connection may cost (uvicorn reads a header block of any size and waits for
the rest of a request for ever), it can lose, cut, slow and reset an answer, and it has no task and no ASGI messages
for each request, which cost more than the answer itself.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from http import HTTPStatus
from typing import Any, Protocol

import httptools

from octopusx_video_mock import delivery as deliveries
from octopusx_video_mock.delivery import CHUNKED
from octopusx_video_mock.messages import MAX_BODY, Request, Response

MAX_HEAD = 64 * 1024
"""Bytes of a request's line and headers, and of what stands between the parts of a chunked body."""
MAX_CONNECTIONS = 1000
MAX_HELD = 128 * 1024 * 1024
"""Bytes of bodies that all connections together may have sent and not completed."""
MAX_UNSENT = 8 * 1024 * 1024
"""Bytes that may wait for a caller who sends requests and takes no answers."""
HEAD_SECONDS = 10.0
"""How long a connection may take for the line and the headers of a request."""
BODY_SECONDS = 30.0
"""How long it may take for the whole request."""
IDLE_SECONDS = 60.0
"""How long it may stay open without a request."""
LOST_SECONDS = 120.0
"""How long a connection stays open whose answer is lost, if its caller does, or that takes nothing of its response."""
SWEEP_SECONDS = 1.0
"""How often the times are looked at; so much later than its limit a connection may be closed."""

_STATUS_LINES = {status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode() for status in HTTPStatus}
_NO_BODY = {204, 304}


class Responding(Protocol):
    """Responds to the requests of all connections. ``held`` counts the bytes of bodies that are not complete."""

    held: int

    def respond(self, request: Request, client: str) -> Response:
        """Respond to a request that a client at this address sent."""


class Connection(asyncio.Protocol):
    """What uvicorn makes for each connection (its ``http`` setting)."""

    def __init__(self, config: Any, server_state: Any, app_state: Any, _loop: Any = None) -> None:
        self._app: Responding = config.loaded_app
        self._state = server_state
        self._loop: asyncio.AbstractEventLoop = _loop or asyncio.get_running_loop()
        self._parser = httptools.HttpRequestParser(self)
        self._transport: asyncio.Transport
        self._client = ""
        self._here = ""
        self._left = 0
        self._writes = False
        self._task: asyncio.Task[None] | None = None
        self._unread = 0
        self._ending = False
        self._body: bytes | bytearray = b""
        self._begin_waiting()

    # What the loop calls.

    def connection_made(self, transport: Any) -> None:
        """Take the connection, or close it where there are too many."""
        self._transport = transport
        self._state.connections.add(self)
        peer, here = transport.get_extra_info("peername"), transport.get_extra_info("sockname")
        self._client = peer[0] if peer else ""
        if here:
            self._here = f"[{here[0]}]:{here[1]}" if ":" in here[0] else f"{here[0]}:{here[1]}"
        self._watch = self._loop.call_later(SWEEP_SECONDS, self._sweep)
        if len(self._state.connections) > MAX_CONNECTIONS:
            transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget it."""
        self._let_go()
        self._state.connections.discard(self)
        self._watch.cancel()
        if self._task is not None:
            self._task.cancel()

    def data_received(self, data: bytes) -> None:
        """Read what came, as long as it stays within the limits."""
        if self._ending:
            return
        self._unread += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._decline(data[upgrade.args[0] :])
        except httptools.HttpParserError:
            self._refuse(400, b"Bad Request")
        else:
            if self._unread > MAX_HEAD:
                self._refuse(431, b"Request Header Fields Too Large")

    def _decline(self, rest: bytes) -> None:
        """Go on in HTTP/1.1 with a request that offers another protocol, as RFC 9110 section 7.8 allows."""
        if self._ending:
            return
        # The parser stops at the offer. Another one gets the request without it.
        method = self._parser.get_method()
        kept = [pair for pair in self._headers if pair[0] not in {b"upgrade", b"http2-settings", b"connection"}]
        if method == b"CONNECT" or len(kept) == len(self._headers):
            self._refuse(400, b"Bad Request")
            return
        head = b"".join(b"%b: %b\r\n" % pair for pair in kept)
        self._parser = httptools.HttpRequestParser(self)
        self.data_received(b"%b %b HTTP/1.1\r\n%b\r\n%b" % (method, self._url, head, rest))

    def eof_received(self) -> bool:
        """The other side sends no more; it may still listen to what is on its way."""
        return self._task is not None and self._writes

    def pause_writing(self) -> None:
        """The other side takes nothing: read nothing of it either."""
        self._transport.pause_reading()

    def resume_writing(self) -> None:
        """It takes something again."""
        if not self._transport.is_closing():
            self._transport.resume_reading()

    def shutdown(self) -> None:
        """The server is about to end: only an answer that is on its way is waited for, for a while."""
        self._keeps = False
        if self._task is None:
            self._transport.close()

    def abort(self) -> None:
        """The server ends now."""
        self._transport.abort()

    # What the parser calls.

    def on_message_begin(self) -> None:
        """A request begins."""
        self._since = self._loop.time()
        self._reads = True
        self._head_open = True
        self._url = b""
        self._headers: list[tuple[bytes, bytes]] = []
        self._body = b""
        self._offers = False

    def on_url(self, url: bytes) -> None:
        """A part of the request's target."""
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header; also one that follows a chunked body, which counts for nothing."""
        if self._head_open:
            self._headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        """The head is there. A body that is announced too large is not waited for."""
        self._head_open = False
        if self._ending:
            return
        if self._unread > MAX_HEAD and len(self._url) + sum(len(n) + len(v) + 4 for n, v in self._headers) > MAX_HEAD:
            self._refuse(431, b"Request Header Fields Too Large")
            return
        self._unread = 0
        self._fields = dict(self._headers)
        self._offers = self._parser.should_upgrade()
        if self._offers:
            return
        if int(self._fields.get(b"content-length", b"0")) > MAX_BODY:
            self._respond(None)
        elif self._fields.get(b"expect", b"").lower() == b"100-continue" and self._parser.get_http_version() != "1.0":
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def on_body(self, body: bytes) -> None:
        """A part of the body."""
        self._unread = 0
        if self._ending:
            return
        self._app.held += len(body)
        if not self._body:
            self._body = body
        elif isinstance(self._body, bytearray):
            self._body += body
        else:
            self._body = bytearray(self._body) + body
        if len(self._body) > MAX_BODY:
            self._respond(None)
        elif self._app.held > MAX_HELD:
            self._ending = True
            self._let_go()
            self._transport.abort()

    def on_message_complete(self) -> None:
        """The request is whole."""
        self._unread = 0
        if not self._ending and not self._head_open and not self._offers:
            self._respond(bytes(self._body))

    # The response.

    def _respond(self, body: bytes | None) -> None:
        parser = self._parser
        # Whether HTTP/1.0 asked to keep the connection does not matter: it ends.
        self._keeps = parser.should_keep_alive() and parser.get_http_version() == "1.1"
        path, _, query = self._url.partition(b"?")
        method = parser.get_method().decode("latin-1")
        if path[:1] != b"/":
            path = _path_of(path)
        request = Request(method, path, query, self._headers, self._fields, body, self._here)
        response = self._app.respond(request, self._client)
        whole = body is not None
        self._let_go()
        if response.delivery is None or response.delivery in CHUNKED:
            self._write(response, method, whole=whole)
        elif response.delivery == "reset":
            self._reset()
        else:
            # Nothing else is answered on this connection: it ends with this one.
            self._keeps = False
            self._ending = True
            self._writes = response.delivery != "lost"
            self._task = self._loop.create_task(self._deliver(response))
            self._state.tasks.add(self._task)
            self._task.add_done_callback(self._state.tasks.discard)
        self._begin_waiting()
        self._state.total_requests += 1

    def _let_go(self) -> None:
        """Forget the body."""
        if self._body:
            self._app.held -= len(self._body)
            self._body = b""

    def _write(self, response: Response, method: str, *, whole: bool) -> None:
        self._keeps = self._keeps and whole
        transport = self._transport
        framing, body = self._framed(response)
        if method == "HEAD" or response.status in _NO_BODY:
            body = b""
        if transport.get_write_buffer_size() > MAX_UNSENT:
            self._ending = True
            transport.abort()
            return
        transport.write(self._head(response, framing) + body)
        if not whole:
            self._end()
        elif not self._keeps:
            self._ending = True
            transport.close()

    def _framed(self, response: Response) -> tuple[bytes, bytes]:
        """The header that says where the body ends, and the body as it is sent."""
        if response.delivery not in CHUNKED:
            return b"content-length: %d\r\n" % len(response.body), response.body
        arriving = deliveries.pieces(response.body, response.delivery)
        if self._parser.get_http_version() != "1.1":
            # HTTP/1.0 knows no chunks (RFC 9112 section 6.1): there the body ends with the connection.
            return b"", b"".join(arriving)
        chunks = [b"%x\r\n%b\r\n" % (len(piece), piece) for piece in arriving]
        return b"transfer-encoding: chunked\r\n", b"".join(chunks) + b"0\r\n\r\n"

    def _head(self, response: Response, framing: bytes) -> bytes:
        parts = [_STATUS_LINES[response.status]]
        parts += [b"%b: %b\r\n" % header for header in self._state.default_headers]
        parts += [b"%b: %b\r\n" % header for header in response.headers]
        if response.status not in _NO_BODY:
            parts.append(framing)
        parts.append(b"\r\n" if self._keeps else b"connection: close\r\n\r\n")
        return b"".join(parts)

    async def _deliver(self, response: Response) -> None:
        """An answer that does not simply arrive. The connection ends with it."""
        try:
            await self._deliver_slowly(response)
        finally:
            self._task = None
            self._since = self._loop.time()
            self._transport.close()

    async def _deliver_slowly(self, response: Response) -> None:
        if response.delivery == "lost":
            await asyncio.sleep(LOST_SECONDS)
            return
        framing, body = self._framed(response)
        self._transport.write(self._head(response, framing))
        for number, piece in enumerate(deliveries.pieces(body, response.delivery)):
            if number:
                await asyncio.sleep(deliveries.CRAWL_SECONDS / deliveries.CRAWL_PIECES)
            self._transport.write(piece)

    def _refuse(self, status: int, reason: bytes) -> None:
        """Response what is no request, and end."""
        if self._ending or self._transport.is_closing():
            return
        self._keeps = False
        headers = [(b"content-type", b"text/plain; charset=utf-8")]
        response = Response(status, headers, reason)
        framing, body = self._framed(response)
        self._transport.write(self._head(response, framing) + body)
        self._end()

    def _end(self) -> None:
        """Send nothing more, and throw away what still comes: closing at once could take the answer along."""
        self._ending = True
        self._reads = True
        self._head_open = False
        self._since = self._loop.time()
        if self._transport.can_write_eof() and not self._transport.is_closing():
            self._transport.write_eof()

    def _reset(self) -> None:
        """Tell the other side that the connection is gone, and nothing else."""
        self._ending = True
        connection: socket.socket | None = self._transport.get_extra_info("socket")
        if connection is not None:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._transport.abort()

    # The time.

    def _begin_waiting(self) -> None:
        """Wait for the next request."""
        self._since = self._loop.time()
        self._reads = False
        self._head_open = True
        self._unread = 0

    def _sweep(self) -> None:
        self._watch = self._loop.call_later(SWEEP_SECONDS, self._sweep)
        now = self._loop.time()
        left = self._transport.get_write_buffer_size()
        if left < self._left:  # the other side takes something, however slowly
            self._since = now
        self._left = left
        waited = now - self._since
        if left or self._task is not None:
            if waited > LOST_SECONDS:
                self._transport.abort()
        elif self._ending:
            if waited > HEAD_SECONDS:
                self._transport.abort()
        elif not self._reads:
            if waited > IDLE_SECONDS:
                self._transport.close()
        elif waited > (HEAD_SECONDS if self._head_open else BODY_SECONDS):
            self._refuse(408, b"Request Timeout")


def _path_of(target: bytes) -> bytes:
    """The path of a target in absolute form (RFC 9112 section 3.2.2), or the target as it is."""
    scheme, separator, rest = target.partition(b"://")
    if not separator or scheme.lower() not in {b"http", b"https"}:
        return target
    _, slash, path = rest.partition(b"/")
    return slash + path if slash else b"/"
