"""Whether a file is a complete mp4 file, by its boxes alone (ISO/IEC 14496-12)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

_MEDIA = frozenset({b"mdat", b"imda"})
_MOVIE = b"moov"
_FRAGMENT = b"moof"
_TRACK_TABLES = (b"trak", b"mdia", b"minf", b"stbl")
"""The boxes that hold, one in the other, where a track's data lies (section 8.7)."""
_MAX_MOVIE = 64_000_000
"""A description of a video that is larger is not looked into, in bytes."""


class Box(NamedTuple):
    """One box of a file.

    Attributes:
        kind: Its type, four bytes.
        begin: Where its content begins, in bytes from the beginning of the file.
        end: Where it ends.
    """

    kind: bytes
    begin: int
    end: int


class Incomplete(NamedTuple):
    """What is wrong with a file.

    Attributes:
        reason: For people.
        is_mp4: Whether it begins like an mp4 file, so that the rest may make it complete.
    """

    reason: str
    is_mp4: bool


def incomplete(file: BinaryIO, size: int) -> Incomplete | None:
    """What keeps a file from being a complete mp4 file; None where it is one.

    Its boxes follow one another to the very end; a last one of size 0 runs to the end (section 4.2). It has a movie
    box, and media data for it. A file in fragments may end behind each of them (section 8.8).

    Args:
        file: The file, open for reading.
        size: Its length in bytes.
    """
    boxes: list[Box] = []
    for box in _boxes(file, 0, size):
        if box is None or box.end > size:
            return _cut(file, boxes, box, size)
        boxes.append(box)
    kinds = [box.kind for box in boxes]
    if _MOVIE not in kinds:
        return Incomplete(f"the file has no {_MOVIE.decode()} box, which describes the video", is_mp4=bool(boxes))
    last_fragment = len(kinds) - kinds[::-1].index(_FRAGMENT) if _FRAGMENT in kinds else 0
    if _MEDIA.isdisjoint(kinds[last_fragment:]):
        return Incomplete("the file ends before its media data", is_mp4=True)
    if max(_chunk_offsets(file, boxes), default=0) >= size:
        return Incomplete(f"the file describes media data behind its {size:,} bytes", is_mp4=True)
    return None


def _cut(file: BinaryIO, before: list[Box], box: Box | None, size: int) -> Incomplete:
    if box is not None and (before or _is_plausible(box.kind)):
        return Incomplete(
            f"the file ends after {size:,} bytes, inside of its {box.kind.decode('latin-1')} box", is_mp4=True
        )
    if before:
        return Incomplete(f"what follows byte {before[-1].end:,} is no mp4 box", is_mp4=True)
    file.seek(0)
    beginning = file.read(40)
    if size < 8 and b"ftyp".startswith(beginning[4:]):
        return Incomplete(f"the file ends after {size} bytes", is_mp4=True)
    return Incomplete(f"it is no mp4 file, it begins with {beginning.decode('utf-8', 'replace')!r}", is_mp4=False)


def _is_plausible(kind: bytes) -> bool:
    return kind in {b"ftyp", b"styp", b"moov", b"mdat", b"moof", b"free", b"skip", b"wide", b"sidx", b"uuid", b"pdin"}


def _boxes(file: BinaryIO, at: int, end: int) -> Iterator[Box | None]:
    """The boxes from one place of a file to another; None for what is no box, which is the last."""
    while at < end:
        file.seek(at)
        head = file.read(min(16, end - at))
        size, kind, content = int.from_bytes(head[:4]), head[4:8], at + 8
        if size == 1:
            size, content = int.from_bytes(head[8:16]), at + 16
        elif size == 0:
            size = end - at
        if len(head) < content - at or size < content - at:
            yield None
            return
        yield Box(kind, content, at + size)
        at += size


def _chunk_offsets(file: BinaryIO, boxes: list[Box]) -> Iterator[int]:
    """Where the movie's tables say that media data begins; the tables of a file in fragments are empty."""
    for box in boxes:
        if box.kind == _MOVIE and box.end - box.begin <= _MAX_MOVIE:
            for table in _inside(file, box, _TRACK_TABLES):
                file.seek(table.begin)
                data = file.read(table.end - table.begin)
                width = 8 if table.kind == b"co64" else 4
                count = min(int.from_bytes(data[4:8]), (len(data) - 8) // width)
                yield from (int.from_bytes(data[8 + n * width :][:width]) for n in range(count))


def _inside(file: BinaryIO, box: Box, path: tuple[bytes, ...]) -> Iterator[Box]:
    for inner in _boxes(file, box.begin, box.end):
        if inner is None or inner.end > box.end:
            return
        if path and inner.kind == path[0]:
            yield from _inside(file, inner, path[1:])
        elif not path and inner.kind in {b"stco", b"co64"}:
            yield inner
