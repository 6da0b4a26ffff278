"""Mock servers of the OctopusX API, built from the contract.

The tasks of ``Mock`` run, finish and fail as the real ones do, in the process of a test or over HTTP. ``PrismMock``
runs stock Prism, which responds to each request from the contract's examples and remembers nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from octopusx_video_mock.errors import MockError

if TYPE_CHECKING:
    from octopusx_video_mock.engine.ledger import Call, Submission
    from octopusx_video_mock.mock import Mock
    from octopusx_video_mock.prism.process import PrismMock

__all__ = ["Call", "Mock", "MockError", "PrismMock", "Submission"]

# Imported when they are used: one engine needs nothing of the other.
_PLACES = {"Call": "engine.ledger", "Mock": "mock", "PrismMock": "prism.process", "Submission": "engine.ledger"}


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_PLACES[name]}"), name)
