"""A change of the contract and its release, from the edit to an edited byte, on a clone of the repository.

A person adds a field to a response, uses it in the usage examples, takes the number that is needed and the draft of the
entry, generates, commits, and releases. Each step that is left out has to be refused.

Exit status: 0 everything happens as it has to, 1 not.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from octopusx_video_compat import releases

ROOT = Path(__file__).parents[3]
PACKAGES = ("contract_tests", "generated", "mock", "openapi", "sdk")
COMPARE = ("-m", "octopusx_video_compat")
CHECK = (*COMPARE, "--check")
GENERATE = ("generated/regenerate.py",)
FIELD = """\
        mood:
          type: string
          x-grade:
            chosen: Made up for this test.
"""


class UnexpectedError(Exception):
    """Something else happened than has to. The text says what."""


def main() -> int:
    """Release a change, print each step, and return the exit status."""
    with tempfile.TemporaryDirectory(prefix="release-") as scratch:
        folder = Path(scratch) / "clone"
        subprocess.run(("git", "clone", "--quiet", str(ROOT), str(folder)), check=True)
        try:
            for line in released(folder):
                print(line, flush=True)
        except UnexpectedError as error:
            print(f"FAILED: {error}")
            return 1
    return 0


def released(folder: Path) -> Iterator[str]:
    """Release a change in a clone, and say what happened.

    Raises:
        UnexpectedError: A step failed, or what has to be refused was not.
    """
    home = folder / "openapi"
    contract, usage, changelog = home / releases.CONTRACT, home / releases.USAGE, home / releases.CHANGELOG
    _edit(contract, r"(    VideoTask:\n(?:      .*\n)*?      properties:\n)", rf"\g<1>{FIELD}")
    version = json.loads(_run(folder, 0, *COMPARE, "--format", "json"))["least"]
    release = ("-m", "tests.compat.release", version)
    yield f"a field was added; needed: {version}"
    yield _refused(folder, "set info.version to", *release)
    _edit(contract, r"\n  version: .*\n", f"\n  version: {version}\n")
    yield _refused(folder, "has no entry for", *release)
    entry = _run(folder, 0, *COMPARE, "--format", "changelog")
    _edit(changelog, r"\n## ", lambda found: f"\n{entry}\n{found[0]}")
    yield _refused(folder, "does not use VideoTask.mood", *release)
    _edit(usage, r'( *)"id": task\.id,\n', r'\g<0>\g<1>"mood": task.mood,\n')
    yield _refused(folder, "are not committed", *release)
    _commit(folder)
    yield _refused(folder, "nox -s generate", *release)
    _run(folder, 0, *GENERATE)
    _commit(folder)
    _run(folder, 0, *release)
    _commit(folder)
    yield _run(folder, 0, *CHECK)
    yield _run(folder, 0, *COMPARE).strip()
    for name in (*releases.FILES, releases.HASHES):
        path = home / "releases" / version / name
        content = path.read_bytes()
        path.write_bytes(bytes([content[0] ^ 1]) + content[1:])
        yield _refused(folder, rf"{name}: (was edited|is missing or damaged)", *CHECK)
        path.write_bytes(content)
    yield _refused(folder, "is there already", *release)


def _edit(path: Path, pattern: str, new: str | Callable[[re.Match[str]], str]) -> None:
    """Put a text in the place of the first that fits a pattern."""
    text, times = re.subn(pattern, new, path.read_text("utf-8"), count=1)
    if times != 1:
        raise UnexpectedError(f"nothing in {path.name} fits {pattern!r}; adapt {Path(__file__).name}")
    path.write_text(text, "utf-8")


def _run(folder: Path, status: int, *arguments: str) -> str:
    """Run a program of the clone that has to end with a status. Returns what it printed."""
    paths = os.pathsep.join(str(folder / one) for one in (*PACKAGES, "."))
    environment = {**os.environ, "PYTHONPATH": paths, "MYPY_CACHE_DIR": str(ROOT / ".mypy_cache")}
    done = subprocess.run(
        (sys.executable, *arguments), cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    said = f"{done.stdout}{done.stderr}".replace(f"{folder}{os.sep}", "")
    if done.returncode != status:
        raise UnexpectedError(f"{' '.join(arguments)} ended with {done.returncode}, not {status}:\n{said}")
    return said.rstrip()


def _refused(folder: Path, said: str, *arguments: str) -> str:
    """Run a program that has to refuse with a text, and to write nothing. Returns its error."""
    before = _git(folder, "status", "--porcelain")
    error = _run(folder, 2, *arguments)
    if re.search(said, error) is None:
        raise UnexpectedError(f"{' '.join(arguments)} does not say {said!r}:\n{error}")
    if _git(folder, "status", "--porcelain") != before:
        raise UnexpectedError(f"{' '.join(arguments)} refused, and wrote files")
    return f"refused: {error}"


def _commit(folder: Path) -> None:
    _git(folder, "add", "--all")
    author = ("-c", "user.name=test", "-c", "user.email=test@example.com", "-c", "commit.gpgsign=false")
    _git(folder, *author, "commit", "--quiet", "--no-verify", "--message", "a step")


def _git(folder: Path, *arguments: str) -> str:
    return subprocess.run(("git", *arguments), cwd=folder, check=True, capture_output=True, text=True).stdout


if __name__ == "__main__":
    sys.exit(main())
