"""Servers that change what had ended, later: after a download, a refusal, a continuation, an hour."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import quote

from octopusx_video_mock.messages import Request, Response

from tests.defects._defect import (
    CONTENT,
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
    altered,
    named,
    sent,
    succeeded,
)

_HOUR = 3600.0
_SENT = frozenset({200, 206})


def _source_of(request: Request) -> str:
    """The task that a submit continues."""
    body = sent(request)
    video = body.get("video")
    told = named(request) or body.get("task_id") or (video.get("url") if isinstance(video, dict) else "")
    return told if isinstance(told, str) else ""


When = Callable[[Server, Request, Response], str | None]
"""The task that an answer makes a server change from now on; None where it is none."""


def _downloaded(server: Server, request: Request, given: Response) -> str | None:
    return named(request) if given.operation == CONTENT and given.status == 200 else None


def _read_in_part(server: Server, request: Request, given: Response) -> str | None:
    return named(request) if given.operation == CONTENT and given.status == 206 else None


def _continued(server: Server, request: Request, given: Response) -> str | None:
    return _source_of(request) if given.operation in SUBMITS and given.status == 200 else None


def _refused_submit(server: Server, request: Request, given: Response) -> str | None:
    return _source_of(request) if given.operation in SUBMITS and given.status == 400 else None


def _refused_to_another(server: Server, request: Request, given: Response) -> str | None:
    foreign = request.header(b"authorization") == f"Bearer {server.other_key}".encode()
    return named(request) if foreign and given.operation in READS and given.status == 400 else None


def _has_succeeded(server: Server, request: Request, task: str) -> bool:
    headers: dict[bytes, bytes | None] = dict.fromkeys((b"prefer", b"range", b"content-type"))
    headers[b"authorization"] = f"Bearer {server.key}".encode()
    path = b"/v1/videos/" + quote(task, safe=":").encode()
    read = server.at(altered(request, method="GET", path=path, query=b"", headers=headers, body=b""), 0)
    return read.status == 200 and succeeded(Case(server, {}, request, read).value)


def _once(when: When, change: Callable[[Case], None], of: frozenset[str]) -> Make:
    """A server that changes these answers of a task, from the first moment after its end that ``when`` tells."""

    def make(server: Server) -> Answerer:
        memory: dict[str, Any] = {}
        touched: set[str] = set()

        def answer(request: Request) -> Response:
            given = server.correct(request)
            if given.operation in of and given.status in _SENT and named(request) in touched:
                case = Case(server, memory, request, given)
                if given.operation == CONTENT or succeeded(case.value):
                    change(case)
            task = when(server, request, given)
            if task and _has_succeeded(server, request, task):
                touched.add(task)
            return given

        return answer

    return make


def _tells(field: str, value: Callable[[Any], Json]) -> Callable[[Case], None]:
    def change(case: Case) -> None:
        told = case.value
        if field in told:
            case.value = {**told, field: value(told[field])}

    return change


def _without(field: str) -> Callable[[Case], None]:
    def change(case: Case) -> None:
        case.value = {name: value for name, value in case.value.items() if name != field}

    return change


def _another_end(case: Case) -> None:
    """The last byte of the video is another one, where it is sent."""
    body, told = case.answer.body, dict(case.answer.headers).get(b"content-range", b"")
    first, _, size = told.removeprefix(b"bytes ").partition(b"/")
    if case.answer.status == 200 or first.endswith(b"-%d" % (int(size or 0) - 1)):
        case.answer.body = body[:-1] + bytes([body[-1] ^ 1])


def _another_beginning(case: Case) -> None:
    """The first part of the video has other bytes than at first, while all of it has the same."""
    if case.answer.status == 206 and case.answer.body[4:8] == b"ftyp":
        case.answer.body = case.answer.body[:-1] + b"x"


def _after_an_hour(server: Server) -> Answerer:
    """An end is forgotten an hour after it was first read: the size is then that of a default."""
    ended: dict[str, float] = {}
    memory: dict[str, Any] = {}

    def answer(request: Request) -> Response:
        given = server.correct(request)
        if given.operation == READ and given.status == 200:
            case = Case(server, memory, request, given)
            is_told = succeeded(case.value) and "size" in case.value
            if is_told and server.now - ended.setdefault(named(request), server.now) > _HOUR:
                case.value = {**case.value, "seconds": "10", "size": "480P"}
        return given

    return answer


def _echoes_continuation(server: Server) -> Answerer:
    """One row for a video and what continues it: the source tells the prompt of its continuation."""
    prompts: dict[str, Any] = {}
    memory: dict[str, Any] = {}

    def answer(request: Request) -> Response:
        given = server.correct(request)
        if given.operation == QUERY and given.status == 200 and named(request) in prompts:
            case = Case(server, memory, request, given)
            case.value = {**case.value, "prompt": prompts[named(request)]}
        if given.operation in SUBMITS and given.status == 200:
            prompts[_source_of(request)] = sent(request).get("prompt")
        return given

    return answer


def _defect(name: str, rule: str, summary: str, make: Make) -> Defect:
    return Defect(name, "content" if rule == "R52" else "life", rule, summary, make)


DEFECTS = (
    _defect(
        "later-expiry-by-download",
        "R16",
        "each download puts off expires_at of a task by an hour",
        _once(_downloaded, _tells("expires_at", lambda at: at + 3600), frozenset({READ})),
    ),
    _defect(
        "later-size-by-download",
        "R16",
        "once the video was downloaded, its task tells the size 480P",
        _once(_downloaded, _tells("size", lambda _: "480P"), frozenset({READ})),
    ),
    _defect(
        "later-gone-field-by-part",
        "R16",
        "once a part of the video was downloaded, its task has no completed_at any more",
        _once(_read_in_part, _without("completed_at"), frozenset({READ})),
    ),
    _defect(
        "later-object-by-refusal",
        "R17",
        "after a submit that was refused, the task that it named is an object of another kind",
        _once(_refused_submit, _tells("object", lambda _: "extension"), frozenset({READ})),
    ),
    _defect(
        "later-seconds-by-refusal",
        "R16",
        "after a submit that was refused, the task that it named tells other seconds",
        _once(_refused_submit, _tells("seconds", lambda told: f"{float(told) + 0.5:g}"), frozenset({READ})),
    ),
    _defect(
        "later-completion-by-continuation",
        "R16",
        "a task that is continued tells a completion at the time of the continuation",
        _once(_continued, _tells("completed_at", lambda at: at + 1), frozenset({READ})),
    ),
    _defect(
        "later-time-by-another-key",
        "R16",
        "a refused read with another key counts as a change of the task, in status_update_time",
        _once(_refused_to_another, _tells("status_update_time", lambda at: at + 1), frozenset({QUERY})),
    ),
    _defect(
        "later-size-after-hour",
        "R16",
        "an hour after its end was first read, a task tells a default size and length",
        _after_an_hour,
    ),
    _defect(
        "later-prompt-of-continuation",
        "R17",
        "a task that is continued tells the prompt of what continues it",
        _echoes_continuation,
    ),
    _defect(
        "later-video-by-continuation",
        "R52",
        "the video of a task that is continued is written anew, and ends otherwise",
        _once(_continued, _another_end, frozenset({CONTENT})),
    ),
    _defect(
        "later-video-by-another-key",
        "R52",
        "after a refused read with another key, the video of a task ends otherwise",
        _once(_refused_to_another, _another_end, frozenset({CONTENT})),
    ),
    _defect(
        "later-part-by-refusal",
        "R52",
        "after a submit that was refused, the first part of the video that it named is another one",
        _once(_refused_submit, _another_beginning, frozenset({CONTENT})),
    ),
)
