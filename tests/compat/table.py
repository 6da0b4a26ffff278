"""Compare each change of changes.yaml with the last release: ``nox -s compat -- --table``.

The table has what was expected, what was found, and what Redocly's comparison says, which rates versions alone. It is
written to docs/results, and from there to docs/COMPATIBILITY.md. Exit status: 0 all are as expected, 1 some are not.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

from octopusx_video_compat import compared, needed, releases
from octopusx_video_openapi import Contract
from octopusx_video_openapi.checking import checked
from octopusx_video_openapi.document import Document
from octopusx_video_openapi.reading import read

from tests.campaigns import results
from tests.compat import page
from tests.compat.edits import Change, changes

ROOT = Path(__file__).parents[2]
SETTINGS = ROOT / "openapi" / "redocly" / "diff.yaml"
NO_CHANGE = "none"
"""What Redocly says where it finds no change."""


class Row(NamedTuple):
    """What was found of a change.

    Attributes:
        change: The change.
        breaks: Who breaks.
        version: The version that it needs.
        redocly: The version by Redocly; "" where it was not asked.
    """

    change: Change
    breaks: list[str]
    version: str
    redocly: str = ""

    @property
    def is_right(self) -> bool:
        """Whether it is as expected."""
        return self.breaks == sorted(self.change.breaks) and self.version == self.change.version

    @property
    def is_redocly_right(self) -> bool:
        """Whether Redocly gives the same version; what it does not see at all it need not call a patch."""
        return self.redocly == self.change.version or (self.redocly, self.change.version) == (NO_CHANGE, "patch")


def found(change: Change, document: Document, base: Contract) -> Row:
    """What the comparison finds of a change."""
    differences = compared(base, Contract(change.of(document.value), document.path, document.line))
    breaks: list[str] = sorted({side for one in differences for side in one.breaks})
    return Row(change, breaks, needed(differences, is_same_text=False) or "none")


def by_redocly(change: Change, document: Document, command: list[str], folder: Path) -> str:
    """The version that Redocly's comparison gives a change."""
    base, revision = folder / "base.json", folder / "revision.json"
    base.write_text(json.dumps(document.value), "utf-8")
    revision.write_text(json.dumps(change.of(document.value)), "utf-8")
    arguments = ["diff", str(base), str(revision), "--config", str(SETTINGS), "--format", "json", "--fail-on", "none"]
    environment = {**os.environ, "REDOCLY_TELEMETRY": "off", "REDOCLY_SUPPRESS_UPDATE_NOTICE": "true"}
    done = subprocess.run([*command, *arguments], capture_output=True, text=True, check=False, env=environment)
    try:
        return str(json.loads(done.stdout).get("bump") or NO_CHANGE)
    except ValueError:
        return "failed"


def data(rows: list[Row]) -> dict[str, Any]:
    """The table as data."""
    return {
        "changes": [
            {
                "name": row.change.name,
                "kind": row.change.kind,
                "what": row.change.what,
                "expected": f"{row.change.version}: {_who(row.change.breaks)}",
                "found": f"{row.version}: {_who(row.breaks)}",
                "is_right": row.is_right,
                "redocly": row.redocly or "-",
                "is_redocly_right": row.is_redocly_right,
                "why": row.change.why,
            }
            for row in rows
        ]
    }


def main(arguments: list[str]) -> int:
    """Make the table, and return the exit status."""
    parser = argparse.ArgumentParser(prog="nox -s compat -- --table")
    parser.add_argument("--redocly", nargs="+", default=[], help="the command of Redocly; without it, it is not asked")
    options = parser.parse_args(arguments)
    document = read(releases.newest() / releases.CONTRACT)
    base = Contract(document.value, document.path, document.line)
    rows = []
    with tempfile.TemporaryDirectory(prefix="table-") as folder:
        for change in changes():
            checked(Document(change.of(document.value), document.path, {}))
            row = found(change, document, base)
            if options.redocly:
                row = row._replace(redocly=by_redocly(change, document, options.redocly, Path(folder)))
            rows.append(row)
            shown = "right" if row.is_right else f"WRONG: expected {change.version}, {_who(change.breaks)}; found"
            print(f"{change.name}: {shown} {row.version}, {_who(row.breaks)}; Redocly {row.redocly or '-'}", flush=True)
    if options.redocly:
        results.write(page.TABLE, data(rows))
        page.write()
    wrong = sum(not row.is_right for row in rows)
    print(f"{len(rows) - wrong} of {len(rows)} right")
    return 1 if wrong else 0


def _who(breaks: list[str]) -> str:
    return " and ".join(sorted(breaks)) or "nobody"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
