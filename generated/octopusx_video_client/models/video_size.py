from typing import Literal

VideoSize = Literal["1080P", "720P"]

VIDEO_SIZE_VALUES: set[VideoSize] = {
    "1080P",
    "720P",
}


def check_video_size(value: str) -> VideoSize:
    if value in VIDEO_SIZE_VALUES:
        return value
    raise TypeError(
        f"Unexpected value {value!r}. Expected one of {VIDEO_SIZE_VALUES!r}"
    )
