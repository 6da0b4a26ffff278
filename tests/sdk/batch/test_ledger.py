"""The ledger: documented, versioned, of one account, and with an error in plain words wherever it can't be used."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch

import httpx
import pytest
from octopusx_video._batch import lock
from octopusx_video._ledger import file_ledger as ledgers
from octopusx_video._ledger.file_ledger import FILE, FileLedger
from octopusx_video._ledger.ledger import Account, Limits
from octopusx_video._ledger.schema import MIGRATIONS
from octopusx_video.batch import BatchError, LedgerError, LedgerInUseError
from octopusx_video_mock import Mock

from tests.support.batches.trial import Trial, every_byte, lines, prompt_of
from tests.support.sdk.clients import KEY, Between

OTHER_KEY = "sk-another"
WRONG = "INSERT INTO nowhere VALUES (1);\n"
MORE = "CREATE TABLE note (text TEXT) STRICT;\nALTER TABLE job ADD COLUMN note TEXT;\n"


@contextlib.contextmanager
def opened(trial: Trial) -> Iterator[FileLedger]:
    """The ledger of a batch that has run."""
    with contextlib.closing(FileLedger(trial.out / FILE, create=False)) as ledger:
        yield ledger


def test_a_commit_is_on_the_disk(trial: Trial) -> None:
    """A write-ahead log, synchronised with each commit (2 is FULL)."""
    trial.run(lines(1))
    with opened(trial) as ledger:
        assert ledger.durability() == ("wal", 2)


def test_a_person_can_query_it(trial: Trial) -> None:
    """Jobs, attempts, events and the batch, by the documented names."""
    trial.run(lines(3), max_paid=2)
    assert trial.sql("SELECT state, count(*) FROM job GROUP BY state ORDER BY state") == [("done", 2), ("held", 1)]
    assert trial.sql("SELECT max_paid, paid, paid_seconds FROM batch") == [(2, 2, 20.0)]
    assert trial.sql("SELECT job, attempt, state FROM attempt ORDER BY job") == [
        ("job-0", 1, "accepted"),
        ("job-1", 1, "accepted"),
    ]
    events = trial.sql("SELECT before, after FROM event WHERE job = 'job-0' ORDER BY id")
    assert events == [(None, "new"), ("new", "sending"), ("sending", "accepted"), ("accepted", "done")]
    same = "SELECT count(*) FROM attempt JOIN job ON job.id = attempt.job AND job.task = attempt.task"
    assert trial.sql(same) == [(2,)]


def test_attempts_are_only_appended(trial: Trial) -> None:
    """Two claims of the same attempt can't both be written, and none is deleted."""
    trial.run(lines(1))
    for statement in ("INSERT INTO attempt SELECT * FROM attempt", "DELETE FROM attempt"):
        with pytest.raises(sqlite3.IntegrityError):
            trial.sql(statement)


def test_a_claim_is_granted_once(trial: Trial) -> None:
    """Two processes on one ledger, should the lock fail: the second one sends nothing."""
    trial.run(lines(2), max_paid=0)
    with opened(trial) as first, opened(trial) as second:
        account = Account("http://localhost", KEY)
        first.begin(account, None, Limits(1))
        assert (first.claim("job-0"), first.claim("job-0")) == (1, "settled")
        assert second.claim("job-1") == "held"
        assert second.claim("job-0") == "settled"
        assert first.budget()[0] == 1


