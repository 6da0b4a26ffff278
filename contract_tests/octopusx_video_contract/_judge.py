"""What the contract says of one answer. Pure: no request is made here."""

from __future__ import annotations

import functools
import json
from collections.abc import Iterable, Iterator
from typing import Any

from octopusx_video_openapi import Contract, Operation, Rule, Schema, lifecycle, operations, schemas, task_ids
from octopusx_video_openapi.model import is_json
from octopusx_video_openapi.schemas import Validator

from octopusx_video_contract import _ranges
from octopusx_video_contract._exchange import ABSENT, Answer, Request
from octopusx_video_contract._run import NO_ANSWER_RULE, Run

NEW_ID_RULE = "R03"
MP4_RULE = "R25"
REQUEST_ID_RULE = "R33"
FORM_RULE = "R34"
SUCCESS_RULE = "R36"
ERROR_RULE = "R37"
STATUS_RULE = "R38"
MEDIA_TYPE_RULE = "R39"
HEADER_RULE = "R40"
SERVER_RULE = "R44"
DOCUMENT_RULES = frozenset({SUCCESS_RULE, ERROR_RULE, STATUS_RULE, MEDIA_TYPE_RULE, HEADER_RULE, SERVER_RULE})
"""Those that schemathesis has checks for."""
LARGE = 1_000_000
"""Bytes of a body from which on it may be refused for its size."""

Broken = Iterator[tuple[str, str]]
"""Broken rules: number, and what was found."""


def hold(run: Run, answer: Answer, also: Iterable[tuple[str, str]] = ()) -> None:
    """Hold an answer to all that the contract says of it by itself.

    Args:
        run: The run.
        answer: The answer.
        also: What else is wrong with it, for all to be told together.

    Raises:
        Findings: It breaks rules that fail the run.
    """
    faults = list(also)
    reached = operations.match(run.contract, answer.request.method, answer.request.path)
    if reached is not None:
        operation = reached[0]
        alone = list(changed(run, answer))  # first of all, since it notes the answer
        alone += [] if _ranges.is_in_parts(answer) else documented(run, operation, answer)
        alone += [*numbered(run, operation, answer)]
        fault = new_id_fault(run, operation, answer)
        alone += [(NEW_ID_RULE, fault)] if fault else []
        faults += [(rule, f"{operation.id}: {detail}") for rule, detail in alone]
    run.all_broken(faults, answer)


def changed(run: Run, answer: Answer) -> Broken:
    """Note what a response reports of a task, and give the rules that it breaks, given what was reported before."""
    if not run.stateless:
        yield from run.seen.history.broken(run.contract, (run.key, run.other_key), answer, run.now)


def refused(run: Run, answer: Answer, what: str) -> Broken:
    """What is wrong with the refusal of a request that was valid, told with what the request was."""
    reached = operations.match(run.contract, answer.request.method, answer.request.path)
    if reached is not None:
        for rule, detail in refusal_faults(run, reached[0], answer):
            yield rule, f"{reached[0].id}: {what}: {detail}"


def documented(run: Run, operation: Operation, answer: Answer) -> Broken:
    """How an answer departs from what its operation documents: status, media type, headers, schema."""
    run.seen.asked |= {STATUS_RULE, SERVER_RULE}
    if 300 <= answer.status < 400:
        yield NO_ANSWER_RULE, f"it sends the caller to {answer.headers.get('location', 'nowhere')!r}"
        return
    if answer.status >= 500 and not answer.request.ordered and not (answer.status == 502 and operation.sends_video):
        yield SERVER_RULE, f"it was answered with {answer.status}"
    response = operation.response(answer.status)
    if response is None:
        yield STATUS_RULE, f"it was answered with {answer.status}, which it does not document"
        return
    run.seen.asked |= {MEDIA_TYPE_RULE, HEADER_RULE}
    for header in response.headers.values():
        name = header.name.lower()
        value = answer.headers.get(name)
        if value is None and header.required:
            yield HEADER_RULE, f"{answer.status} came without {name}"
        elif value is not None and not schemas.validator(header.schema).is_valid(value):
            yield HEADER_RULE, f"{name} is {value!r}"
    media = response.media.get(answer.media_type)
    if media is None:
        kind = f"with the media type {answer.media_type!r}" if answer.media_type else "without a Content-Type"
        yield MEDIA_TYPE_RULE, f"{answer.status} came {kind}"
        return
    if media.schema is None or not is_json(media.type):
        return
    rule = SUCCESS_RULE if answer.is_success else ERROR_RULE
    run.seen.asked.add(rule)
    fault = _fault(schemas.validator(media.schema), answer.json())
    if fault:
        yield rule, fault


