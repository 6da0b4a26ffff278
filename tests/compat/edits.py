"""The changes of changes.yaml: what they are, and the contract that each of them makes. Pure, but for the file."""

from __future__ import annotations

import copy
import functools
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from octopusx_video_openapi import METHODS
from octopusx_video_openapi.document import Json
from octopusx_video_openapi.reading import read

CHANGES = Path(__file__).with_name("changes.yaml")


class Change(NamedTuple):
    """A row of changes.yaml.

    Attributes:
        name: How the table calls it.
        kind: ``callers``, ``servers``, ``vendor``, ``nothing`` or ``rewrite``.
        what: The change, for people.
        edits: What is done to the document, in this order.
        breaks: Who breaks: ``callers``, ``servers``, both or neither.
        version: The version that the change needs: ``major``, ``minor`` or ``patch``.
        why: Why that is so, in one line.
    """

    name: str
    kind: str
    what: str
    edits: list[dict[str, Any]]
    breaks: list[str]
    version: str
    why: str

    def of(self, document: Json) -> Json:
        """A copy of a document with the change made."""
        document = json.loads(json.dumps(document))  # sooner than a deep copy, and it is JSON
        for edit in self.edits:
            for verb, what in edit.items():
                document = _VERBS[verb](document, what)
        return document


@functools.cache
def changes() -> tuple[Change, ...]:
    """Every change, in the order of the file."""
    return tuple(Change(**row) for row in read(CHANGES).value)


def _set(document: Json, members: dict[str, Json]) -> Json:
    for place, value in members.items():
        node, last = _around(document, place)
        if last == "+":
            node.append(value)
        else:
            node[last] = value
    return document


def _gone(document: Json, places: list[str]) -> Json:
    for place in places:
        node, last = _around(document, place)
        del node[last]
    return document


def _copy(document: Json, places: dict[str, str]) -> Json:
    return _set(document, {target: copy.deepcopy(_at(document, source)) for target, source in places.items()})


def _key(document: Json, names: dict[str, str]) -> Json:
    for place, name in names.items():
        node, last = _around(document, place)
        members = {name if key == last else key: value for key, value in node.items()}
        node.clear()
        node.update(members)
    return document


def _order(document: Json, orders: dict[str, list[str]]) -> Json:
    for place, first in orders.items():
        node = _at(document, place)
        keys = list(node)
        keys = keys[::-1] if first == ["reversed"] else [*first, *(key for key in keys if key not in first)]
        members = {key: node[key] for key in keys}
        node.clear()
        node.update(members)
    return document


def _word(document: Json, names: dict[str, str]) -> Json:
    for old, new in names.items():
        document = _renamed(document, old, new)
    return document


_VERBS: dict[str, Callable[[Json, Any], Json]] = {
    "set": _set,
    "gone": _gone,
    "copy": _copy,
    "key": _key,
    "order": _order,
    "word": _word,
}


def _renamed(node: Json, old: str, new: str) -> Json:
    if isinstance(node, dict):
        return {new if key == old else key: _renamed(value, old, new) for key, value in node.items()}
    if isinstance(node, list):
        return [_renamed(value, old, new) for value in node]
    if isinstance(node, str) and (node == old or node.endswith(f"/{old}")):
        return node.removesuffix(old) + new
    return node


def _at(document: Json, place: str) -> Json:
    node, last = _around(document, place)
    return node[last]


def _around(document: Json, place: str) -> tuple[Json, Any]:
    """What a place is a member of, and the last step to it."""
    *steps, last = [step.replace("~1", "/") for step in place.split("/")]
    node = document
    if steps and (operation := _operation(document, steps[0])) is not None:
        node, steps = operation, steps[1:]
    for step in steps:
        node = node[_key_of(node, step)]
    return node, _key_of(node, last)


def _key_of(node: Json, step: str) -> Any:
    """The key or the index that a step means: a rule is named by its number."""
    if not isinstance(node, list) or step == "+":
        return step
    if step.isdigit():
        return int(step)
    return next(index for index, rule in enumerate(node) if rule["id"] == step)


def _operation(document: Json, name: str) -> Json:
    items = (item[method] for item in document["paths"].values() for method in METHODS if method in item)
    return next((operation for operation in items if operation["operationId"] == name), None)
