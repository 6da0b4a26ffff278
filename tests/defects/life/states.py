"""Statuses and progress that stop, move backwards, differ between reads or depend on reads."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from octopusx_video_mock.messages import Request, Response

from tests.defects._defect import (
    CONTENT,
    DAY,
    LIFE,
    MINUTE,
    QUERY,
    READ,
    READS,
    SENT,
    SUBMITS,
    Case,
    Handler,
    Json,
    Server,
    Table,
    edits,
    failed,
    mapped,
    put,
    running,
    succeeded,
)
from tests.defects._tasks import (
    REASON,
    Made,
    all_made,
    before_end,
    done_where_failed,
    for_task,
    hides,
    not_yet,
    note,
    reports,
    sets,
    shifted,
    source_of,
    task_reads,
)

_TWO_DAYS = 2 * 86_400.0
_ANY_READ = READS | {CONTENT}


def _after_download(case: Case, _: float) -> bool:
    done = case.memory.setdefault("done", set())
    if case.response.operation == CONTENT:
        if case.task in done:
            return True
        done.add(case.task)
        return False
    return case.task in done


def _polled(case: Case, age: float) -> float | None:
    """Each read is a step of the task's life, as in a mock that counts them."""
    return case.counted(case.task) * LIFE.lasts / 4


def _reset_by_reads(case: Case, age: float) -> float | None:
    """A task's time begins again whenever it is read before its end."""
    last = case.memory.get(case.task)
    now = case.server.now
    case.memory[case.task] = now
    since = age if last is None else now - last
    return since - age if since < LIFE.lasts else None


def _paused_while_read(case: Case, age: float) -> float | None:
    return min(0.0, -10.0 * (case.counted(case.task) - 1))


def _never_ends(case: Case, age: float) -> float | None:
    return min(0.0, LIFE.lasts - 1 - age)


def _ends_after_two_days(case: Case, age: float) -> float | None:
    return _never_ends(case, age) if age < _TWO_DAYS else None


def _stale_replica(case: Case, age: float) -> float | None:
    return -min(30.0, age) if case.counted(case.task) % 2 == 0 else None


def _late_by(seconds: float) -> Callable[[Case, float], float | None]:
    return lambda case, age: -min(seconds, age)


def _fails_where_done(case: Case) -> dict[str, Any] | None:
    return {"status": LIFE.failed, "video_url": None} if succeeded(case.value) else None


def _read_ends_others(server: Server) -> Handler:
    """Who reads a task cancels the one that was read before it."""
    memory: dict[str, Any] = {"last": "", "gone": set()}

    def handle(request: Request) -> Response:
        given = server.correct(request)
        if given.operation not in READS or given.status != 200 or given.task is None:
            return given
        case = Case(server, memory, request, given)
        if memory["last"] not in {"", case.task}:
            memory["gone"].add(memory["last"])
        memory["last"] = case.task
        if case.task in memory["gone"] and running(case.value):
            case.value = {**case.value, "status": "cancelled", **(REASON if given.operation == READ else {})}
        return given

    return handle


