"""What a batch costs, beside a plain loop over the SDK, in one run on one machine (`nox -s bench -- batch`)."""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import _report
import _run
from _batch_runs import CONCURRENCY, WAIT_SECONDS
from _figures import Figure, Outcome, paired
from _peers import BenchError
from _run import FEWEST_ROUNDS
from _servers import environment

sys.path.append(str(Path(__file__).parents[1]))

from tests.campaigns.mock_process import mock_process

JOBS, WAITING, LINES = 1000, 10_000, 100_000
SPEED = 20_000
"""The tasks of the mock end within milliseconds, and their videos can be had for seconds."""
NOWHERE = "http://127.0.0.1:9"
_RUNS = Path(__file__).with_name("_batch_runs.py")
METHOD = f"""\
Each round takes everything in turn, each in a process of its own on one core, with the mock on the other; figures \
are the medians of the rounds, of the CPU time of the client alone.

A job is a submit, the reads of its task and the download of its video. The batch commits to its ledger three times \
for each, on the disk; the plain loop (`create`, `wait`, `download` of `AsyncOctopusX`, {CONCURRENCY} jobs at a time) \
writes nothing down, and pays again after a crash. Without downloads, the end of a job is written down in the place \
of its download. Tasks of the mock end within milliseconds (`--speed {SPEED}`).

Waiting: the largest resident memory of a process that waits for {WAITING:,} tasks for {WAIT_SECONDS:g} s, on a \
transport in process that always responds that the task is running. Validation: `--dry-run` of {LINES:,} lines."""


@dataclass
class Results:
    """Every figure that was taken: jobs per second of CPU of both sides; megabytes; seconds."""

    whole: list[tuple[float, float]] = field(default_factory=list)
    without: list[tuple[float, float]] = field(default_factory=list)
    waiting: list[float] = field(default_factory=list)
    validation: list[float] = field(default_factory=list)

    def outcomes(self) -> list[Outcome]:
        """The targets, and what was measured of each."""
        rate = statistics.median(ours for ours, _ in self.without)
        return [
            Outcome("jobs per second of the client's CPU, without downloads", rate, 150, "more", "", 0),
            Outcome(f"memory with {WAITING:,} waiting jobs", statistics.median(self.waiting), 100, "less", "MB", 0),
            Outcome(f"validation of {LINES:,} lines", statistics.median(self.validation), 20, "less", "s", 1),
        ]

    def figures(self) -> list[Figure]:
        """What is compared with the plain loop."""
        return [
            paired("jobs per second of CPU, without downloads", ("batch", "plain loop"), self.without),
            paired("jobs per second of CPU, with downloads", ("batch", "plain loop"), self.whole),
        ]


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, print the tables, write them to their part of RESULTS.md. Returns the exit status."""
    arguments = sys.argv[1:] if argv is None else list(argv)
    parser = argparse.ArgumentParser(
        prog="benchmarks/batch.py",
        description="Measure what a batch costs, beside a plain loop over the SDK; takes a few minutes.",
        epilog=f"With fewer than {FEWEST_ROUNDS} rounds nothing is written. Exit status: 0 every target is reached, "
        "2 the benchmark failed, 3 a target is missed, 130 interrupted",
    )
    parser.add_argument("--rounds", type=int, default=5, metavar="N", help="rounds of each figure (5)")
    parser.add_argument("--no-write", action="store_true", help="leave RESULTS.md as it is")
    options = parser.parse_args(arguments)
    if options.rounds < 1:
        parser.error("--rounds must be an integer > 0")
    return _run.run(
        "batch",
        "Benchmark of batches",
        arguments,
        measure=lambda: _measured(options.rounds),
        tables=_tables,
        document=_document,
        failures=(BenchError, OSError),
        writes=not (options.no_write or options.rounds < FEWEST_ROUNDS),
    )


def _measured(rounds: int) -> Results:
    results = Results()
    with mock_process("--speed", str(SPEED), "--quiet") as mock:
        url = f"http://{mock.host}:{mock.port}"
        for number in range(1, rounds + 1):
            names = ("batch_without_downloads", "loop_without_downloads", "batch", "loop")
            without, plain_without, whole, plain = (JOBS / _measure(name, url, JOBS)["cpu"] for name in names)
            results.without.append((without, plain_without))
            results.whole.append((whole, plain))
            results.waiting.append(_measure("waiting", NOWHERE, WAITING)["memory"])
            results.validation.append(_measure("validation", NOWHERE, LINES)["cpu"])
            sys.stderr.write(
                f"round {number}/{rounds}  {without:.0f} jobs/s of CPU "
                f"({without / plain_without:.2f} of a plain loop), "
                f"with downloads {whole:.0f} ({whole / plain:.2f}), "
                f"{results.waiting[-1]:.0f} MB waiting, {results.validation[-1]:.1f} s of validation\n"
            )
    return results


def _measure(name: str, url: str, number: int) -> dict[str, float]:
    """What a run of ``_batch_runs.py`` has measured.

    Raises:
        BenchError: It failed.
    """
    command = [sys.executable, str(_RUNS), name, url, str(number)]
    done = subprocess.run(command, env=environment(), capture_output=True, text=True, check=False)
    if done.returncode:
        raise BenchError(f"{name}: {done.stderr.strip()[-500:]}")
    found: dict[str, float] = json.loads(done.stdout)
    return found


def _tables(results: Results) -> str:
    pairs = (results.without, results.whole)
    rows = [_row(figure, one) for figure, one in zip(results.figures(), pairs, strict=True)]
    return "\n\n".join(
        (
            _report.table(("", "batch", "plain loop", "ratio", "rounds"), rows),
            _report.targets_table(results.outcomes()),
        )
    )


def _row(figure: Figure, pairs: list[tuple[float, float]]) -> tuple[str, ...]:
    ratios = [one / other for one, other in pairs]
    return (figure.name, *figure.cells(), f"{min(ratios):.2f} to {max(ratios):.2f}")


def _document(results: Results, load_average: float) -> str:
    where = _report.where(load_average, _report.python_versions())
    return f"{_tables(results)}\n\n## What was measured\n\n{METHOD}\n\n{where}"


if __name__ == "__main__":
    sys.exit(main())
