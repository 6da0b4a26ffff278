"""Servers wrong on one operation or in one combination only."""

from __future__ import annotations

import re
from typing import Any

from octopusx_video_mock.messages import Request, Response

from tests.defects._defect import (
    CONTENT,
    CREATE,
    EXTEND,
    OK,
    QUERY,
    READ,
    SUBMITS,
    UNIFIED,
    Answerer,
    Case,
    Defect,
    Json,
    Server,
    altered,
    changes,
    drop,
    edits,
    named,
    restates,
    rewrites,
    sending,
    sent,
)
from tests.defects.credentials import _lets_in
from tests.defects.routing import _leads, _path
from tests.defects.single_checks import _of, _off, _only_after, _takes
from tests.defects.single_requests import _refuses
from tests.defects.validation import _EXTENDS, _field

_AUTH, _TYPE, _JSON, _RANGE, _ID = (
    b"authorization",
    b"content-type",
    b"application/json",
    b"range",
    b"x-oneapi-request-id",
)
_400, _401 = frozenset({400}), frozenset({401})
_E, _C, _U, _R, _Q, _V = (frozenset({one}) for one in (EXTEND, CREATE, UNIFIED, READ, QUERY, CONTENT))
_BEARER = re.compile(rb"(?i:bearer) +(\S+)")

_credential, _validation, _routing, _status, _media_type, _content = (
    _of(family) for family in ("credentials", "validation", "routing", "status", "media type", "content")
)

# --- credentials


def _wrong_key(server: Server, request: Request) -> bool:
    return (
        _BEARER.fullmatch(request.header(_AUTH) or b"") is not None
        and server.mock.engine.credentials.key_of(request) is None
    )


def _part_without_key(_: Server, request: Request) -> bool:
    return request.header(_AUTH) is None and request.header(_RANGE) is not None


def _first_of_list(server: Server, request: Request) -> bool:
    value = request.header(_AUTH) or b""
    first = value.partition(b",")[0].strip()
    return b"," in value and re.fullmatch(rb"(?i:bearer) +" + re.escape(server.key.encode()), first) is not None


def _bare_bearer(case: Case) -> bool:
    return (case.request.header(_AUTH) or b"").strip().lower() == b"bearer"


def _second_account(server: Server) -> Answerer:
    def answer(request: Request) -> Response:
        other = server.operation(request) == READ and server.mock.engine.credentials.key_of(request) == server.other_key
        return server.correct(altered(request, headers={_AUTH: None}) if other else request)

    return answer


CREDENTIALS = (
    _credential(
        "only-content-any-key", "R01", "the content takes any key, and refuses a missing one", _lets_in(_wrong_key, _V)
    ),
    _credential(
        "only-part-without-key",
        "R01",
        "a part of the content is sent without a key, for players",
        _lets_in(_part_without_key, _V),
    ),
    _credential(
        "only-query-any-key", "R01", "the unified read takes any key that is well-formed", _lets_in(_wrong_key, _Q)
    ),
    _credential(
        "only-first-of-key-list",
        "R02",
        "createVideoExtension takes the first of several keys with commas between",
        _lets_in(_first_of_list, _C),
    ),
    _credential(
        "only-bare-bearer-400-on-query",
        "R02",
        "the unified read calls a Bearer without a key an invalid request",
        restates(400, _Q, _401, _bare_bearer),
    ),
    _credential(
        "only-second-account-401-on-read",
        "R34",
        "the OpenAI-format read knows the keys of the first account alone",
        _second_account,
    ),
    _credential(
        "only-unified-body-before-key",
        "R02",
        "the unified submit looks for its fields before it looks at the key",
        _only_after(lambda given: given.status == 400 and b"invalid_request" in given.body, _U),
    ),
)

# --- validation


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


def _start(value: dict[str, Any]) -> Any:
    return value.get("start_time")


