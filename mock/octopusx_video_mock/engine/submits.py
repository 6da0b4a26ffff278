"""Submits: each makes a new task, unless its source or a fault prevents that."""

from __future__ import annotations

from octopusx_video_mock.compiled.contract import CompiledContract
from octopusx_video_mock.engine.fault_effects import faulty, phase_of
from octopusx_video_mock.engine.ledger import Ledger
from octopusx_video_mock.engine.rejected_request import RejectedRequest
from octopusx_video_mock.engine.rendering import Renderer
from octopusx_video_mock.engine.request_parsing import ParsedRequest
from octopusx_video_mock.faults.active import ActiveFaults
from octopusx_video_mock.faults.fault import Fault
from octopusx_video_mock.faults.table import of_bits
from octopusx_video_mock.messages import Response
from octopusx_video_mock.tasks.task import Task
from octopusx_video_mock.tasks.tasks import Tasks


class Submits:
    """Responds to submits, and records them in a ledger, if there is one."""

    def __init__(
        self, compiled: CompiledContract, tasks: Tasks, faults: ActiveFaults, renderer: Renderer, ledger: Ledger | None
    ) -> None:
        self._compiled = compiled
        self._tasks = tasks
        self._faults = faults
        self._renderer = renderer
        self._ledger = ledger

    def respond(self, parsed: ParsedRequest) -> Response:
        """Respond to a submit.

        Raises:
            RejectedRequest: The source is unknown to this key, or has no video.
        """
        preferred, operation = parsed.preferred, parsed.operation
        if preferred is not None and preferred.status >= 300:
            return self._renderer.render(preferred, {}, parsed.id, operation)
        source_length = self._source_length(parsed)
        showing, replacing = self._showing(parsed)
        if replacing is not None and not replacing.accepts:
            return faulty(parsed, None, replacing, self._renderer)
        task = self._new_task(parsed, source_length, showing)
        if self._ledger is not None:
            self._record(self._ledger, parsed, task, answered=replacing is None or replacing.keeps_id)
        status = self._compiled.life.running
        values = {"task.id": task.id, "task.status": status, "task.updated": int(task.begun)}
        response = self._renderer.render(preferred or operation.success, values, parsed.id, operation)
        response.task = task.id
        if showing:
            response.faults = tuple([fault.name for fault in showing])
        return response if replacing is None else faulty(parsed, response, replacing, self._renderer)

    def _showing(self, parsed: ParsedRequest) -> tuple[tuple[Fault, ...], Fault | None]:
        """The faults that the new task gets, and the one that replaces or withholds the response."""
        showing = parsed.faults
        replacing = next((fault for fault in showing if fault.changes_response and "submit" in fault.at), None)
        if self._faults.rules:
            if replacing is None:
                replacing = next(self._faults.showing(parsed.operation), None)
            if replacing is None or replacing.accepts:
                showing = (*showing, *self._faults.showing(parsed.operation, lasting=True))
        return showing, replacing

    def _source_length(self, parsed: ParsedRequest) -> float:
        """How long the video of the submit's source is, in seconds.

        Raises:
            RejectedRequest: The source is unknown to this key, or has no video.
        """
        length = 0.0
        for place in parsed.operation.task_places:
            source = parsed.named_task(place)
            if source is None:
                continue
            task = self._tasks.find(source, parsed.key)
            if task is None:
                raise RejectedRequest("unknown-task")
            faults = of_bits(task.faults)
            if phase_of(task, faults, parsed.now) != "succeeded" or any(fault.no_video for fault in faults):
                raise RejectedRequest("unfinished-task")
            length = task.length
        return length

    def _new_task(self, parsed: ParsedRequest, source_length: float, showing: tuple[Fault, ...]) -> Task:
        operation, body = parsed.operation, parsed.body or {}
        bits = sum({1 << fault.bit for fault in showing if fault.bit is not None}) if showing else 0
        length = operation.definition.result_length.seconds(body, source_length)
        return self._tasks.new(parsed.key, operation.number, parsed.now, length or 0.0, bits, body)

    @staticmethod
    def _record(ledger: Ledger, parsed: ParsedRequest, task: Task, *, answered: bool) -> None:
        """Record an accepted submit, and when it is refunded."""
        fails = [fault for fault in of_bits(task.faults) if fault.ends == "failed"]
        refunds = bool(fails) and all(fault.refunds for fault in fails)
        refunded_at = task.after(task.lasts) if refunds else None
        ledger.submitted(task.id, parsed.operation.id, parsed.now, answered, refunded_at)
