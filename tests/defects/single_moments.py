"""Servers that are wrong in rare cases: two tasks, two keys, one route behind another, an end and long after it."""

from __future__ import annotations

import copy
import html
import json
import math
import re
import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

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
    named,
    naming,
    running,
    sending,
    sent,
    succeeded,
)
from tests.support import documents

_LIFE = lifecycle.task_life(contract())
_MAX = "grok-video-3-max"
_DOCUMENTED = "video_abc123"
_HOUR = 3600.0
_DAY = float(_LIFE.expires_after)
_RANGE, _AUTH = b"range", b"authorization"
_NAMES = re.compile(rb"bytes (\d+)-(\d+)/(\d+)")
_EXTENDS = frozenset({EXTEND, UNIFIED})
_SENT = frozenset({200, 206})
_UNKNOWN = frozenset({400, 404})
_KEPT_TASKS = 10
_BUFFER = 4096


def _of(family: Family) -> Callable[[str, str, str, Make], Defect]:
    return lambda name, rule, summary, make: Defect(name, family, rule, summary, make)


# What such a server knows of its tasks.


@dataclass
class Made:
    """A task of this server's own."""

    id: str
    operation: str
    body: dict[str, Any]
    source: str
    at: float
    key: bytes | None
    source_length: float

    @property
    def is_max(self) -> bool:
        """Whether it names the model whose videos are longer."""
        return self.body.get("model") == _MAX

    @property
    def upscaled(self) -> bool:
        """Whether it asks for upscaling."""
        return self.body.get("upscale") is True

    def age(self, server: Server) -> float:
        """Seconds since it was submitted."""
        return server.now - self.at

    def since_end(self, server: Server) -> float:
        """Seconds since it has ended, below zero before."""
        return self.age(server) - _LIFE.lasts


def _source_of(request: Request) -> str:
    body = sent(request)
    video = body.get("video")
    if request.path.endswith(b"/extend") and named(request):
        return named(request)
    told = video.get("url") if isinstance(video, dict) else body.get("task_id")
    return told if isinstance(told, str) else ""


def _task_read(server: Server, request: Request, task: str, *, by: str = READ) -> dict[str, Json]:
    """What a correct read tells of a task to who sent the request; empty where it is unknown."""
    name = quote(task, safe=":").encode()
    path, query = (b"/v1/videos/" + name, b"") if by == READ else (b"/v1/video/query", b"id=" + name)
    headers: dict[bytes, bytes | None] = {b"prefer": None, _RANGE: None, b"content-type": None}
    other = server.at(altered(request, method="GET", path=path, query=query, headers=headers, body=b""), 0)
    return Case(server, {}, request, other).value if other.status == 200 else {}


def _noted(server: Server, memory: dict[str, Any], request: Request, given: Response) -> None:
    if given.operation in SUBMITS and given.status == 200 and given.task is not None:
        source = _source_of(request)
        length = float(_task_read(server, request, source).get("seconds", 0))
        key = request.header(_AUTH)
        made = Made(given.task, given.operation or "", sent(request), source, server.now, key, length)
        memory.setdefault("made", {})[given.task] = made


def _knows(change: Callable[[Case, Made], None], of: frozenset[str], statuses: frozenset[int] = OK) -> Make:
    """A server that changes these answers about tasks of its own."""

    def make(server: Server) -> Answerer:
        memory: dict[str, Any] = {}

        def answer(request: Request) -> Response:
            given = server.correct(request)
            _noted(server, memory, request, given)
            case = Case(server, memory, request, given)
            made = memory.get("made", {}).get(case.task)
            if made is not None and given.operation in of and given.status in statuses:
                change(case, made)
            return given

        return answer

    return make


def _tells(change: Callable[[Case, Made, dict[str, Json]], dict[str, Json]], of: frozenset[str] = READS) -> Make:
    """A server whose reads tell these fields of its own tasks."""

    def changed(case: Case, made: Made) -> None:
        value = case.value
        fields = change(case, made, value)
        if fields:
            case.value = {**value, **fields}

    return _knows(changed, of)