VALIDATION = (
    _validation(
        "only-size-checked-with-upscale",
        "R41",
        "extendVideo looks at size only where upscale is sent",
        _takes(_size_with_upscale, _E),
    ),
    _validation(
        "only-last-image-alone", "R41", "the unified submit looks at the last image alone", _takes(_last_image, _U)
    ),
    _validation(
        "only-prompt-optional-with-images",
        "R41",
        "the extends take a body without a prompt where it has images",
        _takes(_prompt_by_images, _EXTENDS),
    ),
    _validation(
        "only-negative-start-with-duration",
        "R41",
        "createVideoExtension looks at start_time only without a duration",
        _takes(_negative_with_duration, _C),
    ),
    _validation(
        "only-video-url-trimmed", "R41", "createVideoExtension cuts blanks off video.url", _takes(_trimmed_source, _C)
    ),
    _validation(
        "only-image-scheme-alone",
        "R41",
        "extendVideo takes an image that is a scheme alone, such as https://",
        _takes(
            _field("images", lambda one: isinstance(one, list), lambda one: [_bare_scheme(image) for image in one]), _E
        ),
    ),
    _validation(
        "only-model-list",
        "R41",
        "extendVideo takes a list for a model",
        _takes(_field("model", lambda one: isinstance(one, list), lambda _: "grok-video-3"), _E),
    ),
    _validation(
        "only-duration-unchecked-from-zero",
        "R41",
        "createVideoExtension looks at a whole duration only where start_time is past zero",
        _takes(
            lambda value: (
                {**value, "duration": 10}
                if _start(value) == 0 and type(value.get("duration")) is int and value["duration"] not in (6, 10, 15)
                else value
            ),
            _C,
        ),
    ),
    _validation(
        "only-duration-from-zero-refused",
        "R22",
        "createVideoExtension refuses a duration where start_time is zero",
        _refuses(lambda value: "duration" in value and _start(value) == 0, _C),
    ),
    _validation(
        "only-images-with-ratio-refused",
        "R22",
        "the unified submit refuses images beside an aspect_ratio",
        _refuses(lambda value: bool(value.get("images")) and "aspect_ratio" in value, _U),
    ),
    _validation(
        "only-upscale-needs-1080",
        "R22",
        "extendVideo refuses upscale where size is not 1080P",
        _refuses(lambda value: value.get("upscale") is True and value.get("size") != "1080P", _E),
    ),
    _validation(
        "only-start-two-digits-refused",
        "R22",
        "extendVideo refuses a start_time of more than one digit",
        _refuses(lambda value: type(_start(value)) is int and _start(value) >= 10, _E),
    ),
    _validation(
        "only-duration-on-extend-refused",
        "R22",
        "extendVideo refuses a duration, which it does not have",
        _refuses(lambda value: "duration" in value, _E),
    ),
)

# --- routing


def _posted_content(request: Request) -> Request | None:
    fits = request.method == "POST" and re.fullmatch(rb"/v1/videos/[^/]+/content", request.path)
    return altered(request, method="GET") if fits else None


def _content_without_allow(request: Request, given: Response) -> Response:
    if request.path.endswith(b"/content"):
        given.headers = [pair for pair in given.headers if pair[0] != b"allow"]
    return given


def _unified_forbids(request: Request, given: Response) -> Response:
    if request.path == b"/v1/video/query" and request.method in {"PUT", "DELETE"}:
        given.status = 403
        given.headers = [pair for pair in given.headers if pair[0] != b"allow"]
    return given


ROUTING = (
    _routing("only-post-of-content", "R32", "POST downloads the content as GET does", _leads(_posted_content)),
    _routing(
        "only-content-405-without-allow",
        "R32",
        "the 405 of the content's path has no Allow",
        _off(_content_without_allow, 405),
    ),
    _routing(
        "only-query-method-403", "R32", "PUT and DELETE of the unified read are forbidden", _off(_unified_forbids, 405)
    ),
    _routing(
        "only-below-task-reads",
        "R43",
        "whatever one segment stands below a task, GET reads the task",
        _leads(_path(rb"^(/v1/videos/[^/]+)/(?!content$|extend$)[^/]+$", rb"\1")),
    ),
)

# --- status, and what an error says


def _code(case: Case) -> Any:
    return case.value.get("code")


def _invalid(case: Case) -> bool:
    return bool(_code(case) == "invalid_request")


def _others_content(case: Case) -> None:
    server, engine = case.server, case.server.mock.engine
    key, task = engine.credentials.key_of(case.request), named(case.request)
    if key is not None and any(
        engine.tasks.find(task, owner) for owner in (server.key, server.other_key) if owner != key
    ):
        case.answer.status = 403


def _blank(text: Any) -> bool:
    return isinstance(text, str) and not text.strip()


def _no_message(value: Json) -> Json:
    return {**value, "error": {**value["error"], "message": ""}} if "error" in value else {**value, "message": ""}


