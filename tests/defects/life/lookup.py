"""Tasks that are unknown to their owner, known to others, or sources that should be rejected."""

from __future__ import annotations

import copy
import json
import time
from collections.abc import Callable

from octopusx_video_mock.messages import Request, Response

from tests.defects._concurrency import beside
from tests.defects._defect import (
    CONTENT,
    CREATE,
    DOCUMENTED,
    EXTEND,
    EXTENDS,
    LIFE,
    QUERY,
    READ,
    READS,
    SENT,
    SUBMITS,
    UNIFIED,
    UNKNOWN_ID,
    Case,
    Handler,
    Make,
    Operations,
    Server,
    Table,
    failed,
    handles,
    named,
    naming,
    running,
    sending,
    sent,
)
from tests.defects._tasks import Made, extensions_of, for_task, hides, source_of, task_read, with_key

_KEPT_TASKS = 10


def _after_reads(most: int) -> Callable[[Case, float], bool]:
    return lambda case, _: case.counted(f"read {case.task}") > most


def _by_end(case: Case, age: float) -> bool:
    return age > LIFE.lasts + 60


def _other_case_unknown(case: Case, age: float) -> bool:
    return age >= LIFE.lasts and case.memory["made by"] == UNIFIED


def _as_owner(of: Operations, *, is_source: bool = False) -> Make:
    """A server that looks a task up by its id alone, without its account."""

    def handle(server: Server, request: Request) -> Response:
        given = server.correct(request)
        if given.operation not in of or given.status not in {400, 404}:
            return given
        for key in (server.key, server.other_key):
            other = server.at(with_key(request, key), 0)
            if other.status in SENT:
                return server.correct(with_key(request, key)) if is_source else other
        return given

    return handles(handle)


def _any_task(of: Operations, reported: str) -> Make:
    """A server for which every task exists."""

    def handle(server: Server, request: Request) -> Response:
        given = server.correct(request)
        if (
            given.operation in of
            and given.status in {400, 404}
            and b"ot_exist" in given.body + b"ot_exist" * (given.status == 404)
        ):
            other = server.at(naming(request, reported), 0)
            if other.status == 200 and given.operation in READS:
                other.body = other.body.replace(reported.encode(), named(request).encode())
            return other if other.status == 200 else given
        return given

    return handles(handle)


def _cached_for_others(server: Server) -> Handler:
    """A cache in front of the OpenAI-format read whose key lacks the account."""
    kept: dict[bytes, tuple[float, Response]] = {}

    def handle(request: Request) -> Response:
        given = server.correct(request)
        if given.operation != READ:
            return given
        if given.status == 200:
            kept[request.path] = server.now, copy.copy(given)
        elif given.status in {400, 404} and request.path in kept and server.now - kept[request.path][0] <= 60:
            return copy.copy(kept[request.path][1])
        return given

    return handle


def _chain_unknown(case: Case, made: Made) -> None:
    if made.source in case.memory["made"]:
        case.become(case.server.unknown(case.request))


@handles
def _failed_for_all(server: Server, request: Request) -> Response:
    """The list of failures is looked at before whose task it is."""
    given = server.correct(request)
    if given.operation != READ or given.status not in {400, 404}:
        return given
    for key in (server.key, server.other_key):
        other = server.at(with_key(request, key), 0)
        if other.status == 200 and failed(Case(server, {}, request, other).value):
            return other
    return given


def _accepts(cause: bytes, of: Operations = SUBMITS, when: Callable[[Server, Request], bool] = lambda *_: True) -> Make:
    """A server that accepts a submit in spite of its source."""

    def handle(server: Server, request: Request) -> Response:
        given = server.correct(request)
        refused = given.operation in of and given.status == 400 and b'"code":"' + cause + b'"' in given.body
        return server.correct(_on(request, DOCUMENTED)) if refused and when(server, request) else given

    return handles(handle)


def _source_failed(server: Server, request: Request) -> bool:
    return failed(task_read(server, request, source_of(request)))


def _source_nearly_done(server: Server, request: Request) -> bool:
    source = task_read(server, request, source_of(request))
    return running(source) and source.get("progress", 0) >= 90


def _only_newest(case: Case, made: Made) -> None:
    own = [one.id for one in case.memory["made"].values() if one.key == made.key]
    if made.id not in own[-_KEPT_TASKS:]:
        case.become(case.server.unknown(case.request))


def _on(request: Request, source: str) -> Request:
    value = sent(request)
    if "task_id" in value:
        value = {**value, "task_id": source}
    if isinstance(value.get("video"), dict):
        value = {**value, "video": {**value["video"], "url": source}}
    return sending(naming(request, source) if request.path.endswith(b"/extend") else request, value)


def _gone_once_extended(case: Case, made: Made) -> None:
    if any(one.since_end(case.server) >= 0 for one in extensions_of(case, made)):
        case.become(case.server.unknown(case.request))


def _batch_of_max_unknown(case: Case, made: Made) -> None:
    if made.operation == CREATE and made.is_max:
        case.become(case.server.unknown(case.request))


def _forgotten(server: Server, request: Request, _: Request) -> Response:
    response = server.correct(request)
    if response.status == 200:
        lost = f"{UNKNOWN_ID[:-12]}{time.monotonic_ns() % 10**12:012d}"
        response.body = json.dumps({**json.loads(response.body), "id": lost}).encode()
    return response