def test_the_key_is_stored_nowhere(tmp_path: Path) -> None:
    """Not in the ledger nor in any other file, whatever a server sends back; nor in what is raised and shown."""
    echo = f"your key {KEY} and Bearer {KEY}"

    def handle(request: httpx.Request, pass_on: Any) -> httpx.Response:
        headers = {"X-Oneapi-Request-Id": f"id-{KEY}", "X-Request-Id": KEY}
        job = prompt_of(request) if request.method == "POST" else ""
        if job == "job-0":
            return httpx.Response(400, headers=headers, json={"error": {"message": echo, "code": KEY, "type": KEY}})
        if job == "job-1":
            return httpx.Response(500, headers=headers, json={"id": f"grok:{KEY}", "message": echo})
        if job == "job-2":
            return httpx.Response(200, headers=headers, json={"id": f"grok:{KEY}", "status": "processing"})
        if job == "job-3":
            return httpx.Response(200, headers=headers, json={"data": {"id": f"task_{KEY}"}, "message": echo})
        if job == "job-4":
            raise httpx.ReadError(echo)
        if job == "job-5":
            raise httpx.ConnectError(echo)
        if request.method == "GET" and request.url.path.endswith((".mp4", "/content")):
            return httpx.Response(404, headers=headers, text=echo)
        response: httpx.Response = pass_on(request)
        return response

    trial = Trial(tmp_path, handle)
    trial.run(lines(9), keep_going=True)
    with pytest.raises(LedgerError) as caught:
        trial.run(lines(9), api_key=OTHER_KEY)
    assert len(trial.states) == 9
    for name, data in every_byte(trial.folder):
        assert KEY.encode() not in data, name
        assert OTHER_KEY.encode() not in data, name
    assert KEY not in str(caught.value)
    assert OTHER_KEY not in str(caught.value)


def test_a_ledger_is_of_one_account(trial: Trial) -> None:
    """Another one can't read its tasks, so that another key is refused unless it is said to be of the same account."""
    trial.run(lines(2), max_paid=1)
    trial.mock = Mock()  # which takes any key
    trial.transport = Between(trial.mock.transport)
    other = trial.batch(lines(2), api_key=OTHER_KEY)
    for call in (other.run, other.plan):
        with pytest.raises(LedgerError, match="another API key"):
            call()
    assert trial.transport.requests == []
    assert trial.run(lines(2), api_key=OTHER_KEY, new_key=True, max_paid=2).counts == {"done": 2}
    with pytest.raises(LedgerError, match="another API key"):
        trial.run(lines(2))


def test_a_ledger_is_of_one_server(trial: Trial) -> None:
    """A budget and the ids of tasks are of a server."""
    trial.run(lines(2), max_paid=1)
    with pytest.raises(LedgerError, match=r"http://localhost, not of http://127\.0\.0\.1"):
        trial.run(lines(2), base_url="http://127.0.0.1")
    assert trial.run(lines(2), base_url="http://localhost/", max_paid=2).counts == {"done": 2}


def test_a_newer_ledger_is_refused(trial: Trial) -> None:
    """With what to do; nothing in it is changed."""
    trial.run(lines(1))
    newer = len(MIGRATIONS) + 1
    trial.sql(f"PRAGMA user_version = {newer}")
    for call in (lambda: trial.run(lines(2)), trial.batch().status, trial.batch(lines(1)).plan):
        with pytest.raises(LedgerError, match=r"written by a newer octopusx-video.*update"):
            call()
    assert trial.sql("PRAGMA user_version") == [(newer,)]


def test_a_migration_keeps_what_is_there(trial: Trial, monkeypatch: pytest.MonkeyPatch) -> None:
    """An older ledger is brought up to date by the first run of a newer version, once."""
    trial.run(lines(3), max_paid=2)
    tables = ("batch", "job", "attempt", "event")
    before = {table: trial.sql(f"SELECT * FROM {table}") for table in tables}
    monkeypatch.setattr(ledgers, "MIGRATIONS", (*MIGRATIONS, MORE))
    assert trial.batch().status().counts == {"done": 2, "held": 1}
    assert trial.sql("PRAGMA user_version") == [(len(MIGRATIONS) + 1,)]
    after = {table: trial.sql(f"SELECT * FROM {table}") for table in tables}
    assert after == {**before, "job": [(*row, None) for row in before["job"]]}
    assert trial.run(lines(3), max_paid=3).counts == {"done": 3}


