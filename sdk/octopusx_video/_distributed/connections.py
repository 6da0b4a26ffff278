"""Connections to PostgreSQL that many threads share, each statement or transaction with one of its own."""

from __future__ import annotations

import contextlib
import functools
import logging
import threading
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import psycopg
from psycopg_pool import ConnectionPool

from octopusx_video._batch.errors import LedgerError
from octopusx_video._distributed.address import Address

MAX_CONNECTIONS = 8
MIN_VERSION = 13
_WAIT_SECONDS = 5.0
_DURABLE = frozenset({"on", "local", "remote_write", "remote_apply"})
"""With these a commit is on the disk of the database when it returns."""
# The server ended the connection, or could not be reached: the same statement may succeed later.
_LOST = ("08", "57P")
_TRANSIENT = frozenset({"40001", "40P01", "55P03"})
"""The transaction was given up for another one, and nothing of it is kept."""


# What the pool says of lost connections is said by whoever needs one.
_pool_log = logging.getLogger("psycopg.pool")
_pool_log.addHandler(logging.NullHandler())
_pool_log.propagate = False


class Connections:
    """A pool of connections to the schema of a batch.

    Args:
        address: Of the batch.
    """

    def __init__(self, address: Address) -> None:
        self._address = address
        self._local = threading.local()
        self._pool: ConnectionPool[psycopg.Connection[Any]] = ConnectionPool(
            address.conninfo,
            min_size=1,
            max_size=MAX_CONNECTIONS,
            timeout=_WAIT_SECONDS,
            kwargs={"autocommit": True},
            configure=self._configure,
            reconnect_timeout=0,
            open=False,
        )

    def open(self) -> None:
        """Connect.

        Raises:
            psycopg.Error: The database can't be reached.
            LedgerError: It is too old, or may lose what it has confirmed.
        """
        with psycopg.connect(self._address.conninfo, autocommit=True) as connection:
            self._check(connection)
        self._pool.open()

    def _check(self, connection: psycopg.Connection[Any]) -> None:
        version = connection.info.server_version // 10000
        if version < MIN_VERSION:
            raise LedgerError(
                f"{self._address.shown} is PostgreSQL {version}", advice=f"use version {MIN_VERSION} or newer"
            )
        for name in ("fsync", "full_page_writes"):
            if _setting(connection, name) != "on":
                raise LedgerError(
                    f"{self._address.shown} may lose what it has confirmed: {name} is off", advice=f"set {name} = on"
                )

    def _configure(self, connection: psycopg.Connection[Any]) -> None:
        connection.execute(f'SET search_path = "{self._address.schema}"')
        connection.execute("SET default_transaction_isolation = 'read committed'")
        # A commit is on the disk before the request leaves, whatever happens to the machine.
        connection.execute("SET synchronous_commit = on")
        if _setting(connection, "synchronous_commit") not in _DURABLE:
            raise LedgerError(f"{self._address.shown} may lose what it has confirmed: synchronous_commit is off")

    def close(self) -> None:
        """Close all of them."""
        self._pool.close()

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """One transaction for all statements of this thread; inside of another one, a part of it."""
        if self._current() is not None:
            yield
            return
        with self._pool.connection() as connection, connection.transaction():
            self._local.connection = connection
            try:
                yield
            finally:
                self._local.connection = None

    def execute(self, statement: str, values: Sequence[Any] = ()) -> psycopg.Cursor[Any]:
        """Run a statement whose values are question marks. Returns a cursor that holds all rows."""
        connection = self._current()
        if connection is not None:
            return connection.execute(_translated(statement), values or None)
        with self._pool.connection() as connection:
            return connection.execute(_translated(statement), values or None)

    def script(self, statements: str) -> None:
        """Run several statements, none of which has values."""
        with self.transaction():
            connection = self._current()
            assert connection is not None  # noqa: S101 - inside of a transaction
            connection.execute(statements)

    def executemany(self, statement: str, values: Iterable[Sequence[Any]]) -> None:
        """Run a statement for each of some values."""
        with self.transaction():
            connection = self._current()
            assert connection is not None  # noqa: S101 - inside of a transaction
            with connection.cursor() as cursor:
                cursor.executemany(_translated(statement), values)

    def _current(self) -> psycopg.Connection[Any] | None:
        current: psycopg.Connection[Any] | None = getattr(self._local, "connection", None)
        return current


def is_lost(error: Exception) -> bool:
    """Whether the connection was lost, so that nobody knows whether the last commit is kept."""
    if isinstance(error, psycopg.InterfaceError):
        return True
    state = error.sqlstate if isinstance(error, psycopg.Error) else None
    return isinstance(error, psycopg.OperationalError) and (state is None or state.startswith(_LOST))


def is_refused(error: Exception) -> bool:
    """Whether the server has asked for a password, and has then not let this user in.

    The error of a connection that was never made has no code. A password that is asked for and is not there, or that
    was sent before the connection was refused, will not be taken later either.
    """
    attempt = error.pgconn if isinstance(error, psycopg.Error) else None
    return attempt is not None and bool(attempt.needs_password or attempt.used_password)


def is_transient(error: Exception) -> bool:
    """Whether a transaction was given up for another one, and may be run again."""
    return isinstance(error, psycopg.Error) and error.sqlstate in _TRANSIENT


def _setting(connection: psycopg.Connection[Any], name: str) -> str:
    row = connection.execute(f"SHOW {name}").fetchone()
    return str(row[0]) if row else ""


@functools.lru_cache(maxsize=256)
def _translated(statement: str) -> Any:
    """A statement with the marks of psycopg in the place of question marks."""
    return statement.replace("%", "%%").replace("?", "%s") if "?" in statement else statement
