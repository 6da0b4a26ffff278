"""Where a request names a task: every parameter and body field that the contract types as a TaskId."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from octopusx_video_openapi._contract import Contract, Operation

TASK_ID = "#/components/schemas/TaskId"

Place = tuple[str, ...]
"""Where it stands: ``("path", name)``, ``("query", name)`` or ``("body", name, ...)``."""


def places(contract: Contract, operation: Operation) -> Iterator[Place]:
    """The places of an operation's request that name a task."""
    for parameter in operation.definition.get("parameters", ()):
        parameter = contract.resolve(parameter)
        if parameter["schema"].get("$ref") == TASK_ID:
            yield parameter["in"], parameter["name"]
    for content in operation.definition.get("requestBody", {}).get("content", {}).values():
        for place in _in_schema(contract, content["schema"]):
            yield "body", *place


def values(contract: Contract, operation: Operation, request: dict[str, Any]) -> set[str]:
    """The ids that a request names; ``request`` holds ``path``, ``query`` and ``body``."""
    found = set()
    for place in places(contract, operation):
        value = at(request, place)
        if isinstance(value, str):
            found.add(value)
    return found


def documented(contract: Contract) -> tuple[str, ...]:
    """The ids in the contract's example requests and example answers of reads, which a mock has as finished tasks.

    Those in the answers of submits are left out: there they stand for tasks that are new.
    """
    found: dict[str, None] = {}
    for operation in contract.operations.values():
        found.update(dict.fromkeys(_in_answers(contract, operation)))
        definition = operation.definition
        parameters = [contract.resolve(parameter) for parameter in definition.get("parameters", ())]
        request: dict[str, Any] = {"path": {}, "query": {}, "body": None}
        for parameter in parameters:
            if parameter["in"] in request and "example" in parameter:
                request[parameter["in"]][parameter["name"]] = parameter["example"]
        bodies: list[Any] = [None]
        for content in definition.get("requestBody", {}).get("content", {}).values():
            bodies += [example for _, example in contract.examples(content)]
        for body in bodies:
            found.update(dict.fromkeys(sorted(values(contract, operation, {**request, "body": body}))))
    return tuple(found)


def _in_answers(contract: Contract, operation: Operation) -> Iterator[str]:
    for _, response in contract.responses(operation):
        if "links" in response:
            return
        for content in response.get("content", {}).values():
            places_of_answer = list(_in_schema(contract, content.get("schema", {})))
            for _, example in contract.examples(content):
                for place in places_of_answer:
                    value = at(example, place)
                    if isinstance(value, str):
                        yield value


def at(value: Any, place: Place) -> Any:
    """What stands at a place of a value, step by step; None where there is nothing."""
    for step in place:
        value = value.get(step) if isinstance(value, dict) else None
    return value


def _in_schema(contract: Contract, schema: dict[str, Any]) -> Iterator[Place]:
    if schema.get("$ref") == TASK_ID:
        yield ()
        return
    for name, field in contract.resolve(schema).get("properties", {}).items():
        for place in _in_schema(contract, field):
            yield name, *place
