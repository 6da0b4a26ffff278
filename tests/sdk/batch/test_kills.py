"""A batch that is killed at points of different kinds, and run again: never paid twice, never lost."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.campaigns.batches import kills, mutants
from tests.campaigns.distributed import mutants as distributed
from tests.support.batches.points import Point

KINDS = (
    *("before submit", "after submit", "before read", "after read", "before download", "after download"),
    *("INSERT attempt", "UPDATE attempt", "UPDATE batch", "UPDATE job", "INSERT job", "INSERT batch", "COMMIT"),
    *("CREATE TABLE", "fsync", "replace", "mkdir"),
)
"""Parts of the names of points: each kind has at least one."""
COUNT = 20


@pytest.mark.slow
def test_twenty_kills_break_nothing() -> None:
    """`nox -s batch_kills` has all of them; these are one of each kind, half of them in a run that resumes."""
    with kills.scene() as scene:
        found = kills.points(scene)
        chosen = _chosen(found)
        assert len(chosen) == COUNT
        results = [kills.kill(scene, point) for point in chosen]
    assert {one.point: one.broken for one in results if one.broken} == {}
    assert sum(one.was_reached for one in results) >= COUNT - 3


def _chosen(found: dict[tuple[str, bool], int]) -> list[Point]:
    """A point of each kind, before and after in turn, and more of the submits."""
    points: list[Point] = []
    for number, kind in enumerate(KINDS):
        names = sorted(key for key in found if kind in key[0])
        assert names, kind
        name, is_resumed = names[number % len(names)]
        points.append(Point(name, min(2, found[name, is_resumed]), is_resumed))
    more = [Point("after submit", passage) for passage in (1, 3, 4, 5, 6)]
    return [*points, *(one for one in more if one not in points)][:COUNT]


@pytest.mark.parametrize(
    "mutant",
    [
        pytest.param(one, id=f"{campaign}: {one.name}")
        for campaign, some in (("batch_kills", mutants.MUTANTS), ("batch_pg", distributed.MUTANTS))
        for one in some
    ],
)
def test_each_mistake_of_the_campaigns_can_be_made(mutant: mutants.Mutant, tmp_path: Path) -> None:
    """Its text is in the code, so that `--mutants` of `batch_kills` and `batch_pg` makes what it says."""
    mutants.make(mutant, tmp_path)