STATUS = (
    _status(
        "only-unknown-source-403-on-create",
        "R46",
        "createVideoExtension forbids an unknown source",
        restates(403, _C, _400, lambda case: _code(case) == "task_not_exist"),
    ),
    _status(
        "only-others-content-403",
        "R20",
        "the content of another account's task is forbidden",
        changes(_others_content, _V, frozenset({404})),
    ),
    _status(
        "only-running-source-503-on-create",
        "R47",
        "createVideoExtension says 503 of a source that runs",
        restates(503, _C, _400, lambda case: _code(case) == "fail_to_fetch_task"),
    ),
    _status(
        "only-video-missing-404",
        "R41",
        "createVideoExtension answers 404 to a body without a video",
        restates(
            404,
            _C,
            _400,
            lambda case: _invalid(case) and bool(sent(case.request)) and "video" not in sent(case.request),
        ),
    ),
    _status(
        "only-blank-prompt-403",
        "R41",
        "extendVideo forbids a blank prompt, as its filter has it",
        restates(403, _E, _400, lambda case: _invalid(case) and _blank(sent(case.request).get("prompt"))),
    ),
    _status(
        "only-empty-body-411",
        "R27",
        "createVideoExtension refuses an empty body with 411",
        restates(411, _C, _400, lambda case: case.request.body == b""),
    ),
    _status("only-416-without-message", "R31", "a 416 has an empty message", edits(_no_message, _V, frozenset({416}))),
    _status(
        "only-413-without-data",
        "R37",
        "a body that is too large is refused without data",
        edits(drop("data"), SUBMITS, frozenset({413})),
    ),
)

# --- media type and headers


def _relayed_type(case: Case) -> None:
    if _code(case) == "fail_to_fetch_task":
        case.header(_TYPE, b"text/plain; charset=utf-8")


def _utf_16(case: Case) -> None:
    if _invalid(case):
        case.answer.body = case.answer.body.decode().encode("utf-16")
        case.header(_TYPE, b"application/json; charset=utf-16")


MEDIA_TYPE = (
    _media_type(
        "only-relayed-refusal-as-text",
        "R39",
        "the unified submit relays the refusal of a source that runs as text/plain",
        changes(_relayed_type, _U, _400),
    ),
    _media_type(
        "only-part-as-multipart",
        "R39",
        "a single part is called multipart/byteranges",
        changes(lambda case: case.header(_TYPE, b"multipart/byteranges; boundary=part"), _V, frozenset({206})),
    ),
    _media_type(
        "only-create-type-twice",
        "R39",
        "createVideoExtension's success names application/json twice in one header",
        changes(lambda case: case.header(_TYPE, b"application/json, application/json"), _C, OK),
    ),
    _media_type(
        "only-submitted-without-request-id",
        "R33",
        "the unified submit carries no request id where it succeeds",
        changes(lambda case: case.header(_ID, None), _U, OK),
    ),
)

# --- content


def _max_adds_ten(request: Request) -> Request:
    value = sent(request)
    fits = value.get("model") == "grok-video-3-max" and value.get("duration") in (6, 15)
    return sending(request, {**value, "duration": 10}) if fits else request


def _no_start_with_images(request: Request) -> Request:
    value = sent(request)
    return (
        sending(request, drop("start_time")(value))
        if value.get("images") and type(_start(value)) is int and _start(value) >= 0
        else request
    )


def _byte_late(case: Case) -> None:
    match = re.fullmatch(rb"bytes=(\d+)-", case.request.header(_RANGE) or b"")
    if match and int(match[1]) > 0:
        case.answer.body = case.answer.body[1:]


CONTENTS = (
    _content(
        "only-max-ignores-duration",
        "R26",
        "createVideoExtension adds ten seconds with grok-video-3-max, whatever the duration",
        rewrites(_max_adds_ten, _C),
    ),
    _content(
        "only-start-ignored-with-images",
        "R26",
        "the unified submit forgets start_time where images are sent",
        rewrites(_no_start_with_images, _U),
    ),
    _content(
        "only-open-part-byte-late",
        "R24",
        "a part with an open end begins a byte late, but for that from zero",
        changes(_byte_late, _V, frozenset({206})),
    ),
)

DEFECTS: tuple[Defect, ...] = (*CREDENTIALS, *VALIDATION, *ROUTING, *STATUS, *MEDIA_TYPE, *CONTENTS)
