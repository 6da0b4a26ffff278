"""Where the values of a body stand by its schema, and what each is (``x-value-of``) and counts (``x-unit``)."""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from octopusx_video_openapi.contract import Contract
from octopusx_video_openapi.operation import Operation
from octopusx_video_openapi.rule_ids import RuleId
from octopusx_video_openapi.schema import Schema

ITEM: Final = "*"
"""The step to each item of an array."""
ADDRESS: Final = "task.address"
ENDED: Final = "task.ended"
EXPIRES: Final = "task.expires"
ID: Final = "task.id"
STATUS: Final = "task.status"


class Place(NamedTuple):
    """Where a schema describes a value.

    Attributes:
        path: The steps from the top of the body, names and ``ITEM``.
        schema: The schema of the value.
        value_of: What the value is, such as ``task.address``; "" where nothing is said.
        unit: What it counts, such as ``percent``; "" where nothing is said.
        branches: Schemas of ``oneOf`` and ``anyOf`` of which it is a part, each with the place of what must fit it.
    """

    path: tuple[str, ...]
    schema: Schema
    value_of: str
    unit: str
    branches: tuple[tuple[tuple[str, ...], Schema], ...] = ()


class Value(NamedTuple):
    """A described value of a body.

    Attributes:
        name: Where it stands: the steps from the top of the body with a dot between them.
        value_of: What the value is; "" where nothing is said.
        value: The value.
    """

    name: str
    value_of: str
    value: Any


@functools.cache
def places(schema: Schema) -> tuple[Place, ...]:
    """Every place that a schema describes, each once, in the order of the schema.

    It goes through properties, items, ``$ref``, ``allOf``, ``oneOf`` and ``anyOf``; a schema within itself is not
    entered again.
    """
    found: dict[tuple[tuple[str, ...], str, _Branches], Place] = {}
    known = set()
    for place in _below(schema, (), (), ()):
        if place.value_of or place.path not in known:
            found.setdefault((place.path, place.value_of, place.branches), place)
        known.add(place.path)
    return tuple(found.values())


def places_of(operation: Operation) -> tuple[Place, ...]:
    """Every place of the JSON body of an operation's success; empty where that is not JSON."""
    return () if operation.success_schema is None else places(operation.success_schema)


def of_body(operation: Operation, body: Any) -> Iterator[Value]:
    """The described values of a success of an operation, nested ones too, in the order of the schema.

    What the contract does not describe is left out: more may come, and nothing is said of it.
    """
    seen: set[tuple[str | int, ...]] = set()
    for place, name in _with_names(operation):
        found = _single(body, place.path) if name else at(body, place.path)
        for path, value in found:
            if path not in seen:
                seen.add(path)
                yield Value(name or ".".join(map(str, path)), place.value_of, value)


@functools.cache  # it is asked several times of each response
def _with_names(operation: Operation) -> tuple[tuple[Place, str], ...]:
    """The places of an operation's success, each with its name; "" where it depends on the items of an array."""
    return tuple((place, "" if ITEM in place.path else ".".join(place.path)) for place in places_of(operation))


def _single(body: Any, path: tuple[str, ...]) -> tuple[tuple[tuple[str, ...], Any], ...]:
    """The value at a place outside of arrays with its path; none where there is none."""
    for step in path:
        if not isinstance(body, dict) or step not in body:
            return ()
        body = body[step]
    return ((path, body),)


def first(operation: Operation, body: Any, value_of: str) -> Any:
    """The first value of a success with this ``x-value-of``; None where there is none."""
    return next((one.value for one in of_body(operation, body) if one.value_of == value_of), None)


def at(body: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str | int, ...], Any]]:
    """The values at a place of a body, each with its own path: none, one, or one for each item of an array."""
    level: list[tuple[tuple[str | int, ...], Any]] = [((), body)]
    for step in path:
        if step == ITEM:
            lists = [(here, value) for here, value in level if isinstance(value, list)]
            level = [((*here, index), item) for here, value in lists for index, item in enumerate(value)]
        else:
            objects = [(here, value) for here, value in level if isinstance(value, dict) and step in value]
            level = [((*here, step), value[step]) for here, value in objects]
    yield from level


@functools.cache
def last_second(contract: Contract) -> float:
    """The latest Unix time in seconds; a greater number is in milliseconds (R13). Infinity without such a rule."""
    rule = contract.rules_by_id.get(RuleId.R13)
    times = rule.schema.properties.values() if rule and rule.schema else ()
    return float(min((time.limit("maximum", math.inf) for time in times), default=math.inf))


def in_seconds(contract: Contract, time: float) -> float:
    """A time in Unix seconds, from seconds or milliseconds (R13)."""
    return time / 1000 if time > last_second(contract) else time


_Branches = tuple[tuple[tuple[str, ...], Schema], ...]


def _below(schema: Schema, path: tuple[str, ...], above: tuple[int, ...], branches: _Branches) -> Iterator[Place]:
    if schema.identity in above:
        return
    above = (*above, schema.identity)
    if path:
        yield Place(path, schema, schema.value_of, schema.unit, branches)
    for name, part in schema.properties.items():
        yield from _below(part, (*path, name), above, branches)
    if schema.items is not None:
        yield from _below(schema.items, (*path, ITEM), above, branches)
    for part in schema.branches("allOf"):
        yield from _below(part, path, above, branches)
    for part in schema.branches("oneOf", "anyOf"):
        yield from _below(part, path, above, (*branches, (path, part)))
