"""What the contract asks of a server: its routes, what each takes, and what each answers. Compiled once, at the start.

Nothing of the API stands here. A route, a status, a body or a field that is not in the contract does not exist.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

import jsonschema_rs
import orjson
from octopusx_video_openapi import METHODS, Contract, ContractError, Operation, life, task_ids

Json = Any

ABSENT: Final = object()
"""A value that an answer leaves out, with the name of its field."""
KEPT: Final = object()
"""A value that is not there yet: the example's own (zero, empty or null) says so."""

_PARAMETER = re.compile(r"\{([^{}]+)\}")
_NEW_TASK = "$response.body#/id"
_SHOWN = 200
_MASK = "the value"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a value of ``x-value-of`` stands in a body, and whether it is written as text there."""

    path: tuple[str | int, ...]
    name: str
    text: bool


@dataclass(frozen=True, slots=True)
class Template:
    """An answer as an example of the contract shows it, with the places of what changes from answer to answer."""

    status: int
    example: str
    media_type: str
    raw: bytes
    places: tuple[Place, ...]
    headers: dict[str, str]
    value: Json

    def shows(self, name: str) -> Json:
        """What stands in the example where this value of ``x-value-of`` goes; None where it has no place."""
        for place in self.places:
            if place.name == name:
                found = self.value
                for step in place.path:
                    found = found[step]
                return found
        return None

    def body(self, values: dict[str, Any]) -> bytes:
        """The example with these values in their places; what is not named, or is ``KEPT``, stays as it is."""
        if not self.places or not values:
            return self.raw
        document = orjson.loads(self.raw)
        for place in self.places:
            value = values.get(place.name, KEPT)
            if value is KEPT:
                continue
            holder = document
            for step in place.path[:-1]:
                holder = holder[step]
            if value is ABSENT:
                del holder[place.path[-1]]
            else:
                holder[place.path[-1]] = str(value) if place.text and not isinstance(value, str) else value
        return orjson.dumps(document)


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of a path, a query or a header, and how its text becomes a value of its schema."""

    name: str
    place: str
    required: bool
    read: Callable[[str], Json]
    validator: jsonschema_rs.Draft202012Validator


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
        statuses: The documented statuses.
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
    validator: jsonschema_rs.Draft202012Validator | None
    secured: bool
    causes: dict[str, Template]
    templates: tuple[Template, ...]
    success: Template | None
    refusal: Template | None
    by_status: dict[int, Template]
    by_phase: dict[str, Template]
    statuses: frozenset[int]
    headers: dict[int, dict[str, str]]

    def fault_of_body(self, body: Json) -> str:
        """What is wrong with a body that is not valid, for people; never what was sent."""
        assert self.validator is not None
        return _reason(next(self.validator.iter_errors(body)))


@dataclass(frozen=True, slots=True)
class Route:
    """A path of the contract: how it is recognised, and its operations by method in upper case."""

    pattern: re.Pattern[bytes]
    names: tuple[str, ...]
    methods: dict[str, Served]
    allow: bytes


class Blueprint:
    """A contract, compiled.

    Raises:
        ContractError: Something in it can't be served. The text names the place.
    """

    def __init__(self, contract: Contract) -> None:
        self.contract = contract
        self.life = life.life(contract) if _reads(contract) else None
        self.known = task_ids.documented(contract)
        targets = _reads(contract)
        self.served = {
            operation.id: _serve(contract, operation, targets.get(operation.id))
            for operation in contract.operations.values()
        }
        self.echoes = _echoes(self)
        samples = [served.by_phase["succeeded"] for served in self.served.values() if served.by_phase]
        # What the documented tasks are: as old and as long as the contract's samples of a finished one.
        self.sample_begun = float(next((t.shows("task.created") for t in samples if t.shows("task.created")), 0))
        self.sample_length = float(next((t.shows("task.length") for t in samples if t.shows("task.length")), 0))
        self.concrete: dict[bytes, Route] = {}
        self.routes: list[Route] = []
        for template, item in contract.document["paths"].items():
            methods = {
                method.upper(): self.served[item[method]["operationId"]] for method in METHODS if method in item
            }
            names = tuple(_PARAMETER.findall(template))
            pattern = "".join(
                "([^/]*)" if at % 2 else re.escape(part) for at, part in enumerate(_PARAMETER.split(template))
            )
            route = Route(re.compile(pattern.encode()), names, methods, ", ".join(methods).encode())
            if names:
                self.routes.append(route)
            else:
                self.concrete[template.encode()] = route
        # The answers to what is of no operation, as any operation of the contract shows them.
        self.wrong_route = next((s.causes["wrong-route"] for s in self.served.values() if "wrong-route" in s.causes), None)
        self.request_id = _request_id(contract)

    def routes_of(self, path: bytes) -> Iterator[tuple[Route, tuple[bytes, ...]]]:
        """The routes that a raw path is of, the concrete one first, with the raw values of its parameters."""
        concrete = self.concrete.get(path)
        if concrete is not None:
            yield concrete, ()
        for route in self.routes:
            match = route.pattern.fullmatch(path)
            if match is not None:
                yield route, match.groups()


