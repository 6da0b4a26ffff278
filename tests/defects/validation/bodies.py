"""Bodies, media types and ids that are invalid and accepted."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, parse_qsl

import jiter
from octopusx_video_mock.messages import Request, Response

from tests.defects._defect import (
    CONTENT,
    CONTENT_TYPE,
    CREATE,
    EXTEND,
    JSON,
    QUERY,
    READ,
    SUBMITS,
    Handler,
    Server,
    Table,
    altered,
    rewrites,
    sending,
)
from tests.defects._requests import NAMING, flat_video, takes


def _unwrapped(request: Request) -> Request:
    value = _parsed(request.body or b"")
    return sending(request, value[0]) if isinstance(value, list) and value else request


def _parsed(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return None


def _any_type(request: Request) -> Request:
    return altered(request, headers={CONTENT_TYPE: JSON}) if request.header(CONTENT_TYPE) is not None else request


def _text_type(request: Request) -> Request:
    given = request.header(CONTENT_TYPE) or b""
    return altered(request, headers={CONTENT_TYPE: JSON}) if given.startswith(b"text/plain") else request


def _form(request: Request) -> Request:
    if b"x-www-form-urlencoded" not in (request.header(CONTENT_TYPE) or b""):
        return request
    fields: dict[str, Any] = dict(parse_qsl((request.body or b"").decode("latin-1")))
    for name in ("start_time", "duration"):
        if str(fields.get(name, "")).isdigit():
            fields[name] = int(fields[name])
    fields = flat_video(fields)
    return altered(sending(request, fields), headers={CONTENT_TYPE: JSON})


def _relaxed(pattern: bytes, instead: bytes) -> Callable[[Request], Request]:
    def rewrite(request: Request) -> Request:
        body = request.body or b""
        return request if _parsed(body) is not None else altered(request, body=re.sub(pattern, instead, body))

    return rewrite


def _last_of_query(server: Server) -> Handler:
    last = [""]

    def handle(request: Request) -> Response:
        given = parse_qs(request.query.decode("latin-1"), keep_blank_values=True)
        asks = server.operation(request) == QUERY
        if asks and last[0] and given.get("id", [""]) == [""]:
            return server.correct(altered(request, query=b"id=" + last[0].encode()))
        found = server.correct(request)
        last[0] = found.task or last[0]
        return found

    return handle


def _other_name(request: Request) -> Request:
    return altered(request, query=re.sub(rb"(^|&)task_id=", rb"\1id=", request.query))


def _stripped_id(request: Request) -> Request:
    path = re.sub(rb"(?<=/v1/videos/)(%20)+|(%20)+(?=/|$)", b"", request.path)
    return altered(request, path=path, query=re.sub(rb"(?<=id=)(%20|\+)+|(%20|\+)+$", b"", request.query))


def _cut_id(request: Request) -> Request:
    path = re.sub(rb"(?<=/v1/videos/)([^/%]+)%2F[^/]*", rb"\1", request.path)
    return altered(request, path=path, query=re.sub(rb"(id=[^&%]+)%2F[^&]*", rb"\1", request.query))


def _unwrapped_object(value: dict[str, Any]) -> dict[str, Any]:
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
    kept = (request.header(CONTENT_TYPE) or b"").partition(b";")[0]
    return altered(request, body=text.encode(), headers={CONTENT_TYPE: kept or None})


def _nan(request: Request) -> Request:
    body = request.body or b""
    if not body or _is_json(body):
        return request
    return altered(request, body=re.sub(rb"(?<=[:,\[ ])(?:-?Infinity|NaN)(?=\s*[,}\]])", b"0", body))


def _begins_with_json(request: Request) -> Request:
    given = (request.header(CONTENT_TYPE) or b"").lower()
    return altered(request, headers={CONTENT_TYPE: JSON}) if given.startswith(JSON) else request


def _decoded_twice(request: Request) -> Request:
    path = request.path.replace(b"%25", b"%")
    return altered(request, path=path, query=request.query.replace(b"%25", b"%"))


def _loose(parse: Callable[[bytes], Any]) -> Callable[[Request], Request]:
    """Takes for JSON what another parser than the strict one makes of it."""

    def rewrite(request: Request) -> Request:
        body = request.body or b""
        try:
            json.loads(body)
        except ValueError:
            pass
        else:
            return request
        try:
            return altered(request, body=json.dumps(parse(body)).encode())
        except ValueError:
            return request

    return rewrite


DEFECTS: Table = {
    ("body-in-list", "R41", "a body in a list is unwrapped"): rewrites(_unwrapped, SUBMITS),
    ("body-as-text", "R42", "JSON is taken as text/plain"): rewrites(_text_type, SUBMITS),
    ("body-of-any-type", "R42", "the media type of a body is not looked at"): rewrites(_any_type, SUBMITS),
    ("body-of-any-type-on-extend", "R42", "extendVideo does not look at the media type"): rewrites(_any_type, {EXTEND}),
    ("body-as-form", "R42", "a form is taken"): rewrites(_form, SUBMITS),
    ("json-with-comma-at-end", "R27", "JSON may have a comma at the end"): rewrites(_relaxed(rb",\s*}", b"}"), SUBMITS),
    ("json-with-single-quotes", "R27", "JSON may have single quotes"): rewrites(_relaxed(rb"'", b'"'), SUBMITS),
    ("json-with-more-behind", "R27", "what stands behind the JSON is left out"): rewrites(
        _relaxed(rb"\}[^}]*$", b"}"), SUBMITS
    ),
    ("json-with-comments", "R27", "createVideoExtension takes JSON with comments"): rewrites(
        _relaxed(rb"//[^\n]*", b""), {CREATE}
    ),
    ("id-empty", "R41", "the unified read without an id reports the last task"): _last_of_query,
    ("id-by-other-name", "R41", "the unified read takes task_id for id"): rewrites(_other_name, {QUERY}),
    ("id-with-blanks", "R41", "blanks around an id are cut off"): rewrites(_stripped_id, {READ, QUERY, CONTENT}),
    ("id-cut-at-slash", "R41", "an id is read up to an encoded slash"): rewrites(_cut_id, {READ, QUERY, CONTENT}),
}

RARE: Table = {
    ("body-wrapped", "R41", "a body that is wrapped in data or input is unwrapped"): takes(_unwrapped_object),
    ("json-in-utf-16", "R27", "a body in UTF-16 is taken"): rewrites(_utf_16, SUBMITS),
    ("json-with-nan", "R27", "NaN and Infinity are taken for numbers"): rewrites(_nan, SUBMITS),
    (
        "media-type-by-beginning",
        "R42",
        "whatever begins with application/json is taken, such as application/json-seq",
    ): rewrites(_begins_with_json, SUBMITS),
    ("id-decoded-twice", "R41", "ids are decoded twice"): rewrites(_decoded_twice, NAMING | {EXTEND}),
    ("json-with-broken-utf-8", "R27", "bytes that are no UTF-8 are replaced in a body"): rewrites(
        _loose(lambda body: json.loads(body.decode("utf-8", "replace"))), SUBMITS
    ),
    ("json-with-control-characters", "R27", "a line may end within a text of a body"): rewrites(
        _loose(lambda body: json.loads(body, strict=False)), SUBMITS
    ),
}
