"""The ledger in PostgreSQL keeps the rules of money between workers, whatever happens to them or to the database."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from unittest.mock import patch

import psycopg
import pytest
from octopusx_video._distributed import connections, shared_ledger
from octopusx_video._distributed.connections import Connections
from octopusx_video._distributed.shared_ledger import Pacing, SharedLedger
from octopusx_video._errors import NotSentError
from octopusx_video._ledger.ledger import Account, Later, Limits, Outcome
from octopusx_video.batch import Batch, BatchError, InvalidJobsError, LedgerError, LedgerInUseError
from octopusx_video.distributed import export

from tests.support.batches.distributed_trial import Trial, lines, of_copy
from tests.support.batches.postgres import Cluster, cluster
from tests.support.sdk.clients import BASE_URL, KEY

ACCEPTED = Outcome("accepted", "grok:00000000-0000-4000-8000-000000000001")


def claimed(book: SharedLedger, job: str) -> int:
    """The number of an attempt that is claimed now."""
    claim = book.claim(job)
    assert isinstance(claim, int), claim
    return claim


def test_a_live_sender_is_left_alone(trial: Trial) -> None:
    """Its response is on the way."""
    with trial.worker("a", 2) as (ours, _), trial.worker("b") as (theirs, _):
        claimed(theirs, "job-0")
        assert ours.claim("job-0") == "settled"
        assert ours.park_interrupted() == 0
        assert trial.states["job-0"] == "sending"


@pytest.mark.parametrize("how", ["claim", "park"])
def test_what_a_dead_sender_was_sending_is_parked(trial: Trial, how: str) -> None:
    """Nobody knows whether it was billed."""
    with trial.worker("a", 2) as (ours, _), trial.worker("b") as (theirs, _):
        claimed(theirs, "job-0")
        trial.sql("UPDATE worker SET lease_until = 0 WHERE id = 'b'")
        assert ours.claim("job-0") == "settled" if how == "claim" else ours.park_interrupted() == 1
        assert trial.states["job-0"] == "parked"
        assert ours.budget()[0] == 1


def test_a_late_response_overrides_parked(trial: Trial) -> None:
    """What is certain counts."""
    with trial.worker("a", 1) as (ours, _), trial.worker("b") as (theirs, _):
        attempt = claimed(theirs, "job-0")
        trial.sql("UPDATE worker SET lease_until = 0 WHERE id = 'b'")
        assert ours.park_interrupted() == 1
        theirs.settle("job-0", attempt, ACCEPTED)
        row = ours.row("job-0")
        assert row is not None
        assert (row.state, row.task) == ("accepted", ACCEPTED.task)
        assert ours.budget()[0] == 1


def test_what_was_not_sent_after_all_may_be_sent_again(trial: Trial) -> None:
    """A sender that was stopped, and has sent nothing after its lease has expired."""
    with trial.worker("a", 1) as (ours, _), trial.worker("b") as (theirs, _):
        attempt = claimed(theirs, "job-0")
        trial.sql("UPDATE worker SET lease_until = 0 WHERE id = 'b'")
        ours.park_interrupted()
        theirs.settle("job-0", attempt, Outcome("not_sent", reason="nothing was sent"))
        assert ours.budget()[0] == 0
        assert claimed(ours, "job-0") == 2


def test_the_concurrency_holds_over_all_workers(trial: Trial) -> None:
    """So many jobs a crash of all of them parks at most."""
    with trial.worker("a", 4, concurrency=2) as (ours, _), trial.worker("b") as (theirs, _):
        claimed(ours, "job-0")
        attempt = claimed(theirs, "job-1")
        assert isinstance(ours.claim("job-2"), Later)
        theirs.settle("job-1", attempt, ACCEPTED)
        claimed(ours, "job-2")


def test_a_dead_worker_takes_no_place(trial: Trial) -> None:
    """Nobody waits for what it was doing."""
    with trial.worker("a", 3, concurrency=1) as (ours, _), trial.worker("b") as (theirs, _):
        claimed(theirs, "job-0")
        assert isinstance(ours.claim("job-1"), Later)
        trial.sql("UPDATE worker SET lease_until = 0 WHERE id = 'b'")
        claimed(ours, "job-1")


def test_downloads_come_before_submits_of_any_worker(trial: Trial) -> None:
    """Videos expire."""
    with trial.worker("a", 3, concurrency=1) as (ours, _), trial.worker("b") as (theirs, _):
        theirs.settle("job-0", claimed(theirs, "job-0"), ACCEPTED)
        attempt = claimed(ours, "job-1")
        assert not theirs.begin_download("job-0")
        ours.settle("job-1", attempt, Outcome("refused"))
        assert isinstance(ours.claim("job-2"), Later)
        assert theirs.begin_download("job-0")
        assert isinstance(ours.claim("job-2"), Later)
        theirs.end("job-0", "done", file="h:/videos/job-0.mp4")
        claimed(ours, "job-2")


def test_the_rate_holds_over_all_workers(trial: Trial) -> None:
    """One second for two submits, and a tenth more."""
    with trial.worker("a", 2, rate=2.0) as (ours, _), trial.worker("b") as (theirs, _):
        claimed(ours, "job-0")
        later = theirs.claim("job-1")
        assert isinstance(later, Later)
        assert 0.3 < later.seconds <= 0.55


def test_a_pause_holds_for_all_workers(trial: Trial) -> None:
    """The service counts the requests of an account."""
    with trial.worker("a", 1) as (ours, _), trial.worker("b") as (theirs, _):
        ours.pause(5)
        later = theirs.claim("job-0")
        assert isinstance(later, Later)
        assert 4 < later.seconds <= 5


def test_many_claims_at_once_keep_the_budget(trial: Trial) -> None:
    """Each claim is one transaction."""
    with trial.worker("a", 60, paid=20, concurrency=50) as (ours, _), trial.worker("b") as (theirs, _):
        with ThreadPoolExecutor(8) as pool:
            books = [ours, theirs]
            found = list(pool.map(lambda number: books[number % 2].claim(f"job-{number}"), range(60)))
        assert sum(isinstance(one, int) for one in found) == 20
        assert ours.budget()[0] == 20


def test_a_job_is_held_only_when_nothing_is_under_way(trial: Trial) -> None:
    """A refusal would make room."""
    with trial.worker("a", 3, paid=1) as (ours, _), trial.worker("b") as (theirs, _):
        attempt = claimed(theirs, "job-0")
        assert isinstance(ours.claim("job-1"), Later)
        theirs.settle("job-0", attempt, Outcome("refused"))
        attempt = claimed(ours, "job-1")
        ours.settle("job-1", attempt, ACCEPTED)
        assert theirs.claim("job-2") == "held"


def test_two_that_add_the_same_jobs_add_them_once(trial: Trial) -> None:
    """As two runs that begin together."""
    with ThreadPoolExecutor(2) as pool:
        counts = list(pool.map(lambda _: _added(trial), range(2)))
    assert sorted(counts) == [0, 30]


def _added(trial: Trial) -> int:
    from octopusx_video._ledger.jobs import job  # noqa: PLC0415 - for this test

    from tests.support.batches.service import line  # noqa: PLC0415 - the same

    with trial.ledger() as book, book.adding():
        jobs = [("", job(line(f"job-{number}"), BASE_URL)) for number in range(30)]
        return sum(found == "new" for _, _, found in book.add(jobs, allow_same=False))


def _lost(*_: Any) -> psycopg.OperationalError:
    return psycopg.OperationalError("server closed the connection unexpectedly")


def test_a_claim_whose_commit_was_kept_and_whose_connection_was_lost_is_ones_own(trial: Trial) -> None:
    """Nothing was sent for it, and no other worker would send it as long as this one lives."""
    transaction, calls = Connections.transaction, []

    def once(self: Connections) -> Any:
        calls.append(1)
        return _breaking(transaction(self)) if len(calls) == 1 else transaction(self)

    with trial.worker("a", 1) as (ours, _):
        with patch.object(Connections, "transaction", once):
            assert ours.claim("job-0") == 1
        assert trial.sql("SELECT count(*) FROM attempt") == [(1,)]
        assert ours.budget()[0] == 1


class _breaking:  # noqa: N801 - a context manager
    """Commits, and then loses the connection."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner

    def __enter__(self) -> None:
        self._inner.__enter__()

    def __exit__(self, *error: object) -> None:
        self._inner.__exit__(*error)
        raise _lost()


