"""Runs of the suite's command in a process that is forked from the tests', which has imported everything."""

from __future__ import annotations

import dataclasses
import os
import sys
import tempfile
from collections.abc import Callable

from octopusx_video_contract import cli
from octopusx_video_contract.runner.selection import LAYERS
from octopusx_video_contract.scenarios import shrinking

from tests.conftest import KEY
from tests.support.forking import forked


@dataclasses.dataclass(frozen=True)
class Ran:
    """A run: its exit status, and what it printed."""

    status: int
    stdout: str
    stderr: str


def run(*arguments: str, key: str | None = KEY, first: Callable[[], object] = str) -> Ran:
    """Run the command.

    Args:
        arguments: Those of the command.
        key: The key in the environment; None for none.
        first: Is called before, in the process of the run.
    """
    with tempfile.TemporaryFile("w+") as stdout, tempfile.TemporaryFile("w+") as stderr:

        def command() -> int:
            os.dup2(stdout.fileno(), 1)
            os.dup2(stderr.fileno(), 2)
            sys.stdout = os.fdopen(1, "w", encoding="utf-8", errors="replace", closefd=False)
            sys.stderr = os.fdopen(2, "w", encoding="utf-8", errors="replace", closefd=False)
            os.environ.pop("OCTOPUSX_API_KEY", None)
            os.environ |= {"OCTOPUSX_API_KEY": key} if key else {}
            for layer in LAYERS:  # of an earlier run in this process
                sys.modules.pop(layer, None)
            shrinking.MAX_SECONDS = 0  # a test of what a run prints asks for no small example
            first()
            return cli.main(list(arguments))

        status = forked(command)
        stdout.seek(0)
        stderr.seek(0)
        return Ran(status, stdout.read(), stderr.read())
