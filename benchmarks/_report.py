"""What was measured, held against what was aimed at, as Markdown that reads well on a terminal too."""

from __future__ import annotations

import datetime as dt
import importlib.metadata
import os
import platform
import re
import statistics
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from _servers import SERVERS

RATES = {"valid": "valid submits/s", "refused": "refused submits/s", "reads": "task reads/s"}
PACKAGES = ("octopusx-video", "uvicorn", "uvloop", "httptools", "httpx")
MEGABYTE = 1_000_000

Figure = Literal["valid", "refused", "reads", "start", "memory", "in process"]


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

    def value(self, name: str, figure: Figure) -> float | None:
        """The figure of a server, the median where it was taken more than once; None if it was not."""
        if figure == "memory":
            return self.memory.get(name)
        taken = self.starts.get(name) if figure == "start" else self.rates.get((name, figure))
        return statistics.median(taken) if taken else None


@dataclass(frozen=True)
class Target:
    """What our mock is to reach: a ratio of its figure to a peer's, or, of memory, megabytes that it stays within."""

    figure: Figure
    peer: str | None
    bound: float

    def measured(self, results: Results) -> float | None:
        """The ratio, which is larger the better we are, or the megabytes; None where something was not measured."""
        if self.figure == "in process":
            return statistics.median(ours / peer for ours, peer in results.in_process) if results.in_process else None
        ours = results.value("ours", self.figure)
        if self.peer is None:
            return None if ours is None else ours / MEGABYTE
        peer = results.value(self.peer, self.figure)
        if ours is None or peer is None:
            return None
        return peer / ours if self.figure == "start" else ours / peer

    def reached(self, results: Results) -> bool | None:
        """Whether it is reached; None where something was not measured."""
        measured = self.measured(results)
        if measured is None:
            return None
        return measured <= self.bound if self.peer is None else measured >= self.bound

    def row(self, results: Results) -> tuple[str, str, str, str]:
        """What, measured, target, verdict."""
        what = f"{RATES.get(self.figure, self.figure)}, ours to {self.peer}"
        if self.figure == "start":
            what = f"start to first answer, {self.peer} to ours"
        elif self.peer is None:
            what = "memory after the load, ours"
        measured = self.measured(results)
        verdict = {True: "reached", False: "**missed**", None: "not measured"}[self.reached(results)]
        if self.peer is None:
            return what, "-" if measured is None else f"{measured:.0f} MB", f"<= {self.bound:.0f} MB", verdict
        return what, "-" if measured is None else f"{measured:.2f}x", f">= {self.bound:g}x", verdict


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


def tables(results: Results) -> str:
    """The servers side by side, and the targets, as Markdown."""
    measured = [server for server in SERVERS if server.name in results.memory]
    parts = []
    if measured:
        header = ("", *RATES.values(), "start to first answer", "memory after the load")
        rows = [(server.title, *_figures(results, server.name)) for server in measured]
        parts += [table(header, rows), _spread(results)]
    if results.in_process:
        ours, constant = (statistics.median(side) for side in zip(*results.in_process, strict=True))
        parts.append(
            f"In one process, through httpx: {ours:,.0f} submits/s with our mock's transport, {constant:,.0f} with "
            "httpx.MockTransport and a constant answer."
        )
    parts.append(table(("", "measured", "target", ""), [target.row(results) for target in TARGETS]))
    return "\n\n".join(parts)


def _figures(results: Results, name: str) -> Iterator[str]:
    for figure in ("valid", "refused", "reads"):
        rate = results.value(name, figure)
        yield "-" if rate is None else f"{rate:,.0f}"
    start = results.value(name, "start")
    yield "-" if start is None else f"{start:.2f} s"
    yield f"{results.memory[name] / MEGABYTE:.0f} MB"


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


def document(results: Results, *, command: str, method: str, versions: dict[str, str], load_average: float) -> str:
    """The part of RESULTS.md about the mocks: tables, method, machine."""
    today = dt.datetime.now(dt.UTC).date().isoformat()
    does = "\n".join(
        f"- {server.title.strip('*')}: {server.does}" for server in SERVERS if server.name in results.memory
    )
    where = "\n".join(f"- {line}" for line in machine(load_average))
    return (
        "# Benchmark of the mock servers\n\n"
        f"Written on {today} by `{command}`; do not edit.\n\n"
        f"{tables(results)}\n\n"
        f"## What was measured\n\n{method}\n\n{does}\n\n"
        f"## Where\n\n{where}\n- {', '.join(f'{name} {version}' for name, version in versions.items())}\n"
    )


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
