"""The parts of an operation as typed, read-only objects: parameters, headers, bodies, responses and links."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

from octopusx_video_openapi.document import Json, Pointer
from octopusx_video_openapi.grades import Grade, grade_of
from octopusx_video_openapi.part import Part
from octopusx_video_openapi.schema import Schema

if TYPE_CHECKING:
    from octopusx_video_openapi._source import Source

Billed = Literal["never", "possible", "yes"]
Place = tuple[str, ...]
"""Where a value stands in a JSON value: the names of the properties that lead to it."""


class Parameter(Part):
    """A parameter of an operation.

    Attributes:
        name: Its name.
        place: ``path``, ``query`` or ``header``.
        required: Whether each request must have it.
        schema: The schema of its value.
        examples: Its example; empty where there is none.
        grade: How it is known.
    """

    name: str
    place: str
    required: bool
    schema: Schema
    examples: tuple[Any, ...]
    grade: Grade | None


class Header(Part):
    """A header of a response.

    Attributes:
        name: Its name, as the contract writes it.
        component: The name of the component that it is; its own name where it is none.
        required: Whether each such response must have it.
        schema: The schema of its value.
        value_of: What the value is, ``x-value-of``; "" where nothing is said.
        examples: Its example; empty where there is none.
        grade: How it is known.
    """

    name: str
    component: str
    required: bool
    schema: Schema
    value_of: str
    examples: tuple[Any, ...]
    grade: Grade | None


class Media(Part):
    """A body of one media type.

    Attributes:
        type: The media type in lower case, without parameters.
        schema: The schema of the body; None where nothing is said of it.
        examples: The examples' values, by name.
    """

    type: str
    schema: Schema | None
    examples: Mapping[str, Any]


class Body(Part):
    """The body of a request.

    Attributes:
        required: Whether each request must have one.
        media: What it may be, by media type.
    """

    required: bool
    media: Mapping[str, Media]


class Link(Part):
    """A link of a response to another operation.

    Attributes:
        name: Its name.
        operation: The id of the operation that it leads to.
        parameters: For each parameter of that operation, the expression of its value.
    """

    name: str
    operation: str
    parameters: Mapping[str, str]


class Response(Part):
    """A documented response.

    Attributes:
        status: The HTTP status, as the contract writes it.
        billed: Whether the request that gets it may have been billed, ``x-billed``.
        causes: For each cause of ``x-when``, the name of the example that is sent.
        headers: Its headers, by name.
        media: Its bodies, by media type.
        links: Its links.
        grade: How it is known.
        place: Where it is defined, in its operation or as a component.
    """

    status: str
    billed: Billed
    causes: Mapping[str, str]
    headers: Mapping[str, Header]
    media: Mapping[str, Media]
    links: tuple[Link, ...]
    grade: Grade | None
    place: Pointer

    @property
    def is_success(self) -> bool:
        """Whether its status is a 2xx."""
        return self.status.startswith("2")

    @property
    def schema(self) -> Schema | None:
        """The schema of its JSON body; None where it has none."""
        return json_schema(self.media)

    @property
    def examples(self) -> tuple[str, ...]:
        """The names of the examples of its bodies."""
        return tuple(name for media in self.media.values() for name in media.examples)


class CodeSample(Part):
    """A request as the documentation of the API shows it, ``x-codeSamples``."""

    language: str
    source: str


def is_json(media_type: str) -> bool:
    """Whether a media type is JSON, whatever its parameters."""
    media_type = media_type.partition(";")[0].strip().lower()
    return media_type == "application/json" or media_type.endswith("+json")


def json_schema(media: Mapping[str, Media]) -> Schema | None:
    """The schema of the JSON among the bodies of a request or a response; None where there is none."""
    return next((one.schema for one in media.values() if is_json(one.type)), None)


def at(value: Any, place: Place) -> Any:
    """What stands at a place of a JSON value; None where there is nothing."""
    for step in place:
        value = value.get(step) if isinstance(value, dict) else None
    return value


def parameter_of(source: Source, node: dict[str, Json]) -> Parameter:
    """The parameter of a part of the document."""
    node = source.resolve(node)
    return Parameter(
        name=node["name"],
        place=node["in"],
        required=bool(node.get("required")),
        schema=source.schema(node["schema"]),
        examples=_example(node),
        grade=grade_of(node),
    )


def response_of(source: Source, status: str, node: dict[str, Json], place: Pointer) -> Response:
    """The response of a part of the document."""
    node = source.resolve(node)
    links = {name: source.resolve(link) for name, link in node.get("links", {}).items()}
    return Response(
        status=status,
        billed=node.get("x-billed", "possible"),
        causes=plain(node.get("x-when")),
        headers={name: header_of(source, name, header) for name, header in node.get("headers", {}).items()},
        media=media_of(source, node),
        links=tuple(
            Link(name=name, operation=link.get("operationId", ""), parameters=plain(link.get("parameters")))
            for name, link in links.items()
        ),
        grade=grade_of(node),
        place=place,
    )


def header_of(source: Source, name: str, node: dict[str, Json]) -> Header:
    """The header of a part of the document."""
    component = str(node.get("$ref", name)).rpartition("/")[2]
    node = source.resolve(node)
    return Header(
        name=name,
        component=component,
        required=bool(node.get("required")),
        schema=source.schema(node.get("schema", {})),
        value_of=node.get("x-value-of", ""),
        examples=_example(node),
        grade=grade_of(node),
    )


def media_of(source: Source, node: dict[str, Json]) -> Mapping[str, Media]:
    """The bodies of a part of the document, by media type."""
    found = {}
    for kind, media in node.get("content", {}).items():
        schema = source.schema(media["schema"]) if "schema" in media else None
        examples = {name: source.resolve(example)["value"] for name, example in media.get("examples", {}).items()}
        if not examples and "example" in media:
            examples = {"example": media["example"]}
        name = kind.partition(";")[0].strip().lower()  # a request may have other parameters, or none
        found[name] = Media(type=name, schema=schema, examples=examples)
    return found


def _example(node: dict[str, Json]) -> tuple[Any, ...]:
    return (node["example"],) if "example" in node else ()


def plain(node: Json) -> dict[str, Any]:
    """A copy of an object of names and plain values; an empty one where the vocabulary will refuse something else."""
    return dict(node) if isinstance(node, dict) else {}
