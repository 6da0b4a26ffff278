"""How long a video is, as a decoder sees it."""

from __future__ import annotations

import io


def seconds_of(video: bytes) -> float | None:
    """The length of a video in seconds, when its first picture can be decoded; None when it can't.

    Read with PyAV (FFmpeg), whose word on what is a playable video counts for more than a reader of boxes.
    """
    import av  # noqa: PLC0415 - only here, and not quick to import

    try:
        with av.open(io.BytesIO(video), mode="r") as container:
            if next(iter(container.decode(video=0)), None) is None or not container.duration:
                return None
            return float(container.duration / av.time_base)
    except (av.FFmpegError, IndexError, ValueError):
        return None
