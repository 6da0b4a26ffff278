"""Invalid fields of a submit that are accepted."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

from tests.defects._defect import CREATE, EXTEND, EXTENDS, UNIFIED, Table, drop
from tests.defects._requests import Fix, flat_video, start_time, takes

_DEFAULT_MODEL = "grok-video-3"
_SOURCE = "grok:f673ba58-b053-4d8d-8938-c0b429de4d7f"
_FIELDS = (
    "model", "prompt", "images", "size", "aspect_ratio", "start_time", "upscale", "video", "duration", "task_id",
)  # fmt: skip


def _field(name: str, is_wrong: Callable[[Any], bool], becomes: Callable[[Any], Any]) -> Fix:
    return lambda value: {**value, name: becomes(value[name])} if name in value and is_wrong(value[name]) else value


def _without(name: str, is_wrong: Callable[[Any], bool]) -> Fix:
    return lambda value: {field: one for field, one in value.items() if field != name or not is_wrong(one)}


def _default(name: str, given: Any) -> Fix:
    return lambda value: {name: given, **value}


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_digits(value: Any) -> bool:
    return isinstance(value, str) and value.isdigit()


def _is_bool(value: Any) -> bool:
    return isinstance(value, bool)


def _is_broken(value: Any) -> bool:
    return isinstance(value, float) and not value.is_integer()


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_null(value: Any) -> bool:
    return value is None


def _is_blank(value: Any) -> bool:
    return isinstance(value, str) and not value.strip()


def _is_list(value: Any) -> bool:
    return isinstance(value, list)


def _is_link(value: Any) -> bool:
    return isinstance(value, str) and value.startswith(("http://", "https://"))


def _link_of_video(value: dict[str, Any]) -> dict[str, Any]:
    video = value.get("video")
    linked = isinstance(video, dict) and _is_link(video.get("url"))
    return {**value, "video": {"url": _SOURCE}} if linked else value


def _video_as_text(value: dict[str, Any]) -> dict[str, Any]:
    video = value.get("video")
    return {**value, "video": {"url": video}} if isinstance(video, str) else value


def _first_image(value: dict[str, Any]) -> dict[str, Any]:
    images = value.get("images")
    return {**value, "images": images[:1]} if isinstance(images, list) and len(images) > 1 else value


def _text_images(value: dict[str, Any]) -> dict[str, Any]:
    images = value.get("images")
    if not isinstance(images, list):
        return value
    return {**value, "images": [one for one in images if isinstance(one, str) and "://" in one and _is_link(one)]}


def _spaced(value: dict[str, Any]) -> dict[str, Any]:
    return _field("task_id", lambda one: _is_text(one) and one != one.strip(), str.strip)(value)


def _address(image: Any) -> Any:
    if not isinstance(image, dict):
        return image
    inner = image.get("url", image.get("image_url", image))
    return inner.get("url", image) if isinstance(inner, dict) else inner


def _video_of_list(one: Any) -> Any:
    return one[0]


def _names_in_any_case(value: dict[str, Any]) -> dict[str, Any]:
    """As the decoder of Go has it: an exact name first, then one that differs in its case."""
    return {name.lower() if name.lower() in _FIELDS and name.lower() not in value else name: one
            for name, one in value.items()}  # fmt: skip


def _is_size_wrong(value: dict[str, Any]) -> bool:
    return "size" in value and value["size"] not in ("720P", "1080P")


def _size_with_upscale(value: dict[str, Any]) -> dict[str, Any]:
    return drop("size")(value) if _is_size_wrong(value) and "upscale" not in value else value


def _last_image(value: dict[str, Any]) -> dict[str, Any]:
    images = value.get("images")
    return {**value, "images": images[-1:]} if isinstance(images, list) and len(images) > 1 else value


def _prompt_by_images(value: dict[str, Any]) -> dict[str, Any]:
    return {**value, "prompt": "-"} if value.get("images") and "prompt" not in value else value


def _negative_with_duration(value: dict[str, Any]) -> dict[str, Any]:
    start = value.get("start_time")
    return {**value, "start_time": 0} if "duration" in value and type(start) is int and start < 0 else value


def _trimmed_source(value: dict[str, Any]) -> dict[str, Any]:
    video = value.get("video")
    if not isinstance(video, dict) or not isinstance(video.get("url"), str):
        return value
    return {**value, "video": {**video, "url": video["url"].strip()}}


def _bare_scheme(image: Any) -> Any:
    return image + "-" if isinstance(image, str) and re.fullmatch(r"(?i)https?://|data:image/", image) else image


def _with_scheme(image: Any) -> Any:
    if not isinstance(image, str) or re.match(r"[A-Za-z][A-Za-z0-9+.-]*:", image):
        return image
    return (
        f"https:{image}" if image.startswith("//") else f"https://{image}" if re.match(r"[\w-]+\.\w", image) else image
    )


DEFECTS: Table = {
    ("size-480p", "R41", "a size of 480P is taken"): takes(
        _field("size", lambda one: one == "480P", lambda _: "720P"), EXTENDS
    ),
    ("size-lower-case", "R41", "a size is taken in lower case"): takes(_field("size", _is_text, str.upper), EXTENDS),
    ("size-any", "R41", "the unified submit takes any text for a size"): takes(
        _field("size", _is_text, lambda _: "720P"), {UNIFIED}
    ),
    ("size-number", "R41", "extendVideo takes a number for a size"): takes(
        _field("size", _is_number, lambda one: f"{one}P"), {EXTEND}
    ),
    ("duration-8", "R41", "a duration of 8 is taken"): takes(_field("duration", lambda one: one == 8, lambda _: 10)),
    ("duration-any", "R41", "any whole number is taken for a duration"): takes(
        _field("duration", _is_number, lambda one: one if one in {6, 10, 15} else 10)
    ),
    ("duration-text", "R41", "a duration is taken as text"): takes(_field("duration", _is_digits, int)),
    ("duration-null", "R41", "a duration of null is taken for none"): takes(_without("duration", _is_null)),
    ("start-time-text", "R41", "a start_time is taken as text"): takes(_field("start_time", _is_digits, int)),
    ("start-time-float", "R41", "a start_time is cut to whole seconds"): takes(_field("start_time", _is_broken, int)),
    ("start-time-negative", "R41", "a negative start_time is taken for zero"): takes(
        _field("start_time", lambda one: _is_number(one) and one < 0, lambda _: 0)
    ),
    ("start-time-negative-on-extend", "R41", "extendVideo takes a negative start_time"): takes(
        _field("start_time", lambda one: _is_number(one) and one < 0, lambda _: 0), {EXTEND}
    ),
    ("start-time-bool", "R41", "true is taken for a start_time of one"): takes(_field("start_time", _is_bool, int)),
    ("start-time-missing", "R41", "createVideoExtension takes a body without start_time"): takes(
        _default("start_time", 0), {CREATE}
    ),
    ("start-time-null", "R41", "a start_time of null is taken for zero"): takes(
        _field("start_time", _is_null, lambda _: 0)
    ),
    ("upscale-text", "R41", "upscale is taken as text"): takes(_field("upscale", _is_text, lambda _: True), EXTENDS),
    ("upscale-number", "R41", "upscale is taken as 0 or 1"): takes(_field("upscale", _is_number, bool), EXTENDS),
    ("optional-null", "R41", "null is taken for an optional field that is left out"): takes(
        lambda value: {name: one for name, one in value.items() if one is not None}, EXTENDS
    ),
    ("prompt-blank", "R41", "a blank prompt is taken"): takes(_field("prompt", _is_blank, lambda _: "-")),
    ("prompt-blank-on-unified", "R41", "the unified submit takes a prompt of blanks"): takes(
        _field("prompt", lambda one: _is_blank(one) and one != "", lambda _: "-"), {UNIFIED}
    ),
    ("prompt-empty", "R41", "an empty prompt is taken"): takes(_field("prompt", lambda one: one == "", lambda _: "-")),
    ("prompt-missing", "R41", "extendVideo takes a body without a prompt"): takes(_default("prompt", "-"), {EXTEND}),
    ("prompt-number", "R41", "a number is taken for a prompt"): takes(_field("prompt", _is_number, str)),
    ("prompt-list", "R41", "createVideoExtension joins a list to a prompt"): takes(
        _field("prompt", _is_list, lambda one: " ".join(map(str, one)) or "-"), {CREATE}
    ),
    ("model-missing", "R41", "a model that is left out is grok-video-3"): takes(_default("model", _DEFAULT_MODEL)),
    ("model-missing-on-unified", "R41", "the unified submit alone takes a body without a model"): takes(
        _default("model", _DEFAULT_MODEL), {UNIFIED}
    ),
    ("model-blank", "R41", "a blank model is taken for the default"): takes(
        _field("model", _is_blank, lambda _: _DEFAULT_MODEL)
    ),
    ("model-number", "R41", "a number is taken for a model"): takes(_field("model", _is_number, str)),
    ("images-text", "R41", "one address is taken for a list of images"): takes(
        _field("images", _is_text, lambda one: [one]), EXTENDS
    ),
    ("images-only-first", "R41", "the images behind the first are not looked at"): takes(_first_image, EXTENDS),
    ("images-unchecked", "R41", "anything is taken in a list of images"): takes(_text_images, EXTENDS),
    ("images-ftp", "R41", "an ftp address of an image is taken"): takes(
        _field("images", _is_list, lambda one: [str(image).replace("ftp://", "http://") for image in one]), EXTENDS
    ),
    ("images-null", "R41", "the unified submit takes images of null"): takes(_without("images", _is_null), {UNIFIED}),
    ("ratio-number", "R41", "a number is taken for an aspect_ratio"): takes(
        _field("aspect_ratio", _is_number, str), EXTENDS
    ),
    ("ratio-list", "R41", "extendVideo takes a list for an aspect_ratio"): takes(
        _field("aspect_ratio", _is_list, lambda one: ":".join(map(str, one))), {EXTEND}
    ),
    ("video-link", "R41", "createVideoExtension takes the http address of a video"): takes(_link_of_video, {CREATE}),
    ("video-text", "R41", "createVideoExtension takes the id itself for video"): takes(_video_as_text, {CREATE}),
    ("video-flat", "R41", "createVideoExtension takes a key video.url"): takes(flat_video, {CREATE}),
    ("source-missing", "R41", "the unified submit goes on from a finished task where no source is named"): takes(
        _default("task_id", _SOURCE), {UNIFIED}
    ),
    ("source-link", "R41", "the unified submit takes an http address for a task"): takes(
        _field("task_id", _is_link, lambda _: _SOURCE), {UNIFIED}
    ),
    ("source-with-blanks", "R41", "the unified submit cuts blanks off a task_id"): takes(_spaced, {UNIFIED}),
}

RARE: Table = {
    ("duration-with-fraction", "R41", "a duration is cut to whole seconds"): takes(
        _field("duration", lambda one: isinstance(one, float), int), {CREATE}
    ),
    ("size-empty", "R41", "extendVideo takes an empty size for none"): takes(
        _without("size", lambda one: one == ""), {EXTEND}
    ),
    ("images-as-objects", "R41", "an image may be an object with a url, as in the chat format"): takes(
        _field("images", lambda one: isinstance(one, list), lambda one: [_address(image) for image in one]), EXTENDS
    ),
    ("images-of-any-data", "R41", "a data URL of anything is taken for an image"): takes(
        _field(
            "images",
            lambda one: isinstance(one, list),
            lambda one: [
                re.sub(r"^data:[^,]*", "data:image/png;base64", image) if isinstance(image, str) else image
                for image in one
            ],
        ),
        EXTENDS,
    ),
    ("prompt-of-wide-blanks", "R41", "a prompt of blanks outside of ASCII is taken"): takes(
        _field(
            "prompt",
            lambda one: (
                isinstance(one, str) and not one.isascii() and not re.sub(r"[\s\u200b-\u200f\u2060\ufeff]", "", one)
            ),
            lambda _: "-",
        )
    ),
    ("model-null", "R41", "a model of null is taken for the default"): takes(
        _field("model", lambda one: one is None, lambda _: "grok-video-3")
    ),
    ("video-in-list", "R41", "createVideoExtension takes the first of a list of videos"): takes(
        _field("video", lambda one: isinstance(one, list) and bool(one), _video_of_list), {CREATE}
    ),
    ("field-names-in-any-case", "R41", "fields are named in any case, as in Go"): takes(_names_in_any_case),
    ("only-size-checked-with-upscale", "R41", "extendVideo looks at size only where upscale is sent"): takes(
        _size_with_upscale, {EXTEND}
    ),
    ("only-last-image-alone", "R41", "the unified submit looks at the last image alone"): takes(_last_image, {UNIFIED}),
    ("only-prompt-optional-with-images", "R41", "the extends take a body without a prompt where it has images"): takes(
        _prompt_by_images, EXTENDS
    ),
    (
        "only-negative-start-with-duration",
        "R41",
        "createVideoExtension looks at start_time only without a duration",
    ): takes(_negative_with_duration, {CREATE}),
    ("only-video-url-trimmed", "R41", "createVideoExtension cuts blanks off video.url"): takes(
        _trimmed_source, {CREATE}
    ),
    ("only-image-scheme-alone", "R41", "extendVideo takes an image that is a scheme alone, such as https://"): takes(
        _field("images", lambda one: isinstance(one, list), lambda one: [_bare_scheme(image) for image in one]),
        {EXTEND},
    ),
    ("only-model-list", "R41", "extendVideo takes a list for a model"): takes(
        _field("model", lambda one: isinstance(one, list), lambda _: "grok-video-3"), {EXTEND}
    ),
    (
        "only-duration-unchecked-from-zero",
        "R41",
        "createVideoExtension looks at a whole duration only where start_time is past zero",
    ): takes(
        lambda value: (
            {**value, "duration": 10}
            if start_time(value) == 0 and type(value.get("duration")) is int and value["duration"] not in (6, 10, 15)
            else value
        ),
        {CREATE},
    ),
    ("duration-zero", "R41", "a duration of zero is taken for one that is left out"): takes(
        _without("duration", lambda one: type(one) is int and one == 0), {CREATE}
    ),
    ("start-time-empty-text", "R41", "a start_time of empty text is taken for one that is left out"): takes(
        _without("start_time", lambda one: one == ""), EXTENDS
    ),
    ("prompt-object", "R41", "extendVideo prints an object that is sent for a prompt"): takes(
        _field("prompt", lambda one: isinstance(one, dict), json.dumps), {EXTEND}
    ),
    ("images-empty-skipped", "R41", "empty texts and nulls in a list of images are left out"): takes(
        _field("images", _is_list, lambda one: [image for image in one if image not in ("", None)]), EXTENDS
    ),
    ("images-without-scheme", "R41", "an image's address without a scheme is taken for one of https"): takes(
        _field("images", _is_list, lambda one: [_with_scheme(image) for image in one]), {UNIFIED}
    ),
}
