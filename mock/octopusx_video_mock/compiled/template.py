"""A response as an example of the contract has it, with the places of what changes from response to response."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import orjson
from octopusx_video_openapi import Response, Schema, schemas, values
from octopusx_video_openapi.model import is_json

from octopusx_video_mock.compiled import validation
from octopusx_video_mock.compiled.problems import Problems

Json = Any

ABSENT: Final = object()
"""A value that a response leaves out, with the name of its field."""
KEPT: Final = object()
"""A value that is not there yet: the example's own (zero, empty or null) says so."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a value of ``x-value-of`` is in a body, and whether it is written as text there."""

    path: tuple[str | int, ...]
    name: str
    text: bool


class Template:
    """A response as an example of the contract has it, with the places of what changes from response to response.

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

    def value_of(self, name: str) -> Json:
        """The example's own value at the place of this value of ``x-value-of``; None where it has no such place."""
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
    return orjson.dumps(value) if is_json(media_type) else str(value).encode("latin-1", "replace")


def compile_templates(response: Response, problems: Problems) -> Iterator[Template]:
    """Every example of a response. A body without one, and one that does not match its schema, are problems."""
    status = int(response.status)
    headers = dict(_required_headers(response, problems))
    if not response.media:
        yield Template(status, "", "", None, (), headers)
    for media in response.media.values():
        here = (*response.place, "content", media.type)
        if not media.examples:
            problems.add(here, "no example; give one, it is what is served")
        for name, example in media.examples.items():
            places: tuple[Place, ...] = ()
            if is_json(media.type) and media.schema is not None:
                validator = validation.validator(media.schema, (*here, "schema"), problems)
                wrong = validation.reason(validator, example)
                if wrong:
                    problems.add((*here, "examples", name), f"{wrong}; correct it or its schema")
                places = tuple(_places(media.schema, example))
            yield Template(status, name, media.type, example, places, headers)


def _required_headers(response: Response, problems: Problems) -> Iterator[tuple[str, str]]:
    for name, header in response.headers.items():
        if header.required and not header.value_of:
            if not header.examples:
                problems.add((*response.place, "headers", name), "it is required and has no example; give one")
            yield from ((name, str(example)) for example in header.examples)


def _places(schema: Schema, example: Json) -> Iterator[Place]:
    """The places in an example whose schema says what their value is."""
    seen = set()
    for place in values.places(schema):
        for path, _ in values.at(example, place.path) if place.value_of else ():
            if path not in seen and all(_fits(example, path[: len(above)], branch) for above, branch in place.branches):
                seen.add(path)
                yield Place(path, place.value_of, place.schema.types == ("string",))


def _fits(example: Json, path: tuple[str | int, ...], schema: Schema) -> bool:
    """Whether the value at a path of an example matches a schema."""
    for step in path:
        example = example[step]
    return schemas.validator(schema, validation.MASK).is_valid(example)
