"""What must hold between the answers of one task over its life. Pure: no request is made here."""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from octopusx_video_openapi import Contract, Operation, values

Broken = Iterator[tuple[str, str]]
"""Broken rules: number, and what was found."""

ENDED = {"succeeded", "failed"}
NOT_YET = (None, "", 0)
"""What stands for a value that is not there yet, as the contract has it."""
_RISING = frozenset({"task.progress", "task.updated"})
"""What time lets rise and never fall, as ``x-value-of`` names it."""
CONSTANT = frozenset({"task.id", "task.created"})
"""What time does not change."""


@dataclass(frozen=True)
class Told:
    """What one answer told of a task.

    Attributes:
        route: The operation that answered, the submit included.
        at: When, in Unix seconds of the server.
        body: The answer's JSON object.
        phase: running, succeeded or failed; a status that the contract does not know counts as running.
    """

    route: str
    at: float
    body: dict[str, Any]
    phase: str


@dataclass
class Task:
    """A task that the run has submitted.

    Attributes:
        id: As the submit told it.
        submit: The operation.
        body: The submit's body.
        submitted: Server time just before and just after the submit, in Unix seconds.
        length: Seconds of video that x-result-length gives; None where the source's length is not known.
        told: What the answers told so far, in order.
        video: The bytes of its content, once they were read.
    """

    id: str
    submit: Operation
    body: dict[str, Any]
    submitted: tuple[float, float]
    length: float | None
    told: list[Told] = field(default_factory=list)
    video: bytes | None = None

    @property
    def phase(self) -> str:
        """As the last read told it."""
        return self.told[-1].phase if self.told else "running"

    @property
    def ended(self) -> bool:
        """Whether the last read told an end."""
        return self.phase in ENDED


def telling(contract: Contract, route: str, at: float, body: Any) -> Told | None:
    """What an answer tells; None where it is no task."""
    if not isinstance(body, dict):
        return None
    status = values.first(contract.operations[route], body, values.STATUS)
    phase = contract.phase(status) if isinstance(status, str) else None
    return Told(route, at, body, phase or "running")


def broken(contract: Contract, task: Task, told: Told) -> Broken:
    """The rules that an answer breaks, given what was told of its task before."""
    yield from _is_itself(contract, task, told)
    yield from _never_falls(contract, task, told)
    yield from _stays_ended(contract, task, told)
    yield from _keeps_its_times(contract, task, told)
    yield from _tells_its_submit(contract, task, told)


def _is_itself(contract: Contract, task: Task, told: Told) -> Broken:
    answered = values.first(contract.operations[told.route], told.body, values.ID)
    if answered != task.id:
        yield "R06", f"asked for {task.id}, answered {answered!r}"
    for name in contract.rule("R17").constant:
        before = [earlier.body[name] for earlier in task.told if earlier.body.get(name) is not None]
        now = told.body.get(name)
        if before and now is not None and now != before[-1]:
            yield "R17", f"{name} was {before[-1]!r} and is {now!r}"


def _never_falls(contract: Contract, task: Task, told: Told) -> Broken:
    for name in contract.rule("R15").never_falls:
        before = [earlier.body[name] for earlier in task.told if _is_number(earlier.body.get(name))]
        now = told.body.get(name)
        if before and _is_number(now) and now < max(before):
            yield "R15", f"{name} was {max(before)} and is {now} ({told.route})"


def _stays_ended(contract: Contract, task: Task, told: Told) -> Broken:
    ends = [earlier for earlier in task.told if earlier.phase in ENDED]
    if not ends:
        return
    end = ends[0]
    if told.phase != end.phase:
        broken_rule = "R16" if any(earlier.route == told.route for earlier in ends) else "R18"
        yield (
            broken_rule,
            f"{end.route} told that it had {end.phase}, and now {told.route} tells that it is {told.phase}",
        )
    same = [earlier for earlier in ends if earlier.route == told.route]
    if same and told.phase == end.phase:
        operation = contract.operations[told.route]
        for name in (values.STATUS, values.ENDED):
            before, now = (values.first(operation, one.body, name) for one in (same[0], told))
            if before not in NOT_YET and now != before:
                yield "R16", f"after its end {name} was {before!r} and is {now!r}"


def _keeps_its_times(contract: Contract, task: Task, told: Told) -> Broken:
    names = contract.rule("R49").in_order
    times = [(name, told.body[name]) for name in names if _is_number(told.body.get(name)) and told.body[name]]
    for (before, first), (after, second) in itertools.pairwise(times):
        if first > second:
            yield "R49", f"{before} is {first}, after {after}, {second}"
    allowed = contract.rule("R56").tolerance
    tolerance = allowed.seconds if allowed else math.inf
    began, ended = task.submitted
    for name, value_of, value in values.of_body(contract.operations[told.route], told.body):
        made = value_of == "task.created" or (value_of == "task.updated" and told.phase == "running")
        if not made or not _is_number(value) or not value:
            continue
        latest = ended if value_of == "task.created" else told.at
        if not began - tolerance <= value <= latest + tolerance:
            yield "R56", f"it was submitted at {began:.0f} and {name} is {value}"


def _tells_its_submit(contract: Contract, task: Task, told: Told) -> Broken:
    for name, value_of, value in values.of_body(contract.operations[told.route], told.body):
        if value in NOT_YET:
            continue
        kind, _, asked = value_of.partition(".")
        if kind == "request" and asked in task.body and value != task.body[asked]:
            yield "R48", f"{asked} was submitted as {task.body[asked]!r}, and {name} is {value!r}"
        if value_of == "task.length" and task.length is not None and _number(value) != task.length:
            yield "R55", f"{name} is {value!r}, and x-result-length gives {task.length:g}"


def changed_by_reads(contract: Contract, before: Told, now: Told) -> Iterator[str]:
    """What differs between two reads of one route, of a task that ran at the first, though time alone can't change it.

    Time that passes may let progress and times rise, change the status, end the task, and change what the contract does
    not describe.
    """
    earlier = {name: value for name, _, value in values.of_body(contract.operations[before.route], before.body)}
    for name, value_of, second in values.of_body(contract.operations[now.route], now.body):
        first = earlier.pop(name, None)
        if value_of in _RISING:
            if _is_number(first) and _is_number(second) and second < first:
                yield f"{name} was {first} and is {second}"
        elif (value_of in CONSTANT or value_of.startswith("request.")) and first not in NOT_YET and first != second:
            yield f"{name} was {first!r} and is {second!r}"


def _number(value: Any) -> float | None:
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        return None


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


@functools.cache
def echoes(contract: Contract) -> frozenset[str]:
    """The fields of a submit that some answer tells again."""
    found = {place.value_of for read in contract.reads for place in values.places_of(read)}
    return frozenset(value.removeprefix("request.") for value in found if value.startswith("request."))


def address(contract: Contract, told: Told) -> str | None:
    """The first address of the video that an answer gives, in the order of its fields."""
    for _, value_of, value in values.of_body(contract.operations[told.route], told.body):
        if value_of == values.ADDRESS and isinstance(value, str) and value:
            return value
    return None
