"""Validators of the contract's schemas: the one place that makes them, and how JSON compares values."""

from __future__ import annotations

import functools
import json

import jsonschema_rs

from octopusx_video_openapi._source import source_of
from octopusx_video_openapi.document import Json
from octopusx_video_openapi.operation import Operation
from octopusx_video_openapi.schema import Schema

Validator = jsonschema_rs.Draft202012Validator


def validator(schema: Schema, mask: str | None = None) -> Validator:
    """The validator of a schema of a contract, whose references into ``#/components/schemas`` are followed.

    Args:
        schema: The schema.
        mask: What stands in messages for the value; None where the value itself does.

    Raises:
        ValueError: It is not a JSON Schema.
    """
    source = source_of(schema.contract)
    made = source.validators.get((schema.text, mask))
    if made is None:
        components = {"schemas": source.components("schemas")}
        made = _compiled({"allOf": [json.loads(schema.text)], "components": components}, mask)
        source.validators[schema.text, mask] = made
    return made


def keyword(schema: Schema, name: str) -> Validator:
    """The validator of a single keyword of a schema, of those in ``Schema.assertions``."""
    return _compiled({name: schema.limit(name)}, None)


@functools.lru_cache(maxsize=4096)
def standalone(text: str) -> Validator:
    """The validator of a JSON Schema without references, which is given as JSON.

    Raises:
        ValueError: It is not a JSON Schema.
    """
    return _compiled(json.loads(text), None)


@functools.cache
def is_pattern(text: str) -> bool:
    """Whether a text is a regular expression that validators take: without lookaround and back references."""
    try:
        _compiled({"pattern": text}, None)
    except ValueError:
        return False
    return True


@functools.cache
def request(operation: Operation) -> Schema:
    """What an operation takes, as the schema of one value: ``{"path": {…}, "query": {…}, "body": …}``.

    Values of the path and the query are texts. The body is left out where the operation takes none.
    """
    required = ["path", "query"]
    properties: dict[str, Json] = {}
    for place in required:
        held = [parameter for parameter in operation.parameters if parameter.place == place]
        properties[place] = {
            "type": "object",
            "properties": {parameter.name: json.loads(parameter.schema.text) for parameter in held},
            "required": [parameter.name for parameter in held if parameter.required],
            "additionalProperties": False,
        }
    if operation.body is not None and operation.body_schema is not None:
        properties["body"] = json.loads(operation.body_schema.text)
        required += ["body"] if operation.body.required else []
    whole = {"type": "object", "properties": properties, "required": required, "additionalProperties": False}
    return source_of(operation.contract).schema(whole)


def equal(one: Json, other: Json) -> bool:
    """Whether two values are the same in JSON, where true is not 1, and 1 is 1.0."""
    pairs = [(one, other)]  # and no recursion, since a server may nest what it sends as deep as it likes
    for left, right in pairs:
        if isinstance(left, bool) or isinstance(right, bool):
            if left is not right:
                return False
        elif isinstance(left, dict) and isinstance(right, dict):
            if left.keys() != right.keys():
                return False
            pairs += [(value, right[name]) for name, value in left.items()]
        elif isinstance(left, list) and isinstance(right, list):
            if len(left) != len(right):
                return False
            pairs += zip(left, right, strict=True)
        elif left != right:
            return False
    return True


def canonical(value: Json) -> str:
    """A text that is the same for values that are ``equal``, and another for any others."""
    return jsonschema_rs.canonical.json.to_string(value)


def _compiled(schema: Json, mask: str | None) -> Validator:
    # The engine for patterns that can't be made to take long, whatever it is given.
    return Validator(schema, mask=mask, pattern_options=jsonschema_rs.RegexOptions())
