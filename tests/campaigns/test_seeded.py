"""The seeded mistakes: each row of their table still names a text of the code, and is a mistake that can be made."""

from __future__ import annotations

import ast
import collections
from pathlib import Path

import pytest

from tests.campaigns import seeded
from tests.campaigns.walkthroughs.changes import ROOT, UnexpectedError


@pytest.fixture(scope="module")
def written() -> dict[str, dict[Path, str]]:
    """The texts of each package."""
    return {name: package.written(ROOT) for name, package in seeded.packages().items()}


def test_there_are_ten_mistakes_in_each_package() -> None:
    """Sixty mistakes have names of their own, ten in each package."""
    rows = seeded.mistakes()
    assert collections.Counter(row.package for row in rows) == dict.fromkeys(seeded.packages(), 10)
    assert len({row.name for row in rows}) == len(rows) == 60
    assert all(row.shows and row.likely for row in rows)


def test_each_mistake_has_its_place(written: dict[str, dict[Path, str]]) -> None:
    """The text of each row stands exactly once in its package, so that a renamed symbol can't disarm the row."""
    found = {row.name: len(row.places(written[row.package])) for row in seeded.mistakes()}
    assert {name: times for name, times in found.items() if times != 1} == {}


def test_each_mistake_is_a_change(written: dict[str, dict[Path, str]]) -> None:
    """What stands in the place of the text is something else, and is Python where the file is."""
    for row in seeded.mistakes():
        (path,) = row.places(written[row.package])
        assert row.new != row.old
        if path.suffix == ".py":
            ast.parse(written[row.package][path].replace(row.old, row.new))


def test_what_was_found_is_of_the_table() -> None:
    """The results name mistakes and sessions that there are."""
    found = seeded.results()
    assert found.keys() <= {row.name for row in seeded.mistakes()}
    assert {session for by in found.values() for session in by} <= seeded.LEAST.keys() < seeded.sessions().keys()


@pytest.mark.parametrize(
    ("status", "said", "test"),
    [
        (1, "FAILED tests/test_a.py::test_one[x y] - assert 1 == 2", "tests/test_a.py::test_one"),
        (1, "ERROR tests/test_a.py::test_one - Boom\nFAILED tests/test_b.py::test_two", "tests/test_a.py::test_one"),
        (2, "ERROR tests/test_a.py - ImportError: no name", "tests/test_a.py"),
        (2, "!!! KeyboardInterrupt !!!", "tests/test_c.py"),
        (4, "ImportError while loading conftest '/copy/tests/conftest.py'.", "tests/conftest.py"),
    ],
)
def test_the_test_that_fails_is_read(status: int, said: str, test: str) -> None:
    """What pytest prints names the test that found a mistake."""
    assert seeded.failing(seeded.Done(status, said), "tests/test_c.py") == test


def test_a_run_that_names_no_test_is_no_find() -> None:
    """An error of pytest's own does not count as a mistake that was found."""
    with pytest.raises(UnexpectedError, match="names no test"):
        seeded.failing(seeded.Done(4, "ERROR: usage: pytest [options]"), "tests/test_c.py")
