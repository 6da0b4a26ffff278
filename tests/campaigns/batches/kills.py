"""Kills a batch at every point of its run, and runs it again to its end."""

from __future__ import annotations

import contextlib
import json
import shutil
import signal
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from octopusx_video._ledger.file_ledger import FILE, FileLedger
from octopusx_video.batch import Batch, Status

from tests.campaigns import killing
from tests.campaigns.killing import KILLED, Kill
from tests.support.batches.points import Point, Points, Transport
from tests.support.batches.service import Billed, line, service
from tests.support.batches.statements import broken
from tests.support.forking import forked

JOBS = 6
KEY = "sk-kills"
MIDDLE = Point("after submit", 3)
"""Where a run is killed before the kills of the run that resumes it."""
RUN_SECONDS = 60


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


def in_time(work: Callable[[], None]) -> int:
    """Do something in a process of its own, which ends after a minute. Returns its exit status."""

    def limited() -> None:
        signal.alarm(RUN_SECONDS)
        work()

    return forked(limited)


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

    return in_time(work)


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


def kill(one: Scene, point: Point) -> Kill:
    """Kill a batch at a point, look at it, run it to its end, and look again."""
    one.begin()
    if point.is_resumed:
        run(one, MIDDLE)
    status = run(one, point)
    wrong = [] if status in {0, KILLED} else [f"the run ends with {status}"]
    wrong += [f"after the kill: {text}" for text in one.broken(has_ended=status == 0)]
    again = run(one) if status == KILLED else 0
    wrong += [f"the next run ends with {again}"] if again else []
    wrong += [f"at the end: {text}" for text in one.broken(has_ended=True)]
    counts = one.status().counts
    return Kill(point, status == KILLED, one.bill().count(), counts.get("done", 0), counts.get("parked", 0), wrong)


def late(one: Scene) -> list[str]:
    """A response that arrives after its job was parked, by a process that took the sender for dead."""
    one.begin()

    def park() -> None:
        with contextlib.closing(FileLedger(one.out / FILE, create=False)) as other:
            assert other.park_interrupted() > 0

    def work() -> None:
        batch = one.batch(Points(Point("after submit", 1), park))
        assert batch.run().counts == {"done": JOBS}

    status = in_time(work)
    return [*([f"a late response does not override parked ({status})"] if status else []), *one.broken(has_ended=True)]


def campaign(kills: int, only: str, state: Path | None, *, stops: bool = False) -> list[Kill]:
    """All the kills, two at a time; see ``killing.campaign``.

    Args:
        kills: How many at most.
        only: A text that the names of the points have.
        state: The file with what is found, which is continued.
        stops: Whether it ends with the first one that breaks a statement.
    """
    killing.prepare()
    with scene() as first:
        wanted = [point for point in killing.every(points(first))[:kills] if only in point.name]
    return killing.campaign(wanted, kill, scene, state, stops=stops)
