"""Whether what a contract refers to is there: operations, fields, examples, models and rules. Pure.

Every ``$ref`` leads somewhere before this is asked (see ``document.follow``). A part that has not the shape of
extensions.schema.yaml is passed over, since the vocabulary reports it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator

from octopusx_video_openapi import rule_references, schemas
from octopusx_video_openapi.document import OF_BODY, Json, Pointer, home
from octopusx_video_openapi.found import Found, nearest, unknown
from octopusx_video_openapi.model import at
from octopusx_video_openapi.names import PHASES, Names, OperationNames, items, members
from octopusx_video_openapi.rule_ids import RuleId
from octopusx_video_openapi.rule_references import operation_id

_VERY_NEAR = 0.9
"""How alike a word in a text and a name are at least, from 0 to 1, for the word to be taken for the misspelt name."""
_PROSE = ("description", "summary", "title")
_RULE = re.compile(r"\bR[0-9]{2,3}\b")
_OPERATION = re.compile(r"\b[a-z]+[A-Z][A-Za-z]*\b")
_EXTENSION = re.compile(r"\bx-[a-zA-Z]+(?:-[a-z]+)*")
_REQUEST = "request."
_OF_REQUEST = "$request."
"""With what the expression of a link begins that takes a value out of the request."""
_UNKNOWN_TASK = "unknown-task"
_WRONG_ROUTE = "wrong-route"
_DATA = frozenset({"value", "example", "examples", "default", "const", "enum", "source"})
"""The keys under which stands data, and nothing that is written about the API."""
_TIME = "seconds since 1970-01-01T00:00:00Z"
_UNITS = {
    "task.created": _TIME,
    "task.ended": _TIME,
    "task.expires": _TIME,
    "task.length": "seconds",
    "task.progress": "percent",
    "task.updated": _TIME,
}
"""For each value of ``x-value-of`` that is a number, what it counts, ``x-unit``."""
_MODEL = "model"
"""The field of a request by whose value ``otherwise-by-model`` goes."""
_LENGTH_RULES = (RuleId.R26, RuleId.R55)


def check(names: Names, extensions: Iterable[str]) -> Iterator[Found]:
    """Each reference of a document that leads nowhere, and what a reference needs and does not find.

    Args:
        names: What the parts of the document are called.
        extensions: The known x- keys, which texts may name.
    """
    yield from rule_references.check(names)
    for name, operation in names.operations.items():
        yield from _of_operation(names, name, operation)
        yield from _of_new_tasks(names, operation)
    yield from _of_life(names)
    yield from _of_responses(names)
    known = list(extensions)
    requested = {id(schema) for schema in names.reached(one.body for one in names.operations.values())}
    for pointer, node in _objects(names.root, ()):
        yield from _of_object(names, pointer, node, requested=id(node) in requested)
        yield from _of_texts(names, pointer, node, known)


# ---- Operations, their responses, and the life of a task


def _of_operation(names: Names, name: str, operation: OperationNames) -> Iterator[Found]:
    needed_by = [number for number in _LENGTH_RULES if number in names.rules]
    if needed_by and operation.starts_task and "x-result-length" not in operation.value:
        text = f'"x-result-length" is missing; needed by {" and ".join(needed_by)}'
        yield Found(operation.pointer, text, "x-result-length")
    length = members(operation.value.get("x-result-length"))
    if length and not operation.starts_task:
        here = (*operation.pointer, "x-result-length")
        yield Found(here, f'"x-result-length" does not belong to {name}, which starts no task; remove it')
    in_parts = list(_of_body(names, name, operation)) if operation.starts_task else []
    yield from in_parts or _of_length(names, name, operation, length)


def _of_body(names: Names, name: str, operation: OperationNames) -> Iterator[Found]:
    """Each field that only a part of the body's schema describes, where no program looks for it."""
    listed = members(members(names.follow(operation.body)).get("properties"))
    for field in names.fields([operation.body]):
        if field not in listed:
            text = f'"{field}" stands within allOf, anyOf or oneOf, where it is not read; list it among the properties'
            yield Found((*operation.pointer, "requestBody"), f"{text} of the body of {name} itself")


