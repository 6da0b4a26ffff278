"""A ledger in a file, for the batches of one machine: SQLite."""

from __future__ import annotations

import contextlib
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

from octopusx_video._ledger.errors import BatchError, LedgerError
from octopusx_video._ledger.ledger import Ledger, new_run
from octopusx_video._ledger.schema import MIGRATIONS

FILE = "ledger.sqlite3"
_BUSY_SECONDS = 10.0


class FileLedger(Ledger):
    """A ledger in a file that is open, by one process at a time.

    Args:
        path: The file.
        create: Whether it is made where it is missing.

    Raises:
        LedgerError: There is none, it is of a newer version, or it can't be read.
    """

    errors = (sqlite3.Error,)
    _connection: sqlite3.Connection
    _seen_table = "CREATE TEMP TABLE IF NOT EXISTS seen (id TEXT PRIMARY KEY) STRICT, WITHOUT ROWID"
    _elsewhere = "another folder"
    _by_number = "INDEXED BY job_by_number"
    _locked = ""  # a transaction has the whole file
    _is_dead = "run <> ?"  # one process at a time has the lock of the batch

    def __init__(self, path: Path, *, create: bool) -> None:
        self.path = path
        self.where, self.place = str(path), str(path.parent)
        self.run = new_run()
        if not create and not path.exists():
            raise LedgerError(f"{path.parent} holds no batch: there is no {path.name}", advice="name the folder of one")
        with self.usable():
            self._connection = sqlite3.connect(path, timeout=_BUSY_SECONDS, isolation_level=None)
        try:
            with self.usable():
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
        self._connection.create_function("unix_now", 0, time.time)
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

    def advice(self, error: Exception) -> str:
        """What to do about an error of SQLite or of the system."""
        text = str(error)
        if "locked" in text:
            return "close the program that holds it, and run it again"
        if "full" in text:
            return "make room on the disk, and run it again"
        if "readonly" in text or "unable to open" in text or "ermission" in text:
            return "make the folder and the ledger writable"
        return "look into your account before you run the jobs in another folder; an old copy of it would pay again"

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        if self._connection.in_transaction:  # a part of it
            yield
            return
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._connection.execute("COMMIT")
        except BaseException:
            with contextlib.suppress(sqlite3.Error):  # some errors roll back by themselves
                self._connection.execute("ROLLBACK")
            raise

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


def _statements(script: str) -> Iterator[str]:
    """The statements of a script; a trigger holds semicolons of its own."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
