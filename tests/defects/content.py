"""Videos that are not the task's, not whole, or not there."""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Iterator
from typing import Any

from octopusx_video_mock.messages import Request, Response
from octopusx_video_mock.tasks.mp4 import mp4

from tests.defects._defect import (
    CONTENT,
    CREATE,
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
    edits,
    mapped,
    named,
    sent,
    succeeded,
)

_PART = frozenset({206})
_HOUR = 3600
_RANGE = re.compile(rb"bytes (\d+)-(\d+)/(\d+)")
_WANTED = b"range"
_VIDEO = (b"content-type", b"video/mp4")


def _defect(name: str, rule: str, summary: str, make: Make) -> Defect:
    return Defect(name, "content", rule, summary, make)


def _whole(change: Callable[[bytes], bytes]) -> Make:
    """A server whose videos are changed, whole ones alone."""

    def changed(case: Case) -> None:
        case.answer.body = change(case.answer.body)

    return changes(changed, frozenset({CONTENT}), OK)


def _long(seconds: Callable[[float, dict[str, Any], str], float], of: frozenset[str] = SUBMITS) -> Make:
    """A server that makes videos of another length.

    Args:
        seconds: Gives it, from the right one, the body of the submit and its operation.
        of: The submits whose videos are concerned.
    """

    def make(server: Server) -> Answerer:
        made: dict[str, tuple[dict[str, Any], str]] = {}

        def answer(request: Request) -> Response:
            given = server.correct(request)
            if given.operation in of and given.task is not None:
                made[given.task] = sent(request), given.operation
            elif given.operation == CONTENT and given.status == 200 and given.task in made:
                given.body = mp4(max(1.0, seconds(_length(given.body), *made[given.task])))
            return given

        return answer

    return make


def _length(video: bytes) -> float:
    """How long a video is, in seconds, by its header (ISO/IEC 14496-12 section 8.2.2)."""
    place = video.index(b"mvhd") + 16
    ticks, duration = struct.unpack_from(">II", video, place)
    return float(duration / ticks)


def _without_start(length: float, body: dict[str, Any], _: str) -> float:
    return length - float(body.get("start_time", 0))


def _without_model(length: float, body: dict[str, Any], operation: str) -> float:
    return length - 5 if operation != CREATE and str(body.get("model", "")).endswith("-max") else length


def _with_model(length: float, body: dict[str, Any], operation: str) -> float:
    return length + 5 if str(body.get("model", "")).endswith("-max") and "duration" not in body else length


def _as_total(length: float, body: dict[str, Any], _: str) -> float:
    return float(body.get("duration", 10))


def _counted(case: Case) -> None:
    note = b"%08d" % case.counted("sent")
    case.answer.body += struct.pack(">I4s", 8 + len(note), b"free") + note


def _of_last(case: Case) -> None:
    first = case.memory.setdefault("first", case.answer.body)
    case.answer.body = first


def _unfinished(cause: Callable[[Response], bool]) -> Make:
    """A server that sends a video although the task has none."""

    def change(case: Case) -> None:
        if cause(case.answer):
            case.answer.status, case.answer.body = 200, mp4(10)
            case.header(*_VIDEO)

    return changes(change, frozenset({CONTENT}), frozenset({400}))


def _part(change: Callable[[Case, int, int, int], None]) -> Make:
    """A server that changes parts of a video; told the first byte, the last and how many there are."""

    def changed(case: Case) -> None:
        header = dict(case.answer.headers)[b"content-range"]
        match = _RANGE.fullmatch(header)
        assert match is not None
        change(case, int(match[1]), int(match[2]), int(match[3]))

    return changes(changed, frozenset({CONTENT}), _PART)


def _video(case: Case) -> bytes:
    return case.server.at(altered(case.request, headers={_WANTED: None}), 0).body


def _from_start(case: Case, first: int, last: int, size: int) -> None:
    case.answer.body = _video(case)[: last - first + 1]


def _all_of_it(case: Case, first: int, last: int, size: int) -> None:
    case.answer.body = _video(case)


