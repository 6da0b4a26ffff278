"""Layer: the contract itself. Each of its examples is what its schema and its rules say."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from octopusx_video_contract import _judge
from octopusx_video_contract._exchange import Answer, Request
from octopusx_video_contract._run import current

RUN = current()
CONTRACT = RUN.contract


def _parameters_and_headers() -> Iterator[Any]:
    for operation in CONTRACT.operations.values():
        for parameter in operation.definition.get("parameters", ()):
            parameter = CONTRACT.resolve(parameter)
            place = f"{operation.id} {parameter['in']} {parameter['name']}"
            if "example" in parameter:
                yield pytest.param(parameter["schema"], parameter["example"], id=place)
    for name, header in CONTRACT.document["components"].get("headers", {}).items():
        if "example" in header:
            yield pytest.param(header["schema"], header["example"], id=f"header {name}")


def _bodies() -> Iterator[Any]:
    for operation in CONTRACT.operations.values():
        for media_type, content in operation.definition.get("requestBody", {}).get("content", {}).items():
            for name, example in CONTRACT.examples(content):
                yield pytest.param(content["schema"], example, id=f"{operation.id} request {media_type} {name}")
        for status, response in CONTRACT.responses(operation):
            for media_type, content in response.get("content", {}).items():
                for name, example in CONTRACT.examples(content):
                    yield pytest.param(content["schema"], example, id=f"{operation.id} {status} {media_type} {name}")


def _answers() -> Iterator[Any]:
    for operation in CONTRACT.operations.values():
        for status, response in CONTRACT.responses(operation):
            for media_type, content in response.get("content", {}).items():
                for name, example in CONTRACT.examples(content):
                    yield pytest.param(
                        operation, int(status), media_type, example, id=f"{operation.id} {status} {name}"
                    )


@pytest.mark.parametrize(("schema", "example"), [*_parameters_and_headers(), *_bodies()])
def test_example_matches_its_schema(schema: dict[str, Any], example: Any) -> None:
    """Every example of the contract, of a request too and not only the first, matches its schema."""
    errors = list(_judge.mismatches(CONTRACT, schema, example))
    assert not errors, "\n".join(errors)


@pytest.mark.parametrize(("operation", "status", "media_type", "example"), list(_answers()))
def test_example_keeps_the_rules(operation: Any, status: int, media_type: str, example: Any) -> None:
    """Every example of an answer keeps the numbered rules of an answer, `should` ones too."""
    headers = {"content-type": media_type, "x-oneapi-request-id": "any"}
    answer = Answer(Request(operation.method.upper(), operation.path), status, headers, _judge.encoded(example))
    broken = list(_judge.numbered(RUN, operation, answer))
    assert not broken, "\n".join(f"{rule}: {detail}" for rule, detail in broken)