def _reads(contract: Contract) -> dict[str, tuple[str, str]]:
    """The operations that read a task, by the links that lead to them: where each is told the task."""
    found: dict[str, tuple[str, str]] = {}
    for operation in contract.operations.values():
        for status, response in contract.responses(operation):
            for name, link in response.get("links", {}).items():
                link = contract.resolve(link)
                place = f"{contract.path}: {operation.id} {status} link {name}"
                target = contract.operations.get(link.get("operationId", ""))
                if target is None:
                    raise ContractError(f"{place}: operationId names no operation; link to one of the contract")
                for parameter, expression in link.get("parameters", {}).items():
                    if expression == _NEW_TASK:
                        found[target.id] = (_where(contract, target, parameter, place), parameter)
    return found


def _where(contract: Contract, operation: Operation, name: str, place: str) -> str:
    for parameter in operation.definition.get("parameters", ()):
        parameter = contract.resolve(parameter)
        if parameter["name"] == name:
            return str(parameter["in"])
    raise ContractError(f"{place}: {operation.id} has no parameter {name}")


def _serve(contract: Contract, operation: Operation, task: tuple[str, str] | None) -> Served:
    place = f"{contract.path}: paths.{operation.path}.{operation.method}"
    templates: list[Template] = []
    causes: dict[str, Template] = {}
    content = None
    starts = False
    for status, response in contract.responses(operation):
        here = f"{place}.responses.{status}"
        if not status.isdecimal() or not 200 <= int(status) <= 599:
            raise ContractError(f"{here}: only a status from 200 to 599 can be answered; document each by its number")
        starts |= bool(response.get("links"))
        documented = list(_templates(contract, here, int(status), response))
        templates += documented
        if task is not None and 200 <= int(status) < 300:
            content = next((media for media in response.get("content", {}) if not _is_json(media)), content)
        for cause, name in response.get("x-when", {}).items():
            named = next((template for template in documented if template.example == name), None)
            if named is None:
                raise ContractError(f"{here}.x-when.{cause}: there is no example {name}; name one of the response's")
            causes.setdefault(cause, named)
    by_status = {template.status: template for template in reversed(templates)}
    success = next((template for template in templates if template.status < 300), None)
    if success is None:
        raise ContractError(f"{place}.responses: no example of a success (2xx); give one, it is what is served")
    refusal = by_status.get(400) or by_status.get(422)
    parameters = tuple(_parameters(contract, operation, place))
    body = contract.resolve(operation.definition.get("requestBody", {}))
    media_types = _media_types(body, place)
    if refusal is None and (parameters or media_types):
        raise ContractError(f"{place}.responses: no example of 400 (or 422); say how an invalid request is refused")
    secured = _secured(contract, operation, place)
    if secured and 401 not in by_status:
        raise ContractError(f"{place}.responses: no example of 401; say how a missing or wrong key is refused")
    if secured:
        causes.setdefault("no-credential", by_status[401])
    if starts:
        life.result_length(contract, operation, {}, 0.0)
    schema = next((body["content"][media]["schema"] for media in body.get("content", {}) if _is_json(media)), None)
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
        validator=None if schema is None else _validator(contract, schema, f"{place}.requestBody"),
        secured=secured,
        causes=causes,
        templates=tuple(templates),
        success=success,
        refusal=refusal,
        by_status=by_status,
        by_phase=_by_phase(contract, templates, place) if task is not None and content is None else {},
        statuses=frozenset(by_status),
        headers={int(status): _header_examples(contract, response) for status, response in contract.responses(operation)},
    )


def _by_phase(contract: Contract, templates: list[Template], place: str) -> dict[str, Template]:
    """The example of each phase, by what the contract calls it."""
    told = life.life(contract)
    found = {}
    for phase, status in (("running", told.running), ("succeeded", told.succeeded), ("failed", told.failed)):
        shown = (t for t in templates if t.status < 300 and t.shows("task.status") == status)
        template = next(shown, None)
        if template is None:
            raise ContractError(f"{place}.responses: no example of a task that is {status}; give one, it is what is served")
        found[phase] = template
    return found


def _header_examples(contract: Contract, response: dict[str, Json]) -> dict[str, str]:
    headers = {name: contract.resolve(header) for name, header in response.get("headers", {}).items()}
    return {name: str(header["example"]) for name, header in headers.items() if "example" in header}


