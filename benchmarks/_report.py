"""What was measured, held against what was aimed at, as Markdown that reads well on a terminal too."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import re
import statistics
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from _figures import Better, Figure, Outcome
from _servers import SERVERS

RATES = {"valid": "valid submits/s", "refused": "refused submits/s", "reads": "task reads/s"}
PACKAGES = ("octopusx-video", "uvicorn", "uvloop", "httptools", "httpx")
MEGABYTE = 1_000_000

Kind = Literal["valid", "refused", "reads", "start", "memory", "in process"]


@dataclass
class Results:
    """Every figure that was taken, by name of the server.

    ``rates`` by kind of load in answers per second, ``starts`` in seconds, ``memory`` in bytes; ``in_process`` holds
    pairs of calls per second, our mock's and httpx's own.
    """

    rates: dict[tuple[str, str], list[float]] = field(default_factory=dict)
    starts: dict[str, list[float]] = field(default_factory=dict)
    memory: dict[str, int] = field(default_factory=dict)
    in_process: list[tuple[float, float]] = field(default_factory=list)

    def value(self, name: str, kind: Kind) -> float | None:
        """The figure of a server, the median where it was taken more than once; None if it was not."""
        if kind == "memory":
            return self.memory.get(name)
        taken = self.starts.get(name) if kind == "start" else self.rates.get((name, kind))
        return statistics.median(taken) if taken else None

    def in_one_process(self) -> Figure | None:
        """Calls per second in process, the medians of both sides; None if they were not measured."""
        if not self.in_process:
            return None
        ours, constant = (statistics.median(side) for side in zip(*self.in_process, strict=True))
        values = {"ours": ours, "httpx.MockTransport": constant}
        return Figure("valid submits/s in one process", values, better="more")


@dataclass(frozen=True)
class Target:
    """What our mock is to reach: a ratio of its figure to a peer's, or, of memory, megabytes that it stays within."""

    kind: Kind
    peer: str | None
    bound: float

    def measured(self, results: Results) -> float | None:
        """The ratio, which is larger the better we are, or the megabytes; None where something was not measured."""
        if self.kind == "in process":
            return statistics.median(ours / peer for ours, peer in results.in_process) if results.in_process else None
        ours = results.value("ours", self.kind)
        if self.peer is None:
            return None if ours is None else ours / MEGABYTE
        peer = results.value(self.peer, self.kind)
        if ours is None or peer is None:
            return None
        return peer / ours if self.kind == "start" else ours / peer

    def outcome(self, results: Results) -> Outcome:
        """What was to be reached, and what was measured of it."""
        measured = self.measured(results)
        if self.peer is None:
            return Outcome("memory after the load, ours", measured, self.bound, "less", "MB", 0)
        what = f"{RATES.get(self.kind, self.kind)}, ours to {self.peer}"
        if self.kind == "start":
            what = f"start to first answer, {self.peer} to ours"
        return Outcome(what, measured, self.bound, "more")


TARGETS = (
    Target("valid", "prism", 6),
    Target("valid", "steady", 2.5),
    Target("valid", "bare", 0.5),
    Target("refused", "prism", 10),
    Target("refused", "steady", 3),
    Target("reads", "prism", 5),
    Target("reads", "steady", 1.8),
    Target("start", "steady", 1),
    Target("memory", None, 60),
    Target("in process", "httpx.MockTransport", 0.85),
)


def outcomes(results: Results) -> list[Outcome]:
    """The targets, and what was measured of each."""
    return [target.outcome(results) for target in TARGETS]


def figures(results: Results) -> list[Figure]:
    """The figures of the servers, and that of the calls in process."""
    in_process = results.in_one_process()
    return [*_of_servers(results), *([in_process] if in_process else [])]


