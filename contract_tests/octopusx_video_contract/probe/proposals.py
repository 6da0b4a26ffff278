"""What the contract says now, beside what was observed: the changes of it that the probe proposes. Pure."""

from __future__ import annotations

import collections
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from octopusx_video_openapi import Contract, Operation, RuleId, Schema, values
from octopusx_video_openapi.lifecycle import task_life

from octopusx_video_contract.checks import single_response
from octopusx_video_contract.checks.single_response import UNKNOWN_TASK
from octopusx_video_contract.messages.http import ABSENT, Response
from octopusx_video_contract.probe.paid_task import ObservedTask
from octopusx_video_contract.probe.questions import ProbeResult
from octopusx_video_contract.probe.rule_outcomes import (
    KNOWN,
    TIMES,
    at_once,
    differs,
    expected,
    expiry,
    grade,
    kind,
    length_reading,
    read_by,
    tally,
    unit_of,
)
from octopusx_video_contract.probe.shapes import branch, clean, fields, outline, words


@dataclass(frozen=True)
class Proposal:
    """A change of the contract.

    Attributes:
        place: What of the contract is meant.
        now: Its grade, or what it says.
        because: What was observed.
        change: What to do.
    """

    place: str
    now: str
    because: str
    change: str

    def __str__(self) -> str:
        """The proposal in a line."""
        now = f" ({self.now})" if self.now else ""
        return f"{self.place}{now}: {self.because}: {self.change}"


def proposals(contract: Contract, result: Sequence[ProbeResult], observed: ObservedTask | None) -> list[Proposal]:
    """Everything that the responses speak for changing, nothing for what was not seen."""
    found = [
        *_documented_statuses(contract, result),
        *_causes(contract, result),
        *_shapes(result),
        *_values(contract, result),
        *_headers(result),
        *_range(result),
        *_narrower(contract, result),
        *(_life(contract, observed) if observed is not None else ()),
        *_rules(contract, result, observed),
    ]
    return list(dict.fromkeys(found))


def _received(result: Iterable[ProbeResult]) -> Iterator[tuple[ProbeResult, Operation, Response]]:
    for one in result:
        if one.question.operation is not None and one.response is not None:
            yield one, one.question.operation, one.response


_OF_FORM = {RuleId.R25, RuleId.R36, RuleId.R37, RuleId.R39}
"""Rules of what a response is, whatever its status."""


def _documented_statuses(contract: Contract, result: Sequence[ProbeResult]) -> Iterator[Proposal]:
    seen: dict[tuple[str, str], collections.Counter[str]] = collections.defaultdict(collections.Counter)
    for one, operation, response in _received(result):
        if not (response.is_success and _OF_FORM & one.broken.keys()):  # another thing, under the same number
            seen[operation.id, str(response.status)][one.question.name] += 1
    for (name, status), questions in seen.items():
        described = contract.operations[name].responses.get(status)
        because = f"was received {_times(questions.total())} ({', '.join(questions)})"
        place = f"{name} responses.{status}"
        if described is None:
            yield Proposal(place, "not documented", because, f"add responses.{status}, probed")
        elif grade(described) != KNOWN:
            yield Proposal(place, grade(described), because, "raise to probed")


def _causes(contract: Contract, result: Sequence[ProbeResult]) -> Iterator[Proposal]:
    seen: dict[tuple[str, str], list[ProbeResult]] = collections.defaultdict(list)
    for one, operation, response in _received(result):
        if one.question.cause and one.observed and response.status >= 400:
            seen[operation.id, one.question.cause].append(one)
    for (name, cause), those in seen.items():
        operation = contract.operations[name]
        responses = operation.responses
        statuses = list(dict.fromkeys(str(one.response.status) for one in those if one.response))
        wanted = expected(operation, cause)
        for status in wanted:
            if status not in statuses:
                yield Proposal(
                    f"{name} responses.{status}",
                    f"{grade(responses[status])}, x-when {cause}",
                    f"{cause} got {' and '.join(statuses)}",
                    f"move x-when {cause} to {statuses[0]}",
                )
        if cause == "unknown-task":
            both = set(map(str, UNKNOWN_TASK))
            for other in sorted((both - set(statuses)) & set(responses)) if both & set(statuses) else ():
                others = set(responses[other].causes) - {cause, "wrong-route"}
                if grade(responses[other]) != KNOWN and not others:
                    yield Proposal(
                        f"{name} responses.{other}",
                        grade(responses[other]),
                        f"the service gave for {cause} {_described(those[0])}",
                        f"drop {other} for {cause}",
                    )
        yield from _examples(operation, cause, those)


