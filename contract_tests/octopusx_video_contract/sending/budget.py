"""What a run may cost: a unit for each submit that could be billed, taken before the request leaves.

Nothing here trusts the server: a submit that it refuses has cost a unit, and so has one whose response was lost.
"""

from __future__ import annotations

import base64
import binascii
import json
import os
import re
import time
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote

import pytest
from octopusx_video_openapi import Contract, operations, task_ids, text
from octopusx_video_openapi.model import Billed

from octopusx_video_contract.checks.billing import billed
from octopusx_video_contract.messages.http import Request, Response
from octopusx_video_contract.messages.redaction import Redactor

_SAFE_METHODS = {"GET", "HEAD", "OPTIONS", "TRACE"}
_NOT_IMPLEMENTED = 501


class NotAskedError(pytest.skip.Exception):  # type: ignore[name-defined,misc]  # mypy takes it for no class
    """A test can't be asked in this run. The text names what is missing."""


@dataclass
class Unit:
    """One submit that may be billed: what was sent, and the result.

    Attributes:
        number: Counted from 1.
        operation: The operation that it may have reached.
        target: Path and query.
        billed: What its response says, ``possible`` as long as there is none.
        status: The response's status; None where none arrived that could be used.
        task: The id of the new task, where one was reported.
        possible_tasks: Ids that may be the new task's, in a response that names none where it should.
    """

    number: int
    operation: str
    target: str
    billed: Billed = "possible"
    status: int | None = None
    task: str | None = None
    possible_tasks: tuple[str, ...] = ()


@dataclass
class Budget:
    """Counts the units of a run.

    Attributes:
        contract: Says which requests start tasks, and which responses are billed.
        key: What makes a request one that could be billed.
        other_key: Another key that does.
        limit: How many units there are; None against a mock, where nothing costs anything.
        ledger: Where each unit is written before its request leaves; None where nothing is kept.
        units: Those that were taken.
        accepted_unpaid: Requests that cost no unit (no valid key, or a wrong method) and may have been accepted.
        unpaid_tasks: Ids that may be those of tasks that such requests have started.
    """

    contract: Contract
    key: str = field(repr=False)
    limit: int | None = None
    ledger: Path | None = None
    units: list[Unit] = field(default_factory=list)
    accepted_unpaid: int = 0
    unpaid_tasks: tuple[str, ...] = ()
    other_key: str | None = field(default=None, repr=False)
    _awaited: bool = False

    def take(self, request: Request) -> Unit | None:
        """Take a unit for a request that may be billed; None for one that can't.

        Raises:
            NotAskedError: No unit is left, or a request that cost none may have been accepted before.
        """
        if self.limit is None or request.method in _SAFE_METHODS:
            return None
        operation = self.price(request)
        if operation is None:
            # One at a time is sent on trust, so one at most is accepted; a lost response may have been an acceptance.
            if self.upper_bound_unpaid:
                raise NotAskedError("one that had to be refused may have been accepted, so none is sent any more")
            self._awaited = True
            return None
        if len(self.units) >= self.limit:
            raise NotAskedError(f"needs a submit that may be billed, and --max-paid {self.limit} allows no more")
        unit = Unit(len(self.units) + 1, operation, request.target)
        self.units.append(unit)
        self._write(unit, "sending")
        return unit

    def price(self, request: Request) -> str | None:
        """Which operation a request would be billed for; None for one that costs no unit."""
        keys = [key for key in (self.key, self.other_key) if key]
        if self.limit is None or request.method in _SAFE_METHODS or not any(_carries(request, key) for key in keys):
            return None
        # What reaches no submit by its path, and still holds something, could be one to a server that is lenient.
        return reaches_submit(self.contract, request) or ("unknown" if request.body else None)

    def settle(self, unit: Unit | None, response: Response) -> None:
        """Note the response to a request."""
        if unit is None:
            if self.limit is not None and response.request.method not in _SAFE_METHODS:
                self._awaited = False
                if not _is_refused(self.contract, response):
                    self.accepted_unpaid += 1
                    self.unpaid_tasks += possible_tasks(self.contract, response)
            return
        unit.status = response.status
        unit.billed = billed(self.contract, response)
        # To an operation that is unknown, any submit's response may come.
        operation = self.contract.operations.get(unit.operation) or next(iter(self.contract.submits.values()))
        unit.task = operation.new_task_id(response.json())
        if unit.task is None and unit.billed != "never":
            unit.possible_tasks = possible_tasks(self.contract, response)
        self._write(unit, "answered")

    def give_up(self, unit: Unit | None, part: Response) -> tuple[str, ...]:
        """Note what arrived of a response that can't be used. Returns the ids of tasks that may have been started."""
        possible = possible_tasks(self.contract, part)
        if unit is not None and unit.task is None:
            unit.possible_tasks = possible
            self._write(unit, "unusable")
        elif unit is None and self.limit is not None:
            self.unpaid_tasks += possible
        return possible

    @property
    def left(self) -> int | None:
        """How many units are left; None where nothing costs anything."""
        return None if self.limit is None else self.limit - len(self.units)

    @property
    def upper_bound(self) -> int:
        """How many submits may have been billed, at most."""
        return sum(unit.billed != "never" for unit in self.units) + self.upper_bound_unpaid

    @property
    def upper_bound_unpaid(self) -> int:
        """How many requests that cost no unit may have been billed all the same, at most."""
        return self.accepted_unpaid + self._awaited

    def account(self) -> list[str]:
        """What the run may have cost, in lines for people."""
        if self.limit is None:
            return []
        lost = sum(unit.status is None for unit in self.units)
        never = sum(unit.billed == "never" for unit in self.units)
        lines = [
            (
                f"at most {self.upper_bound} submits may have been billed; "
                f"{len(self.units)} of {self.limit} units are spent ({lost} without a response, "
                f"{never} refused with what the contract calls never billed)"
            )
        ]
        if self.upper_bound_unpaid:
            lines.append(
                f"{self.upper_bound_unpaid} of them cost no unit (no valid key, or a wrong method), "
                "and was not surely refused"
            )
        lines += [f"task {_shown(unit.task)} of {unit.operation}" for unit in self.units if unit.task]
        for unit in self.units:
            if not unit.task and unit.possible_tasks:
                lines.append(f"{_possibly(unit.possible_tasks)} of {unit.operation}: the response could not be used")
        if self.unpaid_tasks:
            lines.append(f"{_possibly(self.unpaid_tasks)} of requests that cost no unit")
        return lines

    def _write(self, unit: Unit, state: str) -> None:
        if self.ledger is None:
            return
        line = {"at": round(time.time(), 3), "state": state, **vars(unit)}
        with self.ledger.open("a", encoding="utf-8") as file:
            # A server may report the key as an id, and a request may hold it in its query.
            file.write(Redactor(*filter(None, (self.key, self.other_key))).text(json.dumps(line)) + "\n")
            file.flush()
            if self.ledger.is_file():  # what is none, /dev/null say, can't be synced
                os.fsync(file.fileno())  # before the request leaves: a crash must not lose what was paid for


