"""An answer as an example of the contract shows it, with the places of what changes from answer to answer."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import orjson
from octopusx_video_openapi import Contract, ContractError

from octopusx_video_mock import _schema
from octopusx_video_mock._schema import Judge

Json = Any

ABSENT: Final = object()
"""A value that an answer leaves out, with the name of its field."""
KEPT: Final = object()
"""A value that is not there yet: the example's own (zero, empty or null) says so."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a value of ``x-value-of`` stands in a body, and whether it is written as text there."""

    path: tuple[str | int, ...]
    name: str
    text: bool


class Template:
    """An answer as an example of the contract shows it, with the places of what changes from answer to answer.

    Args:
        status: The HTTP status.
        example: The example's name.
        media_type: Of the body, "" where there is none.
        value: The example.
        places: What changes in it.
        headers: Those that the contract requires, with their examples.
    """

    def __init__(
        self,
        status: int,
        example: str,
        media_type: str,
        value: Json,
        places: tuple[Place, ...],
        headers: dict[str, str],
    ) -> None:
        self.status = status
        self.example = example
        self.value = value
        self.places = places
        self.media_type = media_type
        self.raw = _raw(media_type, value)
        self.head = [(b"content-type", media_type.encode())] if media_type else []
        self.head += [(name.lower().encode(), text.encode("latin-1")) for name, text in headers.items()]
        self._shallow = [(place.path[0], place.name, place.text) for place in places if len(place.path) == 1]
        self._deep = [place for place in places if len(place.path) > 1]

    def shows(self, name: str) -> Json:
        """What stands in the example where this value of ``x-value-of`` goes; None where it has no place."""
        for place in self.places:
            if place.name == name:
                found = self.value
                for step in place.path:
                    found = found[step]
                return found
        return None

    def has(self, name: str) -> bool:
        """Whether the example has a place for this value of ``x-value-of``."""
        return any(place.name == name for place in self.places)

    def body(self, values: dict[str, Any]) -> bytes:
        """The example with these values in their places; what is not named, or is ``KEPT``, stays as it is."""
        if not self.places or not values:
            return self.raw
        deep = [place for place in self._deep if values.get(place.name, KEPT) is not KEPT]
        document = orjson.loads(self.raw) if deep else self.value.copy()
        for step, name, text in self._shallow:
            value = values.get(name, KEPT)
            if value is ABSENT:
                del document[step]
            elif value is not KEPT:
                document[step] = str(value) if text else value
        for place in deep:
            holder = document
            for step in place.path[:-1]:
                holder = holder[step]
            value = values[place.name]
            if value is ABSENT:
                del holder[place.path[-1]]
            else:
                holder[place.path[-1]] = str(value) if place.text else value
        return orjson.dumps(document)


def _raw(media_type: str, value: Json) -> bytes:
    if not media_type:
        return b""
    return orjson.dumps(value) if _schema.is_json(media_type) else str(value).encode("latin-1", "replace")


def templates(
    contract: Contract, judge: Judge, place: str, status: int, response: dict[str, Json]
) -> Iterator[Template]:
    """Every example of a response.

    Raises:
        ContractError: There is none, or one is not what its schema says.
    """
    headers = dict(_required_headers(contract, place, response))
    if not response.get("content"):
        yield Template(status, "", "", None, (), headers)
    for media_type, content in response.get("content", {}).items():
        here = f"{place}.content.{media_type}"
        examples = list(contract.examples(content))
        if not examples and "example" in content:
            examples = [("example", content["example"])]
        if not examples:
            raise ContractError(f"{here}: no example; give one, it is what is served")
        for name, example in examples:
            places: tuple[Place, ...] = ()
            if _schema.is_json(media_type):
                schema = content.get("schema", {})
                fault = _schema.fault(judge.validator(schema, here), example)
                if fault:
                    raise ContractError(f"{here}.examples.{name}: {fault}; mend it or its schema")
                places = tuple(_places(contract, judge, schema, example, ()))
            yield Template(status, name, media_type, example, places, headers)


def _required_headers(contract: Contract, place: str, response: dict[str, Json]) -> Iterator[tuple[str, str]]:
    for name, header in response.get("headers", {}).items():
        header = contract.resolve(header)
        if header.get("required") and "x-value-of" not in header:
            if "example" not in header:
                raise ContractError(f"{place}.headers.{name}: it is required and has no example; give one")
            yield name, str(header["example"])


def _places(
    contract: Contract, judge: Judge, schema: Json, example: Json, path: tuple[str | int, ...]
) -> Iterator[Place]:
    """The places in an example whose schema says what their value is, one schema below another."""
    schema, named = _flat(contract, schema)
    if path and named is not None:
        yield Place(path, named, schema.get("type") == "string")
        return
    for part in _branches(judge, schema, example):
        yield from _places(contract, judge, part, example, path)
    if isinstance(example, dict):
        for name, part in schema.get("properties", {}).items():
            if name in example:
                yield from _places(contract, judge, part, example[name], (*path, name))
    elif isinstance(example, list):
        for at, item in enumerate(example):
            yield from _places(contract, judge, schema.get("items"), item, (*path, at))


def _flat(contract: Contract, schema: Json) -> tuple[dict[str, Json], str | None]:
    """The schema with its references followed, and the first ``x-value-of`` on the way."""
    named = None
    while isinstance(schema, dict):
        named = named or schema.get("x-value-of")
        if "$ref" not in schema:
            return schema, named
        schema = contract.resolve({"$ref": schema["$ref"]})
    return {}, named


def _branches(judge: Judge, schema: dict[str, Json], example: Json) -> Iterator[Json]:
    """The schemas below that the example is of as well."""
    yield from schema.get("allOf", ())
    for kind in ("oneOf", "anyOf"):
        for choice in schema.get(kind, ()):
            if judge.validator(choice, kind).is_valid(example):
                yield choice
