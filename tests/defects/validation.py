"""Servers that take what the contract does not allow."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, parse_qsl

from octopusx_video_mock.messages import Request, Response

from tests.defects._defect import (
    CONTENT,
    CREATE,
    EXTEND,
    QUERY,
    READ,
    SUBMITS,
    UNIFIED,
    Answerer,
    Defect,
    Make,
    Server,
    altered,
    rewrites,
    sending,
    sent,
)

Fix = Callable[[dict[str, Any]], dict[str, Any]]
_EXTENDS = frozenset({EXTEND, UNIFIED})
_TYPE = b"content-type"
_JSON = b"application/json"
_DEFAULT_MODEL = "grok-video-3"


def _defect(name: str, rule: str, summary: str, make: Make) -> Defect:
    return Defect(name, "validation", rule, summary, make)


def _takes(fix: Fix, of: frozenset[str] = SUBMITS) -> Make:
    """A server that takes a body which the fix has to make valid first."""

    def rewrite(request: Request) -> Request:
        value = sent(request)
        fixed = fix(value) if value else value
        return request if fixed == value and _same_types(fixed, value) else sending(request, fixed)

    return rewrites(rewrite, of)


def _same_types(one: dict[str, Any], other: dict[str, Any]) -> bool:
    """Whether equal values are of equal types as well: true equals one, and 4.0 equals 4."""
    return json.dumps(one) == json.dumps(other)


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


_SOURCE = "grok:f673ba58-b053-4d8d-8938-c0b429de4d7f"


def _video_as_text(value: dict[str, Any]) -> dict[str, Any]:
    video = value.get("video")
    return {**value, "video": {"url": video}} if isinstance(video, str) else value


def _flat_video(value: dict[str, Any]) -> dict[str, Any]:
    if "video.url" not in value or value.get("video"):
        return value
    return {**{name: one for name, one in value.items() if name != "video.url"}, "video": {"url": value["video.url"]}}


def _first_image(value: dict[str, Any]) -> dict[str, Any]:
    images = value.get("images")
    return {**value, "images": images[:1]} if isinstance(images, list) and len(images) > 1 else value


def _text_images(value: dict[str, Any]) -> dict[str, Any]:
    images = value.get("images")
    if not isinstance(images, list):
        return value
    return {**value, "images": [one for one in images if isinstance(one, str) and "://" in one and _is_link(one)]}


def _unwrapped(request: Request) -> Request:
    value = _parsed(request.body or b"")
    return sending(request, value[0]) if isinstance(value, list) and value else request


def _parsed(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return None


def _any_type(request: Request) -> Request:
    return altered(request, headers={_TYPE: _JSON}) if request.header(_TYPE) is not None else request


def _text_type(request: Request) -> Request:
    given = request.header(_TYPE) or b""
    return altered(request, headers={_TYPE: _JSON}) if given.startswith(b"text/plain") else request


def _form(request: Request) -> Request:
    if b"x-www-form-urlencoded" not in (request.header(_TYPE) or b""):
        return request
    fields: dict[str, Any] = dict(parse_qsl((request.body or b"").decode("latin-1")))
    for name in ("start_time", "duration"):
        if str(fields.get(name, "")).isdigit():
            fields[name] = int(fields[name])
    fields = _flat_video(fields)
    return altered(sending(request, fields), headers={_TYPE: _JSON})


def _relaxed(pattern: bytes, instead: bytes) -> Callable[[Request], Request]:
    def rewrite(request: Request) -> Request:
        body = request.body or b""
        return request if _parsed(body) is not None else altered(request, body=re.sub(pattern, instead, body))

    return rewrite


def _last_of_query(server: Server) -> Answerer:
    last = [""]

    def answer(request: Request) -> Response:
        given = parse_qs(request.query.decode("latin-1"), keep_blank_values=True)
        asks = server.operation(request) == QUERY
        if asks and last[0] and given.get("id", [""]) == [""]:
            return server.correct(altered(request, query=b"id=" + last[0].encode()))
        found = server.correct(request)
        last[0] = found.task or last[0]
        return found

    return answer


def _other_name(request: Request) -> Request:
    return altered(request, query=re.sub(rb"(^|&)task_id=", rb"\1id=", request.query))


def _stripped_id(request: Request) -> Request:
    path = re.sub(rb"(?<=/v1/videos/)(%20)+|(%20)+(?=/|$)", b"", request.path)
    return altered(request, path=path, query=re.sub(rb"(?<=id=)(%20|\+)+|(%20|\+)+$", b"", request.query))


def _cut_id(request: Request) -> Request:
    path = re.sub(rb"(?<=/v1/videos/)([^/%]+)%2F[^/]*", rb"\1", request.path)
    return altered(request, path=path, query=re.sub(rb"(id=[^&%]+)%2F[^&]*", rb"\1", request.query))


def _spaced(value: dict[str, Any]) -> dict[str, Any]:
    return _field("task_id", lambda one: _is_text(one) and one != one.strip(), str.strip)(value)


DEFECTS = (
    _defect(
        "size-480p",
        "R41",
        "a size of 480P is taken",
        _takes(_field("size", lambda one: one == "480P", lambda _: "720P"), _EXTENDS),
    ),
    _defect(
        "size-lower-case", "R41", "a size is taken in lower case", _takes(_field("size", _is_text, str.upper), _EXTENDS)
    ),
    _defect(
        "size-any",
        "R41",
        "the unified submit takes any text for a size",
        _takes(_field("size", _is_text, lambda _: "720P"), frozenset({UNIFIED})),
    ),
    _defect(
        "size-number",
        "R41",
        "extendVideo takes a number for a size",
        _takes(_field("size", _is_number, lambda one: f"{one}P"), frozenset({EXTEND})),
    ),
    _defect(
        "duration-8", "R41", "a duration of 8 is taken", _takes(_field("duration", lambda one: one == 8, lambda _: 10))
    ),
    _defect(
        "duration-any",
        "R41",
        "any whole number is taken for a duration",
        _takes(_field("duration", _is_number, lambda one: one if one in {6, 10, 15} else 10)),
    ),
    _defect("duration-text", "R41", "a duration is taken as text", _takes(_field("duration", _is_digits, int))),
    _defect("duration-null", "R41", "a duration of null is taken for none", _takes(_without("duration", _is_null))),
    _defect("start-time-text", "R41", "a start_time is taken as text", _takes(_field("start_time", _is_digits, int))),
    _defect(
        "start-time-float", "R41", "a start_time is cut to whole seconds", _takes(_field("start_time", _is_broken, int))
    ),
    _defect(
        "start-time-negative",
        "R41",
        "a negative start_time is taken for zero",
        _takes(_field("start_time", lambda one: _is_number(one) and one < 0, lambda _: 0)),
    ),
    _defect(
        "start-time-negative-on-extend",
        "R41",
        "extendVideo takes a negative start_time",
        _takes(_field("start_time", lambda one: _is_number(one) and one < 0, lambda _: 0), frozenset({EXTEND})),
    ),
    _defect(
        "start-time-bool", "R41", "true is taken for a start_time of one", _takes(_field("start_time", _is_bool, int))
    ),
    _defect(
        "start-time-missing",
        "R41",
        "createVideoExtension takes a body without start_time",
        _takes(_default("start_time", 0), frozenset({CREATE})),
    ),
    _defect(
        "start-time-null",
        "R41",
        "a start_time of null is taken for zero",
        _takes(_field("start_time", _is_null, lambda _: 0)),
    ),
    _defect(
        "upscale-text", "R41", "upscale is taken as text", _takes(_field("upscale", _is_text, lambda _: True), _EXTENDS)
    ),
    _defect(
        "upscale-number", "R41", "upscale is taken as 0 or 1", _takes(_field("upscale", _is_number, bool), _EXTENDS)
    ),
    _defect(
        "optional-null",
        "R41",
        "null is taken for an optional field that is left out",
        _takes(lambda value: {name: one for name, one in value.items() if one is not None}, _EXTENDS),
    ),
    _defect("prompt-blank", "R41", "a blank prompt is taken", _takes(_field("prompt", _is_blank, lambda _: "-"))),
    _defect(
        "prompt-blank-on-unified",
        "R41",
        "the unified submit takes a prompt of blanks",
        _takes(_field("prompt", lambda one: _is_blank(one) and one != "", lambda _: "-"), frozenset({UNIFIED})),
    ),
    _defect(
        "prompt-empty",
        "R41",
        "an empty prompt is taken",
        _takes(_field("prompt", lambda one: one == "", lambda _: "-")),
    ),
    _defect(
        "prompt-missing",
        "R41",
        "extendVideo takes a body without a prompt",
        _takes(_default("prompt", "-"), frozenset({EXTEND})),
    ),
    _defect("prompt-number", "R41", "a number is taken for a prompt", _takes(_field("prompt", _is_number, str))),
    _defect(
        "prompt-list",
        "R41",
        "createVideoExtension joins a list to a prompt",
        _takes(_field("prompt", _is_list, lambda one: " ".join(map(str, one)) or "-"), frozenset({CREATE})),
    ),
    _defect(
        "model-missing", "R41", "a model that is left out is grok-video-3", _takes(_default("model", _DEFAULT_MODEL))
    ),
    _defect(
        "model-missing-on-unified",
        "R41",
        "the unified submit alone takes a body without a model",
        _takes(_default("model", _DEFAULT_MODEL), frozenset({UNIFIED})),
    ),
    _defect(
        "model-blank",
        "R41",
        "a blank model is taken for the default",
        _takes(_field("model", _is_blank, lambda _: _DEFAULT_MODEL)),
    ),
    _defect("model-number", "R41", "a number is taken for a model", _takes(_field("model", _is_number, str))),
    _defect(
        "images-text",
        "R41",
        "one address is taken for a list of images",
        _takes(_field("images", _is_text, lambda one: [one]), _EXTENDS),
    ),
    _defect(
        "images-only-first", "R41", "the images behind the first are not looked at", _takes(_first_image, _EXTENDS)
    ),
    _defect("images-unchecked", "R41", "anything is taken in a list of images", _takes(_text_images, _EXTENDS)),
    _defect(
        "images-ftp",
        "R41",
        "an ftp address of an image is taken",
        _takes(
            _field("images", _is_list, lambda one: [str(image).replace("ftp://", "http://") for image in one]), _EXTENDS
        ),
    ),
    _defect(
        "images-null",
        "R41",
        "the unified submit takes images of null",
        _takes(_without("images", _is_null), frozenset({UNIFIED})),
    ),
    _defect(
        "ratio-number",
        "R41",
        "a number is taken for an aspect_ratio",
        _takes(_field("aspect_ratio", _is_number, str), _EXTENDS),
    ),
    _defect(
        "ratio-list",
        "R41",
        "extendVideo takes a list for an aspect_ratio",
        _takes(_field("aspect_ratio", _is_list, lambda one: ":".join(map(str, one))), frozenset({EXTEND})),
    ),
    _defect(
        "video-link",
        "R41",
        "createVideoExtension takes the http address of a video",
        _takes(_link_of_video, frozenset({CREATE})),
    ),
    _defect(
        "video-text",
        "R41",
        "createVideoExtension takes the id itself for video",
        _takes(_video_as_text, frozenset({CREATE})),
    ),
    _defect(
        "video-flat", "R41", "createVideoExtension takes a key video.url", _takes(_flat_video, frozenset({CREATE}))
    ),
    _defect(
        "source-missing",
        "R41",
        "the unified submit goes on from a finished task where no source is named",
        _takes(_default("task_id", _SOURCE), frozenset({UNIFIED})),
    ),
    _defect(
        "source-link",
        "R41",
        "the unified submit takes an http address for a task",
        _takes(_field("task_id", _is_link, lambda _: _SOURCE), frozenset({UNIFIED})),
    ),
    _defect(
        "source-with-blanks",
        "R41",
        "the unified submit cuts blanks off a task_id",
        _takes(_spaced, frozenset({UNIFIED})),
    ),
    _defect("body-in-list", "R41", "a body in a list is unwrapped", rewrites(_unwrapped, SUBMITS)),
    _defect("body-as-text", "R42", "JSON is taken as text/plain", rewrites(_text_type, SUBMITS)),
    _defect("body-of-any-type", "R42", "the media type of a body is not looked at", rewrites(_any_type, SUBMITS)),
    _defect(
        "body-of-any-type-on-extend",
        "R42",
        "extendVideo does not look at the media type",
        rewrites(_any_type, frozenset({EXTEND})),
    ),
    _defect("body-as-form", "R42", "a form is taken", rewrites(_form, SUBMITS)),
    _defect(
        "json-with-comma-at-end",
        "R27",
        "JSON may have a comma at the end",
        rewrites(_relaxed(rb",\s*}", b"}"), SUBMITS),
    ),
    _defect("json-with-single-quotes", "R27", "JSON may have single quotes", rewrites(_relaxed(rb"'", b'"'), SUBMITS)),
    _defect(
        "json-with-more-behind",
        "R27",
        "what stands behind the JSON is left out",
        rewrites(_relaxed(rb"\}[^}]*$", b"}"), SUBMITS),
    ),
    _defect(
        "json-with-comments",
        "R27",
        "createVideoExtension takes JSON with comments",
        rewrites(_relaxed(rb"//[^\n]*", b""), frozenset({CREATE})),
    ),
    _defect("id-empty", "R41", "the unified read without an id tells of the last task", _last_of_query),
    _defect(
        "id-by-other-name", "R41", "the unified read takes task_id for id", rewrites(_other_name, frozenset({QUERY}))
    ),
    _defect(
        "id-with-blanks",
        "R41",
        "blanks around an id are cut off",
        rewrites(_stripped_id, frozenset({READ, QUERY, CONTENT})),
    ),
    _defect(
        "id-cut-at-slash",
        "R41",
        "an id is read up to an encoded slash",
        rewrites(_cut_id, frozenset({READ, QUERY, CONTENT})),
    ),
)
