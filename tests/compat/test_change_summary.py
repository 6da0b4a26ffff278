"""The summary of ``nox -s change``: what changed for whom, the version, what to commit, and what is left to write."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from octopusx_video_compat import releases
from octopusx_video_compat.difference import Difference
from octopusx_video_compat.releases import Number
from octopusx_video_compat.reports import Result
from octopusx_video_openapi import Contract

from tests.compat import change_summary

OLD = Number(1, 0, 0)
FIRST = releases.RELEASES / "1.0.0"
SEED = Difference(
    rule="request-servers",
    where="extendVideo request",
    pointer=(),
    breaks=("servers",),
    sentence="a request with seed 7 is valid now",
    convention=1,
    example={"seed": 7},
    line=1020,
)


def _result(new: Number, *differences: Difference, is_same_text: bool = False) -> Result:
    return Result(Path("old.yaml"), Path("new.yaml"), OLD, new, differences, is_same_text)


@pytest.fixture
def released() -> Contract:
    """The contract that was released, whose names its usage examples use."""
    return releases.contract(FIRST / releases.CONTRACT)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A folder with the usage examples, and a changelog with an entry for the last release on line 5."""
    shutil.copy(FIRST / releases.USAGE, tmp_path)
    (tmp_path / "CHANGELOG.md").write_text("# Changes\n\nFor callers.\n\n## 1.0.0\n\nThe first.\n", "utf-8")
    return tmp_path


def test_each_difference_is_a_line_with_its_place_and_who_breaks() -> None:
    """The details, which the comparison has printed before, are left out."""
    text = change_summary.summary(_result(Number(1, 1, 0), SEED), [], [])
    assert "    new.yaml:1020: minor: servers: a request with seed 7 is valid now\n" in text
    assert "example" not in text
    assert "1.1.0 at least; info.version is 1.1.0, the last release is 1.0.0" in text


def test_what_is_empty_says_so(released: Contract, home: Path) -> None:
    """Without a change there is nothing to commit and nothing to write."""
    same = _result(OLD, is_same_text=True)
    text = change_summary.summary(same, [], change_summary.by_hand(same, released, home))
    assert text.endswith("Files to commit\n    nothing\nStill to be written by hand\n    nothing")
    assert "nothing changed since 1.0.0" in text


def test_a_missing_entry_of_the_changelog_is_named(released: Contract, home: Path) -> None:
    """With the line of the newest entry, above which it goes."""
    (left,) = change_summary.by_hand(_result(Number(1, 1, 0), SEED), released, home)
    assert left == f'{home / "CHANGELOG.md"}:5: insert an entry "## 1.1.0" for callers'
    (home / "CHANGELOG.md").write_text("## 1.1.0\n\nA seed.\n\n## 1.0.0\n", "utf-8")
    assert list(change_summary.by_hand(_result(Number(1, 1, 0), SEED), released, home)) == []


def test_a_number_that_is_too_low_is_named_with_its_line(released: Contract, home: Path) -> None:
    """A text that changed needs a patch, which the comparison does not ask for before the release."""
    number, entry = change_summary.by_hand(_result(OLD), released, home)
    line = 1 + released.path.read_text("utf-8").splitlines().index("  version: 1.0.0")
    assert number == f"new.yaml:{line}: set info.version to 1.0.1 before the release; it is 1.0.0"
    assert '"## 1.0.1"' in entry


def test_a_number_that_is_higher_than_needed_is_kept(released: Contract, home: Path) -> None:
    """The entry is that of the contract's own number."""
    (left,) = change_summary.by_hand(_result(Number(2, 0, 0), SEED), released, home)
    assert '"## 2.0.0"' in left


def test_a_name_that_the_usage_examples_leave_out_is_named(released: Contract, home: Path) -> None:
    """With the end of the file, where an example can be added; the release would refuse it."""
    path = home / releases.USAGE
    path.write_text(path.read_text("utf-8").replace("task.trace_id", "task.asset_id"), "utf-8")
    (left,) = change_summary.by_hand(_result(OLD, is_same_text=True), released, home)
    last = len(path.read_text("utf-8").splitlines())
    assert left.startswith(f"{path}:{last}: use UnifiedVideoTask.trace_id of the generated client")


def test_each_file_that_is_not_committed_is_listed(tmp_path: Path) -> None:
    """New, edited and deleted ones, staged or not, each in its folder; what git ignores is left out."""
    files = {".gitignore": "*.log", "edited.py": "1", "deleted.py": "1", "kept.py": "1"}
    for name, text in files.items():
        (tmp_path / name).write_text(text, "utf-8")
    _git(tmp_path, "init", "--quiet")
    _git(tmp_path, "add", ".")
    _git(tmp_path, "-c", "user.name=a", "-c", "user.email=a@b", "commit", "--quiet", "--no-verify", "-m", "before")
    (tmp_path / "edited.py").write_text("2", "utf-8")
    (tmp_path / "deleted.py").unlink()
    (tmp_path / "ignored.log").touch()
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "new é.py").touch()
    (tmp_path / "staged.py").touch()
    _git(tmp_path, "add", "staged.py")
    assert sorted(change_summary.files(tmp_path)) == [
        "deleted deleted.py",
        "edited  edited.py",
        "new     folder/new é.py",
        "new     staged.py",
    ]


def test_a_folder_without_a_repository_is_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The summary says that the files are not known, and why."""
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    (line,) = change_summary.files(tmp_path)
    assert line.startswith("not known, since git failed: fatal: not a git repository")


def _git(folder: Path, *arguments: str) -> None:
    subprocess.run(("git", *arguments), cwd=folder, check=True, capture_output=True)
