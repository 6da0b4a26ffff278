"""A task, and how far it is at a time. Pure: no clock is read."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(slots=True)  # not frozen, which takes several times as long to make
class Task:
    """What is known of a task.

    Attributes:
        id: Its id.
        operation: Number of the operation that made it (``CompiledOperation.number``); no response depends on it.
        begun: When, in Unix seconds, to the millisecond.
        speed: How many times faster than in the contract the task runs.
        lasts: How long it runs at speed 1, by the contract that made it, in seconds.
        length: How long its video is, in seconds.
        faults: The faults that its submit set, as bits.
        echoes: What responses repeat of the request, by its field.
        documented: Whether it is one of the contract's examples, which has ended at whatever time.
    """

    id: str
    operation: int
    begun: float
    speed: float
    lasts: float
    length: float
    faults: int
    echoes: dict[str, str]
    documented: bool = False

    def age(self, now: float) -> float:
        """Seconds of its life that have passed, at its own speed; never negative."""
        return math.inf if self.documented else max(0.0, (now - self.begun) * self.speed)

    def after(self, seconds: float) -> float:
        """When so many seconds of its life have passed, in Unix seconds."""
        return self.begun + seconds / self.speed

    def progress(self, now: float) -> int:
        """How much of its time has passed, in whole percent; 100 only when it has ended."""
        age = self.age(now)
        return 100 if age >= self.lasts else min(99, int(100 * age / self.lasts))
