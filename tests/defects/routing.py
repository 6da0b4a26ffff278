"""Paths, methods and HEAD requests that are routed or refused against the contract."""

from __future__ import annotations

import re
from collections.abc import Callable

from octopusx_video_mock.messages import Request, Response

from tests.defects._defect import (
    AUTHORIZATION,
    CONTENT,
    CONTENT_TYPE,
    CREATE,
    EXTEND,
    JSON,
    QUERY,
    RANGE,
    READ,
    READS,
    UNIFIED,
    Case,
    Handler,
    Make,
    Operations,
    Server,
    Statuses,
    Table,
    altered,
    handles,
    named,
    naming,
    rewrites,
    sending,
    sent,
)
from tests.defects._requests import NAMING, id_header

_PAGE = b"<!doctype html><title>app</title><div id=root></div>"
_SOURCE = "grok:2d8ef725-c4a9-46e0-b133-eca6c297e830"


def _off_route(change: Callable[[Request, Response], Response], statuses: Statuses) -> Make:
    """A server that responds otherwise to what the contract has no operation for."""

    def handle(server: Server, request: Request) -> Response:
        given = server.correct(request)
        off = server.operation(request) is None and given.status in statuses
        return change(request, given) if off and not request.path.startswith(b"/videos/") else given

    return handles(handle)


def _restated(status: int, statuses: Statuses) -> Make:
    def change(_: Request, given: Response) -> Response:
        given.status = status
        return given

    return _off_route(change, statuses)


def _page(_: Request, given: Response) -> Response:
    return Response(200, [(b"content-type", b"text/html")], _PAGE)


def _without_allow(_: Request, given: Response) -> Response:
    given.headers = [pair for pair in given.headers if pair[0] != b"allow"]
    return given


def _allowing_all(_: Request, given: Response) -> Response:
    given = _without_allow(_, given)
    given.headers.append((b"allow", b"GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"))
    return given


def _allowing_what_was_sent(request: Request, given: Response) -> Response:
    given = _without_allow(request, given)
    given.headers.append((b"allow", request.method.encode()))
    return given


def _deleted(request: Request, given: Response) -> Response:
    return Response(204, [], b"") if request.method == "DELETE" else given


def _redirected(request: Request, given: Response) -> Response:
    return Response(308, [(b"location", request.path + b"/index.html")], b"")


def _leads(lead: Callable[[Request], Request | None]) -> Make:
    """A server that takes a request, where it is of no operation, for one that is."""

    def handle(server: Server, request: Request) -> Response:
        taken = lead(request) if server.operation(request) is None else None
        return server.correct(request if taken is None else taken)

    return handles(handle)


def _path(pattern: bytes, instead: bytes) -> Callable[[Request], Request | None]:
    def lead(request: Request) -> Request | None:
        path = re.sub(pattern, instead, request.path)
        return None if path == request.path else altered(request, path=path)

    return lead


def _method(sent_as: str, taken_as: str, pattern: bytes = rb".*") -> Callable[[Request], Request | None]:
    def lead(request: Request) -> Request | None:
        fits = request.method == sent_as and re.fullmatch(pattern, request.path) is not None
        return altered(request, method=taken_as) if fits else None

    return lead


def _query_in_path(request: Request) -> Request | None:
    match = re.fullmatch(rb"/v1/video/query/([^/]+)", request.path)
    return altered(request, path=b"/v1/video/query", query=b"id=" + match[1]) if match else None


def _lower_case(request: Request) -> Request | None:
    known = {b"v1", b"videos", b"video", b"extensions", b"extend", b"query", b"content"}
    parts = [part.lower() if part.lower() in known else part for part in request.path.split(b"/")]
    return altered(request, path=b"/".join(parts))


@handles
def _shadowed(server: Server, request: Request) -> Response:
    """The route of a task stands before that of extensions, and takes POST nowhere."""
    if server.operation(request) == CREATE:
        given = server.correct(altered(request, method="PUT"))
        given.operation = CREATE
        return given
    return server.correct(request)


