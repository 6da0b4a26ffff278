"""How long the contract and the commands take to start, in one run on one machine (`nox -s bench -- start`)."""

from __future__ import annotations

import argparse
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import _load
import _report
import _run
from _figures import Figure, Outcome, median_ratio, paired
from _peers import BenchError
from _run import FEWEST_ROUNDS
from _servers import SERVERS, environment

LIBRARY = "import functools, json, pathlib, re, typing"
"""What each command imports of the standard library, whether it loads a contract or not."""
LOADS = f"{LIBRARY}; import octopusx_video_openapi as contract; contract.load()"
NEEDED = "import click, httpx"
HELP = (str(Path(sys.executable).parent / "octopusx-video"), "--help")
METHOD = """\
Each round takes everything in turn; figures and ratios are the medians of the rounds.

Loading the contract: CPU time of a new interpreter that imports the package and loads the contract, less that of one \
that only imports the modules of the standard library that each command needs. The command: \
time from the start of `octopusx-video --help` to its end, beside `python -c "import click, httpx"`, which it can't do \
without. The mock: time from its start to its first response with 200 to a valid submit, beside a bare application on \
the same uvicorn."""


@dataclass
class Results:
    """Every figure that was taken, in seconds: CPU time of loading; pairs of ours and of what it is compared with."""

    loading: list[float] = field(default_factory=list)
    help: list[tuple[float, float]] = field(default_factory=list)
    mock: list[tuple[float, float]] = field(default_factory=list)

    def outcomes(self) -> list[Outcome]:
        """The targets, and what was measured of each."""
        loading = 1000 * statistics.median(self.loading)
        return [
            Outcome("CPU time of loading the contract", loading, 15, unit="ms"),
            Outcome("octopusx-video --help to python -c 'import click, httpx'", median_ratio(self.help), 1.25),
            Outcome("mock's start to its first valid submit, ours to a bare application", median_ratio(self.mock), 1.4),
        ]

    def figures(self) -> list[Figure]:
        """What is compared with something else."""
        return [
            paired("octopusx-video --help", ("ours", NEEDED), self.help, "ms"),
            paired("mock, to its first valid submit", ("ours", "bare application"), self.mock, "ms"),
        ]


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, print the tables, write them to their part of RESULTS.md. Returns the exit status."""
    arguments = sys.argv[1:] if argv is None else list(argv)
    parser = argparse.ArgumentParser(
        prog="benchmarks/start.py",
        description="Measure how long the contract and the commands take to start; takes half a minute.",
        epilog=f"With fewer than {FEWEST_ROUNDS} rounds nothing is written. Exit status: 0 every target is reached, "
        "2 the benchmark failed, 3 a target is missed, 130 interrupted",
    )
    parser.add_argument("--rounds", type=int, default=15, metavar="N", help="rounds of each figure (15)")
    parser.add_argument("--no-write", action="store_true", help="leave RESULTS.md as it is")
    options = parser.parse_args(arguments)
    if options.rounds < 1:
        parser.error("--rounds must be an integer > 0")
    return _run.run(
        "start",
        "Benchmark of the start",
        arguments,
        measure=lambda: _measured(options.rounds),
        tables=_tables,
        document=_document,
        failures=(BenchError, OSError, subprocess.CalledProcessError),
        writes=not (options.no_write or options.rounds < FEWEST_ROUNDS),
    )


def _measured(rounds: int) -> Results:
    results = Results()
    bare, ours = (next(server for server in SERVERS if server.name == name) for name in ("bare", "ours"))
    for number in range(rounds + 1):
        loading = _spent(sys.executable, "-c", LOADS)[1] - _spent(sys.executable, "-c", LIBRARY)[1]
        commands = _spent(*HELP)[0], _spent(sys.executable, "-c", NEEDED)[0]
        mocks = _load.submit_seconds(ours), _load.submit_seconds(bare)
        if not number:  # files are read and compiled for the first time
            continue
        results.loading.append(loading)
        results.help.append(commands)
        results.mock.append(mocks)
        sys.stderr.write(
            f"round {number}/{rounds}  loading {1000 * loading:.1f} ms, --help {commands[0] / commands[1]:.2f}x, "
            f"mock {mocks[0] / mocks[1]:.2f}x\n"
        )
    return results


def _spent(*command: str) -> tuple[float, float]:
    """Seconds, and seconds of CPU time, that a command takes.

    Raises:
        CalledProcessError: It failed.
    """
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(command, env=environment(), check=True, stdout=subprocess.DEVNULL)
    spent, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    return spent, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def _tables(results: Results) -> str:
    rows = [_row(figure, pairs) for figure, pairs in zip(results.figures(), (results.help, results.mock), strict=True)]
    return "\n\n".join(
        (
            _report.table(("", "ours", "beside it", "ratio", "rounds", "what is beside it"), rows),
            _report.targets_table(results.outcomes()),
        )
    )


def _row(figure: Figure, pairs: list[tuple[float, float]]) -> tuple[str, ...]:
    """What, both sides, their ratio, how far the ratios of the rounds spread, and what the other side is."""
    ratios = [one / other for one, other in pairs]
    return (figure.name, *figure.cells(), f"{min(ratios):.2f} to {max(ratios):.2f}", list(figure.values)[1])


def _document(results: Results, load_average: float) -> str:
    where = _report.where(load_average, _report.python_versions())
    return f"{_tables(results)}\n\n## What was measured\n\n{METHOD}\n\n{where}"


if __name__ == "__main__":
    sys.exit(main())