def _with(request: Request, key: str) -> Request:
    return altered(request, headers={_AUTH: f"Bearer {key}".encode()})


def _for_owner(server: Server, request: Request) -> Response | None:
    """What a task's owner would be answered, whoever asks with a key that is accepted."""
    for key in (server.key, server.other_key):
        other = server.at(_with(request, key), 0)
        if other.status in _SENT:
            return other
    return None


def _ordered(server: Server, request: Request, status: int) -> Response:
    """The contract's answer of this status to a request."""
    return server.at(altered(request, headers={b"prefer": b"code=%d" % status}), 0)


def _not_yet(case: Case) -> bool:
    return case.answer.status == 400 and b"not completed" in case.answer.body


# Life: echoes.


def _without_wide(prompt: str) -> str:
    return "".join("?" if ord(character) > 0xFFFF else character for character in prompt)


def _reduced(ratio: Any) -> Any:
    match = re.fullmatch(r"([1-9]\d{0,8}):([1-9]\d{0,8})", ratio) if isinstance(ratio, str) else None
    if match is None:
        return ratio
    width, height = int(match[1]), int(match[2])
    most = math.gcd(width, height)
    return f"{width // most}:{height // most}"


def _ratio_of_size(case: Case, made: Made, value: Json) -> Json:
    return {"ratio": "16:9"} if made.body.get("size") == "1080P" and "ratio" in value else {}


def _size_of_max(case: Case, made: Made, value: Json) -> Json:
    return {"size": "1080P"} if made.is_max and "size" in value else {}


def _id_as_asked(case: Case) -> None:
    raw = case.request.path.rpartition(b"/")[2].decode("latin-1")
    if "%3a" in raw.lower():
        case.value = {**case.value, "id": raw}


# Life: times, progress, lengths.


def _progress_of_last(case: Case, made: Made, value: Json) -> Json:
    last = list(case.memory["made"].values())[-1]
    return {"progress": min(99, int(100 * last.age(case.server) / _LIFE.lasts))} if running(value) else {}


def _updated_at_work(case: Case, made: Made, value: Json) -> Json:
    if running(value):
        return {"status_update_time": int(case.server.now)}
    return {"status_update_time": int(made.at)} if failed(value) else {}


def _progress_once_expired(case: Case, made: Made, value: Json) -> Json:
    return {"progress": 0} if succeeded(value) and made.age(case.server) >= _DAY else {}


def _expires_from_end(case: Case, made: Made, value: Json) -> Json:
    return {"expires_at": int(made.at + _LIFE.lasts + _DAY)} if succeeded(value) and "expires_at" in value else {}


# Life: which task.


def _only_newest(case: Case, made: Made) -> None:
    own = [one.id for one in case.memory["made"].values() if one.key == made.key]
    if made.id not in own[-_KEPT_TASKS:]:
        case.become(case.server.unknown(case.request))


def _first_of_body(case: Case, made: Made) -> None:
    place = case.request.path, case.request.body
    first: Made = case.memory.setdefault("bodies", {}).setdefault(place, made)
    if first.key != made.key:
        case.value = {**case.value, "id": first.id}


def _nearly_done(server: Server) -> Answerer:
    """A submit whose source has but a tenth to go is accepted, and waits for it."""

    def answer(request: Request) -> Response:
        given = server.correct(request)
        if given.operation not in SUBMITS or given.status != 400 or b'"code":"fail_to_fetch_task"' not in given.body:
            return given
        source = _task_read(server, request, _source_of(request))
        if running(source) and source.get("progress", 0) >= 90:
            return server.correct(_on(request, _DOCUMENTED))
        return given

    return answer


