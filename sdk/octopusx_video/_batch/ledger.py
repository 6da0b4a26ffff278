"""The ledger of a batch: what was sent, what it costs and where it stands, in SQLite.

A claim commits the attempt, its part of the budget and the job's state in one transaction before the request is sent.
Whatever happens after that, the ledger holds at least that the attempt may be billed.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import json
import secrets
import sqlite3
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

from octopusx_video._batch.errors import BatchError, LedgerError
from octopusx_video._batch.jobs import Job
from octopusx_video._batch.schema import MIGRATIONS
from octopusx_video._batch.states import CERTAIN, COUNTED, RETRIED, SENDABLE, AttemptState, JobState

FILE = "ledger.sqlite3"
_BUSY_SECONDS = 10.0
_PROCESS_ENDED = "the process ended before the response to the submit was written down"


class Row(NamedTuple):
    """A job as the ledger has it.

    Attributes:
        id: Its ``custom_id``.
        state: See ``octopusx_video.batch.MEANINGS``.
        attempt: How often it was tried.
        task: The id of the task that was paid for; None where there is none.
        file: Its video, relative to the folder of the batch; None before it is saved.
        reason: Why it is in this state; "" where that needs no reason.
        seconds: Seconds of video that its request adds.
        operation: The contract's name of its submit.
        source: The task that it continues.
        fields: The other fields of its request, as JSON.
        request: SHA-256 of its request.
        name: The name of its file, without the ending.
        changed_at: When the state changed last, in Unix seconds.
    """

    id: str
    state: JobState
    attempt: int
    task: str | None
    file: str | None
    reason: str
    seconds: float
    operation: str
    source: str
    fields: str
    request: str
    name: str
    changed_at: float


class Outcome(NamedTuple):
    """The outcome of an attempt.

    Attributes:
        state: Of the attempt.
        task: The id of the new task, where it was accepted.
        status: HTTP status of the response; None where none arrived.
        request_id: The gateway's id of the request.
        reason: Why, for people.
        possible_tasks: What may be the id of the task, where nobody knows.
    """

    state: AttemptState
    task: str | None = None
    status: int | None = None
    request_id: str | None = None
    reason: str = ""
    possible_tasks: tuple[str, ...] = ()


class Account(NamedTuple):
    """What a batch is paid with: a server, and the key of an account there.

    Attributes:
        server: The base URL.
        key: The API key, of which the ledger keeps a keyed hash.
    """

    server: str
    key: str


class Limits(NamedTuple):
    """The budget of a batch; None for no limit.

    Attributes:
        paid: How many videos may be paid for.
        seconds: How many seconds of video may be paid for.
    """

    paid: int | None = None
    seconds: float | None = None


Claim = int | Literal["held", "stopped", "settled"]
"""The number of the attempt that may be sent now, once; or why nothing may be sent."""

_ROW = ", ".join(name if name != "id" else "id" for name in Row._fields)


class _Undone(Exception):  # noqa: N818 - no error
    """Ends a transaction of which nothing is kept."""


class Ledger:
    """A ledger that is open.

    Every method that changes something is one transaction, which is on the disk when it returns. Closed by ``close``.

    Args:
        path: The file.
        create: Whether it is made where it is missing.

    Raises:
        LedgerError: There is none, it is of a newer version, or it can't be read.
    """

    def __init__(self, path: Path, *, create: bool) -> None:
        self.path = path
        self.run = secrets.token_hex(8)
        if not create and not path.exists():
            raise LedgerError(f"{path.parent} holds no batch: there is no {path.name}", advice="name the folder of one")
        with usable(path):
            self._connection = sqlite3.connect(path, timeout=_BUSY_SECONDS, isolation_level=None)
        try:
            with usable(path):
                self._prepare()
            self._file = path.stat().st_ino
        except BaseException:
            self._connection.close()
            raise

    def _prepare(self) -> None:
        version = self._one("PRAGMA user_version")[0]
        if version > len(MIGRATIONS):
            text = f"{self.path} was written by a newer octopusx-video (its version is {version})"
            raise LedgerError(text, advice=f"update octopusx-video; this one knows versions up to {len(MIGRATIONS)}")
        self._connection.execute("PRAGMA journal_mode = WAL")
        # A commit is on the disk before the request leaves, whatever happens to the machine.
        self._connection.execute("PRAGMA synchronous = FULL")
        self._connection.execute("PRAGMA foreign_keys = ON")
        while version < len(MIGRATIONS):
            version = self._migrate()

    def _migrate(self) -> int:
        """Bring it up to date by one version, if no other process has done so by now. Returns its version."""
        with self._transaction():
            version: int = self._one("PRAGMA user_version")[0]
            if version < len(MIGRATIONS):
                for statement in _statements(MIGRATIONS[version]):
                    self._connection.execute(statement)
                version += 1
                self._connection.execute(f"PRAGMA user_version = {version}")
        return version

    def close(self) -> None:
        """Close it."""
        self._connection.close()

    def durability(self) -> tuple[str, int]:
        """The journal mode and the level of synchronisation of the connection, as SQLite reports them."""
        return self._one("PRAGMA journal_mode")[0], self._one("PRAGMA synchronous")[0]

    # The batch as a whole

    def begin(self, account: Account, shard: str | None, limits: Limits, *, new_key: bool = False) -> None:
        """Begin a run: of this server and account, and with this budget where one is given.

        Raises:
            LedgerError: The ledger is of another server, account or shard.
        """
        with self._transaction():
            self.check(account, shard, new_key=new_key)
            salt = secrets.token_hex(16)
            self._connection.execute(
                "INSERT INTO batch (id, created_at, server, account_salt, account, shard) VALUES (1, ?, ?, ?, ?, ?) "
                "ON CONFLICT DO UPDATE SET account_salt = excluded.account_salt, account = excluded.account",
                (time.time(), account.server, salt, _account(salt, account.key), shard),
            )
            self._connection.execute(
                "UPDATE batch SET stop = 0, max_paid = coalesce(?, max_paid), max_seconds = coalesce(?, max_seconds)",
                limits,
            )

    def check(self, account: Account, shard: str | None, *, new_key: bool = False) -> None:
        """See whether the batch is of this server, account and shard, if it has begun.

        Raises:
            LedgerError: It is of another one.
        """
        found = self._connection.execute("SELECT server, account_salt, account, shard FROM batch").fetchone()
        if found is None:
            return
        server, salt, known, its_shard = found
        if server != account.server:
            raise LedgerError(
                f"the batch in {self.path.parent} is of the server {server}, not of {account.server}",
                advice="use that base URL, or another folder",
            )
        if shard != its_shard:
            raise LedgerError(
                f"the batch in {self.path.parent} is {_named_shard(its_shard)}, not {_named_shard(shard)}",
                advice="name the same shard, or another folder",
            )
        if not new_key and not hmac.compare_digest(known, _account(salt, account.key)):
            raise LedgerError(
                f"the batch in {self.path.parent} was begun with another API key",
                advice="use that key; pass new_key=True if this one is of the same account",
            )

    def park_interrupted(self) -> int:
        """Park what an ended process was sending; nobody knows whether it was billed. Returns how many there are."""
        with self._transaction():
            found = self._connection.execute(
                "SELECT job, attempt FROM attempt WHERE batch = 1 AND state = 'sending' AND run <> ?", (self.run,)
            ).fetchall()
            for job, attempt in found:
                self._settle(job, attempt, Outcome("parked", reason=_PROCESS_ENDED))
        return len(found)

    def add(self, jobs: Iterable[Job]) -> Iterator[tuple[Job, str]]:
        """Add jobs, inside of ``adding``. Gives each with what is wrong with it, or "new" or "known"."""
        now = time.time()
        number = self._one("SELECT coalesce(max(number), 0) FROM job WHERE batch = 1")[0]
        for job in jobs:
            try:
                self._connection.execute("INSERT INTO seen (id) VALUES (?)", (job.id,))
            except sqlite3.IntegrityError:
                yield job, f"the custom_id {job.id!r} is that of an earlier job"
                continue
            known = self._connection.execute("SELECT request FROM job WHERE batch = 1 AND id = ?", (job.id,)).fetchone()
            if known is not None:
                is_same = known[0] == job.request
                yield job, "known" if is_same else f"the custom_id {job.id!r} is known with another request"
                continue
            number += 1
            values = (job.id, number, job.operation, job.source, _json(job.fields), job.request, job.seconds, job.name)
            self._connection.execute(
                "INSERT INTO job (id, number, operation, source, fields, request, seconds, name, changed_at) "
                "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (*values, now),
            )
            yield job, "new"

    def same_as(self, job: Job) -> str | None:
        """The id of another job with the same request; None where there is none."""
        found = self._connection.execute(
            "SELECT id FROM job WHERE batch = 1 AND request = ? AND id <> ? LIMIT 1",
            (job.request, job.id),
        ).fetchone()
        return None if found is None else str(found[0])

    @contextlib.contextmanager
    def adding(self, *, keeps: bool = True) -> Iterator[None]:
        """One transaction around ``add``. Nothing is added if the block raises, or if nothing is to be kept."""
        self._connection.execute("CREATE TEMP TABLE IF NOT EXISTS seen (id TEXT PRIMARY KEY) STRICT, WITHOUT ROWID")
        self._connection.execute("DELETE FROM seen")
        with contextlib.suppress(_Undone), self._transaction():
            yield
            if not keeps:
                raise _Undone
        self._connection.execute("DELETE FROM seen")

    def retry(self, states: Sequence[JobState]) -> int:
        """Let jobs in these states be sent again, each as a new attempt. Returns how many there are."""
        wanted = [state for state in states if state in RETRIED]
        with self._transaction():
            return self._connection.execute(
                "UPDATE job SET state = 'new', task = NULL, reason = '', changed_at = ? "  # noqa: S608 - marks alone
                f"WHERE batch = 1 AND state IN ({_marks(wanted)})",
                (time.time(), *wanted),
            ).rowcount

    def stop(self) -> None:
        """Ask the process that runs the batch to send nothing more."""
        with self._transaction():
            self._connection.execute("UPDATE batch SET stop = 1")

    # One job

    def claim(self, job: str) -> Claim:
        """Claim the right to send a job's request, once. The caller sends it after this has returned, and then settles.

        Returns:
            The number of the attempt; ``held`` where the budget is reached, ``stopped`` after ``stop``, ``settled``
            where there is nothing to send: it is sent already, or an ended process was sending it.

        Raises:
            BatchError: The ledger can't be written, or is not in its place any more. Nothing may be sent.
        """
        self._check_place()
        with self._writable(), self._transaction():
            state, last, seconds = self._one("SELECT state, attempt, seconds FROM job WHERE batch = 1 AND id = ?", job)
            if state == "sending" and self._one(
                "SELECT run FROM attempt WHERE batch = 1 AND job = ? AND attempt = ?", job, last
            ) != (self.run,):
                self._settle(job, last, Outcome("parked", reason=_PROCESS_ENDED))
                return "settled"
            if state not in SENDABLE:
                return "settled"
            if self._one("SELECT stop FROM batch")[0]:
                return "stopped"
            is_within = self._connection.execute(
                "UPDATE batch SET paid = paid + 1, paid_seconds = paid_seconds + ?1 WHERE (max_paid IS NULL "
                "OR paid < max_paid) AND (max_seconds IS NULL OR paid_seconds + ?1 <= max_seconds)",
                (seconds,),
            ).rowcount
            now = time.time()
            if not is_within:
                self._connection.execute(
                    "UPDATE job SET state = 'held', reason = 'the budget is reached', changed_at = ? "
                    "WHERE batch = 1 AND id = ?",
                    (now, job),
                )
                return "held"
            self._connection.execute(
                "INSERT INTO attempt (job, attempt, state, run, seconds, sent_at) VALUES (?, ?, 'sending', ?, ?, ?)",
                (job, last + 1, self.run, seconds, now),
            )
            self._connection.execute(
                "UPDATE job SET state = 'sending', attempt = ?, reason = '', changed_at = ? WHERE batch = 1 AND id = ?",
                (last + 1, now, job),
            )
        return int(last) + 1

    def settle(self, job: str, attempt: int, outcome: Outcome) -> None:
        """Write down the outcome of an attempt. A response that arrives late overrides ``parked``.

        Raises:
            BatchError: It can't be written. The text has what has to be kept.
        """
        with self._writable(), self._transaction():
            self._settle(job, attempt, outcome)
        self._check_place()

    def _settle(self, job: str, attempt: int, outcome: Outcome) -> None:
        key = (job, attempt)
        before, seconds = self._one(
            "SELECT state, seconds FROM attempt WHERE batch = 1 AND job = ? AND attempt = ?", *key
        )
        if before in CERTAIN and outcome.state != "accepted":
            return  # what is certain stays
        now = time.time()
        self._connection.execute(
            "UPDATE attempt SET state = ?, ended_at = ?, task = coalesce(?, task), status = ?, request_id = ?, "
            "reason = ?, possible_tasks = ? WHERE batch = 1 AND job = ? AND attempt = ?",
            (
                *(outcome.state, now, outcome.task, outcome.status, outcome.request_id, outcome.reason),
                *(_json(outcome.possible_tasks), *key),
            ),
        )
        change = (outcome.state in COUNTED) - (before in COUNTED)
        if change:
            self._connection.execute(
                "UPDATE batch SET paid = paid + ?, paid_seconds = paid_seconds + ?", (change, change * seconds)
            )
        state = "not_sent" if outcome.state == "not_billed" else outcome.state
        self._connection.execute(
            "UPDATE job SET state = ?, task = coalesce(?, task), reason = ?, changed_at = ? "
            "WHERE batch = 1 AND id = ? AND attempt = ?",
            (state, outcome.task, outcome.reason, now, *key),
        )

    def end(self, job: str, state: JobState, reason: str = "", file: str | None = None) -> None:
        """Write down what became of a job that was paid for: of its task, or of its video.

        Raises:
            BatchError: It can't be written.
        """
        self._check_place()
        with self._writable(), self._transaction():
            self._connection.execute(
                "UPDATE job SET state = ?, reason = ?, file = coalesce(?, file), changed_at = ? "
                "WHERE batch = 1 AND id = ? AND task IS NOT NULL",
                (state, reason, file, time.time(), job),
            )

    def hold_back(self, state: JobState, reason: str) -> int:
        """Put the jobs that were not tried into ``held`` or ``stopped``. Returns how many there are."""
        with self._writable(), self._transaction():
            return self._connection.execute(
                "UPDATE job SET state = ?1, reason = ?2, changed_at = ?3 "
                "WHERE batch = 1 AND state IN ('new', 'held', 'stopped') AND state <> ?1",
                (state, reason, time.time()),
            ).rowcount

    def resolve(self, job: str, outcome: Outcome | None) -> None:
        """Settle a job that is parked, by what a person has found out.

        Args:
            job: Its id.
            outcome: ``accepted`` with the task, or ``not_billed``; None gives the job up, which counts as billed.

        Raises:
            LedgerError: There is no such job, it is not parked, or the task is that of another job.
        """
        with self._transaction():
            row = self.row(job)
            if row is None:
                raise LedgerError(f"the batch in {self.path.parent} has no job {job!r}")
            if row.state != "parked":
                raise LedgerError(f"the job {job!r} is not parked; it is {row.state}")
            if outcome is not None:
                self._refuse_task_of_other(job, outcome.task)
                self._settle(job, row.attempt, outcome)
                return
            self._connection.execute(
                "UPDATE job SET state = 'failed', changed_at = ?, "
                "reason = 'given up after a submit that may be billed' WHERE batch = 1 AND id = ?",
                (time.time(), job),
            )

    def _refuse_task_of_other(self, job: str, task: str | None) -> None:
        found = self._connection.execute(
            "SELECT job FROM attempt WHERE batch = 1 AND task = ? AND job <> ?", (task, job)
        ).fetchone()
        if found is not None:
            raise LedgerError(
                f"the task {task} is that of the job {found[0]!r}", advice="look for the task of this job"
            )

    # Reading

    def row(self, job: str) -> Row | None:
        """A job; None where there is none of that id."""
        found = self._connection.execute(f"SELECT {_ROW} FROM job WHERE batch = 1 AND id = ?", (job,)).fetchone()  # noqa: S608 - names
        return None if found is None else Row(*found)

    def rows(self, states: Sequence[JobState] | None = None) -> Iterator[Row]:
        """The jobs in some states, or all of them, in their order; in pages, so that a million of them take no room."""
        number, page = 0, 500
        where = "" if states is None else f"AND state IN ({_marks(states)})"
        while True:
            found = self._connection.execute(
                f"SELECT number, {_ROW} FROM job INDEXED BY job_by_number "  # noqa: S608 - marks and names
                f"WHERE batch = 1 AND number > ? {where} ORDER BY number LIMIT {page}",
                (number, *(states or ())),
            ).fetchall()
            yield from (Row(*row) for _, *row in found)
            if len(found) < page:
                return
            number = found[-1][0]

    def sendable(self, after: int, most: int) -> list[tuple[int, str]]:
        """The numbers and ids of jobs that may be sent, in their order, behind a number."""
        found = self._connection.execute(
            "SELECT number, id FROM job INDEXED BY job_by_number WHERE batch = 1 AND number > ? "  # noqa: S608 - marks
            f"AND state IN ({_marks(SENDABLE)}) ORDER BY number LIMIT ?",
            (after, *SENDABLE, most),
        ).fetchall()
        return [(number, job) for number, job in found]

    def counts(self) -> dict[JobState, int]:
        """How many jobs are in each state, states without a job left out."""
        return dict(
            self._connection.execute("SELECT state, count(*) FROM job WHERE batch = 1 GROUP BY state").fetchall()
        )

    def sums(self, states: Sequence[JobState]) -> tuple[int, float]:
        """How many jobs are in some states, and the seconds of video that they add."""
        count, seconds = self._one(
            f"SELECT count(*), coalesce(sum(seconds), 0.0) FROM job WHERE batch = 1 AND state IN ({_marks(states)})",  # noqa: S608 - marks
            *states,
        )
        return count, seconds

    def budget(self) -> tuple[int, float, Limits]:
        """What is or may be billed, in videos and in seconds of video, and the limits."""
        paid, seconds, *limits = self._one("SELECT paid, paid_seconds, max_paid, max_seconds FROM batch")
        return paid, seconds, Limits(*limits)

    def server(self) -> str:
        """The base URL of the batch; "" before the first run."""
        found = self._connection.execute("SELECT server FROM batch").fetchone()
        return "" if found is None else str(found[0])

    def is_stopped(self) -> bool:
        """Whether ``stop`` was called since the run began."""
        return bool(self._one("SELECT stop FROM batch")[0])

    def attempts(self, job: str) -> list[dict[str, Any]]:
        """The attempts of a job, the first one first, by the names of their columns."""
        cursor = self._connection.execute("SELECT * FROM attempt WHERE batch = 1 AND job = ? ORDER BY attempt", (job,))
        names = [column[0] for column in cursor.description]
        return [dict(zip(names, values, strict=True)) for values in cursor]

    def changes(self) -> Iterator[tuple[float, JobState | None, JobState]]:
        """Every change of a state: when, in Unix seconds, from which (None for a new job) and to which."""
        yield from self._connection.execute("SELECT at, before, after FROM event ORDER BY id")

    # Below

    def _one(self, statement: str, *values: Any) -> tuple[Any, ...]:
        found: tuple[Any, ...] | None = self._connection.execute(statement, values).fetchone()
        if found is None:
            raise BatchError(
                f"{self.path} lacks what belongs to a ledger",
                advice="look into your account before you run the jobs again",
            )
        return found

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._connection.execute("COMMIT")
        except BaseException:
            with contextlib.suppress(sqlite3.Error):  # some errors roll back by themselves
                self._connection.execute("ROLLBACK")
            raise

    @contextlib.contextmanager
    def _writable(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise BatchError(f"{self.path} can't be written: {error}", advice=_advice(error)) from None

    def _check_place(self) -> None:
        """Whoever moves or deletes the folder must not be paid for twice by the next run."""
        try:
            is_there = self.path.stat().st_ino == self._file
        except OSError:
            is_there = False
        if not is_there:
            raise BatchError(
                f"{self.path} is not in its place any more", advice="put the folder back, and run it again"
            )


def unusable(path: Path, error: sqlite3.Error) -> BatchError:
    """The error of a ledger that could be used until now."""
    return BatchError(f"{path} can't be used any more: {error}", advice=_advice(error))


@contextlib.contextmanager
def usable(path: Path) -> Iterator[None]:
    """Errors of SQLite and of the system, as those of a ledger.

    Raises:
        LedgerError: The block could not use the file.
    """
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        raise LedgerError(f"{path} can't be used as a ledger: {error}", advice=_advice(error)) from None


def _advice(error: Exception) -> str:
    text = str(error)
    if "locked" in text:
        return "close the program that holds it, and run it again"
    if "full" in text:
        return "make room on the disk, and run it again"
    if "readonly" in text or "unable to open" in text or "ermission" in text:
        return "make the folder and the ledger writable"
    return "look into your account before you run the jobs in another folder; an old copy of it would pay again"


def _statements(script: str) -> Iterator[str]:
    """The statements of a script; a trigger holds semicolons of its own."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""


def _account(salt: str, key: str) -> str:
    return hmac.new(bytes.fromhex(salt), key.encode(), hashlib.sha256).hexdigest()


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def _marks(values: Sequence[object]) -> str:
    return ", ".join("?" * len(values))


def _named_shard(shard: str | None) -> str:
    return "all jobs" if shard is None else f"the shard {shard}"
