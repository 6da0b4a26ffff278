"""The README's programs run as they stand."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from octopusx_video_mock import Mock

README = (Path(__file__).parents[1] / "README.md").read_text("utf-8")
PROGRAMS = re.findall(r"```python\n(.*?)```", README, re.DOTALL)


def test_the_programs_run(capsys: pytest.CaptureFixture[str]) -> None:
    """The first submits and prints the new task, the second is a test that passes, both as they stand."""
    assert 'base_url="http://127.0.0.1:4010", token="any"' in PROGRAMS[0]
    names: dict[str, Any] = {}
    with Mock().serve() as url:
        program = PROGRAMS[0].replace("http://127.0.0.1:4010", url)
        exec(compile(program, "README.md", "exec"), names)  # noqa: S102 - our own page
    assert re.fullmatch(r"grok:\S+ processing\n", capsys.readouterr().out)
    exec(compile(PROGRAMS[1], "README.md", "exec"), names)  # noqa: S102 - our own page
    names["test_a_ten_minute_job"](Mock())


def test_the_set_up_is_two_commands() -> None:
    """One command runs the main job, one the tests, and both stand on lines of their own."""
    commands = re.findall(r"^    (\S.*nox.* -s (?:demo|tests))$", README, re.MULTILINE)
    assert len(commands) == 2
    assert commands[0].startswith("python3 -m venv")