def _on(request: Request, source: str) -> Request:
    value = sent(request)
    if "task_id" in value:
        value = {**value, "task_id": source}
    if isinstance(value.get("video"), dict):
        value = {**value, "video": {**value["video"], "url": source}}
    return sending(naming(request, source) if request.path.endswith(b"/extend") else request, value)


# Life: failures and ends.


def _remixed_until_failed(case: Case, made: Made, value: Json) -> Json:
    return {"remixed_from_video_id": "" if failed(value) else made.source}


_NO_REASON = {"error": {"message": "", "code": ""}}


def _reason_once(case: Case, made: Made, value: Json) -> Json:
    return _NO_REASON if failed(value) and case.counted(f"told {made.id}") > 1 else {}


def _reason_for_an_hour(case: Case, made: Made, value: Json) -> Json:
    return _NO_REASON if failed(value) and made.since_end(case.server) > _HOUR else {}


def _not_upscaled(case: Case, made: Made, value: Json) -> Json:
    if not (succeeded(value) and made.upscaled):
        return {}
    return {"error": {"message": "upscaling was skipped: the video has its size already", "code": "upscale_skipped"}}


def _until_upscaled(case: Case, made: Made) -> None:
    if made.upscaled and 0 <= made.since_end(case.server) < 60:
        case.become(case.server.at(case.request, -1 - made.since_end(case.server)))


def _lost_by_download(case: Case, made: Made) -> None:
    lost = case.memory.setdefault("lost", set())
    if case.answer.operation == CONTENT:
        if _not_yet(case):
            lost.add(made.id)
    elif made.id in lost:
        reason = {"message": "the upstream gave no video", "code": "upstream_error"}
        fields = {"video_url": "", "error": reason} if case.answer.operation == READ else {"video_url": None}
        case.value = {**case.value, **fields, "status": _LIFE.failed}


# Content.


def _whole(case: Case) -> bytes:
    return case.server.at(altered(case.request, headers={_RANGE: None}), 0).body


def _cached_part(case: Case, made: Made) -> None:
    kept: dict[str, bytes] = case.memory.setdefault("kept", {})
    if case.answer.status == 206:
        kept.setdefault(made.id, case.answer.body)
    else:
        case.answer.body = kept.setdefault(made.id, case.answer.body)


def _not_sought(case: Case) -> None:
    """Who wants byte zero is read on to from where the file stands."""
    match = _NAMES.fullmatch(dict(case.answer.headers)[b"content-range"])
    assert match is not None
    first, size = int(match[1]), int(match[3])
    stands: dict[str, int] = case.memory.setdefault("stands", {})
    length = len(case.answer.body)
    if first == 0:
        first = stands.get(case.task, 0)
        whole = _whole(case)
        case.answer.body = (whole[first:] + whole)[:length]
    stands[case.task] = (first + length) % size


def _one_buffer(case: Case) -> None:
    case.answer.body = case.answer.body[:_BUFFER]


def _part_for_others(server: Server) -> Answerer:
    """A part is looked for by its task alone."""

    def answer(request: Request) -> Response:
        given = server.correct(request)
        if given.operation == CONTENT and given.status == 404 and request.header(_RANGE):
            other = _for_owner(server, request)
            return other if other is not None and other.status == 206 else given
        return given

    return answer


def _refusal_kept(case: Case, made: Made) -> None:
    kept: dict[str, tuple[float, Response]] = case.memory.setdefault("refused", {})
    if _not_yet(case):
        kept[made.id] = case.server.now, copy.copy(case.answer)
    elif made.id in kept and case.answer.status in _SENT and case.server.now - kept[made.id][0] < _HOUR:
        case.become(kept[made.id][1])


def _archived(case: Case, made: Made) -> None:
    if made.since_end(case.server) > _HOUR:
        note = b"archived"
        case.answer.body += struct.pack(">I4s", 8 + len(note), b"free") + note


