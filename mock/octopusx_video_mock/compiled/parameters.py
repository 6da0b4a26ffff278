"""The parameters of an operation, and how their text becomes a value."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from octopusx_video_openapi import Operation
from octopusx_video_openapi.document import Pointer
from octopusx_video_openapi.schemas import Validator

from octopusx_video_mock.compiled import validation
from octopusx_video_mock.compiled.problems import Problems

Json = Any


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of a path, a query or a header, and how its text becomes a value of its schema."""

    name: str
    place: str
    required: bool
    read: Callable[[str], Json]
    validator: Validator


def compile_parameters(operation: Operation, place: Pointer, problems: Problems) -> Iterator[Parameter]:
    """The parameters of an operation; one that can't be served is a problem."""
    for parameter in operation.parameters:
        here = (*place, "parameters", parameter.name)
        kind = " or ".join(parameter.schema.types) or "string"
        reader = _READERS.get(kind)
        if parameter.place not in {"path", "query", "header"} or reader is None:
            text = (
                f"a {parameter.place} parameter of type {kind} can't be served; "
                f"use {', '.join(_READERS)} in path, query or header"
            )
            problems.add(here, text)
            continue
        yield Parameter(
            name=parameter.name,
            place=parameter.place,
            required=parameter.required,
            read=reader,
            validator=validation.validator(parameter.schema, (*here, "schema"), problems),
        )


def _number(text: str) -> Json:
    # What is no number stays text, which the schema rejects.
    return float(text) if re.fullmatch(r"-?[0-9]{1,300}(\.[0-9]{1,300})?", text) else text


def _integer(text: str) -> Json:
    return int(text) if re.fullmatch(r"-?[0-9]{1,300}", text) else text


def _boolean(text: str) -> Json:
    return {"true": True, "false": False}.get(text, text)


_READERS: dict[str, Callable[[str], Json]] = {
    "string": lambda text: text,
    "integer": _integer,
    "number": _number,
    "boolean": _boolean,
}
