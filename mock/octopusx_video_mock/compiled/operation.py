"""An operation of the contract, ready to be served: what it takes, what it answers, and to what."""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from octopusx_video_openapi import Contract, Operation, lifecycle, task_ids
from octopusx_video_openapi.document import Pointer
from octopusx_video_openapi.model import is_json
from octopusx_video_openapi.schemas import Validator

from octopusx_video_mock.compiled import validation as _schema
from octopusx_video_mock.compiled.problems import Problems
from octopusx_video_mock.compiled.template import Template, templates
from octopusx_video_mock.faults.table import Stage

Json = Any
_BODY = ("requestBody", "content")


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of a path, a query or a header, and how its text becomes a value of its schema."""

    name: str
    place: str
    required: bool
    read: Callable[[str], Json]
    validator: Validator


@dataclass(frozen=True, slots=True)
class Served:
    """An operation, ready to be served.

    Attributes:
        operation: The operation as the contract has it.
        number: What it is called in a task's id.
        starts: Whether its answer is a new task: the contract links it to the reads.
        task: Where a read is told its task, as (``path`` or ``query``, name); None for an operation that is no read.
        content: The media type of the video, of the operation that sends it.
        named: Where the request names tasks (of a submit, its source).
        parameters: All parameters.
        media_types: Of the body, in lower case; empty where it takes none.
        body_required: Whether there must be one.
        validator: Of the body.
        secured: Whether it takes a key.
        causes: The answer to each cause of ``x-when``.
        templates: Every example of every answer.
        success: What is answered where nothing says otherwise; a submit's or a read's values are put into it.
        refusal: The answer to anything wrong that the contract gives no cause for.
        by_status: The first example of each status.
        by_task_status: Of a read, the first example of each status that a task has in its life.
        headers: The examples of the documented headers, by status and name.
    """

    operation: Operation
    number: int
    starts: bool
    task: tuple[str, str] | None
    content: str | None
    named: tuple[tuple[str, ...], ...]
    parameters: tuple[Parameter, ...]
    media_types: frozenset[str]
    body_required: bool
    validator: Validator | None
    secured: bool
    causes: dict[str, Template]
    templates: tuple[Template, ...]
    success: Template
    refusal: Template | None
    by_status: dict[int, Template]
    by_task_status: dict[str, Template]
    headers: dict[int, dict[str, str]]

    @property
    def stage(self) -> Stage | None:
        """At which stage of a task's life it is asked; None for an operation that has to do with no task."""
        if self.starts:
            return "submit"
        return None if self.task is None else "content" if self.content else "read"

    def has(self, status: int, example: str) -> bool:
        """Whether the contract shows this answer."""
        return any((template.status, template.example) == (status, example) for template in self.templates)


def serve(operation: Operation, problems: Problems) -> Served | None:
    """The operation, ready to be served; None where it can't be, for one of the problems that are added."""
    contract = operation.contract
    place = ("paths", operation.path, operation.method)
    found, causes, lacking = _responses(operation, place, problems)
    by_status = {template.status: template for template in reversed(found)}
    task = operation.task_parameter
    content = operation.video_type if operation.reads_task else None
    parameters = tuple(_parameters(operation, place, problems))
    media_types = _media_types(operation, place, problems)
    if operation.starts_task:
        with problems.collecting():
            _ = operation.result_length
    success = next((template for template in found if template.status < 300), None)
    refusal = by_status.get(400) or by_status.get(422)
    secured = _secured(contract, operation, place, problems)
    wanted = [(success, "2", "a success (2xx); give one, it is what is served")]
    if parameters or media_types:
        wanted.append((refusal, "4", "400 (or 422); say how an invalid request is refused"))
    if secured:
        wanted.append((by_status.get(401), "4", "401; say how a missing or wrong key is refused"))
    for template, digit, what in wanted:
        if template is None and digit not in lacking:
            problems.add((*place, "responses"), f"no example of {what}")
    if secured and 401 in by_status:
        causes.setdefault("no-credential", by_status[401])
    media = next(iter(operation.body.media.values()), None) if operation.body else None
    validator = None
    if media is not None and media.schema is not None:
        validator = _schema.validator(media.schema, (*place, *_BODY, media.type, "schema"), problems)
    is_read = task is not None and content is None and "2" not in lacking
    by_task_status = _by_task_status(contract, found, place, problems) if is_read else {}
    if success is None:
        return None
    return Served(
        operation=operation,
        number=zlib.crc32(operation.id.encode()) & 0xFFFF,
        starts=operation.starts_task,
        task=(task.place, task.name) if task else None,
        content=content,
        named=task_ids.places(operation),
        parameters=parameters,
        media_types=media_types,
        body_required=operation.body is not None and operation.body.required,
        validator=validator,
        secured=secured,
        causes=causes,
        templates=tuple(found),
        success=success,
        refusal=refusal,
        by_status=by_status,
        by_task_status=by_task_status,
        headers={
            int(status): {name: str(header.examples[0]) for name, header in response.headers.items() if header.examples}
            for status, response in operation.responses.items()
            if status.isdecimal()
        },
    )