def _possibly(ids: tuple[str, ...]) -> str:
    return f"possibly task {' or '.join(map(_shown, dict.fromkeys(ids)))}"


def _shown(task: str) -> str:
    """An id as it can be printed, whatever a server calls one."""
    return text.printable(task[: task_ids.LONGEST_POSSIBLE])


def possible_tasks(contract: Contract, response: Response) -> tuple[str, ...]:
    """Ids in a response that may be those of tasks that its request has started; none if the request starts none."""
    if response.request.method in _SAFE_METHODS:
        return ()
    request_id = response.headers.get(contract.request_id_name)
    return task_ids.possible(contract, response.content, _strings_of(response.request), request_id)


def _strings_of(request: Request) -> set[str]:
    """What a request names, which a server may repeat."""
    named = {*unquote(request.path).split("/"), *request.query.values()}
    level = [request.json()]
    for value in level:
        if isinstance(value, str):
            named.add(value)
        level += value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return named


def _carries(request: Request, key: str) -> bool:
    """Whether the key stands in a request, in whatever case, percent-encoded or as Basic has it."""
    texts = [request.target, (request.body or b"").decode("utf-8", "replace"), *(value for _, value in request.headers)]
    for _, value in request.headers:
        for word in re.findall(r"[A-Za-z0-9+/_-]{4,}", value):
            padded = (word + "=" * (-len(word) % 4)).translate(str.maketrans("-_", "+/"))
            try:
                texts.append(base64.b64decode(padded).decode("latin-1"))
            except binascii.Error:
                continue
    texts += [unquote(text) for text in texts if "%" in text]
    return any(key.lower() in text.lower() for text in texts)


def _is_refused(contract: Contract, response: Response) -> bool:
    """Whether a response says for sure that nothing was done: of a submit as the contract has it, else a 4xx or 501."""
    if response.request.reached(contract) is not None:
        return billed(contract, response) == "never"
    return 400 <= response.status < 500 or response.status == _NOT_IMPLEMENTED


def reaches_submit(contract: Contract, request: Request) -> str | None:
    """The submit that a request could reach, on a server that is more lenient with paths than the contract."""
    for path in (request.path, _lenient(request.path)):
        reached = operations.match(contract, request.method, path)
        if reached is not None and reached[0].starts_task:
            return reached[0].id
    return None


def _lenient(path: str) -> str:
    for _ in range(3):
        path = unquote(path)
    return re.sub(r"/+", "/", path).rstrip("/").lower()
