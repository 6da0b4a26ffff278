"""Sessions of the ledger and the engine have the settings that they need, and databases that can't have them do not."""

from __future__ import annotations

import contextlib
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import psycopg
import pytest
from octopusx_video._distributed.address import address
from octopusx_video._distributed.connections import is_lost, is_refused, is_transient
from octopusx_video._distributed.engine import Engine
from octopusx_video._distributed.shared_ledger import SharedLedger
from octopusx_video.batch import BatchError, LedgerError

from tests.distributed.pooler import How, pooler
from tests.support.batches.distributed_trial import NAME, Trial, lines
from tests.support.batches.postgres import Cluster

ACCOUNT = "look into your account"


@pytest.fixture
def admin(cluster: Cluster, db: str) -> Iterator[psycopg.Connection]:
    """A connection to the database of the test, with all rights."""
    with contextlib.closing(psycopg.connect(db, autocommit=True)) as connection:
        yield connection


@pytest.fixture
def limited(admin: psycopg.Connection, db: str) -> Iterator[str]:
    """The URL of the database for a user without any rights there."""
    admin.execute("CREATE ROLE limited LOGIN; REVOKE CREATE ON SCHEMA public FROM PUBLIC")
    yield db.replace("octopusx@", "limited@")
    admin.execute("DROP OWNED BY limited CASCADE; DROP ROLE limited")


def _settings(connection: psycopg.Connection, *names: str) -> list[str]:
    rows: list[tuple[str, str]] = connection.execute("SELECT name, setting FROM pg_settings").fetchall()
    found = dict(rows)
    return [found[name] for name in names]


NAMES = ("statement_timeout", "idle_in_transaction_session_timeout", "lock_timeout", "client_encoding", "work_mem")
NEEDED = ["0", "0", "0", "UTF8"]


