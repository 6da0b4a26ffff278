"""Servers that are wrong in one case each: a cache, a falsy zero, a model, a chain, an edge of a Range."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable
from typing import Any

from octopusx_video_mock.messages import Request, Response
from octopusx_video_openapi import lifecycle

from tests.defects._defect import (
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
    Case,
    Defect,
    Family,
    Json,
    Make,
    Server,
    altered,
    changes,
    contract,
    edits,
    failed,
    mapped,
    put,
    running,
    sent,
    succeeded,
)
from tests.defects.single_moments import (
    _DAY,
    _DOCUMENTED,
    _HOUR,
    _MAX,
    _NAMES,
    Made,
    _knows,
    _long,
    _noted,
    _on,
    _source_of,
    _task_read,
    _tells,
    _unbilled,
    _whole,
)

_LIFE = lifecycle.task_life(contract())
_RANGE = b"range"
_BOTH_EXTENDS = frozenset({EXTEND, UNIFIED})
_PART = frozenset({206})
_VIDEO = (b"content-type", b"video/mp4")


def _of(family: Family, name: str, rule: str, summary: str, make: Make) -> Defect:
    return Defect(name, family, rule, summary, make)


def _life(name: str, rule: str, summary: str, make: Make) -> Defect:
    return _of("life", name, rule, summary, make)


def _content(name: str, rule: str, summary: str, make: Make) -> Defect:
    return _of("content", name, rule, summary, make)


def _billing(name: str, rule: str, summary: str, make: Make) -> Defect:
    return _of("billing", name, rule, summary, make)


def _schema(name: str, rule: str, summary: str, make: Make) -> Defect:
    return _of("response schema", name, rule, summary, make)


# What such a server knows of its tasks.


# Life: what a read tells.


def _zero_is_none(case: Case, made: Made, value: Json) -> Json:
    """start_time or length of the source."""
    is_zero = made.operation == EXTEND and made.body.get("start_time") == 0 and "seconds" in value
    return {"seconds": str(int(float(value["seconds"]) + made.source_length))} if is_zero else {}


def _from_root(case: Case, made: Made, value: Json) -> Json:
    if "start_time" in made.body or made.operation == CREATE or "seconds" not in value:
        return {}
    root, length = made.source, made.source_length
    while root in case.memory["made"]:
        root, length = case.memory["made"][root].source, case.memory["made"][root].source_length
    return {"seconds": str(int(float(value["seconds"]) - made.source_length + length))}


def _size_of_upscale(case: Case, made: Made, value: Json) -> Json:
    return {"size": "1080P"} if made.upscaled and "size" in value else {}


def _two_passes(case: Case, made: Made, value: Json) -> Json:
    percent = value.get("progress", 0)
    return {"progress": int(percent) * 2 % 100} if made.upscaled and running(value) else {}


def _mojibake(prompt: str) -> str:
    return prompt.encode("utf-8", "surrogatepass").decode("latin-1")


def _cut_to_column(case: Case, made: Made, value: Json) -> Json:
    prompt = made.body.get("prompt", "")
    return {"prompt": prompt[:255]} if succeeded(value) and len(prompt) > 255 else {}


def _model_of_source(case: Case, made: Made, value: Json) -> Json:
    source = case.memory["made"].get(made.source)
    return {"model": source.body.get("model")} if source is not None and "model" in value else {}


def _time_of_read(case: Case, made: Made, value: Json) -> Json:
    return {"completed_at": int(case.server.now)} if succeeded(value) else {}


def _time_of_source(case: Case, made: Made, value: Json) -> Json:
    if not running(value):
        return {}
    told = _task_read(case.server, case.request, made.source, by=QUERY).get("status_update_time")
    return {} if told is None else {"status_update_time": told}


def _expired(case: Case, made: Made, value: Json) -> Json:
    if not succeeded(value) or made.age(case.server) < _DAY:
        return {}
    if case.answer.operation == QUERY:
        return {"status": "expired", "video_url": None}
    return {"status": "expired", "video_url": "", "error": {"message": "the video has expired", "code": "expired"}}


def _no_address_once_expired(case: Case, made: Made, value: Json) -> Json:
    return {"video_url": None} if succeeded(value) and made.age(case.server) >= _DAY else {}


# Life: caches, and who knows which task.


def _cached_by_path(server: Server) -> Answerer:
    """A cache in front of the unified read whose key lacks the query."""
    kept: dict[bytes, tuple[float, Response]] = {}

    def answer(request: Request) -> Response:
        given = server.correct(request)
        if given.operation != QUERY or given.status != 200:
            return given
        key = request.header(b"authorization") or b""
        at, first = kept.get(key, (-1e9, given))
        if server.now - at > 10:
            kept[key] = server.now, copy.copy(given)
            return given
        given.body = first.body
        return given

    return answer


def _cached_for_others(server: Server) -> Answerer:
    """A cache in front of the OpenAI-format read whose key lacks the account."""
    kept: dict[bytes, tuple[float, Response]] = {}

    def answer(request: Request) -> Response:
        given = server.correct(request)
        if given.operation != READ:
            return given
        if given.status == 200:
            kept[request.path] = server.now, copy.copy(given)
        elif given.status in {400, 404} and request.path in kept and server.now - kept[request.path][0] <= 60:
            return copy.copy(kept[request.path][1])
        return given

    return answer


def _keeps_running_answer(case: Case, made: Made) -> None:
    """The first answer to the unified read stands for a minute, and the next one after it."""
    kept: dict[str, tuple[float, bytes]] = case.memory.setdefault("kept", {})
    at, body = kept.get(made.id, (-1e9, b""))
    if case.server.now - at < 60:
        case.answer.body = body
    else:
        kept[made.id] = case.server.now, case.answer.body


def _same_source(case: Case, made: Made) -> None:
    """A second extension of a source is taken for the first one sent again, while that runs."""
    running_one: dict[tuple[bytes | None, str], Made] = case.memory.setdefault("running", {})
    place = case.request.header(b"authorization"), made.source
    earlier = running_one.get(place)
    if earlier is not None and earlier.age(case.server) < _LIFE.lasts:
        case.value = {**case.value, "id": earlier.id}
    else:
        running_one[place] = made


def _chain_unknown(case: Case, made: Made) -> None:
    if made.source in case.memory["made"]:
        case.become(case.server.unknown(case.request))


def _failed_for_all(server: Server) -> Answerer:
    """The list of failures is looked at before whose task it is."""

    def answer(request: Request) -> Response:
        given = server.correct(request)
        if given.operation != READ or given.status not in {400, 404}:
            return given
        for key in (server.key, server.other_key):
            other = server.at(altered(request, headers={b"authorization": f"Bearer {key}".encode()}), 0)
            if other.status == 200 and failed(Case(server, {}, request, other).value):
                return other
        return given

    return answer


def _accepts(when: Callable[[Server, Request], bool], cause: bytes, of: frozenset[str]) -> Make:
    def make(server: Server) -> Answerer:
        def answer(request: Request) -> Response:
            given = server.correct(request)
            refused = given.operation in of and given.status == 400 and b'"code":"' + cause + b'"' in given.body
            return server.correct(_on(request, _DOCUMENTED)) if refused and when(server, request) else given

        return answer

    return make


def _source_failed(server: Server, request: Request) -> bool:
    return failed(_task_read(server, request, _source_of(request)))


# Content: lengths.


def _video_from_end(length: float, made: Made) -> float:
    return length + made.source_length if made.body.get("start_time") == 0 else length


def _max_without_start(length: float, made: Made) -> float:
    return length - 5 if made.is_max and "start_time" not in made.body else length


def _start_within_source(length: float, made: Made) -> float:
    return length - max(0.0, float(made.body.get("start_time", 0)) - made.source_length)


def _faster_when_upscaled(length: float, made: Made) -> float:
    return length * 25 / 30 if made.upscaled else length


# Content: gone too early, and how it is gone.


def _instead(case: Case, status: int) -> None:
    case.become(case.server.at(altered(case.request, headers={b"prefer": b"code=%d" % status}), 0))


def _gone_before_expiry(case: Case, made: Made) -> None:
    if made.age(case.server) >= _DAY - _HOUR:
        _instead(case, 502)


def _gone_after_download(case: Case, made: Made) -> None:
    first = case.memory.setdefault("first", {}).setdefault(made.id, case.server.now)
    if case.server.now - first > _HOUR:
        _instead(case, 502)


def _broken_once_expired(case: Case, made: Made) -> None:
    if made.age(case.server) >= _DAY:
        _instead(case, 500)


def _address_of_the_end(server: Server) -> Answerer:
    """An address is signed for an hour from the end of its task, whenever it is told."""
    memory: dict[str, Any] = {}

    def answer(request: Request) -> Response:
        given = server.correct(request)
        _noted(server, memory, request, given)
        made = memory.get("made", {}).get(given.task)
        is_video = request.path.startswith(b"/videos/") and given.status in {200, 206}
        if is_video and made is not None and made.age(server) - _LIFE.lasts > _HOUR:
            body = b"<Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>"
            return Response(403, [(b"content-type", b"application/xml")], body)
        return given

    return answer


# Content: parts.


def _parts(change: Callable[[Case, bytes, int, int, int], None]) -> Make:
    """A server that changes parts; told what was wanted, the first byte, the last and how many there are."""

    def changed(case: Case) -> None:
        match = _NAMES.fullmatch(dict(case.answer.headers)[b"content-range"])
        assert match is not None
        wanted = case.request.header(_RANGE) or b""
        change(case, wanted.replace(b" ", b""), int(match[1]), int(match[2]), int(match[3]))

    return changes(changed, frozenset({CONTENT}), _PART)


def _names(case: Case, first: int, last: int, size: int) -> None:
    case.header(b"content-range", b"bytes %d-%d/%d" % (first, last, size))


def _zero_is_open(case: Case, wanted: bytes, first: int, last: int, size: int) -> None:
    if wanted == b"bytes=0-0":
        case.answer.body = _whole(case)
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
    size = int(dict(case.answer.headers).get(b"content-range", b"*/-1").rpartition(b"/")[2])
    if (case.request.header(_RANGE) or b"").startswith(b"bytes=%d-" % size):
        case.answer.status, case.answer.body = 206, b""
        case.header(*_VIDEO)
        _names(case, size, size - 1, size)


def _joined(case: Case) -> None:
    wanted = (case.request.header(_RANGE) or b"").replace(b" ", b"")
    if not re.fullmatch(rb"bytes=\d+-\d+(,\d+-\d+)+", wanted):
        return
    whole = case.answer.body
    pairs = [tuple(int(place) for place in one.split(b"-")) for one in wanted[6:].split(b",")]
    if all(first <= last < len(whole) for first, last in pairs):
        case.answer.status = 206
        case.answer.body = b"".join(whole[first : last + 1] for first, last in pairs)
        _names(case, pairs[0][0], pairs[-1][1], len(whole))


# Bills.


def _priced(times: Callable[[dict[str, Any]], int], of: frozenset[str] = SUBMITS) -> Make:
    """A server that charges what it accepts so often."""

    def make(server: Server) -> Answerer:
        def answer(request: Request) -> Response:
            operation = server.operation(request)
            count = times(sent(request)) if operation in of else 1
            given = server.correct(request) if count else _unbilled(server, request)
            if given.operation in of and given.status == 200 and given.task is not None:
                for _ in range(count - 1):
                    server.bill(given.operation or EXTEND, given.task)
            return given

        return answer

    return make


def _by_images(body: dict[str, Any]) -> int:
    images = body.get("images")
    return len(images) if isinstance(images, list) else 1


def _second_free(server: Server) -> Answerer:
    """The second submit of an account is let through by the reservation that the first one left."""
    counts: dict[bytes | None, int] = {}

    def answer(request: Request) -> Response:
        if server.operation(request) not in SUBMITS:
            return server.correct(request)
        key = request.header(b"authorization")
        given = _unbilled(server, request) if counts.get(key) == 1 else server.correct(request)
        if given.status == 200:
            counts[key] = counts.get(key, 0) + 1
        return given

    return answer


def _others_source(case: Case) -> None:
    if case.value.get("code") != "task_not_exist":
        return
    for key in (case.server.key, case.server.other_key):
        headers: dict[bytes, bytes | None] = {b"authorization": f"Bearer {key}".encode()}
        if _task_read(case.server, altered(case.request, headers=headers), _source_of(case.request)):
            case.server.bill(case.answer.operation or EXTEND)
            return


# Shapes.


def _sexagesimal(case: Case, made: Made, value: Json) -> Json:
    """YAML 1.1 reads 9:16 as so many seconds."""
    match = re.fullmatch(r"(\d{1,2}):([0-5]\d)", str(value.get("ratio", "")))
    return {"ratio": int(match[1]) * 60 + int(match[2])} if match else {}


def _number_of_max(case: Case, made: Made, value: Json) -> Json:
    return {"seconds": int(float(value["seconds"]))} if made.is_max and "seconds" in value else {}


def _no_expiry_once_past(case: Case, made: Made, value: Json) -> Json:
    return {"expires_at": None} if made.age(case.server) >= _DAY else {}


def _created_as_text(case: Case, made: Made, value: Json) -> Json:
    return {"created_at": str(value["created_at"])} if made.operation == CREATE and "created_at" in value else {}


def _with_fraction(case: Case) -> None:
    case.value = {**case.value, "status_update_time": int(case.server.now) + 0.482913}


def _server_error_of_failed(case: Case) -> None:
    if "failed" in case.value.get("error", {}).get("message", ""):
        case.value = {"error": {"message": "the task has failed and has no video", "type": "server_error"}}


DEFECTS: tuple[Defect, ...] = (
    # Life.
    _life(
        "seconds-from-end-where-start-is-zero",
        "R55",
        "seconds takes a start_time of zero for none at extendVideo, and counts from the end of the source",
        _tells(_zero_is_none, frozenset({READ})),
    ),
    _life(
        "seconds-from-root",
        "R55",
        "seconds of an extension of an extension counts from the end of the first source",
        _tells(_from_root, frozenset({READ})),
    ),
    _life(
        "size-of-upscale",
        "R48",
        "the size that is told is 1080P where upscale was asked for",
        _tells(_size_of_upscale, frozenset({READ})),
    ),
    _life(
        "progress-of-two-passes",
        "R15",
        "progress counts to a hundred twice where upscale was asked for",
        _tells(_two_passes),
    ),
    _life(
        "prompt-mojibake",
        "R48",
        "the UTF-8 of a prompt is read as Latin-1",
        edits(mapped("prompt", _mojibake), frozenset({QUERY})),
    ),
    _life(
        "prompt-cut-to-column",
        "R48",
        "a prompt is kept in a column of 255 characters",
        _tells(_cut_to_column, frozenset({QUERY})),
    ),
    _life(
        "model-of-source",
        "R48",
        "the model of an extension of an own task is that of its source",
        _tells(_model_of_source, frozenset({READ})),
    ),
    _life("query-cached-by-path", "R06", "the unified read is cached for ten seconds by path and key", _cached_by_path),
    _life(
        "read-cached-for-others",
        "R20",
        "what the owner was told by the OpenAI-format read is told to other accounts for a minute",
        _cached_for_others,
    ),
    _life(
        "query-cached-for-a-minute",
        "R18",
        "the unified read repeats an answer about a task for a minute",
        _knows(_keeps_running_answer, frozenset({QUERY})),
    ),
    _life(
        "completed-at-read",
        "R49",
        "completed_at is the time of the read, past expires_at as well",
        _tells(_time_of_read, frozenset({READ})),
    ),
    _life(
        "updated-of-source",
        "R56",
        "status_update_time of a running task is that of its source",
        _tells(_time_of_source, frozenset({QUERY})),
    ),
    _life(
        "id-of-running-extension-of-source",
        "R03",
        "a submit gets the id of the task that already extends its source",
        _knows(_same_source, SUBMITS),
    ),
    _life(
        "chain-unknown",
        "R04",
        "a task whose source was made here is not found",
        _knows(_chain_unknown, READS),
    ),
    _life("failed-read-by-others", "R20", "a failed task is read with a key of another account", _failed_for_all),
    _life(
        "expired-status-after-a-day",
        "R16",
        "both reads call a completed task expired once its video is",
        _tells(_expired),
    ),
    _life(
        "failed-source-accepted-on-extend",
        "R47",
        "extendVideo looks whether its source has ended, and not how",
        _accepts(_source_failed, b"fail_to_fetch_task", frozenset({EXTEND})),
    ),
    _life(
        "unknown-source-accepted-with-start",
        "R46",
        "both extends look for their source only where they need its length for want of a start_time",
        _accepts(lambda _, request: "start_time" in sent(request), b"task_not_exist", _BOTH_EXTENDS),
    ),
    _life(
        "query-null-once-expired",
        "R07",
        "a completed task's video_url is null on the unified read once the video has expired",
        _tells(_no_address_once_expired, frozenset({QUERY})),
    ),
    # Content.
    _content(
        "content-from-end-where-start-is-zero",
        "R26",
        "the unified submit takes a start_time of zero for none",
        _long(_video_from_end, frozenset({UNIFIED})),
    ),
    _content(
        "content-max-adds-ten-without-start",
        "R26",
        "grok-video-3-max adds ten seconds where start_time is left out",
        _long(_max_without_start, _BOTH_EXTENDS),
    ),
    _content(
        "content-start-cut-to-source",
        "R26",
        "a start_time past the end of the source is cut to it",
        _long(_start_within_source),
    ),
    _content(
        "content-faster-when-upscaled",
        "R26",
        "an upscaled video shows the frames of 30 seconds in 25",
        _long(_faster_when_upscaled),
    ),
    _content(
        "content-gone-hour-before-expiry",
        "R52",
        "a video can't be fetched in the last hour before expires_at",
        _knows(_gone_before_expiry, frozenset({CONTENT}), OK | _PART),
    ),
    _content(
        "content-gone-hour-after-download",
        "R52",
        "a video can't be fetched an hour after its first download",
        _knows(_gone_after_download, frozenset({CONTENT}), OK | _PART),
    ),
    _content(
        "content-expired-breaks",
        "R44",
        "the content of a task that has expired breaks the server",
        _knows(_broken_once_expired, frozenset({CONTENT}), frozenset({502})),
    ),
    _content("part-last-zero-is-open", "R24", "bytes=0-0 is answered with every byte", _parts(_zero_is_open)),
    _content(
        "part-end-past-size",
        "R24",
        "Content-Range repeats an end past the video's",
        _parts(_end_as_wanted),
    ),
    _content(
        "part-begins-at-size",
        "R24",
        "a Range that begins right behind the last byte is an empty part",
        changes(_begins_at_size, frozenset({CONTENT}), frozenset({416})),
    ),
    _content(
        "suffix-below-zero",
        "R40",
        "Content-Range begins below zero where more last bytes are asked for than there are",
        _parts(_suffix_below_zero),
    ),
    _content(
        "parts-joined",
        "R24",
        "several ranges are sent one behind the other as one part",
        changes(_joined, frozenset({CONTENT}), OK),
    ),
    _content(
        "address-expired-when-told",
        "R51",
        "addresses end an hour after their task, those that are told later as well",
        _address_of_the_end,
    ),
    # Bills.
    _billing("second-submit-free", "R54", "the second submit of an account is not charged", _second_free),
    _billing(
        "max-billed-twice",
        "R54",
        "grok-video-3-max is charged twice",
        _priced(lambda body: 2 if body.get("model") == _MAX else 1),
    ),
    _billing(
        "images-multiply-bill",
        "R54",
        "a submit is charged for each of its images, and not at all with an empty list",
        _priced(_by_images, _BOTH_EXTENDS),
    ),
    _billing(
        "no-duration-free",
        "R54",
        "createVideoExtension is not charged where duration is left out",
        _priced(lambda body: 1 if "duration" in body else 0, frozenset({CREATE})),
    ),
    _billing(
        "source-of-others-billed",
        "R54",
        "a submit is charged that is refused because its source is another account's",
        changes(_others_source, SUBMITS, frozenset({400, 404})),
    ),
    # Shapes.
    _schema(
        "ratio-sexagesimal",
        "R36",
        "a ratio such as 9:16 is told as a number",
        _tells(_sexagesimal, frozenset({QUERY})),
    ),
    _schema(
        "seconds-number-of-max",
        "R36",
        "seconds is a number with grok-video-3-max",
        _tells(_number_of_max, frozenset({READ})),
    ),
    _schema(
        "expiry-null-once-past",
        "R36",
        "expires_at is null once it has passed",
        _tells(_no_expiry_once_past, frozenset({READ})),
    ),
    _schema(
        "created-text-of-create",
        "R36",
        "created_at of a task of createVideoExtension is text",
        _tells(_created_as_text, frozenset({READ})),
    ),
    _schema(
        "query-failed-in-upper-case",
        "R14",
        "the unified read calls a failed task FAILED",
        edits(put(status="FAILED"), frozenset({QUERY}), when=failed),
    ),
    _schema(
        "submit-time-with-fraction",
        "R36",
        "the unified submit's status_update_time has a fraction",
        changes(_with_fraction, frozenset({UNIFIED}), OK),
    ),
    _schema(
        "content-of-failed-as-server-error",
        "R23",
        "the content of a failed task is refused as server_error",
        changes(_server_error_of_failed, frozenset({CONTENT}), frozenset({400})),
    ),
    _schema(
        "part-without-request-id",
        "R33",
        "a part of the content carries no request id",
        changes(lambda case: case.header(b"x-oneapi-request-id", None), frozenset({CONTENT}), _PART),
    ),
)
