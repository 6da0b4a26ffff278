from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest
from octopusx_video_mock import PrismMock
from octopusx_video_openapi import Contract, load

KEY = "sk-tests"

Command = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="session")
def contract() -> Contract:
    """The project's contract."""
    return load()


@pytest.fixture(scope="session")
def prism() -> Iterator[PrismMock]:
    """A Prism mock that accepts the tests' key alone."""
    with PrismMock(token=KEY) as mock:
        yield mock


@pytest.fixture(scope="session")
def run_suite() -> Command:
    """The suite's command in a process of its own, with the tests' key."""

    def run(*arguments: str, key: str | None = KEY) -> subprocess.CompletedProcess[str]:
        environment = {name: value for name, value in os.environ.items() if name != "OCTOPUSX_API_KEY"}
        if key is not None:
            environment["OCTOPUSX_API_KEY"] = key
        return subprocess.run(
            [sys.executable, "-m", "octopusx_video_contract", *arguments],
            env=environment,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=300,
            check=False,
        )

    return run
