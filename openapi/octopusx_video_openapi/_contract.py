"""The contract as an object, and what is asked of it."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Literal, NamedTuple

from octopusx_video_openapi.document import METHODS, ContractError, Json, Pointer, follow

Phase = Literal["running", "succeeded", "failed"]
About = Literal[
    "every-operation",
    "route",
    "response",
    "rejection",
    "rejection-of-a-valid-request",
    "task-life",
    "content",
    "billing",
]
"""What a rule is a rule of (see openapi/README.md)."""

# The component schemas that list the known values of a status, and what they mean.
_PHASES: dict[str, Phase] = {
    "RunningStatus": "running",
    "SucceededStatus": "succeeded",
    "FailedStatus": "failed",
}


class Operation(NamedTuple):
    """One operation.

    Attributes:
        id: Its ``operationId``.
        path: Its path template.
        method: In lower case.
        definition: What the document has of it, references kept.
        line: Where it begins in the contract's file, from 1; None where that is not known.
    """

    id: str
    path: str
    method: str
    definition: dict[str, Json]
    line: int | None = None


class Grade(NamedTuple):
    """How something is known, ``x-grade``.

    Attributes:
        kind: ``documented``, ``gateway``, ``inferred``, ``probed`` or ``chosen``.
        source: What it rests on.
    """

    kind: str
    source: str


class Duration(NamedTuple):
    """A time that a rule gives.

    Attributes:
        seconds: How long it is.
        grade: How it is known; None where the document does not say.
    """

    seconds: float
    grade: Grade | None


class Rule(NamedTuple):
    """One numbered rule of ``x-rules``, with all of its keys. What the rule does not have is empty or None.

    Attributes:
        id: Its number, such as ``R07``.
        level: ``must`` or ``should``.
        title: What it says, for people.
        about: What it is a rule of.
        operations: The operations that it concerns.
        statuses: The HTTP statuses of the responses that it concerns.
        schema: The JSON Schema that responses of ``operations`` with one of ``statuses`` must match; None where one
            response by itself can't show whether the rule is kept.
        read_by: For each submit, the operations that read the tasks that it starts.
        tolerance: How far what is observed may be from what the rule says.
        within: The time in which something must have happened.
        constant: The fields that never change in a task's life.
        never_falls: The fields whose value never falls in a task's life.
        in_order: The fields with times of which none is before the one ahead of it in this list.
        when: The JSON Schema of the bodies for which ``billed`` counts; None where it counts for all.
        billed: Whether such a request may have been billed.
        grade: How the rule is known; None where the document does not say.
        line: Where it begins in the contract's file, from 1; None where that is not known.
    """

    id: str
    level: Literal["must", "should"]
    title: str
    about: About | Literal[""]
    operations: tuple[str, ...]
    statuses: tuple[int, ...]
    schema: dict[str, Json] | None
    read_by: Mapping[str, tuple[str, ...]] = MappingProxyType({})
    tolerance: Duration | None = None
    within: Duration | None = None
    constant: tuple[str, ...] = ()
    never_falls: tuple[str, ...] = ()
    in_order: tuple[str, ...] = ()
    when: dict[str, Json] | None = None
    billed: Literal["never", "possible"] | None = None
    grade: Grade | None = None
    line: int | None = None


class Contract:
    """The parsed document and the questions that are asked of it.

    Args:
        document: The parsed document.
        path: The file that it was read from, for messages.
        line: Gives the line of a part in that file, or of the nearest part around it; None where none is known.
    """

    def __init__(
        self, document: dict[str, Json], path: Path, line: Callable[[Pointer], int | None] = lambda _: None
    ) -> None:
        self.document = document
        self.path = path
        self._line = line

    @property
    def version(self) -> str:
        """The contract's version, ``info.version``."""
        return str(self.document["info"]["version"])

    def line(self, *place: str | int) -> int | None:
        """The line, from 1, of a part of the document, or of the nearest part around it; None where none is known.

        Args:
            place: The keys and indexes that lead to it, such as ``"components", "schemas", "VideoTask"``.
        """
        return self._line(place)

    def resolve(self, node: Json) -> Json:
        """Follow the node's ``$ref`` within the document until there is none.

        Raises:
            ContractError: The reference leaves the document or leads nowhere.
        """
        if not isinstance(node, dict) or "$ref" not in node:
            return node
        try:
            return follow(self.document, node)
        except LookupError as error:
            raise ContractError.at(self.path, None, str(error)) from None

    @functools.cached_property
    def operations(self) -> dict[str, Operation]:
        """Every operation by its ``operationId``, in the order of the document."""
        found = {}
        for path, item in self.document["paths"].items():
            for method in METHODS:
                if method in item:
                    name, line = item[method]["operationId"], self.line("paths", path, method)
                    found[name] = Operation(name, path, method, self._definition(item, method), line)
        return found

    def _definition(self, item: dict[str, Json], method: str) -> dict[str, Json]:
        """An operation's definition with the parameters of its path, which its own go before."""
        own = [self.resolve(parameter) for parameter in item[method].get("parameters", ())]
        named = {(parameter["in"], parameter["name"]) for parameter in own}
        shared = [self.resolve(parameter) for parameter in item.get("parameters", ())]
        added = [parameter for parameter in shared if (parameter["in"], parameter["name"]) not in named]
        definition: dict[str, Json] = item[method]
        return {**definition, "parameters": [*added, *own]} if added else definition

    def operation_at(self, path: str, method: str) -> Operation:
        """The operation of a path template and a method, in upper or lower case."""
        return self.operations[self.document["paths"][path][method.lower()]["operationId"]]

    def responses(self, operation: Operation) -> Iterator[tuple[str, dict[str, Json]]]:
        """Each documented status of the operation with its response, references followed."""
        for status, response in operation.definition["responses"].items():
            yield str(status), self.resolve(response)

    def examples(self, holder: dict[str, Json]) -> Iterator[tuple[str, Json]]:
        """Name and value of each example of a media type object."""
        for name, example in holder.get("examples", {}).items():
            yield name, self.resolve(example)["value"]

    @functools.cached_property
    def rules(self) -> tuple[Rule, ...]:
        """The numbered rules, in the order of their numbers."""
        rules = self.document.get("x-rules", ())
        return tuple(_rule(rule, self.line("x-rules", index)) for index, rule in enumerate(rules))

    def phase(self, status: str) -> Phase | None:
        """What a status means: running, succeeded or failed; None for a value that the contract does not know.

        An unknown value is to be taken for running, and reported (rule R14).
        """
        schemas = self.document["components"]["schemas"]
        for name, phase in _PHASES.items():
            if status in schemas[name]["enum"]:
                return phase
        return None

    def schema(self, schema: Json) -> dict[str, Json]:
        """The schema as a document of its own: its references into ``#/components`` find what they name."""
        return {"allOf": [schema], "components": self.document["components"]}


def _rule(rule: dict[str, Json], line: int | None) -> Rule:
    return Rule(
        id=rule["id"],
        level=rule["level"],
        title=rule["title"],
        about=rule["about"],
        operations=tuple(rule.get("operations", ())),
        statuses=tuple(rule.get("statuses", ())),
        schema=rule.get("schema"),
        read_by={submit: tuple(reads) for submit, reads in rule.get("read-by", {}).items()},
        tolerance=_duration(rule.get("tolerance")),
        within=_duration(rule.get("within")),
        constant=tuple(rule.get("constant", ())),
        never_falls=tuple(rule.get("never-falls", ())),
        in_order=tuple(rule.get("in-order", ())),
        when=rule.get("when"),
        billed=rule.get("billed"),
        grade=_grade(rule),
        line=line,
    )


def _duration(node: dict[str, Json] | None) -> Duration | None:
    return None if node is None else Duration(float(node["seconds"]), _grade(node))


def _grade(node: dict[str, Json]) -> Grade | None:
    return next((Grade(kind, str(source)) for kind, source in node.get("x-grade", {}).items()), None)
