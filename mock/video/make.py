"""Make the second of moving picture that every video of the mock repeats.

python mock/video/make.py            # writes mock/octopusx_video_mock/tasks/second.mp4
python mock/video/make.py OTHER.mp4

It needs PyAV, which brings libx264. The mock needs neither: `octopusx_video_mock/tasks/mp4.py` repeats the bytes made
here, so a video of any length costs no encoding, and the mock no dependency. What that asks of the asset, and how it is
had:

- It ends where it begins: a disc goes round once in FRAMES steps, and the last of them leads from the last frame to the
  first.
- It may follow itself: one closed group of pictures, an IDR frame and then only frames that point back to it and to
  each other (keyint, bframes).
- It is small, for a video of the mock repeats it up to 600 times: a small picture, few colours, a coarse quantizer
  (qp), and not the encoder's message about itself (SEI, NAL unit type 6), which is longer than the key frame.
- It has no rate of its own: a long video shows the frames more slowly, so the stream promises no fixed one (force-cfr).
- It can be made again: one thread, and no version or date in the file (bitexact). Another release of libx264 may still
  choose other bytes, so the asset is committed, and a test asks only that a new one works.
"""

from __future__ import annotations

import argparse
import math
from fractions import Fraction
from pathlib import Path

import av
from av.bitstream import BitStreamFilterContext

ASSET = Path(__file__).resolve().parents[1] / "octopusx_video_mock" / "tasks" / "second.mp4"
WIDTH, HEIGHT = 160, 90
FRAMES = 10  # per second and in all
TIMESCALE = 90_000  # ticks per second, as everywhere in MPEG; a frame takes 9000 of them
RADIUS = 14  # of the disc, in pixels
ORBIT = 48, 24  # how far its middle goes from the picture's, in pixels across and down

# Of each plane (luma, blue difference, red difference) the background's and the disc's sample, in limited range.
COLOURS = ((60, 190), (150, 70), (120, 170))

ENCODER = {
    "preset": "veryslow",
    "tune": "animation",
    "profile": "baseline",  # what every player knows; it has no B-frames
    "qp": "34",
    "refs": "1",  # a decoder in hardware may have room for few
    "threads": "1",
    "x264-params": f"keyint={FRAMES}:min-keyint={FRAMES}:scenecut=0:bframes=0:open-gop=0:force-cfr=0",
}
MUXER = {
    "video_track_timescale": str(TIMESCALE),
    "write_btrt": "0",  # a bit rate, which is another one in a slower video
    "fflags": "bitexact",
}


def picture(step: int) -> av.VideoFrame:
    """The picture after so many of FRAMES steps, in yuv420p: the disc has gone round by step / FRAMES of a turn."""
    frame = av.VideoFrame(WIDTH, HEIGHT, "yuv420p")
    turn = math.tau * step / FRAMES
    middle = WIDTH / 2 + ORBIT[0] * math.cos(turn), HEIGHT / 2 + ORBIT[1] * math.sin(turn)
    for plane, (ground, disc) in zip(frame.planes, COLOURS, strict=True):
        scale = WIDTH / plane.width  # the planes of colour have a sample for each two pixels
        rows = bytearray()
        for y in range(plane.height):
            row = bytearray([ground]) * plane.line_size  # wider than the picture, for alignment
            for x in range(plane.width):
                if math.dist(((x + 0.5) * scale, (y + 0.5) * scale), middle) < RADIUS:
                    row[x] = disc
            rows += row
        plane.update(bytes(rows))
    frame.pts = step
    frame.time_base = Fraction(1, FRAMES)
    return frame


def make(path: Path) -> None:
    """Write the asset: one second of H.264 in an MP4 file."""
    with av.open(path, "w", format="mp4", container_options=MUXER) as container:
        stream = container.add_stream("libx264", rate=FRAMES, options=ENCODER, width=WIDTH, height=HEIGHT)
        container.start_encoding()
        trimmed = BitStreamFilterContext("filter_units=remove_types=6", stream)
        for frame in [*map(picture, range(FRAMES)), None]:
            for packet in stream.encode(frame):
                container.mux(trimmed.filter(packet))
        container.mux(trimmed.filter(None))


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description="Make the second of moving picture that every video repeats.")
    parser.add_argument("path", nargs="?", type=Path, default=ASSET, help="where to write it (%(default)s)")
    make(parser.parse_args().path)


if __name__ == "__main__":
    main()
