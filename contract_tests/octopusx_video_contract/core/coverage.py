"""What of the contract a run has exercised: operations, parameters, keywords of requests, responses and rules."""

from __future__ import annotations

import collections
import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from octopusx_video_openapi import Contract, Operation, Schema, operations, schemas
from octopusx_video_openapi.schemas import Validator

from octopusx_video_contract.checks.registry import without_check
from octopusx_video_contract.checks.single_response import parts
from octopusx_video_contract.core.run import Run
from octopusx_video_contract.messages.http import ABSENT, Response

_ITEM = "*"
_NOT_OF_A_REQUEST = frozenset({"broken", "wrong-route"})
"""Causes of ``x-when`` that no request of an operation brings about."""

_OF_TIME = "expired"
"""The cause that only a day brings about."""

Place = tuple[str, ...]


@dataclass(frozen=True)
class Keyword:
    """One assertion about one place of an operation's request."""

    operation: str
    place: Place
    name: str

    def __str__(self) -> str:
        """As it is told to people."""
        return f"{self.operation} {'.'.join(self.place)} {self.name}"


class Coverage:
    """Counts what was exercised; told of each answer.

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
        reached = operations.match(self.contract, request.method, request.path)
        if reached is None or response.status == 401:
            return
        operation = reached[0]
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


def can_come_about(operation: Operation, status: int, *, in_time: bool = True) -> bool:
    """Whether a request brings about an answer with this status, or time does where it can be made to pass.

    If not, it can only be ordered.
    """
    if 200 <= status < 300:
        return True
    return bool(set(operation.responses[str(status)].causes) - _NOT_OF_A_REQUEST - (set() if in_time else {_OF_TIME}))


@dataclass(frozen=True)
class Gap:
    """Something that was not exercised: what kind of thing, and which."""

    kind: str
    name: str


def gaps(run: Run, coverage: Coverage) -> Iterator[Gap]:
    """What of the contract this run did not exercise."""
    contract, seen = run.contract, run.log
    for operation in contract.operations.values():
        came, ordered = seen.statuses(operation.id, ordered=False), seen.statuses(operation.id, ordered=True)
        if not any(200 <= status < 300 for status in came):
            yield Gap("operation", f"{operation.id} never succeeded")
        for place in coverage.parameters(operation):
            if not coverage.given[operation.id, place]:
                yield Gap("parameter", f"{operation.id} {place[1]}")
        for status in operation.responses:
            in_time = run.control is not None
            natural = can_come_about(operation, int(status), in_time=in_time) and not run.stateless
            if int(status) not in came and (natural or int(status) not in ordered):
                yield Gap("response", f"{operation.id} {status}")
    yield from _values_and_rules(run, coverage)


def _values_and_rules(run: Run, coverage: Coverage) -> Iterator[Gap]:
    for keyword, (valid, invalid) in coverage.values.items():
        if not valid or not invalid:
            missing = [kind for kind, count in (("valid", valid), ("invalid", invalid)) if not count]
            yield Gap("keyword", f"{keyword}: no {' and no '.join(missing)} value was sent")
    for rule in run.contract.rules:
        if rule.id not in run.log.asked:
            yield Gap("rule", f"{rule.id} {rule.title}{' (it has no check)' * (rule in without_check(run.contract))}")
