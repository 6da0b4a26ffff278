"""Whole lives of tasks: from the submit through every read to the end, the download and the day when it is gone."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterator
from typing import Any

from octopusx_video_openapi import Operation, RuleId, lifecycle, task_ids, values

from octopusx_video_contract.cases import submit_bodies
from octopusx_video_contract.cases.submit_bodies import a_submit
from octopusx_video_contract.checks.registry import checks
from octopusx_video_contract.checks.single_response import UNKNOWN_TASK
from octopusx_video_contract.checks.task_life import Task, is_number
from octopusx_video_contract.core.billing_check import BillingCheck
from octopusx_video_contract.core.run import Run
from octopusx_video_contract.scenarios.downloads import Downloads
from octopusx_video_contract.scenarios.life_findings import LifeFindings
from octopusx_video_contract.scenarios.read_checks import ReadChecks
from octopusx_video_contract.scenarios.task_driver import TaskDriver
from octopusx_video_contract.scenarios.until_ended import UntilEnded
from octopusx_video_contract.sending.budget import NotAskedError

FAILING = "fault=failed"
"""Orders a task that fails, of a mock that follows it."""
_DAY = 86_400.0
_MAX_TURN = 366 * _DAY
"""How far a clock is turned at most, in seconds. Much later, every time of a task would be one in milliseconds."""
_NOT_A_WHOLE_HOUR = 45_296.7
MAX_SHORT_WAIT = 15.0
"""Seconds of real time up to which tasks are awaited once more, to see every length that a video can have."""


@checks(RuleId.R41)
class WholeLife:
    """The lives of one task of each submit, followed together, and what was found of each.

    Attributes:
        findings: By the submit's operation id.
        skipped: Why a submit was not followed, by its operation id.
        ends: Awaits the ends of tasks.
    """

    def __init__(self, run: Run) -> None:
        self.run = run
        self.tasks = TaskDriver(run)
        self.downloads = Downloads(self.tasks)
        self.read_checks = ReadChecks(self.tasks)
        # Those that most routes can read come first: what is paid for is to show most.
        found = LifeFindings(run, sorted(run.contract.submits, key=lambda name: -len(self.tasks.routes(name))))
        self.findings, self.skipped, self._catching = found.findings, found.skipped, found.catching
        self.ends = UntilEnded(self.read_checks, found)
        self._readable = self.ends.readable
        self._twins: dict[str, list[Task]] = {}

    def whole(self) -> None:
        """Follow all of it; what is found is kept, and does not end the others."""
        if self.run.control is not None:
            # Times that are cut to a day or an hour are the same at a beginning of one, where a mock's clock may stand.
            self.run.control.advance(_NOT_A_WHOLE_HOUR)
        self._look_at_known()
        begun = [task for name in self.findings for task in self._begin(name)]
        if self.run.settings.stateless:
            return
        for task in begun:
            self._while_running(task)
        if self.run.control is not None:
            self.run.control.advance(lifecycle.task_life(self.run.contract).lasts / 2)
        for task in begun:
            self._compare(task)
        self._come_late()
        self.ends.follow(begun)
        for task in begun:
            self._compare(task)
            self._after_its_end(task)
        begun_and_continued = [*begun, *self._chain(begun)]
        self._refuse([task for task in begun if task.ended])
        self._look_again(begun_and_continued)
        if self.run.control is not None:
            self._expire([task for task in begun if task.ended])

    def _begin(self, name: str) -> Iterator[Task]:
        run = self.run
        submit = run.contract.operations[name]
        if not run.settings.known_ids and task_ids.places(submit):
            self.skipped[name] = "no finished task is known to continue from; name one with --task-id"
            return
        orders = ["", FAILING] if "fault" in run.settings.orders else [""]
        for order in orders:
            task: Task | None = None
            with self._catching(name):
                # What is paid for is to show most: also whether a server answers reads meanwhile.
                beside = self.tasks.reads_of_known if run.paid and run.settings.known_ids else ()
                body = self._body(submit, order)
                task = self.tasks.submit(submit, body, self._source, orders=order, beside=beside)
            if task is None:
                return
            self._readable[task.id] = []
            for route in self.tasks.routes(name):
                with self._catching(name):
                    if self.tasks.first_read(task, route) is not None:
                        self._readable[task.id].append(route)
            if order == "" and self.run.control is not None and not self.run.paid and not self.run.settings.stateless:
                self._twins[task.id] = []
                with self._catching(name):
                    for _ in range(2):
                        twin = self.tasks.submit(submit, a_submit(submit), self._source)
                        self._twins[task.id].append(twin)
            yield task

    def _body(self, submit: Operation, order: str) -> dict[str, Any]:
        """The body of a task; of one that is to fail it is sent for no other."""
        body = a_submit(submit)
        return {**body, "prompt": f"{body['prompt']}, and fail"} if order == FAILING else body

    @property
    def _source(self) -> str:
        """The finished task that submits continue; "" where none is known."""
        return next(iter(self.run.settings.known_ids), "")

    def _compare(self, task: Task) -> None:
        """Compare a task that was read again and again with one that nobody has read yet."""
        if self._twins.get(task.id):
            with self._catching(task.submit.id):
                self.read_checks.stand_alike(task, self._twins[task.id].pop())

    def _come_late(self) -> None:
        """Submit another task while the others run, who have to stay what they are."""
        name, *_ = self.findings
        if self.run.control is not None and not self.run.paid and name not in self.skipped:
            with self._catching(name):
                submit = self.run.contract.operations[name]
                self.tasks.submit(submit, a_submit(submit), self._source)

    def _while_running(self, task: Task) -> None:
        name, tasks = task.submit.id, self.tasks
        for route in self._other_routes(task):
            with self._catching(name):
                if tasks.read(task, route) is not None:
                    self._readable[task.id].append(route)
        with self._catching(name):
            self.read_checks.kept_apart(task)
        if task.phase != "running":
            return
        with self._catching(name):
            self.downloads.no_content_yet(task, still=self.run.is_still)
        for route in self._readable[task.id]:
            with self._catching(name):
                self.read_checks.reads_change_nothing(task, route)
        if not self.run.paid:
            for other in self.run.contract.submits:
                with self._catching(other):
                    self.read_checks.refused_source(other, task)

    def _other_routes(self, task: Task) -> list[Operation]:
        return [route for route in self.tasks.reads if route not in self._readable[task.id]]

    def _after_its_end(self, task: Task) -> None:
        name, tasks, run = task.submit.id, self.tasks, self.run
        if not task.ended:
            return
        for _ in range(2):
            for route in self._readable[task.id]:
                with self._catching(name):
                    tasks.read(task, route)
        for route in self._readable[task.id]:
            with self._catching(name):
                self.read_checks.reads_change_nothing(task, route)
        if task.phase == "failed":
            with self._catching(name):
                self.downloads.no_content_yet(task, still=True)
            if not run.paid:
                with self._catching(name):
                    self.read_checks.refused_source(name, task)
                with self._catching(name):  # the same again is another task
                    tasks.submit(task.submit, self._body(task.submit, FAILING), self._source)
            return
        self._look_at_the_video(task)

    def _look_at_the_video(self, task: Task) -> None:
        name, tasks = task.submit.id, self.tasks
        with self._catching(name):
            if self.downloads.download(task) is not None:
                self.downloads.download(task)
        if task.video is not None:
            with self._catching(name):
                self.downloads.parts(task.id, task.video)
            addresses = {
                observation.route: observation for observation in task.observations if observation.phase == "succeeded"
            }
            for observation in addresses.values():
                with self._catching(name):
                    self.downloads.address(task, observation)
        with self._catching(name):
            for route in self._readable[task.id]:
                tasks.read(task, route)

    def _look_at_known(self) -> None:
        """Read and download the known tasks, at the beginning and at the end: what was sent between changed nothing."""
        tasks, run = self.tasks, self.run
        if run.settings.stateless:
            return
        for known in run.settings.known_ids:
            for operation in (*tasks.reads, *(() if run.paid else (tasks.content,))):
                with self._catching(next(iter(self.findings))):
                    run.recorder.check_response(run.send(tasks.request(operation, known)))

    def _refuse(self, ended: list[Task]) -> None:
        """Ask for what is refused and names tasks that have ended: it changes nothing of them."""
        tasks, run = self.tasks, self.run
        credentials = ["", *([f"Bearer {run.settings.other_key}"] if run.settings.other_key else [])]
        for task, name, credential in itertools.product(ended if not run.paid else (), self.findings, credentials):
            # Neither has a model or a prompt.
            _, request = tasks.submission(run.contract.operations[name], {}, task.id, credential=credential)
            with self._catching(name), BillingCheck(run):
                response = run.send(request)
                fault = f"{name}: a submit of nothing but its source got {response.status}"
                run.recorder.check_response(
                    response, [(RuleId.R41, None if response.status in UNKNOWN_TASK else fault)]
                )
        for task in ended:
            with self._catching(task.submit.id):
                self.read_checks.kept_apart(task)

    def _look_again(self, ended: list[Task]) -> None:
        """Read and download all once more: what was sent after its end changes nothing of a task."""
        for task in ended:
            for route in self._readable.get(task.id, []):
                with self._catching(task.submit.id):
                    self.tasks.read(task, route)
            if task.phase == "succeeded" and task.video is not None and not self.run.paid:
                with self._catching(task.submit.id):
                    self.downloads.download(task)
                with self._catching(task.submit.id):
                    self.downloads.part(task.id, task.video, "bytes=0-9", 0, min(9, len(task.video) - 1))
        self._look_at_known()

    def _chain(self, begun: list[Task]) -> list[Task]:
        """Continue a video of the run's own, whose length is known, so that of the next one is too: the new tasks."""
        source = next((task for task in begun if task.phase == "succeeded" and task.length is not None), None)
        if source is None or self.run.paid or (self.run.control is None and self.ends.waited > MAX_SHORT_WAIT):
            return []
        made = self._continued(source)
        self.ends.follow(made)
        for task in made:
            if task.phase == "succeeded":
                with self._catching(task.submit.id):
                    self.downloads.download(task, self.downloads.size_by_a_part(task))
        return made

    def _continued(self, source: Task) -> list[Task]:
        """New tasks that continue a source, one of each body, each of them read by every route that can."""
        made: list[Task] = []
        for name, submit in self.run.contract.submits.items():
            for body in submit_bodies.bodies(submit, a_submit(submit)):
                with self._catching(name):
                    made.append(self.tasks.submit(submit, body, source.id))
            for body in submit_bodies.behind_the_end(submit, a_submit(submit), source.length or 0):
                with self._catching(name), contextlib.suppress(NotAskedError):
                    made.append(self.tasks.submit(submit, body, source.id, sure=False))
        for task in made:
            self._readable[task.id] = self.tasks.reads
        self.ends.still_running([source, *made])
        with self._catching(source.submit.id):
            self.downloads.download(source)
        for task in made:
            read = {observation.route for observation in task.observations}
            for route in self.tasks.routes(task.submit.id):
                if route.id not in read:
                    with self._catching(task.submit.id):
                        self.tasks.first_read(task, route)
        return made

    def _expire(self, ended: list[Task]) -> None:
        """Let the time pass after which a video is gone: the task is still what it was."""
        succeeded = [task for task in ended if task.phase == "succeeded"]
        if not succeeded or self.run.control is None:
            return
        now = self.run.now()
        reported = min(filter(None, map(self._expiry, succeeded)), default=now + _DAY)
        expires = min(reported, now + _MAX_TURN)
        for moment in (now + 3700, expires - 60):  # an hour on, and just before it is gone
            if now < moment < expires:
                self._at(moment, ended)
                for task in succeeded:
                    with self._catching(task.submit.id):
                        self.downloads.download(task)
                    for last in {one.route: one for one in task.observations}.values():
                        with self._catching(task.submit.id):
                            self.downloads.address(task, last)
        for moment in (expires + 60, expires + 2.5 * _DAY):
            self._at(moment, ended)
            for task in succeeded:
                with self._catching(task.submit.id):
                    self.run.recorder.check_response(self.run.send(self.tasks.request(self.tasks.content, task.id)))
        for name, submit in self.run.contract.submits.items() if not self.run.paid else ():
            with self._catching(name):  # whether it can still be continued is for the server to say
                _, request = self.tasks.submission(submit, a_submit(submit), succeeded[0].id)
                self.run.recorder.check_response(self.run.send(request))

    def _expiry(self, task: Task) -> float | None:
        """When a task expires by the last read that says so, in Unix seconds; None where none does."""
        operations = self.run.contract.operations
        observation = (
            values.first(operations[one.route], one.body, values.EXPIRES) for one in reversed(task.observations)
        )
        value = next((value for value in observation if is_number(value) and value > 0), None)
        return None if value is None else values.in_seconds(self.run.contract, value)

    def _at(self, moment: float, tasks: list[Task]) -> None:
        """Turn the clock, and read tasks again by each route."""
        if self.run.control is not None:
            self.run.control.advance(max(1.0, moment - self.run.now()))
        for task in tasks:
            for route in self._readable[task.id]:
                with self._catching(task.submit.id):
                    self.tasks.read(task, route)
