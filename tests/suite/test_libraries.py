"""Where schemathesis and Hypothesis have no public interface for what the suite needs, a version without it shows."""

from __future__ import annotations

import pytest
import schemathesis
from hypothesis.internal.conjecture import engine
from octopusx_video_contract.core.run import Run
from octopusx_video_contract.core.settings import Settings
from octopusx_video_contract.scenarios import schemathesis_adapter
from octopusx_video_contract.scenarios.shrinking import limit_shrinking
from octopusx_video_contract.sending.senders import InProcess
from octopusx_video_mock import Mock
from octopusx_video_openapi import load

from tests.conftest import KEY


@pytest.mark.slow
def test_a_schemathesis_that_takes_its_transport_from_elsewhere_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its requests would leave without the budget."""
    monkeypatch.delattr(schemathesis.BaseSchema, "transport")
    run = Run.begin(Settings("http://localhost", KEY, load(), (), seed=1), InProcess(Mock().transport))
    with pytest.raises(NotImplementedError, match="takes its transport from elsewhere"):
        schemathesis_adapter.schema(run)


def test_a_hypothesis_without_the_limit_is_warned_of(monkeypatch: pytest.MonkeyPatch) -> None:
    """A finding could take minutes."""
    monkeypatch.delattr(engine, "MAX_SHRINKING_SECONDS")
    with pytest.warns(UserWarning, match="during minutes"):
        limit_shrinking()
