"""Our mock server beside Prism, Steady and a bare application, in one run on one machine (`nox -s bench -- mock`)."""

from __future__ import annotations

import argparse
import contextlib
import os
import shlex
import signal
import sys
from collections.abc import Collection, Iterator, Sequence
from types import FrameType

import _load
import _report
import _results
from _peers import BenchError, peer_versions
from _servers import SERVERS, Running, Server, running
from octopusx_video_openapi import ContractError

FEWEST_ROUNDS = 3
"""With fewer rounds a median is nothing to write down."""
FEWEST_STARTS = 5
WARM_UP_SECONDS = 2
"""Node.js and Steady compile what runs often; without this their first round would be another program's."""
IN_PROCESS = "in-process"
IN_PROCESS_ROUNDS = 10
NAMES = (*(server.name for server in SERVERS), IN_PROCESS)

EPILOG = f"""\
With --only, or with fewer than {FEWEST_ROUNDS} rounds, nothing is written.

exit status: 0 every target that was measured is reached, 2 can't run, 3 one is missed, 130 interrupted
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, print the tables, write them to their part of RESULTS.md. Returns the exit status."""
    arguments = sys.argv[1:] if argv is None else list(argv)
    options = _parser().parse_args(arguments)
    wanted = options.only or NAMES
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    load_average = os.getloadavg()[0]
    try:
        results = _measure(wanted, options.rounds, options.seconds)
        sys.stdout.write(f"\n{_report.tables(results)}\n")
        if not (options.no_write or options.only or options.rounds < FEWEST_ROUNDS):
            document = _report.document(
                results,
                method=_method(options.rounds, options.seconds),
                versions=peer_versions() | _report.python_versions() | {"wrk": _load.wrk_version()},
                load_average=load_average,
            )
            command = shlex.join(["nox", "-s", "bench", "--", "mock", *arguments])
            _results.write(
                "mock",
                "Benchmark of the mock servers",
                command,
                document,
                _report.figures(results),
                _report.outcomes(results),
            )
            _say(f"written to {_results.RESULTS.parent.name}/{_results.RESULTS.name}")
    except (BenchError, ContractError, OSError) as error:
        _say(f"error: {error}")
        return 2
    except KeyboardInterrupt:
        _say("interrupted; every server is stopped")
        return 130
    return _results.MISSED if any(outcome.reached is False for outcome in _report.outcomes(results)) else 0


def _measure(wanted: Collection[str], rounds: int, seconds: int) -> _report.Results:
    results = _report.Results()
    servers = [server for server in SERVERS if server.name in wanted]
    if servers:
        _load.wrk()  # before long work, not after it
        _measure_starts(servers, max(rounds, FEWEST_STARTS), results)
        _measure_rates(servers, rounds, seconds, results)
    if IN_PROCESS in wanted:
        for number in range(1, IN_PROCESS_ROUNDS + 1):
            ours, constant = _load.calls_in_process()
            results.in_process.append((ours, constant))
            _say(f"in process {number}/{IN_PROCESS_ROUNDS}  {ours:,.0f} calls/s to {constant:,.0f}")
    return results


def _measure_starts(servers: Sequence[Server], starts: int, results: _report.Results) -> None:
    for number in range(1, starts + 1):
        for server in servers:
            spent = _load.start_seconds(server)
            results.starts.setdefault(server.name, []).append(spent)
            _say(f"start {number}/{starts}  {server.name:12} {spent:6.2f} s")


def _measure_rates(servers: Sequence[Server], rounds: int, seconds: int, results: _report.Results) -> None:
    """Load the servers in turn, round by round; all stay up meanwhile, so that each is weighed after all its loads."""
    with contextlib.ExitStack() as stack:
        started = [stack.enter_context(running(server)) for server in servers]
        for server in started:
            _load.first_answer(server)
            for figure, load in _loads(server):
                rate = _load.rate(server, load, WARM_UP_SECONDS)
                _say(f"warm-up    {server.server.name:12} {rate:8,.0f} {_report.RATES[figure]} (does not count)")
        for number in range(1, rounds + 1):
            for server in started:
                for figure, load in _loads(server):
                    rate = _load.rate(server, load, seconds)
                    results.rates.setdefault((server.server.name, figure), []).append(rate)
                    _say(f"round {number}/{rounds}  {server.server.name:12} {rate:8,.0f} {_report.RATES[figure]}")
                results.memory[server.server.name] = server.resident_bytes()


def _loads(server: Running) -> Iterator[tuple[str, _load.Load]]:
    yield "valid", _load.valid_submit()
    if server.server.validates:
        yield "refused", _load.refused_submit()
    yield "reads", _load.task_read(server)


def _method(rounds: int, seconds: int) -> str:
    return (
        f"Rates: `wrk -t1 -c{_load.CONNECTIONS} -d{seconds}s` over keep-alive connections, medians of {rounds} rounds "
        f"in turn, in which every server was up, after {WARM_UP_SECONDS} s of each load that do not count. "
        "A valid submit is `POST /v1/videos/extensions` with the contract's documented example and is answered "
        "200, a refused one lacks its `prompt` and is answered 400, a read is "
        "`GET /v1/videos/{id}` and is answered 200. Each load is tried once before, and the class of every status is "
        "counted after; one wrong, or one socket error, ends the run.\n\n"
        "Start: from the spawn of the process to its first 200 on a read (after a submit, for a server that keeps "
        f"tasks), median of {max(rounds, FEWEST_STARTS)} starts in turn. "
        "Memory: resident, of the server's whole process group, after its last load; a megabyte has 1,000,000 bytes. "
        f"In process: {IN_PROCESS_ROUNDS} pairs of {_load.SLICE_SECONDS} s, median of their ratios."
    )


def _say(line: str) -> None:
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


def _interrupt(number: int, frame: FrameType | None) -> None:
    """End the run in order; a second signal must not disturb that."""
    for other in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(other, signal.SIG_IGN)
    raise KeyboardInterrupt


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="benchmarks/mock.py",
        description="Measure our mock server beside Prism, Steady and a bare application; takes about five minutes.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--rounds", type=_positive, default=3, metavar="N", help="rounds of loads (3)")
    parser.add_argument("--seconds", type=_positive, default=5, metavar="S", help="length of one load (5)")
    parser.add_argument("--only", nargs="+", choices=NAMES, metavar="NAME", help=f"measure only: {', '.join(NAMES)}")
    parser.add_argument("--no-write", action="store_true", help="leave RESULTS.md as it is")
    return parser


def _positive(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number above 0")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
