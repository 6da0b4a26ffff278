"""Layer: the round trip. What the generated client sends is what was given to it, and what it reads is what was sent.

In memory, with generated values: no server is asked.
"""

from __future__ import annotations

import asyncio
import importlib
import inspect
import json
import re
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import parse_qsl, unquote

import httpx
import pytest
from hypothesis import strategies as st
from octopusx_video_client import AuthenticatedClient, models
from octopusx_video_client.types import Response, Unset
from octopusx_video_openapi import Operation, Schema, operations, text

from octopusx_video_contract.cases import generated_values
from octopusx_video_contract.cases.generated_values import GeneratedRequest
from octopusx_video_contract.checks import single_response
from octopusx_video_contract.core.run import current
from octopusx_video_contract.scenarios.client_calls import UNREADABLE
from octopusx_video_contract.scenarios.shrinking import limit_shrinking

limit_shrinking()

RUN = current()
CONTRACT = RUN.contract
OBJECTS = [name for name, schema in CONTRACT.schemas.items() if schema.types == ("object",)]
FLAVOURS = ("sync", "asyncio")

Handler = Callable[[httpx.Request], httpx.Response]


@pytest.mark.parametrize("name", OBJECTS)
def test_model(name: str) -> None:
    """A model gives back what it was made of, and holds each field under the field's name."""
    schema = CONTRACT.schemas[name]
    fields = schema.properties

    def check(some: dict[str, Any], every: dict[str, Any]) -> None:
        _check_model(name, fields, some)
        _check_model(name, fields, every)

    # Left to chance, a field of a large schema is seldom there.
    _for_all(
        check, generated_values.of_schema(schema), generated_values.of_schema(schema, fields), place=name, share=20
    )


def _check_model(name: str, fields: Iterable[str], value: dict[str, Any]) -> None:
    """Compare a model with the value that it is made of.

    Raises:
        AssertionError: It loses or changes something of the value, or can't be made of it.
    """
    before = _json(value)
    try:
        model = _model(name).from_dict(value)
    except UNREADABLE as error:
        raise AssertionError(f"{name}: it can't be made of {before} ({error!r})") from error
    after = _json(model.to_dict())
    assert after == before, f"{name}: it was made of {before}, and gives back {after}"
    for field in fields:
        attribute = getattr(model, _python(field, dir(model)))
        if field not in value:
            assert isinstance(attribute, Unset), f"{name}.{field}: it is {attribute!r}, and was not in {before}"
        else:
            attribute = attribute.to_dict() if hasattr(attribute, "to_dict") else attribute
            assert _json(attribute) == _json(value[field]), (
                f"{name}.{field}: it is {attribute!r}, and was made of {before}"
            )


@pytest.mark.parametrize("operation", CONTRACT.operations.values(), ids=lambda operation: operation.id)
def test_operation(operation: Operation) -> None:
    """What was given is sent, no more and no less; each documented response is handed back, as its status's model."""
    medias = {
        (int(status), media.type): media.schema
        for status, described in operation.responses.items()
        for media in described.media.values()
        if media.schema is not None
    }

    def check(request: GeneratedRequest, responses: dict[tuple[int, str], Any]) -> None:
        for status, media_type in medias:  # in the contract's order: Hypothesis gives each dictionary one of its own
            for flavour in FLAVOURS:
                _check_exchange(operation, request, status, media_type, responses[status, media_type], flavour)

    responses = {
        # One value for all responses of a schema: most of an operation's statuses have the same.
        place: st.shared(_responses(place[1], schema), key=_json([place[1], schema.text]))
        for place, schema in medias.items()
    }
    requests = generated_values.of_requests(operation)
    _for_all(check, requests, st.fixed_dictionaries(responses), place=operation.id, share=10)


def _responses(media_type: str, schema: Schema) -> st.SearchStrategy[Any]:
    return generated_values.of_schema(schema) if "json" in media_type else st.binary()


def _check_exchange(
    operation: Operation,
    request: GeneratedRequest,
    status: int,
    media_type: str,
    response: Any,
    flavour: str,
) -> None:
    """Check one call of the client by the contract: what it sent, and what it made of this response.

    Raises:
        AssertionError: Either is not what was given.
    """
    place = f"{operation.id} {status} ({flavour})"
    content = response if isinstance(response, bytes) else json.dumps(response).encode()
    sent: list[httpx.Request] = []

    def handle(outgoing: httpx.Request) -> httpx.Response:
        sent.append(outgoing)
        return httpx.Response(status, content=content, headers={"Content-Type": media_type})

    try:
        got = _call(operation, request, flavour, handle)
    except UNREADABLE as error:
        raise AssertionError(f"{place}: {request} was sent and {response!r} received; {error!r}") from error
    assert len(sent) == 1, f"{place}: {len(sent)} requests were sent"
    _check_sent(place, operation, request, sent[0])
    assert (got.status_code, got.content) == (status, content), f"{place}: got {got.status_code} {got.content!r}"
    parsed: Any = got.parsed
    if isinstance(response, bytes):
        assert parsed.payload.read() == response, f"{place}: {response!r} was the response, and was read as other bytes"
        return
    schema = operation.responses[str(status)].media[media_type].schema
    assert {type(parsed).__name__} == _models_of(schema, response), f"{place}: {response!r} was read as {parsed!r}"
    after = _json(parsed.to_dict())
    assert after == _json(response), f"{place}: {response!r} was the response, and was read as {after}"


