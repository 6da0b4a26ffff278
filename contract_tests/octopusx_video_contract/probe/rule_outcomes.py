"""What the contract says of what was asked, and which of its numbered rules the responses keep or break. Pure."""

from __future__ import annotations

import collections
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from octopusx_video_openapi import Contract, Grade, Operation, RuleId, values

from octopusx_video_contract.checks.task_life import LENGTH_TOLERANCE, NOT_YET
from octopusx_video_contract.probe import paid_task
from octopusx_video_contract.probe.paid_task import ObservedTask
from octopusx_video_contract.probe.questions import ProbeResult
from octopusx_video_contract.probe.shapes import clean

KNOWN = "documented"
"""The grade that needs no raising."""
TIMES = ("task.created", "task.updated", "task.ended", "task.expires")
"""The values of ``x-value-of`` that are times."""
_LATEST = 10**18
"""No time that is reported is later; a server may send a number that no float holds."""


def grade(part: _Graded | None) -> str:
    """The kind of the grade of a part of the contract; "" where it has none."""
    return "" if part is None else kind(part.grade)


def kind(known: Grade | None) -> str:
    """The kind of a grade; "" where there is none."""
    return known.kind if known else ""


def says(contract: Contract, result: ProbeResult) -> str:
    """What the contract says now of a question, with the grade."""
    question = result.question
    reported = []
    if question.operation is not None:
        responses = question.operation.responses
        if question.cause:
            for status, example in expected(question.operation, question.cause).items():
                reported.append(f"{status} {example} ({grade(responses[status])})".replace("  ", " "))
        elif question.valid:
            reported.append(f"200 ({grade(responses.get('200'))})")
    if question.rule and (rule := contract.rules_by_id.get(question.rule)):
        reported.append(f"{rule.id} ({grade(rule)})")
    return ", ".join(reported) or "-"


def expected(operation: Operation, cause: str) -> dict[str, str]:
    """The statuses that a cause is answered with by ``x-when``, with the name of the example."""
    return {
        status: response.causes[cause] for status, response in operation.responses.items() if cause in response.causes
    }


class _Graded(Protocol):
    @property
    def grade(self) -> Grade | None: ...


@dataclass
class Tally:
    """How often a numbered rule was kept and broken, and by what first."""

    kept: int = 0
    broken: int = 0
    details: list[str] = field(default_factory=list)


def tally(contract: Contract, result: Sequence[ProbeResult], observed: ObservedTask | None) -> dict[str, Tally]:
    """The numbered rules that the responses touch."""
    found: dict[str, Tally] = collections.defaultdict(Tally)
    for one in result:
        place = one.question.operation.id if one.question.operation else one.question.asked
        for rule in one.kept:
            found[rule].kept += 1
        for rule, detail in one.broken.items():
            found[rule].broken += 1
            found[rule].details.append(f"{place}: {clean(detail)}")
    if observed is not None:
        broken = {rule: clean(detail) for rule, detail in observed.broken.items()} | _of_life(contract, observed)
        for rule in (observed.kept | _kept_of_life(contract, observed)) - set(broken):
            found[rule].kept += 1
        for rule, detail in broken.items():
            found[rule].broken += 1
            found[rule].details.append(detail)
    return {rule.id: found[rule.id] for rule in contract.rules if rule.id in found}


def read_by(contract: Contract, observed: ObservedTask) -> list[str]:
    """The routes that R04 names for the new task."""
    rule = contract.rules_by_id.get(RuleId.R04)
    return list((rule.read_by if rule else {}).get(observed.task.submit.id, observed.readable))


def at_once(observed: ObservedTask, route: str) -> bool:
    """Whether the first read by a route was a success."""
    first = [change.value for change in observed.changes if (change.route, change.field) == (route, "HTTP")]
    return bool(first) and 200 <= first[0] < 300


def _of_life(contract: Contract, observed: ObservedTask) -> dict[str, str]:
    broken: dict[str, str] = {}
    for route in read_by(contract, observed):
        second = observed.readable.get(route, 0.0)
        if second is None:
            broken[RuleId.R04] = f"{route}: the new task was not readable within the tolerance"
        if second is None or (route in observed.readable and not at_once(observed, route)):
            late = "" if second is None else f"{second:.0f} s after its submit, and not "
            broken[RuleId.R05] = f"{route}: the new task was readable {late}{'not ' * (second is None)}at once"
    if differs(observed.video, observed.task.length):
        broken[RuleId.R26] = (
            f"the video is {observed.video:.2f} s long, and x-result-length gives {observed.task.length:g} s"
        )
    return broken


def _kept_of_life(contract: Contract, observed: ObservedTask) -> set[str]:
    read = (
        {RuleId.R04, RuleId.R05} if any(route in observed.readable for route in read_by(contract, observed)) else set()
    )
    read |= {RuleId.R45} if observed.ended is not None else set()
    return read | ({RuleId.R26} if observed.video is not None and observed.task.length is not None else set())


def differs(one: float | None, other: float | None) -> bool:
    """Whether two lengths are known, and not the same."""
    return one is not None and other is not None and abs(one - other) > LENGTH_TOLERANCE


def unit_of(contract: Contract, value: Any) -> str:
    """The unit of a time: seconds or milliseconds by R13, text as it is, "" where it is not there yet."""
    if value in NOT_YET or isinstance(value, bool):
        return ""
    if isinstance(value, int | float):
        return "milliseconds" if value > values.last_second(contract) else "seconds"
    return "text"


def length_reading(observed: ObservedTask) -> str:
    """Which reading of the length a video settles, where its length is known."""
    if observed.video is None:
        return "no video was seen"
    added, total = not differs(observed.video, observed.task.length), not differs(observed.video, observed.total)
    if added == total:
        return "both readings fit" if added else "neither reading fits"
    return "what is asked for is added" if added else "what is asked for is the total"


def expiry(contract: Contract, observed: ObservedTask) -> float | None:
    """Seconds from the submit to the expiry that was reported last; None where none was."""
    for reported in reversed(observed.task.observations):
        for name, value_of in paid_task.values_of(contract, reported.route).items():
            value = reported.body.get(name)
            unit = unit_of(contract, value)
            if value_of == "task.expires" and value and unit in {"seconds", "milliseconds"}:
                divisor = 1000 if unit == "milliseconds" else 1
                return float(min(value, _LATEST)) / divisor - observed.task.submitted[1]
    return None