def _of_later(case: Case, made: Made) -> None:
    """The file of a video is called by its source, so the next extension of it is written over it."""
    later = [
        one
        for one in case.memory["made"].values()
        if one.source == made.source and one.key == made.key and one.since_end(case.server) >= 0
    ]
    if later and later[-1].id != made.id:
        case.become(case.server.at(naming(case.request, later[-1].id), 0))


def _late(case: Case, made: Made) -> None:
    if 0 <= made.since_end(case.server) < 5:
        case.become(case.server.at(case.request, -1 - made.since_end(case.server)))


def _address_of_source(case: Case, made: Made, value: Json) -> Json:
    told = _task_read(case.server, case.request, made.source).get("video_url") if succeeded(value) else None
    return {"video_url": told} if told else {}


def _length(server: Server, request: Request, made: Made) -> float:
    """The right length of a task's video, as its own account is told."""
    for key in (server.key, server.other_key):
        told = _task_read(server, _with(request, key), made.id)
        if told:
            return float(told["seconds"])
    return 0.0


def _long(seconds: Callable[[float, Made], float], of: frozenset[str] = SUBMITS) -> Make:
    """A server that makes videos of another length, told by whole, by part and at their addresses."""

    def make(server: Server) -> Answerer:
        memory: dict[str, Any] = {}

        def answer(request: Request) -> Response:
            given = server.correct(request)
            _noted(server, memory, request, given)
            is_video = given.operation == CONTENT or request.path.startswith(b"/videos/")
            made = memory.get("made", {}).get(given.task)
            if not is_video or made is None or made.operation not in of or given.status not in _SENT:
                return given
            told = _length(server, request, made)
            wanted = seconds(told, made)
            if wanted == told:
                return given
            whole = mp4(max(1.0, wanted))
            cut = byte_range(request.header(_RANGE) or b"", len(whole)) if given.status == 206 else (-1, -1)
            if cut is None:
                return given
            first, last = cut if cut != (-1, -1) else (0, len(whole) - 1)
            given.body = whole[first : last + 1]
            if given.status == 206:
                given.headers = [pair for pair in given.headers if pair[0] != b"content-range"]
                given.headers.append((b"content-range", b"bytes %d-%d/%d" % (first, last, len(whole))))
            return given

        return answer

    return make


# Statuses.


def _instead(status: int, when: Callable[[Case], bool], of: frozenset[str], statuses: frozenset[int]) -> Make:
    def change(case: Case) -> None:
        if when(case):
            case.become(_ordered(case.server, case.request, status))

    return changes(change, of, statuses)


def _has_range(case: Case) -> bool:
    return (case.request.header(_RANGE) or b"").lower().startswith(b"bytes=")


def _is_of_others(case: Case) -> bool:
    return _for_owner(case.server, case.request) is not None


def _unbilled(server: Server, request: Request) -> Response:
    with server.uncharged():
        return server.correct(request)


def _not_made(status: int, when: Callable[[Server, Request, Made | None], bool], of: frozenset[str] = SUBMITS) -> Make:
    """A server that answers so, in place of making a task; ``when`` is told of a source of its own."""

    def make(server: Server) -> Answerer:
        memory: dict[str, Any] = {"made": {}}

        def answer(request: Request) -> Response:
            source = memory["made"].get(_source_of(request))
            if server.operation(request) not in of or not when(server, request, source):
                given = server.correct(request)
                _noted(server, memory, request, given)
                return given
            given = _unbilled(server, request)
            return _ordered(server, request, status) if given.status == 200 else given

        return answer

    return make


def _many_images(server: Server, request: Request, source: Made | None) -> bool:
    images = sent(request).get("images")
    return isinstance(images, list) and len(images) > 6


def _unlisted_object(server: Server, request: Request, source: Made | None) -> bool:
    operation = server.contract.operations[server.operation(request) or EXTEND]
    schema = documents.body_schema(operation)
    listed = documents.resolve(server.contract, schema)["properties"]
    return any(isinstance(one, dict) and name not in listed for name, one in sent(request).items())