@pytest.mark.parametrize("how", ["stops", "freezes", "read-only"])
def test_an_outcome_waits_for_the_database(trial: Trial, cluster: Cluster, how: str) -> None:
    """What is known of a submit must not be forgotten, however long the database is away."""
    with trial.worker("a", 1) as (ours, _):
        attempt = claimed(ours, "job-0")
        begin, end = _ways(trial, cluster)[how]
        begin()
        thread = threading.Thread(target=ours.settle, args=("job-0", attempt, ACCEPTED))
        thread.start()
        thread.join(0.7)
        assert thread.is_alive()
        end()
        thread.join(20)
        assert not thread.is_alive()
        assert trial.states == {"job-0": "accepted"}


def _ways(trial: Trial, cluster: Cluster) -> dict[str, tuple[Callable[[], Any], Callable[[], Any]]]:
    read_only = "ALTER DATABASE one SET default_transaction_read_only = {}"

    def all_anew(value: str) -> None:
        with psycopg.connect(cluster.url("postgres"), autocommit=True) as connection:
            connection.execute(read_only.format(value))
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = 'one' AND pid <> pg_backend_pid()"
            )

    return {
        "stops": (lambda: cluster.stop("immediate"), cluster.start),
        "freezes": (cluster.freeze, cluster.thaw),
        "read-only": (lambda: all_anew("on"), lambda: all_anew("off")),
    }


