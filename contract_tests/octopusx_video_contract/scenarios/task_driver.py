"""Tasks of the run: submitting, reading and downloading them, each answer held to what was told before."""

from __future__ import annotations

import dataclasses
import functools
import itertools
import random
import re
import time
from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import urlsplit

from octopusx_video_openapi import Operation, RuleId, hosts, task_ids, values

from octopusx_video_contract.checks import differences, head_requests, ranges, task_life
from octopusx_video_contract.checks.mp4 import seconds_of
from octopusx_video_contract.checks.registry import Outcome, Outcomes, at, checks, outcomes
from octopusx_video_contract.checks.task_life import Observation, Task
from octopusx_video_contract.core.billing_check import BillingCheck
from octopusx_video_contract.core.budget import NotAskedError
from octopusx_video_contract.core.findings import Finding, Findings
from octopusx_video_contract.core.run import Run
from octopusx_video_contract.core.transport import VIDEO_TIME_FACTOR, fetched
from octopusx_video_contract.messages.http import Request, Response, target_of

PART = 10
"""Bytes of a part of a video."""
UNKNOWN = {400, 404}
"""What an unknown task is answered with."""
_SECONDS_BETWEEN = 2
"""Seconds, and percent, that two tasks may be apart that were submitted and read right after each other."""
LENGTH_TOLERANCE = 0.5
"""Seconds that a video may be longer or shorter, by R26."""


