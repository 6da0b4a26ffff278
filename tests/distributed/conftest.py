from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support import postgres


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
