"""Say what is left to do after a change of the contract: the last step of ``nox -s change``.

It prints what changed for whom, which version that needs, which files to commit, what is still to be written by hand,
and a draft of the changelog's entry. What the SDK lacks is not among it: ``generated/regenerate.py`` and the tests fail
before, and name it.

Exit status: 0 it was printed, 2 the contracts can't be compared.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from octopusx_video_compat.__main__ import result
from octopusx_video_compat.release import HOME
from octopusx_video_compat.releases import CHANGELOG, USAGE, Number, entries
from octopusx_video_compat.reports import FORMATS, Result
from octopusx_video_compat.usage import unused
from octopusx_video_openapi import Contract, ContractError, contract_path, load

ROOT = Path(__file__).parents[2]
STATES = {"??": "new", "A": "new", "D": "deleted", "R": "renamed"}
"""What the letters of ``git status`` mean; any other file is an edited one."""


def main(root: Path = ROOT) -> int:
    """Print the summary, and return the exit status."""
    try:
        found, contract = result(), load(contract_path())
    except ContractError as error:
        print(error, file=sys.stderr)
        return 2
    print(summary(found, files(root), [*by_hand(found, contract, HOME)]))
    if not _has_entry(found, HOME / CHANGELOG):
        print("\n".join(["Draft of the entry", *_indented(FORMATS["changelog"](found).splitlines())]))
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


def by_hand(found: Result, contract: Contract, home: Path) -> Iterator[str]:
    """What a person still has to write before the change can be released, each with file and line.

    Args:
        found: The comparison with the last release.
        contract: The contract as it is now.
        home: The folder with the changelog and the typed usage examples.
    """
    if found.version is not None and found.new < found.least:
        line = contract.line("info", "version")
        yield f"{found.file}:{line}: set info.version to {found.least} before the release; it is {found.new}"
    changelog, usage = home / CHANGELOG, home / USAGE
    if not _has_entry(found, changelog):
        line = next((line for line, _ in entries(changelog)), 1)
        yield f'{_shown(changelog)}:{line}: insert an entry "## {_number(found)}" for callers'
    names = unused(usage, contract)
    if names:
        last = len(usage.read_text("utf-8").splitlines())
        yield f"{_shown(usage)}:{last}: use {', '.join(names)} of the generated client, at the end or where it fits"


def files(root: Path) -> list[str]:
    """The files that are not committed, each with what happened to it; those that git ignores are left out."""
    command = ("git", "status", "--porcelain", "-z", "--no-renames", "--untracked-files=all")
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        return [f"not known, since git failed: {done.stderr.strip()}"]
    entries = filter(None, done.stdout.split("\0"))
    return [f"{STATES.get(entry[:2].strip(), 'edited'):8}{entry[3:]}" for entry in entries]


def _number(found: Result) -> Number:
    """The number of the release that the change needs."""
    return max(found.new, found.least)


def _has_entry(found: Result, changelog: Path) -> bool:
    return found.version is None or str(_number(found)) in {version for _, version in entries(changelog)}


def _indented(lines: Iterable[str]) -> list[str]:
    return [f"    {line}".rstrip() for line in lines] or ["    nothing"]


def _shown(path: Path) -> Path:
    return path.relative_to(ROOT) if path.is_relative_to(ROOT) else path


if __name__ == "__main__":
    sys.exit(main())
