"""Batches with a budget of 20 of 60 jobs, killed at random again and again: never more than 20 are billed."""

from __future__ import annotations

import os
import random
import signal
import time
from typing import NamedTuple

from tests.campaigns.batches.kills import Scene, in_time
from tests.support.batches.points import Points
from tests.support.batches.statements import broken
from tests.support.forking import started

JOBS, MAX_PAID = 60, 20
MAX_KILLS = 4
_LONGEST_SECONDS = 0.6


class Run(NamedTuple):
    """The result of one batch.

    Attributes:
        seed: Decides when it is killed.
        kills: How often it was.
        billed: Videos that the service has billed.
        broken: What does not hold.
    """

    seed: int
    kills: int
    billed: int
    broken: list[str]


def run(one: Scene, seed: int) -> Run:
    """Run a batch with a budget, kill it at random times, and run it to its end."""
    rng = random.Random(seed)  # noqa: S311 - made to be repeated
    one.begin()
    kills = sum(_killed(one, rng.uniform(0.02, _LONGEST_SECONDS)) for _ in range(rng.randint(1, MAX_KILLS)))
    status = in_time(lambda: _work(one))
    wrong = [] if status == 0 else [f"the last run ends with {status}"]
    found = one.status()
    if found.paid != MAX_PAID:
        wrong.append(f"{found.paid} of {MAX_PAID} are or may be billed at the end")
    wrong += broken(one.out, one.bill(), has_ended=False)
    return Run(seed, kills, one.bill().count(), wrong)


def _work(one: Scene) -> None:
    ended = one.batch(Points(), JOBS, MAX_PAID).run()
    assert ended.exit_status in {3, 7}, ended


def _killed(one: Scene, seconds: float) -> bool:
    """Run it for so long. Returns whether it was killed, and had not ended before."""
    process = started(lambda: _work(one))
    time.sleep(seconds)
    os.kill(process, signal.SIGKILL)
    return os.WIFSIGNALED(os.waitpid(process, 0)[1])
