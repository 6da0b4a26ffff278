"""Kills one of two workers at every point of its run, restarts PostgreSQL now and then; the other one finishes."""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import psycopg
from octopusx_video._distributed.address import address
from octopusx_video._distributed.shared_ledger import SharedLedger

from tests.campaigns.batches.kills import PASSAGES, prepare, stored_lines
from tests.campaigns.distributed.scene import (
    JOBS,
    NAME,
    SUBMIT_SECONDS,
    Scene,
    ended,
    forked,
    scene,
    started,
)
from tests.support.batch_points import Point, Points

RESTARTED_SHARE = 0.15
"""In so many of the runs PostgreSQL is ended as by a crash, and started again."""
KILLS = 320
_KILLED = -signal.SIGKILL


class Kill(NamedTuple):
    """The result of a kill at a point.

    Attributes:
        point: Where.
        was_reached: Whether the worker was killed there.
        was_restarted: Whether PostgreSQL was restarted meanwhile.
        billed: Videos that the service has billed.
        done: Jobs that were done at the end.
        parked: Jobs that nobody knows the bill of, at the end.
        broken: What does not hold.
    """

    point: Point
    was_reached: bool
    was_restarted: bool
    billed: int
    done: int
    parked: int
    broken: list[str]


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


def points(one: Scene) -> dict[str, int]:
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
    return found


def plan(found: dict[str, int], kills: int) -> list[Point]:
    """The points to kill at: all at their first passage, then all at their second, and so on."""
    every = [Point(name, passage) for passage in PASSAGES for name in sorted(found) if passage <= found[name]]
    return every[:kills]


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
    wrong = [] if status in {0, _KILLED} else [f"the run ends with {status}"]
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
    return Kill(point, status == _KILLED, restarts_after is not None, one.bill().count(), done, parked, wrong)


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
    if ended(second) != _KILLED:
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
    show: Callable[[Kill, int], None],
    *,
    seed: int = 1,
    stops: bool = False,
    is_short: bool = False,
    processes: int = 2,
) -> list[Kill]:
    """All the kills, some at a time; ``show`` is called after each with how many there are.

    Args:
        kills: How many at most.
        only: A text that the names of the points have.
        state: The file with what is found, which is continued.
        show: See above.
        seed: Decides when PostgreSQL is restarted.
        stops: Whether it ends with the first one that breaks a statement.
        is_short: Whether the kills are spread over all points, and are not the first of them.
        processes: How many at a time, each with a server of its own.
    """
    prepare()
    known = {Point(*line[0]): Kill(Point(*line[0]), *line[1:]) for line in stored_lines(state)}
    with scene() as first:
        every = [point for point in plan(points(first), 4 * KILLS) if only in point.name]
    wanted = every[:: max(1, len(every) // kills)][:kills] if is_short else every[:kills]
    left = [point for point in wanted if point not in known]
    found = [known[point] for point in wanted if point in known]
    for one in found:
        show(one, len(wanted))
    reader, writer = os.pipe()
    workers = [_worker(left[number::processes], writer, seed) for number in range(processes)]
    os.close(writer)
    with os.fdopen(reader, encoding="utf-8") as stream:
        for text in stream:
            values = json.loads(text)
            one = Kill(Point(*values[0]), *values[1:])
            found.append(one)
            if state is not None:
                with state.open("a", encoding="utf-8") as file:
                    file.write(text)
            show(one, len(wanted))
            if one.broken and stops:
                for process in workers:
                    os.kill(process, signal.SIGTERM)
                break
    for process in workers:
        os.waitpid(process, 0)
    return found


def _worker(mine: Sequence[Point], writer: int, seed: int) -> int:
    """Kill at some points, in a process of its own, which SIGTERM ends in order."""
    process = os.fork()
    if process == 0:
        signal.signal(signal.SIGTERM, _end)
        with contextlib.suppress(_Ended), scene() as one:
            for point in mine:
                os.write(writer, (json.dumps(kill(one, point, seed)) + "\n").encode())
        os._exit(0)
    return process


class _Ended(BaseException):
    """The worker is to end."""


def _end(*_: object) -> None:
    raise _Ended


def summed(found: Sequence[Kill], seconds: float) -> str:
    """The figures of a campaign in a line."""
    reached = [one for one in found if one.was_reached]
    names = Counter(one.point.name for one in reached)
    return (
        f"{len(reached)} kills at {len(names)} points in {seconds:.0f} s ({len(found) - len(reached)} not reached; "
        f"PostgreSQL restarted in {sum(one.was_restarted for one in found)}): "
        f"{sum(one.billed for one in found)} billed, {sum(one.done for one in found)} done, "
        f"{sum(one.parked for one in found)} parked, {sum(bool(one.broken) for one in found)} broken"
    )
