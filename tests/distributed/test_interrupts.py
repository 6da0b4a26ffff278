"""Ctrl-C and SIGTERM end a command, whatever the database does: with their status, and with what was paid for."""

from __future__ import annotations

import contextlib
import json
import signal
import subprocess
import time
from collections.abc import Callable, Iterator

import pytest
from octopusx_video_mock import Mock

from tests.support.batches.distributed_trial import NAME, Trial
from tests.support.batches.postgres import Cluster
from tests.support.sdk import command
from tests.support.sdk.clients import BASE_URL, KEY

pytestmark = pytest.mark.usefixtures("signals_as_usual")

END_SECONDS = 30
"""Of which the database gets eight, and the engine, the lease and the last look at the batch some."""


@contextlib.contextmanager
def started(trial: Trial, url: str, *options: str, name: str = NAME) -> Iterator[subprocess.Popen[str]]:
    """A worker in a process of its own, which ends with the block."""
    words = ["batch", "worker", "--db", trial.db, "--name", name, "--out", str(trial.out), "--poll-interval", "0.05"]
    process = command.spawn([*words, "--submit-timeout", "20", *options], command.environment(url))
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def ended(process: subprocess.Popen[str], number: signal.Signals) -> tuple[str, str]:
    """What a command prints that a signal ends: standard output and standard error."""
    began = time.monotonic()
    process.send_signal(number)
    stdout, stderr = process.communicate(timeout=2 * END_SECONDS)
    assert process.returncode == 128 + number, stderr
    assert time.monotonic() - began < END_SECONDS
    assert "Traceback" not in stderr
    return stdout, stderr


@contextlib.contextmanager
def begun(trial: Trial, url: str) -> Iterator[None]:
    """A batch for a server that runs on this machine, with two submits at once."""
    with trial.ledger(6, concurrency=2):
        trial.sql("UPDATE batch SET server = %s", url)
    yield


def wait_for(condition: Callable[[], bool]) -> None:
    """Wait until it holds."""
    until = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.01)


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("how", ["freezes", "stops"])
def test_a_database_that_is_away_keeps_no_command_from_ending(
    trial: Trial, cluster: Cluster, how: str, number: signal.Signals
) -> None:
    """It waits for the responses, and prints what it can't write."""
    mock = Mock(token=KEY, start=None, speed=900, latency="1.0")
    with mock.serve() as url, begun(trial, url), started(trial, url) as process:
        wait_for(lambda: len(mock.submissions) == 2)
        (cluster.freeze if how == "freezes" else cluster.stop)()
        _, stderr = ended(process, number)
        cluster.thaw()
    assert "interrupted: nothing more is sent" in stderr
    for submission in mock.submissions:
        assert f"WAS ACCEPTED as task {submission.task}" in stderr
    assert len(mock.submissions) == 2


@pytest.mark.slow
def test_a_second_interrupt_waits_for_no_response(trial: Trial, cluster: Cluster) -> None:
    """And says which jobs may have been accepted, or leaves them to the other workers."""
    mock = Mock(token=KEY, start=None, speed=900, latency="15.0")
    with mock.serve() as url, begun(trial, url), started(trial, url) as process:
        wait_for(lambda: len(mock.submissions) == 2)
        cluster.freeze()
        process.send_signal(signal.SIGINT)
        time.sleep(0.5)
        began = time.monotonic()
        ended(process, signal.SIGINT)
        assert time.monotonic() - began < 12
        cluster.thaw()


@pytest.mark.slow
@pytest.mark.parametrize("as_json", [False, True])
def test_a_worker_that_waits_for_a_run_can_be_ended(trial: Trial, as_json: bool) -> None:  # noqa: FBT001
    """There is no batch yet, which is no error then."""
    with started(trial, BASE_URL, *(["--json"] if as_json else []), name="none1") as process:
        assert process.stderr is not None
        while "waiting for a run" not in process.stderr.readline():
            pass
        stdout, stderr = ended(process, signal.SIGTERM)
    assert "there is no batch" not in stderr
    assert "interrupted" in stderr
    if as_json:
        assert json.loads(stdout)["error"]["type"] == "Interrupted"


@pytest.mark.slow
@pytest.mark.parametrize("how", ["freezes", "stops"])
def test_a_worker_that_can_not_begin_can_be_ended(trial: Trial, cluster: Cluster, how: str) -> None:
    """While it tries to reach the database."""
    with trial.ledger(2):
        pass
    (cluster.freeze if how == "freezes" else cluster.stop)()
    with started(trial, BASE_URL) as process:
        assert process.stderr is not None
        if how == "stops":
            while "trying for" not in process.stderr.readline():
                pass
        else:
            time.sleep(3)
        _, stderr = ended(process, signal.SIGINT)
        cluster.thaw()
    assert "interrupted; to resume, run the same command again: octopusx-video batch worker --db" in stderr
