"""One range, or several at once: what is asked for, and what RFC 9110 allows in response. Pure: nothing is sent."""

from __future__ import annotations

import email
import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from octopusx_video_contract.messages.http import Response

MULTIPART = "multipart/byteranges"
_CONTENT_RANGE = re.compile(r"bytes ([0-9]{1,18})-([0-9]{1,18})/([0-9]{1,18}|\*)")
_SMALLEST = 64
"""Bytes: no video is as small, but what a server takes for one may be."""
_MANY = 64

Range = tuple[int, int]
"""First and last byte, both included."""


class Wanted(NamedTuple):
    """What a Range asks for.

    Attributes:
        header: Its value.
        ranges: What of it is there.
        may_be_refused: Whether a server may reject it for what it is (RFC 9110 section 14.2).
    """

    header: str
    ranges: tuple[Range, ...]
    may_be_refused: bool = False


def is_in_parts(response: Response) -> bool:
    """Whether a response to several ranges comes in parts, which is right (R24), though no operation documents it."""
    asked = response.request.header("Range") or ""
    return response.status == 206 and response.media_type == MULTIPART and "," in asked


def part_faults(response: Response, whole: bytes, first: int, last: int) -> Iterator[str]:
    """What is wrong with the response to a Range from first to last, both included; past the end where first is."""
    size, reported = len(whole), response.headers.get("content-range", "")
    if response.status == 200:  # a server may ignore Range, and then sends all of it
        if response.content != whole:
            yield "got 200 without the whole video"
    elif first >= size:
        if response.status != 416:
            yield f"begins past the end and got {response.status}"
        elif reported not in {"", f"bytes */{size}"}:
            yield f"begins past the end of {size} bytes, and Content-Range is {reported!r}"
    elif response.status != 206:
        yield f"got {response.status}"
    elif reported not in {f"bytes {first}-{last}/{size}", f"bytes {first}-{last}/*"}:
        yield f"are bytes {first}-{last}/{size}, and Content-Range is {reported!r}"
    elif response.content != whole[first : last + 1]:
        yield f"are not the bytes from {first} to {last} of the whole"


def several(size: int) -> Iterator[Wanted]:
    """Ranges of a video of so many bytes, several at once; none of one that is too small for them to differ."""
    if size < _SMALLEST:
        return
    end = size - 1
    past = f"{size + 1000}-{size + 2000}"
    yield Wanted("bytes=0-9,20-29", ((0, 9), (20, 29)))
    yield Wanted("bytes=0-9, 20-29", ((0, 9), (20, 29)))
    yield Wanted(f"bytes=0-9,{size // 2}-", ((0, 9), (size // 2, end)))
    yield Wanted("bytes=0-9,-10", ((0, 9), (size - 10, end)))
    yield Wanted("bytes=20-29,0-9", ((20, 29), (0, 9)))
    yield Wanted("bytes=0-19,10-29", ((0, 19), (10, 29)))
    yield Wanted(f"bytes=0-9,{past}", ((0, 9),))
    yield Wanted(f"bytes={past},0-9", ((0, 9),))
    yield Wanted(f"bytes={size}-{size + 9},{past}", ())
    small = tuple((at, at) for at in reversed(range(0, min(2 * _MANY, size), 2)))
    yield Wanted("bytes=" + ",".join(f"{first}-{last}" for first, last in small), small, may_be_refused=True)


def faults(response: Response, whole: bytes, wanted: Wanted) -> Iterator[str]:
    """What is wrong with 200, 206 or 416 in response to several ranges of a video whose bytes are known."""
    if response.status == 200 and response.content != whole:
        yield "what arrived with 200 is not the whole video"
    elif response.status == 416 and wanted.ranges and not wanted.may_be_refused:
        first, last = wanted.ranges[0]
        yield f"got 416, though the bytes {first} to {last} are there"
    elif response.status == 206 and not wanted.ranges:
        yield "begins past the end and got 206"
    elif response.status == 206 and response.media_type == MULTIPART:
        yield from _of_parts(response, whole, wanted.ranges)
    elif response.status == 206:
        _, fault = _part(response.headers.get("content-range", ""), response.content, whole, wanted.ranges)
        if fault:
            yield fault


def _of_parts(response: Response, whole: bytes, wanted: Sequence[Range]) -> Iterator[str]:
    if "content-range" in response.headers:
        yield f"arrived in parts, with a Content-Range of all of them, {response.headers['content-range']!r}"
    head = f"Content-Type: {response.headers['content-type']}\r\n\r\n".encode("latin-1")
    message = email.message_from_bytes(head + response.content)
    if not message.is_multipart() or message.defects:
        yield f"was sent as {response.headers['content-type']!r}, and its parts can't be separated"
        return
    received: list[Range] = []
    for part in message.walk():
        if part is message:
            continue
        content = part.get_payload(decode=True)
        content = content if isinstance(content, bytes) else b""
        reported, fault = _part(str(part.get("Content-Range", "")), content, whole, wanted)
        if fault:
            yield f"in a part of several, {fault}"
        received += [reported] if reported else []
    for first, last in wanted:
        if not _covered(first, last, received):
            yield f"no part has the bytes {first} to {last}"
            return


def _part(reported: str, content: bytes, whole: bytes, wanted: Sequence[Range]) -> tuple[Range | None, str]:
    """The bytes that a part is said to be, and what is wrong with it: it is one of those wanted, or spans some."""
    match = _CONTENT_RANGE.fullmatch(reported)
    if match is None:
        return None, f"Content-Range is {reported!r}" if reported else "there is no Content-Range"
    first, last = int(match[1]), int(match[2])
    is_wanted = first in {one for one, _ in wanted} and last in {one for _, one in wanted}
    if not is_wanted or not any(first <= one and other <= last for one, other in wanted):
        return None, f"Content-Range is {reported!r}, which was not asked for"
    if match[3] not in {"*", str(len(whole))}:
        return None, f"Content-Range is {reported!r}, and the video has {len(whole)} bytes"
    if content != whole[first : last + 1]:
        return None, f"Content-Range is {reported!r}, and other bytes arrived"
    return (first, last), ""


def _covered(first: int, last: int, received: Sequence[Range]) -> bool:
    for one, other in sorted(received):
        if one <= first <= other:
            first = other + 1
    return first > last
