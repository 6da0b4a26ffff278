"""The numbered rules of ``x-rules``, typed, with what a duration is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Literal, NamedTuple

from octopusx_video_openapi.document import Json
from octopusx_video_openapi.grades import Grade, grade_of
from octopusx_video_openapi.schema import Schema

Level = Literal["must", "should"]
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
    level: Level
    title: str
    about: About | Literal[""]
    operations: tuple[str, ...] = ()
    statuses: tuple[int, ...] = ()
    schema: Schema | None = None
    read_by: Mapping[str, tuple[str, ...]] = MappingProxyType({})
    tolerance: Duration | None = None
    within: Duration | None = None
    constant: tuple[str, ...] = ()
    never_falls: tuple[str, ...] = ()
    in_order: tuple[str, ...] = ()
    when: Schema | None = None
    billed: Literal["never", "possible"] | None = None
    grade: Grade | None = None
    line: int | None = None


def rule_of(node: dict[str, Json], schema: Callable[[Json], Schema], line: int | None) -> Rule:
    """The rule of an item of ``x-rules``; ``schema`` makes the schema of a node."""
    return Rule(
        id=node["id"],
        level=node["level"],
        title=node["title"],
        about=node["about"],
        operations=tuple(node.get("operations", ())),
        statuses=tuple(node.get("statuses", ())),
        schema=schema(node["schema"]) if "schema" in node else None,
        read_by={submit: tuple(reads) for submit, reads in node.get("read-by", {}).items()},
        tolerance=_duration(node.get("tolerance")),
        within=_duration(node.get("within")),
        constant=tuple(node.get("constant", ())),
        never_falls=tuple(node.get("never-falls", ())),
        in_order=tuple(node.get("in-order", ())),
        when=schema(node["when"]) if "when" in node else None,
        billed=node.get("billed"),
        grade=grade_of(node),
        line=line,
    )


def _duration(node: dict[str, Json] | None) -> Duration | None:
    return None if node is None else Duration(float(node["seconds"]), grade_of(node))
