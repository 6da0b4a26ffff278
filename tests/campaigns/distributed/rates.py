"""Three workers with a rate of five submits per second: when they arrive, by the clock of the mock."""

from __future__ import annotations

import functools
from typing import NamedTuple

from tests.campaigns.distributed.scene import Scene, scene, started
from tests.support.batches.service import Billed
from tests.support.forking import ended

JOBS, RATE, WORKERS = 60, 5.0, ("a", "b", "c")
MOST = 1.1 * RATE


class Found(NamedTuple):
    """The result of the run.

    Attributes:
        submits: How many arrived.
        seconds: From the first to the last.
        most: How many arrived in any second at most.
        broken: What does not hold.
    """

    submits: int
    seconds: float
    most: int
    broken: list[str]

    def summed(self) -> str:
        """The figures in a line."""
        wrong = "".join(f"; broken: {text}" for text in self.broken)
        return (
            f"{self.submits} submits of {len(WORKERS)} workers with a rate of {RATE:g}/s arrived "
            f"in {self.seconds:.1f} s, at most {self.most} in any second{wrong}"
        )


def run() -> Found:
    """Run the workers, and look at the times."""
    with scene() as one:
        one.begin()
        running = [started(functools.partial(_work, one, name)) for name in WORKERS]
        statuses = [ended(process) for process in running]
        moments = sorted(Billed.moments(one.billed))
    wrong = [f"a worker ends with {status}" for status in statuses if status]
    most = max(sum(at <= other < at + 1 for other in moments) for at in moments)
    if most > MOST:
        wrong.append(f"{most} arrived within a second")
    if len(moments) != JOBS:
        wrong.append(f"{len(moments)} of {JOBS} arrived")
    return Found(len(moments), moments[-1] - moments[0], most, wrong)


def _work(one: Scene, name: str) -> None:
    assert one.batch(name, jobs=JOBS, rate=RATE, concurrency=8).run().exit_status == 0
