"""One connection of the server: it parses requests, and sends the responses of the application.

uvicorn has the sockets, the event loop, the signals and the end; httptools parses HTTP. This is in the place of
uvicorn's own protocol and of ASGI, for three reasons:

- Limits. With its own protocol on httptools, uvicorn takes a header block of any size, waits for the rest of a head or
  a body for ever, and has no limit on open connections. Here each of them is bounded.
- Faults. ASGI has no message that resets a connection.
- Speed. There is no task and there are no messages for each request. ``benchmarks/mock.py --only ours ours-asgi``
  prints the rates of both: on a busy machine with two cores 2,322 reads and 1,663 submits a second here, 1,520 and
  1,352 with the same engine as plain ASGI.

A response that is made while it is sent, the event stream, is one more case of ``_deliver``, which also writes the
pieces of a slow download over time.
"""

from __future__ import annotations

import asyncio
import collections
import socket
import struct
from collections.abc import Callable
from typing import Any, Protocol

import httptools

from octopusx_video_mock import delivery as deliveries
from octopusx_video_mock.delivery import CHUNKED
from octopusx_video_mock.messages import MAX_BODY, Request, Response
from octopusx_video_mock.server import framing

MAX_HEAD = 64 * 1024
"""Bytes of a request's line and headers, and of what is between the parts of a chunked body."""
MAX_CONNECTIONS = 1000
MAX_HELD = 128 * 1024 * 1024
"""Bytes of bodies that all connections together may have sent and not completed."""
MAX_UNSENT = 8 * 1024 * 1024
"""Bytes that may wait for a client that sends requests and reads no responses."""
HEAD_SECONDS = 10.0
"""How long a connection may take for the line and the headers of a request."""
BODY_SECONDS = 30.0
"""How long it may take for the whole request."""
IDLE_SECONDS = 60.0
"""How long it may stay open without a request."""
LOST_SECONDS = 120.0
"""How long a connection may stay open whose response is lost, or whose client does not read."""
STREAM_SECONDS = 0.25
"""How often an event stream is asked for what comes next."""
STREAM_IDLE_SECONDS = 15.0
"""After how long without an event a comment is sent, by which a client that has left is noticed."""
SWEEP_SECONDS = 1.0
"""How often the times are checked; so much later than its limit a connection may be closed."""


