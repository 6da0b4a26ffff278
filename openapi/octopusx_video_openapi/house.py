"""The rules of the project for its own contract, beyond the vocabulary: what must have a grade, and what an example.

``nox -s lint`` and the tests ask this; another contract that is loaded with ``--contract`` need not keep them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import NamedTuple

from octopusx_video_openapi import checking, schemas, vocabulary
from octopusx_video_openapi._source import source_of
from octopusx_video_openapi.contract import Contract
from octopusx_video_openapi.document import ContractError, Document, Json, Pointer, Problem, home
from octopusx_video_openapi.found import Found, unknown
from octopusx_video_openapi.names import Names, items, members

VERSION = re.compile(r"(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)", re.ASCII)
"""A version: three numbers, by semantic versioning."""
_EXAMPLES = ("const", "enum", "example", "examples")
_MAX_SHOWN = 60
"""How many characters of a wrong value a message shows."""


class _Example(NamedTuple):
    """An example: its schema with its references, its value, and where that stands."""

    schema: Json
    value: Json
    place: Pointer


def checked(document: Document) -> Contract:
    """The contract of a document that keeps the vocabulary and the rules of the project.

    Raises:
        ContractError: It does not. It has a line for each problem.
    """
    contract = checking.usable(document)
    # Only a contract that is right otherwise has schemas that can be followed, and used as validators.
    problems = [*vocabulary.check(document), *check(document)] or incomparable(document)
    if problems:
        raise ContractError.of(document.path, problems)
    return contract


def check(document: Document) -> list[Problem]:
    """Where a contract breaks a rule of the project.

    Args:
        document: An OpenAPI 3.1 document of which every ``$ref`` leads somewhere.
    """
    names = Names(document.value)
    return vocabulary.problems(document, [*_grades(names), *_examples(names), *_fields_of_examples(names)])


def incomparable(document: Document) -> list[Problem]:
    """What keeps a contract from being compared with another one (``nox -s compat``).

    That is a version that is none, a schema that contains itself, or else an example that does not fit its schema:
    whoever reads one takes it for what is allowed.

    Args:
        document: An OpenAPI 3.1 document in the known vocabulary, of which every ``$ref`` leads somewhere.
    """
    names = Names(document.value)
    found = [*_version(names), *_recursions(names)] or dict.fromkeys(_unfitting(document, names))
    return vocabulary.problems(document, found)


# ---- What can be compared


def _version(names: Names) -> Iterator[Found]:
    version = str(names.root["info"]["version"])
    if not VERSION.fullmatch(version):
        yield Found(("info", "version"), f'"{version}" is not a version; write three numbers such as 1.2.0')


def _recursions(names: Names) -> Iterator[Found]:
    for name, schema in names.schemas.items():
        if any(one is schema for one in names.reached(members(schema).values())):
            text = f"{name} contains itself, which can't be compared by values; write how deep it may go"
            yield Found(("components", "schemas", name), text)


# ---- Grades


def _grades(names: Names) -> Iterator[Found]:
    for pointer, node in graded(names):
        if "$ref" not in node and "x-grade" not in node:
            yield Found(pointer, '"x-grade" is missing; say how this is known', "x-grade")
    for pointer, node in _schemas(names):
        if pointer[-2:-1] == ("properties",) and "x-grade" not in node:
            yield Found(pointer, '"x-grade" is missing; say how this field is known', "x-grade")
        if pointer[-1:] == ("items",) and "x-grade" not in node:
            yield Found(pointer, '"x-grade" is missing; say how these items are known', "x-grade")
        if "enum" in node and "x-enum-grades" not in node:
            yield Found(pointer, '"x-enum-grades" is missing; give each value of enum a grade', "x-enum-grades")


def graded(names: Names) -> Iterator[tuple[Pointer, dict[str, Json]]]:
    """Everything but schemas that has to carry a grade, or refers to what carries one, with its place."""
    components = members(names.root.get("components"))
    for kind in ("headers", "links", "parameters", "responses", "securitySchemes"):
        for name, part in members(components.get(kind)).items():
            yield ("components", kind, name), members(part)
    for name, response in members(components.get("responses")).items():
        yield from _parts(("components", "responses", name), members(response))
    for operation in names.operations.values():
        yield operation.pointer, operation.value
        for index, parameter in enumerate(items(operation.value.get("parameters"))):
            yield (*operation.pointer, "parameters", index), members(parameter)
        for status, response in members(operation.value.get("responses")).items():
            place = (*operation.pointer, "responses", status)
            yield place, members(response)
            yield from _parts(place, members(response))


def _parts(place: Pointer, response: dict[str, Json]) -> Iterator[tuple[Pointer, dict[str, Json]]]:
    for kind in ("headers", "links"):
        for name, part in members(response.get(kind)).items():
            yield (*place, kind, name), members(part)


def _schemas(names: Names) -> Iterator[tuple[Pointer, dict[str, Json]]]:
    """Each component schema, and each field and item in it, with its place."""
    rest: list[tuple[Pointer, dict[str, Json]]] = [
        (("components", "schemas", name), members(schema)) for name, schema in names.schemas.items()
    ]
    for place, schema in rest:
        yield place, schema
        fields = members(schema.get("properties")).items()
        rest += [((*place, "properties", name), members(field)) for name, field in fields]
        if "items" in schema:
            rest.append(((*place, "items"), members(schema["items"])))


# ---- Examples


def _examples(names: Names) -> Iterator[Found]:
    """Each value that a request may have and that has no example, without which no request with it can be made."""
    shown_ = _shown(names)
    for operation in names.operations.values():
        for index, parameter in enumerate(items(operation.value.get("parameters"))):
            node = members(names.follow(parameter))
            if not any(key in {**members(node.get("schema")), **node} for key in _EXAMPLES):
                place = names.home((*operation.pointer, "parameters", index))
                yield Found(place, '"example" is missing; a request is made with it', "example")
        yield from _of_fields(names, operation.body, shown_, frozenset())


def _of_fields(names: Names, schema: Json, shown_: set[int], above: frozenset[int]) -> Iterator[Found]:
    place = home(schema, ())
    for name, field in members(members(names.follow(schema)).get("properties")).items():
        defined = members(names.follow(field))
        if "properties" in defined:
            if id(defined) not in above:
                yield from _of_fields(names, field, shown_, above | {id(defined)})
            continue
        known = id(defined) in shown_ or defined.get("type") == "boolean"
        if not known and not any(key in {**defined, **members(field)} for key in _EXAMPLES):
            text = '"examples" is missing; no request has an example of this field'
            yield Found((*place, "properties", name), text, "examples")


def _fields_of_examples(names: Names) -> Iterator[Found]:
    """Each field of an example that its schema does not describe: a renamed field that kept its name there."""
    for example in _of_bodies(names):
        yield from _undescribed(names, [example.schema], example.value, example.place)


def _of_bodies(names: Names) -> Iterator[_Example]:
    """The examples of the bodies of requests and responses."""
    for operation in names.operations.values():
        holders = [(*operation.pointer, "responses", status) for status in operation.responses]
        holders += [(*operation.pointer, "requestBody")] if "requestBody" in operation.value else []
        for holder in map(names.home, holders):
            for kind, media in members(members(names.at(holder)).get("content")).items():
                for name in members(members(media).get("examples")):
                    place = names.home((*holder, "content", kind, "examples", name))
                    value = members(names.at(place)).get("value")
                    yield _Example(members(media).get("schema"), value, (*place, "value"))


def _of_values(names: Names) -> Iterator[_Example]:
    """The examples of parameters and headers."""
    for pointer, node in graded(names):
        if "example" in node and "schema" in node:
            yield _Example(node["schema"], node["example"], (*pointer, "example"))


def _of_schemas(names: Names) -> Iterator[_Example]:
    """The examples that stand in schemas."""
    for pointer, node in _schemas(names):
        for index, value in enumerate(items(node.get("examples"))):
            yield _Example(node, value, (*pointer, "examples", index))


def _unfitting(document: Document, names: Names) -> Iterator[Found]:
    source = source_of(Contract(document.value, document.path, document.line))
    for example in (*_of_bodies(names), *_of_values(names), *_of_schemas(names)):
        for error in schemas.validator(source.schema(example.schema), mask="").iter_errors(example.value):
            shown = json.dumps(error.instance, ensure_ascii=False)
            shown = shown if len(shown) <= _MAX_SHOWN else f"{shown[:_MAX_SHOWN]}…"
            text = f"{shown}{error.message}; correct the example or the schema"
            yield Found((*example.place, *error.instance_path), text)


def _undescribed(names: Names, schemas: list[Json], value: Json, place: Pointer) -> Iterator[Found]:
    fields = names.fields(schemas)
    for name, part in members(value).items() if fields else ():
        if name in fields:
            yield from _undescribed(names, fields[name], part, (*place, name))
        else:
            yield Found((*place, name), unknown("a field that the schema of this example describes", name, fields))


def _shown(names: Names) -> set[int]:
    """The identities of the schemas of which the example of a request has a value."""
    found: set[int] = set()
    for operation in names.operations.values():
        content = members(members(names.follow(operation.value.get("requestBody"))).get("content"))
        for media in content.values():
            for example in members(members(media).get("examples")).values():
                _collect(names, members(media).get("schema"), members(names.follow(example)).get("value"), found)
    return found


def _collect(names: Names, schema: Json, value: Json, found: set[int]) -> None:
    schema = members(names.follow(schema))
    found.add(id(schema))
    for name, field in members(schema.get("properties")).items():
        if name in members(value):
            _collect(names, field, value[name], found)