def _templates(contract: Contract, place: str, status: int, response: dict[str, Json]) -> Iterator[Template]:
    headers = {}
    for name, header in response.get("headers", {}).items():
        header = contract.resolve(header)
        if header.get("required") and "x-value-of" not in header:
            if "example" not in header:
                raise ContractError(f"{place}.headers.{name}: it is required and has no example; give one")
            headers[name] = str(header["example"])
    if not response.get("content"):
        yield Template(status, "", "", b"", (), headers, None)
    for media_type, content in response.get("content", {}).items():
        examples = list(contract.examples(content))
        if not examples and "example" in content:
            examples = [("example", content["example"])]
        if not examples:
            raise ContractError(f"{place}.content.{media_type}: no example; give one, it is what is served")
        schema = content.get("schema", {})
        validator = _validator(contract, schema, f"{place}.content.{media_type}") if _is_json(media_type) else None
        for name, example in examples:
            if validator is not None and not validator.is_valid(example):
                reason = _reason(next(validator.iter_errors(example)))
                raise ContractError(f"{place}.content.{media_type}.examples.{name}: {reason}; mend it or its schema")
            raw = orjson.dumps(example) if _is_json(media_type) else str(example).encode("latin-1", "replace")
            places = tuple(_values(contract, schema, example, ())) if _is_json(media_type) else ()
            yield Template(status, name, media_type, raw, places, headers, example)


def _values(contract: Contract, schema: Json, example: Json, path: tuple[str | int, ...]) -> Iterator[Place]:
    """The places in an example whose schema says what their value is, one schema below another."""
    if not isinstance(schema, dict):
        return
    while "$ref" in schema:
        if path and "x-value-of" in schema:
            break
        schema = {**contract.resolve({"$ref": schema["$ref"]}), **{k: v for k, v in schema.items() if k != "$ref"}}
    if path and "x-value-of" in schema:
        kind = contract.resolve(schema).get("type")
        yield Place(path, str(schema["x-value-of"]), kind == "string")
        return
    for branch in ("oneOf", "anyOf", "allOf"):
        for choice in schema.get(branch, ()):
            if branch == "allOf" or _validator(contract, choice, branch).is_valid(example):
                yield from _values(contract, choice, example, path)
    if isinstance(example, dict):
        for name, part in schema.get("properties", {}).items():
            if name in example:
                yield from _values(contract, part, example[name], (*path, name))
    elif isinstance(example, list):
        for at, item in enumerate(example):
            yield from _values(contract, schema.get("items"), item, (*path, at))


def _parameters(contract: Contract, operation: Operation, place: str) -> Iterator[Parameter]:
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
            validator=_validator(contract, parameter["schema"], here),
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
        if not _is_json(media_type) or "schema" not in content:
            raise ContractError(f"{place}.requestBody.{media_type}: only JSON with a schema can be checked; describe it so")
    return frozenset(media_type.lower() for media_type in body.get("content", {}))


def _secured(contract: Contract, operation: Operation, place: str) -> bool:
    security = operation.definition.get("security", contract.document.get("security", []))
    schemes = contract.document.get("components", {}).get("securitySchemes", {})
    for name in {name for requirement in security for name in requirement}:
        scheme = contract.resolve(schemes.get(name, {}))
        if (scheme.get("type"), str(scheme.get("scheme")).lower()) != ("http", "bearer"):
            raise ContractError(f"{place}.security.{name}: only an http bearer scheme can be served; define it as one")
    return bool(security) and {} not in security


def _validator(contract: Contract, schema: Json, place: str) -> jsonschema_rs.Draft202012Validator:
    components = {"components": contract.document.get("components", {})}
    try:
        # The regex engine that can't be made to take long, whatever it is given.
        options = jsonschema_rs.RegexOptions()
        return jsonschema_rs.Draft202012Validator({"allOf": [schema], **components}, mask=_MASK, pattern_options=options)
    except (ValueError, jsonschema_rs.ValidationError) as error:
        raise ContractError(f"{place}: its schema is no JSON Schema ({str(error).splitlines()[0]})") from None


def _reason(error: jsonschema_rs.ValidationError) -> str:
    place = ".".join(map(str, error.instance_path))
    text = f"{place}: {error.message}" if place else error.message
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"


def _is_json(media_type: str) -> bool:
    media_type = media_type.split(";")[0].strip().lower()
    return media_type == "application/json" or media_type.endswith("+json")


def _echoes(blueprint: Blueprint) -> tuple[str, ...]:
    """The request's fields that reads tell again."""
    names = {
        place.name.removeprefix("request.")
        for served in blueprint.served.values()
        for template in served.templates
        for place in template.places
        if place.name.startswith("request.")
    }
    return tuple(sorted(names))


def _request_id(contract: Contract) -> tuple[str, str] | None:
    """Name of the header that every answer carries its id in, and the example of it that stands in messages."""
    for operation in contract.operations.values():
        for _, response in contract.responses(operation):
            for name, header in response.get("headers", {}).items():
                header = contract.resolve(header)
                if header.get("x-value-of") == "answer.id":
                    return name, str(header.get("example", ""))
    return None
