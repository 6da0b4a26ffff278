"""The README's programs run as they stand."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from octopusx_video_mock import PrismMock
from octopusx_video_openapi import Contract

from tests.conftest import KEY

README = (Path(__file__).parents[1] / "README.md").read_text("utf-8")
PROGRAMS = re.findall(r"```python\n(.*?)```", README, re.DOTALL)


def test_the_client_program_runs(prism: PrismMock, contract: Contract, capsys: pytest.CaptureFixture[str]) -> None:
    """The first program submits and prints the new task, against a mock at another address and with another key."""
    assert 'base_url="http://127.0.0.1:4010", token="any"' in PROGRAMS[0]
    program = PROGRAMS[0].replace("http://127.0.0.1:4010", prism.base_url).replace('token="any"', f'token="{KEY}"')
    exec(compile(program, "README.md", "exec"), {})  # noqa: S102 - our own page
    response = dict(contract.responses(contract.operations["createVideoExtension"]))["200"]
    _, answer = next(iter(contract.examples(response["content"]["application/json"])))
    assert capsys.readouterr().out == f"{answer['id']} {answer['status']}\n"


def test_the_set_up_is_two_commands() -> None:
    """One command runs the main job, one the tests, and both stand on lines of their own."""
    commands = re.findall(r"^    (\S.*nox.* -s (?:demo|tests))$", README, re.MULTILINE)
    assert len(commands) == 2
    assert commands[0].startswith("python3 -m venv")
