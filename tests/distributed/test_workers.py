"""A worker does the work of a batch once, through failures of the service, the engine, the network and its own."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch

import httpx
import psycopg
import pytest
from octopusx_video._batch.steps import Steps
from octopusx_video._distributed import batch as batches
from octopusx_video._distributed import feeder, worker
from octopusx_video._distributed.shared_ledger import SharedLedger
from octopusx_video._errors import NotSentError
from octopusx_video.batch import Batch, BatchError, InvalidJobsError, LedgerError, LedgerInUseError
from octopusx_video.distributed import export

from tests.support.batches.distributed_trial import Trial, lines
from tests.support.batches.postgres import Cluster
from tests.support.batches.trial import losing, refusing
from tests.support.sdk.clients import BASE_URL, KEY

COUNT = 6
PASSWORD = "geheim-4711"
ENGINE = "batch_cats_engine.workflow_status"


def test_one_worker_runs_a_batch(trial: Trial) -> None:
    """The ledger says on which machine each video is."""
    ended = trial.batch(lines(COUNT)).run()
    assert (ended.counts, ended.exit_status, ended.stopped_by) == ({"done": COUNT}, 0, None)
    assert trial.broken() == []
    (file,) = trial.sql("SELECT file FROM job WHERE id = 'job-0'")[0]
    assert file == f"{socket.gethostname()}:{trial.out.absolute()}/videos/job-0.mp4"
    assert (trial.out / "results.jsonl").read_text("utf-8").count("\n") == COUNT


def test_the_same_again_sends_nothing(trial: Trial) -> None:
    """What is done is done."""
    trial.batch(lines(COUNT)).run()
    before = len(trial.transport.requests)
    assert trial.batch(lines(COUNT)).run().counts == {"done": COUNT}
    assert len(trial.transport.requests) == before


def test_a_larger_budget_sends_what_was_held(trial: Trial) -> None:
    """A budget is a limit of the batch, not of a run."""
    ended = trial.batch(lines(COUNT), max_paid=2).run()
    assert (ended.counts, ended.exit_status) == ({"done": 2, "held": 4}, 7)
    assert ended.stopped_by == "the budget is reached"
    assert trial.batch(lines(COUNT), max_paid=5).run().counts == {"done": 5, "held": 1}
    assert trial.billed == 5


def test_a_refusal_of_the_account_stops_all_workers(tmp_path: Path, db: str) -> None:
    """Each other submit would be refused as well."""
    trial = Trial(tmp_path, db, refusing(401))
    stop, states = SharedLedger.stop, list[Any]()

    def stopped(self: SharedLedger, reason: str) -> None:
        states.extend(trial.sql("SELECT state FROM attempt"))
        stop(self, reason)

    with patch.object(SharedLedger, "stop", stopped):
        ended = trial.batch(lines(COUNT), concurrency=1).run()
    # The outcome is written later, since it lets another worker claim the next job.
    assert states == [("sending",)]
    assert ended.counts == {"refused": 1, "stopped": 5}
    assert "401" in str(ended.stopped_by)
    assert trial.sql("SELECT stop FROM batch") == [(1,)]


def test_what_is_turned_away_before_any_work_is_sent_again(trial: Trial) -> None:
    """And all wait for it (R28)."""
    trial.mock.faults.on("rate_limited", operation="createVideoExtension", times=2)
    assert trial.batch(lines(3)).run().counts == {"done": 3}
    assert trial.broken() == []
    assert trial.sql("SELECT count(*) FROM attempt WHERE state = 'not_sent'") == [(2,)]


def test_a_lost_response_is_parked_and_a_person_settles_it(tmp_path: Path, db: str) -> None:
    """With the task, or by saying that it was not billed."""
    trial = Trial(tmp_path, db, losing(lambda prompt: prompt in {"job-0", "job-1"}))
    ended = trial.batch(lines(3)).run()
    assert (ended.counts, ended.exit_status) == ({"done": 1, "parked": 2}, 3)
    assert trial.batch().resolve("job-0", task=trial.tasks["job-0"][0]).state == "accepted"
    with pytest.raises(LedgerError, match="is not parked; it is done"):
        trial.batch().resolve("job-2", billed=False)
    assert trial.batch().resolve("job-1", billed=False).state == "not_sent"
    trial.transport = type(trial.transport)(trial.mock.transport)
    assert trial.batch(lines(3)).run().counts == {"done": 3}
    assert trial.billed == 4


def test_a_task_that_fails_is_not_sent_again(trial: Trial) -> None:
    """It may stay billed (R30)."""
    trial.mock.faults.on("failed")
    for _ in range(2):
        ended = trial.batch(lines(2)).run()
        assert (ended.counts, ended.exit_status) == ({"failed": 2}, 1)
    assert trial.billed == 2


def test_a_video_that_can_not_be_had_is_tried_again_by_the_next_run(
    tmp_path: Path, db: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For free; in one run three times."""
    monkeypatch.setattr(worker, "FETCH_PAUSE_SECONDS", 0.01)
    is_broken = [True]

    def handle(request: httpx.Request, pass_on: Callable[[httpx.Request], httpx.Response]) -> httpx.Response:
        if is_broken[0] and request.url.path.endswith((".mp4", "/content")):
            return httpx.Response(404)
        return pass_on(request)

    trial = Trial(tmp_path, db, handle)
    ended = trial.batch(lines(2)).run()
    assert (ended.counts, ended.exit_status) == ({"undelivered": 2}, 1)
    is_broken[0] = False
    assert trial.batch(lines(2)).run().counts == {"done": 2}
    assert trial.billed == 2


