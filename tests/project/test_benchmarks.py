"""The figures of the benchmarks: the data has those of the page, and the charts of the site show them."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from docs.site import build, charts

Json = dict[str, Any]

DATA: dict[str, Json] = {
    file.stem: json.loads(file.read_text("utf-8")) for file in build.BENCHMARK_DATA.glob("benchmark_*.json")
}
PARTS = re.split(r"(?m)^(?=# )", build.BENCHMARKS.read_text("utf-8"))[1:]
OF_THE_ROUNDS = {"rounds", "seconds of each seed", "exit statuses", "what is beside it"}
"""Columns of the page that are no figures."""
SVG = "{http://www.w3.org/2000/svg}"


def part(data: Json) -> str:
    """The part of the page that the data is of."""
    [found] = [one for one in PARTS if one.startswith(f"# {data['title']}\n")]
    return found


def tables(text: str) -> list[list[list[str]]]:
    """The tables of a part: rows of cells, the header first."""
    found = re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE)
    rows = [[line.strip("|").split("|") for line in table.splitlines()] for table in found]
    return [[[cell.strip().strip("*") for cell in row] for row in (table[0], *table[2:])] for table in rows]


def shown(value: float, unit: str, digits: int) -> str:
    """A value as the page has it."""
    return f"{value:,.{digits}f}{'' if unit in {'x', '%', ''} else ' '}{unit}"


def test_each_part_of_the_page_has_its_data() -> None:
    """With the day and the command of its measurement."""
    heads = [re.match(r"# (.+)\n\nWritten on (\S+) by `(.+)`; do not edit\.\n", text) for text in PARTS]
    written = {head.groups() for head in heads if head is not None}
    assert len(written) == len(PARTS)
    assert {(data["title"], data["written"], data["command"]) for data in DATA.values()} == written


@pytest.mark.parametrize("name", sorted(DATA))
def test_the_data_has_the_figures_of_the_page(name: str) -> None:
    """Each value in a row or a column of its name, or in a sentence; no figure of a table is missing in the data."""
    text = part(DATA[name])
    *measured, _ = tables(text)
    cells = {
        cell
        for head, *rows in measured
        for row in rows
        for column, cell in zip(head[1:], row[1:], strict=True)
        if column not in OF_THE_ROUNDS and cell != "-"
    }
    for figure in DATA[name]["figures"]:
        values = {side: shown(value, figure["unit"], figure["digits"]) for side, value in figure["values"].items()}
        ratio = [] if figure["ratio"] is None else [shown(figure["ratio"], "x", 2)]
        assert stands(figure["figure"], values, ratio, text), figure
        cells -= {*values.values(), *ratio}
    assert cells == set()


def stands(name: str, values: dict[str, str], ratio: list[str], text: str) -> bool:
    """Whether a part of the page has these values of a figure."""
    row = [name, *values.values(), *ratio]
    for head, *rows in tables(text)[:-1]:
        if row in [one[: len(row)] for one in rows]:
            return True
        if name in head and values.items() <= {one[0]: one[head.index(name)] for one in rows}.items():
            return True
    sentences = [line for line in text.splitlines() if not line.startswith("|")]
    return any(all(value in line for value in values.values()) for line in sentences)


@pytest.mark.parametrize("name", sorted(DATA))
def test_the_data_has_the_targets_of_the_page(name: str) -> None:
    """What was measured, what was to be reached, and whether it was."""
    *_, [_, *rows] = tables(part(DATA[name]))
    assert [
        (one["target"], shown(one["measured"], one["unit"], one["digits"]), one["reached"])
        for one in DATA[name]["targets"]
    ] == [(what, measured, outcome == "reached") for what, measured, _, outcome in rows]
    bounds = [re.match(r"([<>])= ([\d.]+)", bound) for _, _, bound, _ in rows]
    assert [({"less": "<", "more": ">"}[one["better"]], one["bound"]) for one in DATA[name]["targets"]] == [
        (bound[1], float(bound[2])) for bound in bounds if bound is not None
    ]


MADE_UP: Json = {
    "title": "Benchmark of <b>",
    "figures": [
        {
            "group": "",
            "figure": "starts & stops",
            "unit": "ms",
            "digits": 1,
            "better": "less",
            "ratio": 0.25,
            "values": {"ours": 50, "a & b": 200},
        },
        {
            "group": "",
            "figure": "alone",
            "unit": "s",
            "digits": 0,
            "better": "less",
            "ratio": None,
            "values": {"ours": 7},
        },
    ],
    "targets": [
        {
            "target": "ours to theirs",
            "unit": "x",
            "digits": 2,
            "better": "more",
            "measured": 1.5,
            "bound": 3,
            "reached": False,
        },
        {
            "target": "memory",
            "unit": "MB",
            "digits": 0,
            "better": "less",
            "measured": 1,
            "bound": 2,
            "reached": True,
        },
    ],
}


def drawn(text: str) -> tuple[ET.Element, list[str], list[float]]:
    """A chart, its texts, and the lengths of its bars."""
    chart = ET.fromstring(text)
    lengths = [float(bar.attrib["width"]) for bar in chart.iter(f"{SVG}rect")]
    return chart, [str(one.text) for one in chart.iter(f"{SVG}text") if one.text], lengths


def test_a_chart_shows_the_sides_beside_each_other() -> None:
    """Bars as long as their values are large, with side, value and ratio; what has one side is not drawn."""
    _, texts, lengths = drawn(charts.bars(MADE_UP))
    assert texts == ["starts & stops (less is better)", "ours", "50.0 ms (ratio 0.25x)", "a & b", "200.0 ms"]
    ours, theirs = lengths
    assert ours * 4 == pytest.approx(theirs, rel=0.01)


def test_a_chart_shows_the_figures_with_their_targets() -> None:
    """A mark at twice the length of the bar, for a target that is twice as large, whatever the unit is."""
    chart, texts, [length, other] = drawn(charts.targets(MADE_UP))
    assert texts == ["ours to theirs", "1.50x (at least 3x: missed)", "memory", "1 MB (at most 2 MB: reached)"]
    assert other == length
    bar, mark = chart.find(f".//{SVG}rect"), chart.find(f".//{SVG}path")
    assert bar is not None
    assert mark is not None
    at = re.match(r"M([\d.]+) ", mark.attrib["d"])
    assert at is not None
    assert float(at[1]) - float(bar.attrib["x"]) == pytest.approx(2 * length, rel=0.01)


def test_the_longest_name_of_a_side_fits() -> None:
    """A text ends where the bars begin, at 13 pixels, and begins within the drawing."""
    side = "ours, as an application of thirty characters or more"
    figure = {**MADE_UP["figures"][0], "values": {side: 1, "theirs": 2}}
    chart = drawn(charts.bars({**MADE_UP, "figures": [figure]}))[0]
    [named] = [one for one in chart.iter(f"{SVG}text") if one.text == side]
    assert named.attrib["class"] == "end"
    assert float(named.attrib["x"]) > 6.5 * len(side)


@pytest.mark.parametrize("draw", [charts.bars, charts.targets])
def test_a_chart_can_be_read_aloud(draw: Any) -> None:
    """It is an image with a title and a text that has every value, whatever the colours of the page are."""
    chart = drawn(draw(MADE_UP))[0]
    assert chart.attrib["role"] == "img"
    title, text = (str(chart.findtext(f"{SVG}{name}")) for name in ("title", "desc"))
    assert title.startswith("Benchmark of <b>")
    for value in ("50.0 ms", "200.0 ms") if draw is charts.bars else ("1.50x",):
        assert value in text
    assert "background: #fff" in str(chart.findtext(f"{SVG}style"))


def test_data_of_another_measurement_than_the_page_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error names the file and the command that writes both."""
    data = {**DATA["benchmark_mock"], "written": "2001-01-01"}
    (tmp_path / "benchmark_mock.json").write_text(json.dumps(data), "utf-8")
    (tmp_path / "benchmarks.md").write_text(build.BENCHMARKS.read_text("utf-8"), "utf-8")
    monkeypatch.setattr(build, "BENCHMARK_DATA", tmp_path)
    monkeypatch.setattr(build, "ROOT", tmp_path)
    monkeypatch.setattr(build, "BENCHMARKS", tmp_path / "RESULTS.md")
    with pytest.raises(build.SiteError, match=r"benchmark_mock.json holds other figures .*; run: nox -s bench -- mock"):
        build._add_charts(tmp_path, "benchmarks.md")  # noqa: SLF001 - the rest of a build takes seconds