def _of_servers(results: Results) -> Iterator[Figure]:
    """The figures of the servers; none where no server was measured."""
    measured = [server for server in SERVERS if server.name in results.memory]

    def figure(name: str, kind: Kind, unit: str = "", digits: int = 0, better: Better = "less") -> Figure:
        taken = {server.title.strip("*"): results.value(server.name, kind) for server in measured}
        divisor = MEGABYTE if kind == "memory" else 1
        values = {side: value / divisor for side, value in taken.items() if value is not None}
        return Figure(name, values, unit, digits, better)

    if measured:
        yield figure(RATES["valid"], "valid", better="more")
        yield figure(RATES["refused"], "refused", better="more")
        yield figure(RATES["reads"], "reads", better="more")
        yield figure("start to first answer", "start", "s", 2)
        yield figure("memory after the load", "memory", "MB")


def tables(results: Results) -> str:
    """The servers side by side, and the targets, as Markdown."""
    parts = []
    columns = list(_of_servers(results))
    if columns:
        titles = [server.title for server in SERVERS if server.name in results.memory]
        rows = [(title, *(column.cell(title.strip("*")) for column in columns)) for title in titles]
        parts += [table(("", *(column.name for column in columns)), rows), _spread(results)]
    in_process = results.in_one_process()
    if in_process:
        ours, constant = in_process.cells()
        parts.append(
            f"In one process, through httpx: {ours} submits/s with our mock's transport, {constant} with "
            "httpx.MockTransport and a constant answer."
        )
    parts.append(targets_table(outcomes(results)))
    return "\n\n".join(parts)


def targets_table(outcomes: Iterable[Outcome]) -> str:
    """The targets of a benchmark, as Markdown."""
    return table(("", "measured", "target", ""), [outcome.row() for outcome in outcomes])


def _spread(results: Results) -> str:
    """How far the rounds of a rate lie apart, at worst."""
    spreads = {
        key: max(abs(rate / statistics.median(rates) - 1) for rate in rates) for key, rates in results.rates.items()
    }
    (name, figure), worst = max(spreads.items(), key=lambda item: item[1])
    return f"No round was further than {worst:.0%} from its median ({RATES[figure]} of {name}: the worst)."


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Rows under a header as Markdown, names to the left and figures to the right."""
    lines = [tuple(header), *map(tuple, rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    padded = [
        [
            cell.rjust(width) if index else cell.ljust(width)
            for index, (cell, width) in enumerate(zip(line, widths, strict=True))
        ]
        for line in lines
    ]
    rule = ["-" * width if not index else "-" * (width - 1) + ":" for index, width in enumerate(widths)]
    return "\n".join("| " + " | ".join(line) + " |" for line in (padded[0], rule, *padded[1:]))


def document(results: Results, *, method: str, versions: dict[str, str], load_average: float) -> str:
    """What RESULTS.md says of the mocks: tables, method, machine."""
    does = "\n".join(
        f"- {server.title.strip('*')}: {server.does}" for server in SERVERS if server.name in results.memory
    )
    return f"{tables(results)}\n\n## What was measured\n\n{method}\n\n{does}\n\n{where(load_average, versions)}"


def where(load_average: float, versions: Mapping[str, str], what: str = "") -> str:
    """The section about the machine and the versions of a benchmark.

    Args:
        load_average: Of the machine before the run.
        versions: By the names of the programs and packages.
        what: What was measured there, for the heading; empty where that is clear.
    """
    known = ", ".join(f"{name} {version}" for name, version in versions.items())
    lines = "\n".join(f"- {line}" for line in (*machine(load_average), known))
    return f"## Where{f' {what} was measured' if what else ''}\n\n{lines}\n"


def python_versions(packages: Sequence[str] = PACKAGES) -> dict[str, str]:
    """Versions of Python and of packages, those that take part in the benchmark of the mocks."""
    found = {"Python": platform.python_version()}
    return found | {name: importlib.metadata.version(name) for name in packages}


def machine(load_average: float) -> Iterator[str]:
    """The lines about the machine; no path, host name or address of it is among them."""
    cpu = re.search(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text(encoding="utf-8"), re.MULTILINE)
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    yield f"{cpu[1] if cpu else platform.machine()}, {len(os.sched_getaffinity(0))} cores, {memory:.0f} GiB of memory"
    system = platform.freedesktop_os_release().get("PRETTY_NAME", platform.system())
    yield f"{system}, {platform.system()} {platform.release()}; load average before the run {load_average:.2f}"
