"""Kills of processes at points of their runs, some at a time: what the campaigns of batches have in common."""

from __future__ import annotations

import contextlib
import gc
import json
import os
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import NamedTuple, TypeVar

from tests.campaigns.progress import Progress
from tests.support.batches.points import Point
from tests.support.forking import started

PASSAGES = (1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 16, 18, 20, 24, 28, 32)
KILLED = -signal.SIGKILL

S = TypeVar("S")


class Kill(NamedTuple):
    """The result of a kill at a point.

    Attributes:
        point: Where.
        was_reached: Whether the process was killed there.
        billed: Videos that the service has billed.
        done: Jobs that were done at the end.
        parked: Jobs that nobody knows the bill of, at the end.
        broken: What does not hold.
        was_restarted: Whether the database was restarted meanwhile.
    """

    point: Point
    was_reached: bool
    billed: int
    done: int
    parked: int
    broken: list[str]
    was_restarted: bool = False

    @classmethod
    def read(cls, line: str) -> Kill:
        """A result, as ``line`` has written it."""
        point, *others = json.loads(line)
        return cls(Point(*point), *others)

    def line(self) -> str:
        """A line of the file of a campaign."""
        return f"{json.dumps(self)}\n"


def campaign(
    wanted: Sequence[Point],
    kill: Callable[[S, Point], Kill],
    scene: Callable[[], AbstractContextManager[S]],
    state: Path | None,
    *,
    stops: bool = False,
    processes: int = 2,
) -> list[Kill]:
    """Kill at each of some points, and show on stderr how far it is and what breaks.

    Args:
        wanted: The points.
        kill: Kills at one of them.
        scene: Where that is done; each process has one of its own.
        state: The file with what is found, which is continued.
        stops: Whether it ends with the first kill that breaks a statement.
        processes: How many kills at a time.
    """
    prepare()
    lines = state.read_text("utf-8").splitlines() if state is not None and state.exists() else []
    known = {one.point: one for one in map(Kill.read, lines)}
    left = [point for point in wanted if point not in known]
    found = [known[point] for point in wanted if point in known]
    with Progress("kills", len(wanted), stderr=True) as bar:
        bar.done(len(found))
        for one in _killed(left, kill, scene, processes):
            found.append(one)
            bar.done()
            for text in one.broken:
                bar.show(f"broken at {one.point}: {text}")
            if state is not None:
                with state.open("a", encoding="utf-8") as file:
                    file.write(one.line())
            if one.broken and stops:
                break
    return found


def _killed(
    points: Sequence[Point],
    kill: Callable[[S, Point], Kill],
    scene: Callable[[], AbstractContextManager[S]],
    processes: int,
) -> Iterator[Kill]:
    """The results, as they come; whoever stops early ends the processes."""
    reader, writer = os.pipe()
    workers = [_worker(points[number::processes], kill, scene, writer) for number in range(processes)]
    os.close(writer)
    statuses = []
    try:
        with os.fdopen(reader, encoding="utf-8") as stream:
            yield from map(Kill.read, stream)
    finally:
        for worker in workers:
            os.kill(worker, signal.SIGTERM)  # it has ended, or is not wanted any more
            statuses.append(os.waitpid(worker, 0)[1])
    if any(statuses):
        raise SystemExit("a process of the campaign failed; see above")


def _worker(
    mine: Sequence[Point],
    kill: Callable[[S, Point], Kill],
    scene: Callable[[], AbstractContextManager[S]],
    writer: int,
) -> int:
    """Kill at some points, in a process of its own, which SIGTERM ends in order."""

    def work() -> None:
        signal.signal(signal.SIGTERM, _end)
        with contextlib.suppress(_Ended), scene() as one:
            for point in mine:
                os.write(writer, kill(one, point).line().encode())

    return started(work)


class _Ended(BaseException):
    """The process is to end."""


def _end(*_: object) -> None:
    raise _Ended


def prepare() -> None:
    """What a forked process would copy is not collected."""
    gc.collect()
    gc.freeze()
    gc.disable()


def every(passed: dict[tuple[str, bool], int]) -> list[Point]:
    """The points to kill at: all at their first passage, then all at their second, and so on.

    Args:
        passed: How often a run passes each; the run that resumes another one by itself.
    """
    return [
        Point(name, passage, is_resumed)
        for passage in PASSAGES
        for name, is_resumed in sorted(passed)
        if passage <= passed[name, is_resumed]
    ]


def summed(found: Sequence[Kill], seconds: float) -> str:
    """The figures of a campaign in a line."""
    reached = [one for one in found if one.was_reached]
    names = Counter((one.point.name, one.point.is_resumed) for one in reached)
    restarts = sum(one.was_restarted for one in found)
    restarted = f"; the database restarted in {restarts} of the runs" if restarts else ""
    return (
        f"{len(reached)} kills at {len(names)} points in {seconds:.0f} s "
        f"({len(found) - len(reached)} not reached{restarted}): "
        f"{sum(one.billed for one in found)} billed, {sum(one.done for one in found)} done, "
        f"{sum(one.parked for one in found)} parked, {sum(bool(one.broken) for one in found)} broken"
    )


def clock() -> Callable[[], float]:
    """Seconds since now."""
    began = time.monotonic()
    return lambda: time.monotonic() - began
