"""The operations of a contract as typed, read-only objects: what each takes and answers, and what it does to tasks.

Each object is made when it is first asked for, and once.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Literal

from octopusx_video_openapi.document import OF_BODY, ContractError, Json, Pointer, home
from octopusx_video_openapi.grades import Grade, grade_of
from octopusx_video_openapi.part import Part
from octopusx_video_openapi.result_length import ResultLength, result_length_of
from octopusx_video_openapi.schema import Schema

if TYPE_CHECKING:
    from octopusx_video_openapi.contract import Contract

Billed = Literal["never", "possible", "yes"]
Place = tuple[str, ...]
"""Where a value stands in a JSON value: the names of the properties that lead to it."""

_JSON = "application/json"


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
        type: The media type.
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
        causes: For each cause of ``x-when``, the name of the example that answers it.
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
        media = self.media.get(_JSON)
        return media.schema if media else None

    @property
    def examples(self) -> tuple[str, ...]:
        """The names of the examples of its bodies."""
        return tuple(name for media in self.media.values() for name in media.examples)


class CodeSample(Part):
    """A request as a page of the API shows it, ``x-codeSamples``."""

    language: str
    source: str


class Operation:
    """One operation.

    Args:
        contract: The contract.
        path: The path template.
        method: In lower case.
        definition: What the document has of it, with the parameters of its path.

    Attributes:
        contract: The contract.
        id: Its ``operationId``.
        path: Its path template.
        method: In lower case.
        line: Where it begins in the contract's file, from 1; None where that is not known.
    """

    def __init__(self, contract: Contract, path: str, method: str, definition: dict[str, Json]) -> None:
        self.contract = contract
        self.id = str(definition["operationId"])
        self.path = path
        self.method = method
        self.line = contract.line("paths", path, method)
        self.definition = definition

    def __repr__(self) -> str:
        """Its id."""
        return f"Operation({self.id})"

    @property
    def tags(self) -> tuple[str, ...]:
        """The families of routes that it is of."""
        return tuple(self.definition.get("tags", ()))

    @property
    def grade(self) -> Grade | None:
        """How it is known."""
        return grade_of(self.definition)

    @functools.cached_property
    def parameters(self) -> tuple[Parameter, ...]:
        """Its parameters, those of its path among them."""
        resolved = [self.contract.resolve(node) for node in self.definition.get("parameters", ())]
        return tuple(
            Parameter(
                name=node["name"],
                place=node["in"],
                required=bool(node.get("required")),
                schema=self.contract.schema_at(node["schema"]),
                examples=_example(node),
                grade=grade_of(node),
            )
            for node in resolved
        )

    @functools.cached_property
    def body(self) -> Body | None:
        """The body of a request; None where it takes none."""
        if "requestBody" not in self.definition:
            return None
        node = self.contract.resolve(self.definition["requestBody"])
        return Body(required=bool(node.get("required")), media=_media(self.contract, node))

    @property
    def body_schema(self) -> Schema | None:
        """The schema of a request's JSON body; None where it takes none."""
        media = self.body.media.get(_JSON) if self.body else None
        return media.schema if media else None

    @property
    def body_examples(self) -> Mapping[str, Any]:
        """The values of the examples of a request's body, by name."""
        media = self.body.media.values() if self.body else ()
        return {name: value for one in media for name, value in one.examples.items()}

    @functools.cached_property
    def responses(self) -> Mapping[str, Response]:
        """Its documented responses, by status."""
        here = ("paths", self.path, self.method, "responses")
        return {
            str(status): _response(self.contract, str(status), node, home(node, (*here, str(status))))
            for status, node in self.definition["responses"].items()
        }

    def response(self, status: int) -> Response | None:
        """The documented response with a status; None where there is none."""
        return self.responses.get(str(status))

    @functools.cached_property
    def success_schema(self) -> Schema | None:
        """The schema of the JSON body of its success; None where that is not JSON."""
        schemas = (response.schema for response in self.responses.values() if response.is_success)
        return next((schema for schema in schemas if schema is not None), None)

    @property
    def is_secured(self) -> bool:
        """Whether it takes no request without a key."""
        return bool(self.schemes) and () not in self.schemes

    @functools.cached_property
    def schemes(self) -> tuple[tuple[str, ...], ...]:
        """The names of the security schemes that a request needs: one of these groups."""
        return tuple(tuple(one) for one in self.contract.security_of(self.definition))

    @property
    def code_samples(self) -> tuple[CodeSample, ...]:
        """The requests that the pages of the API show."""
        samples = self.definition.get("x-codeSamples", ())
        return tuple(CodeSample(language=sample["lang"], source=sample["source"]) for sample in samples)

    @functools.cached_property
    def result_length(self) -> ResultLength:
        """How long its video is.

        Raises:
            ContractError: It does not say.
        """
        node = self.definition.get("x-result-length")
        if node is None:
            text = "x-result-length is missing; say how long the video is"
            raise ContractError.at(self.contract.path, self.line, text, self.id)
        fields = self.body_schema.properties if self.body_schema else {}
        return result_length_of(node, {name: field.default_when_omitted for name, field in fields.items()})

    # ---- What it has to do with tasks

    @functools.cached_property
    def new_task(self) -> Place | None:
        """Where its success has the id of a new task, by the links to the operations that read it; None without one."""
        return next((place for _, _, place in new_tasks(self)), None)

    @property
    def starts_task(self) -> bool:
        """Whether its success is a new task."""
        return self.new_task is not None

    def new_task_id(self, body: Json) -> str | None:
        """The id of the new task in the body of a success; None where there is none."""
        if self.new_task is None:
            return None
        value = at(body, self.new_task)
        return value if isinstance(value, str) else None

    @functools.cached_property
    def task_parameter(self) -> Parameter | None:
        """The parameter with which it is asked for a task; None where no submit has a link to it."""
        return self.contract.task_parameters.get(self.id)

    @property
    def reads_task(self) -> bool:
        """Whether it is asked for a task, by its id: for its state, or for its video."""
        return self.task_parameter is not None

    @functools.cached_property
    def video_type(self) -> str | None:
        """The media type of the video that its success is; None where its success is not a video."""
        kinds = (kind for response in self.responses.values() if response.is_success for kind in response.media)
        return next((kind for kind in kinds if not is_json(kind)), None)

    @property
    def sends_video(self) -> bool:
        """Whether its success is the video itself."""
        return self.video_type is not None


