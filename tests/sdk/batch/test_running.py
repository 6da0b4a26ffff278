"""How a batch runs: within its budget and pace, downloads first, and each job as its task ends."""

from __future__ import annotations

import asyncio
import bisect
import itertools
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import unquote

import httpx
import pytest
from octopusx_video import NotSentError
from octopusx_video._drivers import setup
from octopusx_video.batch import Row

from tests.support.batches.service import line
from tests.support.batches.trial import Trial, lines, losing, prompt_of, refusing
from tests.support.sdk.clients import BASE_URL

HOUR = 3600.0
Pass = Callable[[httpx.Request], httpx.Response]


@pytest.fixture
def remote(tmp_path: Path) -> Trial:
    """A trial for a server that is not on this machine."""
    return Trial(tmp_path)


def test_a_budget_is_required_for_a_server_elsewhere(remote: Trial) -> None:
    """Before anything is sent; a budget of an earlier run counts."""
    far = "https://api.example.com"
    with pytest.raises(NotSentError, match="no budget"):
        remote.run(lines(2), base_url=far)
    with pytest.raises(NotSentError, match="no budget"):
        remote.run(lines(2), base_url=far, max_seconds=100)
    with pytest.raises(NotSentError, match="no budget"):
        remote.batch(lines(2), base_url=far).plan()
    assert remote.transport.requests == []
    assert remote.run(lines(2), base_url=far, max_paid=1).counts == {"done": 1, "held": 1}
    assert remote.run(lines(2), base_url=far).counts == {"done": 1, "held": 1}


@pytest.mark.parametrize("url", [BASE_URL, "http://127.0.0.1:1", "http://[::1]:1"])
def test_a_server_on_this_machine_needs_none(url: str, trial: Trial) -> None:
    """A mock bills nothing."""
    assert trial.run(lines(1), base_url=url).exit_status == 0


def test_the_budget_counts_what_is_or_may_be_billed(tmp_path: Path) -> None:
    """Accepted and parked; a refused job makes room for another one."""

    def handle(request: httpx.Request, pass_on: Pass) -> httpx.Response:
        job = prompt_of(request) if request.method == "POST" else ""
        kind = losing() if job in {"job-1", "job-4"} else refusing(400) if job in {"job-2", "job-3"} else None
        return pass_on(request) if kind is None else kind(request, pass_on)

    trial = Trial(tmp_path, handle)
    ended = trial.run(lines(10), max_paid=5)
    assert ended.counts == {"done": 3, "parked": 2, "refused": 2, "held": 3}
    assert (ended.paid, ended.max_paid, ended.exit_status) == (5, 5, 3)
    assert trial.billed == 5
    assert trial.broken() == []


@pytest.mark.parametrize("concurrency", [1, 8, 50])
def test_submits_under_way_count_for_the_budget(concurrency: int, trial: Trial) -> None:
    """However many are sent at once, and again in the next run."""
    for _ in range(2):
        ended = trial.run(lines(30), max_paid=10, concurrency=concurrency)
        assert (ended.counts, ended.exit_status) == ({"done": 10, "held": 20}, 7)
    assert trial.billed == trial.submits == 10


def test_a_larger_budget_sends_what_was_held(trial: Trial) -> None:
    """And a smaller one nothing, though more was paid for before."""
    trial.run(lines(6), max_paid=2)
    assert trial.run(lines(6), max_paid=1).counts == {"done": 2, "held": 4}
    assert trial.run(lines(6), max_paid=5).counts == {"done": 5, "held": 1}
    assert trial.run(lines(6), max_paid=0).paid == 5


def test_a_budget_in_seconds_of_video(trial: Trial) -> None:
    """Each job counts with what its request adds."""
    jobs = [line(f"job-{number}", duration=6) for number in range(5)]
    ended = trial.run(jobs, max_seconds=20)
    assert (ended.counts, ended.paid_seconds) == ({"done": 3, "held": 2}, 18)
    assert trial.billed == 3


