"""What reads must not do: change or bill anything, or show a task to another key; and HEAD beside GET."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

from octopusx_video_openapi import Operation, RuleId, task_ids, values

from octopusx_video_contract.cases.submit_bodies import a_submit
from octopusx_video_contract.checks import differences, head_requests, task_life
from octopusx_video_contract.checks.registry import checks, outcomes
from octopusx_video_contract.checks.task_life import Task
from octopusx_video_contract.core.findings import Finding, Findings
from octopusx_video_contract.core.run import Run
from octopusx_video_contract.messages.http import Request, Response
from octopusx_video_contract.scenarios.task_driver import TaskDriver

_SECONDS_BETWEEN = 2
"""Seconds, and percent, that two tasks may be apart that were submitted and read right after each other."""


@checks(RuleId.R01, RuleId.R02, RuleId.R19, RuleId.R20, RuleId.R47)
class ReadChecks:
    """Checks that reads change nothing, and that each key reads its own tasks alone.

    Args:
        tasks: Knows the tasks.
    """

    def __init__(self, tasks: TaskDriver) -> None:
        self.tasks = tasks
        self.run = tasks.run
        self.contract = tasks.contract

    def reads_change_nothing(self, task: Task, route: Operation) -> None:
        """Read a task again and again: nothing changes but what the time that passed changes, and nothing is billed."""
        run = self.run
        billed = self.tasks.billed()
        begun = run.now()
        responses = [run.send(self.tasks.request(route, task.id)) for _ in range(3)]
        time_passed = run.now() != begun
        for before, response in itertools.pairwise(responses):
            first, second = (
                task_life.observed(self.contract, route.id, begun, one.json()) for one in (before, response)
            )
            if time_passed and first is not None and second is not None and first.phase == "running":
                what, faults = "read again", task_life.changed_by_reads(self.contract, first, second)
            else:
                other = next(differences.differences(route, before.json(), response.json()), None)
                status = f"{before.status} became {response.status}" if response.status != before.status else None
                what, faults = "read again at the same time", filter(None, [other or status])
            for rule, fault in outcomes(RuleId.R19, faults, f"{route.id}: {what}, "):
                run.recorder.check(rule, fault, response)
        self.tasks.unbilled(billed, responses[-1].request)

    def stand_alike(self, read: Task, unread: Task) -> None:
        """Compare a task that was read with one that was not, submitted at the same time and with the same body."""
        route = self.tasks.route(read)
        one, other = self.tasks.read(read, route), self.tasks.read(unread, route)
        if one is None or other is None:
            return
        others = {name: value for name, _, value in values.of_body(route, other.body)}
        for name, value_of, first in values.of_body(route, one.body):
            if value_of in {values.ID, values.ADDRESS} or isinstance(first, dict) or name not in others:
                continue
            second = others[name]
            what = f"{route.id}: {name} of a task that was read is {first!r}, and of one that was not {second!r}"
            self.run.recorder.check(
                RuleId.R19, None if _is_near(first, second) else what, self.tasks.request(route, read.id)
            )

    def kept_apart(self, task: Task) -> None:
        """Nobody without the key, and nobody with the key of another account, gets at a task."""
        run = self.run
        for operation in (*self.tasks.reads, self.tasks.content):
            response = run.send(self.tasks.request(operation, task.id, credential=None))
            rule = RuleId.R01 if response.is_success else RuleId.R02
            fault = f"{operation.id}: without a key: {response.status}" if response.status != 401 else None
            run.recorder.check_response(response, [(rule, fault)])
            check_head(run, response.request, [response], "no key", RuleId.R01)
            for headers in ({}, {"Range": "bytes=0-9"}) if run.settings.other_key else ():
                if operation == self.tasks.content or not headers:
                    other = self.tasks.request(
                        operation, task.id, credential=f"Bearer {run.settings.other_key}", **headers
                    )
                    response = self.tasks.refused(
                        other, RuleId.R20, f"{operation.id}: {task.id} with a key of another account"
                    )
                    if not headers:
                        check_head(run, other, [response], "a key of another account", RuleId.R20)

    def refused_source(self, name: str, source: Task) -> None:
        """A submit does not take a task for its source that runs or has failed."""
        submit = self.run.contract.operations[name]
        if not task_ids.places(submit):
            return
        _, request = self.tasks.submission(submit, a_submit(submit), source.id)
        found: list[Finding] = []
        with self.run.recorder.collecting(found):
            self.tasks.refused(request, RuleId.R47, f"{name}: a source that is {source.phase}")
        # It may have succeeded meanwhile, where the clock does not stand still.
        if found and (self.run.is_still or source.phase == "failed" or self._still_runs(source)):
            raise Findings(found)

    def _still_runs(self, task: Task) -> bool:
        observation = self.tasks.read(task, self.tasks.route(task))
        return observation is not None and observation.phase == "running"


def _is_near(first: Any, second: Any) -> bool:
    """Whether two values are the same, as far as the seconds between their reads allow."""
    if isinstance(first, int | float) and isinstance(second, int | float):
        return abs(first - second) <= _SECONDS_BETWEEN
    return bool(first == second)


@checks(RuleId.R59)
def check_head(run: Run, get: Request, gets: Sequence[Response], who: str, rule: RuleId) -> None:
    """Ask a request with HEAD, and compare the response with those of GET.

    Args:
        run: The run.
        get: The request with GET.
        gets: The responses to it.
        who: Whose key it carries, in words.
        rule: What a success breaks as well, where GET has none.
    """
    head = run.send(head_requests.of_get(get))
    behind = head_requests.body_behind_head(bytes(getattr(run.transport.sender, "raw", b"")))
    found = outcomes(RuleId.R59, head_requests.faults(head, gets, behind), f"{get.path} with {who}: ")
    if not gets[0].is_success and rule != RuleId.R59:
        fault = f"HEAD {get.path} with {who} got {head.status}"
        found.append((rule, fault if head.is_success else None))
    run.recorder.check_all(found, head)
