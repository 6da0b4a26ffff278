"""One worker: takes jobs from the engine, and does their steps, as many at once as all workers together may."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from octopusx_video._batch.halting import Halting
from octopusx_video._batch.runner import FETCH_PAUSE_SECONDS, MAX_FETCHES, MIN_FREE_BYTES, Pace
from octopusx_video._batch.steps import VIDEOS, Claimed, Steps, Submitted
from octopusx_video._batch.threads import Threads
from octopusx_video._distributed.engine import Engine, Kind
from octopusx_video._distributed.feeder import PASS_SECONDS, Feeder
from octopusx_video._distributed.lease import CLAIMED_BY, Lease
from octopusx_video._distributed.shared_ledger import SharedLedger
from octopusx_video._drivers.limits import MAX_READS
from octopusx_video._errors import OctopusXError
from octopusx_video._flows.context import CallContext, log
from octopusx_video._flows.submitting import accepted_task
from octopusx_video._ledger.errors import BatchError
from octopusx_video._ledger.ledger import BUDGET_REACHED, Later, Row
from octopusx_video._ledger.states import UNFINISHED

_MAX_PAUSE_SECONDS = 1.0
"""How long it waits at most before it asks again whether it may send."""
_ROOM_SECONDS = 0.1
_HURRY_SECONDS = 8.0
"""How long what can't be written down at the end is waited for, once the responses are there."""
_LAST_SECONDS = 2.0
"""For how much of that time what fails is not tried again."""
_LOOK_SECONDS = 0.05
_TURNS = 10
"""How many turns of the event loop an error takes at most from a call of the ledger to its worker."""


class Calls:
    """The calls of the ledger by one worker. In the end those that hang are given up.

    Args:
        ledger: Of the batch.
    """

    def __init__(self, ledger: SharedLedger) -> None:
        self.settling: set[str] = set()
        """The jobs whose outcomes are being written down: there is no response to wait for any more."""
        self._ledger = ledger
        self._threads = Threads()

    async def __call__(self, function: Callable[..., Any], *values: Any) -> Any:
        """Call a function that may wait for the ledger."""
        if function != self._ledger.settle:
            return await self._threads.call(function, *values)
        job: str = values[0]
        self.settling.add(job)
        try:
            return await self._threads.call(function, *values)
        except OctopusXError:
            raise
        except Exception as error:  # whose text `Steps` completes with what was accepted
            raise BatchError(f"the outcome of {job!r} can't be written: {type(error).__name__}: {error}") from error
        finally:
            self.settling.discard(job)

    def give_up(self) -> None:
        """Let all that has not ended fail now."""
        self._threads.abandon(self._lost)
        # What still asks for a connection gets an error at once. To close them may take seconds.
        threading.Thread(target=self._ledger.close, name="ledger-close", daemon=True).start()

    def close(self) -> None:
        """End the threads. What still waits for one is left to the other workers."""
        self._threads.close()

    def _lost(self) -> BatchError:
        return BatchError(f"{self._ledger.where} does not respond", advice="see whether the database runs")


