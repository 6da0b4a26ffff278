"""Tasks that live otherwise than the contract says: their ids, how long they are known, how they go on and end."""

from __future__ import annotations

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
    Make,
    Server,
    altered,
    changes,
    contract,
    failed,
    named,
    naming,
    running,
    sending,
    sent,
    succeeded,
)

_LIFE = lifecycle.task_life(contract())
_TWO_DAYS = 2 * 86_400.0
_ANY_READ = READS | {CONTENT}
_DOCUMENTED = "video_abc123"


def _defect(name: str, rule: str, summary: str, make: Make) -> Defect:
    return Defect(name, "life", rule, summary, make)


# Ids.


def _renamed(name: Callable[[Case], str | None]) -> Make:
    """A server that answers a submit with another id, which reads as the task that it names."""

    def change(case: Case) -> None:
        other = name(case)
        if other is not None:
            case.value = {**case.value, "id": other}

    return changes(change, SUBMITS, OK)


def _every_other(case: Case) -> str | None:
    last = case.memory.get("last")
    case.memory["last"] = case.value["id"] if last is None else None
    return last


def _by_body(case: Case) -> str | None:
    body = (case.request.body or b"", case.request.path)
    first: str = case.memory.setdefault("ids", {}).setdefault(body, case.value["id"])
    return first


def _by_prompt(case: Case) -> str | None:
    prompt = sent(case.request).get("prompt")
    first: str = case.memory.setdefault("ids", {}).setdefault(prompt, case.value["id"])
    return first


def _by_second(case: Case) -> str | None:
    first: str = case.memory.setdefault("ids", {}).setdefault(int(case.server.now), case.value["id"])
    return first


def _source(case: Case) -> str | None:
    return named(case.request) or sent(case.request).get("task_id") if case.answer.operation != CREATE else None


# Known, and unknown.


def _hidden(when: Callable[[Case, float], bool], of: frozenset[str] = READS) -> Make:
    """A server that does not know a task of its own, where ``when`` says so of an answer and of the task's age."""

    def change(case: Case) -> None:
        born = case.memory.setdefault("born", {})
        if case.answer.operation in SUBMITS:
            if case.answer.status == 200:
                born[case.value["id"]] = (case.server.now, case.answer.operation)
        elif case.answer.operation in of and case.answer.status in {200, 206} and case.task in born:
            case.memory["made by"] = born[case.task][1]
            if when(case, case.server.now - born[case.task][0]):
                case.become(case.server.unknown(case.request))

    return changes(change, SUBMITS | of, OK | {206})


def _after_reads(most: int) -> Callable[[Case, float], bool]:
    return lambda case, _: case.counted(f"read {case.task}") > most


def _by_end(case: Case, age: float) -> bool:
    return age > _LIFE.lasts + 60


def _after_download(case: Case, _: float) -> bool:
    done = case.memory.setdefault("done", set())
    if case.answer.operation == CONTENT:
        if case.task in done:
            return True
        done.add(case.task)
        return False
    return case.task in done


# States, moved in time.


def _moved(ahead: Callable[[Case, float], float | None], of: frozenset[str] = READS) -> Make:
    """A server that tells a task of its own as it stands at another time, so many seconds from now."""

    def change(case: Case) -> None:
        born = case.memory.setdefault("born", {})
        if case.answer.operation in SUBMITS:
            born[case.value["id"]] = case.server.now
        elif case.task in born:
            seconds = ahead(case, case.server.now - born[case.task])
            if seconds is not None:
                case.become(case.server.at(case.request, seconds))

    return changes(change, SUBMITS | of, OK)


def _polled(case: Case, age: float) -> float | None:
    """Each read is a step of the task's life, as in a mock that counts them."""
    return case.counted(case.task) * _LIFE.lasts / 4


def _reset_by_reads(case: Case, age: float) -> float | None:
    """A task's time begins again whenever it is read before its end."""
    last = case.memory.get(case.task)
    now = case.server.now
    case.memory[case.task] = now
    since = age if last is None else now - last
    return since - age if since < _LIFE.lasts else None


def _paused_while_read(case: Case, age: float) -> float | None:
    return min(0.0, -10.0 * (case.counted(case.task) - 1))


def _never_ends(case: Case, age: float) -> float | None:
    return min(0.0, _LIFE.lasts - 1 - age)