def test_a_database_that_stays_away_ends_in_an_error_with_what_it_lacks(trial: Trial, cluster: Cluster) -> None:
    """A person can write it down."""
    with trial.worker("a", 1) as (ours, _):
        attempt = claimed(ours, "job-0")
        cluster.stop()
        ours.hurry.set()
        with pytest.raises(BatchError, match=r"can't be written.*start the database"):
            ours.settle("job-0", attempt, ACCEPTED)


def test_nothing_is_claimed_in_a_database_that_is_read_only(trial: Trial, cluster: Cluster) -> None:
    """Nothing is sent that is not written down."""
    with trial.worker("a", 1) as (ours, _):
        _ways(trial, cluster)["read-only"][0]()
        with pytest.raises(BatchError, match=r"read-only.*use the database that can be written"):
            ours.claim("job-0")
        _ways(trial, cluster)["read-only"][1]()


def test_a_commit_is_on_the_disk(trial: Trial) -> None:
    """Before the request leaves."""
    with trial.worker("a", 1) as (ours, _):
        assert ours._connection.execute("SHOW synchronous_commit").fetchone() == ("on",)  # noqa: SLF001 - asserted


def test_a_database_that_may_lose_what_it_confirms_is_refused(tmp_path: Path) -> None:
    """It would forget what was paid for."""
    with cluster(fsync="off") as unsafe:
        unsafe.create("one")
        with pytest.raises(LedgerError, match=r"may lose what it has confirmed: fsync is off.*set fsync = on"):
            SharedLedger(Trial(tmp_path, unsafe.url("one")).address, create=True)


def test_a_database_that_is_too_old_is_refused(trial: Trial, monkeypatch: pytest.MonkeyPatch) -> None:
    """By its version, and not by a statement that it does not know."""
    monkeypatch.setattr(connections, "MIN_VERSION", 99)
    with pytest.raises(LedgerError, match=r"is PostgreSQL \d+; use version 99 or newer"):
        SharedLedger(trial.address, create=True)


def test_a_ledger_of_a_newer_version_is_refused(trial: Trial) -> None:
    """This one does not know what it means."""
    with trial.ledger(1):
        trial.sql("UPDATE ledger_version SET version = 99")
    with pytest.raises(LedgerError, match=r"newer octopusx-video \(its version is 99\); update octopusx-video"):
        SharedLedger(trial.address, create=False)


