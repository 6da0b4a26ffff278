"""Valid requests that are rejected."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from octopusx_video_mock.messages import Request, Response

from tests.defects._concurrency import beside
from tests.defects._defect import (
    CONTENT,
    CREATE,
    EXTEND,
    EXTENDS,
    OK,
    QUERY,
    READ,
    READS,
    SUBMITS,
    UNIFIED,
    Make,
    Operations,
    Server,
    Table,
    altered,
    handles,
    named,
    restates,
    sent,
)
from tests.defects._requests import breaks, images_of, prompt_of, refusing, start_of, start_time

_MODELS = {"grok-video-3", "grok-video-3-pro", "grok-video-3-max"}
_RATIOS = {"2:3", "3:2", "1:1"}
_LONGEST = 500
_KNOWN = {
    EXTEND: {"model", "prompt", "images", "size", "aspect_ratio", "start_time", "upscale"},
    CREATE: {"model", "prompt", "video", "start_time", "duration"},
    UNIFIED: {"model", "prompt", "task_id", "images", "size", "aspect_ratio", "start_time", "upscale"},
}
_RIGHT_TO_LEFT = "\u202e"


def _refuses(is_refused: Callable[[dict[str, Any]], bool], of: Operations = SUBMITS) -> Make:
    """A server that refuses, as invalid, bodies that are valid."""
    return _refuses_request(lambda request: is_refused(sent(request)), of)


def _refuses_request(is_refused: Callable[[Request], bool], of: Operations = SUBMITS) -> Make:
    def handle(server: Server, request: Request) -> Response:
        refuses = server.operation(request) in of and is_refused(request)
        return server.invalid(request) if refuses else server.correct(request)

    return handles(handle)


def _hides(is_hidden: Callable[[Request], bool], of: Operations) -> Make:
    """A server that takes the task that a read names for an unknown one."""

    def handle(server: Server, request: Request) -> Response:
        hides = server.operation(request) in of and is_hidden(request)
        return server.unknown(request) if hides else server.correct(request)

    return handles(handle)


@handles
def _shape_checked(server: Server, request: Request) -> Response:
    """A read that wants the ids of one family of models."""
    wrong = server.operation(request) in READS and not named(request).startswith("grok:")
    given = server.correct(request)
    if wrong and given.status in {200, 400}:
        refused = server.unknown(request)
        refused.body = refused.body.replace(b'"code":"task_not_exist"', b'"code":"invalid_request"')
        return refused
    return given


def _text(value: dict[str, Any], name: str) -> str:
    found = value.get(name)
    return found if isinstance(found, str) else ""


def _images(value: dict[str, Any]) -> list[str]:
    images = value.get("images")
    return [one for one in images if isinstance(one, str)] if isinstance(images, list) else []


@handles
def _closed(server: Server, request: Request) -> Response:
    operation = server.operation(request)
    more = set(sent(request)) - _KNOWN[operation] if operation in _KNOWN else set()
    return server.invalid(request) if more else server.correct(request)


@handles
def _unavailable(server: Server, request: Request) -> Response:
    """A list of models of the server's own, and a channel for each of them."""
    model = _text(sent(request), "model")
    if server.operation(request) in SUBMITS and model.endswith("-max"):
        return server.correct(altered(request, headers={b"prefer": b"code=503"}))
    return server.correct(request)


def _accept(request: Request) -> bytes:
    return request.header(b"accept") or b""


@handles
def _not_acceptable(server: Server, request: Request) -> Response:
    given = server.correct(request)
    if server.operation(request) in READS and _accept(request) == b"application/json" and given.status == 200:
        given.status = 406
    return given


def _breaks(is_breaking: Callable[[Server, Request], bool]) -> Make:
    """A server that breaks over a valid request."""

    def handle(server: Server, request: Request) -> Response:
        if server.operation(request) is not None and is_breaking(server, request):
            return server.correct(altered(request, headers={b"prefer": b"code=500"}))
        return server.correct(request)

    return handles(handle)


def _refuses_by_server(is_refused: Callable[[Server, Request], bool], of: Operations) -> Make:
    """A server that refuses, as invalid, requests that are valid."""

    def handle(server: Server, request: Request) -> Response:
        refuses = server.operation(request) in of and is_refused(server, request)
        return server.invalid(request) if refuses else server.correct(request)

    return handles(handle)


