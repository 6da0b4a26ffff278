"""The document of a contract as it is read without the model: what tests compare the model and the suite with."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from octopusx_video_openapi import Contract, Operation


def schema(contract: Contract, node: Any) -> dict[str, Any]:
    """A schema of the document as one of its own: its references into ``#/components`` find what they name."""
    return {"allOf": [node], "components": contract.document["components"]}


def responses(contract: Contract, operation: Operation) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each documented status of an operation with its response, references followed."""
    for status, response in operation.definition["responses"].items():
        yield str(status), contract.resolve(response)


def examples(contract: Contract, media: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """Name and value of each example of a media type object."""
    for name, example in media.get("examples", {}).items():
        yield name, contract.resolve(example)["value"]
