"""What the contract says now, beside what came: the changes of it that the probe proposes. Pure."""

from __future__ import annotations

import collections
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from octopusx_video_openapi import Contract, Operation, RuleId, Schema, values
from octopusx_video_openapi.lifecycle import task_life

from octopusx_video_contract.checks import single_response
from octopusx_video_contract.messages.http import ABSENT, Answer
from octopusx_video_contract.probe.paid_task import Lived
from octopusx_video_contract.probe.questions import Came
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
from octopusx_video_contract.scenarios.task_driver import UNKNOWN


@dataclass(frozen=True)
class Proposal:
    """A change of the contract.

    Attributes:
        place: What of the contract is meant.
        now: Its grade, or what it says.
        because: What came.
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


def proposals(contract: Contract, came: Sequence[Came], lived: Lived | None) -> list[Proposal]:
    """Everything that the answers speak for changing, nothing for what was not seen."""
    found = [
        *_responses(contract, came),
        *_causes(contract, came),
        *_shapes(came),
        *_values(contract, came),
        *_headers(came),
        *_range(came),
        *_narrower(contract, came),
        *(_life(contract, lived) if lived is not None else ()),
        *_rules(contract, came, lived),
    ]
    return list(dict.fromkeys(found))


def _answers(came: Iterable[Came]) -> Iterator[tuple[Came, Operation, Answer]]:
    for one in came:
        if one.question.operation is not None and one.answer is not None:
            yield one, one.question.operation, one.answer


_OF_FORM = {RuleId.R25, RuleId.R36, RuleId.R37, RuleId.R39}
"""Rules of what an answer is, whatever its status."""


def _responses(contract: Contract, came: Sequence[Came]) -> Iterator[Proposal]:
    seen: dict[tuple[str, str], collections.Counter[str]] = collections.defaultdict(collections.Counter)
    for one, operation, answer in _answers(came):
        if not (answer.is_success and _OF_FORM & one.broken.keys()):  # another thing, under the same number
            seen[operation.id, str(answer.status)][one.question.name] += 1
    for (name, status), questions in seen.items():
        response = contract.operations[name].responses.get(status)
        because = f"came {_times(questions.total())} ({', '.join(questions)})"
        place = f"{name} responses.{status}"
        if response is None:
            yield Proposal(place, "not documented", because, f"add responses.{status}, probed")
        elif grade(response) != KNOWN:
            yield Proposal(place, grade(response), because, "raise to probed")


def _causes(contract: Contract, came: Sequence[Came]) -> Iterator[Proposal]:
    seen: dict[tuple[str, str], list[Came]] = collections.defaultdict(list)
    for one, operation, answer in _answers(came):
        if one.question.cause and one.telling and answer.status >= 400:
            seen[operation.id, one.question.cause].append(one)
    for (name, cause), those in seen.items():
        operation = contract.operations[name]
        responses = operation.responses
        statuses = list(dict.fromkeys(str(one.answer.status) for one in those if one.answer))
        wanted = expected(operation, cause)
        for status in wanted:
            if status not in statuses:
                yield Proposal(
                    f"{name} responses.{status}",
                    f"{grade(responses[status])}, x-when {cause}",
                    f"{cause} was answered with {' and '.join(statuses)}",
                    f"move x-when {cause} to {statuses[0]}",
                )
        if cause == "unknown-task":
            both = set(map(str, UNKNOWN))
            for other in sorted((both - set(statuses)) & set(responses)) if both & set(statuses) else ():
                others = set(responses[other].causes) - {cause, "wrong-route"}
                if grade(responses[other]) != KNOWN and not others:
                    yield Proposal(
                        f"{name} responses.{other}",
                        grade(responses[other]),
                        f"the service answered {cause} with {_told(those[0])}",
                        f"drop {other} for {cause}",
                    )
        yield from _examples(operation, cause, those)


def _told(one: Came) -> str:
    assert one.answer is not None  # noqa: S101 - asked of answers alone
    return " ".join([str(one.answer.status), *dict.fromkeys(words(one.answer.json()).values())])


def _examples(operation: Operation, cause: str, those: Sequence[Came]) -> Iterator[Proposal]:
    for status, name in expected(operation, cause).items():
        response = operation.responses[status]
        examples = response.media["application/json"].examples
        for one in those:
            if one.answer is None or str(one.answer.status) != status or not isinstance(one.answer.json(), dict):
                continue
            body, example = one.answer.json(), examples.get(name)
            ours, theirs = words(example), words(body)
            other = {place: word for place, word in theirs.items() if ours.get(place, word) != word}
            if outline(example) == outline(body) and not other:
                continue
            because = f"{one.question.name} came as {outline(body)}" + "".join(f", {k} {v}" for k, v in other.items())
            yield Proposal(
                f"{operation.id} responses.{status}.{name}",
                f"{grade(response)}, {outline(example)}",
                because,
                f"give the example of {cause} this shape",
            )
            break


def _shapes(came: Sequence[Came]) -> Iterator[Proposal]:
    unknown: collections.Counter[tuple[str, str]] = collections.Counter()
    empty: collections.Counter[str] = collections.Counter()
    for _, operation, answer in _answers(came):
        if answer.status < 400:
            continue
        if not answer.content:
            empty[f"{operation.id} responses.{answer.status}"] += 1
        elif answer.json() is ABSENT:
            unknown[f"{operation.id} responses.{answer.status}", answer.media_type or "no media type"] += 1
        elif branch(operation, answer) is None:
            unknown["schemas.ErrorResponse", outline(answer.json())] += 1
    for place, count in empty.items():
        yield Proposal(place, "", f"came {_times(count)} with an empty body", "say that its content may be missing")
    for (place, shape), count in unknown.items():
        yield Proposal(place, "not documented", f"{shape} came {_times(count)}", "add this shape, probed")


def _values(contract: Contract, came: Sequence[Came]) -> Iterator[Proposal]:
    seen: dict[tuple[str, str, str, str], int] = collections.Counter()
    for _, operation, answer in _answers(came):
        schema = branch(operation, answer)
        if schema is None:
            continue
        for place, value, node in fields(schema, answer.json()):
            name = f"schemas.{schema.reference} {place}"
            if node is None:
                seen[name, "not documented", f"came as {outline(value)}", "add it, probed"] += 1
                continue
            if any(single_response.mismatches(node, value)):
                seen[
                    name,
                    f"{grade(node)}, type {' or '.join(node.types) or 'any'}",
                    f"came as {outline(value)}",
                    "widen it",
                ] += 1
            elif grade(node) not in {KNOWN, ""}:
                seen[name, grade(node), f"came as {outline(value)}", "raise to probed"] += 1
            yield from _status(contract, node, value)
            unit = unit_of(contract, value)
            if node.value_of in TIMES and unit not in {"seconds", ""}:
                seen[name, node.unit, f"came in {unit}", f"let it be {unit}, and see R13"] += 1
    for (name, now, because, change), count in seen.items():
        yield Proposal(name, now, f"{because} {_times(count)}", change)


def _status(contract: Contract, node: Schema, value: Any) -> Iterator[Proposal]:
    if node.value_of != values.STATUS or not isinstance(value, str):
        return
    if contract.phase(value) is None:
        yield Proposal(
            "schemas.TaskStatus", "open", f"the status {clean(value)} came", "add it to the list that it belongs to"
        )
    for name, schema in contract.schemas.items():
        known = schema.enum_grades.get(value)
        if value in schema.enum and known and known.kind != KNOWN:
            yield Proposal(f"schemas.{name} {value}", known.kind, "it came", "raise to probed")


def _headers(came: Sequence[Came]) -> Iterator[Proposal]:
    seen: dict[str, list[bool]] = collections.defaultdict(list)
    grades: dict[str, str] = {}
    for _, operation, answer in _answers(came):
        response = operation.response(answer.status)
        for name, header in response.headers.items() if response else ():
            seen[header.component].append(name.lower() in answer.headers)
            grades[header.component] = grade(header)
    for name, there in seen.items():
        if grades[name] != KNOWN and any(there):
            because = f"came with {sum(there)} of {len(there)} answers that document it"
            yield Proposal(f"headers.{name}", grades[name], because, "raise to probed")


def _range(came: Sequence[Came]) -> Iterator[Proposal]:
    for one, operation, answer in _answers(came):
        wanted = one.question.request.header("Range")
        if wanted is None or answer.status not in {200, 206, 416}:
            continue
        parameters = (parameter for parameter in operation.parameters if parameter.name == "Range")
        now = next(map(grade, parameters), "not documented")
        place = f"{operation.id} parameters.Range"
        if answer.status == 200:
            yield Proposal(place, now, f"{wanted} was answered with 200", "say that the service ignores it")
        else:
            yield Proposal(place, now, f"{wanted} was answered with {answer.status}", "raise to probed")


def _narrower(contract: Contract, came: Sequence[Came]) -> Iterator[Proposal]:
    """Rules that allow several refusals, where one came."""
    by_question: dict[tuple[str, str], collections.Counter[int]] = collections.defaultdict(collections.Counter)
    for one in came:
        if one.question.rule in {RuleId.R32, RuleId.R43} and one.telling and one.answer:
            by_question[one.question.rule, one.question.name][one.answer.status] += 1
    for (rule, name), statuses in by_question.items():
        told = " and ".join(f"{status} ({_times(count)})" for status, count in statuses.items())
        now = grade(contract.rules_by_id.get(rule))
        yield Proposal(rule, now, f"{name} was answered with {told}", "let the rule name it")


def _life(contract: Contract, lived: Lived) -> Iterator[Proposal]:
    submit = lived.task.submit
    place = f"{submit.id} x-result-length"
    now = grade(submit.result_length)
    if lived.video is not None:
        because = f"{length_reading(lived)}, the video is {lived.video:.2f} s long"
        added = not differs(lived.video, lived.task.length)
        clear = added and differs(lived.video, lived.total)
        total = not added and not differs(lived.video, lived.total)
        change = (
            "raise to probed" if clear else "let the length be the total" if total else "settle it by another video"
        )
        yield Proposal(place, now, because, change)
    for route, second in lived.readable.items():
        if route in read_by(contract, lived) and second is not None and not at_once(lived, route):
            rule = contract.rules_by_id.get(RuleId.R04)
            because = f"{route} had the new task after {second:.0f} s"
            yield Proposal(f"{RuleId.R04} tolerance", grade(rule and rule.tolerance), because, "keep it, probed")
    if lived.ended is not None:
        life_ = task_life(contract)
        because = f"a task ran for {lived.ended:.0f} s, and the contract has {life_.lasts:g} s"
        close = math.isclose(lived.ended, life_.lasts, rel_tol=0.1)
        change = "raise to probed" if close else "take the time that was seen"
        yield Proposal("x-task-life runs", kind(life_.runs_grade), because, change)
        after = expiry(contract, lived)
        if after is not None:
            because = (
                f"the expiry told is {after:.0f} s after the submit, and the contract has {life_.expires_after:g} s"
            )
            change = (
                "raise to probed" if math.isclose(after, life_.expires_after, rel_tol=0.05) else "take what was told"
            )
            yield Proposal("x-task-life expires", kind(life_.expires_grade), because, change)


def _rules(contract: Contract, came: Sequence[Came], lived: Lived | None) -> Iterator[Proposal]:
    for rule, count in tally(contract, came, lived).items():
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
