"""What this package asks the contract: nothing of the API is written down beside it."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import jsonschema_rs
import octopusx_video_openapi
from octopusx_video_openapi import Contract, Operation, costs, task_ids
from octopusx_video_openapi.costs import Billed

Json = Any
Validator = jsonschema_rs.Draft202012Validator

_PERCENT = "percent"
_EPOCH = "seconds since 1970"


@functools.cache
def contract() -> Contract:
    """The contract that this package was made with."""
    return octopusx_video_openapi.load()


def operation(name: str) -> Operation:
    """One of its operations."""
    return contract().operations[name]


@functools.cache
def server() -> str:
    """Where the service is."""
    return str(contract().document["servers"][0]["url"])


@functools.cache
def phase(status: str) -> str:
    """What a status means: ``running``, ``succeeded`` or ``failed``. One that is not known means running (R14)."""
    return contract().phase(status) or "running"


def is_known(status: str) -> bool:
    """Whether the contract lists the status."""
    return contract().phase(status) is not None


@functools.cache
def unknown_for() -> float:
    """For how many seconds a new task may be unknown (R04)."""
    return float(_rule("R04")["tolerance"]["seconds"])


@functools.cache
def last_second() -> float:
    """A time past this one is in milliseconds (R13)."""
    return float(min(time["maximum"] for time in _rule("R13")["schema"]["properties"].values()))


@functools.cache
def unknown_task_code() -> str:
    """The code of an error that says that a task is unknown."""
    return str(contract().document["components"]["examples"]["TaskNotExist"]["value"]["code"])


@functools.cache
def wrong_route_type() -> str:
    """The type of an error that says that there is no such route."""
    return str(contract().document["components"]["examples"]["WrongRoute"]["value"]["error"]["type"])


@dataclass(frozen=True)
class Bill:
    """What an answer says of its submit's bill.

    Attributes:
        billed: ``never``, ``possible`` or ``yes``.
        before_work: Whether the refusal came before any work, so that the same may be sent again (R28).
    """

    billed: Billed
    before_work: bool


def bill(name: str, status: int, body: Json) -> Bill:
    """What an answer says of its submit's bill."""
    told = costs.billed(contract(), operation(name), status, body)
    decided = costs.decided_by(contract(), operation(name), status, body)
    return Bill(told, before_work=told == "never" and decided is not None)


@functools.cache
def body_validator(name: str) -> Validator:
    """Judges the bodies of an operation."""
    schema = operation(name).definition["requestBody"]["content"]["application/json"]["schema"]
    return Validator(contract().schema(schema), pattern_options=jsonschema_rs.RegexOptions())


@functools.cache
def task_id_validator() -> Validator:
    """Judges the ids of tasks."""
    return Validator(contract().schema({"$ref": task_ids.TASK_ID}), pattern_options=jsonschema_rs.RegexOptions())


@functools.cache
def task_id_places(name: str) -> frozenset[tuple[str, ...]]:
    """Where the body of an operation names a task."""
    return frozenset(place[1:] for place in task_ids.places(contract(), operation(name)) if place[0] == "body")


@functools.cache
def choices(name: str, field: str) -> tuple[Any, ...]:
    """The values that a field of an operation's body may have; empty where its list is open."""
    return tuple(_field(name, field).get("enum", ()))


@functools.cache
def description(name: str, place: tuple[str, ...]) -> str:
    """What the contract says of a field of an operation's body; "" where it says nothing."""
    return " ".join(str(_field(name, *place).get("description", "")).split())


def _field(name: str, *place: str) -> dict[str, Any]:
    schema = operation(name).definition["requestBody"]["content"]["application/json"]["schema"]
    for step in place:
        schema = contract().resolve(schema)
        schema = schema.get("properties", {}).get(step) or schema.get("items") or {}
    beside = {key: value for key, value in schema.items() if key != "$ref"}
    return {**contract().resolve(schema), **beside}


@dataclass(frozen=True)
class Places:
    """Where values stand in an answer, each a path of names, in the order in which they are read.

    Attributes:
        address: Of the video (``x-value-of: task.address``).
        times: Unix times (``x-unit``).
        progress: Percentages (``x-unit``).
    """

    address: tuple[tuple[str, ...], ...]
    times: tuple[tuple[str, ...], ...]
    progress: tuple[tuple[str, ...], ...]


@functools.cache
def places(model: str) -> Places:
    """Where a model of the contract holds what is written in several ways."""
    found = list(_leaves(contract().document["components"]["schemas"][model]))
    return Places(
        address=tuple(place for place, field in found if field.get("x-value-of") == "task.address"),
        times=tuple(place for place, field in found if str(field.get("x-unit", "")).startswith(_EPOCH)),
        progress=tuple(place for place, field in found if field.get("x-unit") == _PERCENT),
    )


def _leaves(schema: dict[str, Any], above: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], dict[str, Any]]]:
    for name, field in schema["properties"].items():
        resolved = contract().resolve(field)
        if "properties" in resolved:
            yield from _leaves(resolved, (*above, name))
        else:
            yield (*above, name), {**resolved, **field}


def _rule(number: str) -> dict[str, Any]:
    return next(rule for rule in contract().document["x-rules"] if rule["id"] == number)
