"""Servers that lead a request elsewhere than the contract's paths and methods do."""

from __future__ import annotations

import re
from collections.abc import Callable

from octopusx_video_mock.messages import Request, Response

from tests.defects._defect import (
    CONTENT,
    CREATE,
    EXTEND,
    QUERY,
    READ,
    UNIFIED,
    Answerer,
    Defect,
    Make,
    Server,
    altered,
    naming,
    sending,
    sent,
)

_PAGE = b"<!doctype html><title>app</title><div id=root></div>"


def _defect(name: str, rule: str, summary: str, make: Make) -> Defect:
    return Defect(name, "routing", rule, summary, make)


def _off_route(change: Callable[[Request, Response], Response], statuses: frozenset[int]) -> Make:
    """A server that answers otherwise what the contract has no operation for."""

    def make(server: Server) -> Answerer:
        def answer(request: Request) -> Response:
            given = server.correct(request)
            off = server.operation(request) is None and given.status in statuses
            return change(request, given) if off and not request.path.startswith(b"/videos/") else given

        return answer

    return make


def _restated(status: int, statuses: frozenset[int]) -> Make:
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

    def make(server: Server) -> Answerer:
        def answer(request: Request) -> Response:
            taken = lead(request) if server.operation(request) is None else None
            return server.correct(request if taken is None else taken)

        return answer

    return make


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


def _shadowed(server: Server) -> Answerer:
    """The route of a task stands before that of extensions, and takes POST nowhere."""

    def answer(request: Request) -> Response:
        if server.operation(request) == CREATE:
            given = server.correct(altered(request, method="PUT"))
            given.operation = CREATE
            return given
        return server.correct(request)

    return answer


def _last_read(server: Server) -> Answerer:
    """What is no id of a task is left out, so that GET of extensions reads the task that comes first."""
    path = f"/v1/videos/{_SOURCE}".encode()
    return lambda request: server.correct(
        altered(request, path=path) if (request.method, request.path) == ("GET", b"/v1/videos/extensions") else request
    )


def _hidden(server: Server) -> Answerer:
    """The route of a task stands before that of extensions, and POST is none there."""

    def answer(request: Request) -> Response:
        given = server.correct(request)
        if server.operation(request) == CREATE and given.status == 200:
            nowhere = server.correct(altered(request, path=b"/v1/nowhere"))
            nowhere.operation = CREATE
            return nowhere
        return given

    return answer


def _suffix_cut(request: Request) -> Request:
    path = re.sub(rb"(/v1/videos/[^/]+)\.(json|mp4)$", rb"\1", request.path)
    return altered(request, path=path, query=re.sub(rb"\.(json|mp4)$", b"", request.query))


def _without_suffix(server: Server) -> Answerer:
    return lambda request: server.correct(
        _suffix_cut(request) if server.operation(request) in {READ, QUERY} else request
    )


_SOURCE = "grok:2d8ef725-c4a9-46e0-b133-eca6c297e830"


def _unified_as_other(server: Server) -> Answerer:
    """The unified submit is given the schema of the extend in the path, and the source that it finds nowhere."""

    def answer(request: Request) -> Response:
        value = sent(request)
        if server.operation(request) == UNIFIED and value and "task_id" not in value:
            return server.correct(sending(request, {**value, "task_id": _SOURCE}))
        return server.correct(request)

    return answer


def _extend_as_other(server: Server) -> Answerer:
    """The extend in the path is given the schema of the unified submit."""

    def answer(request: Request) -> Response:
        if server.operation(request) == EXTEND and sent(request) and "task_id" not in sent(request):
            return server.invalid(request)
        return server.correct(request)

    return answer


def _source_from_body(server: Server) -> Answerer:
    """A task_id in the body goes before the one in the path, and an unknown one in the path is not noticed."""

    def answer(request: Request) -> Response:
        task = sent(request).get("task_id")
        if server.operation(request) == EXTEND and isinstance(task, str):
            return server.correct(naming(request, task))
        return server.correct(request)

    return answer


def _content_as_read(server: Server) -> Answerer:
    """A path below a task is taken for the task."""

    def answer(request: Request) -> Response:
        if server.operation(request) == CONTENT:
            given = server.correct(altered(request, path=request.path.removesuffix(b"/content")))
            given.operation = CONTENT
            return given
        return server.correct(request)

    return answer


def _as_read(request: Request) -> Request | None:
    fits = request.method == "POST" and re.fullmatch(rb"/v1/(videos/[^/]+|video/query)", request.path)
    return altered(request, method="GET", body=b"") if fits else None


