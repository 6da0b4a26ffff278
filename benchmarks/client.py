"""The SDK beside httpx alone, in one run on one machine (`nox -s bench -- client`)."""

from __future__ import annotations

import argparse
import contextlib
import datetime as dt
import os
import shlex
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import _client_runs
import _report
import _results
from _client_runs import FASTER, KEY, Jobs
from _peers import BenchError
from _servers import HOST, Server, running
from octopusx_video import OctopusXError

FEWEST_ROUNDS = 5
CALLS = 500
JOBS = 300
PACKAGES = ("octopusx-video", "httpx", "attrs", "jsonschema-rs", "anyio")
EPILOG = f"""\
With fewer than {FEWEST_ROUNDS} rounds nothing is written.

exit status: 0 every target is reached, 2 can't run, 3 one is missed, 130 interrupted
"""
METHOD = f"""\
Each round takes both sides in turn; the figure is the median of the rounds' ratios.

One submit: `client.extensions.create(…).id` and `httpx.Client.post(…)`, `raise_for_status()`, `json()["id"]` with \
the contract's documented example, {CALLS} of each in ten pieces in turn; over HTTP on a connection that is kept, \
against the mock as a server, and in process over `httpx.MockTransport` with a constant answer, where nothing but the \
two is measured.

Import: CPU time of a new interpreter for `from octopusx_video import OctopusX` and for `import httpx`, less that of \
one that imports nothing.

Jobs: {JOBS} submits and waits at once in one asyncio process, against the mock with tasks {FASTER:.0f} times faster \
than the contract's and the pauses between reads shorter by the same; memory is resident, at most, and that of the \
process after one job."""


@dataclass
class Results:
    """Every figure that was taken: pairs of ours and of httpx alone, in seconds."""

    http: list[tuple[float, float]] = field(default_factory=list)
    in_process: list[tuple[float, float]] = field(default_factory=list)
    imports: list[tuple[float, float]] = field(default_factory=list)
    jobs: Jobs | None = None

    def targets(self) -> list[tuple[str, float, float]]:
        """What, measured, at most."""
        return [
            ("one submit over HTTP, ours to httpx by hand", _ratio(self.http), 1.25),
            ("import, octopusx_video to httpx", _ratio(self.imports), 1.5),
        ]


def _ratio(pairs: list[tuple[float, float]]) -> float:
    return statistics.median(ours / peer for ours, peer in pairs)


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, print the tables, write them to their part of RESULTS.md. Returns the exit status."""
    arguments = sys.argv[1:] if argv is None else list(argv)
    parser = argparse.ArgumentParser(
        prog="benchmarks/client.py",
        description="Measure the SDK beside httpx alone; takes about a minute.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--rounds", type=int, default=9, metavar="N", help="rounds of each figure (9)")
    parser.add_argument("--jobs", type=int, default=JOBS, metavar="N", help=f"jobs that are awaited at once ({JOBS})")
    parser.add_argument("--no-write", action="store_true", help="leave RESULTS.md as it is")
    options = parser.parse_args(arguments)
    if options.rounds < 1 or options.jobs < 1:
        parser.error("--rounds and --jobs are whole numbers above 0")
    load_average = os.getloadavg()[0]
    try:
        results = _measured(options.rounds, options.jobs)
    except (BenchError, OctopusXError, OSError) as error:
        sys.stderr.write(f"error: {error}\n")
        return 2
    except KeyboardInterrupt:
        sys.stderr.write("interrupted; every server is stopped\n")
        return 130
    sys.stdout.write(f"\n{_tables(results)}\n")
    if not (options.no_write or options.rounds < FEWEST_ROUNDS):
        command = shlex.join(["nox", "-s", "bench", "--", "client", *arguments])
        _results.write(_document(results, command, load_average))
    return _results.MISSED if any(measured > most for _, measured, most in results.targets()) else 0


def _measured(rounds: int, jobs: int) -> Results:
    results = Results()
    with _mock() as base_url:
        for number in range(1, rounds + 1):
            results.http.append(_client_runs.submits(base_url, CALLS))
            results.in_process.append(_client_runs.submits(None, CALLS))
            ours, httpx = (
                _client_runs.imported(statement)
                for statement in ("from octopusx_video import OctopusX", "import httpx")
            )
            results.imports.append((ours, httpx))
            told = " ".join(f"{pairs[-1][0] / pairs[-1][1]:.2f}x" for pairs in vars(results).values() if pairs)
            sys.stderr.write(f"round {number}/{rounds}  {told}\n")
    with _mock("--speed", str(FASTER)) as base_url:
        results.jobs = _client_runs.awaited(base_url, jobs)
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
    rows = []
    for what, pairs, unit, factor in (
        ("one submit over HTTP", results.http, "us", 1e6),
        ("one submit in process", results.in_process, "us", 1e6),
        ("import", results.imports, "ms", 1e3),
    ):
        ours, peer = (statistics.median(side) * factor for side in zip(*pairs, strict=True))
        ratios = [one / other for one, other in pairs]
        spread = f"{min(ratios):.2f} to {max(ratios):.2f}"
        rows.append((what, f"{ours:,.0f} {unit}", f"{peer:,.0f} {unit}", f"{_ratio(pairs):.2f}x", spread))
    parts = [_report.table(("", "ours", "httpx alone", "ours to it", "rounds"), rows)]
    if results.jobs is not None:
        jobs = results.jobs
        more = (jobs.memory - jobs.memory_before) / jobs.jobs / 1000
        parts.append(
            f"{jobs.jobs} jobs at once in one process: {jobs.seconds:.1f} s, {jobs.polls / jobs.jobs:.1f} reads a job; "
            f"{jobs.memory / 1e6:.0f} MB at most, {jobs.memory_before / 1e6:.0f} MB with one, "
            f"so {more:.0f} KB a job."
        )
    verdicts = [
        (what, f"{measured:.2f}x", f"<= {most:g}x", "reached" if measured <= most else "**missed**")
        for what, measured, most in results.targets()
    ]
    parts.append(_report.table(("", "measured", "target", ""), verdicts))
    return "\n\n".join(parts)


def _document(results: Results, command: str, load_average: float) -> str:
    today = dt.datetime.now(dt.UTC).date().isoformat()
    versions = ", ".join(f"{name} {version}" for name, version in _report.python_versions(PACKAGES).items())
    where = "\n".join(f"- {line}" for line in (*_report.machine(load_average), versions))
    return (
        "# Benchmark of the SDK\n\n"
        f"Written on {today} by `{command}`; do not edit.\n\n{_tables(results)}\n\n"
        f"## How the SDK was measured\n\n{METHOD}\n\n## Where the SDK was measured\n\n{where}\n"
    )


if __name__ == "__main__":
    sys.exit(main())
