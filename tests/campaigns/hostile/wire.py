"""Requests as bytes over sockets, and answers read as HTTP has them, without a library that would mend either."""

from __future__ import annotations

import asyncio
import contextlib
import re
import socket
import struct
from dataclasses import dataclass

from tests.campaigns.hostile.drafts import Hostile

_STATUS_LINE = re.compile(rb"HTTP/1\.[01] ([1-9][0-9]{2})(?: [\t\x20-\x7e\x80-\xff]*)?")
_HEADER = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[\t ]*([\t\x20-\x7e\x80-\xff]*)")
_LINGER_NOT = struct.pack("ii", 1, 0)
_AT_ONCE = 60_000
"""What is sent before anything is read; of more, the server may refuse the rest."""


class MalformedError(Exception):
    """What came is not HTTP."""


@dataclass(frozen=True)
class Answer:
    """An answer; ``raw`` is all that came, ``headers`` has names in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes
    raw: bytes


class Connection:
    """A connection, opened when it is first needed."""

    def __init__(self, host: str, port: int) -> None:
        self._address = (host, port)
        self._socket: socket.socket | None = None
        self._received = bytearray()
        self.reused = False

    async def open(self) -> socket.socket:
        """The socket, connected."""
        if self._socket is None:
            self._socket = socket.socket()
            self._socket.setblocking(False)  # noqa: FBT003 - its only form
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._received.clear()
            self.reused = False
            await asyncio.get_running_loop().sock_connect(self._socket, self._address)
        return self._socket

    def drop(self, *, abort: bool = True) -> None:
        """Close; with an RST, so that no port stays taken, unless the other side shall see an orderly end."""
        if self._socket is not None:
            if abort:
                with contextlib.suppress(OSError):
                    self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_NOT)
            self._socket.close()
            self._socket = None

    async def exchange(self, hostile: Hostile, pieces: int = 1) -> Answer | None:
        """Send a request and read its answer; None when the connection was closed instead.

        Raises:
            MalformedError: What came is not HTTP.
            OSError: The server can't be reached.
        """
        try:
            return await self._exchange(hostile, pieces)
        except BaseException:
            self.drop()
            raise

    async def _exchange(self, hostile: Hostile, pieces: int) -> Answer | None:
        connected = await self.open()
        sending = asyncio.ensure_future(self._send(connected, hostile, pieces))
        try:
            if hostile.ending == "hang-up" or len(hostile.raw) <= _AT_ONCE:
                await sending
            answer = None
            if hostile.ending != "hang-up":
                answer = await self._read(connected, bodiless=hostile.raw.startswith(b"HEAD "))
        finally:
            whole = sending.done() and hostile.ending == "answer" and not hostile.expected.broken
            sending.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await sending
        self.reused = True
        if answer is None or not whole or answer.headers.get("connection", "").lower() == "close":
            # Who goes away may do so in either way.
            self.drop(abort=hostile.ending != "hang-up" or len(hostile.raw) % 2 == 0)
        elif self._received:
            raise MalformedError(f"after the answer {answer.raw[:200]!r} came {bytes(self._received[:200])!r}")
        return answer

    async def _send(self, connected: socket.socket, hostile: Hostile, pieces: int) -> None:
        loop = asyncio.get_running_loop()
        step = max(1, -(-len(hostile.raw) // pieces))
        # A server that has seen enough closes; what it said before is still to be read.
        with contextlib.suppress(OSError):
            for start in range(0, len(hostile.raw), step):
                await loop.sock_sendall(connected, hostile.raw[start : start + step])
                if pieces > 1:
                    await asyncio.sleep(0.002)
            if hostile.ending == "half-close":
                connected.shutdown(socket.SHUT_WR)

    async def _read(self, connected: socket.socket, *, bodiless: bool) -> Answer | None:
        reader = _Reader(connected, self._received, bodiless=bodiless)
        answer = await reader.answer()
        while answer is not None and answer.status < 200:
            answer = await reader.answer()
        if answer is not None and bodiless and await reader.rest():
            raise MalformedError(f"the answer to HEAD has a body: {answer.raw[:200]!r}")
        return answer


class _Reader:
    def __init__(self, connected: socket.socket, received: bytearray, *, bodiless: bool) -> None:
        self._socket = connected
        self._received = received
        self._raw = bytearray()
        self._bodiless = bodiless

    async def _more(self) -> bool:
        try:
            chunk = await asyncio.get_running_loop().sock_recv(self._socket, 262_144)
        except (ConnectionResetError, BrokenPipeError):
            return False
        self._received += chunk
        return bool(chunk)

    async def _exactly(self, size: int) -> bytes:
        while len(self._received) < size:
            if not await self._more():
                raise MalformedError(f"the answer ends early: {bytes(self._raw + self._received)[:300]!r}")
        return self._take(size)

    async def _until(self, end: bytes) -> bytes:
        while (position := self._received.find(end)) < 0:
            if len(self._received) > 100_000 or not await self._more():
                raise MalformedError(f"no answer of HTTP: {bytes(self._raw + self._received)[:300]!r}")
        return self._take(position + len(end))[: -len(end)]

    def _take(self, size: int) -> bytes:
        taken = bytes(self._received[:size])
        del self._received[:size]
        self._raw += taken
        return taken

    async def rest(self) -> bytes:
        """All that comes until the connection is closed."""
        while await self._more():
            pass
        return self._take(len(self._received))

    async def answer(self) -> Answer | None:
        if not self._received and not await self._more():
            return None
        self._raw.clear()
        first, *lines = (await self._until(b"\r\n\r\n")).split(b"\r\n")
        status_line = _STATUS_LINE.fullmatch(first)
        found = [_HEADER.fullmatch(line) for line in lines]
        if status_line is None or None in found:
            raise MalformedError(f"no answer of HTTP: {bytes(self._raw)[:300]!r}")
        headers = [(match[1].decode().lower(), match[2].decode("latin-1").strip()) for match in found if match]
        status = int(status_line[1])
        body = await self._body(status, headers)
        return Answer(status, dict(headers), body, bytes(self._raw))

    async def _body(self, status: int, headers: list[tuple[str, str]]) -> bytes:
        lengths = [value for name, value in headers if name == "content-length"]
        codings = [value for name, value in headers if name == "transfer-encoding"]
        if self._bodiless or status < 200 or status in {204, 304}:
            return b""
        if codings == ["chunked"] and not lengths:
            return await self._chunks()
        if len(lengths) == 1 and lengths[0].isdecimal() and not codings:
            return await self._exactly(int(lengths[0]))
        if not lengths and not codings:
            return await self.rest()
        raise MalformedError(f"its length is not clear: {bytes(self._raw)[:300]!r}")

    async def _chunks(self) -> bytes:
        body = bytearray()
        while True:
            size = (await self._until(b"\r\n")).partition(b";")[0]
            if not re.fullmatch(rb"[0-9a-fA-F]{1,8}", size):
                raise MalformedError(f"{size[:50]!r} is no size of a chunk")
            if int(size, 16) == 0:
                while await self._until(b"\r\n"):
                    pass
                return bytes(body)
            body += await self._exactly(int(size, 16))
            if await self._exactly(2) != b"\r\n":
                raise MalformedError("a chunk is longer than its size")
