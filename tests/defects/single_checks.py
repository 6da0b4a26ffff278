"""Servers wrong in keys, validation, routing, statuses and media types, in one case each."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Callable
from typing import Any

import jiter
from octopusx_video_mock.messages import Request, Response

from tests.defects._defect import (
    ALL,
    CONTENT,
    CREATE,
    EXTEND,
    QUERY,
    READ,
    READS,
    SUBMITS,
    UNIFIED,
    Answerer,
    Case,
    Defect,
    Family,
    Make,
    Server,
    altered,
    changes,
    edits,
    named,
    naming,
    restates,
    rewrites,
    sending,
    sent,
)
from tests.defects.credentials import _lets_in
from tests.defects.routing import _leads, _path
from tests.defects.validation import _EXTENDS, Fix, _field, _without

_AUTH, _TYPE, _JSON = b"authorization", b"content-type", b"application/json"
_INVISIBLE = re.compile(r"[\s\u200b-\u200f\u2060\ufeff]")
_NAMING = READS | {CONTENT}
_BROKEN = {b"prefer": b"code=500"}


def _of(family: Family) -> Callable[[str, str, str, Make], Defect]:
    return lambda name, rule, summary, make: Defect(name, family, rule, summary, make)


# --- credentials


def _with_key(server: Server, request: Request) -> Request:
    return altered(request, headers={_AUTH: f"Bearer {server.key}".encode()})


def _only_after(cause: Callable[[Response], bool], of: frozenset[str]) -> Make:
    """A server that looks at the key after it has found something else wrong."""

    def make(server: Server) -> Answerer:
        def answer(request: Request) -> Response:
            given = server.correct(request)
            if given.status != 401 or given.operation not in of:
                return given
            other = server.at(_with_key(server, request), 0)
            return other if cause(other) else given

        return answer

    return make


def _breaks(is_breaking: Callable[[Server, Request], bool], of: frozenset[str] = ALL) -> Make:
    """A server that breaks over a request, where its key is right or the key is what breaks it."""

    def make(server: Server) -> Answerer:
        def answer(request: Request) -> Response:
            if server.operation(request) not in of or not is_breaking(server, request):
                return server.correct(request)
            given = server.correct(request)
            if given.status == 401 and is_breaking is not _is_not_ascii:
                return given
            panic = b'{"error":{"message":"Panic detected, error: runtime error","type":"new_api_panic"}}'
            return Response(500, [(_TYPE, _JSON), *_id_header(given)], panic, given.operation)

        return answer

    return make


def _id_header(given: Response) -> list[tuple[bytes, bytes]]:
    return [pair for pair in given.headers if pair[0] == b"x-oneapi-request-id"]


def _raw(request: Request) -> bytes:
    return request.header(_AUTH) or b""


def _glued(server: Server, request: Request) -> bool:
    match = re.fullmatch(rb"(?i:bearer)[:=]?\s*(\S+)", _raw(request))
    return match is not None and match[1] == server.key.encode()


def _longer_scheme(server: Server, request: Request) -> bool:
    words = _raw(request).split()
    return len(words) == 2 and words[0].lower().startswith(b"bearer") and words[1] == server.key.encode()


def _quoted(server: Server, request: Request) -> bool:
    match = re.fullmatch(rb"(?i:bearer) +([\"'<])(.+)([\"'>])", _raw(request))
    return match is not None and match[2] == server.key.encode()


def _basic(server: Server, request: Request) -> bool:
    match = re.fullmatch(rb"(?i:basic) +(\S+)", _raw(request))
    try:
        told = base64.b64decode(match[1] if match else b"", validate=True)
    except binascii.Error:
        return False
    return server.key.encode() in told.split(b":")


def _in_body(server: Server, request: Request) -> bool:
    names = ("key", "api_key", "apiKey", "token", "access_token")
    return _AUTH not in dict(request.headers) and any(sent(request).get(name) == server.key for name in names)


def _last_of_several(server: Server, request: Request) -> bool:
    every = [part.strip() for value in request.every(_AUTH) for part in value.split(b",")]
    return len(every) > 1 and re.fullmatch(rb"(?i:bearer) +" + re.escape(server.key.encode()), every[-1]) is not None


def _beginning(server: Server, request: Request) -> bool:
    match = re.fullmatch(rb"(?i:bearer) +(\S+)", _raw(request))
    return match is not None and server.key.encode().startswith(match[1])


def _is_not_ascii(_: Server, request: Request) -> bool:
    return any(byte > 0x7F for byte in _raw(request))


def _wrong_key(case: Case) -> bool:
    return re.fullmatch(rb"(?i:bearer) +\S+", _raw(case.request)) is not None


_credential = _of("credentials")

CREDENTIALS = (
    _credential(
        "scheme-cut-off-loosely", "R02", "BearerKEY and Bearer:KEY are taken, Bearer is just cut off", _lets_in(_glued)
    ),
    _credential(
        "scheme-begins-with-bearer", "R02", "any scheme that begins with Bearer is taken", _lets_in(_longer_scheme)
    ),
    _credential("key-in-quotes", "R02", "quotes around a key are taken off", _lets_in(_quoted)),
    _credential("key-as-basic-user", "R02", "the key is taken as user or password of Basic", _lets_in(_basic)),
    _credential("key-in-body", "R02", "the submits take the key from the body", _lets_in(_in_body, SUBMITS)),
    _credential(
        "last-of-several-keys", "R02", "of several Authorization headers the last counts", _lets_in(_last_of_several)
    ),
    _credential(
        "wrong-key-403-on-submits",
        "R02",
        "the submits forbid a wrong key, and refuse a missing one",
        restates(403, SUBMITS, frozenset({401}), _wrong_key),
    ),
    _credential("key-cut-short", "R01", "the first letters of a key are taken for it", _lets_in(_beginning)),
    _credential(
        "media-type-before-key",
        "R02",
        "createVideoExtension looks at the media type before it looks at the key",
        _only_after(lambda answer: answer.status == 400 and b"Content-Type" in answer.body, frozenset({CREATE})),
    ),
    _credential(
        "key-not-ascii-breaks", "R44", "a key with a letter outside of ASCII breaks the server", _breaks(_is_not_ascii)
    ),
)

# --- validation


def _takes(fix: Fix, of: frozenset[str] = SUBMITS) -> Make:
    """A server that takes a body which the fix has to make valid first."""

    def rewrite(request: Request) -> Request:
        value = sent(request)
        fixed = fix(value) if value else value
        return request if json.dumps(fixed) == json.dumps(value) else sending(request, fixed)

    return rewrites(rewrite, of)


def _address(image: Any) -> Any:
    if not isinstance(image, dict):
        return image
    inner = image.get("url", image.get("image_url", image))
    return inner.get("url", image) if isinstance(inner, dict) else inner


def _video_of_list(one: Any) -> Any:
    return one[0]


_FIELDS = (
    "model", "prompt", "images", "size", "aspect_ratio", "start_time", "upscale", "video", "duration", "task_id",
)  # fmt: skip


def _names_in_any_case(value: dict[str, Any]) -> dict[str, Any]:
    """As the decoder of Go has it: an exact name first, then one that differs in its case."""
    return {name.lower() if name.lower() in _FIELDS and name.lower() not in value else name: one
            for name, one in value.items()}  # fmt: skip


def _unwrapped(value: dict[str, Any]) -> dict[str, Any]:
    inner = next(iter(value.values())) if len(value) == 1 else None
    return inner if isinstance(inner, dict) and set(value) <= {"data", "input", "request", "body", "params"} else value


def _is_json(body: bytes) -> bool:
    try:
        jiter.from_json(body, allow_inf_nan=False, catch_duplicate_keys=True)
    except ValueError:
        return False
    return True


def _utf_16(request: Request) -> Request:
    body = request.body or b""
    coding = json.detect_encoding(body)
    if not coding.startswith(("utf-16", "utf-32")):
        return request
    try:
        text = body.decode(coding)
    except UnicodeDecodeError:
        return request
    kept = (request.header(_TYPE) or b"").partition(b";")[0]
    return altered(request, body=text.encode(), headers={_TYPE: kept or None})


def _nan(request: Request) -> Request:
    body = request.body or b""
    if not body or _is_json(body):
        return request
    return altered(request, body=re.sub(rb"(?<=[:,\[ ])(?:-?Infinity|NaN)(?=\s*[,}\]])", b"0", body))


def _begins_with_json(request: Request) -> Request:
    given = (request.header(_TYPE) or b"").lower()
    return altered(request, headers={_TYPE: _JSON}) if given.startswith(_JSON) else request


def _decoded_twice(request: Request) -> Request:
    path = request.path.replace(b"%25", b"%")
    return altered(request, path=path, query=request.query.replace(b"%25", b"%"))


def _refuses(is_refused: Callable[[Server, Request], bool], of: frozenset[str]) -> Make:
    """A server that refuses, as invalid, requests that are valid."""

    def make(server: Server) -> Answerer:
        def answer(request: Request) -> Response:
            refuses = server.operation(request) in of and is_refused(server, request)
            return server.invalid(request) if refuses else server.correct(request)

        return answer

    return make


def _past_the_end(server: Server, request: Request) -> bool:
    value = sent(request)
    video, start = value.get("video"), value.get("start_time")
    source = video.get("url") if isinstance(video, dict) else None
    if not isinstance(source, str) or type(start) is not int:
        return False
    engine = server.mock.engine
    task = engine.tasks.find(source, engine.credentials.key_of(request) or "")
    return task is not None and start > task.length


def _video_is_none(_: Server, request: Request) -> bool:
    value = sent(request)
    return bool(value) and not isinstance(value.get("video"), dict)


_validation = _of("validation")

VALIDATION = (
    _validation(
        "duration-with-fraction",
        "R41",
        "a duration is cut to whole seconds",
        _takes(_field("duration", lambda one: isinstance(one, float), int), frozenset({CREATE})),
    ),
    _validation(
        "size-empty",
        "R41",
        "extendVideo takes an empty size for none",
        _takes(_without("size", lambda one: one == ""), frozenset({EXTEND})),
    ),
    _validation(
        "images-as-objects",
        "R41",
        "an image may be an object with a url, as in the chat format",
        _takes(
            _field("images", lambda one: isinstance(one, list), lambda one: [_address(image) for image in one]),
            _EXTENDS,
        ),
    ),
    _validation(
        "images-of-any-data",
        "R41",
        "a data URL of anything is taken for an image",
        _takes(
            _field(
                "images",
                lambda one: isinstance(one, list),
                lambda one: [
                    re.sub(r"^data:[^,]*", "data:image/png;base64", image) if isinstance(image, str) else image
                    for image in one
                ],
            ),
            _EXTENDS,
        ),
    ),
    _validation(
        "prompt-of-wide-blanks",
        "R41",
        "a prompt of blanks outside of ASCII is taken",
        _takes(
            _field(
                "prompt",
                lambda one: (
                    isinstance(one, str) and not one.isascii() and not re.sub(r"[\s\u200b-\u200f\u2060\ufeff]", "", one)
                ),
                lambda _: "-",
            )
        ),
    ),
    _validation(
        "model-null",
        "R41",
        "a model of null is taken for the default",
        _takes(_field("model", lambda one: one is None, lambda _: "grok-video-3")),
    ),
    _validation(
        "video-in-list",
        "R41",
        "createVideoExtension takes the first of a list of videos",
        _takes(_field("video", lambda one: isinstance(one, list) and bool(one), _video_of_list), frozenset({CREATE})),
    ),
    _validation(
        "field-names-in-any-case",
        "R41",
        "fields are named in any case, as in Go",
        _takes(_names_in_any_case),
    ),
    _validation("body-wrapped", "R41", "a body that is wrapped in data or input is unwrapped", _takes(_unwrapped)),
    _validation("json-in-utf-16", "R27", "a body in UTF-16 is taken", rewrites(_utf_16, SUBMITS)),
    _validation("json-with-nan", "R27", "NaN and Infinity are taken for numbers", rewrites(_nan, SUBMITS)),
    _validation(
        "media-type-by-beginning",
        "R42",
        "whatever begins with application/json is taken, such as application/json-seq",
        rewrites(_begins_with_json, SUBMITS),
    ),
    _validation("id-decoded-twice", "R41", "ids are decoded twice", rewrites(_decoded_twice, _NAMING | {EXTEND})),
    _validation(
        "start-time-past-end-refused",
        "R22",
        "createVideoExtension refuses a start_time past the source's end as invalid_request",
        _refuses(_past_the_end, frozenset({CREATE})),
    ),
    _validation(
        "video-missing-breaks",
        "R44",
        "createVideoExtension breaks where video is no object",
        _breaks(_video_is_none, frozenset({CREATE})),
    ),
)

# --- routing


def _slash_decoded(request: Request) -> Request:
    return altered(request, path=re.sub(rb"(?i)%2f(?=content$)", b"/", request.path))


def _overridden(request: Request) -> Request | None:
    method = request.header(b"x-http-method-override")
    return altered(request, method=method.decode("latin-1").upper()) if method and request.method == "POST" else None


def _off(change: Callable[[Request, Response], Response], status: int) -> Make:
    """A server that answers otherwise what the contract has no operation for."""

    def make(server: Server) -> Answerer:
        def answer(request: Request) -> Response:
            given = server.correct(request)
            off = server.operation(request) is None and given.status == status
            return change(request, given) if off and not request.path.startswith(b"/videos/") else given

        return answer

    return make


def _allows_options_alone(_: Request, given: Response) -> Response:
    given.headers = [(name, b"OPTIONS" if name == b"allow" else value) for name, value in given.headers]
    return given


def _head_everywhere(request: Request, given: Response) -> Response:
    allowed = dict(given.headers).get(b"allow", b"")
    if request.method != "HEAD" or b"GET" in allowed:
        return given
    return Response(200, [(_TYPE, _JSON), *_id_header(given)], b"")


def _not_allowed(_: Request, given: Response) -> Response:
    given.status = 405
    given.headers.append((b"allow", b"GET, POST"))
    return given


def _in_any_case(server: Server) -> Answerer:
    """Ids are looked up in a column whose collation knows no case."""
    known = {one.lower(): one for one in server.mock.engine.compiled.known_tasks}

    def answer(request: Request) -> Response:
        asked = named(request) if server.operation(request) in _NAMING else ""
        meant = known.get(asked.lower(), asked)
        given = server.correct(naming(request, meant) if meant != asked else request)
        if given.task:
            known.setdefault(given.task.lower(), given.task)
        return given

    return answer


_routing = _of("routing")

ROUTING = (
    _routing(
        "encoded-slash-routed",
        "R41",
        "an encoded slash before content is decoded before the route is looked for",
        rewrites(_slash_decoded, frozenset({READ})),
    ),
    _routing("version-twice", "R43", "the paths are there below /v1/v1 as well", _leads(_path(rb"^/v1/v1/", b"/v1/"))),
    _routing(
        "method-overridden",
        "R32",
        "X-HTTP-Method-Override makes a POST a GET",
        _leads(_overridden),
    ),
    _routing("allow-options-alone", "R32", "a 405 allows OPTIONS alone", _off(_allows_options_alone, 405)),
    _routing(
        "head-of-submits-200",
        "R32",
        "HEAD of a path that has POST alone is answered with 200",
        _off(_head_everywhere, 405),
    ),
    _routing("wrong-path-405", "R43", "an unknown path is refused as a wrong method", _off(_not_allowed, 404)),
    _routing("id-in-any-case", "R46", "tasks are found by their id in any case", _in_any_case),
)

# --- status


def _id_is_missing(case: Case) -> bool:
    return b"id is missing" in case.answer.body


def _is_malformed(case: Case) -> bool:
    return b"JSON" in case.answer.body and "error" in case.value


def _without_id_header(case: Case) -> None:
    case.header(b"x-oneapi-request-id", None)


def _code_as_number(value: Any) -> Any:
    return {**value, "error": {**value["error"], "code": 429}} if "error" in value else {**value, "code": 429}


_status = _of("status")

STATUS = (
    _status(
        "id-missing-422",
        "R41",
        "the unified read without an id is refused with 422",
        restates(422, frozenset({QUERY}), frozenset({400}), _id_is_missing),
    ),
    _status(
        "malformed-200-on-unified",
        "R27",
        "the unified submit tells with 200 that a body is not JSON",
        restates(200, frozenset({UNIFIED}), frozenset({400}), _is_malformed),
    ),
    _status(
        "nul-in-id-breaks",
        "R44",
        "an id with a NUL breaks the reads, whose database takes none",
        _breaks(lambda _, request: b"%00" in request.path + request.query, READS),
    ),
    _status(
        "empty-body-breaks",
        "R44",
        "an empty body breaks extendVideo",
        _breaks(lambda _, request: request.body == b"", frozenset({EXTEND})),
    ),
    _status(
        "unauthorized-without-request-id",
        "R33",
        "a 401 carries no request id, the key is looked at before it is given",
        changes(_without_id_header, ALL, frozenset({401})),
    ),
    _status(
        "rate-limit-code-as-number",
        "R37",
        "the code of a 429 is the number 429",
        edits(_code_as_number, ALL, frozenset({429})),
    ),
)

# --- media type


def _nginx(status: str) -> bytes:
    return f"<html><head><title>{status}</title></head><body><center><h1>{status}</h1></center></body></html>".encode()


def _sent_as(media_type: bytes | None, body: Callable[[bytes], bytes], of: frozenset[str], statuses: set[int]) -> Make:
    def change(case: Case) -> None:
        case.answer.body = body(case.answer.body)
        case.header(_TYPE, media_type)

    return changes(change, of, frozenset(statuses))


def _parser_page(case: Case) -> None:
    if _is_malformed(case):
        case.answer.body = b"<!DOCTYPE html><html><body><pre>SyntaxError: Unexpected token in JSON</pre></body></html>"
        case.header(_TYPE, b"text/html; charset=utf-8")


def _latin(body: bytes) -> bytes:
    return json.dumps(json.loads(body), ensure_ascii=False).encode("latin-1", "replace")


_media_type = _of("media type")

MEDIA_TYPE = (
    _media_type(
        "malformed-as-page",
        "R39",
        "a body that is not JSON is refused with the page of the parser",
        changes(_parser_page, SUBMITS, frozenset({400})),
    ),
    _media_type(
        "too-large-as-page",
        "R39",
        "a body that is too large is refused with the page of nginx",
        _sent_as(b"text/html", lambda _: _nginx("413 Request Entity Too Large"), SUBMITS, {413}),
    ),
    _media_type(
        "submit-as-event-stream",
        "R39",
        "createVideoExtension answers a stream of events",
        _sent_as(b"text/event-stream", lambda body: b"data: " + body + b"\n\n", frozenset({CREATE}), {200}),
    ),
    _media_type(
        "unauthorized-with-comma-at-end",
        "R37",
        "a 401 is JSON written by hand, with a comma at the end",
        _sent_as(_JSON, lambda body: re.sub(rb"\}\s*$", b",}", body), ALL, {401}),
    ),
    _media_type(
        "query-in-latin-1",
        "R36",
        "the unified read is Latin-1 and says nothing of it",
        _sent_as(_JSON, _latin, frozenset({QUERY}), {200}),
    ),
    _media_type(
        "unknown-task-without-type",
        "R39",
        "the unified read names no media type where it refuses",
        _sent_as(None, lambda body: body, frozenset({QUERY}), {400}),
    ),
)

DEFECTS: tuple[Defect, ...] = (*CREDENTIALS, *VALIDATION, *ROUTING, *STATUS, *MEDIA_TYPE)
