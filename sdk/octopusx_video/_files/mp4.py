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
        is_unbounded: Whether it has the size 0, and runs to the end of the file.
    """

    kind: bytes
    begin: int
    end: int
    is_unbounded: bool = False


class Incomplete(NamedTuple):
    """What is wrong with a file.

    Attributes:
        reason: For people.
        is_mp4: Whether it begins like an mp4 file, so that the rest may make it complete.
    """

    reason: str
    is_mp4: bool


def incomplete(file: BinaryIO, size: int, *, has_ended: bool = True) -> Incomplete | None:
    """What keeps a file from being a complete mp4 file; None where it is one.

    Its boxes follow one another to the very end; a last one of size 0 runs to the end (section 4.2), and then the
    movie's tables say how far that is. It has a movie box, and media data for it. A file in fragments may end behind
    each of them (section 8.8).

    Args:
        file: The file, open for reading.
        size: Its length in bytes.
        has_ended: Whether the transfer has ended by itself; if it was cut, a file in fragments may lack some.
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
    if last_fragment and not has_ended:
        return Incomplete("the transfer was cut, and the file may have more fragments", is_mp4=True)
    if boxes[-1].is_unbounded and max(_ends_of_media(file, boxes), default=0) > size:
        return Incomplete(f"the file describes media data behind its {size:,} bytes", is_mp4=True)
    return None


def _cut(file: BinaryIO, before: list[Box], box: Box | None, size: int) -> Incomplete:
    if box is not None and (before or _is_plausible(box.kind)):
        return Incomplete(
            f"the file ends after {size:,} bytes, inside of its {box.kind.decode('latin-1')} box", is_mp4=True
        )
    if before:
        return Incomplete(f"what follows byte {before[-1].end:,} is not an mp4 box", is_mp4=True)
    file.seek(0)
    beginning = file.read(40)
    if size < 8 and b"ftyp".startswith(beginning[4:]):
        return Incomplete(f"the file ends after {size} bytes", is_mp4=True)
    return Incomplete(f"it is not an mp4 file; it begins with {beginning.decode('utf-8', 'replace')!r}", is_mp4=False)


def _is_plausible(kind: bytes) -> bool:
    return kind in {b"ftyp", b"styp", b"moov", b"mdat", b"moof", b"free", b"skip", b"wide", b"sidx", b"uuid", b"pdin"}


def _boxes(file: BinaryIO, at: int, end: int) -> Iterator[Box | None]:
    """The boxes from one place of a file to another; None for what is no box, which is the last."""
    while at < end:
        file.seek(at)
        head = file.read(min(16, end - at))
        size, kind, content = int.from_bytes(head[:4]), head[4:8], at + 8
        is_unbounded = size == 0
        if size == 1:
            size, content = int.from_bytes(head[8:16]), at + 16
        elif is_unbounded:
            size = end - at
        if len(head) < content - at or size < content - at:
            yield None
            return
        yield Box(kind, content, at + size, is_unbounded)
        at += size


def _ends_of_media(file: BinaryIO, boxes: list[Box]) -> Iterator[int]:
    """Where the last of each track's media data ends, by the movie's tables (sections 8.7.3 to 8.7.5)."""
    for movie in boxes:
        if movie.kind != _MOVIE or movie.end - movie.begin > _MAX_MOVIE:
            continue
        for track in _inside(file, movie, _TRACK_TABLES):
            tables = {box.kind: _read(file, box) for box in _boxes(file, track.begin, track.end) if box is not None}
            yield from _ends_of_chunks(tables)


def _ends_of_chunks(tables: dict[bytes, bytes]) -> Iterator[int]:
    offsets = _numbers(tables.get(b"stco", b""), 8) or _numbers(tables.get(b"co64", b""), 8, width=8)
    sizes, runs = tables.get(b"stsz", b""), _numbers(tables.get(b"stsc", b""), 8, of_each=3)
    common, each = int.from_bytes(sizes[4:8]), _numbers(sizes, 12)
    if not offsets or not runs or len(sizes) < 12:
        yield from (offset + 1 for offset in offsets)  # compact sizes: at least where each chunk begins is known
        return
    sample, run = 0, 0
    for number, offset in enumerate(offsets, 1):
        while run + 3 < len(runs) and runs[run + 3] <= number:
            run += 3
        count = runs[run + 1] if run + 1 < len(runs) else 0
        yield offset + (common * count if common else sum(each[sample : sample + count]))
        sample += count


def _numbers(table: bytes, begin: int, *, width: int = 4, of_each: int = 1) -> list[int]:
    """The numbers of a table from one place on; how many entries there are stands before it.

    Args:
        table: The content of the box.
        begin: Where its first entry begins.
        width: Bytes of a number.
        of_each: Numbers of an entry.
    """
    count = int.from_bytes(table[begin - 4 : begin]) * of_each
    end = min(len(table), begin + count * width)
    return [int.from_bytes(table[at : at + width]) for at in range(begin, end - width + 1, width)]


def _read(file: BinaryIO, box: Box) -> bytes:
    file.seek(box.begin)
    return file.read(box.end - box.begin)


def _inside(file: BinaryIO, box: Box, path: tuple[bytes, ...]) -> Iterator[Box]:
    """The boxes at a path of kinds inside of a box."""
    for inner in _boxes(file, box.begin, box.end):
        if inner is None or inner.end > box.end:
            return
        if inner.kind == path[0]:
            yield from _inside(file, inner, path[1:]) if path[1:] else (inner,)