@pytest.mark.parametrize("place", ["url", "PGOPTIONS"])
def test_the_settings_of_a_session_override_those_of_the_role_and_of_the_url(
    trial: Trial, admin: psycopg.Connection, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Others in the URL stay as they are."""
    monkeypatch.setenv("PGCLIENTENCODING", "LATIN1")
    for setting in ("statement_timeout = 7", "lock_timeout = 7", "synchronous_commit = off", "search_path = other"):
        admin.execute(f"ALTER DATABASE one SET {setting}".encode())
    if place == "url":
        trial.db += "&options=-c%20work_mem%3D1234%20-c%20statement_timeout%3D5000"
    else:
        monkeypatch.setenv("PGOPTIONS", "-c work_mem=1234 -c statement_timeout=5000")
    with contextlib.closing(SharedLedger(trial.address, create=True)) as book:
        with book._connection._pool.connection() as connection:  # noqa: SLF001 - asserted
            assert _settings(connection, *NAMES) == [*NEEDED, "1234"]
            assert _settings(connection, "search_path", "synchronous_commit", "default_transaction_isolation") == [
                f"batch_{NAME}",
                "on",
                "read committed",
            ]
    engine = Engine(trial.address, "none", None, 1)  # type: ignore[arg-type] # it does no work
    with contextlib.closing(engine._connection()) as connection:  # noqa: SLF001 - asserted
        assert _settings(connection, *NAMES, "search_path") == [*NEEDED, "1234", "other"]


@pytest.mark.parametrize("how", get_args(How))
def test_a_pooler_that_gives_a_transaction_any_session_is_refused(db: str, cluster: Cluster, how: How) -> None:
    """Batches could use each other's ledgers."""
    with tempfile.TemporaryDirectory(prefix="pool-") as folder, pooler(Path(folder), cluster.folder, how):
        trial = Trial(Path(folder), f"postgresql://octopusx@/one?host={folder}")
        began = time.monotonic()
        for call in (trial.batch(lines(1)).run, trial.batch().work, trial.batch().status):
            with pytest.raises(LedgerError, match=rf"{how} the settings of a session.*not those of a pooler"):
                call()
        assert time.monotonic() - began < 10
    with psycopg.connect(db) as connection:
        found = connection.execute("SELECT FROM pg_namespace WHERE nspname = 'batch_cats'").fetchall()
        assert found == []


@pytest.mark.parametrize("encoding", ["LATIN1", "SQL_ASCII"])
def test_a_database_of_another_encoding_is_refused(tmp_path: Path, cluster: Cluster, encoding: str) -> None:
    """A prompt may have any character."""
    cluster.start()
    cluster.drop("other")
    with psycopg.connect(cluster.url("postgres"), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE other ENCODING '{encoding}' LOCALE 'C' TEMPLATE template0".encode())
    with pytest.raises(LedgerError, match=rf"/other.* has the encoding {encoding}, .*ENCODING 'UTF8' TEMPLATE"):
        SharedLedger(Trial(tmp_path, cluster.url("other")).address, create=True)
    cluster.drop("other")


def _error_of(connection: psycopg.Connection, statements: str) -> psycopg.Error:
    try:
        connection.execute(statements.encode())
        time.sleep(0.2)
        connection.execute("SELECT 1")
    except psycopg.Error as error:
        return error
    raise AssertionError


def test_a_cancelled_statement_is_repeated(trial: Trial, admin: psycopg.Connection) -> None:
    """Nothing of its transaction is kept."""
    error = _error_of(admin, "SET statement_timeout = 20; SELECT pg_sleep(5)")
    assert (error.sqlstate, is_transient(error), is_lost(error)) == ("57014", True, False)
    with trial.ledger(1) as book:
        calls: list[int] = []

        def once() -> str:
            calls.append(1)
            if len(calls) == 1:
                raise error
            return "repeated"

        assert book._patiently(once) == "repeated"  # noqa: SLF001 - asserted


def test_a_session_that_the_server_has_ended_is_lost(admin: psycopg.Connection, db: str) -> None:
    """Its transaction took too long."""
    with contextlib.closing(psycopg.connect(db, autocommit=True)) as connection:
        error = _error_of(connection, "SET idle_in_transaction_session_timeout = 20; BEGIN")
    assert (error.sqlstate, is_lost(error)) == ("25P03", True)


def test_a_user_who_may_make_no_schema_is_told_what_to_grant(trial: Trial, limited: str) -> None:
    """And the batch is not lost."""
    with pytest.raises(LedgerError, match=r"permission denied for database one.*GRANT CREATE ON DATABASE") as caught:
        SharedLedger(address(limited, NAME), create=True)
    assert ACCOUNT not in str(caught.value)


@pytest.mark.parametrize("granted", ["", "GRANT USAGE ON SCHEMA batch_cats TO limited"])
def test_a_user_without_rights_to_a_batch_is_told_what_to_grant(
    trial: Trial, admin: psycopg.Connection, limited: str, granted: str
) -> None:
    """PostgreSQL shows nobody tables of a schema that they may not use: they would seem to be missing."""
    with trial.ledger(1):
        admin.execute(granted.encode())
        for create in (False, True):
            with pytest.raises(
                LedgerError, match=r"permission denied for (schema|table) .*GRANT ALL ON SCHEMA batch_cats"
            ) as caught:
                SharedLedger(address(limited, NAME), create=create)
            assert ACCOUNT not in str(caught.value)


def test_the_rights_that_are_named_are_enough(trial: Trial, admin: psycopg.Connection, limited: str) -> None:
    """For a worker with its engine."""
    trial.batch(lines(1)).run()
    for kind in ("SCHEMA", "ALL TABLES IN SCHEMA"):
        admin.execute(f"GRANT ALL ON {kind} batch_cats, batch_cats_engine TO limited".encode())
    other = Trial(trial.folder, limited)
    other.transport = trial.transport
    assert other.batch(lines(2)).run().counts == {"done": 2}


def test_a_role_that_only_reads_is_told_so(trial: Trial, admin: psycopg.Connection, limited: str) -> None:
    """It need not be a read-only copy."""
    admin.execute("GRANT CREATE ON DATABASE one TO limited; ALTER ROLE limited SET default_transaction_read_only = on")
    with pytest.raises(LedgerError, match=r"read-only.*ALTER ROLE … SET default_transaction_read_only = off"):
        SharedLedger(address(limited, NAME), create=True)


@pytest.mark.parametrize(
    ("database", "options", "text"),
    [
        ("there_is_none", "", 'database "there_is_none" does not exist; create the database, or correct --db'),
        ("one", "-c%20foo%3Dbar", 'unrecognized configuration parameter "foo"; correct or remove the options'),
        ("one", "-c%20work_mem%3Dbar", "; correct or remove the options in --db or PGOPTIONS"),
        ("one", "nonsense", "; correct or remove the options in --db or PGOPTIONS"),
    ],
)
def test_a_connection_that_will_not_be_taken_later_either_is_refused_at_once(
    trial: Trial, cluster: Cluster, database: str, options: str, text: str
) -> None:
    """A worker that starts waits only for a database that may come."""
    trial.db = cluster.url(database) + f"&options={options}"
    began = time.monotonic()
    for call in (trial.batch(lines(1)).run, trial.batch().work, trial.batch().status):
        with pytest.raises(LedgerError, match=text) as caught:
            call()
        assert ACCOUNT not in str(caught.value)
    assert time.monotonic() - began < 10


def test_a_database_that_has_too_many_connections_may_be_free_later(admin: psycopg.Connection, limited: str) -> None:
    """Even where a password was sent."""
    admin.execute("ALTER ROLE limited CONNECTION LIMIT 0")
    with pytest.raises(psycopg.OperationalError, match="too many connections") as caught:
        psycopg.connect(limited)
    assert is_lost(caught.value)
    assert not is_refused(caught.value)


def test_one_of_two_hosts_that_is_away_may_come_back(db: str, cluster: Cluster) -> None:
    """Then it may have what the other one lacks."""
    with pytest.raises(psycopg.OperationalError) as caught:
        psycopg.connect(f"postgresql://octopusx@/there_is_none?host={cluster.folder},/dev/null/nowhere")
    assert not is_refused(caught.value)


def test_a_schema_without_tables_is_no_batch_and_gets_none_from_who_only_looks(
    trial: Trial, admin: psycopg.Connection
) -> None:
    """Somebody has made it by hand, or has deleted the tables."""
    admin.execute("CREATE SCHEMA batch_cats")
    with pytest.raises(LedgerError, match="there is no batch 'cats'"):
        trial.batch().status()
    found = admin.execute("SELECT FROM pg_class WHERE relnamespace = 'batch_cats'::regnamespace").fetchall()
    assert found == []
    with trial.ledger(1) as book:
        assert book.counts() == {"new": 1}


def test_only_a_ledger_that_is_damaged_sends_to_the_account(trial: Trial, admin: psycopg.Connection) -> None:
    """Elsewhere the jobs would be paid for again."""
    with trial.ledger(1) as book:
        admin.execute("ALTER TABLE batch_cats.job RENAME TO gone")
        with pytest.raises(BatchError, match=ACCOUNT):
            book.row("job-0")
        admin.execute("ALTER TABLE batch_cats.gone RENAME TO job")
        with pytest.raises(LedgerError, match="run the same command again") as caught, book.usable():
            book._connection.execute("SELECT 1 / 0")  # noqa: SLF001 - any other error
        assert ACCOUNT not in str(caught.value)
