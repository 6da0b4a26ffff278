"""What the runs of the suite cost, held against what was aimed at, as Markdown that reads well on a terminal too."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import _report
from _figures import Figure, Outcome
from _suite_runs import TOOLS, Ended, Layer, Tool

PACKAGES = ("octopusx-video", "schemathesis", "hypothesis", "pytest", "httpx")
RUN = "whole run with defaults"
FINDING = "first finding of"
TITLES: dict[Tool, str] = {"ours": "**ours**", "schemathesis": "schemathesis"}


@dataclass
class Results:
    """Every run that was measured, in order.

    ``layers`` holds pairs of the layer of conformance, with our checks and without; ``whole`` the runs with defaults,
    by tool; ``found`` those that ended at the first finding, by defect and tool.
    """

    layers: list[tuple[Layer, Layer]] = field(default_factory=list)
    whole: dict[Tool, list[Ended]] = field(default_factory=dict)
    found: dict[str, dict[Tool, list[Ended]]] = field(default_factory=dict)

    def checks(self) -> float | None:
        """The share that our checks add to the layer of conformance, the median of the pairs."""
        shares = [ours.seconds / alone.seconds - 1 for ours, alone in self.layers]
        return statistics.median(shares) if shares else None

    def run(self) -> float | None:
        """Seconds of our run to one of that of schemathesis."""
        if not self.whole:
            return None
        ours, peer = (_median(self.whole[tool]) for tool in TOOLS)
        return ours / peer

    def finding(self) -> float | None:
        """Seconds to our first findings to one of those of schemathesis, over all defects."""
        if not self.found:
            return None
        ours, peer = (sum(_median(runs[tool]) for runs in self.found.values()) for tool in TOOLS)
        return ours / peer

    def outcomes(self) -> list[Outcome]:
        """The targets, and what was measured of each."""
        checks = self.checks()
        added = None if checks is None else 100 * checks
        return [
            Outcome("our checks in process, added to schemathesis alone", added, 15, unit="%", digits=0),
            Outcome("whole default run, ours in process to schemathesis over HTTP", self.run(), 1),
            Outcome("first finding over HTTP, ours to schemathesis", self.finding(), 1),
        ]

    def layer(self) -> Figure | None:
        """CPU time of the layer of conformance, the medians of both sides; None if it was not measured."""
        if not self.layers:
            return None
        ours, alone = (statistics.median(layer.seconds for layer in side) for side in zip(*self.layers, strict=True))
        values = {"with our checks": ours, "schemathesis alone": alone}
        return Figure("CPU time of the layer of conformance in process", values, "s", 2)

    def runs(self) -> list[Figure]:
        """The figures of the whole runs; none where they were not measured."""
        if not self.whole:
            return []

        def of_each(figure: Callable[[Ended], float]) -> dict[str, float]:
            return {tool: statistics.median(map(figure, runs)) for tool, runs in self.whole.items()}

        return [
            Figure("start to exit", of_each(lambda run: run.seconds), "s", 1, group=RUN),
            Figure("CPU time", of_each(lambda run: run.cpu), "s", 1, group=RUN),
            Figure("requests", of_each(lambda run: run.sent), better="", group=RUN),
        ]

    def findings(self) -> list[Figure]:
        """Seconds to the first finding of each defect, and of all; none where they were not measured."""
        rows: dict[str, dict[str, float]]
        rows = {name: {tool: _median(runs[tool]) for tool in TOOLS} for name, runs in self.found.items()}
        if rows:
            rows["sum"] = {tool: sum(row[tool] for row in rows.values()) for tool in TOOLS}
        return [_finding(name, row) for name, row in rows.items()]

    def figures(self) -> list[Figure]:
        """All figures."""
        layer = self.layer()
        return [*([layer] if layer else []), *self.runs(), *self.findings()]


def _finding(name: str, row: Mapping[str, float]) -> Figure:
    return Figure(name, row, "s", 2, group=FINDING, ratio=row["ours"] / row["schemathesis"])


def tables(results: Results) -> str:
    """The tools side by side, and the targets, as Markdown."""
    parts = []
    layer = results.layer()
    if layer:
        ours, alone = layer.cells()
        parts.append(
            f"The layer of conformance in process: {ours} of CPU time with our checks, {alone} with those "
            f"of schemathesis alone, over the same {results.layers[0][0].sent} requests (of the first seed). "
            + _spread([[ours.seconds / alone.seconds for ours, alone in results.layers]], "pair")
        )
    if results.whole:
        rows = [
            (
                TITLES[tool],
                *(figure.cell(tool) for figure in results.runs()),
                " ".join(f"{run.seconds:.1f}" for run in runs),
                " ".join(str(run.status) for run in runs),
            )
            for tool, runs in results.whole.items()
        ]
        header = (RUN, *(figure.name for figure in results.runs()), "seconds of each seed", "exit statuses")
        parts += [
            _report.table(header, rows),
            _spread([run.seconds for run in runs] for runs in results.whole.values()),
        ]
    if results.found:
        parts += [
            _report.table(
                (FINDING, *TOOLS, "ours to it"), [(figure.name, *figure.cells()) for figure in results.findings()]
            ),
            _spread([run.seconds for run in runs] for tools in results.found.values() for runs in tools.values()),
        ]
    return "\n\n".join([*parts, _report.targets_table(results.outcomes())])


def _median(runs: Iterable[Ended]) -> float:
    return statistics.median(run.seconds for run in runs)


def _spread(series: Iterable[Sequence[float]], what: str = "run") -> str:
    worst = max(abs(figure / statistics.median(figures) - 1) for figures in series for figure in figures)
    return f"No {what} was further than {worst:.0%} from its median."


def document(results: Results, *, method: str, load_average: float) -> str:
    """What RESULTS.md says of the suite: tables, method, machine."""
    where = _report.where(load_average, _report.python_versions(PACKAGES), "the suite")
    return f"{tables(results)}\n\n## How the suite was measured\n\n{method}\n\n{where}"
