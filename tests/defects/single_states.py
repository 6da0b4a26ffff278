"""Servers that are wrong where tasks meet: chains, siblings, keys, routes, and what was asked for before."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

from octopusx_video_mock.engine.content import byte_range
from octopusx_video_mock.messages import Request, Response
from octopusx_video_mock.tasks.mp4 import mp4
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
    Json,
    Make,
    Server,
    altered,
    changes,
    contract,
    drop,
    edits,
    failed,
    mapped,
    naming,
    put,
    running,
    sent,
    succeeded,
)
from tests.defects.single_moments import (
    Made,
    _charged,
    _knows,
    _length,
    _noted,
    _of,
    _ordered,
    _source_of,
    _task_read,
    _tells,
)

_LIFE = lifecycle.task_life(contract())
_HOUR = 3600.0
_MINUTE = 60.0
_RANGE, _AUTH = b"range", b"authorization"
_SENT = frozenset({200, 206})
_EXTENDS = frozenset({EXTEND, UNIFIED})
_LONG = 30
_MANY_READS = 10


def _all(case: Case) -> dict[str, Made]:
    made: dict[str, Made] = case.memory["made"]
    return made


def _extensions(case: Case, made: Made) -> list[Made]:
    return [one for one in _all(case).values() if one.source == made.id and one.key == made.key]


def _before_end(case: Case, made: Made) -> Response:
    """The correct answer of a second before the task's end."""
    return case.server.at(case.request, -1 - made.since_end(case.server))


# Life: what a read tells.


def _as_others_long(case: Case, made: Made, value: Json) -> Json:
    is_max = made.is_max and made.operation in _EXTENDS and "seconds" in value
    return {"seconds": str(int(float(value["seconds"])) - 5)} if is_max else {}


def _six_by_default(case: Case, made: Made, value: Json) -> Json:
    is_default = made.operation == CREATE and "duration" not in made.body and "seconds" in value
    return {"seconds": str(int(float(value["seconds"])) - 4)} if is_default else {}


def _source_long(case: Case, made: Made, value: Json) -> Json:
    told = _task_read(case.server, case.request, made.source).get("seconds") if running(value) else None
    return {} if told is None else {"seconds": told}


def _created_of_source(case: Case, made: Made, value: Json) -> Json:
    told = _task_read(case.server, case.request, made.source).get("created_at")
    return {} if told is None else {"created_at": told}


def _size_of_sibling(case: Case, made: Made, value: Json) -> Json:
    siblings = [one for one in _all(case).values() if one.source == made.source and one.key == made.key]
    sizes = [one.body["size"] for one in siblings if "size" in one.body]
    return {"size": sizes[-1]} if "size" in value else {}


def _joined_prompts(case: Case, made: Made, value: Json) -> Json:
    source = _all(case).get(made.source)
    if source is None or "prompt" not in value:
        return {}
    return {"prompt": f"{source.body.get('prompt')}, {value['prompt']}"}


def _updated_before_download(case: Case, made: Made) -> None:
    fetched = case.memory.setdefault("fetched", set())
    if case.answer.operation == CONTENT:
        fetched.add(made.id)
    elif made.id in fetched:
        case.value = {**case.value, "status_update_time": int(made.at)}


def _reason_of_last(case: Case) -> None:
    value = case.value
    if failed(value):
        case.memory["reason"] = value["error"]
    elif "reason" in case.memory:
        case.value = {**value, "error": case.memory.pop("reason")}


def _id_of_extension(case: Case, made: Made, value: Json) -> Json:
    extensions = _extensions(case, made)
    return {"id": extensions[-1].id} if extensions else {}


# Life: how it goes on, and who knows.


def _runs_while_extended(case: Case, made: Made) -> None:
    if any(one.since_end(case.server) < 0 for one in _extensions(case, made)) and made.since_end(case.server) >= 0:
        case.become(_before_end(case, made))


