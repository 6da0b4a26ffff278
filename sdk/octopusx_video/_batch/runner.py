"""Runs the jobs of a ledger in one process: downloads before new submits, reads spread over time, and an end in order.

One coroutine starts the work, at most so much of it at once. A waiting task is an entry in a heap and no coroutine.
"""

from __future__ import annotations

import asyncio
import contextlib
import heapq
import itertools
import shutil
from collections import deque
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, NamedTuple

from octopusx_video._batch.halting import Halting
from octopusx_video._batch.steps import Steps, Submitted, Waiting
from octopusx_video._drivers.limits import MAX_READS
from octopusx_video._errors import OctopusXError
from octopusx_video._flows.context import CallContext, log
from octopusx_video._ledger.errors import BatchError
from octopusx_video._ledger.ledger import BUDGET_REACHED, Ledger
from octopusx_video._ledger.states import UNFINISHED, JobState

MAX_SENDS = 4
"""How often a job is sent in one run, where the service turns it away before any work or can't be reached."""
MAX_FETCHES = 3
"""How often a video is fetched in one run."""
FETCH_PAUSE_SECONDS = 5.0
MIN_FREE_BYTES = 50_000_000
"""With less room on the disk nothing more is sent: what is paid for has to be saved."""
STOP_CHECK_SECONDS = 1.0
"""How often the ledger is asked whether sending should stop, and the disk how much room it has."""
_WINDOW = 200
"""How many jobs are taken out of the ledger at a time."""


class Pace(NamedTuple):
    """How much a run does at once, and how fast.

    Attributes:
        concurrency: Submits and downloads under way at once; so many jobs a crash parks at most.
        rate: Submits per second at most; None for no limit.
        reads: Reads of tasks per second at most.
        poll_interval: Seconds between the first two reads of a task.
        timeout: Maximum seconds to wait for a task in one run.
        download_timeout: Maximum seconds for a download.
    """

    concurrency: int
    rate: float | None
    reads: float
    poll_interval: float
    timeout: float
    download_timeout: float