class Responding(Protocol):
    """Responds to the requests of all connections.

    Attributes:
        held: How many bytes of bodies are not complete.
        latency: Returns how long the next response is held back, in seconds.
    """

    held: int
    latency: Callable[[], float] | None

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
        self._streams = False
        self._task: asyncio.Task[None] | None = None
        self._unread = 0
        self._ending = False
        self._body: bytes | bytearray = b""
        self._held_back: collections.deque[tuple[Response, str, bool, bool]] = collections.deque()
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
        """Forget the connection."""
        self._forget_body()
        self._state.connections.discard(self)
        self._watch.cancel()
        if self._task is not None:
            self._task.cancel()

    def data_received(self, data: bytes) -> None:
        """Parse what was received, as long as it is within the limits."""
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
        """Continue in HTTP/1.1 with a request that offers another protocol, as RFC 9110 section 7.8 allows."""
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
        """The client sends no more; it may still read a response that is being sent."""
        return bool(self._held_back) or (self._task is not None and self._writes)

    def pause_writing(self) -> None:
        """The client does not read: do not read from it either."""
        self._transport.pause_reading()

    def resume_writing(self) -> None:
        """The client reads again."""
        if not self._transport.is_closing():
            self._transport.resume_reading()

    def shutdown(self) -> None:
        """The server is about to end: it waits for a while for a response that is being sent, and for nothing else."""
        self._keeps = False
        if self._task is None or self._streams:
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
        """A header; also one that follows a chunked body, which is ignored."""
        if self._head_open:
            self._headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        """The head is complete. A body that is announced too large is not read."""
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
            self._forget_body()
            self._transport.abort()

    def on_message_complete(self) -> None:
        """The request is whole."""
        self._unread = 0
        if not self._ending and not self._head_open and not self._offers:
            self._respond(bytes(self._body))

    # The response.

    def _respond(self, body: bytes | None) -> None:
        parser = self._parser
        # A connection in HTTP/1.0 always ends, whatever its client wants.
        self._keeps = parser.should_keep_alive() and parser.get_http_version() == "1.1"
        path, _, query = self._url.partition(b"?")
        method = parser.get_method().decode("latin-1")
        if path[:1] != b"/":
            path = framing.path_of(path)
        request = Request(method, path, query, self._headers, self._fields, body, self._here)
        response = self._app.respond(request, self._client)
        whole = body is not None
        self._forget_body()
        self._begin_waiting()
        self._state.total_requests += 1
        if self._app.latency is None:
            self._send(response, method, whole=whole)
        else:
            self._held_back.append((response, method, whole, self._keeps))
            if len(self._held_back) == 1:
                self._loop.call_later(self._app.latency(), self._send_held_back)

    def _send_held_back(self) -> None:
        """Send the response that was held back, and hold back the next one of a client that did not wait for it."""
        response, method, whole, self._keeps = self._held_back.popleft()
        if not self._transport.is_closing():
            self._send(response, method, whole=whole)
        if self._held_back and self._app.latency is not None:
            self._loop.call_later(self._app.latency(), self._send_held_back)

    def _send(self, response: Response, method: str, *, whole: bool) -> None:
        if response.stream is None and (response.delivery is None or response.delivery in CHUNKED):
            self._write(response, method, whole=whole)
        elif response.delivery == "reset":
            self._reset()
        else:
            # This is the last response of the connection.
            self._keeps = False
            self._ending = True
            self._writes = response.delivery != "lost"
            self._streams = response.stream is not None
            self._task = self._loop.create_task(self._deliver(response))
            self._state.tasks.add(self._task)
            self._task.add_done_callback(self._state.tasks.discard)

    def _forget_body(self) -> None:
        """Forget the body, and count it no more."""
        if self._body:
            self._app.held -= len(self._body)
            self._body = b""

    def _write(self, response: Response, method: str, *, whole: bool) -> None:
        self._keeps = self._keeps and whole
        transport = self._transport
        length, body = framing.framed(response, self._parser.get_http_version)
        if method == "HEAD" or response.status in framing.NO_BODY:
            body = b""
        if transport.get_write_buffer_size() > MAX_UNSENT:
            self._ending = True
            transport.abort()
            return
        transport.write(self._head(response, length) + body)
        if not whole:
            self._end()
        elif not self._keeps:
            self._ending = True
            transport.close()

    def _head(self, response: Response, length: bytes) -> bytes:
        return framing.head(response, self._state.default_headers, length, keeps=self._keeps)

    async def _deliver(self, response: Response) -> None:
        """Send a response late, in part or never. The connection ends with it."""
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
        if response.stream is not None:
            await self._stream(response, response.stream)
            return
        length, body = framing.framed(response, self._parser.get_http_version)
        self._transport.write(self._head(response, length))
        for number, piece in enumerate(deliveries.pieces(body, response.delivery)):
            if number:
                await asyncio.sleep(deliveries.CRAWL_SECONDS / deliveries.CRAWL_PIECES)
            self._transport.write(piece)

    async def _stream(self, response: Response, read: Callable[[], bytes]) -> None:
        """Send what a stream gives until the client leaves. One that does not read gets no more until it does."""
        self._transport.write(self._head(response, b"") + response.body)
        quiet = 0.0
        while not self._transport.is_closing():
            await asyncio.sleep(STREAM_SECONDS)
            if self._transport.get_write_buffer_size():
                continue
            self._since = self._loop.time()
            event = read()
            quiet = 0.0 if event else quiet + STREAM_SECONDS
            if event or quiet >= STREAM_IDLE_SECONDS:
                quiet = 0.0
                self._transport.write(event or b":\n\n")

    def _refuse(self, status: int, reason: bytes) -> None:
        """Respond to what is no request, and end."""
        if self._ending or self._transport.is_closing():
            return
        self._keeps = False
        headers = [(b"content-type", b"text/plain; charset=utf-8")]
        response = Response(status, headers, reason)
        length, body = framing.framed(response, self._parser.get_http_version)
        self._transport.write(self._head(response, length) + body)
        self._end()

    def _end(self) -> None:
        """Send nothing more, and discard what is received: closing at once could discard the response as well."""
        self._ending = True
        self._reads = True
        self._head_open = False
        self._since = self._loop.time()
        if self._transport.can_write_eof() and not self._transport.is_closing():
            self._transport.write_eof()

    def _reset(self) -> None:
        """Reset the connection, and send nothing else."""
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
        if left < self._left:  # the client reads, however slowly
            self._since = now
        self._left = left
        waited = now - self._since
        if left or self._task is not None or self._held_back:
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
