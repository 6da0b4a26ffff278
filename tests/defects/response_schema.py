"""Success responses that do not match the schemas of the contract."""

from __future__ import annotations

import json
import re
import time
from typing import Any

from octopusx_video_mock.messages import Request, Response

from tests.defects._defect import (
    CONTENT,
    CREATE,
    DAY,
    EXTEND,
    LIFE,
    OK,
    QUERY,
    READ,
    SUBMITS,
    UNIFIED,
    Case,
    Json,
    Make,
    Server,
    Table,
    changes,
    contract,
    drop,
    edits,
    failed,
    handles,
    mapped,
    put,
    renamed,
    running,
    succeeded,
)
from tests.defects._tasks import Made, task_reads
from tests.support.faulty import Exchange, corrupts, response_properties


def _text_time(seconds: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


def _corrupting(schema: str, property_: str) -> Make:
    defect = corrupts(contract(), schema, property_)

    def handle(server: Server, request: Request) -> Response:
        given = server.correct(request)
        headers = {name.decode(): value.decode("latin-1") for name, value in given.headers}
        exchange = Exchange(request.method, request.path.decode("latin-1"), given.status, headers, given.body)
        defect.answer(exchange)
        given.body = exchange.body
        return given

    return handles(handle)


def _rule_of(schema: str) -> str:
    return "R37" if "Error" in schema and schema != "VideoTaskError" else "R36"


def _sexagesimal(case: Case, made: Made, value: Json) -> Json:
    """YAML 1.1 reads 9:16 as so many seconds."""
    match = re.fullmatch(r"(\d{1,2}):([0-5]\d)", str(value.get("ratio", "")))
    return {"ratio": int(match[1]) * 60 + int(match[2])} if match else {}


def _number_of_max(case: Case, made: Made, value: Json) -> Json:
    return {"seconds": int(float(value["seconds"]))} if made.is_max and "seconds" in value else {}


def _no_expiry_once_past(case: Case, made: Made, value: Json) -> Json:
    return {"expires_at": None} if made.age(case.server) >= DAY else {}


def _created_as_text(case: Case, made: Made, value: Json) -> Json:
    return {"created_at": str(value["created_at"])} if made.operation == CREATE and "created_at" in value else {}


def _with_fraction(case: Case) -> None:
    case.value = {**case.value, "status_update_time": int(case.server.now) + 0.482913}


def _server_error_of_failed(case: Case) -> None:
    if "failed" in case.value.get("error", {}).get("message", ""):
        case.value = {"error": {"message": "the task has failed and has no video", "type": "server_error"}}


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
    return {"progress": int(100 * min(made.age(case.server), LIFE.lasts) / 120)}


def _archive_status(case: Case, made: Made, value: Json) -> Json:
    return {"status": "archived", "video_url": None} if made.since_end(case.server) > 2 * DAY else {}


def _news_alone(case: Case) -> None:
    value = case.value
    place = case.task, case.response.operation
    reported: dict[Any, Json] = case.memory.setdefault("told", {})
    if reported.get(place) == value.get("status"):
        case.value = drop("status")(value)
    reported[place] = value.get("status")


def _expires_in_milliseconds(case: Case, made: Made, value: Json) -> Json:
    return {"expires_at": value["expires_at"] * 1000} if made.is_max and value.get("expires_at") else {}


DEFECTS: Table = {
    ("submit-without-id", "R36", "the unified submit returns task_id and no id"): edits(
        renamed("id", "task_id"), {UNIFIED}
    ),
    ("submit-without-status", "R36", "createVideoExtension returns the id alone"): edits(drop("status"), {CREATE}),
    ("submit-id-null", "R36", "extendVideo responds before the upstream gave an id: id is null"): edits(
        put(id=None), {EXTEND}
    ),
    ("submit-id-with-blank", "R36", "the unified submit's id begins with a blank"): edits(
        mapped("id", lambda one: f" {one}"), {UNIFIED}
    ),
    ("submit-status-number", "R36", "extendVideo's status is a number"): edits(put(status=1), {EXTEND}),
    ("submit-in-data", "R36", "createVideoExtension's response is wrapped in data"): edits(
        lambda value: {"code": "success", "message": "", "data": value}, {CREATE}
    ),
    ("submit-time-milliseconds", "R13", "a submit's status_update_time is in milliseconds"): edits(
        mapped("status_update_time", lambda at: at * 1000), SUBMITS
    ),
    ("submit-time-text", "R36", "extendVideo's status_update_time is a date as text"): edits(
        mapped("status_update_time", _text_time), {EXTEND}
    ),
    ("read-state-for-status", "R36", "the OpenAI-format read calls the status state"): edits(
        renamed("status", "state"), {READ}
    ),
    ("read-without-status-at-first", "R36", "a task that has made no progress yet is read without a status"): edits(
        drop("status"), when=lambda value: value.get("progress") == 0
    ),
    ("read-in-list", "R36", "the OpenAI-format read returns a list of one task"): edits(lambda value: [value], {READ}),
    ("query-in-data-when-completed", "R36", "the unified read wraps a task in data once it has succeeded"): edits(
        lambda value: {"data": value}, {QUERY}, when=succeeded
    ),
    ("query-camel-case", "R07", "the unified read writes videoUrl"): edits(renamed("video_url", "videoUrl"), {QUERY}),
    ("read-camel-case", "R08", "the OpenAI-format read writes videoUrl"): edits(
        renamed("video_url", "videoUrl"), {READ}
    ),
    ("read-error-null", "R36", "error is null on a task that did not fail"): edits(
        put(error=None), {READ}, when=lambda value: not failed(value)
    ),
    ("read-error-text", "R36", "the reason of a failure is text in place of an object"): edits(
        mapped("error", lambda error: error["message"]), {READ}, when=failed
    ),
    ("read-address-null", "R36", "video_url is null on a running task of the OpenAI format"): edits(
        put(video_url=None), {READ}, when=running
    ),
    ("read-progress-float", "R36", "progress has a half while a task runs"): edits(
        mapped("progress", lambda percent: percent + 0.5), when=running
    ),
    ("query-progress-percent", "R36", "the unified read's progress is text such as 42% while the task runs"): edits(
        mapped("progress", lambda percent: f"{percent}%"), {QUERY}, when=running
    ),
    ("read-progress-text-when-failed", "R36", "progress is text on a failed task"): edits(
        mapped("progress", str), {READ}, when=failed
    ),
    ("read-progress-negative", "R36", "progress is -1 until the first percent"): edits(
        mapped("progress", lambda percent: percent or -1), when=running
    ),
    ("read-progress-permille", "R36", "progress counts to a thousand"): edits(
        mapped("progress", lambda percent: percent * 10), {READ}
    ),
    ("read-created-milliseconds", "R13", "created_at is in milliseconds"): edits(
        mapped("created_at", lambda at: at * 1000), {READ}
    ),
    ("read-completed-milliseconds", "R13", "completed_at alone is in milliseconds"): edits(
        mapped("completed_at", lambda at: at * 1000), {READ}, when=succeeded
    ),
    (
        "query-updated-milliseconds",
        "R13",
        "the unified read's status_update_time is in milliseconds once the task has ended",
    ): edits(mapped("status_update_time", lambda at: at * 1000), {QUERY}, when=lambda value: not running(value)),
    ("read-completed-text", "R36", "completed_at is a date as text once there is one"): edits(
        mapped("completed_at", _text_time), {READ}, when=succeeded
    ),
    ("read-completed-null", "R36", "completed_at is null on a running task"): edits(
        put(completed_at=None), {READ}, when=running
    ),
    ("read-expires-float", "R36", "expires_at has fractions of a second"): edits(
        mapped("expires_at", lambda at: at + 0.25), {READ}
    ),
    ("query-updated-negative", "R36", "the unified read's status_update_time is -1 while the task runs"): edits(
        put(status_update_time=-1), {QUERY}, when=running
    ),
    ("read-seconds-number", "R36", "seconds is a number once the video is there"): edits(
        mapped("seconds", float), {READ}, when=succeeded
    ),
    ("read-output-text", "R36", "output is the address itself"): edits(
        lambda value: {**value, "output": value.get("video_url")}, {READ}, when=succeeded
    ),
    ("read-metadata-null", "R36", "metadata is null while a task runs"): edits(
        put(metadata=None), {READ}, when=running
    ),
    ("read-size-null", "R36", "size is null where the submit left it out"): edits(
        lambda value: {"size": None, **value}, {READ}
    ),
    ("query-ratio-null", "R36", "ratio is null where the submit left it out"): edits(
        lambda value: {"ratio": None, **value}, {QUERY}, when=succeeded
    ),
    ("query-thumbnail-null", "R36", "thumbnail_url is null on a failed task"): edits(
        put(thumbnail_url=None), {QUERY}, when=failed
    ),
    ("status-unknown-at-start", "R14", "a submit returns the status accepted"): edits(put(status="accepted"), SUBMITS),
    ("status-unknown-running", "R14", "the unified read calls a running task rendering"): edits(
        put(status="rendering"), {QUERY}, when=running
    ),
    ("status-upper-case-at-end", "R14", "the OpenAI-format read writes COMPLETED"): edits(
        mapped("status", str.upper), {READ}, when=succeeded
    ),
    ("read-id-too-short", "R36", "the unified read returns an empty id once the task has failed"): edits(
        put(id=""), {QUERY}, when=failed
    ),
    **{
        (f"schema-{schema}-{property_}", _rule_of(schema), f"{property_} of {schema} has another type"): _corrupting(
            schema, property_
        )
        for schema, property_ in response_properties(contract())
    },
}

RARE: Table = {
    ("ratio-sexagesimal", "R36", "a ratio such as 9:16 is returned as a number"): task_reads(_sexagesimal, {QUERY}),
    ("seconds-number-of-max", "R36", "seconds is a number with grok-video-3-max"): task_reads(_number_of_max, {READ}),
    ("expiry-null-once-past", "R36", "expires_at is null once it has passed"): task_reads(_no_expiry_once_past, {READ}),
    ("created-text-of-create", "R36", "created_at of a task of createVideoExtension is text"): task_reads(
        _created_as_text, {READ}
    ),
    ("query-failed-in-upper-case", "R14", "the unified read calls a failed task FAILED"): edits(
        put(status="FAILED"), {QUERY}, when=failed
    ),
    ("submit-time-with-fraction", "R36", "the unified submit's status_update_time has a fraction"): changes(
        _with_fraction, {UNIFIED}, OK
    ),
    ("content-of-failed-as-server-error", "R23", "the content of a failed task is refused as server_error"): changes(
        _server_error_of_failed, {CONTENT}, {400}
    ),
    ("part-without-request-id", "R33", "a part of the content carries no request id"): changes(
        lambda case: case.header(b"x-oneapi-request-id", None), {CONTENT}, {206}
    ),
    (
        "prompt-of-digits-as-number",
        "R36",
        "a prompt that is a number, or true, is returned as one and not as text",
    ): edits(mapped("prompt", _plain_scalar), {QUERY}),
    ("progress-fraction-at-last", "R36", "progress has a fraction in the last percents of a running task"): edits(
        _last_percents, when=running
    ),
    (
        "progress-past-estimate-of-max",
        "R36",
        "progress counts by an estimate of two minutes, and past a hundred, with grok-video-3-max",
    ): task_reads(_past_estimate),
    (
        "query-archived-after-two-days",
        "R14",
        "the unified read calls a task archived two days after its end",
    ): task_reads(_archive_status, {QUERY}),
    ("query-progress-null-of-failed", "R36", "the unified read's progress is null on a failed task"): edits(
        put(progress=None), {QUERY}, when=failed
    ),
    ("size-number-of-1080p", "R36", "a size of 1080P is returned as the number 1080"): edits(
        put(size=1080), {READ}, when=lambda value: value.get("size") == "1080P"
    ),
    ("unchanged-status-left-out", "R36", "the OpenAI-format read leaves out a status that it returned before"): changes(
        _news_alone, {READ}, OK
    ),
    ("expires-in-milliseconds-of-max", "R13", "expires_at is in milliseconds with grok-video-3-max"): task_reads(
        _expires_in_milliseconds, {READ}
    ),
}