def _progress_falls(case: Case) -> dict[str, Json]:
    percent = case.value.get("progress", 0)
    return {"progress": percent // 2} if case.counted(case.task) % 3 == 0 else {}


def _progress_resets(case: Case) -> dict[str, Json]:
    percent = case.value.get("progress", 0)
    return {"progress": percent - 50} if running(case.value) and percent >= 60 else {}


def _updated_backwards(case: Case) -> dict[str, Json]:
    return {"status_update_time": case.value["status_update_time"] - case.counted(case.task)}


def _updated_from_end(case: Case) -> dict[str, Json]:
    """The time at which the task is taken to end, which is too late at first."""
    return {"status_update_time": int(case.server.now) + 3 * (100 - case.value.get("progress", 100))}


def _two_passes(case: Case, made: Made, value: Json) -> Json:
    percent = value.get("progress", 0)
    return {"progress": int(percent) * 2 % 100} if made.upscaled and running(value) else {}


def _keeps_running_answer(case: Case, made: Made) -> None:
    """The first response to the unified read stands for a minute, and the next one after it."""
    kept: dict[str, tuple[float, bytes]] = case.memory.setdefault("kept", {})
    at, body = kept.get(made.id, (-1e9, b""))
    if case.server.now - at < 60:
        case.response.body = body
    else:
        kept[made.id] = case.server.now, case.response.body


def _progress_of_last(case: Case, made: Made, value: Json) -> Json:
    last = list(case.memory["made"].values())[-1]
    return {"progress": min(99, int(100 * last.age(case.server) / LIFE.lasts))} if running(value) else {}


def _updated_at_work(case: Case, made: Made, value: Json) -> Json:
    if running(value):
        return {"status_update_time": int(case.server.now)}
    return {"status_update_time": int(made.at)} if failed(value) else {}


def _progress_once_expired(case: Case, made: Made, value: Json) -> Json:
    return {"progress": 0} if succeeded(value) and made.age(case.server) >= DAY else {}


def _until_upscaled(case: Case, made: Made) -> None:
    if made.upscaled and 0 <= made.since_end(case.server) < 60:
        case.become(case.server.at(case.request, -1 - made.since_end(case.server)))


def _lost_by_download(case: Case, made: Made) -> None:
    lost = case.memory.setdefault("lost", set())
    if case.response.operation == CONTENT:
        if not_yet(case):
            lost.add(made.id)
    elif made.id in lost:
        reason = {"message": "the upstream gave no video", "code": "upstream_error"}
        fields = {"video_url": "", "error": reason} if case.response.operation == READ else {"video_url": None}
        case.value = {**case.value, **fields, "status": LIFE.failed}


def _updated_before_download(case: Case, made: Made) -> None:
    fetched = case.memory.setdefault("fetched", set())
    if case.response.operation == CONTENT:
        fetched.add(made.id)
    elif made.id in fetched:
        case.value = {**case.value, "status_update_time": int(made.at)}


def _again_after_refusal(server: Server) -> Handler:
    """A submit takes the row of its source for its own, and gives it back when it is refused: the work begins anew."""
    memory: dict[str, Any] = {"made": {}, "refused": {}}

    def handle(request: Request) -> Response:
        given = server.correct(request)
        note(server, memory, request, given)
        if given.operation in SUBMITS and given.status == 400 and b"fail_to_fetch_task" in given.body:
            memory["refused"][source_of(request)] = server.now
        case = Case(server, memory, request, given)
        if given.operation in READS and given.status == 200 and case.task in memory["refused"] and running(case.value):
            since = server.now - memory["refused"][case.task]
            case.value = {**case.value, "progress": min(99, int(100 * since / LIFE.lasts))}
        return given

    return handle


def _done_early_of_max(case: Case, made: Made) -> None:
    left = -made.since_end(case.server)
    if made.is_max and 0 < left <= MINUTE:
        case.become(case.server.at(case.request, left + 1))


def _failed_late(case: Case, made: Made) -> None:
    if failed(case.value) and made.since_end(case.server) < MINUTE:
        case.become(before_end(case, made))


def _chain_never_ends(case: Case, made: Made) -> None:
    if made.source in all_made(case) and made.since_end(case.server) >= 0:
        case.become(before_end(case, made))


DEFECTS: Table = {
    ("lost-after-download", "R19", "a download takes the task away"): hides(_after_download, _ANY_READ),
    ("read-advances", "R19", "each read brings a task a quarter of its life further"): shifted(_polled),
    # Whoever watches such a task sees that it goes back; that it is the reads that do it, nobody can see who reads it.
    ("read-resets", "R15", "each read restarts a task"): shifted(_reset_by_reads),
    ("read-delays", "R19", "each read costs a task ten seconds"): shifted(_paused_while_read),
    ("read-cancels-others", "R19", "reading a task cancels the one that was read before it"): _read_ends_others,
    ("never-ends", "R45", "a task stays at 99 percent"): shifted(_never_ends),
    ("ends-after-two-days", "R45", "a task takes two days"): shifted(_ends_after_two_days),
    ("never-ends-on-query", "R18", "the unified read never sees an end"): shifted(_never_ends, {QUERY}),
    ("query-late", "R18", "the unified read is ten seconds late"): shifted(_late_by(10), {QUERY}),
    ("read-late", "R18", "the OpenAI-format read is a minute late"): shifted(_late_by(60), {READ}),
    ("every-other-read-stale", "R15", "every other read is half a minute old"): shifted(_stale_replica),
    ("query-fails-what-is-done", "R18", "the unified read calls completed tasks failed"): sets(
        _fails_where_done, {QUERY}
    ),
    ("query-completes-what-failed", "R18", "the unified read calls failed tasks completed"): sets(
        done_where_failed, {QUERY}
    ),
    ("progress-falls", "R15", "every third read returns half of the progress"): reports(_progress_falls),
    ("progress-starts-again", "R15", "progress counts from the start again for the second half of the work"): reports(
        _progress_resets
    ),
    ("progress-less-on-query", "R15", "the unified read returns thirty percent less than the other one"): reports(
        lambda case: {"progress": max(0, case.value.get("progress", 0) - 30)} if running(case.value) else {}, {QUERY}
    ),
    ("progress-falls-at-failure", "R15", "progress falls to zero when a task fails"): edits(
        lambda value: {**value, "progress": 0}, {READ}, when=failed
    ),
    ("progress-over-100", "R36", "progress reaches 101 when a task has succeeded"): edits(
        mapped("progress", lambda percent: percent + 1), when=succeeded
    ),
    ("progress-99-at-end", "R50", "progress stays at 99 when a task has succeeded"): edits(
        put(progress=99), when=succeeded
    ),
    ("progress-0-at-end-on-query", "R50", "the unified read returns zero percent of a completed task"): edits(
        put(progress=0), {QUERY}, when=succeeded
    ),
    ("updated-backwards", "R15", "status_update_time is a second earlier with each read"): reports(
        _updated_backwards, {QUERY}
    ),
    ("updated-zero-at-end", "R15", "status_update_time is zero once a task has ended"): edits(
        put(status_update_time=0), {QUERY}, when=lambda value: not running(value)
    ),
    ("updated-from-end", "R15", "status_update_time runs ahead while a task runs"): reports(_updated_from_end, {QUERY}),
    ("status-finalizing", "R14", "a task that is nearly done is finalizing"): edits(
        put(status="finalizing"), when=lambda value: running(value) and value.get("progress", 0) > 90
    ),
}

RARE: Table = {
    ("progress-of-two-passes", "R15", "progress counts to a hundred twice where upscale was asked for"): task_reads(
        _two_passes
    ),
    ("query-cached-for-a-minute", "R18", "the unified read repeats a response about a task for a minute"): for_task(
        _keeps_running_answer, {QUERY}
    ),
    (
        "progress-of-last-submitted",
        "R15",
        "the progress of whatever runs is that of the task that was submitted last",
    ): task_reads(_progress_of_last),
    (
        "updated-back-at-failure",
        "R15",
        "status_update_time follows the work, and is that of the submit once the task has failed",
    ): task_reads(_updated_at_work, {QUERY}),
    ("progress-zero-once-expired", "R50", "a completed task whose video has expired is at zero percent"): task_reads(
        _progress_once_expired
    ),
    (
        "query-waits-for-upscaling",
        "R18",
        "the unified read calls a task that was to be upscaled running for a minute more than the other read",
    ): for_task(_until_upscaled, {QUERY}),
    (
        "early-download-fails-task",
        "R19",
        "a task whose content is asked for while it runs has failed from then on",
    ): for_task(_lost_by_download, READS | {CONTENT}, {200, 400}),
    (
        "progress-again-after-refusal",
        "R15",
        "the progress of a running task begins again when a submit that names it as its source is refused",
    ): _again_after_refusal,
    (
        "query-ends-max-early",
        "R18",
        "the unified read calls a task of grok-video-3-max ended in its last minute",
    ): for_task(_done_early_of_max, {QUERY}),
    (
        "read-fails-late",
        "R18",
        "the OpenAI-format read calls a task that has failed running for a minute more",
    ): for_task(_failed_late, {READ}),
    ("chain-never-ends", "R45", "an extension of an own extension stays at 99 percent"): for_task(
        _chain_never_ends, READS
    ),
    (
        "updated-back-after-download",
        "R15",
        "status_update_time is that of the submit again once the video was downloaded",
    ): for_task(_updated_before_download, {QUERY, CONTENT}, SENT),
}
