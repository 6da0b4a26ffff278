"""What the parts of a contract are called, for the references from one part to another. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from octopusx_video_openapi.document import METHODS, OF_BODY, Json, Pointer, follow, home

PHASES = {"runs": "RunningStatus", "succeeds": "SucceededStatus", "fails": "FailedStatus"}
"""For each part of ``x-task-life`` that has a status, the component schema that lists such statuses."""

_DEEPEST = 5
"""How many objects within one another are searched for a field."""


class OperationNames(NamedTuple):
    """What is referred to of one operation.

    Attributes:
        pointer: Where the operation stands.
        value: The operation, its references kept.
        parameters: The names of its parameters.
        responses: By status, references followed.
        body: The schema of its request body; None where it has no body.
        starts_task: Whether its success has a link that takes the id of a new task along.
        names_task: Whether its request names a task: a parameter or a field of its body is a TaskId.
    """

    pointer: Pointer
    value: dict[str, Json]
    parameters: frozenset[str]
    responses: dict[str, dict[str, Json]]
    body: Json
    starts_task: bool
    names_task: bool

    def documents(self, status: int) -> bool:
        """Whether its responses have this HTTP status."""
        return bool({str(status), f"{str(status)[:1]}XX", "default"} & self.responses.keys())


class Names:
    """The names of a document's parts.

    Args:
        root: The document. Every ``$ref`` in it leads somewhere.

    Attributes:
        root: The document.
        operations: By ``operationId``.
        rules: The rules with a number, by it, in the order of the document.
        schemas: The component schemas.
        statuses: Every known status of a task.
        submitted: The fields of the bodies of operations that start a task, each once.
    """

    def __init__(self, root: Json) -> None:
        self.root = root
        self.schemas = members(members(root.get("components")).get("schemas"))
        self.operations = dict(self._found())
        self.rules = {
            str(rule["id"]): rule for rule in items(root.get("x-rules")) if isinstance(rule, dict) and "id" in rule
        }
        self.statuses = [status for name in PHASES.values() for status in self.listed(name)]
        submits = [operation for operation in self.operations.values() if operation.starts_task]
        self.submitted = list(dict.fromkeys(name for one in submits for name in self.fields([one.body])))

    def follow(self, node: Json) -> Json:
        """What a node stands for, its ``$ref`` followed."""
        return follow(self.root, node)

    def listed(self, name: str) -> list[Json]:
        """The values that a component schema lists."""
        return items(members(self.schemas.get(name)).get("enum"))

    def fields(self, schemas: Iterable[Json]) -> dict[str, list[Json]]:
        """The properties of the objects that fit any of these schemas, each with its schemas, references kept."""
        found: dict[str, list[Json]] = {}
        rest, seen = list(schemas), set()
        for schema in rest:
            schema = members(self.follow(schema))
            if id(schema) in seen:
                continue
            seen.add(id(schema))
            for name, field in members(schema.get("properties")).items():
                found.setdefault(name, []).append(field)
            for keyword in ("allOf", "anyOf", "oneOf"):
                rest += items(schema.get(keyword))
        return found

    def is_number(self, schema: Json) -> bool:
        """Whether a schema is that of a number."""
        types = members(self.follow(schema)).get("type")
        return any(one in ("integer", "number") for one in (types if isinstance(types, list) else [types]))

    def places(
        self, schemas: Iterable[Json], wanted: Callable[[dict[str, Json]], bool], above: tuple[str, ...] = ()
    ) -> Iterator[tuple[str, ...]]:
        """Where the objects of some schemas, and the objects within them, have a field of a wanted schema."""
        for name, fields in self.fields(schemas).items() if len(above) < _DEEPEST else ():
            if any(wanted(members(part)) for one in fields for part in (one, self.follow(one))):
                yield (*above, name)
            yield from self.places(fields, wanted, (*above, name))

    def bodies(self, operations: Iterable[str], statuses: Iterable[int] | None = None) -> list[Json]:
        """The schemas of the responses of these operations with one of these statuses; of a success where none is."""
        found = []
        for name in operations:
            operation = self.operations.get(name)
            for status, response in operation.responses.items() if operation else ():
                if status.startswith("2") if statuses is None else status in map(str, statuses):
                    found += [members(media).get("schema") for media in members(response.get("content")).values()]
        return found

    def reached(self, schemas: Iterable[Json]) -> list[dict[str, Json]]:
        """Every schema that is reached from some, through what they hold and through references, each once."""
        found: dict[int, dict[str, Json]] = {}
        rest = list(schemas)
        for schema in rest:
            if isinstance(schema, list):
                rest += schema
            elif isinstance(schema, dict) and id(schema) not in found:
                found[id(schema)] = schema
                # Among the properties of an object, `$ref` is the name of a field.
                rest += [*schema.values(), *([self.follow(schema)] if isinstance(schema.get("$ref"), str) else [])]
        return list(found.values())

    def at(self, pointer: Pointer) -> Json:
        """What stands at a place."""
        node = self.root
        for step in pointer:
            node = node[step]
        return node

    def home(self, pointer: Pointer) -> Pointer:
        """Where what stands at a place is defined: the place itself, or the component that its ``$ref`` names."""
        return home(self.at(pointer), pointer)

    def _found(self) -> Iterator[tuple[str, OperationNames]]:
        for path, item in members(self.root.get("paths")).items():
            shared = items(members(item).get("parameters"))
            for method in METHODS:
                value = members(members(item).get(method))
                if value:
                    operation = self._operation(("paths", path, method), value, shared)
                    yield str(value.get("operationId")), operation

    def _operation(self, pointer: Pointer, value: dict[str, Json], shared: list[Json]) -> OperationNames:
        answers = {one: part for one, part in members(value.get("responses")).items() if not one.startswith("x-")}
        responses = {status: members(self.follow(part)) for status, part in answers.items()}
        content = members(members(self.follow(value.get("requestBody"))).get("content"))
        parameters = [members(self.follow(one)) for one in (*shared, *items(value.get("parameters")))]
        links = [
            members(self.follow(link))
            for status, response in responses.items()
            if status.startswith("2")
            for link in members(response.get("links")).values()
        ]
        body = next((members(media).get("schema") for media in content.values()), None)
        named = any(_is_task_id(members(one.get("schema"))) for one in parameters)
        return OperationNames(
            pointer=pointer,
            value=value,
            parameters=frozenset(str(one.get("name")) for one in parameters),
            responses=responses,
            body=body,
            starts_task=any(
                str(expression).startswith(OF_BODY)
                for link in links
                for expression in members(link.get("parameters")).values()
            ),
            names_task=named or any(self.places([body], _is_task_id)),
        )


def _is_task_id(schema: dict[str, Json]) -> bool:
    return schema.get("$ref") == "#/components/schemas/TaskId"


def members(node: Json) -> dict[str, Json]:
    """The node, where it is an object; an empty object where it is anything else."""
    return node if isinstance(node, dict) else {}


def items(node: Json) -> list[Json]:
    """The node, where it is a list; an empty list where it is anything else."""
    return node if isinstance(node, list) else []