def test_a_migration_that_fails_changes_nothing(trial: Trial, monkeypatch: pytest.MonkeyPatch) -> None:
    """Half of it is rolled back, and the version of before still runs it."""
    trial.run(lines(2), max_paid=1)
    monkeypatch.setattr(ledgers, "MIGRATIONS", (*MIGRATIONS, MORE + WRONG))
    with pytest.raises(LedgerError, match=r"no such table: (main\.)?nowhere"):
        trial.run(lines(2), max_paid=2)
    assert trial.sql("PRAGMA user_version") == [(len(MIGRATIONS),)]
    assert trial.sql("SELECT name FROM sqlite_master WHERE name = 'note'") == []
    monkeypatch.setattr(ledgers, "MIGRATIONS", MIGRATIONS)
    assert trial.run(lines(2), max_paid=2).counts == {"done": 2}


def test_two_processes_that_make_a_ledger_at_once_make_one(trial: Trial) -> None:
    """The second one finds what the first has made, and makes nothing again."""
    trial.out.mkdir()
    path = trial.out / FILE
    read = FileLedger._one  # noqa: SLF001 - there is no other way between two statements
    seen: list[FileLedger] = []

    def one(self: FileLedger, statement: str, *values: Any) -> tuple[Any, ...]:
        found = read(self, statement, *values)
        if statement == "PRAGMA user_version" and not seen:
            seen.append(self)
            FileLedger(path, create=True).close()  # between the look at the version and the first statement
        return found

    with patch.object(FileLedger, "_one", one):
        FileLedger(path, create=True).close()
    assert seen
    assert trial.run(lines(1)).counts == {"done": 1}


@pytest.mark.parametrize("content", [b"no database, but a text that is long enough to be one" * 100, bytes(5000)])
def test_a_file_that_is_no_ledger_is_refused(content: bytes, trial: Trial) -> None:
    """It is named, and left as it is."""
    trial.out.mkdir()
    (trial.out / FILE).write_bytes(content)
    for call in (lambda: trial.run(lines(1)), trial.batch().status, trial.batch(lines(1)).plan):
        with pytest.raises(LedgerError, match="can't be used as a ledger"):
            call()
    assert trial.transport.requests == []
    assert (trial.out / FILE).read_bytes() == content


def spoil(trial: Trial) -> None:
    """Overwrite the first pages of the tables, and leave the list of them."""
    pages = trial.sql("SELECT rootpage FROM sqlite_master WHERE name IN ('batch', 'job', 'job_by_state', 'attempt')")
    with (trial.out / FILE).open("r+b") as file:
        for (page,) in pages:
            file.seek(4096 * (page - 1))
            file.write(b"\xa5" * 4096)


def test_a_broken_ledger_is_refused_wherever_it_is_read(trial: Trial) -> None:
    """By every call, with an error of this package that names it."""
    trial.run(lines(50), max_paid=1)
    spoil(trial)
    batch = trial.batch(lines(50), max_paid=2)
    before = len(trial.transport.requests)
    for call in (
        batch.run,
        batch.plan,
        batch.status,
        batch.stop,
        lambda: list(batch.rows()),
        lambda: batch.resolve("job-1", billed=False),
    ):
        with pytest.raises(LedgerError, match=r"ledger\.sqlite3"):
            call()
    assert len(trial.transport.requests) == before


def test_a_ledger_that_breaks_while_it_runs_loses_no_task(tmp_path: Path) -> None:
    """The error names what was accepted, and is one of this package's."""

    def handle(request: httpx.Request, pass_on: Any) -> httpx.Response:
        response: httpx.Response = pass_on(request)
        if request.method == "POST" and trial.billed == 1:
            stack.enter_context(patch.object(FileLedger, "_transaction", _failing("database disk image is malformed")))
            stack.enter_context(patch.object(FileLedger, "row", _failing("database disk image is malformed")))
            stack.enter_context(patch.object(FileLedger, "rows", _failing("database disk image is malformed")))
        return response

    trial = Trial(tmp_path, handle)
    with contextlib.ExitStack() as stack:
        with pytest.raises(BatchError, match="malformed") as caught:
            trial.run(lines(3), concurrency=1)
        assert trial.tasks["job-0"][0] in str(caught.value)
    assert trial.billed == 1
    assert trial.states["job-0"] == "sending"
    assert trial.run(lines(3)).counts == {"done": 2, "parked": 1}


