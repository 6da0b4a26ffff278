"""Layer: new tasks. What a submit answered can be read, by the route that its page names."""

from __future__ import annotations

import json
import re
import time
from typing import Any

import httpx
import pytest
from octopusx_video_openapi import task_ids

from octopusx_video_contract._run import current

RUN = current()
CONTRACT = RUN.contract
[RULE] = [rule for rule in CONTRACT.document["x-rules"] if "read-by" in rule]
PAIRS = [(submit, read) for submit, reads in RULE["read-by"].items() for read in reads]
BOTH = [submit for submit, reads in RULE["read-by"].items() if len(reads) > 1]


def _new_task(submit: str) -> str:
    task = RUN.seen.submitted.get(submit)
    if task is None:
        pytest.skip(f"no {submit} was accepted")
    return task


def _read(operation_id: str, task: str) -> httpx.Response:
    """Read a task through one of the read routes, wherever the route wants the id."""
    operation = CONTRACT.operations[operation_id]
    query: dict[str, Any] = {}
    path = operation.path
    for place, name in task_ids.places(CONTRACT, operation):
        if place == "path":
            path = re.sub(rf"\{{{name}\}}", task, path)
        else:
            query[name] = task
    headers = {"Authorization": f"Bearer {RUN.key}"}
    response = RUN.http.request(operation.method, RUN.base_url + path, params=query, headers=headers)
    RUN.seen.answers[operation_id][response.status_code] += 1
    return response


@pytest.mark.parametrize(("submit", "read"), PAIRS)
def test_new_task_can_be_read(submit: str, read: str) -> None:
    """The new task is readable at once, or at least within the contract's tolerance."""
    RUN.seen.asked |= {"R04", "R05"}
    task = _new_task(submit)
    response = _read(read, task)
    if not response.is_success:
        RUN.broken("R05", f"{read} of {task} was answered with {response.status_code}")
    deadline = time.monotonic() + RULE["tolerance"]["seconds"]
    while not response.is_success and time.monotonic() < deadline:
        time.sleep(1)
        response = _read(read, task)
    if not response.is_success:
        RUN.broken("R04", f"{read} of {task} is still answered with {response.status_code}")


@pytest.mark.parametrize(("submit", "read"), PAIRS)
def test_read_answers_the_task_it_was_asked_for(submit: str, read: str) -> None:
    """The id in the answer is the id of the request."""
    if RUN.stateless:
        pytest.skip("R06 can't be asked of a server that keeps no tasks")
    RUN.seen.asked.add("R06")
    task = _new_task(submit)
    answered = json.loads(_read(read, task).content).get("id")
    if answered != task:
        RUN.broken("R06", f"{read} of {task} answered {answered}")


@pytest.mark.parametrize("submit", BOTH)
def test_both_reads_agree(submit: str) -> None:
    """Whether a task runs, has succeeded or has failed is the same through both routes."""
    RUN.seen.asked.add("R18")
    task = _new_task(submit)
    first, second = RULE["read-by"][submit]
    # The first route is asked before and after the second: the task may go on in between.
    before, other, after = (_phase(read, task) for read in (first, second, first))
    if other not in {before, after}:
        RUN.broken("R18", f"{task}: {first} says {before}, then {second} says {other}, then {first} says {after}")


def _phase(read: str, task: str) -> str:
    body = json.loads(_read(read, task).content)
    return CONTRACT.phase(body["status"]) or "running"
