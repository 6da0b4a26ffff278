"""Reads of a task, and of its video."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from octopusx_video_mock.compiled.contract import CompiledContract
from octopusx_video_mock.compiled.template import ABSENT, KEPT
from octopusx_video_mock.engine.content import Content
from octopusx_video_mock.engine.fault_effects import Phase, change_values, faulty, phase_of, reject_hidden
from octopusx_video_mock.engine.rejected_request import RejectedRequest
from octopusx_video_mock.engine.rendering import Renderer
from octopusx_video_mock.engine.request_parsing import ParsedRequest
from octopusx_video_mock.faults.active import ActiveFaults
from octopusx_video_mock.faults.fault import Fault
from octopusx_video_mock.faults.table import of_bits
from octopusx_video_mock.messages import Response
from octopusx_video_mock.tasks.task import Task
from octopusx_video_mock.tasks.tasks import Tasks


@dataclass(frozen=True, slots=True)
class TaskState:
    """How far a task is, for people.

    Attributes:
        status: Its status.
        phase: ``running``, ``succeeded`` or ``failed``.
        progress: In whole percent.
        video: The path of its video; None where there is none.
    """

    status: str
    phase: Phase
    progress: int
    video: str | None


class Reads:
    """Responds to reads."""

    def __init__(
        self, compiled: CompiledContract, tasks: Tasks, faults: ActiveFaults, renderer: Renderer, content: Content
    ) -> None:
        self._compiled = compiled
        self._echoes = [(name, f"request.{name}") for name in compiled.echoes]
        self._tasks = tasks
        self._faults = faults
        self._renderer = renderer
        self._content = content

    def respond(self, parsed: ParsedRequest, task_id: str) -> Response:
        """Respond to a read of a task, or of its video.

        Raises:
            RejectedRequest: The task is unknown to this key, or has no video.
        """
        preferred, operation = parsed.preferred, parsed.operation
        if preferred is not None and preferred.media_type != operation.video_type:
            values = {"task.id": task_id} if preferred.status < 300 else {}
            return self._renderer.render(preferred, values, parsed.id, operation)
        showing = parsed.faults
        if self._faults.rules:
            showing = (*showing, *self._faults.showing(operation))
        for fault in showing:
            if fault.status or fault.delivery == "reset":
                return faulty(parsed, None, fault, self._renderer)
        task = self._tasks.find(task_id, parsed.key)
        if task is None:
            raise RejectedRequest("unknown-task")
        if operation.video_type:
            return self._content.respond(parsed, task, showing)
        return self._state(parsed, task, showing)

    def state(self, task_id: str, now: float) -> TaskState | None:
        """How far the task of an id is, whichever key it belongs to; None where there is none."""
        task = self._tasks.of_any_key(task_id)
        if task is None:
            return None
        phase = phase_of(task, of_bits(task.faults), now)
        has_video = phase == "succeeded" and not self._tasks.has_expired(task, now)
        status, _ = self._status(task, phase, now)
        return TaskState(status, phase, task.progress(now), self._tasks.address(task, "") if has_video else None)

    def _state(self, parsed: ParsedRequest, task: Task, showing: tuple[Fault, ...]) -> Response:
        """The state of a task."""
        if task.faults:
            showing = (*showing, *(fault for fault in of_bits(task.faults) if "read" in fault.at))
        if showing:
            showing = tuple(dict.fromkeys(showing))
            reject_hidden(task, showing, parsed.now)
        phase = phase_of(task, showing, parsed.now)
        values = self._values(parsed, task, phase)
        template = parsed.operation.by_task_status[values["task.status"]]
        shown, breaks = change_values(showing, phase, values, template) if showing else ([], False)
        response = self._renderer.render(template, values, parsed.id, parsed.operation)
        response.task = task.id
        if shown:
            response.faults = tuple([fault.name for fault in shown])
            response.breaks = breaks
        for fault in shown:
            if fault.changes_response:
                response = faulty(parsed, response, fault, self._renderer)
        return response

    def _values(self, parsed: ParsedRequest, task: Task, phase: Phase) -> dict[str, Any]:
        """What the places of the example become."""
        life, now = self._compiled.life, parsed.now
        status, updated = self._status(task, phase, now)
        values: dict[str, Any] = {
            "task.id": task.id,
            "task.status": status,
            "task.progress": task.progress(now),
            "task.created": int(task.begun),
            "task.updated": updated,
            "task.ended": KEPT if phase == "running" else updated,
            "task.expires": ABSENT if task.documented else int(task.after(life.expires_after)),
            "task.length": int(task.length) if task.length.is_integer() else task.length,
            "task.address": self._tasks.address(task, parsed.request.origin) if phase == "succeeded" else KEPT,
        }
        if not task.documented:
            for name, value_of in self._echoes:
                values[value_of] = task.echoes.get(name, ABSENT)
        return values

    def _status(self, task: Task, phase: Phase, now: float) -> tuple[str, int]:
        """The status of a task, and when it began, in Unix seconds."""
        life = self._compiled.life
        if phase != "running":
            return life.succeeded if phase == "succeeded" else life.failed, int(task.after(task.lasts))
        if len(life.runs) == 1:  # the most frequent request
            return life.runs[0].status, int(task.begun)
        run = life.running_after(task.age(now) / task.lasts)
        return run.status, int(task.after(run.begins * task.lasts))
