"""Addresses, errors and times of an outcome that do not fit the status of the task."""

from __future__ import annotations

from collections.abc import Callable

from tests.defects._defect import (
    DAY,
    HOUR,
    OK,
    QUERY,
    READ,
    Case,
    Json,
    Table,
    changes,
    drop,
    edits,
    failed,
    put,
    running,
    succeeded,
)
from tests.defects._tasks import Made, task_reads

_ADDRESS = "https://example.com/video.mp4"
_NO_REASON = {"error": {"message": "", "code": ""}}


def _failing_reason(message: str, code: str) -> Callable[[Json], Json]:
    return put(error={"message": message, "code": code})


def _no_address_once_expired(case: Case, made: Made, value: Json) -> Json:
    return {"video_url": None} if succeeded(value) and made.age(case.server) >= DAY else {}


def _reason_once(case: Case, made: Made, value: Json) -> Json:
    return _NO_REASON if failed(value) and case.counted(f"told {made.id}") > 1 else {}


def _reason_for_an_hour(case: Case, made: Made, value: Json) -> Json:
    return _NO_REASON if failed(value) and made.since_end(case.server) > HOUR else {}


def _not_upscaled(case: Case, made: Made, value: Json) -> Json:
    if not (succeeded(value) and made.upscaled):
        return {}
    return {"error": {"message": "upscaling was skipped: the video has its size already", "code": "upscale_skipped"}}


def _reason_of_last(case: Case) -> None:
    value = case.value
    if failed(value):
        case.memory["reason"] = value["error"]
    elif "reason" in case.memory:
        case.value = {**value, "error": case.memory.pop("reason")}


DEFECTS: Table = {
    ("failed-without-reason", "R11", "the error of a failed task is empty"): edits(
        _failing_reason("", ""), {READ}, when=failed
    ),
    ("failed-without-error", "R11", "a failed task has no error"): edits(drop("error"), {READ}, when=failed),
    ("failed-with-address", "R09", "a failed task has the address of a video"): edits(
        put(video_url=_ADDRESS), when=failed
    ),
    ("failed-with-output", "R09", "a failed task has an address in output"): edits(
        put(output={"url": _ADDRESS}), {READ}, when=failed
    ),
    ("completed-without-address", "R08", "a completed task has no address on the OpenAI-format read"): edits(
        put(video_url=""), {READ}, when=succeeded
    ),
    ("completed-null-on-query", "R07", "a completed task's video_url is null on the unified read"): edits(
        put(video_url=None), {QUERY}, when=succeeded
    ),
    ("completed-url-on-query", "R07", "the unified read has the address in url alone"): edits(
        lambda value: {**drop("video_url")(value), "url": value["video_url"]}, {QUERY}, when=succeeded
    ),
    ("running-with-address", "R09", "a running task has the address that its video will have"): edits(
        put(video_url=_ADDRESS), when=running
    ),
    ("running-with-metadata", "R09", "a running task has an address in metadata"): edits(
        put(metadata={"url": _ADDRESS}), {READ}, when=running
    ),
    ("running-with-completion", "R12", "completed_at of a running task is its last change"): edits(
        lambda value: {**value, "completed_at": value["created_at"]}, {READ}, when=running
    ),
    ("running-with-error", "R10", "a running task carries the error of an earlier try"): edits(
        _failing_reason("try 1 failed", "upstream_error"), {READ}, when=running
    ),
    ("completed-with-error-ok", "R10", "a completed task's error says success with code 0"): edits(
        _failing_reason("success", "0"), {READ}, when=succeeded
    ),
}

RARE: Table = {
    (
        "query-null-once-expired",
        "R07",
        "a completed task's video_url is null on the unified read once the video has expired",
    ): task_reads(_no_address_once_expired, {QUERY}),
    ("reason-told-once", "R11", "why a task failed is reported to the first read alone"): task_reads(
        _reason_once, {READ}
    ),
    ("reason-kept-an-hour", "R11", "why a task failed is forgotten an hour later"): task_reads(
        _reason_for_an_hour, {READ}
    ),
    (
        "error-where-not-upscaled",
        "R10",
        "a completed task that was to be upscaled carries a warning in error",
    ): task_reads(_not_upscaled, {READ}),
    (
        "error-of-last-failure",
        "R10",
        "the first healthy task that is read after a failed one has the failed one's reason",
    ): changes(_reason_of_last, {READ}, OK),
}
