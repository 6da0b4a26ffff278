"""What the probe asks for nothing: reads, submits without a valid key, wrong methods and paths. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import islice

from octopusx_video_openapi import Operation, RuleId, operations

from octopusx_video_contract.cases.routes import unknown_tasks
from octopusx_video_contract.cases.submit_bodies import a_submit
from octopusx_video_contract.checks.single_response import UNKNOWN_TASK
from octopusx_video_contract.core.run import Run
from octopusx_video_contract.messages.http import Request, Response
from octopusx_video_contract.scenarios.task_driver import TaskDriver

NO_KEYS = {"no key": None, "wrong key": "Bearer made-up", "malformed scheme": "Token made-up"}
"""What is sent instead of the key; none of it is made of the key, so that a lenient server has nothing to bill."""
OWN_ID = "octopusx-video-probe"
"""The request id that the probe sends, to see whether it comes back."""
_ORIGIN = "https://example.com"
_PAST_END = "bytes=999999999999-"


def _nothing(_: Response) -> str:
    return ""


@dataclass(frozen=True)
class Question:
    """One request, and what its response is to show.

    Attributes:
        name: What it belongs to.
        asked: What is asked, in words, without any id.
        request: What is sent.
        operation: Which operation is asked; None for what is none.
        cause: The cause of ``x-when`` that the response is for; "" for none.
        rule: The numbered rule that the response shows to be kept or broken; "" for none.
        fault: How a response breaks that rule; "" where it keeps it.
        valid: Whether the request is valid and carries the key.
    """

    name: str
    asked: str
    request: Request
    operation: Operation | None = None
    cause: str = ""
    rule: str = ""
    fault: Callable[[Response], str] = field(default=_nothing)
    valid: bool = False


@dataclass
class ProbeResult:
    """The result of a question.

    Attributes:
        question: What was asked.
        response: The response; None where there is none.
        missing: Why there is no response.
        partial: What arrived of a response that can't be used.
        kept: The numbered rules that the response shows to be kept.
        broken: Those that it breaks, with what was found.
        listed: Whether it stands in the report by itself; the reads of a task that is followed do not.
    """

    question: Question
    response: Response | None
    missing: str = ""
    partial: Response | None = None
    kept: set[str] = field(default_factory=set)
    broken: dict[str, str] = field(default_factory=dict)
    listed: bool = True

    @property
    def observed(self) -> bool:
        """Whether the response is one to the question, and not to the rate or to what is broken."""
        return self.response is not None and self.response.status != 429 and self.response.status < 500


def request_id_header(run: Run) -> str:
    """The header with a request's own id, by ``x-value-of``; "" where the contract has none."""
    header = run.contract.request_id_header
    return header.name if header else ""


def free(run: Run, tasks: TaskDriver) -> Iterator[Question]:
    """The questions that need no task and can't be billed."""
    unknown = list(islice(unknown_tasks(run.contract, (), run.settings.seed), 2))
    readers = [*tasks.reads, tasks.content]
    for task in unknown:
        for reader in readers:
            what = f"{_route(reader)}, {re.split('[:_]', task)[0]}…"
            request = tasks.request(reader, task)
            yield Question("unknown task", what, request, reader, "unknown-task", RuleId.R46, _not_unknown, valid=True)
    for name, credential in NO_KEYS.items():
        for operation in run.contract.operations.values():
            request = _without_key(tasks, operation, unknown[0], credential)
            yield Question(name, _route(operation), request, operation, "no-credential", RuleId.R02, _not_401)
    for operation in run.contract.operations.values():
        if operation.starts_task:
            request = run.request(operation, path=_ids(operation, unknown[0]), body={}, credential=None)
            yield Question("missing field, no key", f"{_route(operation)} with {{}}", request, operation)
    yield from _routes(run, tasks, unknown[0])
    yield from _headers(run, tasks, unknown[0])


def _routes(run: Run, tasks: TaskDriver, unknown: str) -> Iterator[Question]:
    key = (("Authorization", f"Bearer {run.settings.key}"),)
    for template in dict.fromkeys(operation.path for operation in run.contract.operations.values()):
        path = operations.filled(template, lambda _: unknown)
        # A method without a body, and never DELETE: a server that has it would do what it says.
        method = next(
            method for method in ("GET", "PUT", "PATCH") if method not in operations.methods(run.contract, path)
        )
        yield Question(
            "wrong method", f"{method} {template}", Request(method, path, key), rule=RuleId.R32, fault=_not_refused
        )
    yield Question(
        "unknown route", "GET /v1/made-up", Request("GET", "/v1/made-up", key), None, "", RuleId.R43, _not_404
    )
    for reader in (*tasks.reads, tasks.content):  # a submit beside its path may be one to a server that is lenient
        path = operations.filled(reader.path, lambda _: unknown) + "/"
        yield Question(
            "trailing slash", f"{_route(reader)}/", Request("GET", path, key), None, "", RuleId.R43, _not_404
        )


