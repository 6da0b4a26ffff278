"""Error responses that do not match the schemas of the contract."""

from __future__ import annotations

from typing import Any

from tests.defects._defect import (
    ALL,
    CONTENT,
    EXTEND,
    OK,
    QUERY,
    READ,
    READS,
    REFUSED,
    SUBMITS,
    Case,
    Table,
    changes,
    drop,
    edits,
    put,
)


def _is_task_like(value: Any) -> bool:
    return "data" in value


def _is_openai_like(value: Any) -> bool:
    return "error" in value


def _without_id(case: Case) -> None:
    case.header(b"x-oneapi-request-id", None)


def _with_gateway_type(value: Any) -> Any:
    return {**value, "error": {**value["error"], "type": "new_api_error"}}


DEFECTS: Table = {
    ("error-in-both-shapes", "R37", "a refusal has the fields of both shapes"): edits(
        lambda value: {**value, "error": {"message": value["message"], "type": "new_api_error"}},
        ALL,
        REFUSED,
        _is_task_like,
    ),
    ("error-as-text", "R37", "a 401 has the reason as text in error"): edits(
        lambda value: {"error": value["error"]["message"]}, ALL, {401}
    ),
    ("error-as-detail", "R37", "an invalid body is refused with detail, as a framework's default has it"): edits(
        lambda value: {"detail": value["message"]}, SUBMITS, {400}, _is_task_like
    ),
    ("error-as-success-false", "R37", "an unknown task is refused with success and message"): edits(
        lambda value: {"success": False, "message": value["message"]}, READS, {400}, _is_task_like
    ),
    ("error-without-data", "R37", "the unified read leaves out data of an unknown task"): edits(
        drop("data"), {QUERY}, {400}
    ),
    ("error-data-object", "R37", "data is an empty object in a submit's refusals"): edits(
        put(data={}), SUBMITS, {400}, _is_task_like
    ),
    ("error-code-number", "R37", "the code of a refused submit is its status"): edits(
        put(code=400), SUBMITS, {400}, _is_task_like
    ),
    ("error-type-missing", "R37", "a 404 of the content has no type"): edits(
        lambda value: {"error": drop("type")(value["error"])}, {CONTENT}, {404}
    ),
    ("error-message-list", "R37", "the message of a malformed body is a list"): edits(
        lambda value: {"error": {**value["error"], "message": [value["error"]["message"]]}},
        SUBMITS,
        {400},
        _is_openai_like,
    ),
    ("error-empty-object", "R37", "a 403 is an empty object"): edits(lambda _: {}, ALL, {403}),
    ("error-param-list", "R37", "the param of a 503 is a list"): edits(
        lambda value: {"error": {**value["error"], "param": []}}, ALL, {503}, _is_openai_like
    ),
    ("error-message-empty", "R31", "a 401 has an empty message"): edits(
        lambda value: {"error": {**value["error"], "message": ""}}, ALL, {401}
    ),
    ("error-message-empty-at-content", "R31", "the content of a running task is refused without a word"): edits(
        lambda value: {"error": {**value["error"], "message": ""}}, {CONTENT}, {400}, _is_openai_like
    ),
    ("error-message-empty-at-validation", "R31", "an invalid body is refused without a word"): edits(
        put(message=""), SUBMITS, {400}, _is_task_like
    ),
    ("unknown-task-code", "R21", "the OpenAI-format read says not_found of an unknown task, with 400"): edits(
        put(code="not_found"), {READ}, {400}
    ),
    ("unknown-task-without-code", "R21", "the unified read refuses an unknown task in the OpenAI-like shape"): edits(
        lambda value: {"error": {"message": value["message"], "type": "invalid_request_error"}},
        {QUERY},
        {400},
        _is_task_like,
    ),
    ("unknown-source-code", "R22", "a submit says invalid_request of an unknown source"): edits(
        put(code="invalid_request"), SUBMITS, {400}, lambda value: value.get("code") == "task_not_exist"
    ),
    ("unfinished-source-code", "R22", "extendVideo says source_not_ready of a source that runs"): edits(
        put(code="source_not_ready"), {EXTEND}, {400}, lambda value: value.get("code") == "fail_to_fetch_task"
    ),
    ("unfinished-content-type", "R23", "the content of a running task is refused as new_api_error"): edits(
        _with_gateway_type, {CONTENT}, {400}, _is_openai_like
    ),
    ("request-id-missing", "R33", "no response carries a request id"): changes(_without_id),
    ("request-id-missing-on-errors", "R33", "refusals carry no request id"): changes(_without_id, ALL, REFUSED),
    ("request-id-missing-on-content", "R33", "the content is sent without a request id"): changes(
        _without_id, {CONTENT}, OK | {206}
    ),
}