_WRONG_METHOD, _WRONG_PATH = frozenset({405}), frozenset({404})

DEFECTS = (
    _defect(
        "wrong-method-200",
        "R32",
        "a method that a path does not have is answered with 200",
        _restated(200, _WRONG_METHOD),
    ),
    _defect(
        "wrong-method-400",
        "R32",
        "a method that a path does not have is an invalid request",
        _restated(400, _WRONG_METHOD),
    ),
    _defect(
        "wrong-method-501",
        "R32",
        "a method that a path does not have is not implemented",
        _restated(501, _WRONG_METHOD),
    ),
    _defect(
        "wrong-method-500", "R32", "a method that a path does not have breaks the server", _restated(500, _WRONG_METHOD)
    ),
    _defect("allow-missing", "R32", "a 405 has no Allow", _off_route(_without_allow, _WRONG_METHOD)),
    _defect("allow-everything", "R32", "a 405 allows every method", _off_route(_allowing_all, _WRONG_METHOD)),
    _defect(
        "allow-what-was-sent",
        "R32",
        "a 405 allows the method that it refuses",
        _off_route(_allowing_what_was_sent, _WRONG_METHOD),
    ),
    _defect("delete-204", "R32", "DELETE of a task is answered with 204", _off_route(_deleted, _WRONG_METHOD)),
    _defect("put-submits", "R32", "PUT submits as POST does", _leads(_method("PUT", "POST"))),
    _defect(
        "put-submits-unified",
        "R32",
        "PUT submits at the unified path",
        _leads(_method("PUT", "POST", rb"/v1/video/extend")),
    ),
    _defect("patch-reads", "R32", "PATCH reads as GET does", _leads(_method("PATCH", "GET"))),
    _defect("post-reads", "R32", "POST reads a task as GET does", _leads(_as_read)),
    _defect(
        "slash-reads", "R43", "a slash behind an id is overlooked", _leads(_path(rb"(/v1/videos/[^/]+)/$", rb"\1"))
    ),
    _defect(
        "slash-submits",
        "R43",
        "a slash behind extensions is overlooked",
        _leads(_path(rb"/extensions/$", rb"/extensions")),
    ),
    _defect("slash-in-front", "R43", "two slashes are one", _leads(_path(rb"//+", b"/"))),
    _defect("upper-case-path", "R43", "paths are taken in any case", _leads(_lower_case)),
    _defect(
        "more-segments", "R43", "what stands behind content is overlooked", _leads(_path(rb"/content/.+$", b"/content"))
    ),
    _defect("more-segments-at-query", "R43", "the unified read takes the id from its path", _leads(_query_in_path)),
    _defect(
        "version-missing",
        "R43",
        "the paths are there without /v1 as well",
        _leads(
            lambda request: (
                altered(request, path=b"/v1" + request.path)
                if re.match(rb"/(videos/[^/]+$|video/)", request.path)
                else None
            )
        ),
    ),
    _defect("version-any", "R43", "any version is taken", _leads(_path(rb"^/v[0-9]+/", b"/v1/"))),
    _defect(
        "wrong-path-200", "R43", "an unknown path is answered with the page of an app", _off_route(_page, _WRONG_PATH)
    ),
    _defect("wrong-path-400", "R43", "an unknown path is an invalid request", _restated(400, _WRONG_PATH)),
    _defect("wrong-path-403", "R43", "an unknown path is forbidden", _restated(403, _WRONG_PATH)),
    _defect("wrong-path-500", "R43", "an unknown path breaks the server", _restated(500, _WRONG_PATH)),
    _defect(
        "wrong-path-redirected",
        "R43",
        "an unknown path is redirected to another unknown one",
        _off_route(_redirected, _WRONG_PATH),
    ),
    _defect("extensions-shadowed", "R38", "POST of extensions is taken for a wrong method of a task", _shadowed),
    _defect("extensions-read", "R58", "GET of extensions reads a task that is there", _last_read),
    _defect("extensions-hidden", "R58", "POST of extensions is a wrong route, a task's path before it", _hidden),
    _defect("suffix-cut", "R46", "a suffix such as .json is cut off an id", _without_suffix),
    _defect("unified-as-extend", "R41", "the unified submit does not ask for its task_id", _unified_as_other),
    _defect("extend-as-unified", "R22", "extendVideo asks for a task_id in its body", _extend_as_other),
    _defect(
        "source-from-body", "R46", "extendVideo prefers a task_id in its body to the one in its path", _source_from_body
    ),
    _defect("content-as-read", "R39", "the content's path is taken for the task's", _content_as_read),
)
