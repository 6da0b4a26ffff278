"""Receives a response within bounds of size, time, unpacking and nesting, and keeps what arrived if one is exceeded."""

from __future__ import annotations

import json
import time
from collections.abc import Generator, Iterable, Iterator
from typing import Any

import httpcore
from octopusx_video_openapi import content_encoding

from octopusx_video_contract.messages.http import Request, Response

Headers = list[tuple[bytes, bytes]]
Received = tuple[int, Headers, Iterator[bytes]]
"""Status, headers, and the body as it arrives."""

MAX_BYTES = 4_000_000
"""The largest body that is read, unless it is a video."""
MAX_VIDEO_BYTES = 512_000_000
MAX_KEPT = 100_000
"""How many bytes are kept of a response that is given up."""
_MAX_TIMES = 20
"""How many times larger a video may become when it is unpacked: it is compressed already."""
_MAX_DEPTH = 500
"""How deeply JSON may be nested: half of what Python gets through, far more than anybody needs."""
_TOO_DEEP = f"its JSON is nested more than {_MAX_DEPTH} deep"


class UnusableError(Exception):
    """A response can't be used. The text says why."""


class Arriving:
    """A response while it arrives.

    Attributes:
        raw: What arrived of its head and body, as bytes; empty where the sender does not say.
        status: Its status; None as long as there is none.
        headers: By name in lower case; several of a name are joined.
    """

    def __init__(self, request: Request) -> None:
        self.raw = bytearray()
        self.status: int | None = None
        self.headers: dict[str, str] = {}
        self._request = request
        self._pieces: list[bytes] = []

    def begin(self, status: int, headers: Headers) -> None:
        """Note the status and the headers."""
        for name, value in headers:
            key = name.decode("latin-1").lower()
            text = value.decode("latin-1")
            self.headers[key] = f"{self.headers[key]}, {text}" if key in self.headers else text
        self.status = status

    @property
    def calls_itself_video(self) -> bool:
        """Whether its headers say that it is a video."""
        return self.headers.get("content-type", "").startswith("video/")

    def read(self, stream: Iterator[bytes], until: float, max_bytes: int) -> None:
        """Read the body; what is left of one that is too long or too late is not waited for.

        Raises:
            UnusableError: It is larger than ``max_bytes``.
            httpcore.ReadTimeout: It has not ended at ``until``, of the monotonic clock.
        """
        size = 0
        try:
            for piece in stream:
                self._pieces.append(piece)
                size += len(piece)
                if size > max_bytes:
                    raise UnusableError(f"the answer is larger than {max_bytes:,} bytes")
                if time.monotonic() > until:
                    raise httpcore.ReadTimeout("the answer takes too long")
        finally:
            if isinstance(stream, Generator):
                stream.close()

    def whole(self, max_bytes: int, *, is_video: bool = False) -> Response:
        """The response, unpacked: without Content-Encoding, and without the length that belongs to it.

        Raises:
            UnusableError: It can't be unpacked within ``max_bytes``, or its JSON is nested too deeply.
        """
        content = b"".join(self._pieces)
        coding = self.headers.get("content-encoding", "")
        headers = self.headers
        if content_encoding.codings(coding):
            if is_video:
                max_bytes = min(max_bytes, max(MAX_BYTES, _MAX_TIMES * len(content)))
            try:
                content = content_encoding.decoded(content, coding, max_bytes)
            except content_encoding.EncodingError as error:
                raise UnusableError(str(error)) from None
            headers = {
                name: value for name, value in headers.items() if name not in {"content-encoding", "content-length"}
            }
        if not is_video and content.count(b"[") + content.count(b"{") > _MAX_DEPTH:
            _ensure_readable(content)
        return Response(self._request, self.status or 0, headers, content)

    def part(self) -> Response | None:
        """What arrived, its body unpacked as far as it goes; None where nothing did.

        The status is 0 where it is not known: then the content is the beginning of what came instead of HTTP.
        """
        if self.status is None:
            return Response(self._request, 0, {}, bytes(self.raw)) if self.raw else None
        content = b""
        for piece in self._pieces:
            if len(content) >= MAX_KEPT:
                break
            content += piece[:MAX_KEPT]
        coding = self.headers.get("content-encoding", "")
        return Response(self._request, self.status, self.headers, content_encoding.beginning(content, coding, MAX_KEPT))


def _ensure_readable(content: bytes) -> None:
    """Refuse JSON that no reader of Python gets to the end of, whoever of them reads it."""
    try:
        level: list[Any] = [json.loads(content)]
    except ValueError:
        return
    except RecursionError:
        raise UnusableError(_TOO_DEEP) from None
    for _ in range(_MAX_DEPTH):
        level = [inner for value in level for inner in _inside(value)]
    if level:
        raise UnusableError(_TOO_DEEP)


def _inside(value: Any) -> Iterable[Any]:
    return value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
