"""Sixty seeded mistakes in the written code and the contract, and whether the tests find each (`nox -s seeded`).

python -m tests.campaigns.seeded [--only TEXT] [--session tests|quick] [--targeted] [--write]

The mistakes are the rows of ``seeded.toml``. Each is made alone in a copy of the tracked files. After one in the
contract or in what generates the client, the copy's files are generated anew; a refusal there has found it. Then the
tests of the copy run until one fails: first the test that found the mistake the last time (``seeded.json``) and its
file, then the files that are likely to, and all tests only where none of these does. Tests that do not end have found
it too, since nobody waits for them. In the end all tests that have found something run without any mistake, and pass.

Which arguments of pytest a session has is in pyproject.toml, and nox takes them from there as well.

Exit status: 0 all that was found before is found, 1 a mistake survives that was found before, too few are found, or a
test fails without a mistake.
"""

from __future__ import annotations

import argparse
import functools
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from octopusx_video_openapi import interrupts

from tests.campaigns.progress import Progress
from tests.campaigns.walkthroughs.changes import PACKAGES, ROOT, UnexpectedError
from tests.support import signals

TABLE = Path(__file__).with_suffix(".toml")
RESULTS = Path(__file__).with_suffix(".json")
OWN = "tests/campaigns/test_seeded.py"
"""The test of the rows themselves, which every mistake would break."""
PYTEST = (sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", f"--ignore={OWN}")
ALONE = ("-p", "no:xdist", "-p", "no:schemathesis")
"""For a few tests: without plugins that take longer to load than these tests take."""
BUILT = ("mock/octopusx_video_mock/pages/scalar.js",)
"""What an installation puts among the files, and git ignores (hatch_build.py)."""
GENERATE = (sys.executable, "generated/regenerate.py")
COMPILE = (sys.executable, "-m", "compileall", "-q", "--invalidation-mode", "checked-hash", *PACKAGES, "tests")
"""Compiled code that counts only for the very text that it was made of, so that a mistake never runs as what it was."""
LEAST = {"tests": 0, "quick": 45}
"""How many of all mistakes a session has to find, besides those that it found before."""
FILE_SECONDS, ALL_SECONDS = 600.0, 3600.0
"""After how long the tests of a file, and all tests, are taken for tests that do not end."""
_END_SECONDS = 8.0
"""How long processes may take to end in order."""
_REFUSED, _NONE = 4, 5
"""Exit statuses of pytest: its own files can't be loaded; no test was chosen."""
_FAILED = re.compile(r"^(?:FAILED|ERROR) (tests/\S+?\.py(?:::\w+)*)", re.MULTILINE)

Found = dict[str, dict[str, str]]
"""For each mistake and session what found it, a test or ``generate``; "" where nothing did."""


class Package(NamedTuple):
    """A folder in which mistakes are made.

    Attributes:
        folder: From the root.
        files: Patterns of the names of its written files.
        generated: Names of files and folders in it that nobody writes.
        generates: Whether what is generated follows from it.
    """

    folder: str
    files: list[str]
    generated: list[str]
    generates: bool

    def written(self, root: Path) -> dict[Path, str]:
        """The texts of its written files."""
        top = root / self.folder
        paths = sorted({path for pattern in self.files for path in top.rglob(pattern)})
        written = [path for path in paths if not {*self.generated} & {*path.relative_to(top).parts}]
        return {path: path.read_text("utf-8") for path in written}


class Mistake(NamedTuple):
    """A row of the table.

    Attributes:
        package: In which package it is made.
        name: What it is, in words.
        shows: What a user would notice.
        likely: The test files that are likely to find it.
        old: The text in whose place it stands.
        new: The mistake.
    """

    package: str
    name: str
    shows: str
    likely: list[str]
    old: str
    new: str

    def places(self, written: Mapping[Path, str]) -> list[Path]:
        """The files that hold the old text, each as often as it does; ``written`` has the texts of its package."""
        return [path for path, text in written.items() for _ in range(text.count(self.old))]


class Result(NamedTuple):
    """What came of a mistake: what found it, "" where nothing did; and how long it took."""

    mistake: Mistake
    by: str
    seconds: float


@functools.cache
def _table() -> dict[str, Any]:
    return tomllib.loads(TABLE.read_text("utf-8"))


def packages() -> dict[str, Package]:
    """The packages by their names."""
    nodes = _table()["packages"].items()
    return {name: Package(**{"generated": [], "generates": False, **node}) for name, node in nodes}


def mistakes() -> list[Mistake]:
    """The mistakes, in the order of the table."""
    return [Mistake(**row) for row in _table()["mistake"]]


def results() -> Found:
    """What was found by the runs before."""
    found: Found = json.loads(RESULTS.read_text("utf-8")) if RESULTS.exists() else {}
    return found


def sessions() -> dict[str, list[str]]:
    """Which tests each session runs, as arguments of pytest; ``spread`` is how they are spread over the cores."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    arguments: dict[str, list[str]] = project["tool"]["octopusx-video"]["pytest"]
    return arguments


class Done(NamedTuple):
    """What a command came to: its exit status, None where it did not end in its time, and what it printed."""

    status: int | None
    said: str


class Copy:
    """A copy of the tracked files of the repository, which is made anew for each mistake.

    Args:
        scratch: An empty folder.
    """

    def __init__(self, scratch: Path) -> None:
        self.folder = scratch / "copy"
        self._kept = scratch / "kept"
        for name in _tracked():
            target = self.folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target)
        self.run(COMPILE, FILE_SECONDS)  # here, since compiled code knows where its text is
        shutil.copytree(self.folder, self._kept, symlinks=True)

    def restore(self) -> None:
        """Put every file back, and leave no other."""
        shutil.rmtree(self.folder)
        shutil.copytree(self._kept, self.folder, symlinks=True)

    def make(self, mistake: Mistake, package: Package) -> None:
        """Make a mistake, and nothing else.

        Raises:
            UnexpectedError: Its text is not there exactly once.
        """
        self.restore()
        written = package.written(self.folder)
        places = mistake.places(written)
        if len(places) != 1:
            raise UnexpectedError(f"{mistake.name}: its text stands there {len(places)} times; adapt {TABLE.name}")
        places[0].write_text(written[places[0]].replace(mistake.old, mistake.new), "utf-8")

    def run(self, command: Sequence[str], seconds: float) -> Done:
        """Run a command with the packages of the copy. None of its processes is left when it has ended."""
        with tempfile.TemporaryFile() as output:
            process = subprocess.Popen(
                command,
                cwd=self.folder,
                env=self._environment(),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            status = None
            try:
                with suppress(subprocess.TimeoutExpired):
                    status = process.wait(seconds)
            finally:
                _end(process)
            output.seek(0)
            return Done(status, output.read().decode("utf-8", "replace"))

    def _environment(self) -> dict[str, str]:
        """That of this process, without what belongs to another repository, to pytest, or to a real account."""
        foreign = re.compile(r"(GIT|PYTEST|OCTOPUSX)_")
        kept = {name: value for name, value in os.environ.items() if not foreign.match(name)}
        paths = os.pathsep.join(str(self.folder / package) for package in PACKAGES)
        return {**kept, "PYTHONPATH": paths, "PYTHONDONTWRITEBYTECODE": "1"}


def _tracked() -> list[str]:
    """The files of the repository, with those that are new and not ignored, and what an installation adds."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    command = ("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
    done = subprocess.run(command, cwd=ROOT, env=environment, check=True, capture_output=True, text=True)
    return [name for name in (*done.stdout.split("\0"), *BUILT) if name and (ROOT / name).is_file()]


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a process and all of its group, in order if they can."""
    try:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGINT)
            with suppress(subprocess.TimeoutExpired):
                process.wait(_END_SECONDS)
    finally:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


class Campaign:
    """Makes mistakes in a copy, and sees whether the tests find them.

    Args:
        copy: The copy.
        session: Whose tests run.
        before: What was found before.
        targeted: Whether only the files run that are likely to find a mistake.
    """

    def __init__(self, copy: Copy, session: str, before: Found, *, targeted: bool) -> None:
        self._copy = copy
        self._session = session
        self._arguments = sessions()[session]
        self._before = before
        self._targeted = targeted
        self._packages = packages()

    def judge(self, mistake: Mistake) -> Result:
        """Find out what finds a mistake.

        Raises:
            UnexpectedError: It can't be made, or pytest breaks.
        """
        began = time.monotonic()
        self._copy.make(mistake, self._packages[mistake.package])
        by = self._generated(mistake) or next(filter(None, self._tested(mistake)), "")
        return Result(mistake, by, time.monotonic() - began)

    def hold_passing(self, found: Sequence[Result]) -> None:
        """Require that the tests that have found something pass without a mistake.

        Raises:
            UnexpectedError: One does not, or a file can't even be collected.
        """
        self._copy.restore()
        tests = {result.by for result in found if re.fullmatch(r"\S+::\S+", result.by)}
        files = {result.by for result in found if result.by.endswith(".py")}
        for arguments, some in ((ALONE, tests), ((*ALONE, "--collect-only"), files)):
            done = self._copy.run((*PYTEST, *arguments, *sorted(some)), ALL_SECONDS) if some else Done(0, "")
            if done.status != 0:
                raise UnexpectedError(f"without a mistake {failing(done, 'a test')} fails too:\n{done.said[-3000:]}")

    def _generated(self, mistake: Mistake) -> str:
        if not self._packages[mistake.package].generates:
            return ""
        return "generate" if self._copy.run(GENERATE, FILE_SECONDS).status != 0 else ""

    def _tested(self, mistake: Mistake) -> Iterator[str]:
        """What one test or the tests of one file after the other find, and those of all files."""
        for test in self.first(mistake):
            yield self._failing(FILE_SECONDS, *ALONE, test)
        if not self._targeted:
            yield self._failing(ALL_SECONDS, *sessions()["spread"])

    def first(self, mistake: Mistake) -> list[str]:
        """The tests and test files that run first: what found the mistake before, then what is likely to."""
        known = self._before.get(mistake.name, {})
        found = [known.get(self._session, ""), *known.values()]
        tests = dict.fromkeys([*found, *(test.partition("::")[0] for test in found), *mistake.likely])
        return [test for test in tests if (self._copy.folder / test.partition("::")[0]).is_file()]

    def _failing(self, seconds: float, *arguments: str) -> str:
        """The first test that fails; "" where none does."""
        done = self._copy.run((*PYTEST, *self._arguments, *arguments), seconds)
        if done.status in {0, _NONE} or _is_gone(done):
            return ""
        last = arguments[-1] if arguments[-1].startswith("tests/") else "a test"
        if done.status is None:
            return f"{last}, which does not end"
        return failing(done, last)


def _is_gone(done: Done) -> bool:
    """Whether the test that was to run has another name by now."""
    return done.status == _REFUSED and "ERROR: not found: " in done.said and not _FAILED.search(done.said)


def failing(done: Done, chosen: str) -> str:
    """The first test that pytest says has failed, or the file that it can't collect.

    Args:
        done: What pytest came to.
        chosen: What was to run; this has failed where pytest itself was ended by it, as by a signal.

    Raises:
        UnexpectedError: Pytest refuses its arguments.
    """
    found = _FAILED.search(done.said)
    if found is not None:
        return found[1]
    if done.status != _REFUSED:
        return chosen
    if "conftest.py" in done.said:
        return "tests/conftest.py"
    raise UnexpectedError(f"pytest ended with status {done.status}, and names no test:\n{done.said[-3000:]}")


# ---- The command


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the campaign. Returns the exit status."""
    options = _options(arguments)
    wanted = [mistake for mistake in mistakes() if re.search(options.only, f"{mistake.package}: {mistake.name}")]
    if not wanted:
        print(f"there is no mistake that matches {options.only!r}; see {TABLE.name}", file=sys.stderr)
        return 2
    before = results()
    with tempfile.TemporaryDirectory(prefix="seeded-", ignore_cleanup_errors=True) as scratch:
        copy = Copy(Path(scratch))
        campaign = Campaign(copy, options.session, before, targeted=options.targeted)
        keep = functools.partial(_keep, options.session) if options.write else lambda _: None
        found = _run(campaign, wanted, keep)
        campaign.hold_passing(found)
    _print(found)
    return _status(found, before, options.session)


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Make mistakes in the code, and see whether the tests find them.")
    parser.add_argument("--only", default="", metavar="TEXT", help="those whose `package: name` matches, an expression")
    parser.add_argument("--session", default="tests", choices=sorted(LEAST), help="whose tests run (default: tests)")
    parser.add_argument("--targeted", action="store_true", help="run the likely test files alone, and never all tests")
    parser.add_argument("--write", action="store_true", help=f"keep what is found in {RESULTS.name}")
    return parser.parse_args(arguments)


def _run(campaign: Campaign, wanted: Sequence[Mistake], keep: Callable[[Result], None]) -> list[Result]:
    found: list[Result] = []
    with Progress("mistakes", len(wanted)) as progress:
        for mistake in wanted:
            result = campaign.judge(mistake)
            found.append(result)
            keep(result)
            progress.done()
            if not result.by:
                progress.show(f"survived: {_named(mistake)}")
    return found


def _keep(session: str, result: Result) -> None:
    """Write one result at once, so that a run that is interrupted has not been in vain."""
    found = results()
    found.setdefault(result.mistake.name, {})[session] = result.by
    order = [mistake.name for mistake in mistakes() if mistake.name in found]
    RESULTS.write_text(json.dumps({name: found[name] for name in order}, indent=2) + "\n", "utf-8")


def _print(found: Sequence[Result]) -> None:
    print(f"\n{'package':16}{'found':>6}{'survived':>10}{'seconds':>9}")
    for name in packages():
        some = [result for result in found if result.mistake.package == name]
        if some:
            _print_counts(name, some)
    _print_counts("all", found)
    survivors = [result.mistake for result in found if not result.by]
    for mistake in survivors:
        print(f"survived: {_named(mistake)}\n          {mistake.shows}")


def _print_counts(name: str, some: Sequence[Result]) -> None:
    number = sum(bool(result.by) for result in some)
    print(f"{name:16}{number:>6}{len(some) - number:>10}{sum(result.seconds for result in some):>9.0f}")


def _status(found: Sequence[Result], before: Found, session: str) -> int:
    lost = [result.mistake for result in found if not result.by and before.get(result.mistake.name, {}).get(session)]
    for mistake in lost:
        print(f"lost: {_named(mistake)}, which {before[mistake.name][session]} found", file=sys.stderr)
    number = sum(bool(result.by) for result in found)
    is_less = len(found) == len(mistakes()) and number < LEAST[session]
    if is_less:
        print(f"{number} of {len(found)} were found, fewer than {LEAST[session]}", file=sys.stderr)
    return int(bool(lost) or is_less)


def _named(mistake: Mistake) -> str:
    return f"{mistake.package}: {mistake.name}"


def run() -> int:
    """Run the command so that Ctrl-C, SIGTERM and SIGHUP end it in order, with all that it has started."""
    try:
        with signals.as_usual(), interrupts.handled():
            return main()
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    except UnexpectedError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    raise SystemExit(run())
