"""Generated values of the contract, made by schemathesis: what a schema allows, and valid requests of an operation."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

import hypothesis
import schemathesis
from hypothesis.strategies import SearchStrategy
from octopusx_video_openapi import Contract, Operation, Schema

Check = Callable[..., None]
"""A function of one generated value for each strategy; it raises AssertionError, and names the value, over a fault."""


@dataclass(frozen=True)
class GeneratedRequest:
    """A valid request by its parts. ``path`` is not encoded; without a body ``media_type`` and ``body`` are None."""

    path: dict[str, str]
    query: dict[str, Any]
    headers: dict[str, str]
    media_type: str | None
    body: Any


def of_schema(schema: Schema, required: Iterable[str] = ()) -> SearchStrategy[Any]:
    """JSON values of a schema of a contract; ``required`` are properties that an object has to have beside others."""
    return _of_text(schema.contract, schema.text, tuple(required))


@functools.cache  # building what generates costs as much as some values
def _of_text(contract: Contract, text: str, required: tuple[str, ...]) -> SearchStrategy[Any]:
    # Schemathesis makes values of requests only, so the schema stands in one.
    schema = {"allOf": [json.loads(text), {"required": list(required)}]} if required else json.loads(text)
    submit = {
        "requestBody": {"required": True, "content": {"application/json": {"schema": schema}}},
        "responses": {"200": {"description": ""}},
    }
    document = {**json.loads(contract.text()), "paths": {"/": {"post": submit}}}
    return _loaded(document)["/"]["POST"].as_strategy().map(lambda case: case.body)


@functools.cache
def of_requests(operation: Operation) -> SearchStrategy[GeneratedRequest]:
    """Valid requests of an operation, its documented ones among them; nothing that the contract does not name."""
    whole = _whole(operation.contract)
    strategy: SearchStrategy[Any] = whole[operation.path][operation.method.upper()].as_strategy()
    return strategy.map(_request)


def for_all(check: Check, *strategies: SearchStrategy[Any], seed: str, examples: int) -> None:
    """Call ``check`` with ``examples`` values of each strategy; the same ``seed`` gives the same values.

    Raises:
        AssertionError: The check's own, for the smallest values that were found to fail.
    """
    settings = hypothesis.settings(
        database=None,
        deadline=None,
        max_examples=examples,
        phases=[hypothesis.Phase.generate, hypothesis.Phase.shrink],
        report_multiple_bugs=False,
        suppress_health_check=list(hypothesis.HealthCheck),
        # Under schemathesis its note of the failing values is blank; the check names them itself.
        verbosity=hypothesis.Verbosity.quiet,
    )
    hypothesis.seed(seed)(settings(hypothesis.given(*strategies)(check)))()


@functools.cache
def _whole(contract: Contract) -> schemathesis.BaseSchema:
    return _loaded(json.loads(contract.text()))


def _loaded(document: dict[str, Any]) -> schemathesis.BaseSchema:
    generation = {
        "mode": "positive",
        "database": "none",
        "allow-extra-parameters": False,
        # The credential is the client's to send.
        "with-security-parameters": False,
    }
    return schemathesis.openapi.from_dict(document, config=schemathesis.Config.from_dict({"generation": generation}))


def _request(case: schemathesis.Case[Any]) -> GeneratedRequest:
    return GeneratedRequest(
        path={name: unquote(str(value)) for name, value in case.path_parameters.items()},
        query=dict(case.query),
        headers={name: str(value) for name, value in case.headers.items()},
        media_type=case.media_type,
        body=None if case.media_type is None else case.body,
    )
