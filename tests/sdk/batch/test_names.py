"""The files of jobs are named by their ids in a safe form, one to one, inside of the folder."""

from __future__ import annotations

from hypothesis import given, strategies
from octopusx_video._ledger import names

from tests.support.batches.service import line
from tests.support.batches.trial import Trial

HOSTILE = (
    *("../x", "..", ".", "/etc/passwd", "a/b", "a\\b", "~", "~/x", "-rf", "con", "nul", " ", "a ", " a", "a.", ".a"),
    *(
        "A",
        "a",
        "a-b",
        "a b",
        "a_b",
        "a~b",
        "x" * 300,
        "y" * 1024,
        "X" * 300,
        "\0",
        "a\0b",
        "a\nb",
        "\x1b[2J",
        "\u202e",
    ),
    *("é", "e\u0301", "ß", "SS", "ss", "İ", "i", "猫", "🐈", "a.mp4", "a.mp4.part", "*", "?", ":", "$(id)", "%2e%2e"),
)
IDS = strategies.text(strategies.characters(exclude_categories=["Cs"]), min_size=1, max_size=300)


def test_every_id_has_a_file_of_its_own_in_the_folder(trial: Trial) -> None:
    """Also where the file system takes upper case for lower case; the ledger keeps the id as it is."""
    before = {path for path in trial.folder.rglob("*") if path != trial.out}
    jobs = [{**line(f"p{number}"), "custom_id": job} for number, job in enumerate(HOSTILE)]
    assert trial.run(jobs).counts == {"done": len(HOSTILE)}
    assert set(trial.states) == set(HOSTILE)
    assert len({name.casefold() for name in trial.videos}) == len(HOSTILE)
    outside = {path for path in trial.folder.rglob("*") if trial.out not in path.parents and path != trial.out}
    assert outside == before


def test_a_plain_id_is_the_name_of_its_file(trial: Trial) -> None:
    """So that a person finds it."""
    trial.run([line("cat-1"), line("2026_03.b")])
    assert trial.videos == ["2026_03.b.mp4", "cat-1.mp4"]


@given(IDS, IDS)
def test_two_ids_have_two_names(first: str, second: str) -> None:
    """And the same id the same name."""
    one, other = names.file_name(first), names.file_name(second)
    assert (one.casefold() == other.casefold()) == (first == second)


@given(IDS)
def test_a_name_is_safe_on_every_file_system(job_id: str) -> None:
    """ASCII, lower case, no separator, no dot at an end, with room for an ending."""
    name = names.file_name(job_id)
    assert set(name) <= set("abcdefghijklmnopqrstuvwxyz0123456789._~-")
    assert 0 < len(name) <= 120
    assert name[0] != "."
    assert name[-1] != "."


def test_the_name_of_one_job_is_not_the_id_of_another(trial: Trial) -> None:
    """An id that looks like the safe form of another one has a file of its own."""
    safe = names.file_name("A")
    assert names.file_name(safe) != safe
    assert trial.run([line("A"), line(safe)]).counts == {"done": 2}
    assert len(trial.videos) == 2