class Worker:
    """What one process does of a batch.

    Args:
        ledger: Of the batch.
        steps: Does what is to be done with one job.
        calls: Calls the ledger, for ``steps`` too.
        lease: Of this worker.
        context: The clocks.
        pace: How often tasks are read.
        folder: Where videos are saved.
        keep_going: Whether sending goes on after what would stop it.
        changed: Called after each step, with the id of its job.
    """

    def __init__(
        self,
        ledger: SharedLedger,
        steps: Steps,
        calls: Calls,
        lease: Lease,
        context: CallContext,
        pace: Pace,
        folder: Path,
        *,
        keep_going: bool,
        changed: Callable[[str], None],
    ) -> None:
        self.stopped_by: str | None = None
        self._ledger = ledger
        self._steps = steps
        steps.on_outcome = self._sent
        self._calls = calls
        self._lease = lease
        self._pace = pace
        self._folder = folder
        self._changed = changed
        self._halting = Halting(context.environment, keeps_going=keep_going)
        self._turn = asyncio.Lock()
        self._room = asyncio.Lock()
        self._reads = asyncio.Semaphore(MAX_READS)
        self._next_read = 0.0
        self._sending: set[str] = set()
        self._under_way: set[str] = set()
        """Those of them that are claimed."""
        self._delivering: dict[str, asyncio.Event] = {}
        self._is_stopping = False
        self._is_idle = asyncio.Event()
        self._error: BatchError | None = None
        self._submit_errors: list[BatchError] = []

    async def run(self, engine: Engine) -> None:
        """Work until nothing is left to do for any worker.

        Raises:
            BatchError: The database could not be used. The text has what it lacks.
            asyncio.CancelledError: It was cancelled. The responses under way were awaited and written down.
        """
        feeder = Feeder(self._ledger, engine, self._lease)
        try:
            # What is under way here may turn out not to be sent, and is then open again.
            while self._error is None and (self._sending or await self._calls(self._ledger.is_open)):
                await self._calls(feeder.run)
                self._look_around()
                await asyncio.sleep(PASS_SECONDS)
            if self._error is None:
                self._is_stopping = True
                await self._idle()  # a claim may have begun in the last moment
                await self._calls(self._ledger.resign)
                self.stopped_by = await self._calls(self._ledger.stop_reason)
        except BaseException:
            await self._settled(engine)
            raise
        if self._error is not None:
            await self._settled(engine)

    async def _settled(self, engine: Engine) -> None:
        """Wait until what was sent is written down: the process must not end while its own submits are under way.

        Raises:
            asyncio.CancelledError: It was cancelled once more. What is not written down by now never will be.
            BatchError: The database could not be used. The text has what it lacks.
        """
        self._is_stopping = True
        is_written = False
        try:
            while self._under_way - self._calls.settling:  # noqa: ASYNC110 - what ends it is in two places
                await asyncio.sleep(_LOOK_SECONDS)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_HURRY_SECONDS - _LAST_SECONDS):
                    await self._idle()
                    await self._calls(self._ledger.resign)
                    is_written = True
        except BatchError as error:
            self._error = self._error or error
        finally:
            self._ledger.hurry.set()  # whatever still waits for the database gives up, and says what it could not write
            if not is_written:
                await self._given_up(engine)
        if self._error is not None:
            raise self._raised(self._error)

    def _raised(self, error: BatchError) -> BatchError:
        """What is raised: the errors of submits if there are any, since each may name a task that was paid for."""
        return BatchError("; ".join(dict.fromkeys(map(str, self._submit_errors)))) if self._submit_errors else error

    async def _given_up(self, engine: Engine) -> None:
        """Wait for a moment for what fails by itself; then give up what hangs, if the database does not respond."""
        responds = False
        try:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_LAST_SECONDS):
                    with contextlib.suppress(BatchError):
                        await self._calls(self._ledger.resign)
                    responds = True
                    await self._idle()
        finally:
            if not responds:
                self._calls.give_up()
                engine.hurry()
        for _ in range(_TURNS):  # each that failed now says so
            await asyncio.sleep(0)

    async def _idle(self) -> None:
        """Wait until no submit of this worker is under way."""
        while self._sending:
            self._is_idle.clear()
            await self._is_idle.wait()

    def _look_around(self) -> None:
        """Stop where another process has this id, or where the disk is almost full."""
        self._ledger.run = self._lease.run
        if self._lease.lost is not None:
            self._error = BatchError(f"this worker stops: {self._lease.lost}")
        videos = self._folder / VIDEOS
        try:
            free = shutil.disk_usage(videos).free
        except OSError as error:
            problem = "is gone" if isinstance(error, FileNotFoundError) else f"can't be used: {error.strerror}"
            self._error = BatchError(
                f"the folder {videos} {problem}; this worker stops", advice="start it again, which makes the folder"
            )
            return
        if free < MIN_FREE_BYTES:
            self._error = BatchError(
                f"the disk of {self._folder} has less than {MIN_FREE_BYTES // 1_000_000} MB left; this worker stops",
                advice="make room, and start it again",
            )

    async def work(self, kind: Kind, job: str) -> None:
        """Do what the engine asks for: send a job, or deliver its video. Whatever happens, it stands in the ledger."""
        try:
            await (self._send(job) if kind == "send" else self._deliver(job))
        except BatchError as error:
            if kind == "send" or self._error is None:  # each may name a task that was paid for
                log.warning("%s", error)
            if kind == "send":
                self._submit_errors.append(error)
            self._error = self._error or error

    # Sending

    async def _send(self, job: str) -> None:
        if job in self._sending:
            return
        found = await self._claimed(job)
        if found is None:
            return
        if isinstance(found, Submitted):
            await self._unsent(found)
            return
        claimed, run = found
        self._under_way.add(job)
        try:
            CLAIMED_BY.set(run)
            await self._steps.send(claimed)
        except Exception as error:
            raise _unsettled(job, error) from error
        finally:
            self._under_way.discard(job)
            self._sending.discard(job)
            self._is_idle.set()
        self._changed(job)

    async def _claimed(self, job: str) -> tuple[Claimed, str] | Submitted | None:
        """Claim a job when it may be sent, one after another; None where this worker sends nothing any more."""
        async with self._turn:
            while not self._is_stopping and self._error is None:
                run = self._lease.run
                if not self._lease.permits(run):
                    await asyncio.sleep(_MAX_PAUSE_SECONDS)
                    continue
                self._ledger.run = run
                self._sending.add(job)  # from here on the process must not end
                claim: Claimed | Later | Submitted | None = None
                try:
                    claim = await self._steps.claim(job)
                finally:
                    if not isinstance(claim, Claimed):
                        self._sending.discard(job)
                        self._is_idle.set()
                if isinstance(claim, Claimed):
                    return claim, run
                if isinstance(claim, Submitted):
                    return claim
                await asyncio.sleep(min(claim.seconds, _MAX_PAUSE_SECONDS))
        # Another worker takes it over: its workflow must not end.
        await asyncio.Event().wait()
        return None

    async def _unsent(self, submitted: Submitted) -> None:
        """What it means that a job was not sent."""
        if submitted.claim == "held":
            await self._stop(BUDGET_REACHED)
        elif submitted.claim == "stopped":
            await self._calls(self._ledger.hold_back_stopped)

    async def _sent(self, job: str, submitted: Submitted) -> None:
        """What the outcome of a submit means for the next ones, of all workers."""
        verdict = self._halting.noted(job, submitted, is_paused=False)
        if verdict.pause:
            log.info("job %s was turned away; the next submit is in %.1f s", job, verdict.pause, extra={"retry": True})
            await self._calls(self._ledger.pause, verdict.pause)
        if verdict.stop is not None:
            await self._stop(verdict.stop)

    async def _stop(self, reason: str) -> None:
        """Let no worker send anything more."""
        log.info("sending stops: %s", reason)
        await self._calls(self._ledger.stop, reason)
        await self._calls(self._ledger.hold_back_stopped)

    # Delivering

    async def _deliver(self, job: str) -> None:
        row: Row | None = await self._calls(self._ledger.row, job)
        if row is None or row.state not in UNFINISHED:
            return
        if job in self._delivering:  # a second workflow for it ends with the first
            await self._delivering[job].wait()
            return
        ended = self._delivering[job] = asyncio.Event()
        try:
            await self._awaited(row)
        finally:
            del self._delivering[job]
            ended.set()
        self._changed(job)

    async def _awaited(self, row: Row) -> None:
        """Wait for a task, and save its video."""
        task = self._steps.awaited(row, self._pace.timeout, self._pace.poll_interval)
        pause: float | None = 0.0
        while pause is not None:
            await asyncio.sleep(pause)
            async with self._reads:
                await self._read_slot()
                pause = await self._steps.look(task)
        if task.ended is None:  # it has no video, or none in this run
            await self._calls(self._ledger.give_up, row.id)
            return
        for fetches in range(1, MAX_FETCHES + 1):
            await self._room_for(row.id)
            if await self._steps.fetch(task, self._pace.download_timeout) != "undelivered":
                return
            if fetches < MAX_FETCHES:
                await asyncio.sleep(FETCH_PAUSE_SECONDS * fetches)
        await self._calls(self._ledger.give_up, row.id)

    async def _room_for(self, job: str) -> None:
        """Wait until a download may begin, as one of what all workers do at once.

        One of this worker asks, for all of them: each that waits would cost the database as much.
        """
        async with self._room:
            while True:
                if await self._calls(self._ledger.begin_download, job):
                    return
                await asyncio.sleep(_ROOM_SECONDS)

    async def _read_slot(self) -> None:
        """Wait until the next read of a task may be sent."""
        now = asyncio.get_running_loop().time()
        at = max(now, self._next_read)
        self._next_read = at + 1 / self._pace.reads
        if at > now:
            await asyncio.sleep(at - now)


def _unsettled(job: str, error: Exception) -> BatchError:
    """The error of a job that was claimed, and whose outcome may not be in the ledger."""
    if isinstance(error, BatchError) and repr(job) in str(error):
        return error
    what = str(error) if isinstance(error, BatchError) else f"{type(error).__name__}: {error}"
    task = accepted_task(error)
    known = "may have been accepted" if task is None else f"WAS ACCEPTED as task {task}"
    return BatchError(
        f"the job {job!r} {known}, and this worker stops: {what}",
        advice="if its outcome is not in the ledger, it is parked when the lease of this worker has ended",
    )
