"""Kills one of two workers at every point of its run, restarts PostgreSQL now and then; the other one finishes."""

from __future__ import annotations

import contextlib
import json
import random
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import psycopg
from octopusx_video._distributed.address import address
from octopusx_video._distributed.shared_ledger import SharedLedger

from tests.campaigns import killing
from tests.campaigns.distributed.scene import (
    JOBS,
    NAME,
    SUBMIT_SECONDS,
    Scene,
    forked,
    scene,
    started,
)
from tests.campaigns.killing import KILLED, Kill
from tests.support.batches.points import Point, Points
from tests.support.forking import ended

RESTARTED_SHARE = 0.15
"""In so many of the runs PostgreSQL is ended as by a crash, and started again."""
KILLS = 320


def _first(one: Scene, target: Point | None = None, passed: Path | None = None) -> Callable[[], None]:
    """The work of the worker that adds the jobs, and that is killed at a point."""

    def work() -> None:
        points = Points(target)
        points.install_postgres()
        end = one.batch("a", points).run()
        if passed is not None:
            passed.write_text(json.dumps(points.passed), "utf-8")
        assert end.exit_status in {0, 3}, end

    return work


def _second(one: Scene) -> Callable[[], None]:
    """The work of the worker that is not killed."""

    def work() -> None:
        end = one.batch("b").work()
        assert end.exit_status in {0, 3}, end

    return work


def points(one: Scene) -> dict[tuple[str, bool], int]:
    """The points of the first worker in a run without a kill, with their passages.

    Raises:
        SystemExit: Something is wrong without any kill.
    """
    one.begin()
    file = one.out.parent / "points.json"
    other = started(_second(one))
    status, second = forked(_first(one, passed=file)), ended(other)
    wrong = one.broken(has_ended=True)
    if status or second or wrong or one.status().jobs != JOBS:
        raise SystemExit(f"a run without a kill ends with {status} and {second}: {wrong}")
    found: dict[str, int] = json.loads(file.read_text("utf-8"))
    return {(name, False): times for name, times in found.items()}


def kill(one: Scene, point: Point, seed: int) -> Kill:
    """Kill the first worker at a point, let the second one finish, and look."""
    rng = random.Random(f"{seed} {point}")  # noqa: S311 - made to be repeated
    restarts_after = rng.uniform(0.2, 2.0) if rng.random() < RESTARTED_SHARE else None
    one.begin()
    second, first = started(_second(one)), started(_first(one, point))
    if restarts_after is not None:
        time.sleep(restarts_after)
        one.cluster.restart("immediate")
    status = ended(first)
    wrong = [] if status in {0, KILLED} else [f"the run ends with {status}"]
    if not one.has_begun():  # nobody else knows the jobs
        wrong += [f"after the kill: {text}" for text in one.broken(has_ended=False)]
        again = forked(_first(one))
        wrong += [f"the next run ends with {again}"] if again else []
    last = ended(second)
    wrong += [f"the other worker ends with {last}"] if last else []
    counts: Mapping[Any, int] = {}
    with contextlib.suppress(Exception):
        counts = one.status().counts
    try:
        wrong += [f"at the end: {text}" for text in one.broken(has_ended=True)]
    except Exception as error:  # noqa: BLE001 - a statement like any other
        wrong.append(f"at the end: {error}")
    done, parked = counts.get("done", 0), counts.get("parked", 0)
    if done + parked != JOBS:
        wrong.append(f"{done} jobs are done and {parked} are parked, of {JOBS}")
    return Kill(point, status == KILLED, one.bill().count(), done, parked, wrong, restarts_after is not None)


def late(one: Scene) -> list[str]:
    """A response that arrives after its job was parked, by a worker that took the sender for dead."""

    def park() -> None:
        with psycopg.connect(one.db, autocommit=True, options=f"-c search_path=batch_{NAME}") as connection:
            connection.execute("UPDATE worker SET lease_until = 0 WHERE id = 'a'")
        with contextlib.closing(SharedLedger(address(one.db, NAME), create=False)) as other:
            assert other.park_interrupted() > 0

    one.begin()
    status = forked(lambda: _ends_with(one, Points(Point("after submit", 1), park), {"done": JOBS}))
    return [f"a late response does not override parked ({status})"] if status else []


def alive(one: Scene) -> list[str]:
    """A sender that takes long, while another worker looks for dead ones."""
    one.begin()
    slow = Points(Point("after submit", 1), lambda: time.sleep(SUBMIT_SECONDS / 2))
    first = started(lambda: _ends_with(one, slow, {"done": JOBS}))
    statuses = [forked(_second(one)), ended(first)]
    return [*one.broken(has_ended=True), *(f"a worker ends with {status}" for status in statuses if status)]


def taken(one: Scene) -> list[str]:
    """A worker that joins later, and is killed with jobs in its hands: the first one has begun before it."""

    def join() -> None:
        one.batch("a", Points(Point("before submit", 1))).work()

    def run() -> None:
        end = one.batch("b", jobs=20, rate=4.0).run()
        assert end.exit_status in {0, 3}, end

    one.begin()
    first, second = started(run), started(join)
    if ended(second) != KILLED:
        return ["a worker that joins gets no job"]
    status = ended(first)
    wrong = [f"the other worker ends with {status}"] if status else one.broken(has_ended=True)
    return [f"after one was killed with jobs in its hands: {text}" for text in wrong]


CHECKS = (late, alive, taken)
"""What the kills alone would show too rarely."""


def _ends_with(one: Scene, points: Points, counts: Mapping[str, int]) -> None:
    found = one.batch("a", points).run().counts
    assert found == counts, found


def campaign(
    kills: int,
    only: str,
    state: Path | None,
    *,
    seed: int = 1,
    stops: bool = False,
    is_short: bool = False,
    processes: int = 2,
) -> list[Kill]:
    """All the kills, some at a time; see ``killing.campaign``.

    Args:
        kills: How many at most.
        only: A text that the names of the points have.
        state: The file with what is found, which is continued.
        seed: Decides when PostgreSQL is restarted.
        stops: Whether it ends with the first one that breaks a statement.
        is_short: Whether the kills are spread over all points, and are not the first of them.
        processes: How many at a time, each with a server of its own.
    """
    killing.prepare()
    with scene() as first:
        every = [point for point in killing.every(points(first))[: 4 * KILLS] if only in point.name]
    wanted = every[:: max(1, len(every) // kills)][:kills] if is_short else every[:kills]
    return killing.campaign(wanted, partial(kill, seed=seed), scene, state, stops=stops, processes=processes)