def _of_length(names: Names, name: str, operation: OperationNames, length: dict[str, Json]) -> Iterator[Found]:
    here = (*operation.pointer, "x-result-length")
    fields = names.fields([operation.body])
    if "adds" in length and "starts-at" not in length and operation.names_task:
        yield Found(here, f'"starts-at" is missing; a request of {name} names a source video', "starts-at")
    for key in ("starts-at", "as-long-as"):
        if key in length and not operation.names_task:
            text = f'"{key}" needs a source video, and no request of {name} names a task (TaskId); say its length with '
            yield Found((*here, key), text + ("adds alone, or with fixed" if key == "starts-at" else "fixed"))
    for key in ("starts-at", "adds"):
        part = members(length.get(key))
        field = part.get("field")
        if field is None or (key == "starts-at" and not operation.names_task):
            continue
        if field in fields:
            yield from _of_length_field(names, operation, (*here, key), part, fields[field])
        else:
            yield Found((*here, key, "field"), unknown(f"a field of the request body of {name}", field, fields))
    by_model = members(members(length.get("adds")).get("otherwise-by-model"))
    if by_model and _MODEL not in fields:
        text = f'"otherwise-by-model" needs the field "{_MODEL}", which no request of {name} has; remove it'
        yield Found((*here, "adds", "otherwise-by-model"), text)
    for model in by_model:
        models = _models(names)
        if model not in models:
            known = [one for one in models if "-" in one]
            text = f"{unknown('a model that the description of an operation names', model, known)}"
            yield Found((*here, "adds", "otherwise-by-model", model), text)


def _of_length_field(
    names: Names, operation: OperationNames, here: Pointer, part: dict[str, Json], schemas: list[Json]
) -> Iterator[Found]:
    """A field that says seconds is a number. One that a request may leave out needs a value that counts then."""
    field = part["field"]
    whole = [{**members(names.follow(schema)), **members(schema)} for schema in schemas]
    if not all(map(_is_number, whole)):
        text = f"{field} is no number of seconds; name a field of type integer or number, or one whose enum has numbers"
        yield Found((*here, "field"), text)
    if field in items(members(names.follow(operation.body)).get("required")):
        return
    if here[-1] == "starts-at" and "otherwise" not in part:
        yield Found(here, f'"otherwise" is missing; a request may leave {field} out', "otherwise")
    if here[-1] == "adds":
        place = home(schemas[0], (*here, "field"))
        defaults = [schema["x-default-when-omitted"] for schema in whole if "x-default-when-omitted" in schema]
        if not defaults:
            text = f'"x-default-when-omitted" is missing; a request may leave {field} out'
            yield Found(place, text, "x-default-when-omitted")
        for default in defaults:
            if not _is_seconds(default):
                text = f'"{default}" is not a number of seconds, and {here[-2]} needs one'
                yield Found((*place, "x-default-when-omitted"), text)


def _is_number(schema: dict[str, Json]) -> bool:
    if "enum" in schema:
        return all(map(_is_seconds, items(schema["enum"])))
    types = schema.get("type")
    return {str(one) for one in (types if isinstance(types, list) else [types])} - {"null"} in ({"integer"}, {"number"})


def _is_seconds(value: Json) -> bool:
    try:
        return not isinstance(value, bool) and math.isfinite(float(value)) and float(value) >= 0
    except (TypeError, ValueError, OverflowError):
        return False


def _models(names: Names) -> set[str]:
    """Every word of the descriptions of operations, among them the models that differ from others."""
    texts = (str(operation.value.get("description", "")) for operation in names.operations.values())
    return {word for text in texts for word in re.findall(r"[\w.-]*\w", text)}


def _of_new_tasks(names: Names, operation: OperationNames) -> Iterator[Found]:
    """Each value that a link of a success takes along and that is not the id of the task of this response."""
    for status, response in operation.responses.items():
        here = names.home((*operation.pointer, "responses", status))
        for link in members(response.get("links")) if status.startswith("2") else ():
            place = names.home((*here, "links", link))
            for parameter, expression in members(members(names.at(place)).get("parameters")).items():
                schemas = [members(media).get("schema") for media in members(response.get("content")).values()]
                known = [f"{OF_BODY}{'/'.join(path)}" for path in names.places(schemas, _is_id_of_task)]
                if expression not in known and not str(expression).startswith(_OF_REQUEST):
                    text = unknown("where this response has the id of its task", expression, known)
                    yield Found((*place, "parameters", parameter), text)


def _is_id_of_task(schema: dict[str, Json]) -> bool:
    return schema.get("x-value-of") == "task.id"


