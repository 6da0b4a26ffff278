"""An operation of the contract, compiled: what it takes, and its responses."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import Literal

from octopusx_video_openapi import Contract, Operation, lifecycle, task_ids
from octopusx_video_openapi.document import Pointer
from octopusx_video_openapi.model import is_json
from octopusx_video_openapi.schemas import Validator

from octopusx_video_mock.compiled import validation
from octopusx_video_mock.compiled.parameters import Parameter, compile_parameters
from octopusx_video_mock.compiled.problems import Problems
from octopusx_video_mock.compiled.template import Template, compile_templates

_BODY = ("requestBody", "content")

Stage = Literal["submit", "read", "content"]
"""What an operation does with a task: starts it, reads it, or sends its video."""


@dataclass(frozen=True, slots=True)
class CompiledOperation:
    """An operation, compiled.

    Attributes:
        id: Its operationId.
        definition: The operation as the contract has it.
        number: Its number in a task's id.
        starts_task: Whether its response is a new task: the contract links it to the reads.
        task: Of a read, where the request names the task, as (``path`` or ``query``, name).
        video_type: The media type of the video, of the operation that sends it.
        task_places: Where the request names tasks (of a submit, its source).
        parameters: All parameters.
        media_types: Of the body, in lower case; empty where it takes none.
        body_required: Whether there must be one.
        validator: Of the body.
        is_secured: Whether it takes a key.
        by_cause: The response to each cause of ``x-when``.
        templates: Every example of every response.
        success: The usual response; the values of a submit or a read are put into it.
        rejection: The response to anything wrong for which the contract has no cause.
        by_status: The first example of each status.
        by_task_status: Of a read, the first example of each status of a task.
        headers: The examples of the documented headers, by status and name.
    """

    id: str
    definition: Operation
    number: int
    starts_task: bool
    task: tuple[str, str] | None
    video_type: str | None
    task_places: tuple[tuple[str, ...], ...]
    parameters: tuple[Parameter, ...]
    media_types: frozenset[str]
    body_required: bool
    validator: Validator | None
    is_secured: bool
    by_cause: dict[str, Template]
    templates: tuple[Template, ...]
    success: Template
    rejection: Template | None
    by_status: dict[int, Template]
    by_task_status: dict[str, Template]
    headers: dict[int, dict[str, str]]

    @property
    def stage(self) -> Stage | None:
        """What it does with a task; None for an operation that has nothing to do with one."""
        if self.starts_task:
            return "submit"
        return None if self.task is None else "content" if self.video_type else "read"

    def has_response(self, status: int, example: str) -> bool:
        """Whether the contract has this example of this status."""
        return any((template.status, template.example) == (status, example) for template in self.templates)


def compile_operation(operation: Operation, problems: Problems) -> CompiledOperation | None:
    """The operation, compiled; None where it can't be, because of one of the problems that are added."""
    place = ("paths", operation.path, operation.method)
    templates, by_cause, lacking = _responses(operation, place, problems)
    by_status = {template.status: template for template in reversed(templates)}
    success = next((template for template in templates if template.status < 300), None)
    rejection = by_status.get(400) or by_status.get(422)
    parameters = tuple(compile_parameters(operation, place, problems))
    media_types = _media_types(operation, place, problems)
    is_secured = _is_secured(operation, place, problems)
    if operation.starts_task:
        with problems.collecting():
            _ = operation.result_length
    wanted = [(success, "2", "a success (2xx); give one, it is what is served")]
    if parameters or media_types:
        wanted.append((rejection, "4", "400 (or 422); say how an invalid request is refused"))
    if is_secured:
        wanted.append((by_status.get(401), "4", "401; say how a missing or wrong key is refused"))
    for template, digit, what in wanted:
        if template is None and digit not in lacking:
            problems.add((*place, "responses"), f"no example of {what}")
    if is_secured and 401 in by_status:
        by_cause.setdefault("no-credential", by_status[401])
    task = operation.task_parameter
    video_type = operation.video_type if operation.reads_task else None
    validator = _body_validator(operation, place, problems)
    is_read = task is not None and video_type is None and "2" not in lacking
    by_task_status = _by_task_status(operation.contract, templates, place, problems) if is_read else {}
    if success is None:
        return None
    return CompiledOperation(
        id=operation.id,
        definition=operation,
        number=zlib.crc32(operation.id.encode()) & 0xFFFF,
        starts_task=operation.starts_task,
        task=(task.place, task.name) if task else None,
        video_type=video_type,
        task_places=task_ids.places(operation),
        parameters=parameters,
        media_types=media_types,
        body_required=operation.body is not None and operation.body.required,
        validator=validator,
        is_secured=is_secured,
        by_cause=by_cause,
        templates=tuple(templates),
        success=success,
        rejection=rejection,
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
    templates: list[Template] = []
    causes: dict[str, Template] = {}
    lacking = set()
    for status, response in operation.responses.items():
        if not status.isdecimal() or not 200 <= int(status) <= 599:
            text = "only a status from 200 to 599 can be served; document each by its number"
            problems.add((*place, "responses", status), text)
            lacking.add(status[0])
            continue
        documented = list(compile_templates(response, problems))
        templates += documented
        lacking |= {status[0] for media in response.media.values() if not media.examples}
        for cause, name in response.causes.items():
            causes.setdefault(cause, next(template for template in documented if template.example == name))
    return templates, causes, lacking


def _by_task_status(
    contract: Contract, templates: list[Template], place: Pointer, problems: Problems
) -> dict[str, Template]:
    """The example of each status that a task can have."""
    if not contract.has("x-task-life"):
        return {}
    life = lifecycle.task_life(contract)
    found = {}
    for status in dict.fromkeys([*(run.status for run in life.runs), life.succeeded, life.failed]):
        shown = (t for t in templates if t.status < 300 and t.value_of("task.status") == status)
        template = next(shown, None)
        if template is None:
            text = f"no example of a task that is {status}; give one, it is what is served"
            problems.add((*place, "responses"), text)
        else:
            found[status] = template
    return found


def _media_types(operation: Operation, place: Pointer, problems: Problems) -> frozenset[str]:
    bodies = operation.body.media if operation.body else {}
    for media in bodies.values():
        if not is_json(media.type) or media.schema is None:
            text = "only JSON with a schema can be checked; describe it so"
            problems.add((*place, *_BODY, media.type), text)
    return frozenset(media_type.lower() for media_type in bodies)


def _body_validator(operation: Operation, place: Pointer, problems: Problems) -> Validator | None:
    media = next(iter(operation.body.media.values()), None) if operation.body else None
    if media is None or media.schema is None:
        return None
    return validation.validator(media.schema, (*place, *_BODY, media.type, "schema"), problems)


def _is_secured(operation: Operation, place: Pointer, problems: Problems) -> bool:
    schemes = operation.contract.security_schemes
    for name in {name for group in operation.schemes for name in group}:
        if schemes.get(name) != ("http", "bearer"):
            text = "only an http bearer scheme can be served; define it as one"
            known = name in schemes
            problems.add(("components", "securitySchemes", name) if known else (*place, "security", name), text)
    return operation.is_secured