def _past_the_end(server: Server, request: Request) -> bool:
    value = sent(request)
    video, start = value.get("video"), value.get("start_time")
    source = video.get("url") if isinstance(video, dict) else None
    if not isinstance(source, str) or type(start) is not int:
        return False
    engine = server.mock.engine
    task = engine.tasks.find(source, engine.credentials.key_of(request) or "")
    return task is not None and start > task.length


def _video_is_none(request: Request) -> bool:
    value = sent(request)
    return bool(value) and not isinstance(value.get("video"), dict)


def _no_picture_by_name(image: str) -> bool:
    return image.lower().startswith("http") and not re.search(r"(?i)\.(png|jpe?g|webp|gif)$", image)


def _starts_past_duration(value: dict[str, Any]) -> bool:
    start, duration = value.get("start_time"), value.get("duration")
    return type(start) is int and type(duration) is int and start >= duration


def _video(value: dict[str, Any]) -> dict[str, Any]:
    video = value.get("video")
    return video if isinstance(video, dict) else {}


def _restated_request(status: int, is_refused: Callable[[Request], bool], of: Operations) -> Make:
    return restates(status, of, OK, lambda case: is_refused(case.request))


def _long_source(request: Request) -> bool:
    value = sent(request)
    return len(_text(_video(value), "url")) > 64 or len(_text(value, "task_id")) > 64


def _refused(server: Server, request: Request, _: Request) -> Response:
    return server.invalid(request) if server.correct(request).status == 200 else server.correct(request)


