"""What a batch on several machines costs: one worker, two, and the engine alone (`nox -s bench -- distributed`)."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import _cores
import _report
import _run
from _batch_runs import KEY, line
from _figures import Better, Figure, Outcome
from _peers import BenchError
from _run import FEWEST_ROUNDS
from _servers import environment
from octopusx_video._distributed.address import address
from octopusx_video._distributed.engine import Engine
from octopusx_video._distributed.shared_ledger import Open
from octopusx_video.distributed import DistributedBatch

sys.path.append(str(Path(__file__).parents[1]))

from tests.campaigns.mock_process import MockProcess, mock_process
from tests.support.batches import postgres

JOBS, CONCURRENCY, SPEED = 400, 32, 2000
SHARE = 0.5
"""The part of a core that each worker has, so that two of them, PostgreSQL and the mock have enough with two cores."""
NAME = "bench"
PACKAGES = ("octopusx-video", "dbos", "psycopg", "SQLAlchemy", "httpx")
RUNS = ("the engine alone", "one worker", "two workers")
RATES = {" of the workers' CPU": "workers", " of PostgreSQL's CPU": "database", "": "wall"}
CORES = {"the mock": "mock_cores", "PostgreSQL": "database_cores"}
METHOD = f"""\
Each round takes everything in turn: {JOBS} jobs on a PostgreSQL server that is started for it, with the mock \
(`--speed {SPEED}`) beside it; figures are the medians of the rounds.

A job is a submit, the reads of its task and the download of its video; {CONCURRENCY} submits and downloads of all \
workers are under way at once. The time of a run begins before the jobs are added, and ends with the last one. The \
engine alone runs two workflows for each job, which do nothing.

