"""The document of a contract as it is read without the model: what tests compare the model and the suite with."""

from __future__ import annotations

from typing import Any

from octopusx_video_openapi import Contract


def schema(contract: Contract, node: Any) -> dict[str, Any]:
    """A schema of the document as one of its own: its references into ``#/components`` find what they name."""
    return {"allOf": [node], "components": contract.document["components"]}
