"""Connections to PostgreSQL that many threads share, each statement or transaction with one of its own."""

from __future__ import annotations

import contextlib
import functools
import logging
import re
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal, get_args

import psycopg
from psycopg_pool import ConnectionPool

from octopusx_video._distributed.address import Address
from octopusx_video._ledger.errors import LedgerError

MAX_CONNECTIONS = 8
MIN_VERSION = 13
ENCODING = "UTF8"
_WAIT_SECONDS = 5.0
_DURABLE = frozenset({"on", "local", "remote_write", "remote_apply"})
"""With these a commit is on the disk of the database when it returns."""
# The server ended the connection, or could not be reached: the same statement may succeed later.
_LOST = ("08", "57P")
_ENDED = frozenset({"25P03", "25P04"})
"""The server ended a session whose transaction took too long; psycopg does not count them as operational."""
_TRANSIENT = frozenset({"40001", "40P01", "55P03", "57014"})
"""The transaction was given up for another one, or cancelled, and nothing of it is kept."""

Refusal = Literal["pooler", "settings", "database", "user"]
"""What the server does not take, now and later."""
# The error of a connection that was never made has no code. A server that speaks another language is tried again.
_REFUSALS: Mapping[Refusal, re.Pattern[str]] = {
    "pooler": re.compile("unsupported startup parameter"),
    "settings": re.compile(
        "unrecognized configuration parameter|value for parameter|set parameter|command-line argument"
    ),
    "database": re.compile(r'FATAL: +(database ".*" does not exist|no such database)'),
    "user": re.compile(
        r'FATAL: +(role ".*" (does not exist|is not permitted)|no pg_hba\.conf entry|permission denied for database)'
    ),
}
_FULL = re.compile("connection slots|too many (clients|connections)")


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
            address.ledger_conninfo,
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
            LedgerError: It is too old, has another encoding, may lose what it has confirmed, or is behind a pooler.
        """
        try:
            with psycopg.connect(self._address.ledger_conninfo, autocommit=True) as connection:
                self._check(connection)
                self._configure(connection)
        except psycopg.OperationalError as error:
            if refusal(error) == "pooler":
                raise self._pooled("refuses the settings of a session") from None
            raise
        self._pool.open()

    def _check(self, connection: psycopg.Connection[Any]) -> None:
        version = connection.info.server_version // 10000
        if version < MIN_VERSION:
            raise LedgerError(
                f"{self._address.shown} is PostgreSQL {version}", advice=f"use version {MIN_VERSION} or newer"
            )
        encoding = connection.info.parameter_status("server_encoding")
        if encoding != ENCODING:
            raise LedgerError(
                f"{self._address.shown} has the encoding {encoding}, which can't store every text of a job",
                advice=f"use a database that was made with: CREATE DATABASE … ENCODING '{ENCODING}' TEMPLATE template0",
            )
        for name in ("fsync", "full_page_writes"):
            if _setting(connection, name) != "on":
                raise LedgerError(
                    f"{self._address.shown} may lose what it has confirmed: {name} is off", advice=f"set {name} = on"
                )

    def _configure(self, connection: psycopg.Connection[Any]) -> None:
        """See whether the session has the settings that the connection was begun with."""
        if _setting(connection, "search_path") != self._address.schema:
            raise self._pooled("ignores the settings of a session")
        if _setting(connection, "synchronous_commit") not in _DURABLE:
            raise LedgerError(f"{self._address.shown} may lose what it has confirmed: synchronous_commit is off")

    def _pooled(self, what: str) -> LedgerError:
        return LedgerError(
            f"{self._address.shown} {what}, as a connection pooler does: batches could use each other's ledgers",
            advice="name the host and the port of PostgreSQL itself, not those of a pooler such as PgBouncer",
        )

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

    @property
    def is_in_transaction(self) -> bool:
        """Whether this thread is inside of a transaction."""
        return self._current() is not None

    def _current(self) -> psycopg.Connection[Any] | None:
        current: psycopg.Connection[Any] | None = getattr(self._local, "connection", None)
        return current


def is_lost(error: Exception) -> bool:
    """Whether the connection was lost, so that nobody knows whether the last commit is kept."""
    if isinstance(error, psycopg.InterfaceError):
        return True
    state = error.sqlstate if isinstance(error, psycopg.Error) else None
    if state in _ENDED:
        return True
    return isinstance(error, psycopg.OperationalError) and (state is None or state.startswith(_LOST))


def refusal(error: Exception) -> Refusal | None:
    """What of a connection the server has refused, and would refuse later too; None where that is not known."""
    if not isinstance(error, psycopg.OperationalError) or error.sqlstate is not None:
        return None
    # One line for each host, or for each way to encrypt.
    lines = str(error).splitlines()
    attempts = [line for line in lines if "connection to server" in line or line.startswith("- host")]
    kinds = {next((kind for kind in get_args(Refusal) if _REFUSALS[kind].search(line)), None) for line in attempts}
    (kind,) = kinds if len(kinds) == 1 else {None}
    # A password that is asked for and is not there, or was sent before the connection was refused, stays wrong.
    attempt = error.pgconn
    if kind is None and attempt is not None and not _FULL.search(str(error)):
        return "user" if attempt.needs_password or attempt.used_password else None
    found: Refusal | None = kind
    return found


def is_refused(error: Exception) -> bool:
    """Whether the server has refused a connection for a reason that does not pass."""
    return refusal(error) is not None


def is_transient(error: Exception) -> bool:
    """Whether a transaction was given up for another one, or cancelled, and may be run again."""
    return isinstance(error, psycopg.Error) and error.sqlstate in _TRANSIENT


def _setting(connection: psycopg.Connection[Any], name: str) -> str:
    row = connection.execute(f"SHOW {name}").fetchone()
    return str(row[0]) if row else ""


@functools.lru_cache(maxsize=256)
def _translated(statement: str) -> Any:
    """A statement with the marks of psycopg in the place of question marks."""
    return statement.replace("%", "%%").replace("?", "%s") if "?" in statement else statement