def test_a_ledger_that_was_made_halfway_is_made_whole(trial: Trial) -> None:
    """All of it is one transaction, so that a killed process leaves none of it."""
    with (
        patch.object(shared_ledger, "MIGRATIONS", ("CREATE TABLE half (id integer); SELECT 1 / 0",)),
        pytest.raises(LedgerError, match="division by zero"),
    ):
        SharedLedger(trial.address, create=True)
    with trial.ledger(2) as book:
        assert book.counts() == {"new": 2}


def test_a_batch_of_another_server_or_account_is_refused(trial: Trial) -> None:
    """The key itself is not in the database."""
    with trial.ledger(1) as book:
        with pytest.raises(LedgerError, match="is of the server"):
            book.check(Account("http://127.0.0.1:1", KEY), None)
        with pytest.raises(LedgerError, match="begun with another API key"):
            book.check(Account(BASE_URL, "sk-other"), None)
        assert KEY not in str(trial.sql("SELECT * FROM batch"))


def test_a_worker_with_another_contract_is_refused(trial: Trial) -> None:
    """It might read the same jobs as other requests."""
    with trial.ledger(1) as book:
        trial.sql("UPDATE batch SET contract = '9.9.9'")
        with pytest.raises(LedgerError, match=r"version 9\.9\.9 of the contract.*install the same octopusx-video"):
            book.check_contract()


def test_attempts_are_never_deleted_and_never_written_twice(trial: Trial) -> None:
    """By the database itself."""
    with trial.worker("a", 1) as (ours, _):
        claimed(ours, "job-0")
        for statement in ("DELETE FROM attempt", "TRUNCATE attempt", "INSERT INTO attempt SELECT * FROM attempt"):
            with pytest.raises(psycopg.IntegrityError):
                trial.sql(statement)


def test_a_new_run_takes_up_what_was_held_or_tried_too_often(trial: Trial) -> None:
    """Within its own budget."""
    with trial.worker("a", 3, paid=1) as (ours, _):
        ours.settle("job-0", claimed(ours, "job-0"), ACCEPTED)
        assert ours.claim("job-1") == "held"
        trial.sql("UPDATE job SET state = 'not_sent', tries = 4 WHERE id = 'job-2'")
        assert [job.id for job in ours.to_send(9)] == []
        ours.begin(Account(BASE_URL, KEY), None, Limits(3))
        assert [job.id for job in ours.to_send(9)] == ["job-1", "job-2"]


def test_an_export_has_all_of_a_ledger_and_leads_back(trial: Trial, cluster: Cluster) -> None:
    """Every row of every table."""
    with trial.worker("a", 3) as (ours, _):
        ours.settle("job-0", claimed(ours, "job-0"), ACCEPTED)
        ours.settle("job-1", claimed(ours, "job-1"), Outcome("parked", reason="silence", possible_tasks=("grok:1",)))
    copy = trial.folder / "copy"
    assert export(trial.db, copy, name="cats") == 3
    for table, order in (("job", "number"), ("attempt", "job"), ("event", "at, job, after")):
        columns = ", ".join(
            row[0]
            for row in trial.sql(
                "SELECT column_name FROM information_schema.columns WHERE table_schema = 'batch_cats' "
                "AND table_name = %s AND column_name NOT IN ('tries', 'round') AND (table_name, column_name) <> "
                "('event', 'id') ORDER BY column_name",
                table,
            )
        )
        statement = f"SELECT {columns} FROM {table} ORDER BY {order}"
        assert of_copy(copy, statement) == trial.sql(statement)
    assert of_copy(copy, "SELECT paid, server FROM batch") == [(2, BASE_URL)]
    assert export(copy, trial.db, name="back") == 3
    assert trial.sql("SELECT id, state FROM batch_back.job ORDER BY id") == sorted(trial.states.items())
    with pytest.raises(LedgerError, match="holds a batch already"):
        export(copy, trial.db, name="back")


