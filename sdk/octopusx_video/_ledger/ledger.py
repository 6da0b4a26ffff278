"""The ledger of a batch: what was sent, what it costs and where it stands.

A claim commits the attempt, its part of the budget and the job's state in one transaction before the request is sent.
Whatever happens after that, the ledger holds at least that the attempt may be billed. The same statements run on a file
(``file_ledger.py``) and on a database for several machines.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import itertools
import json
import secrets
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, ClassVar, Literal, NamedTuple, Protocol

from octopusx_video._ledger.errors import BatchError, LedgerError
from octopusx_video._ledger.jobs import Job
from octopusx_video._ledger.states import CERTAIN, COUNTED, RETRIED, SENDABLE, AttemptState, JobState

BUDGET_REACHED = "the budget is reached"
"""Why a job is held."""
_PROCESS_ENDED = "the process ended before the response to the submit was written down"
_CHUNK = 200
"""So many new jobs are looked up in the ledger at once."""


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


class Later(NamedTuple):
    """Nothing may be sent now, and maybe later: the workers send as much as they may.

    Attributes:
        seconds: When to ask again.
    """

    seconds: float


Claim = int | Later | Literal["held", "stopped", "settled"]
"""The number of the attempt that may be sent now, once; or why nothing may be sent."""

Checked = tuple[str, Job | str]
"""The place of an entry, and its job, or what is wrong with it."""


class Connection(Protocol):
    """What runs statements, whose values are question marks."""

    def execute(self, statement: str, values: Sequence[Any] = ..., /) -> Any:
        """Run a statement. Returns a cursor."""

    def executemany(self, statement: str, values: Iterable[Sequence[Any]], /) -> Any:
        """Run a statement for each of some values."""


_ROW = ", ".join(name if name != "id" else "id" for name in Row._fields)


COPIED = {
    "batch": (
        *("id", "created_at", "server", "account_salt", "account", "shard"),
        *("max_paid", "max_seconds", "paid", "paid_seconds", "stop"),
    ),
    "job": (
        *("batch", "id", "number", "operation", "source", "fields", "request", "seconds", "name"),
        *("state", "attempt", "task", "file", "reason", "changed_at"),
    ),
    "attempt": (
        *("batch", "job", "attempt", "state", "run", "seconds", "sent_at", "ended_at"),
        *("task", "status", "request_id", "reason", "possible_tasks"),
    ),
}
"""The tables and columns that every ledger has, in the order in which they can be written."""
_EVENT = "batch, at, job, attempt, before, after, reason"


class _Undone(Exception):  # noqa: N818 - no error
    """Ends a transaction of which nothing is kept."""


class Ledger:
    """A ledger that is open.

    Every method that changes something is one transaction, which is on the disk when it returns. Closed by ``close``.

    Attributes:
        where: What it is kept in, for people.
        place: What its batch is in, for people.
        run: The run that this process sends for.
        errors: What the database raises where a statement fails.
    """

    where: str
    place: str
    run: str
    errors: tuple[type[Exception], ...]
    _connection: Connection
    _elsewhere: ClassVar[str]
    """Where another batch can be, for the advice of errors."""
    # What differs between the databases, as pieces of statements.
    _seen_table: ClassVar[str]
    _by_number: ClassVar[str]
    """Names the index for pages of jobs, where the database does not choose it by itself."""
    _locked: ClassVar[str]
    """Keeps a row that is read from every other transaction, until the end of this one."""
    _is_dead: ClassVar[str]
    """Whether the sender of an attempt sends no more; its value is the run of this process."""

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
                "INSERT INTO batch (id, created_at, server, account_salt, account, shard) "
                "VALUES (1, unix_now(), ?, ?, ?, ?) "
                "ON CONFLICT (id) DO UPDATE SET account_salt = excluded.account_salt, account = excluded.account",
                (account.server, salt, _account(salt, account.key), shard),
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
                f"the batch in {self.place} is of the server {server}, not of {account.server}",
                advice=f"use that base URL, or {self._elsewhere}",
            )
        if shard != its_shard:
            raise LedgerError(
                f"the batch in {self.place} is {_named_shard(its_shard)}, not {_named_shard(shard)}",
                advice=f"name the same shard, or {self._elsewhere}",
            )
        if not new_key and not hmac.compare_digest(known, _account(salt, account.key)):
            raise LedgerError(
                f"the batch in {self.place} was begun with another API key",
                advice="use that key; pass new_key=True if this one is of the same account",
            )

    def park_interrupted(self) -> int:
        """Park what an ended process was sending; nobody knows whether it was billed. Returns how many there are."""
        found = self._connection.execute(
            f"SELECT job, attempt FROM attempt WHERE batch = 1 AND state = 'sending' AND {self._is_dead}", (self.run,)
        ).fetchall()
        return sum(self._park(job, attempt) for job, attempt in found)

    def _park(self, job: str, attempt: int) -> bool:
        """Park an attempt, if its sender has ended, and has not settled it by now."""
        with self._transaction():
            self._lock(job)
            is_dead = self._connection.execute(
                "SELECT 1 FROM attempt WHERE batch = 1 AND job = ? AND attempt = ? "
                f"AND state = 'sending' AND {self._is_dead}",
                (job, attempt, self.run),
            ).fetchone()
            if is_dead is not None:
                self._settle(job, attempt, Outcome("parked", reason=_PROCESS_ENDED))
        return is_dead is not None

    def add(self, entries: Iterable[Checked], *, allow_same: bool) -> Iterator[tuple[str, Job | None, str]]:
        """Add jobs, inside of ``adding``.

        Args:
            entries: Them, each with its place.
            allow_same: Whether two jobs may have the same request.

        Returns:
            For each entry its place, its job, and "new", "known", or what is wrong with it.
        """
        now, number = self._one("SELECT unix_now(), coalesce(max(number), 0) FROM job WHERE batch = 1")
        remaining = iter(entries)
        while chunk := list(itertools.islice(remaining, _CHUNK)):
            jobs = [job for _, job in chunk if isinstance(job, Job)]
            ids, requests = [job.id for job in jobs], [job.request for job in jobs]
            seen = {found for (found,) in self._in("SELECT id FROM seen WHERE id", ids)}
            before = set(seen)
            known = dict(self._in("SELECT id, request FROM job WHERE batch = 1 AND id", ids))
            same = dict(self._in("SELECT request, id FROM job WHERE batch = 1 AND request", requests))
            results: list[tuple[str, Job | None, str]] = []
            new: list[tuple[Any, ...]] = []
            for place, job in chunk:
                if isinstance(job, str):
                    results.append((place, None, job))
                    continue
                found = self._compared(job, seen, known, None if allow_same else same)
                results.append((place, job, found))
                if found == "new":
                    number += 1
                    values = (job.id, number, job.operation, job.source, _json(job.fields), job.request)
                    new.append((*values, job.seconds, job.name, now))
            self._connection.executemany("INSERT INTO seen (id) VALUES (?)", [(one,) for one in seen - before])
            self._connection.executemany(
                "INSERT INTO job (id, number, operation, source, fields, request, seconds, name, changed_at) "
                "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                new,
            )
            yield from results

    @staticmethod
    def _compared(job: Job, seen: set[str], known: dict[str, str], same: dict[str, str] | None) -> str:
        """What is wrong with a job beside others, or "new" or "known"; a new one is remembered."""
        if job.id in seen:
            return f"the custom_id {job.id!r} is that of an earlier job"
        seen.add(job.id)
        if job.id in known:
            is_same = known[job.id] == job.request
            return "known" if is_same else f"the custom_id {job.id!r} is known with another request"
        if same is not None and job.request in same:
            return (
                f"it has the same request as the job {same[job.request]!r}, and would be paid for twice; "
                "allow_same=True allows it"
            )
        if same is not None:
            same[job.request] = job.id
        return "new"

    def _in(self, select: str, values: Sequence[str]) -> list[Any]:
        """The rows of a SELECT whose last column is one of some values."""
        if not values:
            return []
        found: list[Any] = self._connection.execute(f"{select} IN ({_marks(values)})", values).fetchall()
        return found

    @contextlib.contextmanager
    def adding(self, *, keeps: bool = True) -> Iterator[None]:
        """One transaction around ``add``. Nothing is added if the block raises, or if nothing is to be kept."""
        with contextlib.suppress(_Undone), self._transaction():
            self._connection.execute(self._seen_table)
            self._connection.execute("DELETE FROM seen")
            yield
            self._connection.execute("DELETE FROM seen")
            if not keeps:
                raise _Undone

    def retry(self, states: Sequence[JobState]) -> int:
        """Let jobs in these states be sent again, each as a new attempt. Returns how many there are."""
        wanted = [state for state in states if state in RETRIED]
        with self._transaction():
            changed: int = self._connection.execute(
                "UPDATE job SET state = 'new', task = NULL, reason = '', changed_at = unix_now() "
                f"WHERE batch = 1 AND state IN ({_marks(wanted)})",
                wanted,
            ).rowcount
        return changed

    def stop(self) -> None:
        """Ask the process that runs the batch to send nothing more."""
        with self._transaction():
            self._connection.execute("UPDATE batch SET stop = 1")

    def copy(self, other: Ledger) -> int:
        """Write what another ledger has into this one, which is empty. Returns how many jobs there are.

        Raises:
            LedgerError: This one is not empty, or other workers may be sending in the other one.
        """
        with self._transaction(), other._snapshot():
            if self._one("SELECT count(*) FROM job")[0] or self.server():
                raise LedgerError(f"{self.place} holds a batch already", advice="name another place")
            other.require_run()
            if other._one("SELECT count(*) FROM attempt WHERE state = 'sending'")[0]:
                raise LedgerError(
                    f"a submit is under way in {other.place}, or was when its process ended",
                    advice="stop its workers, wait until the lease of each has expired, and run it once more",
                )
            for table, columns in COPIED.items():
                names = ", ".join(columns)
                rows = other._connection.execute(f"SELECT {names} FROM {table}")
                while chunk := rows.fetchmany(_CHUNK):
                    self._connection.executemany(f"INSERT INTO {table} ({names}) VALUES ({_marks(columns)})", chunk)
            self._connection.execute("DELETE FROM event")  # those that the copy itself has made
            events = other._connection.execute(f"SELECT {_EVENT} FROM event ORDER BY id")
            while chunk := events.fetchmany(_CHUNK):
                self._connection.executemany(
                    f"INSERT INTO event ({_EVENT}) VALUES ({_marks(_EVENT.split(', '))})", chunk
                )
            return int(self._one("SELECT count(*) FROM job")[0])

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
            state, last, seconds = self._lock(job)
            if state == "sending":
                return self._found_sending(job, last)
            if state not in SENDABLE:
                return "settled"
            later = self._admitted()
            if later is not None:
                return later
            if self._one("SELECT stop FROM batch")[0]:
                return "stopped"
            is_within = self._connection.execute(
                "UPDATE batch SET paid = paid + 1, paid_seconds = paid_seconds + ? WHERE (max_paid IS NULL "
                "OR paid < max_paid) AND (max_seconds IS NULL OR paid_seconds + ? <= max_seconds)",
                (seconds, seconds),
            ).rowcount
            if not is_within:
                return self._held(job)
            self._connection.execute(
                "INSERT INTO attempt (job, attempt, state, run, seconds, sent_at) "
                "VALUES (?, ?, 'sending', ?, ?, unix_now())",
                (job, last + 1, self.run, seconds),
            )
            self._connection.execute(
                "UPDATE job SET state = 'sending', attempt = ?, reason = '', changed_at = unix_now() "
                "WHERE batch = 1 AND id = ?",
                (last + 1, job),
            )
        return last + 1

    def _lock(self, job: str) -> tuple[JobState, int, float]:
        """The state, the last attempt and the seconds of a job, which no other transaction changes until this ends."""
        state, last, seconds = self._one(
            f"SELECT state, attempt, seconds FROM job WHERE batch = 1 AND id = ? {self._locked}",
            job,
        )
        return state, int(last), seconds

    def _found_sending(self, job: str, attempt: int) -> Claim:
        """What a claim of a job means that is sent already: by this process, by another, or by one that has ended."""
        is_dead = self._connection.execute(
            f"SELECT 1 FROM attempt WHERE batch = 1 AND job = ? AND attempt = ? AND {self._is_dead}",
            (job, attempt, self.run),
        ).fetchone()
        if is_dead is not None:
            self._settle(job, attempt, Outcome("parked", reason=_PROCESS_ENDED))
        return "settled"

    def _admitted(self) -> Later | None:
        """Whether another submit may be sent now, or later; one process decides that for itself."""
        return None

    def _held(self, job: str) -> Claim:
        """What a claim means for which the budget has no room."""
        self._connection.execute(
            "UPDATE job SET state = 'held', reason = ?, changed_at = unix_now() WHERE batch = 1 AND id = ?",
            (BUDGET_REACHED, job),
        )
        return "held"

    def settle(self, job: str, attempt: int, outcome: Outcome) -> None:
        """Write down the outcome of an attempt. A response that arrives late overrides ``parked``.

        Raises:
            BatchError: It can't be written. The text has what has to be kept.
        """
        with self._writable(), self._transaction():
            self._lock(job)
            self._settle(job, attempt, outcome)
        self._check_place()

    def _settle(self, job: str, attempt: int, outcome: Outcome) -> None:
        key = (job, attempt)
        before, seconds = self._one(
            "SELECT state, seconds FROM attempt WHERE batch = 1 AND job = ? AND attempt = ?", *key
        )
        if before in CERTAIN and outcome.state != "accepted":
            return  # what is certain stays
        self._connection.execute(
            "UPDATE attempt SET state = ?, ended_at = unix_now(), task = coalesce(?, task), status = ?, "
            "request_id = ?, reason = ?, possible_tasks = ? WHERE batch = 1 AND job = ? AND attempt = ?",
            (
                *(outcome.state, outcome.task, outcome.status, outcome.request_id, outcome.reason),
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
            "UPDATE job SET state = ?, task = coalesce(?, task), reason = ?, changed_at = unix_now() "
            "WHERE batch = 1 AND id = ? AND attempt = ?",
            (state, outcome.task, outcome.reason, *key),
        )

    def end(self, job: str, state: JobState, reason: str = "", file: str | None = None) -> None:
        """Write down what became of a job that was paid for: of its task, or of its video.

        Raises:
            BatchError: It can't be written.
        """
        self._check_place()
        with self._writable(), self._transaction():
            self._connection.execute(
                "UPDATE job SET state = ?, reason = ?, file = coalesce(?, file), changed_at = unix_now() "
                "WHERE batch = 1 AND id = ? AND task IS NOT NULL",
                (state, reason, file, job),
            )

    def hold_back(self, state: JobState, reason: str) -> int:
        """Put the jobs that were not tried into ``held`` or ``stopped``. Returns how many there are."""
        with self._writable(), self._transaction():
            changed: int = self._connection.execute(
                "UPDATE job SET state = ?, reason = ?, changed_at = unix_now() "
                "WHERE batch = 1 AND state IN ('new', 'held', 'stopped') AND state <> ?",
                (state, reason, state),
            ).rowcount
        return changed

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
                raise LedgerError(f"the batch in {self.place} has no job {job!r}")
            state = self._lock(job)[0]
            if state != "parked":
                raise LedgerError(f"the job {job!r} is not parked; it is {state}")
            if outcome is not None:
                self._refuse_task_of_other(job, outcome.task)
                self._settle(job, row.attempt, outcome)
                return
            self._connection.execute(
                "UPDATE job SET state = 'failed', changed_at = unix_now(), "
                "reason = 'given up after a submit that may be billed' WHERE batch = 1 AND id = ?",
                (job,),
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
        found = self._connection.execute(f"SELECT {_ROW} FROM job WHERE batch = 1 AND id = ?", (job,)).fetchone()
        return None if found is None else Row(*found)

    def rows(self, states: Sequence[JobState] | None = None) -> Iterator[Row]:
        """The jobs in some states, or all of them, in their order; in pages, so that a million of them take no room."""
        number, page = 0, 500
        where = "" if states is None else f"AND state IN ({_marks(states)})"
        while True:
            found = self._connection.execute(
                f"SELECT number, {_ROW} FROM job {self._by_number} "
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
            f"SELECT number, id FROM job {self._by_number} WHERE batch = 1 AND number > ? "
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
            f"SELECT count(*), coalesce(sum(seconds), 0.0) FROM job WHERE batch = 1 AND state IN ({_marks(states)})",
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

    def created_at(self) -> float | None:
        """When its first run began, in Unix seconds, which no other batch has; None before that."""
        found = self._connection.execute("SELECT created_at FROM batch").fetchone()
        return None if found is None else float(found[0])

    def shard(self) -> str | None:
        """The part of the jobs that it has, as ``2/8``; None for all."""
        found = self._connection.execute("SELECT shard FROM batch").fetchone()
        return None if found is None else found[0]

    def require_run(self) -> None:
        """See whether a run has begun.

        Raises:
            LedgerError: None has.
        """
        if not self.server():
            raise LedgerError(f"the batch in {self.place} has no run yet", advice="begin one: batch run")

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
                f"{self.where} lacks what belongs to a ledger",
                advice="look into your account before you run the jobs again",
            )
        return found

    def close(self) -> None:
        """Close it."""
        raise NotImplementedError

    def advice(self, error: Exception) -> str:
        """What to do about an error of the database."""
        raise NotImplementedError

    def _transaction(self) -> contextlib.AbstractContextManager[None]:
        raise NotImplementedError

    def _snapshot(self) -> contextlib.AbstractContextManager[None]:
        """A transaction that reads what is there at one moment."""
        return self._transaction()

    def _check_place(self) -> None:
        """See whether it is where it was when it was opened.

        Raises:
            BatchError: It is not.
        """

    @contextlib.contextmanager
    def _writable(self) -> Iterator[None]:
        try:
            yield
        except self.errors as error:
            raise BatchError(f"{self.where} can't be written: {in_a_line(error)}", advice=self.advice(error)) from None

    def failed(self, error: Exception) -> BatchError:
        """The error of a ledger that could be used until now."""
        return BatchError(f"{self.where} can't be used any more: {in_a_line(error)}", advice=self.advice(error))

    @property
    def failures(self) -> tuple[type[Exception], ...]:
        """What a use of it may raise: the errors of the database and those of the system."""
        return (*self.errors, OSError)

    @contextlib.contextmanager
    def usable(self) -> Iterator[None]:
        """Errors of the database and of the system, as those of a ledger.

        Raises:
            LedgerError: The block could not use it.
        """
        try:
            yield
        except self.failures as error:
            text = f"{self.where} can't be used as a ledger: {in_a_line(error)}"
            raise LedgerError(text, advice=self.advice(error)) from None


def new_run() -> str:
    """The name of a run, which no other has."""
    return secrets.token_hex(8)


def _account(salt: str, key: str) -> str:
    return hmac.new(bytes.fromhex(salt), key.encode(), hashlib.sha256).hexdigest()


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def in_a_line(error: BaseException) -> str:
    """The text of an error on one line; of an error of PostgreSQL its message, without the hint and the statement."""
    message = getattr(getattr(error, "diag", None), "message_primary", None)
    return " ".join((message or str(error)).split())


def _marks(values: Sequence[object]) -> str:
    return ", ".join("?" * len(values))


def _named_shard(shard: str | None) -> str:
    return "all jobs" if shard is None else f"the shard {shard}"