def _check_sent(place: str, operation: Operation, request: GeneratedRequest, sent: httpx.Request) -> None:
    """Compare what was sent with what the contract says of this request.

    Raises:
        AssertionError: A part of it differs.
    """
    path, _, query = sent.url.raw_path.decode().partition("?")
    template = httpx.URL(RUN.settings.base_url).path.rstrip("/") + operation.path
    wanted = [operations.filled(step, lambda name: request.path[name]) for step in template.split("/")]
    given = {
        "method": (sent.method, operation.method.upper()),
        "path": ([unquote(step) for step in path.split("/")], wanted),
        "query": (sorted(parse_qsl(query, keep_blank_values=True)), sorted(request.query.items())),
        "media type": (sent.headers.get("content-type"), request.media_type),
        "body": (_json(json.loads(sent.content)) if sent.content else None, _body(request)),
    }
    for parameter in operation.parameters:
        if parameter.place == "header":
            name = parameter.name
            given[name] = sent.headers.get(name), request.headers.get(name)
    for part, (is_, should_be) in given.items():
        assert is_ == should_be, f"{place}: {part} of what was sent is {is_!r}, but {should_be!r} was given"
    scheme, _, key = sent.headers.get("authorization", "").partition(" ")
    assert (scheme.lower(), key) == (_scheme(operation), RUN.settings.key), (
        f"{place}: Authorization does not carry the key"
    )


def _scheme(operation: Operation) -> str:
    [[name]] = operation.schemes
    return CONTRACT.security_schemes[name][1]


def _models_of(schema: Schema | None, value: Any) -> set[str]:
    """Which schema's model a response is to be read as: the one, or the branch that it matches."""
    branches = (schema.branches("oneOf") or (schema,)) if schema else ()
    return {branch.reference for branch in branches if not list(single_response.mismatches(branch, value))}


def _call(operation: Operation, request: GeneratedRequest, flavour: str, handle: Handler) -> Response[Any]:
    """Send the request through the generated client, and give what it makes of the handler's response."""
    tag = operation.tags[0]
    module: Any = importlib.import_module(f"octopusx_video_client.api.{tag}.{text.snake(operation.id)}")
    keywords = inspect.signature(module.sync_detailed).parameters
    given = {**request.path, **request.query, **request.headers}
    arguments: dict[str, Any] = {_python(name, keywords): value for name, value in given.items()}
    if operation.body_schema is not None:
        arguments["body"] = _model(operation.body_schema.reference).from_dict(request.body)
    arguments["client"] = AuthenticatedClient(
        base_url=RUN.settings.base_url,
        token=RUN.settings.key,
        raise_on_unexpected_status=True,
        httpx_args={"transport": httpx.MockTransport(handle), "trust_env": False},
    )
    if flavour == "sync":
        with arguments["client"]:
            sync: Response[Any] = module.sync_detailed(**arguments)
            return sync

    async def call() -> Response[Any]:
        async with arguments["client"]:
            detailed: Response[Any] = await module.asyncio_detailed(**arguments)
            return detailed

    return asyncio.run(call())


def _python(name: str, known: Any) -> str:
    """What the generator makes of a name: lower case, and an underscore at the end where Python has it already."""
    plain = re.sub(r"\W", "_", text.snake(name))
    return plain if plain in known else f"{plain}_"


def _model(name: str) -> Any:
    assert hasattr(models, name), f"{name}: the generated client has no model of it"
    return getattr(models, name)


def _json(value: Any) -> str:
    # As text, since Python takes true and 1 for equal.
    return json.dumps(value, sort_keys=True)


def _body(request: GeneratedRequest) -> str | None:
    return None if request.media_type is None else _json(request.body)


def _for_all(check: generated_values.Check, *strategies: Any, place: str, share: int) -> None:
    # A seed for each place, or all would get the same few values.
    examples = -(-RUN.settings.max_examples // share)
    generated_values.for_all(check, *strategies, seed=f"{RUN.settings.seed} {place}", examples=examples)
