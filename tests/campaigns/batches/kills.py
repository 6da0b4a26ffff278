"""Kills a batch at every point of its run, and runs it again to its end."""

from __future__ import annotations

import contextlib
import gc
import json
import os
import shutil
import signal
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from octopusx_video._batch.file_ledger import FILE, FileLedger
from octopusx_video.batch import Batch, Status

from tests.support.batch_points import Point, Points, Transport
from tests.support.batch_service import Billed, line, service
from tests.support.batch_statements import broken

JOBS = 6
KEY = "sk-kills"
MIDDLE = Point("after submit", 3)
"""Where a run is killed before the kills of the run that resumes it."""
PASSAGES = (1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 16, 18, 20, 24, 28, 32)
RUN_SECONDS = 60
_KILLED = -signal.SIGKILL


class Kill(NamedTuple):
    """The result of a kill at a point.

    Attributes:
        point: Where.
        was_reached: Whether the process was killed there.
        billed: Videos that the service has billed.
        done: Jobs that were done at the end.
        parked: Jobs that nobody knows the bill of, at the end.
        broken: What does not hold.
    """

    point: Point
    was_reached: bool
    billed: int
    done: int
    parked: int
    broken: list[str]


class Scene:
    """A mock, and a folder for one batch after another.

    Args:
        url: The base URL of the mock.
        billed: The file in which it writes what it bills.
        folder: For the batches.
    """

    def __init__(self, url: str, billed: Path, folder: Path) -> None:
        self.url = url
        self.billed = billed
        self.out = folder / "out"

    def begin(self) -> None:
        """Forget the batch before."""
        shutil.rmtree(self.out, ignore_errors=True)
        self.billed.unlink(missing_ok=True)

    def bill(self) -> Billed:
        """What was billed since ``begin``."""
        return Billed.read(self.billed)

    def batch(self, points: Points, jobs: int = JOBS, max_paid: int | None = None) -> Batch:
        """A batch that passes points."""
        return Batch(
            [line(f"job-{number}") for number in range(jobs)],
            out=self.out,
            max_paid=max_paid,
            base_url=self.url,
            api_key=KEY,
            concurrency=3,
            poll_interval=0.02,
            reads_per_second=1000,
            transport=Transport(points),
        )

    def broken(self, *, has_ended: bool) -> list[str]:
        """What does not hold now."""
        return broken(self.out, self.bill(), has_ended=has_ended)

    def status(self) -> Status:
        """Where the batch stands."""
        return Batch(None, out=self.out).status()


@contextlib.contextmanager
def scene() -> Iterator[Scene]:
    """A mock of its own, as long as the block lasts."""
    with tempfile.TemporaryDirectory(prefix="kills-") as name:
        folder = Path(name)
        with service(folder) as (url, billed):
            yield Scene(url, billed, folder)


def forked(work: Callable[[], None]) -> int:
    """Do something in a process of its own. Returns its exit status: negative for the number of a signal."""
    process = os.fork()
    if process == 0:
        status = 1
        try:
            signal.alarm(RUN_SECONDS)
            work()
            status = 0
        finally:
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])


def run(one: Scene, target: Point | None = None, passed: Path | None = None) -> int:
    """Run the batch of a scene in a process that is killed at a point. Returns its exit status."""

    def work() -> None:
        points = Points(target)
        points.install()
        batch = one.batch(points)
        ended = batch.run()
        if passed is not None:
            passed.write_text(json.dumps(points.passed), "utf-8")
            with contextlib.closing(FileLedger(one.out / FILE, create=False)) as ledger:
                assert ledger.durability() == ("wal", 2), ledger.durability()
        assert ended.exit_status in {0, 3}, ended

    return forked(work)


def points(one: Scene) -> dict[tuple[str, bool], int]:
    """The points of a clean run, and of one that resumes a run that was killed in the middle, with their passages.

    Raises:
        SystemExit: Something is wrong without any kill.
    """
    found: dict[tuple[str, bool], int] = {}
    for is_resumed in (False, True):
        one.begin()
        if is_resumed:
            run(one, MIDDLE)
        file = one.out.parent / "points.json"
        status = run(one, passed=file)
        wrong = one.broken(has_ended=True)
        if status or wrong or one.status().jobs != JOBS:
            raise SystemExit(f"a run without a kill ends with {status}: {wrong}")
        passed: dict[str, int] = json.loads(file.read_text("utf-8"))
        found.update({(name, is_resumed): times for name, times in passed.items()})
    return found


