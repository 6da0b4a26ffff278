"""Bodies of submits by which a task's life can differ: valid, each once, and none that matters is left out."""

from __future__ import annotations

import copy
import json
from typing import Any

import jsonschema_rs
import pytest
from octopusx_video_contract.cases import submit_bodies
from octopusx_video_contract.cases.request_values import valid_requests
from octopusx_video_contract.cases.sizes import Sizes
from octopusx_video_openapi import Contract, load, task_ids

from tests.support import documents

SUBMITS = ("extendVideo", "createVideoExtension", "extendUnifiedVideo")
SOURCE = task_ids.documented(load())[0]
LENGTH = 14.0


def fullest(contract: Contract, name: str) -> dict[str, Any]:
    """The fullest body of a submit, without its source."""
    submit = contract.operations[name]
    valid = dict(valid_requests(submit, SOURCE)[-1].body)
    for place in task_ids.places(submit):
        if place[0] == "body":
            valid.pop(place[1])
    return valid


def made(contract: Contract, name: str) -> list[dict[str, Any]]:
    """The bodies of a submit, made of its fullest one."""
    return list(submit_bodies.bodies(contract.operations[name], fullest(contract, name)))


@pytest.mark.parametrize("name", SUBMITS)
def test_each_is_valid_with_its_source_and_there_once(contract: Contract, name: str) -> None:
    """Only the source is missing, which the caller puts where the contract has it."""
    submit = contract.operations[name]
    media = documents.body(submit)
    validator = jsonschema_rs.Draft202012Validator(documents.schema(contract, media["schema"]))
    bodies = made(contract, name)
    for body in bodies:
        whole: dict[str, Any] = json.loads(json.dumps(body))
        for where, *steps in task_ids.places(submit):
            if where == "body":
                holder = whole
                for step in steps[:-1]:
                    holder = holder.setdefault(step, {})
                holder[steps[-1]] = SOURCE
        assert validator.is_valid(whole), body
    told = [json.dumps(body, sort_keys=True) for body in bodies]
    assert len(told) == len(set(told))


def test_a_submit_without_a_model_is_sent_without_one() -> None:
    """The models of the other submits are none of its lengths."""
    document = copy.deepcopy(documents.document(load()))
    schema = document["components"]["schemas"]["CreateVideoExtensionRequest"]
    del schema["properties"]["model"]
    schema["required"].remove("model")
    for example in document["paths"]["/v1/videos/extensions"]["post"]["requestBody"]["content"]["application/json"][
        "examples"
    ].values():
        del example["value"]["model"]
    bodies = made(Contract(document, load().path), "createVideoExtension")
    assert {body.get("duration") for body in bodies} >= {None, 6, 10, 15}
    assert not any("model" in body for body in bodies)


def test_each_length_is_reached(contract: Contract) -> None:
    """Each model with a rule of its own, with and without what may be left out; the beginning, and behind the end."""
    extend = made(contract, "extendVideo")
    for model in ("grok-video-3", "grok-video-3-max"):
        of_model = [body for body in extend if body["model"] == model]
        assert {"start_time" in body for body in of_model} == {True, False}
    assert min(body["start_time"] for body in extend if "start_time" in body) == 0
    create = made(contract, "createVideoExtension")
    durations = documents.document(contract)["components"]["schemas"]["ExtensionDuration"]["enum"]
    assert {None, *durations} == {body.get("duration") for body in create}


@pytest.mark.parametrize("name", SUBMITS)
def test_one_begins_behind_the_end_of_its_source(contract: Contract, name: str) -> None:
    """It is apart, since a server may refuse it."""
    valid = fullest(contract, name)
    [body] = submit_bodies.behind_the_end(contract.operations[name], valid, LENGTH)
    assert body["start_time"] > LENGTH
    assert {**body, "start_time": valid["start_time"]} == valid
    assert body not in made(contract, name)


@pytest.mark.parametrize("name", ["extendVideo", "extendUnifiedVideo"])
def test_what_is_told_again_is_sent_alone_and_with_upscaling(contract: Contract, name: str) -> None:
    """Each size is there with and without upscaling; prompts are longer than what texts are cut to."""
    bodies = made(contract, name)
    sizes = documents.document(contract)["components"]["schemas"]["VideoSize"]["enum"]
    for size in sizes:
        assert {body.get("upscale") for body in bodies if body.get("size") == size} >= {None, True}
    assert max(len(body["prompt"]) for body in bodies) > 255


def sized(contract: Contract, name: str, seed: int, most: int | None = None) -> list[dict[str, Any]]:
    """The bodies of each size of a submit."""
    submit = contract.operations[name]
    return list(submit_bodies.of_each_size(submit, fullest(contract, name), Sizes(seed, name, most)))


@pytest.mark.parametrize("name", SUBMITS)
def test_bodies_have_sizes_of_the_whole_range(contract: Contract, name: str) -> None:
    """Prompts of each usual length and of those between; videos that begin at many seconds of a day; valid, each."""
    bodies = sized(contract, name, 1)
    lengths = {len(body["prompt"]) for body in bodies}
    assert {1, 255, 256, 1_000, 1_024, 4_096, 65_535, 65_536} <= lengths
    for low in (256, 512, 1_025, 2_048, 4_097, 8_192, 16_384, 32_768):
        assert any(low <= length < 2 * low for length in lengths)
    starts = {body["start_time"] for body in bodies}
    assert {0, 255, 256, 1_000, 1_024, 65_535} <= starts
    assert max(starts) <= 86_400
    assert len(starts) > 20
    if "images" in fullest(contract, name):
        assert {len(body["images"]) for body in bodies} == set(range(13))
    whole = fullest(contract, name)
    assert {body["model"] for body in bodies} == {whole["model"]}
    submit = contract.operations[name]
    media = documents.body(submit)
    validator = jsonschema_rs.Draft202012Validator(documents.schema(contract, media["schema"]))
    source = valid_requests(submit, SOURCE)[-1].body
    assert all(validator.is_valid({**source, **body}) for body in bodies)


@pytest.mark.parametrize("name", SUBMITS)
def test_few_bodies_have_other_sizes_with_another_seed(contract: Contract, name: str) -> None:
    """Where each may cost money there are as many as are asked for."""
    lengths = {tuple(len(body["prompt"]) for body in sized(contract, name, seed, 3)) for seed in range(10)}
    assert {len(of_a_seed) for of_a_seed in lengths} == {3}
    assert len(lengths) > 5
