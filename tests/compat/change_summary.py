"""Say what is left to do after a change of the contract: the last step of ``nox -s change``.

It prints what changed for whom, which version that needs, which files to commit, and what is still to be written by
hand. What the SDK lacks is not among it: ``generated/regenerate.py`` and the tests fail before, and name it.

Exit status: 0 it was printed, 2 the contracts can't be compared.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from octopusx_video_compat.__main__ import result
from octopusx_video_compat.release import CHANGELOG
from octopusx_video_compat.reports import FORMATS, Result
from octopusx_video_openapi import ContractError, contract_path, load

ROOT = Path(__file__).parents[2]
DRAFT = "nox -s compat -- --format changelog"
"""The command that prints a draft of an entry of the changelog."""
STATES = {"??": "new", "A": "new", "D": "deleted", "R": "renamed"}
"""What the letters of ``git status`` mean; any other file is an edited one."""


def main(root: Path = ROOT) -> int:
    """Print the summary, and return the exit status."""
    path = contract_path()
    try:
        found = result()
        line = load(path).line("info", "version")
    except ContractError as error:
        print(error, file=sys.stderr)
        return 2
    print(summary(found, files(root), [*by_hand(found, line, CHANGELOG)]))
    return 0


def summary(found: Result, changed: Iterable[str], left: Iterable[str]) -> str:
    """The summary as text.

    Args:
        found: The comparison with the last release.
        changed: A line for each file to commit.
        left: A line for each thing that is still to be written by hand.
    """
    # The text of a comparison has the details of a difference on lines that are indented, and the result on the last.
    *differences, verdict = (line for line in FORMATS["text"](found).splitlines() if not line.startswith(" "))
    version = f"{found.least} at least; info.version is {found.new}, the last release is {found.old}"
    parts = {
        f"What changed, and for whom ({verdict})": differences,
        "Version": [version],
        "Files to commit": changed,
        "Still to be written by hand": left,
    }
    return "\n".join(line for title, lines in parts.items() for line in (title, *_indented(lines)))


def by_hand(found: Result, line: int | None, changelog: Path) -> Iterator[str]:
    """What a person still has to write, each with file and line.

    Args:
        found: The comparison with the last release.
        line: The line of ``info.version`` in the contract.
        changelog: The file with an entry for each released contract.
    """
    if found.version is None:
        return
    if found.new < found.least:
        yield f"{found.file}:{line}: set info.version to {found.least} before the release; it is {found.new}"
    version = max(found.new, found.least)
    entry, lines = f"## {version}", changelog.read_text("utf-8").splitlines()
    if entry not in lines:
        newest = next((number for number, text in enumerate(lines, 1) if text.startswith("## ")), len(lines) + 1)
        yield f'{_shown(changelog)}:{newest}: insert an entry "{entry}" for callers; `{DRAFT}` prints a draft'


def files(root: Path) -> list[str]:
    """The files that are not committed, each with what happened to it; those that git ignores are left out."""
    command = ("git", "status", "--porcelain", "-z", "--no-renames", "--untracked-files=all")
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        return [f"not known, since git failed: {done.stderr.strip()}"]
    entries = filter(None, done.stdout.split("\0"))
    return [f"{STATES.get(entry[:2].strip(), 'edited'):8}{entry[3:]}" for entry in entries]


def _indented(lines: Iterable[str]) -> list[str]:
    return [f"    {line}" for line in lines] or ["    nothing"]


def _shown(path: Path) -> Path:
    return path.relative_to(ROOT) if path.is_relative_to(ROOT) else path


if __name__ == "__main__":
    sys.exit(main())
