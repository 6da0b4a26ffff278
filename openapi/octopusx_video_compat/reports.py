"""A result as text, Markdown for a pull request, annotations for GitHub, JSON and a draft for the changelog. Pure."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

from octopusx_video_compat.difference import CONVENTIONS, SERVERS, Difference, Version, needed
from octopusx_video_compat.releases import Number
from octopusx_video_compat.sentences import shown

_MOST = 1000
"""The most characters of an example that are shown; JSON has all of it."""


class Result(NamedTuple):
    """What a comparison found.

    Attributes:
        base: The file of the released contract.
        file: The file of the contract as it is now.
        old: The number of the released contract.
        new: The number that the contract has now.
        differences: What means something else.
        is_same_text: Whether both files are the same.
    """

    base: Path
    file: Path
    old: Number
    new: Number
    differences: Sequence[Difference]
    is_same_text: bool

    @property
    def version(self) -> Version | None:
        """The version that the change needs; None where nothing changed."""
        return needed(self.differences, is_same_text=self.is_same_text)

    @property
    def least(self) -> Number:
        """The least number that says so."""
        return self.old if self.version is None else self.old.after(self.version)

    @property
    def fitting(self) -> list[Number]:
        """The numbers that the next release may have: each is one step after the last one, and says what breaks."""
        steps = [self.old.after(kind) for kind in ("patch", "minor", "major")]
        return [one for one in steps if one >= self.least]

    @property
    def is_said(self) -> bool:
        """Whether the number says what breaks; it need not where nobody does."""
        return self.new >= self.least or not any(one.breaks for one in self.differences)

    @property
    def verdict(self) -> str:
        """The result in a sentence."""
        if self.version is None:
            return f"nothing changed since {self.old}"
        broken = [side for side in ("callers", "servers") if any(side in one.breaks for one in self.differences)]
        who = f"breaks {' and '.join(broken)}" if broken else "breaks nobody"
        number = f"needs {self.least}" if self.new < self.least else f"is {self.new}"
        fix = "" if self.is_said else f"; set info.version to {self.least}"
        return f"{self.version}: {who} and {number}, after {self.old}{fix}"


def _text(result: Result) -> str:
    lines = []
    for one in result.differences:
        lines.append(f"{_place(result, one)}: {one.version}: {_who(one)}: {one.sentence}")
        lines.append(f"    where: {one.where}; rule: {one.rule}; {_rests(one)}")
        if one.example is not None:
            lines.append(f"    example: {_example(one)}")
    return "\n".join([*lines, result.verdict])


def _markdown(result: Result) -> str:
    lines = [f"**{result.verdict}**", ""]
    if result.differences:
        lines += ["| version | who breaks | what happens | example | place |", "| --- | --- | --- | --- | --- |"]
    for one in result.differences:
        example = "" if one.example is None else f"`{_example(one)}`"
        cells = (one.version, _who(one), one.sentence, example, f"{_place(result, one)} ({one.where})")
        lines.append(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |")
    rests = sorted({one.convention for one in result.differences})
    lines += ["", *(f"{number}. {CONVENTIONS[number]}" for number in rests if number)]
    return "\n".join(lines).rstrip()


def _github(result: Result) -> str:
    kinds = {"major": "error", "minor": "warning" if not result.is_said else "notice"}
    lines = [
        f"::{kinds[one.version]} file={_file(result, one)},line={one.line or 1},title={one.version}: {_who(one)}::"
        + f"{one.sentence} ({one.where})".replace("%", "%25").replace("\n", "%0A")
        for one in result.differences
    ]
    return "\n".join([*lines, f"::notice::{result.verdict}"])


def _changelog(result: Result) -> str:
    number = result.new if result.new in result.fitting else result.least
    # What the recording and the examples show once more would stand in the entry twice.
    listed = [one for one in result.differences if not one.is_repeated]
    groups = {
        "Breaks callers": [one for one in listed if "callers" in one.breaks],
        "Breaks servers": [one for one in listed if one.breaks == SERVERS],
        "New": [one for one in listed if not one.breaks],
    }
    lines = [f"## {number}"]
    for title, members in groups.items():
        places: dict[str, list[str]] = {}
        for one in members:
            places.setdefault(_capitalized(one.sentence), []).append(one.where)
        entries = [f"- {sentence} ({', '.join(where)})." for sentence, where in places.items()]
        lines += ["", f"{title}:", "", *entries] if entries else []
    if not listed:
        lines += ["", "The contract means what it meant: texts, examples or grades changed."]
    return "\n".join(lines)


def _capitalized(sentence: str) -> str:
    """A sentence with a capital letter, unless it begins with a name."""
    first, _, rest = sentence.partition(" ")
    return f"{first.capitalize()} {rest}" if first.isalpha() else sentence


def _json(result: Result) -> str:
    value: dict[str, Any] = {
        "version": result.version,
        "least": str(result.least),
        "old": str(result.old),
        "new": str(result.new),
        "is_said": result.is_said,
        "differences": [
            {
                "version": one.version,
                "breaks": list(one.breaks),
                "rule": one.rule,
                "where": one.where,
                "file": str(_file(result, one)),
                "line": one.line,
                "pointer": list(one.pointer),
                "sentence": one.sentence,
                "convention": one.convention,
                "example": one.example,
                "is_repeated": one.is_repeated,
            }
            for one in result.differences
        ],
    }
    return json.dumps(value, ensure_ascii=False, indent=2)


FORMATS: Final[dict[str, Callable[[Result], str]]] = {
    "text": _text,
    "markdown": _markdown,
    "github": _github,
    "json": _json,
    "changelog": _changelog,
}
"""How a result can be written, by the name that the command line has for it."""


def _place(result: Result, one: Difference) -> str:
    return f"{_file(result, one)}:{one.line}" if one.line else str(_file(result, one))


def _file(result: Result, one: Difference) -> Path:
    if one.file is not None:
        return one.file
    return result.base if one.in_base else result.file


def _who(one: Difference) -> str:
    return " and ".join(one.breaks) or "nobody"


def _rests(one: Difference) -> str:
    number = f"convention {one.convention}: " if one.convention else ""
    again = "; the comparison of the contracts says so as well" if one.is_repeated else ""
    return f"{number}{CONVENTIONS[one.convention]}{again}"


def _example(one: Difference) -> str:
    return one.example if isinstance(one.example, str) else shown(one.example, _MOST)