def _last_read(server: Server) -> Handler:
    """What is no id of a task is left out, so that GET of extensions reads the task that comes first."""
    path = f"/v1/videos/{_SOURCE}".encode()
    return lambda request: server.correct(
        altered(request, path=path) if (request.method, request.path) == ("GET", b"/v1/videos/extensions") else request
    )


@handles
def _hidden(server: Server, request: Request) -> Response:
    """The route of a task stands before that of extensions, and POST is none there."""
    given = server.correct(request)
    if server.operation(request) == CREATE and given.status == 200:
        nowhere = server.correct(altered(request, path=b"/v1/nowhere"))
        nowhere.operation = CREATE
        return nowhere
    return given


def _suffix_cut(request: Request) -> Request:
    path = re.sub(rb"(/v1/videos/[^/]+)\.(json|mp4)$", rb"\1", request.path)
    return altered(request, path=path, query=re.sub(rb"\.(json|mp4)$", b"", request.query))


def _without_suffix(server: Server) -> Handler:
    return lambda request: server.correct(
        _suffix_cut(request) if server.operation(request) in {READ, QUERY} else request
    )


@handles
def _unified_as_other(server: Server, request: Request) -> Response:
    """The unified submit is given the schema of the extend in the path, and the source that it finds nowhere."""
    value = sent(request)
    if server.operation(request) == UNIFIED and value and "task_id" not in value:
        return server.correct(sending(request, {**value, "task_id": _SOURCE}))
    return server.correct(request)


@handles
def _extend_as_other(server: Server, request: Request) -> Response:
    """The extend in the path is given the schema of the unified submit."""
    if server.operation(request) == EXTEND and sent(request) and "task_id" not in sent(request):
        return server.invalid(request)
    return server.correct(request)


@handles
def _source_from_body(server: Server, request: Request) -> Response:
    """A task_id in the body goes before the one in the path, and an unknown one in the path is not noticed."""
    task = sent(request).get("task_id")
    if server.operation(request) == EXTEND and isinstance(task, str):
        return server.correct(naming(request, task))
    return server.correct(request)


@handles
def _content_as_read(server: Server, request: Request) -> Response:
    """A path below a task is taken for the task."""
    if server.operation(request) == CONTENT:
        given = server.correct(altered(request, path=request.path.removesuffix(b"/content")))
        given.operation = CONTENT
        return given
    return server.correct(request)


def _as_read(request: Request) -> Request | None:
    fits = request.method == "POST" and re.fullmatch(rb"/v1/(videos/[^/]+|video/query)", request.path)
    return altered(request, method="GET", body=b"") if fits else None


def _as_get(request: Request) -> Request:
    return altered(request, method="GET", headers={RANGE: None})


def _with_key(server: Server, request: Request, key: str) -> Request:
    return altered(request, headers={AUTHORIZATION: f"Bearer {key}".encode()})


def _heads(response: Callable[[Server, Request], Response | None], of: Operations = READS | {CONTENT}) -> Make:
    """A server that responds to HEAD of these operations so; None leaves the correct response."""

    def handle(server: Server, request: Request) -> Response:
        if request.method == "HEAD" and server.operation(_as_get(request)) in of:
            given = response(server, request)
            if given is not None:
                return given
        return server.correct(request)

    return handles(handle)


def _owned(server: Server, request: Request) -> Response:
    """The response to a GET of the owner of a task, whoever asks."""
    responses = [server.correct(_with_key(server, _as_get(request), key)) for key in (server.key, server.other_key)]
    return min(responses, key=lambda one: one.status)


def _any_key(server: Server, request: Request) -> Response | None:
    is_known = server.correct(_as_get(request)).status != 401
    return _owned(server, request) if is_known else None


def _keyless(server: Server, request: Request) -> Response | None:
    return _owned(server, request) if server.correct(_as_get(request)).status == 401 else None


