"""Answers with another status than the contract has for them."""

from __future__ import annotations

from collections.abc import Callable

from tests.defects._defect import (
    ALL,
    CONTENT,
    CREATE,
    EXTEND,
    OK,
    QUERY,
    READ,
    READS,
    SUBMITS,
    UNIFIED,
    Case,
    Defect,
    Make,
    changes,
    failed,
    restates,
    running,
)

_INVALID = frozenset({400})
_TASK_NOT_EXIST, _NOT_FINISHED, _INVALID_REQUEST = "task_not_exist", "fail_to_fetch_task", "invalid_request"


def _defect(name: str, rule: str, summary: str, make: Make) -> Defect:
    return Defect(name, "status", rule, summary, make)


def _says(code: str) -> Callable[[Case], bool]:
    """Whether a refusal has this code."""
    return lambda case: case.value.get("code") == code


def _is_malformed(case: Case) -> bool:
    return "error" in case.value


def _has_media_type(media_type: bytes) -> Callable[[Case], bool]:
    return lambda case: media_type in (case.request.header(b"content-type") or b"")


def _is_no_json(case: Case) -> bool:
    return not _has_media_type(b"json")(case)


def _no_content(case: Case) -> None:
    if running(case.value):
        case.answer.status, case.answer.body = 204, b""
        case.header(b"content-type", None)


def _empty(case: Case) -> None:
    case.answer.status, case.answer.body = 200, b""
    case.header(b"content-type", b"video/mp4")


def _accepted_while_running(case: Case) -> None:
    if "not completed" in case.value["error"]["message"]:
        case.answer.status = 202


DEFECTS = (
    _defect("submit-201", "R38", "extendVideo answers 201", restates(201, frozenset({EXTEND}), OK)),
    _defect("submit-202", "R38", "every submit answers 202, for it is asynchronous", restates(202, SUBMITS, OK)),
    _defect(
        "submit-202-unified", "R38", "the unified submit alone answers 202", restates(202, frozenset({UNIFIED}), OK)
    ),
    _defect(
        "read-202-while-running",
        "R38",
        "a running task is read with 202",
        restates(202, READS, OK, lambda case: running(case.value)),
    ),
    _defect(
        "read-204-while-running",
        "R38",
        "the OpenAI-format read answers 204 until the task has ended",
        changes(_no_content, frozenset({READ}), OK),
    ),
    _defect(
        "read-410-of-failed",
        "R38",
        "a failed task is read with 410",
        restates(410, frozenset({QUERY}), OK, lambda case: failed(case.value)),
    ),
    _defect(
        "read-500-of-failed",
        "R44",
        "a failed task is read with 500",
        restates(500, frozenset({READ}), OK, lambda case: failed(case.value)),
    ),
    _defect("read-203", "R38", "the unified read answers 203", restates(203, frozenset({QUERY}), OK)),
    _defect(
        "invalid-422",
        "R41",
        "an invalid body is refused with 422",
        restates(422, SUBMITS, _INVALID, _says(_INVALID_REQUEST)),
    ),
    _defect(
        "invalid-422-on-create",
        "R41",
        "createVideoExtension refuses an invalid body with 422",
        restates(422, frozenset({CREATE}), _INVALID, _says(_INVALID_REQUEST)),
    ),
    _defect(
        "invalid-500",
        "R44",
        "an invalid body breaks extendVideo",
        restates(500, frozenset({EXTEND}), _INVALID, _says(_INVALID_REQUEST)),
    ),
    _defect(
        "invalid-200",
        "R41",
        "the unified submit tells of an invalid body with 200",
        restates(200, frozenset({UNIFIED}), _INVALID, _says(_INVALID_REQUEST)),
    ),
    _defect(
        "malformed-422",
        "R27",
        "a body that is not JSON is refused with 422",
        restates(422, SUBMITS, _INVALID, _is_malformed),
    ),
    _defect(
        "malformed-500",
        "R44",
        "a body that is not JSON breaks createVideoExtension",
        restates(500, frozenset({CREATE}), _INVALID, _is_malformed),
    ),
    _defect(
        "media-type-415",
        "R42",
        "a body of another media type is refused with 415",
        restates(415, SUBMITS, _INVALID, _is_no_json),
    ),
    _defect(
        "media-type-500-of-form",
        "R44",
        "a form breaks the unified submit",
        restates(500, frozenset({UNIFIED}), _INVALID, _has_media_type(b"form")),
    ),
    _defect(
        "too-large-500", "R44", "a body that is too large breaks the submits", restates(500, SUBMITS, frozenset({413}))
    ),
    _defect(
        "unknown-task-200",
        "R46",
        "the unified read tells of an unknown task with 200",
        restates(200, frozenset({QUERY}), _INVALID),
    ),
    _defect(
        "unknown-task-500",
        "R44",
        "an unknown task breaks the OpenAI-format read",
        restates(500, frozenset({READ}), _INVALID),
    ),
    _defect("unknown-task-403", "R46", "an unknown task is forbidden", restates(403, READS, _INVALID)),
    _defect("unknown-task-410", "R46", "an unknown task is gone", restates(410, READS, _INVALID)),
    _defect(
        "unknown-source-422",
        "R46",
        "a submit refuses an unknown source with 422",
        restates(422, SUBMITS, _INVALID, _says(_TASK_NOT_EXIST)),
    ),
    _defect(
        "unknown-source-500",
        "R44",
        "an unknown source breaks extendVideo",
        restates(500, frozenset({EXTEND}), _INVALID, _says(_TASK_NOT_EXIST)),
    ),
    _defect(
        "unfinished-source-409",
        "R47",
        "a source that has not succeeded is a conflict",
        restates(409, SUBMITS, _INVALID, _says(_NOT_FINISHED)),
    ),
    _defect(
        "unfinished-source-200",
        "R47",
        "createVideoExtension tells with 200 of a source that runs",
        restates(200, frozenset({CREATE}), _INVALID, _says(_NOT_FINISHED)),
    ),
    _defect(
        "unknown-content-200",
        "R46",
        "the content of an unknown task is empty",
        changes(_empty, frozenset({CONTENT}), frozenset({404})),
    ),
    _defect(
        "unknown-content-500",
        "R44",
        "the content of an unknown task breaks the server",
        restates(500, frozenset({CONTENT}), frozenset({404})),
    ),
    _defect(
        "unfinished-content-202",
        "R38",
        "the content of a running task answers 202",
        changes(_accepted_while_running, frozenset({CONTENT}), _INVALID),
    ),
    _defect(
        "unfinished-content-409",
        "R38",
        "the content of a task that has not succeeded is a conflict",
        restates(409, frozenset({CONTENT}), _INVALID),
    ),
    _defect(
        "expired-410",
        "R38",
        "the content that has expired is gone",
        restates(410, frozenset({CONTENT}), frozenset({502})),
    ),
    _defect(
        "range-past-end-400",
        "R34",
        "a Range past the end is an invalid request",
        restates(400, frozenset({CONTENT}), frozenset({416})),
    ),
    _defect("quota-402", "R38", "a balance that is too low is 402", restates(402, SUBMITS, frozenset({403}))),
    _defect("rate-limit-409", "R38", "a submit too many is a conflict", restates(409, SUBMITS, frozenset({429}))),
    _defect(
        "unavailable-504",
        "R38",
        "the unified read says 504 where it is unavailable",
        restates(504, frozenset({QUERY}), frozenset({503})),
    ),
    _defect("no-key-400", "R02", "a missing key is an invalid request", restates(400, ALL, frozenset({401}))),
)
