"""The simulation behind docs/SCALING.md keeps to its rules, and the page has what it prints."""

from __future__ import annotations

from pathlib import Path

import pytest

from docs import scaling
from docs.scaling import Batch, Costs, Simulation

PAGE = Path(__file__).parents[2] / "docs" / "SCALING.md"


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tasks need not end for what is tested here."""
    monkeypatch.setattr(scaling, "SECONDS", 70.0)
    monkeypatch.setattr(scaling, "WARM_SECONDS", 10.0)


def _run(batch: Batch, costs: Costs | None = None, seed: int = 1) -> Simulation:
    one = Simulation(batch, costs or Costs(), seed)
    one.run()
    return one


@pytest.mark.parametrize(
    ("times", "most"), [([], 0), ([5.0], 1), ([0.0, 1.0], 1), ([0.0, 0.999], 2), ([3.0, 0.0, 0.5, 1.2, 1.4], 3)]
)
def test_a_second_may_begin_anywhere(times: list[float], most: int) -> None:
    """The rate holds for any second, not only for those of a clock."""
    assert scaling.most_in_a_second(times) == most


@pytest.mark.parametrize("workers", [1, 3, 20])
@pytest.mark.usefixtures("short")
def test_the_rate_is_kept_and_used_by_all_workers_together(workers: int) -> None:
    """However many they are."""
    one = _run(Batch(workers, 5))
    assert scaling.most_in_a_second(one.sent) <= 5
    assert 0.86 * 5 * 60 < len(one.sent) < 0.92 * 5 * 60


@pytest.mark.usefixtures("short")
def test_what_wakes_late_breaks_the_rate_only_where_slots_are_taken() -> None:
    """The time from one claim to the next one holds, whenever the second one wakes."""
    most = {
        pace: scaling.most_in_a_second(_run(Batch(10, 5, pace=pace, late=0.2)).sent) for pace in ("slots", "claims")
    }
    assert most["slots"] > 5
    assert most["claims"] <= 5


@pytest.mark.usefixtures("short")
def test_fewer_claims_are_refused_where_one_job_of_a_worker_asks() -> None:
    """Those of all jobs are as many as the concurrency."""
    refused = {pace: _run(Batch(10, 5, pace=pace)).refused for pace in ("slots", "one asks", "claims")}
    assert refused["slots"] == 0
    assert 0 < refused["one asks"] < refused["claims"] / 3


@pytest.mark.usefixtures("short")
def test_a_worker_does_no_more_than_its_core_can() -> None:
    """At half of the cost of a job for each submit, whatever the rate is."""
    assert len(_run(Batch(1, 50)).sent) <= 60 * 1000 / (Costs().job / 2)
    assert len(_run(Batch(1, 50), Costs(job=1)).sent) > 60 * 30


@pytest.mark.usefixtures("short")
def test_workers_poll_without_work_too() -> None:
    """Each of them both queues, a little later than the interval says."""
    one = _run(Batch(20, 1, poll=0.5))
    assert 0.9 < one.polls / (60 * 20 * 2 / 0.5) < 1


@pytest.mark.usefixtures("short")
def test_the_concurrency_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where downloads do not end, they hold all of it after a while."""
    monkeypatch.setattr(Batch, "concurrency", 8)
    one = _run(Batch(2, 5, task=1.0, download=1000.0))
    assert len(one.sent) < 60
    assert one.refused > 60


@pytest.mark.usefixtures("short")
def test_a_worker_awaits_no_more_tasks_than_it_may() -> None:
    """The rest stays in the queue, and is submitted all the same."""
    one = _run(Batch(2, 5, deliveries=20))
    assert one.tasks() == 40
    assert len(one.sent) > 0.85 * 5 * 60


@pytest.mark.usefixtures("short")
def test_a_seed_repeats_a_run() -> None:
    """And another one gives other times."""
    batch = Batch(3, 5)
    assert _run(batch).sent == _run(batch).sent != _run(batch, seed=2).sent


@pytest.mark.slow
def test_the_page_has_what_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    """Each table of the page is that of `nox -s scaling`."""
    scaling.main([])
    page = PAGE.read_text("utf-8")
    for part in capsys.readouterr().out.strip().split("\n\n"):
        assert part in page, "run nox -s scaling, and put what it prints into docs/SCALING.md"
