"""The walk-throughs of docs/CHANGING.md, each run on a copy of the repository (`nox -s changes [-- NAME ...]`).

The page has the four everyday changes of the contract: the edits and commands of a person, and what is printed. A block
of the page that is marked ``sh`` is run by a shell as it stands, with two exceptions: of the quick tests of
``nox -s change``, those of what the change touches are run (``TESTS``), and the version numbers are those after the
last release. The lines of a block that is marked ``text`` have to be among those that the block before it prints, in
their order; ``…`` stands for any text. The files that a person edits are counted.

Exit status: 0 everything happens as the page says, 1 not, 2 there is no such change.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from octopusx_video_compat import releases

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "docs" / "CHANGING.md"
PACKAGES = ("contract_tests", "generated", "mock", "openapi", "sdk")
COMMAND = ".venv/bin/nox -s change"
STOPS = "Session change aborted"
"""What a command prints that stops at a problem."""
WRITTEN_AFTER = releases.Number(1, 0, 0)
"""The release after which the version numbers of the page come."""

_CONTRACT_TESTS = (
    "tests/openapi/test_document.py",
    "tests/openapi/test_package.py",
    "tests/generated/test_regenerate.py",
)
_SERVER_TESTS = (
    "tests/mock/test_bad_input.py",
    "tests/mock/test_blueprint.py",
    "tests/suite_cases/test_invalid_and_valid_values.py",
    "tests/suite_cases/test_cases.py",
    "tests/suite/test_questions.py",
)
_SDK_TESTS = ("tests/sdk/test_command.py", "tests/sdk/test_sending.py", "tests/sdk/test_surface.py")
TESTS = {
    "enum": (
        *(*_CONTRACT_TESTS, *_SERVER_TESTS, *_SDK_TESTS),
        *("tests/openapi/test_model.py", "tests/mock/test_task_life.py"),
    ),
    "field": (*_CONTRACT_TESTS, *_SERVER_TESTS, *_SDK_TESTS),
    "rename": (*_CONTRACT_TESTS, *_SERVER_TESTS, "tests/sdk/test_responses.py", "tests/sdk/test_downloads.py"),
    "operation": (*_CONTRACT_TESTS, *_SERVER_TESTS, *_SDK_TESTS),
}
"""The test files of what each change touches."""


class UnexpectedError(Exception):
    """Something else happened than the page says. The text says what."""


class Block(NamedTuple):
    """A block of commands of the page.

    Attributes:
        line: Its line in the page.
        script: What a person pastes into a shell.
        printed: The lines that it prints, with ``…`` for any text.
    """

    line: int
    script: str
    printed: tuple[str, ...] = ()

    @property
    def edits(self) -> bool:
        """Whether a person edits files by it, and runs nothing of the project."""
        return COMMAND not in self.script


_BLOCK = re.compile(r"^```(sh|text)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def walkthroughs(page: str) -> dict[str, list[Block]]:
    """The blocks of each section of the page, by the name at the beginning of its heading."""
    found: dict[str, list[Block]] = {}
    for section in re.finditer(r"^## (\w+): .*?(?=^## |\Z)", page, re.MULTILINE | re.DOTALL):
        blocks = found.setdefault(section[1], [])
        for block in _BLOCK.finditer(section[0]):
            if block[1] == "sh":
                blocks.append(Block(page.count("\n", 0, section.start() + block.start()) + 1, block[2]))
            else:
                blocks[-1] = blocks[-1]._replace(printed=tuple(block[2].splitlines()))
    return found


def numbered(text: str, last: releases.Number) -> str:
    """A text of the page with the version numbers that come after a release, in the place of those of the page."""
    numbers = {str(WRITTEN_AFTER.after(kind)): str(last.after(kind)) for kind in ("major", "minor")}
    numbers[str(WRITTEN_AFTER)] = str(last)
    return re.sub("|".join(map(re.escape, numbers)), lambda found: numbers[found[0]], text)


def unprinted(expected: Sequence[str], printed: str) -> str | None:
    """The first of some lines that is not among those that were printed, in their order; None where each is."""
    lines = iter(printed.splitlines())
    for text in expected:
        pattern = re.compile(".*".join(map(re.escape, text.split("…"))))
        if not any(pattern.fullmatch(line) for line in lines):
            return text
    return None


class Copy:
    """A copy of the files of the repository, with a git repository of its own, in which `nox` can be run.

    Args:
        folder: Where it is made.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in _git(ROOT, "ls-files", "-z", "--cached", "--others", "--exclude-standard").split("\0"):
            if name and (ROOT / name).is_file():
                target = folder / name
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / name, target)
        if (ROOT / ".mypy_cache").is_dir():
            shutil.copytree(ROOT / ".mypy_cache", folder / ".mypy_cache")
        (folder / ".venv" / "bin").mkdir(parents=True)
        (folder / ".venv" / "bin" / "nox").symlink_to(Path(sys.executable).with_name("nox"))
        _git(folder, "init", "--quiet")
        _git(folder, "add", "--all", "--force", "--", ".", ":!.venv", ":!.mypy_cache")
        author = ("-c", "user.name=changes", "-c", "user.email=changes@example.com")
        _git(folder, *author, "commit", "--quiet", "--no-verify", "--message", "before")

    def undo(self) -> None:
        """Put every file back."""
        _git(self.folder, "reset", "--quiet", "--hard")
        _git(self.folder, "clean", "--quiet", "-d", "--force")

    def edited(self) -> set[str]:
        """The files that are not as they were when this was called last."""
        names = _git(self.folder, "ls-files", "--modified", "--others", "--exclude-standard").splitlines()
        _git(self.folder, "add", "--all")
        return set(names)

    def run(self, script: str) -> subprocess.CompletedProcess[str]:
        """Run a script of the page with the packages of the copy. Its errors are among what it printed."""
        environment = {
            **os.environ,
            "OCTOPUSX_VIDEO_ENVIRONMENTS": str(ROOT / ".nox"),
            "PYTHONPATH": os.pathsep.join(str(self.folder / package) for package in PACKAGES),
            "NO_COLOR": "1",
        }
        return subprocess.run(
            ("bash", "-e", "-c", script),
            cwd=self.folder,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the walk-throughs, print what each took, and return the exit status."""
    names = sys.argv[1:] if arguments is None else list(arguments)
    known = walkthroughs(PAGE.read_text("utf-8"))
    unknown = [name for name in names if name not in known]
    if unknown:
        print(f"there is no change {', '.join(unknown)}; there are: {', '.join(known)}", file=sys.stderr)
        return 2
    failed = False
    with tempfile.TemporaryDirectory(prefix="changes-") as scratch:
        copy = Copy(Path(scratch))
        for name in names or known:
            print(f"{name}:", flush=True)
            began = time.monotonic()
            try:
                for line in followed(copy, known[name], TESTS[name]):
                    print(f"  {line}", flush=True)
            except UnexpectedError as error:
                failed = True
                print(f"  FAILED: {error}", flush=True)
            copy.undo()
            print(f"  {time.monotonic() - began:.0f} s", flush=True)
    return int(failed)


def followed(copy: Copy, blocks: Sequence[Block], tests: Sequence[str]) -> Iterator[str]:
    """Follow a walk-through in a copy, and say what was printed.

    Args:
        copy: The copy.
        blocks: The walk-through.
        tests: The test files of what the change touches.

    Raises:
        UnexpectedError: Something else happened than the page says.
    """
    last = releases.number(releases.released()[-1].name, releases.RELEASES)
    edited: set[str] = set()
    for block in blocks:
        place = f"{PAGE.relative_to(ROOT)}:{block.line}"
        copy.edited()
        done = copy.run(numbered(block.script.replace(COMMAND, f"{COMMAND} -- {' '.join(tests)}"), last))
        if block.edits:
            edited |= copy.edited()
        printed = [numbered(line, last) for line in block.printed]
        missing = unprinted(printed, done.stdout)
        if missing is not None or (done.returncode != 0) != any(STOPS in line for line in printed):
            what = f"status {done.returncode}" if missing is None else f"no line like {missing!r}"
            said = "\n".join(done.stdout.replace(f"{copy.folder}{os.sep}", "").splitlines()[-60:])
            raise UnexpectedError(f"{place}: {what}; correct the page, or what it describes:\n{said}")
        yield f"{place}: as the page says{f': {printed[-1].strip()}' if printed else ''}"
    yield f"files edited by hand: {len(edited)} ({', '.join(sorted(edited))})"


def _git(folder: Path, *arguments: str) -> str:
    return subprocess.run(("git", *arguments), cwd=folder, check=True, capture_output=True, text=True).stdout


if __name__ == "__main__":
    sys.exit(main())