def _unknown(server: Server, request: Request, _: Request) -> Response:
    return server.unknown(request)


DEFECTS: Table = {
    ("unknown-for-5-seconds", "R05", "a new task is unknown for five seconds"): hides(lambda _, age: age < 5),
    ("unknown-for-2-seconds-on-query", "R05", "the unified read does not know a task in its first two seconds"): hides(
        lambda _, age: age < 2, {QUERY}
    ),
    ("unknown-at-first-read", "R05", "the first read of a task does not know it"): hides(
        lambda case, _: case.counted(case.task) == 1
    ),
    ("unknown-for-a-minute", "R04", "a new task is unknown for a minute"): hides(lambda _, age: age < 60),
    ("unknown-until-end", "R04", "a task of extendVideo is unknown until it has ended"): hides(
        lambda case, age: case.memory["made by"] == EXTEND and age < LIFE.lasts, {READ}
    ),
    ("never-known-unified", "R04", "tasks of the unified submit are never found"): hides(
        lambda case, _: case.memory["made by"] == UNIFIED
    ),
    ("create-unknown-to-query", "R04", "the unified read does not know tasks of createVideoExtension"): hides(
        lambda case, _: case.memory["made by"] == CREATE, {QUERY}
    ),
    ("create-unknown-to-read", "R04", "the OpenAI-format read does not know tasks of createVideoExtension"): hides(
        lambda case, _: case.memory["made by"] == CREATE, {READ}
    ),
    ("lost-after-end", "R04", "a task is forgotten a minute after its end"): hides(_by_end),
    ("lost-after-end-unified", "R04", "tasks of the unified submit are forgotten when they end"): hides(
        _other_case_unknown
    ),
    ("lost-after-5-reads", "R04", "a task is forgotten after five reads"): hides(_after_reads(5)),
    ("unknown-task-runs", "R46", "any id is read as a task that is completed"): _any_task(READS, DOCUMENTED),
    ("unknown-task-runs-on-query", "R46", "the unified read knows every id"): _any_task({QUERY}, DOCUMENTED),
    ("unknown-task-has-content", "R46", "any id has a video"): _any_task({CONTENT}, DOCUMENTED),
    ("unknown-source-accepted", "R46", "a submit does not look whether its source exists"): _accepts(b"task_not_exist"),
    (
        "unknown-source-accepted-on-create",
        "R46",
        "createVideoExtension does not look whether its source exists",
    ): _accepts(b"task_not_exist", {CREATE}),
    ("unfinished-source-accepted", "R47", "a source that runs or has failed is accepted"): _accepts(
        b"fail_to_fetch_task"
    ),
    (
        "unfinished-source-accepted-on-unified",
        "R47",
        "the unified submit accepts a source that has not succeeded",
    ): _accepts(b"fail_to_fetch_task", {UNIFIED}),
    ("read-by-others", "R20", "a task is read with a key of another account"): _as_owner(READS),
    ("query-by-others", "R20", "the unified read does not look whose task it is"): _as_owner({QUERY}),
    ("content-for-others", "R20", "the content is sent to other accounts, as older gateways do"): _as_owner({CONTENT}),
    ("source-of-others", "R46", "a submit accepts another account's task as its source"): _as_owner(
        SUBMITS, is_source=True
    ),
}

RARE: Table = {
    (
        "read-cached-for-others",
        "R20",
        "what the OpenAI-format read returned to the owner is returned to other accounts for a minute",
    ): _cached_for_others,
    ("chain-unknown", "R04", "a task whose source was made here is not found"): for_task(_chain_unknown, READS),
    ("failed-read-by-others", "R20", "a failed task is read with a key of another account"): _failed_for_all,
    (
        "failed-source-accepted-on-extend",
        "R47",
        "extendVideo looks whether its source has ended, and not how",
    ): _accepts(b"fail_to_fetch_task", {EXTEND}, _source_failed),
    (
        "unknown-source-accepted-with-start",
        "R46",
        "both extends look for their source only where they need its length for want of a start_time",
    ): _accepts(b"task_not_exist", EXTENDS, lambda _, request: "start_time" in sent(request)),
    ("only-ten-tasks-kept", "R04", "an account's eleventh task takes the place of its first"): for_task(
        _only_newest, READS
    ),
    ("source-nearly-done-accepted", "R47", "a source that is at ninety percent is accepted"): _accepts(
        b"fail_to_fetch_task", when=_source_nearly_done
    ),
    ("source-gone-once-extended", "R04", "a task is not found any more when an extension of it has ended"): for_task(
        _gone_once_extended, READS
    ),
    (
        "create-of-max-unknown-to-query",
        "R04",
        "the unified read does not know tasks of createVideoExtension with grok-video-3-max",
    ): for_task(_batch_of_max_unknown, {QUERY}),
    (
        "together-lost-task",
        "R04",
        "a submit that comes while another one is handled gets a response, and its task is not stored",
    ): beside(SUBMITS, SUBMITS, _forgotten),
    ("together-read-unknown", "R34", "a task that is read while a submit is handled is unknown"): beside(
        READS, SUBMITS, _unknown
    ),
}
