"""Running a batch again resumes it: what was paid for is never paid for again, and never forgotten."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import time
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from octopusx_video import NotSentError
from octopusx_video._ledger.file_ledger import FILE, FileLedger
from octopusx_video._ledger.ledger import Outcome
from octopusx_video.batch import BatchError, InvalidJobsError, LedgerError

from tests.support.batches.service import line
from tests.support.batches.trial import Trial, lines, losing, named, prompt_of, read_lines, refusing

TASK = "grok:11111111-2222-4333-8444-555555555555"


def test_a_finished_file_sends_no_request(trial: Trial) -> None:
    """Neither a submit nor a read nor a download."""
    path = trial.file(lines(4))
    assert trial.run(path).exit_status == 0
    before = len(trial.transport.requests)
    again = trial.run(path)
    assert (again.counts, again.exit_status) == ({"done": 4}, 0)
    assert len(trial.transport.requests) == before
    assert trial.broken(has_ended=True) == []


def test_appended_lines_are_new(trial: Trial) -> None:
    """Wherever they stand, and whatever the order of the others."""
    trial.run(trial.file(lines(3)))
    assert trial.run(trial.file([line("first"), *reversed(lines(4))])).counts == {"done": 5}
    assert trial.tasks.keys() == {"first", "job-0", "job-1", "job-2", "job-3"}
    assert trial.billed == 5


def test_a_known_id_with_another_body_is_refused(trial: Trial) -> None:
    """Before anything is sent, new lines of the same file included."""
    trial.run(trial.file(lines(2)))
    before = len(trial.transport.requests)
    with pytest.raises(InvalidJobsError, match="line 2: the custom_id 'job-1' is known with another request"):
        trial.run(trial.file([line("job-0"), line("job-1", duration=6), line("new")]))
    assert len(trial.transport.requests) == before
    assert trial.billed == 2
    assert "new" not in trial.states


def test_a_line_that_was_removed_is_still_a_job(trial: Trial) -> None:
    """What was paid for is not forgotten since it left the file."""
    trial.run(trial.file(lines(3)))
    assert trial.run(trial.file([line("job-1")])).jobs == 3


def test_the_jobs_of_the_ledger_are_run_without_a_file(trial: Trial) -> None:
    """A run needs the file for new jobs alone."""
    trial.run(lines(3), max_paid=1)
    assert trial.run(max_paid=3).counts == {"done": 3}


def crashed(trial: Trial, count: int = 3) -> None:
    """A process claims jobs and ends before their responses arrive; the service has billed every second one."""
    trial.run(lines(count), max_paid=0)
    trial.sql("UPDATE batch SET max_paid = NULL")
    with contextlib.closing(FileLedger(trial.out / FILE, create=False)) as ledger:
        for number in range(count):
            assert ledger.claim(f"job-{number}") == 1


def test_what_an_ended_process_was_sending_is_parked(trial: Trial) -> None:
    """It may be billed, so that no run sends it again by itself."""
    crashed(trial)
    for _ in range(2):
        ended = trial.run(lines(3))
        assert (ended.counts, ended.paid, ended.exit_status) == ({"parked": 3}, 3, 3)
    assert trial.submits == 0
    assert all("process ended" in reason for reason in trial.reasons.values())


def test_a_parked_job_that_was_accepted_is_resolved_by_the_id_of_its_task(tmp_path: Path) -> None:
    """The next run saves its video, without a submit."""
    trial = Trial(tmp_path, losing(lambda job: job == "job-1"))
    assert trial.run(lines(3)).counts == {"done": 2, "parked": 1}
    (task,) = trial.tasks["job-1"]
    row = trial.batch().resolve("job-1", task=task)
    assert (row.state, row.task) == ("accepted", task)
    ended = trial.run(lines(3))
    assert (ended.counts, ended.paid) == ({"done": 3}, 3)
    assert trial.submits == 3
    assert trial.broken(has_ended=True) == []


def test_a_parked_job_that_was_not_billed_is_sent_again(tmp_path: Path) -> None:
    """As a new attempt, and the budget has room for it again."""
    lost = {"job-1"}
    trial = Trial(tmp_path, losing(lambda job: job in lost, is_billed=False))
    assert trial.run(lines(3), max_paid=3).paid == 3
    lost.clear()
    assert trial.batch().resolve("job-1", billed=False).state == "not_sent"
    assert trial.batch().status().paid == 2
    ended = trial.run(lines(3), max_paid=3)
    assert (ended.counts, ended.paid) == ({"done": 3}, 3)
    assert trial.sql("SELECT attempt, state FROM attempt WHERE job = 'job-1' ORDER BY attempt") == [
        (1, "not_billed"),
        (2, "accepted"),
    ]


def test_a_parked_job_can_be_given_up(tmp_path: Path) -> None:
    """It counts as billed, and is not sent again."""
    trial = Trial(tmp_path, losing(lambda job: job == "job-1"))
    trial.run(lines(3))
    assert trial.batch().resolve("job-1").state == "failed"
    ended = trial.run(lines(3))
    assert (ended.counts, ended.paid, ended.exit_status) == ({"done": 2, "failed": 1}, 3, 1)
    assert trial.submits == 3


def test_only_a_parked_job_is_resolved(trial: Trial) -> None:
    """By its id, with the id of a task; what the ledger knows stays as it is."""
    crashed(trial, 1)
    trial.run([*lines(1), line("other")])
    with pytest.raises(LedgerError, match="no job 'none'"):
        trial.batch().resolve("none", billed=False)
    with pytest.raises(LedgerError, match="'other' is not parked; it is done"):
        trial.batch().resolve("other", billed=False)
    with pytest.raises(NotSentError, match="not the id of a task"):
        trial.batch().resolve("job-0", task="not a task")
    assert trial.states == {"job-0": "parked", "other": "done"}


def test_the_task_of_another_job_resolves_nothing(trial: Trial) -> None:
    """A video that is of another job would be saved twice, and the one that was paid for forgotten."""
    crashed(trial, 1)
    trial.run([*lines(1), line("other")])
    (task,) = trial.tasks["other"]
    with pytest.raises(LedgerError, match="is that of the job 'other'"):
        trial.batch().resolve("job-0", task=task)
    assert trial.states["job-0"] == "parked"


def test_a_late_response_overrides_parked(trial: Trial) -> None:
    """A process that was taken for ended still writes down what it was paid for."""
    crashed(trial, 1)
    trial.run(lines(1))
    with contextlib.closing(FileLedger(trial.out / FILE, create=False)) as ledger:
        ledger.settle("job-0", 1, Outcome("accepted", TASK))
        row = ledger.row("job-0")
        assert row is not None
        assert (row.state, row.task) == ("accepted", TASK)
        ledger.settle("job-0", 1, Outcome("parked", reason="later still"))
        assert ledger.row("job-0") == row
    assert trial.batch().status().paid == 1


def test_a_late_response_overrides_what_a_person_has_said(trial: Trial) -> None:
    """It was billed after all, and counts again."""
    crashed(trial, 1)
    trial.batch().resolve("job-0", billed=False)
    with contextlib.closing(FileLedger(trial.out / FILE, create=False)) as ledger:
        ledger.settle("job-0", 1, Outcome("accepted", TASK))
    assert trial.states == {"job-0": "accepted"}
    assert trial.batch().status().paid == 1


def test_a_refused_job_is_sent_again_only_on_demand(tmp_path: Path) -> None:
    """``retry`` makes a new attempt of it; without it a run sends nothing."""
    refused = {"job-1"}
    trial = Trial(tmp_path, refusing(400, wanted=lambda job: job in refused))
    ended = trial.run(lines(3))
    assert (ended.counts, ended.paid, ended.exit_status) == ({"done": 2, "refused": 1}, 2, 1)
    refused.clear()
    assert trial.run(lines(3)).counts == {"done": 2, "refused": 1}
    assert trial.submits == 3
    assert trial.run(lines(3), retry=("refused",)).counts == {"done": 3}
    assert trial.sql("SELECT attempt, state FROM attempt WHERE job = 'job-1' ORDER BY attempt") == [
        (1, "refused"),
        (2, "accepted"),
    ]


def test_a_retry_counts_again(trial: Trial) -> None:
    """A failed task may stay billed, so that the budget has room for one video less."""
    with trial.mock.fault("failed_billed", times=1):
        assert trial.run(lines(2), max_paid=2).counts == {"done": 1, "failed": 1}
        ended = trial.run(lines(2), max_paid=2, retry=("failed",))
        assert (ended.counts, ended.exit_status) == ({"done": 1, "held": 1}, 7)
    ended = trial.run(lines(2), max_paid=3)
    assert (ended.counts, ended.paid) == ({"done": 2}, 3)
    assert trial.billed == 3


def test_a_parked_job_is_not_retried(tmp_path: Path) -> None:
    """No state that may be billed can be named."""
    trial = Trial(tmp_path, losing())
    trial.run(lines(1))
    for state in ("parked", "accepted", "sending", "done"):
        with pytest.raises(NotSentError, match=f"retry: '{state}' is none of"):
            trial.run(lines(1), retry=(state,))


def test_what_was_accepted_is_awaited_by_the_next_run(trial: Trial) -> None:
    """A wait that was too short loses nothing; the next one is free."""
    assert trial.run(lines(2), timeout=0).counts == {"undelivered": 2}
    ended = trial.run(lines(2))
    assert (ended.counts, trial.submits) == ({"done": 2}, 2)


def test_a_video_that_was_saved_before_the_end_is_not_fetched_again(trial: Trial) -> None:
    """A crash between the file and the ledger costs a read."""
    trial.run(lines(2))
    trial.sql("UPDATE job SET state = 'accepted', file = NULL WHERE id = 'job-0'")
    path = trial.out / "videos" / "job-0.mp4"
    before = path.stat().st_mtime_ns
    assert trial.run(lines(2)).counts == {"done": 2}
    assert path.stat().st_mtime_ns == before


def test_half_a_video_is_fetched_again(trial: Trial) -> None:
    """And parts of a killed process are removed."""
    trial.run(lines(2))
    trial.sql("UPDATE job SET state = 'accepted', file = NULL WHERE id = 'job-0'")
    path = trial.out / "videos" / "job-0.mp4"
    whole = path.read_bytes()
    path.write_bytes(whole[:100])
    (trial.out / "videos" / ".octopusx-video-0123456789ab.part").write_bytes(b"half")
    assert trial.run(lines(2)).counts == {"done": 2}
    assert path.read_bytes() == whole
    assert trial.videos == ["job-0.mp4", "job-1.mp4"]


def test_a_clock_that_jumps_back_changes_nothing(trial: Trial, monkeypatch: pytest.MonkeyPatch) -> None:
    """Times of the wall clock are shown, and decide nothing."""
    trial.run(lines(2), max_paid=1)
    real = time.time
    for jump in (-(10**9), 10**9):
        monkeypatch.setattr(time, "time", lambda jump=jump: real() + jump)
        trial.run(lines(2 if jump < 0 else 3), max_paid=2 if jump < 0 else 3)
    assert set(trial.states.values()) == {"done"}
    assert trial.billed == 3
    assert trial.broken(has_ended=False) == []


async def _cancelled(trial: Trial, times: int) -> None:
    """Cancel a run of six jobs while two submits wait for their responses, which arrive where that is awaited."""
    held = _Held(trial)
    running = asyncio.create_task(trial.batch(lines(6), concurrency=2, transport=held).arun())
    await held.waits_for(2)
    for _ in range(times):
        running.cancel()
        await asyncio.sleep(0.01)
    if times == 1:
        held.release()
    with pytest.raises(asyncio.CancelledError):
        await running


def test_cancelled_once_it_waits_for_the_responses(trial: Trial) -> None:
    """Nothing more is sent; what was sent is accepted and resumed by the next run."""
    asyncio.run(_cancelled(trial, times=1))
    assert sorted(trial.states.values()) == ["accepted", "accepted", "new", "new", "new", "new"]
    assert trial.run(lines(6)).counts == {"done": 6}
    assert trial.billed == 6
    assert trial.broken(has_ended=True) == []


def test_cancelled_twice_it_parks_what_was_sent(trial: Trial) -> None:
    """Nobody waits for the responses any more."""
    asyncio.run(_cancelled(trial, times=2))
    assert sorted(trial.states.values()) == ["new", "new", "new", "new", "parked", "parked"]
    assert trial.batch().status().paid == 2
    assert trial.run(lines(6)).counts == {"done": 4, "parked": 2}
    assert trial.broken() == []


def test_an_id_in_a_response_that_was_cut_by_an_interrupt_is_kept(trial: Trial) -> None:
    """Whatever had arrived of it: the job is accepted, not parked."""
    began = asyncio.Event()

    class Slow(httpx.AsyncByteStream):
        async def __aiter__(self) -> AsyncIterator[bytes]:
            yield b'{"id": "%s", "status": "processing"}' % TASK.encode()
            began.set()
            await asyncio.sleep(60)

    class Transport(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            return httpx.Response(200, headers={"Content-Type": "application/json"}, stream=Slow())

    async def body() -> None:
        running = asyncio.create_task(trial.batch(lines(1), transport=Transport()).arun())
        await began.wait()
        for _ in range(2):
            running.cancel()
            await asyncio.sleep(0.01)
        with pytest.raises(asyncio.CancelledError):
            await running

    asyncio.run(body())
    (row,) = trial.batch().rows()
    assert (row.state, row.task) == ("accepted", TASK)


def test_the_results_are_written_from_the_ledger_again(trial: Trial) -> None:
    """Whoever deletes or spoils them gets them back from the next run."""
    trial.run(lines(3), max_paid=2)
    results, errors = trial.out / "results.jsonl", trial.out / "errors.jsonl"
    before = results.read_text("utf-8"), errors.read_text("utf-8")
    results.unlink()
    errors.write_text("spoilt", "utf-8")
    trial.run(lines(3), max_paid=2)
    assert (results.read_text("utf-8"), errors.read_text("utf-8")) == before
    assert named(read_lines(results)) == ["job-0", "job-1"]
    assert named(read_lines(errors)) == ["job-2"]


def test_a_deleted_folder_of_videos_is_made_again(trial: Trial) -> None:
    """A finished batch stays finished, and new jobs are saved."""
    trial.run(lines(1))
    (trial.out / "videos" / "job-0.mp4").unlink()
    (trial.out / "videos").rmdir()
    assert trial.run(lines(2)).counts == {"done": 2}
    assert trial.videos == ["job-1.mp4"]


def test_a_moved_folder_is_resumed(trial: Trial) -> None:
    """Nothing in it depends on where it is."""
    trial.run(lines(2), max_paid=1)
    trial.out = trial.out.rename(trial.folder / "elsewhere")
    assert trial.run(lines(2), max_paid=2).counts == {"done": 2}
    assert trial.billed == 2


def test_an_old_copy_of_the_ledger_pays_for_nothing_twice(trial: Trial) -> None:
    """A job that it would send has its video already: that is an error, and nothing is sent."""
    trial.run(lines(3), max_paid=0)
    copy = trial.folder / "copy"
    shutil.copy(trial.out / FILE, copy)
    trial.run(lines(3), max_paid=3)
    shutil.copy(copy, trial.out / FILE)
    with pytest.raises(BatchError, match="old copy"):
        trial.run(lines(3), max_paid=3)
    assert trial.billed == 3


def test_a_lost_ledger_pays_for_nothing_twice(trial: Trial) -> None:
    """The videos that are there are of no job of a new one."""
    trial.run(lines(2))
    for path in trial.out.glob(f"{FILE}*"):
        path.unlink()
    with pytest.raises(InvalidJobsError, match=r"videos/job-0\.mp4 exists"):
        trial.run(lines(2))
    assert trial.billed == 2


def test_a_job_that_the_contract_does_not_allow_any_more_is_refused(trial: Trial) -> None:
    """The others go on; it was not sent, and takes no budget."""
    trial.run(lines(3), max_paid=0)
    trial.sql("UPDATE job SET fields = '{}' WHERE id = 'job-1'")
    ended = trial.run(max_paid=2)
    assert (ended.counts, ended.paid, trial.submits) == ({"done": 2, "refused": 1}, 2, 2)
    assert "model is missing" in trial.reasons["job-1"]


def test_nothing_outside_of_the_folder_is_written(trial: Trial) -> None:
    """A link that stands where a file of the batch belongs is not followed."""
    trial.run(lines(1), timeout=0)
    other = trial.folder / "other"
    other.write_bytes(b"mine")
    link = trial.out / "videos" / "job-0.mp4"
    link.symlink_to(other)
    for name in ("results.jsonl", "errors.jsonl"):
        (trial.out / name).unlink()
        (trial.out / name).symlink_to(other)
    assert trial.run(lines(1)).counts == {"undelivered": 1}
    assert "is a link" in trial.reasons["job-0"]
    link.unlink()
    assert trial.run(lines(1)).counts == {"done": 1}
    (trial.out / "lock").unlink()
    (trial.out / "lock").symlink_to(other)
    with pytest.raises(LedgerError, match="lock can't be written"):
        trial.run(lines(1))
    assert other.read_bytes() == b"mine"


class _Held(httpx.AsyncBaseTransport):
    """Holds submits back until they are released.

    Args:
        trial: The mock that they are then sent to.
    """

    def __init__(self, trial: Trial) -> None:
        self._trial = trial
        self._gate, self._more = asyncio.Event(), asyncio.Event()
        self.held: list[str] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Called by httpx."""
        if request.method == "POST":
            self.held.append(prompt_of(request))
            self._more.set()
            await self._gate.wait()
        return await self._trial.transport.handle_async_request(request)

    async def waits_for(self, count: int) -> None:
        """Wait until so many submits are held back."""
        while len(self.held) < count:
            await self._more.wait()
            self._more.clear()

    def release(self) -> None:
        """Send them."""
        self._gate.set()


def test_the_folder_is_deleted_while_it_runs(tmp_path: Path) -> None:
    """Nothing more is sent, and the error names the task that was accepted."""

    def handle(request: httpx.Request, pass_on: object) -> httpx.Response:
        if request.method == "POST":
            shutil.rmtree(trial.out)
        assert callable(pass_on)
        response: httpx.Response = pass_on(request)
        return response

    trial = Trial(tmp_path, handle)
    with pytest.raises(BatchError, match="not in its place any more") as caught:
        trial.run(lines(5), concurrency=1)
    assert trial.billed == 1
    assert trial.tasks["job-0"][0] in str(caught.value)
    assert "job-0" in str(caught.value)
    assert not trial.out.exists()
