"""What of the suite a run is limited to: layers, operations, rules, a number of findings, a time."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Generator, Iterable, Iterator
from pathlib import Path

import pytest
from octopusx_video_openapi import Contract, Operation

from octopusx_video_contract.cases import routes
from octopusx_video_contract.core.findings import Finding, Findings
from octopusx_video_contract.core.run import Run
from octopusx_video_contract.core.run_log import MANY_BROKEN_RULES
from octopusx_video_contract.runner.options import Options
from octopusx_video_contract.runner.target import CannotRunError

LAYERS = (
    *("documented_requests", "boundaries", "forms", "ordered", "conformance", "life", "bills"),
    *("examples", "round_trip", "reached"),
)
"""The modules of the suite, in the order in which they run: those of the server first, the account of the run last."""
_ACCOUNT = "reached"
DEFAULT_MAX_TIME = 80.0
"""Seconds after which a run ends by itself that has found many rules broken, since nobody waits for more findings."""


@dataclasses.dataclass(frozen=True)
class Choice:
    """What a run is limited to; empty, or None, where it is not.

    Attributes:
        layers: The layers that run.
        operations: The operations whose findings count.
        rules: The rules whose findings count.
        max_findings: After how many findings the run ends.
        max_time: After how many seconds the run ends.
    """

    layers: frozenset[str] = frozenset()
    operations: frozenset[str] = frozenset()
    rules: frozenset[str] = frozenset()
    max_findings: int | None = None
    max_time: float | None = None

    @property
    def is_part(self) -> bool:
        """Whether it leaves anything of the suite out, so that the run can't have reached all of the contract."""
        return bool(self.layers or self.operations or self.rules)

    def runs(self, layer: str) -> bool:
        """Whether a layer runs. The account of what was reached is one of whole runs, unless it is named."""
        return layer in self.layers if self.layers else layer != _ACCOUNT or not self.is_part

    def counts(self, finding: Finding) -> bool:
        """Whether a finding is one of those that are asked for; one at no operation is one of each."""
        is_there = not self.operations or not finding.operation or finding.operation in self.operations
        return is_there and (not self.rules or finding.rule in self.rules)

    def __str__(self) -> str:
        """What it is limited to, in words; empty where it is not."""
        named = {"layer": sorted(self.layers, key=LAYERS.index), "operation": sorted(self.operations)}
        parts = [f"{name}{'s' * (len(given) > 1)} {', '.join(given)}" for name, given in named.items() if given]
        parts += [f"rule{'s' * (len(self.rules) > 1)} {', '.join(sorted(self.rules))}"] if self.rules else []
        return "; ".join(parts)


def chosen(options: Options, contract: Contract) -> Choice:
    """What the options limit a run to.

    Raises:
        CannotRunError: They name an operation or a rule that the contract does not have.
    """
    operations, rules = frozenset(options.operation or ()), frozenset(options.rule or ())
    _known("--operation", operations, list(contract.operations), contract)
    _known("--rule", rules, [rule.id for rule in contract.rules], contract)
    return Choice(frozenset(options.layer or ()), operations, rules, options.max_findings, options.max_time)


def _known(option: str, named: Iterable[str], known: list[str], contract: Contract) -> None:
    for name in sorted(set(named) - set(known)):
        shown = ", ".join(known) if len(known) < 10 else f"{known[0]} to {known[-1]}"
        raise CannotRunError(f"{option} {name}: {contract.path} has none of that name; it has {shown}")


class Limits:
    """A plugin of pytest that leaves out what was not chosen, and ends the run at its limits.

    Args:
        run: The run.
        choice: What it is limited to.

    Attributes:
        ended: Why it ended before all was asked; empty where it did not.
    """

    def __init__(self, run: Run, choice: Choice) -> None:
        self._run = run
        self._choice = choice
        self._begun = time.monotonic()
        self.ended = ""

    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        """Called by pytest with what it has collected: tests of other operations alone are left out."""
        wanted = self._choice.operations
        if wanted:
            left_out = [item for item in items if (about := set(self._about(item))) and not about & wanted]
            items[:] = [item for item in items if item not in left_out]
            config.hook.pytest_deselected(items=left_out)

    def _about(self, item: pytest.Item) -> Iterator[str]:
        """The operations that a test names; none where it is about all of them, or about how they go together."""
        known = self._run.contract.operations
        if Path(str(item.path)).stem == "life":  # each of them lives by all operations
            return
        name = item.name.partition("[")[0].removeprefix("test_")
        if name in known:
            yield name
        for value in getattr(getattr(item, "callspec", None), "params", {}).values():
            if isinstance(value, Operation):
                yield value.id
            elif isinstance(value, str) and value in known:
                yield value
            elif isinstance(value, str):  # a path, which may fit the template of another operation too
                reached = routes.shared(self._run.contract, value)
                yield from (one.id for one in known.values() if one.path == value or one in reached)
            elif getattr(value, "operation_id", None) in known:
                yield value.operation_id

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Generator[None, None, None]:
        """Called by pytest to run a test, whose other findings are left out.

        Raises:
            Findings: Some were asked for.
        """
        try:
            yield
        except (Finding, Findings) as error:
            findings = error.findings if isinstance(error, Findings) else [error]
            counted = [finding for finding in findings if self._choice.counts(finding)]
            if len(counted) == len(findings):
                raise
            if counted:
                raise Findings(counted) from None

    @pytest.hookimpl(trylast=True)
    def pytest_runtest_logfinish(self, nodeid: str) -> None:
        """Called by pytest after each test."""
        found, most = len(self._run.log.findings), self._choice.max_findings
        if most is not None and found >= most:
            self.ended = f"{found} findings were made (--max-findings {most})"
        elif self._choice.max_time is not None and self._seconds >= self._choice.max_time:
            self.ended = f"{self._choice.max_time:g} s have passed (--max-time)"
        elif self._choice.max_time is None and self._seconds >= DEFAULT_MAX_TIME:
            broken = len(self._run.log.broken)
            if broken >= MANY_BROKEN_RULES:
                self.ended = (
                    f"{DEFAULT_MAX_TIME:g} s have passed, and {broken} rules are broken (--max-time gives more)"
                )

    @property
    def _seconds(self) -> float:
        return time.monotonic() - self._begun

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, object, object]:
        """Called by pytest with each test: the one after which a limit is reached is the last."""
        result = yield
        if self.ended and not item.session.shouldfail:
            item.session.shouldfail = f"{self.ended}; the rest was not asked"
        return result

    @pytest.hookimpl(tryfirst=True)
    def pytest_terminal_summary(self) -> None:
        """Called by pytest after the tests, before it reports them."""
        seen = self._run.log
        for entry in [entry for entry in seen.reported if not self._choice.counts(entry[1])]:
            seen.reported.remove(entry)
        if self._choice.is_part:
            kept = {f"{finding.rule}: {finding.statement}" for _, finding in seen.reported}
            for warning in [warning for warning in seen.warnings if warning not in kept]:
                del seen.warnings[warning]

    def unasked(self) -> str:
        """What was chosen and never asked, so that the run proved nothing of it; empty where all was."""
        rules = sorted(self._choice.rules - self._run.log.asked)
        answered = {operation for operation, _, _ in self._run.log.responses}
        by_server = not self._choice.layers or self._choice.layers - {"examples", "round_trip"}
        operations = sorted(self._choice.operations - answered) if by_server else []
        named = [f"rule {name}" for name in rules] + [f"operation {name}" for name in operations]
        return ", ".join(named)
