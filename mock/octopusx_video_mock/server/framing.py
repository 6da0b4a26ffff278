"""The bytes of a response in HTTP/1.1: its head, and where its body ends."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from http import HTTPStatus

from octopusx_video_mock.delivery import CHUNKED, pieces
from octopusx_video_mock.messages import Response

NO_BODY = {204, 304}
"""The statuses of responses without a body."""
_STATUS_LINES = {status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode() for status in HTTPStatus}


def framed(response: Response, version: Callable[[], str]) -> tuple[bytes, bytes]:
    """The header that says where the body ends, and the body as it is sent to a client of this version of HTTP."""
    if response.delivery not in CHUNKED:
        return b"content-length: %d\r\n" % len(response.body), response.body
    arriving = pieces(response.body, response.delivery)
    if version() != "1.1":
        # HTTP/1.0 has no chunks (RFC 9112 section 6.1): there the body ends with the connection.
        return b"", b"".join(arriving)
    chunks = [b"%x\r\n%b\r\n" % (len(piece), piece) for piece in arriving]
    return b"transfer-encoding: chunked\r\n", b"".join(chunks) + b"0\r\n\r\n"


def head(response: Response, defaults: Iterable[tuple[bytes, bytes]], length: bytes, *, keeps: bool) -> bytes:
    """The status line and the headers.

    Args:
        response: The response.
        defaults: The headers of every response.
        length: The header that says where the body ends.
        keeps: Whether the connection stays open.
    """
    parts = [_STATUS_LINES[response.status]]
    parts += [b"%b: %b\r\n" % header for header in (*defaults, *response.headers)]
    if response.status not in NO_BODY:
        parts.append(length)
    parts.append(b"\r\n" if keeps else b"connection: close\r\n\r\n")
    return b"".join(parts)


def path_of(target: bytes) -> bytes:
    """The path of a target in absolute form (RFC 9112 section 3.2.2), or the target as it is."""
    scheme, separator, rest = target.partition(b"://")
    if not separator or scheme.lower() not in {b"http", b"https"}:
        return target
    _, slash, path = rest.partition(b"/")
    return slash + path if slash else b"/"
