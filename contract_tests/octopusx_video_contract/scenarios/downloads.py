"""Downloads videos; each response is compared with what was reported of the video before."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from octopusx_video_openapi import RuleId, hosts

from octopusx_video_contract.checks import ranges, task_life
from octopusx_video_contract.checks.mp4 import seconds_of
from octopusx_video_contract.checks.registry import Outcome, Outcomes, checks, outcomes
from octopusx_video_contract.checks.single_response import UNKNOWN_TASK
from octopusx_video_contract.checks.task_life import LENGTH_TOLERANCE, Observation, Task
from octopusx_video_contract.messages.http import Request, Response, target_of
from octopusx_video_contract.scenarios.task_driver import TaskDriver
from octopusx_video_contract.sending.transport import VIDEO_TIME_FACTOR, fetched


@checks(RuleId.R19, RuleId.R23, RuleId.R24, RuleId.R25, RuleId.R26, RuleId.R34, RuleId.R51, RuleId.R52)
class Downloads:
    """Downloads the videos of tasks, whole and in parts, and from the addresses that reads give.

    Args:
        tasks: Knows the tasks.
    """

    def __init__(self, tasks: TaskDriver) -> None:
        self.tasks = tasks
        self.run = tasks.run
        self.contract = tasks.contract

    def no_content_yet(self, task: Task, *, still: bool) -> None:
        """Ask for the content of a task that has not succeeded. ``still`` says that no time passes meanwhile."""
        response = self.run.send(self.tasks.request(self.tasks.content, task.id))
        if not still and task.phase == "running":
            reported = self.tasks.read(task, self.tasks.route(task))
            if reported is None or reported.phase == "succeeded":
                self.run.recorder.check_response(response)
                return
        what = f"a task that is {task.phase}"
        fault = None if response.status in UNKNOWN_TASK else f"the content of {what} got {response.status}"
        also = () if fault else self.run.recorder.rejected(response, what)
        self.run.recorder.check_response(response, [(RuleId.R23, fault), *also])
        if still:
            part = self.run.send(self.tasks.request(self.tasks.content, task.id, Range="bytes=0-9"))
            fault = None if part.status in UNKNOWN_TASK else f"a part of {what} got {part.status}"
            self.run.recorder.check_response(part, [(RuleId.R23, fault)])

    def size_by_a_part(self, task: Task) -> int | None:
        """Bytes of a video as one of its parts reports them, before all of it is asked for; None where it does not."""
        response = self.run.send(self.tasks.request(self.tasks.content, task.id, Range="bytes=0-9"))
        size = re.fullmatch(r".*/([0-9]{1,18})", response.headers.get("content-range", ""))
        return int(size[1]) if response.status == 206 and size else None

    def download(self, task: Task, size: int | None = None) -> bytes | None:
        """Download the video of a task that has succeeded, and compare it with its length and what was received before.

        Args:
            task: The task.
            size: How many bytes it has, where that was reported before.
        """
        run = self.run
        billed = self.tasks.billed()
        response = run.send(self.tasks.request(self.tasks.content, task.id))
        self.tasks.unbilled(billed, response.request)
        if response.status != 200:
            wrong = [(RuleId.R52, f"{task.id} has succeeded, and its content got {response.status}")]
            if task.video is not None and run.control is not None and task.observations[-1].at == run.now():
                wrong.append((RuleId.R19, f"the content of {task.id} was there, and is gone after nothing but reads"))
            run.recorder.check_response(
                response, [*wrong, *run.recorder.rejected(response, "a task that has succeeded")]
            )
            return None
        also: list[Outcome] = [(RuleId.R52, None)]
        reported, received = response.headers.get("content-length"), len(response.content)
        if reported is not None:
            also.append(
                (
                    RuleId.R24,
                    None
                    if reported == str(received)
                    else f"Content-Length is {reported}, and {received} bytes arrived",
                )
            )
        if task.video is None:
            task.video = response.content
            also += self._length_faults(task, response)
            if size not in {None, received}:
                also.append((RuleId.R52, f"a part was one of {size} bytes, and {received} are all"))
        run.recorder.check_response(response, also)
        return response.content

    def _length_faults(self, task: Task, response: Response) -> Outcomes:
        seconds = seconds_of(response.content)
        if seconds is None:
            yield RuleId.R25, "no picture of it can be decoded"
            yield RuleId.R26, "no picture of it can be decoded, so that it is no second long"
        elif task.length is not None:
            other = f"it is {seconds:.2f} s long, and x-result-length gives {task.length:g} s"
            yield RuleId.R26, other if abs(seconds - task.length) > LENGTH_TOLERANCE else None

    def part(self, task: str, whole: bytes, wanted: str, first: int, last: int) -> None:
        """Ask for a part of a video: the bytes from first to last, both included; past the end where first is."""
        run = self.run
        billed = self.tasks.billed()
        response = run.send(self.tasks.request(self.tasks.content, task, Range=wanted))
        self.tasks.unbilled(billed, response.request)
        also = outcomes(RuleId.R24, ranges.part_faults(response, whole, first, last), f"{wanted} ")
        if 400 <= response.status < 500 and response.status != 416:  # its task is known, and has a video
            also.append((RuleId.R34, f"{wanted}: a valid request got {response.status}"))
        run.recorder.check_response(response, [*also, *run.recorder.rejected(response, wanted)])

    def parts(self, task: str, whole: bytes) -> None:
        """Ask for parts of a video of each kind that RFC 9110 has."""
        end = len(whole) - 1
        middle = end // 2
        for wanted, first, last in (
            ("bytes=0-0", 0, 0),
            ("bytes=0-9", 0, min(9, end)),
            (f"bytes={middle}-{middle + 1}", middle, middle + 1),
            (f"bytes={middle}-", middle, end),
            (f"bytes={end}-", end, end),
            (f"bytes={middle}-{end + 1000}", middle, end),
            ("bytes=-1", end, end),
            (f"bytes=-{middle}", end + 1 - middle, end),
            (f"bytes=-{end + 1000}", 0, end),
            (f"bytes={end + 1}-", end + 1, 0),
            (f"bytes={end + 1000}-{end + 2000}", end + 1000, 0),
        ):
            self.part(task, whole, wanted, first, last)
        self.several_parts(task, whole)
        self.unknown_range(task)

    def several_parts(self, task: str, whole: bytes) -> None:
        """Ask for several parts at once: all may come, one of them, or each under its own name as multipart."""
        for wanted in ranges.several(len(whole)):
            response = self.run.send(self.tasks.request(self.tasks.content, task, Range=wanted.header))
            also = outcomes(RuleId.R24, ranges.faults(response, whole, wanted), f"{wanted.header} ")
            if 400 <= response.status < 500 and response.status != 416 and not wanted.may_be_refused:
                also.append((RuleId.R34, f"{wanted.header}: a valid request got {response.status}"))
            self.run.recorder.check_response(response, also)

    def unknown_range(self, task: str) -> None:
        """Ask in a unit that nobody knows, which is ignored (RFC 9110 section 14.2)."""
        response = self.run.send(self.tasks.request(self.tasks.content, task, Range="seconds=0-1"))
        is_wrong = 400 <= response.status < 500 and response.status != 416
        fault = f"a Range in seconds got {response.status}" if is_wrong else None
        self.run.recorder.check_response(response, [(RuleId.R34, fault)])

    def address(self, task: Task, reported: Observation) -> None:
        """Fetch the video from the address that a read gave, without the key."""
        run = self.run
        address = task_life.address(self.contract, reported)
        if address is None or task.video is None:
            return  # R07 and R08 speak of that
        mine = urlsplit(run.settings.base_url)
        try:
            theirs, target = urlsplit(address), target_of(address)
        except ValueError as error:
            run.recorder.check(RuleId.R51, f"the address {address} can't be used: {error}")
            return
        request = Request("GET", target.removeprefix(mine.path))
        if theirs.hostname not in {None, mine.hostname} and not hosts.is_loopback(theirs.hostname or ""):
            return  # whatever is elsewhere is not this server, and not asked
        rule = self.contract.rules_by_id.get(RuleId.R51)
        if rule is None or reported.route not in rule.operations:
            return
        if theirs.netloc == mine.netloc:
            response = run.send(request)
            status, content = response.status, response.content
        else:
            lying = fetched(address, run.settings.timeout * VIDEO_TIME_FACTOR)
            status, content = (lying.status, lying.content) if lying else (0, b"")
        what = "with another video" if status == 200 else f"with {status or 'nothing'}"
        is_the_video = status == 200 and content == task.video
        run.recorder.check(RuleId.R51, None if is_the_video else f"the address {address} gave {what}", request)