def _expired_as_success(case: Case, made: Made) -> None:
    if made.age(case.server) >= _DAY:
        case.answer.status = 200


# Bills.


def _charged(times: Callable[[dict[str, Any], Request], int]) -> Make:
    """A server that charges what it accepts so often, told what it remembers and the request."""

    def make(server: Server) -> Answerer:
        memory: dict[str, Any] = {}

        def answer(request: Request) -> Response:
            operation = server.operation(request)
            count = times(memory, request) if operation in SUBMITS else 1
            given = server.correct(request) if count else _unbilled(server, request)
            _noted(server, memory, request, given)
            if given.operation in SUBMITS and given.status == 200 and given.task is not None:
                memory.setdefault("prompts", set()).add(_asked(request))
                for _ in range(count - 1):
                    server.bill(given.operation or EXTEND, given.task)
            return given

        return answer

    return make


def _asked(request: Request) -> tuple[Any, ...]:
    return request.header(_AUTH), str(sent(request).get("prompt")), _source_of(request)


def _by_n(memory: dict[str, Any], request: Request) -> int:
    count = sent(request).get("n")
    return count if type(count) is int and 0 < count <= 10 else 1


def _once_for_a_prompt(memory: dict[str, Any], request: Request) -> int:
    return 0 if _asked(request) in memory.get("prompts", set()) else 1


def _first_of_chain(memory: dict[str, Any], request: Request) -> int:
    return 0 if _source_of(request) in memory.get("made", {}) else 1


def _billed_read(case: Case) -> None:
    if _is_of_others(case):
        case.server.bill(EXTEND)


# Shapes.


def _plain_scalar(prompt: Any) -> Any:
    try:
        value = json.loads(prompt)
    except (ValueError, TypeError):
        return prompt
    return prompt if isinstance(value, dict | list | str) else value


def _last_percents(value: Json) -> Json:
    return {**value, "progress": value["progress"] + 0.6} if value.get("progress", 0) >= 97 else value


def _past_estimate(case: Case, made: Made, value: Json) -> Json:
    if not made.is_max or "progress" not in value:
        return {}
    return {"progress": int(100 * min(made.age(case.server), _LIFE.lasts) / 120)}


def _archive_status(case: Case, made: Made, value: Json) -> Json:
    return {"status": "archived", "video_url": None} if made.since_end(case.server) > 2 * _DAY else {}


_life = _of("life")