DEFECTS: Table = {
    ("size-1080p-refused", "R22", "a size of 1080P is refused"): _refuses(
        lambda value: value.get("size") == "1080P", EXTENDS
    ),
    ("size-720p-refused", "R22", "the unified submit refuses 720P"): _refuses(
        lambda value: value.get("size") == "720P", {UNIFIED}
    ),
    ("duration-15-refused", "R22", "a duration of 15 is refused"): _refuses(lambda value: value.get("duration") == 15),
    ("duration-6-refused", "R22", "a duration of 6 is refused"): _refuses(lambda value: value.get("duration") == 6),
    ("duration-required", "R22", "createVideoExtension refuses a body without a duration"): _refuses(
        lambda value: "duration" not in value, {CREATE}
    ),
    ("start-time-zero-refused", "R22", "a start_time of zero counts as missing"): _refuses(
        lambda value: value.get("start_time") == 0, {CREATE}
    ),
    ("start-time-zero-refused-on-extend", "R22", "extendVideo refuses a start_time of zero"): _refuses(
        lambda value: value.get("start_time") == 0, {EXTEND}
    ),
    ("start-time-required", "R22", "the unified submit refuses a body without start_time"): _refuses(
        lambda value: "start_time" not in value, {UNIFIED}
    ),
    ("upscale-false-refused", "R22", "an upscale of false counts as missing"): _refuses(
        lambda value: value.get("upscale") is False, EXTENDS
    ),
    ("more-fields-refused", "R22", "a field that is not listed is refused"): _closed,
    ("prompt-ascii-only", "R22", "a prompt with other letters than English ones is refused"): _refuses(
        lambda value: not prompt_of(value).isascii()
    ),
    ("prompt-long-refused", "R22", "a prompt of more than 500 characters is refused"): _refuses(
        lambda value: len(prompt_of(value)) > _LONGEST
    ),
    ("prompt-lines-refused", "R22", "a prompt of two lines is refused"): _refuses(
        lambda value: "\n" in prompt_of(value)
    ),
    ("prompt-quotes-refused", "R22", "a prompt with quotes is refused as an injection"): _refuses(
        lambda value: '"' in prompt_of(value) or "'" in prompt_of(value)
    ),
    ("model-list-closed", "R22", "extendVideo refuses models that its author did not know"): _refuses(
        lambda value: bool(_text(value, "model").strip()) and value["model"] not in _MODELS, {EXTEND}
    ),
    ("ratio-list-closed", "R22", "an aspect_ratio outside of three is refused"): _refuses(
        lambda value: "aspect_ratio" in value and value["aspect_ratio"] not in _RATIOS, EXTENDS
    ),
    ("images-empty-refused", "R22", "an empty list of images is refused"): _refuses(
        lambda value: value.get("images") == [], EXTENDS
    ),
    ("images-data-refused", "R22", "an image in a data URL is refused"): _refuses(
        lambda value: any(one.startswith("data:") for one in _images(value)), EXTENDS
    ),
    ("images-upper-case-refused", "R22", "an image whose address begins with HTTPS is refused"): _refuses(
        lambda value: any(one.startswith("HTTP") for one in _images(value)), EXTENDS
    ),
    ("images-several-refused", "R22", "more than one image is refused"): _refuses(
        lambda value: len(_images(value)) > 1, EXTENDS
    ),
    ("charset-refused", "R22", "application/json with a charset is refused"): _refuses_request(
        lambda request: b"charset" in (request.header(b"content-type") or b"")
    ),
    ("media-type-case-refused", "R22", "Application/JSON is refused"): _refuses_request(
        lambda request: (request.header(b"content-type") or b"").startswith((b"Application", b"APPLICATION"))
    ),
    ("id-encoded-unknown", "R04", "the OpenAI-format read does not know a task whose colon is encoded"): _hides(
        lambda request: b"%3a" in request.path.lower(), {READ, CONTENT}
    ),
    ("id-encoded-unknown-in-query", "R04", "the unified read does not know a task whose colon is encoded"): _hides(
        lambda request: b"%3a" in request.query.lower(), {QUERY}
    ),
    ("id-raw-unknown", "R04", "the OpenAI-format read does not know a task whose colon is not encoded"): _hides(
        lambda request: b":" in request.path, {READ}
    ),
    ("source-encoded-refused", "R22", "extendVideo refuses an id whose colon is encoded"): _refuses_request(
        lambda request: b"%3a" in request.path.lower(), {EXTEND}
    ),
    ("source-raw-refused", "R22", "extendVideo refuses an id whose colon is not encoded"): _refuses_request(
        lambda request: b":" in request.path, {EXTEND}
    ),
    ("id-of-one-shape", "R21", "the reads refuse ids that do not begin with grok:"): _shape_checked,
    ("model-max-unavailable", "R34", "no channel serves grok-video-3-max, ever"): _unavailable,
    ("accept-json-refused", "R34", "the reads respond with 406 to a client that accepts JSON alone"): _not_acceptable,
    ("suffix-range-breaks", "R44", "the content breaks where a Range has no first byte"): _breaks(
        lambda server, request: (
            server.operation(request) == CONTENT and (request.header(b"range") or b"").startswith(b"bytes=-")
        )
    ),
    ("emoji-breaks", "R44", "a prompt with a character of four bytes breaks the server"): _breaks(
        lambda _, request: any(ord(letter) > 0xFFFF for letter in prompt_of(sent(request)))
    ),
    ("large-start-time-breaks", "R44", "a start_time past 32 bits breaks the server"): _breaks(
        lambda _, request: isinstance(sent(request).get("start_time"), int) and sent(request)["start_time"] > 2**31 - 1
    ),
}

