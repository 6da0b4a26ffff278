"""Answers of another media type, or of bytes that are not what their media type says."""

from __future__ import annotations

import gzip
import json
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
    REFUSED,
    SUBMITS,
    UNIFIED,
    Case,
    Defect,
    Make,
    changes,
    failed,
    running,
    succeeded,
)

_TYPE = b"content-type"
_PAGE = b"<html><head><title>Bad Gateway</title></head><body>Bad Gateway</body></html>"


def _defect(name: str, rule: str, summary: str, make: Make) -> Defect:
    return Defect(name, "media type", rule, summary, make)


def _sent_as(
    media_type: bytes | None,
    of: frozenset[str],
    statuses: frozenset[int] = OK,
    when: Callable[[Case], bool] | None = None,
) -> Make:
    def change(case: Case) -> None:
        if when is None or when(case):
            case.header(_TYPE, media_type)

    return changes(change, of, statuses)


def _with_bytes(
    change: Callable[[bytes], bytes], of: frozenset[str], statuses: frozenset[int] = OK, media_type: bytes | None = None
) -> Make:
    def changed(case: Case) -> None:
        case.answer.body = change(case.answer.body)
        if media_type is not None:
            case.header(_TYPE, media_type)

    return changes(changed, of, statuses)


def _python(body: bytes) -> bytes:
    return repr(json.loads(body)).encode()


def _not_a_number(body: bytes) -> bytes:
    value = json.loads(body)
    return json.dumps({**value, "progress": float("nan")}).encode() if running(value) else body


def _text_of_json(body: bytes) -> bytes:
    return json.dumps(body.decode()).encode()


DEFECTS = (
    _defect(
        "json-as-text",
        "R39",
        "extendVideo sends its JSON as text/plain",
        _sent_as(b"text/plain; charset=utf-8", frozenset({EXTEND})),
    ),
    _defect(
        "json-as-html",
        "R39",
        "the unified read sends its JSON as text/html, a framework's default",
        _sent_as(b"text/html; charset=utf-8", frozenset({QUERY})),
    ),
    _defect(
        "json-as-old-name",
        "R39",
        "the OpenAI-format read says text/json once the task has succeeded",
        _sent_as(b"text/json", frozenset({READ}), when=lambda case: succeeded(case.value)),
    ),
    _defect(
        "json-as-octets-when-failed",
        "R39",
        "a failed task is read as octets",
        _sent_as(b"application/octet-stream", READS, when=lambda case: failed(case.value)),
    ),
    _defect(
        "json-of-vendor",
        "R39",
        "the unified submit says application/vnd.api+json",
        _sent_as(b"application/vnd.api+json", frozenset({UNIFIED})),
    ),
    _defect(
        "json-without-type", "R39", "createVideoExtension names no media type", _sent_as(None, frozenset({CREATE}))
    ),
    _defect(
        "problem-json",
        "R39",
        "refusals are application/problem+json",
        _sent_as(b"application/problem+json", SUBMITS, frozenset({400})),
    ),
    _defect(
        "unauthorized-as-text",
        "R39",
        "a 401 is text/plain",
        _with_bytes(lambda _: b"Unauthorized", ALL, frozenset({401}), b"text/plain"),
    ),
    _defect(
        "unauthorized-as-text-at-content",
        "R39",
        "a 401 of the content is text/plain",
        _with_bytes(lambda _: b"Unauthorized", frozenset({CONTENT}), frozenset({401}), b"text/plain"),
    ),
    _defect(
        "error-page",
        "R39",
        "server errors are pages of the proxy in front",
        _with_bytes(lambda _: _PAGE, ALL, frozenset({500, 502, 503}), b"text/html"),
    ),
    _defect(
        "rate-limit-empty",
        "R39",
        "a 429 is empty and has no media type",
        _with_bytes(lambda _: b"", ALL, frozenset({429}), b"text/plain"),
    ),
    _defect(
        "unknown-task-page",
        "R39",
        "an unknown task of the OpenAI format is a page",
        _with_bytes(lambda _: _PAGE, frozenset({READ}), frozenset({400}), b"text/html"),
    ),
    _defect(
        "content-as-octets",
        "R39",
        "the video is application/octet-stream",
        _sent_as(b"application/octet-stream", frozenset({CONTENT}), OK | {206}),
    ),
    _defect(
        "content-part-as-octets",
        "R39",
        "a part of the video is application/octet-stream",
        _sent_as(b"application/octet-stream", frozenset({CONTENT}), frozenset({206})),
    ),
    _defect(
        "content-as-quicktime",
        "R39",
        "the video is video/quicktime",
        _sent_as(b"video/quicktime", frozenset({CONTENT})),
    ),
    _defect(
        "content-as-json",
        "R39",
        "the content is JSON that names an address",
        _with_bytes(
            lambda _: b'{"url":"https://example.com/video.mp4"}', frozenset({CONTENT}), OK, b"application/json"
        ),
    ),
    _defect(
        "content-error-as-video",
        "R39",
        "refusals of the content are sent as video/mp4",
        _sent_as(b"video/mp4", frozenset({CONTENT}), REFUSED),
    ),
    _defect(
        "range-error-as-video",
        "R39",
        "a 416 is sent as video/mp4",
        _sent_as(b"video/mp4", frozenset({CONTENT}), frozenset({416})),
    ),
    _defect(
        "page-called-json",
        "R36",
        "extendVideo answers a page of a proxy and calls it JSON",
        _with_bytes(lambda _: _PAGE, frozenset({EXTEND})),
    ),
    _defect(
        "page-called-json-on-errors",
        "R37",
        "a 503 is a page of a proxy and calls itself JSON",
        _with_bytes(lambda _: _PAGE, ALL, frozenset({503})),
    ),
    _defect(
        "python-for-json",
        "R36",
        "the unified read prints a dictionary of Python",
        _with_bytes(_python, frozenset({QUERY})),
    ),
    _defect("nan-in-json", "R36", "progress is NaN while a task runs", _with_bytes(_not_a_number, READS)),
    _defect(
        "json-in-text",
        "R36",
        "createVideoExtension's JSON is encoded twice",
        _with_bytes(_text_of_json, frozenset({CREATE})),
    ),
    _defect(
        "json-truncated",
        "R36",
        "the OpenAI-format read loses the last byte of its JSON",
        _with_bytes(lambda body: body[:-1], frozenset({READ})),
    ),
    _defect(
        "json-twice",
        "R36",
        "the unified submit writes its JSON twice",
        _with_bytes(lambda body: body + body, frozenset({UNIFIED})),
    ),
    _defect(
        "success-empty", "R36", "createVideoExtension answers nothing", _with_bytes(lambda _: b"", frozenset({CREATE}))
    ),
    _defect(
        "error-empty",
        "R37",
        "an unknown source is refused without a body",
        _with_bytes(lambda _: b"", SUBMITS, frozenset({400})),
    ),
    _defect(
        "compressed-unsaid",
        "R36",
        "the unified read is compressed and does not say so",
        _with_bytes(lambda body: gzip.compress(body, mtime=0), frozenset({QUERY})),
    ),
    _defect(
        "utf-16",
        "R36",
        "the OpenAI-format read is UTF-16",
        _with_bytes(lambda body: body.decode().encode("utf-16"), frozenset({READ})),
    ),
)
