"""What campaigns and benchmarks found, as data in docs/results: one file for each, with a row on each line."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parents[2] / "docs" / "results"

Json = dict[str, Any]


def read(name: str) -> Json:
    """The result of a campaign as it was written last; empty before the first."""
    file = RESULTS / f"{name}.json"
    result: Json = json.loads(file.read_text("utf-8")) if file.exists() else {}
    return result


def write(name: str, result: Json) -> None:
    """Write the result of a campaign, whose name is that of its file."""
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{name}.json").write_text(_text(result), "utf-8")


def merged(name: str, rows: str, result: Json, order: Iterable[str]) -> Json:
    """The last result of a campaign, with the rows of a part of it in the place of those that are there.

    Args:
        name: The campaign.
        rows: The member of the result with the rows, each of which has a name.
        result: What the part found.
        order: The names of all rows, in their order. Rows with other names are left out.
    """
    last = read(name)
    found = {row["name"]: row for row in [*last.get(rows, ()), *result[rows]]}
    return {**last, **result, rows: [found[one] for one in order if one in found]}


def _text(result: Json) -> str:
    """The result as JSON with a row on each line, so that a diff shows which rows changed."""
    members = []
    for name, value in result.items():
        rows = [json.dumps(row, ensure_ascii=False) for row in value] if isinstance(value, list) else []
        text = "[\n  " + ",\n  ".join(rows) + "\n ]" if rows else json.dumps(value)
        members.append(f"{json.dumps(name)}: {text}")
    return "{\n " + ",\n ".join(members) + "\n}\n"
