"""What a defect is, and the server that it makes of a correct one."""

from __future__ import annotations

import contextlib
import copy
import functools
import json
import re
from collections.abc import Callable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import quote, unquote

from octopusx_video_mock import Mock
from octopusx_video_mock.engine.clock import Clock
from octopusx_video_mock.messages import Request, Response
from octopusx_video_openapi import Contract, lifecycle, load

Json = Any
Handler = Callable[[Request], Response]
Make = Callable[["Server"], Handler]
Wire = Callable[["WireRequest"], Iterator[bytes] | None]
Operations = AbstractSet[str]
Statuses = AbstractSet[int]
Family = Literal[
    "response schema",
    "status",
    "media type",
    "credentials",
    "validation",
    "routing",
    "life",
    "content",
    "billing",
    "connection",
]

EXTEND, CREATE, UNIFIED = "extendVideo", "createVideoExtension", "extendUnifiedVideo"
READ, QUERY, CONTENT = "getVideoTask", "queryUnifiedVideo", "downloadVideoContent"
SUBMITS = frozenset({EXTEND, CREATE, UNIFIED})
READS = frozenset({READ, QUERY})
ALL = SUBMITS | READS | {CONTENT}

EXTENDS = frozenset({EXTEND, UNIFIED})

AUTHORIZATION, CONTENT_TYPE, RANGE, REQUEST_ID = b"authorization", b"content-type", b"range", b"x-oneapi-request-id"
JSON = b"application/json"
VIDEO = (CONTENT_TYPE, b"video/mp4")
CONTENT_RANGE_VALUE = re.compile(rb"bytes (\d+)-(\d+)/(\d+)")

MINUTE, HOUR = 60, 3600
MAX_MODEL = "grok-video-3-max"
DOCUMENTED = "video_abc123"
"""A finished task of the contract's examples."""
UNKNOWN_ID = "grok:00000000-0000-0000-0000-000000000000"
"""A well-formed id of no task."""
_NAMED = re.compile(rb"(/v1/videos/)(?!extensions$)([^/]+)(/content|/extend)?")
_QUERIED = re.compile(rb"((?:^|&)id=)([^&]*)")


@dataclass(frozen=True)
class Server:
    """The correct server that a defect stands in front of.

    Attributes:
        mock: The mock whose engine responses correctly.
        contract: What it serves.
        key: A key that is accepted.
        other_key: A key of another account.
        correct: The correct response to a request.
    """

    mock: Mock
    contract: Contract
    key: str
    other_key: str
    correct: Handler

    @property
    def now(self) -> float:
        """The mock's time, in Unix seconds."""
        return self.mock.clock.now()

    def operation(self, request: Request) -> str | None:
        """The id of the operation that a request reaches."""
        found = self.mock.engine.compiled.find(request.method, request.path)
        return None if found is None else found[0].id

    def at(self, request: Request, ahead: float) -> Response:
        """The correct response to a read, so many seconds from now; it is noted nowhere."""
        engine = copy.copy(self.mock.engine)
        engine.clock = Clock(max(0.0, self.now + ahead))
        engine.ledger = None
        return type(engine).respond(engine, request)

    def unknown(self, request: Request) -> Response:
        """The correct response to a request that names a task, if there were none of that id."""
        return self.correct(naming(request, UNKNOWN_ID))

    def invalid(self, request: Request) -> Response:
        """The correct response to a submit whose fields are all missing."""
        return self.correct(altered(request, body=b"{}", headers={b"content-type": b"application/json"}))

    @contextlib.contextmanager
    def uncharged(self) -> Iterator[None]:
        """Charge no submit while the block lasts."""
        ledger = self.mock.ledger
        ledger.submitted = lambda *_: None  # type: ignore[method-assign]  # every submit is charged there
        try:
            yield
        finally:
            del ledger.submitted  # the method of the class stays

    def bill(self, operation: str, task: str = UNKNOWN_ID) -> None:
        """Charge a submit that nobody made."""
        self.mock.ledger.submitted(task, operation, self.now, False, None)  # noqa: FBT003 - as the ledger has it


