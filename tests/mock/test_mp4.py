"""The mock's videos: real H.264 in real MP4 files, as a player reads them, of the length that was asked for."""

from __future__ import annotations

import io
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import av
import av.logging
import pytest
from av.container import InputContainer
from av.video.plane import VideoPlane
from octopusx_video_mock.tasks.mp4 import MAX_LOOPS, Second, mp4

ROOT = Path(__file__).parents[2]
LENGTHS = [6, 10, 14, 15, 16, 30, 601, 3600, 100_000]


@pytest.fixture(autouse=True)
def complaints() -> Iterator[None]:
    """Fails a test in which FFmpeg logs a warning or an error: its decoder hides the damage that it finds."""
    level = av.logging.get_level()
    av.logging.set_level(av.logging.WARNING)
    try:
        with av.logging.Capture(local=False) as logs:
            yield
    finally:
        av.logging.set_level(level)
    assert logs == []


def _open(file: bytes) -> InputContainer:
    return av.open(io.BytesIO(file), "r", format="mp4")


def _pictures(file: bytes) -> list[tuple[float, bytes]]:
    """When each frame shows, in seconds, and what it shows."""
    with _open(file) as container:
        return [(frame.time, b"".join(map(_samples, frame.planes))) for frame in container.decode(video=0)]


def _samples(plane: VideoPlane) -> bytes:
    rows = bytes(plane)
    # What lies in memory between the end of a row and the next is no part of the picture.
    starts = range(0, plane.height * plane.line_size, plane.line_size)
    return b"".join(rows[start : start + plane.width] for start in starts)


def _boxes(file: bytes) -> list[str]:
    kinds = []
    while file:
        size, kind = struct.unpack_from(">I4s", file)
        kinds.append(kind.decode())
        file = file[size:]
    return kinds


@pytest.mark.parametrize("seconds", LENGTHS)
def test_a_video_says_its_length(seconds: int) -> None:
    """File and track say the length that was asked for, and that they are H.264."""
    with _open(mp4(seconds)) as container:
        (stream,) = container.streams
        assert stream.type == "video"
        assert stream.codec_context.name == "h264"
        assert container.duration is not None
        assert stream.duration is not None
        assert stream.time_base is not None
        assert container.duration / av.time_base == pytest.approx(seconds, abs=0.04)
        assert float(stream.duration * stream.time_base) == pytest.approx(seconds, abs=0.04)


@pytest.mark.parametrize("seconds", [10, 100_000])
def test_file_track_and_media_agree(seconds: int) -> None:
    """Film, track and media say the same length, in 64 bits only where needed; players differ in which they ask."""
    file = mp4(seconds)
    for kind, middle in ((b"mvhd", ""), (b"tkhd", "8x"), (b"mdhd", "")):
        start = file.index(kind) + 4
        wide = file[start]
        assert wide == (seconds == 100_000)
        *_, duration = struct.unpack_from(
            f">4x{'16x' if wide else '8x'}{middle or 'I'}{'Q' if wide else 'I'}", file, start
        )
        assert duration == seconds * 90_000


@pytest.mark.parametrize("seconds", LENGTHS)
def test_key_frames_are_marked(seconds: int) -> None:
    """The table of key frames names the first frame of each loop, and FFmpeg finds them there and nowhere else."""
    file = mp4(seconds)
    start = file.index(b"stss") + 8
    (count,) = struct.unpack_from(">I", file, start)
    told = list(struct.unpack_from(f">{count}I", file, start + 4))
    with _open(file) as container:
        # FFmpeg looks into the frames, and marks them whatever the table says.
        found = [number for number, packet in enumerate(container.demux(video=0), 1) if packet.is_keyframe]
    assert told == found == list(range(1, 10 * min(seconds, MAX_LOOPS), 10))


