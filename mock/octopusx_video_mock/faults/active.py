"""Which faults are switched on, and at which requests they show."""

from __future__ import annotations

import random
import re
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from octopusx_video_mock.compiled.operation import CompiledOperation
from octopusx_video_mock.errors import MockError
from octopusx_video_mock.faults.fault import Fault
from octopusx_video_mock.faults.table import SUBMIT, find

_RULE = re.compile(r"([a-z_]+)(?:@([A-Za-z0-9_]+))?(?::([0-9.]+))?")
MAX_TIMES = 1_000_000_000


@dataclass
class FaultRule:
    """A fault that was switched on.

    Attributes:
        fault: The fault.
        operation: The operation at which it shows; None for each at which it can show.
        probability: The share of requests at which it shows, drawn from the seed.
        times: How often it will show still; None for no limit.
    """

    fault: Fault
    operation: str | None = None
    probability: float = 1.0
    times: int | None = None


class ActiveFaults:
    """The faults that are on; none at the beginning.

    Args:
        operations: The operations that are served, by their ids; may be exchanged.
        seed: Decides at which requests a fault with a probability shows.
    """

    def __init__(self, operations: Mapping[str, CompiledOperation], seed: int = 0) -> None:
        self.operations = operations
        self._random = random.Random(seed)  # noqa: S311 - drawn to be repeated, not to be secret
        self._lock = threading.Lock()
        self.rules: tuple[FaultRule, ...] = ()

    def on(
        self, name: str, *, operation: str | None = None, probability: float = 1.0, times: int | None = None
    ) -> FaultRule:
        """Switch a fault on, for an operation or for all, for a share of requests, for so many times or until ``off``.

        A lasting fault (the task fails, for example) attaches to the tasks that are submitted while it is on, and stays
        with them.

        Raises:
            MockError: There is no such fault or operation, it can't show there, or a number is out of its range.
        """
        fault = find(name)
        if operation is not None and operation not in self.operations:
            raise MockError(f"there is no operation {operation!r}; choose one of {', '.join(self.operations)}")
        places = [id_ for id_, one in self.operations.items() if can_show(fault, one)]
        if not places or (operation is not None and operation not in places):
            raise MockError(
                f"{name} can't show at {operation or 'any operation'}; it can at {', '.join(places) or 'none'}"
            )
        if not 0 < probability <= 1:
            raise MockError(f"{name}: the probability {probability} is not above 0 and at most 1")
        if times is not None and not 1 <= times <= MAX_TIMES:
            raise MockError(f"{name}: {str(times)[:30]} times is not between 1 and {MAX_TIMES}; or leave it out")
        rule = FaultRule(fault, operation, probability, times)
        with self._lock:
            self.rules = (*self.rules, rule)
        return rule

    def off(self, name: str | None = None) -> None:
        """Switch a fault off, or all of them. Tasks that carry one keep it.

        Raises:
            MockError: There is no such fault.
        """
        fault = None if name is None else find(name)
        with self._lock:
            self.rules = tuple(rule for rule in self.rules if fault is not None and rule.fault is not fault)

    def remove(self, rule: FaultRule) -> None:
        """Remove one rule, and leave others of the same fault."""
        with self._lock:
            self.rules = tuple(one for one in self.rules if one is not rule)

    def plan(self, text: str) -> None:
        """Switch on what a text lists: ``NAME[@OPERATION][:PROBABILITY]``, several with commas.

        Raises:
            MockError: The text is not of this form, or names what does not exist.
        """
        for part in filter(None, (part.strip() for part in text.split(","))):
            match = _RULE.fullmatch(part)
            if match is None or (match[3] and match[3].count(".") > 1) or match[3] == ".":
                raise MockError(f"{part!r} is no fault; write NAME, NAME@OPERATION or NAME:0.1, several with commas")
            self.on(match[1], operation=match[2], probability=float(match[3]) if match[3] else 1.0)

    def showing(self, operation: CompiledOperation, *, lasting: bool = False) -> Iterator[Fault]:
        """The faults that show at this request, or attach to its new task. Each that is taken is used up."""
        for rule in self.rules:
            fault = rule.fault
            wanted = fault.lasting == lasting and can_show(fault, operation)
            if wanted and rule.operation in {None, operation.id} and self._use(rule):
                yield fault

    def _use(self, rule: FaultRule) -> bool:
        """Whether a rule applies to this request; one whose limit is reached is removed."""
        with self._lock:
            if rule.times == 0 or (rule.probability < 1 and self._random.random() >= rule.probability):
                return False
            if rule.times is not None:
                rule.times -= 1
                if rule.times == 0:
                    self.rules = tuple(one for one in self.rules if one is not rule)
        return True


def can_show(fault: Fault, operation: CompiledOperation) -> bool:
    """Whether a fault can show at an operation: at its stage, and with a response that the contract has there."""
    if operation.stage not in (SUBMIT if fault.lasting else fault.at):
        return False
    return not fault.status or operation.has_response(fault.status, fault.example)
