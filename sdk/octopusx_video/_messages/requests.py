"""Requests, checked against the contract and made by the generated client before anything is sent."""

from __future__ import annotations

import functools
import hashlib
import importlib
import json
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote

from octopusx_video_openapi.text import snake

from octopusx_video._errors import NotSentError
from octopusx_video._messages import contract, models, outcome
from octopusx_video._messages.exchange import Json, Request

_MAX_SHOWN = 60
_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def submit(
    base_url: str, name: str, source: object, fields: Mapping[str, Any], extra: Mapping[str, Any] | None
) -> Request:
    """A request of a submit.

    Args:
        base_url: In front of the contract's path.
        name: The contract's name of the operation.
        source: The task that it continues, or its id; put where the operation names it.
        fields: The body's other fields, None for those that are left out.
        extra: More of them, which the contract does not list.

    Raises:
        NotSentError: A value is none that the contract allows. The text names the field.
    """
    where, argument, *inner = contract.source(name)
    task = task_id(source, argument)
    made = _arguments_of(name)
    if where == "path":
        return _outgoing(name, base_url, made(task, body=_model(name, _body(name, fields, extra))), task)
    named: Any = task
    for step in reversed(inner):
        named = {step: named}
    body = _body(name, {**fields, argument: named}, extra)
    return _outgoing(name, base_url, made(body=_model(name, body)), task)


def read(base_url: str, name: str, task: str) -> Request:
    """A request of an operation that reads a task or its content."""
    where, argument = contract.source(name)
    made = _arguments_of(name)
    return _outgoing(name, base_url, made(task) if where == "path" else made(**{argument: task}))


def task_id(value: object, name: str) -> str:
    """The id of a task, or of what a submit or a read returned.

    Args:
        value: The id, or the task.
        name: What the argument is called.

    Raises:
        NotSentError: It is none.
    """
    if isinstance(value, str):
        found = value
    elif isinstance(value, models.SubmittedTask | models.VideoTask | models.UnifiedVideoTask):
        named = outcome.value(value, contract.ID)
        found = named if isinstance(named, str) else repr(named)
    else:
        raise NotSentError(f"{name} is of type {type(value).__name__}; give the id of a task, or the task itself")
    if "://" in found:
        raise NotSentError(f"{name}: {shown(found)} is a link; give the id of a task, like grok:UUID")
    if not contract.is_task_id(found):
        raise NotSentError(f"{name}: {shown(found)} is not the id of a task; ids look like grok:UUID or video_abc123")
    return found


def digest(request: Request) -> str:
    """SHA-256 of method, path and body, in hexadecimal: the same for the same request."""
    return hashlib.sha256(f"{request.method} {request.url}\n".encode() + (request.body or b"")).hexdigest()


def _body(name: str, fields: Mapping[str, Any], extra: Mapping[str, Any] | None) -> dict[str, Any]:
    """The fields that were given, as JSON."""
    if extra is not None and not isinstance(extra, Mapping):
        raise NotSentError(f"extra is of type {type(extra).__name__}; give a mapping of fields to JSON values")
    twice = fields.keys() & (extra or {}).keys()
    if twice:
        raise NotSentError(f"extra: {', '.join(sorted(twice))} is an argument of its own; give it as one")
    body = {field: value for field, value in {**fields, **(extra or {})}.items() if value is not None}
    body = {field: list(value) if isinstance(value, tuple) else value for field, value in body.items()}
    try:
        error = contract.departure(name, body)
    except (TypeError, ValueError, RecursionError):
        raise NotSentError(_no_json(body)) from None
    if error is not None:
        raise NotSentError(_complaint(name, error))
    return body


def _bytes(value: Json) -> bytes:
    return _ENCODER.encode(value).encode()


def _no_json(body: dict[str, Any]) -> str:
    """Which field can't be written as JSON."""
    for field, value in body.items():
        try:
            _bytes(value)
        except (TypeError, ValueError, RecursionError) as error:
            return f"{field} can't be written as JSON: {error}"
    return "a field's name can't be written as JSON"


def _complaint(name: str, error: Any) -> str:
    place = tuple(str(step) for step in error.instance_path)
    named = ".".join(place)
    if error.kind.name == "required":
        return f"{'.'.join((*place, error.kind.property))} is missing"
    if error.kind.name == "pattern":
        return f"{named}: {shown(error.instance)} is not allowed; it takes: {contract.description(name, place)}"
    return f"{named}: {error.message}"


def shown(value: object) -> str:
    """A value in an error, shortened."""
    text = repr(value)
    return text if len(text) <= _MAX_SHOWN else f"{text[:_MAX_SHOWN]}…"


@functools.cache
def _arguments_of(name: str) -> Callable[..., Mapping[str, Any]]:
    """Makes the request of an operation, in its module of the generated client: its tag, its name in snake case."""
    module = importlib.import_module(f"octopusx_video_client.api.{contract.operation(name).tags[0]}.{snake(name)}")
    made: Callable[..., Mapping[str, Any]] = module.request_arguments
    return made


def _model(name: str, body: dict[str, Any]) -> Any:
    from octopusx_video_client import models as generated  # noqa: PLC0415 - see models

    return getattr(generated, contract.body_schema(name).reference).from_dict(body)


def _outgoing(name: str, base_url: str, made: Mapping[str, Any], source: str = "") -> Request:
    """What the generated client made, as bytes."""
    query = "&".join(f"{key}={quote(str(value), safe='')}" for key, value in made.get("params", {}).items())
    try:
        body = _bytes(made["json"]) if "json" in made else None
    except (TypeError, ValueError, RecursionError):
        raise NotSentError(_no_json(made["json"])) from None
    url = f"{base_url}{made['url']}{'?' if query else ''}{query}"
    headers = {"Accept": contract.accepted(name), **made.get("headers", {})}
    return Request(name, made["method"].upper(), url, headers, body, source)