@pytest.mark.parametrize("seconds", [6, 10])
def test_every_frame_decodes(seconds: int) -> None:
    """A video has ten frames a second, a tenth of a second apart, and each second shows the same ten pictures."""
    pictures = _pictures(mp4(seconds))
    assert [time for time, _ in pictures] == pytest.approx([number / 10 for number in range(10 * seconds)])
    first = [picture for _, picture in pictures[:10]]
    assert len(set(first)) == 10
    assert [picture for _, picture in pictures] == first * seconds


@pytest.mark.slow
def test_a_long_video_decodes_to_its_end() -> None:
    """Over MAX_LOOPS seconds there are no more frames; they are spread evenly to the end."""
    seconds = 3600
    times = [time for time, _ in _pictures(mp4(seconds))]
    assert times == pytest.approx([seconds * number / (10 * MAX_LOOPS) for number in range(10 * MAX_LOOPS)], abs=0.04)


@pytest.mark.parametrize(("seconds", "frames"), [(1, 10), (1.04, 10), (6.54, 65), (9.96, 100), (MAX_LOOPS - 0.1, 5999)])
def test_a_fraction_of_a_second_counts_to_the_frame(seconds: float, frames: int) -> None:
    """A length between two seconds is cut to the nearest frame, and the frames before the cut all decode."""
    with _open(mp4(seconds)) as container:
        assert container.streams.video[0].frames == frames
        assert container.duration == frames * av.time_base // 10
        assert sum(1 for _ in container.decode(video=0)) == frames


@pytest.mark.parametrize("seconds", LENGTHS)
def test_a_video_can_be_entered_in_the_middle(seconds: int) -> None:
    """A seek lands on the key frame before the time, at most one loop earlier, and decoding goes on from there."""
    middle, loop = seconds / 2, seconds / min(seconds, MAX_LOOPS)
    with _open(mp4(seconds)) as container:
        container.seek(int(middle * av.time_base))
        frames = container.decode(video=0)
        frame = next(frames)
        assert frame.key_frame
        assert middle - loop - 0.04 < frame.time <= middle + 0.04
        assert next(frames).time == pytest.approx(frame.time + loop / 10, abs=0.04)


@pytest.mark.parametrize("seconds", LENGTHS)
def test_a_video_can_be_played_while_it_loads(seconds: int) -> None:
    """The file names its type, then its tables, then has its media."""
    assert _boxes(mp4(seconds)) == ["ftyp", "moov", "mdat"]


def test_a_video_is_small() -> None:
    """Ten seconds stay below 50 KB, and the longest video below a megabyte."""
    assert len(mp4(10)) < 50_000
    assert len(mp4(float("inf"))) < 1_000_000


@pytest.mark.parametrize("seconds", [47_721, 47_722, 10**400, float("inf")])
def test_a_length_beyond_32_bits_is_told(seconds: float) -> None:
    """A duration that needs 64 bits is read as it was meant, and an endless one is some years long."""
    with _open(mp4(seconds)) as container:
        assert container.duration == pytest.approx(min(seconds, 143_165_576.5) * av.time_base, abs=av.time_base / 25)


@pytest.mark.parametrize("seconds", [0.99, 0, -1, float("-inf"), float("nan")])
def test_a_length_that_is_none_is_refused(seconds: float) -> None:
    """A length below a second is refused, and so is what is no number."""
    with pytest.raises(ValueError, match=rf"^a video can't be {seconds} seconds long; ask for 1 or more$"):
        mp4(seconds)


def test_the_second_can_be_made_again(tmp_path: Path) -> None:
    """The script makes a second of which a video can be made, whatever bytes this release of the encoder chooses."""
    path = tmp_path / "second.mp4"
    subprocess.run([sys.executable, "mock/video/make.py", str(path)], cwd=ROOT, check=True)
    file = path.read_bytes()
    assert len(file) <= 4096
    pictures = _pictures(Second(file).video(6))
    assert len(pictures) == 60
    assert len({picture for _, picture in pictures}) == 10
