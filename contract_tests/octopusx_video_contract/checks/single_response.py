"""What the contract says of one response. Pure: no request is made here."""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from octopusx_video_openapi import Contract, Operation, Rule, RuleId, Schema, lifecycle, schemas, task_ids
from octopusx_video_openapi.model import is_json
from octopusx_video_openapi.schemas import Validator

from octopusx_video_contract.checks import ranges
from octopusx_video_contract.checks.registry import Outcomes, checks
from octopusx_video_contract.messages.http import ABSENT, Request, Response

DOCUMENT_RULES = frozenset({RuleId.R36, RuleId.R37, RuleId.R38, RuleId.R39, RuleId.R40, RuleId.R44})
"""Those that schemathesis has checks for."""
LARGE = 1_000_000
"""Bytes of a body from which on it may be refused for its size."""

UNKNOWN_TASK = frozenset({400, 404})
"""The statuses that an unknown task gets."""


@dataclass(frozen=True)
class Context:
    """What is known beside a response.

    Attributes:
        contract: The contract.
        known_ids: Ids of finished tasks that the key can read.
        is_stateless: Whether the server keeps no tasks.
        new_ids: How often each id was reported as that of a new task, this response included.
    """

    contract: Contract
    known_ids: tuple[str, ...] = ()
    is_stateless: bool = False
    new_ids: Mapping[str, int] = field(default_factory=dict)


def check(context: Context, operation: Operation, response: Response) -> Outcomes:
    """Compare a response with all that the contract says of it by itself."""
    if not ranges.is_in_parts(response):
        yield from documented(operation, response)
    yield from numbered(operation, response)
    yield from new_id(context, operation, response)


@checks(RuleId.R36, RuleId.R37, RuleId.R38, RuleId.R39, RuleId.R40, RuleId.R44, RuleId.R53)
def documented(operation: Operation, response: Response) -> Outcomes:
    """Compare a response with what its operation documents: status, media type, headers, schema."""
    if 300 <= response.status < 400:
        yield RuleId.R53, f"it sends the caller to {response.headers.get('location', 'nowhere')!r}"
        return
    if response.status < 500:
        yield RuleId.R44, None
    elif not response.request.ordered and not (response.status == 502 and operation.sends_video):
        yield RuleId.R44, f"it got {response.status}"
    described = operation.response(response.status)
    if described is None:
        yield RuleId.R38, f"it got {response.status}, which it does not document"
        return
    yield RuleId.R38, None
    for header in described.headers.values():
        name = header.name.lower()
        value = response.headers.get(name)
        if value is None and header.required:
            yield RuleId.R40, f"{response.status} arrived without {name}"
        elif value is not None:
            yield RuleId.R40, None if schemas.validator(header.schema).is_valid(value) else f"{name} is {value!r}"
    media = described.media.get(response.media_type)
    if media is None:
        kind = f"with the media type {response.media_type!r}" if response.media_type else "without a Content-Type"
        yield RuleId.R39, f"{response.status} arrived {kind}"
        return
    yield RuleId.R39, None
    if media.schema is None or not is_json(media.type):
        return
    rule = RuleId.R36 if response.is_success else RuleId.R37
    yield rule, _fault(schemas.validator(media.schema), response.json())


@checks(RuleId.R25, RuleId.R33)
def numbered(operation: Operation, response: Response) -> Outcomes:
    """Compare a response with the other rules of a response by itself, most of them by their schemas.

    Those of a refusal of a valid request are not among them (see ``rejection``), since whether a request was valid
    can't be seen from its response.
    """
    body = response.json() if "json" in response.media_type else ABSENT
    for rule, validator in _rules(operation.contract)[operation.id]:
        if rule.statuses and response.status not in rule.statuses:
            continue
        if validator is not None:
            fault = None if body is ABSENT else _fault(validator, body)
            if fault or _shows(rule.schema, body):
                yield rule.id, fault
        elif rule.id == RuleId.R33:
            has_id = operation.contract.request_id_name in response.headers
            yield rule.id, None if has_id else "a response arrived without it"
    if response.status == 200 and operation.sends_video:
        is_mp4 = response.content[4:8] == b"ftyp"
        yield (
            RuleId.R25,
            None if is_mp4 else f"it begins with {response.content[:40].decode('utf-8', 'backslashreplace')}",
        )


@checks(RuleId.R03)
def new_id(context: Context, operation: Operation, response: Response) -> Outcomes:
    """Compare the id of a new task with its source's, and with those before."""
    if response.status != 200 or not operation.starts_task or context.is_stateless:
        return
    task = operation.new_task_id(response.json())
    if task is None:
        return
    if task in task_ids.values(operation, parts(context.contract, response.request)):
        yield RuleId.R03, f"it is the source's, {task}"
    else:
        yield RuleId.R03, f"{task} was returned before" if context.new_ids.get(task, 0) > 1 else None


