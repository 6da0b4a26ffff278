"""Servers wrong in keys, validation, routing, statuses, media types, headers and on the wire, in one case each."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Callable, Iterator
from typing import Any

from octopusx_video_mock.messages import Request, Response

from tests.defects._defect import (
    ALL,
    CONTENT,
    CREATE,
    EXTEND,
    OK,
    QUERY,
    READ,
    READS,
    SUBMITS,
    UNIFIED,
    Answerer,
    Asked,
    Case,
    Defect,
    Make,
    Server,
    Wire,
    altered,
    changes,
    named,
    restates,
    rewrites,
    running,
    sent,
)
from tests.defects.routing import _leads, _path
from tests.defects.single_checks import (
    _credential,
    _id_header,
    _media_type,
    _of,
    _off,
    _routing,
    _status,
    _takes,
    _validation,
    _with_key,
)
from tests.defects.validation import _EXTENDS, _field, _without

_AUTH, _TYPE, _JSON, _RANGE = b"authorization", b"content-type", b"application/json", b"range"
_INVALID = frozenset({400})
_PART = frozenset({206})
_BEARER = re.compile(rb"(?i:bearer) +(\S+)")
_PANIC = b'{"error":{"message":"Panic detected, error: runtime error","type":"new_api_panic"}}'


def _breaks(is_breaking: Callable[[Request], bool], of: frozenset[str] = ALL, *, without_key: bool = False) -> Make:
    """A server that breaks over a request, behind the check of the key or within it."""

    def make(server: Server) -> Answerer:
        def answer(request: Request) -> Response:
            if server.operation(request) not in of or not is_breaking(request):
                return server.correct(request)
            given = server.at(request, 0)
            if given.status == 401 and not without_key:
                return server.correct(request)
            return Response(500, [(_TYPE, _JSON), *_id_header(given)], _PANIC, given.operation)

        return answer

    return make


# --- credentials


def _other_scheme(case: Case) -> bool:
    told = case.request.header(_AUTH)
    return told is not None and not told.lower().startswith(b"bearer")


def _behind_tab(server: Server) -> Answerer:
    """The header is split at any white space."""

    def answer(request: Request) -> Response:
        words = (request.header(_AUTH) or b"").split()
        fits = len(words) == 2 and words[0].lower() == b"bearer" and words[1] == server.key.encode()
        return server.correct(_with_key(server, request) if fits and len(request.every(_AUTH)) == 1 else request)

    return answer


def _too_large_first(server: Server) -> Answerer:
    """The size of a body is looked at by what stands in front of the check of the key."""

    def answer(request: Request) -> Response:
        if server.operation(request) in SUBMITS and request.body is None:
            return server.correct(_with_key(server, request))
        return server.correct(request)

    return answer


def _locks_out(server: Server) -> Answerer:
    """Five wrong keys in a row lock a caller out for a minute, with a right key as well."""
    wrong: dict[bytes, int] = {}
    until: dict[bytes, float] = {}

    def answer(request: Request) -> Response:
        caller = request.header(b"user-agent") or b""
        if server.now < until.get(caller, 0.0):
            return server.correct(altered(request, headers={_AUTH: None}))
        given = server.correct(request)
        if given.status == 401 and request.header(_AUTH) is not None:
            wrong[caller] = wrong.get(caller, 0) + 1
            if wrong[caller] >= 5:
                wrong[caller], until[caller] = 0, server.now + 60
        elif given.operation is not None:
            wrong[caller] = 0
        return given

    return answer


def _source_first(server: Server) -> Answerer:
    """The task in the path is looked for by what stands in front of the check of the key."""

    def answer(request: Request) -> Response:
        given = server.correct(request)
        if given.status != 401 or given.operation != EXTEND:
            return given
        other = server.at(_with_key(server, request), 0)
        return other if b"task_not_exist" in other.body and other.status == 400 else given

    return answer


def _hides_from_wrong_key(case: Case) -> None:
    if _BEARER.fullmatch(case.request.header(_AUTH) or b""):
        case.become(case.server.unknown(_with_key(case.server, case.request)))


CREDENTIALS = (
    _credential(
        "scheme-other-400",
        "R02",
        "an Authorization of another scheme than Bearer is an invalid request",
        restates(400, ALL, frozenset({401}), _other_scheme),
    ),
    _credential("key-behind-tab", "R02", "a tab between Bearer and the key will do", _behind_tab),
    _credential(
        "too-large-before-key",
        "R02",
        "the size of a body is looked at before the key",
        _too_large_first,
    ),
    _credential(
        "source-before-key-on-extend",
        "R02",
        "extendVideo looks for the task in its path before it looks at the key",
        _source_first,
    ),
    _credential(
        "wrong-key-404-at-content",
        "R02",
        "the content of any task is not found with a wrong key, and refused without one",
        changes(_hides_from_wrong_key, frozenset({CONTENT}), frozenset({401})),
    ),
    _credential(
        "locked-out-after-wrong-keys",
        "R34",
        "after five wrong keys in a row a right one is refused for a minute",
        _locks_out,
    ),
    _credential(
        "long-key-breaks",
        "R44",
        "a key of more than 255 letters breaks the server, whose column takes no more",
        _breaks(lambda request: len(request.header(_AUTH) or b"") > 262, without_key=True),
    ),
)

# --- validation: what is taken


def _is_list(value: Any) -> bool:
    return isinstance(value, list)


def _with_scheme(image: Any) -> Any:
    if not isinstance(image, str) or re.match(r"[A-Za-z][A-Za-z0-9+.-]*:", image):
        return image
    return (
        f"https:{image}" if image.startswith("//") else f"https://{image}" if re.match(r"[\w-]+\.\w", image) else image
    )


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


TAKEN = (
    _validation(
        "json-with-broken-utf-8",
        "R27",
        "bytes that are no UTF-8 are replaced in a body",
        rewrites(_loose(lambda body: json.loads(body.decode("utf-8", "replace"))), SUBMITS),
    ),
    _validation(
        "json-with-control-characters",
        "R27",
        "a line may end within a text of a body",
        rewrites(_loose(lambda body: json.loads(body, strict=False)), SUBMITS),
    ),
    _validation(
        "duration-zero",
        "R41",
        "a duration of zero is taken for one that is left out",
        _takes(_without("duration", lambda one: type(one) is int and one == 0), frozenset({CREATE})),
    ),
    _validation(
        "start-time-empty-text",
        "R41",
        "a start_time of empty text is taken for one that is left out",
        _takes(_without("start_time", lambda one: one == ""), _EXTENDS),
    ),
    _validation(
        "prompt-object",
        "R41",
        "extendVideo prints an object that is sent for a prompt",
        _takes(_field("prompt", lambda one: isinstance(one, dict), json.dumps), frozenset({EXTEND})),
    ),
    _validation(
        "images-empty-skipped",
        "R41",
        "empty texts and nulls in a list of images are left out",
        _takes(_field("images", _is_list, lambda one: [image for image in one if image not in ("", None)]), _EXTENDS),
    ),
    _validation(
        "images-without-scheme",
        "R41",
        "an image's address without a scheme is taken for one of https",
        _takes(_field("images", _is_list, lambda one: [_with_scheme(image) for image in one]), frozenset({UNIFIED})),
    ),
)

# --- validation: what is refused


def _refuses_request(is_refused: Callable[[Request], bool], of: frozenset[str] = SUBMITS) -> Make:
    """A server that refuses, as invalid, requests that are valid; behind the check of the key."""

    def make(server: Server) -> Answerer:
        def answer(request: Request) -> Response:
            refuses = server.operation(request) in of and is_refused(request)
            return server.invalid(request) if refuses else server.correct(request)

        return answer

    return make


def _refuses(is_refused: Callable[[dict[str, Any]], bool], of: frozenset[str] = SUBMITS) -> Make:
    return _refuses_request(lambda request: is_refused(sent(request)), of)


def _text(value: dict[str, Any], name: str) -> str:
    found = value.get(name)
    return found if isinstance(found, str) else ""


def _images(value: dict[str, Any]) -> list[str]:
    images = value.get("images")
    return [one for one in images if isinstance(one, str)] if isinstance(images, list) else []


def _no_picture_by_name(image: str) -> bool:
    return image.lower().startswith("http") and not re.search(r"(?i)\.(png|jpe?g|webp|gif)$", image)


def _starts_past_duration(value: dict[str, Any]) -> bool:
    start, duration = value.get("start_time"), value.get("duration")
    return type(start) is int and type(duration) is int and start >= duration


def _video(value: dict[str, Any]) -> dict[str, Any]:
    video = value.get("video")
    return video if isinstance(video, dict) else {}


def _restated_request(status: int, is_refused: Callable[[Request], bool], of: frozenset[str]) -> Make:
    return restates(status, of, OK, lambda case: is_refused(case.request))


def _long_source(request: Request) -> bool:
    value = sent(request)
    return len(_text(_video(value), "url")) > 64 or len(_text(value, "task_id")) > 64


REFUSED_VALID = (
    _validation(
        "prompt-one-letter-refused",
        "R22",
        "a prompt of one letter is refused as too short",
        _refuses(lambda value: len(_text(value, "prompt").strip()) == 1),
    ),
    _validation(
        "images-seven-refused",
        "R22",
        "more than six images are refused, as at the creation of a video",
        _refuses(lambda value: len(_images(value)) > 6, _EXTENDS),
    ),
    _validation(
        "images-long-refused",
        "R22",
        "an image's address of more than 2048 letters is refused",
        _refuses(lambda value: any(len(one) > 2048 for one in _images(value)), _EXTENDS),
    ),
    _validation(
        "images-without-suffix-refused",
        "R22",
        "extendVideo refuses an image whose address does not end as those of pictures do",
        _refuses(lambda value: any(_no_picture_by_name(one) for one in _images(value)), frozenset({EXTEND})),
    ),
    _validation(
        "start-time-past-duration-refused",
        "R22",
        "createVideoExtension takes duration for the total and refuses a start_time at or past it",
        _refuses(_starts_past_duration, frozenset({CREATE})),
    ),
    _validation(
        "source-long-refused",
        "R22",
        "the submits that name their source in the body refuse ids of more than 64 letters",
        _refuses_request(_long_source, frozenset({CREATE, UNIFIED})),
    ),
    _validation(
        "video-more-fields-refused",
        "R22",
        "createVideoExtension refuses a field of video that is not listed",
        _refuses(lambda value: bool(set(_video(value)) - {"url"}), frozenset({CREATE})),
    ),
    _validation(
        "json-behind-blanks-refused",
        "R22",
        "a body that does not begin with its brace is refused",
        _refuses_request(lambda request: bool(sent(request)) and (request.body or b"{")[:1].isspace()),
    ),
    _validation(
        "accept-list-refused",
        "R34",
        "the reads answer 406 to an Accept of more than one media type",
        _restated_request(406, lambda request: b"," in (request.header(b"accept") or b""), READS),
    ),
)

# --- routing


def _get_submits(request: Request) -> Request | None:
    fits = request.method == "GET" and request.path == b"/v1/video/extend"
    return altered(request, method="POST", headers={_TYPE: _JSON}) if fits else None


def _echoed(request: Request, given: Response) -> Response:
    if request.method != "TRACE":
        return given
    body = b"TRACE " + request.path + b" HTTP/1.1\r\n\r\n"
    return Response(200, [(_TYPE, b"message/http"), *_id_header(given)], body)


def _allow_printed(_: Request, given: Response) -> Response:
    given.headers = [
        (name, repr([one.strip() for one in value.decode().split(",")]).encode() if name == b"allow" else value)
        for name, value in given.headers
    ]
    return given


def _listed(request: Request, given: Response) -> Response:
    if request.method != "GET" or request.path != b"/v1/videos":
        return given
    return Response(200, [(_TYPE, _JSON), *_id_header(given)], b'{"object":"list","data":[],"has_more":false}')


def _below_task(request: Request, given: Response) -> Response:
    if re.match(rb"/v1/videos/[^/]+/", request.path):
        given.status, given.body = 400, b'{"code":"task_not_exist","message":"task_not_exist","data":null}'
    return given


ROUTING = (
    _routing(
        "matrix-parameters",
        "R43",
        "what stands behind a semicolon is cut off a path of the unified routes",
        _leads(_path(rb"^(/v1/video/(?:query|extend));[^/]*$", rb"\1")),
    ),
    _routing(
        "prefix-matched",
        "R43",
        "paths that begin with that of the unified read are taken for it",
        _leads(_path(rb"^(/v1/video/query)[^/?;].*$", rb"\1")),
    ),
    _routing(
        "slash-behind-content",
        "R43",
        "a slash behind content and query is overlooked",
        _leads(_path(rb"^(/v1/videos/[^/]+/content|/v1/video/query)/$", rb"\1")),
    ),
    _routing("tasks-listed", "R43", "GET of /v1/videos lists tasks, as OpenAI's does", _off(_listed, 404)),
    _routing(
        "unknown-below-task-400",
        "R43",
        "a path below a task is refused as an unknown task",
        _off(_below_task, 404),
    ),
    _routing("get-submits-unified", "R32", "GET submits at the unified path", _leads(_get_submits)),
    _routing("trace-echoed", "R32", "TRACE is answered with its own head", _off(_echoed, 405)),
    _routing("allow-printed", "R32", "the Allow of a 405 is a list as Python prints it", _off(_allow_printed, 405)),
)

# --- status


def _wall(server: Server) -> Answerer:
    """A firewall in front, which sees an injection in an id with a quote or a bracket."""

    def answer(request: Request) -> Response:
        given = server.correct(request)
        suspicious = re.search(r"['();]", named(request)) is not None
        if given.operation in READS and given.status in {400, 404} and suspicious:
            given.status, given.body = 403, b'{"error":{"message":"request blocked","type":"new_api_error","code":""}}'
        return given

    return answer


_REQUIRED = {EXTEND: {"model", "prompt"}, UNIFIED: {"model", "prompt", "task_id"}}


def _all_there(case: Case) -> bool:
    operation = case.answer.operation or ""
    return case.value.get("code") == "invalid_request" and _REQUIRED[operation] <= set(sent(case.request))


def _gone_quietly(case: Case) -> None:
    case.answer.status, case.answer.body = 204, b""
    case.header(_TYPE, None)


def _no_object(request: Request) -> bool:
    try:
        return not isinstance(json.loads(request.body or b"{}"), dict)
    except ValueError:
        return False


def _range_refused(case: Case) -> None:
    wanted = case.request.header(_RANGE) or b"bytes=0-"
    if not re.fullmatch(rb"(?i)bytes=\s*(\d+-\d*|-\d+)(\s*,\s*(\d+-\d*|-\d+))*\s*", wanted):
        case.answer.status = 400
        case.answer.body = b'{"error":{"message":"invalid Range","type":"invalid_request_error"}}'
        case.header(_TYPE, _JSON)


STATUS = (
    _status("quote-in-id-403", "R46", "the reads forbid ids with a quote, a bracket or a semicolon", _wall),
    _status(
        "unknown-task-204",
        "R46",
        "the OpenAI-format read says with 204 that there is no such task",
        changes(_gone_quietly, frozenset({READ}), _INVALID),
    ),
    _status(
        "wrong-value-422",
        "R41",
        "the two extends refuse a wrong value with 422, and a missing one with 400",
        restates(422, _EXTENDS, _INVALID, _all_there),
    ),
    _status(
        "unfinished-source-429",
        "R47",
        "the unified submit says 429 of a source that runs, to be tried again later",
        restates(429, frozenset({UNIFIED}), _INVALID, lambda case: case.value.get("code") == "fail_to_fetch_task"),
    ),
    _status(
        "body-no-object-breaks",
        "R44",
        "a body of JSON that is no object breaks createVideoExtension",
        _breaks(_no_object, frozenset({CREATE})),
    ),
    _status(
        "range-unreadable-400",
        "R34",
        "a Range that can't be read is refused with 400",
        changes(_range_refused, frozenset({CONTENT}), OK),
    ),
)

# --- media type and headers


def _sent_as(media_type: bytes, body: Callable[[bytes], bytes], of: frozenset[str], statuses: frozenset[int]) -> Make:
    def change(case: Case) -> None:
        case.answer.body = body(case.answer.body)
        case.header(_TYPE, media_type)

    return changes(change, of, statuses)


def _json_alone(case: Case) -> None:
    if running(case.value):
        case.header(_TYPE, b"json")


def _suffix_and_one(case: Case) -> None:
    match = re.fullmatch(rb"bytes=-(\d+)", case.request.header(_RANGE) or b"")
    size = int(dict(case.answer.headers)[b"content-range"].rpartition(b"/")[2])
    if match and int(match[1]) < size:
        first = size - int(match[1]) - 1
        whole = case.server.at(altered(case.request, headers={_RANGE: None}), 0).body
        case.answer.body = whole[first:]
        case.header(b"content-range", b"bytes %d-%d/%d" % (first, size - 1, size))


_content = _of("content")

MEDIA_TYPE = (
    _media_type(
        "unknown-content-as-text",
        "R39",
        "the content of an unknown task is refused in plain text",
        _sent_as(b"text/plain; charset=utf-8", lambda _: b"404 page not found", frozenset({CONTENT}), frozenset({404})),
    ),
    _media_type(
        "running-as-json-alone",
        "R39",
        "the media type of a running task's unified read is json alone",
        changes(_json_alone, frozenset({QUERY}), OK),
    ),
    _media_type(
        "json-behind-guard",
        "R36",
        "the OpenAI-format read guards its JSON against scripts with )]}',",
        _sent_as(_JSON, lambda body: b")]}',\n" + body, frozenset({READ}), OK),
    ),
)

CONTENTS = (
    _content(
        "unsatisfied-without-request-id",
        "R33",
        "a 416 carries no request id",
        changes(lambda case: case.header(b"x-oneapi-request-id", None), frozenset({CONTENT}), frozenset({416})),
    ),
    _content(
        "content-compressed-unsaid",
        "R25",
        "the whole video is compressed and does not say so",
        _sent_as(b"video/mp4", lambda body: gzip.compress(body, mtime=0), frozenset({CONTENT}), OK),
    ),
    _content(
        "suffix-one-byte-more",
        "R24",
        "of the last bytes that are asked for one more is sent and named",
        changes(_suffix_and_one, frozenset({CONTENT}), _PART),
    ),
)

# --- connection

_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"


def _wired(name: str, summary: str, send: Callable[[Asked], Iterator[bytes]], of: frozenset[str]) -> Defect:
    """A defect that sends these bytes for a request of these operations."""

    def wire(_: Server) -> Wire:
        return lambda asked: send(asked) if asked.operation in of else None

    return Defect(name, "connection", "R53", summary, wire=wire)


def _without_length(asked: Asked) -> Iterator[bytes]:
    """Neither a length nor an end."""
    yield _HEAD + b"connection: keep-alive\r\n\r\n" + asked.answered()[1]
    asked.ended(3600.0)


def _chunk_cut(asked: Asked) -> Iterator[bytes]:
    head, body = asked.answered()
    head = re.sub(rb"content-length: \d+", b"transfer-encoding: chunked", head)
    yield head + b"%x\r\n" % len(body) + body[: len(body) // 2]


def _coded_otherwise(asked: Asked) -> Iterator[bytes]:
    head, body = asked.answered()
    packed = gzip.compress(body, mtime=0)
    yield (
        re.sub(rb"content-length: \d+", b"content-encoding: deflate\r\ncontent-length: %d" % len(packed), head) + packed
    )


def _to_slash(server: Server) -> Answerer:
    """A slash is asked for where the router has none either."""

    def answer(request: Request) -> Response:
        if server.operation(request) != CREATE:
            return server.correct(request)
        return Response(307, [(b"location", request.path + b"/")], b"", CREATE)

    return answer


def _reset_where_invalid(case: Case) -> None:
    if case.value.get("code") == "invalid_request":
        case.answer.delivery = "reset"


CONNECTION = (
    _wired(
        "query-without-length-stays-open",
        "the unified read has no length, and its connection stays open",
        _without_length,
        frozenset({QUERY}),
    ),
    _wired("content-chunk-cut", "the content's only chunk is cut in its middle", _chunk_cut, frozenset({CONTENT})),
    _wired(
        "read-coded-otherwise", "the OpenAI-format read says deflate and is gzip", _coded_otherwise, frozenset({READ})
    ),
    Defect(
        "create-redirected-to-slash",
        "connection",
        "R53",
        "createVideoExtension is sent to its path with a slash behind it, which is not there",
        _to_slash,
    ),
    Defect(
        "refusal-reset-on-extend",
        "connection",
        "R53",
        "extendVideo resets the connection where a body is invalid",
        changes(_reset_where_invalid, frozenset({EXTEND}), _INVALID),
    ),
)

DEFECTS: tuple[Defect, ...] = (
    *CREDENTIALS,
    *TAKEN,
    *REFUSED_VALID,
    *ROUTING,
    *STATUS,
    *MEDIA_TYPE,
    *CONTENTS,
    *CONNECTION,
)
