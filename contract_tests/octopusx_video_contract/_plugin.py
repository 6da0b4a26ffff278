"""What the suite adds to pytest: findings without tracebacks, whose layer is whose, and the account after the tests."""

from __future__ import annotations

import collections
import itertools
import time
from collections.abc import Generator, Sequence
from pathlib import Path
from typing import Any

import pytest

from octopusx_video_contract._budget import NotAskedError
from octopusx_video_contract._coverage import gaps
from octopusx_video_contract._finding import Finding, Findings
from octopusx_video_contract._run import Run

SHRINKING_SECONDS = 5
"""How long a smaller example is looked for."""


class Plugin:
    """Watches a run's tests, and tells at the end what was exercised, found and spent.

    Args:
        run: The run.
        later: Files of tests that are collected when the others have run.

    Attributes:
        outcomes: How many tests of each layer passed, failed or were skipped.
        accounted: Whether it has been said what the run may have cost.
    """

    def __init__(self, run: Run, later: Sequence[str] = ()) -> None:
        self._run = run
        self._later = later
        self._begun = time.monotonic()
        self.outcomes: collections.Counter[tuple[str, str]] = collections.Counter()
        self.accounted = False

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        """Called by pytest before each test: what is sent from now on is of its layer."""
        self._run.layer = Path(str(item.path)).stem

    @pytest.hookimpl(wrapper=True)
    def pytest_runtestloop(self, session: pytest.Session) -> Generator[None, bool, bool]:
        """Called by pytest to run what it has collected; the later layers are collected and run after that.

        What schemathesis collects takes a second, in which the layers before it may have found something.
        """
        result = yield
        from hypothesis.internal.conjecture import engine  # noqa: PLC0415 - the first layers do without it

        # A finding is worth seconds of looking for a smaller one, not the five minutes that Hypothesis takes.
        engine.MAX_SHRINKING_SECONDS = SHRINKING_SECONDS
        begun = session.testscollected
        items = session.perform_collect(self._later) if self._later else []
        session.testscollected += begun
        for item, following in itertools.zip_longest(items, items[1:]):
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
            if session.shouldfail:
                raise session.Failed(session.shouldfail)
        return result

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item, call: pytest.CallInfo[None]) -> Generator[None, Any, Any]:
        """Called by pytest with each outcome: a finding says itself all that there is to say."""
        report: Any = yield
        error = None if call.excinfo is None else call.excinfo.value
        found = error.findings if isinstance(error, Findings) else [error] if isinstance(error, Finding) else []
        for finding in found:
            finding.after = time.monotonic() - self._begun
            self._run.seen.findings.append((self._run.layer, finding))
        if found:
            report.longrepr = f"{error}\nrepeat it with --seed {self._run.seed}"
        if isinstance(error, NotAskedError):  # where it was asked says more than where the budget says no
            report.longrepr = (str(item.path), (item.location[1] or 0) + 1, f"Skipped: {error}")
        if report.when == "call" or report.outcome != "passed":
            self.outcomes[self._run.layer, report.outcome] += 1
        return report

    @pytest.hookimpl(tryfirst=True)
    def pytest_keyboard_interrupt(self, excinfo: pytest.ExceptionInfo[BaseException]) -> None:
        """Called by pytest, which needs the line of each frame: one that was interrupted between two lines has none."""
        excinfo.traceback = excinfo.traceback.filter(
            lambda entry: entry._rawentry.tb_lineno is not None  # noqa: SLF001 - its own property raises TypeError
        )

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Called by pytest after the tests."""
        run = self._run

        def write(line: str) -> None:
            terminalreporter.write_line(run.redactor.shown(line))

        terminalreporter.section("what was exercised")
        for operation in run.contract.operations:
            came, ordered = (run.seen.statuses(operation, ordered=kind) for kind in (False, True))
            line = f"{operation:22}{sum(came.values()) + sum(ordered.values()):6} requests   {_counts(came)}"
            write(line + (f"   ordered: {_counts(ordered)}" if ordered else ""))
        values = run.coverage.values.values()
        write(
            f"keywords of requests: {sum(bool(valid) for valid, _ in values)} of {len(values)} with valid values, "
            f"{sum(bool(invalid) for _, invalid in values)} with invalid ones"
        )
        asked = [rule.id for rule in run.contract.rules if rule.id in run.seen.asked]
        write(f"rules asked: {' '.join(asked)}")
        rest = [rule.id for rule in run.contract.rules if rule.id not in run.seen.asked]
        write(f"rules not asked: {' '.join(rest) or 'none'}")
        unseen = [gap.name for gap in gaps(run, run.coverage) if gap.kind == "response"]
        if unseen:
            write(f"documented responses that never came: {', '.join(unseen)}")
        if run.seen.warnings:
            terminalreporter.section("should rules that were broken (reported, not failed)")
            for rule, count in sorted(run.seen.warnings.items()):
                write(f"{count:6} times  {rule}")
        if run.seen.findings:
            terminalreporter.section("rules that are broken")
            for rule in sorted({finding.rule for _, finding in run.seen.findings}):
                layers = sorted({layer for layer, finding in run.seen.findings if finding.rule == rule})
                title = next(finding.title for _, finding in run.seen.findings if finding.rule == rule)
                write(f"{rule} {title} (found by: {', '.join(layers)})")
        if run.budget.account():
            terminalreporter.section("what it may have cost")
            for line in run.budget.account():
                write(line)
        self.accounted = True
        write("")
        write(f"seed {run.seed}")


def _counts(statuses: dict[int, int]) -> str:
    return "  ".join(f"{status}: {count}" for status, count in statuses.items()) or "no answer"
