"""The walk-throughs of docs/CHANGING.md are read as they are meant, and their edits fit the files."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from octopusx_video_compat.releases import Number

from tests.campaigns.walkthroughs import changes

WALKTHROUGHS = changes.walkthroughs(changes.PAGE.read_text("utf-8"))
EDITED = (
    "openapi/openapi.yaml",
    "openapi/CHANGELOG.md",
    "openapi/usage.py",
    "sdk/octopusx_video/_async_client.py",
    "docs/changing",
)
PAGE = """\
## one: a change

```sh
edit
```
```sh
.venv/bin/nox -s change
```
```text
a line
```

## two: another

```sh
.venv/bin/nox -s change
```
"""


def test_a_page_is_read_by_sections_and_blocks() -> None:
    """A block of output belongs to the commands before it; each block has its line."""
    command = f"{changes.COMMAND}\n"
    assert changes.walkthroughs(PAGE) == {
        "one": [changes.Block(3, "edit\n"), changes.Block(6, command, ("a line",))],
        "two": [changes.Block(15, command)],
    }


def test_each_change_has_its_tests_and_ends_in_success() -> None:
    """Each walk-through has an edit before its first command, a stop with a fix, and a run to the end."""
    assert WALKTHROUGHS.keys() == changes.TESTS.keys()
    for blocks in WALKTHROUGHS.values():
        assert blocks[0].edits
        runs = [block.printed[-1] for block in blocks if not block.edits]
        assert [changes.STOPS in line for line in runs] == [*[True] * (len(runs) - 1), False]
        assert "Session change was successful" in runs[-1]
    for files in changes.TESTS.values():
        for file in files:
            assert (changes.ROOT / file).is_file(), file


@pytest.mark.parametrize(
    ("expected", "missing"),
    [
        (["a", "c"], None),
        (["file:…: is wrong"], None),
        (["c", "a"], "a"),
        (["is wrong"], "is wrong"),
        (["a", "a"], "a"),
    ],
)
def test_a_line_that_was_not_printed_is_found(expected: list[str], missing: str | None) -> None:
    """Lines are whole and in their order; an ellipsis is any text."""
    assert changes.unprinted(expected, "a\nfile:12: is wrong\nb\nc\n") == missing


def test_numbers_follow_the_last_release() -> None:
    """The page is written for 1.0.0, and can be followed after any release."""
    text = "s/^  version: .*/  version: 1.1.0/; needs 2.0.0, after 1.0.0"
    assert changes.numbered(text, Number(1, 0, 0)) == text
    assert changes.numbered(text, Number(2, 3, 1)) == "s/^  version: .*/  version: 2.4.0/; needs 3.0.0, after 2.3.1"


@pytest.mark.slow
@pytest.mark.parametrize("name", WALKTHROUGHS)
def test_the_edits_of_a_change_fit_the_files(name: str, tmp_path: Path) -> None:
    """Each edit is accepted and changes something; `nox -s changes` runs the rest."""
    for file in EDITED:
        source, target = changes.ROOT / file, tmp_path / file
        target.parent.mkdir(parents=True, exist_ok=True)
        (shutil.copytree if source.is_dir() else shutil.copy)(source, target)
    for command in (("git", "init", "--quiet"), ("git", "add", ".")):
        subprocess.run(command, cwd=tmp_path, check=True)
    for block in WALKTHROUGHS[name]:
        for script in _commands(block):
            before = _texts(tmp_path)
            shell = ("bash", "-e", "-c", script)
            done = subprocess.run(shell, cwd=tmp_path, capture_output=True, text=True, check=False)
            assert done.returncode == 0, f"{changes.PAGE.name}:{block.line}: {done.stderr}"
            assert _texts(tmp_path) != before, f"{changes.PAGE.name}:{block.line}: {script}"


def _commands(block: changes.Block) -> list[str]:
    """The commands of a block that edit one of the copied files; one with a diff is the whole block."""
    if not block.edits:
        return []
    return [block.script] if "<<" in block.script else block.script.splitlines()


def _texts(folder: Path) -> dict[str, str]:
    return {file: (folder / file).read_text("utf-8") for file in EDITED if (folder / file).is_file()}