Each worker has {SHARE:g} of a core, by a control group, as if it were a machine of its own: so two workers have twice \
the cores of one, and the cores of this machine are not the limit. The second table says how much of a core the mock \
and PostgreSQL took meanwhile: below one, neither is the limit. The limit is the share of the workers."""


class Taken(NamedTuple):
    """The figures of one run.

    Attributes:
        workers: Jobs per second of the CPU time of all workers.
        database: Jobs per second of the CPU time of PostgreSQL.
        wall: Jobs per second.
        database_cores: Cores that PostgreSQL used.
        mock_cores: Cores that the mock used.
    """

    workers: float
    database: float
    wall: float
    database_cores: float
    mock_cores: float


@dataclass
class Results:
    """Every run that was measured, by its name; and whether each worker had its share of a core."""

    taken: dict[str, list[Taken]] = field(default_factory=dict)
    is_limited: bool = True

    def outcomes(self) -> list[Outcome]:
        """The targets, and what was measured of each."""
        rate = min(self.median(name, "workers") for name in RUNS[1:])
        ratio = statistics.median(self.ratios()) if self.is_limited else None
        return [
            Outcome("jobs per second of the workers' CPU", rate, 12, "more", "", 0),
            Outcome("jobs per second, two workers to one", ratio, 1.6, "more"),
        ]

    def figures(self) -> list[Figure]:
        """What was measured, side by side."""
        return [
            *(self._figure(f"jobs per second{of}", attribute, RUNS, 0, "more") for of, attribute in RATES.items()),
            *(self._figure(f"cores used by {of}", attribute, RUNS[1:], 2, "") for of, attribute in CORES.items()),
        ]

    def _figure(self, name: str, attribute: str, runs: Sequence[str], digits: int, better: Better) -> Figure:
        return Figure(name, {run: self.median(run, attribute) for run in runs}, "", digits, better)

    def median(self, run: str, attribute: str) -> float:
        """The median of a figure."""
        figures: list[float] = [getattr(one, attribute) for one in self.taken[run]]
        return statistics.median(figures)

    def ratios(self) -> list[float]:
        """How many times as much two workers do as one, in each round."""
        one, two = (self.taken[name] for name in RUNS[1:])
        return [after.wall / before.wall for before, after in zip(one, two, strict=True)]


def worker(url: str, db: str, role: str, out: str) -> dict[str, float]:
    """CPU seconds of a worker, and how long it has run."""
    jobs: Any = [line(number) for number in range(JOBS)] if role == "first" else None
    one = DistributedBatch(
        jobs,
        db=db,
        name=NAME,
        out=out,
        base_url=url,
        api_key=KEY,
        concurrency=CONCURRENCY,
        poll_interval=0.05,
        reads_per_second=1e6,
    )
    began, clock = time.process_time(), time.monotonic()
    counts = (one.run() if role == "first" else one.work()).counts
    if counts != {"done": JOBS}:
        raise SystemExit(f"the batch ends with {counts}")
    return {"cpu": time.process_time() - began, "wall": time.monotonic() - clock}


def engine(url: str, db: str, role: str, out: str) -> dict[str, float]:
    """CPU seconds of the engine for as many workflows of two kinds that do nothing."""
    return asyncio.run(_engine(db))


async def _engine(db: str) -> dict[str, float]:
    done: list[str] = []
    ended = asyncio.Event()

    async def work(kind: str, job: str) -> None:
        done.append(kind)
        if len(done) == 2 * JOBS:
            ended.set()

    one = await Engine.started(address(db, NAME), "a", work, CONCURRENCY)
    began, clock = time.process_time(), time.monotonic()
    for number in range(JOBS):
        for kind in ("send", "deliver"):
            await asyncio.to_thread(one.enqueue, kind, Open(number, f"job-{number}", 0))
    await ended.wait()
    found = {"cpu": time.process_time() - began, "wall": time.monotonic() - clock}
    await one.stop()
    return found


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, print the tables, write them to their part of RESULTS.md. Returns the exit status."""
    arguments = sys.argv[1:] if argv is None else list(argv)
    parser = argparse.ArgumentParser(
        prog="benchmarks/distributed.py",
        description="Measure what a batch on several machines costs; takes a few minutes and needs PostgreSQL.",
        epilog=f"With fewer than {FEWEST_ROUNDS} rounds nothing is written. Exit status: 0 every target is reached, "
        "2 the benchmark failed, 3 a target is missed, 130 interrupted",
    )
    parser.add_argument("--rounds", type=int, default=5, metavar="N", help="rounds of each figure (5)")
    parser.add_argument("--no-write", action="store_true", help="leave RESULTS.md as it is")
    parser.add_argument("--process", nargs=5, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.process:
        what, *rest = options.process
        sys.stdout.write(json.dumps({"worker": worker, "engine": engine}[what](*rest)))
        sys.stdout.flush()
        os._exit(0)  # the engine's threads end by themselves
    if options.rounds < 1:
        parser.error("--rounds must be an integer > 0")
    return _run.run(
        "distributed",
        "Benchmark of batches on several machines",
        arguments,
        measure=lambda: _measured(options.rounds),
        tables=_tables,
        document=_document,
        failures=(BenchError, OSError, postgres.PostgresMissingError, postgres.PostgresError),
        writes=not (options.no_write or options.rounds < FEWEST_ROUNDS),
    )


def _measured(rounds: int) -> Results:
    results = Results()
    with mock_process("--speed", str(SPEED), "--quiet") as mock, _cores.limited(SHARE) as limit:
        results.is_limited = limit is not None
        for number in range(1, rounds + 1):
            for name, what, workers in zip(RUNS, ("engine", "worker", "worker"), (1, 1, 2), strict=True):
                taken = _run_of(what, workers, mock, limit or (lambda _: None))
                results.taken.setdefault(name, []).append(taken)
            one, two = (results.taken[name][-1] for name in RUNS[1:])
            sys.stderr.write(
                f"round {number}/{rounds}  jobs/s of CPU: one worker {one.workers:.0f}, two {two.workers:.0f}; "
                f"jobs/s: {one.wall:.1f} and {two.wall:.1f} ({two.wall / one.wall:.2f}x)\n"
            )
    return results


def _run_of(what: str, workers: int, mock: MockProcess, limit: Callable[[int], None]) -> Taken:
    """Measure one run.

    Raises:
        BenchError: A process of it failed.
    """
    with tempfile.TemporaryDirectory() as folder, postgres.cluster() as cluster:
        cluster.create(NAME)
        database, server = cluster.cpu_seconds(), postgres.process_seconds(mock.pid)
        url = f"http://{mock.host}:{mock.port}"
        running = [_started(what, url, cluster.url(NAME), number, folder) for number in range(workers)]
        for process in running:
            limit(process.pid)
        printed = [process.communicate() for process in running]
        for process, (_, errors) in zip(running, printed, strict=True):
            if process.returncode:
                raise BenchError(f"{what}: {errors.strip()[-500:]}")
        found = [json.loads(text) for text, _ in printed]
        wall = found[0]["wall"]
        spent = cluster.cpu_seconds() - database
        served = postgres.process_seconds(mock.pid) - server
    return Taken(JOBS / sum(one["cpu"] for one in found), JOBS / spent, JOBS / wall, spent / wall, served / wall)


def _started(what: str, url: str, db: str, number: int, folder: str) -> subprocess.Popen[str]:
    role = "second" if number else "first"
    words = [sys.executable, __file__, "--process", what, url, db, role, folder]
    return subprocess.Popen(words, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def _tables(results: Results) -> str:
    rows = [(figure.name, *figure.cells()) for figure in results.figures()]
    ratios = results.ratios()
    limited = "" if results.is_limited else "\nThe workers had all cores, since this user may make no control group."
    return "\n\n".join(
        (
            _report.table(("", *RUNS), rows[: len(RATES)]),
            _report.table(("", *RUNS[1:]), rows[len(RATES) :]),
            f"Two workers to one, in each round: {min(ratios):.2f} to {max(ratios):.2f}.{limited}",
            _report.targets_table(results.outcomes()),
        )
    )


def _document(results: Results, load_average: float) -> str:
    where = _report.where(load_average, _report.python_versions(PACKAGES))
    return f"{_tables(results)}\n\n## What was measured\n\n{METHOD}\n\n{where}"


if __name__ == "__main__":
    sys.exit(main())