@dataclass(frozen=True)
class Defect:
    """One way in which a server is wrong.

    Attributes:
        name: Unique, in kebab-case.
        family: What of the server is wrong.
        rule: The number of the rule of the contract that it breaks, the most specific one.
        summary: What the server does wrong, as a bug report would say it.
        make: Gives the function that responses instead of the engine; what it remembers is its own.
        wire: Gives the bytes to send for a request, where they are no response of HTTP; None of them passes it on.
    """

    name: str
    family: Family
    rule: str
    summary: str
    make: Make = lambda server: server.correct
    wire: Callable[[Server], Wire] | None = None


@dataclass(frozen=True)
class OnWire:
    """What a defect does on the wire: the bytes to send for a request; None passes it on."""

    wire: Callable[[Server], Wire]


Table = Mapping[tuple[str, str, str], Make | OnWire]
"""Defects of one family: name, rule and summary of each, and what it does."""


def defects(family: Family, table: Table) -> Iterator[Defect]:
    """The defects of a table."""
    for (name, rule, summary), what in table.items():
        if isinstance(what, OnWire):
            yield Defect(name, family, rule, summary, wire=what.wire)
        else:
            yield Defect(name, family, rule, summary, what)


@dataclass
class Case:
    """One response on its way out.

    Attributes:
        server: The server that it leaves.
        memory: What a defect remembers, as long as its server lives.
        request: The request.
        response: The correct response, which a defect changes.
    """

    server: Server
    memory: dict[str, Any]
    request: Request
    response: Response

    @property
    def value(self) -> Json:
        """The JSON value of the body."""
        return json.loads(self.response.body)

    @value.setter
    def value(self, value: Json) -> None:
        self.response.body = json.dumps(value).encode()

    @property
    def task(self) -> str:
        """The task that the response is about, or the one that was requested."""
        return self.response.task or named(self.request)

    def counted(self, what: str) -> int:
        """How often this was counted, this time included."""
        self.memory[what] = self.memory.get(what, 0) + 1
        count: int = self.memory[what]
        return count

    def become(self, other: Response) -> None:
        """Take over status, headers and body of another response."""
        self.response.status, self.response.headers, self.response.body = other.status, other.headers, other.body

    def header(self, name: bytes, value: bytes | None) -> None:
        """Set a header in the place of those of this name; None takes them away."""
        self.response.headers = [pair for pair in self.response.headers if pair[0] != name]
        if value is not None:
            self.response.headers.append((name, value))


@dataclass
class WireRequest:
    """A request as it comes over a socket.

    Attributes:
        operation: The operation that it reaches; None where there is none.
        method: Its method.
        target: Its path and query.
        response: Gives the mock's whole response: the head with its blank line, and the body.
        ended: Waits so many seconds, or until the server ends; True where it has.
    """

    operation: str | None
    method: str
    target: str
    response: Callable[[], tuple[bytes, bytes]]
    ended: Callable[[float], bool] = field(default=lambda _: True)


def handles(handle: Callable[[Server, Request], Response]) -> Make:
    """A server that handles each request by itself."""
    return lambda server: functools.partial(handle, server)


def remembers(handle: Callable[[Server, dict[str, Any], Request], Response]) -> Make:
    """A server that handles a request by what it remembers of those before it."""
    return lambda server: functools.partial(handle, server, {})


def changes(change: Callable[[Case], None], of: Operations = ALL, statuses: Statuses | None = None) -> Make:
    """A server that changes the responses of these operations and statuses."""

    def handle(server: Server, memory: dict[str, Any], request: Request) -> Response:
        given = server.correct(request)
        if given.operation in of and (statuses is None or given.status in statuses):
            change(Case(server, memory, request, given))
        return given

    return remembers(handle)