class Runner:
    """One run of a batch.

    Args:
        ledger: The jobs.
        steps: Does what is to be done with one of them.
        folder: Of the batch, whose disk must not be full.
        context: The clocks.
        pace: How much at once.
        sleep: Lets so many seconds pass, for tests with a clock of their own; None for the event loop's.
        keep_going: Whether sending goes on after what would stop it.
        changed: Called after each step, with the id of its job.
    """

    def __init__(
        self,
        ledger: Ledger,
        steps: Steps,
        folder: Path,
        context: CallContext,
        pace: Pace,
        sleep: Callable[[float], Any] | None,
        *,
        keep_going: bool,
        changed: Callable[[str], None],
    ) -> None:
        self.stopped_by: str | None = None
        self.stopped_as: JobState = "stopped"
        self._ledger = ledger
        self._steps = steps
        self._folder = folder
        self._environment = context.environment
        self._pace = pace
        self._sleep = sleep
        self._halting = Halting(context.environment, keeps_going=keep_going)
        self._changed = changed
        self._wake = asyncio.Event()
        self._running: set[asyncio.Task[None]] = set()
        self._errors: list[BaseException] = []
        # Submits
        self._number = 0
        self._new: deque[str] = deque()
        self._again: list[tuple[float, int, str]] = []
        self._sends: dict[str, int] = {}
        self._sending = 0
        self._next_send = 0.0
        self._is_exhausted = False
        self._is_full = False
        # Tasks
        self._order = itertools.count()
        self._heap: list[tuple[float, int, Waiting]] = []
        self._reading = 0
        self._next_read = 0.0
        # Videos
        self._ended: deque[Waiting] = deque()
        self._fetching = 0
        self._fetches: dict[str, int] = {}

    def stop(self, reason: str, state: JobState = "stopped") -> None:
        """Send nothing more; what was paid for goes on.

        Args:
            reason: Why, for people.
            state: What the jobs that are not sent become.
        """
        if self.stopped_by is None:
            self.stopped_by, self.stopped_as = reason, state
            log.info("sending stops: %s", reason)
        self._wake.set()

    async def run(self) -> None:
        """Send what may be sent, wait for what was paid for, and save it.

        Raises:
            BatchError: The ledger can't be written.
            asyncio.CancelledError: It was cancelled. The responses under way were awaited; a second cancellation parks
                what they are for.
        """
        for row in self._ledger.rows(UNFINISHED):
            self._await(self._steps.awaited(row, self._pace.timeout, self._pace.poll_interval), 0.0)
        try:
            watch = asyncio.create_task(self._watch())
            try:
                await self._dispatch()
            finally:
                watch.cancel()
        except BaseException:
            await self._settle_sends()
            if self._errors:  # which may name a task that was paid for
                raise self._raised() from None
            raise
        if self._errors:
            raise self._raised()

    # What is to be done next

    async def _dispatch(self) -> None:
        while not self._errors:
            self._wake.clear()
            try:
                due = self._start()
            except self._ledger.errors as error:
                self._errors.append(error)
                break
            if due is None:
                if not self._running:
                    return
                await self._wake.wait()
                continue
            pause = max(0.0, due - self._environment.monotonic())
            if self._sleep is not None:
                await self._sleep(pause)
                continue
            # A timer, and no wait_for, which makes a task each time.
            timer = asyncio.get_running_loop().call_later(pause, self._wake.set)
            try:
                await self._wake.wait()
            finally:
                timer.cancel()
        await self._settle_sends()

    def _start(self) -> float | None:
        """Start what can be started now. Returns when there will be more, on the monotonic clock, if that is known."""
        moments = [self._start_reads(), self._start_fetches(), self._start_sends()]
        return min((moment for moment in moments if moment is not None), default=None)

    def _start_fetches(self) -> float | None:
        while self._ended and self._has_room():
            self._fetching += 1
            self._begin(self._fetch(self._ended.popleft()))
        return None

    def _start_sends(self) -> float | None:
        while not self._ended and self._has_room() and self.stopped_by is None:
            if self._is_full:  # a submit under way may be refused, which makes room in the budget
                if not self._sending:
                    self.stop(BUDGET_REACHED, "held")
                    self._ledger.hold_back(self.stopped_as, BUDGET_REACHED)
                return None
            now = self._environment.monotonic()
            if now < self._next_send:
                return self._next_send if self._has_more() or self._again else None
            job, moment = self._next_job(now)
            if job is None:
                return moment
            if self._pace.rate is not None:
                self._next_send = now + 1 / self._pace.rate
            self._sending += 1
            self._begin(self._submit(job))
        return None

    def _has_room(self) -> bool:
        return self._sending + self._fetching < self._pace.concurrency

    def _has_more(self) -> bool:
        if not self._new and not self._is_exhausted:
            found = self._ledger.sendable(self._number, _WINDOW)
            self._is_exhausted = len(found) < _WINDOW
            self._number = found[-1][0] if found else self._number
            self._new.extend(job for _, job in found)
        return bool(self._new)

    def _next_job(self, now: float) -> tuple[str | None, float | None]:
        """The next job to send; or None, and when there will be one."""
        if self._again and self._again[0][0] <= now:
            return heapq.heappop(self._again)[2], None
        if self._has_more():
            return self._new.popleft(), None
        return None, self._again[0][0] if self._again else None

    def _start_reads(self) -> float | None:
        while self._heap and self._reading < MAX_READS:
            now = self._environment.monotonic()
            due = max(self._heap[0][0], self._next_read)
            if now < due:
                return due
            self._next_read = now + 1 / self._pace.reads
            self._reading += 1
            self._begin(self._look(heapq.heappop(self._heap)[2]))
        return None

    def _await(self, task: Waiting, seconds: float) -> None:
        heapq.heappush(self._heap, (self._environment.monotonic() + seconds, next(self._order), task))

    # The work

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(self._guarded(work))
        self._running.add(task)
        task.add_done_callback(self._ended_work)

    async def _guarded(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except asyncio.CancelledError:
            raise
        except BaseException as error:  # noqa: BLE001 - raised by `run`, after the submits under way
            self._errors.append(error)

    def _ended_work(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        self._wake.set()

    async def _submit(self, job: str) -> None:
        try:
            submitted = await self._steps.submit(job)
        except BatchError:
            self.stop("the ledger can't be written")
            raise
        finally:
            self._sending -= 1
        self._changed(job)
        if submitted.claim == "held":
            self._is_full = True
            self._new.appendleft(job)
        elif submitted.claim == "stopped":
            self.stop("batch stop")
        elif submitted.task is not None:
            row = self._ledger.row(job)
            assert row is not None  # noqa: S101 - jobs are never deleted
            self._halting.noted(job, submitted, is_paused=False)
            self._await(self._steps.awaited(row, self._pace.timeout, self._pace.poll_interval), 0.0)
        elif submitted.claim == "sent":
            self._failed(job, submitted)

    def _failed(self, job: str, submitted: Submitted) -> None:
        """A submit was not accepted: whether the job is sent again in this run, and whether any other."""
        self._is_full &= submitted.state == "parked"
        now = self._environment.monotonic()
        verdict = self._halting.noted(job, submitted, is_paused=now < self._next_send)
        if submitted.state == "not_sent":
            self._next_send = max(self._next_send, now + verdict.pause)
            self._send_again(job, submitted.error, self._next_send - now)
        if verdict.stop is not None:
            self.stop(verdict.stop)

    def _send_again(self, job: str, error: OctopusXError | None, pause: float) -> None:
        """The service has not begun to work on it: the same job again later, and no other one before."""
        sends = self._sends[job] = self._sends.get(job, 0) + 1
        text = error.problem if error else "it was turned away"
        log.info("job %s: %s; again in %.1f s", job, text, pause, extra={"retry": True})
        if sends < MAX_SENDS:
            heapq.heappush(self._again, (self._next_send, next(self._order), job))

    async def _look(self, task: Waiting) -> None:
        try:
            pause = await self._steps.look(task)
        finally:
            self._reading -= 1
        if pause is not None:
            self._await(task, pause)
        elif task.ended is not None:
            self._ended.append(task)
        else:
            self._changed(task.job)

    async def _fetch(self, task: Waiting) -> None:
        try:
            state = await self._steps.fetch(task, self._pace.download_timeout)
        finally:
            self._fetching -= 1
        fetches = self._fetches.get(task.job, 0) + 1
        if state == "undelivered" and fetches < MAX_FETCHES:
            self._fetches[task.job] = fetches
            self._await(task, FETCH_PAUSE_SECONDS * fetches)
        else:
            self._fetches.pop(task.job, None)
        self._changed(task.job)

    # The end

    def _raised(self) -> BaseException:
        """What went wrong, in one error: those of the ledger first, since each may name a task that was paid for."""
        failures = self._ledger.errors
        errors = [self._ledger.failed(one) if isinstance(one, failures) else one for one in self._errors]
        texts = [str(error) for error in errors if isinstance(error, BatchError)]
        return BatchError("; ".join(dict.fromkeys(texts))) if texts else errors[0]

    async def _watch(self) -> None:
        """Stop where another process asks for it, or where the disk is almost full."""
        while True:
            await asyncio.sleep(STOP_CHECK_SECONDS)
            with contextlib.suppress(*self._ledger.failures):  # the next claim finds out, and says so
                if self._ledger.is_stopped():
                    self.stop("batch stop")
                if shutil.disk_usage(self._folder).free < MIN_FREE_BYTES:
                    self.stop(f"the disk has less than {MIN_FREE_BYTES // 1_000_000} MB left")

    async def _settle_sends(self) -> None:
        """Wait for the responses to what was sent; cancelled once more, park it. End all other work."""
        self.stop("interrupted")
        try:
            while self._sending:
                self._wake.clear()
                await self._wake.wait()
        finally:
            for task in self._running:
                task.cancel()
            await asyncio.gather(*self._running, return_exceptions=True)
