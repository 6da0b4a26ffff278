"""The names of the generated client: what of a contract the generator reads for them, and what it does not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from octopusx_video_compat.client_names import code, names
from octopusx_video_openapi import Contract, ContractError

FIELDS = ("description", "headers", "examples", "properties", "x-mood", "default")
"""Names of fields that are keys of OpenAPI as well, or begin as an extension does."""


def _contract(**keys: Any) -> Contract:
    """A contract with one schema, which has these keys beside its fields."""
    cat = {"type": "object", "properties": {name: {"type": "string"} for name in FIELDS}, **keys}
    content = {"application/json": {"schema": {"$ref": "#/components/schemas/Cat"}}}
    get = {"operationId": "getCat", "responses": {"200": {"description": "A cat.", "content": content}}}
    document = {"openapi": "3.1.0", "info": {"title": "Cats", "version": "1.0.0"}, "paths": {"/cats": {"get": get}}}
    return Contract({**document, "components": {"schemas": {"Cat": cat}}}, Path("cats.yaml"))


def test_a_field_may_be_called_as_a_key_of_openapi_is() -> None:
    """What the generator need not read is left out of what it is given, and a field is none of that."""
    wanted = ["default", "description", "examples", "headers", "properties", "x_mood"]
    assert sorted(names(_contract()).models["Cat"].attributes) == wanted


@pytest.mark.parametrize(
    "keys",
    [
        {"description": "A cat."},
        {"x-grade": {"chosen": "Made up for this test."}},
        {"examples": [{"x-mood": "good"}]},
        {"x-mood": {"enum": ["good"]}},
    ],
    ids=lambda keys: next(iter(keys)),
)
def test_what_makes_no_code_changes_no_code(keys: dict[str, Any]) -> None:
    """A text, an example and a key that is not OpenAPI's."""
    assert code(_contract(**keys)) == code(_contract())


@pytest.mark.parametrize(
    "keys",
    [{"required": ["x-mood"]}, {"additionalProperties": False}, {"properties": {"x-mood": {"enum": ["a", "b"]}}}],
    ids=lambda keys: next(iter(keys)),
)
def test_what_makes_code_changes_it(keys: dict[str, Any]) -> None:
    """Which fields are there and required, and whether there may be others."""
    assert code(_contract(**keys)) != code(_contract())


def test_a_contract_that_the_generator_can_not_read_is_named() -> None:
    """With what the generator said of it."""
    with pytest.raises(ContractError, match=r"(?s)^cats\.yaml: openapi-python-client can't read it: .*required"):
        names(_contract(required="x-mood"))
