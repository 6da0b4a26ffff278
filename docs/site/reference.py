"""The pages of the reference, as Markdown: operations, schemas, rules, and what a request may cost. Pure.

Each operation, response, field, rule and grade of the contract is on one of these pages, in a section with an anchor of
its own: ``#extendVideo``, ``#extendVideo-429``, ``#VideoTask.progress``, ``#R04``.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from octopusx_video_openapi import Contract, Operation, Response, Rule, Schema
from octopusx_video_openapi.grades import Grade

GRADES = {
    "documented": "a page of OctopusX says so",
    "gateway": "the source code of the gateway does so",
    "inferred": "it follows from what is known",
    "probed": "the service responded like this when it was probed",
    "chosen": "there is no source; the project chose it",
}
Page = Iterator[str]


def operations(contract: Contract) -> Page:
    """The page of the operations."""
    yield "# Operations"
    for operation in contract.operations.values():
        yield f"\n## `{operation.method.upper()} {operation.path}` {{ #{operation.id} }}\n"
        yield f"**{operation.id}**: {operation.summary}. {_grade(operation.grade)}"
        yield from _parameters(operation)
        if operation.body is not None:
            yield f"\n### Request body of {operation.id} {{ #{operation.id}-request }}\n"
            for media_type, media in operation.body.media.items():
                yield f"`{media_type}`\n"
                if media.schema is not None:
                    yield from fields(media.schema, f"{operation.id}.")
                yield from _examples(media.examples)
        for response in operation.responses.values():
            yield from _response(operation, response)


def _parameters(operation: Operation) -> Page:
    if operation.parameters:
        yield "\n| parameter | in | required | type | how it is known |"
        yield "| --- | --- | --- | --- | --- |"
    for one in operation.parameters:
        required = "yes" if one.required else "no"
        anchor = f'<span id="{operation.id}.{one.name}"></span>'
        yield f"| {anchor}`{one.name}` | {one.place} | {required} | {_type(one.schema)} | {_grade(one.grade)} |"


def _response(operation: Operation, response: Response) -> Page:
    yield f"\n### {operation.id}: {response.status} {{ #{operation.id}-{response.status} }}\n"
    yield f"Billed: **{response.billed}**. {_grade(response.grade)}\n"
    if response.causes:
        yield f"Sent for: {', '.join(sorted(response.causes))}.\n"
    for name, header in response.headers.items():
        yield f"Header `{name}`: {_type(header.schema)}. {_grade(header.grade)}\n"
    for link in response.links:
        yield f"Read the task with [{link.operation}](#{link.operation}).\n"
    for media_type, media in response.media.items():
        yield f"`{media_type}`: {_type(media.schema) if media.schema is not None else 'any value'}\n"
        yield from _examples(media.examples)


def schemas(contract: Contract) -> Page:
    """The page of the schemas, each with its fields."""
    yield "# Schemas"
    for name, schema in contract.schemas.items():
        yield f"\n## {name} {{ #{name} }}\n"
        if schema.description:
            yield f"{schema.description}\n"
        yield f"{_type(schema, named=False)}. {_grade(schema.grade)}\n"
        for value, grade in schema.enum_grades.items():
            yield f"- `{value}`: {_grade(grade)}"
        yield from fields(schema, f"{name}.")


def fields(schema: Schema, prefix: str) -> Page:
    """A table of the fields of a schema, those within its fields included."""
    rows = list(_rows(schema, prefix, ""))
    if rows:
        yield "\n| field | required | type | what it is | how it is known |"
        yield "| --- | --- | --- | --- | --- |"
        yield from rows
        yield ""


def _rows(schema: Schema, prefix: str, path: str) -> Iterator[str]:
    for part in (schema, *schema.branches("allOf", "anyOf", "oneOf")):
        for name, field in part.properties.items():
            shown = f"{path}{name}"
            required = "yes" if name in part.required else "no"
            anchor = f'<span id="{prefix}{shown}"></span>'
            text = " ".join(filter(None, (field.description, _more(field)))).replace("|", "\\|")
            yield f"| {anchor}`{shown}` | {required} | {_type(field)} | {text} | {_grade(field.grade)} |"
            if not field.reference:
                yield from _rows(field, prefix, f"{shown}.")
                if field.items is not None and not field.items.reference:
                    yield from _rows(field.items, prefix, f"{shown}[].")


def _more(field: Schema) -> str:
    parts = []
    if field.unit:
        parts.append(f"Unit: {field.unit}.")
    if field.default_when_omitted is not None:
        parts.append(f"If omitted: `{json.dumps(field.default_when_omitted)}`.")
    return " ".join(parts)


def rules(contract: Contract) -> Page:
    """The page of the rules."""
    yield "# Rules\n"
    yield "A broken `must` rule fails every run of the contract suite; a broken `should` rule fails it with `--strict`."
    for rule in contract.rules:
        yield f"\n## {rule.id} {{ #{rule.id} }}\n"
        yield f"{rule.title}\n"
        yield f"Level: **{rule.level}**. Concerns: {rule.about or 'any response'}. {_grade(rule.grade)}\n"
        yield from _facts(rule)


def _facts(rule: Rule) -> Page:
    if rule.operations:
        yield "Operations: " + ", ".join(f"[{name}](operations.md#{name})" for name in rule.operations) + ".\n"
    if rule.statuses:
        yield f"Statuses: {', '.join(map(str, rule.statuses))}.\n"
    for name, values in (("Constant", rule.constant), ("Never falls", rule.never_falls), ("In order", rule.in_order)):
        if values:
            yield f"{name}: {', '.join(f'`{value}`' for value in values)}.\n"
    for name, duration in (("Tolerance", rule.tolerance), ("Within", rule.within)):
        if duration is not None:
            yield f"{name}: {duration.seconds:g} seconds. {_grade(duration.grade)}\n"
    for submit, reads in rule.read_by.items():
        yield f"A task of {submit} is read by {', '.join(reads)}.\n"
    if rule.billed:
        yield f"Such a request is billed: **{rule.billed}**.\n"
    yield from _schemas_of(rule)


def _schemas_of(rule: Rule) -> Page:
    for name, schema in (("when", rule.when), ("schema", rule.schema)):
        if schema is not None:
            yield f"JSON Schema (`{name}`):\n\n```json\n{_pretty(schema)}\n```\n"


def money(contract: Contract) -> Page:
    """The page of what a request may cost, by its operation and the status of its response."""
    statuses = sorted({status for one in contract.operations.values() for status in one.responses})
    yield "# What a request may cost\n"
    yield "Whether a request may have been billed, by its operation and the status of its response. A response that is"
    yield "not listed, and no response at all, count as possible ([R29](rules.md#R29)). Two rules depend on the body:"
    yield "[R28](rules.md#R28) and [R35](rules.md#R35).\n"
    yield "![What a response means for the bill](money.svg)\n"
    yield f"| operation | {' | '.join(statuses)} |"
    yield f"| --- |{' --- |' * len(statuses)}"
    for operation in contract.operations.values():
        cells = (operation.responses[status].billed if status in operation.responses else "" for status in statuses)
        yield f"| [{operation.id}](operations.md#{operation.id}) | {' | '.join(cells)} |"


def _examples(examples: Mapping[str, Any]) -> Page:
    for name, value in examples.items():
        yield f"\nExample `{name}`:\n\n```json\n{json.dumps(value, ensure_ascii=False, indent=2)}\n```\n"


def _grade(grade: Grade | None) -> str:
    return f"*{grade.kind}*: {_text(grade.source)}" if grade is not None else ""


def _text(text: str) -> str:
    """A text of the contract in a cell of a table."""
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;")


def _code(text: str) -> str:
    """A text as code, in which nothing means anything to Markdown. Backticks do not keep a bar out of a table."""
    return f"<code>{''.join(one if one.isalnum() or one == ' ' else f'&#{ord(one)};' for one in text)}</code>"


def _type(schema: Schema, *, named: bool = True) -> str:
    if named and schema.reference:
        return f"[{schema.reference}](schemas.md#{schema.reference})"
    if schema.enum:
        return " or ".join(f"`{json.dumps(value, ensure_ascii=False)}`" for value in schema.enum)
    branches = schema.branches("anyOf", "oneOf")
    if branches:
        return " or ".join(dict.fromkeys(_type(branch) for branch in branches))
    parts = [part for part in schema.branches("allOf") if part.reference]
    if parts and not schema.types:
        return " and ".join(_type(part) for part in parts)
    name = " or ".join(schema.types) or "any value"
    if schema.items is not None:
        name = f"{name} of {_type(schema.items)}"
    limits = ", ".join(f"{key} {json.dumps(schema.limit(key))}" for key in schema.assertions if key not in _SHOWN)
    return f"{name} ({_code(limits)})" if limits else name


_SHOWN = {"type", "enum", "anyOf", "oneOf", "allOf", "required", "not", "if"}


def _pretty(schema: Schema) -> str:
    return json.dumps(json.loads(schema.text), ensure_ascii=False, indent=2)