def _responses(
    operation: Operation, place: Pointer, problems: Problems
) -> tuple[list[Template], dict[str, Template], set[str]]:
    """The examples, those for each cause, and the first digits of the statuses that lack an example."""
    found: list[Template] = []
    causes: dict[str, Template] = {}
    lacking = set()
    for status, response in operation.responses.items():
        if not status.isdecimal() or not 200 <= int(status) <= 599:
            text = "only a status from 200 to 599 can be answered; document each by its number"
            problems.add((*place, "responses", status), text)
            lacking.add(status[0])
            continue
        documented = list(templates(response, problems))
        found += documented
        lacking |= {status[0] for media in response.media.values() if not media.examples}
        for cause, name in response.causes.items():
            causes.setdefault(cause, next(template for template in documented if template.example == name))
    return found, causes, lacking


def _by_task_status(
    contract: Contract, templates: list[Template], place: Pointer, problems: Problems
) -> dict[str, Template]:
    """The example of each status that a task has in its life."""
    if not contract.has("x-task-life"):
        return {}
    life = lifecycle.task_life(contract)
    found = {}
    for status in dict.fromkeys([*(run.status for run in life.runs), life.succeeded, life.failed]):
        shown = (t for t in templates if t.status < 300 and t.shows("task.status") == status)
        template = next(shown, None)
        if template is None:
            text = f"no example of a task that is {status}; give one, it is what is served"
            problems.add((*place, "responses"), text)
        else:
            found[status] = template
    return found


def _parameters(operation: Operation, place: Pointer, problems: Problems) -> Iterator[Parameter]:
    for parameter in operation.parameters:
        here = (*place, "parameters", parameter.name)
        kind = " or ".join(parameter.schema.types) or "string"
        reader = _READERS.get(kind)
        if parameter.place not in {"path", "query", "header"} or reader is None:
            text = (
                f"a {parameter.place} parameter of type {kind} can't be served; "
                f"use {', '.join(_READERS)} in path, query or header"
            )
            problems.add(here, text)
            continue
        yield Parameter(
            name=parameter.name,
            place=parameter.place,
            required=parameter.required,
            read=reader,
            validator=_schema.validator(parameter.schema, (*here, "schema"), problems),
        )


def _number(text: str) -> Json:
    # What is no number stays text, and the schema refuses it.
    return float(text) if re.fullmatch(r"-?[0-9]{1,300}(\.[0-9]{1,300})?", text) else text


def _integer(text: str) -> Json:
    return int(text) if re.fullmatch(r"-?[0-9]{1,300}", text) else text


def _boolean(text: str) -> Json:
    return {"true": True, "false": False}.get(text, text)


_READERS: dict[str, Callable[[str], Json]] = {
    "string": lambda text: text,
    "integer": _integer,
    "number": _number,
    "boolean": _boolean,
}


def _media_types(operation: Operation, place: Pointer, problems: Problems) -> frozenset[str]:
    bodies = operation.body.media if operation.body else {}
    for media in bodies.values():
        if not is_json(media.type) or media.schema is None:
            text = "only JSON with a schema can be checked; describe it so"
            problems.add((*place, *_BODY, media.type), text)
    return frozenset(media_type.lower() for media_type in bodies)


def _secured(contract: Contract, operation: Operation, place: Pointer, problems: Problems) -> bool:
    for name in {name for group in operation.schemes for name in group}:
        if contract.security_schemes.get(name) != ("http", "bearer"):
            text = "only an http bearer scheme can be served; define it as one"
            known = name in contract.security_schemes
            problems.add(("components", "securitySchemes", name) if known else (*place, "security", name), text)
    return operation.is_secured
