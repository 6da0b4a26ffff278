"""Tasks are read until they have ended: on a clock that is turned, or in real time."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator

from octopusx_video_openapi import Operation, RuleId, lifecycle

from octopusx_video_contract.checks.registry import checks
from octopusx_video_contract.checks.task_life import Task
from octopusx_video_contract.core.run_log import MANY_BROKEN_RULES
from octopusx_video_contract.messages.text import counted
from octopusx_video_contract.scenarios.life_findings import LifeFindings
from octopusx_video_contract.scenarios.read_checks import ReadChecks

_MOMENTS = (0.1, 0.25, 0.4, 0.45, 0.48, 0.495, 0.501, 0.52, 0.6, 0.75, 1.01, 1.2)
"""When a task is read on a turned clock, in parts of its expected time, of which half has passed before: most often
around its end."""
_FIRST_PAUSE, _MAX_PAUSE = 0.05, 2.0
_SAY_AFTER = 10.0
"""Seconds until it is first said that tasks are awaited; each further line comes after twice the time."""
_SHORT_DEADLINE = 30.0
_DAY = 86_400.0


@checks(RuleId.R45)
class UntilEnded:
    """Reads tasks until they have ended, or their time is up.

    Args:
        read_checks: Checks the reads.
        found: Keeps what is found.

    Attributes:
        readable: The routes by which each task can be read, by its id.
        waited: Seconds of real time until the tasks had ended; 0 on a clock that was turned.
    """

    def __init__(self, read_checks: ReadChecks, found: LifeFindings) -> None:
        self.read_checks = read_checks
        self.run = read_checks.run
        self.tasks = read_checks.tasks
        self.findings, self._catching = found.findings, found.catching
        self.readable: dict[str, list[Operation]] = {}
        self.waited = 0.0

    def follow(self, tasks: list[Task]) -> None:
        """Read the tasks until they have ended, or their time is up."""
        followed = [task for task in tasks if self.readable[task.id]]  # of the others R04 says that they can't be read
        running = [task for task in followed if not task.ended]
        if self.run.control is not None:
            names = itertools.cycle(self.findings)
            for pause in self._turns() if running else ():
                self.run.control.advance(pause)
                running = self.still_running(running)
                for source in running[:1] if not self.run.paid else ():
                    name = next(names)
                    with self._catching(name):
                        self.read_checks.refused_source(name, source)
                if not running:
                    break
        else:
            max_wait = self._max_wait()
            running = self._wait(running, max_wait)
            if running and max_wait < self.run.settings.deadline:
                self.run.log.say(
                    f"{counted(len(running), 'task')} had not ended after {max_wait:g} s; a server that breaks "
                    f"{MANY_BROKEN_RULES} rules or more gets no more time, and {RuleId.R45} is not asked"
                )
                return
        within = self._within()
        given = (
            f"{within:,.0f} s of its clock" if self.run.control else f"{self.run.settings.deadline:g} s (--deadline)"
        )
        for task in followed:
            with self._catching(task.submit.id):
                read = self.tasks.request(self.tasks.route(task), task.id)
                fault = f"{task.submit.id}: {task.id} has not ended in {given}" if task in running else None
                self.run.recorder.check(RuleId.R45, fault, read)

    def _within(self) -> float:
        """Seconds of its clock in which a task ends, by the contract."""
        rule = self.run.contract.rules_by_id.get(RuleId.R45)
        return rule.within.seconds if rule and rule.within else _DAY

    def _turns(self) -> Iterator[float]:
        lasts = lifecycle.task_life(self.run.contract).lasts
        within = self._within()
        moments = [part * lasts for part in _MOMENTS]
        while moments[-1] < within:
            moments.append(2 * moments[-1])
        begun = 0.0
        for moment in moments:
            yield min(moment, within) - begun
            begun = min(moment, within)

    def still_running(self, running: list[Task]) -> list[Task]:
        """Read each task by each of its routes, and by the first once more; those of them that have not ended."""
        first = {name: routes[:1] for name, routes in self.readable.items()}
        for routes, route in itertools.product((self.readable, first), self.tasks.reads):
            read = [task for task in running if route in routes[task.id]]
            billed = self.tasks.billed()
            for task in read:
                with self._catching(task.submit.id):
                    self.tasks.read(task, route)
            for task in read[-1:]:
                with self._catching(task.submit.id):
                    self.tasks.unbilled(billed, self.tasks.request(route, task.id))
        return [task for task in running if not task.ended]

    def _max_wait(self) -> float:
        """Seconds of real time in which the tasks have to end: fewer for a server that is wrong in many ways."""
        found = {finding.rule for findings in self.findings.values() for finding in findings}
        if len(found | self.run.log.broken) < MANY_BROKEN_RULES:
            return self.run.settings.deadline
        return min(self.run.settings.deadline, _SHORT_DEADLINE)

    def _wait(self, running: list[Task], max_wait: float) -> list[Task]:
        begun = time.monotonic()
        say_at = _SAY_AFTER
        pause = _FIRST_PAUSE
        while running and time.monotonic() - begun < max_wait:
            time.sleep(min(pause, max(0.0, max_wait - (time.monotonic() - begun))))
            pause = min(pause * 1.3, _MAX_PAUSE if not self.run.paid else 5 * _MAX_PAUSE)
            running = self.still_running(running)
            waited = time.monotonic() - begun
            if running and waited > say_at:
                say_at *= 2
                self.run.log.say(
                    f"waiting for {counted(len(running), 'task')} to end: {waited:.0f} s of at most {max_wait:g} s"
                )
        self.waited = time.monotonic() - begun
        return running