def _of_life(names: Names) -> Iterator[Found]:
    life = members(names.root.get("x-task-life"))
    for place, status, listing in _statuses(life):
        if isinstance(status, str) and listing in names.schemas and status not in names.listed(listing):
            yield Found(place, unknown(f"a value of {listing}", status, names.listed(listing)))
    lasts: list[Json] = [members(one).get("lasts") for one in items(life.get("runs"))]
    after: Json = members(life.get("expires")).get("after")
    if all(map(_is_seconds, (*lasts, after))) and after < sum(lasts):
        text = (
            f"the video expires {after} s after the submit, and the task runs for {sum(lasts)} s; correct one of them"
        )
        yield Found(("x-task-life", "expires", "after"), text)
    for status in dict.fromkeys(
        one for one in names.statuses if isinstance(one, str) and names.statuses.count(one) > 1
    ):
        listing = [name for name in PHASES.values() if status in names.listed(name)][-1]
        text = f'"{status}" is listed twice among {", ".join(PHASES.values())}; list it where it belongs'
        yield Found(("components", "schemas", listing, "enum"), text)
    prefix = members(life.get("ids")).get("prefix")
    ids = list(dict.fromkeys(_new_ids(names)))
    if isinstance(prefix, str) and not any(one.startswith(prefix) and one[len(prefix) :][:1].isalnum() for one in ids):
        text = f'"{prefix}" is not what an id of a new task begins with; the examples are {", ".join(ids)}'
        yield Found(("x-task-life", "ids", "prefix"), text)
    code = members(life.get("unknown")).get("code")
    codes = list(_in_examples(names, _UNKNOWN_TASK, ("code",)))
    if isinstance(code, str) and code not in codes:
        text = unknown(f"a code of an example of {_UNKNOWN_TASK}", code, codes)
        yield Found(("x-task-life", "unknown", "code"), text)
    kind = members(names.root.get("x-wrong-route")).get("error-type")
    kinds = list(_in_examples(names, _WRONG_ROUTE, ("error", "type")))
    if isinstance(kind, str) and kind not in kinds:
        text = unknown(f"the type of an error of an example of {_WRONG_ROUTE}", kind, kinds)
        yield Found(("x-wrong-route", "error-type"), text)


def _statuses(life: dict[str, Json]) -> Iterator[tuple[Pointer, Json, str]]:
    """Each status of a task's life with its place, and with the component schema that lists such statuses."""
    for part, listing in PHASES.items():
        here: Pointer = ("x-task-life", part)
        yield (*here, "status"), members(life.get(part)).get("status"), listing
        for index, one in enumerate(items(life.get(part))):  # a task may have several statuses while it runs
            yield (*here, index, "status"), members(one).get("status"), listing


def _new_ids(names: Names) -> Iterator[str]:
    """The ids of new tasks in the examples of the operations that start one."""
    for operation in names.operations.values():
        for status, response in operation.responses.items() if operation.starts_task else ():
            for media in members(response.get("content")).values() if status.startswith("2") else ():
                paths = list(names.places([members(media).get("schema")], _is_id_of_task))
                for example in members(members(media).get("examples")).values():
                    values = (at(members(names.follow(example)).get("value"), path) for path in paths)
                    yield from (value for value in values if isinstance(value, str))


def _in_examples(names: Names, cause: str, place: tuple[str, ...]) -> dict[str, None]:
    """The texts at a place of the examples of a cause, each once."""
    found: dict[str, None] = {}
    for operation in names.operations.values():
        for response in operation.responses.values():
            example = str(members(response.get("x-when")).get(cause))
            for media in members(response.get("content")).values():
                shown = members(names.follow(members(members(media).get("examples")).get(example)))
                value = at(shown.get("value"), place)
                found |= {value: None} if isinstance(value, str) else {}
    return found


def _of_responses(names: Names) -> Iterator[Found]:
    """Each response, where it is defined, once."""
    components = members(names.root.get("components"))
    places: list[tuple[Pointer, Json]] = [
        (("components", "responses", name), response) for name, response in members(components.get("responses")).items()
    ]
    for operation in names.operations.values():
        for status, response in members(operation.value.get("responses")).items():
            if "$ref" not in members(response):
                places.append(((*operation.pointer, "responses", status), response))
    for here, response in places:
        yield from _of_response(names, here, members(response))
    for name, link in members(components.get("links")).items():
        yield from _of_link(names, ("components", "links", name), members(link))


