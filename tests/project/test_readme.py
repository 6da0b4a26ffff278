"""The programs of the pages run as they stand."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any

import pytest
from octopusx_video_mock import Mock

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text("utf-8")
PAGES = ("README.md", "docs/MONEY.md", "docs/WAITING.md")


def _programs(page: str) -> list[str]:
    return re.findall(r"```python\n(.*?)```", (ROOT / page).read_text("utf-8"), re.DOTALL)


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES)
def test_the_programs_of_a_page_run(
    page: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One after another, as they stand, against a mock whose tasks take a moment; each submit is paid for once."""
    mock = Mock(start=None, speed=600)
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    with mock.serve() as url:
        monkeypatch.setenv("OCTOPUSX_API_KEY", "any")
        monkeypatch.setenv("OCTOPUSX_BASE_URL", url)
        for number, program in enumerate(_programs(page)):
            exec(compile(program, f"{page}, program {number + 1}", "exec"), names)  # noqa: S102 - our own page
    for test in [value for name, value in names.items() if name.startswith("test_")]:
        test(Mock())
    saved = [path.read_bytes()[4:8] for path in tmp_path.iterdir()]
    assert saved == [b"ftyp"]
    assert len(mock.billed) == {"README.md": 1, "docs/MONEY.md": 2, "docs/WAITING.md": 1}[page]
    assert "error" not in capsys.readouterr().out.lower()


def test_the_quick_start_is_ten_lines() -> None:
    """From the import to the file."""
    program = _programs("README.md")[0]
    assert len(program.splitlines()) <= 10
    ast.parse(program)


def test_the_set_up_is_two_commands() -> None:
    """One command runs the main job, one the tests, and both stand on lines of their own."""
    commands = re.findall(r"^    (\S.*nox.* -s (?:demo|tests))$", README, re.MULTILINE)
    assert len(commands) == 2
    assert commands[0].startswith("python3 -m venv")


@pytest.mark.slow
def test_the_command_of_the_readme_is_taken(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The shell's version of the quick start ends with the same file."""
    import shlex  # noqa: PLC0415 - the one test that needs it

    from octopusx_video.cli import run  # noqa: PLC0415 - the same

    line = re.search(r"^    (octopusx-video extend .*?[^\\])$", README, re.MULTILINE | re.DOTALL)
    assert line is not None
    monkeypatch.chdir(tmp_path)
    with Mock(start=None, speed=600).serve() as url:
        monkeypatch.setenv("OCTOPUSX_API_KEY", "any")
        monkeypatch.setenv("OCTOPUSX_BASE_URL", url)
        assert run([*shlex.split(line[1].replace("\\\n", " "))[1:], "--poll-interval", "0.1"]) == 0
    assert (tmp_path / "cat.mp4").read_bytes()[4:8] == b"ftyp"
