"""Servers that do not answer, not in HTTP, not whole, or that send the caller elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from octopusx_video_mock.delivery import Delivery
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
    changes,
    running,
    succeeded,
)

_LONG = 3600.0
_ELSEWHERE = b"http://127.0.0.1:9"
_MEGABYTE = b"a" * 2**20
_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"

Send = Callable[[Asked], Iterator[bytes]]


def _defect(name: str, summary: str, make: Make) -> Defect:
    return Defect(name, "connection", "R53", summary, make)


def _wired(name: str, summary: str, send: Send, of: frozenset[str] = ALL, rule: str = "R53") -> Defect:
    """A defect that sends these bytes for a request of these operations."""

    def wire(_: Server) -> Wire:
        return lambda asked: send(asked) if asked.operation in of else None

    return Defect(name, "connection", rule, summary, wire=wire)


def _delivered(delivery: Delivery, of: frozenset[str], when: Callable[[Case], bool] = lambda _: True) -> Make:
    def change(case: Case) -> None:
        if when(case):
            case.answer.delivery = delivery

    return changes(change, of)


def _redirected(status: int, target: Callable[[Request], bytes], of: frozenset[str]) -> Make:
    def make(server: Server) -> Answerer:
        def answer(request: Request) -> Response:
            if server.operation(request) not in of:
                return server.correct(request)
            return Response(status, [(b"location", target(request))], b"", server.operation(request))

        return answer

    return make


def _on_other_host(request: Request) -> bytes:
    return _ELSEWHERE + request.path + (b"?" + request.query if request.query else b"")


def _login(_: Request) -> bytes:
    return b"/login"


def _itself(request: Request) -> bytes:
    return request.path + (b"?" + request.query if request.query else b"")


def _to_video(case: Case) -> None:
    if succeeded(case.value):
        location = str(case.value["video_url"]).encode()
        case.answer.status, case.answer.headers, case.answer.body = 303, [(b"location", location)], b""


def _to_storage(case: Case) -> None:
    location = _ELSEWHERE + b"/bucket/video.mp4"
    case.answer.status, case.answer.headers, case.answer.body = 302, [(b"location", location)], b""


def _is_running(case: Case) -> bool:
    return case.answer.status == 200 and running(case.value)


def _is_refused(case: Case) -> bool:
    return case.answer.status >= 400


def _is_second(case: Case) -> bool:
    return case.counted("asked") % 2 == 0


# What only a socket shows.


def _nothing(asked: Asked) -> Iterator[bytes]:
    yield from ()


def _silence(asked: Asked) -> Iterator[bytes]:
    asked.ended(_LONG)
    yield from ()


def _head_then_silence(asked: Asked) -> Iterator[bytes]:
    yield asked.answered()[0]
    asked.ended(_LONG)


def _half_then_silence(asked: Asked) -> Iterator[bytes]:
    head, body = asked.answered()
    yield head + body[: len(body) // 2]
    asked.ended(_LONG)


def _half(asked: Asked) -> Iterator[bytes]:
    head, body = asked.answered()
    yield head + body[: len(body) // 2]


def _half_head(asked: Asked) -> Iterator[bytes]:
    yield asked.answered()[0][:20]


def _drops(asked: Asked) -> Iterator[bytes]:
    head, body = asked.answered()
    yield head
    for at in range(len(body)):
        if asked.ended(1):
            return
        yield body[at : at + 1]


def _endless(asked: Asked) -> Iterator[bytes]:
    yield _HEAD + b"connection: close\r\n\r\n"
    while not asked.ended(0.01):
        yield _MEGABYTE


def _endless_head(asked: Asked) -> Iterator[bytes]:
    yield _HEAD
    while not asked.ended(0.01):
        yield b"x-more: " + _MEGABYTE + b"\r\n"


def _endless_continue(asked: Asked) -> Iterator[bytes]:
    while not asked.ended(0.05):
        yield b"HTTP/1.1 100 Continue\r\n\r\n"


def _large(asked: Asked) -> Iterator[bytes]:
    yield _HEAD + b"content-length: %d\r\nconnection: close\r\n\r\n" % (64 * len(_MEGABYTE))
    for _ in range(64):
        yield _MEGABYTE


def _says(text: bytes) -> Send:
    return lambda _: iter([text])


def _length_short(asked: Asked) -> Iterator[bytes]:
    head, body = asked.answered()
    yield head.replace(b"content-length: %d" % len(body), b"content-length: %d" % (len(body) - 5)) + body


def _length_long(asked: Asked) -> Iterator[bytes]:
    head, body = asked.answered()
    yield head.replace(b"content-length: %d" % len(body), b"content-length: %d" % (len(body) + 5)) + body


def _length_twice(asked: Asked) -> Iterator[bytes]:
    head, body = asked.answered()
    yield head.replace(b"content-length:", b"content-length: 1\r\ncontent-length:") + body


def _chunks_broken(asked: Asked) -> Iterator[bytes]:
    yield _HEAD + b"transfer-encoding: chunked\r\nconnection: close\r\n\r\nnot-a-size\r\n" + asked.answered()[1]


def _chunks_without_end(asked: Asked) -> Iterator[bytes]:
    body = asked.answered()[1]
    yield _HEAD + b"transfer-encoding: chunked\r\nconnection: close\r\n\r\n%x\r\n%b\r\n" % (len(body), body)


def _compressed_wrongly(asked: Asked) -> Iterator[bytes]:
    body = asked.answered()[1]
    yield _HEAD + b"content-encoding: gzip\r\ncontent-length: %d\r\nconnection: close\r\n\r\n%b" % (len(body), body)


DEFECTS = (
    _defect(
        "submit-hangs",
        "extendVideo accepts, and its answer never comes",
        _delivered("lost", frozenset({EXTEND}), lambda case: case.answer.status == 200),
    ),
    _defect(
        "refusal-hangs",
        "the unified submit never answers what it refuses",
        _delivered("lost", frozenset({UNIFIED}), _is_refused),
    ),
    _defect(
        "running-read-hangs",
        "the unified read waits for the end of a task, as a long poll",
        _delivered("lost", frozenset({QUERY}), _is_running),
    ),
    _defect("submit-reset", "createVideoExtension resets the connection", _delivered("reset", frozenset({CREATE}))),
    _defect("every-other-read-reset", "every other read is reset", _delivered("reset", READS, _is_second)),
    _defect(
        "content-cut",
        "the content is cut in the middle",
        _delivered("cut", frozenset({CONTENT}), lambda case: case.answer.status == 200),
    ),
    _defect("json-cut", "the OpenAI-format read is cut in the middle", _delivered("cut", frozenset({READ}))),
    _defect("submit-redirected", "a submit is sent to another host", _redirected(307, _on_other_host, SUBMITS)),
    _defect("read-redirected", "a read is sent to another host", _redirected(302, _on_other_host, frozenset({READ}))),
    _defect("all-redirected-to-login", "everything is sent to a login", _redirected(302, _login, ALL)),
    _defect(
        "query-redirected-to-itself",
        "the unified read is sent to itself",
        _redirected(301, _itself, frozenset({QUERY})),
    ),
    _defect("content-redirected", "the content is sent to a storage", changes(_to_storage, frozenset({CONTENT}), OK)),
    _defect(
        "completed-redirected",
        "the OpenAI-format read of a completed task is sent to its video",
        changes(_to_video, frozenset({READ}), OK),
    ),
    _wired("everything-hangs", "nothing is ever answered", _silence),
    _wired("content-hangs", "the content is never answered", _silence, frozenset({CONTENT})),
    _wired(
        "content-hangs-behind-head",
        "the content's bytes never come behind its headers",
        _head_then_silence,
        frozenset({CONTENT}),
    ),
    _wired(
        "read-hangs-in-middle",
        "the OpenAI-format read stops in the middle and stays open",
        _half_then_silence,
        frozenset({READ}),
    ),
    _wired("everything-closed", "every connection is closed without an answer", _nothing),
    _wired("query-closed", "the unified read is closed without an answer", _nothing, frozenset({QUERY})),
    _wired("create-closed", "createVideoExtension is closed without an answer", _nothing, frozenset({CREATE})),
    _wired("head-closed", "extendVideo is closed within its headers", _half_head, frozenset({EXTEND})),
    _wired("unified-closed-in-middle", "the unified submit's answer is cut", _half, frozenset({UNIFIED})),
    _wired("read-drops", "the OpenAI-format read sends a byte a second", _drops, frozenset({READ})),
    _wired("read-endless", "the OpenAI-format read never ends", _endless, frozenset({READ})),
    _wired("query-head-endless", "the unified read's headers never end", _endless_head, frozenset({QUERY})),
    _wired("submit-continues", "extendVideo says 100 again and again", _endless_continue, frozenset({EXTEND})),
    _wired("query-large", "the unified read answers 64 megabytes that are no JSON", _large, frozenset({QUERY}), "R53"),
    _wired("not-http", "something else than HTTP listens there", _says(b"SSH-2.0-OpenSSH_9.6\r\n")),
    _wired(
        "not-http-on-create",
        "createVideoExtension answers without HTTP",
        _says(b'{"id":"grok:1"}\n'),
        frozenset({CREATE}),
    ),
    _wired("tls", "TLS is spoken there", _says(b"\x15\x03\x01\x00\x02\x02\x46")),
    _wired(
        "status-line-broken",
        "the unified read has no status in its first line",
        _says(b"HTTP/1.1 OK\r\ncontent-length: 2\r\n\r\n{}"),
        frozenset({QUERY}),
    ),
    _wired(
        "header-broken",
        "a header of the OpenAI-format read has no name",
        _says(_HEAD + b": nothing\r\ncontent-length: 2\r\n\r\n{}"),
        frozenset({READ}),
    ),
    _wired(
        "read-length-short",
        "the OpenAI-format read's Content-Length counts characters and not bytes",
        _length_short,
        frozenset({READ}),
        "R36",  # what is missing at its end makes it no JSON
    ),
    _wired(
        "query-length-long",
        "the unified read's Content-Length is five bytes too many",
        _length_long,
        frozenset({QUERY}),
    ),
    _wired("submit-length-twice", "a submit has two lengths", _length_twice, SUBMITS),
    _wired("chunks-broken", "the unified read's chunks have no size", _chunks_broken, frozenset({QUERY})),
    _wired("chunks-without-end", "the OpenAI-format read's chunks do not end", _chunks_without_end, frozenset({READ})),
    _wired(
        "compression-said-only",
        "the unified submit says gzip, and is not compressed",
        _compressed_wrongly,
        frozenset({UNIFIED}),
    ),
)
