"""The server of the tests is a real one, can be stopped in every way, and leaves nothing behind."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from tests.support.batches import postgres, postgres_guard
from tests.support.batches.postgres import Cluster, PostgresError, PostgresMissingError, Stop

PROGRAM = """
import os, signal, sys
from tests.support.batches import postgres
with postgres.cluster() as one:
    {before}
    print(one.folder, one.pid, flush=True)
    {then}
"""
FORKED = "if os.fork() == 0: signal.pause()"
"""A process that keeps open all that the first one has opened."""


@pytest.fixture
def database(cluster: Cluster) -> Iterator[str]:
    """An empty database of the server, which runs."""
    cluster.create("one")
    yield "one"
    cluster.start()
    cluster.drop("one")


def _connected(cluster: Cluster, database: str) -> psycopg.Connection:
    return psycopg.connect(cluster.url(database), autocommit=True, connect_timeout=10)


def _value(connection: psycopg.Connection, query: str) -> object:
    row = connection.execute(query.encode()).fetchone()
    assert row is not None
    return row[0]


@pytest.mark.parametrize(
    ("setting", "value"),
    [("fsync", "on"), ("synchronous_commit", "on"), ("listen_addresses", ""), ("max_connections", "200")],
)
def test_it_writes_safely_and_has_no_port(cluster: Cluster, setting: str, value: str) -> None:
    """A commit is on the disk, as in production, and nobody but a process of this machine reaches the server."""
    with _connected(cluster, "postgres") as connection:
        assert _value(connection, f"SHOW {setting}") == value


def test_a_database_is_a_copy_of_another_one(cluster: Cluster, database: str) -> None:
    """A test may start from tables that are there; dropping a database disconnects whoever uses it."""
    with _connected(cluster, database) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 7 AS seven")
    cluster.create("a copy/of it", template=database)
    with contextlib.closing(_connected(cluster, "a copy/of it")) as connection:
        assert _value(connection, "SELECT seven FROM kept") == 7
        cluster.drop("a copy/of it")
        with pytest.raises(psycopg.OperationalError):
            connection.execute("SELECT 1")
    with pytest.raises(psycopg.OperationalError, match="does not exist"):
        _connected(cluster, "a copy/of it")


@pytest.mark.parametrize("mode", ["immediate", "fast"])
def test_a_restart_keeps_what_was_committed(cluster: Cluster, database: str, mode: Stop) -> None:
    """Connections are lost with the server, and rows are not."""
    before = cluster.pid
    with contextlib.closing(_connected(cluster, database)) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 7 AS seven")
        cluster.restart(mode)
        with pytest.raises(psycopg.OperationalError):
            connection.execute("SELECT 1")
    assert cluster.pid != before
    with _connected(cluster, database) as connection:
        assert _value(connection, "SELECT seven FROM kept") == 7


def test_a_stopped_server_refuses_connections(cluster: Cluster, database: str) -> None:
    """As one on a machine that is down; stopping it twice is no error, and its process is named by no number."""
    cluster.stop()
    cluster.stop("fast")
    with pytest.raises(psycopg.OperationalError):
        _connected(cluster, database)
    with pytest.raises(PostgresError, match=r"does not run; call start\(\)"):
        _ = cluster.pid
    cluster.start()
    cluster.start()
    with _connected(cluster, database) as connection:
        assert _value(connection, "SELECT 1") == 1


def test_a_frozen_server_goes_on_where_it_was(cluster: Cluster, database: str) -> None:
    """A query waits while the server stands still, and ends after it."""
    with _connected(cluster, database) as connection:
        cluster.freeze()
        states = {_state(process) for process in postgres_guard.processes(cluster.folder)}
        with pytest.raises(psycopg.errors.ConnectionTimeout):
            psycopg.connect(cluster.url(database), connect_timeout=2)
        cluster.thaw()
        assert states == {"T"}
        assert _value(connection, "SELECT 1") == 1


def test_a_frozen_server_is_stopped(cluster: Cluster, database: str) -> None:
    """A test that fails while it is frozen does not wait for it."""
    cluster.freeze()
    cluster.restart()
    with _connected(cluster, database) as connection:
        assert _value(connection, "SELECT 1") == 1


def test_the_cpu_of_all_processes_is_counted(cluster: Cluster, database: str) -> None:
    """That of a connection which is open, that of one which has ended, and that of a server which was stopped."""
    work = "SELECT count(*) FROM generate_series(1, 1000000)"
    counts = [cluster.cpu_seconds()]
    with _connected(cluster, database) as connection:
        _value(connection, work)
        counts.append(cluster.cpu_seconds())
        backend = connection.info.backend_pid
    _wait_for(lambda: backend not in postgres_guard.processes(cluster.folder))
    counts.append(cluster.cpu_seconds())
    cluster.stop()
    counts.append(cluster.cpu_seconds())
    cluster.start()
    assert counts[1] - counts[0] > 0.02
    assert counts == sorted(counts)
    assert cluster.cpu_seconds() >= counts[-1]


def test_it_does_not_run_as_root(cluster: Cluster) -> None:
    """PostgreSQL refuses root, so that the server of root is another user's."""
    owners = {Path(f"/proc/{process}").stat().st_uid for process in postgres_guard.processes(cluster.folder)}
    assert len(owners) == 1
    assert owners != {0}


