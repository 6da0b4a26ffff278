"""The table of changes itself: what is in it, and that each change makes a contract that can be used."""

from __future__ import annotations

import collections

import pytest
from octopusx_video_openapi import contract_path
from octopusx_video_openapi.checking import checked
from octopusx_video_openapi.document import Document, Json
from octopusx_video_openapi.reading import read

from tests.compat.edits import Change, changes


@pytest.fixture(scope="module")
def released() -> Json:
    """The document that the changes are made to."""
    return read(contract_path()).value


def test_the_table_has_changes_of_each_kind() -> None:
    """At least 60, of which 20 break callers, 10 servers, 15 are of vendor extensions, and 15 break nothing."""
    kinds = collections.Counter(change.kind for change in changes())
    assert kinds["callers"] >= 20
    assert kinds["servers"] >= 10
    assert kinds["vendor"] >= 15
    assert kinds["rewrite"] >= 10
    assert kinds["nothing"] + kinds["rewrite"] >= 15
    assert len({change.name for change in changes()}) == len(changes()) >= 60


@pytest.mark.parametrize("change", changes(), ids=lambda change: change.name)
def test_the_version_follows_from_who_breaks(change: Change) -> None:
    """What breaks callers is major; what breaks servers alone is minor; a rewrite is a patch."""
    if "callers" in change.breaks:
        assert change.version == "major"
    elif "servers" in change.breaks:
        assert change.version == "minor"
    else:
        assert change.version in ({"patch"} if change.kind == "rewrite" else {"patch", "minor"})


@pytest.mark.parametrize("change", changes()[::6], ids=lambda change: change.name)
def test_a_change_makes_another_contract_that_can_be_used(change: Change, released: Json) -> None:
    """A row is a change that a person could commit: the vocabulary takes it. `nox -s compat -- --table` tests all."""
    before = repr(released)
    made = change.of(released)
    assert repr(made) != before
    assert repr(released) == before
    checked(Document(made, contract_path(), {}))