def _described(one: ProbeResult) -> str:
    assert one.response is not None  # noqa: S101 - asked of responses alone
    return " ".join([str(one.response.status), *dict.fromkeys(words(one.response.json()).values())])


def _examples(operation: Operation, cause: str, those: Sequence[ProbeResult]) -> Iterator[Proposal]:
    for status, name in expected(operation, cause).items():
        described = operation.responses[status]
        examples = described.media["application/json"].examples
        for one in those:
            if one.response is None or str(one.response.status) != status or not isinstance(one.response.json(), dict):
                continue
            body, example = one.response.json(), examples.get(name)
            ours, theirs = words(example), words(body)
            other = {place: word for place, word in theirs.items() if ours.get(place, word) != word}
            if outline(example) == outline(body) and not other:
                continue
            because = f"{one.question.name} was {outline(body)}" + "".join(f", {k} {v}" for k, v in other.items())
            yield Proposal(
                f"{operation.id} responses.{status}.{name}",
                f"{grade(described)}, {outline(example)}",
                because,
                f"give the example of {cause} this shape",
            )
            break


def _shapes(result: Sequence[ProbeResult]) -> Iterator[Proposal]:
    unknown: collections.Counter[tuple[str, str]] = collections.Counter()
    empty: collections.Counter[str] = collections.Counter()
    for _, operation, response in _received(result):
        if response.status < 400:
            continue
        if not response.content:
            empty[f"{operation.id} responses.{response.status}"] += 1
        elif response.json() is ABSENT:
            unknown[f"{operation.id} responses.{response.status}", response.media_type or "no media type"] += 1
        elif branch(operation, response) is None:
            unknown["schemas.ErrorResponse", outline(response.json())] += 1
    for place, count in empty.items():
        yield Proposal(
            place, "", f"was received {_times(count)} with an empty body", "say that its content may be missing"
        )
    for (place, shape), count in unknown.items():
        yield Proposal(place, "not documented", f"{shape} was received {_times(count)}", "add this shape, probed")


def _values(contract: Contract, result: Sequence[ProbeResult]) -> Iterator[Proposal]:
    seen: dict[tuple[str, str, str, str], int] = collections.Counter()
    for _, operation, response in _received(result):
        schema = branch(operation, response)
        if schema is None:
            continue
        for place, value, node in fields(schema, response.json()):
            name = f"schemas.{schema.reference} {place}"
            if node is None:
                seen[name, "not documented", f"was {outline(value)}", "add it, probed"] += 1
                continue
            if any(single_response.mismatches(node, value)):
                seen[
                    name,
                    f"{grade(node)}, type {' or '.join(node.types) or 'any'}",
                    f"was {outline(value)}",
                    "widen it",
                ] += 1
            elif grade(node) not in {KNOWN, ""}:
                seen[name, grade(node), f"was {outline(value)}", "raise to probed"] += 1
            yield from _status(contract, node, value)
            unit = unit_of(contract, value)
            if node.value_of in TIMES and unit not in {"seconds", ""}:
                seen[name, node.unit, f"was in {unit}", f"let it be {unit}, and see R13"] += 1
    for (name, now, because, change), count in seen.items():
        yield Proposal(name, now, f"{because} {_times(count)}", change)


def _status(contract: Contract, node: Schema, value: Any) -> Iterator[Proposal]:
    if node.value_of != values.STATUS or not isinstance(value, str):
        return
    if contract.phase(value) is None:
        yield Proposal(
            "schemas.TaskStatus",
            "open",
            f"the status {clean(value)} was received",
            "add it to the list that it belongs to",
        )
    for name, schema in contract.schemas.items():
        known = schema.enum_grades.get(value)
        if value in schema.enum and known and known.kind != KNOWN:
            yield Proposal(f"schemas.{name} {value}", known.kind, "it was received", "raise to probed")


