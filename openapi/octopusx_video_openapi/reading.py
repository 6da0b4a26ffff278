"""Reading a YAML or JSON file once, with the line of each part."""

from __future__ import annotations

import functools
import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

from octopusx_video_openapi.document import ContractError, Document, Json, Pointer, Problem

DEEPEST = 200
"""How deep a contract may be nested; the project's own has some twenty levels."""


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
    try:
        value, lines = _parsed(text)
    except _RefusedError as error:
        raise ContractError.of(path, error.problems) from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line, where = (mark.line + 1, f", column {mark.column + 1}") if mark else (None, "")
        problem = getattr(error, "problem", None) or "unreadable"
        raise ContractError.at(path, line, f"is not valid YAML ({problem}{where}); correct the file") from None
    except (ValueError, KeyError, AttributeError, TypeError) as error:  # of a tagged or dated scalar
        raise ContractError.at(path, None, f"has a value that YAML can't read ({error}); put it in quotes") from None
    return Document(value, path, lines)


class _RefusedError(Exception):
    """A text is YAML that no contract may have.

    Attributes:
        problems: What is wrong with it.
    """

    def __init__(self, *problems: Problem) -> None:
        super().__init__(*problems)
        self.problems = problems


# A comparison reads the released contract several times, and copies of it. Nobody changes a document.
@functools.lru_cache(maxsize=8)
def _parsed(text: str) -> tuple[Json, Mapping[Pointer, int]]:
    kind: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    _check_shape(yaml.parse(text, Loader=kind))
    loader = kind(text)
    try:
        node = loader.get_single_node()
        reader = _Reader(loader)
        return None if node is None else reader.value(node, ()), reader.lines
    finally:
        loader.dispose()


def _check_shape(events: Iterable[yaml.Event]) -> None:
    """Refuse what would exhaust memory or the stack while it is read: references of YAML's own, and too many levels."""
    depth = 0
    for event in events:
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > DEEPEST:
                raise _refused(event, f"is nested deeper than {DEEPEST} levels; that is no contract")
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        elif isinstance(event, yaml.AliasEvent):
            raise _refused(event, "has a YAML alias; refer to a component with $ref instead")


def _refused(part: Any, text: str) -> _RefusedError:
    """The error over a node or an event of YAML."""
    return _RefusedError(Problem(part.start_mark.line + 1, "", text))


class _Reader:
    """Makes JSON values of YAML nodes, and keeps the line of each.

    Args:
        loader: A safe loader, which knows what a scalar means.
    """

    def __init__(self, loader: Any) -> None:
        self._loader = loader
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
        value = self._scalar(node)
        if not isinstance(value, str | int | float | None) or (isinstance(value, float) and not math.isfinite(value)):
            raise _refused(node, f"{node.value} is not a value that JSON has; put it in quotes")
        return value

    def _scalar(self, node: yaml.Node) -> Any:
        if node.tag == "tag:yaml.org,2002:str" and isinstance(node.value, str):
            return node.value  # as the loader says of it, only sooner
        return self._loader.construct_object(node, deep=True)

    def _object(self, node: yaml.Node, place: Pointer) -> dict[str, Json]:
        members: dict[str, Json] = {}
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            key = self._scalar(key_node)
            if not isinstance(key_node.value, str):
                raise _refused(key_node, "has a key that is not text; put it in quotes")
            if not isinstance(key, str):
                key = key_node.value  # a status without quotes, say: in JSON a key is text
            if key in members:
                text = f'the key "{key}" stands twice in one object; remove one'
                first = self.lines[(*place, key)]
                raise _RefusedError(Problem(first, "", text), Problem(line, "", text))
            here = (*place, key)
            self.lines[here] = line
            members[key] = self.value(value_node, here)
        return members
