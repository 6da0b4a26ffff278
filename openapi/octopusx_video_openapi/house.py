"""The rules of the project for its own contract, beyond the vocabulary: what must have a grade, and what an example.

``nox -s lint`` and the tests ask this; another contract that is loaded with ``--contract`` need not keep them.
"""

from __future__ import annotations

from collections.abc import Iterator

from octopusx_video_openapi import checking, vocabulary
from octopusx_video_openapi.contract import Contract
from octopusx_video_openapi.document import ContractError, Document, Json, Pointer, Problem, home
from octopusx_video_openapi.found import Found, unknown
from octopusx_video_openapi.names import Names, items, members

_EXAMPLES = ("const", "enum", "example", "examples")


def checked(document: Document) -> Contract:
    """The contract of a document that keeps the vocabulary and the rules of the project.

    Raises:
        ContractError: It does not. It has a line for each problem.
    """
    contract = checking.usable(document)
    problems = [*vocabulary.check(document), *check(document)]
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
    for operation in names.operations.values():
        holders = [(*operation.pointer, "responses", status) for status in operation.responses]
        holders += [(*operation.pointer, "requestBody")] if "requestBody" in operation.value else []
        for holder in map(names.home, holders):
            for kind, media in members(members(names.at(holder)).get("content")).items():
                for name in members(members(media).get("examples")):
                    place = names.home((*holder, "content", kind, "examples", name))
                    value = members(names.at(place)).get("value")
                    yield from _undescribed(names, [members(media).get("schema")], value, (*place, "value"))


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
