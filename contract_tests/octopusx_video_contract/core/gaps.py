"""What of the contract a run has not exercised: operations, parameters, keywords of requests, responses and rules."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from octopusx_video_openapi import Operation

from octopusx_video_contract.checks.registry import without_check
from octopusx_video_contract.core.run import Run

_NOT_OF_A_REQUEST = frozenset({"broken", "wrong-route"})
"""Causes of ``x-when`` that no request of an operation brings about."""

_OF_TIME = "expired"
"""The cause that only a day brings about."""


def can_come_about(operation: Operation, status: int, *, in_time: bool = True) -> bool:
    """Whether a request brings about a response with this status, or time does where it can be made to pass.

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


def gaps(run: Run) -> Iterator[Gap]:
    """What of the contract this run did not exercise."""
    contract, log, coverage = run.contract, run.log, run.coverage
    for operation in contract.operations.values():
        unordered, ordered = log.statuses(operation.id, ordered=False), log.statuses(operation.id, ordered=True)
        if not any(200 <= status < 300 for status in unordered):
            yield Gap("operation", f"{operation.id} never succeeded")
        for place in coverage.parameters(operation):
            if not coverage.given[operation.id, place]:
                yield Gap("parameter", f"{operation.id} {place[1]}")
        for status in operation.responses:
            in_time = run.control is not None
            natural = can_come_about(operation, int(status), in_time=in_time) and not run.settings.stateless
            if int(status) not in unordered and (natural or int(status) not in ordered):
                yield Gap("response", f"{operation.id} {status}")
    yield from _values_and_rules(run)


def _values_and_rules(run: Run) -> Iterator[Gap]:
    for keyword, (valid, invalid) in run.coverage.values.items():
        if not valid or not invalid:
            missing = [kind for kind, count in (("valid", valid), ("invalid", invalid)) if not count]
            yield Gap("keyword", f"{keyword}: no {' and no '.join(missing)} value was sent")
    for rule in run.contract.rules:
        if rule.id not in run.log.asked:
            yield Gap("rule", f"{rule.id} {rule.title}{' (it has no check)' * (rule in without_check(run.contract))}")
