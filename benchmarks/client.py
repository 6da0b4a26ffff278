"""The SDK beside httpx alone, in one run on one machine (`nox -s bench -- client`)."""

from __future__ import annotations

import argparse
import contextlib
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import _client_runs
import _report
import _run
from _client_runs import FASTER, KEY, STARTS, Jobs
from _figures import Figure, Outcome, median_ratio, paired
from _peers import BenchError
from _run import FEWEST_ROUNDS
from _servers import HOST, Server, running
from octopusx_video import OctopusXError

CALLS = 500
JOBS = 300
FEW_WAITS, MANY_WAITS = 100, 1000
PACKAGES = ("octopusx-video", "httpx", "attrs", "jsonschema-rs", "anyio")
EPILOG = f"""\
With fewer than {FEWEST_ROUNDS} rounds nothing is written.

exit status: 0 every target is reached, 2 the benchmark failed, 3 a target is missed, 130 interrupted
"""
METHOD = f"""\
Each round takes both sides in turn; the figure is the median of the rounds' ratios.

One submit: `client.extensions.create(…).id` and `httpx.Client.post(…)`, `raise_for_status()`, `json()["id"]` with \
the contract's documented example, {CALLS} of each in ten pieces in turn; over HTTP on one kept-alive connection to \
the mock server, and in process over `httpx.MockTransport` with a constant response, so that nothing but the two is \
measured.

Import: CPU time of a new interpreter for `from octopusx_video import OctopusX` and for `import httpx`, less that of \
one that imports nothing, {STARTS} of each in turn.

Waits: `client.videos.wait(…)` for {MANY_WAITS:,} running tasks at once on one `AsyncOctopusX`, and for {FEW_WAITS}, \
over HTTP against the mock server, each in a process of its own; CPU time of that process from the start of the waits \
to their end, divided by the number of reads. Tasks run {FASTER:.0f} times faster than the contract's, and the pauses \
between reads are shorter by the same factor.

Jobs: {JOBS} submits and waits at once in one asyncio process, against the same mock; memory is the resident memory of \
the process, at its peak and after one job."""


