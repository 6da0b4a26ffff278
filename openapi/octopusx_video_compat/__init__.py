"""Whether a contract is compatible with another: who breaks, by which value, and which version the change needs.

A tool for the project's own contract (``nox -s compat``); no other package imports it, and it is in no wheel. Two
schemas are compared by the values that they allow: values of interest are made from both (``candidates``), and the
validators of both are asked. openapi/README.md has the conventions.
"""

from octopusx_video_compat.comparison import compared
from octopusx_video_compat.difference import Difference, Version, needed

__all__ = ["Difference", "Version", "compared", "needed"]
