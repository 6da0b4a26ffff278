"""Videos that are no mp4, not whole, not available, or available to the wrong client."""

from __future__ import annotations

import copy
import gzip
import struct
from collections.abc import Callable, Iterator

from octopusx_video_mock.messages import Request, Response
from octopusx_video_mock.tasks.mp4 import mp4

from tests.defects._concurrency import beside
from tests.defects._defect import (
    CONTENT,
    DAY,
    HOUR,
    LIFE,
    MINUTE,
    OK,
    RANGE,
    READ,
    SENT,
    SUBMITS,
    VIDEO,
    Case,
    Handler,
    Json,
    Make,
    OnWire,
    Server,
    Table,
    Wire,
    WireRequest,
    altered,
    changes,
    handles,
    succeeded,
)
from tests.defects._requests import sent_as
from tests.defects._tasks import (
    Made,
    after_end,
    continued,
    extensions_of,
    for_owner,
    for_task,
    not_yet,
    refused_submit,
    refused_to_another,
    task_reads,
    with_status,
)
from tests.defects._videos import changes_whole


def _counted(case: Case) -> None:
    note = b"%08d" % case.counted("sent")
    case.response.body += struct.pack(">I4s", 8 + len(note), b"free") + note


def _unfinished(cause: Callable[[Response], bool]) -> Make:
    """A server that sends a video although the task has none."""

    def change(case: Case) -> None:
        if cause(case.response):
            case.response.status, case.response.body = 200, mp4(10)
            case.header(*VIDEO)

    return changes(change, {CONTENT}, {400})


def _gone(when: Callable[[Case], bool]) -> Make:
    """A server that has lost a video, where ``when`` says so."""

    def change(case: Case) -> None:
        if when(case):
            case.become(case.server.correct(altered(case.request, headers={b"prefer": b"code=502"})))

    return changes(change, {CONTENT}, OK | {206})


def _an_hour_after(server: Server) -> Handler:
    born: dict[str, float] = {}

    def handle(request: Request) -> Response:
        given = server.correct(request)
        if given.operation in SUBMITS and given.task is not None:
            born[given.task] = server.now
        elif (
            given.operation == CONTENT
            and given.status == 200
            and server.now - born.get(given.task or "", server.now) > HOUR
        ):
            return server.correct(altered(request, headers={b"prefer": b"code=502"}))
        return given

    return handle


def _declared(more: int) -> Callable[[Server], Wire]:
    """The content with a Content-Length that is wrong by so many bytes."""

    def wire(_: Server) -> Wire:
        def send(request: WireRequest) -> Iterator[bytes] | None:
            if request.operation != CONTENT:
                return None
            head, body = request.response()
            length = b"content-length: %d" % len(body)
            return iter([head.replace(length, b"content-length: %d" % (len(body) + more)), body])

        return send

    return wire


def _another_end(case: Case) -> None:
    """The last byte of the video is another one, where it is sent."""
    body, reported = case.response.body, dict(case.response.headers).get(b"content-range", b"")
    first, _, size = reported.removeprefix(b"bytes ").partition(b"/")
    if case.response.status == 200 or first.endswith(b"-%d" % (int(size or 0) - 1)):
        case.response.body = body[:-1] + bytes([body[-1] ^ 1])


def _another_beginning(case: Case) -> None:
    """The first part of the video has other bytes than at first, while all of it has the same."""
    if case.response.status == 206 and case.response.body[4:8] == b"ftyp":
        case.response.body = case.response.body[:-1] + b"x"


def _gone_before_expiry(case: Case, made: Made) -> None:
    if made.age(case.server) >= DAY - HOUR:
        case.become(with_status(case.server, case.request, 502))


def _gone_after_download(case: Case, made: Made) -> None:
    first = case.memory.setdefault("first", {}).setdefault(made.id, case.server.now)
    if case.server.now - first > HOUR:
        case.become(with_status(case.server, case.request, 502))


def _broken_once_expired(case: Case, made: Made) -> None:
    if made.age(case.server) >= DAY:
        case.become(with_status(case.server, case.request, 500))


def _expires_from_end(case: Case, made: Made, value: Json) -> Json:
    return {"expires_at": int(made.at + LIFE.lasts + DAY)} if succeeded(value) and "expires_at" in value else {}


def _cached_part(case: Case, made: Made) -> None:
    kept: dict[str, bytes] = case.memory.setdefault("kept", {})
    if case.response.status == 206:
        kept.setdefault(made.id, case.response.body)
    else:
        case.response.body = kept.setdefault(made.id, case.response.body)


@handles
def _part_for_others(server: Server, request: Request) -> Response:
    """A part is looked for by its task alone."""
    given = server.correct(request)
    if given.operation == CONTENT and given.status == 404 and request.header(RANGE):
        other = for_owner(server, request)
        return other if other is not None and other.status == 206 else given
    return given


def _refusal_kept(case: Case, made: Made) -> None:
    kept: dict[str, tuple[float, Response]] = case.memory.setdefault("refused", {})
    if not_yet(case):
        kept[made.id] = case.server.now, copy.copy(case.response)
    elif made.id in kept and case.response.status in SENT and case.server.now - kept[made.id][0] < HOUR:
        case.become(kept[made.id][1])


def _archived(case: Case, made: Made) -> None:
    if made.since_end(case.server) > HOUR:
        note = b"archived"
        case.response.body += struct.pack(">I4s", 8 + len(note), b"free") + note


def _late(case: Case, made: Made) -> None:
    if 0 <= made.since_end(case.server) < 5:
        case.become(case.server.at(case.request, -1 - made.since_end(case.server)))


