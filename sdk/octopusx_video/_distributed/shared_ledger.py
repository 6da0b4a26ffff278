"""The ledger of a batch in PostgreSQL: the rules of ``_ledger/ledger.py``, and what several workers share.

All times are those of the database. A worker that can't reach it waits, and repeats what it wanted to write: each
write may be repeated, since it names its attempt.
"""

from __future__ import annotations

import contextlib
import math
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple, TypeVar

import psycopg

from octopusx_video._distributed.address import Address
from octopusx_video._distributed.connections import Connections, is_lost, is_transient, refusal
from octopusx_video._distributed.schema import MIGRATIONS, VERSIONS
from octopusx_video._flows.context import log
from octopusx_video._ledger.errors import BatchError, LedgerError
from octopusx_video._ledger.jobs import Job
from octopusx_video._ledger.ledger import (
    BUDGET_REACHED,
    Account,
    Checked,
    Claim,
    Later,
    Ledger,
    Limits,
    Outcome,
    Row,
    in_a_line,
    new_run,
)
from octopusx_video._ledger.schema import one_of
from octopusx_video._ledger.states import UNFINISHED, JobState
from octopusx_video._messages import contract

T = TypeVar("T")

PATIENCE_SECONDS = 600.0
"""How long a worker tries to reach the database again, before it gives up and prints what it could not write."""
FEEDER_SECONDS = 10.0
"""How long the worker that hands jobs to the engine may be silent, before another one takes its place."""
MAX_TRIES = 4
"""How often a job is sent or delivered in one run, where that does not end well and costs nothing."""
_LATER_SECONDS = 0.05
_HELD_SECONDS = 0.3
_PAUSES = (0.1, 0.2, 0.5, 1.0, 2.0)
_LOG_SECONDS = 10.0
_LIVES = "EXISTS (SELECT 1 FROM worker WHERE worker.run = {table}.run AND worker.lease_until > unix_now())"
_OPEN: tuple[JobState, ...] = ("new", "not_sent")


class Open(NamedTuple):
    """A job that the engine should work on.

    Attributes:
        number: Its place in the order of jobs.
        id: Its ``custom_id``.
        round: A part of the id of its workflow.
    """

    number: int
    id: str
    round: int


class Pacing(NamedTuple):
    """How much all workers together do at once, and how fast; None to leave it as it is.

    Attributes:
        concurrency: Submits and downloads at once.
        rate: Submits per second, 0 for no limit.
    """

    concurrency: int | None = None
    rate: float | None = None


RATE_MARGIN = 1.1
"""Submits are claimed by so much slower than the rate, since the time from a claim to its arrival varies."""


