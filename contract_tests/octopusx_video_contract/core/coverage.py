"""Which parameters and keywords of requests were sent with valid and with invalid values."""

from __future__ import annotations

import collections
import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from octopusx_video_openapi import Contract, Operation, Schema, schemas
from octopusx_video_openapi.schemas import Validator

from octopusx_video_contract.checks.single_response import parts
from octopusx_video_contract.messages.http import ABSENT, Response

_ITEM = "*"

Place = tuple[str, ...]


@dataclass(frozen=True)
class Keyword:
    """One assertion about one place of an operation's request."""

    operation: str
    place: Place
    name: str

    def __str__(self) -> str:
        """As people read it."""
        return f"{self.operation} {'.'.join(self.place)} {self.name}"


class Coverage:
    """Counts what was exercised; gets each response.

    Attributes:
        values: How often a valid and an invalid value of each keyword was sent with a key that was accepted.
        given: How often each parameter and each field was sent.
    """

    def __init__(self, contract: Contract) -> None:
        self.contract = contract
        self.values: dict[Keyword, list[int]] = {}
        self.given: collections.Counter[tuple[str, Place]] = collections.Counter()
        self._assertions: dict[str, list[tuple[Keyword, Validator | None]]] = {}
        self._parameters: dict[str, list[tuple[Place, str]]] = {}
        for operation in contract.operations.values():
            found_ = list(self._of(operation))
            self._assertions[operation.id] = found_
            self.values |= {keyword: [0, 0] for keyword, _ in found_}
            self._parameters[operation.id] = [((one.place, one.name), one.place) for one in operation.parameters]

    def watch(self, response: Response) -> None:
        """Note what a request held, unless it was refused before anybody looked."""
        request = response.request
        reached = request.reached(self.contract)
        if reached is None or response.status == 401:
            return
        operation = reached.operation
        sent: dict[str, Any] = {**parts(self.contract, request), "body": request.json()}
        for place, where in self._parameters[operation.id]:
            holder = dict(request.headers) if where == "header" else sent[where]
            if place[1] in holder:
                self.given[operation.id, place] += 1
        for keyword, validator in self._assertions[operation.id]:
            for value in _at(sent, keyword.place):
                if validator is None:
                    self.values[keyword][value is ABSENT] += 1
                elif value is not ABSENT:
                    with contextlib.suppress(UnicodeEncodeError):  # half of a surrogate pair is neither
                        self.values[keyword][not validator.is_valid(value)] += 1

    def parameters(self, operation: Operation) -> list[Place]:
        """The parameters of an operation."""
        return [place for place, _ in self._parameters[operation.id]]

    def _of(self, operation: Operation) -> Iterator[tuple[Keyword, Validator | None]]:
        for parameter in operation.parameters:
            place = (parameter.place, parameter.name)
            if parameter.place == "header":
                continue
            for keyword, validator in self._in(operation.id, place, parameter.schema):
                if keyword.name != "type":  # what stands in a path or a query is text, whatever it says
                    yield keyword, validator
            if parameter.place == "query" and parameter.required:
                yield Keyword(operation.id, place, "required"), None
        if operation.body_schema is not None:
            yield from self._in(operation.id, ("body",), operation.body_schema)

    def _in(self, operation: str, place: Place, schema: Schema) -> Iterator[tuple[Keyword, Validator | None]]:
        for name in schema.assertions:
            yield Keyword(operation, place, name), schemas.keyword(schema, name)
        for name in schema.required:
            yield Keyword(operation, (*place, name), "required"), None
        for name, part in schema.properties.items():
            yield from self._in(operation, (*place, name), part)
        if schema.items is not None:
            yield from self._in(operation, (*place, _ITEM), schema.items)


def _at(value: Any, place: Place) -> Iterator[Any]:
    """What stands at a place: one value, several where it goes through an array, ABSENT where its holder lacks it."""
    if not place:
        yield value
        return
    step, *rest = place
    if step == _ITEM:
        for item in value if isinstance(value, list) else ():
            yield from _at(item, tuple(rest))
    elif isinstance(value, dict):
        if step in value:
            yield from _at(value[step], tuple(rest))
        elif not rest:
            yield ABSENT
