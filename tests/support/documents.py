"""The document of a contract as it is read without the model: what tests compare the model and the suite with."""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator
from typing import Any

from octopusx_video_openapi import Contract, Operation, Schema


@functools.lru_cache(maxsize=8)  # a campaign makes a contract of each mutant
def document(contract: Contract) -> dict[str, Any]:
    """The document of a contract, which is not to be changed."""
    value: dict[str, Any] = json.loads(contract.text())
    return value


def resolve(contract: Contract, node: Any) -> Any:
    """What a node of the document stands for: its ``$ref`` followed until there is none."""
    while isinstance(node, dict) and "$ref" in node:
        steps = node["$ref"].removeprefix("#/").split("/")
        node = functools.reduce(lambda value, step: value[step], steps, document(contract))
    return node


def definition(operation: Operation) -> dict[str, Any]:
    """What the document says of an operation."""
    value: dict[str, Any] = document(operation.contract)["paths"][operation.path][operation.method]
    return value


def parameters(operation: Operation) -> list[dict[str, Any]]:
    """The parameters of an operation, references followed."""
    return [resolve(operation.contract, one) for one in definition(operation).get("parameters", ())]


def body(operation: Operation) -> dict[str, Any]:
    """The media type object of an operation's JSON body."""
    media: dict[str, Any] = definition(operation)["requestBody"]["content"]["application/json"]
    return media


def body_schema(operation: Operation) -> dict[str, Any]:
    """The schema of an operation's JSON body, its reference kept."""
    schema: dict[str, Any] = body(operation)["schema"]
    return schema


def node(schema: Schema) -> Any:
    """A schema of the model as it stands in the document."""
    return json.loads(schema.text)


def schema(contract: Contract, node: Any) -> dict[str, Any]:
    """A schema of the document as one of its own: its references into ``#/components`` find what they name."""
    return {"allOf": [node], "components": document(contract)["components"]}


def responses(contract: Contract, operation: Operation) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each documented status of an operation with its response, references followed."""
    for status, response in definition(operation)["responses"].items():
        yield str(status), resolve(contract, response)


def examples(contract: Contract, media: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """Name and value of each example of a media type object."""
    for name, example in media.get("examples", {}).items():
        yield name, resolve(contract, example)["value"]
