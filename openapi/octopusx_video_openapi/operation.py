"""An operation of a contract as a typed object: its requests, its responses, and what it does to tasks.

Each part is made when it is first asked for, and once.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from octopusx_video_openapi.document import OF_BODY, ContractError, Json, home, steps
from octopusx_video_openapi.grades import Grade, grade_of
from octopusx_video_openapi.model import (
    Body,
    CodeSample,
    Link,
    Parameter,
    Place,
    Response,
    at,
    is_json,
    json_schema,
    media_of,
    parameter_of,
    response_of,
)
from octopusx_video_openapi.result_length import ResultLength, result_length_of
from octopusx_video_openapi.schema import Schema

if TYPE_CHECKING:
    from octopusx_video_openapi._source import Source
    from octopusx_video_openapi.contract import Contract


class Operation:
    """One operation.

    Args:
        source: The document.
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

    def __init__(self, source: Source, path: str, method: str, definition: dict[str, Json]) -> None:
        self.contract: Contract = source.contract
        self.id = str(definition["operationId"])
        self.path = path
        self.method = method
        self.line = source.line(("paths", path, method))
        self._source = source
        self._definition = definition

    def __repr__(self) -> str:
        """Its id."""
        return f"Operation({self.id})"

    @property
    def tags(self) -> tuple[str, ...]:
        """The families of routes to which it belongs."""
        return tuple(self._definition.get("tags", ()))

    @property
    def summary(self) -> str:
        """What it does, in a line; empty where the contract does not say."""
        return str(self._definition.get("summary", ""))

    @property
    def grade(self) -> Grade | None:
        """How it is known."""
        return grade_of(self._definition)

    @functools.cached_property
    def parameters(self) -> tuple[Parameter, ...]:
        """Its parameters, those of its path among them."""
        return tuple(parameter_of(self._source, node) for node in self._definition.get("parameters", ()))

    @functools.cached_property
    def body(self) -> Body | None:
        """The body of a request; None where it takes none."""
        if "requestBody" not in self._definition:
            return None
        node = self._source.resolve(self._definition["requestBody"])
        return Body(required=bool(node.get("required")), media=media_of(self._source, node))

    @property
    def body_schema(self) -> Schema | None:
        """The schema of a request's JSON body; None where it takes none."""
        return json_schema(self.body.media) if self.body else None

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
            str(status): response_of(self._source, str(status), node, home(node, (*here, str(status))))
            for status, node in self._definition["responses"].items()
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
        shared = self._source.document.get("security")
        return tuple(tuple(one) for one in self._definition.get("security", shared) or ())

    @property
    def code_samples(self) -> tuple[CodeSample, ...]:
        """The requests that the documentation of the API shows."""
        samples = self._definition.get("x-codeSamples", ())
        return tuple(CodeSample(language=sample["lang"], source=sample["source"]) for sample in samples)

    @functools.cached_property
    def result_length(self) -> ResultLength:
        """How long its video is.

        Raises:
            ContractError: It does not say.
        """
        node = self._definition.get("x-result-length")
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


def new_tasks(operation: Operation) -> Iterator[tuple[str, Link, Place]]:
    """The links of an operation's success that take the id of a new task along, with where the id stands."""
    for status, response in operation.responses.items():
        for link in response.links if response.is_success else ():
            for expression in link.parameters.values():
                if expression.startswith(OF_BODY):
                    yield status, link, steps(expression.removeprefix(OF_BODY))
