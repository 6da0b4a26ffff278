"""Answers of another shape than the contract's schemas."""

from __future__ import annotations

import time

from octopusx_video_mock.messages import Request, Response

from tests.defects._defect import (
    CREATE,
    EXTEND,
    QUERY,
    READ,
    SUBMITS,
    UNIFIED,
    Answerer,
    Defect,
    Make,
    Server,
    contract,
    drop,
    edits,
    failed,
    mapped,
    put,
    renamed,
    running,
    succeeded,
)
from tests.support.faulty import Exchange, corrupts, response_properties


def _defect(name: str, rule: str, summary: str, make: Make) -> Defect:
    return Defect(name, "response schema", rule, summary, make)


def _text_time(seconds: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


def _corrupting(schema: str, property_: str) -> Make:
    defect = corrupts(contract(), schema, property_)

    def make(server: Server) -> Answerer:
        def answer(request: Request) -> Response:
            given = server.correct(request)
            headers = {name.decode(): value.decode("latin-1") for name, value in given.headers}
            exchange = Exchange(request.method, request.path.decode("latin-1"), given.status, headers, given.body)
            defect.answer(exchange)
            given.body = exchange.body
            return given

        return answer

    return make


def _rule_of(schema: str) -> str:
    return "R37" if "Error" in schema and schema != "VideoTaskError" else "R36"


_SUCCESSES = (
    _defect(
        "submit-without-id",
        "R36",
        "the unified submit answers task_id and no id",
        edits(renamed("id", "task_id"), frozenset({UNIFIED})),
    ),
    _defect(
        "submit-without-status",
        "R36",
        "createVideoExtension answers the id alone",
        edits(drop("status"), frozenset({CREATE})),
    ),
    _defect(
        "submit-id-null",
        "R36",
        "extendVideo answers before the upstream gave an id: id is null",
        edits(put(id=None), frozenset({EXTEND})),
    ),
    _defect(
        "submit-id-with-blank",
        "R36",
        "the unified submit's id begins with a blank",
        edits(mapped("id", lambda one: f" {one}"), frozenset({UNIFIED})),
    ),
    _defect(
        "submit-status-number", "R36", "extendVideo's status is a number", edits(put(status=1), frozenset({EXTEND}))
    ),
    _defect(
        "submit-in-data",
        "R36",
        "createVideoExtension's answer is wrapped in data",
        edits(lambda value: {"code": "success", "message": "", "data": value}, frozenset({CREATE})),
    ),
    _defect(
        "submit-time-milliseconds",
        "R13",
        "a submit's status_update_time is in milliseconds",
        edits(mapped("status_update_time", lambda at: at * 1000), SUBMITS),
    ),
    _defect(
        "submit-time-text",
        "R36",
        "extendVideo's status_update_time is a date as text",
        edits(mapped("status_update_time", _text_time), frozenset({EXTEND})),
    ),
    _defect(
        "read-state-for-status",
        "R36",
        "the OpenAI-format read calls the status state",
        edits(renamed("status", "state"), frozenset({READ})),
    ),
    _defect(
        "read-without-status-at-first",
        "R36",
        "a task that has made no progress yet is read without a status",
        edits(drop("status"), when=lambda value: value.get("progress") == 0),
    ),
    _defect(
        "read-in-list",
        "R36",
        "the OpenAI-format read answers a list of one task",
        edits(lambda value: [value], frozenset({READ})),
    ),
    _defect(
        "query-in-data-when-completed",
        "R36",
        "the unified read wraps a task in data once it has succeeded",
        edits(lambda value: {"data": value}, frozenset({QUERY}), when=succeeded),
    ),
    _defect(
        "query-camel-case",
        "R07",
        "the unified read writes videoUrl",
        edits(renamed("video_url", "videoUrl"), frozenset({QUERY})),
    ),
    _defect(
        "read-camel-case",
        "R08",
        "the OpenAI-format read writes videoUrl",
        edits(renamed("video_url", "videoUrl"), frozenset({READ})),
    ),
    _defect(
        "read-error-null",
        "R36",
        "error is null on a task that did not fail",
        edits(put(error=None), frozenset({READ}), when=lambda value: not failed(value)),
    ),
    _defect(
        "read-error-text",
        "R36",
        "the reason of a failure is text in place of an object",
        edits(mapped("error", lambda error: error["message"]), frozenset({READ}), when=failed),
    ),
    _defect(
        "read-address-null",
        "R36",
        "video_url is null on a running task of the OpenAI format",
        edits(put(video_url=None), frozenset({READ}), when=running),
    ),
    _defect(
        "read-progress-float",
        "R36",
        "progress has a half while a task runs",
        edits(mapped("progress", lambda percent: percent + 0.5), when=running),
    ),
    _defect(
        "query-progress-percent",
        "R36",
        "the unified read's progress is text such as 42% while the task runs",
        edits(mapped("progress", lambda percent: f"{percent}%"), frozenset({QUERY}), when=running),
    ),
    _defect(
        "read-progress-text-when-failed",
        "R36",
        "progress is text on a failed task",
        edits(mapped("progress", str), frozenset({READ}), when=failed),
    ),
    _defect(
        "read-progress-negative",
        "R36",
        "progress is -1 until the first percent",
        edits(mapped("progress", lambda percent: percent or -1), when=running),
    ),
    _defect(
        "read-progress-permille",
        "R36",
        "progress counts to a thousand",
        edits(mapped("progress", lambda percent: percent * 10), frozenset({READ})),
    ),
    _defect(
        "read-created-milliseconds",
        "R13",
        "created_at is in milliseconds",
        edits(mapped("created_at", lambda at: at * 1000), frozenset({READ})),
    ),
    _defect(
        "read-completed-milliseconds",
        "R13",
        "completed_at alone is in milliseconds",
        edits(mapped("completed_at", lambda at: at * 1000), frozenset({READ}), when=succeeded),
    ),
    _defect(
        "query-updated-milliseconds",
        "R13",
        "the unified read's status_update_time is in milliseconds once the task has ended",
        edits(
            mapped("status_update_time", lambda at: at * 1000),
            frozenset({QUERY}),
            when=lambda value: not running(value),
        ),
    ),
    _defect(
        "read-completed-text",
        "R36",
        "completed_at is a date as text once there is one",
        edits(mapped("completed_at", _text_time), frozenset({READ}), when=succeeded),
    ),
    _defect(
        "read-completed-null",
        "R36",
        "completed_at is null on a running task",
        edits(put(completed_at=None), frozenset({READ}), when=running),
    ),
    _defect(
        "read-expires-float",
        "R36",
        "expires_at has fractions of a second",
        edits(mapped("expires_at", lambda at: at + 0.25), frozenset({READ})),
    ),
    _defect(
        "query-updated-negative",
        "R36",
        "the unified read's status_update_time is -1 while the task runs",
        edits(put(status_update_time=-1), frozenset({QUERY}), when=running),
    ),
    _defect(
        "read-seconds-number",
        "R36",
        "seconds is a number once the video is there",
        edits(mapped("seconds", float), frozenset({READ}), when=succeeded),
    ),
    _defect(
        "read-output-text",
        "R36",
        "output is the address itself",
        edits(lambda value: {**value, "output": value.get("video_url")}, frozenset({READ}), when=succeeded),
    ),
    _defect(
        "read-metadata-null",
        "R36",
        "metadata is null while a task runs",
        edits(put(metadata=None), frozenset({READ}), when=running),
    ),
    _defect(
        "read-size-null",
        "R36",
        "size is null where the submit left it out",
        edits(lambda value: {"size": None, **value}, frozenset({READ})),
    ),
    _defect(
        "query-ratio-null",
        "R36",
        "ratio is null where the submit left it out",
        edits(lambda value: {"ratio": None, **value}, frozenset({QUERY}), when=succeeded),
    ),
    _defect(
        "query-thumbnail-null",
        "R36",
        "thumbnail_url is null on a failed task",
        edits(put(thumbnail_url=None), frozenset({QUERY}), when=failed),
    ),
    _defect(
        "status-unknown-at-start", "R14", "a submit answers the status accepted", edits(put(status="accepted"), SUBMITS)
    ),
    _defect(
        "status-unknown-running",
        "R14",
        "the unified read calls a running task rendering",
        edits(put(status="rendering"), frozenset({QUERY}), when=running),
    ),
    _defect(
        "status-upper-case-at-end",
        "R14",
        "the OpenAI-format read writes COMPLETED",
        edits(mapped("status", str.upper), frozenset({READ}), when=succeeded),
    ),
    _defect(
        "read-id-too-short",
        "R36",
        "the unified read answers an empty id once the task has failed",
        edits(put(id=""), frozenset({QUERY}), when=failed),
    ),
)

_TYPES = tuple(
    _defect(
        f"schema-{schema}-{property_}",
        _rule_of(schema),
        f"{property_} of {schema} has another type",
        _corrupting(schema, property_),
    )
    for schema, property_ in response_properties(contract())
)

DEFECTS = (*_SUCCESSES, *_TYPES)