def _ends_after_two_days(case: Case, age: float) -> float | None:
    return _never_ends(case, age) if age < _TWO_DAYS else None


def _stale_replica(case: Case, age: float) -> float | None:
    return -min(30.0, age) if case.counted(case.task) % 2 == 0 else None


def _stale_replica_at_end(case: Case, age: float) -> float | None:
    stale = age >= _LIFE.lasts and case.counted(case.task) % 2 == 0
    return _LIFE.lasts - 5 - age if stale else None


def _back_to_work(case: Case, age: float) -> float | None:
    back = age >= _LIFE.lasts and case.counted(case.task) > 2
    return _LIFE.lasts - 20 - age if back else None


def _done_at_first(case: Case, age: float) -> float | None:
    return _LIFE.lasts if case.counted(case.task) == 1 else None


def _late_by(seconds: float) -> Callable[[Case, float], float | None]:
    return lambda case, age: -min(seconds, age)


def _starts_again(case: Case, age: float) -> float | None:
    return age % (2 * _LIFE.lasts) - age


# Ends.


def _ends(value_of: Callable[[Case], dict[str, Any] | None], of: frozenset[str] = READS) -> Make:
    def change(case: Case) -> None:
        fields = value_of(case)
        if fields is not None:
            case.value = {**case.value, **fields}

    return changes(change, of, OK)


_FAILS = {"status": _LIFE.failed, "video_url": ""}
_REASON = {"error": {"message": "the task was lost", "code": "task_lost"}}


def _fails_later(case: Case) -> dict[str, Any] | None:
    if succeeded(case.value) and case.counted(case.task) > 2 and case.task != _DOCUMENTED:
        return {**_FAILS, **_REASON} if case.answer.operation == READ else {**_FAILS, "video_url": None}
    return None


def _fails_where_done(case: Case) -> dict[str, Any] | None:
    return {"status": _LIFE.failed, "video_url": None} if succeeded(case.value) else None


def _done_where_failed(case: Case) -> dict[str, Any] | None:
    if not failed(case.value):
        return None
    return {"status": _LIFE.succeeded, "video_url": "https://example.com/video.mp4", "progress": 100}


def _recovers(case: Case) -> dict[str, Any] | None:
    return _done_where_failed(case) if failed(case.value) and case.counted(case.task) > 1 else None


def _flaps(case: Case) -> dict[str, Any] | None:
    if running(case.value) or case.counted(case.task) % 3:
        return None
    return {"status": _LIFE.running, "video_url": "" if case.answer.operation == READ else None}


def _expired(case: Case) -> dict[str, Any] | None:
    late = case.server.now - case.value.get("completed_at", case.server.now) > 3600
    return {**_FAILS, "status": "expired", **_REASON} if late and case.task != _DOCUMENTED else None


def _read_ends_others(server: Server) -> Answerer:
    """Who reads a task cancels the one that was read before it."""
    memory: dict[str, Any] = {"last": "", "gone": set()}

    def answer(request: Request) -> Response:
        given = server.correct(request)
        if given.operation not in READS or given.status != 200 or given.task is None:
            return given
        case = Case(server, memory, request, given)
        if memory["last"] not in {"", case.task}:
            memory["gone"].add(memory["last"])
        memory["last"] = case.task
        if case.task in memory["gone"] and running(case.value):
            case.value = {**case.value, "status": "cancelled", **(_REASON if given.operation == READ else {})}
        return given

    return answer


def _other_case_unknown(case: Case, age: float) -> bool:
    return age >= _LIFE.lasts and case.memory["made by"] == UNIFIED


# Which task, and whose.


def _as_owner(of: frozenset[str], *, is_source: bool = False) -> Make:
    """A server that looks a task up by its id alone, without its account."""

    def make(server: Server) -> Answerer:
        def answer(request: Request) -> Response:
            given = server.correct(request)
            if given.operation not in of or given.status not in {400, 404}:
                return given
            for key in (server.key, server.other_key):
                headers: dict[bytes, bytes | None] = {b"authorization": f"Bearer {key}".encode()}
                other = server.at(altered(request, headers=headers), 0)
                if other.status in {200, 206}:
                    return server.correct(altered(request, headers=headers)) if is_source else other
            return given

        return answer

    return make