def test_ctrl_c_does_not_reach_it(cluster: Cluster) -> None:
    """The server is in a session of its own, and ends after the tests that use it."""
    assert {os.getsid(process) for process in postgres_guard.processes(cluster.folder)} & {os.getsid(0)} == set()


def test_a_setting_that_is_none_is_an_error_with_the_log() -> None:
    """The text of PostgreSQL says what is wrong, and nothing of the server is left."""
    folders = set(_folders())
    with pytest.raises(PostgresError, match=r'(?s)does not start:.*unrecognized configuration parameter "max_things"'):
        with postgres.cluster(max_things="1"):
            pass
    assert set(_folders()) <= folders


def test_without_postgresql_the_error_has_the_fix(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """It names what is missing, where it was looked for, and the command that installs it."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(postgres, "DEBIAN", tmp_path)
    with pytest.raises(PostgresMissingError, match=r"initdb and postgres are neither .*: apt-get install postgresql"):
        with postgres.cluster():
            pass


def test_without_postgresql_no_test_runs(tmp_path: Path) -> None:
    """The session fails with that error alone, not with one for each test."""
    moved = (
        f"import pathlib; from tests.support.batches import postgres; postgres.DEBIAN = pathlib.Path({str(tmp_path)!r})"
    )
    run = "import pytest, sys; sys.exit(pytest.main(['-p', 'no:cacheprovider', 'tests/distributed']))"
    done = subprocess.run(
        [sys.executable, "-c", f"{moved}; {run}"],
        env={**os.environ, "PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    assert done.stdout == ""
    assert done.stderr.startswith("ERROR: PostgreSQL is not installed: ")
    assert done.stderr.endswith("install it: apt-get install postgresql\n\n")


@pytest.mark.parametrize(("on_path", "expected"), [(False, "17/bin"), (True, "path")])
def test_the_newest_version_is_taken(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, expected: str, *, on_path: bool
) -> None:
    """What is on the PATH goes first, and 17 is newer than 9."""
    for name in ("9/bin", "17/bin", "path"):
        for program in postgres.PROGRAMS:
            file = tmp_path / name / program
            file.parent.mkdir(parents=True, exist_ok=True)
            file.touch(mode=0o755)
    monkeypatch.setenv("PATH", str(tmp_path / "path") if on_path else "")
    monkeypatch.setattr(postgres, "DEBIAN", tmp_path)
    assert postgres.programs() == tmp_path / expected


@pytest.mark.parametrize(
    ("before", "then", "number"),
    [
        ("pass", "pass", 0),
        ("pass", "raise SystemExit('an error')", 0),
        ("pass", "signal.pause()", signal.SIGINT),
        ("pass", "signal.pause()", signal.SIGTERM),
        ("pass", "signal.pause()", signal.SIGKILL),
        ("one.freeze()", "signal.pause()", signal.SIGKILL),
        ("one.stop()", "one.start(); signal.pause()", signal.SIGKILL),
        (FORKED, "signal.pause()", signal.SIGKILL),
    ],
)
def test_nothing_is_left_behind(before: str, then: str, number: int) -> None:
    """Neither a process nor a file, whatever ended the process that started the server."""
    program = PROGRAM.format(before=before, then=then)
    if before == "one.stop()":
        program = program.replace("one.pid", "0")
    process = subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True
    )
    try:
        with process:
            assert process.stdout is not None
            folder = Path(process.stdout.readline().decode().split()[0])
            if number:
                process.send_signal(number)
        _wait_for(lambda: not folder.exists())
        assert postgres_guard.processes(folder) == []
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)  # what it has forked


def test_a_start_that_is_killed_leaves_nothing() -> None:
    """Not even where the files are being made."""
    before = set(_folders())
    with subprocess.Popen([sys.executable, "-c", PROGRAM.format(before="pass", then="signal.pause()")]) as process:
        _wait_for(lambda: any((path / postgres_guard.DATA).exists() for path in set(_folders()) - before))
        process.kill()
    _wait_for(lambda: set(_folders()) <= before)


def _folders() -> list[Path]:
    return list(Path(tempfile.gettempdir()).glob("octopusx-pg-*"))


def _state(process: int) -> str:
    return Path(f"/proc/{process}/stat").read_text("utf-8").rpartition(")")[2].split()[0]


def _wait_for(is_so: Callable[[], bool], seconds: float = 30) -> None:
    until = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < until
        time.sleep(0.02)
