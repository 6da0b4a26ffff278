"""One run of the suite: its settings, what sends its requests, and the log of what happens.

The tests are collected by pytest, which builds them before any fixture exists; so the run is set here, once, by whoever
starts pytest, and asked for by the tests.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import json
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from octopusx_video_openapi import Contract, Operation, RuleId, task_ids

from octopusx_video_contract.checks.registry import checks
from octopusx_video_contract.core.coverage import Coverage
from octopusx_video_contract.core.findings import Finding, Findings
from octopusx_video_contract.core.recorder import Recorder
from octopusx_video_contract.core.run_log import RunLog
from octopusx_video_contract.core.settings import Settings
from octopusx_video_contract.messages import http
from octopusx_video_contract.messages.http import ABSENT, Request, Response
from octopusx_video_contract.sending.budget import Budget
from octopusx_video_contract.sending.mock_control import Control
from octopusx_video_contract.sending.senders import Sender
from octopusx_video_contract.sending.transport import NoResponseError, Transport


@checks(RuleId.R53)
@dataclass(frozen=True, eq=False)
class Run:
    """A run. ``begin`` makes one.

    Attributes:
        settings: Its settings.
        transport: What everything is sent through.
        log: What happens.
        coverage: Counts what was exercised.
        control: The server's clock and ledger, if it lets them be looked at.
    """

    settings: Settings
    transport: Transport
    log: RunLog
    coverage: Coverage
    control: Control | None = None

    @classmethod
    def begin(cls, settings: Settings, sender: Sender, budget: Budget | None = None) -> Run:
        """A run of which nothing was sent yet.

        Args:
            settings: Its settings.
            sender: Moves the bytes.
            budget: What may be billed; None where nothing costs anything.
        """
        log, coverage = RunLog(settings.contract), Coverage(settings.contract)
        log.listeners.append(coverage.watch)
        budget = budget or Budget(settings.contract, settings.key, other_key=settings.other_key)
        transport = Transport(settings.contract, settings.base_url, sender, budget, settings.timeout, log.note)
        return cls(settings, transport, log, coverage)

    def with_settings(self, **changes: Any) -> Run:
        """The same run, which goes on with other settings."""
        return dataclasses.replace(self, settings=dataclasses.replace(self.settings, **changes))

    @functools.cached_property
    def recorder(self) -> Recorder:
        """Records what is checked."""
        return Recorder(self.settings, self.log, self.now)

    @property
    def contract(self) -> Contract:
        """What the server is tested against."""
        return self.settings.contract

    @property
    def budget(self) -> Budget:
        """What may be billed."""
        return self.transport.budget

    @property
    def paid(self) -> bool:
        """Whether submits may be billed, so that they are counted."""
        return self.budget.limit is not None

    @property
    def complete(self) -> bool:
        """Whether every rule of the contract can be asked of the server."""
        follows = "fault" in self.settings.orders and not self.settings.stateless
        return bool(self.control and self.settings.other_key and follows and not self.paid)

    def request(
        self,
        operation: Operation,
        *,
        path: dict[str, str] | None = None,
        query: dict[str, Any] | None = None,
        body: Any = ABSENT,
        raw: bytes | None = None,
        headers: Iterable[tuple[str, str]] = (),
        credential: str | None = "",
    ) -> Request:
        """A request of an operation.

        Args:
            operation: Which one.
            path: Values of the path, decoded.
            query: Values of the query, decoded.
            body: The JSON value to send; ABSENT for none.
            raw: Bytes to send instead.
            headers: More headers. A Content-Type among them stands in the place of the usual one.
            credential: The value of Authorization; "" for the run's own key, None for none.
        """
        sent = list(headers)
        content = raw if raw is not None else None if body is ABSENT else json.dumps(body).encode()
        names = {name.lower() for name, _ in sent}
        if content is not None and "content-type" not in names:
            sent.append(("Content-Type", "application/json"))
        if credential is not None and "authorization" not in names:
            sent.append(("Authorization", credential or f"Bearer {self.settings.key}"))
        target = http.target(operation, path or {}, query or {})
        return Request(operation.method.upper(), target, tuple(sent), content)

    def read(
        self,
        operation: Operation,
        task: str,
        *,
        headers: Iterable[tuple[str, str]] = (),
        credential: str | None = "",
    ) -> Request:
        """A request of an operation that reads a task, which it names wherever the operation has the id."""
        named: dict[str, dict[str, str]] = {"path": {}, "query": {}}
        for place, name in task_ids.places(operation):
            named[place][name] = task
        return self.request(operation, path=named["path"], query=named["query"], headers=headers, credential=credential)

    def send(self, request: Request) -> Response:
        """Send a request.

        Raises:
            Finding: No response came that could be checked.
            NotAskedError: The budget does not allow it.
        """
        try:
            response = self.transport.send(request)
        except NoResponseError as error:
            raise self.recorder.unanswered(error) from None
        self.recorder.check(RuleId.R53, None, response)
        return response

    def send_at_once(self, requests: Sequence[Request]) -> list[Response | None]:
        """Send requests at the same moment. Gives their responses in order; None where none came, or nothing was asked.

        Raises:
            Finding: One of them got no response that could be checked, and findings are not collected.
        """
        responses: list[Response | None] = []
        findings: list[Finding] = []
        for outcome in self.transport.at_once(requests):
            responses.append(outcome if isinstance(outcome, Response) else None)
            if isinstance(outcome, Response):
                self.recorder.check(RuleId.R53, None, outcome)
            if isinstance(outcome, NoResponseError):
                error = self.recorder.unanswered(outcome)
                findings += error.findings if isinstance(error, Findings) else []
                findings += [error] if isinstance(error, Finding) else []
        self.recorder.keep(findings)
        return responses

    @property
    def is_still(self) -> bool:
        """Whether the server's clock is known to stand still, so that nothing changes by itself."""
        return self.control is not None and self.control.is_still

    def now(self) -> float:
        """The server's time where it can be known, else this machine's, in Unix seconds."""
        return self.control.now() if self.control else time.time()


_running: list[Run] = []


@contextlib.contextmanager
def running(run: Run) -> Iterator[None]:
    """Make this the current run while the block lasts."""
    _running.append(run)
    try:
        yield
    finally:
        _running.pop()


def current() -> Run:
    """The current run.

    Raises:
        RuntimeError: The tests were started in another way than by the suite's command.
    """
    if not _running:
        raise RuntimeError("start the suite with `octopusx-video-contract`, not with pytest")
    return _running[-1]
