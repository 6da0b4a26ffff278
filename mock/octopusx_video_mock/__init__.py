"""Servers that stand in for the OctopusX API, built from the contract.

``PrismMock`` runs stock Prism: it answers each request by itself, from the contract's examples.
"""

from octopusx_video_mock._errors import MockError
from octopusx_video_mock._prism import PrismMock

__all__ = ["MockError", "PrismMock"]