def numbered(run: Run, operation: Operation, answer: Answer) -> Broken:
    """The other rules that an answer breaks by itself.

    Those of a refusal of a valid request are not among them (see ``refusal_faults``), since whether a request was valid
    can't be seen from its answer.
    """
    body = answer.json() if "json" in answer.media_type else ABSENT
    for rule, validator in _rules(run.contract)[operation.id]:
        if rule.statuses and answer.status not in rule.statuses:
            continue
        if validator is not None:
            if body is not ABSENT:
                run.seen.asked.add(rule.id)
                fault = _fault(validator, body)
                if fault:
                    yield rule.id, fault
        elif rule.id == REQUEST_ID_RULE:
            run.seen.asked.add(rule.id)
            if run.contract.request_id_name not in answer.headers:
                yield rule.id, "a response came without it"
    if answer.status == 200 and operation.sends_video:
        run.seen.asked.add(MP4_RULE)
        if answer.content[4:8] != b"ftyp":
            yield MP4_RULE, f"it begins with {run.redactor.excerpt(answer.content)[:40]}"


def new_id_fault(run: Run, operation: Operation, answer: Answer) -> str | None:
    """What is wrong with the id of a new task (rule R03), or None."""
    if answer.status != 200 or not operation.starts_task or run.stateless:
        return None
    task = operation.new_task_id(answer.json())
    if task is None:
        return None
    run.seen.asked.add(NEW_ID_RULE)
    if task in task_ids.values(run.contract, operation, parts(run.contract, answer.request)):
        return f"it is the source's, {task}"
    return f"{task} was answered before" if run.seen.ids[task] > 1 else None


def refusal_faults(run: Run, operation: Operation, answer: Answer) -> Broken:
    """What is wrong with this answer to a valid request, if it is a refusal.

    A task that the key is known to have is not unknown; for any other, 400 must come with a code that a rule of the
    contract lists. Errors of the server (5xx) are judged elsewhere.
    """
    run.seen.asked.add(FORM_RULE)
    status = answer.status
    request = answer.request
    if status in {403, 429} or not 400 <= status < 500 or (status == 416 and request.header("Range")):
        return
    if status == 413 and len(request.body or b"") > LARGE:
        return
    if status not in {400, 404}:
        yield FORM_RULE, f"a valid request was answered with {status}"
        return
    ids = task_ids.values(run.contract, operation, parts(run.contract, answer.request))
    known = bool(ids) and ids <= set(run.known_ids)
    body = answer.json()
    for rule, validator in _refusals(run.contract)[operation.id]:
        run.seen.asked.add(rule.id)
        fault = _fault(validator, body) if status in rule.statuses else None
        if fault:
            yield rule.id, fault
            if known:
                yield FORM_RULE, f"a valid request for a task that is known was answered with {status}"
            return
    code = body.get("code") if isinstance(body, dict) else None
    if known and (status == 404 or code == lifecycle.task_life(run.contract).unknown_code):
        yield FORM_RULE, f"the task {', '.join(sorted(ids))} is known, yet it was answered with {status}"


def is_wrong_route(contract: Contract, answer: Answer) -> bool:
    """Whether a response is the 404 of a route that is not there, and not that of a task that is unknown.

    It has an error in a documented shape. To HEAD there is none, since no body comes.
    """
    if answer.status != 404 or answer.request.method == "HEAD":
        return answer.status == 404
    body = answer.json()
    responses = [operation.response(404) for operation in contract.operations.values()]
    shapes = [response.schema for response in responses if response and response.schema]
    is_error = body is not ABSENT and any(_fault(schemas.validator(shape), body) is None for shape in shapes)
    return is_error and body.get("code") != lifecycle.task_life(contract).unknown_code


def parts(contract: Contract, request: Request) -> dict[str, Any]:
    """What a request sends, as ``path``, ``query`` and ``body``, decoded."""
    reached = operations.match(contract, request.method, request.path)
    body = request.json()
    return {"path": reached[1] if reached else {}, "query": request.query, "body": None if body is ABSENT else body}


@functools.cache
def _rules(contract: Contract) -> dict[str, list[tuple[Rule, Validator | None]]]:
    """The rules of one answer of each operation, but for those that schemathesis has checks for."""
    rules = [rule for rule in contract.rules if rule.about == "response" and rule.id not in DOCUMENT_RULES]
    return {id_: [(rule, _of(rule)) for rule in rules if id_ in rule.operations] for id_ in contract.operations}


@functools.cache
def _refusals(contract: Contract) -> dict[str, list[tuple[Rule, Validator]]]:
    rules = [rule for rule in contract.rules if rule.about == "rejection-of-a-valid-request"]
    found_: dict[str, list[tuple[Rule, Validator]]] = {}
    for id_ in contract.operations:
        of_operation = [(rule, _of(rule)) for rule in rules if id_ in rule.operations]
        found_[id_] = [(rule, validator) for rule, validator in of_operation if validator is not None]
    return found_


def _of(rule: Rule) -> Validator | None:
    return None if rule.schema is None else schemas.validator(rule.schema)


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