def test_a_ledger_in_which_something_is_being_sent_is_not_copied(trial: Trial) -> None:
    """Its outcome would be in one of the two."""
    with trial.worker("a", 1) as (ours, _):
        claimed(ours, "job-0")
    with pytest.raises(LedgerError, match="a submit is under way"):
        export(trial.db, trial.folder / "copy", name="cats")


def test_a_ledger_whose_workers_are_alive_is_not_copied(trial: Trial) -> None:
    """They and whoever has the copy would send the same jobs."""
    with (
        trial.worker("a", 1),
        trial.worker("b"),
        pytest.raises(LedgerInUseError, match=r"workers of the batch in .* are alive: a, b; end them"),
    ):
        export(trial.db, trial.folder / "copy", name="cats")


def test_a_copy_is_that_of_one_moment(trial: Trial, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is written while it is made."""
    execute = Connections.execute

    def between(self: Connections, statement: str, values: Any = ()) -> Any:
        if statement.startswith("SELECT batch, job, attempt"):
            trial.sql(
                "INSERT INTO attempt (job, attempt, state, run, seconds, sent_at) "
                "VALUES ('job-0', 1, 'parked', '', 6, 0)"
            )
        return execute(self, statement, values)

    with trial.ledger(1):
        pass
    monkeypatch.setattr(Connections, "execute", between)
    assert export(trial.db, trial.folder / "copy", name="cats") == 1
    assert of_copy(trial.folder / "copy", "SELECT count(*) FROM attempt") == [(0,)]
    assert trial.sql("SELECT count(*) FROM attempt") == [(1,)]


def test_a_shard_is_not_copied_into_a_database(trial: Trial) -> None:
    """No run could go on with it: a batch in a database has all jobs."""
    options: Any = {"base_url": BASE_URL, "api_key": KEY, "transport": trial.transport, "poll_interval": 0.02}
    Batch(lines(8), out=trial.folder / "part", shard=(1, 2), **options).run()
    with pytest.raises(LedgerError, match=r"is the shard 1/2 of a batch.*go on with the shards"):
        export(trial.folder / "part", trial.db, name="cats")


@pytest.mark.parametrize("place", ["postgresql+psycopg://video:geheim@h/x", "Mysql://video:geheim@h/x"])
def test_what_looks_like_a_url_is_no_folder(trial: Trial, place: str) -> None:
    """A folder of that name would hold the password."""
    with trial.ledger(1):
        pass
    with pytest.raises(NotSentError) as error:
        export(trial.db, place, name="cats")
    assert "geheim" not in str(error.value)


def test_a_batch_without_a_run_is_no_batch_yet(trial: Trial) -> None:
    """As after a run whose jobs can't be used."""
    with pytest.raises(InvalidJobsError):
        trial.batch([{}]).run()
    for call in (
        trial.batch().status,
        trial.batch().stop,
        lambda: list(trial.batch().rows()),
        lambda: export(trial.db, trial.folder / "copy", name="cats"),
    ):
        with pytest.raises(LedgerError, match="has no run yet; begin one: batch run"):
            call()


def test_a_rate_that_is_removed_holds_no_more_and_a_pause_of_the_service_does(trial: Trial) -> None:
    """The next submit waits for the rate of its run."""
    with trial.worker("a", 3, rate=1 / 3600) as (ours, _):
        claimed(ours, "job-0")
        assert isinstance(ours.claim("job-1"), Later)
        ours.pace(Pacing(rate=0.0))
        claimed(ours, "job-1")
        ours.pause(60)
        ours.pace(Pacing(rate=0.0))
        assert isinstance(ours.claim("job-2"), Later)


def test_a_claim_takes_its_time_from_the_database(trial: Trial, monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker whose clock is wrong writes no wrong times."""
    before = time.time()
    monkeypatch.setattr(time, "time", lambda: 0.0)
    with trial.worker("a", 1) as (ours, lease):
        claimed(ours, "job-0")
        assert before - 60 < trial.sql("SELECT sent_at FROM attempt")[0][0] < before + 60
        assert abs(lease.offset - before) < 60