def test_of_the_downloads_that_wait_one_asks_for_all(trial: Trial, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each question locks the row of the batch, which submits need, too."""
    monkeypatch.setattr(worker, "_ROOM_SECONDS", 0.01)
    begin, asking, asked = SharedLedger.begin_download, set[str](), list[int]()

    def full(self: SharedLedger, job: str) -> bool:
        if len(asked) == 50:
            return begin(self, job)
        asking.add(job)
        asked.append(len(asking))
        return False

    monkeypatch.setattr(SharedLedger, "begin_download", full)
    assert trial.batch(lines(COUNT)).run().counts == {"done": COUNT}
    assert asked == [1] * 50


def test_a_workflow_that_ends_in_an_error_is_begun_again(trial: Trial) -> None:
    """The engine would never begin it again: its id is used up."""
    claim, failed = Steps.claim, []

    async def once(self: Steps, job: str) -> Any:
        if job not in failed:
            failed.append(job)
            raise RuntimeError("a fault of ours")
        return await claim(self, job)

    with patch.object(Steps, "claim", once):
        assert trial.batch(lines(3)).run().counts == {"done": 3}
    assert trial.sql("SELECT min(round) FROM job") == [(1,)]


def test_what_the_engine_does_not_have_is_enqueued_by_every_start(trial: Trial) -> None:
    """As after a kill while the jobs were enqueued: all are in the ledger, and none in the engine."""
    with trial.ledger(40):
        pass
    assert trial.batch().work().counts == {"done": 40}
    assert trial.broken() == []


def test_the_engine_gets_a_window_of_the_jobs(tmp_path: Path, db: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A million rows do not stand twice in the database."""
    monkeypatch.setattr(feeder, "WINDOW", 5)
    seen: list[int] = []

    def handle(request: httpx.Request, pass_on: Callable[[httpx.Request], httpx.Response]) -> httpx.Response:
        if request.method == "POST":
            with psycopg.connect(db) as connection:
                counted = connection.execute(
                    f"SELECT count(*) FROM {ENGINE} WHERE name = 'send' AND status IN ('ENQUEUED', 'PENDING')"
                ).fetchone()
            seen.append(counted[0] if counted else 0)
        return pass_on(request)

    assert Trial(tmp_path, db, handle).batch(lines(20)).run().counts == {"done": 20}
    assert len(seen) == 20
    assert max(seen) <= 10  # what was sent meanwhile is not counted any more, what replaces it is


def test_what_a_worker_took_and_lost_is_begun_again(tmp_path: Path, db: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The commit with which it took it was kept, and the connection broke."""
    monkeypatch.setattr(feeder, "LOST_PASSES", 2)
    lost: list[int] = []

    def handle(request: httpx.Request, pass_on: Callable[[httpx.Request], httpx.Response]) -> httpx.Response:
        if request.method == "POST" and not lost:
            with psycopg.connect(db, autocommit=True) as connection:
                statement = f"UPDATE {ENGINE} SET status = 'PENDING', executor_id = 'a' WHERE status = 'ENQUEUED'"
                lost.append(connection.execute(statement).rowcount)
        return pass_on(request)

    trial = Trial(tmp_path, db, handle)
    assert trial.batch(lines(24), worker="a", concurrency=4).run().counts == {"done": 24}
    assert lost[0] > 0
    assert trial.broken() == []


def test_a_folder_that_takes_no_videos_is_refused_before_anything_is_sent(trial: Trial) -> None:
    """With jobs and without any."""
    trial.out.mkdir()
    (trial.out / "videos").symlink_to("/proc/self")  # where nobody may create a file, root neither
    for call in (trial.batch(lines(1)).run, trial.batch().work):
        with pytest.raises(LedgerError, match=r"out/videos can't be used: .*; name a writable folder"):
            call()
    assert trial.billed == 0


def test_a_worker_of_an_id_that_is_alive_is_refused(trial: Trial) -> None:
    """And nothing is sent."""
    with trial.worker("a", 2):
        with pytest.raises(LedgerInUseError, match="'a' is alive"):
            trial.batch(worker="a").work()
        assert trial.billed == 0


def test_a_database_that_is_not_there_is_an_error_in_words(
    tmp_path: Path, db: str, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker tries for a while, and a look at a batch does not."""
    monkeypatch.setattr(batches, "START_SECONDS", 0.5)
    trial = Trial(tmp_path, db)
    cluster.stop()
    for call in (trial.batch(lines(1)).run, trial.batch().work, trial.batch().status):
        with pytest.raises(LedgerError, match=r"can't be used as a ledger.*start the database, or correct --db"):
            call()


@pytest.fixture(scope="module")
def role(cluster: Cluster) -> str:
    """A role whose password is asked for."""
    cluster.start()
    cluster.ask_for_password("asked", PASSWORD)
    return "asked"


@pytest.mark.parametrize("place", ["PGPASSWORD", ".pgpass"])
def test_the_password_comes_from_the_environment_or_the_usual_file(
    tmp_path: Path,
    db: str,
    role: str,
    place: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """The ledger, the lease and the engine connect with it, and none of them shows it."""
    monkeypatch.setenv("HOME", str(tmp_path))
    if place == "PGPASSWORD":
        monkeypatch.setenv("PGPASSWORD", PASSWORD)
    else:
        (tmp_path / ".pgpass").write_text(f"*:*:*:asked:{PASSWORD}\n", "utf-8")
        (tmp_path / ".pgpass").chmod(0o600)
    trial = Trial(tmp_path, db.replace("octopusx@", f"{role}@"))
    with caplog.at_level("DEBUG"):
        assert trial.batch(lines(COUNT)).run().counts == {"done": COUNT}
        status = trial.batch().status()
    assert PASSWORD not in f"{caplog.text}{capfd.readouterr()}{status}"
    files = [path.read_bytes() for path in trial.out.rglob("*") if path.is_file()]
    assert not any(PASSWORD.encode() in content for content in files)


@pytest.mark.parametrize("password", ["other words", ""])
def test_a_wrong_password_is_refused_in_words(
    tmp_path: Path, db: str, role: str, password: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At once: it will not become right."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("PGPASSWORD", password)
    trial = Trial(tmp_path, db.replace("octopusx@", f"{role}@"))
    for call in (trial.batch(lines(1)).run, trial.batch().work, trial.batch().status):
        with pytest.raises(
            LedgerError, match=r"asked@.*password.*check the user, its rights and its password"
        ) as error:
            call()
        assert "other" not in str(error.value)


@pytest.mark.parametrize("how", ["stops", "freezes"])
def test_a_database_that_is_away_for_a_while_costs_only_time(
    tmp_path: Path, db: str, cluster: Cluster, how: str
) -> None:
    """Responses that arrive meanwhile are written down later."""
    away: list[threading.Timer] = []

    def handle(request: httpx.Request, pass_on: Callable[[httpx.Request], httpx.Response]) -> httpx.Response:
        response = pass_on(request)
        if request.method == "POST" and not away:
            (cluster.stop if how == "stops" else cluster.freeze)()
            away.append(threading.Timer(2, cluster.start if how == "stops" else cluster.thaw))
            away[0].start()
        return response

    trial = Trial(tmp_path, db, handle)
    ended = trial.batch(lines(COUNT), submit_timeout=20).run()
    away[0].join()
    assert ended.counts == {"done": COUNT}
    assert trial.broken() == []


class Proxy:
    """Stands between a worker and the database, and can be cut.

    Args:
        folder: In which its socket is made.
        behind: The socket of the database.
    """

    def __init__(self, folder: Path, behind: Path) -> None:
        self._behind = behind
        self._open: list[socket.socket] = []
        self._is_cut = False
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(folder / behind.name))
        self._listener.listen()
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                caller = self._listener.accept()[0]
                if self._is_cut:
                    caller.close()
                    continue
                server = socket.socket(socket.AF_UNIX)
                server.connect(str(self._behind))
                self._open += [caller, server]
                for source, target in ((caller, server), (server, caller)):
                    threading.Thread(target=self._pass, args=(source, target), daemon=True).start()

    @staticmethod
    def _pass(source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while piece := source.recv(65536):
                target.sendall(piece)
        for one in (source, target):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()

    def cut(self) -> None:
        """Break all connections, and let nobody through."""
        self._is_cut = True
        for one in self._open:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def heal(self) -> None:
        """Let callers through again."""
        self._is_cut = False

    def close(self) -> None:
        """End it."""
        self.cut()
        self._listener.close()


def test_a_network_that_is_cut_while_a_submit_is_under_way_costs_only_time(
    tmp_path: Path, db: str, cluster: Cluster, short: Path
) -> None:
    """The claim is in the database, the response is not yet."""
    proxy = Proxy(short, next(cluster.folder.rglob(".s.PGSQL.5432")))
    cuts: list[threading.Timer] = []

    def handle(request: httpx.Request, pass_on: Callable[[httpx.Request], httpx.Response]) -> httpx.Response:
        response = pass_on(request)
        if request.method == "POST" and len(cuts) < 2:
            proxy.cut()
            cuts.append(threading.Timer(1, proxy.heal))
            cuts[-1].start()
        return response

    trial = Trial(tmp_path, db, handle)
    ended = trial.batch(lines(COUNT), db=f"postgresql://octopusx@/one?host={short}", submit_timeout=20).run()
    for cut in cuts:
        cut.join()
    proxy.close()
    assert ended.counts == {"done": COUNT}
    assert trial.broken() == []
    assert trial.billed == COUNT


@pytest.fixture
def short(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with a name that is short enough for a socket."""
    folder = Path(f"/tmp/octopusx-{os.getpid()}")  # noqa: S108 - removed below
    folder.mkdir()
    yield folder
    for one in folder.iterdir():
        one.unlink()
    folder.rmdir()


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"db": "mysql://x/y"}, "db is no URL of a PostgreSQL database"),
        ({"db": "postgresql://u:geheim@h/d"}, "db holds a password.*PGPASSWORD"),
        ({"db": "postgresql://u@h/d?password=geheim"}, "db holds a password"),
        ({"db": "postgresql://u@h:port/d"}, "db is no URL"),
        ({"name": "Cats; DROP"}, "name: 'Cats; DROP' is not a name of a batch"),
        ({"name": ""}, "is not a name of a batch"),
        ({"worker": ""}, "worker: '' is no id of a worker"),
        ({"shard": (1, 2)}, "shard can't be used with a database"),
    ],
)
def test_wrong_arguments_are_refused_before_anything_is_sent(tmp_path: Path, options: Any, text: str) -> None:
    """In the words of the interface, and without a password."""
    with pytest.raises(NotSentError, match=text) as caught:
        Trial(tmp_path, "postgresql://h/d").batch(lines(1), **options)
    assert "geheim" not in str(caught.value)


def test_a_worker_that_can_not_write_says_what_was_accepted(
    trial: Trial, cluster: Cluster, caplog: pytest.LogCaptureFixture
) -> None:
    """After all its patience."""
    real = trial.mock.transport

    def handle(request: httpx.Request, pass_on: Callable[[httpx.Request], httpx.Response]) -> httpx.Response:
        response = pass_on(request)
        if request.method == "POST":
            cluster.stop()
        return response

    trial.transport = type(trial.transport)(real, handle)
    with (
        patch.object(SharedLedger.__init__, "__kwdefaults__", {"patience": 1.0}),
        pytest.raises(BatchError),
    ):
        trial.batch(lines(2), concurrency=1).run()
    cluster.start()
    (task,) = trial.tasks["job-0"]
    assert f"the job 'job-0' WAS ACCEPTED as task {task}" in caplog.text


def test_a_folder_is_that_of_one_batch(tmp_path: Path, db: str) -> None:
    """Two batches with the same ids would take each other's videos for their own."""
    trial = Trial(tmp_path, db)
    assert trial.batch(lines(2)).run().counts == {"done": 2}
    with pytest.raises(LedgerError, match=r"is the folder of the batch in .*batch cats.*name another folder"):
        trial.batch(lines(3), name="dogs").run()
    assert trial.batch(lines(3)).run().counts == {"done": 3}
    assert trial.billed == 3


def test_a_folder_with_a_ledger_of_its_own_is_refused_unless_it_is_a_copy(tmp_path: Path, db: str) -> None:
    """A batch in a folder and one in a database are two batches."""
    trial = Trial(tmp_path, db)
    options: Any = {"base_url": BASE_URL, "api_key": KEY, "transport": trial.transport, "poll_interval": 0.02}
    Batch(lines(1), out=trial.out, **options).run()
    with pytest.raises(LedgerError, match=r"is the folder of another batch"):
        trial.batch(lines(1)).run()
    assert trial.billed == 1
    export(trial.out, db, name="copied")
    assert trial.batch(lines(2), name="copied").run().counts == {"done": 2}
    assert trial.billed == 2


@pytest.mark.parametrize("when", ["while they are checked", "before the commit"])
def test_an_interrupt_while_jobs_are_added_adds_none(trial: Trial, monkeypatch: pytest.MonkeyPatch, when: str) -> None:
    """Other workers would send them."""

    async def interrupted() -> None:
        running: asyncio.Task[Any]
        loop = asyncio.get_running_loop()

        def interrupt() -> None:
            loop.call_soon_threadsafe(running.cancel)
            batch._is_interrupted.wait(5)  # noqa: SLF001 - the moment at which it would go on

        def given() -> Iterator[dict[str, Any]]:
            yield from lines(2)
            if when == "while they are checked":
                interrupt()
            yield from lines(4)[2:]

        if when == "before the commit":
            original = SharedLedger.begin

            def begin(*values: Any, **named: Any) -> None:
                original(*values, **named)
                interrupt()

            monkeypatch.setattr(SharedLedger, "begin", begin)
        batch = trial.batch(given())
        running = asyncio.ensure_future(batch.arun())
        with pytest.raises(asyncio.CancelledError):
            await running

    asyncio.run(interrupted())
    assert trial.sql("SELECT count(*) FROM job") == [(0,)]
    assert trial.sql("SELECT count(*) FROM batch") == [(0,)]
    assert trial.billed == 0


def test_jobs_stand_in_the_ledger_with_the_limits_of_their_run_or_not_at_all(
    trial: Trial, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run that ends between the two would leave them to workers with older limits, or none."""
    trial.batch(lines(1), max_paid=100).run()

    def fail(*_: Any) -> None:
        raise KeyError("the end of the process")

    monkeypatch.setattr(SharedLedger, "pace", fail)
    with pytest.raises(KeyError):
        trial.batch(lines(20), max_paid=4, rate=1.0, concurrency=1).run()
    assert trial.sql("SELECT count(*) FROM job") == [(1,)]
    assert trial.sql("SELECT max_paid, concurrency FROM batch") == [(100, 8)]


def test_a_lost_connection_while_workflows_get_new_ids_costs_only_time(tmp_path: Path, db: str) -> None:
    """As any statement of a worker."""
    original, lost = SharedLedger.next_round, list[Any]()

    def once(self: SharedLedger, jobs: Any) -> None:
        if not lost:
            with psycopg.connect(db, autocommit=True) as connection:
                lost.extend(
                    connection.execute(
                        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() "
                        "AND datname = current_database()"
                    ).fetchall()
                )
        original(self, jobs)

    trial = Trial(tmp_path, db)
    trial.mock.faults.on("rate_limited", operation="createVideoExtension", times=1)
    with patch.object(SharedLedger, "next_round", once):
        assert trial.batch(lines(2)).run().counts == {"done": 2}
    assert lost


def test_tables_of_the_engine_that_are_gone_end_a_worker_in_words(tmp_path: Path, db: str) -> None:
    """And what to do."""
    gone: list[bool] = []

    def handle(request: httpx.Request, pass_on: Callable[[httpx.Request], httpx.Response]) -> httpx.Response:
        if request.method == "POST" and not gone:
            with psycopg.connect(db, autocommit=True) as connection:
                connection.execute("DROP SCHEMA batch_cats_engine CASCADE")
            gone.append(True)
        return pass_on(request)

    trial = Trial(tmp_path, db, handle)
    with pytest.raises(BatchError, match=r"the engine's tables can't be used.*start them again"):
        trial.batch(lines(2), rate=2.0).run()
    assert trial.batch(lines(2)).run().counts == {"done": 2}
    assert trial.billed == 2


def test_an_id_that_postgresql_can_not_store_is_named(trial: Trial) -> None:
    """With its place; nothing is sent."""
    with pytest.raises(InvalidJobsError, match=r"job 2: the custom_id 'a\\x00b' has a NUL character"):
        trial.batch([*lines(1), {**lines(2)[1], "custom_id": "a\0b"}]).run()
    assert trial.billed == 0


def test_a_fault_after_a_claim_ends_the_worker_and_names_the_job(trial: Trial) -> None:
    """Under a lease that lasts, nobody else could park it, and the run would never end."""
    failed: list[str] = []

    async def send(self: Steps, claimed: Any) -> Any:
        failed.append(claimed.row.id)
        raise UnicodeEncodeError("utf-8", "\udcff", 0, 1, "surrogates not allowed")

    with (
        patch.object(Steps, "send", send),
        pytest.raises(BatchError, match=r"the job 'job-\d' may have been accepted.*: UnicodeEncodeError"),
    ):
        trial.batch(lines(2), concurrency=1).run()
    assert trial.batch().work().counts == {"parked": 1, "done": 1}
    assert trial.states[failed[0]] == "parked"


def test_an_outcome_that_can_not_be_written_at_all_names_the_task(
    trial: Trial, caplog: pytest.LogCaptureFixture
) -> None:
    """Whatever the reason is, and not only for errors of the database."""

    def settle(self: SharedLedger, job: str, attempt: int, outcome: Any) -> None:
        raise UnicodeEncodeError("utf-8", "\udcff", 0, 1, "surrogates not allowed")

    with (
        patch.object(SharedLedger, "settle", settle),
        pytest.raises(BatchError, match=r"the outcome of 'job-0' can't be written: UnicodeEncodeError.*WAS ACCEPTED"),
    ):
        trial.batch(lines(1)).run()
    assert f"the job 'job-0' WAS ACCEPTED as task {trial.tasks['job-0'][0]}" in caplog.text
