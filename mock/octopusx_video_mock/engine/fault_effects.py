"""What faults change: the phase of a task, the values of a response, the response itself."""

from __future__ import annotations

import dataclasses
from typing import Any, Literal

import orjson

from octopusx_video_mock.compiled.template import ABSENT, KEPT, Template
from octopusx_video_mock.engine.rejected_request import RejectedRequest
from octopusx_video_mock.engine.rendering import Renderer
from octopusx_video_mock.engine.request_parsing import ParsedRequest
from octopusx_video_mock.faults.fault import TASK_ID, Fault
from octopusx_video_mock.messages import Response
from octopusx_video_mock.tasks.task import Task

Phase = Literal["running", "succeeded", "failed"]


def phase_of(task: Task, faults: tuple[Fault, ...], now: float) -> Phase:
    """Whether a task with these faults runs, has succeeded or has failed."""
    if task.age(now) < task.lasts:
        return "running"
    return "failed" if faults and any(fault.ends == "failed" for fault in faults) else "succeeded"


def reject_hidden(task: Task, faults: tuple[Fault, ...], now: float) -> None:
    """Reject the request while a fault hides the task.

    Raises:
        RejectedRequest: One does.
    """
    if not task.documented and any(now - task.begun < fault.hides for fault in faults):
        raise RejectedRequest("unknown-task")


def change_values(
    faults: tuple[Fault, ...], phase: Phase, values: dict[str, Any], template: Template
) -> tuple[list[Fault], bool]:
    """Change the values of a task in this phase as the faults do.

    Returns the faults that show, and whether what they changed violates the contract.
    """
    shown: list[Fault] = []
    breaks = False
    changed: set[str] = set()
    for fault in faults:
        if fault.during not in {None, phase} or (fault.ends == "failed" and phase == "running"):
            continue
        if fault.values and fault.values.keys() <= changed:
            continue  # an earlier one has changed the same
        shown.append(fault)
        # A fault violates the contract only where there is something that it could change.
        breaks = (_change(fault, values, template, changed) and bool(fault.breaks)) or breaks
    return shown, breaks


def _change(fault: Fault, values: dict[str, Any], template: Template, changed: set[str]) -> bool:
    """Change the values as a fault does, except those that are changed already.

    Returns whether the response has a place for any of them.
    """
    before = len(changed)
    for name, change in fault.values.items():
        value = values.get(name, KEPT)
        taken = name in changed or not template.has(name)
        if taken or (callable(change) and (value is KEPT or value is ABSENT)):
            continue
        values[name] = change(value) if callable(change) else change
        changed.add(name)
    return len(changed) > before


def faulty(parsed: ParsedRequest, usual: Response | None, fault: Fault, renderer: Renderer) -> Response:
    """What a fault makes of a response; ``usual`` is None where the fault shows before there is one."""
    response = usual or Response(0, [], b"", parsed.operation.id)
    if fault.status:
        response = _documented(parsed, fault, renderer)
        response.task = None if usual is None else usual.task
    if fault.body is not None:
        headers = [pair for pair in response.headers if pair[0] != b"content-type"]
        if fault.media_type:
            headers.append((b"content-type", fault.media_type.encode()))
        response.headers, response.body = headers, fault.body
    if fault.wraps:
        wrapped = {name: response.task if value is TASK_ID else value for name, value in fault.wraps.items()}
        response.body = orjson.dumps(wrapped)
    if fault.pads:
        response.body = response.body.ljust(fault.pads)
    earlier = () if usual is None else tuple(name for name in usual.faults if name != fault.name)
    return dataclasses.replace(
        response,
        status=fault.as_status or response.status,
        faults=(*earlier, fault.name),
        breaks=bool(fault.breaks) or (usual is not None and usual.breaks),
        delivery=fault.delivery or response.delivery,
    )


def _documented(parsed: ParsedRequest, fault: Fault, renderer: Renderer) -> Response:
    """The response with the fault's documented status."""
    operation, wanted = parsed.operation, (fault.status, fault.example)
    template = next(t for t in operation.templates if (t.status, t.example) == wanted)
    response = renderer.render(template, {}, parsed.id, operation)
    documented = operation.headers.get(fault.status, {})
    response.headers += [
        (name.lower().encode(), documented[name].encode()) for name in fault.headers if name in documented
    ]
    return response
