"""What changes of the numbered rules: each is a promise of servers, so that less of it breaks callers. Pure."""

from __future__ import annotations

import functools
import itertools
import json
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Literal

from octopusx_video_openapi import Contract, Operation, Rule, Schema, values
from octopusx_video_openapi.document import Json, Pointer

from octopusx_video_compat.candidates import candidates, validator
from octopusx_video_compat.difference import CALLERS, SERVERS, Difference
from octopusx_video_compat.exchanges import Pair
from octopusx_video_compat.messages import home
from octopusx_video_compat.refusals import Refusal, refusals, smaller
from octopusx_video_compat.sentences import shown
from octopusx_video_compat.shapes import Lists, Shape, shape_of, text

Strength = Literal["stronger", "weaker"]
Reach = set[tuple[str, str]]
"""The responses that a rule concerns: the id of the new operation, and the status; ``*`` stands for all others."""


def of_rules(base: Contract, new: Contract, pairs: list[Pair], lists: Lists) -> Iterator[Difference]:
    """Rules that are gone, new, weaker or stronger."""
    new_ids = {old.id: now.id for old, now in pairs}
    for rule in base.rules:
        if rule.id not in new.rules_by_id:
            yield from _whole(base, rule, "less", f"{rule.id} is gone: {rule.title}", in_base=True)
    for number, rule in enumerate(new.rules):
        if rule.id not in base.rules_by_id:
            yield from _whole(new, rule, "more", f"{rule.id} is new, and a server of the old contract may break it")
        else:
            yield from _Comparison(
                base.rules_by_id[rule.id], rule, new, ("x-rules", number), pairs, new_ids, lists
            ).found()


def _whole(
    contract: Contract, rule: Rule, change: Literal["more", "less"], what: str, *, in_base: bool = False
) -> Iterator[Difference]:
    if not _is_bill(rule):  # those are compared by the bills that follow from them
        number = list(contract.rules).index(rule)
        sides = SERVERS if (change == "more") != _permits(rule) else CALLERS
        kind = "rule-added" if change == "more" else "rule-removed"
        example = _concerned(contract, rule)
        yield Difference(kind, rule.id, ("x-rules", number), sides, what, 6, example=example, in_base=in_base)


