"""Validators of the contract's schemas, and what is wrong with a value in words that do not show it."""

from __future__ import annotations

from typing import Any

import jsonschema_rs
from octopusx_video_openapi import Schema, schemas
from octopusx_video_openapi.document import Pointer
from octopusx_video_openapi.schemas import Validator

from octopusx_video_mock.compiled.problems import Problems

Json = Any

MASK = "the value"
"""Stands in a message for the value that was sent."""
MAX_REASON = 200
_ANYTHING = Validator({})


def validator(schema: Schema, place: Pointer, problems: Problems) -> Validator:
    """The validator of a schema, which shows no value in its messages. One that is no JSON Schema is a problem.

    Args:
        schema: The schema.
        place: Where it is in the contract.
        problems: Gets the problem.
    """
    try:
        return schemas.validator(schema, MASK)
    except ValueError as error:
        within = tuple(getattr(error, "instance_path", ()))
        place = within if within[:1] == ("components",) else (*place, *within[2:])
        problems.add(place, f"its schema is no JSON Schema ({str(error).splitlines()[0]}); correct it")
        return _ANYTHING


def reason(validator: Validator, value: Json) -> str:
    """What is wrong with a value, and "" where nothing is; the value itself is not shown."""
    try:
        validator.validate(value)  # finds the first error alone, where `iter_errors` would find all of a large value
    except jsonschema_rs.ValidationError as error:
        text = error.message
        if error.instance_path:
            text = f"{'.'.join(map(str, error.instance_path))}: {text}"
        return text if len(text) <= MAX_REASON else text[: MAX_REASON - 1] + "…"
    return ""
