"""Layer: the contract itself. Each of its examples is what its schema and its rules say."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from octopusx_video_openapi import Schema

from octopusx_video_contract.checks import single_response
from octopusx_video_contract.core.run import current
from octopusx_video_contract.messages.http import Request, Response

RUN = current()
CONTRACT = RUN.contract


def _parameters_and_headers() -> Iterator[Any]:
    for operation in CONTRACT.operations.values():
        for parameter in operation.parameters:
            for example in parameter.examples:
                yield pytest.param(parameter.schema, example, id=f"{operation.id} {parameter.place} {parameter.name}")
    for name, header in CONTRACT.headers.items():
        for example in header.examples:
            yield pytest.param(header.schema, example, id=f"header {name}")


def _bodies() -> Iterator[Any]:
    for operation in CONTRACT.operations.values():
        bodies = [("request", media) for media in (operation.body.media.values() if operation.body else ())]
        for status, response in operation.responses.items():
            bodies += [(status, media) for media in response.media.values()]
        for what, media in bodies:
            for name, example in media.examples.items():
                yield pytest.param(media.schema, example, id=f"{operation.id} {what} {media.type} {name}")


def _responses() -> Iterator[Any]:
    for operation in CONTRACT.operations.values():
        for status, response in operation.responses.items():
            for media in response.media.values():
                for name, example in media.examples.items():
                    yield pytest.param(
                        operation, int(status), media.type, example, id=f"{operation.id} {status} {name}"
                    )


@pytest.mark.parametrize(("schema", "example"), [*_parameters_and_headers(), *_bodies()])
def test_example_matches_its_schema(schema: Schema, example: Any) -> None:
    """Every example of the contract, of a request too and not only the first, matches its schema."""
    errors = list(single_response.mismatches(schema, example))
    assert not errors, "\n".join(errors)


@pytest.mark.parametrize(("operation", "status", "media_type", "example"), list(_responses()))
def test_example_keeps_the_rules(operation: Any, status: int, media_type: str, example: Any) -> None:
    """Every example of a response keeps the numbered rules of a response, `should` ones too."""
    headers = {"content-type": media_type, CONTRACT.request_id_name: "any"}
    response = Response(
        Request(operation.method.upper(), operation.path), status, headers, single_response.encoded(example)
    )
    faults = [f"{rule}: {fault}" for rule, fault in single_response.numbered(operation, response) if fault]
    assert not faults, "\n".join(faults)