@checks(RuleId.R34)
def rejection(context: Context, operation: Operation, response: Response) -> Outcomes:
    """Compare the response to a valid request with what the contract says of its rejection.

    A task that the key is known to have is not unknown; for any other, 400 must come with a code that a rule of the
    contract lists. Errors of the server (5xx) are checked elsewhere.
    """
    status = response.status
    request = response.request
    if response.is_success or 400 <= status < 500:
        yield RuleId.R34, None  # what is wrong with it is reported below
    if status in {403, 429} or not 400 <= status < 500 or (status == 416 and request.header("Range")):
        return
    if status == 413 and len(request.body or b"") > LARGE:
        return
    if status not in {400, 404}:
        yield RuleId.R34, f"a valid request got {status}"
        return
    ids = task_ids.values(operation, parts(context.contract, response.request))
    known = bool(ids) and ids <= set(context.known_ids)
    body = response.json()
    for rule, validator in _rejections(context.contract)[operation.id]:
        if status not in rule.statuses:
            continue
        fault = _fault(validator, body)
        yield rule.id, fault
        if fault:
            if known:
                yield RuleId.R34, f"a valid request for a task that is known got {status}"
            return
    code = body.get("code") if isinstance(body, dict) else None
    if known and (status == 404 or code == lifecycle.task_life(context.contract).unknown_code):
        yield RuleId.R34, f"the task {', '.join(sorted(ids))} is known, yet it got {status}"


def is_wrong_route(contract: Contract, response: Response) -> bool:
    """Whether a response is the 404 of a route that is not there, and not that of a task that is unknown.

    It has an error in a documented shape. To HEAD there is none, since no body comes.
    """
    if response.status != 404 or response.request.method == "HEAD":
        return response.status == 404
    body = response.json()
    responses = [operation.response(404) for operation in contract.operations.values()]
    shapes = [described.schema for described in responses if described and described.schema]
    is_error = body is not ABSENT and any(_fault(schemas.validator(shape), body) is None for shape in shapes)
    return is_error and body.get("code") != lifecycle.task_life(contract).unknown_code


def parts(contract: Contract, request: Request) -> dict[str, Any]:
    """What a request sends, as ``path``, ``query`` and ``body``, decoded."""
    reached = request.reached(contract)
    body = request.json()
    return {"path": reached[1] if reached else {}, "query": request.query, "body": None if body is ABSENT else body}


@functools.cache
def _rules(contract: Contract) -> dict[str, list[tuple[Rule, Validator | None]]]:
    """The rules of one response of each operation, but for those that schemathesis has checks for."""
    rules = [rule for rule in contract.rules if rule.about == "response" and rule.id not in DOCUMENT_RULES]
    return {id_: [(rule, _of(rule)) for rule in rules if id_ in rule.operations] for id_ in contract.operations}


@functools.cache
def _rejections(contract: Contract) -> dict[str, list[tuple[Rule, Validator]]]:
    rules = [rule for rule in contract.rules if rule.about == "rejection-of-a-valid-request"]
    found_: dict[str, list[tuple[Rule, Validator]]] = {}
    for id_ in contract.operations:
        of_operation = [(rule, _of(rule)) for rule in rules if id_ in rule.operations]
        found_[id_] = [(rule, validator) for rule, validator in of_operation if validator is not None]
    return found_


def _of(rule: Rule) -> Validator | None:
    return None if rule.schema is None else schemas.validator(rule.schema)


def _shows(schema: Schema | None, body: Any) -> bool:
    """Whether a body has anything of what a rule's schema speaks of: one that has not keeps it and proves nothing."""
    if schema is None or not isinstance(body, dict):
        return False
    condition = schema.part("if")
    if condition is not None and not schemas.validator(condition).is_valid(body):
        return False
    names = list(_names(schema.part("then") or schema))
    return not names or any(name in body for name in names)


def _names(schema: Schema) -> Iterator[str]:
    yield from schema.properties
    for branch in schema.branches("anyOf", "allOf", "oneOf"):
        yield from _names(branch)


def _fault(validator: Validator, body: Any) -> str | None:
    if body is ABSENT:
        return "the body is not JSON"
    try:
        return None if validator.is_valid(body) else next(_mismatches(validator, body))
    except UnicodeEncodeError:
        return "it holds half of a surrogate pair, which is no text"


def _mismatches(validator: Validator, value: Any) -> Iterator[str]:
    for error in validator.iter_errors(value):
        yield f"at {'/'.join(map(str, error.instance_path)) or 'the top'}: {error.message}"


def mismatches(schema: Schema, value: Any) -> Iterator[str]:
    """Each place where a value departs from a schema of the contract, in words."""
    return _mismatches(schemas.validator(schema), value)


def encoded(example: Any) -> bytes:
    """An example of the contract as the bytes of a body: text as it is (the contract's binary example), else JSON."""
    return example.encode("latin-1") if isinstance(example, str) else json.dumps(example).encode()