def _always(server: Server, request: Request) -> Response | None:
    given = server.correct(_as_get(request))
    if given.status in {401, 200}:
        return given
    given.status = 200
    return given


def _empty(server: Server, request: Request) -> Response | None:
    given = server.correct(_as_get(request))
    given.body = b""
    return given


def _shorter(server: Server, request: Request) -> Response | None:
    """The length is that of the file in storage, without a box that is added on its way."""
    given = server.correct(_as_get(request))
    given.body = given.body[:-8] if given.status == 200 else given.body
    return given


def _with_range(server: Server, request: Request) -> Response | None:
    return server.correct(altered(request, method="GET"))


def _as_bytes(server: Server, request: Request) -> Response | None:
    given = server.correct(_as_get(request))
    if given.status == 200:
        Case(server, {}, request, given).header(b"content-type", b"application/octet-stream")
    return given


def _breaks(server: Server, request: Request) -> Response | None:
    given = server.correct(_as_get(request))
    given.status = 500 if given.status == 200 else given.status
    return given


def _slash_decoded(request: Request) -> Request:
    return altered(request, path=re.sub(rb"(?i)%2f(?=content$)", b"/", request.path))


def _overridden(request: Request) -> Request | None:
    method = request.header(b"x-http-method-override")
    return altered(request, method=method.decode("latin-1").upper()) if method and request.method == "POST" else None


def _off(change: Callable[[Request, Response], Response], status: int) -> Make:
    """A server that responds otherwise to what the contract has no operation for."""

    def handle(server: Server, request: Request) -> Response:
        given = server.correct(request)
        off = server.operation(request) is None and given.status == status
        return change(request, given) if off and not request.path.startswith(b"/videos/") else given

    return handles(handle)


def _allows_options_alone(_: Request, given: Response) -> Response:
    given.headers = [(name, b"OPTIONS" if name == b"allow" else value) for name, value in given.headers]
    return given


def _head_everywhere(request: Request, given: Response) -> Response:
    allowed = dict(given.headers).get(b"allow", b"")
    if request.method != "HEAD" or b"GET" in allowed:
        return given
    return Response(200, [(CONTENT_TYPE, JSON), *id_header(given)], b"")


def _not_allowed(_: Request, given: Response) -> Response:
    given.status = 405
    given.headers.append((b"allow", b"GET, POST"))
    return given


def _in_any_case(server: Server) -> Handler:
    """Ids are looked up in a column whose collation knows no case."""
    known = {one.lower(): one for one in server.mock.engine.compiled.known_tasks}

    def handle(request: Request) -> Response:
        task = named(request) if server.operation(request) in NAMING else ""
        meant = known.get(task.lower(), task)
        given = server.correct(naming(request, meant) if meant != task else request)
        if given.task:
            known.setdefault(given.task.lower(), given.task)
        return given

    return handle


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


def _get_submits(request: Request) -> Request | None:
    fits = request.method == "GET" and request.path == b"/v1/video/extend"
    return altered(request, method="POST", headers={CONTENT_TYPE: JSON}) if fits else None


def _echoed(request: Request, given: Response) -> Response:
    if request.method != "TRACE":
        return given
    body = b"TRACE " + request.path + b" HTTP/1.1\r\n\r\n"
    return Response(200, [(CONTENT_TYPE, b"message/http"), *id_header(given)], body)


def _allow_printed(_: Request, given: Response) -> Response:
    given.headers = [
        (name, repr([one.strip() for one in value.decode().split(",")]).encode() if name == b"allow" else value)
        for name, value in given.headers
    ]
    return given


def _listed(request: Request, given: Response) -> Response:
    if request.method != "GET" or request.path != b"/v1/videos":
        return given
    return Response(200, [(CONTENT_TYPE, JSON), *id_header(given)], b'{"object":"list","data":[],"has_more":false}')


def _below_task(request: Request, given: Response) -> Response:
    if re.match(rb"/v1/videos/[^/]+/", request.path):
        given.status, given.body = 400, b'{"code":"task_not_exist","message":"task_not_exist","data":null}'
    return given


