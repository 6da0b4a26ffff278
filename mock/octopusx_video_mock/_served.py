"""An operation of the contract, ready to be served: what it takes, what it answers, and to what."""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from octopusx_video_openapi import Contract, ContractError, Operation, Response, lifecycle, task_ids
from octopusx_video_openapi.model import is_json
from octopusx_video_openapi.schemas import Validator

from octopusx_video_mock import _schema
from octopusx_video_mock._faults import Stage
from octopusx_video_mock._template import Template, templates

Json = Any


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
        by_phase: Of a read, the first example of each phase of a task.
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
    by_phase: dict[str, Template]
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


def serve(operation: Operation) -> Served:
    """The operation, ready to be served.

    Raises:
        ContractError: It can't be served; the text names the place.
    """
    contract = operation.contract
    place = f"{contract.path}: paths.{operation.path}.{operation.method}"
    found: list[Template] = []
    causes: dict[str, Template] = {}
    for status, response in operation.responses.items():
        here = f"{place}.responses.{status}"
        if not status.isdecimal() or not 200 <= int(status) <= 599:
            raise ContractError(f"{here}: only a status from 200 to 599 can be answered; document each by its number")
        documented = list(templates(here, response))
        found += documented
        for cause, template in _causes(here, response, documented):
            causes.setdefault(cause, template)
    by_status = {template.status: template for template in reversed(found)}
    success = next((template for template in found if template.status < 300), None)
    if success is None:
        raise ContractError(f"{place}.responses: no example of a success (2xx); give one, it is what is served")
    task = operation.task_parameter
    content = operation.video_type if operation.reads_task else None
    parameters = tuple(_parameters(operation, place))
    media_types = _media_types(operation, place)
    if operation.starts_task:
        _try_lengths(contract, operation)
    refusal = by_status.get(400) or by_status.get(422)
    if refusal is None and (parameters or media_types):
        raise ContractError(f"{place}.responses: no example of 400 (or 422); say how an invalid request is refused")
    secured = _secured(contract, operation, place)
    if secured and 401 not in by_status:
        raise ContractError(f"{place}.responses: no example of 401; say how a missing or wrong key is refused")
    if secured:
        causes.setdefault("no-credential", by_status[401])
    schema = next((media.schema for media in operation.body.media.values()), None) if operation.body else None
    return Served(
        operation=operation,
        number=zlib.crc32(operation.id.encode()) & 0xFFFF,
        starts=operation.starts_task,
        task=(task.place, task.name) if task else None,
        content=content,
        named=tuple(task_ids.places(contract, operation)),
        parameters=parameters,
        media_types=media_types,
        body_required=operation.body is not None and operation.body.required,
        validator=None if schema is None else _schema.validator(schema, f"{place}.requestBody"),
        secured=secured,
        causes=causes,
        templates=tuple(found),
        success=success,
        refusal=refusal,
        by_status=by_status,
        by_phase=_by_phase(contract, found, place) if task is not None and content is None else {},
        headers={int(status): _header_examples(response) for status, response in operation.responses.items()},
    )


def _try_lengths(contract: Contract, operation: Operation) -> None:
    """Ask for the length of the video with each model that the contract names, so that what is wrong shows now."""
    lifecycle.result_length(contract, operation, {}, 0.0)
    for model in operation.result_length.added_by_model:
        lifecycle.result_length(contract, operation, {"model": model}, 0.0)


def _causes(place: str, response: Response, documented: list[Template]) -> Iterator[tuple[str, Template]]:
    for cause, name in response.causes.items():
        template = next((template for template in documented if template.example == name), None)
        if template is None:
            raise ContractError(f"{place}.x-when.{cause}: there is no example {name}; name one of the response's")
        yield cause, template


def _by_phase(contract: Contract, templates: list[Template], place: str) -> dict[str, Template]:
    """The example of each phase, by what the contract calls it."""
    told = lifecycle.task_life(contract)
    found = {}
    for phase, status in (("running", told.running), ("succeeded", told.succeeded), ("failed", told.failed)):
        shown = (t for t in templates if t.status < 300 and t.shows("task.status") == status)
        template = next(shown, None)
        if template is None:
            raise ContractError(
                f"{place}.responses: no example of a task that is {status}; give one, it is what is served"
            )
        found[phase] = template
    return found


def _header_examples(response: Response) -> dict[str, str]:
    return {name: str(header.examples[0]) for name, header in response.headers.items() if header.examples}


def _parameters(operation: Operation, place: str) -> Iterator[Parameter]:
    for parameter in operation.parameters:
        here = f"{place}.parameters.{parameter.name}"
        kind = " or ".join(parameter.schema.types) or "string"
        reader = _READERS.get(kind)
        if parameter.place not in {"path", "query", "header"} or reader is None:
            raise ContractError(
                f"{here}: a {parameter.place} parameter of type {kind} can't be served; "
                f"use {', '.join(_READERS)} in path, query or header"
            )
        yield Parameter(
            name=parameter.name,
            place=parameter.place,
            required=parameter.required,
            read=reader,
            validator=_schema.validator(parameter.schema, here),
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


def _media_types(operation: Operation, place: str) -> frozenset[str]:
    bodies = operation.body.media if operation.body else {}
    for media in bodies.values():
        if not is_json(media.type) or media.schema is None:
            raise ContractError(
                f"{place}.requestBody.{media.type}: only JSON with a schema can be checked; describe it so"
            )
    return frozenset(media_type.lower() for media_type in bodies)


def _secured(contract: Contract, operation: Operation, place: str) -> bool:
    for name in {name for group in operation.schemes for name in group}:
        if contract.security_schemes.get(name) != ("http", "bearer"):
            raise ContractError(f"{place}.security.{name}: only an http bearer scheme can be served; define it as one")
    return operation.is_secured
