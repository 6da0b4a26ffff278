"""The contract's JSON Schemas, ready to judge with."""

from __future__ import annotations

from typing import Any

import jsonschema_rs
import orjson
from octopusx_video_openapi import Contract, ContractError

Json = Any

Validator = jsonschema_rs.Draft202012Validator

MASK = "the value"
"""What stands in a reason for what was sent."""
LONGEST_REASON = 200


class Judge:
    """Makes the validators of a contract's schemas, one for each."""

    def __init__(self, contract: Contract) -> None:
        schemas = contract.document.get("components", {}).get("schemas", {})
        # Only schemas, since only they are referred to from schemas.
        self._components = {"schemas": schemas}
        self._made: dict[bytes, Validator] = {}

    def validator(self, schema: Json, place: str) -> Validator:
        """The validator of a schema, its references into ``#/components`` included.

        Raises:
            ContractError: It is no JSON Schema.
        """
        name = orjson.dumps(schema)
        if name not in self._made:
            whole = {"allOf": [schema], "components": self._components}
            # The engine for patterns that can't be made to take long, whatever it is given.
            patterns = jsonschema_rs.RegexOptions()
            try:
                self._made[name] = Validator(whole, mask=MASK, pattern_options=patterns)
            except (ValueError, jsonschema_rs.ValidationError) as error:
                raise ContractError(f"{place}: its schema is no JSON Schema ({str(error).splitlines()[0]})") from None
        return self._made[name]


def fault(judge: Validator, value: Json) -> str:
    """What is wrong with a value, for people, and "" where nothing is; the value itself is not shown."""
    try:
        judge.validate(value)  # finds the first error alone, where `iter_errors` would find all of a large value
    except jsonschema_rs.ValidationError as error:
        text = error.message
        if error.instance_path:
            text = f"{'.'.join(map(str, error.instance_path))}: {text}"
        return text if len(text) <= LONGEST_REASON else text[: LONGEST_REASON - 1] + "…"
    return ""


def is_json(media_type: str) -> bool:
    """Whether a media type is JSON, whatever its parameters."""
    media_type = media_type.partition(";")[0].strip().lower()
    return media_type == "application/json" or media_type.endswith("+json")