def _headers(result: Sequence[ProbeResult]) -> Iterator[Proposal]:
    seen: dict[str, list[bool]] = collections.defaultdict(list)
    grades: dict[str, str] = {}
    for _, operation, response in _received(result):
        described = operation.response(response.status)
        for name, header in described.headers.items() if described else ():
            seen[header.component].append(name.lower() in response.headers)
            grades[header.component] = grade(header)
    for name, there in seen.items():
        if grades[name] != KNOWN and any(there):
            because = f"was in {sum(there)} of {len(there)} responses that document it"
            yield Proposal(f"headers.{name}", grades[name], because, "raise to probed")


def _range(result: Sequence[ProbeResult]) -> Iterator[Proposal]:
    for one, operation, response in _received(result):
        wanted = one.question.request.header("Range")
        if wanted is None or response.status not in {200, 206, 416}:
            continue
        parameters = (parameter for parameter in operation.parameters if parameter.name == "Range")
        now = next(map(grade, parameters), "not documented")
        place = f"{operation.id} parameters.Range"
        if response.status == 200:
            yield Proposal(place, now, f"{wanted} got 200", "say that the service ignores it")
        else:
            yield Proposal(place, now, f"{wanted} got {response.status}", "raise to probed")


def _narrower(contract: Contract, result: Sequence[ProbeResult]) -> Iterator[Proposal]:
    """Rules that allow several refusals, where one was observed."""
    by_question: dict[tuple[str, str], collections.Counter[int]] = collections.defaultdict(collections.Counter)
    for one in result:
        if one.question.rule in {RuleId.R32, RuleId.R43} and one.observed and one.response:
            by_question[one.question.rule, one.question.name][one.response.status] += 1
    for (rule, name), statuses in by_question.items():
        reported = " and ".join(f"{status} ({_times(count)})" for status, count in statuses.items())
        now = grade(contract.rules_by_id.get(rule))
        yield Proposal(rule, now, f"{name} got {reported}", "let the rule name it")


def _life(contract: Contract, observed: ObservedTask) -> Iterator[Proposal]:
    submit = observed.task.submit
    place = f"{submit.id} x-result-length"
    now = grade(submit.result_length)
    if observed.video is not None:
        because = f"{length_reading(observed)}, the video is {observed.video:.2f} s long"
        added = not differs(observed.video, observed.task.length)
        clear = added and differs(observed.video, observed.total)
        total = not added and not differs(observed.video, observed.total)
        change = (
            "raise to probed" if clear else "let the length be the total" if total else "settle it by another video"
        )
        yield Proposal(place, now, because, change)
    for route, second in observed.readable.items():
        if route in read_by(contract, observed) and second is not None and not at_once(observed, route):
            rule = contract.rules_by_id.get(RuleId.R04)
            because = f"{route} had the new task after {second:.0f} s"
            yield Proposal(f"{RuleId.R04} tolerance", grade(rule and rule.tolerance), because, "keep it, probed")
    if observed.ended is not None:
        life_ = task_life(contract)
        because = f"a task ran for {observed.ended:.0f} s, and the contract has {life_.lasts:g} s"
        close = math.isclose(observed.ended, life_.lasts, rel_tol=0.1)
        change = "raise to probed" if close else "take the time that was seen"
        yield Proposal("x-task-life runs", kind(life_.runs_grade), because, change)
        after = expiry(contract, observed)
        if after is not None:
            because = (
                f"the expiry reported is {after:.0f} s after the submit, and the contract has {life_.expires_after:g} s"
            )
            change = (
                "raise to probed"
                if math.isclose(after, life_.expires_after, rel_tol=0.05)
                else "take what was reported"
            )
            yield Proposal("x-task-life expires", kind(life_.expires_grade), because, change)


def _rules(contract: Contract, result: Sequence[ProbeResult], observed: ObservedTask | None) -> Iterator[Proposal]:
    for rule, count in tally(contract, result, observed).items():
        now, whole = grade(contract.rules_by_id[rule]), count.kept + count.broken
        if count.broken:
            because = f"broken by {count.broken} of {whole}, first by {count.details[0]}"
            yield Proposal(
                rule, now, because, "change it" if not count.kept else "change it, or find out when it holds"
            )
        elif now != KNOWN:
            yield Proposal(rule, now, f"kept by {count.kept} of {whole}", "may be raised")


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"
