"""RESULTS.md: a part for each benchmark, under a heading of its own, of which a run rewrites only its own."""

from __future__ import annotations

import re

from _peers import HERE

RESULTS = HERE / "RESULTS.md"
MISSED = 3
"""Exit status of a benchmark that misses a target: not that of a traceback, which is 1."""


def write(part: str) -> None:
    """Put a part in the place of the one with the same first line, or behind all others."""
    heading = part.partition("\n")[0]
    text = RESULTS.read_text(encoding="utf-8") if RESULTS.exists() else ""
    parts = {other.partition("\n")[0]: other.strip() for other in re.split(r"(?m)^(?=# )", text) if other.strip()}
    parts[heading] = part.strip()
    RESULTS.write_text("\n\n".join(parts.values()) + "\n", encoding="utf-8")
