"""Sending stops where going on would cost more than it gives; what was paid for is still saved."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest
from octopusx_video._batch import runner
from octopusx_video.batch import Row

from tests.support.batches.trial import Trial, lines, losing, prompt_of, refusing

Pass = Callable[[httpx.Request], httpx.Response]


def _numbered(job: str) -> int:
    return int(job.removeprefix("job-"))


def test_three_ambiguous_submits_in_a_row_stop_sending(tmp_path: Path) -> None:
    """Something is wrong with the way to the service, and each further job might be paid for unseen."""
    trial = Trial(tmp_path, losing(lambda job: _numbered(job) >= 2))
    ended = trial.run(lines(20), concurrency=1)
    assert (ended.counts, ended.exit_status) == ({"done": 2, "parked": 3, "stopped": 15}, 3)
    assert ended.stopped_by is not None
    assert trial.submits == 5
    assert trial.broken() == []


def test_ambiguous_submits_that_are_not_in_a_row_stop_nothing(tmp_path: Path) -> None:
    """An accepted one between them shows that the service is there."""
    trial = Trial(tmp_path, losing(lambda job: _numbered(job) % 3 != 2))
    assert trial.run(lines(12), concurrency=1).counts == {"done": 4, "parked": 8}


def test_ambiguous_submits_under_way_together_are_bounded_by_the_concurrency(tmp_path: Path) -> None:
    """No more than were sent before the third was known."""
    trial = Trial(tmp_path, losing())
    ended = trial.run(lines(40), concurrency=8)
    assert ended.counts["parked"] <= 8 + 2
    assert ended.exit_status == 3


@pytest.mark.parametrize(("status", "code"), [(401, ""), (403, ""), (403, "insufficient_quota")])
def test_a_refusal_of_the_account_stops_sending(status: int, code: str, tmp_path: Path) -> None:
    """One of them: every further submit would be refused too. What was paid for is saved."""
    trial = Trial(tmp_path, refusing(status, code, lambda job: _numbered(job) >= 2))
    ended = trial.run(lines(20), concurrency=1)
    assert ended.exit_status == 1
    assert ended.counts["done"] == 2
    assert ended.counts["stopped"] == 17
    assert ended.stopped_by is not None
    assert trial.submits == 3
    assert len(trial.videos) == 2


def test_any_other_refusal_concerns_its_job_alone(tmp_path: Path) -> None:
    """A prompt that is not allowed says nothing of the next one."""
    trial = Trial(tmp_path, refusing(400, wanted=lambda job: _numbered(job) % 2 == 0))
    ended = trial.run(lines(10), concurrency=1)
    assert (ended.counts, ended.stopped_by) == ({"done": 5, "refused": 5}, None)


@pytest.mark.parametrize("kind", ["lost", "unauthorized"])
def test_keep_going_goes_on(kind: str, tmp_path: Path) -> None:
    """Where the person knows better."""
    few = {"job-0", "job-1", "job-2", "job-3"}
    handle = losing(lambda job: job in few) if kind == "lost" else refusing(401, wanted=lambda job: job in few)
    trial = Trial(tmp_path, handle)
    ended = trial.run(lines(8), concurrency=1, keep_going=True)
    assert ended.counts == {"done": 4, "parked" if kind == "lost" else "refused": 4}
    assert ended.stopped_by is None


def test_the_next_run_sends_what_was_stopped(tmp_path: Path) -> None:
    """Once the cause is removed."""
    is_wrong = True
    trial = Trial(tmp_path, refusing(401, wanted=lambda _: is_wrong))
    trial.run(lines(5), concurrency=1)
    is_wrong = False
    ended = trial.run(lines(5), retry=("refused",))
    assert (ended.counts, ended.exit_status) == ({"done": 5}, 0)


def test_the_highest_need_for_a_person_decides_the_exit_status(tmp_path: Path) -> None:
    """Parked before the budget before the rest."""

    def handle(request: httpx.Request, pass_on: Pass) -> httpx.Response:
        if request.method == "POST" and prompt_of(request) in lost:
            return losing()(request, pass_on)
        return refusing(400, wanted=lambda job: job == "job-1")(request, pass_on)

    lost = {"job-2"}
    trial = Trial(tmp_path, handle)
    ended = trial.run(lines(6), concurrency=1, max_paid=3)
    assert (set(ended.counts), ended.exit_status) == ({"done", "refused", "parked", "held"}, 3)
    lost.clear()
    trial.batch().resolve("job-2", billed=False)
    assert trial.run(lines(6), max_paid=3).exit_status == 7
    ended = trial.run(lines(6), max_paid=10)
    assert (ended.counts, ended.exit_status) == ({"done": 5, "refused": 1}, 1)
    assert trial.run(lines(6), retry=("refused",)).exit_status == 1


def test_a_program_can_stop_its_batch(trial: Trial) -> None:
    """From a listener: what is under way is accepted and saved."""

    def listen(row: Row) -> None:
        if row.state == "accepted":
            batch.stop()

    batch = trial.batch(lines(10), concurrency=2, on_event=listen)
    ended = batch.run()
    assert ended.counts == {"done": 2, "stopped": 8}
    assert ended.exit_status == 1
    assert ended.stopped_by == "batch stop"
    assert trial.run(lines(10)).counts == {"done": 10}


def test_another_process_can_stop_a_batch(trial: Trial) -> None:
    """By the ledger: no claim after it is granted."""

    def listen(row: Row) -> None:
        if row.state == "accepted":
            trial.batch().stop()  # another object, as another process has it

    ended = trial.run(lines(10), concurrency=2, on_event=listen)
    assert ended.counts == {"done": 2, "stopped": 8}
    assert trial.run(lines(10)).counts == {"done": 10}


class _Usage(NamedTuple):
    total: int
    used: int
    free: int


def test_a_disk_that_is_almost_full_stops_sending(trial: Trial, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is paid for has to be saved; the look at the disk is not the clock's."""
    monkeypatch.setattr(shutil, "disk_usage", lambda _: _Usage(100, 99, 1))
    monkeypatch.setattr(runner, "STOP_CHECK_SECONDS", 0)
    ended = trial.run(lines(200), concurrency=1)
    assert ended.counts["stopped"] > 100
    assert ended.stopped_by is not None
    assert "MB left" in ended.stopped_by
    assert trial.broken() == []


def test_a_service_that_turns_everything_away_is_left_alone(tmp_path: Path) -> None:
    """429 before any work: the jobs stay to be sent, and the run ends by itself."""
    trial = Trial(tmp_path)
    trial.mock.faults.on("rate_limited", operation="createVideoExtension")
    ended: Any = trial.run(lines(30))
    assert ended.exit_status == 1
    assert set(ended.counts) <= {"not_sent", "stopped"}
    assert ended.paid == 0
    assert trial.submits < 100
    trial.mock.faults.off("rate_limited")
    assert trial.run(lines(30)).counts == {"done": 30}
    assert trial.broken(has_ended=False) == []