class _Comparison:
    """A rule of both contracts.

    Args:
        old: The rule of the old contract.
        new: The rule of the new one.
        contract: The new contract.
        pointer: Where the new one stands.
        pairs: The operations that both contracts have.
        new_ids: The id in the new contract of each operation of the old one.
        lists: See ``shapes``.
    """

    def __init__(
        self,
        old: Rule,
        new: Rule,
        contract: Contract,
        pointer: Pointer,
        pairs: list[Pair],
        new_ids: Mapping[str, str],
        lists: Lists,
    ) -> None:
        self._old = old
        self._new = new
        self._contract = contract
        self._pointer = pointer
        self._pairs = {now.id: (before, now) for before, now in pairs}
        self._new_ids = new_ids
        self._lists = lists

    def found(self) -> Iterator[Difference]:
        """What is different."""
        old, new = self._old, self._new
        if old.level != new.level:
            what = f"was a {old.level} and is a {new.level}"
            example = _concerned(self._contract, new)
            yield self._change("level", _strength(is_more=new.level == "must"), what, example)
        if _is_bill(old) and _is_bill(new):
            return  # its bills are compared
        yield from self._sets("reach", self._reach(old, old=True), self._reach(new, old=False), self._reached)
        yield from self._sets("constant", set(old.constant), set(new.constant), self._changed)
        yield from self._sets("never-falls", set(old.never_falls), set(new.never_falls), _fallen)
        yield from self._sets("in-order", set(_ordered(old.in_order)), set(_ordered(new.in_order)), _turned)
        yield from self._sets("read-by", self._reads(old, old=True), self._reads(new, old=False), _read)
        for name, nothing in (("tolerance", 0.0), ("within", math.inf)):
            was, now = (nothing if time is None else time.seconds for time in (getattr(old, name), getattr(new, name)))
            if was != now:
                what = f"{name} was {was:g} seconds and is {now:g}"
                # The longer of the two keeps one rule and breaks the other.
                longer = {"seconds": max(was, now)}
                yield self._change(name, _strength(is_more=now < was), what, longer)
        if old.billed != new.billed:
            what = f"said billed {old.billed} and says {new.billed}"
            example = {**_concerned(self._contract, new), "billed": True}
            yield self._change("billed", _strength(is_more=new.billed == "never"), what, example)
        yield from self._schemas()

    def _schemas(self) -> Iterator[Difference]:
        old, new = self._old.schema, self._new.schema
        if old is None or new is None:
            if old is not new:
                what = "its schema is new" if old is None else "its schema is gone"
                yield self._change("schema", _strength(is_more=old is None), what)
            return
        before = shape_of(old, (*self._pointer, "schema"), "written", ())
        after = shape_of(new, (*self._pointer, "schema"), "written", self._lists)
        if text(before.schema) == text(after.schema):
            return
        seen = set()
        for operation, status in sorted(self._reach(self._old, old=True) & self._reach(self._new, old=False)):
            for response in self._responses(operation, status):
                for is_more, refusal in (
                    *((False, one) for one in refusals(_both(response, after), before)),
                    *((True, one) for one in refusals(_both(response, before), after)),
                ):
                    if (is_more, refusal.path) not in seen:
                        seen.add((is_more, refusal.path))
                        example = {"operation": operation, "status": status, "body": refusal.value}
                        yield self._of_schema(refusal, example, after if is_more else before, is_more=is_more)

    def _of_schema(self, refusal: Refusal, example: Json, refusing: Shape, *, is_more: bool) -> Difference:
        response = f"a response {shown(refusal.value)}"
        what = f"{response} kept it and does not any more" if is_more else f"{response} did not keep it and does now"
        return self._change("schema", _strength(is_more=is_more), what, example, refusing.pointer(refusal.path))

    def _responses(self, operation: str, status: str) -> Iterator[Shape]:
        """What both contracts say of a response."""
        before, after = self._pairs.get(operation, (None, None))
        shapes = [
            shape_of(schema, home(one), "written", self._lists)
            for one in (before, after)
            if one is not None and status in one.responses and (schema := one.responses[status].schema) is not None
        ]
        if shapes:
            yield shapes[0]._replace(schema={"allOf": [shape.schema for shape in shapes]})

    def _reach(self, rule: Rule, *, old: bool) -> Reach:
        """The responses of operations of both contracts that a rule concerns."""
        named = [self._new_ids.get(one) if old else one for one in rule.operations]
        pairs = [self._pairs[name] for name in named if name in self._pairs]
        if not rule.operations:
            return {("*", "*")}
        return {
            (now.id, status)
            for before, now in pairs
            for status in [*_shared(before, now), "*"]
            if not rule.statuses or (status != "*" and int(status) in rule.statuses)
        }

    def _reads(self, rule: Rule, *, old: bool) -> Reach:
        reads = {(submit, read) for submit, reads in rule.read_by.items() for read in reads}
        if old:
            reads = {(self._new_ids.get(one, one), self._new_ids.get(other, other)) for one, other in reads}
        return {pair for pair in reads if pair[0] in self._pairs and pair[1] in self._pairs}

    def _sets(
        self, name: str, old: set[Json], new: set[Json], example: Callable[[Json], dict[str, Json]]
    ) -> Iterator[Difference]:
        """What is in one set alone; ``example`` makes an example of a member."""
        if old - new:
            what = f"does not concern {_named(old - new)} any more"
            yield self._change(name, "weaker", what, example(min(old - new)))
        if new - old:
            what = f"concerns {_named(new - old)} as well now"
            yield self._change(name, "stronger", what, example(min(new - old)))

    def _reached(self, reached: tuple[str, str]) -> dict[str, Json]:
        """A response that the rule concerns in one contract alone, which breaks it where it has a schema."""
        operation, status = reached
        here = self._pairs.get(operation)
        return {} if here is None else _example(here[1], status, self._old.schema or self._new.schema)

    def _changed(self, field: str) -> dict[str, Json]:
        """Two reads of a task between which a field changes."""
        reads = [one for name in self._new.operations if name in self._pairs for one in self._pairs[name]]
        schemas = [one.schema for read in reads for one in read.responses.values() if one.schema is not None]
        places = (place.schema for schema in schemas for place in values.places(schema) if place.path == (field,))
        for place in places:
            schema = shape_of(place, (), "closed", ()).schema
            first = candidates(schema, {})[0]
            other = next((value for value in candidates(schema, {"const": first}) if value != first), None)
            if other is not None:
                return {"reads": [{field: first}, {field: other}]}
        return {}

    def _change(
        self,
        name: str,
        change: Strength,
        what: str,
        example: Json = None,
        pointer: Pointer | None = None,
    ) -> Difference:
        sides = SERVERS if (change == "stronger") != _permits(self._new) else CALLERS
        kind = f"rule-{change}: {name}"
        place = pointer or (*self._pointer, name)
        return Difference(kind, self._new.id, place, sides, f"{self._new.id} {what}", 6, example=example)


