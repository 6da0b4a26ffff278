"""One job: its id and its request, checked against the contract before anything is paid for."""

from __future__ import annotations

import difflib
import json
from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from octopusx_video_openapi import operations

from octopusx_video._errors import NotSentError
from octopusx_video._ledger import names
from octopusx_video._messages import contract, requests
from octopusx_video._messages.exchange import Request

OPERATION = "createVideoExtension"
"""The operation of a line that names none: the page of the API has it for batches."""
_LINE = ("custom_id", "method", "url", "body")
"""What a line has, as in the batch files of OpenAI."""


class InvalidJobError(Exception):
    """A job can't be used. The text says why."""


class Job(NamedTuple):
    """A job that may be sent.

    Attributes:
        id: Its ``custom_id``.
        operation: The contract's name of its submit.
        source: The task that it continues.
        fields: The other fields of the request's body.
        request: SHA-256 of the request, in hexadecimal: the same for the same request.
        seconds: Seconds of video that it adds.
        name: The name of its file, without the ending.
    """

    id: str
    operation: str
    source: str
    fields: Mapping[str, Any]
    request: str
    seconds: float
    name: str


def job(value: object, base_url: str) -> Job:
    """The job of a line: ``{"custom_id", "body"}``, with ``method`` and ``url`` or without, or a body alone.

    A body alone gets the beginning of the hash of its request as its id.

    Args:
        value: The line's JSON.
        base_url: In front of the contract's paths.

    Raises:
        InvalidJobError: It is none. The text says why.
    """
    if not isinstance(value, Mapping):
        raise InvalidJobError(f"it is {_kind(value)}; give a JSON object")
    is_bare = "body" not in value and "custom_id" not in value
    line: Mapping[str, Any] = {"body": value} if is_bare else value
    unknown = [name for name in line if name not in _LINE]
    if unknown:
        raise InvalidJobError(_unknown(unknown[0], _LINE, "a line"))
    operation, path_values = _operation(line)
    source, fields = _taken(operation, line.get("body"), path_values)
    try:
        request = requests.submit(base_url, operation, source, fields, None)
    except NotSentError as error:
        raise InvalidJobError(error.problem) from None
    digest = requests.digest(request)
    job_id = digest[:16] if is_bare else line.get("custom_id")
    problem = names.problem(job_id)
    if problem:
        raise InvalidJobError(problem)
    assert isinstance(job_id, str)  # noqa: S101 - what `problem` has seen
    seconds = _seconds(operation, fields)
    return Job(job_id, operation, request.source, fields, digest, seconds, names.file_name(job_id))


def request_of(base_url: str, operation: str, source: str, fields: str) -> Request:
    """The request of a job as it stands in a ledger.

    Raises:
        NotSentError: The contract of this version does not allow it.
    """
    return requests.submit(base_url, operation, source, json.loads(fields), None)


def _operation(line: Mapping[str, Any]) -> tuple[str, Mapping[str, str]]:
    """The operation that a line is for, and the values in its path."""
    method, url = line.get("method", "POST"), line.get("url")
    if method != "POST":
        raise InvalidJobError(f"method is {requests.shown(method)}; a job is a POST")
    if url is None:
        return OPERATION, {}
    try:
        path = urlsplit(url).path if isinstance(url, str) else ""
    except ValueError:
        path = ""
    found = operations.match(contract.contract(), "POST", path)
    if found is None or not found.operation.starts_task:
        paths = [contract.operation(name).path for name in contract.contract().submits]
        raise InvalidJobError(f"url is {requests.shown(url)}, which creates no task; there are {', '.join(paths)}")
    return found.operation.id, found.values


def _taken(operation: str, body: object, path_values: Mapping[str, str]) -> tuple[object, Mapping[str, Any]]:
    """The source task and the other fields of a request, from its path and its body."""
    if not isinstance(body, Mapping):
        raise InvalidJobError("body is missing" if body is None else f"body is {_kind(body)}; give a JSON object")
    where, *steps = contract.source(operation)
    known = contract.fields(operation)
    allowed = (*([steps[0]] if where == "body" else []), *known)
    for name in body:
        if name not in allowed:
            raise InvalidJobError(_unknown(name, allowed, f"the body of {operation}"))
    fields = {name: _number(value) for name, value in body.items() if name in known}
    if where != "body":
        return path_values[steps[0]], fields
    source: Any = body
    for position, step in enumerate(steps):
        if not isinstance(source, Mapping) or step not in source:
            raise InvalidJobError(f"{'.'.join(steps[: position + 1])} is missing")
        others = [name for name in source if position and name not in steps]
        if others:
            raise InvalidJobError(_unknown(others[0], steps[position:], steps[position - 1]))
        source = source[step]
    return source, fields


def _number(value: Any) -> Any:
    """A number of JSON in one form: 4 for 4.0, so that the same request is known again."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _seconds(operation: str, fields: Mapping[str, Any]) -> float:
    """Seconds of video that a request adds: the length of its video, if that went on from its beginning."""
    length = contract.operation(operation).result_length
    start = {} if length.start_field is None else {length.start_field: 0}
    return length.seconds({**fields, **start}, 0.0) or 0.0


def _unknown(name: object, known: tuple[str, ...] | list[str], where: str) -> str:
    near = difflib.get_close_matches(str(name)[:60], known, 1)
    hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(known)}"
    return f"{where} has no {requests.shown(name)}; {hint}"


def _kind(value: object) -> str:
    kinds = {list: "an array", str: "a text", bool: "true or false", int: "a number", float: "a number"}
    return "null" if value is None else kinds.get(type(value), type(value).__name__)
