"""Servers that stand in for the OctopusX API, built from the contract.

``Mock`` lives through time: tasks run, finish, fail and cost, in the process of a test or as a server. ``PrismMock``
runs stock Prism: it answers each request by itself, from the contract's examples.
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

# Looked up when they are asked for: who serves with the one engine pays nothing for the other.
_PLACES = {"Call": "engine.ledger", "Mock": "mock", "PrismMock": "prism.process", "Submission": "engine.ledger"}


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_PLACES[name]}"), name)
