"""Whether a contract is written in the vocabulary of extensions.schema.yaml: known keys in their places, known values.

``check`` is what ``--contract``, ``nox -s lint`` and the tests ask.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator
from typing import Any

import jsonschema_rs

from octopusx_video_openapi import reading, references
from octopusx_video_openapi.document import Document, Json, Pointer, Problem, installed
from octopusx_video_openapi.found import Found, nearest
from octopusx_video_openapi.names import Names

_FILE = "extensions.schema.yaml"
_MAX_SHOWN = 60
"""How many characters of a wrong value a message shows."""


@functools.cache
def schema() -> dict[str, Json]:
    """The vocabulary, a JSON Schema of the whole document.

    Raises:
        ContractError: The file is missing or damaged.
    """
    value: dict[str, Json] = reading.read(installed(_FILE)).value
    return value


def check(document: Document) -> list[Problem]:
    """What of a document is not in the vocabulary, or refers to what is not there.

    Args:
        document: An OpenAPI 3.1 document of which every ``$ref`` leads somewhere.

    Raises:
        ContractError: The vocabulary itself can't be read.
    """
    names = Names(document.value)
    known = [key for key in schema()["$defs"] if key.startswith("x-")]
    found = list(_of_schema(names))
    if not any(one.is_of_type for one in found):  # else a name may be anything but a text
        found += references.check(names, known)
    # A misspelt key is one mistake, not two.
    misspelt = {(one.pointer[:-1], one.meant) for one in found if one.meant}
    found = [one for one in found if (one.pointer, one.lacks) not in misspelt]
    return problems(document, found)


def problems(document: Document, found: Iterable[Found]) -> list[Problem]:
    """What was found in a document, with the line and the place of each."""
    return [Problem(document.line(one.pointer), _shown(document.value, one.pointer), one.text) for one in found]


def _shown(root: Json, pointer: Pointer) -> str:
    """A place of a document in words: ``x-rules R15 schema``, ``extendVideo responses.200``, ``components.headers``."""
    if pointer[:1] == ("x-rules",) and len(pointer) > 1:
        rule = _at(root, pointer[:2])
        number = rule.get("id", pointer[1]) if isinstance(rule, dict) else pointer[1]
        return " ".join(["x-rules", str(number), ".".join(map(str, pointer[2:]))]).rstrip()
    if pointer[:1] == ("paths",) and len(pointer) > 2:
        operation = _at(root, pointer[:3])
        name = operation.get("operationId") if isinstance(operation, dict) else None
        if isinstance(name, str):
            return f"{name} {'.'.join(map(str, pointer[3:]))}".rstrip()
    return ".".join(map(str, pointer))


def _of_schema(names: Names) -> Iterator[Found]:
    wrong: set[Pointer] = set()
    for error in _validator().iter_errors(names.root):
        pointer = _pointer(names.root, error.instance_path)
        kind = error.kind
        if isinstance(kind, jsonschema_rs.ValidationErrorKind.AdditionalProperties):
            parent = _at(schema(), error.schema_path[:-1])
            for key in kind.unexpected:
                # A foreign extension, such as `x-internal`, is no misspelt `externalDocs`.
                near = nearest(key, [one for one in parent.get("properties", ()) if _is_like(key, one)])
                yield Found((*pointer, key), _unknown_key(key, near, parent), meant=near or "")
        elif isinstance(kind, jsonschema_rs.ValidationErrorKind.Required):
            holder = _holder(names.root, pointer, error.schema_path)
            yield Found(pointer, f'"{kind.property}" is missing; {holder} needs it', kind.property)
        elif pointer not in wrong:  # a value may have to be in two lists, and is wrong once
            wrong.add(pointer)
            is_of_type = isinstance(kind, jsonschema_rs.ValidationErrorKind.Type)
            yield Found(pointer, _wrong(names, error), is_of_type=is_of_type)


def _is_like(key: str, known: str) -> bool:
    return known.startswith("x-") or not key.startswith("x-")


@functools.cache
def _validator() -> jsonschema_rs.Draft202012Validator:
    options = jsonschema_rs.RegexOptions()
    return jsonschema_rs.Draft202012Validator(schema(), pattern_options=options, validate_formats=True)


def _unknown_key(key: str, near: str | None, parent: dict[str, Json]) -> str:
    holder = parent.get("title", "this object")
    homes = [
        definition["title"]
        for definition in schema()["$defs"].values()
        if key in definition.get("properties", {}) and "title" in definition
    ]
    if key.startswith("x-") and homes:
        return f'"{key}" does not belong to {holder}; it belongs to {" or ".join(homes)}'
    if near:
        return f'"{key}" is not a known key of {holder}; did you mean "{near}"?'
    return f'"{key}" is not a known key of {holder}; remove it, or describe it in {_FILE}'


def _holder(root: Json, pointer: Pointer, schema_path: list[str | int]) -> str:
    """What lacks a key: a rule by its number, anything else by what the vocabulary calls it."""
    rule = _at(root, pointer) if pointer[:1] == ("x-rules",) and len(pointer) == 2 else {}
    return str(rule.get("id", _title(schema_path)))


def _wrong(names: Names, error: jsonschema_rs.ValidationError) -> str:
    value = error.instance
    shown = f'"{value}"' if isinstance(value, str) else str(value)
    shown = shown if len(shown) <= _MAX_SHOWN else f"{shown[:_MAX_SHOWN]}…"
    parent = _at(schema(), error.schema_path[:-1])
    if isinstance(error.kind, jsonschema_rs.ValidationErrorKind.Enum):
        options = [str(option) for option in error.kind.options]
        if error.instance_path[-1:] == ["x-value-of"]:
            options += [f"request.{name}" for name in names.submitted]
        near = nearest(value, options)
        advice = f'did you mean "{near}"?' if near else f"use one of: {', '.join(options)}"
        return f"{shown} is not a value of {_title(error.schema_path)}; {advice}"
    if isinstance(error.kind, jsonschema_rs.ValidationErrorKind.FalseSchema):
        key = error.instance_path[-1]
        return f'"{key}" has no meaning here, since no program reads it; remove it'
    if "description" in parent:
        return f"{shown} is not {parent['description']}"
    return f"{error.message}; see {_FILE}"


def _pointer(root: Json, path: list[str | int]) -> Pointer:
    """The place of an error. The validator takes a key such as ``200`` for an index."""
    place: list[str | int] = []
    node = root
    for step in path:
        place.append(str(step) if isinstance(node, dict) else step)
        node = node[place[-1]]
    return tuple(place)


def _title(path: list[str | int]) -> str:
    """What the nearest part of the vocabulary above a keyword is called."""
    for end in range(len(path), -1, -1):
        part = _at(schema(), path[:end])
        if isinstance(part, dict) and isinstance(part.get("title"), str):
            return str(part["title"])
    return "the document"


def _at(node: Any, pointer: Iterable[str | int]) -> Any:
    for step in pointer:
        node = node[step]
    return node