def _again_after_refusal(server: Server) -> Answerer:
    """A submit takes the row of its source for its own, and gives it back when it is refused: the work begins anew."""
    memory: dict[str, Any] = {"made": {}, "refused": {}}

    def answer(request: Request) -> Response:
        given = server.correct(request)
        _noted(server, memory, request, given)
        if given.operation in SUBMITS and given.status == 400 and b"fail_to_fetch_task" in given.body:
            memory["refused"][_source_of(request)] = server.now
        case = Case(server, memory, request, given)
        if given.operation in READS and given.status == 200 and case.task in memory["refused"] and running(case.value):
            since = server.now - memory["refused"][case.task]
            case.value = {**case.value, "progress": min(99, int(100 * since / _LIFE.lasts))}
        return given

    return answer


def _id_of_failed(case: Case, made: Made) -> None:
    """Who sends a body again whose task has failed is told of that task."""
    place = case.request.path, case.request.body, made.key
    first: Made = case.memory.setdefault("first", {}).setdefault(place, made)
    if first is not made and failed(_task_read(case.server, case.request, first.id)):
        case.value = {**case.value, "id": first.id}


def _gone_once_extended(case: Case, made: Made) -> None:
    if any(one.since_end(case.server) >= 0 for one in _extensions(case, made)):
        case.become(case.server.unknown(case.request))


def _batch_of_max_unknown(case: Case, made: Made) -> None:
    if made.operation == CREATE and made.is_max:
        case.become(case.server.unknown(case.request))


def _done_early_of_max(case: Case, made: Made) -> None:
    left = -made.since_end(case.server)
    if made.is_max and 0 < left <= _MINUTE:
        case.become(case.server.at(case.request, left + 1))


def _failed_late(case: Case, made: Made) -> None:
    if failed(case.value) and made.since_end(case.server) < _MINUTE:
        case.become(_before_end(case, made))


def _chain_never_ends(case: Case, made: Made) -> None:
    if made.source in _all(case) and made.since_end(case.server) >= 0:
        case.become(_before_end(case, made))


# Content.


def _films(seconds: Callable[[float, Made, dict[str, Made]], float]) -> Make:
    """A server that makes videos of another length, told by whole, by part and at their addresses."""

    def make(server: Server) -> Answerer:
        memory: dict[str, Any] = {}

        def answer(request: Request) -> Response:
            given = server.correct(request)
            _noted(server, memory, request, given)
            is_video = given.operation == CONTENT or request.path.startswith(b"/videos/")
            made = memory.get("made", {}).get(given.task)
            if not is_video or made is None or given.status not in _SENT:
                return given
            told = _length(server, request, made)
            wanted = seconds(told, made, memory["made"])
            return given if wanted == told else _sent_instead(request, given, mp4(max(1.0, wanted)))

        return answer

    return make


def _sent_instead(request: Request, given: Response, whole: bytes) -> Response:
    """An answer of the content with another file, whole or in part as it was."""
    if given.status == 200:
        given.body = whole
        return given
    cut = byte_range(request.header(_RANGE) or b"", len(whole))
    if cut is None or cut == (-1, -1):
        return given
    first, last = cut
    given.body = whole[first : last + 1]
    given.headers = [pair for pair in given.headers if pair[0] != b"content-range"]
    given.headers.append((b"content-range", b"bytes %d-%d/%d" % (first, last, len(whole))))
    return given


def _chain_alone(length: float, made: Made, known: dict[str, Made]) -> float:
    added = 15 if made.is_max and made.operation in _EXTENDS else 10
    if made.operation == CREATE:
        added = made.body.get("duration", 10)
    return float(added) if made.source in known else length


def _six_is_five(length: float, made: Made, known: dict[str, Made]) -> float:
    return length - 1 if made.operation == CREATE and made.body.get("duration") == 6 else length