def _one_less(case: Case, first: int, last: int, size: int) -> None:
    """The end of a range is taken for the byte behind it, and the header for what was asked."""
    case.answer.body = case.answer.body[:-1]


def _one_less_at_open_end(case: Case, first: int, last: int, size: int) -> None:
    if (case.request.header(_WANTED) or b"").endswith(b"-"):
        case.answer.body = case.answer.body[:-1]


def _end_behind(case: Case, first: int, last: int, size: int) -> None:
    case.header(b"content-range", b"bytes %d-%d/%d" % (first, last + 1, size))


def _size_of_part(case: Case, first: int, last: int, size: int) -> None:
    case.header(b"content-range", b"bytes %d-%d/%d" % (first, last, last - first + 1))


def _malformed(case: Case, first: int, last: int, size: int) -> None:
    case.header(b"content-range", b"bytes=%d-%d/%d" % (first, last, size))


def _no_header(case: Case, first: int, last: int, size: int) -> None:
    case.header(b"content-range", None)


def _called_whole(case: Case, first: int, last: int, size: int) -> None:
    case.answer.status = 200
    case.header(b"content-range", None)


def _suffix_as_prefix(server: Server) -> Answerer:
    def answer(request: Request) -> Response:
        wanted = request.header(_WANTED) or b""
        if server.operation(request) == CONTENT and wanted.startswith(b"bytes=-"):
            return server.correct(altered(request, headers={_WANTED: b"bytes=0-" + wanted[7:]}))
        return server.correct(request)

    return answer


def _past_end(status: int) -> Make:
    def change(case: Case) -> None:
        size = dict(case.answer.headers).get(b"content-range", b"").rpartition(b"/")[2]
        case.answer.status, case.answer.body = status, b""
        case.header(*_VIDEO)
        case.header(b"content-range", b"bytes %b-%b/%b" % (size, size, size) if status == 206 else None)

    return changes(change, frozenset({CONTENT}), frozenset({416}))


def _malformed_unsatisfied(case: Case) -> None:
    case.header(b"content-range", b"bytes 0-0/0")


def _gone(when: Callable[[Case], bool]) -> Make:
    """A server that has lost a video, where ``when`` says so."""

    def change(case: Case) -> None:
        if when(case):
            case.become(case.server.correct(altered(case.request, headers={b"prefer": b"code=502"})))

    return changes(change, frozenset({CONTENT}), OK | _PART)


def _an_hour_after(server: Server) -> Answerer:
    born: dict[str, float] = {}

    def answer(request: Request) -> Response:
        given = server.correct(request)
        if given.operation in SUBMITS and given.task is not None:
            born[given.task] = server.now
        elif (
            given.operation == CONTENT
            and given.status == 200
            and server.now - born.get(given.task or "", server.now) > _HOUR
        ):
            return server.correct(altered(request, headers={b"prefer": b"code=502"}))
        return given

    return answer


# Addresses.


def _at_address(change: Callable[[Server, Request, Response], Response]) -> Make:
    """A server whose addresses give something else."""

    def make(server: Server) -> Answerer:
        def answer(request: Request) -> Response:
            given = server.correct(request)
            is_address = request.path.startswith(b"/videos/") and given.status in {200, 206}
            return change(server, request, given) if is_address else given

        return answer

    return make


def _wants_key(server: Server, request: Request, given: Response) -> Response:
    if request.header(b"authorization") is not None:
        return given
    return server.correct(altered(request, path=b"/v1/video/query", query=b"id=-"))


def _other_video(server: Server, request: Request, given: Response) -> Response:
    return Response(200, [_VIDEO], mp4(3))


def _landing_page(server: Server, request: Request, given: Response) -> Response:
    return Response(200, [(b"content-type", b"text/html")], b"<!doctype html><video src=video.mp4></video>")


def _nowhere(server: Server, request: Request, given: Response) -> Response:
    return server.correct(altered(request, path=b"/nowhere"))


def _forbidden(server: Server, request: Request, given: Response) -> Response:
    return Response(403, [(b"content-type", b"application/xml")], b"<Error><Code>AccessDenied</Code></Error>")