def _headers(run: Run, tasks: TaskDriver, unknown: str) -> Iterator[Question]:
    read = tasks.reads[0]
    name = request_id_header(run)
    if name:
        what = f"{_route(read)} with {name}"
        request = tasks.request(read, unknown, **{name: OWN_ID})
        yield Question("own request id", what, request, read, "unknown-task", valid=True)
        request = tasks.request(
            read, unknown, credential=None, **{name: OWN_ID}
        )  # that refusal may name it in its text
        yield Question("own request id", f"{what}, no key", request, read, "no-credential")
    request = tasks.request(read, unknown, Origin=_ORIGIN)
    yield Question("other origin", f"{_route(read)} with Origin", request, read, "unknown-task", valid=True)
    preflight = (
        ("Origin", _ORIGIN),
        ("Access-Control-Request-Method", "POST"),
        ("Access-Control-Request-Headers", "authorization, content-type"),
    )
    for operation in run.contract.operations.values():
        if operation.starts_task and "{" not in operation.path:
            request = Request("OPTIONS", operation.path, preflight)
            yield Question("preflight", f"OPTIONS {operation.path}", request)


def known(tasks: TaskDriver, task: str) -> Iterator[Question]:
    """How a task reads that the key has."""
    for reader in tasks.reads:
        yield Question("known task", _route(reader), tasks.request(reader, task), reader, valid=True)


def other_account(run: Run, tasks: TaskDriver, task: str) -> Iterator[Question]:
    """What a key of another account gets for a task, where there is such a key."""
    for reader in tasks.reads if run.settings.other_key else ():
        request = tasks.request(reader, task, credential=f"Bearer {run.settings.other_key}")
        yield Question("other account", _route(reader), request, reader, "unknown-task", RuleId.R20, _not_unknown)


def content(tasks: TaskDriver, task: str) -> Iterator[Question]:
    """How the video of a task is sent: whole, its first ten bytes, and past its end."""
    get, route = tasks.content, _route(tasks.content)
    yield Question("content", route, tasks.request(get, task), get, rule=RuleId.R24, fault=_not_its_length, valid=True)
    first = tasks.request(get, task, Range="bytes=0-9")
    yield Question(
        "content, Range", f"{route}, first ten bytes", first, get, rule=RuleId.R24, fault=_not_part, valid=True
    )
    past = tasks.request(get, task, Range=_PAST_END)
    yield Question("content, past the end", f"{route}, past its end", past, get, "range-past-end", valid=True)


def missing_field(run: Run, submit: Operation, unknown: str) -> Question:
    """A submit with the key and no field at all: it names no video, so what it could be billed for is not said."""
    request = run.request(submit, path=_ids(submit, unknown), body={})
    return Question(
        "missing field", f"{_route(submit)} with {{}}", request, submit, "invalid-request", RuleId.R41, _not_invalid
    )


def _without_key(tasks: TaskDriver, operation: Operation, task: str, credential: str | None) -> Request:
    if operation.starts_task:
        return tasks.submission(operation, a_submit(operation), task, credential=credential)[1]
    return tasks.request(operation, task, credential=credential)


def _ids(operation: Operation, task: str) -> dict[str, str]:
    return dict.fromkeys(operations.names(operation.path), task)


def _route(operation: Operation) -> str:
    return f"{operation.method.upper()} {operation.path}"


def _not_unknown(response: Response) -> str:
    return "" if response.status in UNKNOWN_TASK else f"an unknown task got {response.status}"


def _not_401(response: Response) -> str:
    return "" if response.status == 401 else f"without a valid key it got {response.status}"


def _not_refused(response: Response) -> str:
    if response.status == 404 or (response.status == 405 and "allow" in response.headers):
        return ""
    lacking = " without Allow" if response.status == 405 else ""
    return f"a wrong method got {response.status}{lacking}"


def _not_404(response: Response) -> str:
    redirected = 300 <= response.status < 400 and "location" in response.headers
    return "" if response.status == 404 or redirected else f"it got {response.status}"


def _not_invalid(response: Response) -> str:
    return "" if response.status == 400 else f"a body without its fields got {response.status}"


def _not_its_length(response: Response) -> str:
    reported = response.headers.get("content-length", str(len(response.content)))
    return (
        ""
        if reported == str(len(response.content))
        else f"Content-Length is {reported}, and {len(response.content)} bytes arrived"
    )


def _not_part(response: Response) -> str:
    if response.status != 206:
        return _not_its_length(response)
    reported = response.headers.get("content-range", "")
    matches = re.fullmatch(r"bytes 0-([0-9]{1,18})/([0-9]+|\*)", reported)
    if matches is None or int(matches[1]) + 1 != len(response.content):
        return f"Content-Range is {reported!r}, and {len(response.content)} bytes arrived"
    return ""
