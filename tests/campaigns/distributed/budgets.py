"""Batches with a budget of 20 of 60 jobs and two workers, which are killed at random again and again."""

from __future__ import annotations

import contextlib
import functools
import json
import os
import random
import signal
import time
from collections.abc import Callable
from typing import NamedTuple

from tests.campaigns import killing
from tests.campaigns.distributed.scene import Scene, scene, started
from tests.support import forking
from tests.support.forking import ended

JOBS, MAX_PAID = 60, 20
MAX_KILLS = 4
_LONGEST_SECONDS = 2.5
_WORKERS = ("a", "b")


class Run(NamedTuple):
    """The result of one batch.

    Attributes:
        seed: Decides who is killed, and when.
        kills: How often a worker was.
        billed: Videos that the service has billed.
        broken: What does not hold.
    """

    seed: int
    kills: int
    billed: int
    broken: list[str]


def run(one: Scene, seed: int) -> Run:
    """Run a batch with two workers and a budget, kill workers at random times, and let new ones finish it."""
    rng = random.Random(seed)  # noqa: S311 - made to be repeated
    one.begin()
    work = {name: functools.partial(_work, one, name) for name in _WORKERS}
    running = {name: started(work[name]) for name in _WORKERS}
    kills = 0
    for _ in range(rng.randint(1, MAX_KILLS)):
        time.sleep(rng.uniform(0.1, _LONGEST_SECONDS))
        name = rng.choice(_WORKERS)
        with contextlib.suppress(ProcessLookupError):
            os.kill(running[name], signal.SIGKILL)
        kills += ended(running[name]) == -signal.SIGKILL
        running[name] = started(work[name])
    statuses = {name: ended(process) for name, process in running.items()}
    wrong = [f"worker {name} ends with {status}" for name, status in statuses.items() if status]
    found = one.status()
    billed = one.bill().count()
    if found.paid != MAX_PAID:
        wrong.append(f"{found.paid} of {MAX_PAID} are or may be billed at the end")
    if billed > MAX_PAID:
        wrong.append(f"{billed} are billed, and {MAX_PAID} are allowed")
    wrong += [f"{job} was billed twice" for job in one.bill().twice()]
    return Run(seed, kills, billed, wrong)


def _work(one: Scene, name: str) -> None:
    end = one.batch(name, jobs=JOBS, max_paid=MAX_PAID).run()
    assert end.exit_status in {1, 3, 7}, end  # 1: the other worker has begun it again in the last moment


def campaign(runs: int, show: Callable[[Run], object], processes: int = 2) -> list[Run]:
    """Runs with different seeds, some at a time."""
    killing.prepare()
    reader, writer = os.pipe()
    for number in range(processes):
        forked_to(number, runs, processes, writer)
    os.close(writer)
    found: list[Run] = []
    with os.fdopen(reader, encoding="utf-8") as stream:
        for text in stream:
            found.append(Run(*json.loads(text)))
            show(found[-1])
    for _ in range(processes):
        os.wait()
    return found


def forked_to(number: int, runs: int, processes: int, writer: int) -> None:
    """Take every so many-th seed, in a process of its own."""

    def work() -> None:
        with contextlib.suppress(BaseException), scene() as one:
            for seed in range(number, runs, processes):
                os.write(writer, (json.dumps(run(one, seed)) + "\n").encode())

    forking.started(work)