DEFECTS: Table = {
    ("wrong-method-200", "R32", "a method that a path does not have gets 200"): _restated(200, {405}),
    ("wrong-method-400", "R32", "a method that a path does not have is an invalid request"): _restated(400, {405}),
    ("wrong-method-501", "R32", "a method that a path does not have is not implemented"): _restated(501, {405}),
    ("wrong-method-500", "R32", "a method that a path does not have breaks the server"): _restated(500, {405}),
    ("allow-missing", "R32", "a 405 has no Allow"): _off_route(_without_allow, {405}),
    ("allow-everything", "R32", "a 405 allows every method"): _off_route(_allowing_all, {405}),
    ("allow-what-was-sent", "R32", "a 405 allows the method that it refuses"): _off_route(
        _allowing_what_was_sent, {405}
    ),
    ("delete-204", "R32", "DELETE of a task gets 204"): _off_route(_deleted, {405}),
    ("put-submits", "R32", "PUT submits as POST does"): _leads(_method("PUT", "POST")),
    ("put-submits-unified", "R32", "PUT submits at the unified path"): _leads(
        _method("PUT", "POST", rb"/v1/video/extend")
    ),
    ("patch-reads", "R32", "PATCH reads as GET does"): _leads(_method("PATCH", "GET")),
    ("post-reads", "R32", "POST reads a task as GET does"): _leads(_as_read),
    ("slash-reads", "R43", "a slash behind an id is overlooked"): _leads(_path(rb"(/v1/videos/[^/]+)/$", rb"\1")),
    ("slash-submits", "R43", "a slash behind extensions is overlooked"): _leads(
        _path(rb"/extensions/$", rb"/extensions")
    ),
    ("slash-in-front", "R43", "two slashes are one"): _leads(_path(rb"//+", b"/")),
    ("upper-case-path", "R43", "paths are taken in any case"): _leads(_lower_case),
    ("more-segments", "R43", "what stands behind content is overlooked"): _leads(_path(rb"/content/.+$", b"/content")),
    ("more-segments-at-query", "R43", "the unified read takes the id from its path"): _leads(_query_in_path),
    ("version-missing", "R43", "the paths are there without /v1 as well"): _leads(
        lambda request: (
            altered(request, path=b"/v1" + request.path)
            if re.match(rb"/(videos/[^/]+$|video/)", request.path)
            else None
        )
    ),
    ("version-any", "R43", "any version is taken"): _leads(_path(rb"^/v[0-9]+/", b"/v1/")),
    ("wrong-path-200", "R43", "an unknown path gets the page of an app"): _off_route(_page, {404}),
    ("wrong-path-400", "R43", "an unknown path is an invalid request"): _restated(400, {404}),
    ("wrong-path-403", "R43", "an unknown path is forbidden"): _restated(403, {404}),
    ("wrong-path-500", "R43", "an unknown path breaks the server"): _restated(500, {404}),
    ("wrong-path-redirected", "R43", "an unknown path is redirected to another unknown one"): _off_route(
        _redirected, {404}
    ),
    ("extensions-shadowed", "R38", "POST of extensions is taken for a wrong method of a task"): _shadowed,
    ("extensions-read", "R58", "GET of extensions reads a task that is there"): _last_read,
    ("extensions-hidden", "R58", "POST of extensions is a wrong route, a task's path before it"): _hidden,
    ("suffix-cut", "R46", "a suffix such as .json is cut off an id"): _without_suffix,
    ("unified-as-extend", "R41", "the unified submit does not ask for its task_id"): _unified_as_other,
    ("extend-as-unified", "R22", "extendVideo asks for a task_id in its body"): _extend_as_other,
    ("source-from-body", "R46", "extendVideo prefers a task_id in its body to the one in its path"): _source_from_body,
    ("content-as-read", "R39", "the content's path is taken for the task's"): _content_as_read,
}

