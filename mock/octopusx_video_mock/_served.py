"""An operation of the contract, ready to be served: what it takes, what it answers, and to what."""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from octopusx_video_openapi import Contract, ContractError, Operation, life, task_ids

from octopusx_video_mock import _schema
from octopusx_video_mock._faults import Stage
from octopusx_video_mock._schema import Judge, Validator
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


def serve(contract: Contract, judge: Judge, operation: Operation, task: tuple[str, str] | None) -> Served:
    """The operation, ready to be served.

    Args:
        contract: The contract that it is of.
        judge: Makes validators of its schemas.
        operation: The operation.
        task: Where it is told its task, if it reads one.

    Raises:
        ContractError: It can't be served; the text names the place.
    """
    place = f"{contract.path}: paths.{operation.path}.{operation.method}"
    responses = [
        (f"{place}.responses.{status}", status, response) for status, response in contract.responses(operation)
    ]
    found: list[Template] = []
    causes: dict[str, Template] = {}
    for here, status, response in responses:
        if not status.isdecimal() or not 200 <= int(status) <= 599:
            raise ContractError(f"{here}: only a status from 200 to 599 can be answered; document each by its number")
        documented = list(templates(contract, judge, here, int(status), response))
        found += documented
        for cause, template in _causes(here, response, documented):
            causes.setdefault(cause, template)
    by_status = {template.status: template for template in reversed(found)}
    success = next((template for template in found if template.status < 300), None)
    if success is None:
        raise ContractError(f"{place}.responses: no example of a success (2xx); give one, it is what is served")
    content = _content(found) if task is not None else None
    parameters = tuple(_parameters(contract, judge, operation, place))
    body = contract.resolve(operation.definition.get("requestBody", {}))
    media_types = _media_types(body, place)
    starts = any(_starts(contract, status, response) for _, status, response in responses)
    if starts:
        _try_lengths(contract, operation)
    refusal = by_status.get(400) or by_status.get(422)
    if refusal is None and (parameters or media_types):
        raise ContractError(f"{place}.responses: no example of 400 (or 422); say how an invalid request is refused")
    secured = _secured(contract, operation, place)
    if secured and 401 not in by_status:
        raise ContractError(f"{place}.responses: no example of 401; say how a missing or wrong key is refused")
    if secured:
        causes.setdefault("no-credential", by_status[401])
    schema = next((media["schema"] for media in body.get("content", {}).values()), None)
    return Served(
        operation=operation,
        number=zlib.crc32(operation.id.encode()) & 0xFFFF,
        starts=starts,
        task=task,
        content=content,
        named=tuple(task_ids.places(contract, operation)),
        parameters=parameters,
        media_types=media_types,
        body_required=bool(body.get("required")),
        validator=None if schema is None else judge.validator(schema, f"{place}.requestBody"),
        secured=secured,
        causes=causes,
        templates=tuple(found),
        success=success,
        refusal=refusal,
        by_status=by_status,
        by_phase=_by_phase(contract, found, place) if task is not None and content is None else {},
        headers={int(status): _header_examples(contract, response) for _, status, response in responses},
    )


NEW_TASK = "$response.body#/id"
"""The expression with which a link leads from a submit to a read of the new task."""


def _starts(contract: Contract, status: str, response: dict[str, Json]) -> bool:
    """Whether this answer is a new task: a success with a link that takes its id along."""
    links = [contract.resolve(link) for link in response.get("links", {}).values()]
    return status.startswith("2") and any(NEW_TASK in link.get("parameters", {}).values() for link in links)


def _try_lengths(contract: Contract, operation: Operation) -> None:
    """Ask for the length of the video with each model that the contract names, so that what is wrong shows now."""
    adds = operation.definition.get("x-result-length", {}).get("adds", {})
    for model in (None, *adds.get("otherwise-by-model", {})):
        life.result_length(contract, operation, {"model": model}, 0.0)


def _causes(place: str, response: dict[str, Json], documented: list[Template]) -> Iterator[tuple[str, Template]]:
    for cause, name in response.get("x-when", {}).items():
        template = next((template for template in documented if template.example == name), None)
        if template is None:
            raise ContractError(f"{place}.x-when.{cause}: there is no example {name}; name one of the response's")
        yield cause, template


def _content(documented: list[Template]) -> str | None:
    """The media type of a success that is no JSON, of the operation that sends the video itself."""
    types = (template.media_type for template in documented if template.status < 300)
    return next((media_type for media_type in types if media_type and not _schema.is_json(media_type)), None)


def _by_phase(contract: Contract, templates: list[Template], place: str) -> dict[str, Template]:
    """The example of each phase, by what the contract calls it."""
    told = life.life(contract)
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


def _header_examples(contract: Contract, response: dict[str, Json]) -> dict[str, str]:
    headers = {name: contract.resolve(header) for name, header in response.get("headers", {}).items()}
    return {name: str(header["example"]) for name, header in headers.items() if "example" in header}


def _parameters(contract: Contract, judge: Judge, operation: Operation, place: str) -> Iterator[Parameter]:
    for parameter in operation.definition.get("parameters", ()):
        parameter = contract.resolve(parameter)
        here = f"{place}.parameters.{parameter['name']}"
        schema = contract.resolve(parameter["schema"])
        kind = schema.get("type", "string")
        reader = _READERS.get(kind) if isinstance(kind, str) else None
        if parameter["in"] not in {"path", "query", "header"} or reader is None:
            raise ContractError(
                f"{here}: a {parameter['in']} parameter of type {kind} can't be served; "
                f"use {', '.join(_READERS)} in path, query or header"
            )
        yield Parameter(
            name=parameter["name"],
            place=parameter["in"],
            required=bool(parameter.get("required")),
            read=reader,
            validator=judge.validator(parameter["schema"], here),
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


def _media_types(body: dict[str, Json], place: str) -> frozenset[str]:
    for media_type, content in body.get("content", {}).items():
        if not _schema.is_json(media_type) or "schema" not in content:
            raise ContractError(
                f"{place}.requestBody.{media_type}: only JSON with a schema can be checked; describe it so"
            )
    return frozenset(media_type.lower() for media_type in body.get("content", {}))


def _secured(contract: Contract, operation: Operation, place: str) -> bool:
    security = operation.definition.get("security", contract.document.get("security")) or []
    schemes = contract.document.get("components", {}).get("securitySchemes", {})
    for name in {name for requirement in security for name in requirement}:
        scheme = contract.resolve(schemes.get(name, {}))
        if (scheme.get("type"), str(scheme.get("scheme")).lower()) != ("http", "bearer"):
            raise ContractError(f"{place}.security.{name}: only an http bearer scheme can be served; define it as one")
    return bool(security) and {} not in security