def test_no_more_is_sent_at_once_than_wanted(trial: Trial) -> None:
    """A crash parks as many jobs at most."""
    under_way = most = 0

    class Transport(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            nonlocal under_way, most
            under_way += request.method == "POST"
            most = max(most, under_way)
            for _ in range(20):
                await asyncio.sleep(0)
            under_way -= request.method == "POST"
            return await trial.transport.handle_async_request(request)

    trial.run(lines(12), concurrency=3, transport=Transport())
    assert most == 3


def test_submits_are_spread_by_a_rate(trial: Trial) -> None:
    """Two a second: half a second between each and the next."""
    trial.run(lines(10), rate=2)
    times = [call.at for call in trial.mock.calls if call.method == "POST"]
    assert all(later - earlier >= 0.5 - 1e-6 for earlier, later in itertools.pairwise(times))


def test_reads_are_spread_however_many_jobs_wait(tmp_path: Path) -> None:
    """500 waiting jobs are read at most 50 times a second; one that is late may be followed by the next at once."""
    times: list[float] = []

    def handle(request: httpx.Request, _: Pass) -> httpx.Response:
        times.append(trial.mock.clock.now())
        return httpx.Response(200, json={"id": unquote(request.url.path.rpartition("/")[2]), "status": "processing"})

    trial = Trial(tmp_path, handle)
    trial.run(lines(500), max_paid=0)
    trial.sql("UPDATE job SET state = 'accepted', task = printf('grok:00000000-0000-4000-8000-%012d', number)")
    assert trial.run(timeout=20).counts == {"undelivered": 500}
    assert len(times) > 750
    busiest = max(bisect.bisect_left(times, at + 1) - first for first, at in enumerate(times))
    assert 45 <= busiest <= 52
    assert len(times) <= 50 * (times[-1] - times[0]) + 3


def test_a_video_is_fetched_before_more_is_paid_for(trial: Trial) -> None:
    """Videos expire, and jobs that are not sent do not."""
    trial.run(lines(1), max_paid=1, timeout=0)
    trial.mock.clock.advance(HOUR)
    before = len(trial.transport.requests)
    trial.run(lines(8), concurrency=1, max_paid=8)
    assert set(trial.states.values()) == {"done"}
    kinds = [_kind(request) for request in trial.transport.requests[before:]]
    assert kinds[: kinds.index("video")].count("submit") <= 1


def _kind(request: httpx.Request) -> str:
    if request.method == "POST":
        return "submit"
    return "video" if request.url.path.endswith((".mp4", "/content")) else "read"


def test_a_video_that_has_expired_says_so(trial: Trial, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is paid, and ``retry`` pays again."""
    now = trial.mock.clock.now
    monkeypatch.setattr(setup, "time", SimpleNamespace(monotonic=now, time=now))
    trial.run(lines(2), timeout=0)
    trial.mock.clock.advance(48 * HOUR)
    ended = trial.run(lines(2))
    assert (ended.counts, ended.paid, ended.exit_status) == ({"expired": 2}, 2, 1)
    assert all("expire" in reason for reason in trial.reasons.values())
    ended = trial.run(lines(2), retry=("expired",))
    assert (ended.counts, ended.paid) == ({"done": 2}, 4)


@pytest.mark.parametrize(
    ("fault", "state"),
    [
        ("failed", "failed"),
        ("failed_billed", "failed"),
        ("failed_without_reason", "failed"),
        ("completed_with_error", "failed"),
        ("completed_without_url", "done"),
        ("unusable_address", "done"),
        ("content_is_json", "done"),
        ("download_cut", "done"),
        ("content_chunked_cut", "done"),
        ("created", "done"),
        ("wrapped_id", "parked"),
        ("not_json", "done"),
        ("rate_limited_retry_after", "done"),
        ("no_channel", "done"),
        ("lost_answer", "parked"),
        ("server_error_billed", "parked"),
        ("connection_reset", "parked"),
    ],
)
def test_each_fault_of_the_service_ends_in_a_state(fault: str, state: str, trial: Trial) -> None:
    """Of a job that was paid for once, and of another one beside it that is done."""
    operation = "createVideoExtension" if state == "parked" or fault in {"created", "no_channel"} else None
    with trial.mock.fault(fault, operation=operation, times=1):
        ended = trial.run(lines(2), concurrency=1)
    if fault == "not_json":
        state = "parked"
    assert ended.counts in ({"done": 2}, {"done": 1, state: 1})
    assert ended.counts == ({"done": 2} if state == "done" else {"done": 1, state: 1})
    assert trial.broken() == []


def test_a_download_that_does_not_end_well_is_tried_again(tmp_path: Path) -> None:
    """In the same run, and in the next one; for free."""
    broken = True

    def handle(request: httpx.Request, pass_on: Pass) -> httpx.Response:
        if broken and _kind(request) == "video":
            return httpx.Response(500, json={"error": {"message": "storage"}})
        return pass_on(request)

    trial = Trial(tmp_path, handle)
    ended = trial.run(lines(2))
    assert (ended.counts, ended.exit_status) == ({"undelivered": 2}, 1)
    assert trial.videos == []
    broken = False
    assert trial.run(lines(2)).counts == {"done": 2}
    assert trial.submits == 2


def test_a_job_that_never_reached_the_service_is_sent_by_the_next_run(tmp_path: Path) -> None:
    """No connection costs nothing, and takes no budget."""
    is_down = True

    def handle(request: httpx.Request, pass_on: Pass) -> httpx.Response:
        if is_down:
            raise httpx.ConnectError("refused")
        return pass_on(request)

    trial = Trial(tmp_path, handle)
    ended = trial.run(lines(3), max_paid=3)
    assert ended.exit_status == 1
    assert ended.paid == 0
    assert set(ended.counts) <= {"not_sent", "stopped"}
    is_down = False
    assert trial.run(lines(3), max_paid=3).counts == {"done": 3}


@pytest.mark.parametrize("of", [1, 2, 8])
def test_shards_are_disjoint_and_complete(of: int, tmp_path: Path) -> None:
    """Each job is of one part, and the parts of the budget are the whole."""
    jobs, budget, done, most = lines(40), 5, [], 0
    for number in range(1, of + 1):
        trial = Trial(tmp_path / str(number))
        trial.folder.mkdir()
        ended = trial.run(jobs, shard=(number, of), max_paid=budget, max_seconds=1000)
        assert ended.max_paid is not None
        assert ended.max_seconds == pytest.approx(1000 / of)
        most += ended.max_paid
        done += list(trial.states)
    assert sorted(done) == sorted(job["custom_id"] for job in jobs)
    assert most == budget


def test_a_shard_stays_what_it_is(trial: Trial) -> None:
    """Jobs would move to another machine, and be paid for there again."""
    trial.run(lines(20), shard=(1, 2))
    for shard in ((2, 2), (1, 3), None):
        with pytest.raises(NotSentError, match="shard 1/2"):
            trial.run(lines(20), shard=shard)


def test_events_are_rows_in_the_order_of_a_life(trial: Trial) -> None:
    """Each is a job as the ledger has it at that moment."""
    seen: list[Row] = []
    trial.run(lines(2), on_event=seen.append)
    for job in ("job-0", "job-1"):
        assert [row.state for row in seen if row.id == job] == ["accepted", "done"]
    assert seen[-1].file is not None
    assert (trial.out / seen[-1].file).is_file()


def test_what_a_listener_raises_is_raised_and_loses_nothing(trial: Trial) -> None:
    """What was paid for is resumed by the next run."""

    def listen(row: Row) -> None:
        raise RuntimeError(row.id)

    with pytest.raises(RuntimeError, match="job-"):
        trial.run(lines(3), on_event=listen)
    assert trial.broken() == []
    assert trial.run(lines(3)).counts == {"done": 3}
    assert trial.billed == 3


@pytest.mark.parametrize(
    "options",
    [
        {"concurrency": 0},
        {"concurrency": 51},
        {"max_paid": -1},
        {"max_paid": 1.5},
        {"max_paid": True},
        {"max_seconds": -1},
        {"max_seconds": float("nan")},
        {"rate": 0},
        {"rate": float("nan")},
        {"reads_per_second": 0},
        {"poll_interval": 0},
        {"timeout": -1},
        {"shard": (0, 2)},
        {"shard": (3, 2)},
        {"retry": ("everything",)},
        {"on_event": 5},
    ],
    ids=str,
)
def test_options_that_cannot_be_used_are_named(options: dict[str, object], trial: Trial) -> None:
    """When the batch is made."""
    with pytest.raises(NotSentError, match=next(iter(options))):
        trial.batch(lines(1), **options)
    assert not trial.out.exists()


def test_run_in_a_running_loop_is_an_error_that_names_arun(trial: Trial) -> None:
    """A notebook has a loop of its own."""

    async def body() -> None:
        with pytest.raises(RuntimeError, match="arun"):
            trial.batch(lines(1)).run()

    asyncio.run(body())
