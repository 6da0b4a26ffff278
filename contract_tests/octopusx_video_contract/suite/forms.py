"""Layer: forms. What of HTTP the contract does not list, and a server may take all the same: HEAD beside GET."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

import pytest
from octopusx_video_openapi import Operation, RuleId, lifecycle

from octopusx_video_contract.cases import request_values
from octopusx_video_contract.core.asking import ask_each
from octopusx_video_contract.core.run import current
from octopusx_video_contract.scenarios.read_checks import check_head

RUN = current()
CONTRACT = RUN.contract
READS = [operation for operation in CONTRACT.operations.values() if operation.method == "get"]
UNKNOWN = f"{lifecycle.task_life(CONTRACT).id_prefix}00000000-0000-0000-0000-000000000000"


class _Who(NamedTuple):
    """Who asks: in words, with which Authorization, and the rule that a success breaks where GET has none."""

    name: str
    credential: str | None
    rule: RuleId


def _everybody() -> Iterator[_Who]:
    yield _Who("the key", "", RuleId.R59)
    yield _Who("no key", None, RuleId.R01)
    yield _Who("a made-up key", "Bearer made-up", RuleId.R01)
    if RUN.settings.other_key:
        yield _Who("a key of another account", f"Bearer {RUN.settings.other_key}", RuleId.R20)


@pytest.mark.parametrize("operation", READS, ids=lambda operation: operation.id)
def test_head_is_answered_as_get(operation: Operation) -> None:
    """HEAD of a known and of an unknown task, with every kind of key, and with a Range, which is of GET alone."""

    def ask(case: tuple[str, _Who]) -> None:
        task, who = case
        values = request_values.valid_requests(operation, task)[0]
        headers = [("Accept-Encoding", "identity")]  # what is packed may be of another length
        get = RUN.request(operation, path=values.path, query=values.query, headers=headers, credential=who.credential)
        gets = [RUN.send(get)]
        gets += [RUN.send(get)] if gets[0].is_success else []
        for response in gets:
            RUN.recorder.check_response(response)
        check_head(RUN, get, gets, who.name, who.rule)
        if operation.sends_video and gets[0].is_success:
            part = replace(get, headers=(*get.headers, ("Range", "bytes=0-9")))
            check_head(RUN, part, gets, who.name, who.rule)

    tasks = [*RUN.settings.known_ids[:1], *([] if RUN.settings.stateless else [UNKNOWN])] or [UNKNOWN]
    ask_each(RUN, [(task, who) for task in tasks for who in _everybody()], ask)
