"""One run of a benchmark that measures in rounds: its errors, its tables, its place in RESULTS.md, its exit status."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

import _results
from _figures import Figure, Outcome

FEWEST_ROUNDS = 5
"""With fewer rounds nothing is written."""


class Results(Protocol):
    """What a benchmark has measured."""

    def outcomes(self) -> list[Outcome]:
        """The targets, and what was measured of each."""

    def figures(self) -> list[Figure]:
        """What was measured."""


R = TypeVar("R", bound=Results)


def run(
    subject: str,
    title: str,
    arguments: Sequence[str],
    *,
    measure: Callable[[], R],
    tables: Callable[[R], str],
    document: Callable[[R, float], str],
    failures: tuple[type[Exception], ...],
    writes: bool,
) -> int:
    """Measure, print the tables, and write them to their part of RESULTS.md. Returns the exit status.

    Args:
        subject: What `nox -s bench` calls the benchmark.
        title: The heading of its part of RESULTS.md.
        arguments: Those of its command.
        measure: Measures.
        tables: The tables of what was measured.
        document: Its part of RESULTS.md, with the load average before the run.
        failures: The errors that mean that the benchmark failed.
        writes: Whether RESULTS.md is written.
    """
    load_average = os.getloadavg()[0]
    try:
        results = measure()
    except failures as error:
        sys.stderr.write(f"error: {error}\n")
        return 2
    except KeyboardInterrupt:
        sys.stderr.write("interrupted; every server is stopped\n")
        return 130
    sys.stdout.write(f"\n{tables(results)}\n")
    if writes:
        command = shlex.join(["nox", "-s", "bench", "--", subject, *arguments])
        body = document(results, load_average)
        _results.write(subject, title, command, body, results.figures(), results.outcomes())
    return _results.MISSED if any(outcome.reached is False for outcome in results.outcomes()) else 0
