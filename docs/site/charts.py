"""The figures of a benchmark as bar charts in SVG: side by side, and beside their targets. Pure.

The data is that of docs/results/benchmark_*.json, which the benchmarks write.
"""

from __future__ import annotations

import html
from typing import Any

Json = dict[str, Any]

_WIDTH, _MARGIN, _CHARACTER, _VALUE, _OUTCOME = 680, 16, 8, 160, 210
"""The width of a drawing, of its margins, of a character, and of the texts to the right of the bars."""
_LINE, _BAR = 22, 14
"""The height of a line, and of a bar."""
_STYLE = """\
<style>
  svg { font: 13px system-ui, sans-serif; background: #fff; } text { fill: #1b2430; }
  rect { fill: #c9d6e8; stroke: #4a6fa5; } .ours rect { fill: #2f5f9e; } .ours text, .title { font-weight: 600; }
  .bad rect { fill: #f3c9c4; stroke: #a3211b; } .end { text-anchor: end; } path { stroke: #1b2430; stroke-width: 2; }
</style>"""


def bars(data: Json) -> str:
    """The bars of each figure that several sides have; each figure has a scale of its own."""
    figures = [figure for figure in data["figures"] if len(figure["values"]) > 1]
    left = _MARGIN + _CHARACTER * max(len(side) for figure in figures for side in figure["values"])
    width = _WIDTH - _MARGIN - _VALUE - left
    parts: list[str] = []
    top = _MARGIN
    for figure in figures:
        parts.append(_text(_MARGIN, top, _heading(figure), "title"))
        for side, value in figure["values"].items():
            top += _LINE
            length = width * value / max(figure["values"].values())
            parts += [
                f'<g class="{"ours" if side.startswith("ours") else ""}">{_text(left - 8, top, side, "end")}',
                f"{_bar(left, top, length)}{_text(left + length + 8, top, _value(figure, side))}</g>",
            ]
        top += _LINE + _LINE // 2
    return _drawn(f"{data['title']}: the figures", "; ".join(map(_described, figures)), parts, top)


def targets(data: Json) -> str:
    """A bar for each target that was measured, as a share of it, with a mark where the target is."""
    measured = [one for one in data["targets"] if one["measured"] is not None]
    shares = [one["measured"] / one["bound"] for one in measured]
    longest = max(1.0, *shares)
    width = _WIDTH - _OUTCOME - 2 * _MARGIN
    parts: list[str] = []
    top = _MARGIN
    for one, share in zip(measured, shares, strict=True):
        parts.append(_text(_MARGIN, top, one["target"]))
        top += _LINE
        mark = _MARGIN + width / longest
        parts += [
            f'<g class="{"" if one["reached"] else "bad"}">',
            f"{_bar(_MARGIN, top, width * share / longest)}</g>",
            f'<path d="M{mark:.1f} {top - 2} V{top + _BAR + 2}"/>',
            _text(_MARGIN + width + 12, top, _outcome(one)),
        ]
        top += _LINE + _LINE // 2
    text = "; ".join(f"{one['target']}: {_outcome(one)}" for one in measured)
    return _drawn(f"{data['title']}: the figures and their targets", text, parts, top)


def _heading(figure: Json) -> str:
    name = f"{figure['group']}: {figure['figure']}" if figure["group"] else figure["figure"]
    return f"{name} ({figure['better']} is better)" if figure["better"] else name


def _value(figure: Json, side: str) -> str:
    """The value of a side, and on the first side its ratio to the second."""
    shown = f"{figure['values'][side]:,.{figure['digits']}f} {figure['unit']}".rstrip()
    is_first = side == next(iter(figure["values"]))
    return f"{shown} (ratio {figure['ratio']:.2f}x)" if is_first and figure["ratio"] is not None else shown


def _described(figure: Json) -> str:
    return f"{_heading(figure)}: {', '.join(f'{side} {_value(figure, side)}' for side in figure['values'])}"


def _outcome(target: Json) -> str:
    outcome = "reached" if target["reached"] else "missed"
    sign = "at most" if target["better"] == "less" else "at least"
    unit = target["unit"] if target["unit"] in {"", "x", "%"} else f" {target['unit']}"
    return f"{target['measured']:.{target['digits']}f}{unit} ({sign} {target['bound']:g}{unit}: {outcome})"


def _bar(left: float, top: float, length: float) -> str:
    return f'<rect x="{left}" y="{top}" width="{max(length, 1):.1f}" height="{_BAR}"/>'


def _text(left: float, top: float, text: str, kind: str = "start") -> str:
    """A text in the line of a bar."""
    return f'<text class="{kind}" x="{left:.1f}" y="{top + _BAR - 3}">{html.escape(text)}</text>'


def _drawn(title: str, text: str, parts: list[str], height: int) -> str:
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" role="img">',
        f"<title>{html.escape(title)}</title>",
        f"<desc>{html.escape(text)}</desc>",
        _STYLE,
        *parts,
        "</svg>\n",
    ]
    return "\n".join(lines)
