"""Requests as one value, and what the contract says of it. Pure: none is sent.

A request is seen as ``{"path": …, "query": …, "body": …}`` with one schema: so a parameter that is missing, a field
that is wrong and a body that is wrapped are the same kind of change at different places.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import jsonschema_rs
from octopusx_video_openapi import Contract, ContractError, Operation, Schema, schemas, task_ids
from octopusx_video_openapi.schemas import Validator

from octopusx_video_contract.messages.http import ABSENT

Json = Any


@dataclass(frozen=True)
class RequestValues:
    """A request: decoded values of the parameters of its path and its query, and the JSON value of its body.

    Attributes:
        path: By name. They want encoding, all but a colon, which may stand as it is.
        query: By name. A parameter that is left out is not there; an empty one is the empty text.
        body: The value, or ``ABSENT``.
    """

    path: dict[str, str]
    query: dict[str, str]
    body: Json


def valid_requests(operation: Operation, task_id: str) -> list[RequestValues]:
    """The shortest and the fullest valid request of an operation; one alone where they are the same.

    They are made of the contract's examples, with ``task_id`` wherever a task is named.

    Raises:
        ContractError: A property or a parameter has no example.
    """
    schema = schemas.request(operation)
    examples = list(operation.body_examples.values())
    full = filled(operation.id, schema, {"body": examples[0]} if examples else {})
    found = []
    for whole in (trimmed(schema, full), full):
        for place in task_ids.places(operation):
            whole = _put(whole, place, task_id)
        request = RequestValues(whole["path"], whole["query"], whole.get("body", ABSENT))
        if request not in found:
            found.append(request)
    return found


def faults(operation: Operation, request: RequestValues) -> list[tuple[tuple[str, ...], str]]:
    """The place and the keyword of each error that the contract's schemas find in a request of an operation."""
    return list(faults_of(schemas.validator(schemas.request(operation)), request))


def whole_of(request: RequestValues) -> dict[str, Json]:
    """A request as one value."""
    whole = {"path": request.path, "query": request.query}
    return whole if request.body is ABSENT else {**whole, "body": request.body}


def faults_of(validator: Validator, request: RequestValues) -> Iterator[tuple[tuple[str, ...], str]]:
    """The place and the keyword of each error in a request; what is missing is an error at its own place."""
    for error in validator.iter_errors(whole_of(request)):
        place = tuple(map(str, error.instance_path))
        if place == ("query",) and error.kind.name == "additionalProperties":
            continue  # the contract forbids no parameter that it does not have
        if isinstance(error.kind, jsonschema_rs.ValidationErrorKind.Required):
            place = (*place, error.kind.property)
        yield place, error.kind.name


@functools.cache
def documented_values(contract: Contract) -> dict[int, list[Json]]:
    """The values in the contract's example requests, by the ``identity`` of the schema that they are examples of."""
    found: dict[int, list[Json]] = {}
    for operation in contract.operations.values():
        for parameter in operation.parameters:
            for example in parameter.examples:
                _collect(parameter.schema, example, found)
        if operation.body_schema is not None:
            for example in operation.body_examples.values():
                _collect(operation.body_schema, example, found)
    return found


def _collect(schema: Schema, value: Json, found: dict[int, list[Json]]) -> None:
    known = found.setdefault(schema.identity, [])
    if value not in known:
        known.append(value)
    if isinstance(value, dict):
        for name, field in schema.properties.items():
            if name in value:
                _collect(field, value[name], found)
    elif isinstance(value, list) and schema.items is not None:
        for item in value:
            _collect(schema.items, item, found)


def filled(name: str, schema: Schema, value: Json = ABSENT, above: frozenset[int] = frozenset()) -> Json:
    """The value with each property that the schema has; all of it from examples where there is none."""
    if schema.has_properties:
        if schema.identity in above:
            text = f"{name}: its schema holds itself; say how deep it goes, with one for each level"
            raise ContractError(f"{schema.contract.path}: {text}")
        above |= {schema.identity}
        given = value if isinstance(value, dict) else {}
        fields = schema.properties.items()
        fullest = {key: filled(f"{name}.{key}", field, given.get(key, ABSENT), above) for key, field in fields}
        return {**given, **fullest}
    if value is not ABSENT:
        return value
    for known in (documented_values(schema.contract).get(schema.identity, ()), schema.examples, schema.enum):
        if known:
            return known[0]
    if schema.items is not None:
        return [filled(name, schema.items, above=above)]
    raise ContractError(f"{schema.contract.path}: {name}: no request has an example of it; give its schema `examples`")


def trimmed(schema: Schema | None, value: Json) -> Json:
    """The value without whatever the schema does not require."""
    if schema is None or not isinstance(value, dict) or not schema.has_properties:
        return value
    kept = [name for name in schema.required if name in value]
    return {name: trimmed(schema.properties.get(name), value[name]) for name in kept}


def _put(whole: Json, place: Sequence[str], value: Json) -> Json:
    """The whole with another value at a place; as it is where there is no such place."""
    if not place:
        return value
    if not isinstance(whole, dict) or place[0] not in whole:
        return whole
    return {**whole, place[0]: _put(whole[place[0]], place[1:], value)}


def without(value: dict[str, Json], name: str) -> dict[str, Json]:
    """The object without one of its properties."""
    return {other: inner for other, inner in value.items() if other != name}


def at_limits(schema: Schema | None, value: Json) -> Json:
    """The value with its numbers as small as its schema has them."""
    if isinstance(value, dict):
        fields = schema.properties if schema else {}
        return {name: at_limits(fields.get(name), inner) for name, inner in value.items()}
    return schema.limit("minimum", value) if schema and isinstance(value, int) else value


def several(schema: Schema, value: list[Json], least: int) -> list[Json]:
    """The items, said over again until there are so many."""
    items = value or ([filled("items", schema.items)] if schema.items else [])
    return list(itertools.islice(itertools.cycle(items), max(least, len(items))))


@functools.cache
def task_names(contract: Contract) -> frozenset[str]:
    """What the contract calls the id of a task, wherever a request names one."""
    operations = contract.operations.values()
    return frozenset(place[-1] for operation in operations for place in task_ids.places(operation))
