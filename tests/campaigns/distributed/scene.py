"""A mock, a PostgreSQL server and a folder, for one batch with two workers after another."""

from __future__ import annotations

import contextlib
import shutil
import signal
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch

import psycopg
from octopusx_video._distributed import engine, feeder, worker
from octopusx_video.batch import Status
from octopusx_video.distributed import DistributedBatch, export

from tests.support import forking
from tests.support.batches import postgres
from tests.support.batches.points import Points, Transport
from tests.support.batches.service import Billed, line, service
from tests.support.batches.statements import broken
from tests.support.forking import ended

JOBS = 6
KEY = "sk-kills"
NAME = "kills"
SUBMIT_SECONDS = 1.2
"""How long the response to a submit may take; a lease lasts half as much longer."""
RUN_SECONDS = 60
_DATABASE, _TEMPLATE = "kills", "kills_template"
_PASS_SECONDS, _POLL_SECONDS = 0.1, 0.05
_PARKED_ALIVE = """
SELECT event.job FROM event JOIN attempt ON attempt.job = event.job AND attempt.attempt = event.attempt
JOIN worker ON worker.run = attempt.run
WHERE event.after = 'parked' AND event.reason LIKE 'the process ended%' AND worker.lease_until > event.at
"""
"""What was parked while its sender had a lease: its worker still has it at the end."""


class Scene:
    """A place for one batch after another, each with a database of its own.

    Args:
        url: The base URL of the mock.
        billed: The file in which it writes what it bills.
        folder: For the videos.
        cluster: The PostgreSQL server.
    """

    def __init__(self, url: str, billed: Path, folder: Path, cluster: postgres.Cluster) -> None:
        self.url = url
        self.billed = billed
        self.out = folder / "out"
        self.cluster = cluster
        self.db = cluster.url(_DATABASE)

    def prepare(self) -> None:
        """Make a database in which the engine has its tables, which takes it a second."""
        self.cluster.create(_DATABASE)
        assert forked(self._made) == 0
        with psycopg.connect(self.db, autocommit=True) as connection:
            connection.execute(f"DROP SCHEMA batch_{NAME} CASCADE")
        with psycopg.connect(self.cluster.url("postgres"), autocommit=True) as connection:
            connection.execute(f"ALTER DATABASE {_DATABASE} RENAME TO {_TEMPLATE}")

    def _made(self) -> None:
        """Begin and end a batch without a job."""
        assert self.batch("none", jobs=None).run().jobs == 0

    def begin(self) -> None:
        """Forget the batch before."""
        self.cluster.drop(_DATABASE)
        self.cluster.create(_DATABASE, _TEMPLATE)
        shutil.rmtree(self.out, ignore_errors=True)
        self.billed.unlink(missing_ok=True)

    def bill(self) -> Billed:
        """What was billed since ``begin``."""
        return Billed.read(self.billed)

    def batch(
        self, name: str, points: Points | None = None, *, jobs: int | None = JOBS, **options: Any
    ) -> DistributedBatch:
        """A worker that passes points."""
        return DistributedBatch(
            None if jobs is None else [line(f"job-{number}") for number in range(jobs)],
            db=self.db,
            name=NAME,
            out=self.out,
            worker=name,
            base_url=self.url,
            api_key=KEY,
            poll_interval=0.02,
            reads_per_second=1000,
            submit_timeout=SUBMIT_SECONDS,
            transport=Transport(points or Points()),
            **{"concurrency": 3, **options},
        )

    def has_begun(self) -> bool:
        """Whether a run has written its jobs."""
        with psycopg.connect(self.db) as connection:
            if connection.execute(f"SELECT to_regclass('batch_{NAME}.batch')").fetchone() == (None,):
                return False
            found = connection.execute(f"SELECT EXISTS (SELECT FROM batch_{NAME}.batch)").fetchone()
            return found == (True,)

    def status(self) -> Status:
        """Where the batch stands."""
        return self.batch("none").status()

    def broken(self, *, has_ended: bool) -> list[str]:
        """What does not hold now, by the ledger, the files, and what the service has billed.

        Args:
            has_ended: Whether the workers have ended by themselves, all jobs being done or parked.
        """
        if not self.has_begun():
            return ["the ledger is lost"] if self.bill().count() else []
        found = []
        with psycopg.connect(self.db, options=f"-c search_path=batch_{NAME}") as connection:
            found += [f"{job} was parked, and its sender was alive" for (job,) in connection.execute(_PARKED_ALIVE)]
            found += _unprotected(connection)
            if has_ended:  # the lease of one that was killed may last, and would keep its batch from being copied
                connection.execute("UPDATE worker SET lease_until = 0")
        copy = self.out / "copy"
        shutil.rmtree(copy, ignore_errors=True)
        if has_ended:
            export(self.db, copy, name=NAME)
            for part in self.out.glob("videos/.*.part"):  # of a worker that was killed; others may have some there, too
                part.unlink()
            found += broken(copy, self.bill(), has_ended=True, may_try_again=True)
        return found


def _unprotected(connection: psycopg.Connection[tuple[object, ...]]) -> Iterator[str]:
    """No attempt can be written twice, nor be deleted."""
    if connection.execute("SELECT count(*) FROM attempt").fetchone() == (0,):
        return
    for statement in ("INSERT INTO attempt SELECT * FROM attempt LIMIT 1", "DELETE FROM attempt"):
        try:
            with connection.transaction(force_rollback=True):
                connection.execute(statement)
        except psycopg.IntegrityError:
            continue
        yield f"the ledger allows: {statement}"


@contextlib.contextmanager
def scene() -> Iterator[Scene]:
    """A mock and a PostgreSQL server of its own, as long as the block lasts."""
    with tempfile.TemporaryDirectory(prefix="kills-") as name, postgres.cluster() as cluster:
        folder = Path(name)
        with service(folder) as (url, billed):
            one = Scene(url, billed, folder, cluster)
            one.prepare()
            yield one


def started(work: Callable[[], None]) -> int:
    """Do something in a process of its own, which ends after a minute. Returns its number."""

    def limited() -> None:
        signal.alarm(RUN_SECONDS)
        with (
            patch.object(worker, "PASS_SECONDS", _PASS_SECONDS),
            patch.object(engine, "POLL_SECONDS", _POLL_SECONDS),
            patch.object(feeder, "WINDOW", 20),
        ):
            work()

    return forking.started(limited)


def forked(work: Callable[[], None]) -> int:
    """Do something in such a process. Returns its exit status."""
    return ended(started(work))
