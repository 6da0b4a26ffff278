"""The contract's JSON Schemas, ready to judge with."""

from __future__ import annotations

from typing import Any

import jsonschema_rs
from octopusx_video_openapi import Contract, ContractError

Json = Any

MASK = "the value"
"""What stands in a reason for what was sent."""
LONGEST_REASON = 200


def validator(contract: Contract, schema: Json, place: str) -> jsonschema_rs.Draft202012Validator:
    """The validator of a schema of this contract, its references into ``#/components`` included.

    Raises:
        ContractError: It is no JSON Schema.
    """
    whole = {"allOf": [schema], "components": contract.document.get("components", {})}
    try:
        # The engine for patterns that can't be made to take long, whatever it is given.
        return jsonschema_rs.Draft202012Validator(whole, mask=MASK, pattern_options=jsonschema_rs.RegexOptions())
    except (ValueError, jsonschema_rs.ValidationError) as error:
        raise ContractError(f"{place}: its schema is no JSON Schema ({str(error).splitlines()[0]})") from None


def fault(judge: jsonschema_rs.Draft202012Validator, value: Json) -> str:
    """What is wrong with a value, for people, and "" where nothing is; the value itself is not shown."""
    error = next(judge.iter_errors(value), None)
    if error is None:
        return ""
    text = error.message
    if error.instance_path:
        text = f"{'.'.join(map(str, error.instance_path))}: {text}"
    return text if len(text) <= LONGEST_REASON else text[: LONGEST_REASON - 1] + "…"


def is_json(media_type: str) -> bool:
    """Whether a media type is JSON, whatever its parameters."""
    media_type = media_type.partition(";")[0].strip().lower()
    return media_type == "application/json" or media_type.endswith("+json")
