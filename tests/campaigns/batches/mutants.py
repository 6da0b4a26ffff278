"""Mistakes in the code of batches, each of which the campaign has to find."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[3]
_PACKAGE = "octopusx_video"
_SECONDS = 600


class Mutant(NamedTuple):
    """A mistake.

    Attributes:
        name: What is wrong.
        edits: File of the package, text, and its replacement.
        only: The points at which it is looked for.
    """

    name: str
    edits: tuple[tuple[str, str, str], ...]
    only: str = ""


_FILE_LEDGER, _LEDGER, _SCHEMA, _STATES = (
    f"_ledger/{name}.py" for name in ("file_ledger", "ledger", "schema", "states")
)
_STEPS = "_batch/steps.py"
_CLAIM = """\
        claim: Claim = await self._call(self._ledger.claim, job)
"""
_SETTLE = """\
        try:
            await self._call(self._ledger.settle, job, attempt, result)
"""
_INSERT = """\
            self._connection.execute(
                "INSERT INTO attempt (job,"""

MUTANTS = (
    Mutant(
        "no commit before the send",
        (
            (_STEPS, _CLAIM, "        claim: Claim = row.attempt + 1\n"),
            (_STEPS, _SETTLE, _SETTLE.replace("try:", "try:\n            self._ledger.claim(job)")),
        ),
        "submit",
    ),
    Mutant(
        "no primary key of attempts",
        (
            (_SCHEMA, "PRIMARY KEY (batch, job, attempt), ", "CHECK (batch = 1), "),
            (_SCHEMA, ") STRICT, WITHOUT ROWID;\n\nCREATE INDEX attempt_by", ") STRICT;\n\nCREATE INDEX attempt_by"),
        ),
    ),
    Mutant(
        "send again what an ended process was sending",
        (
            (_STATES, '= ("new", "not_sent"', '= ("new", "sending", "not_sent"'),
            (_LEDGER, "= 1 AND state = 'sending' AND {", "= 1 AND state = 'none' AND {"),
            (_LEDGER, 'if state == "sending":', 'if state == "none":'),
        ),
        "submit",
    ),
    Mutant(
        "the budget outside of the transaction",
        (
            (
                _LEDGER,
                _INSERT,
                (
                    '            self._connection.execute("COMMIT")\n'
                    f'            self._connection.execute("BEGIN IMMEDIATE")\n{_INSERT}'
                ),
            ),
        ),
        "INSERT attempt",
    ),
    Mutant("commits that are not synced", ((_FILE_LEDGER, "PRAGMA synchronous = FULL", "PRAGMA synchronous = OFF"),)),
    Mutant(
        "a late response is dropped",
        ((_LEDGER, "if before in CERTAIN and", 'if before == "parked" or before in CERTAIN and'),),
    ),
)


def make(mutant: Mutant, folder: Path) -> None:
    """A copy of the SDK with a mistake.

    Raises:
        ValueError: Its text is not there exactly once.
    """
    package = folder / _PACKAGE
    shutil.copytree(ROOT / "sdk" / _PACKAGE, package, ignore=shutil.ignore_patterns("__pycache__"))
    for file, text, other in mutant.edits:
        path = package / file
        before = path.read_text("utf-8")
        if before.count(text) != 1:
            raise ValueError(f"the mutant {mutant.name!r} does not fit {file}: {text!r}")
        path.write_text(before.replace(text, other), "utf-8")


def check(mutant: Mutant) -> tuple[bool, str]:
    """Whether the campaign finds a mutant, and what it says."""
    return checked(mutant, "tests.campaigns.batches")


def checked(mutant: Mutant, campaign: str) -> tuple[bool, str]:
    """Whether a campaign finds a mutant, and the first line about it, or else the last one that it prints."""
    with tempfile.TemporaryDirectory(prefix="mutant-") as name:
        make(mutant, Path(name))
        done = subprocess.run(
            [sys.executable, "-m", campaign, "--kills", "40", "--only", mutant.only, "--stop"],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": name},
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=False,
        )
    lines = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()]
    found = [line for line in lines if line.startswith("broken")]
    return done.returncode == 1, (found or lines or [""])[-1 if not found else 0]


def report(mutants: Sequence[Mutant], check: Callable[[Mutant], tuple[bool, str]]) -> int:
    """Look for each mutant, and print whether it is found. Returns the exit status."""
    survived = 0
    for mutant in mutants:
        is_found, how = check(mutant)
        survived += not is_found
        print(f"{'found   ' if is_found else 'SURVIVED'} {mutant.name}: {how}", flush=True)
    print(f"{len(mutants) - survived} of {len(mutants)} mutants are found")
    return int(bool(survived))
