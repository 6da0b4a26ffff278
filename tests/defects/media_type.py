"""Responses whose media type is not that of the contract, or not that of their body."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Callable

from tests.defects._defect import (
    ALL,
    CONTENT,
    CONTENT_TYPE,
    CREATE,
    EXTEND,
    JSON,
    OK,
    QUERY,
    READ,
    READS,
    REFUSED,
    REQUEST_ID,
    SUBMITS,
    UNIFIED,
    Case,
    Make,
    Operations,
    Statuses,
    Table,
    changes,
    failed,
    running,
    succeeded,
)
from tests.defects._requests import code, is_malformed, sent_as

_PAGE = b"<html><head><title>Bad Gateway</title></head><body>Bad Gateway</body></html>"


def _typed(
    media_type: bytes | None, of: Operations, statuses: Statuses = OK, when: Callable[[Case], bool] | None = None
) -> Make:
    def change(case: Case) -> None:
        if when is None or when(case):
            case.header(CONTENT_TYPE, media_type)

    return changes(change, of, statuses)


def _with_bytes(
    change: Callable[[bytes], bytes], of: Operations, statuses: Statuses = OK, media_type: bytes | None = None
) -> Make:
    def changed(case: Case) -> None:
        case.response.body = change(case.response.body)
        if media_type is not None:
            case.header(CONTENT_TYPE, media_type)

    return changes(changed, of, statuses)


def _python(body: bytes) -> bytes:
    return repr(json.loads(body)).encode()


def _not_a_number(body: bytes) -> bytes:
    value = json.loads(body)
    return json.dumps({**value, "progress": float("nan")}).encode() if running(value) else body


def _text_of_json(body: bytes) -> bytes:
    return json.dumps(body.decode()).encode()


def _nginx(status: str) -> bytes:
    return f"<html><head><title>{status}</title></head><body><center><h1>{status}</h1></center></body></html>".encode()


def _parser_page(case: Case) -> None:
    if is_malformed(case):
        case.response.body = (
            b"<!DOCTYPE html><html><body><pre>SyntaxError: Unexpected token in JSON</pre></body></html>"
        )
        case.header(CONTENT_TYPE, b"text/html; charset=utf-8")


def _latin(body: bytes) -> bytes:
    return json.dumps(json.loads(body), ensure_ascii=False).encode("latin-1", "replace")


def _relayed_type(case: Case) -> None:
    if code(case) == "fail_to_fetch_task":
        case.header(CONTENT_TYPE, b"text/plain; charset=utf-8")


def _json_alone(case: Case) -> None:
    if running(case.value):
        case.header(CONTENT_TYPE, b"json")


DEFECTS: Table = {
    ("json-as-text", "R39", "extendVideo sends its JSON as text/plain"): _typed(b"text/plain; charset=utf-8", {EXTEND}),
    ("json-as-html", "R39", "the unified read sends its JSON as text/html, a framework's default"): _typed(
        b"text/html; charset=utf-8", {QUERY}
    ),
    ("json-as-old-name", "R39", "the OpenAI-format read says text/json once the task has succeeded"): _typed(
        b"text/json", {READ}, when=lambda case: succeeded(case.value)
    ),
    ("json-as-octets-when-failed", "R39", "a failed task is read as octets"): _typed(
        b"application/octet-stream", READS, when=lambda case: failed(case.value)
    ),
    ("json-of-vendor", "R39", "the unified submit says application/vnd.api+json"): _typed(
        b"application/vnd.api+json", {UNIFIED}
    ),
    ("json-without-type", "R39", "createVideoExtension names no media type"): _typed(None, {CREATE}),
    ("problem-json", "R39", "refusals are application/problem+json"): _typed(
        b"application/problem+json", SUBMITS, {400}
    ),
    ("unauthorized-as-text", "R39", "a 401 is text/plain"): _with_bytes(
        lambda _: b"Unauthorized", ALL, {401}, b"text/plain"
    ),
    ("unauthorized-as-text-at-content", "R39", "a 401 of the content is text/plain"): _with_bytes(
        lambda _: b"Unauthorized", {CONTENT}, {401}, b"text/plain"
    ),
    ("error-page", "R39", "server errors are pages of the proxy in front"): _with_bytes(
        lambda _: _PAGE, ALL, {500, 502, 503}, b"text/html"
    ),
    ("rate-limit-empty", "R39", "a 429 is empty and has no media type"): _with_bytes(
        lambda _: b"", ALL, {429}, b"text/plain"
    ),
    ("unknown-task-page", "R39", "an unknown task of the OpenAI format is a page"): _with_bytes(
        lambda _: _PAGE, {READ}, {400}, b"text/html"
    ),
    ("content-as-octets", "R39", "the video is application/octet-stream"): _typed(
        b"application/octet-stream", {CONTENT}, OK | {206}
    ),
    ("content-part-as-octets", "R39", "a part of the video is application/octet-stream"): _typed(
        b"application/octet-stream", {CONTENT}, {206}
    ),
    ("content-as-quicktime", "R39", "the video is video/quicktime"): _typed(b"video/quicktime", {CONTENT}),
    ("content-as-json", "R39", "the content is JSON that names an address"): _with_bytes(
        lambda _: b'{"url":"https://example.com/video.mp4"}', {CONTENT}, OK, b"application/json"
    ),
    ("content-error-as-video", "R39", "refusals of the content are sent as video/mp4"): _typed(
        b"video/mp4", {CONTENT}, REFUSED
    ),
    ("range-error-as-video", "R39", "a 416 is sent as video/mp4"): _typed(b"video/mp4", {CONTENT}, {416}),
    ("page-called-json", "R36", "extendVideo returns a page of a proxy and calls it JSON"): _with_bytes(
        lambda _: _PAGE, {EXTEND}
    ),
    ("page-called-json-on-errors", "R37", "a 503 is a page of a proxy and calls itself JSON"): _with_bytes(
        lambda _: _PAGE, ALL, {503}
    ),
    ("python-for-json", "R36", "the unified read prints a dictionary of Python"): _with_bytes(_python, {QUERY}),
    ("nan-in-json", "R36", "progress is NaN while a task runs"): _with_bytes(_not_a_number, READS),
    ("json-in-text", "R36", "createVideoExtension's JSON is encoded twice"): _with_bytes(_text_of_json, {CREATE}),
    ("json-truncated", "R36", "the OpenAI-format read loses the last byte of its JSON"): _with_bytes(
        lambda body: body[:-1], {READ}
    ),
    ("json-twice", "R36", "the unified submit writes its JSON twice"): _with_bytes(lambda body: body + body, {UNIFIED}),
    ("success-empty", "R36", "createVideoExtension returns nothing"): _with_bytes(lambda _: b"", {CREATE}),
    ("error-empty", "R37", "an unknown source is refused without a body"): _with_bytes(lambda _: b"", SUBMITS, {400}),
    ("compressed-unsaid", "R36", "the unified read is compressed and does not say so"): _with_bytes(
        lambda body: gzip.compress(body, mtime=0), {QUERY}
    ),
    ("utf-16", "R36", "the OpenAI-format read is UTF-16"): _with_bytes(
        lambda body: body.decode().encode("utf-16"), {READ}
    ),
}

RARE: Table = {
    ("malformed-as-page", "R39", "a body that is not JSON is refused with the page of the parser"): changes(
        _parser_page, SUBMITS, {400}
    ),
    ("too-large-as-page", "R39", "a body that is too large is refused with the page of nginx"): sent_as(
        b"text/html", lambda _: _nginx("413 Request Entity Too Large"), SUBMITS, {413}
    ),
    ("submit-as-event-stream", "R39", "createVideoExtension returns a stream of events"): sent_as(
        b"text/event-stream", lambda body: b"data: " + body + b"\n\n", {CREATE}, {200}
    ),
    ("unauthorized-with-comma-at-end", "R37", "a 401 is JSON written by hand, with a comma at the end"): sent_as(
        JSON, lambda body: re.sub(rb"\}\s*$", b",}", body), ALL, {401}
    ),
    ("query-in-latin-1", "R36", "the unified read is Latin-1 and says nothing of it"): sent_as(
        JSON, _latin, {QUERY}, {200}
    ),
    ("unknown-task-without-type", "R39", "the unified read names no media type where it refuses"): sent_as(
        None, lambda body: body, {QUERY}, {400}
    ),
    (
        "only-relayed-refusal-as-text",
        "R39",
        "the unified submit relays the refusal of a source that runs as text/plain",
    ): changes(_relayed_type, {UNIFIED}, {400}),
    ("only-part-as-multipart", "R39", "a single part is called multipart/byteranges"): changes(
        lambda case: case.header(CONTENT_TYPE, b"multipart/byteranges; boundary=part"), {CONTENT}, {206}
    ),
    (
        "only-create-type-twice",
        "R39",
        "createVideoExtension's success names application/json twice in one header",
    ): changes(lambda case: case.header(CONTENT_TYPE, b"application/json, application/json"), {CREATE}, OK),
    ("only-submitted-without-request-id", "R33", "the unified submit carries no request id where it succeeds"): changes(
        lambda case: case.header(REQUEST_ID, None), {UNIFIED}, OK
    ),
    ("unknown-content-as-text", "R39", "the content of an unknown task is refused in plain text"): sent_as(
        b"text/plain; charset=utf-8", lambda _: b"404 page not found", {CONTENT}, {404}
    ),
    ("running-as-json-alone", "R39", "the media type of a running task's unified read is json alone"): changes(
        _json_alone, {QUERY}, OK
    ),
    ("json-behind-guard", "R36", "the OpenAI-format read guards its JSON against scripts with )]}',"): sent_as(
        JSON, lambda body: b")]}',\n" + body, {READ}, OK
    ),
}
