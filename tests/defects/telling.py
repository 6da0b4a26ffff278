"""Reads that tell of a task what is not so."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from octopusx_video_mock.messages import Request, Response

from tests.defects._defect import (
    CREATE,
    OK,
    QUERY,
    READ,
    READS,
    SUBMITS,
    Answerer,
    Case,
    Defect,
    Json,
    Make,
    Server,
    changes,
    drop,
    edits,
    failed,
    mapped,
    put,
    running,
    sent,
    succeeded,
)

_HOUR = 3600
_ADDRESS = "https://example.com/video.mp4"


def _defect(name: str, rule: str, summary: str, make: Make) -> Defect:
    return Defect(name, "life", rule, summary, make)


def _tells(change: Callable[[Case], dict[str, Json]], of: frozenset[str] = READS) -> Make:
    """A read that tells these fields, of those that it has, otherwise."""

    def changed(case: Case) -> None:
        value = case.value
        case.value = {**value, **{name: one for name, one in change(case).items() if name in value}}

    return changes(changed, of, OK)


def _remembers(field: str, told: str, of: frozenset[str]) -> Make:
    """A read that tells of the last submit what it should tell of the task's own."""

    def changed(case: Case) -> None:
        if case.answer.operation in SUBMITS:
            case.memory["last"] = sent(case.request).get(field)
            case.memory.setdefault("made", set()).add(case.value["id"])
        elif told in case.value and case.task in case.memory.get("made", ()):
            case.value = {**case.value, told: case.memory["last"]}

    return changes(changed, SUBMITS | of, OK)


def _on_second_look(field: str, change: Callable[[str], str]) -> Make:
    """A unified read that tells a field of a task that has succeeded otherwise when it is read again."""

    def changed(case: Case) -> None:
        if field not in case.value or not succeeded(case.value):
            return
        looked: set[str] = case.memory.setdefault(field, set())
        if case.task in looked:
            case.value = {**case.value, field: change(case.value[field])}
        looked.add(case.task)

    return changes(changed, frozenset({QUERY}), OK)


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


def _now(case: Case) -> dict[str, Json]:
    return {"created_at": int(case.server.now)}


def _uptime(case: Case) -> dict[str, Json]:
    begun = case.memory.setdefault("begun", case.value.get("created_at", 0))
    return {"created_at": case.value.get("created_at", 0) - begun + 3}


def _length_added(case: Case) -> dict[str, Json]:
    return {"seconds": "10"}


def _model_dated(case: Case) -> dict[str, Json]:
    return {"model": f"{case.value.get('model')}-0709"} if succeeded(case.value) else {}


def _seconds_of_extension(case: Case) -> dict[str, Json]:
    """The length of the video is that of what was added."""
    seconds = float(case.value.get("seconds", "0"))
    return {"seconds": str(int(min(seconds, 15 if seconds > 15 else 10)))}


def _seconds_of_submit(server: Server) -> Answerer:
    """The length that is told is that of the request's duration, without where it starts."""
    memory: dict[str, Any] = {}

    def answer(request: Request) -> Response:
        given = server.correct(request)
        if given.operation == CREATE and given.task is not None:
            memory[given.task] = str(sent(request).get("duration", 10))
        elif given.operation == READ and given.task in memory:
            case = Case(server, memory, request, given)
            case.value = {**case.value, "seconds": memory[given.task]}
        return given

    return answer


def _swapped_ratio(value: Json) -> Json:
    return {**value, "ratio": ":".join(reversed(value["ratio"].split(":")))} if value.get("ratio") else value


def _failing_reason(message: str, code: str) -> Callable[[Json], Json]:
    return put(error={"message": message, "code": code})


