"""Workers in processes of their own. They are forked, so this file runs before any test that starts threads."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import Callable, Iterator
from typing import Any
from unittest.mock import patch

import httpx
import psycopg
import pytest
from octopusx_video._distributed import engine
from octopusx_video.batch import BatchError

from tests.campaigns.distributed import scene as scenes
from tests.support.batches.distributed_trial import Trial, lines
from tests.support.batches.points import Point, Points
from tests.support.batches.postgres import Cluster
from tests.support.batches.service import service
from tests.support.forking import ended

COUNT = 6
ENGINE = "batch_cats_engine.workflow_status"


@pytest.fixture(scope="module")
def scene(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[scenes.Scene]:
    """A mock in a process of its own, for workers in others."""
    folder = tmp_path_factory.mktemp("scene")
    with service(folder) as (url, billed):
        one = scenes.Scene(url, billed, folder, cluster)
        one.prepare()
        yield one


def test_a_sender_that_was_stopped_and_wakes_after_its_lease_sends_nothing(scene: scenes.Scene) -> None:
    """What it had claimed was parked meanwhile; then it says that it was not sent, and sends it with a new claim."""
    scene.begin()
    sleeper = scenes.started(lambda: _sleeps(scene))
    try:
        assert os.WIFSTOPPED(os.waitpid(sleeper, os.WUNTRACED)[1])
        assert scenes.forked(lambda: _works(scene)) == 0
        assert scene.status().counts == {"done": scenes.JOBS - 1, "parked": 1}
        assert scene.bill().count() == scenes.JOBS - 1
    finally:
        os.kill(sleeper, signal.SIGCONT)
    assert ended(sleeper) == 0
    assert scene.status().counts == {"done": scenes.JOBS}
    assert scene.broken(has_ended=True) == []
    with psycopg.connect(scene.db, options=f"-c search_path=batch_{scenes.NAME}") as connection:
        assert connection.execute("SELECT state FROM attempt WHERE state <> 'accepted'").fetchall() == [("not_sent",)]


def _sleeps(scene: scenes.Scene) -> None:
    points = Points(Point("before submit", 2), lambda: os.kill(os.getpid(), signal.SIGSTOP))
    assert scene.batch("a", points, concurrency=1).run().exit_status in {0, 3}


def _works(scene: scenes.Scene) -> None:
    assert scene.batch("b").work().exit_status in {0, 3}


def test_an_interrupted_worker_waits_for_its_own_responses(scene: scenes.Scene) -> None:
    """The other jobs are left to the others."""
    scene.begin()
    process = scenes.started(lambda: _interrupted(scene))
    assert ended(process) == 0
    counts = scene.status().counts
    assert counts.get("sending", 0) == 0
    assert scene.bill().count() == counts.get("accepted", 0) + counts.get("done", 0) > 0
    assert counts.get("new", 0) > 0
    assert scenes.forked(lambda: _works(scene)) == 0
    assert scene.status().counts == {"done": 20}


def _interrupted(scene: scenes.Scene) -> None:
    """Interrupt a run while responses are on the way."""

    async def work() -> None:
        main = asyncio.current_task()
        assert main is not None
        loop = asyncio.get_running_loop()
        points = Points(Point("after submit", 2), lambda: loop.call_soon(main.cancel))
        with contextlib.suppress(asyncio.CancelledError):
            await scene.batch("a", points, jobs=20, concurrency=2).arun()

    asyncio.run(work())


@pytest.mark.slow
def test_a_database_that_is_frozen_keeps_no_program_from_ending(scene: scenes.Scene) -> None:
    """A cancelled run waits for its responses, and gives the database some seconds; the error has the tasks."""
    scene.begin()
    process = scenes.started(lambda: _cancelled(scene))
    try:
        assert ended(process) == 0
    finally:
        scene.cluster.thaw()


def _cancelled(scene: scenes.Scene) -> None:
    """Freeze the database while responses are on the way, and cancel the run."""

    async def work() -> None:
        main = asyncio.current_task()
        assert main is not None
        loop = asyncio.get_running_loop()

        def freeze() -> None:
            scene.cluster.freeze()
            loop.call_soon(main.cancel)

        with pytest.raises(BatchError, match="WAS ACCEPTED as task"):
            await scene.batch("a", Points(Point("after submit", 2), freeze), jobs=20, concurrency=2).arun()

    began = time.monotonic()
    asyncio.run(work())
    assert time.monotonic() - began < 30


@pytest.mark.slow
def test_workers_of_other_versions_take_over(trial: Trial) -> None:
    """The engine's own version is pinned: it would leave behind what other code has begun, or crashed too often."""
    with trial.ledger(COUNT):
        pass
    process = scenes.started(lambda: _dies(trial, "other code"))
    assert ended(process) == -signal.SIGKILL
    statement = f"SELECT DISTINCT application_version, executor_id FROM {ENGINE} WHERE status = 'PENDING'"
    assert trial.sql(statement) == [("1", "old")]
    trial.sql(f"UPDATE {ENGINE} SET recovery_attempts = 10000")
    assert scenes.forked(lambda: _finishes(trial)) == 0
    assert set(trial.states.values()) <= {"done", "parked"}
    assert trial.sql(f"SELECT count(*) FROM {ENGINE} WHERE status NOT IN ('SUCCESS')") == [(0,)]


def _dies(trial: Trial, note: str) -> None:
    """Work with other code in the workflows, and die in the middle."""
    body = engine.Engine._workflow  # noqa: SLF001 - what its versions differ in

    def other(self: Any, kind: Any) -> Any:
        original = body(self, kind)

        async def changed(job: str) -> None:
            assert note
            await original(job)

        return changed

    def handle(request: httpx.Request, pass_on: Callable[[httpx.Request], httpx.Response]) -> httpx.Response:
        response = pass_on(request)
        if request.method == "GET":
            os.kill(os.getpid(), signal.SIGKILL)
        return response

    trial.transport = type(trial.transport)(trial.mock.transport, handle)
    with patch.object(engine.Engine, "_workflow", other):
        trial.batch(worker="old").work()


def _finishes(trial: Trial) -> None:
    assert trial.batch(worker="new").work().counts.get("done", 0) >= COUNT - 3


def test_a_worker_waits_for_a_run(trial: Trial) -> None:
    """Workers may be started before the jobs are there."""
    process = scenes.started(lambda: _waits(trial))
    time.sleep(1)
    assert scenes.forked(lambda: _runs(trial)) == 0
    assert ended(process) == 0
    assert trial.states == {f"job-{number}": "done" for number in range(COUNT)}


def _waits(trial: Trial) -> None:
    assert trial.batch(worker="b").work().jobs == COUNT


def _runs(trial: Trial) -> None:
    assert trial.batch(lines(COUNT), worker="a").run().jobs == COUNT