RARE: Table = {
    ("head-content-without-key", "R01", "HEAD of the content gets 200 without a valid key"): _heads(
        _keyless, {CONTENT}
    ),
    ("head-read-without-key", "R01", "HEAD of a read looks at no key"): _heads(_keyless, READS),
    ("head-content-of-another-account", "R20", "HEAD of the content gets 200 with a key of another account"): _heads(
        _any_key, {CONTENT}
    ),
    ("head-read-of-another-account", "R20", "HEAD of a read gets 200 with a key of another account"): _heads(
        _any_key, {READ}
    ),
    ("head-of-unknown", "R59", "HEAD of a read gets 200 whatever the task"): _heads(_always, READS),
    ("head-says-empty", "R59", "HEAD of a read returns Content-Length 0"): _heads(_empty, READS),
    (
        "head-length-of-another-file",
        "R59",
        "HEAD of the content returns a Content-Length eight bytes too short",
    ): _heads(_shorter, {CONTENT}),
    ("head-follows-range", "R59", "HEAD of the content follows a Range and gets 206"): _heads(_with_range, {CONTENT}),
    ("head-of-bytes", "R59", "HEAD of the content returns the media type application/octet-stream"): _heads(
        _as_bytes, {CONTENT}
    ),
    ("head-breaks", "R59", "HEAD of a read gets 500"): _heads(_breaks, READS),
    (
        "encoded-slash-routed",
        "R41",
        "an encoded slash before content is decoded before the route is looked for",
    ): rewrites(_slash_decoded, {READ}),
    ("version-twice", "R43", "the paths are there below /v1/v1 as well"): _leads(_path(rb"^/v1/v1/", b"/v1/")),
    ("method-overridden", "R32", "X-HTTP-Method-Override makes a POST a GET"): _leads(_overridden),
    ("allow-options-alone", "R32", "a 405 allows OPTIONS alone"): _off(_allows_options_alone, 405),
    ("head-of-submits-200", "R32", "HEAD of a path that has POST alone gets 200"): _off(_head_everywhere, 405),
    ("wrong-path-405", "R43", "an unknown path is refused as a wrong method"): _off(_not_allowed, 404),
    ("id-in-any-case", "R46", "tasks are found by their id in any case"): _in_any_case,
    ("only-post-of-content", "R32", "POST downloads the content as GET does"): _leads(_posted_content),
    ("only-content-405-without-allow", "R32", "the 405 of the content's path has no Allow"): _off(
        _content_without_allow, 405
    ),
    ("only-query-method-403", "R32", "PUT and DELETE of the unified read are forbidden"): _off(_unified_forbids, 405),
    ("only-below-task-reads", "R43", "whatever one segment stands below a task, GET reads the task"): _leads(
        _path(rb"^(/v1/videos/[^/]+)/(?!content$|extend$)[^/]+$", rb"\1")
    ),
    ("matrix-parameters", "R43", "what stands behind a semicolon is cut off a path of the unified routes"): _leads(
        _path(rb"^(/v1/video/(?:query|extend));[^/]*$", rb"\1")
    ),
    ("prefix-matched", "R43", "paths that begin with that of the unified read are taken for it"): _leads(
        _path(rb"^(/v1/video/query)[^/?;].*$", rb"\1")
    ),
    ("slash-behind-content", "R43", "a slash behind content and query is overlooked"): _leads(
        _path(rb"^(/v1/videos/[^/]+/content|/v1/video/query)/$", rb"\1")
    ),
    ("tasks-listed", "R43", "GET of /v1/videos lists tasks, as OpenAI's does"): _off(_listed, 404),
    ("unknown-below-task-400", "R43", "a path below a task is refused as an unknown task"): _off(_below_task, 404),
    ("get-submits-unified", "R32", "GET submits at the unified path"): _leads(_get_submits),
    ("trace-echoed", "R32", "TRACE gets its own head"): _off(_echoed, 405),
    ("allow-printed", "R32", "the Allow of a 405 is a list as Python prints it"): _off(_allow_printed, 405),
}