def _failing(text: str) -> Any:
    def fail(*_: Any) -> Any:
        raise sqlite3.DatabaseError(text)

    return fail


def test_a_read_that_fails_while_it_runs_is_an_error_of_this_package(trial: Trial) -> None:
    """Not one of SQLite."""
    trial.run(lines(3), max_paid=0)
    with patch.object(FileLedger, "sendable", _failing("disk I/O error")):
        with pytest.raises(BatchError, match=r"ledger\.sqlite3.*disk I/O error"):
            trial.run(lines(3), max_paid=3)


def test_a_locked_database_is_named(trial: Trial, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another program holds it: a run waits for a while, and sends nothing."""
    trial.run(lines(2), max_paid=1)
    before = len(trial.transport.requests)
    monkeypatch.setattr(ledgers, "_BUSY_SECONDS", 0.05)
    with contextlib.closing(sqlite3.connect(trial.out / FILE, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        batch = trial.batch(lines(2), max_paid=2)
        for call in (batch.run, batch.plan, batch.stop, lambda: batch.resolve("job-1", billed=False)):
            with pytest.raises(LedgerError, match=r"locked.*close the program that holds it"):
                call()
    assert len(trial.transport.requests) == before


def test_a_disk_that_is_full_before_the_claim_sends_nothing(trial: Trial) -> None:
    """The claim can't be written, so that nothing may be sent."""
    trial.run(lines(3), max_paid=0)
    with _full(after=0), pytest.raises(BatchError, match=r"full.*make room") as caught:
        trial.run(lines(3), max_paid=3)
    assert trial.submits == 0
    assert "ACCEPTED" not in str(caught.value)
    assert trial.run(lines(3), max_paid=3).counts == {"done": 3}


def test_a_disk_that_is_full_after_the_claim_loses_no_task(trial: Trial) -> None:
    """Each response that arrived is in the error with its job, and each job is parked by the next run."""
    trial.run(lines(3), max_paid=0)
    with _full(after=3), pytest.raises(BatchError, match=r"full.*make room") as caught:
        trial.run(lines(3), max_paid=3, concurrency=3)
    assert trial.billed == 3
    for job, tasks in trial.tasks.items():
        assert tasks[0] in str(caught.value)
        assert repr(job) in str(caught.value)
    assert trial.run(lines(3)).counts == {"parked": 3}
    for job, tasks in trial.tasks.items():
        trial.batch().resolve(job, task=tasks[0])
    assert trial.run(lines(3)).counts == {"done": 3}
    assert trial.billed == 3


@contextlib.contextmanager
def _full(after: int) -> Iterator[None]:
    """The disk takes so many more claims, and then nothing."""
    claims = 0
    execute = sqlite3.Connection.execute

    class Connection(sqlite3.Connection):
        def execute(self, statement: str, *values: Any) -> sqlite3.Cursor:
            nonlocal claims
            claims += statement.startswith("INSERT INTO attempt")
            if claims > after or statement.startswith("UPDATE attempt"):
                raise sqlite3.OperationalError("database or disk is full")
            return execute(self, statement, *values)

    connect = sqlite3.connect
    with patch.object(sqlite3, "connect", lambda *values, **named: connect(*values, factory=Connection, **named)):
        yield


def test_a_disk_that_is_full_at_the_end_raises_nothing_that_hides_the_result(trial: Trial) -> None:
    """The files of results can't be written; all videos are there, and the status says so."""

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    with patch("octopusx_video._batch.results._replaced", full):
        ended = trial.run(lines(3), max_paid=2)
    assert ended.counts == {"done": 2, "held": 1}


def test_a_folder_that_is_read_only_is_refused(trial: Trial) -> None:
    """Before anything is sent. The system's error is made here, since root may write everywhere else."""
    with (
        patch.object(os, "mkdir", side_effect=OSError(errno.EROFS, "Read-only file system")),
        pytest.raises(LedgerError, match="can't be used: Read-only file system; name a writable folder"),
    ):
        trial.run(lines(1))
    assert trial.transport.requests == []


@pytest.mark.parametrize("place", ["file/out", "file"])
def test_a_place_that_can_be_no_folder_is_refused(place: str, trial: Trial) -> None:
    """A file stands there, or above it."""
    (trial.folder / "file").write_bytes(b"")
    with pytest.raises(LedgerError, match=r"can't be used.*name a writable folder"):
        trial.run(lines(1), out=trial.folder / place)
    assert trial.transport.requests == []


def test_a_folder_that_takes_no_videos_is_refused_before_anything_is_sent(trial: Trial) -> None:
    """What is there already says nothing: only a file that is written does."""
    trial.out.mkdir()
    (trial.out / "videos").symlink_to("/proc/self")  # where nobody may create a file, root neither
    with pytest.raises(LedgerError, match=r"out/videos can't be used: .*; name a writable folder"):
        trial.run(lines(1))
    assert trial.transport.requests == []


def test_a_folder_on_a_full_disk_is_refused_before_anything_is_sent(
    trial: Trial, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file is on the disk, or it is not; nothing of it is left."""

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(LedgerError, match=r"out/videos can't be used: No space left on device"):
        trial.run(lines(1))
    assert trial.transport.requests == []
    assert list((trial.out / "videos").iterdir()) == []


def test_a_folder_without_a_batch_is_named(trial: Trial) -> None:
    """By what only looks; nothing is made there."""
    batch = trial.batch()
    for call in (batch.status, batch.stop, lambda: list(batch.rows()), lambda: batch.resolve("a", billed=False)):
        with pytest.raises(LedgerError, match="holds no batch"):
            call()
    assert not trial.out.exists()


def test_a_second_process_is_refused_by_name(trial: Trial) -> None:
    """For everything that would change the batch; a look is allowed."""
    trial.run(lines(1))
    with lock.held(trial.out / "lock", "batch run"):
        batch = trial.batch(lines(2))
        for call in (batch.run, batch.plan, lambda: batch.resolve("job-0", billed=False)):
            with pytest.raises(LedgerInUseError, match=rf"process {os.getpid()} on .*batch run"):
                call()
        process = batch.status().process
        assert process is not None
        assert process["pid"] == os.getpid()
    assert trial.batch().status().process is None
    assert trial.run(lines(2)).counts == {"done": 2}


def test_a_look_at_a_batch_does_not_keep_a_run_from_it(trial: Trial) -> None:
    """Whoever asks for the status holds the lock for a moment, which is not a run."""
    trial.run(lines(1))
    descriptor = os.open(trial.out / "lock", os.O_RDONLY)
    fcntl.flock(descriptor, fcntl.LOCK_SH)
    timer = threading.Timer(0.05, lambda: fcntl.flock(descriptor, fcntl.LOCK_UN))
    try:
        timer.start()
        assert trial.run(lines(1)).counts == {"done": 1}
    finally:
        timer.join()
        os.close(descriptor)


def test_a_plan_changes_nothing(trial: Trial) -> None:
    """Neither in a folder that is not there nor in a ledger."""
    assert trial.batch(lines(3)).plan().new == 3
    assert not trial.out.exists()
    trial.run(lines(2), max_paid=1)
    before = trial.sql("SELECT * FROM job"), trial.sql("SELECT * FROM batch")
    plan = trial.batch(lines(4), max_paid=3).plan()
    assert (plan.new, plan.known, plan.parked, plan.videos, plan.held) == (2, 2, 0, 2, 1)
    assert (trial.sql("SELECT * FROM job"), trial.sql("SELECT * FROM batch")) == before
    assert trial.submits == 1
