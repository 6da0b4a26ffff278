"""The one paid submit of the probe, and the new task from its first second to its end."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any, Protocol

from octopusx_video_openapi import Contract, Operation, RuleId, values

from octopusx_video_contract.cases.submit_bodies import a_submit
from octopusx_video_contract.checks import task_life
from octopusx_video_contract.checks.mp4 import seconds_of
from octopusx_video_contract.checks.registry import at, kept_and_broken
from octopusx_video_contract.checks.task_life import Task
from octopusx_video_contract.core.run import Run
from octopusx_video_contract.messages.http import Response
from octopusx_video_contract.probe.questions import Question
from octopusx_video_contract.scenarios.task_driver import TaskDriver

SUBMIT = "createVideoExtension"
"""Of the submits the one that both reads are named for, and whose length the pages contradict each other about."""
PAUSE_AT_FIRST, PAUSE = 1.0, 5.0
"""Seconds between two rounds of reads: while the task is not readable yet, and afterwards."""
WATCHED = ("task.status", "task.progress", "task.created", "task.updated", "task.ended", "task.expires", "task.length")
"""Whose changes are noted, as ``x-value-of`` calls them."""


class Asking(Protocol):
    """Asks a question, once, and keeps the response."""

    def __call__(self, question: Question, *, listed: bool = True) -> Response | None:
        """None where no response arrived."""
        ...


@dataclass
class Change:
    """What a route reported first, or changed; ``second`` counts from the submit's response."""

    second: float
    route: str
    field: str
    value: Any


@dataclass
class ObservedTask:
    """What became of the new task.

    Attributes:
        task: The task, with all that was reported of it.
        began: When the response to the submit arrived, by the clock that the seconds are counted with.
        readable: By route, after how many seconds it was readable; None for not within R04's tolerance.
        changes: What changed, in order.
        ended: After how many seconds it was seen to have ended; None for not before the deadline.
        video: Seconds of the video that its content gives; None where none could be decoded.
        broken: What it broke of the rules of a task's life, by number.
        kept: The rules of a task's life that the observations show to be kept, where none of it breaks them.
    """

    task: Task
    began: float
    readable: dict[str, float | None] = field(default_factory=dict)
    changes: list[Change] = field(default_factory=list)
    ended: float | None = None
    video: float | None = None
    broken: dict[str, str] = field(default_factory=dict)
    kept: set[str] = field(default_factory=set)

    @property
    def total(self) -> float | None:
        """Its length in seconds if the field that adds were the length of the whole; None where it was not sent."""
        observation = self.task.body.get(self.task.submit.result_length.added_field or "")
        return float(observation) if isinstance(observation, int | float) else None


def values_of(contract: Contract, operation: str) -> dict[str, str]:
    """Which value of ``x-value-of`` stands in each field of an operation's success."""
    places = values.places_of(contract.operations[operation])
    return {place.path[0]: place.value_of for place in places if place.value_of and len(place.path) == 1}


def paid(run: Run, tasks: TaskDriver, source: str, ask: Asking) -> ObservedTask | None:
    """Submit once, whatever comes; None where no new task was reported."""
    submit = run.contract.operations[SUBMIT]
    whole, request = tasks.submission(submit, a_submit(submit), source)
    run.log.say(f"one paid submit, {submit.id}; it is not repeated, whatever comes")
    before = run.now()
    route = f"{submit.method.upper()} {submit.path}"
    response = ask(Question("paid submit", f"{route}, {_chosen(submit, whole)}", request, submit, valid=True))
    after, began = run.now(), _clock(run)
    observation = (
        task_life.observed(run.contract, submit.id, after, response.json())
        if response and response.is_success
        else None
    )
    new = submit.new_task_id(response.json()) if response else None
    if response is None or observation is None or new is None:
        return None
    length = submit.result_length.seconds(whole, None)
    observed = ObservedTask(Task(new, submit, whole, (before, after), length), began)
    _hear(run, observed, submit.id, response, 0.0)
    return observed