def _of_response(names: Names, here: Pointer, response: dict[str, Json]) -> Iterator[Found]:
    examples = [
        name for media in members(response.get("content")).values() for name in members(members(media).get("examples"))
    ]
    for cause, name in members(response.get("x-when")).items():
        if name not in examples:
            text = f"{unknown('an example of this response', name, examples)}"
            yield Found((*here, "x-when", cause), text)
    for name, link in members(response.get("links")).items():
        if "$ref" not in members(link):
            yield from _of_link(names, (*here, "links", name), members(link))


def _of_link(names: Names, here: Pointer, link: dict[str, Json]) -> Iterator[Found]:
    target = link.get("operationId")
    if not isinstance(target, str):
        return
    yield from operation_id(names, (*here, "operationId"), target)
    if target in names.operations:
        known = sorted(names.operations[target].parameters)
        for parameter in members(link.get("parameters")):
            if parameter not in known:
                text = unknown(f"a parameter of {target}", parameter, known)
                yield Found((*here, "parameters", parameter), text)


# ---- Any object


def _objects(node: Json, here: Pointer) -> Iterator[tuple[Pointer, dict[str, Json]]]:
    """Every object of a document that is not data, with its place."""
    if isinstance(node, dict):
        yield here, node
        for key, value in node.items():
            # Under `properties` a key is the name of a field.
            if key not in _DATA or here[-1:] == ("properties",):
                yield from _objects(value, (*here, key))
    elif isinstance(node, list):
        for index, value in enumerate(node):
            yield from _objects(value, (*here, index))


def _of_object(names: Names, here: Pointer, node: dict[str, Json], *, requested: bool) -> Iterator[Found]:
    value_of = node.get("x-value-of")
    if here[-1:] != ("properties",) and isinstance(value_of, str):
        if requested:
            yield Found((*here, "x-value-of"), '"x-value-of" does not belong to a field of a request; remove it')
        if value_of.startswith(_REQUEST) and value_of.removeprefix(_REQUEST) not in names.submitted:
            known = [f"{_REQUEST}{name}" for name in names.submitted]
            text = unknown("a field of the request bodies that start a task", value_of, known)
            yield Found((*here, "x-value-of"), text)
    if isinstance(value_of, str) and _UNITS.get(value_of) not in (None, node.get("x-unit")):
        yield Found(here, f'"x-unit" is missing or wrong; {value_of} counts "{_UNITS[value_of]}"', "x-unit")
    if isinstance(node.get("x-enum-grades"), dict):
        yield from _of_enum_grades(here, node)
    pattern = node.get("pattern")
    if here[-1:] != ("properties",) and isinstance(pattern, str) and not schemas.is_pattern(pattern):
        text = "is not a regular expression that can be used; write one without lookaround and back references"
        yield Found((*here, "pattern"), f'"{pattern}" {text}')
    default = node.get("x-default-when-omitted")
    if isinstance(node.get("enum"), list) and default is not None and default not in node["enum"]:
        yield Found((*here, "x-default-when-omitted"), unknown("a value of enum", default, node["enum"]))


def _of_enum_grades(here: Pointer, node: dict[str, Json]) -> Iterator[Found]:
    values = [str(value) for value in items(node.get("enum"))]
    grades = node["x-enum-grades"]
    for value in grades:
        if value not in values:
            yield Found((*here, "x-enum-grades", value), unknown("a value of enum", value, values))
    for value in values:
        if value not in grades:
            yield Found((*here, "x-enum-grades"), f'"{value}" is missing; give each value of enum a grade', value)


def _of_texts(names: Names, here: Pointer, node: dict[str, Json], extensions: list[str]) -> Iterator[Found]:
    """What the texts of an object name: rules, operations, x- keys."""
    if here[-1:] == ("properties",):
        return
    grade = here[-1:] == ("x-grade",) or here[-2:-1] == ("x-enum-grades",)
    for key, text in node.items():
        if not isinstance(text, str) or not (grade or key in _PROSE):
            continue
        for word in dict.fromkeys(_RULE.findall(text)):
            if names.rules and word not in names.rules:
                yield Found((*here, key), unknown("a rule", word, names.rules))
        for pattern, what, known in ((_OPERATION, "an operation", names.operations), (_EXTENSION, "a key", extensions)):
            for word in dict.fromkeys(pattern.findall(text)):
                near = None if word in known else nearest(word, known, _VERY_NEAR)
                if near:
                    yield Found((*here, key), f'"{word}" is not {what}; did you mean "{near}"?')