@dataclass
class Results:
    """Every figure that was taken, in seconds: pairs of ours and of httpx alone; of waits, of many and of few."""

    http: list[tuple[float, float]] = field(default_factory=list)
    in_process: list[tuple[float, float]] = field(default_factory=list)
    imports: list[tuple[float, float]] = field(default_factory=list)
    waits: list[tuple[float, float]] = field(default_factory=list)
    jobs: Jobs | None = None

    def outcomes(self) -> list[Outcome]:
        """The targets, and what was measured of each."""
        return [
            Outcome("one submit over HTTP, ours to httpx by hand", median_ratio(self.http), 1.2),
            Outcome("import, octopusx_video to httpx", median_ratio(self.imports), 1.2),
            Outcome(f"CPU time for a read, {MANY_WAITS:,} waits at once to {FEW_WAITS}", median_ratio(self.waits), 1.5),
        ]

    def beside_httpx(self) -> list[tuple[Figure, list[tuple[float, float]]]]:
        """The figures beside httpx alone, each with its pairs."""
        sides = ("ours", "httpx alone")
        return [
            (paired("one submit over HTTP", sides, self.http, "us"), self.http),
            (paired("one submit in process", sides, self.in_process, "us"), self.in_process),
            (paired("import", sides, self.imports, "ms"), self.imports),
        ]

    def waiting(self) -> Figure:
        """The figure of many waits beside few."""
        sides = (f"{MANY_WAITS:,} waits", f"{FEW_WAITS} waits")
        return paired("CPU time for a read while waiting", sides, self.waits, "us")

    def at_once(self) -> list[Figure]:
        """The figures of the jobs at once; none where they were not measured."""
        if self.jobs is None:
            return []
        jobs, group = self.jobs, f"{self.jobs.jobs} jobs at once in one process"
        more = (jobs.memory - jobs.memory_before) / jobs.jobs
        return [
            Figure("time", {"ours": jobs.seconds}, "s", 1, group=group),
            Figure("reads a job", {"ours": jobs.polls / jobs.jobs}, "", 1, "", group),
            Figure("memory at most", {"ours": jobs.memory / 1e6}, "MB", group=group),
            Figure("memory after one job", {"ours": jobs.memory_before / 1e6}, "MB", group=group),
            Figure("memory for a job", {"ours": more / 1000}, "KB", group=group),
        ]

    def figures(self) -> list[Figure]:
        """All figures."""
        return [*(figure for figure, _ in self.beside_httpx()), self.waiting(), *self.at_once()]


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, print the tables, write them to their part of RESULTS.md. Returns the exit status."""
    arguments = sys.argv[1:] if argv is None else list(argv)
    parser = argparse.ArgumentParser(
        prog="benchmarks/client.py",
        description="Measure the SDK beside httpx alone; takes about five minutes.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--rounds", type=int, default=9, metavar="N", help="rounds of each figure (9)")
    parser.add_argument("--jobs", type=int, default=JOBS, metavar="N", help=f"jobs that run at once ({JOBS})")
    parser.add_argument("--no-write", action="store_true", help="leave RESULTS.md as it is")
    options = parser.parse_args(arguments)
    if options.rounds < 1 or options.jobs < 1:
        parser.error("--rounds and --jobs must be integers > 0")
    return _run.run(
        "client",
        "Benchmark of the SDK",
        arguments,
        measure=lambda: _measured(options.rounds, options.jobs),
        tables=_tables,
        document=_document,
        failures=(BenchError, OctopusXError, OSError),
        writes=not (options.no_write or options.rounds < FEWEST_ROUNDS),
    )


def _measured(rounds: int, jobs: int) -> Results:
    results = Results()
    with _mock() as base_url, _mock("--speed", str(FASTER)) as fast_url:
        for number in range(1, rounds + 1):
            results.http.append(_client_runs.submits(base_url, CALLS))
            results.in_process.append(_client_runs.submits(None, CALLS))
            results.imports.append(_client_runs.imports())
            many, few = (_client_runs.cpu_per_read(fast_url, waits) for waits in (MANY_WAITS, FEW_WAITS))
            results.waits.append((many, few))
            ratios = " ".join(f"{pairs[-1][0] / pairs[-1][1]:.2f}x" for pairs in vars(results).values() if pairs)
            sys.stderr.write(f"round {number}/{rounds}  {ratios}\n")
        results.jobs = _client_runs.awaited(fast_url, jobs)
    return results


@contextlib.contextmanager
def _mock(*options: str) -> Iterator[str]:
    def command(port: int) -> list[str]:
        own = [sys.executable, "-m", "octopusx_video_mock", "--quiet", "--port", str(port), "--token", KEY]
        return [*own, *options]

    make: Callable[[int], list[str]] = command
    with running(Server("mock", "mock", "", make)) as server:
        deadline = time.monotonic() + 20
        while True:
            with contextlib.suppress(OSError):
                server.ask("GET", "/", {})
                break
            if server.ended is not None or time.monotonic() > deadline:
                raise BenchError("the mock did not start")
            time.sleep(0.02)
        yield f"http://{HOST}:{server.port}"


def _tables(results: Results) -> str:
    rows = [_row(figure, pairs) for figure, pairs in results.beside_httpx()]
    parts = [_report.table(("", "ours", "httpx alone", "ours to it", "rounds"), rows)]
    waiting = results.waiting()
    parts.append(_report.table(("", *waiting.values, "ratio", "rounds"), [_row(waiting, results.waits)]))
    at_once = results.at_once()
    if at_once:
        seconds, reads, most, one, more = (figure.cell("ours") for figure in at_once)
        parts.append(
            f"{at_once[0].group}: {seconds}, {reads} reads a job; {most} at most, {one} after one job, so {more} a job."
        )
    parts.append(_report.targets_table(results.outcomes()))
    return "\n\n".join(parts)


def _row(figure: Figure, pairs: list[tuple[float, float]]) -> tuple[str, ...]:
    """What, both sides, their ratio, and how far the ratios of the rounds spread."""
    ratios = [one / other for one, other in pairs]
    return (figure.name, *figure.cells(), f"{min(ratios):.2f} to {max(ratios):.2f}")


def _document(results: Results, load_average: float) -> str:
    where = _report.where(load_average, _report.python_versions(PACKAGES), "the SDK")
    return f"{_tables(results)}\n\n## How the SDK was measured\n\n{METHOD}\n\n{where}"


if __name__ == "__main__":
    sys.exit(main())
