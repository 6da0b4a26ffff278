"""A batch in a database, worked on in the process of a test: on a mock whose time runs a thousand times as fast."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import psycopg
from octopusx_video._distributed.address import Address, address
from octopusx_video._distributed.engine import Engine, Kind
from octopusx_video._distributed.lease import Lease
from octopusx_video._distributed.shared_ledger import Pacing, SharedLedger
from octopusx_video._ledger.file_ledger import FILE
from octopusx_video._ledger.jobs import job
from octopusx_video._ledger.ledger import Account, Limits
from octopusx_video.distributed import DistributedBatch, export
from octopusx_video_mock import Mock

from tests.support.batches.service import SPEED, Billed, line, record
from tests.support.batches.statements import broken
from tests.support.sdk.clients import BASE_URL, KEY, Between

NAME = "cats"
SUBMIT_SECONDS = 2.0
Handle = Callable[[httpx.Request, Callable[[httpx.Request], httpx.Response]], httpx.Response]


class Trial:
    """A database, a mock, and a folder.

    Args:
        folder: Of the test.
        db: The URL of an empty database.
        handle: Gets each request and a function that passes it on to the mock, as ``Between`` has it.

    Attributes:
        out: The folder of the videos.
        tasks: The tasks that the mock has billed, by the ids of their jobs.
        transport: Leads to it; ``requests`` has what was sent.
    """

    def __init__(self, folder: Path, db: str, handle: Handle | None = None) -> None:
        self.folder = folder
        self.out = folder / "out"
        self.db = db
        self.mock = Mock(token=KEY, speed=SPEED, start=None)
        self.tasks: dict[str, list[str]] = {}
        record(self.mock, lambda name, task: self.tasks.setdefault(name, []).append(task))
        self.transport = Between(self.mock.transport, handle)

    @property
    def address(self) -> Address:
        """Where the batch is."""
        return address(self.db, NAME)

    def batch(self, jobs: Any = None, **options: Any) -> DistributedBatch:
        """The batch, for one worker."""
        given = {
            "api_key": KEY,
            "base_url": BASE_URL,
            "db": self.db,
            "name": NAME,
            "out": self.out,
            "poll_interval": 0.02,
            "reads_per_second": 1000,
            "submit_timeout": SUBMIT_SECONDS,
            "transport": self.transport,
        }
        return DistributedBatch(jobs, **{**given, **options})

    @contextlib.contextmanager
    def ledger(self, count: int = 0, **limits: Any) -> Iterator[SharedLedger]:
        """A ledger, with so many jobs where it has none, for a worker without a lease."""
        with contextlib.closing(SharedLedger(self.address, create=True, patience=20)) as book:
            if count and not book.counts():
                with book.adding():
                    jobs = [("", job(line(f"job-{number}"), BASE_URL)) for number in range(count)]
                    assert {found for _, _, found in book.add(jobs, allow_same=False)} == {"new"}
                book.begin(Account(BASE_URL, KEY), None, Limits(limits.get("paid"), limits.get("seconds")))
                book.pace(Pacing(limits.get("concurrency", 8), limits.get("rate", 0.0)))
            yield book

    @contextlib.contextmanager
    def worker(self, name: str, count: int = 0, **limits: Any) -> Iterator[tuple[SharedLedger, Lease]]:
        """The ledger of a worker with a lease, as long as the block lasts."""
        with self.ledger(count, **limits) as book:
            lease = Lease(self.address, SUBMIT_SECONDS, name, self.out, "1")
            lease.take()
            book.run = lease.run
            try:
                yield book, lease
            finally:
                lease.release()

    def sql(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        """Ask or change the ledger, as a person does."""
        with psycopg.connect(self.db, autocommit=True, options=f"-c search_path=batch_{NAME}") as connection:
            cursor = connection.execute(statement, values or None)
            return cursor.fetchall() if cursor.description else []

    @property
    def states(self) -> dict[str, str]:
        """The state of each job."""
        return dict(self.sql("SELECT id, state FROM job"))

    @property
    def billed(self) -> int:
        """How many videos were billed."""
        return len(self.mock.submissions)

    def broken(self, *, has_ended: bool = True) -> list[str]:
        """What does not hold of money and files, by a copy of the ledger."""
        copy = self.folder / "copy"
        export(self.db, copy, name=NAME)
        return broken(copy, Billed(self.tasks), has_ended=has_ended, may_try_again=True)


def of_copy(folder: Path, statement: str) -> list[tuple[Any, ...]]:
    """Ask a ledger in a folder."""
    with contextlib.closing(sqlite3.connect(folder / FILE)) as connection:
        return connection.execute(statement).fetchall()


def lines(count: int) -> list[dict[str, Any]]:
    """Jobs with different requests."""
    return [line(f"job-{number}") for number in range(count)]


def written(folder: Path, count: int) -> Path:
    """A file of jobs."""
    path = folder / "jobs.jsonl"
    path.write_text("".join(f"{json.dumps(one)}\n" for one in lines(count)), "utf-8")
    return path


async def engine_made(trial: Trial) -> None:
    """Let the engine make its tables."""
    made = await Engine.started(trial.address, "none", _nothing, 1)
    await made.stop()


async def _nothing(kind: Kind, job: str) -> None:
    """No work."""
