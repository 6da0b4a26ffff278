"""What the contract says of one answer. Pure: no request is made here."""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator
from typing import Any

import jsonschema_rs
from octopusx_video_openapi import Contract, Operation, task_ids

from octopusx_video_contract._run import Run

REQUEST_ID_RULE = "R33"
MP4_RULE = "R25"
FORM_RULE = "R34"
NEW_ID_RULE = "R03"
UNKNOWN_TASK = "task_not_exist"


def broken_rules(
    run: Run, operation: Operation, status: int, headers: dict[str, str], content: bytes
) -> Iterator[tuple[str, str]]:
    """The numbered rules that this answer breaks by itself: number and what was found.

    ``headers`` has names in lower case. Rules of a refusal of a valid request are not among them (see
    ``refusal_fault``), since whether a request was valid can't be seen from its answer.
    """
    body = _json(content) if "json" in headers.get("content-type", "") else _ABSENT
    for rule in run.contract.rules:
        if rule.about != "an answer" or operation.id not in rule.operations:
            continue
        if rule.statuses and status not in rule.statuses:
            continue
        run.seen.asked.add(rule.id)
        if rule.schema is not None and body is not _ABSENT:
            fault = _fault(run.contract, rule.id, body)
            if fault:
                yield rule.id, fault
        elif rule.id == REQUEST_ID_RULE and "x-oneapi-request-id" not in headers:
            yield rule.id, f"status {status} came without it"
    if operation.id in _operations(run, MP4_RULE) and status == 200:
        run.seen.asked.add(MP4_RULE)
        if content[4:8] != b"ftyp":
            yield MP4_RULE, f"it begins with {run.redactor.excerpt(content)[:40]}"


def new_id_fault(run: Run, operation: Operation, request: dict[str, Any], status: int, content: bytes) -> str | None:
    """What is wrong with the id of a new task (rule R03), or None. Notes the id, for the run to read it later."""
    if operation.id not in _operations(run, NEW_ID_RULE) or status != 200:
        return None
    body = _json(content)
    task = body.get("id") if isinstance(body, dict) else None
    if not isinstance(task, str):
        return None
    run.seen.asked.add(NEW_ID_RULE)
    run.seen.submitted[operation.id] = task
    return f"it is the source's, {task}" if task in task_ids.values(run.contract, operation, request) else None


def refusal_fault(
    run: Run, operation: Operation, request: dict[str, Any], status: int, content: bytes
) -> tuple[str, str] | None:
    """What is wrong with this answer to a valid request, if it is a refusal: the rule's number and what was found.

    ``request`` holds ``path``, ``query``, ``headers`` and ``body``. A task that the key is known to have is not
    unknown; for any other, 400 must come with a code that a rule of the contract lists. Errors of the server (5xx) are
    judged elsewhere.
    """
    run.seen.asked.add(FORM_RULE)
    if status in {403, 429} or not 400 <= status < 500 or (status == 416 and "Range" in (request["headers"] or {})):
        return None
    if status not in {400, 404}:
        return FORM_RULE, f"a valid request was answered with {status}\nthe answer: {run.redactor.excerpt(content)}"
    body = _json(content)
    for rule in run.contract.rules:
        if rule.about != "a refusal of a valid request" or operation.id not in rule.operations:
            continue
        run.seen.asked.add(rule.id)
        fault = _fault(run.contract, rule.id, body) if status in rule.statuses else None
        if fault:
            return rule.id, f"{fault}\nthe answer: {run.redactor.excerpt(content)}"
    ids = task_ids.values(run.contract, operation, request)
    says_unknown = status == 404 or (isinstance(body, dict) and body.get("code") == UNKNOWN_TASK)
    if says_unknown and ids and ids <= set(run.known_ids):
        return (
            FORM_RULE,
            f"the task {', '.join(sorted(ids))} is known, yet the answer was {run.redactor.excerpt(content)}",
        )
    return None


def _operations(run: Run, rule_id: str) -> tuple[str, ...]:
    return next(rule.operations for rule in run.contract.rules if rule.id == rule_id)


_ABSENT = object()


def _json(content: bytes) -> Any:
    try:
        return json.loads(content)
    except ValueError:
        return _ABSENT


@functools.cache
def _validator(contract: Contract, rule_id: str) -> jsonschema_rs.Draft202012Validator:
    rule = next(rule for rule in contract.rules if rule.id == rule_id)
    return jsonschema_rs.Draft202012Validator(contract.schema(rule.schema))


def _fault(contract: Contract, rule_id: str, body: Any) -> str | None:
    if body is _ABSENT:
        return "the body is not JSON"
    return next(_mismatches(_validator(contract, rule_id), body), None)


def _mismatches(validator: jsonschema_rs.Draft202012Validator, value: Any) -> Iterator[str]:
    for error in validator.iter_errors(value):
        yield f"at {'/'.join(map(str, error.instance_path)) or 'the top'}: {error.message}"


def mismatches(contract: Contract, schema: dict[str, Any], value: Any) -> Iterator[str]:
    """Each place where a value departs from a schema of the contract, in words."""
    return _mismatches(jsonschema_rs.Draft202012Validator(contract.schema(schema)), value)


def hold(run: Run, operation: Operation, status: int, headers: dict[str, str], content: bytes) -> None:
    """Hold an answer to all that the contract says of it by itself.

    Raises:
        AssertionError: It departs from what is documented, or breaks a rule that fails the run.
    """
    fault = answer_fault(run, operation, status, headers, content)
    if fault:
        raise AssertionError(fault)
    for rule, detail in broken_rules(run, operation, status, headers, content):
        run.broken(rule, detail)


def encoded(example: Any) -> bytes:
    """An example of the contract as the bytes of a body: text as it is (the contract's binary example), else JSON."""
    return example.encode("latin-1") if isinstance(example, str) else json.dumps(example).encode()


def answer_fault(run: Run, operation: Operation, status: int, headers: dict[str, str], content: bytes) -> str | None:
    """How an answer departs from what the contract documents for it (status, media type, JSON schema), or None."""
    documented = dict(run.contract.responses(operation))
    if str(status) not in documented:
        return f"the undocumented status {status}\nthe answer: {run.redactor.excerpt(content)}"
    media_type = headers.get("content-type", "").split(";")[0].strip()
    media = documented[str(status)].get("content", {}).get(media_type)
    if media is None:
        return f"status {status} came with the undocumented media type {media_type!r}"
    if "json" not in media_type:
        return None
    body = _json(content)
    if body is _ABSENT:
        return f"the body is not JSON: {run.redactor.excerpt(content)}"
    fault = next(mismatches(run.contract, media["schema"], body), None)
    return None if fault is None else f"{fault}\nthe answer: {run.redactor.excerpt(content)}"
