"""A playable MP4 file of any length, made of one second that was encoded before.

The second is `second.mp4` (made by `mock/video/make.py`): ten frames of H.264 that begin with a key frame, refer to
nothing else and end where they begin. Its bytes are repeated, and new tables say where each frame is
and how long it shows; nothing is encoded, so a file costs milliseconds and needs the standard library alone.

The boxes are those of ISO/IEC 14496-12, whose sections the comments name. Numbers are big-endian; a box is its size in
bytes, a kind of four letters and a body. The tables precede the media, so a player can begin before it has the file.
"""

from __future__ import annotations

import functools
import struct
from collections.abc import Iterator
from pathlib import Path

# A longer video has as many frames and shows them more slowly: its size ends below one megabyte.
MAX_LOOPS = 600
# A frame shows for 32 bits of ticks (8.6.1.2), of which some readers keep the highest for a sign.
MAX_FRAME_TICKS = 2**31 - 1
# A duration of 32 bits ends before this, for all ones means that none is known (8.2.2, 8.3.2, 8.4.2).
UNKNOWN = 2**32 - 1
# The boxes that hold boxes and nothing else, where something within is needed (8.2.1, 8.3.1, 8.4.1, 8.4.4, 8.5.1).
CONTAINERS = {"moov", "trak", "mdia", "minf", "stbl"}


@functools.lru_cache(maxsize=8)
def mp4(seconds: float) -> bytes:
    """An MP4 file of this length with one track of H.264, 160 by 90 pixels.

    Args:
        seconds: The length, 1 or more. Up to MAX_LOOPS seconds the video has ten frames each second and is right to the
            nearest frame. A longer one has as many frames as one of MAX_LOOPS seconds, is right to a 30th of a second,
            and ends after four and a half years at the latest.

    Raises:
        ValueError: The length is below one second, or no number.
    """
    return _second().video(seconds)


@functools.cache
def _second() -> Second:
    return Second(Path(__file__).with_name("second.mp4").read_bytes())


class Second:
    """A second of video that may follow itself, and the longer ones made of it.

    Args:
        file: The second as an MP4 file of one track, each box below 4 GiB and with its own headers in version 0.
    """

    def __init__(self, file: bytes) -> None:
        self._old = dict(_leaves(file))
        # 8.7.3: flags, one size for all frames (0: each has its own), their number, their sizes.
        self._sizes = [size for (size,) in struct.iter_unpack(">I", self._old["stsz"][12:])]
        self._frames = len(self._sizes)
        # 8.4.2: flags, two dates, ticks per second.
        (self._timescale,) = struct.unpack_from(">I", self._old["mdhd"], 12)

    def video(self, seconds: float) -> bytes:
        """The second, repeated to this length: see `mp4`."""
        if not seconds >= 1:  # so written, it catches not-a-number as well
            raise ValueError(f"a video can't be {seconds} seconds long; ask for 1 or more")
        count = round(min(seconds, MAX_LOOPS) * self._frames)
        ticks = self._timescale // self._frames
        if seconds > MAX_LOOPS:
            # The limit is applied first: infinity has no nearest tick.
            ticks = round(min(seconds, MAX_FRAME_TICKS * count / self._timescale) * self._timescale / count)
        loops, rest = divmod(count, self._frames)
        end = sum(self._sizes[:rest])
        media = self._old["mdat"] * loops + self._old["mdat"][:end]
        # The tables say where the media begin, which is behind them; their size does not depend on it.
        head = _box("ftyp", self._old["ftyp"])
        place = len(head + self._moov(count, ticks, 0) + _box("mdat"))
        return head + self._moov(count, ticks, place) + _box("mdat", media)

    def _moov(self, count: int, ticks: int, place: int) -> bytes:
        """The tables (8.2.1) of `count` frames that show for `ticks` each, the first at byte `place` of the file."""
        old, duration = self._old, count * ticks
        # The film counts in the ticks of its only track, so the three durations are one number.
        timescale = struct.pack(">I", self._timescale)
        track = old["tkhd"][12:20]  # its number, and 32 bits reserved
        keys = range(1, count + 1, self._frames)
        samples = _box(
            "stbl",
            _box("stsd", old["stsd"]),  # 8.5.2: how to decode; H.264's parameter sets are in here
            _table("stts", 1, count, ticks),  # 8.6.1.2: in one run, so many frames of so many ticks
            _table("stss", len(keys), *keys),  # 8.6.2: where decoding may begin
            _table("stsc", 1, 1, count, 1),  # 8.7.4: chunk 1 has all frames, and the first entry of stsd decodes them
            _table("stsz", 0, count, *(self._sizes * MAX_LOOPS)[:count]),  # 8.7.3: no common size, and each frame's own
            _table("stco", 1, place),  # 8.7.5: where the only chunk begins
        )
        information = _box("minf", _box("vmhd", old["vmhd"]), _box("dinf", old["dinf"]), samples)
        media = _box("mdia", _header("mdhd", old["mdhd"], timescale, duration), _box("hdlr", old["hdlr"]), information)
        return _box(
            "moov",
            _header("mvhd", old["mvhd"], timescale, duration),
            _box("trak", _header("tkhd", old["tkhd"], track, duration), media),
        )


def _leaves(data: bytes) -> Iterator[tuple[str, bytes]]:
    """Each box that is no container, with its body, in the order of the file (4.2)."""
    while data:
        size, kind = struct.unpack_from(">I4s", data)
        name, body = kind.decode("ascii"), data[8:size]
        if name in CONTAINERS:
            yield from _leaves(body)
        else:
            yield name, body
        data = data[size:]


def _box(kind: str, *parts: bytes) -> bytes:
    """A box with this body (4.2)."""
    body = b"".join(parts)
    return struct.pack(">I4s", 8 + len(body), kind.encode("ascii")) + body


def _table(kind: str, *numbers: int) -> bytes:
    """A box of version 0, without flags, that is 32-bit numbers and nothing else (4.2)."""
    return _box(kind, struct.pack(f">{1 + len(numbers)}I", 0, *numbers))


def _header(kind: str, old: bytes, middle: bytes, duration: int) -> bytes:
    """A header of film (mvhd, 8.2.2), track (tkhd, 8.3.2) or media (mdhd, 8.4.2) with another duration.

    All three are: version and flags, two dates (0: unknown), a middle, the duration, and a rest that is kept. Version
    1 has 64 bits for dates and duration; it is for the long videos alone, as some players know only version 0.

    Args:
        kind: Which of the three.
        old: The body of such a header of version 0.
        middle: In mvhd and mdhd the ticks per second, in tkhd the track's number and 32 bits reserved.
        duration: In ticks.
    """
    flags, rest = old[1:4], old[4 + 4 + 4 + len(middle) + 4 :]
    if duration < UNKNOWN:
        return _box(kind, b"\0", flags, bytes(4 + 4), middle, struct.pack(">I", duration), rest)
    return _box(kind, b"\1", flags, bytes(8 + 8), middle, struct.pack(">Q", duration), rest)