def _moved_while_extended(case: Case, made: Made) -> None:
    if any(one.since_end(case.server) < 0 for one in extensions_of(case, made)):
        case.become(with_status(case.server, case.request, 502))


def _missing_for_all(server: Server) -> Handler:
    """That a video was not found is kept for a minute, for whomever it was not."""
    kept: dict[bytes, tuple[float, Response]] = {}

    def handle(request: Request) -> Response:
        given = server.correct(request)
        if given.operation != CONTENT:
            return given
        if given.status == 404:
            kept[request.path] = server.now, copy.copy(given)
        elif given.status in SENT and request.path in kept and server.now - kept[request.path][0] < MINUTE:
            return copy.copy(kept[request.path][1])
        return given

    return handle


def _quicktime(case: Case, made: Made) -> None:
    if made.is_max:
        case.header(b"content-type", b"video/quicktime")


def _half(server: Server, request: Request, _: Request) -> Response:
    response = server.correct(request)
    if response.status == 200:
        response.body = response.body[: len(response.body) // 2]
    return response


DEFECTS: Table = {
    ("content-is-page", "R25", "the content is a page that calls itself a video"): changes_whole(
        lambda _: b"<html><body>404</body></html>"
    ),
    ("content-is-webm", "R25", "the content is WebM"): changes_whole(
        lambda video: b"\x1aE\xdf\xa3\x9fB\x86\x81" + video[8:]
    ),
    ("content-is-empty", "R25", "the content is empty"): changes_whole(lambda _: b""),
    ("content-is-hexadecimal", "R25", "the content is written in hexadecimal"): changes_whole(
        lambda video: video.hex().encode()
    ),
    ("content-begins-with-media", "R25", "the box ftyp comes behind another one"): changes_whole(
        lambda video: struct.pack(">I4s", 8, b"free") + video
    ),
    ("content-differs", "R52", "a video's bytes differ with each download"): changes(_counted, {CONTENT}, OK),
    ("content-while-running", "R23", "a video is sent while the task runs"): _unfinished(
        lambda response: b"not completed" in response.body
    ),
    ("content-of-failed", "R23", "a video is sent of a task that has failed"): _unfinished(
        lambda response: b"failed" in response.body
    ),
    ("content-gone-after-hour", "R52", "a video can't be fetched an hour after its submit"): _an_hour_after,
    ("content-gone-after-first", "R52", "a video can be fetched once"): _gone(lambda case: case.counted(case.task) > 1),
    ("content-gone-at-third", "R52", "every third download fails"): _gone(lambda case: case.counted("all") % 3 == 0),
    # What is left over stands where the next response should begin: that is all that a caller can see of it.
    ("content-length-short", "R53", "Content-Length is less than what is sent"): OnWire(_declared(-100)),
    ("content-length-long", "R24", "Content-Length is more than what is sent"): OnWire(_declared(100)),
}

RARE: Table = {
    (
        "later-video-by-continuation",
        "R52",
        "the video of a task that is continued is written again, and ends otherwise",
    ): after_end(continued, _another_end, {CONTENT}),
    (
        "later-video-by-another-key",
        "R52",
        "after a refused read with another key, the video of a task ends otherwise",
    ): after_end(refused_to_another, _another_end, {CONTENT}),
    (
        "later-part-by-refusal",
        "R52",
        "after a submit that was refused, the first part of the video that it named is another one",
    ): after_end(refused_submit, _another_beginning, {CONTENT}),
    ("content-gone-hour-before-expiry", "R52", "a video can't be fetched in the last hour before expires_at"): for_task(
        _gone_before_expiry, {CONTENT}, OK | {206}
    ),
    ("content-gone-hour-after-download", "R52", "a video can't be fetched an hour after its first download"): for_task(
        _gone_after_download, {CONTENT}, OK | {206}
    ),
    ("content-expired-breaks", "R44", "the content of a task that has expired breaks the server"): for_task(
        _broken_once_expired, {CONTENT}, {502}
    ),
    (
        "expiry-told-from-end",
        "R52",
        "expires_at is a day after the end, and the video is gone a day after the submit",
    ): task_reads(_expires_from_end, {READ}),
    ("part-cached-as-whole", "R52", "a part that was sent before the whole is kept, and sent as the whole"): for_task(
        _cached_part, {CONTENT}, SENT
    ),
    ("part-for-others", "R20", "a part of a video is sent to other accounts"): _part_for_others,
    (
        "refusal-of-content-kept",
        "R52",
        "the content that was refused while its task ran is refused for an hour",
    ): for_task(_refusal_kept, {CONTENT}, SENT | {400}),
    ("content-archived-after-hour", "R52", "a video has another box at its end an hour after its task ended"): for_task(
        _archived, {CONTENT}
    ),
    (
        "content-five-seconds-late",
        "R52",
        "the content is refused in the first five seconds after its task has succeeded",
    ): for_task(_late, {CONTENT}, SENT),
    ("content-compressed-unsaid", "R25", "the whole video is compressed and does not say so"): sent_as(
        b"video/mp4", lambda body: gzip.compress(body, mtime=0), {CONTENT}, OK
    ),
    ("content-gone-while-extended", "R52", "a video can't be fetched while an extension of its task runs"): for_task(
        _moved_while_extended, {CONTENT}, SENT
    ),
    (
        "content-missing-for-owner-too",
        "R52",
        "a video that another account was refused is not found for its owner for a minute",
    ): _missing_for_all,
    ("content-of-max-quicktime", "R39", "the video is video/quicktime with grok-video-3-max"): for_task(
        _quicktime, {CONTENT}, SENT
    ),
    (
        "together-half-a-video",
        "R52",
        "a video that is downloaded while a part of it is sent ends in the middle",
    ): beside({CONTENT}, {CONTENT}, _half),
}
