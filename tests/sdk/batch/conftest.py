from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.batch_trial import Trial


@pytest.fixture
def trial(tmp_path: Path) -> Trial:
    """A mock, and the folder of one batch."""
    return Trial(tmp_path)