DEFECTS = (
    _defect("progress-falls", "R15", "every third read tells half of the progress", _tells(_progress_falls)),
    _defect(
        "progress-starts-again",
        "R15",
        "progress counts from the start again for the second half of the work",
        _tells(_progress_resets),
    ),
    _defect(
        "progress-less-on-query",
        "R15",
        "the unified read tells thirty percent less than the other one",
        _tells(
            lambda case: {"progress": max(0, case.value.get("progress", 0) - 30)} if running(case.value) else {},
            frozenset({QUERY}),
        ),
    ),
    _defect(
        "progress-falls-at-failure",
        "R15",
        "progress falls to zero when a task fails",
        edits(lambda value: {**value, "progress": 0}, frozenset({READ}), when=failed),
    ),
    _defect(
        "progress-over-100",
        "R36",
        "progress reaches 101 when a task has succeeded",
        edits(mapped("progress", lambda percent: percent + 1), when=succeeded),
    ),
    _defect(
        "progress-99-at-end",
        "R50",
        "progress stays at 99 when a task has succeeded",
        edits(put(progress=99), when=succeeded),
    ),
    _defect(
        "progress-0-at-end-on-query",
        "R50",
        "the unified read tells zero percent of a completed task",
        edits(put(progress=0), frozenset({QUERY}), when=succeeded),
    ),
    _defect(
        "updated-backwards",
        "R15",
        "status_update_time is a second earlier with each read",
        _tells(_updated_backwards, frozenset({QUERY})),
    ),
    _defect(
        "updated-zero-at-end",
        "R15",
        "status_update_time is zero once a task has ended",
        edits(put(status_update_time=0), frozenset({QUERY}), when=lambda value: not running(value)),
    ),
    _defect(
        "updated-from-end",
        "R15",
        "status_update_time runs ahead while a task runs",
        _tells(_updated_from_end, frozenset({QUERY})),
    ),
    _defect("created-at-read", "R17", "created_at is the time of the read", _tells(_now, frozenset({READ}))),
    _defect(
        "created-other-zone",
        "R56",
        "created_at is eight hours ahead",
        edits(mapped("created_at", lambda at: at + 8 * _HOUR), frozenset({READ})),
    ),
    _defect(
        "created-by-uptime", "R56", "created_at counts from the start of the server", _tells(_uptime, frozenset({READ}))
    ),
    _defect(
        "created-constant",
        "R56",
        "created_at is that of the page's sample",
        edits(put(created_at=1735689600), frozenset({READ}), when=lambda value: not value["id"].startswith("video")),
    ),
    _defect(
        "updated-other-zone",
        "R56",
        "the unified read's status_update_time is five hours behind",
        edits(mapped("status_update_time", lambda at: at - 5 * _HOUR), frozenset({QUERY})),
    ),
    _defect(
        "submitted-other-zone",
        "R56",
        "a submit's and both reads' times are an hour ahead",
        edits(
            lambda value: {
                name: one + _HOUR
                if name in {"created_at", "completed_at", "expires_at", "status_update_time"} and one
                else one
                for name, one in value.items()
            },
            READS | SUBMITS,
        ),
    ),
    _defect(
        "model-default",
        "R48",
        "the model that is told is always grok-video-3",
        edits(mapped("model", lambda _: "grok-video-3"), frozenset({READ})),
    ),
    _defect(
        "model-upper-case",
        "R48",
        "the model is told in upper case",
        edits(mapped("model", str.upper), frozenset({READ})),
    ),
    _defect(
        "model-dated-at-end",
        "R17",
        "the model gets a date when the task has succeeded",
        _tells(_model_dated, frozenset({READ})),
    ),
    _defect(
        "model-of-last-submit",
        "R48",
        "the model is that of the last submit",
        _remembers("model", "model", frozenset({READ})),
    ),
    _defect(
        "prompt-of-last-submit",
        "R48",
        "the prompt is that of the last submit",
        _remembers("prompt", "prompt", frozenset({QUERY})),
    ),
    _defect(
        "prompt-cut",
        "R48",
        "the prompt is cut to twenty characters",
        edits(mapped("prompt", lambda prompt: prompt[:20]), frozenset({QUERY})),
    ),
    _defect(
        "prompt-lower-case",
        "R48",
        "the prompt is told in lower case",
        edits(mapped("prompt", str.lower), frozenset({QUERY})),
    ),
    _defect(
        "prompt-stripped-of-unicode",
        "R48",
        "letters outside of ASCII are question marks in the prompt",
        edits(mapped("prompt", lambda prompt: prompt.encode("ascii", "replace").decode()), frozenset({QUERY})),
    ),
    _defect(
        "prompt-enhanced",
        "R48",
        "the prompt is the enhanced one",
        edits(mapped("prompt", lambda prompt: f"{prompt}, cinematic, 4k"), frozenset({QUERY})),
    ),
    _defect(
        "ratio-swapped", "R48", "width and height of the ratio are swapped", edits(_swapped_ratio, frozenset({QUERY}))
    ),
    _defect(
        "ratio-of-sample",
        "R48",
        "the ratio is that of the page's sample",
        edits(mapped("ratio", lambda _: "3:2"), frozenset({QUERY})),
    ),
    _defect(
        "size-lower-case-told",
        "R48",
        "the size is told in lower case",
        edits(mapped("size", str.lower), frozenset({READ})),
    ),
    _defect(
        "size-always-720p",
        "R48",
        "the size that is told is always 720P",
        edits(mapped("size", lambda _: "720P"), frozenset({READ})),
    ),
    _defect(
        "object-at-end",
        "R17",
        "object is video.completed once the task has succeeded",
        edits(put(object="video.completed"), frozenset({READ}), when=succeeded),
    ),
    _defect(
        "prompt-enhanced-later",
        "R17",
        "the prompt is the enhanced one from the second read of an end on",
        _on_second_look("prompt", lambda prompt: f"{prompt}, cinematic, 4k"),
    ),
    _defect(
        "ratio-measured-later",
        "R17",
        "the ratio is that of the made video from the second read of an end on",
        _on_second_look("ratio", lambda ratio: f"{ratio}.0"),
    ),
    _defect(
        "id-without-prefix-at-end",
        "R17",
        "the id loses its prefix once the task has succeeded",
        edits(mapped("id", lambda task: task.rpartition(":")[2]), when=succeeded),
    ),
    _defect(
        "remixed-at-end",
        "R17",
        "remixed_from_video_id is filled when the task has succeeded",
        edits(put(remixed_from_video_id="video_abc123"), frozenset({READ}), when=succeeded),
    ),
    _defect(
        "status-finalizing",
        "R14",
        "a task that is nearly done is finalizing",
        edits(put(status="finalizing"), when=lambda value: running(value) and value.get("progress", 0) > 90),
    ),
    _defect(
        "failed-without-reason",
        "R11",
        "the error of a failed task is empty",
        edits(_failing_reason("", ""), frozenset({READ}), when=failed),
    ),
    _defect(
        "failed-without-error",
        "R11",
        "a failed task has no error",
        edits(drop("error"), frozenset({READ}), when=failed),
    ),
    _defect(
        "failed-with-address",
        "R09",
        "a failed task has the address of a video",
        edits(put(video_url=_ADDRESS), when=failed),
    ),
    _defect(
        "failed-with-output",
        "R09",
        "a failed task has an address in output",
        edits(put(output={"url": _ADDRESS}), frozenset({READ}), when=failed),
    ),
    _defect(
        "completed-without-address",
        "R08",
        "a completed task has no address on the OpenAI-format read",
        edits(put(video_url=""), frozenset({READ}), when=succeeded),
    ),
    _defect(
        "completed-null-on-query",
        "R07",
        "a completed task's video_url is null on the unified read",
        edits(put(video_url=None), frozenset({QUERY}), when=succeeded),
    ),
    _defect(
        "completed-url-on-query",
        "R07",
        "the unified read has the address in url alone",
        edits(
            lambda value: {**drop("video_url")(value), "url": value["video_url"]}, frozenset({QUERY}), when=succeeded
        ),
    ),
    _defect(
        "running-with-address",
        "R09",
        "a running task has the address that its video will have",
        edits(put(video_url=_ADDRESS), when=running),
    ),
    _defect(
        "running-with-metadata",
        "R09",
        "a running task has an address in metadata",
        edits(put(metadata={"url": _ADDRESS}), frozenset({READ}), when=running),
    ),
    _defect(
        "running-with-completion",
        "R12",
        "completed_at of a running task is its last change",
        edits(lambda value: {**value, "completed_at": value["created_at"]}, frozenset({READ}), when=running),
    ),
    _defect(
        "running-with-error",
        "R10",
        "a running task carries the error of an earlier try",
        edits(_failing_reason("try 1 failed", "upstream_error"), frozenset({READ}), when=running),
    ),
    _defect(
        "completed-with-error-ok",
        "R10",
        "a completed task's error says success with code 0",
        edits(_failing_reason("success", "0"), frozenset({READ}), when=succeeded),
    ),
    _defect(
        "completed-before-created",
        "R49",
        "completed_at is before created_at",
        edits(lambda value: {**value, "completed_at": value["created_at"] - 1}, frozenset({READ}), when=succeeded),
    ),
    _defect(
        "expires-before-end",
        "R49",
        "a video expires a minute after its submit",
        edits(
            lambda value: {**value, "expires_at": value["created_at"] + 60},
            frozenset({READ}),
            when=lambda value: not running(value),
        ),
    ),
    _defect("seconds-always-10", "R55", "seconds is always 10", _tells(_length_added, frozenset({READ}))),
    _defect(
        "seconds-of-extension", "R55", "seconds tells what was added", _tells(_seconds_of_extension, frozenset({READ}))
    ),
    _defect(
        "seconds-of-duration",
        "R55",
        "seconds is the duration of createVideoExtension, without its start",
        _seconds_of_submit,
    ),
    _defect(
        "seconds-with-unit",
        "R55",
        "seconds has a unit",
        edits(mapped("seconds", lambda seconds: f"{seconds}s"), frozenset({READ})),
    ),
    _defect(
        "seconds-in-milliseconds",
        "R55",
        "seconds counts milliseconds",
        edits(mapped("seconds", lambda seconds: str(int(float(seconds) * 1000))), frozenset({READ}), when=succeeded),
    ),
)
