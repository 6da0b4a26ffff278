from __future__ import annotations

import gc
import os
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import httpx
import pytest
from octopusx_video_mock import Mock, PrismMock
from octopusx_video_openapi import Contract, load

from tests.support import recording, signals
from tests.support.audit import Audit

recording.record(pytest.MonkeyPatch())  # before any test module loads a contract
# Tests make many objects that stay, contracts among them, and the collector would look at all of them again and again.
gc.set_threshold(50_000, 20, 100)

KEY = "sk-tests"

AUTHORIZED = {"Authorization": f"Bearer {KEY}"}

Command = Callable[..., subprocess.CompletedProcess[str]]


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """One more than there are cores, since many tests wait for a server, or for a time to pass."""
    return (os.cpu_count() or 1) + 1


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
def signals_as_usual() -> Iterator[None]:
    """No signal is ignored during the test, here and in the commands that it starts, and it leaves no handler."""
    with signals.as_usual():
        yield


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
    """The suite's command with the tests' key, in a process that is forked from this one and has imported all of it."""
    from tests.support import suite_runs  # noqa: PLC0415 - it loads the whole suite, which most tests do without

    def run(*arguments: str, key: str | None = KEY) -> subprocess.CompletedProcess[str]:
        done = suite_runs.run(*arguments, key=key)
        return subprocess.CompletedProcess(arguments, done.status, done.stdout, done.stderr)

    return run
