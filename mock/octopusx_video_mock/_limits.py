"""The server's HTTP, with limits on what a connection may cost: bytes of headers, time, and the number of connections.

uvicorn reads a header block of any size and waits for the rest of a request for ever; what is counted here is what it
leaves open. A body's size is limited where it is read (``_app``).
"""

from __future__ import annotations

import socket
import struct
from typing import Any

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

MAX_HEAD = 64 * 1024
"""Bytes of a request's line and headers (and of what is between the parts of a chunked body)."""
HEAD_SECONDS = 10.0
"""How long a connection may take for the line and headers of a request, and stay open before its first."""
BODY_SECONDS = 30.0
"""How long it may take for the rest of the request."""
STUCK_SECONDS = 60.0
"""How long it may take nothing of what is sent to it."""
MAX_CONNECTIONS = 1000
SWEEP_SECONDS = 1.0
"""How often the times are looked at; so much later than its limit a connection may be closed."""


class LimitedProtocol(HttpToolsProtocol):
    """A connection of uvicorn's, with limits, which the application can reach as ``scope["connection"]``."""

    def connection_made(self, transport: Any) -> None:
        """Take the connection, or close it where there are too many."""
        super().connection_made(transport)
        self._head_open = True
        self._unread = 0
        self._since: float | None = self.loop.time()
        self._stuck_since: float | None = None
        self._watch = self.loop.call_later(SWEEP_SECONDS, self._sweep)
        if len(self.connections) > MAX_CONNECTIONS:
            transport.abort()

    def data_received(self, data: bytes) -> None:
        """Read what came, as long as it stays within the limits."""
        self._unread += len(data)
        super().data_received(data)
        if self._unread > MAX_HEAD and not self.transport.is_closing():
            self._refuse(431, b"Request Header Fields Too Large")

    def on_message_begin(self) -> None:
        """Begin to count the time of a request."""
        super().on_message_begin()
        self.scope["connection"] = self  # type: ignore[typeddict-unknown-key]
        self._head_open = True
        self._since = self.loop.time()

    def on_headers_complete(self) -> None:
        """Hand the request over, unless its head was too large although it came at once."""
        if self._unread > MAX_HEAD and sum(len(name) + len(value) for name, value in self.headers) > MAX_HEAD:
            return  # refused when the parser is back
        self._head_open = False
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Count from here on what is no body."""
        self._unread = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        """The request is whole: what comes next has its own time and size."""
        self._unread = 0
        self._since = None
        super().on_message_complete()

    def pause_writing(self) -> None:
        """Note since when the other side takes nothing."""
        self._stuck_since = self.loop.time()
        super().pause_writing()

    def resume_writing(self) -> None:
        """It takes something again."""
        self._stuck_since = None
        super().resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop watching it."""
        self._watch.cancel()
        super().connection_lost(exc)

    def _sweep(self) -> None:
        """Close the connection if it has taken too long."""
        self._watch = self.loop.call_later(SWEEP_SECONDS, self._sweep)
        now = self.loop.time()
        if self._stuck_since is not None and now - self._stuck_since > STUCK_SECONDS:
            self.transport.abort()
        elif self._since is not None and now - self._since > (HEAD_SECONDS if self._head_open else BODY_SECONDS):
            if self.cycle is not None and self.cycle.response_started and not self.cycle.response_complete:
                return  # the answer is on its way
            if self._head_open and self._unread == 0:
                self.transport.close()
            else:
                self._refuse(408, b"Request Timeout")

    def reset(self) -> None:
        """Reset the connection: the other side is told that it is gone, and nothing else."""
        connection: socket.socket | None = self.transport.get_extra_info("socket")
        if connection is not None:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.transport.abort()

    def _refuse(self, status: int, reason: bytes) -> None:
        started = self.cycle is not None and self.cycle.response_started and not self.cycle.response_complete
        if not started:
            length = str(len(reason)).encode()
            self.transport.write(
                STATUS_LINE[status]
                + b"content-type: text/plain; charset=utf-8\r\nconnection: close\r\ncontent-length: "
                + length
                + b"\r\n\r\n"
                + reason
            )
        self._since = None
        self.transport.close()