def _start_from_one(length: float, made: Made, known: dict[str, Made]) -> float:
    return length - 1 if made.operation == UNIFIED and made.body.get("start_time", 0) > 0 else length


def _of_same_prompt(case: Case, made: Made) -> None:
    """The file of a video is called by its prompt, and the one that is there is kept."""
    for one in _all(case).values():
        if one.body.get("prompt") == made.body.get("prompt") and one.key == made.key:
            other = case.server.at(naming(case.request, one.id), 0)
            if other.status in _SENT:
                case.become(other)
                return


def _moved_while_extended(case: Case, made: Made) -> None:
    if any(one.since_end(case.server) < 0 for one in _extensions(case, made)):
        case.become(_ordered(case.server, case.request, 502))


def _missing_for_all(server: Server) -> Answerer:
    """That a video was not found is kept for a minute, for whomever it was not."""
    kept: dict[bytes, tuple[float, Response]] = {}

    def answer(request: Request) -> Response:
        given = server.correct(request)
        if given.operation != CONTENT:
            return given
        if given.status == 404:
            kept[request.path] = server.now, copy.copy(given)
        elif given.status in _SENT and request.path in kept and server.now - kept[request.path][0] < _MINUTE:
            return copy.copy(kept[request.path][1])
        return given

    return answer


def _quicktime(case: Case, made: Made) -> None:
    if made.is_max:
        case.header(b"content-type", b"video/quicktime")


def _part_of_source(case: Case, made: Made) -> None:
    path = b"/v1/videos/%s/content" % made.source.encode()
    whole = case.server.at(altered(case.request, path=path, headers={_RANGE: None}), 0)
    if whole.status == 200:
        _sent_instead(case.request, case.answer, whole.body)


def _address_until_download(server: Server) -> Answerer:
    """Once the gateway has a video, it is taken from where it was."""
    fetched: set[str | None] = set()

    def answer(request: Request) -> Response:
        given = server.correct(request)
        if given.operation == CONTENT and given.status == 200:
            fetched.add(given.task)
        elif request.path.startswith(b"/videos/") and given.status in _SENT and given.task in fetched:
            body = b"<Error><Code>NoSuchKey</Code></Error>"
            return Response(404, [(b"content-type", b"application/xml")], body)
        return given

    return answer


def _encoded_twice(address: Any) -> Any:
    return address.replace("grok:", "grok%253A") if isinstance(address, str) else address


# Bills.


def _twice_after_refusal(server: Server) -> Answerer:
    """What was reserved for a submit that is refused is charged with the next one."""
    reserved: set[bytes | None] = set()

    def answer(request: Request) -> Response:
        given = server.correct(request)
        key = request.header(_AUTH)
        if given.operation in SUBMITS and given.status == 400:
            reserved.add(key)
        elif given.operation in SUBMITS and given.status == 200 and given.task is not None and key in reserved:
            reserved.discard(key)
            server.bill(given.operation or EXTEND, given.task)
        return given

    return answer


def _is_zero(value: Any) -> bool:
    return type(value) is int and value == 0


def _by_start(memory: dict[str, Any], request: Request) -> int:
    start = sent(request).get("start_time")
    return 2 if type(start) is int and start >= _LONG else 1


def _other_account_free(server: Server) -> Answerer:
    other = f"Bearer {server.other_key}".encode()
    return _charged(lambda _, request: 0 if request.header(_AUTH) == other else 1)(server)


def _late_billed(case: Case, made: Made) -> None:
    if made.since_end(case.server) > _HOUR:
        case.server.bill(made.operation, made.id)


def _many_billed(case: Case) -> None:
    if case.counted(case.task) > _MANY_READS:
        case.server.bill(EXTEND, case.task)


# Shapes.


def _news_alone(case: Case) -> None:
    value = case.value
    place = case.task, case.answer.operation
    told: dict[Any, Json] = case.memory.setdefault("told", {})
    if told.get(place) == value.get("status"):
        case.value = drop("status")(value)
    told[place] = value.get("status")