LIFE = (
    _life(
        "prompt-trimmed",
        "R48",
        "the blanks and line breaks around a prompt are not told again",
        edits(mapped("prompt", str.strip), frozenset({QUERY})),
    ),
    _life(
        "prompt-html-escaped",
        "R48",
        "quotes, ampersands and angles of a prompt are told as HTML has them",
        edits(mapped("prompt", html.escape), frozenset({QUERY})),
    ),
    _life(
        "prompt-in-three-bytes",
        "R48",
        "characters of four bytes are question marks in the prompt, by a column that takes three",
        edits(mapped("prompt", _without_wide), frozenset({QUERY})),
    ),
    _life(
        "ratio-reduced",
        "R48",
        "a ratio is told in lowest terms, 8:5 for 16:10",
        edits(mapped("ratio", _reduced), frozenset({QUERY})),
    ),
    _life(
        "ratio-of-1080p",
        "R48",
        "the ratio that is told is 16:9 where a size of 1080P was asked for",
        _tells(_ratio_of_size, frozenset({QUERY})),
    ),
    _life(
        "size-of-max",
        "R48",
        "the size that is told is 1080P with grok-video-3-max, whatever was asked for",
        _tells(_size_of_max, frozenset({READ})),
    ),
    _life(
        "id-told-as-encoded",
        "R06",
        "the OpenAI-format read tells an id whose colon was encoded as it was encoded",
        changes(_id_as_asked, frozenset({READ}), OK),
    ),
    _life(
        "created-cut-to-day",
        "R56",
        "created_at is the midnight before the submit",
        edits(mapped("created_at", lambda at: at - at % 86_400), frozenset({READ})),
    ),
    _life(
        "progress-of-last-submitted",
        "R15",
        "the progress of whatever runs is that of the task that was submitted last",
        _tells(_progress_of_last),
    ),
    _life(
        "updated-back-at-failure",
        "R15",
        "status_update_time follows the work, and is that of the submit once the task has failed",
        _tells(_updated_at_work, frozenset({QUERY})),
    ),
    _life(
        "progress-zero-once-expired",
        "R50",
        "a completed task whose video has expired is at zero percent",
        _tells(_progress_once_expired),
    ),
    _life(
        "only-ten-tasks-kept",
        "R04",
        "an account's eleventh task takes the place of its first",
        _knows(_only_newest, READS),
    ),
    _life(
        "id-of-same-body-of-others",
        "R03",
        "a submit gets the id of another account's that had the same body",
        _knows(_first_of_body, SUBMITS),
    ),
    _life(
        "source-nearly-done-accepted",
        "R47",
        "a source that is at ninety percent is accepted",
        _nearly_done,
    ),
    _life(
        "remixed-until-failed",
        "R17",
        "remixed_from_video_id names the source, and is empty once the task has failed",
        _tells(_remixed_until_failed, frozenset({READ})),
    ),
    _life(
        "reason-told-once",
        "R11",
        "why a task failed is told to the first read alone",
        _tells(_reason_once, frozenset({READ})),
    ),
    _life(
        "reason-kept-an-hour",
        "R11",
        "why a task failed is forgotten an hour later",
        _tells(_reason_for_an_hour, frozenset({READ})),
    ),
    _life(
        "error-where-not-upscaled",
        "R10",
        "a completed task that was to be upscaled carries a warning in error",
        _tells(_not_upscaled, frozenset({READ})),
    ),
    _life(
        "query-waits-for-upscaling",
        "R18",
        "the unified read calls a task that was to be upscaled running for a minute more than the other read",
        _knows(_until_upscaled, frozenset({QUERY})),
    ),
    _life(
        "early-download-fails-task",
        "R19",
        "a task whose content is asked for while it runs has failed from then on",
        _knows(_lost_by_download, READS | {CONTENT}, frozenset({200, 400})),
    ),
)

_content = _of("content")

CONTENTS = (
    _content(
        "expiry-told-from-end",
        "R52",
        "expires_at is a day after the end, and the video is gone a day after the submit",
        _tells(_expires_from_end, frozenset({READ})),
    ),
    _content(
        "part-cached-as-whole",
        "R52",
        "a part that was sent before the whole is kept, and sent as the whole",
        _knows(_cached_part, frozenset({CONTENT}), _SENT),
    ),
    _content(
        "part-from-zero-not-sought",
        "R24",
        "a part from byte zero begins where the last part ended",
        changes(_not_sought, frozenset({CONTENT}), frozenset({206})),
    ),
    _content(
        "part-of-one-buffer",
        "R24",
        "a part of more than 4096 bytes ends behind these, and Content-Range names all that were wanted",
        changes(_one_buffer, frozenset({CONTENT}), frozenset({206})),
    ),
    _content("part-for-others", "R20", "a part of a video is sent to other accounts", _part_for_others),
    _content(
        "refusal-of-content-kept",
        "R52",
        "the content that was refused while its task ran is refused for an hour",
        _knows(_refusal_kept, frozenset({CONTENT}), _SENT | {400}),
    ),
    _content(
        "content-archived-after-hour",
        "R52",
        "a video has another box at its end an hour after its task ended",
        _knows(_archived, frozenset({CONTENT})),
    ),
    _content(
        "content-of-later-extension",
        "R26",
        "the content of a task is that of the last one that extended the same source",
        _knows(_of_later, frozenset({CONTENT}), _SENT),
    ),
    _content("content-minute-at-most", "R26", "videos end after a minute", _long(lambda length, _: min(length, 60.0))),
    _content(
        "address-of-source",
        "R51",
        "the address of a task is that of its source's video",
        _tells(_address_of_source),
    ),
    _content(
        "content-five-seconds-late",
        "R52",
        "the content is refused in the first five seconds after its task has succeeded",
        _knows(_late, frozenset({CONTENT}), _SENT),
    ),
)

