"""A contract's file, read once: its value, the line of each part, and one kind of error for what is wrong with it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    import yaml

Json = Any
Pointer = tuple[str | int, ...]
"""Where something stands in a document: the keys and indexes that lead to it."""

METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")
"""The methods that an OpenAPI path item can hold."""

DEEPEST = 200
"""How deep a contract may be nested; the project's own has some twenty levels."""


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
    """

    def __init__(self, *lines: str) -> None:
        super().__init__(*lines)
        self.lines = lines

    def __str__(self) -> str:
        """A line for each problem."""
        return "\n".join(self.lines)

    @classmethod
    def of(cls, path: Path, problems: Iterable[Problem]) -> ContractError:
        """The error that reports these problems of a file, in the order of their lines."""
        ordered = sorted(problems, key=lambda problem: (problem.line or 0, problem.place, problem.text))
        return cls(*dict.fromkeys(problem.shown(path) for problem in ordered))

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


def read(path: Path) -> Document:
    """Read a YAML or JSON file.

    Raises:
        ContractError: The file can't be read, is not YAML, has a key twice, an alias, or too many levels.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise ContractError.at(path, None, f"can't be read ({error.strerror}); name an existing OpenAPI file") from None
    except UnicodeDecodeError:
        raise ContractError.at(path, None, "is not UTF-8 text; save it as UTF-8") from None
    return parse(text, path)


def parse(text: str, path: Path) -> Document:
    """Parse the text of a YAML or JSON file.

    Args:
        text: What the file holds.
        path: Its name, for messages.

    Raises:
        ContractError: The text is not YAML, has a key twice, an alias, or too many levels.
    """
    import yaml  # noqa: PLC0415 - a program that loads the compiled contract needs no YAML

    try:
        return _parsed(text, path)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f" at line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        problem = getattr(error, "problem", None) or "unreadable"
        raise ContractError.at(path, None, f"is not valid YAML ({problem}{where}); mend the file") from None
    except (ValueError, KeyError, AttributeError, TypeError) as error:  # of a tagged or dated scalar
        raise ContractError.at(path, None, f"has a value that YAML can't read ({error}); put it in quotes") from None


def _parsed(text: str, path: Path) -> Document:
    import yaml  # noqa: PLC0415 - see above

    kind: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    _check_shape(yaml.parse(text, Loader=kind), path)
    loader = kind(text)
    try:
        node = loader.get_single_node()
        reader = _Reader(loader, path)
        return Document(None if node is None else reader.value(node, ()), path, reader.lines)
    finally:
        loader.dispose()


def _check_shape(events: Iterable[yaml.Event], path: Path) -> None:
    """Refuse what would exhaust memory or the stack while it is read: references of YAML's own, and too many levels."""
    import yaml  # noqa: PLC0415 - see above

    depth = 0
    for event in events:
        line = event.start_mark.line + 1 if event.start_mark else None
        if isinstance(event, yaml.AliasEvent):
            raise ContractError.at(path, line, "has a YAML alias; refer to a component with $ref instead")
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > DEEPEST:
            raise ContractError.at(path, line, f"is nested deeper than {DEEPEST} levels; that is no contract")


class _Reader:
    """Makes JSON values of YAML nodes, and keeps the line of each.

    Args:
        loader: A safe loader, which knows what a scalar means.
        path: The file, for messages.
    """

    def __init__(self, loader: Any, path: Path) -> None:
        self._loader = loader
        self._path = path
        self.lines: dict[Pointer, int] = {}

    def value(self, node: yaml.Node, place: Pointer) -> Json:
        """The value of a node that stands at a place."""
        if node.tag == "tag:yaml.org,2002:map":
            return self._object(node, place)
        if node.tag == "tag:yaml.org,2002:seq":
            items = []
            for number, item in enumerate(node.value):
                here = (*place, number)
                self.lines[here] = item.start_mark.line + 1
                items.append(self.value(item, here))
            return items
        value = self._loader.construct_object(node, deep=True)
        if not isinstance(value, str | int | float | None) or (isinstance(value, float) and not math.isfinite(value)):
            line = node.start_mark.line + 1
            raise ContractError.at(self._path, line, f"{node.value} is not a value that JSON has; put it in quotes")
        return value

    def _object(self, node: yaml.Node, place: Pointer) -> dict[str, Json]:
        members: dict[str, Json] = {}
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            key = self._loader.construct_object(key_node, deep=True)
            if not isinstance(key_node.value, str):
                raise ContractError.at(self._path, line, "has a key that is not text; put it in quotes")
            if not isinstance(key, str):
                key = key_node.value  # a status without quotes, say: in JSON a key is text
            if key in members:
                text = f'the key "{key}" stands twice in one object; remove one'
                first = self.lines[(*place, key)]
                raise ContractError.of(self._path, [Problem(first, "", text), Problem(line, "", text)])
            here = (*place, key)
            self.lines[here] = line
            members[key] = self.value(value_node, here)
        return members


def json_pointer(*place: str | int) -> str:
    """The JSON Pointer (RFC 6901) of a place in a document."""
    return "".join("/" + str(step).replace("~", "~0").replace("/", "~1") for step in place)


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
        for step in reference[2:].split("/"):
            try:
                node = node[step.replace("~1", "/").replace("~0", "~")]
            except (KeyError, TypeError):
                raise LookupError(f"{reference} leads nowhere; define it or mend its name") from None
    return node
