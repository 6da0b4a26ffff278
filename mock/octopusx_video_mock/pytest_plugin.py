"""Fixtures for the tests of anything that talks to the API. pytest loads them by itself when this is installed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from octopusx_video_mock import Mock, PrismMock


@pytest.fixture
def octopusx_mock() -> Mock:
    """A mock of the API in this process, new for each test: see ``transport``, ``clock``, ``faults`` and ``billed``."""
    from octopusx_video_mock import Mock  # noqa: PLC0415 - a test run that never asks for it pays nothing

    return Mock()


@pytest.fixture(scope="session")
def prism_mock() -> Iterator[PrismMock]:
    """A Prism mock of the contract on a free port, one for the whole test session; see its ``base_url``."""
    from octopusx_video_mock import PrismMock  # noqa: PLC0415 - a test run that never asks for it pays nothing

    with PrismMock() as mock:
        yield mock
