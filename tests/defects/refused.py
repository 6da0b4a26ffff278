"""Servers that refuse what the contract allows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from octopusx_video_mock.messages import Request, Response

from tests.defects._defect import (
    CONTENT,
    CREATE,
    EXTEND,
    QUERY,
    READ,
    READS,
    SUBMITS,
    UNIFIED,
    Answerer,
    Defect,
    Make,
    Server,
    altered,
    named,
    sent,
)

_EXTENDS = frozenset({EXTEND, UNIFIED})
_MODELS = {"grok-video-3", "grok-video-3-pro", "grok-video-3-max"}
_RATIOS = {"2:3", "3:2", "1:1"}
_LONGEST = 500


def _defect(name: str, rule: str, summary: str, make: Make) -> Defect:
    return Defect(name, "validation", rule, summary, make)


def _refuses(is_refused: Callable[[dict[str, Any]], bool], of: frozenset[str] = SUBMITS) -> Make:
    """A server that refuses, as invalid, bodies that are valid."""
    return _refuses_request(lambda request: is_refused(sent(request)), of)


def _refuses_request(is_refused: Callable[[Request], bool], of: frozenset[str] = SUBMITS) -> Make:
    def make(server: Server) -> Answerer:
        def answer(request: Request) -> Response:
            refuses = server.operation(request) in of and is_refused(request)
            return server.invalid(request) if refuses else server.correct(request)

        return answer

    return make


def _hides(is_hidden: Callable[[Request], bool], of: frozenset[str]) -> Make:
    """A server that takes the task that a read names for an unknown one."""

    def make(server: Server) -> Answerer:
        def answer(request: Request) -> Response:
            hides = server.operation(request) in of and is_hidden(request)
            return server.unknown(request) if hides else server.correct(request)

        return answer

    return make


def _shape_checked(server: Server) -> Answerer:
    """A read that wants the ids of one family of models."""

    def answer(request: Request) -> Response:
        wrong = server.operation(request) in READS and not named(request).startswith("grok:")
        given = server.correct(request)
        if wrong and given.status in {200, 400}:
            refused = server.unknown(request)
            refused.body = refused.body.replace(b'"code":"task_not_exist"', b'"code":"invalid_request"')
            return refused
        return given

    return answer


def _text(value: dict[str, Any], name: str) -> str:
    found = value.get(name)
    return found if isinstance(found, str) else ""


def _images(value: dict[str, Any]) -> list[str]:
    images = value.get("images")
    return [one for one in images if isinstance(one, str)] if isinstance(images, list) else []


_KNOWN = {
    EXTEND: {"model", "prompt", "images", "size", "aspect_ratio", "start_time", "upscale"},
    CREATE: {"model", "prompt", "video", "start_time", "duration"},
    UNIFIED: {"model", "prompt", "task_id", "images", "size", "aspect_ratio", "start_time", "upscale"},
}


def _closed(server: Server) -> Answerer:
    def answer(request: Request) -> Response:
        operation = server.operation(request)
        more = set(sent(request)) - _KNOWN[operation] if operation in _KNOWN else set()
        return server.invalid(request) if more else server.correct(request)

    return answer


def _unavailable(server: Server) -> Answerer:
    """A list of models of the server's own, and a channel for each of them."""

    def answer(request: Request) -> Response:
        model = _text(sent(request), "model")
        if server.operation(request) in SUBMITS and model.endswith("-max"):
            return server.correct(altered(request, headers={b"prefer": b"code=503"}))
        return server.correct(request)

    return answer


def _accept(request: Request) -> bytes:
    return request.header(b"accept") or b""


def _not_acceptable(server: Server) -> Answerer:
    def answer(request: Request) -> Response:
        given = server.correct(request)
        if server.operation(request) in READS and _accept(request) == b"application/json" and given.status == 200:
            given.status = 406
        return given

    return answer


def _breaks(is_breaking: Callable[[Server, Request], bool]) -> Make:
    """A server that breaks over a valid request."""

    def make(server: Server) -> Answerer:
        def answer(request: Request) -> Response:
            if server.operation(request) is not None and is_breaking(server, request):
                return server.correct(altered(request, headers={b"prefer": b"code=500"}))
            return server.correct(request)

        return answer

    return make


