"""Submits and reads tasks; each response is compared with what was reported before."""

from __future__ import annotations

import dataclasses
import functools
import time
from collections.abc import Sequence
from typing import Any

from octopusx_video_openapi import Operation, RuleId, task_ids, values

from octopusx_video_contract.checks import task_life
from octopusx_video_contract.checks.registry import Outcomes, at, checks
from octopusx_video_contract.checks.single_response import UNKNOWN_TASK
from octopusx_video_contract.checks.task_life import Observation, Task
from octopusx_video_contract.core.billing_check import BillingCheck
from octopusx_video_contract.core.findings import Finding, Findings
from octopusx_video_contract.core.run import Run
from octopusx_video_contract.messages.http import Request, Response
from octopusx_video_contract.sending.budget import NotAskedError

PART = 10
"""Bytes of a part of a video."""


@checks(RuleId.R04, RuleId.R05, RuleId.R06, RuleId.R19, RuleId.R34)
class TaskDriver:
    """Submits and reads tasks of a run.

    Each response is checked by itself, and with what was reported of its task before.

    Args:
        run: The run.
        key: The API key of the account whose tasks they are; None for the run's own.
    """

    def __init__(self, run: Run, key: str | None = None) -> None:
        self.run = run
        self._credential = f"Bearer {key}" if key else ""
        self.contract = run.contract
        self.made: list[Task] = []
        self.rejection: Response | None = None
        self.reads = [operation for operation in self.contract.reads if not operation.sends_video]
        self.content = next(operation for operation in self.contract.reads if operation.sends_video)

    def routes(self, submit: str) -> list[Operation]:
        """The reads that the pages name for a submit's tasks."""
        rule = self.contract.rules_by_id.get(RuleId.R04)
        named = (rule.read_by if rule else {}).get(submit, [read.id for read in self.reads])
        return [self.contract.operations[name] for name in named]

    def route(self, task: Task) -> Operation:
        """The read that a task is followed by."""
        return next(iter(self.routes(task.submit.id)), self.reads[0])

    def submit(
        self,
        submit: Operation,
        body: dict[str, Any],
        source: str,
        *,
        orders: str = "",
        sure: bool = True,
        beside: Sequence[Request] = (),
    ) -> Task:
        """Submit a task that continues a source.

        Args:
            submit: The operation.
            body: The body, without the source.
            source: The source task's id.
            orders: What is ordered with ``Prefer``.
            sure: Whether a server has to accept it, or may refuse it for its source.
            beside: Reads of known tasks that are sent at the same moment.

        Raises:
            Finding: The response breaks a rule.
            NotAskedError: The budget does not allow it, or it was refused.
        """
        run = self.run
        whole, request = self.submission(submit, body, source, orders=orders)
        before = run.now()
        with BillingCheck(run):
            response = self._sent_beside(request, beside) if beside else run.send(request)
            return self.submitted(submit, whole, source, response, (before, run.now()), ordered=bool(orders), sure=sure)

    def _sent_beside(self, request: Request, beside: Sequence[Request]) -> Response:
        """The response to a submit, whose reads beside it are compared with what they were before.

        Raises:
            Finding: A response breaks a rule, and findings are not collected.
            NotAskedError: No response arrived that could be checked.
        """
        response, *others = self.run.send_at_once([request, *beside])
        for other in others:
            if other is not None:
                self.known(other)
        if response is None:
            raise NotAskedError("the submit got no response, or was not allowed by the budget")
        return response

    @functools.cached_property
    def reads_of_known(self) -> list[Request]:
        """Reads of the first task that is known, and of a part of its video, as far as they succeed alone."""
        known = self.run.settings.known_ids[0]
        reads = [self.request(route, known) for route in self.reads]
        reads.append(self.request(self.content, known, Range=f"bytes=0-{PART - 1}"))
        return [request for request in reads if self.run.send(request).is_success]

    def known(self, response: Response) -> None:
        """Compare the response to a read of a task that could be read before."""
        known = self.run.settings.known_ids[0]
        also = list(self.run.recorder.rejected(response, f"{known}, which could be read before"))
        reached = response.request.reached(self.contract)
        observation = (
            values.first(reached.operation, response.json(), values.ID) if reached and response.is_success else None
        )
        if observation is not None:
            also.append((RuleId.R06, None if observation == known else f"asked for {known}, got {observation!r}"))
        self.run.recorder.check_response(response, also)

    def submitted(
        self,
        submit: Operation,
        whole: dict[str, Any],
        source: str,
        response: Response,
        between: tuple[float, float],
        *,
        ordered: bool = False,
        sure: bool = True,
    ) -> Task:
        """The task of a submit whose response has arrived.

        Args:
            submit: The operation.
            whole: The body.
            source: The source task's id.
            response: The response.
            between: Server time before and after the submit, in Unix seconds.
            ordered: Whether what the response reports was ordered.
            sure: Whether a server has to accept it, or may refuse it for its source.

        Raises:
            Finding: The response breaks a rule.
            NotAskedError: The submit was refused.
        """
        run = self.run
        if not response.is_success:
            wrong = [(RuleId.R34, f"{submit.id}: the response to a valid submit was {response.status}")]
            run.recorder.check_response(
                response, [*(wrong if sure else ()), *run.recorder.rejected(response, "a valid submit")]
            )
            raise NotAskedError(f"{submit.id}: the response to a valid submit was {response.status}")
        findings: list[Finding] = []
        with run.recorder.collecting(findings):
            run.recorder.check_response(response)
        observation = task_life.observed(self.contract, submit.id, between[1], response.json())
        new = submit.new_task_id(response.json())
        if observation is None or new is None:
            findings.append(
                run.recorder.finding(RuleId.R04, f"{submit.id}: the response has no id that could be read", response)
            )
            raise Findings(findings)
        length = submit.result_length.seconds(whole, self.length_of(source))
        task = Task(new, submit, whole, between, length)
        self.made.append(task)
        if not ordered:
            with run.recorder.collecting(findings):
                self.note(task, observation, response)
        run.recorder.keep(findings)
        return task

    def submission(
        self, submit: Operation, body: dict[str, Any], source: str, *, orders: str = "", credential: str | None = ""
    ) -> tuple[dict[str, Any], Request]:
        """A submit's whole body, and its request."""
        path: dict[str, str] = {}
        whole = dict(body)
        for place in task_ids.places(submit):
            if place[0] == "path":
                path[place[1]] = source
            else:
                holder = whole
                for step in place[1:-1]:
                    holder = holder.setdefault(step, {})
                holder[place[-1]] = source
        headers = [("Prefer", orders)] if orders else []
        credential = self._credential if credential == "" else credential
        return whole, self.run.request(submit, path=path, body=whole, headers=headers, credential=credential)

    def length_of(self, source: str) -> float | None:
        """Seconds of video of a source that the run has made; None of any other."""
        return next((task.length for task in self.made if task.id == source), None)

    def request(self, operation: Operation, task: str, *, credential: str | None = "", **headers: str) -> Request:
        """A read of a task, wherever its operation wants the id."""
        credential = self._credential if credential == "" else credential
        return self.run.read(operation, task, headers=headers.items(), credential=credential)

    def read(self, task: Task, route: Operation) -> Observation | None:
        """Read a task; None where it is not readable (which R04 and R05 say).

        Raises:
            Finding: The response breaks a rule.
        """
        response = self.run.send(self.request(route, task.id))
        at = self.run.now()
        if not response.is_success:
            self.rejection = response
            self.run.recorder.check_response(response, self._lost(task, route, response))
            return None
        observation = task_life.observed(self.contract, route.id, at, response.json())
        findings: list[Finding] = []
        with self.run.recorder.collecting(findings):  # a finding does not keep it from being known
            if observation is not None:
                self.note(task, observation, response)
            self.run.recorder.check_response(response)
        self.run.recorder.keep(findings)
        return observation

    def _lost(self, task: Task, route: Operation, response: Response) -> Outcomes:
        """What is wrong where a task can't be read any more that could be read before."""
        before = [observation for observation in task.observations if observation.route == route.id]
        if not before or self.run.settings.stateless:
            return
        yield RuleId.R04, f"{route.id}: {task.id} could be read before, and gets {response.status}"
        if self.run.control is not None and before[-1].at == self.run.now():
            yield RuleId.R19, f"{route.id}: {task.id} was there, and is gone after nothing but reads"

    def note(self, task: Task, observation: Observation, response: Response) -> None:
        """Compare an observation with those of its task before, and keep it."""
        if not self.run.settings.stateless:
            found = list(at(observation.route, task_life.check(self.contract, task, observation)))
            task.observations.append(observation)
            self.run.recorder.check_all(found, response)

    def first_read(self, task: Task, route: Operation) -> Observation | None:
        """Read a new task by one of its routes: at once, or at least within the contract's tolerance."""
        run = self.run
        observation = self.read(task, route)
        if observation is not None:
            run.recorder.check_all([(RuleId.R04, None), (RuleId.R05, None)], self.request(route, task.id))
            self._read_encoded(task, route)
            return observation
        refused = self.rejection
        rule = self.contract.rules_by_id.get(RuleId.R04)
        tolerance = rule.tolerance.seconds if rule and rule.tolerance else 0.0
        until = time.monotonic() + tolerance
        waited = False
        while observation is None and (time.monotonic() < until if run.control is None else not waited):
            if run.control is None:
                time.sleep(0.5)
            else:
                run.control.advance(tolerance)
                waited = True
            observation = self.read(task, route)
        run.recorder.check(RuleId.R04, f"{route.id}: {task.id} can't be read" if observation is None else None, refused)
        if observation is not None:
            run.recorder.check(RuleId.R05, f"{route.id}: {task.id} could not be read at once", refused)
        return observation

    def _read_encoded(self, task: Task, route: Operation) -> None:
        """Read a task once more with the colon of its id percent-encoded, which names the same task."""
        request = self.request(route, task.id)
        target = request.target.replace(task.id, task.id.replace(":", "%3A"))
        if target == request.target:
            return
        response = self.run.send(dataclasses.replace(request, target=target))
        if not response.is_success and self.read(task, route) is not None:  # else it is gone, however it is written
            self.run.recorder.check(RuleId.R04, f"{route.id}: {task.id} can't be read with its colon encoded", response)
        observation = task_life.observed(self.contract, route.id, self.run.now(), response.json())
        if observation is not None:
            self.note(task, observation, response)
        if response.is_success:
            self.run.recorder.check_response(response)

    def refused(self, request: Request, rule: RuleId, what: str) -> Response:
        """Send a request that has to be refused as for an unknown task, by a rule. Gives the response."""
        with BillingCheck(self.run):
            response = self.run.send(request)
            fault = None if response.status in UNKNOWN_TASK else f"{what} got {response.status}"
            self.run.recorder.check_rejected(response, rule, fault, what)
        return response

    def unbilled(self, before: int | None, request: Request) -> None:
        """Check that reads cost nothing: the bill is no higher than before them."""
        if before is not None:
            fault = f"a read was billed: {before} submits cost money before it"
            self.run.recorder.check(RuleId.R19, fault if (self.billed() or 0) > before else None, request)

    def billed(self) -> int | None:
        """How many submits cost money; None where the server's ledger can't be looked at."""
        return self.run.control.billed() if self.run.control else None
