"""The suite compares what the contract documents, wherever it stands, and leaves out what the contract lets differ."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from octopusx_video_contract.checks import task_life
from octopusx_video_contract.core.findings import Finding
from octopusx_video_contract.core.run import Run
from octopusx_video_contract.core.settings import Settings
from octopusx_video_contract.scenarios.read_checks import ReadChecks
from octopusx_video_contract.scenarios.task_driver import TaskDriver
from octopusx_video_contract.sending.senders import InProcess
from octopusx_video_openapi import load, values

from tests.conftest import KEY

CONTRACT = load()
READ = CONTRACT.operations["getVideoTask"]
TASK = {"id": "grok:1", "status": "completed", "progress": 100}
HOLDERS = ("video_url", "url", "output.url", "detail.url", "metadata.url")


def holding(place: str, address: str) -> dict[str, Any]:
    """A finished task with its address in one place."""
    holder, _, name = place.partition(".")
    return {**TASK, holder: {name: address, "kind": "video"} if name else address}


def reading(answered: Callable[[int], dict[str, Any]]) -> None:
    """Read a task again and again, of a server that gives these bodies."""
    numbers = itertools.count()
    transport = httpx.MockTransport(lambda _: httpx.Response(200, json=answered(next(numbers))))
    run = Run.begin(Settings("http://localhost", KEY, CONTRACT, ("grok:1",), seed=1), InProcess(transport))
    task = task_life.Task("grok:1", CONTRACT.operations["createVideoExtension"], {}, (0.0, 0.0), None)
    ReadChecks(TaskDriver(run)).reads_change_nothing(task, READ)


@pytest.mark.parametrize("place", HOLDERS)
def test_an_address_that_is_signed_at_each_read_is_no_finding(place: str) -> None:
    """Wherever the contract has the address of a video, it may be another one at each read."""
    reading(lambda number: holding(place, f"https://cdn.example/v.mp4?signature={number}"))


@pytest.mark.parametrize("place", HOLDERS)
def test_an_address_that_comes_and_goes_is_a_finding(place: str) -> None:
    """That there is an address may not change."""
    with pytest.raises(Finding, match=rf"R19 (?s:.*){place} was "):
        reading(lambda number: holding(place, "" if number else "https://cdn.example/v.mp4"))


def test_what_the_contract_does_not_have_may_differ() -> None:
    """More may come in a response, an id of the request for example, and no rule speaks of it."""
    reading(lambda number: {**TASK, "request_id": number, "detail": {"url": "https://a/b", "node": number}})


@pytest.mark.parametrize(
    ("first", "then", "said"),
    [
        ({"progress": 40}, {"progress": 41}, "progress was 40 and is 41"),
        ({"model": "a"}, {}, "model was 'a' and is absent"),
        ({"error": {"code": "a"}}, {"error": {"code": "b"}}, "error.code was 'a' and is 'b'"),
        ({"error": None}, {"error": {"code": "b"}}, "error was None and is {'code': 'b'}"),
        ({"progress": 1}, {"progress": True}, "progress was 1 and is True"),
    ],
)
def test_a_finding_says_what_differed(first: dict[str, Any], then: dict[str, Any], said: str) -> None:
    """The field with its path, what it was, and what it is."""
    with pytest.raises(Finding) as found:
        reading(lambda number: {**TASK, **(then if number else first)})
    assert said in found.value.detail


def test_what_is_no_object_has_no_values() -> None:
    """A list, a text and null hold no documented value."""
    bodies: list[Any] = [[], "text", None, {"output": "text"}]
    for body in bodies:
        assert [one for one in values.of_body(READ, body) if one.name != "output"] == []


@pytest.mark.parametrize("place", HOLDERS)
def test_an_address_is_found_wherever_it_stands(place: str) -> None:
    """The video is fetched from a nested address as well (R51)."""
    told = task_life.Observation(READ.id, 0.0, holding(place, "https://a/b"), "succeeded")
    assert task_life.address(CONTRACT, told) == "https://a/b"
