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


def made(contract: Contract, name: str, length: float | None = LENGTH) -> list[dict[str, Any]]:
    """The bodies of a submit, made of its fullest request."""
    submit = contract.operations[name]
    valid = dict(valid_requests(contract, submit, SOURCE)[-1].body)
    for place in task_ids.places(contract, submit):
        if place[0] == "body":
            valid.pop(place[1])
    return list(_bodies.bodies(contract, submit, valid, length))


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
    starts = [body["start_time"] for body in extend if "start_time" in body]
    assert min(starts) == 0
    assert max(starts) > LENGTH
    create = made(contract, "createVideoExtension")
    durations = contract.document["components"]["schemas"]["ExtensionDuration"]["enum"]
    assert {None, *durations} == {body.get("duration") for body in create}


def test_of_a_source_of_unknown_length_nothing_behind_its_end_is_asked(contract: Contract) -> None:
    """Where it ends is not known."""
    assert {body.get("start_time") for body in made(contract, "extendVideo", None)} <= {None, 0, 4}


@pytest.mark.parametrize("name", ["extendVideo", "extendUnifiedVideo"])
def test_what_is_told_again_is_sent_alone_and_with_upscaling(contract: Contract, name: str) -> None:
    """Each size is there with and without upscaling; prompts are longer than what texts are cut to."""
    bodies = made(contract, name)
    sizes = contract.document["components"]["schemas"]["VideoSize"]["enum"]
    for size in sizes:
        assert {body.get("upscale") for body in bodies if body.get("size") == size} >= {None, True}
    assert max(len(body["prompt"]) for body in bodies) > 255
