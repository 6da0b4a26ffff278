"""Whether what the numbered rules refer to is there: operations, statuses, fields, and what rules need. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from octopusx_video_openapi.document import Json, Pointer
from octopusx_video_openapi.found import Found, unknown
from octopusx_video_openapi.names import Names, items, members
from octopusx_video_openapi.rule_ids import RuleId

BILLING_RULE = RuleId.R54
"""The rule that needs ``x-billed`` of each response of its operations."""
_VALUES: dict[str, tuple[str, ...]] = {
    RuleId.R48: ("request.",),
    RuleId.R51: ("task.address",),
    RuleId.R55: ("task.length",),
    RuleId.R56: ("task.created", "task.updated"),
}
"""For each rule about values of ``x-value-of``: with what they begin, of which one must be in each response."""
_LISTS_OF_NUMBERS = ("in-order", "never-falls")
_LISTS_OF_FIELDS = ("constant", *_LISTS_OF_NUMBERS)


def check(names: Names) -> Iterator[Found]:
    """Each reference of a rule that leads nowhere, and what a rule needs and does not find."""
    highest = -1
    for index, rule in enumerate(items(names.root.get("x-rules"))):
        here: Pointer = ("x-rules", index)
        number = str(members(rule).get("id", ""))[1:]
        if number.isdecimal():
            if int(number) <= highest:
                text = f'"R{number}" comes after R{highest:02}; number rules upwards, and use no number twice'
                yield Found((*here, "id"), text)
            highest = max(highest, int(number))
        yield from _of_rule(names, here, members(rule))


def operation_id(names: Names, pointer: Pointer, name: str) -> Iterator[Found]:
    """What is wrong where the name is not that of an operation."""
    if name not in names.operations:
        yield Found(pointer, unknown("an operation", name, names.operations))


def _of_rule(names: Names, here: Pointer, rule: dict[str, Json]) -> Iterator[Found]:
    operations = [str(name) for name in items(rule.get("operations"))]
    for index, name in enumerate(operations):
        yield from operation_id(names, (*here, "operations", index), name)
    if "read-by" in rule:
        yield from _of_read_by(names, (*here, "read-by"), members(rule["read-by"]))
    if any(name not in names.operations for name in operations):
        return  # what the responses of an unknown operation hold is not known
    yield from _of_statuses(names, here, rule, operations)
    yield from _of_fields(names, here, rule, operations)
    if rule.get("id") in _VALUES:
        yield from _of_values(names, here, rule["id"], operations)
    if rule.get("id") == BILLING_RULE:
        yield from _of_billing(names, operations)


def _of_statuses(names: Names, here: Pointer, rule: dict[str, Json], operations: list[str]) -> Iterator[Found]:
    """Each status is documented by an operation of the rule, and each operation documents one of the statuses."""
    statuses = [status for status in items(rule.get("statuses")) if isinstance(status, int)]
    documented = sorted({status for name in operations for status in names.operations[name].responses})
    for index, name in enumerate(operations):
        if statuses and not any(names.operations[name].documents(status) for status in statuses):
            listed = ", ".join(map(str, statuses))
            yield Found((*here, "operations", index), f"{name} has no response with a status of the rule: {listed}")
    for index, status in enumerate(statuses):
        if operations and not any(names.operations[name].documents(status) for name in operations):
            text = unknown("a status of these operations", status, documented)
            yield Found((*here, "statuses", index), text)


def _of_fields(names: Names, here: Pointer, rule: dict[str, Json], operations: list[str]) -> Iterator[Found]:
    fields = names.fields(names.bodies(operations))
    for key in _LISTS_OF_FIELDS:
        for index, name in enumerate(items(rule.get(key))):
            if name not in fields:
                yield Found((*here, key, index), unknown("a field of the responses of these operations", name, fields))
            elif key in _LISTS_OF_NUMBERS and not any(map(names.is_number, fields[name])):
                text = f'"{name}" is no number, and {key} compares numbers; name a field of type integer or number'
                yield Found((*here, key, index), text)
    bodies = names.bodies(operations, items(rule.get("statuses")))
    for key in ("schema", "when"):
        yield from _of_schema(names, (*here, key), members(rule.get(key)), bodies)


def _of_read_by(names: Names, here: Pointer, readers: dict[str, Json]) -> Iterator[Found]:
    submits = [name for name, operation in names.operations.items() if operation.starts_task]
    # The operation that sends the video has no JSON with the fields of a task.
    known = [name for name in names.operations if name not in submits and names.fields(names.bodies([name]))]
    for submit, reads in readers.items():
        if submit not in submits:
            yield Found((*here, submit), unknown("an operation that starts a task", submit, submits))
        for index, read in enumerate(items(reads)):
            if read not in known:
                yield Found((*here, submit, index), unknown("an operation that reads a task", read, known))
    for submit in submits:
        if submit not in readers:
            yield Found(here, f'"{submit}" is missing; say which operations read the tasks that it starts', submit)


def _of_values(names: Names, here: Pointer, rule: str, operations: list[str]) -> Iterator[Found]:
    for name in operations:
        bodies = names.bodies([name])
        values = {str(schema.get("x-value-of")) for schema in names.reached(bodies)}
        if names.fields(bodies) and not any(value.startswith(_VALUES[rule]) for value in values):
            wanted = " or ".join(_VALUES[rule])
            text = f"{rule} needs a field with x-value-of: {wanted} in the response of {name}; describe one"
            yield Found(here, text)


def _of_billing(names: Names, operations: list[str]) -> Iterator[Found]:
    for name in operations:
        operation = names.operations[name]
        for status, response in operation.responses.items():
            if "x-billed" not in response:
                text = f'"x-billed" is missing; {BILLING_RULE} needs it of each response of {name}'
                yield Found(names.home((*operation.pointer, "responses", status)), text, "x-billed")


def _of_schema(names: Names, here: Pointer, schema: dict[str, Json], holders: list[Json]) -> Iterator[Found]:
    """The fields and the statuses of tasks that a rule's schema names; ``holders`` are the schemas of what it tests."""
    if "$ref" in schema:
        return
    fields = names.fields(holders) if {"required", "properties"} & schema.keys() else {}
    for index, name in enumerate(items(schema.get("required"))):
        if name not in fields:
            yield Found((*here, "required", index), unknown("a field of these responses", name, fields))
    for name, part in members(schema.get("properties")).items():
        place = (*here, "properties", name)
        if name in fields:
            yield from _of_schema(names, place, members(part), fields[name])
        else:
            yield Found(place, unknown("a field of these responses", name, fields))
    yield from _of_task_statuses(names, here, schema, holders)
    for keyword in ("if", "then", "else", "not"):
        if keyword in schema:
            yield from _of_schema(names, (*here, keyword), members(schema[keyword]), holders)
    for keyword in ("allOf", "anyOf", "oneOf"):
        for index, part in enumerate(items(schema.get(keyword))):
            yield from _of_schema(names, (*here, keyword, index), members(part), holders)


def _of_task_statuses(names: Names, here: Pointer, schema: dict[str, Json], holders: list[Json]) -> Iterator[Found]:
    if not any(members(holder).get("x-value-of") == "task.status" for holder in holders):
        return
    named: list[tuple[Pointer, Json]] = [(("const",), schema["const"])] if "const" in schema else []
    named += [(("enum", index), value) for index, value in enumerate(items(schema.get("enum")))]
    for place, value in named:
        if value not in names.statuses:
            yield Found((*here, *place), unknown("a known status of a task", value, names.statuses))