def _once(server: Server) -> Answerer:
    used: set[bytes] = set()

    def answer(request: Request) -> Response:
        given = server.correct(request)
        if request.path.startswith(b"/videos/") and given.status == 200:
            if request.path in used:
                return _forbidden(server, request, given)
            used.add(request.path)
        return given

    return answer


def _addressed(change: Callable[[str], str], of: frozenset[str] = READS) -> Make:
    return edits(mapped("video_url", change), of, when=succeeded)


def _content_route(case: Case) -> None:
    if succeeded(case.value):
        origin = case.request.origin
        case.value = {**case.value, "video_url": f"{origin}/v1/videos/{named(case.request)}/content"}


# Lengths that only a socket shows.


def _declared(more: int) -> Callable[[Server], Wire]:
    """The content with a Content-Length that is wrong by so many bytes."""

    def wire(_: Server) -> Wire:
        def send(asked: Asked) -> Iterator[bytes] | None:
            if asked.operation != CONTENT:
                return None
            head, body = asked.answered()
            length = b"content-length: %d" % len(body)
            return iter([head.replace(length, b"content-length: %d" % (len(body) + more)), body])

        return send

    return wire


DEFECTS = (
    _defect(
        "content-is-page",
        "R25",
        "the content is a page that calls itself a video",
        _whole(lambda _: b"<html><body>404</body></html>"),
    ),
    _defect(
        "content-is-webm", "R25", "the content is WebM", _whole(lambda video: b"\x1aE\xdf\xa3\x9fB\x86\x81" + video[8:])
    ),
    _defect("content-is-empty", "R25", "the content is empty", _whole(lambda _: b"")),
    _defect(
        "content-is-hexadecimal",
        "R25",
        "the content is written in hexadecimal",
        _whole(lambda video: video.hex().encode()),
    ),
    _defect(
        "content-begins-with-media",
        "R25",
        "the box ftyp comes behind another one",
        _whole(lambda video: struct.pack(">I4s", 8, b"free") + video),
    ),
    _defect(
        "content-without-tables",
        "R26",
        "behind a right beginning there are zeros",
        _whole(lambda video: video[:32] + bytes(len(video) - 32)),
    ),
    _defect(
        "content-is-sample",
        "R26",
        "the content is the 24 bytes of the contract's example",
        _whole(lambda video: video[:24]),
    ),
    _defect("content-half-as-long", "R26", "videos are half as long", _long(lambda length, *_: length / 2)),
    _defect("content-10-seconds", "R26", "videos are always ten seconds long", _long(lambda *_: 10)),
    _defect("content-a-second-short", "R26", "videos end a second early", _long(lambda length, *_: length - 1)),
    _defect("content-without-start", "R26", "videos hold only what was added", _long(_without_start)),
    _defect(
        "content-without-start-on-unified",
        "R26",
        "the unified submit forgets its start_time",
        _long(_without_start, frozenset({UNIFIED})),
    ),
    _defect(
        "content-without-model-rule", "R26", "grok-video-3-max adds ten seconds like the others", _long(_without_model)
    ),
    _defect(
        "content-with-model-rule-on-create",
        "R26",
        "createVideoExtension adds fifteen seconds with grok-video-3-max",
        _long(_with_model, frozenset({CREATE})),
    ),
    _defect(
        "content-duration-is-total",
        "R26",
        "a duration is the length of the whole video",
        _long(_as_total, frozenset({CREATE})),
    ),
    _defect(
        "content-differs",
        "R52",
        "a video's bytes differ with each download",
        changes(_counted, frozenset({CONTENT}), OK),
    ),
    _defect(
        "content-of-first-task",
        "R26",
        "the first video that was sent is sent for every task",
        changes(_of_last, frozenset({CONTENT}), OK),
    ),
    _defect(
        "content-while-running",
        "R23",
        "a video is sent while the task runs",
        _unfinished(lambda answer: b"not completed" in answer.body),
    ),
    _defect(
        "content-of-failed",
        "R23",
        "a video is sent of a task that has failed",
        _unfinished(lambda answer: b"failed" in answer.body),
    ),
    _defect("content-gone-after-hour", "R52", "a video can't be fetched an hour after its submit", _an_hour_after),
    _defect(
        "content-gone-after-first",
        "R52",
        "a video can be fetched once",
        _gone(lambda case: case.counted(case.task) > 1),
    ),
    _defect(
        "content-gone-at-third", "R52", "every third download fails", _gone(lambda case: case.counted("all") % 3 == 0)
    ),
    _defect("part-from-start", "R24", "a part is always the first bytes", _part(_from_start)),
    _defect("part-is-whole", "R24", "a part is the whole video with the status of a part", _part(_all_of_it)),
    _defect("part-one-byte-short", "R24", "a part lacks its last byte", _part(_one_less)),
    _defect(
        "part-one-byte-short-at-end",
        "R24",
        "a part with an open end lacks the video's last byte",
        _part(_one_less_at_open_end),
    ),
    _defect("part-end-behind", "R24", "Content-Range names the byte behind the last one", _part(_end_behind)),
    _defect("part-size-of-part", "R24", "the total of Content-Range is that of the part", _part(_size_of_part)),
    _defect("part-header-malformed", "R40", "Content-Range is written as Range is", _part(_malformed)),
    _defect("part-header-missing", "R40", "a part has no Content-Range", _part(_no_header)),
    _defect("part-called-whole", "R52", "a part is answered with 200", _part(_called_whole)),
    _defect("suffix-as-prefix", "R24", "the last bytes are asked for, and the first ones are sent", _suffix_as_prefix),
    _defect("past-end-empty-part", "R24", "a Range past the end is answered with an empty part", _past_end(206)),
    _defect("past-end-empty-whole", "R25", "a Range past the end is answered with 200 and nothing", _past_end(200)),
    _defect(
        "unsatisfied-header-malformed",
        "R40",
        "the Content-Range of a 416 names bytes",
        changes(_malformed_unsatisfied, frozenset({CONTENT}), frozenset({416})),
    ),
    _defect("address-nowhere", "R51", "the address leads nowhere", _at_address(_nowhere)),
    _defect("address-forbidden", "R51", "the address is forbidden, for want of a cookie", _at_address(_forbidden)),
    _defect("address-wants-key", "R51", "the address wants the key", _at_address(_wants_key)),
    _defect("address-of-other-video", "R51", "the address gives a preview of three seconds", _at_address(_other_video)),
    _defect("address-of-page", "R51", "the address gives a page with a player", _at_address(_landing_page)),
    _defect("address-once", "R51", "the address can be fetched once", _once),
    _defect(
        "address-is-content-route",
        "R51",
        "the address is that of the content, which wants the key",
        changes(_content_route, frozenset({READ}), OK),
    ),
    _defect(
        "address-relative",
        "R51",
        "the address has no host",
        _addressed(lambda address: "/" + address.partition("://")[2].partition("/")[2]),
    ),
    _defect(
        "address-inside",
        "R51",
        "the address is that of the machine behind the gateway",
        _addressed(
            lambda address: "http://127.0.0.1:9/" + address.partition("://")[2].partition("/")[2], frozenset({QUERY})
        ),
    ),
    _defect(
        "address-without-signature",
        "R51",
        "the address lost its last character",
        _addressed(lambda address: address.removesuffix(".mp4")[:-1] + ".mp4"),
    ),
    # What is left over stands where the next answer should begin: that is all that a caller can see of it.
    Defect("content-length-short", "content", "R53", "Content-Length is less than what is sent", wire=_declared(-100)),
    Defect("content-length-long", "content", "R24", "Content-Length is more than what is sent", wire=_declared(100)),
    _defect(
        "address-of-read-dead",
        "R51",
        "the address that the OpenAI-format read tells is that of a file that was moved",
        edits(mapped("video_url", lambda url: url.replace(".mp4", "-moved.mp4")), frozenset({READ}), when=succeeded),
    ),
)
