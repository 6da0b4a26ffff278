"""Where a request names a task (what the contract types as a TaskId), and what may be one in any response."""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Container, Iterator
from typing import Any

from octopusx_video_openapi.contract import Contract
from octopusx_video_openapi.model import at
from octopusx_video_openapi.operation import Operation
from octopusx_video_openapi.schema import Schema
from octopusx_video_openapi.values import ITEM
from octopusx_video_openapi.values import places as value_places

TASK_ID = "TaskId"
"""The component schema of the id of a task."""

MOST_POSSIBLE = 5
"""How many ids ``possible`` finds at most."""
LONGEST_POSSIBLE = 300
"""How long one of them is at most."""
_MOST_SCANNED = 4_000_000
"""How many bytes of a response are searched for ids."""
_WRAPPER = "data"
"""Holds the task or its id in the gateway's wrapper (doc.octopusx.ai/en/tasks/task-status)."""
_PAIR = re.compile(r'"([A-Za-z0-9_.-]{0,60}[iI][dD]|data)"\s{0,9}:\s{0,9}"((?:[^"\\]|\\.){1,300})"')
_TASK_NAMES = frozenset({"id", "taskid", "videoid"})
_OF_REQUEST = re.compile(r"req|trace|log|oneapi", re.IGNORECASE)
"""Names of ids that are the request's own."""
_OF_OTHERS = re.compile(r"user|org|channel|token|group|model|account|project|team|key", re.IGNORECASE)
"""Names of ids that are of something else than a task."""
_NAMED, _WRAPPED, _OTHER, _WORD, _LAST = range(5)
"""How likely an id is the new task's: by its name, in the wrapper or bare, by another name of an id, by a name that may
be another word (``paid``), and the request's own, which counts only where there is no other."""

Place = tuple[str, ...]
"""Where it stands: ``("path", name)``, ``("query", name)`` or ``("body", name, ...)``."""


@functools.cache  # it is asked of each request and each response
def places(operation: Operation) -> tuple[Place, ...]:
    """The places of an operation's request that name a task."""
    return tuple(_in_request(operation))


def _in_request(operation: Operation) -> Iterator[Place]:
    for parameter in operation.parameters:
        if parameter.schema.reference == TASK_ID:
            yield parameter.place, parameter.name
    for media in operation.body.media.values() if operation.body else ():
        for place in _in_schema(media.schema):
            yield "body", *place


def values(operation: Operation, request: dict[str, Any]) -> set[str]:
    """The ids that a request names; ``request`` holds ``path``, ``query`` and ``body``."""
    named = (at(request, place) for place in places(operation))
    return {value for value in named if isinstance(value, str)}


def documented(contract: Contract) -> tuple[str, ...]:
    """The ids in the contract's example requests and example responses of reads, which a mock has as finished tasks.

    Those in the responses of submits are left out: there they stand for tasks that are new.
    """
    found: dict[str, None] = {}
    for operation in contract.operations.values():
        found.update(dict.fromkeys(_in_responses(operation)))
        request: dict[str, Any] = {"path": {}, "query": {}, "body": None}
        for parameter in operation.parameters:
            if parameter.place in request and parameter.examples:
                request[parameter.place][parameter.name] = parameter.examples[0]
        for body in (None, *operation.body_examples.values()):
            found.update(dict.fromkeys(sorted(values(operation, {**request, "body": body}))))
    return tuple(found)


def _in_responses(operation: Operation) -> Iterator[str]:
    media = (one for response in operation.responses.values() for one in response.media.values())
    for one in media if not operation.starts_task else ():
        for example in one.examples.values():
            found = (at(example, place) for place in _in_schema(one.schema))
            yield from (value for value in found if isinstance(value, str))


def possible(
    contract: Contract,
    content: bytes,
    repeated: Container[str] = (),
    request_id: str | None = None,
    *,
    is_named: bool = False,
) -> tuple[str, ...]:
    """What may be the id of a new task in a response that can't be understood, the likeliest first.

    Values that fit the contract's TaskId, as a bare string, under a name that ends in ``id``, or in the gateway's
    wrapper. The id of the request itself counts only where there is no other.

    Args:
        contract: Says what a TaskId is.
        content: As much of the body as arrived, whether it is JSON or not.
        repeated: What the request held, which a gateway may repeat and which is no new task.
        request_id: What a header calls the request.
        is_named: Whether only ids under the names of a task's id count.
    """
    content = content[:_MOST_SCANNED]
    text = content.decode(json.detect_encoding(content), "replace").lstrip("\ufeff \t\r\n")
    found: dict[str, int] = {}
    for name, value in _named(text):
        if value not in repeated and len(value) <= LONGEST_POSSIBLE and _fits(contract).fullmatch(value):
            rank = _LAST if value == request_id else _rank(name)
            found[value] = min(found.get(value, _LAST), rank)
    likeliest = sorted(found, key=found.__getitem__)
    if is_named:
        return tuple(one for one in likeliest if found[one] == _NAMED)[:MOST_POSSIBLE]
    return tuple(one for one in likeliest if found[one] < _LAST or found[likeliest[0]] == _LAST)[:MOST_POSSIBLE]


@functools.cache
def _fits(contract: Contract) -> re.Pattern[str]:
    schema = contract.schemas.get(TASK_ID)
    return re.compile(schema.limit("pattern", r"\S+") if schema else r"\S+")


def _rank(name: str) -> int:
    if name in {"", _WRAPPER}:
        return _WRAPPED
    plain = re.sub(r"[^a-z]", "", name.lower())
    if plain in _TASK_NAMES:
        return _NAMED
    if _OF_REQUEST.search(name):
        return _LAST
    if _OF_OTHERS.search(name):
        return _WORD
    return _OTHER if re.search(r"(?:^|[_.-])[iI][dD]$|[a-z0-9]I[dD]$|ID$", name) else _WORD


def _named(text: str) -> Iterator[tuple[str, str]]:
    """The texts that may be ids, each with its name; "" where it has none."""
    try:
        value, end = json.JSONDecoder().raw_decode(text)
    except (ValueError, RecursionError):
        value, end = None, 0
    for pair in _PAIR.finditer(text, end):  # of what is cut, of what is no JSON, and of what follows it
        yield pair[1], _unescaped(pair[2])
    if isinstance(value, str):
        yield "", value
    level = [value]
    for one in level:
        for name, field in one.items() if isinstance(one, dict) else ():
            if name == _WRAPPER and isinstance(field, list):
                yield from ((name, item) for item in field if isinstance(item, str))
            if isinstance(field, str) and (name.lower().endswith("id") or name == _WRAPPER):
                yield name, field
                if field.startswith("{"):  # JSON as a text within JSON
                    yield from ((inner[1], _unescaped(inner[2])) for inner in _PAIR.finditer(field))
        level += one.values() if isinstance(one, dict) else one if isinstance(one, list) else ()


def _unescaped(text: str) -> str:
    try:
        return str(json.loads(f'"{text}"'))
    except ValueError:
        return text


@functools.cache
def _in_schema(schema: Schema | None) -> tuple[Place, ...]:
    """The places of a body that name a task; those in arrays are left out."""
    if schema is None:
        return ()
    found = (place.path for place in value_places(schema) if place.schema.reference == TASK_ID)
    return tuple(path for path in found if ITEM not in path)
