"""What was reported of each task so far, so that each later response is compared with it, whichever layer asked.

Pure: no request is made here.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Container, Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from octopusx_video_openapi import Contract, Operation, RuleId, lifecycle, schemas, task_ids, values

from octopusx_video_contract.checks import task_life
from octopusx_video_contract.checks.registry import Outcomes, checks
from octopusx_video_contract.messages.http import Response

_BEARER = "Bearer "


@dataclass
class _Kept:
    """What was first reported.

    Attributes:
        at: When, in Unix seconds of the server.
        phase: succeeded or failed, of a read.
        values: The values of a read by their names, each as it first was there.
    """

    at: float
    phase: str = ""
    values: dict[str, Any] = field(default_factory=dict)


class History:
    """Compares the successes of each task with those before them.

    A task that has ended stays as the same read first reported it after its end (R16). What a task is (the ``constant``
    of R17, its id, its time of creation, what was submitted) is the same in every response. A video, and a part of it,
    has the same bytes each time (R52). What was reported before a video expired is not compared with what is reported
    after that: what becomes of the fields then is left open, though a task that has ended stays ended.
    """

    def __init__(self) -> None:
        self._accounts: dict[str, _Account] = {}

    def check(
        self, contract: Contract, keys: Container[str | None], response: Response, now: Callable[[], float]
    ) -> Outcomes:
        """Note a response, and compare it with those before it to the same key.

        Args:
            contract: The contract.
            keys: Those of the run: its own, and that of another account where there is one.
            response: The response. One that was ordered with ``Prefer``, or got in another way, is left out.
            now: The server's time in Unix seconds; called only where it matters.
        """
        credentials = [value for name, value in response.request.headers if name.lower() == "authorization"]
        if not response.is_success or response.request.ordered or len(credentials) != 1:
            return
        (sent,) = credentials
        if sent.startswith(_BEARER) and sent.removeprefix(_BEARER) in keys:
            yield from self._accounts.setdefault(sent, _Account()).check(contract, response, now)


@checks(RuleId.R16, RuleId.R17, RuleId.R52)
class _Account:
    """What was reported to one key."""

    def __init__(self) -> None:
        self._constant: dict[tuple[str, str], Any] = {}
        self._ends: dict[tuple[str, str], _Kept] = {}
        self._videos: dict[tuple[str, str], tuple[bytes, _Kept]] = {}
        self._expires: dict[str, float] = {}

    def check(self, contract: Contract, response: Response, now: Callable[[], float]) -> Outcomes:
        """Compare a success with those before it."""
        request = response.request
        reached = request.reached(contract)
        if reached is None:
            return
        operation, path = reached
        if operation.starts_task:
            task = operation.new_task_id(response.json())
            if task is not None:
                yield from self._constants(operation, task, response.json())
            return
        query = parse_qsl(request.target.partition("?")[2], keep_blank_values=True)
        names = task_ids.values(operation, {"path": path, "query": dict(query), "body": None})
        if len(names) != 1 or len(path) + len(query) != 1:
            return  # which of two names a server takes is for it to choose
        (task,) = names
        if operation.sends_video:
            yield from self._video(contract, task, response, now)
        elif isinstance(response.json(), dict):
            yield from self._read(operation, task, response.json(), now)

    def _read(self, operation: Operation, task: str, body: dict[str, Any], now: Callable[[], float]) -> Outcomes:
        contract = operation.contract
        yield from self._constants(operation, task, body)
        status = values.first(operation, body, values.STATUS)
        phase = (contract.phase(status) if isinstance(status, str) else None) or "running"
        described = {one.name: one for one in values.of_body(operation, body)}
        given = {name: one.value for name, one in described.items() if one.value not in task_life.NOT_YET}
        for one in described.values():
            if one.value_of == values.EXPIRES and task_life.is_number(one.value) and one.value > 0:
                self._expires.setdefault(task, values.in_seconds(contract, one.value))
        kept = self._ends.get((operation.id, task))
        if kept is None:
            if phase in task_life.ENDED:
                self._ends[operation.id, task] = _Kept(now(), phase, given)
            return
        if phase != kept.phase:
            yield RuleId.R16, f"{task} had {kept.phase}, and now its status is {status!r}"
            return
        changed = next(_changes(kept.values, described), "")
        is_other = changed and self._is_one_side(contract, task, kept, now())
        yield RuleId.R16, f"{task} has ended, and of it {changed}" if is_other else None
        kept.values = {**given, **kept.values}

    def _constants(self, operation: Operation, task: str, body: dict[str, Any]) -> Outcomes:
        rule = operation.contract.rules_by_id.get(RuleId.R17)
        constant = rule.constant if rule else ()
        for name, value_of, value in values.of_body(operation, body):
            if value is None or name not in constant:
                continue
            key = (task, value_of if task_life.is_of_submit(value_of) else name)
            if key not in self._constant:
                self._constant[key] = value
            elif schemas.equal(self._constant[key], value):
                yield RuleId.R17, None
            else:
                yield RuleId.R17, f"{name} of {task} was {self._constant[key]!r} and is {value!r}"

    def _video(self, contract: Contract, task: str, response: Response, now: Callable[[], float]) -> Outcomes:
        part = response.headers.get("content-range", "") if response.status == 206 else "all of it"
        if not part or response.status not in {200, 206}:
            return
        digest = hashlib.sha256(response.content).digest()
        kept = self._videos.get((task, part))
        if kept is None:
            self._videos[task, part] = digest, _Kept(now())
        elif kept[0] == digest:
            yield RuleId.R52, None
        elif self._is_one_side(contract, task, kept[1], now()):
            what = "the content" if response.status == 200 else part
            yield RuleId.R52, f"{what} of {task} is not what it was before"

    def _is_one_side(self, contract: Contract, task: str, kept: _Kept, now: float) -> bool:
        """Whether a task had expired at both moments, or at neither."""
        expires = self._expires.get(task, kept.at + lifecycle.task_life(contract).expires_after)
        return (kept.at < expires) == (now < expires)


def _changes(before: dict[str, Any], now: dict[str, values.Value]) -> Iterator[str]:
    """What is not as it first was; a value that was not there yet may come, and an address may be another one."""
    for name, old in before.items():
        one = now.get(name)
        new = None if one is None else one.value
        if isinstance(old, dict):
            continue  # what stands in it is compared by itself
        if one is not None and one.value_of == values.ADDRESS and isinstance(new, str) and new:
            continue
        if not schemas.equal(old, new):
            yield f"{name} was {old!r} and is {'absent' if one is None else repr(new)}"