@checks(RuleId.R01, RuleId.R02, RuleId.R04, RuleId.R05, RuleId.R06, RuleId.R19, RuleId.R20)
@checks(RuleId.R23, RuleId.R24, RuleId.R25, RuleId.R26, RuleId.R34, RuleId.R51, RuleId.R52)
class TaskDriver:
    """Submits, reads and downloads tasks of a run.

    Everything that it learns is judged: each answer by itself, and with what was told of its task before.

    Args:
        run: The run.
        key: The API key of the account whose tasks they are; None for the run's own.
    """

    def __init__(self, run: Run, key: str | None = None) -> None:
        self.run = run
        self._credential = f"Bearer {key}" if key else ""
        self.contract = run.contract
        self.made: list[Task] = []
        self.rejection: Response | None = None
        self.reads = [operation for operation in self.contract.reads if not operation.sends_video]
        self.content = next(operation for operation in self.contract.reads if operation.sends_video)

    def routes(self, submit: str) -> list[Operation]:
        """The reads that the pages name for a submit's tasks."""
        rule = self.contract.rules_by_id.get(RuleId.R04)
        named = (rule.read_by if rule else {}).get(submit, [read.id for read in self.reads])
        return [self.contract.operations[name] for name in named]

    def route(self, task: Task) -> Operation:
        """The read that a task is followed by."""
        return next(iter(self.routes(task.submit.id)), self.reads[0])

    def submit(
        self,
        submit: Operation,
        body: dict[str, Any],
        source: str,
        *,
        orders: str = "",
        sure: bool = True,
        beside: Sequence[Request] = (),
    ) -> Task:
        """Submit a task that continues a source.

        Args:
            submit: The operation.
            body: The body, without the source.
            source: The source task's id.
            orders: What is ordered with ``Prefer``.
            sure: Whether a server has to accept it, or may refuse it for its source.
            beside: Reads of known tasks that are sent at the same moment.

        Raises:
            Finding: The answer breaks a rule.
            NotAskedError: The budget does not allow it, or it was refused.
        """
        run = self.run
        whole, request = self.submission(submit, body, source, orders=orders)
        before = run.now()
        with BillingCheck(run):
            response = self._sent_beside(request, beside) if beside else run.send(request)
            return self.submitted(submit, whole, source, response, (before, run.now()), ordered=bool(orders), sure=sure)

    def _sent_beside(self, request: Request, beside: Sequence[Request]) -> Response:
        """The answer to a submit, whose reads beside it are held to what they were before.

        Raises:
            Finding: An answer breaks a rule, and findings are not collected.
            NotAskedError: No answer came that could be judged.
        """
        response, *others = self.run.send_at_once([request, *beside])
        for other in others:
            if other is not None:
                self.known(other)
        if response is None:
            raise NotAskedError("the submit was not answered, or not allowed by the budget")
        return response

    @functools.cached_property
    def reads_of_known(self) -> list[Request]:
        """Reads of the first task that is known, and of a part of its video, as far as they succeed alone."""
        known = self.run.settings.known_ids[0]
        reads = [self.request(route, known) for route in self.reads]
        reads.append(self.request(self.content, known, Range=f"bytes=0-{PART - 1}"))
        return [request for request in reads if self.run.send(request).is_success]

    def known(self, response: Response) -> None:
        """Hold the answer to a read of a task that could be read before."""
        known = self.run.settings.known_ids[0]
        also = list(self.run.recorder.rejected(response, f"{known}, which could be read before"))
        reached = response.request.reached(self.contract)
        told = values.first(reached.operation, response.json(), values.ID) if reached and response.is_success else None
        if told is not None:
            also.append((RuleId.R06, None if told == known else f"asked for {known}, answered {told!r}"))
        self.run.recorder.check_response(response, also)

    def submitted(
        self,
        submit: Operation,
        whole: dict[str, Any],
        source: str,
        response: Response,
        between: tuple[float, float],
        *,
        ordered: bool = False,
        sure: bool = True,
    ) -> Task:
        """The task of a submit that was answered.

        Args:
            submit: The operation.
            whole: The body.
            source: The source task's id.
            response: The answer.
            between: Server time before and after the submit, in Unix seconds.
            ordered: Whether what the answer tells was ordered.
            sure: Whether a server has to accept it, or may refuse it for its source.

        Raises:
            Finding: The answer breaks a rule.
            NotAskedError: The submit was refused.
        """
        run = self.run
        if not response.is_success:
            wrong = [(RuleId.R34, f"{submit.id}: a valid submit was answered with {response.status}")]
            run.recorder.check_response(
                response, [*(wrong if sure else ()), *run.recorder.rejected(response, "a valid submit")]
            )
            raise NotAskedError(f"{submit.id}: a valid submit was answered with {response.status}")
        findings: list[Finding] = []
        with run.recorder.collecting(findings):
            run.recorder.check_response(response)
        told = task_life.observed(self.contract, submit.id, between[1], response.json())
        new = submit.new_task_id(response.json())
        if told is None or new is None:
            findings.append(
                run.recorder.finding(RuleId.R04, f"{submit.id}: the response has no id that could be read", response)
            )
            raise Findings(findings)
        length = submit.result_length.seconds(whole, self.length_of(source))
        task = Task(new, submit, whole, between, length)
        self.made.append(task)
        if not ordered:
            with run.recorder.collecting(findings):
                self.note(task, told, response)
        run.recorder.keep(findings)
        return task

    def submission(
        self, submit: Operation, body: dict[str, Any], source: str, *, orders: str = "", credential: str | None = ""
    ) -> tuple[dict[str, Any], Request]:
        """A submit's whole body, and its request."""
        path: dict[str, str] = {}
        whole = dict(body)
        for place in task_ids.places(submit):
            if place[0] == "path":
                path[place[1]] = source
            else:
                holder = whole
                for step in place[1:-1]:
                    holder = holder.setdefault(step, {})
                holder[place[-1]] = source
        headers = [("Prefer", orders)] if orders else []
        credential = self._credential if credential == "" else credential
        return whole, self.run.request(submit, path=path, body=whole, headers=headers, credential=credential)

    def length_of(self, source: str) -> float | None:
        """Seconds of video of a source that the run has made; None of any other."""
        return next((task.length for task in self.made if task.id == source), None)

    def request(self, operation: Operation, task: str, *, credential: str | None = "", **headers: str) -> Request:
        """A read of a task, wherever its operation wants the id."""
        path: dict[str, str] = {}
        query: dict[str, Any] = {}
        for place, name in task_ids.places(operation):
            (path if place == "path" else query)[name] = task
        credential = self._credential if credential == "" else credential
        return self.run.request(operation, path=path, query=query, credential=credential, headers=headers.items())

    def read(self, task: Task, route: Operation) -> Observation | None:
        """Read a task; None where it is not readable (which R04 and R05 judge).

        Raises:
            Finding: The answer breaks a rule.
        """
        response = self.run.send(self.request(route, task.id))
        at = self.run.now()
        if not response.is_success:
            self.rejection = response
            self.run.recorder.check_response(response, self._lost(task, route, response))
            return None
        told = task_life.observed(self.contract, route.id, at, response.json())
        findings: list[Finding] = []
        with self.run.recorder.collecting(findings):  # a finding does not keep it from being known
            if told is not None:
                self.note(task, told, response)
            self.run.recorder.check_response(response)
        self.run.recorder.keep(findings)
        return told

    def _lost(self, task: Task, route: Operation, response: Response) -> Outcomes:
        """What is wrong where a task can't be read any more that could be read before."""
        before = [told for told in task.observations if told.route == route.id]
        if not before or self.run.settings.stateless:
            return
        yield RuleId.R04, f"{route.id}: {task.id} could be read before, and is answered with {response.status}"
        if self.run.control is not None and before[-1].at == self.run.now():
            yield RuleId.R19, f"{route.id}: {task.id} was there, and is gone after nothing but reads"

    def note(self, task: Task, told: Observation, response: Response) -> None:
        """Hold what an answer tells to what was told of its task before, and keep it."""
        if not self.run.settings.stateless:
            found = list(at(told.route, task_life.check(self.contract, task, told)))
            task.observations.append(told)
            self.run.recorder.check_all(found, response)

    def first_read(self, task: Task, route: Operation) -> Observation | None:
        """Read a new task by one of its routes: at once, or at least within the contract's tolerance."""
        run = self.run
        told = self.read(task, route)
        if told is not None:
            run.recorder.check_all([(RuleId.R04, None), (RuleId.R05, None)], self.request(route, task.id))
            self._read_encoded(task, route)
            return told
        refused = self.rejection
        rule = self.contract.rules_by_id.get(RuleId.R04)
        tolerance = rule.tolerance.seconds if rule and rule.tolerance else 0.0
        until = time.monotonic() + tolerance
        waited = False
        while told is None and (time.monotonic() < until if run.control is None else not waited):
            if run.control is None:
                time.sleep(0.5)
            else:
                run.control.advance(tolerance)
                waited = True
            told = self.read(task, route)
        run.recorder.check(RuleId.R04, f"{route.id}: {task.id} can't be read" if told is None else None, refused)
        if told is not None:
            run.recorder.check(RuleId.R05, f"{route.id}: {task.id} could not be read at once", refused)
        return told

    def _read_encoded(self, task: Task, route: Operation) -> None:
        """Read a task once more with the colon of its id percent-encoded, which names the same task."""
        request = self.request(route, task.id)
        target = request.target.replace(task.id, task.id.replace(":", "%3A"))
        if target == request.target:
            return
        response = self.run.send(dataclasses.replace(request, target=target))
        if not response.is_success and self.read(task, route) is not None:  # else it is gone, however it is written
            self.run.recorder.check(RuleId.R04, f"{route.id}: {task.id} can't be read with its colon encoded", response)
        told = task_life.observed(self.contract, route.id, self.run.now(), response.json())
        if told is not None:
            self.note(task, told, response)
        if response.is_success:
            self.run.recorder.check_response(response)

    def refused(self, request: Request, rule: RuleId, what: str) -> Response:
        """Send a request that has to be refused as for an unknown task, by a rule. Gives the answer."""
        with BillingCheck(self.run):
            response = self.run.send(request)
            fault = None if response.status in UNKNOWN else f"{what} was answered with {response.status}"
            self.run.recorder.check_response(
                response, [(rule, fault), *(() if fault else self.run.recorder.rejected(response, what))]
            )
        return response

    def no_content_yet(self, task: Task, *, still: bool) -> None:
        """Ask for the content of a task that has not succeeded. ``still`` says that no time passes meanwhile."""
        response = self.run.send(self.request(self.content, task.id))
        if not still and task.phase == "running":
            told = self.read(task, self.route(task))
            if told is None or told.phase == "succeeded":
                self.run.recorder.check_response(response)
                return
        what = f"a task that is {task.phase}"
        fault = None if response.status in UNKNOWN else f"the content of {what} was answered with {response.status}"
        also = () if fault else self.run.recorder.rejected(response, what)
        self.run.recorder.check_response(response, [(RuleId.R23, fault), *also])
        if still:
            part = self.run.send(self.request(self.content, task.id, Range="bytes=0-9"))
            fault = None if part.status in UNKNOWN else f"a part of {what} was answered with {part.status}"
            self.run.recorder.check_response(part, [(RuleId.R23, fault)])

    def size_by_a_part(self, task: Task) -> int | None:
        """Bytes of a video as one of its parts tells them, before all of it is asked for; None where it does not."""
        response = self.run.send(self.request(self.content, task.id, Range="bytes=0-9"))
        size = re.fullmatch(r".*/([0-9]{1,18})", response.headers.get("content-range", ""))
        return int(size[1]) if response.status == 206 and size else None

    def download(self, task: Task, size: int | None = None) -> bytes | None:
        """Download the video of a task that has succeeded, and hold it to its length and to what came before.

        Args:
            task: The task.
            size: How many bytes it has, where that was told before.
        """
        run = self.run
        billed = self.billed()
        response = run.send(self.request(self.content, task.id))
        self.unbilled(billed, response.request)
        if response.status != 200:
            wrong = [(RuleId.R52, f"{task.id} has succeeded, and its content was answered with {response.status}")]
            if task.video is not None and run.control is not None and task.observations[-1].at == run.now():
                wrong.append((RuleId.R19, f"the content of {task.id} was there, and is gone after nothing but reads"))
            run.recorder.check_response(
                response, [*wrong, *run.recorder.rejected(response, "a task that has succeeded")]
            )
            return None
        also: list[Outcome] = [(RuleId.R52, None)]
        told, came = response.headers.get("content-length"), len(response.content)
        if told is not None:
            also.append((RuleId.R24, None if told == str(came) else f"Content-Length is {told}, and {came} bytes came"))
        if task.video is None:
            task.video = response.content
            also += self._length_faults(task, response)
            if size not in {None, came}:
                also.append((RuleId.R52, f"a part was one of {size} bytes, and {came} are all"))
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
        billed = self.billed()
        response = run.send(self.request(self.content, task, Range=wanted))
        self.unbilled(billed, response.request)
        also = outcomes(RuleId.R24, part_faults(response, whole, first, last), f"{wanted} ")
        if 400 <= response.status < 500 and response.status != 416:  # its task is known, and has a video
            also.append((RuleId.R34, f"{wanted}: a valid request was answered with {response.status}"))
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
            response = self.run.send(self.request(self.content, task, Range=wanted.header))
            also = outcomes(RuleId.R24, ranges.faults(response, whole, wanted), f"{wanted.header} ")
            if 400 <= response.status < 500 and response.status != 416 and not wanted.may_be_refused:
                also.append((RuleId.R34, f"{wanted.header}: a valid request was answered with {response.status}"))
            self.run.recorder.check_response(response, also)

    def unknown_range(self, task: str) -> None:
        """Ask in a unit that nobody knows, which is ignored (RFC 9110 section 14.2)."""
        response = self.run.send(self.request(self.content, task, Range="seconds=0-1"))
        is_wrong = 400 <= response.status < 500 and response.status != 416
        fault = f"a Range in seconds was answered with {response.status}" if is_wrong else None
        self.run.recorder.check_response(response, [(RuleId.R34, fault)])

    def address(self, task: Task, told: Observation) -> None:
        """Fetch the video from the address that a read gave, without the key."""
        run = self.run
        address = task_life.address(self.contract, told)
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
        if rule is None or told.route not in rule.operations:
            return
        if theirs.netloc == mine.netloc:
            response = run.send(request)
            status, content = response.status, response.content
        else:
            lying = fetched(address, run.settings.timeout * VIDEO_TIME_FACTOR)
            status, content = (lying.status, lying.content) if lying else (0, b"")
        what = "with another video" if status == 200 else f"with {status or 'nothing'}"
        is_the_video = status == 200 and content == task.video
        run.recorder.check(RuleId.R51, None if is_the_video else f"the address {address} was answered {what}", request)

    def reads_change_nothing(self, task: Task, route: Operation) -> None:
        """Read a task again and again: nothing changes but what the time that passed changes, and nothing is billed."""
        run = self.run
        billed = self.billed()
        begun = run.now()
        responses = [run.send(self.request(route, task.id)) for _ in range(3)]
        time_passed = run.now() != begun
        for before, response in itertools.pairwise(responses):
            first, second = (
                task_life.observed(self.contract, route.id, begun, one.json()) for one in (before, response)
            )
            if time_passed and first is not None and second is not None and first.phase == "running":
                what, faults = "read again", task_life.changed_by_reads(self.contract, first, second)
            else:
                other = next(differences.differences(route, before.json(), response.json()), None)
                status = f"{before.status} became {response.status}" if response.status != before.status else None
                what, faults = "read again at the same time", filter(None, [other or status])
            for rule, fault in outcomes(RuleId.R19, faults, f"{route.id}: {what}, "):
                run.recorder.check(rule, fault, response)
        self.unbilled(billed, responses[-1].request)

    def stand_alike(self, read: Task, unread: Task) -> None:
        """Hold a task that was read to one that was not, submitted at the same time and with the same body."""
        route = self.route(read)
        one, other = self.read(read, route), self.read(unread, route)
        if one is None or other is None:
            return
        others = {name: value for name, _, value in values.of_body(route, other.body)}
        for name, value_of, first in values.of_body(route, one.body):
            if value_of in {values.ID, values.ADDRESS} or isinstance(first, dict) or name not in others:
                continue
            second = others[name]
            what = f"{route.id}: {name} of a task that was read is {first!r}, and of one that was not {second!r}"
            self.run.recorder.check(RuleId.R19, None if _is_near(first, second) else what, self.request(route, read.id))

    def kept_apart(self, task: Task) -> None:
        """Nobody without the key, and nobody with the key of another account, gets at a task."""
        run = self.run
        for operation in (*self.reads, self.content):
            response = run.send(self.request(operation, task.id, credential=None))
            rule = RuleId.R01 if response.is_success else RuleId.R02
            fault = f"{operation.id}: without a key: {response.status}" if response.status != 401 else None
            run.recorder.check_response(response, [(rule, fault)])
            check_head(run, response.request, [response], "no key", RuleId.R01)
            for headers in ({}, {"Range": "bytes=0-9"}) if run.settings.other_key else ():
                if operation == self.content or not headers:
                    other = self.request(operation, task.id, credential=f"Bearer {run.settings.other_key}", **headers)
                    response = self.refused(
                        other, RuleId.R20, f"{operation.id}: {task.id} with a key of another account"
                    )
                    if not headers:
                        check_head(run, other, [response], "a key of another account", RuleId.R20)

    def unbilled(self, before: int | None, request: Request) -> None:
        """Hold reads to cost nothing: the bill is no higher than before them."""
        if before is not None:
            fault = f"a read was billed: {before} submits cost money before it"
            self.run.recorder.check(RuleId.R19, fault if (self.billed() or 0) > before else None, request)

    def billed(self) -> int | None:
        """How many submits cost money; None where the server's books can't be looked at."""
        return self.run.control.billed() if self.run.control else None


