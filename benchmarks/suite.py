"""The contract suite beside schemathesis alone, in one run on one machine (`nox -s bench -- suite`)."""

from __future__ import annotations

import argparse
import os
import shlex
import signal
import sys
from collections.abc import Collection, Sequence
from types import FrameType
from typing import TypeVar

import _results
import _suite_report
import _suite_runs
from _peers import BenchError
from octopusx_video_mock import MockError
from octopusx_video_openapi import ContractError

FEWEST_ROUNDS = 3
"""With fewer rounds a median is nothing to write down."""
FIGURES = ("checks", "run", "finding")
EPILOG = f"""\
With --only or --defects, or with fewer than {FEWEST_ROUNDS} rounds, nothing is written.

exit status: 0 every target that was measured is reached, 2 can't run, 3 one is missed, 130 interrupted
"""
METHOD = """\
Round N runs everything with the seed N, both sides in turn, and the next round in the other order.

Our checks: the suite's layer of conformance against the mock in process, each time in a newly forked process; CPU \
time of the tests, without pytest's start. That both sides sent the same requests is checked; the share is the \
median of the pairs.

Whole run: the commands `octopusx-video-contract --seed N` (all layers, the mock in its process) and `st run \
openapi.yaml --url … -H 'Authorization: Bearer …' --seed N` (against the mock as a server, started before), from the \
start of the process to its end; CPU time is that of the command alone, without the server's. Our requests are those \
that reached an operation, by its account; those of schemathesis are the lines of the mock's log. Schemathesis ends \
with 1, since it takes the mock's 400 for an unknown task for a fault.

First finding: defective servers of `tests/defects` over HTTP, each run against a fresh one: \
`octopusx-video-contract --base-url … --fail-fast` and `st run … --max-failures 1 --exclude-checks \
positive_data_acceptance` (a false alarm, which is no finding), from the start of the process to its end with status \
1; the median of the rounds. Both commands find nothing in the correct server, with the seed of the first round; \
otherwise nothing is measured."""


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, print the tables, write them to their part of RESULTS.md. Returns the exit status."""
    arguments = sys.argv[1:] if argv is None else list(argv)
    options = _parser().parse_args(arguments)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    load_average = os.getloadavg()[0]
    results = _suite_report.Results()
    try:
        _measure(options.only or FIGURES, options.rounds, options.defects or _suite_runs.DEFECT_NAMES, results)
        sys.stdout.write(f"\n{_suite_report.tables(results)}\n")
        if not (options.no_write or options.only or options.defects or options.rounds < FEWEST_ROUNDS):
            command = shlex.join(["nox", "-s", "bench", "--", "suite", *arguments])
            body = _suite_report.document(results, method=METHOD, load_average=load_average)
            title = "Benchmark of the contract suite"
            _results.write("suite", title, command, body, results.figures(), results.outcomes())
            _say(f"written to {_results.RESULTS.parent.name}/{_results.RESULTS.name}")
    except (BenchError, ContractError, MockError, OSError) as error:
        _say(f"error: {error}")
        return 2
    except KeyboardInterrupt:
        _say("interrupted; every server is stopped")
        return 130
    return _results.MISSED if any(outcome.reached is False for outcome in results.outcomes()) else 0


def _measure(figures: Collection[str], rounds: int, defects: Sequence[str], results: _suite_report.Results) -> None:
    if "checks" in figures:
        _measure_checks(rounds, results)
    if "run" in figures:
        _measure_runs(rounds, results)
    if "finding" in figures:
        _measure_findings(rounds, defects, results)


def _measure_checks(rounds: int, results: _suite_report.Results) -> None:
    for number in range(1, rounds + 1):
        measured = {ours: _suite_runs.layer(number, our_checks=ours) for ours in _in_turn((True, False), number)}
        ours, alone = measured[True], measured[False]
        if (ours.sent, ours.digest) != (alone.sent, alone.digest):
            raise BenchError(f"with our checks {ours.sent} requests were sent, without {alone.sent}, or other ones")
        results.layers.append((ours, alone))
        _say(f"checks {number}/{rounds}  {ours.seconds:6.2f} s to {alone.seconds:6.2f} s, {ours.sent} requests")


def _measure_runs(rounds: int, results: _suite_report.Results) -> None:
    with _suite_runs.mock() as server:
        for number in range(1, rounds + 1):
            for tool in _in_turn(_suite_runs.TOOLS, number):
                ended = _suite_runs.whole(tool, number, server)
                results.whole.setdefault(tool, []).append(ended)
                _say(f"run {number}/{rounds}  {tool:12} {ended.seconds:6.2f} s, {ended.sent} requests")


def _measure_findings(rounds: int, defects: Sequence[str], results: _suite_report.Results) -> None:
    for tool in _suite_runs.TOOLS:
        ended = _suite_runs.first_finding(tool, 1, None)
        if ended.status:
            raise BenchError(f"{tool} finds something in the correct server: {ended.output[-1000:]}")
    for number in range(1, rounds + 1):
        for name in defects:
            for tool in _in_turn(_suite_runs.TOOLS, number):
                ended = _suite_runs.first_finding(tool, number, name)
                if not ended.status:
                    raise BenchError(f"{tool} does not find {name} with seed {number}")
                results.found.setdefault(name, {}).setdefault(tool, []).append(ended)
                _say(f"finding {number}/{rounds}  {name:32} {tool:12} {ended.seconds:6.2f} s")


Side = TypeVar("Side")


def _in_turn(sides: tuple[Side, Side], number: int) -> tuple[Side, Side]:
    return sides if number % 2 else (sides[1], sides[0])


def _say(line: str) -> None:
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="benchmarks/suite.py",
        description="Measure the contract suite beside schemathesis alone; takes about eight minutes.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--rounds", type=_positive, default=3, metavar="N", help="rounds, each with a seed of its own (3)"
    )
    parser.add_argument(
        "--only", nargs="+", choices=FIGURES, metavar="NAME", help=f"measure only: {', '.join(FIGURES)}"
    )
    parser.add_argument("--defects", nargs="+", metavar="NAME", help="find these in place of the usual ten")
    parser.add_argument("--no-write", action="store_true", help="leave RESULTS.md as it is")
    return parser


def _positive(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number above 0")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
