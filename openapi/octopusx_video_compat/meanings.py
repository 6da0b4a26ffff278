"""What changes of what values mean: bills, places of values, units, lengths, causes, and the life of a task. Pure."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from octopusx_video_openapi import Contract, ContractError, Operation, Rule, Schema, values
from octopusx_video_openapi.billing import billed
from octopusx_video_openapi.document import Json, Pointer
from octopusx_video_openapi.lifecycle import task_life

from octopusx_video_compat.candidates import candidates, validator
from octopusx_video_compat.difference import BOTH, CALLERS, NOBODY, SERVERS, Difference, Side
from octopusx_video_compat.exchanges import Pair
from octopusx_video_compat.messages import home
from octopusx_video_compat.refusals import smaller
from octopusx_video_compat.sentences import OLD_CALLER, shown
from octopusx_video_compat.shapes import Lists, shape_of, text

PHASES = {"RunningStatus": "running", "SucceededStatus": "succeeded", "FailedStatus": "failed"}
"""The component schemas that list the statuses of a task."""
_OUTCOMES = {"never": {False}, "yes": {True}, "possible": {False, True}}
_SOURCE = 20.0
"""Seconds of the source video for which lengths are compared."""


def of_bills(pair: Pair, lists: Lists) -> Iterator[Difference]:
    """Whether a request may have been billed, by the status and the body of its response."""
    old, new = pair
    for status in old.responses.keys() & new.responses.keys():
        if not status.isdigit() or _bill(old, status) == _bill(new, status):
            continue
        seen: set[tuple[str, str]] = set()
        bodies, is_allowed = _bodies(pair, status, lists)
        for body in bodies:
            before, after = billed(old, int(status), body), billed(new, int(status), body)
            if before == after or (before, after) in seen:
                continue
            seen.add((before, after))

            body = smaller(body, functools.partial(_has_bills, pair, status, (before, after), is_allowed))
            rule = f"a response with status {status} meant that the request was billed: {before}; now it means {after}"
            sides = _sides(_OUTCOMES[after] - _OUTCOMES[before], _OUTCOMES[before] - _OUTCOMES[after])
            place = (*new.responses[status].place, "x-billed")
            yield Difference(
                "bill", f"{new.id} {status}", place, sides, rule, 5, example={"status": status, "body": body}
            )


def of_places(pair: Pair) -> Iterator[Difference]:
    """What the values of messages are (``x-value-of``) and count (``x-unit``), and what one left out stands for."""
    old, new = pair
    if old.body_schema is not None and new.body_schema is not None:
        where, pointer = f"{new.id} request", (*home(new), "requestBody")
        yield from _of_places(old.body_schema, new.body_schema, where, pointer)
        yield from _of_defaults(old.body_schema, new.body_schema, where, pointer)
    for status in old.responses.keys() & new.responses.keys():
        before, after = old.responses[status], new.responses[status]
        where = f"{new.id} {status}"
        if before.schema is not None and after.schema is not None:
            yield from _of_places(before.schema, after.schema, where, (*after.place, "content"))
        for name in before.headers.keys() & after.headers.keys():
            pointer = (*after.place, "headers", name)
            values_of = before.headers[name].value_of, after.headers[name].value_of
            yield from _meaning(
                "x-value-of", where, pointer, f"the header {name}", _set(values_of[0]), _set(values_of[1])
            )
    for one, other in (
        (a, b) for a in old.parameters for b in new.parameters if (a.name, a.place) == (b.name, b.place)
    ):
        pointer = (*home(new), "parameters")
        units = _set(one.schema.unit), _set(other.schema.unit)
        yield from _meaning("x-unit", f"{new.id} request", pointer, f"the parameter {one.name}", *units)


def of_lengths(pair: Pair, lists: Lists) -> Iterator[Difference]:
    """How long the video of a submit is."""
    old, new = pair
    if not (old.starts_task and new.starts_task and old.body_schema and new.body_schema):
        return
    before, after = _length(old), _length(new)
    if before is None or after is None:
        if before is not after:
            sides = SERVERS if before is None else CALLERS
            text_ = "the length of the video is said by one contract alone"
            yield Difference("length", new.id, (*home(new), "x-result-length"), sides, text_, 7)
        return
    if _said(before) == _said(after):
        return
    models = sorted({*before.added_by_model, *after.added_by_model})
    shapes = [
        shape_of(old.body_schema, home(old), "closed", ()).schema,
        shape_of(new.body_schema, home(new), "closed", lists).schema,
    ]
    named = (
        {"allOf": shapes, "anyOf": [{}, {"properties": {"model": {"enum": models}}}]} if models else {"allOf": shapes}
    )

    def differs(body: Json) -> bool:
        return is_valid(body) and before.seconds(body, _SOURCE) != after.seconds(body, _SOURCE)

    is_valid = validator({"allOf": shapes}).is_valid
    found = next((body for body in candidates(named, {}) if differs(body)), None)
    if found is not None:
        found = smaller(found, differs)
        text_ = (
            f"a request gave a video of {before.seconds(found, _SOURCE):g} seconds and gives one of "
            f"{after.seconds(found, _SOURCE):g} now, where its source has {_SOURCE:g}"
        )
        yield Difference("length", new.id, (*home(new), "x-result-length"), BOTH, text_, 7, example=found)


def of_causes(pair: Pair) -> Iterator[Difference]:
    """With which status a request is rejected for a cause (``x-when``)."""
    old, new = pair
    before, after = _causes(old), _causes(new)
    for cause in sorted(before.keys() | after.keys()):
        was, now = before.get(cause), after.get(cause)
        if was != now:
            sides = SERVERS if was is None else CALLERS if now is None else BOTH
            what = f"for the cause {cause} the status was {was or 'open'} and is {now or 'open'}"
            pointer = (*home(new), "responses", now or was or "")
            example = {"cause": cause, "status": was or now}
            yield Difference("cause", new.id, pointer, sides, what, 8, example=example)


def of_life(base: Contract, new: Contract) -> Iterator[Difference]:
    """The lifecycle of a task, and the texts by which errors are distinguished."""
    yield from _of_phases(base, new)
    here: Pointer = ("x-task-life",)
    if base.has("x-task-life") != new.has("x-task-life"):
        sides = CALLERS if base.has("x-task-life") else SERVERS
        yield Difference("life", "x-task-life", here, sides, "one contract alone says how a task lives", 8)
    elif base.has("x-task-life"):
        old, life = task_life(base), task_life(new)
        if old.expires_after != life.expires_after:
            sides = CALLERS if life.expires_after < old.expires_after else SERVERS
            what = (
                f"a video could be fetched for {old.expires_after:g} seconds and can be for {life.expires_after:g} now"
            )
            place, example = (*here, "expires", "after"), {"seconds": max(old.expires_after, life.expires_after)}
            yield Difference("life-expires", "x-task-life", place, sides, what, 8, example=example)
        if old.unknown_code != life.unknown_code:
            what = f'an unknown task had the code "{old.unknown_code}" and has "{life.unknown_code}" now'
            yield Difference("life-unknown", "x-task-life", (*here, "unknown", "code"), BOTH, what, 8)
        runs: list[Json] = [[[run.status, run.lasts] for run in one.runs] for one in (old, life)]
        for name, was, now in (
            ("runs", *runs),
            ("succeeds", old.succeeded, life.succeeded),
            ("fails", old.failed, life.failed),
            ("ids", old.id_prefix, life.id_prefix),
        ):
            if was != now:
                what = f"{name} was {shown(was)} and is {shown(now)}; no rule holds a server to it"
                yield Difference("life", "x-task-life", (*here, name), NOBODY, what, 8)
    if base.wrong_route_type != new.wrong_route_type:
        what = f'the error of a wrong route had the type "{base.wrong_route_type}" and has "{new.wrong_route_type}" now'
        yield Difference("wrong-route", "x-wrong-route", ("x-wrong-route", "error-type"), BOTH, what, 8)
    if base.server != new.server:
        what = f"the service was at {base.server} and is at {new.server} now"
        yield Difference("service", "servers", ("servers", 0, "url"), CALLERS, what, 9)


def lists(base: Contract, new: Contract) -> Lists:
    """The lists of statuses of the old contract, for the schemas of the new one: ``of_life`` compares them once."""
    both = base.schemas.keys() & new.schemas.keys() & PHASES.keys()
    return tuple((name, base.schemas[name].text) for name in sorted(both))


def _of_phases(base: Contract, new: Contract) -> Iterator[Difference]:
    old, now = _phases(base), _phases(new)
    for status in [*old, *(one for one in now if one not in old)]:
        before, after = old.get(status), now.get(status)
        if before == after:
            continue
        name = next(name for name, phase in PHASES.items() if phase == (after or before))
        pointer = ("components", "schemas", name, "enum")
        is_end = after in {"succeeded", "failed"}
        if before is None:
            sides = CALLERS if is_end else NOBODY
            what = (
                f'the status "{status}" is an end ({after}); {OLD_CALLER} takes it for running, and polls for ever'
                if is_end
                else f'the status "{status}" is known as running; a caller of the old contract takes it for that'
            )
        elif after is None:
            sides = SERVERS
            what = f'the status "{status}" is not known any more; a server of the old contract may send it for {before}'
        else:
            sides = BOTH
            what = f'the status "{status}" meant {before} and means {after} now'
        yield Difference("status", name, pointer, sides, what, 4, example=status)


def _phases(contract: Contract) -> dict[str, str]:
    return {
        str(status): phase
        for name, phase in PHASES.items()
        if name in contract.schemas
        for status in contract.schemas[name].enum
    }


def _bill(operation: Operation, status: str) -> list[Any]:
    """What the bill of a response rests on."""
    rules = [
        (text(shape_of(rule.when, (), "written", ()).schema), rule.billed)
        for rule in _billing(operation, status)
        if rule.when is not None
    ]
    return [operation.responses[status].billed, rules]


def _has_bills(pair: Pair, status: str, bills: tuple[str, str], is_allowed: Callable[[Json], bool], body: Json) -> bool:
    """Whether both contracts allow a response, and each says of its bill what is wanted."""
    return is_allowed(body) and tuple(billed(one, int(status), body) for one in pair) == bills


def _billing(operation: Operation, status: str) -> list[Rule]:
    return [
        rule
        for rule in operation.contract.rules
        if rule.about == "billing"
        and rule.when is not None
        and operation.id in rule.operations
        and int(status) in rule.statuses
    ]


def _bodies(pair: Pair, status: str, lists: Lists) -> tuple[Iterable[Json], Callable[[Json], bool]]:
    """Bodies that both contracts allow a response, for each way to tell them apart; and what tests whether they do."""
    whens = [
        [shape_of(rule.when, (), "written", ()).schema for rule in _billing(operation, status) if rule.when is not None]
        for operation in pair
    ]
    schemas = [operation.responses[status].schema for operation in pair]
    shapes = [shape_of(one, (), "closed", lists).schema for one in schemas if one is not None]
    if not shapes:
        return [None], lambda body: body is None
    is_valid = validator({"allOf": shapes}).is_valid
    before, after = ({"allOf": shapes, "anyOf": [{}, *one]} for one in whens)
    return filter(is_valid, itertools.chain(candidates(before, after), candidates(after, before))), is_valid


def _of_places(before: Schema, after: Schema, where: str, pointer: Pointer) -> Iterator[Difference]:
    old, new = _by_path(before), _by_path(after)
    for path in old.keys() & new.keys():
        place = _pointer(old[path][0], new[path][0], pointer, path)
        name = ".".join(path)
        yield from _meaning("x-value-of", where, place, name, old[path][1], new[path][1])
        yield from _meaning("x-unit", where, place, name, old[path][2], new[path][2])


def _of_defaults(before: Schema, after: Schema, where: str, pointer: Pointer) -> Iterator[Difference]:
    old, new = _by_path(before), _by_path(after)
    for path in old.keys() & new.keys():
        was, now = old[path][0].default_when_omitted, new[path][0].default_when_omitted
        place = _pointer(old[path][0], new[path][0], pointer, path)
        name = ".".join(path)
        yield from _meaning("x-default-when-omitted", where, place, name, _set(was, None), _set(now, None))


def _meaning(key: str, where: str, pointer: Pointer, name: str, old: set[str], new: set[str]) -> Iterator[Difference]:
    if old == new:
        return
    sides = BOTH if old and new else CALLERS if old else SERVERS
    was, now = ("or ".join(sorted(map(str, one))) or "open" for one in (old, new))
    text_ = f"{key} of {name} was {was} and is {now} now"
    yield Difference(key.removeprefix("x-"), where, (*pointer, key), sides, text_, 7)


def _by_path(schema: Schema) -> dict[tuple[str, ...], tuple[Schema, set[str], set[str]]]:
    found: dict[tuple[str, ...], tuple[Schema, set[str], set[str]]] = {}
    for place in values.places(schema):
        _, values_of, units = found.setdefault(place.path, (place.schema, set(), set()))
        values_of |= _set(place.value_of)
        units |= _set(place.unit)
    return found


def _pointer(old: Schema, new: Schema, around: Pointer, path: tuple[str, ...]) -> Pointer:
    """Where the schema of a field stands: the component that it uses, or as near as is known."""
    if new.reference and old.reference == new.reference:
        return ("components", "schemas", new.reference)
    return around


def _length(operation: Operation) -> Any:
    try:
        return operation.result_length
    except ContractError:
        return None


def _said(length: Any) -> tuple[str, dict[str, Any]]:
    """What a length rests on, but for how it is known."""
    return type(length).__name__, {key: value for key, value in vars(length).items() if key != "grade"}


def _causes(operation: Operation) -> dict[str, str]:
    """For each cause, the first status that names it."""
    found: dict[str, str] = {}
    for status, response in operation.responses.items():
        for cause in response.causes:
            found.setdefault(cause, status)
    return found


def _sides(for_callers: Iterable[Any], for_servers: Iterable[Any]) -> tuple[Side, ...]:
    return (*(CALLERS if for_callers else ()), *(SERVERS if for_servers else ()))


def _set(value: Any, nothing: Any = "") -> set[Any]:
    return set() if value == nothing else {value}
