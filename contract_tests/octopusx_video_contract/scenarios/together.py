"""Requests at the same moment: submits beside submits and reads, parts beside the whole, and two keys in turn."""

from __future__ import annotations

import dataclasses
import random
import time
from collections.abc import Callable, Iterator

from octopusx_video_openapi import Operation, RuleId, lifecycle

from octopusx_video_contract.cases import request_values
from octopusx_video_contract.cases.submit_bodies import a_submit
from octopusx_video_contract.checks import ranges, task_life
from octopusx_video_contract.checks.registry import checks, outcomes
from octopusx_video_contract.checks.single_response import UNKNOWN_TASK
from octopusx_video_contract.checks.task_life import Observation, Task
from octopusx_video_contract.core.billing_check import BillingCheck
from octopusx_video_contract.core.findings import Finding, Findings
from octopusx_video_contract.core.run import Run
from octopusx_video_contract.messages.http import Request, Response
from octopusx_video_contract.scenarios.task_driver import PART, TaskDriver
from octopusx_video_contract.sending.budget import NotAskedError

ROUNDS = 2
"""How often submits are sent at the same moment to a server that bills nothing."""
PAID = 2
"""How many of them are sent to one that does, once, as far as its budget allows."""
TURNS = 3
"""How often each key takes its turn."""

Check = Callable[[Response], None]


@dataclasses.dataclass(frozen=True)
class Question:
    """A request, and the check of its response."""

    request: Request
    check: Check