def _concerned(contract: Contract, rule: Rule) -> dict[str, Json]:
    """The first response that a rule concerns, which breaks it where it has a schema; empty where it is of all."""
    known = [contract.operations[name] for name in rule.operations if name in contract.operations]
    statuses = [str(status) for status in rule.statuses] or ["*"]
    found = ((one, status) for one in known for status in statuses if status == "*" or status in one.responses)
    return next((_example(one, status, rule.schema) for one, status in found), {})


def _example(operation: Operation, status: str, rule: Schema | None) -> dict[str, Json]:
    """An operation and a status, with a smallest body that breaks a rule."""
    named = {"operation": operation.id} if status == "*" else {"operation": operation.id, "status": status}
    response = operation.responses.get(status)
    if rule is None or response is None or response.schema is None:
        return named
    allowed = shape_of(response.schema, (), "written", ()).schema
    kept = shape_of(rule, (), "written", ()).schema
    body = _breaking(text(allowed), text(kept))
    return named if body is None else {**named, "body": body}


@functools.lru_cache(maxsize=256)  # operations have their errors in common
def _breaking(allowed: str, kept: str) -> Json:
    """A smallest value that one schema allows and another refuses; None where none is found."""
    schema, rule = json.loads(allowed), json.loads(kept)
    is_allowed, is_kept = validator(schema).is_valid, validator(rule).is_valid

    def breaks(value: Json) -> bool:
        return is_allowed(value) and not is_kept(value)

    found = next(filter(breaks, candidates({"allOf": [schema, {"not": rule}]}, schema)), None)
    return None if found is None else smaller(found, breaks)


def _fallen(field: str) -> dict[str, Json]:
    return {"reads": [{field: 1}, {field: 0}]}


def _turned(fields: tuple[str, str]) -> dict[str, Json]:
    return {"reads": [dict(zip(fields, (2, 1), strict=True))]}


def _read(pair: tuple[str, str]) -> dict[str, Json]:
    return dict(zip(("submit", "read"), pair, strict=True))


def _strength(*, is_more: bool) -> Strength:
    return "stronger" if is_more else "weaker"


def _both(response: Shape, rule: Shape) -> Shape:
    return rule._replace(schema={"allOf": [response.schema, rule.schema]})


def _shared(before: Operation, after: Operation) -> list[str]:
    return [status for status in before.responses if status in after.responses and status.isdigit()]


def _permits(rule: Rule) -> bool:
    """Whether a rule only allows something, so that less of it is stricter."""
    return rule.billed == "possible"


def _is_bill(rule: Rule) -> bool:
    return rule.about == "billing" and rule.when is not None


def _ordered(names: Iterable[str]) -> Iterator[tuple[str, str]]:
    return itertools.combinations(names, 2)


def _named(items: set[Json]) -> str:
    return ", ".join(sorted(" ".join(one) if isinstance(one, tuple) else str(one) for one in items))
