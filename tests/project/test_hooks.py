"""The hooks of .pre-commit-config.yaml are valid, run, and concern the files that they are for."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
CONFIGURATION = ROOT / ".pre-commit-config.yaml"
PROGRAMS = ".nox/dev/bin/"
"""Where the programs of the hooks are in a checkout."""
CONCERNS = {
    "ruff-check": ["noxfile.py"],
    "ruff-format": ["noxfile.py"],
    "vocabulary": ["openapi/openapi.yaml", "openapi/extensions.schema.yaml"],
    "compatibility": ["openapi/openapi.yaml", "openapi/releases/1.0.0/openapi.yaml"],
    "drift": [
        "openapi/openapi.yaml",
        "openapi/octopusx_video_openapi/compiled.json",
        "openapi/octopusx_video_openapi/rule_ids.py",
        "generated/octopusx_video_client/client.py",
        "sdk/octopusx_video/_async_client.py",
        "sdk/octopusx_video/_client.py",
    ],
}
"""For each hook: files after whose change it runs."""


def _hooks() -> dict[str, dict[str, Any]]:
    (local,) = yaml.safe_load(CONFIGURATION.read_text("utf-8"))["repos"]
    return {hook["id"]: hook for hook in local["hooks"]}


def _program(name: str) -> str:
    return str(Path(sys.executable).with_name(name))


def test_the_configuration_is_valid() -> None:
    """Pre-commit accepts it."""
    command = [_program("pre-commit"), "validate-config", str(CONFIGURATION)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_each_hook_concerns_what_it_is_for() -> None:
    """A hook runs after a change of each of its files, and those of the contract not after one of a page."""
    hooks = _hooks()
    assert hooks.keys() == CONCERNS.keys()
    for name, files in CONCERNS.items():
        pattern = hooks[name].get("files", r"\.py$")  # the type `python`
        for file in files:
            assert (ROOT / file).is_file(), file
            assert re.search(pattern, file), (name, file)
        assert not re.search(pattern, "README.md"), name


@pytest.mark.slow
@pytest.mark.parametrize("name", CONCERNS)
def test_the_command_of_a_hook_runs(name: str) -> None:
    """With a program of the environment, and without a finding in this checkout."""
    hook = _hooks()[name]
    program, *arguments = shlex.split(hook["entry"])
    assert program.startswith(PROGRAMS)
    files = CONCERNS[name] if hook.get("pass_filenames", True) else []
    command = [_program(program.removeprefix(PROGRAMS)), *arguments, *files]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
