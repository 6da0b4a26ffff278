from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import httpx
import pytest
from octopusx_video_mock import Mock, PrismMock
from octopusx_video_openapi import Contract, load

from tests.support import recording
from tests.support.audit import Audit

recording.record(pytest.MonkeyPatch())  # before any test module loads a contract

KEY = "sk-tests"

AUTHORIZED = {"Authorization": f"Bearer {KEY}"}

Command = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="session")
def contract() -> Contract:
    """The project's contract."""
    return load()


@pytest.fixture(autouse=True)
def audit(monkeypatch: pytest.MonkeyPatch) -> Iterator[Audit]:
    """Every answer that the lifecycle engine gives in this process, during any test, is held to the contract."""
    kept = Audit()
    kept.watch(monkeypatch)
    yield kept
    assert kept.faults == []


@pytest.fixture
def mock() -> Mock:
    """A mock whose clock stands still."""
    return Mock(token=KEY)


@pytest.fixture
def http(mock: Mock) -> Iterator[httpx.Client]:
    """A client of that mock, with its key."""
    with httpx.Client(transport=mock.transport, base_url="http://mock", headers=AUTHORIZED) as client:
        yield client


@dataclass(frozen=True)
class Upstream:
    """A mock as a server, for the servers with a defect to stand in front of."""

    host: str
    port: int

    @property
    def base_url(self) -> str:
        """Where it listens."""
        return f"http://{self.host}:{self.port}"


@pytest.fixture(scope="session")
def upstream() -> Iterator[Upstream]:
    """A mock that accepts the tests' key alone, one for the whole session."""
    with Mock(token=KEY, start=None).serve() as url:
        parts = httpx.URL(url)
        assert parts.port is not None
        yield Upstream(parts.host, parts.port)


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
