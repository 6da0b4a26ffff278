"""A document: its value, the line of each part, its references, and one kind of error for what is wrong with it."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

Json = Any
Pointer = tuple[str | int, ...]
"""Where something stands in a document: the keys and indexes that lead to it."""

METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")
"""The methods that an OpenAPI path item can hold."""

OF_BODY = "$response.body#/"
"""With what the expression of a link begins that takes a value out of the body of a response."""


class Problem(NamedTuple):
    """One thing that is wrong with a contract.

    Attributes:
        line: The line of the file, from 1; None where the error has no line.
        place: What of the contract it concerns, in words such as ``x-rules R15``; "" for the file as a whole.
        text: What is wrong, why, and the fix.
    """

    line: int | None
    place: str
    text: str

    def shown(self, path: Path) -> str:
        """The problem in one line, ``file:line: place: text``."""
        # A name may hold a line break, and a problem is one line.
        parts = [" ".join(f"{path}".splitlines()) + (f":{self.line}" if self.line else ""), self.place, self.text]
        return ": ".join(part for part in parts if part)


class ContractError(Exception):
    """A contract is missing, or has problems that prevent its use.

    ``str(error)`` has a line for each problem: file, line, place, what is wrong, and the fix.

    Attributes:
        lines: Those lines.
        problems: The problems, in the order of the lines.
    """

    def __init__(self, *lines: str, problems: tuple[Problem, ...] = ()) -> None:
        super().__init__(*lines)
        self.lines = lines
        self.problems = problems or tuple(Problem(None, "", line) for line in lines)

    def __str__(self) -> str:
        """A line for each problem."""
        return "\n".join(self.lines)

    @classmethod
    def of(cls, path: Path, problems: Iterable[Problem]) -> ContractError:
        """The error that reports these problems of a file, in the order of their lines."""
        ordered = sorted(set(problems), key=lambda problem: (problem.line or 0, problem.place, problem.text))
        return cls(*(problem.shown(path) for problem in ordered), problems=tuple(ordered))

    @classmethod
    def at(cls, path: Path, line: int | None, text: str, place: str = "") -> ContractError:
        """The error that reports one problem of a file."""
        return cls.of(path, [Problem(line, place, text)])


class Document(NamedTuple):
    """A parsed document.

    Attributes:
        value: What the file holds, as JSON values.
        path: The file.
        lines: The line of each part, from 1. The line of a member of an object is that of its key.
    """

    value: Json
    path: Path
    lines: Mapping[Pointer, int]

    def line(self, pointer: Pointer) -> int | None:
        """The line of a part, or of the nearest part around it that has one."""
        for end in range(len(pointer), 0, -1):
            if pointer[:end] in self.lines:
                return self.lines[pointer[:end]]
        return None


def installed(name: str) -> Path:
    """Where a file of the contract is: beside this package where it is installed, one folder up in a checkout."""
    here = Path(__file__).resolve().parent
    packaged = here / name
    return packaged if packaged.exists() else here.parent / name


def json_pointer(*place: str | int) -> str:
    """The JSON Pointer (RFC 6901) of a place in a document."""
    return "".join("/" + str(step).replace("~", "~0").replace("/", "~1") for step in place)


@functools.lru_cache(maxsize=1024)  # each reference is followed often
def steps(text: str) -> tuple[str, ...]:
    """The steps of a JSON Pointer, which is given without its first slash."""
    return tuple(step.replace("~1", "/").replace("~0", "~") for step in text.split("/"))


def home(node: Json, place: Pointer) -> Pointer:
    """Where a node at a place is defined: the place itself, or the component that the node's ``$ref`` names."""
    reference = node.get("$ref") if isinstance(node, dict) else None
    return steps(reference[2:]) if isinstance(reference, str) else place


def follow(root: Json, node: Json) -> Json:
    """Follow a node's ``$ref`` within a document until there is none.

    Raises:
        LookupError: The reference leaves the document, leads nowhere or back to itself. The text says which.
    """
    seen = set()
    while isinstance(node, dict) and "$ref" in node:
        reference = node["$ref"]
        if not (isinstance(reference, str) and reference.startswith("#/")):
            raise LookupError(f"{reference} is not a reference within the document; inline it")
        if reference in seen:
            raise LookupError(f"{reference} leads back to itself; define what it stands for")
        seen.add(reference)
        node = root
        for step in steps(reference[2:]):
            try:
                node = node[step]
            except (KeyError, TypeError):
                raise LookupError(f"{reference} leads nowhere; define it or correct its name") from None
    return node
