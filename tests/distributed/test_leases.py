"""A worker's id and lease: no two have one id, and whoever's lease has expired sends nothing."""

from __future__ import annotations

import asyncio
import json
import os
import time
from pathlib import Path
from typing import Any

import httpx
import pytest
from octopusx_video._distributed import lease as leases
from octopusx_video._distributed.lease import CLAIMED_BY, Guard, Lease
from octopusx_video.batch import LedgerInUseError

from tests.support.batches.distributed_trial import SUBMIT_SECONDS, Trial
from tests.support.batches.postgres import Cluster

URL = "http://localhost/v1/videos/extensions"


def other(trial: Trial, name: str | None) -> Lease:
    """The lease of another worker."""
    return Lease(trial.address, SUBMIT_SECONDS, name, Path("out"), "1")


def test_a_second_worker_of_one_id_is_refused(trial: Trial) -> None:
    """Two with one executor id would have the engine begin each other's work again."""
    with trial.worker("a", 1), pytest.raises(LedgerInUseError, match=r"'a' is alive.*process \d+ on .*another --id"):
        other(trial, "a").take()


def test_the_end_of_a_lease_waits_for_no_frozen_database(trial: Trial, cluster: Cluster) -> None:
    """It expires by itself."""
    with trial.worker("a", 1) as (_, lease):
        cluster.freeze()
        began = time.monotonic()
        lease.release()
        assert time.monotonic() - began < 5
        cluster.thaw()


def test_the_end_of_a_lease_is_written_after_a_restart_of_the_database(trial: Trial, cluster: Cluster) -> None:
    """The connection that it has was lost, which only a statement notices."""
    with trial.worker("a", 1):
        cluster.restart()
    assert trial.sql("SELECT lease_until <= unix_now() FROM worker") == [(True,)]


def test_an_id_is_free_again_when_its_worker_has_ended(trial: Trial) -> None:
    """It ends its lease when it ends in order."""
    with trial.worker("a", 1) as (_, lease):
        first = lease.run
    with trial.worker("a") as (_, lease):
        assert lease.run != first


def test_an_id_is_free_at_once_when_its_process_on_this_machine_has_ended(trial: Trial) -> None:
    """As after `kill -9` and a restart."""
    with trial.worker("a", 1):
        process = json.loads(trial.sql("SELECT process FROM worker")[0][0])
        trial.sql("UPDATE worker SET process = %s", json.dumps({**process, "started": "1"}))
        second = other(trial, "a")
        second.take()
        second.release()


@pytest.mark.parametrize("changed", ["boot", "namespace"])
def test_a_process_of_another_machine_may_be_alive(trial: Trial, changed: str) -> None:
    """Only this machine knows its own processes."""
    with trial.worker("a", 1):
        process = json.loads(trial.sql("SELECT process FROM worker")[0][0])
        trial.sql("UPDATE worker SET process = %s", json.dumps({**process, "started": "1", changed: "other"}))
        with pytest.raises(LedgerInUseError):
            other(trial, "a").take()


def test_a_worker_without_an_id_gets_one_that_nobody_has(trial: Trial) -> None:
    """By the name of the machine and a number."""
    with trial.ledger(1):
        pass
    first, second = other(trial, None), other(trial, None)
    first.take()
    second.take()
    assert (first.worker, second.worker) == (f"{os.uname().nodename}-1", f"{os.uname().nodename}-2")
    first.release()
    second.release()


def test_a_lease_is_renewed(trial: Trial) -> None:
    """As long as the worker lives."""
    with trial.worker("a", 1) as (_, lease):
        time.sleep(lease.seconds / leases.RENEWALS * 3)
        (left,) = trial.sql("SELECT lease_until - unix_now() FROM worker")[0]
        assert left > lease.seconds * 0.8
        assert lease.permits(lease.run)


def test_what_takes_longer_than_the_lease_is_not_sent(trial: Trial, monkeypatch: pytest.MonkeyPatch) -> None:
    """The response has to arrive before another worker may take this one for dead."""
    with trial.worker("a", 1) as (_, lease):
        now = leases._now()  # noqa: SLF001 - the clock of leases
        monkeypatch.setattr(leases, "_now", lambda: now + lease.seconds - SUBMIT_SECONDS - 0.2)
        assert lease.permits(lease.run)
        monkeypatch.setattr(leases, "_now", lambda: now + lease.seconds - SUBMIT_SECONDS + 0.2)
        assert not lease.permits(lease.run)


def test_a_worker_that_wakes_after_its_lease_sends_nothing_of_before(trial: Trial) -> None:
    """What it had claimed was parked meanwhile."""
    with trial.worker("a", 1) as (_, lease):
        before = lease.run
        trial.sql("UPDATE worker SET lease_until = unix_now() - 1")
        _until(lambda: lease.run != before)
        assert not lease.permits(before)
        assert lease.permits(lease.run)


def test_a_worker_whose_id_was_taken_sends_nothing_any_more(trial: Trial) -> None:
    """The other process sends in its name."""
    with trial.worker("a", 1) as (_, lease):
        trial.sql("UPDATE worker SET run = 'other'")
        _until(lambda: lease.lost is not None)
        assert "another process works as 'a' now" in str(lease.lost)
        assert not lease.permits(lease.run)


def test_a_worker_that_can_not_renew_stops_sending_and_says_so(
    trial: Trial, cluster: Cluster, caplog: pytest.LogCaptureFixture
) -> None:
    """Others take it for dead soon."""
    with trial.worker("a", 1) as (_, lease):
        cluster.stop()
        _until(lambda: not lease.permits(lease.run), 10)
        _until(lambda: "sending stops until the lease can be renewed" in caplog.text)
        cluster.start()
        _until(lambda: lease.permits(lease.run), 10)
        assert "the lease is renewed again" in caplog.text or "the lease has expired" in caplog.text


def _until(holds: Any, seconds: float = 5) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.02)


class _Lease:
    """A lease that lasts for so many looks."""

    lost = None

    def __init__(self, looks: int) -> None:
        self._looks = looks

    def permits(self, run: str) -> bool:
        """Whether it lasts."""
        self._looks -= 1
        return self._looks >= 0


def _sent(looks: int, method: str = "POST") -> list[str]:
    """The steps that a request takes under a guard."""
    steps: list[str] = []

    async def step(name: str, _: Any) -> None:
        steps.append(name)

    async def send() -> None:
        CLAIMED_BY.set("run")
        request = httpx.Request(method, URL, extensions={"trace": step})
        await Guard(_Lease(looks)).hook(request)  # type: ignore[arg-type]
        for name in ("connection.connect_tcp.started", "http11.send_request_headers.started"):
            await request.extensions["trace"](name, {})

    try:
        asyncio.run(send())
    except httpx.ConnectError as error:
        steps.append(str(error))
    return steps


def test_the_last_look_is_when_the_first_byte_is_due() -> None:
    """A process may be stopped while it connects."""
    assert _sent(2) == ["connection.connect_tcp.started", "http11.send_request_headers.started"]
    assert _sent(1) == [
        "connection.connect_tcp.started",
        "nothing was sent: the lease of this worker has expired",
    ]
    assert _sent(0) == ["nothing was sent: the lease of this worker has expired"]


def test_reads_need_no_lease() -> None:
    """They cost nothing."""
    assert _sent(0, "GET") == ["connection.connect_tcp.started", "http11.send_request_headers.started"]