_status = _of("status")

STATUSES = (
    _status(
        "others-task-403",
        "R20",
        "a read of another account's task is forbidden",
        _instead(403, _is_of_others, READS, _UNKNOWN),
    ),
    _status(
        "part-of-running-416",
        "R23",
        "a part of the content of a task that runs is refused with 416",
        _instead(416, lambda case: _has_range(case) and _not_yet(case), frozenset({CONTENT}), frozenset({400})),
    ),
    _status(
        "part-of-unknown-416",
        "R46",
        "a part of the content of an unknown task is refused with 416",
        _instead(416, _has_range, frozenset({CONTENT}), frozenset({404})),
    ),
    _status(
        "expired-source-500",
        "R44",
        "a source whose video has expired breaks the submits",
        _not_made(500, lambda server, _, source: source is not None and source.age(server) >= _DAY),
    ),
    _status(
        "chain-503",
        "R34",
        "createVideoExtension finds no channel for a source that was an extension itself",
        _not_made(503, lambda _, __, source: source is not None, frozenset({CREATE})),
    ),
    _status("seven-images-500", "R44", "seven images break the extends", _not_made(500, _many_images, _EXTENDS)),
    _status(
        "unlisted-object-500",
        "R44",
        "a field that is not listed and holds an object breaks the submits",
        _not_made(500, _unlisted_object),
    ),
    _status(
        "content-expired-200",
        "R39",
        "the content of a task that has expired is an error with status 200",
        _knows(_expired_as_success, frozenset({CONTENT}), frozenset({502})),
    ),
)

_billing = _of("billing")

BILLS = (
    _billing("n-multiplies-bill", "R54", "a submit is charged n times, where n is sent along", _charged(_by_n)),
    _billing(
        "same-prompt-free",
        "R54",
        "a submit of the same prompt and source is made again, and not charged",
        _charged(_once_for_a_prompt),
    ),
    _billing("chain-free", "R54", "an extension of an own extension is not charged", _charged(_first_of_chain)),
    _billing(
        "range-past-end-billed",
        "R54",
        "a Range past the end is charged",
        changes(lambda case: case.server.bill(EXTEND), frozenset({CONTENT}), frozenset({416})),
    ),
    _billing(
        "read-of-others-billed",
        "R54",
        "a read of another account's task is refused, and charged",
        changes(_billed_read, READS, _UNKNOWN),
    ),
)

_schema = _of("response schema")

SHAPES = (
    _schema(
        "prompt-of-digits-as-number",
        "R36",
        "a prompt that is a number, or true, is told as one and not as text",
        edits(mapped("prompt", _plain_scalar), frozenset({QUERY})),
    ),
    _schema(
        "progress-fraction-at-last",
        "R36",
        "progress has a fraction in the last percents of a running task",
        edits(_last_percents, when=running),
    ),
    _schema(
        "progress-past-estimate-of-max",
        "R36",
        "progress counts by an estimate of two minutes, and past a hundred, with grok-video-3-max",
        _tells(_past_estimate),
    ),
    _schema(
        "query-archived-after-two-days",
        "R14",
        "the unified read calls a task archived two days after its end",
        _tells(_archive_status, frozenset({QUERY})),
    ),
)

DEFECTS: tuple[Defect, ...] = (*LIFE, *CONTENTS, *STATUSES, *BILLS, *SHAPES)
