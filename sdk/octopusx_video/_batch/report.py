"""A batch as one HTML page: how many jobs are where, over time, and what needs a person. It loads nothing."""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Iterator, Mapping, Sequence
from html import escape

from octopusx_video._ledger.ledger import Ledger, Row
from octopusx_video._ledger.states import JOB_STATES, MEANINGS, JobState

_COLOURS: Mapping[JobState, str] = {
    "done": "#2e7d4f",
    "accepted": "#4a90d9",
    "sending": "#7fb8ec",
    "undelivered": "#c9a227",
    "parked": "#c2185b",
    "failed": "#b3402a",
    "expired": "#8c5a2b",
    "refused": "#d98a6a",
    "not_sent": "#9a8fb5",
    "held": "#8a8f98",
    "stopped": "#6b7078",
    "new": "#c4c8ce",
}
_ATTENTION: Sequence[JobState] = (
    "parked",
    "undelivered",
    "failed",
    "expired",
    "refused",
    "not_sent",
    "held",
    "stopped",
)
_MAX_ROWS = 500
_MAX_POINTS = 240
_WIDTH, _HEIGHT = 960, 260

Moment = tuple[float, dict[JobState, int]]


def html(ledger: Ledger) -> Iterator[str]:
    """The page, in pieces."""
    counts = ledger.counts()
    paid, seconds, limits = ledger.budget()
    jobs = sum(counts.values())
    budget = "no budget" if limits.paid is None else f"a budget of {limits.paid:,}"
    yield _HEAD
    yield f"<h1>{jobs:,} jobs, {counts.get('done', 0):,} done</h1>\n"
    yield f"<p>{escape(ledger.server())} · {paid:,} videos ({seconds:,.0f} s) are or may be billed, of {budget}.</p>\n"
    yield from _table_of_states(counts)
    yield from _chart(moments(ledger), jobs)
    for state in _ATTENTION:
        if counts.get(state):
            yield from _jobs(ledger.rows((state,)), state, counts[state])
    yield "</body></html>\n"


def moments(ledger: Ledger) -> list[Moment]:
    """How many jobs were in each state, at moments spread over the time of the batch."""
    counts: dict[JobState, int] = {}
    found: list[Moment] = []
    for at, changes in itertools.groupby(ledger.changes(), key=lambda change: change[0]):
        for _, before, after in changes:
            if before is not None:
                counts[before] -= 1
            counts[after] = counts.get(after, 0) + 1
        found.append((at, dict(counts)))
        if len(found) > 2 * _MAX_POINTS:  # half of them, so that the memory for it stays small
            found = [*found[:-1:2], found[-1]]
    return found


def _table_of_states(counts: Mapping[JobState, int]) -> Iterator[str]:
    yield "<table><tr><th>state</th><th>jobs</th><th>meaning</th></tr>\n"
    for state in JOB_STATES:
        if counts.get(state):
            mark = f'<span class="mark" style="background:{_COLOURS[state]}"></span>'
            number = f'<td class="number">{counts[state]:,}</td>'
            yield f"<tr><td>{mark}{state}</td>{number}<td>{escape(MEANINGS[state])}</td></tr>\n"
    yield "</table>\n"


def _chart(found: list[Moment], jobs: int) -> Iterator[str]:
    """Areas on top of one another, one for each state."""
    if len(found) < 2 or not jobs:
        return
    first, last = found[0][0], found[-1][0]
    span = max(last - first, 1e-9)
    shown = [state for state in _COLOURS if any(counts.get(state) for _, counts in found)]
    text = "; ".join(f"{state}: {found[-1][1].get(state, 0):,}" for state in shown)
    label = f"Jobs in each state over time. At the end: {text}"
    yield f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT + 24}" role="img" aria-label="{label}">\n'
    below = [0.0] * len(found)
    for state in shown:
        above = [base + counts.get(state, 0) for base, (_, counts) in zip(below, found, strict=True)]
        outline = _area(found, below, above, first, span, jobs)
        yield f'<path fill="{_COLOURS[state]}" d="{outline}"><title>{state}</title></path>\n'
        below = above
    ends = ((0, "start", first), (_WIDTH, "end", last))
    for x, anchor, at in ends:
        moment = dt.datetime.fromtimestamp(at).astimezone().strftime("%Y-%m-%d %H:%M:%S")
        yield f'<text x="{x}" y="{_HEIGHT + 18}" text-anchor="{anchor}">{moment}</text>\n'
    yield "</svg>\n"


def _area(found: list[Moment], below: list[float], above: list[float], first: float, span: float, jobs: int) -> str:
    """The outline of an area; counts change at a moment and stay until the next, so its edges are steps."""

    def line(heights: list[float]) -> list[str]:
        points: list[str] = []
        for position, (at, _) in enumerate(found):
            x, y = (at - first) / span * _WIDTH, _HEIGHT * (1 - heights[position] / jobs)
            if position:
                before = _HEIGHT * (1 - heights[position - 1] / jobs)
                points.append(f"{x:.1f},{before:.1f}")
            points.append(f"{x:.1f},{y:.1f}")
        return points

    return "M" + "L".join([*line(above), *reversed(line(below))]) + "Z"


def _jobs(rows: Iterator[Row], state: JobState, count: int) -> Iterator[str]:
    yield f"<h2>{state} ({count:,})</h2>\n<p>{escape(MEANINGS[state])}</p>\n"
    yield "<table><tr><th>custom_id</th><th>task</th><th>attempts</th><th>reason</th></tr>\n"
    for row in itertools.islice(rows, _MAX_ROWS):
        cells = (row.id, row.task or "", str(row.attempt), row.reason)
        yield f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in cells)}</tr>\n"
    yield "</table>\n"
    if count > _MAX_ROWS:
        yield f"<p>and {count - _MAX_ROWS:,} more, in errors.jsonl</p>\n"


_HEAD = """\
<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Batch</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>
:root { color-scheme: light dark; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; width: 100%; margin: 1rem 0; }
th, td { text-align: left; vertical-align: top; padding: .25rem .75rem .25rem 0; border-bottom: 1px solid #8885; }
td { overflow-wrap: anywhere; }
th { white-space: nowrap; }
.number { text-align: right; font-variant-numeric: tabular-nums; }
.mark { display: inline-block; width: .8em; height: .8em; margin-right: .5em; border-radius: 2px; }
svg { width: 100%; height: auto; margin: 1rem 0; }
svg text { font-size: 13px; fill: currentColor; }
</style></head><body>
"""
