"""Where results are written: a part of RESULTS.md for each benchmark, and the same figures as data in docs/results."""

from __future__ import annotations

import datetime as dt
import re
import sys
from collections.abc import Iterable

from _figures import Figure, Outcome
from _peers import HERE

sys.path.append(str(HERE.parent))

from tests.campaigns import results

RESULTS = HERE / "RESULTS.md"
MISSED = 3
"""Exit status of a benchmark that misses a target: not that of a traceback, which is 1."""


def write(
    subject: str, title: str, command: str, body: str, figures: Iterable[Figure], outcomes: Iterable[Outcome]
) -> None:
    """Write a benchmark in the place of its last results.

    Args:
        subject: The name of the benchmark, which is that of its file in docs/results.
        title: The heading of its part of RESULTS.md.
        command: The command that measured it.
        body: What follows in its part, as Markdown.
        figures: What was measured.
        outcomes: Its targets.
    """
    today = dt.datetime.now(dt.UTC).date().isoformat()
    _write_part(f"# {title}\n\nWritten on {today} by `{command}`; do not edit.\n\n{body}")
    data = {
        "title": title,
        "written": today,
        "command": command,
        "figures": [figure.data() for figure in figures],
        "targets": [outcome.data() for outcome in outcomes],
    }
    results.write(f"benchmark_{subject}", data)


def _write_part(part: str) -> None:
    """Put a part in the place of the one with the same first line, or behind all others."""
    heading = part.partition("\n")[0]
    text = RESULTS.read_text(encoding="utf-8") if RESULTS.exists() else ""
    parts = {other.partition("\n")[0]: other.strip() for other in re.split(r"(?m)^(?=# )", text) if other.strip()}
    parts[heading] = part.strip()
    RESULTS.write_text("\n\n".join(parts.values()) + "\n", encoding="utf-8")
