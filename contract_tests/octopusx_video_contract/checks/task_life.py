"""What must hold between the responses of one task over its life. Pure: no request is made here."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, TypeGuard

from octopusx_video_openapi import Contract, Operation, RuleId, values

from octopusx_video_contract.checks.registry import Outcomes, checks

ENDED = {"succeeded", "failed"}
NOT_YET = (None, "", 0)
"""What stands for a value that is not there yet, as the contract has it."""
_RISING = frozenset({"task.progress", "task.updated"})
"""What time lets rise and never fall, as ``x-value-of`` names it."""
LENGTH_TOLERANCE = 0.5
"""Seconds that a video may be longer or shorter, by R26."""
_OF_SUBMIT = frozenset({"task.id", "task.created"})


@dataclass(frozen=True)
class Observation:
    """What one response reported of a task.

    Attributes:
        route: The operation whose response it is, the submit included.
        at: When, in Unix seconds of the server.
        body: The response's JSON object.
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
        id: As the submit reported it.
        submit: The operation.
        body: The submit's body.
        submitted: Server time just before and just after the submit, in Unix seconds.
        length: Seconds of video that x-result-length gives; None where the source's length is not known.
        observations: What the responses reported so far, in order.
        video: The bytes of its content, once they were read.
    """

    id: str
    submit: Operation
    body: dict[str, Any]
    submitted: tuple[float, float]
    length: float | None
    observations: list[Observation] = field(default_factory=list)
    video: bytes | None = None

    @property
    def phase(self) -> str:
        """As the last read reported it."""
        return self.observations[-1].phase if self.observations else "running"

    @property
    def ended(self) -> bool:
        """Whether the last read reported an end."""
        return self.phase in ENDED


def observed(contract: Contract, route: str, at: float, body: Any) -> Observation | None:
    """What a response reports; None where it is no task."""
    if not isinstance(body, dict):
        return None
    status = values.first(contract.operations[route], body, values.STATUS)
    phase = contract.phase(status) if isinstance(status, str) else None
    return Observation(route, at, body, phase or "running")


def check(contract: Contract, task: Task, observation: Observation) -> Outcomes:
    """Compare a response with its task, and with earlier reports of it (R16 and R17 are asked by ``_history``)."""
    yield from _is_itself(contract, task, observation)
    yield from _never_falls(contract, task, observation)
    yield from _is_on_both_routes(task, observation)
    yield from _keeps_its_times(contract, task, observation)
    yield from _repeats_its_submit(contract, task, observation)


@checks(RuleId.R06)
def _is_itself(contract: Contract, task: Task, observation: Observation) -> Outcomes:
    answered = values.first(contract.operations[observation.route], observation.body, values.ID)
    yield RuleId.R06, None if answered == task.id else f"asked for {task.id}, got {answered!r}"


@checks(RuleId.R15)
def _never_falls(contract: Contract, task: Task, observation: Observation) -> Outcomes:
    rule = contract.rules_by_id.get(RuleId.R15)
    for name in rule.never_falls if rule else ():
        before = [earlier.body[name] for earlier in task.observations if is_number(earlier.body.get(name))]
        now = observation.body.get(name)
        if before and is_number(now):
            fell = f"{name} was {max(before)} and is {now} ({observation.route})"
            yield RuleId.R15, fell if now < max(before) else None


@checks(RuleId.R18)
def _is_on_both_routes(task: Task, observation: Observation) -> Outcomes:
    """That the same route reports the same of an end is R16."""
    ends = [earlier for earlier in task.observations if earlier.phase in ENDED]
    if ends and all(earlier.route != observation.route for earlier in ends):
        end = ends[0]
        other = f"{end.route} reported that it had {end.phase}, and now {observation.route} reports that it is "
        yield RuleId.R18, other + observation.phase if observation.phase != end.phase else None
        return
    others = {earlier.route for earlier in task.observations} - {observation.route, task.submit.id}
    if not ends and observation.phase == "running" and others:
        yield RuleId.R18, None  # both have reported that it runs


@checks(RuleId.R49, RuleId.R56)
def _keeps_its_times(contract: Contract, task: Task, observation: Observation) -> Outcomes:
    rule = contract.rules_by_id.get(RuleId.R49)
    names = rule.in_order if rule else ()
    times = [
        (name, observation.body[name])
        for name in names
        if is_number(observation.body.get(name)) and observation.body[name]
    ]
    for (before, first), (after, second) in itertools.pairwise(times):
        yield RuleId.R49, f"{before} is {first}, after {after}, {second}" if first > second else None
    rule = contract.rules_by_id.get(RuleId.R56)
    tolerance = rule.tolerance.seconds if rule and rule.tolerance else math.inf
    began, ended = task.submitted
    for name, value_of, value in values.of_body(contract.operations[observation.route], observation.body):
        made = value_of == "task.created" or (value_of == "task.updated" and observation.phase == "running")
        if not made or not is_number(value) or not value:
            continue
        latest = ended if value_of == "task.created" else observation.at
        is_new = began - tolerance <= value <= latest + tolerance
        yield RuleId.R56, None if is_new else f"it was submitted at {began:.0f} and {name} is {value}"


@checks(RuleId.R48, RuleId.R55)
def _repeats_its_submit(contract: Contract, task: Task, observation: Observation) -> Outcomes:
    for name, value_of, value in values.of_body(contract.operations[observation.route], observation.body):
        if value in NOT_YET:
            continue
        kind, _, asked = value_of.partition(".")
        if kind == "request" and asked in task.body:
            other = f"{asked} was submitted as {task.body[asked]!r}, and {name} is {value!r}"
            yield RuleId.R48, other if value != task.body[asked] else None
        if value_of == "task.length" and task.length is not None:
            other = f"{name} is {value!r}, and x-result-length gives {task.length:g}"
            yield RuleId.R55, other if _number(value) != task.length else None


def changed_by_reads(contract: Contract, before: Observation, now: Observation) -> Iterator[str]:
    """What differs between two reads of one route, of a task that ran at the first, though time alone can't change it.

    Time that passes may let progress and times rise, change the status, end the task, and change what the contract does
    not describe.
    """
    earlier = {name: value for name, _, value in values.of_body(contract.operations[before.route], before.body)}
    for name, value_of, second in values.of_body(contract.operations[now.route], now.body):
        first = earlier.pop(name, None)
        if value_of in _RISING:
            if is_number(first) and is_number(second) and second < first:
                yield f"{name} was {first} and is {second}"
        elif is_of_submit(value_of) and first not in NOT_YET and first != second:
            yield f"{name} was {first!r} and is {second!r}"


def is_of_submit(value_of: str) -> bool:
    """Whether a value of a task is settled by its submit, so that time does not change it and all routes agree."""
    return value_of in _OF_SUBMIT or value_of.startswith("request.")


def _number(value: Any) -> float | None:
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        return None


def is_number(value: Any) -> TypeGuard[float]:
    """Whether a JSON value is a number."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def address(contract: Contract, observation: Observation) -> str | None:
    """The first address of the video that a response gives, in the order of its fields."""
    for _, value_of, value in values.of_body(contract.operations[observation.route], observation.body):
        if value_of == values.ADDRESS and isinstance(value, str) and value:
            return value
    return None