def is_json(media_type: str) -> bool:
    """Whether a media type is JSON, whatever its parameters."""
    media_type = media_type.partition(";")[0].strip().lower()
    return media_type == "application/json" or media_type.endswith("+json")


def at(value: Any, place: Place) -> Any:
    """What stands at a place of a JSON value; None where there is nothing."""
    for step in place:
        value = value.get(step) if isinstance(value, dict) else None
    return value


def new_tasks(operation: Operation) -> Iterator[tuple[str, Link, Place]]:
    """The links of an operation's success that take the id of a new task along, with where the id stands."""
    for status, response in operation.responses.items():
        for link in response.links if response.is_success else ():
            for expression in link.parameters.values():
                if expression.startswith(OF_BODY):
                    steps = expression.removeprefix(OF_BODY).split("/")
                    yield status, link, tuple(step.replace("~1", "/").replace("~0", "~") for step in steps)


def _response(contract: Contract, status: str, node: dict[str, Json], place: Pointer) -> Response:
    node = contract.resolve(node)
    links = {name: contract.resolve(link) for name, link in node.get("links", {}).items()}
    return Response(
        status=status,
        billed=node.get("x-billed", "possible"),
        causes=_members(node.get("x-when")),
        headers={name: header_of(contract, name, header) for name, header in node.get("headers", {}).items()},
        media=_media(contract, node),
        links=tuple(
            Link(name=name, operation=link.get("operationId", ""), parameters=_members(link.get("parameters")))
            for name, link in links.items()
        ),
        grade=grade_of(node),
        place=place,
    )


def header_of(contract: Contract, name: str, node: dict[str, Json]) -> Header:
    """The header of a part of the document."""
    component = str(node.get("$ref", name)).rpartition("/")[2]
    node = contract.resolve(node)
    return Header(
        name=name,
        component=component,
        required=bool(node.get("required")),
        schema=contract.schema_at(node.get("schema", {})),
        value_of=node.get("x-value-of", ""),
        examples=_example(node),
        grade=grade_of(node),
    )


def _media(contract: Contract, node: dict[str, Json]) -> Mapping[str, Media]:
    found = {}
    for kind, media in node.get("content", {}).items():
        schema = contract.schema_at(media["schema"]) if "schema" in media else None
        examples = {name: contract.resolve(example)["value"] for name, example in media.get("examples", {}).items()}
        if not examples and "example" in media:
            examples = {"example": media["example"]}
        found[kind] = Media(type=kind, schema=schema, examples=examples)
    return found


def _example(node: dict[str, Json]) -> tuple[Any, ...]:
    return (node["example"],) if "example" in node else ()


def _members(node: Json) -> dict[str, Any]:
    """A copy of an object of names and plain values; an empty one where the vocabulary will refuse something else."""
    return dict(node) if isinstance(node, dict) else {}
