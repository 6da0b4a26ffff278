"""What was measured, in a form for both the tables of RESULTS.md and the data in docs/results."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

Better = Literal["less", "more", ""]


@dataclass(frozen=True)
class Figure:
    """One quantity of one side or of several.

    Attributes:
        name: What was measured.
        values: The value of each side, in the unit.
        unit: The unit; empty if the name has it.
        digits: Digits after the point that are shown and kept.
        better: Whether less or more is better; empty if neither is.
        group: What figures of the same kind have in common; empty for a figure by itself.
        ratio: The first side to the second; None if it was not measured.
    """

    name: str
    values: Mapping[str, float]
    unit: str = ""
    digits: int = 0
    better: Better = "less"
    group: str = ""
    ratio: float | None = None

    def cell(self, side: str) -> str:
        """The value of a side in a table."""
        return shown(self.values[side], self.unit, self.digits) if side in self.values else "-"

    def cells(self) -> tuple[str, ...]:
        """The values of all sides in a row of a table, and their ratio."""
        ratio = () if self.ratio is None else (shown(self.ratio, "x", 2),)
        return (*(self.cell(side) for side in self.values), *ratio)

    def data(self) -> dict[str, Any]:
        """A row of data, with the digits that are shown."""
        return {
            "group": self.group,
            "figure": self.name,
            "unit": self.unit,
            "digits": self.digits,
            "better": self.better,
            "values": {side: _rounded(value, self.digits) for side, value in self.values.items()},
            "ratio": None if self.ratio is None else _rounded(self.ratio, 2),
        }


def paired(name: str, sides: Sequence[str], pairs: Sequence[Sequence[float]], unit: str = "") -> Figure:
    """The medians of two sides, and the median of their ratios.

    Args:
        name: What was measured.
        sides: The names of the two.
        pairs: What was measured of both at the same time, again and again: in seconds where there is a unit.
        unit: In which seconds are shown, "ms" or "us"; empty for a count, of which more is better.
    """
    factor = {"ms": 1e3, "us": 1e6, "": 1}[unit]
    medians = (statistics.median(side) * factor for side in zip(*pairs, strict=True))
    better: Better = "less" if unit else "more"
    return Figure(name, dict(zip(sides, medians, strict=True)), unit, better=better, ratio=median_ratio(pairs))


def median_ratio(pairs: Iterable[Sequence[float]]) -> float:
    """The median of how many times as much the first of each pair is as the second."""
    return statistics.median(one / other for one, other in pairs)


@dataclass(frozen=True)
class Outcome:
    """A target, and what was measured.

    Attributes:
        name: What was to be reached.
        measured: The figure, in the unit; None if it was not measured.
        bound: What it may be at most, or has to be at least.
        better: Whether less or more is better.
        unit: The unit; ``x`` for a ratio.
        digits: Digits after the point that are shown and kept.
    """

    name: str
    measured: float | None
    bound: float
    better: Literal["less", "more"] = "less"
    unit: str = "x"
    digits: int = 2

    @property
    def reached(self) -> bool | None:
        """Whether the target is reached; None if nothing was measured."""
        if self.measured is None:
            return None
        return self.measured <= self.bound if self.better == "less" else self.measured >= self.bound

    def row(self) -> tuple[str, str, str, str]:
        """A row of the table of targets: what, measured, target, outcome."""
        measured = "-" if self.measured is None else shown(self.measured, self.unit, self.digits)
        sign = "<=" if self.better == "less" else ">="
        outcome = {True: "reached", False: "**missed**", None: "not measured"}[self.reached]
        return self.name, measured, f"{sign} {self.bound:g}{_gap(self.unit)}{self.unit}", outcome

    def data(self) -> dict[str, Any]:
        """A row of data, with the digits that are shown."""
        return {
            "target": self.name,
            "unit": self.unit,
            "digits": self.digits,
            "better": self.better,
            "measured": None if self.measured is None else _rounded(self.measured, self.digits),
            "bound": self.bound,
            "reached": self.reached,
        }


def shown(value: float, unit: str, digits: int) -> str:
    """A value with its unit, such as ``1,364 us`` or ``6.11x``."""
    return f"{value:,.{digits}f}{_gap(unit)}{unit}"


def _gap(unit: str) -> str:
    return "" if unit in {"", "x", "%"} else " "


def _rounded(value: float, digits: int) -> float:
    return round(value, digits) if digits else round(value)