def _chosen(submit: Operation, body: dict[str, Any]) -> str:
    """The fields that decide the length."""
    names = (submit.result_length.start_field, submit.result_length.added_field)
    return ", ".join(f"{name} {body[name]}" for name in names if name in body)


def follow(run: Run, tasks: TaskDriver, observed: ObservedTask, ask: Asking) -> None:
    """Read the new task by both routes until it ends or the deadline passes, then fetch its video."""
    rule = run.contract.rules_by_id.get(RuleId.R04)
    tolerance = rule.tolerance.seconds if rule and rule.tolerance else 0
    waiting = list(tasks.reads)
    while True:
        for route in list(waiting):
            _read(run, tasks, observed, route, ask)
            if route.id not in observed.readable and _clock(run) - observed.began > tolerance:
                observed.readable[route.id] = None
                waiting.remove(route)
        second = _clock(run) - observed.began
        read = [route for route in waiting if observed.readable.get(route.id) is not None]
        phases = [_phase(observed, route.id) for route in read]
        if phases and len(read) == len(waiting) and all(phase in task_life.ENDED for phase in phases):
            observed.ended = second
            break
        if not waiting or second >= run.settings.deadline:
            break
        _wait(run, PAUSE if len(read) == len(waiting) else PAUSE_AT_FIRST)
    if observed.ended is not None:
        for route in waiting:
            _read(run, tasks, observed, route, ask)
        if observed.task.phase == "succeeded":
            request = tasks.request(tasks.content, observed.task.id)
            route_ = f"{tasks.content.method.upper()} {tasks.content.path}"
            response = ask(Question("content of the new task", route_, request, tasks.content, valid=True))
            if response is not None and response.status == 200:
                observed.video = seconds_of(response.content)


def _read(run: Run, tasks: TaskDriver, observed: ObservedTask, route: Operation, ask: Asking) -> None:
    what = f"{route.method.upper()} {route.path}"
    request = tasks.request(route, observed.task.id)
    response = ask(Question("new task", what, request, route), listed=False)
    if response is None:
        return
    second = _clock(run) - observed.began
    _note(observed, second, route.id, "HTTP", response.status)
    run.log.say(f"{second:.0f} s: {route.id} got {response.status}, the task is {observed.task.phase}")
    body = response.json()
    if response.is_success and isinstance(body, dict):
        if observed.readable.get(route.id) is None:
            observed.readable[route.id] = second
        _hear(run, observed, route.id, response, second)


def _hear(run: Run, observed: ObservedTask, route: str, response: Response, second: float) -> None:
    observation = task_life.observed(run.contract, route, run.now(), response.json())
    assert observation is not None  # noqa: S101 - it is an object
    found = at(route, [*run.recorder.changed(response), *task_life.check(run.contract, observed.task, observation)])
    kept, broken = kept_and_broken(run.contract, route, found)
    observed.kept |= kept
    observed.broken = broken | observed.broken
    observed.task.observations.append(observation)
    for name, value_of in values_of(run.contract, route).items():
        if value_of in WATCHED and name in observation.body:
            _note(observed, second, route, name, observation.body[name])


def _note(observed: ObservedTask, second: float, route: str, name: str, value: Any) -> None:
    before = [change.value for change in observed.changes if (change.route, change.field) == (route, name)]
    if not before or before[-1] != value:
        observed.changes.append(Change(second, route, name, value))


def _phase(observed: ObservedTask, route: str) -> str:
    return next(
        (observation.phase for observation in reversed(observed.task.observations) if observation.route == route),
        "running",
    )


def _clock(run: Run) -> float:
    return run.control.now() if run.control else time.monotonic()


def _wait(run: Run, seconds: float) -> None:
    if run.control:
        run.control.advance(seconds)
    else:
        time.sleep(seconds)
