from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from octopusx_video._distributed import engine, worker

from tests.campaigns.distributed import scene
from tests.support.batches import distributed_trial as trials
from tests.support.batches import postgres


def pytest_configure() -> None:
    """Refuse to run any test without PostgreSQL, once and with the fix."""
    try:
        postgres.programs()
    except postgres.PostgresMissingError as error:
        raise pytest.UsageError(str(error)) from error


@pytest.fixture(scope="session")
def cluster() -> Iterator[postgres.Cluster]:
    """A server for all tests, each of which has databases of its own. It runs when a test begins."""
    with postgres.cluster() as one:
        yield one


@pytest.fixture(scope="session")
def template(cluster: postgres.Cluster) -> str:
    """A database in which the engine has its tables, which takes it a second."""
    cluster.create("template")
    run = trials.Trial(Path("unused"), cluster.url("template"))
    # In a process of its own, since other tests fork this one, which no thread survives.
    assert scene.forked(lambda: asyncio.run(trials.engine_made(run))) == 0
    return "template"


@pytest.fixture
def db(cluster: postgres.Cluster, template: str) -> Iterator[str]:
    """The URL of a database without a batch; the server runs."""
    cluster.start()
    cluster.create("one", template)
    yield cluster.url("one")
    cluster.thaw()
    cluster.start()
    cluster.drop("one")


@pytest.fixture
def trial(tmp_path: Path, db: str) -> trials.Trial:
    """A database, a mock, and a folder."""
    return trials.Trial(tmp_path, db)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers look around more often, since tests are short."""
    monkeypatch.setattr(worker, "PASS_SECONDS", 0.1)
    monkeypatch.setattr(engine, "POLL_SECONDS", 0.05)
