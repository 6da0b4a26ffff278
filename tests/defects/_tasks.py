"""What a defective server knows of its tasks, and how it changes the responses about them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from octopusx_video_mock.messages import Request, Response

from tests.defects._defect import (
    AUTHORIZATION,
    CONTENT,
    LIFE,
    MAX_MODEL,
    OK,
    RANGE,
    READ,
    READS,
    SENT,
    SUBMITS,
    Case,
    Handler,
    Json,
    Make,
    Operations,
    Server,
    Statuses,
    altered,
    changes,
    failed,
    named,
    remembers,
    sent,
    succeeded,
)

REASON = {"error": {"message": "the task was lost", "code": "task_lost"}}
When = Callable[[Server, Request, Response], str | None]
"""The task that a response makes a server change from now on; None where it is none."""


@dataclass
class Made:
    """A task of this server's own."""

    id: str
    operation: str
    body: dict[str, Any]
    source: str
    at: float
    key: bytes | None
    source_length: float

    @property
    def is_max(self) -> bool:
        """Whether it names the model whose videos are longer."""
        return self.body.get("model") == MAX_MODEL

    @property
    def upscaled(self) -> bool:
        """Whether it asks for upscaling."""
        return self.body.get("upscale") is True

    def age(self, server: Server) -> float:
        """Seconds since it was submitted."""
        return server.now - self.at

    def since_end(self, server: Server) -> float:
        """Seconds since it has ended, below zero before."""
        return self.age(server) - LIFE.lasts


def hides(when: Callable[[Case, float], bool], of: Operations = READS) -> Make:
    """A server that does not know a task of its own, where ``when`` says so of a response and of the task's age."""

    def change(case: Case) -> None:
        born = case.memory.setdefault("born", {})
        if case.response.operation in SUBMITS:
            if case.response.status == 200:
                born[case.value["id"]] = (case.server.now, case.response.operation)
        elif case.response.operation in of and case.response.status in {200, 206} and case.task in born:
            case.memory["made by"] = born[case.task][1]
            if when(case, case.server.now - born[case.task][0]):
                case.become(case.server.unknown(case.request))

    return changes(change, SUBMITS | of, OK | {206})


def shifted(ahead: Callable[[Case, float], float | None], of: Operations = READS) -> Make:
    """A server that reports a task of its own as it stands at another time, so many seconds from now."""

    def change(case: Case) -> None:
        born = case.memory.setdefault("born", {})
        if case.response.operation in SUBMITS:
            born[case.value["id"]] = case.server.now
        elif case.task in born:
            seconds = ahead(case, case.server.now - born[case.task])
            if seconds is not None:
                case.become(case.server.at(case.request, seconds))

    return changes(change, SUBMITS | of, OK)


def sets(value_of: Callable[[Case], dict[str, Any] | None], of: Operations = READS) -> Make:
    def change(case: Case) -> None:
        fields = value_of(case)
        if fields is not None:
            case.value = {**case.value, **fields}

    return changes(change, of, OK)


def done_where_failed(case: Case) -> dict[str, Any] | None:
    if not failed(case.value):
        return None
    return {"status": LIFE.succeeded, "video_url": "https://example.com/video.mp4", "progress": 100}


def reports(change: Callable[[Case], dict[str, Json]], of: Operations = READS) -> Make:
    """A read that reports these fields, of those that it has, otherwise."""

    def changed(case: Case) -> None:
        value = case.value
        case.value = {**value, **{name: one for name, one in change(case).items() if name in value}}

    return changes(changed, of, OK)


def continued(server: Server, request: Request, given: Response) -> str | None:
    return source_of(request) if given.operation in SUBMITS and given.status == 200 else None


def refused_submit(server: Server, request: Request, given: Response) -> str | None:
    return source_of(request) if given.operation in SUBMITS and given.status == 400 else None


def refused_to_another(server: Server, request: Request, given: Response) -> str | None:
    foreign = request.header(b"authorization") == f"Bearer {server.other_key}".encode()
    return named(request) if foreign and given.operation in READS and given.status == 400 else None


def has_succeeded(server: Server, request: Request, task: str) -> bool:
    headers: dict[bytes, bytes | None] = dict.fromkeys((b"prefer", b"range", b"content-type"))
    headers[b"authorization"] = f"Bearer {server.key}".encode()
    path = b"/v1/videos/" + quote(task, safe=":").encode()
    read = server.at(altered(request, method="GET", path=path, query=b"", headers=headers, body=b""), 0)
    return read.status == 200 and succeeded(Case(server, {}, request, read).value)


