"""The video of a task, or the part of it that Range asks for."""

from __future__ import annotations

import re

from octopusx_video_mock.delivery import CUT
from octopusx_video_mock.engine.fault_effects import faulty, phase_of, reject_hidden
from octopusx_video_mock.engine.rejected_request import RejectedRequest
from octopusx_video_mock.engine.rendering import Renderer
from octopusx_video_mock.engine.request_parsing import ParsedRequest
from octopusx_video_mock.faults.fault import Fault
from octopusx_video_mock.faults.table import of_bits
from octopusx_video_mock.messages import Response
from octopusx_video_mock.tasks.mp4 import mp4
from octopusx_video_mock.tasks.task import Task
from octopusx_video_mock.tasks.tasks import Tasks

_MIN_SECONDS = 1.0
_RANGE = re.compile(rb"bytes=\s*([0-9]{0,20})-([0-9]{0,20})\s*", re.IGNORECASE)
WHOLE = (-1, -1)


class Content:
    """Sends videos."""

    def __init__(self, tasks: Tasks, renderer: Renderer) -> None:
        self._tasks = tasks
        self._renderer = renderer

    def respond(self, parsed: ParsedRequest, task: Task, showing: tuple[Fault, ...]) -> Response:
        """Respond with the video of a task.

        Raises:
            RejectedRequest: It has none, or none any more.
        """
        showing = tuple(dict.fromkeys((*showing, *(f for f in of_bits(task.faults) if "content" in f.at))))
        reject_hidden(task, showing, parsed.now)
        phase = phase_of(task, showing, parsed.now)
        if phase != "succeeded":
            failed = "the task has failed and has no video" if phase == "failed" else ""
            raise RejectedRequest("unfinished-task", failed)
        if self._tasks.has_expired(task, parsed.now) or any(fault.no_video for fault in showing):
            raise RejectedRequest("expired")
        whole = mp4(max(_MIN_SECONDS, task.length))
        part = _requested(parsed, len(whole))
        if part is None:
            response = self._renderer.reject(parsed.operation, RejectedRequest("range-past-end"), parsed.id)
            response.headers.append((b"content-range", b"bytes */%d" % len(whole)))
            return response
        response, first = _video(parsed, task, whole, part)
        for fault in showing:
            if fault.changes_response and _can_show(parsed, response, fault, first):
                response = faulty(parsed, response, fault, self._renderer)
        return response


def byte_range(wanted: bytes, size: int) -> tuple[int, int] | None:
    """First and last byte of what Range asks for, ``WHOLE``, or None where it begins past the end.

    A range that can't be read, and more than one, are ignored (RFC 9110 section 14.2).
    """
    match = _RANGE.fullmatch(wanted)
    if match is None or match[1] == match[2] == b"":
        return WHOLE
    if not match[1]:
        length = int(match[2])
        return None if length == 0 else (max(0, size - length), size - 1)
    first, last = int(match[1]), int(match[2]) if match[2] else size - 1
    if last < first and match[2]:
        return WHOLE
    return None if first >= size else (first, min(last, size - 1))


def _requested(parsed: ParsedRequest, size: int) -> tuple[int, int] | None:
    """What a request asks for, as ``byte_range`` has it."""
    request = parsed.request
    wanted = request.header(b"range")
    # Range is of GET alone (RFC 9110 section 14.2). If-Range holds for a video that has the client's validator, and
    # this one has none, so that all of it is sent (section 13.1.5).
    if wanted is None or request.method != "GET" or request.header(b"if-range") is not None:
        return WHOLE
    return byte_range(wanted, size) if 206 in parsed.operation.by_status else WHOLE


def _video(parsed: ParsedRequest, task: Task, whole: bytes, part: tuple[int, int]) -> tuple[Response, int]:
    """The response with a video or a part of it, and where that begins."""
    operation = parsed.operation
    headers = [(b"content-type", (operation.video_type or "").encode()), (b"accept-ranges", b"bytes")]
    status, first, last = 200, 0, len(whole) - 1
    if part != WHOLE:
        status, (first, last) = 206, part
        headers.append((b"content-range", b"bytes %d-%d/%d" % (first, last, len(whole))))
    return Response(status, headers, whole[first : last + 1], operation.id, task=task.id), first


def _can_show(parsed: ParsedRequest, response: Response, fault: Fault, first: int) -> bool:
    """Whether a fault can show in how the video is delivered, from this byte on."""
    if fault.delivery in {None, "reset"}:
        return True
    # Of two the first shows. A response to HEAD has no body that could be late or cut.
    if response.delivery is not None or (parsed.request.method == "HEAD" and fault.delivery != "chunked"):
        return False
    return first == 0 or fault.delivery not in CUT
