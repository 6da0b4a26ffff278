"""Parts of a video: ranges whose responses have other bytes, headers or statuses."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

from octopusx_video_mock.engine.content import byte_range
from octopusx_video_mock.messages import Request, Response

from tests.defects._concurrency import beside
from tests.defects._defect import (
    CONTENT,
    CONTENT_RANGE_VALUE,
    OK,
    RANGE,
    VIDEO,
    Case,
    Make,
    Server,
    Table,
    altered,
    changes,
    handles,
    remembers,
)
from tests.defects._tasks import Made, for_task
from tests.defects._videos import sent_instead

_SEVERAL = re.compile(rb"bytes=[^,]*(,[^,]*)+")
_BOUNDARY = b"3d6b6a416f9b5"
Range = tuple[int, int]
_BUFFER = 4096


def _part(change: Callable[[Case, int, int, int], None]) -> Make:
    """A server that changes parts of a video, given the first byte, the last and how many there are."""

    def changed(case: Case) -> None:
        header = dict(case.response.headers)[b"content-range"]
        match = CONTENT_RANGE_VALUE.fullmatch(header)
        assert match is not None
        change(case, int(match[1]), int(match[2]), int(match[3]))

    return changes(changed, {CONTENT}, {206})


def _video(case: Case) -> bytes:
    return case.server.at(altered(case.request, headers={RANGE: None}), 0).body


def _from_start(case: Case, first: int, last: int, size: int) -> None:
    case.response.body = _video(case)[: last - first + 1]


def _all_of_it(case: Case, first: int, last: int, size: int) -> None:
    case.response.body = _video(case)


def _one_less(case: Case, first: int, last: int, size: int) -> None:
    """The end of a range is taken for the byte behind it, and the header for what was requested."""
    case.response.body = case.response.body[:-1]


def _one_less_at_open_end(case: Case, first: int, last: int, size: int) -> None:
    if (case.request.header(RANGE) or b"").endswith(b"-"):
        case.response.body = case.response.body[:-1]


def _end_behind(case: Case, first: int, last: int, size: int) -> None:
    case.header(b"content-range", b"bytes %d-%d/%d" % (first, last + 1, size))


def _size_of_part(case: Case, first: int, last: int, size: int) -> None:
    case.header(b"content-range", b"bytes %d-%d/%d" % (first, last, last - first + 1))


def _malformed(case: Case, first: int, last: int, size: int) -> None:
    case.header(b"content-range", b"bytes=%d-%d/%d" % (first, last, size))


def _no_header(case: Case, first: int, last: int, size: int) -> None:
    case.header(b"content-range", None)


def _called_whole(case: Case, first: int, last: int, size: int) -> None:
    case.response.status = 200
    case.header(b"content-range", None)


@handles
def _suffix_as_prefix(server: Server, request: Request) -> Response:
    wanted = request.header(RANGE) or b""
    if server.operation(request) == CONTENT and wanted.startswith(b"bytes=-"):
        return server.correct(altered(request, headers={RANGE: b"bytes=0-" + wanted[7:]}))
    return server.correct(request)


def _past_end(status: int) -> Make:
    def change(case: Case) -> None:
        size = dict(case.response.headers).get(b"content-range", b"").rpartition(b"/")[2]
        case.response.status, case.response.body = status, b""
        case.header(*VIDEO)
        case.header(b"content-range", b"bytes %b-%b/%b" % (size, size, size) if status == 206 else None)

    return changes(change, {CONTENT}, {416})


def _malformed_unsatisfied(case: Case) -> None:
    case.header(b"content-range", b"bytes 0-0/0")


def _wanted(request: Request, size: int) -> list[Range | None]:
    """What each of several ranges asks for; None for what is past the end."""
    sent = request.header(RANGE) or b""
    if not _SEVERAL.fullmatch(sent):
        return []
    return [byte_range(b"bytes=" + one.strip(), size) for one in sent.removeprefix(b"bytes=").split(b",")]


def _ranges(change: Callable[[Case, list[Range | None]], None]) -> Make:
    """A server that changes the response to several ranges, where the correct one sends the whole video."""

    def handle(server: Server, memory: dict[str, Any], request: Request) -> Response:
        given = server.correct(request)
        if request.method == "GET" and given.operation == CONTENT and given.status == 200:
            wanted = _wanted(request, len(given.body))
            if wanted:
                change(Case(server, memory, request, given), wanted)
        return given

    return remembers(handle)


def _parted(case: Case, parts: Sequence[tuple[Range, bytes]]) -> None:
    """Answer with multipart/byteranges."""
    size = len(case.response.body)
    body = b"".join(
        b"\r\n--%b\r\nContent-Type: video/mp4\r\nContent-Range: bytes %d-%d/%d\r\n\r\n%b"
        % (_BOUNDARY, first, last, size, content)
        for (first, last), content in parts
    )
    case.response.status, case.response.body = 206, body + b"\r\n--%b--\r\n" % _BOUNDARY
    case.header(b"content-type", b"multipart/byteranges; boundary=" + _BOUNDARY)


def _there(case: Case, wanted: list[Range | None]) -> list[tuple[Range, bytes]]:
    """What is there of several ranges, each with its bytes."""
    return [(one, case.response.body[one[0] : one[1] + 1]) for one in wanted if one is not None]


def _name_and_bytes_of_two(case: Case, wanted: list[Range | None]) -> None:
    there = _there(case, wanted)
    if len(there) > 1:
        (first, last), _ = there[0]
        size = len(case.response.body)
        case.response.status, case.response.body = 206, there[1][1]
        case.header(b"content-range", b"bytes %d-%d/%d" % (first, last, size))


def _second_shifted(case: Case, wanted: list[Range | None]) -> None:
    whole = case.response.body
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
    there, size = _there(case, wanted), len(case.response.body)
    if there:
        _parted(case, there)
        case.header(b"content-range", b"bytes %d-%d/%d" % (there[0][0][0], there[-1][0][1], size))


def _refused(status: int, when: Callable[[list[Range | None]], bool] = lambda _: True) -> Callable[..., None]:
    def change(case: Case, wanted: list[Range | None]) -> None:
        if when(wanted):
            ordered = altered(case.request, headers={b"prefer": b"code=%d" % status})
            case.become(case.server.at(ordered, 0))

    return change


@handles
def _one_as_several(server: Server, request: Request) -> Response:
    """The response to a single range is one part of several."""
    given = server.correct(request)
    if request.method == "GET" and given.operation == CONTENT and given.status == 206:
        whole = server.correct(altered(request, headers={RANGE: None}))
        one = byte_range(request.header(RANGE) or b"", len(whole.body))
        if one is not None and one != (-1, -1):
            case = Case(server, {}, request, whole)
            _parted(case, _there(case, [one]))
            return whole
    return given


def _parts(change: Callable[[Case, bytes, int, int, int], None]) -> Make:
    """A server that changes parts, given what was wanted, the first byte, the last and how many there are."""

    def changed(case: Case) -> None:
        match = CONTENT_RANGE_VALUE.fullmatch(dict(case.response.headers)[b"content-range"])
        assert match is not None
        wanted = case.request.header(RANGE) or b""
        change(case, wanted.replace(b" ", b""), int(match[1]), int(match[2]), int(match[3]))

    return changes(changed, {CONTENT}, {206})


def _names(case: Case, first: int, last: int, size: int) -> None:
    case.header(b"content-range", b"bytes %d-%d/%d" % (first, last, size))


def _zero_is_open(case: Case, wanted: bytes, first: int, last: int, size: int) -> None:
    if wanted == b"bytes=0-0":
        case.response.body = _whole(case)
        _names(case, 0, size - 1, size)


def _end_as_wanted(case: Case, wanted: bytes, first: int, last: int, size: int) -> None:
    match = re.fullmatch(rb"bytes=\d+-(\d+)", wanted)
    if match and int(match[1]) >= size:
        _names(case, first, int(match[1]), size)


def _suffix_below_zero(case: Case, wanted: bytes, first: int, last: int, size: int) -> None:
    match = re.fullmatch(rb"bytes=-(\d+)", wanted)
    if match and int(match[1]) > size:
        _names(case, size - int(match[1]), last, size)


def _begins_at_size(case: Case) -> None:
    size = int(dict(case.response.headers).get(b"content-range", b"*/-1").rpartition(b"/")[2])
    if (case.request.header(RANGE) or b"").startswith(b"bytes=%d-" % size):
        case.response.status, case.response.body = 206, b""
        case.header(*VIDEO)
        _names(case, size, size - 1, size)


def _joined(case: Case) -> None:
    wanted = (case.request.header(RANGE) or b"").replace(b" ", b"")
    if not re.fullmatch(rb"bytes=\d+-\d+(,\d+-\d+)+", wanted):
        return
    whole = case.response.body
    pairs = [tuple(int(place) for place in one.split(b"-")) for one in wanted[6:].split(b",")]
    if all(first <= last < len(whole) for first, last in pairs):
        case.response.status = 206
        case.response.body = b"".join(whole[first : last + 1] for first, last in pairs)
        _names(case, pairs[0][0], pairs[-1][1], len(whole))


def _byte_late(case: Case) -> None:
    match = re.fullmatch(rb"bytes=(\d+)-", case.request.header(RANGE) or b"")
    if match and int(match[1]) > 0:
        case.response.body = case.response.body[1:]


def _whole(case: Case) -> bytes:
    return case.server.at(altered(case.request, headers={RANGE: None}), 0).body


def _not_sought(case: Case) -> None:
    """Who wants byte zero is read on to from where the file stands."""
    match = CONTENT_RANGE_VALUE.fullmatch(dict(case.response.headers)[b"content-range"])
    assert match is not None
    first, size = int(match[1]), int(match[3])
    stands: dict[str, int] = case.memory.setdefault("stands", {})
    length = len(case.response.body)
    if first == 0:
        first = stands.get(case.task, 0)
        whole = _whole(case)
        case.response.body = (whole[first:] + whole)[:length]
    stands[case.task] = (first + length) % size


def _one_buffer(case: Case) -> None:
    case.response.body = case.response.body[:_BUFFER]


def _suffix_and_one(case: Case) -> None:
    match = re.fullmatch(rb"bytes=-(\d+)", case.request.header(RANGE) or b"")
    size = int(dict(case.response.headers)[b"content-range"].rpartition(b"/")[2])
    if match and int(match[1]) < size:
        first = size - int(match[1]) - 1
        whole = case.server.at(altered(case.request, headers={RANGE: None}), 0).body
        case.response.body = whole[first:]
        case.header(b"content-range", b"bytes %d-%d/%d" % (first, size - 1, size))


def _part_of_source(case: Case, made: Made) -> None:
    path = b"/v1/videos/%s/content" % made.source.encode()
    whole = case.server.at(altered(case.request, path=path, headers={RANGE: None}), 0)
    if whole.status == 200:
        sent_instead(case.request, case.response, whole.body)


def _part_of(server: Server, request: Request, other: Request) -> Response:
    response = server.correct(request)
    if response.status == 206 and other.header(RANGE) not in {None, request.header(RANGE)}:
        wrong = server.correct(altered(request, headers={RANGE: other.header(RANGE)}))
        if wrong.status == 206:
            response.body = wrong.body
    return response


DEFECTS: Table = {
    ("part-from-start", "R24", "a part is always the first bytes"): _part(_from_start),
    ("part-is-whole", "R24", "a part is the whole video with the status of a part"): _part(_all_of_it),
    ("part-one-byte-short", "R24", "a part lacks its last byte"): _part(_one_less),
    ("part-one-byte-short-at-end", "R24", "a part with an open end lacks the video's last byte"): _part(
        _one_less_at_open_end
    ),
    ("part-end-behind", "R24", "Content-Range names the byte behind the last one"): _part(_end_behind),
    ("part-size-of-part", "R24", "the total of Content-Range is that of the part"): _part(_size_of_part),
    ("part-header-malformed", "R40", "Content-Range is written as Range is"): _part(_malformed),
    ("part-header-missing", "R40", "a part has no Content-Range"): _part(_no_header),
    ("part-called-whole", "R52", "a part gets 200"): _part(_called_whole),
    ("suffix-as-prefix", "R24", "the last bytes are asked for, and the first ones are sent"): _suffix_as_prefix,
    ("past-end-empty-part", "R24", "a Range past the end gets an empty part"): _past_end(206),
    ("past-end-empty-whole", "R25", "a Range past the end gets 200 and nothing"): _past_end(200),
    ("unsatisfied-header-malformed", "R40", "the Content-Range of a 416 names bytes"): changes(
        _malformed_unsatisfied, {CONTENT}, {416}
    ),
}

RARE: Table = {
    (
        "several-named-as-first",
        "R24",
        "two ranges get the Content-Range of the first and the bytes of the second",
    ): _ranges(_name_and_bytes_of_two),
    ("several-with-a-wrong-part", "R24", "of two ranges the bytes of the second begin one too late"): _ranges(
        _second_shifted
    ),
    ("several-without-the-last", "R24", "the last of several ranges is left out"): _ranges(_without_last),
    (
        "several-named-together",
        "R24",
        "multipart/byteranges has a Content-Range in its head that spans all parts",
    ): _ranges(_named_twice),
    ("several-refused", "R24", "several ranges get 416"): _ranges(_refused(416)),
    ("several-refused-for-one", "R24", "several ranges of which one is past the end get 416"): _ranges(
        _refused(416, lambda wanted: None in wanted)
    ),
    ("several-invalid", "R34", "several ranges get 400"): _ranges(_refused(400)),
    ("several-break", "R44", "several ranges get 500"): _ranges(_refused(500)),
    ("one-as-several", "R24", "one range gets multipart/byteranges"): _one_as_several,
    ("part-last-zero-is-open", "R24", "bytes=0-0 gets every byte"): _parts(_zero_is_open),
    ("part-end-past-size", "R24", "Content-Range repeats an end past the video's"): _parts(_end_as_wanted),
    ("part-begins-at-size", "R24", "a Range that begins right behind the last byte is an empty part"): changes(
        _begins_at_size, {CONTENT}, {416}
    ),
    (
        "suffix-below-zero",
        "R40",
        "Content-Range begins below zero where more last bytes are asked for than there are",
    ): _parts(_suffix_below_zero),
    ("parts-joined", "R24", "several ranges are sent one behind the other as one part"): changes(
        _joined, {CONTENT}, OK
    ),
    ("only-open-part-byte-late", "R24", "a part with an open end begins a byte late, but for that from zero"): changes(
        _byte_late, {CONTENT}, {206}
    ),
    ("part-from-zero-not-sought", "R24", "a part from byte zero begins where the last part ended"): changes(
        _not_sought, {CONTENT}, {206}
    ),
    (
        "part-of-one-buffer",
        "R24",
        "a part of more than 4096 bytes ends behind these, and Content-Range names all that were wanted",
    ): changes(_one_buffer, {CONTENT}, {206}),
    ("unsatisfied-without-request-id", "R33", "a 416 carries no request id"): changes(
        lambda case: case.header(b"x-oneapi-request-id", None), {CONTENT}, {416}
    ),
    ("suffix-one-byte-more", "R24", "of the last bytes that are asked for one more is sent and named"): changes(
        _suffix_and_one, {CONTENT}, {206}
    ),
    ("part-of-source", "R24", "a part of a video is cut out of the source's video"): for_task(
        _part_of_source, {CONTENT}, {206}
    ),
    (
        "together-part-of-another",
        "R24",
        "a part that is asked for while another one is sent is that other part",
    ): beside({CONTENT}, {CONTENT}, _part_of),
}
