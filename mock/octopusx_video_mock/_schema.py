"""Validators of the contract's schemas, and what is wrong with a value in words that do not show it."""

from __future__ import annotations

from typing import Any

import jsonschema_rs
from octopusx_video_openapi import ContractError, Schema, schemas
from octopusx_video_openapi.schemas import Validator

Json = Any

MASK = "the value"
"""What stands in a reason for what was sent."""
LONGEST_REASON = 200


def validator(schema: Schema, place: str) -> Validator:
    """The validator of a schema, which shows no value in its messages.

    Args:
        schema: The schema.
        place: Where it stands, for an error.

    Raises:
        ContractError: It is not a JSON Schema.
    """
    try:
        return schemas.validator(schema, MASK)
    except ValueError as error:
        raise ContractError(f"{place}: its schema is no JSON Schema ({str(error).splitlines()[0]})") from None


def fault(validator: Validator, value: Json) -> str:
    """What is wrong with a value, for people, and "" where nothing is; the value itself is not shown."""
    try:
        validator.validate(value)  # finds the first error alone, where `iter_errors` would find all of a large value
    except jsonschema_rs.ValidationError as error:
        text = error.message
        if error.instance_path:
            text = f"{'.'.join(map(str, error.instance_path))}: {text}"
        return text if len(text) <= LONGEST_REASON else text[: LONGEST_REASON - 1] + "…"
    return ""
