"""Requests that depart from a valid one in a single thing. Pure: none is sent.

What a change makes of the request is for the contract's schemas to say: an invalid value that they take, and a valid
one that they refuse, is dropped.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Final

from octopusx_video_openapi import Operation, Schema, schemas

from octopusx_video_contract.cases.request_values import Json, RequestValues, filled, several, whole_of
from octopusx_video_contract.messages.http import ABSENT

BODY: Final = "body"
"""The keyword of what is wrong with, or about, the body as a whole."""


@dataclass(frozen=True)
class Variant(RequestValues):
    """A request that departs from a valid one in a single thing.

    Attributes:
        name: What it departs in; unique among an operation's invalid variants, and among its edges.
        place: Where, from ``path``, ``query`` or ``body`` on; an item of an array is named by its index.
        keyword: The keyword of JSON Schema that it is about, or ``BODY``.
        raw: The bytes to send for ``body`` where its spelling matters; else any JSON of it will do.
    """

    name: str
    place: tuple[str, ...]
    keyword: str
    raw: bytes | None = None


@dataclass(frozen=True)
class Change:
    """What another value makes of a whole: where it stands, which keyword it is about, what it is called, the whole."""

    place: tuple[str, ...]
    keyword: str
    what: str
    whole: Json

    def within(self, step: str, whole: Json) -> Change:
        """The same change as one of what holds this whole."""
        return replace(self, place=(step, *self.place), whole=whole)


Changes = Callable[[Schema, Json], Iterator[Change]]
"""What can be made of one value with its schema, whatever holds it."""


def variants(operation: Operation, valid: RequestValues, own: Changes) -> Iterator[Variant]:
    """The changes of a valid request that can be sent."""
    for change in _changes(schemas.request(operation), whole_of(valid), own):
        if _can_be_sent(change):
            yield Variant(
                name=f"{_name_of(change.place)}: {change.what}",
                place=change.place,
                keyword=BODY if change.place == ("body",) else change.keyword,
                path=change.whole["path"],
                query=change.whole["query"],
                body=change.whole.get("body", ABSENT),
            )


def once(variants: Iterable[Variant]) -> Iterator[Variant]:
    """Those whose request no earlier one makes."""
    seen = set()
    for variant in variants:
        request = (json.dumps(whole_of(variant), sort_keys=True), variant.raw)
        if request not in seen:
            seen.add(request)
            yield variant


def _can_be_sent(change: Change) -> bool:
    """Whether it is a change of the body or of one parameter, and a parameter's value can stand where it does."""
    if change.place[:1] == ("body",):
        return True
    if len(change.place) < 2:
        return False
    holder, name = change.place[0], change.place[1]
    value = change.whole[holder].get(name, ABSENT)
    if holder == "query":
        return value is ABSENT or isinstance(value, str)
    return isinstance(value, str) and value not in {"", ".", ".."} and value.strip("/") == value


def _name_of(place: tuple[str, ...]) -> str:
    return (".".join(place[1:]) or "body") if place[0] == "body" else " ".join(place)


def _changes(schema: Schema, value: Json, own: Changes) -> Iterator[Change]:
    """The changes of a value as a whole, then those of what it holds: each property, the first two items."""
    yield from own(schema, value)
    if isinstance(value, dict):
        for name, field in schema.properties.items():
            inner = value[name] if name in value else filled(name, field)
            for change in _changes(field, inner, own):
                yield change.within(name, {**value, name: change.whole})
    elif isinstance(value, list) and schema.items is not None:
        items = several(schema, value, 2)
        for at in range(2):
            for change in _changes(schema.items, items[at], own):
                yield change.within(str(at), [*items[:at], change.whole, *items[at + 1 :]])