def _expires_in_milliseconds(case: Case, made: Made, value: Json) -> Json:
    return {"expires_at": value["expires_at"] * 1000} if made.is_max and value.get("expires_at") else {}


_life = _of("life")
_content = _of("content")
_billing = _of("billing")
_schema = _of("response schema")
_QUERY, _READ, _CONTENT = frozenset({QUERY}), frozenset({READ}), frozenset({CONTENT})

DEFECTS: tuple[Defect, ...] = (
    # Life.
    _life(
        "prompt-percent-doubled",
        "R48",
        "a percent sign of a prompt is told twice",
        edits(mapped("prompt", lambda prompt: prompt.replace("%", "%%")), _QUERY),
    ),
    _life(
        "prompt-without-backslashes",
        "R48",
        "the backslashes of a prompt are taken for those of an encoding, and taken away",
        edits(mapped("prompt", lambda prompt: prompt.replace("\\", "")), _QUERY),
    ),
    _life(
        "prompt-line-breaks-written-out",
        "R48",
        "a line break of a prompt is told as a backslash and an n",
        edits(mapped("prompt", lambda prompt: prompt.replace("\n", "\\n")), _QUERY),
    ),
    _life(
        "seconds-max-as-others",
        "R55",
        "seconds adds ten with grok-video-3-max at both extends",
        _tells(_as_others_long, _READ),
    ),
    _life(
        "seconds-six-by-default",
        "R55",
        "seconds adds six where createVideoExtension has no duration",
        _tells(_six_by_default, _READ),
    ),
    _life(
        "seconds-of-source-while-running",
        "R55",
        "seconds of a running task is the length of its source",
        _tells(_source_long, _READ),
    ),
    _life(
        "created-of-source",
        "R56",
        "created_at of an extension is that of its source",
        _tells(_created_of_source, _READ),
    ),
    _life(
        "size-of-last-sibling",
        "R48",
        "the size that is told is that of the last submit of the same source that named one",
        _tells(_size_of_sibling, _READ),
    ),
    _life(
        "prompts-of-chain-joined",
        "R48",
        "the prompt of an extension of an own extension has the source's prompt before it",
        _tells(_joined_prompts, _QUERY),
    ),
    _life(
        "source-runs-while-extended",
        "R16",
        "a completed task is processing again while an extension of it runs",
        _knows(_runs_while_extended, READS),
    ),
    _life(
        "progress-again-after-refusal",
        "R15",
        "the progress of a running task begins again when a submit that names it as its source is refused",
        _again_after_refusal,
    ),
    _life(
        "id-of-failed-again",
        "R03",
        "a submit whose body was sent before, and whose task has failed, gets that task's id",
        _knows(_id_of_failed, SUBMITS),
    ),
    _life(
        "source-gone-once-extended",
        "R04",
        "a task is not found any more when an extension of it has ended",
        _knows(_gone_once_extended, READS),
    ),
    _life(
        "create-of-max-unknown-to-query",
        "R04",
        "the unified read does not know tasks of createVideoExtension with grok-video-3-max",
        _knows(_batch_of_max_unknown, _QUERY),
    ),
    _life(
        "query-ends-max-early",
        "R18",
        "the unified read calls a task of grok-video-3-max ended in its last minute",
        _knows(_done_early_of_max, _QUERY),
    ),
    _life(
        "read-fails-late",
        "R18",
        "the OpenAI-format read calls a task that has failed running for a minute more",
        _knows(_failed_late, _READ),
    ),
    _life(
        "chain-never-ends",
        "R45",
        "an extension of an own extension stays at 99 percent",
        _knows(_chain_never_ends, READS),
    ),
    _life(
        "updated-back-after-download",
        "R15",
        "status_update_time is that of the submit again once the video was downloaded",
        _knows(_updated_before_download, _QUERY | _CONTENT, _SENT),
    ),
    _life(
        "error-of-last-failure",
        "R10",
        "the first healthy task that is read after a failed one tells the failed one's reason",
        changes(_reason_of_last, _READ, OK),
    ),
    _life(
        "id-of-extension-once-extended",
        "R06",
        "the OpenAI-format read of a task that was extended tells the id of its extension",
        _tells(_id_of_extension, _READ),
    ),
    # Content.
    _content(
        "content-of-chain-is-added-alone",
        "R26",
        "the video of an extension of an own extension holds only what was added",
        _films(_chain_alone),
    ),
    _content(
        "content-duration-six-is-five",
        "R26",
        "createVideoExtension adds five seconds where six are asked for",
        _films(_six_is_five),
    ),
    _content(
        "content-start-from-one-on-unified",
        "R26",
        "the unified submit counts a start_time from one",
        _films(_start_from_one),
    ),
    _content(
        "content-of-same-prompt",
        "R26",
        "the content of a task is that of the first one of the same prompt",
        _knows(_of_same_prompt, _CONTENT, _SENT),
    ),
    _content(
        "content-gone-while-extended",
        "R52",
        "a video can't be fetched while an extension of its task runs",
        _knows(_moved_while_extended, _CONTENT, _SENT),
    ),
    _content(
        "content-missing-for-owner-too",
        "R52",
        "a video that another account was refused is not found for its owner for a minute",
        _missing_for_all,
    ),
    _content(
        "content-of-max-quicktime",
        "R39",
        "the video is video/quicktime with grok-video-3-max",
        _knows(_quicktime, _CONTENT, _SENT),
    ),
    _content(
        "part-of-source",
        "R24",
        "a part of a video is cut out of the source's video",
        _knows(_part_of_source, _CONTENT, frozenset({206})),
    ),
    _content(
        "address-gone-after-download",
        "R51",
        "the address of a task gives nothing once its content was downloaded",
        _address_until_download,
    ),
    _content(
        "query-address-encoded-twice",
        "R51",
        "the colon in the unified read's address is encoded twice",
        edits(mapped("video_url", _encoded_twice), _QUERY, when=succeeded),
    ),
    # Bills.
    _billing(
        "accepted-after-refusal-billed-twice",
        "R54",
        "a submit that is accepted after one that was refused with 400 is charged twice",
        _twice_after_refusal,
    ),
    _billing(
        "start-zero-free",
        "R54",
        "a submit with a start_time of zero is not charged",
        _charged(lambda _, request: 0 if _is_zero(sent(request).get("start_time")) else 1),
    ),
    _billing(
        "late-start-billed-twice",
        "R54",
        "a submit whose start_time is thirty or more is charged twice",
        _charged(_by_start),
    ),
    _billing("other-account-free", "R54", "the submits of the second account are not charged", _other_account_free),
    _billing(
        "late-download-billed",
        "R19",
        "a download is charged an hour after its task has ended",
        _knows(_late_billed, _CONTENT, _SENT),
    ),
    _billing(
        "eleventh-read-billed",
        "R19",
        "each read of a task after its tenth is charged",
        changes(_many_billed, READS, OK),
    ),
    # Shapes.
    _schema(
        "query-progress-null-of-failed",
        "R36",
        "the unified read's progress is null on a failed task",
        edits(put(progress=None), _QUERY, when=failed),
    ),
    _schema(
        "size-number-of-1080p",
        "R36",
        "a size of 1080P is told as the number 1080",
        edits(put(size=1080), _READ, when=lambda value: value.get("size") == "1080P"),
    ),
    _schema(
        "unchanged-status-left-out",
        "R36",
        "the OpenAI-format read leaves out a status that it told before",
        changes(_news_alone, _READ, OK),
    ),
    _schema(
        "expires-in-milliseconds-of-max",
        "R13",
        "expires_at is in milliseconds with grok-video-3-max",
        _tells(_expires_in_milliseconds, _READ),
    ),
)