def _with_source(becomes: str, cause: bytes, of: frozenset[str] = SUBMITS) -> Make:
    """A server that accepts a submit in spite of its source."""

    def make(server: Server) -> Answerer:
        def answer(request: Request) -> Response:
            given = server.correct(request)
            if given.operation in of and given.status == 400 and b'"code":"' + cause + b'"' in given.body:
                return server.correct(_on(request, becomes))
            return given

        return answer

    return make


def _on(request: Request, source: str) -> Request:
    """The submit with another source."""
    value = sent(request)
    if "video" in value:
        value = {**value, "video": {**value["video"], "url": source}}
    if "task_id" in value:
        value = {**value, "task_id": source}
    return sending(naming(request, source), value)


def _any_task(of: frozenset[str], told: str) -> Make:
    """A server for which every task exists."""

    def make(server: Server) -> Answerer:
        def answer(request: Request) -> Response:
            given = server.correct(request)
            if (
                given.operation in of
                and given.status in {400, 404}
                and b"ot_exist" in given.body + b"ot_exist" * (given.status == 404)
            ):
                other = server.at(naming(request, told), 0)
                if other.status == 200 and given.operation in READS:
                    other.body = other.body.replace(told.encode(), named(request).encode())
                return other if other.status == 200 else given
            return given

        return answer

    return make


def _id_cut(case: Case) -> dict[str, Any] | None:
    return {"id": case.value["id"].removeprefix("grok:")}


def _last_read(case: Case) -> dict[str, Any] | None:
    last = case.memory.get("last", case.value["id"])
    case.memory["last"] = case.value["id"]
    return {"id": last}


