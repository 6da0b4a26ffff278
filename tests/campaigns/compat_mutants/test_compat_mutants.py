"""The campaign that compares mutants of the contract: how each verdict is confirmed, and that a wrong one is found."""

from __future__ import annotations

import pytest
from octopusx_video_compat import Difference, compared
from octopusx_video_openapi import Contract, load

from tests.campaigns.compat_mutants import campaign, drawn
from tests.campaigns.compat_mutants.drawn import agreement
from tests.campaigns.compat_mutants.witnesses import Witnesses
from tests.campaigns.mutants.made import Mutant, mutants


@pytest.fixture(scope="module")
def base() -> Contract:
    """The contract as it is."""
    return load()


@pytest.fixture(scope="module")
def named(base: Contract) -> dict[str, Mutant]:
    """The mutants of the contract, by name."""
    return {mutant.name: mutant for mutant in mutants(base)}


@pytest.mark.parametrize(
    ("name", "verdict", "fate"),
    [
        ("extendVideo/responses/200: without 200", "", "refused"),
        ("ExtensionDuration: without 15", "callers", "value"),
        ("VideoTask/required: progress is required", "servers", "value"),
        ("R49/in-order: not for created_at", "callers", "value"),
        ("extendVideo/responses/404: without 404", "callers and servers", "value"),
        ("R40/operations: not for extendVideo", "callers", "neither"),
        ("x-task-life/runs/0/lasts: 90 s", "nobody", "reason"),
    ],
)
def test_a_verdict_is_confirmed(name: str, verdict: str, fate: str, base: Contract, named: dict[str, Mutant]) -> None:
    """By a value where there is one, else by the reason for which there can be none."""
    result = campaign.judged(named[name], base)
    assert (result.verdict, result.fate) == (verdict, fate)


@pytest.mark.parametrize(
    ("wrong", "shown"),
    [
        ({"breaks": ("servers",)}, {"callers"}),
        ({"example": {"path": {"{1}": "a"}, "body": {"application/json": {"model": "a", "prompt": "a"}}}}, set()),
    ],
    ids=["the other side", "a request that both allow"],
)
def test_a_break_that_nothing_shows_is_not_confirmed(
    wrong: dict[str, object], shown: set[str], base: Contract, named: dict[str, Mutant], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who breaks is found by the documents alone, and not by what the comparison says."""
    mutant = named["Prompt/allOf: pattern without digits"]
    right = next(one for one in compared(base, mutant.of(base)) if one.rule.startswith("request-callers"))
    difference: Difference = right._replace(**wrong)  # type: ignore[arg-type]
    assert Witnesses(base, mutant.of(base)).of(difference).sides == shown
    monkeypatch.setattr(campaign, "compared", lambda *_: [difference])
    assert campaign.judged(mutant, base).fate == "wrong"


def test_a_verdict_that_nobody_breaks_is_refuted_by_a_drawn_value(
    base: Contract, named: dict[str, Mutant], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A comparison that finds nothing is wrong where a request is allowed by one contract alone."""
    monkeypatch.setattr(drawn, "VALUES", 40)
    monkeypatch.setattr(campaign, "compared", lambda *_: [])
    result = campaign.judged(named["Prompt/allOf: pattern without digits"], base)
    assert (result.verdict, result.fate) == ("nobody", "wrong")


def test_contracts_that_mean_the_same_agree_on_drawn_values(
    base: Contract, named: dict[str, Mutant], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The enumeration beside the type holds values of that type alone."""
    monkeypatch.setattr(drawn, "VALUES", 40)
    found = agreement(base, named["ExtensionDuration/type: of any type"].of(base), seed="1")
    assert found.asked >= 40
    assert found.refuted is None
