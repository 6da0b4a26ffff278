"""Servers that are wrong where the contract lists nothing: HEAD beside GET, and several ranges at once."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from octopusx_video_mock.engine.content import byte_range
from octopusx_video_mock.messages import Request, Response

from tests.defects._defect import CONTENT, READ, READS, Answerer, Asked, Case, Defect, Make, Server, Wire, altered

_RANGE, _AUTH = b"range", b"authorization"
_SEVERAL = re.compile(rb"bytes=[^,]*(,[^,]*)+")
_BOUNDARY = b"3d6b6a416f9b5"
Range = tuple[int, int]


def _as_get(request: Request) -> Request:
    return altered(request, method="GET", headers={_RANGE: None})


def _with_key(server: Server, request: Request, key: str) -> Request:
    return altered(request, headers={_AUTH: f"Bearer {key}".encode()})


def _heads(answered: Callable[[Server, Request], Response | None], of: frozenset[str] = READS | {CONTENT}) -> Make:
    """A server that answers HEAD of these operations so; None leaves the correct answer."""

    def make(server: Server) -> Answerer:
        def answer(request: Request) -> Response:
            if request.method == "HEAD" and server.operation(_as_get(request)) in of:
                given = answered(server, request)
                if given is not None:
                    return given
            return server.correct(request)

        return answer

    return make


def _owned(server: Server, request: Request) -> Response:
    """What the owner of a task is answered with GET, whoever asks."""
    answers = [server.correct(_with_key(server, _as_get(request), key)) for key in (server.key, server.other_key)]
    return min(answers, key=lambda one: one.status)


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


def _sends_body(server: Server) -> Wire:
    def wire(asked: Asked) -> Iterator[bytes] | None:
        if asked.method != "HEAD":
            return None
        head, _ = asked.answered()
        return iter([head + b"\0\0\0\x20ftypisom"])

    return wire


# Several ranges at once.


def _wanted(request: Request, size: int) -> list[Range | None]:
    """What each of several ranges asks for; None for what is past the end."""
    sent = request.header(_RANGE) or b""
    if not _SEVERAL.fullmatch(sent):
        return []
    return [byte_range(b"bytes=" + one.strip(), size) for one in sent.removeprefix(b"bytes=").split(b",")]


def _ranges(change: Callable[[Case, list[Range | None]], None]) -> Make:
    """A server that changes what several ranges are answered with, where the correct one sends the whole video."""

    def make(server: Server) -> Answerer:
        memory: dict[str, Any] = {}

        def answer(request: Request) -> Response:
            given = server.correct(request)
            if request.method == "GET" and given.operation == CONTENT and given.status == 200:
                wanted = _wanted(request, len(given.body))
                if wanted:
                    change(Case(server, memory, request, given), wanted)
            return given

        return answer

    return make


def _parted(case: Case, parts: Sequence[tuple[Range, bytes]]) -> None:
    """Answer with multipart/byteranges."""
    size = len(case.answer.body)
    body = b"".join(
        b"\r\n--%b\r\nContent-Type: video/mp4\r\nContent-Range: bytes %d-%d/%d\r\n\r\n%b"
        % (_BOUNDARY, first, last, size, content)
        for (first, last), content in parts
    )
    case.answer.status, case.answer.body = 206, body + b"\r\n--%b--\r\n" % _BOUNDARY
    case.header(b"content-type", b"multipart/byteranges; boundary=" + _BOUNDARY)


def _there(case: Case, wanted: list[Range | None]) -> list[tuple[Range, bytes]]:
    """What is there of several ranges, each with its bytes."""
    return [(one, case.answer.body[one[0] : one[1] + 1]) for one in wanted if one is not None]


def _name_and_bytes_of_two(case: Case, wanted: list[Range | None]) -> None:
    there = _there(case, wanted)
    if len(there) > 1:
        (first, last), _ = there[0]
        size = len(case.answer.body)
        case.answer.status, case.answer.body = 206, there[1][1]
        case.header(b"content-range", b"bytes %d-%d/%d" % (first, last, size))


def _second_shifted(case: Case, wanted: list[Range | None]) -> None:
    whole = case.answer.body
    there = _there(case, wanted)
    if len(there) > 1:
        (first, last), _ = there[1]
        there[1] = (first, last), whole[first + 1 : last + 2].ljust(last + 1 - first, b"\0")
        _parted(case, there)


def _without_last(case: Case, wanted: list[Range | None]) -> None:
    there = _there(case, wanted)
    if len(there) > 1:
        _parted(case, there[:-1])


def _named_twice(case: Case, wanted: list[Range | None]) -> None:
    there, size = _there(case, wanted), len(case.answer.body)
    if there:
        _parted(case, there)
        case.header(b"content-range", b"bytes %d-%d/%d" % (there[0][0][0], there[-1][0][1], size))


def _refused(status: int, when: Callable[[list[Range | None]], bool] = lambda _: True) -> Callable[..., None]:
    def change(case: Case, wanted: list[Range | None]) -> None:
        if when(wanted):
            ordered = altered(case.request, headers={b"prefer": b"code=%d" % status})
            case.become(case.server.at(ordered, 0))

    return change


def _one_as_several(server: Server) -> Answerer:
    """A single range is answered with one part of several."""

    def answer(request: Request) -> Response:
        given = server.correct(request)
        if request.method == "GET" and given.operation == CONTENT and given.status == 206:
            whole = server.correct(altered(request, headers={_RANGE: None}))
            one = byte_range(request.header(_RANGE) or b"", len(whole.body))
            if one is not None and one != (-1, -1):
                case = Case(server, {}, request, whole)
                _parted(case, _there(case, [one]))
                return whole
        return given

    return answer


def _head(name: str, rule: str, summary: str, make: Make) -> Defect:
    return Defect(name, "routing", rule, summary, make)


def _several(name: str, rule: str, summary: str, make: Make) -> Defect:
    return Defect(name, "content", rule, summary, make)


DEFECTS = (
    _head(
        "head-content-without-key",
        "R01",
        "HEAD of the content answers 200 without a valid key",
        _heads(_keyless, frozenset({CONTENT})),
    ),
    _head("head-read-without-key", "R01", "HEAD of a read looks at no key", _heads(_keyless, READS)),
    _head(
        "head-content-of-another-account",
        "R20",
        "HEAD of the content answers 200 to a key of another account",
        _heads(_any_key, frozenset({CONTENT})),
    ),
    _head(
        "head-read-of-another-account",
        "R20",
        "HEAD of a read answers 200 to a key of another account",
        _heads(_any_key, frozenset({READ})),
    ),
    _head("head-of-unknown", "R59", "HEAD of a read answers 200 whatever the task", _heads(_always, READS)),
    _head("head-says-empty", "R59", "HEAD of a read tells Content-Length 0", _heads(_empty, READS)),
    _head(
        "head-length-of-another-file",
        "R59",
        "HEAD of the content tells a Content-Length eight bytes too short",
        _heads(_shorter, frozenset({CONTENT})),
    ),
    _head(
        "head-follows-range",
        "R59",
        "HEAD of the content follows a Range and answers 206",
        _heads(_with_range, frozenset({CONTENT})),
    ),
    _head(
        "head-of-bytes",
        "R59",
        "HEAD of the content tells the media type application/octet-stream",
        _heads(_as_bytes, frozenset({CONTENT})),
    ),
    _head("head-breaks", "R59", "HEAD of a read is answered with 500", _heads(_breaks, READS)),
    Defect("head-with-body", "connection", "R59", "a response to HEAD has a body", wire=_sends_body),
    _several(
        "several-named-as-first",
        "R24",
        "two ranges are answered with the Content-Range of the first and the bytes of the second",
        _ranges(_name_and_bytes_of_two),
    ),
    _several(
        "several-with-a-wrong-part",
        "R24",
        "of two ranges the bytes of the second begin one too late",
        _ranges(_second_shifted),
    ),
    _several("several-without-the-last", "R24", "the last of several ranges is left out", _ranges(_without_last)),
    _several(
        "several-named-together",
        "R24",
        "multipart/byteranges has a Content-Range in its head that spans all parts",
        _ranges(_named_twice),
    ),
    _several("several-refused", "R24", "several ranges are answered with 416", _ranges(_refused(416))),
    _several(
        "several-refused-for-one",
        "R24",
        "several ranges of which one is past the end are answered with 416",
        _ranges(_refused(416, lambda wanted: None in wanted)),
    ),
    _several("several-invalid", "R34", "several ranges are answered with 400", _ranges(_refused(400))),
    _several("several-break", "R44", "several ranges are answered with 500", _ranges(_refused(500))),
    _several("one-as-several", "R24", "one range is answered with multipart/byteranges", _one_as_several),
)
