"""A thousand jobs on a mock with all of its faults, drawn by a seed: the same statements hold."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from octopusx_video.batch import Batch, JobState
from octopusx_video_mock import Mock
from octopusx_video_mock.faults.table import BY_NAME

from tests.support.batches.service import Billed, line, record
from tests.support.batches.statements import broken

KEY = "sk-faults"
SHARE = 0.03
"""How often each fault shows."""
LEFT_OUT = frozenset({"download_crawls"})
"""What takes minutes of real time."""
MAX_RUNS = 30


class Found(NamedTuple):
    """The result of the runs.

    Attributes:
        jobs: How many there are.
        runs: How often the batch was run.
        faults: How often each fault has shown.
        billed: Videos that the service has billed.
        states: How many jobs are in each state at the end.
        broken: What does not hold.
    """

    jobs: int
    runs: int
    faults: Counter[str]
    billed: int
    states: Mapping[JobState, int]
    broken: list[str]

    def summed(self) -> str:
        """The figures in a line."""
        states = ", ".join(f"{count} {state}" for state, count in sorted(self.states.items()))
        return (
            f"{self.jobs} jobs in {self.runs} runs with {len(self.faults)} kinds of faults "
            f"({self.faults.total()} in all): "
            f"{self.billed} billed, {states}, {len(self.broken)} broken"
        )


def run(jobs: int, seed: int = 1) -> Found:
    """Run jobs until nothing more can be done without a person."""
    mock = Mock(token=KEY, seed=seed)
    tasks: dict[str, list[str]] = {}
    record(mock, lambda job, task: tasks.setdefault(job, []).append(task))
    for name in BY_NAME.keys() - LEFT_OUT:
        mock.faults.on(name, probability=SHARE)
    with tempfile.TemporaryDirectory(prefix="faults-") as name:
        out, runs = Path(name) / "out", 0
        while runs < MAX_RUNS:
            runs += 1
            ended = _batch(mock, jobs, out).run()
            if not set(ended.counts) - {"done", "failed", "refused", "parked", "expired"}:
                break
        wrong = broken(out, Billed(tasks), has_ended=False)
        wrong += [f"{count} jobs are {state} at the end" for state, count in ended.counts.items() if state in _OPEN]
    shown = Counter(fault for call in mock.calls for fault in call.faults)
    return Found(jobs, runs, shown, sum(map(len, tasks.values())), ended.counts, wrong)


_OPEN = frozenset({"new", "sending", "accepted", "held", "stopped", "not_sent"})


def _batch(mock: Mock, jobs: int, out: Path) -> Batch:
    async def sleep(seconds: float) -> None:
        mock.clock.advance(seconds)

    return Batch(
        (line(f"job-{number}") for number in range(jobs)),
        out=out,
        base_url="http://localhost",
        api_key=KEY,
        keep_going=True,
        reads_per_second=1e6,
        transport=mock.transport,
        clock=mock.clock.now,
        sleep=sleep,
    )
