from __future__ import annotations

import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from octopusx_video._drivers import setup
from octopusx_video_mock.mock import START

from tests.support.batches.trial import Trial


@pytest.fixture
def trial(tmp_path: Path) -> Trial:
    """A mock, and the folder of one batch."""
    return Trial(tmp_path)


@pytest.fixture(autouse=True)
def time_of_day(monkeypatch: pytest.MonkeyPatch) -> None:
    """For the client it is when the mock's clock starts, so that no video has expired."""
    monkeypatch.setattr(setup, "time", SimpleNamespace(monotonic=time.monotonic, time=lambda: START))
