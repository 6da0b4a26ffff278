"""What the suite adds to pytest: findings without tracebacks, whose layer is whose, and the account after the tests."""

from __future__ import annotations

import collections
import contextlib
import functools
import time
from collections.abc import Generator, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from octopusx_video_contract.core.findings import Finding, Findings, by_operation, by_rule
from octopusx_video_contract.core.gaps import gaps
from octopusx_video_contract.core.run import Run
from octopusx_video_contract.messages.redaction import Redactor
from octopusx_video_contract.messages.text import counted, shortened
from octopusx_video_contract.sending.budget import NotAskedError

MAX_LINES = 105
"""Lines up to which examples are added to the findings on the console; the rules are named, however many there are."""
_MAX_SHOWN = 300
"""Characters of a response, and of what was found, in a line."""
_MAX_COMMAND = 1_200
"""Characters of a command that is shown as an example."""


class RedactedReports:
    """Keeps the keys out of pytest's reports, from which JUnit is made.

    Args:
        redactor: Knows the keys.
    """

    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Called by pytest with each outcome, before any reporter sees it."""
        shown = self._redactor.shown
        if isinstance(report.longrepr, tuple):  # where a test was skipped, and why
            path, line, reason = report.longrepr
            report.longrepr = (path, line, shown(reason))
        else:
            plain = str(report.longrepr)
            fit = shown(plain)
            if fit != plain:
                report.longrepr = fit
        report.sections = [(name, shown(content)) for name, content in report.sections]


class Plugin:
    """Watches a run's tests, and reports at the end what was exercised, found and spent.

    Args:
        run: The run.
        is_part: Whether a part of the suite was chosen, which need not reach all that the contract documents.

    Attributes:
        outcomes: How many tests of each layer passed, failed or were skipped.
        accounted: Whether it has been said what the run may have cost.
    """

    def __init__(self, run: Run, *, is_part: bool = False) -> None:
        self._run = run
        self._is_part = is_part
        self._begun = time.monotonic()
        self._verbose = False
        self.outcomes: collections.Counter[tuple[str, str]] = collections.Counter()
        self.accounted = False

    def pytest_configure(self, config: pytest.Config) -> None:
        """Called by pytest before it collects anything."""
        self._verbose = config.option.verbose > 0

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        """Called by pytest before each test: what is sent from now on is of its layer."""
        self._run.log.layer = Path(str(item.path)).stem

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Generator[None, None, None]:
        """Called by pytest to run a test: what it finds is kept, and the test goes on, so that nothing hides the rest.

        Raises:
            Findings: Something was found.
        """
        findings: list[Finding] = []
        also = ""
        self._run.log.announce = functools.partial(self._announce, item.config)
        try:
            with self._run.recorder.collecting(findings):
                yield
        except Finding as finding:
            findings.append(finding)
        except Findings as several:
            findings += several.findings
        except (NotAskedError, pytest.skip.Exception):
            if not findings:
                raise
        except Exception as error:
            if not findings:
                raise
            also = f"and the test ended with {type(error).__name__}: {error}"
        finally:
            self._run.log.announce = None
        if findings:
            raise Findings(findings, also)

    def _announce(self, config: pytest.Config, line: str) -> None:
        """Print a line while a test runs, whose output pytest captures."""
        capture = config.pluginmanager.get_plugin("capturemanager")
        reporter = config.pluginmanager.get_plugin("terminalreporter")
        if reporter is not None:
            with capture.global_and_fixture_disabled() if capture else contextlib.nullcontext():
                reporter.ensure_newline()
                reporter.write_line(self._run.settings.redactor.shown(line))
                reporter.flush()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item, call: pytest.CallInfo[None]) -> Generator[None, Any, Any]:
        """Called by pytest with each outcome: a finding says itself all that there is to say."""
        report: Any = yield
        error = None if call.excinfo is None else call.excinfo.value
        found = error.findings if isinstance(error, Findings) else [error] if isinstance(error, Finding) else []
        for finding in found:
            known = self._run.log.known.setdefault(finding.key, finding)
            if known is not finding:
                known.times += finding.times
                continue
            finding.after = time.monotonic() - self._begun
            self._run.log.findings.append((self._run.log.layer, finding))
        if found:
            report.longrepr = f"{error}\nrepeat it with --seed {self._run.settings.seed}"
            report.is_finding = True
        if isinstance(error, NotAskedError):  # where it was asked says more than where the budget says no
            report.longrepr = (str(item.path), (item.location[1] or 0) + 1, f"Skipped: {error}")
        if report.when == "call" or report.outcome != "passed":
            self.outcomes[self._run.log.layer, report.outcome] += 1
        return report

    @pytest.hookimpl(tryfirst=True)
    def pytest_keyboard_interrupt(self, excinfo: pytest.ExceptionInfo[BaseException]) -> None:
        """Called by pytest, which needs the line of each frame: one that was interrupted between two lines has none."""
        excinfo.traceback = excinfo.traceback.filter(_has_line)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> Generator[None]:
        """Called by pytest after the tests; findings are shown by their rules, and by their tests with --verbose."""
        failed = terminalreporter.stats.get("failed", [])
        if not self._verbose:
            others = [report for report in failed if not getattr(report, "is_finding", False)]
            terminalreporter.stats["failed"] = others
        yield
        terminalreporter.stats["failed"] = failed
        self._summary(terminalreporter)

    def _summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        run = self._run

        def write(line: str) -> None:
            terminalreporter.write_line(run.settings.redactor.shown(line))

        terminalreporter.section("what was exercised")
        for operation in run.contract.operations:
            unordered, ordered = (run.log.statuses(operation, ordered=kind) for kind in (False, True))
            line = f"{operation:22}{sum(unordered.values()) + sum(ordered.values()):6} requests   {_counts(unordered)}"
            write(line + (f"   ordered: {_counts(ordered)}" if ordered else ""))
        values = run.coverage.values.values()
        write(
            f"keywords of requests: {sum(bool(valid) for valid, _ in values)} of {len(values)} with valid values, "
            f"{sum(bool(invalid) for _, invalid in values)} with invalid ones"
        )
        asked = [rule.id for rule in run.contract.rules if rule.id in run.log.asked]
        write(f"rules asked: {' '.join(asked)}")
        rest = [rule.id for rule in run.contract.rules if rule.id not in run.log.asked]
        write(f"rules not asked: {' '.join(rest) or 'none'}")
        unseen = [gap.name for gap in gaps(run) if gap.kind == "response"]
        if unseen and not self._is_part:
            write(f"documented responses that never arrived: {', '.join(unseen)}")
        if run.log.warnings:
            terminalreporter.section("should rules that were broken (reported, not failed)")
            for rule, count in sorted(run.log.warnings.items()):
                write(f"{count:6} times  {rule}")
        if run.log.findings:
            terminalreporter.section("rules that are broken")
            for line in broken(run.log.findings):
                write(line)
        if run.budget.account():
            terminalreporter.section("what it may have cost")
            for line in run.budget.account():
                write(line)
        self.accounted = True
        write("")
        write(f"seed {run.settings.seed}: repeat it with --seed {run.settings.seed} and the same other options")


def _has_line(entry: Any) -> bool:
    try:
        _ = entry.lineno
    except TypeError:
        return False
    return True


def broken(findings: Sequence[tuple[str, Finding]]) -> Iterator[str]:
    """The findings in lines: of each rule a title, a line for each operation, and an example while there is room."""
    rules = by_rule(findings)
    groups = [(rule, by_operation(found), found) for rule, found in rules]
    room = MAX_LINES - 1 - len(groups) - sum(len(operations) for _, operations, _ in groups)
    left = 0
    for rule, operations, found in groups:
        layers = ", ".join(dict.fromkeys(layer for layer, _ in found))
        first = found[0][1]
        yield f"{rule} ({first.level}) is broken: {first.statement} (found by: {layers})"
        for operation, several in operations.items():
            times = counted(sum(finding.times for finding in several), "time")
            apart = f" in {len(several)} ways" if len(several) > 1 else ""
            symptom = shortened(" ".join(several[0].symptom.split()), _MAX_SHOWN)
            yield f"  {operation or 'no operation'}, {times}{apart}: {symptom}"
            yield from (f"    {shortened(one.detail, _MAX_SHOWN)}" for one in several[1:] if one.is_last)
        example = list(_example([finding for _, finding in found]))
        if example and len(example) <= room:
            room -= len(example)
            yield from example
        else:
            left += 1
    if left or any(len(several) > 1 for _, operations, _ in groups for several in operations.values()):
        yield "every finding with its request and its response: --verbose, --report FILE or --junit FILE"


def _example(findings: Sequence[Finding]) -> Iterator[str]:
    """The shortest request that shows a rule broken, with its response."""
    shown = [finding for finding in findings if finding.curl and len(finding.curl) <= _MAX_COMMAND]
    if not shown:
        return
    example = min(shown, key=lambda finding: (finding.curl.count("\n"), not finding.response, len(finding.curl)))
    yield "the request:"
    yield from f"    {example.curl}".split("\n")
    if example.response:
        yield "the response:"
        yield f"    {shortened(' '.join(example.response.split()), _MAX_SHOWN)}"


def _counts(statuses: dict[int, int]) -> str:
    return "  ".join(f"{status}: {count}" for status, count in statuses.items()) or "no response"
