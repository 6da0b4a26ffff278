"""Tasks that change after they have ended, and fields that should never change."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from octopusx_video_mock.messages import Request, Response

from tests.defects._defect import (
    CONTENT,
    DAY,
    DOCUMENTED,
    HOUR,
    LIFE,
    OK,
    QUERY,
    READ,
    READS,
    SUBMITS,
    Case,
    Handler,
    Json,
    Make,
    Server,
    Table,
    changes,
    edits,
    failed,
    mapped,
    named,
    put,
    running,
    sent,
    succeeded,
)
from tests.defects._tasks import (
    REASON,
    Made,
    after_end,
    before_end,
    continued,
    done_where_failed,
    extensions_of,
    for_task,
    refused_submit,
    refused_to_another,
    reports,
    sets,
    shifted,
    source_of,
    task_reads,
)

_FAILS = {"status": LIFE.failed, "video_url": ""}


def _stale_replica_at_end(case: Case, age: float) -> float | None:
    stale = age >= LIFE.lasts and case.counted(case.task) % 2 == 0
    return LIFE.lasts - 5 - age if stale else None


def _back_to_work(case: Case, age: float) -> float | None:
    back = age >= LIFE.lasts and case.counted(case.task) > 2
    return LIFE.lasts - 20 - age if back else None


def _done_at_first(case: Case, age: float) -> float | None:
    return LIFE.lasts if case.counted(case.task) == 1 else None


def _starts_again(case: Case, age: float) -> float | None:
    return age % (2 * LIFE.lasts) - age


def _fails_later(case: Case) -> dict[str, Any] | None:
    if succeeded(case.value) and case.counted(case.task) > 2 and case.task != DOCUMENTED:
        return {**_FAILS, **REASON} if case.response.operation == READ else {**_FAILS, "video_url": None}
    return None


def _recovers(case: Case) -> dict[str, Any] | None:
    return done_where_failed(case) if failed(case.value) and case.counted(case.task) > 1 else None


def _flaps(case: Case) -> dict[str, Any] | None:
    if running(case.value) or case.counted(case.task) % 3:
        return None
    return {"status": LIFE.running, "video_url": "" if case.response.operation == READ else None}


def _expired_after_completion(case: Case) -> dict[str, Any] | None:
    late = case.server.now - case.value.get("completed_at", case.server.now) > 3600
    return {**_FAILS, "status": "expired", **REASON} if late and case.task != DOCUMENTED else None


def _on_second_look(field: str, change: Callable[[str], str]) -> Make:
    """A unified read that reports a field of a task that has succeeded otherwise when it is read again."""

    def changed(case: Case) -> None:
        if field not in case.value or not succeeded(case.value):
            return
        looked: set[str] = case.memory.setdefault(field, set())
        if case.task in looked:
            case.value = {**case.value, field: change(case.value[field])}
        looked.add(case.task)

    return changes(changed, {QUERY}, OK)


def _now(case: Case) -> dict[str, Json]:
    return {"created_at": int(case.server.now)}


def _model_dated(case: Case) -> dict[str, Json]:
    return {"model": f"{case.value.get('model')}-0709"} if succeeded(case.value) else {}


def _downloaded(server: Server, request: Request, given: Response) -> str | None:
    return named(request) if given.operation == CONTENT and given.status == 200 else None


def _read_in_part(server: Server, request: Request, given: Response) -> str | None:
    return named(request) if given.operation == CONTENT and given.status == 206 else None


def _tells(field: str, value: Callable[[Any], Json]) -> Callable[[Case], None]:
    def change(case: Case) -> None:
        reported = case.value
        if field in reported:
            case.value = {**reported, field: value(reported[field])}

    return change


def _without(field: str) -> Callable[[Case], None]:
    def change(case: Case) -> None:
        case.value = {name: value for name, value in case.value.items() if name != field}

    return change


def _after_an_hour(server: Server) -> Handler:
    """An end is forgotten an hour after it was first read: the size is then that of a default."""
    ended: dict[str, float] = {}
    memory: dict[str, Any] = {}

    def handle(request: Request) -> Response:
        given = server.correct(request)
        if given.operation == READ and given.status == 200:
            case = Case(server, memory, request, given)
            is_told = succeeded(case.value) and "size" in case.value
            if is_told and server.now - ended.setdefault(named(request), server.now) > HOUR:
                case.value = {**case.value, "seconds": "10", "size": "480P"}
        return given

    return handle


def _echoes_continuation(server: Server) -> Handler:
    """One row for a video and what continues it: the source reports the prompt of its continuation."""
    prompts: dict[str, Any] = {}
    memory: dict[str, Any] = {}

    def handle(request: Request) -> Response:
        given = server.correct(request)
        if given.operation == QUERY and given.status == 200 and named(request) in prompts:
            case = Case(server, memory, request, given)
            case.value = {**case.value, "prompt": prompts[named(request)]}
        if given.operation in SUBMITS and given.status == 200:
            prompts[source_of(request)] = sent(request).get("prompt")
        return given

    return handle


def _expired_after_a_day(case: Case, made: Made, value: Json) -> Json:
    if not succeeded(value) or made.age(case.server) < DAY:
        return {}
    if case.response.operation == QUERY:
        return {"status": "expired", "video_url": None}
    return {"status": "expired", "video_url": "", "error": {"message": "the video has expired", "code": "expired"}}


def _remixed_until_failed(case: Case, made: Made, value: Json) -> Json:
    return {"remixed_from_video_id": "" if failed(value) else made.source}


def _runs_while_extended(case: Case, made: Made) -> None:
    if any(one.since_end(case.server) < 0 for one in extensions_of(case, made)) and made.since_end(case.server) >= 0:
        case.become(before_end(case, made))


DEFECTS: Table = {
    ("every-other-end-stale", "R16", "every other read of a task that has ended is from before its end"): shifted(
        _stale_replica_at_end
    ),
    ("back-to-work", "R16", "a task runs again after its end was read twice"): shifted(_back_to_work),
    ("done-at-first", "R16", "the first read of a task calls it completed"): shifted(_done_at_first),
    ("starts-again", "R16", "a task starts again every six minutes"): shifted(_starts_again),
    ("fails-later", "R16", "a completed task fails after it was read twice"): sets(_fails_later),
    ("recovers", "R16", "a failed task is completed at the second look"): sets(_recovers),
    ("flaps", "R16", "every third read of a task that has ended calls it running"): sets(_flaps),
    ("expires-to-failed", "R16", "a completed task is expired an hour later"): sets(_expired_after_completion, {READ}),
    ("created-at-read", "R17", "created_at is the time of the read"): reports(_now, {READ}),
    ("model-dated-at-end", "R17", "the model gets a date when the task has succeeded"): reports(_model_dated, {READ}),
    ("object-at-end", "R17", "object is video.completed once the task has succeeded"): edits(
        put(object="video.completed"), {READ}, when=succeeded
    ),
    (
        "prompt-enhanced-later",
        "R17",
        "the prompt is the enhanced one from the second read of an end on",
    ): _on_second_look("prompt", lambda prompt: f"{prompt}, cinematic, 4k"),
    (
        "ratio-measured-later",
        "R17",
        "the ratio is that of the made video from the second read of an end on",
    ): _on_second_look("ratio", lambda ratio: f"{ratio}.0"),
    ("id-without-prefix-at-end", "R17", "the id loses its prefix once the task has succeeded"): edits(
        mapped("id", lambda task: task.rpartition(":")[2]), when=succeeded
    ),
    ("size-measured-at-end", "R17", "the size of a task is that of the made video once it has succeeded"): edits(
        put(size="1280x720"), {READ}, when=succeeded
    ),
    ("remixed-at-end", "R17", "remixed_from_video_id is filled when the task has succeeded"): edits(
        put(remixed_from_video_id="video_abc123"), {READ}, when=succeeded
    ),
}

RARE: Table = {
    ("later-expiry-by-download", "R16", "each download puts off expires_at of a task by an hour"): after_end(
        _downloaded, _tells("expires_at", lambda at: at + 3600), {READ}
    ),
    ("later-size-by-download", "R16", "once the video was downloaded, its task has the size 480P"): after_end(
        _downloaded, _tells("size", lambda _: "480P"), {READ}
    ),
    (
        "later-gone-field-by-part",
        "R16",
        "once a part of the video was downloaded, its task has no completed_at any more",
    ): after_end(_read_in_part, _without("completed_at"), {READ}),
    (
        "later-object-by-refusal",
        "R17",
        "after a submit that was refused, the task that it named is an object of another kind",
    ): after_end(refused_submit, _tells("object", lambda _: "extension"), {READ}),
    (
        "later-seconds-by-refusal",
        "R16",
        "after a submit that was refused, the task that it named has other seconds",
    ): after_end(refused_submit, _tells("seconds", lambda reported: f"{float(reported) + 0.5:g}"), {READ}),
    (
        "later-completion-by-continuation",
        "R16",
        "a task that is continued has its completion at the time of the continuation",
    ): after_end(continued, _tells("completed_at", lambda at: at + 1), {READ}),
    (
        "later-time-by-another-key",
        "R16",
        "a refused read with another key counts as a change of the task, in status_update_time",
    ): after_end(refused_to_another, _tells("status_update_time", lambda at: at + 1), {QUERY}),
    (
        "later-size-after-hour",
        "R16",
        "an hour after its end was first read, a task has a default size and length",
    ): _after_an_hour,
    (
        "later-prompt-of-continuation",
        "R17",
        "a task that is continued has the prompt of what continues it",
    ): _echoes_continuation,
    ("expired-status-after-a-day", "R16", "both reads call a completed task expired once its video is"): task_reads(
        _expired_after_a_day
    ),
    (
        "remixed-until-failed",
        "R17",
        "remixed_from_video_id names the source, and is empty once the task has failed",
    ): task_reads(_remixed_until_failed, {READ}),
    (
        "source-runs-while-extended",
        "R16",
        "a completed task is processing again while an extension of it runs",
    ): for_task(_runs_while_extended, READS),
}
