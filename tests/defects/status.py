"""Responses with another status than the contract lists for the case."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

from octopusx_video_mock.messages import Request, Response

from tests.defects._concurrency import beside
from tests.defects._defect import (
    ALL,
    CONTENT,
    CONTENT_TYPE,
    CREATE,
    DAY,
    EXTEND,
    EXTENDS,
    JSON,
    OK,
    QUERY,
    RANGE,
    READ,
    READS,
    SUBMITS,
    UNIFIED,
    Case,
    Handler,
    Json,
    Make,
    Operations,
    Server,
    Statuses,
    Table,
    changes,
    drop,
    edits,
    failed,
    handles,
    named,
    restates,
    running,
    sent,
)
from tests.defects._requests import (
    Body,
    breaks,
    code,
    images_of,
    is_malformed,
    prompt_of,
    refusing,
    start_of,
)
from tests.defects._tasks import Made, for_task, is_of_others, not_yet, note, source_of, unbilled, with_status
from tests.support import documents

_TASK_NOT_EXIST = "task_not_exist"
_NOT_FINISHED = "fail_to_fetch_task"
_INVALID_REQUEST = "invalid_request"
_REQUIRED = {EXTEND: {"model", "prompt"}, UNIFIED: {"model", "prompt", "task_id"}}


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
        case.response.status, case.response.body = 204, b""
        case.header(b"content-type", None)


def _empty(case: Case) -> None:
    case.response.status, case.response.body = 200, b""
    case.header(b"content-type", b"video/mp4")


def _accepted_while_running(case: Case) -> None:
    if "not completed" in case.value["error"]["message"]:
        case.response.status = 202


def _id_is_missing(case: Case) -> bool:
    return b"id is missing" in case.response.body


def _without_id_header(case: Case) -> None:
    case.header(b"x-oneapi-request-id", None)


def _code_as_number(value: Any) -> Any:
    return {**value, "error": {**value["error"], "code": 429}} if "error" in value else {**value, "code": 429}


def _invalid(case: Case) -> bool:
    return bool(code(case) == "invalid_request")


def _others_content(case: Case) -> None:
    server, engine = case.server, case.server.mock.engine
    key, task = engine.credentials.key_of(case.request), named(case.request)
    if key is not None and any(
        engine.tasks.find(task, owner) for owner in (server.key, server.other_key) if owner != key
    ):
        case.response.status = 403


def _blank(text: Any) -> bool:
    return isinstance(text, str) and not text.strip()


def _no_message(value: Json) -> Json:
    return {**value, "error": {**value["error"], "message": ""}} if "error" in value else {**value, "message": ""}


def _instead(status: int, when: Callable[[Case], bool], of: Operations, statuses: Statuses) -> Make:
    def change(case: Case) -> None:
        if when(case):
            case.become(with_status(case.server, case.request, status))

    return changes(change, of, statuses)


def _has_range(case: Case) -> bool:
    return (case.request.header(RANGE) or b"").lower().startswith(b"bytes=")


def _not_made(status: int, when: Callable[[Server, Request, Made | None], bool], of: Operations = SUBMITS) -> Make:
    """A server that responds so, in place of making a task; ``when`` is given a source of its own."""

    def make(server: Server) -> Handler:
        memory: dict[str, Any] = {"made": {}}

        def handle(request: Request) -> Response:
            source = memory["made"].get(source_of(request))
            if server.operation(request) not in of or not when(server, request, source):
                given = server.correct(request)
                note(server, memory, request, given)
                return given
            given = unbilled(server, request)
            return with_status(server, request, status) if given.status == 200 else given

        return handle

    return make


def _many_images(server: Server, request: Request, source: Made | None) -> bool:
    images = sent(request).get("images")
    return isinstance(images, list) and len(images) > 6


def _unlisted_object(server: Server, request: Request, source: Made | None) -> bool:
    operation = server.contract.operations[server.operation(request) or EXTEND]
    schema = documents.body_schema(operation)
    listed = documents.resolve(server.contract, schema)["properties"]
    return any(isinstance(one, dict) and name not in listed for name, one in sent(request).items())


def _expired_as_success(case: Case, made: Made) -> None:
    if made.age(case.server) >= DAY:
        case.response.status = 200


@handles
def _wall(server: Server, request: Request) -> Response:
    """A firewall in front, which sees an injection in an id with a quote or a bracket."""
    given = server.correct(request)
    suspicious = re.search(r"['();]", named(request)) is not None
    if given.operation in READS and given.status in {400, 404} and suspicious:
        given.status, given.body = 403, b'{"error":{"message":"request blocked","type":"new_api_error","code":""}}'
    return given


def _all_there(case: Case) -> bool:
    operation = case.response.operation or ""
    return case.value.get("code") == "invalid_request" and _REQUIRED[operation] <= set(sent(case.request))


def _gone_quietly(case: Case) -> None:
    case.response.status, case.response.body = 204, b""
    case.header(CONTENT_TYPE, None)


def _no_object(request: Request) -> bool:
    try:
        return not isinstance(json.loads(request.body or b"{}"), dict)
    except ValueError:
        return False


def _range_refused(case: Case) -> None:
    wanted = case.request.header(RANGE) or b"bytes=0-"
    if not re.fullmatch(rb"(?i)bytes=\s*(\d+-\d*|-\d+)(\s*,\s*(\d+-\d*|-\d+))*\s*", wanted):
        case.response.status = 400
        case.response.body = b'{"error":{"message":"invalid Range","type":"invalid_request_error"}}'
        case.header(CONTENT_TYPE, JSON)


def _breaking(when: Callable[[Body, Request], bool], of: Operations = SUBMITS) -> Make:
    """A server that breaks over a submit."""
    return refusing(when, of, status=500)


def _raw_has(text: bytes) -> Callable[[Body, Request], bool]:
    return lambda _, request: text in (request.body or b"").lower()


def _broken(server: Server, request: Request, _: Request) -> Response:
    response = server.correct(request)
    return Response(
        500, response.headers, b'{"error":{"message":"database is locked","type":"new_api_error","code":""}}'
    )


DEFECTS: Table = {
    ("submit-201", "R38", "extendVideo returns 201"): restates(201, {EXTEND}, OK),
    ("submit-202", "R38", "every submit returns 202, for it is asynchronous"): restates(202, SUBMITS, OK),
    ("submit-202-unified", "R38", "the unified submit alone returns 202"): restates(202, {UNIFIED}, OK),
    ("read-202-while-running", "R38", "a running task is read with 202"): restates(
        202, READS, OK, lambda case: running(case.value)
    ),
    ("read-204-while-running", "R38", "the OpenAI-format read returns 204 until the task has ended"): changes(
        _no_content, {READ}, OK
    ),
    ("read-410-of-failed", "R38", "a failed task is read with 410"): restates(
        410, {QUERY}, OK, lambda case: failed(case.value)
    ),
    ("read-500-of-failed", "R44", "a failed task is read with 500"): restates(
        500, {READ}, OK, lambda case: failed(case.value)
    ),
    ("read-203", "R38", "the unified read returns 203"): restates(203, {QUERY}, OK),
    ("invalid-422", "R41", "an invalid body is refused with 422"): restates(
        422, SUBMITS, {400}, _says(_INVALID_REQUEST)
    ),
    ("invalid-422-on-create", "R41", "createVideoExtension refuses an invalid body with 422"): restates(
        422, {CREATE}, {400}, _says(_INVALID_REQUEST)
    ),
    ("invalid-500", "R44", "an invalid body breaks extendVideo"): restates(
        500, {EXTEND}, {400}, _says(_INVALID_REQUEST)
    ),
    ("invalid-200", "R41", "the unified submit reports an invalid body with 200"): restates(
        200, {UNIFIED}, {400}, _says(_INVALID_REQUEST)
    ),
    ("malformed-422", "R27", "a body that is not JSON is refused with 422"): restates(
        422, SUBMITS, {400}, _is_malformed
    ),
    ("malformed-500", "R44", "a body that is not JSON breaks createVideoExtension"): restates(
        500, {CREATE}, {400}, _is_malformed
    ),
    ("media-type-415", "R42", "a body of another media type is refused with 415"): restates(
        415, SUBMITS, {400}, _is_no_json
    ),
    ("media-type-500-of-form", "R44", "a form breaks the unified submit"): restates(
        500, {UNIFIED}, {400}, _has_media_type(b"form")
    ),
    ("too-large-500", "R44", "a body that is too large breaks the submits"): restates(500, SUBMITS, {413}),
    ("unknown-task-200", "R46", "the unified read reports an unknown task with 200"): restates(200, {QUERY}, {400}),
    ("unknown-task-500", "R44", "an unknown task breaks the OpenAI-format read"): restates(500, {READ}, {400}),
    ("unknown-task-403", "R46", "an unknown task is forbidden"): restates(403, READS, {400}),
    ("unknown-task-410", "R46", "an unknown task is gone"): restates(410, READS, {400}),
    ("unknown-source-422", "R46", "a submit refuses an unknown source with 422"): restates(
        422, SUBMITS, {400}, _says(_TASK_NOT_EXIST)
    ),
    ("unknown-source-500", "R44", "an unknown source breaks extendVideo"): restates(
        500, {EXTEND}, {400}, _says(_TASK_NOT_EXIST)
    ),
    ("unfinished-source-409", "R47", "a source that has not succeeded is a conflict"): restates(
        409, SUBMITS, {400}, _says(_NOT_FINISHED)
    ),
    ("unfinished-source-200", "R47", "createVideoExtension reports with 200 that its source runs"): restates(
        200, {CREATE}, {400}, _says(_NOT_FINISHED)
    ),
    ("unknown-content-200", "R46", "the content of an unknown task is empty"): changes(_empty, {CONTENT}, {404}),
    ("unknown-content-500", "R44", "the content of an unknown task breaks the server"): restates(500, {CONTENT}, {404}),
    ("unfinished-content-202", "R38", "the content of a running task gets 202"): changes(
        _accepted_while_running, {CONTENT}, {400}
    ),
    ("unfinished-content-409", "R38", "the content of a task that has not succeeded is a conflict"): restates(
        409, {CONTENT}, {400}
    ),
    ("expired-410", "R38", "the content that has expired is gone"): restates(410, {CONTENT}, {502}),
    ("range-past-end-400", "R34", "a Range past the end is an invalid request"): restates(400, {CONTENT}, {416}),
    ("quota-402", "R38", "a balance that is too low is 402"): restates(402, SUBMITS, {403}),
    ("rate-limit-409", "R38", "a submit too many is a conflict"): restates(409, SUBMITS, {429}),
    ("unavailable-504", "R38", "the unified read says 504 where it is unavailable"): restates(504, {QUERY}, {503}),
    ("no-key-400", "R02", "a missing key is an invalid request"): restates(400, ALL, {401}),
}

RARE: Table = {
    ("id-missing-422", "R41", "the unified read without an id is refused with 422"): restates(
        422, {QUERY}, {400}, _id_is_missing
    ),
    ("malformed-200-on-unified", "R27", "the unified submit reports with 200 that a body is not JSON"): restates(
        200, {UNIFIED}, {400}, is_malformed
    ),
    ("nul-in-id-breaks", "R44", "an id with a NUL breaks the reads, whose database takes none"): breaks(
        lambda request: b"%00" in request.path + request.query, READS
    ),
    ("empty-body-breaks", "R44", "an empty body breaks extendVideo"): breaks(
        lambda request: request.body == b"", {EXTEND}
    ),
    (
        "unauthorized-without-request-id",
        "R33",
        "a 401 carries no request id, the key is looked at before it is given",
    ): changes(_without_id_header, ALL, {401}),
    ("rate-limit-code-as-number", "R37", "the code of a 429 is the number 429"): edits(_code_as_number, ALL, {429}),
    ("only-unknown-source-403-on-create", "R46", "createVideoExtension forbids an unknown source"): restates(
        403, {CREATE}, {400}, lambda case: code(case) == "task_not_exist"
    ),
    ("only-others-content-403", "R20", "the content of another account's task is forbidden"): changes(
        _others_content, {CONTENT}, {404}
    ),
    ("only-running-source-503-on-create", "R47", "createVideoExtension says 503 of a source that runs"): restates(
        503, {CREATE}, {400}, lambda case: code(case) == "fail_to_fetch_task"
    ),
    ("only-video-missing-404", "R41", "createVideoExtension responds with 404 to a body without a video"): restates(
        404,
        {CREATE},
        {400},
        lambda case: _invalid(case) and bool(sent(case.request)) and "video" not in sent(case.request),
    ),
    ("only-blank-prompt-403", "R41", "extendVideo forbids a blank prompt, as its filter has it"): restates(
        403, {EXTEND}, {400}, lambda case: _invalid(case) and _blank(sent(case.request).get("prompt"))
    ),
    ("only-empty-body-411", "R27", "createVideoExtension refuses an empty body with 411"): restates(
        411, {CREATE}, {400}, lambda case: case.request.body == b""
    ),
    ("only-416-without-message", "R31", "a 416 has an empty message"): edits(_no_message, {CONTENT}, {416}),
    ("only-413-without-data", "R37", "a body that is too large is refused without data"): edits(
        drop("data"), SUBMITS, {413}
    ),
    ("others-task-403", "R20", "a read of another account's task is forbidden"): _instead(
        403, is_of_others, READS, {400, 404}
    ),
    ("part-of-running-416", "R23", "a part of the content of a task that runs is refused with 416"): _instead(
        416, lambda case: _has_range(case) and not_yet(case), {CONTENT}, {400}
    ),
    ("part-of-unknown-416", "R46", "a part of the content of an unknown task is refused with 416"): _instead(
        416, _has_range, {CONTENT}, {404}
    ),
    ("expired-source-500", "R44", "a source whose video has expired breaks the submits"): _not_made(
        500, lambda server, _, source: source is not None and source.age(server) >= DAY
    ),
    ("chain-503", "R34", "createVideoExtension finds no channel for a source that was an extension itself"): _not_made(
        503, lambda _, __, source: source is not None, {CREATE}
    ),
    ("seven-images-500", "R44", "seven images break the extends"): _not_made(500, _many_images, EXTENDS),
    ("unlisted-object-500", "R44", "a field that is not listed and holds an object breaks the submits"): _not_made(
        500, _unlisted_object
    ),
    ("content-expired-200", "R39", "the content of a task that has expired is an error with status 200"): for_task(
        _expired_as_success, {CONTENT}, {502}
    ),
    ("quote-in-id-403", "R46", "the reads forbid ids with a quote, a bracket or a semicolon"): _wall,
    ("unknown-task-204", "R46", "the OpenAI-format read says with 204 that there is no such task"): changes(
        _gone_quietly, {READ}, {400}
    ),
    ("wrong-value-422", "R41", "the two extends refuse a wrong value with 422, and a missing one with 400"): restates(
        422, EXTENDS, {400}, _all_there
    ),
    (
        "unfinished-source-429",
        "R47",
        "the unified submit says 429 of a source that runs, to be tried again later",
    ): restates(429, {UNIFIED}, {400}, lambda case: case.value.get("code") == "fail_to_fetch_task"),
    ("body-no-object-breaks", "R44", "a body of JSON that is no object breaks createVideoExtension"): breaks(
        _no_object, {CREATE}
    ),
    ("range-unreadable-400", "R34", "a Range that can't be read is refused with 400"): changes(
        _range_refused, {CONTENT}, OK
    ),
    ("nul-in-prompt-breaks", "R44", "a prompt with a zero character breaks the server"): _breaking(
        lambda body, _: "\0" in prompt_of(body)
    ),
    ("escaped-emoji-breaks", "R44", "an emoji that is escaped, as two halves, breaks the server"): _breaking(
        _raw_has(b"\\ud83d\\ud")
    ),
    ("seven-images-break", "R44", "seven images break the server, six or eight do not"): _breaking(
        lambda body, _: len(images_of(body)) == 7, EXTENDS
    ),
    ("start-from-2-to-the-16-breaks", "R44", "a start_time that has more than 16 bits breaks the server"): _breaking(
        lambda body, _: 65_536 <= start_of(body) < 131_072
    ),
    ("together-read-breaks", "R44", "a read that comes while a submit is handled gets 500"): beside(
        READS, SUBMITS, _broken
    ),
}
