"""What the runs of the suite cost, held against what was aimed at, as Markdown that reads well on a terminal too."""

from __future__ import annotations

import datetime as dt
import statistics
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import _report
from _suite_runs import TOOLS, Ended, Layer, Tool

PACKAGES = ("octopusx-video", "schemathesis", "hypothesis", "pytest", "httpx")
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

    def targets(self) -> list[tuple[str, str, str, bool | None]]:
        """What, measured, target, and whether it is reached; None where it was not measured."""
        rows = []
        for what, measured, most, form in (
            ("our checks in process, added to schemathesis alone", self.checks(), 0.15, "{:.0%}"),
            ("whole default run, ours in process to schemathesis over HTTP", self.run(), 1.0, "{:.2f}x"),
            ("first finding over HTTP, ours to schemathesis", self.finding(), 1.0, "{:.2f}x"),
        ):
            shown = "-" if measured is None else form.format(measured)
            rows.append((what, shown, f"<= {form.format(most)}", None if measured is None else measured <= most))
        return rows


def tables(results: Results) -> str:
    """The tools side by side, and the targets, as Markdown."""
    parts = []
    if results.layers:
        ours, alone = (statistics.median(layer.seconds for layer in side) for side in zip(*results.layers, strict=True))
        parts.append(
            f"The layer of conformance in process: {ours:.2f} s of CPU time with our checks, {alone:.2f} s with those "
            f"of schemathesis alone, over the same {results.layers[0][0].sent} requests (of the first seed). "
            + _spread([[ours.seconds / alone.seconds for ours, alone in results.layers]], "pair")
        )
    if results.whole:
        rows = [
            (
                TITLES[tool],
                f"{_median(runs):.1f} s",
                f"{statistics.median(run.cpu for run in runs):.1f} s",
                f"{statistics.median(run.sent for run in runs):,.0f}",
                " ".join(f"{run.seconds:.1f}" for run in runs),
                " ".join(str(run.status) for run in runs),
            )
            for tool, runs in results.whole.items()
        ]
        header = (
            "whole run with defaults",
            "start to exit",
            "CPU time",
            "requests",
            "seconds of each seed",
            "exit statuses",
        )
        parts += [
            _report.table(header, rows),
            _spread([run.seconds for run in runs] for runs in results.whole.values()),
        ]
    if results.found:
        parts += [
            _report.table(("first finding of", "ours", "schemathesis", "ours to it"), _findings(results)),
            _spread([run.seconds for run in runs] for tools in results.found.values() for runs in tools.values()),
        ]
    verdicts = {True: "reached", False: "**missed**", None: "not measured"}
    rows_ = [(*row[:3], verdicts[row[3]]) for row in results.targets()]
    return "\n\n".join([*parts, _report.table(("", "measured", "target", ""), rows_)])


def _findings(results: Results) -> Iterator[Sequence[str]]:
    sums = [0.0, 0.0]
    for name, runs in results.found.items():
        ours, peer = (_median(runs[tool]) for tool in TOOLS)
        sums = [sums[0] + ours, sums[1] + peer]
        yield name, f"{ours:.2f} s", f"{peer:.2f} s", f"{ours / peer:.2f}x"
    yield "sum", f"{sums[0]:.2f} s", f"{sums[1]:.2f} s", f"{sums[0] / sums[1]:.2f}x"


def _median(runs: Iterable[Ended]) -> float:
    return statistics.median(run.seconds for run in runs)


def _spread(series: Iterable[Sequence[float]], what: str = "run") -> str:
    worst = max(abs(figure / statistics.median(figures) - 1) for figures in series for figure in figures)
    return f"No {what} was further than {worst:.0%} from its median."


def document(results: Results, *, command: str, method: str, load_average: float) -> str:
    """The part of RESULTS.md about the suite: tables, method, machine."""
    today = dt.datetime.now(dt.UTC).date().isoformat()
    versions = ", ".join(f"{name} {version}" for name, version in _report.python_versions(PACKAGES).items())
    where = "\n".join(f"- {line}" for line in (*_report.machine(load_average), versions))
    return (
        "# Benchmark of the contract suite\n\n"
        f"Written on {today} by `{command}`; do not edit.\n\n{tables(results)}\n\n"
        f"## How the suite was measured\n\n{method}\n\n## Where the suite was measured\n\n{where}\n"
    )
