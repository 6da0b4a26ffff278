"""The drawings of the site, as SVG: the states of a task, and what a response means for the bill. Pure."""

from __future__ import annotations

import html
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from octopusx_video_openapi import Contract
from octopusx_video_openapi.lifecycle import task_life

_BOX, _HEIGHT, _GAP, _MARGIN = 180, 44, 70, 20
_STYLE = """\
<style>
  svg { font: 14px system-ui, sans-serif; background: #fff; }
  rect { fill: #eef3fa; stroke: #4a6fa5; } .end rect { fill: #eaf5ec; stroke: #2f7d46; }
  .bad rect { fill: #fbecea; stroke: #a3211b; } text { fill: #1b2430; text-anchor: middle; }
  path { fill: none; stroke: #4a6fa5; } .small { font-size: 12px; }
</style>
<marker id="arrow" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="8" markerHeight="8" orient="auto">
  <path d="M0 0 8 4 0 8z" style="fill:#4a6fa5"/></marker>"""


class Box(NamedTuple):
    """A box of a drawing.

    Attributes:
        text: What it says.
        column: Its column, from 0.
        row: Its row, from 0; a half is between two.
        kind: ``end``, ``bad`` or empty.
    """

    text: str
    column: int
    row: float
    kind: str = ""


class Arrow(NamedTuple):
    """An arrow from one box to another, with a text."""

    source: Box
    target: Box
    text: str = ""


def states(contract: Contract) -> str:
    """The states of a task, and what leads from one to the next."""
    life = task_life(contract)
    runs = [Box(run.status, 1 + number, 0.5) for number, run in enumerate(life.runs)]
    submit = Box("submit", 0, 0.5)
    succeeded = Box(life.succeeded, 1 + len(runs), 0, "end")
    failed = Box(life.failed, 1 + len(runs), 1, "bad")
    expired = Box("video expired", 2 + len(runs), 0, "bad")
    steps = [Arrow(one, other) for one, other in zip([submit, *runs], runs, strict=False)]
    ends = [Arrow(runs[-1], succeeded, f"{life.lasts:g} s"), Arrow(runs[-1], failed)]
    after = Arrow(succeeded, expired, f"{life.expires_after / 3600:g} h")
    title = "The states of a task, with the times that the mock uses"
    return _drawn(title, [submit, *runs, succeeded, failed, expired], [*steps, *ends, after])


def bill(contract: Contract) -> str:
    """What the response to a submit means for the bill, from the contract."""
    submit = Box("submit is sent", 0, 1)
    billed: dict[str, list[str]] = {}
    for operation in contract.submits.values():
        for status, response in operation.responses.items():
            if status not in billed.setdefault(response.billed, []):
                billed[response.billed].append(status)
    yes, never, possible = (", ".join(sorted(billed.get(kind, []))) for kind in ("yes", "never", "possible"))
    ends = [
        Box(f"billed: {yes}", 1, 0, "end"),
        Box(f"not billed: {never}", 1, 1),
        Box(f"perhaps billed: {possible}", 1, 2, "bad"),
    ]
    next_ = [
        Box("wait, then download", 2, 0, "end"),
        Box("fix it and send again", 2, 1),
        Box("look; do not send again", 2, 2, "bad"),
    ]
    arrows = [Arrow(submit, end) for end in ends] + [Arrow(one, other) for one, other in zip(ends, next_, strict=True)]
    return _drawn("What the status of a submit's response means for the bill", [submit, *ends, *next_], arrows, 260)


def _drawn(title: str, boxes: Sequence[Box], arrows: Sequence[Arrow], width: int = _BOX) -> str:
    columns, rows = 1 + max(box.column for box in boxes), 1 + max(box.row for box in boxes)
    size = (columns * (width + _GAP) - _GAP + 2 * _MARGIN, int(rows * (_HEIGHT + 40)) - 40 + 2 * _MARGIN)
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {size[0]} {size[1]}" role="img">',
        f"<title>{html.escape(title)}</title>",
        _STYLE,
        *(_arrow(arrow, width) for arrow in arrows),
        *(line for box in boxes for line in _box(box, width)),
        "</svg>\n",
    ]
    return "\n".join(lines)


def _place(box: Box, width: int) -> tuple[float, float]:
    return _MARGIN + box.column * (width + _GAP), _MARGIN + box.row * (_HEIGHT + 40)


def _box(box: Box, width: int) -> Iterator[str]:
    left, top = _place(box, width)
    yield f'<g class="{box.kind}"><rect x="{left}" y="{top}" width="{width}" height="{_HEIGHT}" rx="6"/>'
    yield f'<text x="{left + width / 2}" y="{top + _HEIGHT / 2 + 5}">{html.escape(box.text)}</text></g>'


def _arrow(arrow: Arrow, width: int) -> str:
    left, top = _place(arrow.source, width)
    right, bottom = _place(arrow.target, width)
    start, end = (left + width, top + _HEIGHT / 2), (right, bottom + _HEIGHT / 2)
    path = f'<path d="M{start[0]} {start[1]} L{end[0]} {end[1]}" marker-end="url(#arrow)"/>'
    middle = ((start[0] + end[0]) / 2, (start[1] + end[1]) / 2 - 6)
    return f'{path}<text class="small" x="{middle[0]}" y="{middle[1]}">{html.escape(arrow.text)}</text>'