OK = frozenset({200})
SENT = frozenset({200, 206})
REFUSED = frozenset({400, 401, 403, 404, 413, 416, 429, 500, 501, 502, 503})


def edits(
    edit: Callable[[Json], Json],
    of: Operations = READS,
    statuses: Statuses = OK,
    when: Callable[[Json], bool] = lambda _: True,
) -> Make:
    """A server that edits the JSON value of these responses, where ``when`` says so of it."""

    def change(case: Case) -> None:
        value = case.value
        if when(value):
            case.value = edit(value)

    return changes(change, of - {CONTENT} if statuses == OK else of, statuses)


def rewrites(rewrite: Callable[[Request], Request], of: Operations = ALL) -> Make:
    """A server that takes a request of these operations for another one."""

    def handle(server: Server, request: Request) -> Response:
        return server.correct(rewrite(request) if server.operation(request) in of else request)

    return handles(handle)


def restates(status: int, of: Operations, statuses: Statuses, when: Callable[[Case], bool] | None = None) -> Make:
    """A server that gives another status than these."""

    def change(case: Case) -> None:
        if when is None or when(case):
            case.response.status = status

    return changes(change, of, statuses)


def put(**fields: Json) -> Callable[[Json], Json]:
    """An edit that sets fields."""
    return lambda value: {**value, **fields}


def drop(*names: str) -> Callable[[Json], Json]:
    """An edit that takes fields away."""
    return lambda value: {name: kept for name, kept in value.items() if name not in names}


def mapped(name: str, change: Callable[[Any], Json]) -> Callable[[Json], Json]:
    """An edit that changes a field where it is there."""
    return lambda value: {**value, name: change(value[name])} if name in value else value


def renamed(old: str, new: str) -> Callable[[Json], Json]:
    """An edit that calls a field otherwise."""
    return lambda value: {new if name == old else name: kept for name, kept in value.items()}


@functools.cache
def contract() -> Contract:
    """The project's contract."""
    return load()


LIFE = lifecycle.task_life(contract())
DAY = float(LIFE.expires_after)


def running(value: Json) -> bool:
    """Whether a response is about a task that runs."""
    return contract().phase(value.get("status")) == "running"


def succeeded(value: Json) -> bool:
    """Whether a response is about a task that has succeeded."""
    return contract().phase(value.get("status")) == "succeeded"


def failed(value: Json) -> bool:
    """Whether a response is about a task that has failed."""
    return contract().phase(value.get("status")) == "failed"


def altered(
    request: Request,
    *,
    method: str | None = None,
    path: bytes | None = None,
    query: bytes | None = None,
    headers: dict[bytes, bytes | None] | None = None,
    body: bytes | None = None,
) -> Request:
    """The request with some of it exchanged; a header of None is taken away."""
    changed = headers or {}
    kept = [(name, value) for name, value in request.headers if name not in changed]
    kept += [(name, value) for name, value in changed.items() if value is not None]
    return Request(
        method or request.method,
        request.path if path is None else path,
        request.query if query is None else query,
        kept,
        dict(kept),
        request.body if body is None else body,
        request.here,
        request.scheme,
    )


def named(request: Request) -> str:
    """The id of the task that the path or the query of a request names, "" where neither does."""
    match = _NAMED.fullmatch(request.path) or _QUERIED.search(request.query)
    return unquote(match[2].decode("latin-1")) if match else ""


def naming(request: Request, task: str) -> Request:
    """The request with another task named in its path or its query."""
    quoted = quote(task, safe=":").encode()
    path = _NAMED.sub(lambda match: match[1] + quoted + (match[3] or b""), request.path)
    return altered(request, path=path, query=_QUERIED.sub(lambda match: match[1] + quoted, request.query))


def sent(request: Request) -> dict[str, Any]:
    """The JSON object that a request sends; empty where it sends none."""
    try:
        value = json.loads(request.body or b"")
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def sending(request: Request, value: Json) -> Request:
    """The request with another JSON body."""
    return altered(request, body=json.dumps(value).encode())