def plan(found: dict[tuple[str, bool], int], kills: int) -> list[Point]:
    """The points to kill at: all at their first passage, then all at their second, and so on."""
    every = [
        Point(name, passage, is_resumed)
        for passage in PASSAGES
        for name, is_resumed in sorted(found)
        if passage <= found[name, is_resumed]
    ]
    return every[:kills]


def kill(one: Scene, point: Point) -> Kill:
    """Kill a batch at a point, look at it, run it to its end, and look again."""
    one.begin()
    if point.is_resumed:
        run(one, MIDDLE)
    status = run(one, point)
    wrong = [] if status in {0, _KILLED} else [f"the run ends with {status}"]
    wrong += [f"after the kill: {text}" for text in one.broken(has_ended=status == 0)]
    again = run(one) if status == _KILLED else 0
    wrong += [f"the next run ends with {again}"] if again else []
    wrong += [f"at the end: {text}" for text in one.broken(has_ended=True)]
    counts = one.status().counts
    return Kill(point, status == _KILLED, one.bill().count(), counts.get("done", 0), counts.get("parked", 0), wrong)


def late(one: Scene) -> list[str]:
    """A response that arrives after its job was parked, by a process that took the sender for dead."""
    one.begin()

    def park() -> None:
        with contextlib.closing(FileLedger(one.out / FILE, create=False)) as other:
            assert other.park_interrupted() > 0

    def work() -> None:
        batch = one.batch(Points(Point("after submit", 1), park))
        assert batch.run().counts == {"done": JOBS}

    status = forked(work)
    return [*([f"a late response does not override parked ({status})"] if status else []), *one.broken(has_ended=True)]


def prepare() -> None:
    """What a forked process would copy is not collected."""
    gc.collect()
    gc.freeze()
    gc.disable()


def stored(state: Path | None) -> dict[Point, Kill]:
    """What an earlier run of the campaign has found."""
    return {Point(*one[0]): Kill(Point(*one[0]), *one[1:]) for one in stored_lines(state)}


def stored_lines(state: Path | None) -> list[Any]:
    """The lines of the file of a campaign."""
    if state is None or not state.exists():
        return []
    return [json.loads(text) for text in state.read_text("utf-8").splitlines()]


def campaign(
    kills: int, only: str, state: Path | None, show: Callable[[Kill, int], None], *, stops: bool = False
) -> list[Kill]:
    """All the kills, two at a time; ``show`` is called after each with how many there are.

    Args:
        kills: How many at most.
        only: A text that the names of the points have.
        state: The file with what is found, which is continued.
        show: See above.
        stops: Whether it ends with the first one that breaks a statement.
    """
    prepare()
    known = stored(state)
    with scene() as first:
        wanted = [point for point in plan(points(first), kills) if only in point.name]
    left = [point for point in wanted if point not in known]
    found = [known[point] for point in wanted if point in known]
    for one in found:
        show(one, len(wanted))
    reader, writer = os.pipe()
    workers = [_worker(left[number::2], writer) for number in range(2)]
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


def _worker(mine: Sequence[Point], writer: int) -> int:
    """Kill at some points, in a process of its own, which SIGTERM ends in order."""
    process = os.fork()
    if process == 0:
        signal.signal(signal.SIGTERM, _end)
        with contextlib.suppress(_Ended), scene() as one:
            for point in mine:
                os.write(writer, (json.dumps(kill(one, point)) + "\n").encode())
        os._exit(0)
    return process


class _Ended(BaseException):
    """The worker is to end."""


def _end(*_: object) -> None:
    raise _Ended


def summed(found: Sequence[Kill], seconds: float) -> str:
    """The figures of a campaign in a line."""
    reached = [one for one in found if one.was_reached]
    names = Counter((one.point.name, one.point.is_resumed) for one in reached)
    return (
        f"{len(reached)} kills at {len(names)} points in {seconds:.0f} s ({len(found) - len(reached)} not reached): "
        f"{sum(one.billed for one in found)} billed, {sum(one.done for one in found)} done, "
        f"{sum(one.parked for one in found)} parked, {sum(bool(one.broken) for one in found)} broken"
    )


def clock() -> Callable[[], float]:
    """Seconds since now."""
    began = time.monotonic()
    return lambda: time.monotonic() - began