DEFECTS = (
    _defect(
        "size-1080p-refused",
        "R22",
        "a size of 1080P is refused",
        _refuses(lambda value: value.get("size") == "1080P", _EXTENDS),
    ),
    _defect(
        "size-720p-refused",
        "R22",
        "the unified submit refuses 720P",
        _refuses(lambda value: value.get("size") == "720P", frozenset({UNIFIED})),
    ),
    _defect(
        "duration-15-refused", "R22", "a duration of 15 is refused", _refuses(lambda value: value.get("duration") == 15)
    ),
    _defect(
        "duration-6-refused", "R22", "a duration of 6 is refused", _refuses(lambda value: value.get("duration") == 6)
    ),
    _defect(
        "duration-required",
        "R22",
        "createVideoExtension refuses a body without a duration",
        _refuses(lambda value: "duration" not in value, frozenset({CREATE})),
    ),
    _defect(
        "start-time-zero-refused",
        "R22",
        "a start_time of zero counts as missing",
        _refuses(lambda value: value.get("start_time") == 0, frozenset({CREATE})),
    ),
    _defect(
        "start-time-zero-refused-on-extend",
        "R22",
        "extendVideo refuses a start_time of zero",
        _refuses(lambda value: value.get("start_time") == 0, frozenset({EXTEND})),
    ),
    _defect(
        "start-time-required",
        "R22",
        "the unified submit refuses a body without start_time",
        _refuses(lambda value: "start_time" not in value, frozenset({UNIFIED})),
    ),
    _defect(
        "upscale-false-refused",
        "R22",
        "an upscale of false counts as missing",
        _refuses(lambda value: value.get("upscale") is False, _EXTENDS),
    ),
    _defect("more-fields-refused", "R22", "a field that is not listed is refused", _closed),
    _defect(
        "prompt-ascii-only",
        "R22",
        "a prompt with other letters than English ones is refused",
        _refuses(lambda value: not _text(value, "prompt").isascii()),
    ),
    _defect(
        "prompt-long-refused",
        "R22",
        "a prompt of more than 500 characters is refused",
        _refuses(lambda value: len(_text(value, "prompt")) > _LONGEST),
    ),
    _defect(
        "prompt-lines-refused",
        "R22",
        "a prompt of two lines is refused",
        _refuses(lambda value: "\n" in _text(value, "prompt")),
    ),
    _defect(
        "prompt-quotes-refused",
        "R22",
        "a prompt with quotes is refused as an injection",
        _refuses(lambda value: '"' in _text(value, "prompt") or "'" in _text(value, "prompt")),
    ),
    _defect(
        "model-list-closed",
        "R22",
        "extendVideo refuses models that its author did not know",
        _refuses(
            lambda value: bool(_text(value, "model").strip()) and value["model"] not in _MODELS, frozenset({EXTEND})
        ),
    ),
    _defect(
        "ratio-list-closed",
        "R22",
        "an aspect_ratio outside of three is refused",
        _refuses(lambda value: "aspect_ratio" in value and value["aspect_ratio"] not in _RATIOS, _EXTENDS),
    ),
    _defect(
        "images-empty-refused",
        "R22",
        "an empty list of images is refused",
        _refuses(lambda value: value.get("images") == [], _EXTENDS),
    ),
    _defect(
        "images-data-refused",
        "R22",
        "an image in a data URL is refused",
        _refuses(lambda value: any(one.startswith("data:") for one in _images(value)), _EXTENDS),
    ),
    _defect(
        "images-upper-case-refused",
        "R22",
        "an image whose address begins with HTTPS is refused",
        _refuses(lambda value: any(one.startswith("HTTP") for one in _images(value)), _EXTENDS),
    ),
    _defect(
        "images-several-refused",
        "R22",
        "more than one image is refused",
        _refuses(lambda value: len(_images(value)) > 1, _EXTENDS),
    ),
    _defect(
        "charset-refused",
        "R22",
        "application/json with a charset is refused",
        _refuses_request(lambda request: b"charset" in (request.header(b"content-type") or b"")),
    ),
    _defect(
        "media-type-case-refused",
        "R22",
        "Application/JSON is refused",
        _refuses_request(
            lambda request: (request.header(b"content-type") or b"").startswith((b"Application", b"APPLICATION"))
        ),
    ),
    _defect(
        "id-encoded-unknown",
        "R04",
        "the OpenAI-format read does not know a task whose colon is encoded",
        _hides(lambda request: b"%3a" in request.path.lower(), frozenset({READ, CONTENT})),
    ),
    _defect(
        "id-encoded-unknown-in-query",
        "R04",
        "the unified read does not know a task whose colon is encoded",
        _hides(lambda request: b"%3a" in request.query.lower(), frozenset({QUERY})),
    ),
    _defect(
        "id-raw-unknown",
        "R04",
        "the OpenAI-format read does not know a task whose colon is not encoded",
        _hides(lambda request: b":" in request.path, frozenset({READ})),
    ),
    _defect(
        "source-encoded-refused",
        "R22",
        "extendVideo refuses an id whose colon is encoded",
        _refuses_request(lambda request: b"%3a" in request.path.lower(), frozenset({EXTEND})),
    ),
    _defect(
        "source-raw-refused",
        "R22",
        "extendVideo refuses an id whose colon is not encoded",
        _refuses_request(lambda request: b":" in request.path, frozenset({EXTEND})),
    ),
    _defect("id-of-one-shape", "R21", "the reads refuse ids that do not begin with grok:", _shape_checked),
    _defect("model-max-unavailable", "R34", "no channel serves grok-video-3-max, ever", _unavailable),
    _defect("accept-json-refused", "R34", "the reads answer 406 to who accepts JSON alone", _not_acceptable),
    _defect(
        "suffix-range-breaks",
        "R44",
        "the content breaks where a Range has no first byte",
        _breaks(
            lambda server, request: (
                server.operation(request) == CONTENT and (request.header(b"range") or b"").startswith(b"bytes=-")
            )
        ),
    ),
    _defect(
        "emoji-breaks",
        "R44",
        "a prompt with a character of four bytes breaks the server",
        _breaks(lambda _, request: any(ord(letter) > 0xFFFF for letter in _text(sent(request), "prompt"))),
    ),
    _defect(
        "large-start-time-breaks",
        "R44",
        "a start_time past 32 bits breaks the server",
        _breaks(
            lambda _, request: (
                isinstance(sent(request).get("start_time"), int) and sent(request)["start_time"] > 2**31 - 1
            )
        ),
    ),
)
