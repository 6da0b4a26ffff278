"""Servers that do not respond, not in HTTP, not whole, or that redirect the client."""

from __future__ import annotations

import gzip
import re
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
    Case,
    Make,
    OnWire,
    Operations,
    Server,
    Table,
    Wire,
    WireRequest,
    changes,
    handles,
    running,
    succeeded,
)

_LONG = 3600.0
_ELSEWHERE = b"http://127.0.0.1:9"
_MEGABYTE = b"a" * 2**20
_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"
Send = Callable[[WireRequest], Iterator[bytes]]


def _wired(send: Send, of: Operations = ALL) -> OnWire:
    """What sends these bytes for a request of these operations."""

    def wire(_: Server) -> Wire:
        return lambda request: send(request) if request.operation in of else None

    return OnWire(wire)


def _delivered(delivery: Delivery, of: Operations, when: Callable[[Case], bool] = lambda _: True) -> Make:
    def change(case: Case) -> None:
        if when(case):
            case.response.delivery = delivery

    return changes(change, of)


def _redirected(status: int, target: Callable[[Request], bytes], of: Operations) -> Make:
    def handle(server: Server, request: Request) -> Response:
        if server.operation(request) not in of:
            return server.correct(request)
        return Response(status, [(b"location", target(request))], b"", server.operation(request))

    return handles(handle)


def _on_other_host(request: Request) -> bytes:
    return _ELSEWHERE + request.path + (b"?" + request.query if request.query else b"")


def _login(_: Request) -> bytes:
    return b"/login"


def _itself(request: Request) -> bytes:
    return request.path + (b"?" + request.query if request.query else b"")


def _to_video(case: Case) -> None:
    if succeeded(case.value):
        location = str(case.value["video_url"]).encode()
        case.response.status, case.response.headers, case.response.body = 303, [(b"location", location)], b""


def _to_storage(case: Case) -> None:
    location = _ELSEWHERE + b"/bucket/video.mp4"
    case.response.status, case.response.headers, case.response.body = 302, [(b"location", location)], b""


def _is_running(case: Case) -> bool:
    return case.response.status == 200 and running(case.value)


def _is_refused(case: Case) -> bool:
    return case.response.status >= 400


def _is_second(case: Case) -> bool:
    return case.counted("asked") % 2 == 0


def _nothing(request: WireRequest) -> Iterator[bytes]:
    yield from ()


def _silence(request: WireRequest) -> Iterator[bytes]:
    request.ended(_LONG)
    yield from ()


def _head_then_silence(request: WireRequest) -> Iterator[bytes]:
    yield request.response()[0]
    request.ended(_LONG)


