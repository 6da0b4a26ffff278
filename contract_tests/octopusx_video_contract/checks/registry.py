"""The checks of the suite, each registered for the rules that it asks, and what a check gives.

A check gives an outcome for each thing that it compared: the rule, and what breaks it or None. A check that had nothing
to look at gives none. A rule counts as asked by its outcomes alone (``Run.check``), wherever they come from.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

from octopusx_video_openapi import Contract, Rule, RuleId

Outcome = tuple[str, str | None]
"""The number of a rule that was asked, and what breaks it; None where it is kept."""
Outcomes = Iterator[Outcome]
Check = TypeVar("Check", bound=Callable[..., Any])

CHECKS: dict[RuleId, list[Callable[..., Any]]] = {}
"""The checks of each rule, as far as their modules are imported."""


def checks(*rules: RuleId) -> Callable[[Check], Check]:
    """Register a function, or a class with such methods, as a check of rules."""

    def register(check: Check) -> Check:
        for rule in rules:
            CHECKS.setdefault(rule, []).append(check)
        return check

    return register


def is_by_schema(rule: Rule) -> bool:
    """Whether a rule is checked by what the contract says of it, so that a rule of another contract is too."""
    of_response = rule.about in {"response", "rejection-of-a-valid-request"}
    return (of_response and rule.schema is not None) or (rule.about == "billing" and rule.when is not None)


def without_check(contract: Contract) -> list[Rule]:
    """The rules of a contract that nothing here can check: each rule of the project's own has a check."""
    return [rule for rule in contract.rules if rule.id not in RuleId.__members__ and not is_by_schema(rule)]


def speaks_of(rule: Rule, operation: str) -> bool:
    """Whether a rule speaks of an operation; where none is known (""), every rule does."""
    return not (operation and rule.operations) or operation in rule.operations


def kept_and_broken(contract: Contract, operation: str, found: Iterable[Outcome]) -> tuple[set[str], dict[str, str]]:
    """The rules that outcomes show to be kept, and those that are broken with the first fault of each.

    Left out are the rules that the contract does not have, or that do not speak of the operation.
    """
    asked, broken = set(), dict[str, str]()
    for number, fault in found:
        rule = contract.rules_by_id.get(number)
        if rule is not None and speaks_of(rule, operation):
            asked.add(number)
            broken |= {} if fault is None or number in broken else {number: fault}
    return asked - set(broken), broken


def outcomes(rule: RuleId, faults: Iterable[str], what: str = "") -> list[Outcome]:
    """The outcomes of something that was compared: each fault, after what was asked, or that there is none."""
    return [(rule, f"{what}{fault}") for fault in faults] or [(rule, None)]


def at(place: str, found: Iterable[Outcome]) -> Outcomes:
    """Outcomes whose faults begin with a place, such as the operation."""
    return ((rule, fault and f"{place}: {fault}") for rule, fault in found)
