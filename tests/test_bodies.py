"""Bodies of submits by which a task's life can differ: valid, each once, and none that matters is left out."""

from __future__ import annotations

import json
from typing import Any

import jsonschema_rs
import pytest
from octopusx_video_contract import _bodies
from octopusx_video_contract._near_misses import valid_requests
from octopusx_video_openapi import Contract, load, task_ids

SUBMITS = ("extendVideo", "createVideoExtension", "extendUnifiedVideo")
SOURCE = task_ids.documented(load())[0]
LENGTH = 14.0


def fullest(contract: Contract, name: str) -> dict[str, Any]:
    """The fullest body of a submit, without its source."""
    submit = contract.operations[name]
    valid = dict(valid_requests(contract, submit, SOURCE)[-1].body)
    for place in task_ids.places(contract, submit):
        if place[0] == "body":
            valid.pop(place[1])
    return valid


def made(contract: Contract, name: str) -> list[dict[str, Any]]:
    """The bodies of a submit, made of its fullest one."""
    return list(_bodies.bodies(contract, contract.operations[name], fullest(contract, name)))


@pytest.mark.parametrize("name", SUBMITS)
def test_each_is_valid_with_its_source_and_there_once(contract: Contract, name: str) -> None:
    """Only the source is missing, which the caller puts where the contract has it."""
    submit = contract.operations[name]
    media = submit.definition["requestBody"]["content"]["application/json"]
    validator = jsonschema_rs.Draft202012Validator(contract.schema(media["schema"]))
    bodies = made(contract, name)
    for body in bodies:
        whole: dict[str, Any] = json.loads(json.dumps(body))
        for where, *steps in task_ids.places(contract, submit):
            if where == "body":
                holder = whole
                for step in steps[:-1]:
                    holder = holder.setdefault(step, {})
                holder[steps[-1]] = SOURCE
        assert validator.is_valid(whole), body
    told = [json.dumps(body, sort_keys=True) for body in bodies]
    assert len(told) == len(set(told))


def test_each_length_is_reached(contract: Contract) -> None:
    """Each model with a rule of its own, with and without what may be left out; the beginning, and behind the end."""
    extend = made(contract, "extendVideo")
    for model in ("grok-video-3", "grok-video-3-max"):
        of_model = [body for body in extend if body["model"] == model]
        assert {"start_time" in body for body in of_model} == {True, False}
    assert min(body["start_time"] for body in extend if "start_time" in body) == 0
    create = made(contract, "createVideoExtension")
    durations = contract.document["components"]["schemas"]["ExtensionDuration"]["enum"]
    assert {None, *durations} == {body.get("duration") for body in create}


@pytest.mark.parametrize("name", SUBMITS)
def test_one_begins_behind_the_end_of_its_source(contract: Contract, name: str) -> None:
    """It is apart, since a server may refuse it."""
    valid = fullest(contract, name)
    body = _bodies.behind_the_end(contract.operations[name], valid, LENGTH)
    assert body["start_time"] > LENGTH
    assert {**body, "start_time": valid["start_time"]} == valid
    assert body not in made(contract, name)


@pytest.mark.parametrize("name", ["extendVideo", "extendUnifiedVideo"])
def test_what_is_told_again_is_sent_alone_and_with_upscaling(contract: Contract, name: str) -> None:
    """Each size is there with and without upscaling; prompts are longer than what texts are cut to."""
    bodies = made(contract, name)
    sizes = contract.document["components"]["schemas"]["VideoSize"]["enum"]
    for size in sizes:
        assert {body.get("upscale") for body in bodies if body.get("size") == size} >= {None, True}
    assert max(len(body["prompt"]) for body in bodies) > 255
