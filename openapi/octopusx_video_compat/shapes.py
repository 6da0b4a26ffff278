"""Schemas of a contract as JSON Schemas of their own: references followed, what is no assertion left out. Pure.

Where a property within ``allOf`` describes an object, and another branch describes the same object, each is closed by
itself. The contract has no such case.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Literal, NamedTuple

from octopusx_video_openapi import Contract, ContractError, Schema
from octopusx_video_openapi.document import Json, Pointer
from octopusx_video_openapi.schemas import canonical

Form = Literal["closed", "open", "written"]
"""What may stand beside the properties that are named: nothing, anything, or what the contract says."""
Lists = tuple[tuple[str, str], ...]
"""Component schemas that are taken in place of the contract's own: the name of each, and the schema as JSON."""

SAME_VALUE = ("allOf", "anyOf", "oneOf")
CONDITIONS = ("if", "then", "else", "not")
_ASSERTIONS = frozenset(
    {
        *("type", "enum", "const", "pattern", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"),
        *("multipleOf", "minLength", "maxLength", "minItems", "maxItems", "uniqueItems", "format"),
        *("required", "minProperties", "maxProperties", "minContains", "maxContains", "dependentRequired"),
    }
)
_PARTS = frozenset({"items", "additionalProperties", "contains", "propertyNames", *CONDITIONS})
_SETS = frozenset({"required", "enum", "type"})


class Shape(NamedTuple):
    """A schema with where its parts stand in the contract.

    Attributes:
        schema: The schema, without references.
        contract: The contract that has it.
        roots: For each place of ``schema`` at which a schema of the contract begins: that schema as it is written, and
            where it stands.
    """

    schema: Json
    contract: Contract
    roots: Mapping[Pointer, tuple[Json, Pointer]]

    def pointer(self, path: Pointer) -> Pointer:
        """Where a part of the schema stands in the contract."""
        length = max(length for length in range(len(path) + 1) if path[:length] in self.roots)
        node, pointer = self.roots[path[:length]]
        steps = list(path[length:])
        while True:
            while isinstance(node, dict) and "$ref" in node:
                steps = steps[2:] if _says_more(node) and steps[:2] == ["allOf", 0] else steps
                name = _name(node)
                node, pointer = _component(self.contract, name), ("components", "schemas", name)
            if not steps:
                return pointer
            step = steps.pop(0)
            pointer = (*pointer, step)
            known = (isinstance(node, dict) and step in node) or (isinstance(node, list) and isinstance(step, int))
            node = node[step] if known else {}


def shape_of(schema: Schema, pointer: Pointer, form: Form, lists: Lists) -> Shape:
    """The shape of a schema of a contract, which stands at a place.

    Raises:
        ContractError: The schema refers to itself.
    """
    written, plain = _forms(schema, form, lists)
    return Shape(plain, schema.contract, {(): (written, pointer)})


@functools.lru_cache(maxsize=512)  # operations have many responses in common, and nobody changes a shape
def _forms(schema: Schema, form: Form, lists: Lists) -> tuple[Json, Json]:
    """A schema as it is written, and without references."""
    written = json.loads(schema.text)
    return written, _plain(schema.contract, written, form, dict(lists), is_value=True)


def object_of(
    contract: Contract, pointer: Pointer, fields: Mapping[str, Shape], required: Iterable[str], *, is_closed: bool
) -> Shape:
    """The shape of an object that is made of other shapes.

    Args:
        contract: The contract.
        pointer: Where what the object stands for is in the contract.
        fields: The shapes of its properties.
        required: The properties that it must have.
        is_closed: Whether it may have no others.
    """
    roots: dict[Pointer, tuple[Json, Pointer]] = {(): ({}, pointer)}
    for name, shape in fields.items():
        roots |= {("properties", name, *path): root for path, root in shape.roots.items()}
    schema: dict[str, Json] = {
        "type": ["object"],
        "properties": {name: shape.schema for name, shape in fields.items()},
        "required": sorted(required),
    }
    if is_closed:
        schema["unevaluatedProperties"] = False
    return Shape(schema, contract, roots)


def parts(schema: Json) -> Iterator[dict[str, Json]]:
    """The schemas that a schema puts to the same value: itself, and those of ``allOf``, ``if`` and so on."""
    if not isinstance(schema, dict):
        return
    yield schema
    for keyword in SAME_VALUE:
        for branch in schema.get(keyword, ()):
            yield from parts(branch)
    for keyword in CONDITIONS:
        yield from parts(schema.get(keyword))


def below(schema: Json) -> Iterator[dict[str, Json]]:
    """Every schema within a schema, itself among them."""
    for part in parts(schema):
        yield part
        for inner in (*part.get("properties", {}).values(), part.get("items"), part.get("additionalProperties")):
            yield from below(inner)


def text(schema: Json) -> str:
    """A text that is the same for schemas that say the same in the same words."""
    return canonical(schema)


def _plain(
    contract: Contract,
    node: Json,
    form: Form,
    lists: Mapping[str, str],
    *,
    is_value: bool,
    above: tuple[str, ...] = (),
) -> Json:
    if not isinstance(node, dict):
        return node
    if "$ref" in node:
        name = _name(node)
        if not _says_more(node):
            target = _target(contract, name, lists, above)
            return _plain(contract, target, form, lists, is_value=is_value, above=(*above, name))
        node = {"allOf": [{"$ref": node["$ref"]}], **{key: value for key, value in node.items() if key != "$ref"}}

    def inner(part: Json, *, is_value: bool) -> Json:
        return _plain(contract, part, form, lists, is_value=is_value, above=above)

    made: dict[str, Json] = {}
    for keyword, value in node.items():
        if keyword == "properties":
            made[keyword] = {name: inner(part, is_value=True) for name, part in value.items()}
        elif keyword in SAME_VALUE:
            made[keyword] = [inner(part, is_value=False) for part in value]
        elif keyword in _PARTS:
            made[keyword] = inner(value, is_value=keyword not in CONDITIONS)
        elif keyword in _ASSERTIONS:
            made[keyword] = _listed(value) if keyword in _SETS else value
    return _opened(made, form, is_value=is_value)


def _opened(made: dict[str, Json], form: Form, *, is_value: bool) -> dict[str, Json]:
    """A schema with what its form says of other properties."""
    if form != "written" and made.get("additionalProperties") is False:
        del made["additionalProperties"]
    if form == "closed" and is_value and any("properties" in part for part in parts(made)):
        made["unevaluatedProperties"] = False
    return made


def _target(contract: Contract, name: str, lists: Mapping[str, str], above: tuple[str, ...]) -> Json:
    if name in above:
        line = contract.line("components", "schemas", name)
        text = f"{name} contains itself, which can't be compared by values; write how deep it may go"
        raise ContractError.at(contract.path, line, text, f"components.schemas.{name}")
    return json.loads(lists[name]) if name in lists else _component(contract, name)


def _listed(value: Json) -> Json:
    """A list whose order means nothing, in one order; a list of one is left where it is not a type."""
    if isinstance(value, str):
        return [value]
    return sorted(value, key=json.dumps)


def _says_more(node: dict[str, Json]) -> bool:
    """Whether a reference asserts something beside what it refers to."""
    return not node.keys().isdisjoint(_ASSERTIONS | _PARTS | {"properties", *SAME_VALUE})


def _name(node: dict[str, Json]) -> str:
    return str(node["$ref"]).rpartition("/")[2]


def _component(contract: Contract, name: str) -> Json:
    return json.loads(contract.schemas[name].text)