class SharedLedger(Ledger):
    """A ledger in a database that is open, for any number of workers and threads.

    Args:
        address: The database, and the name of the batch.
        create: Whether it is made where it is missing.
        patience: Seconds for which a database that can't be reached is tried again.

    Raises:
        LedgerError: There is no such batch, it is of a newer version, or the database can't be used.
    """

    errors = (psycopg.Error,)
    _connection: Connections
    # One process at a time adds jobs, since each compares its own with those of the ledger.
    _seen_table = (
        "SELECT pg_advisory_xact_lock(hashtext('adding to ' || current_schema())); "
        "CREATE TEMP TABLE IF NOT EXISTS seen (id text PRIMARY KEY) ON COMMIT DROP"
    )
    _by_number = ""
    _elsewhere = "another name"
    _locked = "FOR UPDATE"
    _is_dead = f"run <> ? AND NOT {_LIVES.format(table='attempt')}"

    def __init__(self, address: Address, *, create: bool, patience: float = PATIENCE_SECONDS) -> None:
        self.address = address
        self.where = self.place = f"{address.shown} (batch {address.name})"
        self.run = new_run()
        self.hurry = threading.Event()
        """Set where nothing waits for the database any more."""
        self._patience = patience
        self._logged = -math.inf
        self._connection = Connections(address)
        with self.usable():
            self._connection.open()
        try:
            with self.usable():
                self._prepare(create=create)
        except BaseException:
            self._connection.close()
            raise

    def _prepare(self, *, create: bool) -> None:
        with self._transaction():
            # Two that begin at once make it once.
            self._connection.execute("SELECT pg_advisory_xact_lock(hashtext(?))", (self.address.schema,))
            found = self._connection.execute(
                "SELECT has_schema_privilege(oid, 'USAGE') FROM pg_namespace WHERE nspname = ?", (self.address.schema,)
            ).fetchone()
            if found is not None and not found[0]:
                # Without this right PostgreSQL does not see the tables, as if there were none.
                raise psycopg.errors.InsufficientPrivilege(f"permission denied for schema {self.address.schema}")
            if found is None and create:
                self._connection.execute(f'CREATE SCHEMA "{self.address.schema}"')
            has_tables = self._one("SELECT to_regclass('ledger_version') IS NOT NULL")[0]
            version = self._one("SELECT coalesce(max(version), 0) FROM ledger_version")[0] if has_tables else 0
            if version == 0 and not create:
                raise LedgerError(f"there is no batch {self.address.name!r} in {self.address.shown}")
            if version > len(MIGRATIONS):
                text = f"{self.where} was written by a newer octopusx-video (its version is {version})"
                raise LedgerError(
                    text, advice=f"update octopusx-video; this one knows versions up to {len(MIGRATIONS)}"
                )
            if version < len(MIGRATIONS):
                self._connection.execute(VERSIONS)
                for script in MIGRATIONS[version:]:
                    self._connection.script(script)
                self._connection.execute("DELETE FROM ledger_version")
                self._connection.execute("INSERT INTO ledger_version (version) VALUES (?)", (len(MIGRATIONS),))

    def close(self) -> None:
        """Close it."""
        self._connection.close()

    def advice(self, error: Exception) -> str:
        """What to do about an error of PostgreSQL."""
        state = (error.sqlstate if isinstance(error, psycopg.Error) else None) or ""
        refused = refusal(error)
        schemas = f"{self.address.schema}, {self.address.engine_schema}"
        rights = (
            "use the user that has made the batch, or give this one the rights: for a new batch GRANT CREATE ON "
            f"DATABASE, else GRANT ALL ON SCHEMA {schemas} and GRANT ALL ON ALL TABLES IN SCHEMA {schemas}"
        )
        writable = (
            "use the database that can be written, and not its read-only copy; if it is none, "
            "ALTER ROLE … SET default_transaction_read_only = off"
        )
        full = "make room on the disk of the database, or allow more connections"
        user = "check the user, its rights and its password (PGPASSWORD, ~/.pgpass)"
        # A table, a column, a function or a file of the database is missing or damaged.
        is_damaged = state.startswith(("42P01", "42703", "42883", "58", "F0", "XX"))
        hints = (
            (state.startswith("53"), full),
            (state == "25006", writable),
            (state in {"42501", "3F000"}, rights),
            (refused == "database", "create the database, or correct --db"),
            (refused == "settings", "correct or remove the options in --db or PGOPTIONS"),
            (refused == "user" or state.startswith("28"), user),
            (is_lost(error), "start the database, or correct --db"),
            (is_damaged, "look into your account before you run the jobs in another database"),
        )
        otherwise = "run the same command again; if the error remains, ask whoever runs the database"
        return next((text for holds, text in hints if holds), otherwise)

    def _transaction(self) -> contextlib.AbstractContextManager[None]:
        return self._connection.transaction()

    @contextlib.contextmanager
    def _snapshot(self) -> Iterator[None]:
        with self._transaction():
            self._connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            yield

    @contextlib.contextmanager
    def _writable(self) -> Iterator[None]:
        yield  # `_patiently` has the errors

    # The batch as a whole

    def begin(self, account: Account, shard: str | None, limits: Limits, *, new_key: bool = False) -> None:
        """Begin a run, as ``Ledger.begin``: what was held, stopped or tried too often before may be tried again."""
        begin = super().begin

        def once() -> None:
            with self._transaction():
                self._connection.execute(
                    "UPDATE job SET state = 'new', reason = '', changed_at = unix_now() "
                    "WHERE batch = 1 AND state IN ('held', 'stopped')"
                )
                self._connection.execute("UPDATE job SET tries = 0 WHERE batch = 1 AND tries > 0")
                begin(account, shard, limits, new_key=new_key)
                version = contract.contract().version
                self._connection.execute("UPDATE batch SET contract = ?, stop_reason = ''", (version,))

        self._patiently(once)

    def check_contract(self) -> None:
        """See whether a worker reads requests as the run that wrote them.

        Raises:
            LedgerError: They are of another version of the contract.
        """
        known, ours = self._one("SELECT contract FROM batch")[0], contract.contract().version
        if known not in {"", ours}:  # a copy of a folder's ledger has none
            raise LedgerError(
                f"the jobs of {self.place} were checked with version {known} of the contract; this worker has {ours}",
                advice="install the same octopusx-video on all machines, or run `batch run` with the newest one",
            )

    def pace(self, pacing: Pacing) -> None:
        """Set how much all workers do at once, and how fast."""
        interval = None if pacing.rate is None else (RATE_MARGIN / pacing.rate if pacing.rate else 0.0)
        self._connection.execute(
            "UPDATE batch SET concurrency = coalesce(?, concurrency), send_interval = coalesce(?, send_interval), "
            # The next submit waits no longer than the new rate says.
            "next_send_at = least(next_send_at, unix_now() + coalesce(?, send_interval))",
            (pacing.concurrency, interval, interval),
        )

    def has_begun(self) -> bool:
        """Whether a run has written jobs."""
        return self._patiently(self.server) != ""

    def stop(self, reason: str = "batch stop") -> None:
        """Let no worker send anything more."""
        self._patiently(
            lambda: self._connection.execute(
                "UPDATE batch SET stop = 1, stop_reason = CASE stop WHEN 0 THEN ? ELSE stop_reason END", (reason,)
            )
        )

    def stop_reason(self) -> str | None:
        """Why nothing more is sent; None where it is."""
        stop, reason = self._patiently(lambda: self._one("SELECT stop, stop_reason FROM batch"))
        return str(reason) if stop else None

    def hold_back(self, state: JobState, reason: str) -> int:
        """As ``Ledger.hold_back``; what was turned away is not tried again in this run either."""
        hold_back = super().hold_back

        def once() -> int:
            with self._transaction():
                self._connection.execute(
                    f"UPDATE job SET tries = {MAX_TRIES} WHERE state = 'not_sent' AND tries < {MAX_TRIES}"
                )
                return hold_back(state, reason)

        return self._patiently(once)

    def hold_back_stopped(self) -> bool:
        """Hold back what is not sent, if sending was stopped. Returns whether it was."""
        reason = self.stop_reason()
        if reason is not None:
            self.hold_back("held" if reason == BUDGET_REACHED else "stopped", reason)
        return reason is not None

    def pause(self, seconds: float) -> None:
        """Let no worker send anything for so long: the service has asked for it."""
        self._patiently(
            lambda: self._connection.execute(
                "UPDATE batch SET paused_until = greatest(paused_until, unix_now() + ?)", (seconds,)
            )
        )

    def park_interrupted(self) -> int:
        """Park what workers were sending whose lease has expired."""
        return self._patiently(super().park_interrupted)

    # What the workers do

    def lead(self) -> bool:
        """Whether this worker hands the jobs to the engine: one at a time, until it is silent for ten seconds."""
        statement = (
            "UPDATE batch SET feeder = ?, feeder_until = unix_now() + ? "
            "WHERE feeder = ? OR feeder IS NULL OR feeder_until < unix_now()"
        )
        values = (self.run, FEEDER_SECONDS, self.run)
        return self._patiently(lambda: self._connection.execute(statement, values).rowcount) > 0

    def resign(self) -> None:
        """Let another worker hand the jobs to the engine at once."""
        statement = "UPDATE batch SET feeder = NULL WHERE feeder = ?"
        self._patiently(lambda: self._connection.execute(statement, (self.run,)))

    def absent(self, seconds: float) -> list[str]:
        """The workers that have not renewed their leases for so long, and whose workflows the others do not have."""
        rows = self._patiently(
            lambda: self._connection.execute(
                "SELECT id FROM worker WHERE taken_over = 0 AND renewed_at < unix_now() - ? AND run <> ?",
                (seconds, self.run),
            ).fetchall()
        )
        return [name for (name,) in rows]

    def note_taken_over(self, worker: str) -> None:
        """Note that the others have the workflows of a worker."""
        self._patiently(
            lambda: self._connection.execute(
                "UPDATE worker SET taken_over = 1 WHERE id = ? AND renewed_at < unix_now() - 1", (worker,)
            )
        )

    def alive(self) -> list[str]:
        """The ids of the workers whose leases last."""
        statement = "SELECT id FROM worker WHERE lease_until > unix_now() ORDER BY id"
        return [name for (name,) in self._patiently(lambda: self._connection.execute(statement).fetchall())]

    def to_send(self, most: int) -> list[Open]:
        """The next jobs to send."""
        # The states stand in the text, since PostgreSQL takes a partial index by them.
        return self._open(
            f"SELECT number, id, round FROM job WHERE state IN ({one_of(_OPEN)}) AND tries < {MAX_TRIES} "
            "ORDER BY number LIMIT ?",
            most,
        )

    def to_deliver(self, after: int, most: int) -> list[Open]:
        """The next jobs behind a number that are paid for and have no video."""
        return self._open(
            f"SELECT number, id, round FROM job WHERE state IN ({one_of(UNFINISHED)}) AND tries < {MAX_TRIES} "
            "AND number > ? ORDER BY number LIMIT ?",
            after,
            most,
        )

    def _open(self, statement: str, *values: Any) -> list[Open]:
        rows = self._patiently(lambda: self._connection.execute(statement, values).fetchall())
        return [Open(*row) for row in rows]

    def add(self, entries: Iterable[Checked], *, allow_same: bool) -> Iterator[tuple[str, Job | None, str]]:
        """As ``Ledger.add``."""
        return super().add(map(_storable, entries), allow_same=allow_same)

    def copy(self, other: Ledger) -> int:
        """As ``Ledger.copy``; a part of a batch is not copied, since a database holds all jobs.

        Raises:
            LedgerError: The other one is that of a shard, or has what PostgreSQL can't store.
        """
        shard = other.shard()
        if shard is not None:
            raise LedgerError(
                f"{other.place} is the shard {shard} of a batch, and a database holds all jobs",
                advice="go on with the shards, each in its folder",
            )
        for row in other.rows():
            if "\0" in row.id:
                raise LedgerError(_has_nul(row.id), advice="go on in the folder")
        return super().copy(other)

    def next_round(self, jobs: Sequence[Open]) -> None:
        """Give jobs whose workflows have ended, and that have not, another part of the ids of their workflows."""

        def once() -> None:
            with self._transaction():
                for job in jobs:
                    self._connection.execute(
                        "UPDATE job SET round = round + 1 WHERE batch = 1 AND id = ? AND round = ?", (job.id, job.round)
                    )

        self._patiently(once)

    def is_open(self) -> bool:
        """Whether any job is to be sent, is being sent, or is to be delivered, by any worker."""
        statement = (
            "SELECT EXISTS (SELECT FROM attempt WHERE batch = 1 AND state = 'sending') "
            f"OR EXISTS (SELECT FROM job WHERE state IN ({one_of(_OPEN)}) AND tries < {MAX_TRIES}) "
            f"OR EXISTS (SELECT FROM job WHERE state IN ({one_of(UNFINISHED)}) AND tries < {MAX_TRIES})"
        )
        return bool(self._patiently(lambda: self._one(statement))[0])

    def row(self, job: str) -> Row | None:
        """As ``Ledger.row``."""
        row = super().row
        return self._patiently(lambda: row(job))

    def claim(self, job: str) -> Claim:
        """Claim a job, as ``Ledger.claim``, where all workers together may send another one.

        A commit whose response was lost may have been kept. Then the attempt is this worker's own, and nothing was sent
        for it: a worker claims a job only while it does not send it.
        """
        claim, is_unknown = super().claim, False

        def once() -> Claim:
            nonlocal is_unknown
            if is_unknown:
                found = self._connection.execute(
                    "SELECT attempt.attempt FROM attempt JOIN job USING (batch, attempt) WHERE attempt.job = ? "
                    "AND job.id = attempt.job AND attempt.state = 'sending' AND attempt.run = ?",
                    (job, self.run),
                ).fetchone()
                if found is not None:
                    return int(found[0])
            is_unknown = True
            return claim(job)

        return self._patiently(once)

    def settle(self, job: str, attempt: int, outcome: Outcome) -> None:
        """As ``Ledger.settle``. It waits for the database, whatever it lacks: the outcome must not be forgotten."""
        settle = super().settle
        self._patiently(
            lambda: settle(job, attempt, outcome),
            what=f"the outcome of {job!r} ({outcome.task or outcome.state})",
            waits_always=True,
        )

    def end(self, job: str, state: JobState, reason: str = "", file: str | None = None) -> None:
        """As ``Ledger.end``, and the end of its download."""
        end = super().end

        def once() -> None:
            with self._transaction():
                end(job, state, reason, file)
                if state == "undelivered":
                    self._connection.execute("UPDATE job SET tries = tries + 1 WHERE batch = 1 AND id = ?", (job,))
                self._connection.execute("DELETE FROM download WHERE job = ?", (job,))

        self._patiently(once, what=f"that {job!r} is {state}", waits_always=True)

    def give_up(self, job: str) -> None:
        """Do not try a job again in this run."""
        self._patiently(
            lambda: self._connection.execute(
                f"UPDATE job SET tries = {MAX_TRIES} WHERE batch = 1 AND id = ? AND tries < {MAX_TRIES}", (job,)
            )
        )

    def begin_download(self, job: str) -> bool:
        """Whether a download may begin now, as one of what all workers do at once; else it waits before all submits."""

        def once() -> bool:
            with self._transaction():
                concurrency = self._one("SELECT concurrency FROM batch FOR UPDATE")[0]
                state = "running" if self._busy(but=job) < concurrency else "waiting"
                self._connection.execute(
                    "INSERT INTO download (job, run, state) VALUES (?, ?, ?) "
                    "ON CONFLICT (job) DO UPDATE SET run = excluded.run, state = excluded.state",
                    (job, self.run, state),
                )
                return state == "running"

        return self._patiently(once)

    def _busy(self, but: str = "") -> int:
        """How many submits and downloads of live workers are under way."""
        return int(
            self._one(
                "SELECT (SELECT count(*) FROM attempt WHERE batch = 1 AND state = 'sending' AND "
                f"{_LIVES.format(table='attempt')}) + (SELECT count(*) FROM download "
                f"WHERE state = 'running' AND job <> ? AND {_LIVES.format(table='download')})",
                but,
            )[0]
        )

    def _admitted(self) -> Later | None:
        concurrency, wait, stop, interval = self._one(
            "SELECT concurrency, greatest(next_send_at, paused_until) - unix_now(), stop, send_interval "
            "FROM batch FOR UPDATE"
        )
        if stop:
            return None
        if wait > 0:
            return Later(wait)
        waiting = self._one(
            f"SELECT EXISTS (SELECT FROM download WHERE state = 'waiting' AND {_LIVES.format(table='download')})"
        )[0]
        if waiting or self._busy() >= concurrency:
            return Later(_LATER_SECONDS)
        if interval:
            self._connection.execute("UPDATE batch SET next_send_at = unix_now() + send_interval")
        return None

    def _held(self, job: str) -> Claim:
        if self._one("SELECT EXISTS (SELECT FROM attempt WHERE batch = 1 AND state = 'sending')")[0]:
            return Later(_HELD_SECONDS)  # one of them may be refused, which makes room
        return super()._held(job)

    def _settle(self, job: str, attempt: int, outcome: Outcome) -> None:
        super()._settle(job, attempt, outcome)
        if outcome.state == "not_sent":
            self._connection.execute("UPDATE job SET tries = tries + 1 WHERE batch = 1 AND id = ?", (job,))
        elif outcome.state == "accepted":
            self._connection.execute("UPDATE job SET tries = 0 WHERE batch = 1 AND id = ? AND tries > 0", (job,))

    # Below

    def _patiently(self, call: Callable[[], T], what: str = "", *, waits_always: bool = False) -> T:
        """Call something, again and again while the database can't be reached.

        Args:
            call: May be repeated.
            what: What is written, for people.
            waits_always: Whether it waits for a database that is full or read-only, too.

        Raises:
            BatchError: The database could not be used for all that time.
        """
        if self._connection.is_in_transaction:  # which is repeated as a whole, or not at all
            return call()
        until, attempt = time.monotonic() + self._patience, 0
        while True:
            try:
                return call()
            except psycopg.Error as error:
                now = time.monotonic()
                may_pass = is_lost(error) or is_transient(error) or waits_always
                if not may_pass or now >= until or self.hurry.is_set():
                    text = in_a_line(error)
                    raise BatchError(f"{self.where} can't be written: {text}", advice=self.advice(error)) from None
                if not is_transient(error) and now - self._logged >= _LOG_SECONDS:
                    self._logged = now
                    text = in_a_line(error)
                    log.warning("the database can't be used, trying again%s: %s", f" ({what})" if what else "", text)
            self.hurry.wait(_PAUSES[min(attempt, len(_PAUSES) - 1)])
            attempt += 1


def _storable(entry: Checked) -> Checked:
    """An entry, if PostgreSQL can store the texts of its job; else what is wrong with it."""
    place, one = entry
    if isinstance(one, Job) and "\0" in one.id:
        return place, _has_nul(one.id)
    return entry


def _has_nul(job: str) -> str:
    return f"the custom_id {job!r} has a NUL character, which PostgreSQL can't store"
