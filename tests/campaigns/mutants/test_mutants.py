"""The campaign of mutants: what it makes of the contract, and how it judges two mutants of each kind."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from octopusx_video_openapi import Contract, load
from octopusx_video_openapi.checking import usable
from octopusx_video_openapi.reading import read

from tests.campaigns.mutants import campaign, runs
from tests.campaigns.mutants.made import Kind, Mutant, mutants, put
from tests.support import documents

SEED = 1
RULE = "R36"
"""One that a defective server breaks."""
LAYER = "documented_requests"
"""The one layer that is asked where a mutant must survive, or does not concern the others."""
EVERY = 20
"""Every so many-th mutant is made a contract, and each is written to a file and read, which takes a while."""


def differences(one: Any, other: Any, place: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The smallest places in which two documents differ; a list counts as one."""
    if one is other:  # a mutant shares what it does not change
        return []
    if isinstance(one, dict) and isinstance(other, dict):
        return [
            found
            for name in one.keys() | other.keys()
            for found in (
                differences(one[name], other[name], (*place, name))
                if name in one and name in other
                else [(*place, name)]
            )
        ]
    if isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        return [
            found
            for at, (mine, theirs) in enumerate(zip(one, other, strict=True))
            for found in differences(mine, theirs, (*place, at))
        ]
    return [] if one == other and type(one) is type(other) else [place]


@pytest.fixture(scope="module")
def made() -> list[Mutant]:
    """The mutants of the project's contract."""
    return mutants(load())


def named(made: list[Mutant], name: str) -> Mutant:
    """The mutant of a name."""
    return next(mutant for mutant in made if mutant.name == name)


def test_names_are_unique(made: list[Mutant]) -> None:
    """A mutant is told by its name."""
    assert [name for name, count in Counter(mutant.name for mutant in made).items() if count > 1] == []


def test_each_mutant_departs_in_its_own_place(made: list[Mutant], contract: Contract) -> None:
    """A mutant differs from the contract where it says, nowhere else, and no two are the same contract."""
    seen: Counter[str] = Counter()
    for mutant in made:
        document = put(documents.document(contract), mutant.place, mutant.value)
        found = differences(documents.document(contract), document)
        whole = mutant.place[:1] if isinstance(mutant.place[-1], int) else mutant.place
        assert found, mutant.name
        assert all(place[: len(whole)] == whole[: len(place)] for place in found), (mutant.name, found)
        seen[repr(sorted((place, _at(document, place)) for place in found))] += 1
    assert set(seen.values()) == {1}


def _at(document: Any, place: tuple[Any, ...]) -> str:
    """What stands at a place, as text; "" for nothing."""
    for step in place:
        if isinstance(document, dict) and step not in document:
            return ""
        document = document[step]
    return json.dumps(document, sort_keys=True)


def test_the_contract_is_left_as_it_is(contract: Contract) -> None:
    """Making mutants changes nothing of the contract that they are made of."""
    before = json.dumps(documents.document(contract))
    for mutant in mutants(contract)[::EVERY]:
        mutant.of(contract)
    assert json.dumps(documents.document(contract)) == before


@pytest.mark.slow
def test_each_mutant_loads(made: list[Mutant], contract: Contract, tmp_path: Path) -> None:
    """A mutant is still an OpenAPI document that the project can read."""
    file = tmp_path / "mutant.yaml"
    for mutant in made[::EVERY]:
        file.write_text(json.dumps(documents.document(mutant.of(contract))), "utf-8")
        # Not with `load`: what a mutant takes away may be what a rule refers to, which the vocabulary refuses.
        assert usable(read(file)).operations.keys() == contract.operations.keys(), mutant.name


def test_every_rule_and_schema_has_mutants(made: list[Mutant], contract: Contract) -> None:
    """No part of the contract is left out."""
    rules = {mutant.rule(contract) for mutant in made}
    assert {rule.id for rule in contract.rules} <= rules
    schemas = {mutant.place[2] for mutant in made if mutant.place[:2] == ("components", "schemas")}
    assert schemas == documents.document(contract)["components"]["schemas"].keys()
    operations = {mutant.place[1] for mutant in made if mutant.place[0] == "paths"}
    assert operations == documents.document(contract)["paths"].keys()


def test_few_are_equivalent(made: list[Mutant]) -> None:
    """The equivalent mutants are at most a tenth, and every reason is one of some mutant."""
    reasons = Counter(filter(None, (campaign.equivalent(mutant.name) for mutant in made)))
    assert reasons.total() <= campaign.MOST_EQUIVALENT * len(made)
    assert set(reasons) == set(campaign.EQUIVALENT.values())


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "rule"),
    [
        ("ExtendVideoRequest/required: size is required", "R41"),
        ("UnifiedVideoTask/additionalProperties: no other properties", "R36"),
        ("UnifiedVideoTask/required: status is not required", "R36"),
        ("ExtendVideoRequest/required: prompt is not required", "R41"),
    ],
)
def test_mutants_are_killed(
    made: list[Mutant], contract: Contract, name: str, rule: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A mutant of a request and one of an answer are noticed, tighter or looser, by the rule that is concerned."""
    monkeypatch.setattr(campaign, "OF_ANSWERS", (LAYER,))
    result = campaign.Campaign(contract, SEED).judge(named(made, name))
    assert (result.fate, result.by[:3]) == ("killed", rule), result


def test_a_mutant_that_can_not_be_loaded_is_refused(made: list[Mutant], contract: Contract) -> None:
    """One that takes away what another part refers to is refused by the vocabulary, and no server is asked about it."""
    result = campaign.Campaign(contract, SEED).judge(named(made, "R46: no such rule"))
    assert (result.fate, "R46" in result.by) == ("refused", True)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["tightens", "loosens"])
def test_what_changes_nothing_survives(contract: Contract, kind: Kind, monkeypatch: pytest.MonkeyPatch) -> None:
    """A mutant that asks what the contract asks is not taken for killed, whatever the servers that it is tried on."""
    monkeypatch.setattr(campaign, "MOST_DEFECTS", 1)
    monkeypatch.setattr(runs, "QUICK", (LAYER,))
    monkeypatch.setattr(runs, "SLOW", LAYER)
    number = next(at for at, rule in enumerate(contract.rules) if rule.id == RULE)
    same = Mutant("the same under another title", kind, ("x-rules", number, "title"), "Another title.")
    assert campaign.Campaign(contract, SEED).judge(same).fate == "survived"