RARE: Table = {
    (
        "start-time-past-end-refused",
        "R22",
        "createVideoExtension refuses a start_time past the source's end as invalid_request",
    ): _refuses_by_server(_past_the_end, {CREATE}),
    ("video-missing-breaks", "R44", "createVideoExtension breaks where video is no object"): breaks(
        _video_is_none, {CREATE}
    ),
    (
        "only-duration-from-zero-refused",
        "R22",
        "createVideoExtension refuses a duration where start_time is zero",
    ): _refuses(lambda value: "duration" in value and start_time(value) == 0, {CREATE}),
    ("only-images-with-ratio-refused", "R22", "the unified submit refuses images beside an aspect_ratio"): _refuses(
        lambda value: bool(value.get("images")) and "aspect_ratio" in value, {UNIFIED}
    ),
    ("only-upscale-needs-1080", "R22", "extendVideo refuses upscale where size is not 1080P"): _refuses(
        lambda value: value.get("upscale") is True and value.get("size") != "1080P", {EXTEND}
    ),
    ("only-start-two-digits-refused", "R22", "extendVideo refuses a start_time of more than one digit"): _refuses(
        lambda value: type(start_time(value)) is int and start_time(value) >= 10, {EXTEND}
    ),
    ("only-duration-on-extend-refused", "R22", "extendVideo refuses a duration, which it does not have"): _refuses(
        lambda value: "duration" in value, {EXTEND}
    ),
    ("prompt-one-letter-refused", "R22", "a prompt of one letter is refused as too short"): _refuses(
        lambda value: len(prompt_of(value).strip()) == 1
    ),
    ("images-seven-refused", "R22", "more than six images are refused, as at the creation of a video"): _refuses(
        lambda value: len(_images(value)) > 6, EXTENDS
    ),
    ("images-long-refused", "R22", "an image's address of more than 2048 letters is refused"): _refuses(
        lambda value: any(len(one) > 2048 for one in _images(value)), EXTENDS
    ),
    (
        "images-without-suffix-refused",
        "R22",
        "extendVideo refuses an image whose address does not end as those of pictures do",
    ): _refuses(lambda value: any(_no_picture_by_name(one) for one in _images(value)), {EXTEND}),
    (
        "start-time-past-duration-refused",
        "R22",
        "createVideoExtension takes duration for the total and refuses a start_time at or past it",
    ): _refuses(_starts_past_duration, {CREATE}),
    (
        "source-long-refused",
        "R22",
        "the submits that name their source in the body refuse ids of more than 64 letters",
    ): _refuses_request(_long_source, {CREATE, UNIFIED}),
    ("video-more-fields-refused", "R22", "createVideoExtension refuses a field of video that is not listed"): _refuses(
        lambda value: bool(set(_video(value)) - {"url"}), {CREATE}
    ),
    ("json-behind-blanks-refused", "R22", "a body that does not begin with its brace is refused"): _refuses_request(
        lambda request: bool(sent(request)) and (request.body or b"{")[:1].isspace()
    ),
    (
        "accept-list-refused",
        "R34",
        "the reads respond with 406 to an Accept of more than one media type",
    ): _restated_request(406, lambda request: b"," in (request.header(b"accept") or b""), READS),
    ("prompt-over-1000-refused", "R34", "a prompt of more than 1,000 characters is refused"): refusing(
        lambda body, _: len(prompt_of(body)) > 1_000
    ),
    (
        "prompt-over-50000-refused",
        "R34",
        "a prompt of more than 50,000 characters is refused by createVideoExtension",
    ): refusing(lambda body, _: len(prompt_of(body)) > 50_000, {CREATE}),
    (
        "prompt-of-255-refused",
        "R34",
        "a prompt of exactly 255 characters is refused, for a length that is compared with the wrong sign",
    ): refusing(lambda body, _: len(prompt_of(body)) == 255),
    (
        "link-over-2048-refused",
        "R34",
        "a link of more than 2,048 characters is refused, and a data URL is not",
    ): refusing(lambda body, _: any(len(link) > 2_048 and link[:4] == "http" for link in _images(body)), EXTENDS),
    ("data-url-over-32768-refused", "R34", "a data URL of more than 32,768 characters is refused"): refusing(
        lambda body, _: any(len(link) > 32_768 for link in _images(body)), EXTENDS
    ),
    (
        "five-to-nine-images-refused",
        "R34",
        "from five to nine images are refused, for a count that is compared as a text",
    ): refusing(lambda body, _: 5 <= len(images_of(body)) <= 9, EXTENDS),
    (
        "start-of-128-to-255-refused",
        "R34",
        "a start_time from 128 to 255 is read as a negative one, and refused",
    ): refusing(lambda body, _: 128 <= start_of(body) < 256),
    ("ratio-over-4000-refused", "R34", "an aspect_ratio of more than 4,000 characters is refused"): refusing(
        lambda body, _: len(str(body.get("aspect_ratio"))) > 4_000, EXTENDS
    ),
    (
        "override-in-prompt-refused",
        "R34",
        "a prompt in which the direction of the text is overridden is refused",
    ): refusing(lambda body, _: _RIGHT_TO_LEFT in prompt_of(body)),
    ("together-submit-refused", "R34", "a submit that comes while another one is handled is called invalid"): beside(
        SUBMITS, SUBMITS, _refused
    ),
}
