"""What changes of the numbered rules: each is a promise of servers, so that less of it breaks callers. Pure."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Literal

from octopusx_video_openapi import Contract, Operation, Rule
from octopusx_video_openapi.document import Json, Pointer

from octopusx_video_compat.difference import CALLERS, SERVERS, Difference
from octopusx_video_compat.exchanges import Pair
from octopusx_video_compat.messages import home
from octopusx_video_compat.refusals import Refusal, refusals
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
            yield from _Comparison(base.rules_by_id[rule.id], rule, ("x-rules", number), pairs, new_ids, lists).found()


def _whole(
    contract: Contract, rule: Rule, change: Literal["more", "less"], what: str, *, in_base: bool = False
) -> Iterator[Difference]:
    if not _is_bill(rule):  # those are compared by the bills that follow from them
        number = list(contract.rules).index(rule)
        sides = SERVERS if (change == "more") != _permits(rule) else CALLERS
        kind = "rule-added" if change == "more" else "rule-removed"
        yield Difference(kind, rule.id, ("x-rules", number), sides, what, 6, in_base=in_base)


class _Comparison:
    """A rule of both contracts.

    Args:
        old: The rule of the old contract.
        new: The rule of the new one.
        pointer: Where the new one stands.
        pairs: The operations that both contracts have.
        new_ids: The id in the new contract of each operation of the old one.
        lists: See ``shapes``.
    """

    def __init__(
        self, old: Rule, new: Rule, pointer: Pointer, pairs: list[Pair], new_ids: Mapping[str, str], lists: Lists
    ) -> None:
        self._old = old
        self._new = new
        self._pointer = pointer
        self._pairs = {now.id: (before, now) for before, now in pairs}
        self._new_ids = new_ids
        self._lists = lists

    def found(self) -> Iterator[Difference]:
        """What is different."""
        old, new = self._old, self._new
        if old.level != new.level:
            yield self._change(
                "level", _strength(is_more=new.level == "must"), f"was a {old.level} and is a {new.level}"
            )
        if _is_bill(old) and _is_bill(new):
            return  # its bills are compared
        yield from self._sets("reach", self._reach(old, old=True), self._reach(new, old=False))
        for name in ("constant", "never_falls"):
            yield from self._sets(name.replace("_", "-"), set(getattr(old, name)), set(getattr(new, name)))
        yield from self._sets("in-order", set(_ordered(old.in_order)), set(_ordered(new.in_order)))
        yield from self._sets("read-by", self._reads(old, old=True), self._reads(new, old=False))
        for name, nothing in (("tolerance", 0.0), ("within", math.inf)):
            was, now = (nothing if time is None else time.seconds for time in (getattr(old, name), getattr(new, name)))
            if was != now:
                yield self._change(name, _strength(is_more=now < was), f"{name} was {was:g} seconds and is {now:g}")
        if old.billed != new.billed:
            yield self._change(
                "billed", _strength(is_more=new.billed == "never"), f"said billed {old.billed} and says {new.billed}"
            )
        yield from self._schemas()

    def _schemas(self) -> Iterator[Difference]:
        old, new = self._old.schema, self._new.schema
        if old is None or new is None:
            if old is not new:
                what = "its schema is new" if old is None else "its schema is gone"
                yield self._change("schema", _strength(is_more=old is None), what)
            return
        before = shape_of(old, (*self._pointer, "schema"), "written", {})
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
                        yield self._of_schema(refusal, before if not is_more else after, is_more=is_more)

    def _of_schema(self, refusal: Refusal, refusing: Shape, *, is_more: bool) -> Difference:
        response = f"a response {shown(refusal.value)}"
        what = f"{response} kept it and does not any more" if is_more else f"{response} did not keep it and does now"
        return self._change("schema", _strength(is_more=is_more), what, refusal.value, refusing.pointer(refusal.path))

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

    def _sets(self, name: str, old: set[Json], new: set[Json]) -> Iterator[Difference]:
        if old - new:
            yield self._change(name, "weaker", f"does not concern {_named(old - new)} any more")
        if new - old:
            yield self._change(name, "stronger", f"concerns {_named(new - old)} as well now")

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
