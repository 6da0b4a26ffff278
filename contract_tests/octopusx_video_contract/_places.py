"""Where the values of a response stand, by the schemas of the contract. Pure: no request is made here."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import Any, NamedTuple

from octopusx_video_openapi import Contract

ADDRESS = "task.address"
"""The value of ``x-value-of`` that may differ from one response to the next: an address may be signed each time."""
_ABSENT: Any = object()


class Value(NamedTuple):
    """A value of a response that the contract documents.

    Attributes:
        name: Where it stands, with a dot before each step down.
        value_of: What ``x-value-of`` says that it is; empty where it says nothing.
        value: What stands there.
    """

    name: str
    value_of: str
    value: Any


class _Place(NamedTuple):
    path: tuple[str, ...]
    value_of: str


def values(contract: Contract, operation_id: str, body: Any) -> Iterator[Value]:
    """The documented values of a success, nested ones too, in the order of the schema.

    A field that the contract does not have is left out: more may come, and nothing is said of what it holds.
    """
    for place in _places(contract, operation_id):
        value = body
        for step in place.path:
            value = value.get(step, _ABSENT) if isinstance(value, dict) else _ABSENT
        if value is not _ABSENT:
            yield Value(".".join(place.path), place.value_of, value)


def values_of(contract: Contract, operation_id: str) -> frozenset[str]:
    """What ``x-value-of`` names anywhere in an operation's success."""
    return frozenset(place.value_of for place in _places(contract, operation_id)) - {""}


def differences(contract: Contract, operation_id: str, before: Any, now: Any) -> Iterator[str]:
    """What differs between two successes of an operation, in words: each documented value that is another one.

    Addresses may differ wherever they stand; that one is there, or not, may not.
    """
    first = {one.name: one for one in values(contract, operation_id, before)}
    second = {one.name: one for one in values(contract, operation_id, now)}
    for name in dict.fromkeys([*first, *second]):
        one, other = first.get(name), second.get(name)
        old, new = (_ABSENT if value is None else value.value for value in (one, other))
        if (one or other or Value("", "", None)).value_of == ADDRESS and _is_given(old) and _is_given(new):
            continue
        if isinstance(old, dict) and isinstance(new, dict):
            continue  # what stands in them is compared by itself
        if old != new or isinstance(old, bool) != isinstance(new, bool):
            yield f"{name} was {_shown(old)} and is {_shown(new)}"


def _is_given(value: Any) -> bool:
    return isinstance(value, str) and bool(value)


def _shown(value: Any) -> str:
    return "absent" if value is _ABSENT else repr(value)


@functools.cache
def _places(contract: Contract, operation_id: str) -> tuple[_Place, ...]:
    response = dict(contract.responses(contract.operations[operation_id])).get("200", {})
    media = response.get("content", {}).get("application/json")
    return tuple(_below(contract, media["schema"], (), ())) if media else ()


def _below(contract: Contract, schema: Any, path: tuple[str, ...], above: tuple[int, ...]) -> Iterator[_Place]:
    """The places of a schema's properties, each once."""
    value_of = schema.get("x-value-of", "") if isinstance(schema, dict) else ""
    schema = contract.resolve(schema)
    if not isinstance(schema, dict) or id(schema) in above:
        return
    if path:
        yield _Place(path, value_of or schema.get("x-value-of", ""))
    for name, part in schema.get("properties", {}).items():
        yield from _below(contract, part, (*path, name), (*above, id(schema)))
    for kind in ("allOf", "oneOf", "anyOf"):
        for part in schema.get(kind, ()):
            below = _below(contract, part, path, (*above, id(schema)))
            yield from (place for place in below if place.path != path)
