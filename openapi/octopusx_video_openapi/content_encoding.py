"""Bodies with a Content-Encoding, unpacked within a limit: a kilobyte of gzip can hold gigabytes."""

from __future__ import annotations

import zlib

MAX_CODINGS = 4
"""How many codings may follow one another; a real server uses one."""

_GZIP_OR_ZLIB = 32 + zlib.MAX_WBITS
_PIECE, _SMALL_PIECE = 16_384, 64
"""How many bytes are unpacked at a time: all that follows a member of gzip is copied, and a piece with a fault in it
gives nothing."""


class EncodingError(Exception):
    """A body can't be unpacked, or is larger than the limit. The text says which."""


def codings(header: str) -> tuple[str, ...]:
    """The codings of a Content-Encoding header in the order in which they were applied, ``identity`` left out."""
    names = (name.strip().lower() for name in header.split(","))
    return tuple(name for name in names if name not in {"", "identity"})


def decoded(content: bytes, header: str, most: int) -> bytes:
    """A body without its Content-Encoding; what is cut is unpacked as far as it goes.

    Args:
        content: The bytes as received.
        header: The value of Content-Encoding, "" for none.
        most: How many bytes each step may give, at most.

    Raises:
        EncodingError: It is larger than ``most``, or is not what the header says, or the coding is not known. Known
            are gzip and deflate (RFC 9110 section 8.4.1).
    """
    names = codings(header)
    if len(names) > MAX_CODINGS:
        raise EncodingError(f"its Content-Encoding names {len(names)} codings")
    for name in reversed(names):
        content = _unpacked(content, name, most)
    return content


def beginning(content: bytes, header: str, most: int) -> bytes:
    """The first bytes of a body without its Content-Encoding, as far as it can be unpacked; else as received.

    For a body that ``decoded`` refuses: what it begins with may still be of use.

    Args:
        content: The bytes as received, all of them or the first ones.
        header: The value of Content-Encoding, "" for none.
        most: How many bytes, at most.
    """
    for name in reversed(codings(header)[-MAX_CODINGS:]):
        try:
            content = _unpacked(content, name, most, is_whole=False)
        except EncodingError:
            break
    return content[:most]


def _unpacked(content: bytes, name: str, most: int, *, is_whole: bool = True) -> bytes:
    if name not in {"gzip", "x-gzip", "deflate"}:
        raise EncodingError(f"its Content-Encoding {name[:40]!r} is not supported")
    whole = bytearray()
    rest, unpacker = memoryview(content), None
    while rest and (is_whole or len(whole) < most):
        piece = rest[: _PIECE if is_whole else _SMALL_PIECE]
        unpacker = unpacker or _unpacker(name, bytes(piece[:2]))
        try:
            whole += unpacker.decompress(piece, most + 1 - len(whole))
        except zlib.error:
            if is_whole or not whole:
                raise EncodingError(f"its body is not {name}, which its Content-Encoding says") from None
            break
        if is_whole and len(whole) > most:
            raise EncodingError(f"it is larger than {most:,} bytes when unpacked")
        rest = rest[len(piece) - len(unpacker.unused_data) :]
        if unpacker.eof and name == "deflate":
            break
        if unpacker.eof:  # gzip may hold several members, one after the other (RFC 1952 section 2.2)
            unpacker = None
    return bytes(whole)


def _unpacker(name: str, begins: bytes) -> zlib._Decompress:
    # Servers send "deflate" with and without the zlib header that RFC 9110 asks for.
    has_header = (begins[0] & 0x0F) == zlib.DEFLATED and int.from_bytes(begins) % 31 == 0  # RFC 1950
    is_raw = name == "deflate" and not has_header
    return zlib.decompressobj(-zlib.MAX_WBITS if is_raw else _GZIP_OR_ZLIB)