DEFECTS = (
    _defect("id-every-other", "R03", "two submits in a row get one id", _renamed(_every_other)),
    _defect("id-of-same-body", "R03", "a submit of the same body gets the first one's id", _renamed(_by_body)),
    _defect(
        "id-of-same-prompt",
        "R03",
        "a submit of the same prompt gets the first one's id, at whatever route",
        _renamed(_by_prompt),
    ),
    _defect("id-of-same-second", "R03", "the submits of one second get one id", _renamed(_by_second)),
    _defect(
        "id-of-source",
        "R03",
        "the extends answer the id of the source, as a sample of the pages does",
        _renamed(_source),
    ),
    _defect("unknown-for-5-seconds", "R05", "a new task is unknown for five seconds", _hidden(lambda _, age: age < 5)),
    _defect(
        "unknown-for-2-seconds-on-query",
        "R05",
        "the unified read does not know a task in its first two seconds",
        _hidden(lambda _, age: age < 2, frozenset({QUERY})),
    ),
    _defect(
        "unknown-at-first-read",
        "R05",
        "the first read of a task does not know it",
        _hidden(lambda case, _: case.counted(case.task) == 1),
    ),
    _defect("unknown-for-a-minute", "R04", "a new task is unknown for a minute", _hidden(lambda _, age: age < 60)),
    _defect(
        "unknown-until-end",
        "R04",
        "a task of extendVideo is unknown until it has ended",
        _hidden(lambda case, age: case.memory["made by"] == EXTEND and age < _LIFE.lasts, frozenset({READ})),
    ),
    _defect(
        "never-known-unified",
        "R04",
        "tasks of the unified submit are never found",
        _hidden(lambda case, _: case.memory["made by"] == UNIFIED),
    ),
    _defect(
        "create-unknown-to-query",
        "R04",
        "the unified read does not know tasks of createVideoExtension",
        _hidden(lambda case, _: case.memory["made by"] == CREATE, frozenset({QUERY})),
    ),
    _defect(
        "create-unknown-to-read",
        "R04",
        "the OpenAI-format read does not know tasks of createVideoExtension",
        _hidden(lambda case, _: case.memory["made by"] == CREATE, frozenset({READ})),
    ),
    _defect("lost-after-end", "R04", "a task is forgotten a minute after its end", _hidden(_by_end)),
    _defect(
        "lost-after-end-unified",
        "R04",
        "tasks of the unified submit are forgotten when they end",
        _hidden(_other_case_unknown),
    ),
    _defect("lost-after-5-reads", "R04", "a task is forgotten after five reads", _hidden(_after_reads(5))),
    _defect("lost-after-download", "R19", "a download takes the task away", _hidden(_after_download, _ANY_READ)),
    _defect(
        "read-id-cut",
        "R06",
        "the unified read leaves out what is before the colon of an id",
        _ends(_id_cut, frozenset({QUERY})),
    ),
    _defect(
        "read-id-of-last-read", "R06", "a read tells the id of the read before it", _ends(_last_read, frozenset({READ}))
    ),
    _defect("read-advances", "R19", "each read brings a task a quarter of its life further", _moved(_polled)),
    # Whoever watches such a task sees that it goes back; that it is the reads that do it, nobody can see who reads it.
    _defect("read-resets", "R15", "each read begins a task anew", _moved(_reset_by_reads)),
    _defect("read-delays", "R19", "each read costs a task ten seconds", _moved(_paused_while_read)),
    _defect("read-cancels-others", "R19", "reading a task cancels the one that was read before it", _read_ends_others),
    _defect("never-ends", "R45", "a task stays at 99 percent", _moved(_never_ends)),
    _defect("ends-after-two-days", "R45", "a task takes two days", _moved(_ends_after_two_days)),
    _defect(
        "never-ends-on-query", "R18", "the unified read never sees an end", _moved(_never_ends, frozenset({QUERY}))
    ),
    _defect("query-late", "R18", "the unified read is ten seconds late", _moved(_late_by(10), frozenset({QUERY}))),
    _defect("read-late", "R18", "the OpenAI-format read is a minute late", _moved(_late_by(60), frozenset({READ}))),
    _defect("every-other-read-stale", "R15", "every other read is half a minute old", _moved(_stale_replica)),
    _defect(
        "every-other-end-stale",
        "R16",
        "every other read of a task that has ended is from before its end",
        _moved(_stale_replica_at_end),
    ),
    _defect("back-to-work", "R16", "a task runs again after its end was read twice", _moved(_back_to_work)),
    _defect("done-at-first", "R16", "the first read of a task calls it completed", _moved(_done_at_first)),
    _defect("starts-again", "R16", "a task starts again every six minutes", _moved(_starts_again)),
    _defect("fails-later", "R16", "a completed task fails after it was read twice", _ends(_fails_later)),
    _defect("recovers", "R16", "a failed task is completed at the second look", _ends(_recovers)),
    _defect("flaps", "R16", "every third read of a task that has ended calls it running", _ends(_flaps)),
    _defect(
        "expires-to-failed", "R16", "a completed task is expired an hour later", _ends(_expired, frozenset({READ}))
    ),
    _defect(
        "query-fails-what-is-done",
        "R18",
        "the unified read calls completed tasks failed",
        _ends(_fails_where_done, frozenset({QUERY})),
    ),
    _defect(
        "query-completes-what-failed",
        "R18",
        "the unified read calls failed tasks completed",
        _ends(_done_where_failed, frozenset({QUERY})),
    ),
    _defect("unknown-task-runs", "R46", "any id is read as a task that is completed", _any_task(READS, _DOCUMENTED)),
    _defect(
        "unknown-task-runs-on-query",
        "R46",
        "the unified read knows every id",
        _any_task(frozenset({QUERY}), _DOCUMENTED),
    ),
    _defect("unknown-task-has-content", "R46", "any id has a video", _any_task(frozenset({CONTENT}), _DOCUMENTED)),
    _defect(
        "unknown-source-accepted",
        "R46",
        "a submit does not look whether its source exists",
        _with_source(_DOCUMENTED, b"task_not_exist"),
    ),
    _defect(
        "unknown-source-accepted-on-create",
        "R46",
        "createVideoExtension does not look whether its source exists",
        _with_source(_DOCUMENTED, b"task_not_exist", frozenset({CREATE})),
    ),
    _defect(
        "unfinished-source-accepted",
        "R47",
        "a source that runs or has failed is accepted",
        _with_source(_DOCUMENTED, b"fail_to_fetch_task"),
    ),
    _defect(
        "unfinished-source-accepted-on-unified",
        "R47",
        "the unified submit accepts a source that has not succeeded",
        _with_source(_DOCUMENTED, b"fail_to_fetch_task", frozenset({UNIFIED})),
    ),
    _defect("read-by-others", "R20", "a task is read with a key of another account", _as_owner(READS)),
    _defect("query-by-others", "R20", "the unified read does not look whose task it is", _as_owner(frozenset({QUERY}))),
    _defect(
        "content-for-others",
        "R20",
        "the content is sent to other accounts, as older gateways do",
        _as_owner(frozenset({CONTENT})),
    ),
    _defect(
        "source-of-others",
        "R46",
        "a submit accepts another account's task as its source",
        _as_owner(SUBMITS, is_source=True),
    ),
)