@checks(RuleId.R04, RuleId.R20, RuleId.R24, RuleId.R52)
class Together:
    """Asks several things at once of a server, whose responses have to be as if each it were alone.

    Args:
        run: The run. A finished task must be known.
        max_wait: Seconds of real time in which tasks end that are submitted now, where no clock can be turned; 0 has
            their ends not awaited.

    Attributes:
        accounts: The tasks that were made for each key, the run's own first.
    """

    def __init__(self, run: Run, max_wait: float = 0.0) -> None:
        self.run = run
        self.max_wait = max_wait
        self.source = run.settings.known_ids[0]
        others = [run.settings.other_key] if run.settings.other_key and not run.paid else []
        self.accounts = [TaskDriver(run), *(TaskDriver(run, key) for key in others)]
        self._random = random.Random(run.settings.seed)  # noqa: S311 - made to be repeated

    def ask(self) -> None:
        """Ask all of it; what is found is kept, and does not end it.

        Raises:
            Findings: Something was found.
        """
        findings: list[Finding] = []
        for part in (self._submits, self._reads, self._turns, self._parts, self._ends):
            if findings and self.run.settings.ends_at_once:
                break
            try:
                with self.run.recorder.collecting(findings):
                    part()
            except (Finding, Findings) as error:
                findings += error.findings if isinstance(error, Findings) else [error]
            except NotAskedError:
                continue
        self.run.recorder.keep(findings, together=True)

    def _at_once(self, questions: list[Question]) -> None:
        """Send the requests at the same moment, in a drawn order, and check each response."""
        self._random.shuffle(questions)
        responses = self.run.send_at_once([question.request for question in questions])
        for question, response in zip(questions, responses, strict=True):
            if response is not None:
                question.check(response)

    # Submits beside submits and reads.

    def _submits(self) -> None:
        """Make tasks at the same moment, while a finished task is read; each is then one of its own."""
        names = list(self.run.contract.submits)
        for round_ in range(1 if self.run.paid else ROUNDS):
            count = min(PAID, self.run.budget.left or 0) if self.run.paid else 2 * len(names)
            chosen = [self.run.contract.operations[names[number % len(names)]] for number in range(count)]
            made = [
                self._submit(tasks, submit, f"{round_} {account} {number}")
                for account, tasks in enumerate(self.accounts)
                for number, submit in enumerate(chosen)
            ]
            with BillingCheck(self.run):
                self._at_once([*made, *self._reads_of_the_source()])
        for tasks in self.accounts:
            for task in tasks.made:
                for route in tasks.routes(task.submit.id):
                    tasks.first_read(task, route)

    def _submit(self, tasks: TaskDriver, submit: Operation, name: str) -> Question:
        """A submit whose prompt no other one has, so that a read shows whether prompts were mixed up."""
        # Few fields and a short prompt: a server may not have room to repeat more.
        shortest = request_values.valid_requests(submit, self.source)[0].body
        body = {field: value for field, value in a_submit(submit).items() if field in shortest}
        body = {**body, "prompt": f"Two Cats {name}"}
        whole, request = tasks.submission(submit, body, self.source)
        sure = tasks is self.accounts[0]  # a source need not be another account's
        now = self.run.now()

        def check(response: Response) -> None:
            if not response.is_success and (response.status in UNKNOWN_TASK and not sure):
                self.run.recorder.check_response(response)
                return
            try:
                tasks.submitted(submit, whole, self.source, response, (now, self.run.now()), sure=sure)
            except NotAskedError:  # what is wrong with the refusal was found
                return

        return Question(request, check)

    def _reads_of_the_source(self) -> Iterator[Question]:
        """Reads of the finished task that the submits continue, and of a part of its video, that succeed alone."""
        tasks = self.accounts[0]
        return (Question(request, tasks.known) for request in tasks.reads_of_known)

    # Reads beside reads.

    def _reads(self) -> None:
        """Read all tasks at the same moment, each with its own key and with the other one."""
        before = {task.id: list(task.observations) for tasks in self.accounts for task in tasks.made}
        self._at_once([*self._own_and_others(before), *self._reads_of_the_source()])

    def _own_and_others(self, before: dict[str, list[Observation]] | None = None) -> Iterator[Question]:
        """Reads of all tasks; ``before`` has what was reported of them, where they are sent at the same moment."""
        for tasks in self.accounts:
            others = [other for other in self.accounts if other is not tasks]
            for task in tasks.made:
                if not task.observations:
                    continue  # R04 speaks of that
                for route in tasks.routes(task.submit.id):
                    if not any(observation.route == route.id for observation in task.observations):
                        continue
                    observed_before = None if before is None else before[task.id]
                    yield Question(tasks.request(route, task.id), self._own(tasks, task, route, observed_before))
                    for other in others:
                        yield Question(other.request(route, task.id), self._others(route, task))

    def _own(self, tasks: TaskDriver, task: Task, route: Operation, before: list[Observation] | None) -> Check:
        def check(response: Response) -> None:
            observation = task_life.observed(self.run.contract, route.id, self.run.now(), response.json())
            if response.is_success and observation is not None:
                # Which of several that were under way together was served first is not known.
                tasks.note(
                    task if before is None else dataclasses.replace(task, observations=[*before]), observation, response
                )
            gone = [(RuleId.R04, f"{route.id}: {task.id} could be read before, and gets {response.status}")]
            self.run.recorder.check_response(response, [] if response.is_success or response.status == 429 else gone)

        return check

    def _others(self, route: Operation, task: Task) -> Check:
        def check(response: Response) -> None:
            what = f"{route.id}: {task.id} with a key of another account"
            fault = None if response.status in UNKNOWN_TASK else f"{what} got {response.status}"
            self.run.recorder.check_response(response, [] if response.status == 429 else [(RuleId.R20, fault)])

        return check

    # Two keys in turn.

    def _turns(self) -> None:
        """Submit and read with one key right after the other: neither leaves anything behind for the next."""
        if len(self.accounts) < 2 or not all(tasks.made for tasks in self.accounts):
            return
        for turn in range(TURNS):
            for tasks in self.accounts:
                submit = tasks.made[-1].submit
                question = self._submit(tasks, submit, f"in turn {turn}")
                with BillingCheck(self.run):
                    question.check(self.run.send(question.request))
        for tasks in self.accounts:
            for task in tasks.made[-TURNS:]:
                tasks.first_read(task, tasks.route(task))
        questions = list(self._own_and_others())
        for question in questions[-4 * TURNS :]:
            question.check(self.run.send(question.request))

    # Their ends.

    def _ends(self) -> None:
        """Read the tasks when they should have ended: a read then reports the values of their own submit."""
        if self.run.control is not None:
            self.run.control.advance(1.1 * lifecycle.task_life(self.run.contract).lasts)
        elif self.max_wait:
            time.sleep(self.max_wait)
        else:
            return
        for tasks in self.accounts:
            for task in tasks.made:
                for route in tasks.routes(task.submit.id):
                    if any(observation.route == route.id for observation in task.observations):
                        tasks.read(task, route)

    # Parts beside the whole.

    def _parts(self) -> None:
        """Download a video and several of its parts at the same moment."""
        tasks, run = self.accounts[0], self.run
        response = run.send(tasks.request(tasks.content, self.source))
        run.recorder.check_response(response)
        if response.status != 200:
            return
        whole = response.content
        end = len(whole) - 1
        few = min(PART, end)
        parts = [(0, few), (end // 3, 2 * end // 3), (end - few, end)]
        questions = [Question(tasks.request(tasks.content, self.source), self._whole(whole)) for _ in range(2)]
        for first, last in parts:
            request = tasks.request(tasks.content, self.source, Range=f"bytes={first}-{last}")
            questions.append(Question(request, self._part(whole, first, last)))
        self._at_once(questions)

    def _whole(self, whole: bytes) -> Check:
        # Tested here as well: what was kept of the video may be from before it expired, and is then not compared.
        def check(response: Response) -> None:
            fault = None if response.content == whole else "the content is not what it was before"
            self.run.recorder.check_response(response, [(RuleId.R52, fault)] if response.status == 200 else [])

        return check

    def _part(self, whole: bytes, first: int, last: int) -> Check:
        def check(response: Response) -> None:
            found = outcomes(RuleId.R24, ranges.part_faults(response, whole, first, last), f"bytes={first}-{last} ")
            self.run.recorder.check_response(response, [] if response.status == 429 else found)

        return check