def _is_near(first: Any, second: Any) -> bool:
    """Whether two values are the same, as far as the seconds between their reads allow."""
    if isinstance(first, int | float) and isinstance(second, int | float):
        return abs(first - second) <= _SECONDS_BETWEEN
    return bool(first == second)


@checks(RuleId.R59)
def check_head(run: Run, get: Request, gets: Sequence[Response], who: str, rule: RuleId) -> None:
    """Ask a request with HEAD, and hold the answer to those of GET.

    Args:
        run: The run.
        get: The request with GET.
        gets: What that was answered with.
        who: Whose key it carries, in words.
        rule: What a success breaks as well, where GET has none.
    """
    head = run.send(head_requests.of_get(get))
    behind = head_requests.body_on_the_wire(bytes(getattr(run.transport.sender, "raw", b"")))
    found = outcomes(RuleId.R59, head_requests.faults(head, gets, behind), f"{get.path} with {who}: ")
    if not gets[0].is_success and rule != RuleId.R59:
        fault = f"HEAD {get.path} with {who} was answered with {head.status}"
        found.append((rule, fault if head.is_success else None))
    run.recorder.check_all(found, head)


def part_faults(response: Response, whole: bytes, first: int, last: int) -> Iterator[str]:
    """What is wrong with the answer to a Range from first to last, both included; past the end where first is."""
    size, told = len(whole), response.headers.get("content-range", "")
    if response.status == 200:  # a server may ignore Range, and then sends all of it
        if response.content != whole:
            yield "was answered with 200 and not with the whole video"
    elif first >= size:
        if response.status != 416:
            yield f"begins past the end and was answered with {response.status}"
        elif told not in {"", f"bytes */{size}"}:
            yield f"begins past the end of {size} bytes, and Content-Range is {told!r}"
    elif response.status != 206:
        yield f"was answered with {response.status}"
    elif told not in {f"bytes {first}-{last}/{size}", f"bytes {first}-{last}/*"}:
        yield f"are bytes {first}-{last}/{size}, and Content-Range is {told!r}"
    elif response.content != whole[first : last + 1]:
        yield f"are not the bytes from {first} to {last} of the whole"


def a_submit(submit: Operation, random_: random.Random | None = None) -> dict[str, Any]:
    """A valid body of a submit without its source: an example of the contract, with a prompt of its own."""
    examples = list(submit.body_examples.values())
    body = dict(random_.choice(examples) if random_ else examples[0])
    for place in task_ids.places(submit):
        if place[0] == "body":
            body.pop(place[1], None)
    return body