def after_end(when: When, change: Callable[[Case], None], of: Operations) -> Make:
    """A server that changes these responses of a task, from the first moment after its end that ``when`` gives."""

    def make(server: Server) -> Handler:
        memory: dict[str, Any] = {}
        touched: set[str] = set()

        def handle(request: Request) -> Response:
            given = server.correct(request)
            if given.operation in of and given.status in SENT and named(request) in touched:
                case = Case(server, memory, request, given)
                if given.operation == CONTENT or succeeded(case.value):
                    change(case)
            task = when(server, request, given)
            if task and has_succeeded(server, request, task):
                touched.add(task)
            return given

        return handle

    return make


def source_of(request: Request) -> str:
    """The task that a submit continues."""
    body = sent(request)
    video = body.get("video")
    if request.path.endswith(b"/extend") and named(request):
        return named(request)
    reported = video.get("url") if isinstance(video, dict) else body.get("task_id")
    return reported if isinstance(reported, str) else ""


def task_read(server: Server, request: Request, task: str, *, by: str = READ) -> dict[str, Json]:
    """What a correct read reports of a task to the sender of the request; empty where it is unknown."""
    name = quote(task, safe=":").encode()
    path, query = (b"/v1/videos/" + name, b"") if by == READ else (b"/v1/video/query", b"id=" + name)
    headers: dict[bytes, bytes | None] = {b"prefer": None, RANGE: None, b"content-type": None}
    other = server.at(altered(request, method="GET", path=path, query=query, headers=headers, body=b""), 0)
    return Case(server, {}, request, other).value if other.status == 200 else {}


def note(server: Server, memory: dict[str, Any], request: Request, given: Response) -> None:
    if given.operation in SUBMITS and given.status == 200 and given.task is not None:
        source = source_of(request)
        length = float(task_read(server, request, source).get("seconds", 0))
        key = request.header(AUTHORIZATION)
        made = Made(given.task, given.operation or "", sent(request), source, server.now, key, length)
        memory.setdefault("made", {})[given.task] = made


def for_task(change: Callable[[Case, Made], None], of: Operations, statuses: Statuses = OK) -> Make:
    """A server that changes these responses about tasks of its own."""

    def handle(server: Server, memory: dict[str, Any], request: Request) -> Response:
        given = server.correct(request)
        note(server, memory, request, given)
        case = Case(server, memory, request, given)
        made = memory.get("made", {}).get(case.task)
        if made is not None and given.operation in of and given.status in statuses:
            change(case, made)
        return given

    return remembers(handle)


def task_reads(change: Callable[[Case, Made, dict[str, Json]], dict[str, Json]], of: Operations = READS) -> Make:
    """A server whose reads tell these fields of its own tasks."""

    def changed(case: Case, made: Made) -> None:
        value = case.value
        fields = change(case, made, value)
        if fields:
            case.value = {**value, **fields}

    return for_task(changed, of)


def with_key(request: Request, key: str) -> Request:
    return altered(request, headers={AUTHORIZATION: f"Bearer {key}".encode()})


def for_owner(server: Server, request: Request) -> Response | None:
    """The response to the owner of a task, whoever asks with a key that is accepted."""
    for key in (server.key, server.other_key):
        other = server.at(with_key(request, key), 0)
        if other.status in SENT:
            return other
    return None


def with_status(server: Server, request: Request, status: int) -> Response:
    """The contract's response of this status to a request."""
    return server.at(altered(request, headers={b"prefer": b"code=%d" % status}), 0)


def not_yet(case: Case) -> bool:
    return case.response.status == 400 and b"not completed" in case.response.body


def is_of_others(case: Case) -> bool:
    return for_owner(case.server, case.request) is not None


def unbilled(server: Server, request: Request) -> Response:
    with server.uncharged():
        return server.correct(request)


def all_made(case: Case) -> dict[str, Made]:
    made: dict[str, Made] = case.memory["made"]
    return made


def extensions_of(case: Case, made: Made) -> list[Made]:
    return [one for one in all_made(case).values() if one.source == made.id and one.key == made.key]


def before_end(case: Case, made: Made) -> Response:
    """The correct response of a second before the task's end."""
    return case.server.at(case.request, -1 - made.since_end(case.server))
