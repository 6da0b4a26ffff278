"""A task's id carries the task, and no other id is taken for one."""

from __future__ import annotations

import string
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from octopusx_video_mock.tasks.task import Task
from octopusx_video_mock.tasks.task_ids import MAX_ID, TaskIds

ECHOES = ("aspect_ratio", "model", "prompt", "size")
IDS = TaskIds(b"secret", ECHOES, "grok:")
FACTS: dict[str, Any] = {
    "operation": 7,
    "begun": 1767225600.123,
    "speed": 60.0,
    "lasts": 180.0,
    "length": 14.0,
    "faults": 5,
    "echoes": {"model": "grok-video-3", "size": "720P"},
}
ALPHABET = string.ascii_letters + string.digits + "-_+/=.~:"


def _task(ids: TaskIds = IDS, key: str = "sk-a", distinction: bytes = b"abcdef", **facts: Any) -> Task:
    return ids.make(key, distinction=distinction, **{**FACTS, **facts})


def test_an_id_gives_back_what_it_was_made_of() -> None:
    """Operation, time, speed, length, faults and echoes are read from the id alone."""
    task = _task()
    assert TaskIds(b"secret", ECHOES, "grok:").read(task.id, "sk-a") == task
    assert (task.operation, task.begun, task.speed, task.length, task.faults) == (7, 1767225600.123, 60.0, 14.0, 5)
    assert task.echoes == FACTS["echoes"]


@given(
    st.dictionaries(st.sampled_from(ECHOES), st.text(max_size=60)),
    st.floats(0, 1e15),
    st.floats(0, 2**37),
    st.binary(min_size=6, max_size=6),
)
def test_whatever_it_carries_it_fits_and_is_read_back(
    echoes: dict[str, str], length: float, begun: float, distinction: bytes
) -> None:
    """At most 128 characters; what finds no room is left out, and the rest is told again as it was."""
    task = _task(echoes=echoes, length=length, begun=begun, distinction=distinction)
    assert len(task.id) <= MAX_ID
    found = TaskIds(b"secret", ECHOES, "grok:").read(task.id, "sk-a")
    assert found is not None
    assert (found.length, found.begun) == (length, int(begun * 1000) / 1000)
    assert found.echoes.items() <= echoes.items()
    assert {name: text for name, text in task.echoes.items() if text} == found.echoes


@pytest.mark.parametrize("at", range(len(_task().id)))
def test_an_id_that_was_changed_is_unknown(at: int) -> None:
    """Any other character, at any place, makes it the id of no task: it has one spelling."""
    task = _task()
    for character in ALPHABET:
        if character != task.id[at]:
            assert IDS.read(task.id[:at] + character + task.id[at + 1 :], "sk-a") is None


@pytest.mark.parametrize("change", ["", "A", "AAAA", "=", "====", "\n", " "])
def test_an_id_that_was_lengthened_or_shortened_is_unknown(change: str) -> None:
    """So is one with something before, behind or left off."""
    task = _task()
    assert IDS.read(task.id + change, "sk-a") == (task if not change else None)
    assert IDS.read(change + task.id, "sk-a") == (task if not change else None)
    for less in range(1, 8):
        assert IDS.read(task.id[:-less], "sk-a") is None


@given(st.text(max_size=140))
def test_no_other_text_is_an_id(text: str) -> None:
    """Anything that was not made with the secret is no task, and no error."""
    assert IDS.read(text, "sk-a") is None
    assert IDS.read(f"grok:{text}", "sk-a") is None


def test_another_key_or_another_secret_does_not_know_it() -> None:
    """The digest is keyed with both."""
    task = _task()
    assert IDS.read(task.id, "sk-b") is None
    assert TaskIds(b"other", ECHOES, "grok:").read(task.id, "sk-a") is None
    assert _task(key="sk-b").id != task.id


def test_the_address_is_signed_for_its_task_alone() -> None:
    """A signature is of one id and one secret, and opens it whoever has the key."""
    first, second = _task(), _task(distinction=b"ghijkl")
    assert IDS.read_signed(first.id, IDS.signature(first.id)) == first
    assert IDS.read_signed(second.id, IDS.signature(first.id)) is None
    assert IDS.read_signed(first.id, TaskIds(b"other", ECHOES, "grok:").signature(first.id)) is None