def _half_then_silence(request: WireRequest) -> Iterator[bytes]:
    head, body = request.response()
    yield head + body[: len(body) // 2]
    request.ended(_LONG)


def _half(request: WireRequest) -> Iterator[bytes]:
    head, body = request.response()
    yield head + body[: len(body) // 2]


def _half_head(request: WireRequest) -> Iterator[bytes]:
    yield request.response()[0][:20]


def _drops(request: WireRequest) -> Iterator[bytes]:
    head, body = request.response()
    yield head
    for at in range(len(body)):
        if request.ended(1):
            return
        yield body[at : at + 1]


def _endless(request: WireRequest) -> Iterator[bytes]:
    yield _HEAD + b"connection: close\r\n\r\n"
    while not request.ended(0.01):
        yield _MEGABYTE


def _endless_head(request: WireRequest) -> Iterator[bytes]:
    yield _HEAD
    while not request.ended(0.01):
        yield b"x-more: " + _MEGABYTE + b"\r\n"


def _endless_continue(request: WireRequest) -> Iterator[bytes]:
    while not request.ended(0.05):
        yield b"HTTP/1.1 100 Continue\r\n\r\n"


def _large(request: WireRequest) -> Iterator[bytes]:
    yield _HEAD + b"content-length: %d\r\nconnection: close\r\n\r\n" % (64 * len(_MEGABYTE))
    for _ in range(64):
        yield _MEGABYTE


def _says(text: bytes) -> Send:
    return lambda _: iter([text])


def _length_short(request: WireRequest) -> Iterator[bytes]:
    head, body = request.response()
    yield head.replace(b"content-length: %d" % len(body), b"content-length: %d" % (len(body) - 5)) + body


def _length_long(request: WireRequest) -> Iterator[bytes]:
    head, body = request.response()
    yield head.replace(b"content-length: %d" % len(body), b"content-length: %d" % (len(body) + 5)) + body


def _length_twice(request: WireRequest) -> Iterator[bytes]:
    head, body = request.response()
    yield head.replace(b"content-length:", b"content-length: 1\r\ncontent-length:") + body


def _chunks_broken(request: WireRequest) -> Iterator[bytes]:
    yield _HEAD + b"transfer-encoding: chunked\r\nconnection: close\r\n\r\nnot-a-size\r\n" + request.response()[1]


def _chunks_without_end(request: WireRequest) -> Iterator[bytes]:
    body = request.response()[1]
    yield _HEAD + b"transfer-encoding: chunked\r\nconnection: close\r\n\r\n%x\r\n%b\r\n" % (len(body), body)


def _compressed_wrongly(request: WireRequest) -> Iterator[bytes]:
    body = request.response()[1]
    yield _HEAD + b"content-encoding: gzip\r\ncontent-length: %d\r\nconnection: close\r\n\r\n%b" % (len(body), body)


def _sends_body(server: Server) -> Wire:
    def wire(request: WireRequest) -> Iterator[bytes] | None:
        if request.method != "HEAD":
            return None
        head, _ = request.response()
        return iter([head + b"\0\0\0\x20ftypisom"])

    return wire


def _without_length(request: WireRequest) -> Iterator[bytes]:
    """Neither a length nor an end."""
    yield _HEAD + b"connection: keep-alive\r\n\r\n" + request.response()[1]
    request.ended(3600.0)


def _chunk_cut(request: WireRequest) -> Iterator[bytes]:
    head, body = request.response()
    head = re.sub(rb"content-length: \d+", b"transfer-encoding: chunked", head)
    yield head + b"%x\r\n" % len(body) + body[: len(body) // 2]


def _coded_otherwise(request: WireRequest) -> Iterator[bytes]:
    head, body = request.response()
    packed = gzip.compress(body, mtime=0)
    yield (
        re.sub(rb"content-length: \d+", b"content-encoding: deflate\r\ncontent-length: %d" % len(packed), head) + packed
    )


@handles
def _to_slash(server: Server, request: Request) -> Response:
    """A slash is wanted where the router has none either."""
    if server.operation(request) != CREATE:
        return server.correct(request)
    return Response(307, [(b"location", request.path + b"/")], b"", CREATE)


def _reset_where_invalid(case: Case) -> None:
    if case.value.get("code") == "invalid_request":
        case.response.delivery = "reset"


DEFECTS: Table = {
    ("submit-hangs", "R53", "extendVideo accepts the request, and its response never arrives"): _delivered(
        "lost", {EXTEND}, lambda case: case.response.status == 200
    ),
    ("refusal-hangs", "R53", "the unified submit never responds to what it refuses"): _delivered(
        "lost", {UNIFIED}, _is_refused
    ),
    ("running-read-hangs", "R53", "the unified read waits for the end of a task, as a long poll"): _delivered(
        "lost", {QUERY}, _is_running
    ),
    ("submit-reset", "R53", "createVideoExtension resets the connection"): _delivered("reset", {CREATE}),
    ("every-other-read-reset", "R53", "every other read is reset"): _delivered("reset", READS, _is_second),
    ("content-cut", "R53", "the content is cut in the middle"): _delivered(
        "cut", {CONTENT}, lambda case: case.response.status == 200
    ),
    ("json-cut", "R53", "the OpenAI-format read is cut in the middle"): _delivered("cut", {READ}),
    ("submit-redirected", "R53", "a submit is sent to another host"): _redirected(307, _on_other_host, SUBMITS),
    ("read-redirected", "R53", "a read is sent to another host"): _redirected(302, _on_other_host, {READ}),
    ("all-redirected-to-login", "R53", "everything is sent to a login"): _redirected(302, _login, ALL),
    ("query-redirected-to-itself", "R53", "the unified read is sent to itself"): _redirected(301, _itself, {QUERY}),
    ("content-redirected", "R53", "the content is sent to a storage"): changes(_to_storage, {CONTENT}, OK),
    ("completed-redirected", "R53", "the OpenAI-format read of a completed task is sent to its video"): changes(
        _to_video, {READ}, OK
    ),
    ("everything-hangs", "R53", "nothing ever gets a response"): _wired(_silence),
    ("content-hangs", "R53", "the content never gets a response"): _wired(_silence, {CONTENT}),
    ("content-hangs-behind-head", "R53", "the content's bytes never come behind its headers"): _wired(
        _head_then_silence, {CONTENT}
    ),
    ("read-hangs-in-middle", "R53", "the OpenAI-format read stops in the middle and stays open"): _wired(
        _half_then_silence, {READ}
    ),
    ("everything-closed", "R53", "every connection is closed without a response"): _wired(_nothing),
    ("query-closed", "R53", "the unified read is closed without a response"): _wired(_nothing, {QUERY}),
    ("create-closed", "R53", "createVideoExtension is closed without a response"): _wired(_nothing, {CREATE}),
    ("head-closed", "R53", "extendVideo is closed within its headers"): _wired(_half_head, {EXTEND}),
    ("unified-closed-in-middle", "R53", "the unified submit's response is cut"): _wired(_half, {UNIFIED}),
    ("read-drops", "R53", "the OpenAI-format read sends a byte a second"): _wired(_drops, {READ}),
    ("read-endless", "R53", "the OpenAI-format read never ends"): _wired(_endless, {READ}),
    ("query-head-endless", "R53", "the unified read's headers never end"): _wired(_endless_head, {QUERY}),
    ("submit-continues", "R53", "extendVideo says 100 again and again"): _wired(_endless_continue, {EXTEND}),
    ("query-large", "R53", "the unified read returns 64 megabytes that are no JSON"): _wired(_large, {QUERY}),
    ("not-http", "R53", "something else than HTTP listens there"): _wired(_says(b"SSH-2.0-OpenSSH_9.6\r\n")),
    ("not-http-on-create", "R53", "createVideoExtension responds without HTTP"): _wired(
        _says(b'{"id":"grok:1"}\n'), {CREATE}
    ),
    ("tls", "R53", "TLS is spoken there"): _wired(_says(b"\x15\x03\x01\x00\x02\x02\x46")),
    ("status-line-broken", "R53", "the unified read has no status in its first line"): _wired(
        _says(b"HTTP/1.1 OK\r\ncontent-length: 2\r\n\r\n{}"), {QUERY}
    ),
    ("header-broken", "R53", "a header of the OpenAI-format read has no name"): _wired(
        _says(_HEAD + b": nothing\r\ncontent-length: 2\r\n\r\n{}"), {READ}
    ),
    ("read-length-short", "R36", "the OpenAI-format read's Content-Length counts characters and not bytes"): _wired(
        _length_short, {READ}
    ),
    ("query-length-long", "R53", "the unified read's Content-Length is five bytes too many"): _wired(
        _length_long, {QUERY}
    ),
    ("submit-length-twice", "R53", "a submit has two lengths"): _wired(_length_twice, SUBMITS),
    ("chunks-broken", "R53", "the unified read's chunks have no size"): _wired(_chunks_broken, {QUERY}),
    ("chunks-without-end", "R53", "the OpenAI-format read's chunks do not end"): _wired(_chunks_without_end, {READ}),
    ("compression-said-only", "R53", "the unified submit says gzip, and is not compressed"): _wired(
        _compressed_wrongly, {UNIFIED}
    ),
}

RARE: Table = {
    ("head-with-body", "R59", "a response to HEAD has a body"): OnWire(_sends_body),
    ("query-without-length-stays-open", "R53", "the unified read has no length, and its connection stays open"): _wired(
        _without_length, {QUERY}
    ),
    ("content-chunk-cut", "R53", "the content's only chunk is cut in its middle"): _wired(_chunk_cut, {CONTENT}),
    ("read-coded-otherwise", "R53", "the OpenAI-format read says deflate and is gzip"): _wired(
        _coded_otherwise, {READ}
    ),
    (
        "create-redirected-to-slash",
        "R53",
        "createVideoExtension is sent to its path with a slash behind it, which is not there",
    ): _to_slash,
    ("refusal-reset-on-extend", "R53", "extendVideo resets the connection where a body is invalid"): changes(
        _reset_where_invalid, {EXTEND}, {400}
    ),
}
