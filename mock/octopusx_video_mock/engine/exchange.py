"""One request of one operation, on its way to its answer: submits, reads, the content, and what faults make of them."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import orjson

from octopusx_video_mock.compiled.operation import Served
from octopusx_video_mock.compiled.template import ABSENT, KEPT, Template
from octopusx_video_mock.engine import prefer as _prefer
from octopusx_video_mock.engine import request_parsing as _reading
from octopusx_video_mock.engine.ledger import Ledger
from octopusx_video_mock.engine.request_parsing import Parameters, Refusal
from octopusx_video_mock.faults.table import CUT, TASK_ID, Fault, of_bits
from octopusx_video_mock.messages import Answer, Request
from octopusx_video_mock.tasks import task as _task
from octopusx_video_mock.tasks.mp4 import mp4
from octopusx_video_mock.tasks.task import Phase, Task

if TYPE_CHECKING:
    from octopusx_video_mock.engine.engine import Engine

_SHORTEST_VIDEO = 1.0


class Exchange:
    """One request of one operation, on its way to its answer."""

    def __init__(
        self, engine: Engine, request: Request, served: Served, raw: dict[str, bytes], now: float, request_id: str
    ) -> None:
        self.engine = engine
        self.request = request
        self.served = served
        self.raw = raw
        self.now = now
        self.request_id = request_id

    def answer(self) -> Answer:
        """The answer to the request."""
        served, engine = self.served, self.engine
        key = ""
        if served.secured:
            found = engine.key_of(self.request)
            if found is None:
                raise Refusal("no-credential")
            key = found
        parameters = _reading.parameters(served, self.request, self.raw) if served.parameters else {}
        body = _reading.body(served, self.request) if served.media_types else None
        prefer = self.request.every(b"prefer")
        orders = _prefer.parse(b", ".join(prefer)) if prefer else _prefer.NONE
        ordered = _reading.ordered(served, orders, self.request) if prefer else None
        if served.starts:
            return self.submit(key, parameters, body, orders.faults, ordered)
        if served.task is not None:
            task_id = parameters[served.task]
            return self.read(key, task_id, orders.faults, ordered)
        template = ordered or served.success
        return engine.rendered(template, {}, self.request_id, served)

    def submit(
        self,
        key: str,
        parameters: Parameters,
        body: Any,
        ordered_faults: tuple[Fault, ...],
        ordered: Template | None,
    ) -> Answer:
        """Answer a submit: a new task, unless the source or a fault stands in the way."""
        engine, served = self.engine, self.served
        if ordered is not None and ordered.status >= 300:
            return engine.rendered(ordered, {}, self.request_id, served)
        source_length = self.source_length(key, parameters, body)
        showing = ordered_faults
        in_place = next((fault for fault in showing if fault.answers and "submit" in fault.at), None)
        if engine.faults.orders:
            if in_place is None:
                in_place = next(engine.faults.showing(served), None)
            if in_place is None or in_place.accepts:
                showing = (*showing, *engine.faults.showing(served, lasting=True))
        if in_place is not None and not in_place.accepts:
            return self.in_place_of(None, in_place)
        bits = sum({1 << fault.bit for fault in showing if fault.bit is not None})
        length = served.operation.result_length.seconds(body or {}, source_length)
        task = engine.new_task(key, served, self.now, length or 0.0, bits, body or {})
        if engine.ledger is not None:
            self.note(engine.ledger, task, answered=in_place is None or in_place.keeps_id)
        template = ordered or served.success
        values = {"task.id": task.id, "task.status": engine.blueprint.life.running, "task.updated": int(task.begun)}
        answer = engine.rendered(template, values, self.request_id, served)
        answer.task = task.id
        if showing:
            answer.faults = tuple([fault.name for fault in showing])
        return answer if in_place is None else self.in_place_of(answer, in_place)

    def source_length(self, key: str, parameters: Parameters, body: Any) -> float:
        """How long the video of the submit's source is, in seconds.

        Raises:
            Refusal: The source is unknown to this key, or has no video.
        """
        length = 0.0
        for place in self.served.named:
            source = _reading.named(place, parameters, body)
            if source is None:
                continue
            task = self.engine.task(source, key)
            if task is None:
                raise Refusal("unknown-task")
            faults = of_bits(task.faults)
            phase = _phase(task, faults, self.now)
            if phase != "succeeded" or any(fault.no_video for fault in faults):
                raise Refusal("unfinished-task")
            length = task.length
        return length

    def note(self, ledger: Ledger, task: Task, *, answered: bool) -> None:
        """Note an accepted submit, and when its money comes back."""
        fails = [fault for fault in of_bits(task.faults) if fault.ends == "failed"]
        refunds = bool(fails) and all(fault.refunds for fault in fails)
        refunded_at = task.after(task.lasts) if refunds else None
        ledger.submitted(task.id, self.served.operation.id, self.now, answered, refunded_at)

    def read(self, key: str, task_id: str, ordered_faults: tuple[Fault, ...], ordered: Template | None) -> Answer:
        """Answer a read of a task, or of its content."""
        engine, served = self.engine, self.served
        if ordered is not None and ordered.media_type != served.content:
            values = {"task.id": task_id} if ordered.status < 300 else {}
            return engine.rendered(ordered, values, self.request_id, served)
        showing = ordered_faults
        if engine.faults.orders:
            showing = (*showing, *engine.faults.showing(served))
        for fault in showing:
            if fault.status or fault.delivery == "reset":
                return self.in_place_of(None, fault)
        task = engine.task(task_id, key)
        if task is None:
            raise Refusal("unknown-task")
        if served.content:
            return self.content(task, served.content, showing)
        return self.state(task, showing)

    def state(self, task: Task, showing: tuple[Fault, ...]) -> Answer:
        """How a task stands."""
        engine, served = self.engine, self.served
        life = engine.blueprint.life
        if task.faults:
            showing = (*showing, *(fault for fault in of_bits(task.faults) if "read" in fault.at))
        if showing:
            showing = tuple(dict.fromkeys(showing))
            self.refuse_hidden(task, showing)
        phase = _phase(task, showing, self.now)
        ended = phase != "running"
        begun = int(task.begun)
        ended_at = int(task.after(task.lasts)) if ended else 0
        if ended:
            status, updated = life.succeeded if phase == "succeeded" else life.failed, ended_at
        elif len(life.runs) == 1:  # a read is what a mock is asked most
            status, updated = life.runs[0].status, begun
        else:
            run = life.running_after(task.age(self.now) / task.lasts)
            status, updated = run.status, int(task.after(run.begins * task.lasts))
        values: dict[str, Any] = {
            "task.id": task.id,
            "task.status": status,
            "task.progress": _task.progress(task, self.now),
            "task.created": begun,
            "task.updated": updated,
            "task.ended": ended_at if ended else KEPT,
            "task.expires": ABSENT if task.documented else int(task.after(life.expires_after)),
            "task.length": int(task.length) if task.length.is_integer() else task.length,
            "task.address": engine.address(task, self.request.origin) if phase == "succeeded" else KEPT,
        }
        if not task.documented:
            for name, value_of in engine.echoes:
                values[value_of] = task.echoes.get(name, ABSENT)
        template = served.by_task_status[status]
        shown, breaks = _changed(showing, phase, values, template) if showing else ([], False)
        answer = engine.rendered(template, values, self.request_id, served)
        answer.task = task.id
        if shown:
            answer.faults = tuple([fault.name for fault in shown])
            answer.breaks = breaks
        for fault in shown:
            if fault.answers:
                answer = self.in_place_of(answer, fault)
        return answer

    def content(self, task: Task, media_type: str, showing: tuple[Fault, ...] = ()) -> Answer:
        """The video of a task, or the part of it that Range asks for."""
        engine, served = self.engine, self.served
        showing = tuple(dict.fromkeys((*showing, *(f for f in of_bits(task.faults) if "content" in f.at))))
        self.refuse_hidden(task, showing)
        phase = _phase(task, showing, self.now)
        if phase != "succeeded":
            failed = "the task has failed and has no video" if phase == "failed" else ""
            raise Refusal("unfinished-task", failed)
        if engine.has_expired(task, self.now) or any(fault.no_video for fault in showing):
            raise Refusal("expired")
        whole = mp4(max(_SHORTEST_VIDEO, task.length))
        headers = [(b"content-type", media_type.encode()), (b"accept-ranges", b"bytes")]
        status, first, last = 200, 0, len(whole) - 1
        wanted = self.request.header(b"range")
        # Range is of GET alone (RFC 9110 section 14.2). If-Range holds for a video that has the caller's validator, and
        # this one has none, so that all of it is sent (section 13.1.5).
        is_partial = self.request.method == "GET" and self.request.header(b"if-range") is None
        if wanted is not None and is_partial and 206 in served.by_status:
            part = _reading.part(wanted, len(whole))
            if part is None:
                refusal = Refusal("range-past-end")
                answer = engine.refused(served, refusal, self.request_id)
                answer.headers.append((b"content-range", b"bytes */%d" % len(whole)))
                return answer
            if part != (-1, -1):
                status, (first, last) = 206, part
                headers.append((b"content-range", b"bytes %d-%d/%d" % (first, last, len(whole))))
        answer = Answer(status, headers, whole[first : last + 1], served.operation.id, task=task.id)
        for fault in showing:
            if fault.answers and self.can_be_delivered(answer, fault, first):
                answer = self.in_place_of(answer, fault)
        return answer

    def can_be_delivered(self, answer: Answer, fault: Fault, first: int) -> bool:
        """Whether a fault can show in how the content is delivered, from this byte on."""
        if fault.delivery in {None, "reset"}:
            return True
        # Of two the first shows. A response to HEAD has no body that could come late or be cut.
        if answer.delivery is not None or (self.request.method == "HEAD" and fault.delivery != "chunked"):
            return False
        return first == 0 or fault.delivery not in CUT

    def refuse_hidden(self, task: Task, showing: tuple[Fault, ...]) -> None:
        """Raise a refusal while a fault hides the task."""
        if not task.documented and any(self.now - task.begun < fault.hides for fault in showing):
            raise Refusal("unknown-task")

    def in_place_of(self, usual: Answer | None, fault: Fault) -> Answer:
        """What a fault makes of an answer; ``usual`` is None where it came before there was one."""
        engine, served = self.engine, self.served
        answer = usual
        if fault.status:
            wanted = (fault.status, fault.example)
            template = next(t for t in served.templates if (t.status, t.example) == wanted)
            answer = engine.rendered(template, {}, self.request_id, served)
            answer.task = None if usual is None else usual.task
            documented = served.headers.get(fault.status, {})
            answer.headers += [
                (name.lower().encode(), documented[name].encode()) for name in fault.headers if name in documented
            ]
        if answer is None:
            answer = Answer(0, [], b"", served.operation.id)
        if fault.body is not None:
            headers = [pair for pair in answer.headers if pair[0] != b"content-type"]
            if fault.media_type:
                headers.append((b"content-type", fault.media_type.encode()))
            answer.headers, answer.body = headers, fault.body
        if fault.wraps:
            wrapped = {name: answer.task if value is TASK_ID else value for name, value in fault.wraps.items()}
            answer.body = orjson.dumps(wrapped)
        if fault.pads:
            answer.body = answer.body.ljust(fault.pads)
        earlier = () if usual is None else tuple(name for name in usual.faults if name != fault.name)
        return dataclasses.replace(
            answer,
            status=fault.as_status or answer.status,
            faults=(*earlier, fault.name),
            breaks=bool(fault.breaks) or (usual is not None and usual.breaks),
            delivery=fault.delivery or answer.delivery,
        )


def _changed(
    showing: tuple[Fault, ...], phase: Phase, values: dict[str, Any], template: Template
) -> tuple[list[Fault], bool]:
    """Change the values of a task in this phase as the faults do.

    Returns the faults that show, and whether what they changed breaks the contract.
    """
    shown: list[Fault] = []
    breaks = False
    changed: set[str] = set()
    for fault in showing:
        if fault.during not in {None, phase} or (fault.ends == "failed" and phase == "running"):
            continue
        if fault.values and fault.values.keys() <= changed:
            continue  # an earlier one has changed the same
        shown.append(fault)
        # A fault breaks the contract only where there is something that it could change.
        breaks = (_change(fault, values, template, changed) and bool(fault.breaks)) or breaks
    return shown, breaks


def _change(fault: Fault, values: dict[str, Any], template: Template, changed: set[str]) -> bool:
    """Change the values as a fault does, but for those that are changed already.

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


def _phase(task: Task, faults: tuple[Fault, ...], now: float) -> Phase:
    if task.age(now) < task.lasts:
        return "running"
    return "failed" if any(fault.ends == "failed" for fault in faults) else "succeeded"
