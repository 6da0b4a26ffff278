"""The three steps of a job: submit by claim, look at its task, fetch its video.

Each can be repeated after a crash: a submit sends nothing that was claimed before, a look and a fetch are free. What
runs them, this package's runner or an engine for several machines, decides when, and never what is paid for.
"""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any, Literal, NamedTuple

from octopusx_video._drivers.async_driver import AsyncDriver
from octopusx_video._errors import (
    NOT_SENT,
    AmbiguousSubmitError,
    DownloadError,
    NotSentError,
    NoVideoAddressError,
    OctopusXError,
    RefusedError,
    TaskExpiredError,
    TaskFailedError,
)
from octopusx_video._files import mp4
from octopusx_video._flows import backoff, downloading, reading, submitting, waiting
from octopusx_video._flows.context import CallContext, RetryPolicy
from octopusx_video._ledger import jobs
from octopusx_video._ledger.errors import BatchError
from octopusx_video._ledger.ledger import Claim, Later, Ledger, Outcome, Row
from octopusx_video._ledger.states import SENDABLE, JobState
from octopusx_video._messages import contract, outcome

VIDEOS = "videos"
"""The folder of the videos, in that of the batch."""
_EXPIRES = "task.expires"
"""What the contract calls the time until which a video is kept."""
_READ_SECONDS = 60.0
"""How long one read of a task may take."""


class Submitted(NamedTuple):
    """The outcome of a submit.

    Attributes:
        claim: ``sent`` where it was sent in this step; else why not.
        state: The state of the attempt; None where nothing was sent.
        task: The id of the new task.
        error: What was raised; None where it was accepted or not sent in this step.
    """

    claim: Literal["sent", "held", "stopped", "settled"]
    state: str | None = None
    task: str | None = None
    error: OctopusXError | None = None


class Claimed(NamedTuple):
    """A job whose request may be sent now, once.

    Attributes:
        row: The job.
        attempt: The number of the attempt.
    """

    row: Row
    attempt: int


class Waiting:
    """A task whose end is awaited.

    Attributes:
        job: The id of its job.
        task: The id of the task.
        until: When the wait ends, on the monotonic clock.
        ended: The task as it was read, once it has succeeded.
    """

    __slots__ = ("_pauses", "_reads", "ended", "job", "route", "task", "until")

    def __init__(self, job: str, task: str, operation: str, until: float, pauses: Iterator[float]) -> None:
        self.job = job
        self.task = task
        self.until = until
        self.ended: Any = None
        is_unified = contract.family(operation) == "unified"
        self.route: reading.Route[Any] = reading.UNIFIED if is_unified else reading.VIDEOS
        self._reads = waiting.Reads(task)
        self._pauses = pauses

    def noted(self, read: Any, now: float) -> float | None:
        """Note what a read gave. Returns the seconds to the next one; None where the task has ended.

        Raises:
            OctopusXError: It has ended without a video, or no further read will succeed.
        """
        wanted = 0.0
        if isinstance(read, reading.ReadFailure):
            wanted = self._reads.failed(read, now)
        else:
            self._reads.succeeded(read)
            if outcome.phase(read) != "running":
                failure = outcome.failure(read, self.task)
                if failure is not None and not isinstance(failure, NoVideoAddressError):
                    raise failure
                self.ended = read
                return None
        if now >= self.until:
            raise self._reads.timed_out(0)
        return max(next(self._pauses), wanted)


class Steps:
    """The steps of the jobs of one ledger.

    Args:
        ledger: Where each is written down.
        driver: Sends what is sent.
        context: The settings of the client.
        folder: The folder of the batch.
        call: Calls what may wait for the ledger; a ledger in a file is called as it is.
        host: What stands in front of the names of files in the ledger; "" where all are in one folder.

    Attributes:
        on_outcome: Called with a job and the outcome of its submit before that is written down, which lets the next
            job be claimed: a stop or a pause has to be there by then. None for nothing.
    """

    def __init__(
        self,
        ledger: Ledger,
        driver: AsyncDriver,
        context: CallContext,
        folder: Path,
        *,
        call: Callable[..., Awaitable[Any]] | None = None,
        host: str = "",
    ) -> None:
        self.on_outcome: Callable[[str, Submitted], Awaitable[None]] | None = None
        self._ledger = ledger
        self._driver = driver
        self._context = context
        # A repetition is a claim of its own, so that each request that is sent stands in the ledger.
        self._once = context._replace(retry_policy=RetryPolicy(0, 0.0))
        self._folder = folder
        self._call = call or _called
        self._host = host

    async def submit(self, job: str) -> Submitted:
        """Claim a job, send its request once, and write down the outcome.

        Raises:
            BatchError: The ledger can't be written, or is an old copy. The text has what was accepted, if anything was.
        """
        claimed = await self.claim(job)
        if isinstance(claimed, Claimed):
            return await self.send(claimed)
        assert not isinstance(claimed, Later)  # noqa: S101 - a ledger of one process has none
        return claimed

    async def claim(self, job: str) -> Claimed | Later | Submitted:
        """Claim a job: the first half of ``submit``.

        Raises:
            BatchError: The ledger can't be written, or is an old copy. Nothing may be sent.
        """
        row: Row | None = await self._call(self._ledger.row, job)
        assert row is not None  # noqa: S101 - jobs are never deleted
        await self._check_unsaved(row)
        claim: Claim = await self._call(self._ledger.claim, job)
        if isinstance(claim, str):
            return Submitted(claim)
        return claim if isinstance(claim, Later) else Claimed(row, claim)

    async def send(self, claimed: Claimed) -> Submitted:
        """Send the request of a claimed job, once, and write down the outcome: the second half of ``submit``.

        Raises:
            BatchError: The ledger can't be written. The text has what was accepted, if anything was.
        """
        row, attempt = claimed
        error: OctopusXError | None = None
        try:
            request = jobs.request_of(self._context.settings.base_url, row.operation, row.source, row.fields)
        except NotSentError as raised:  # an older version took it
            result = Outcome("refused", reason=f"the contract of this version does not allow it: {raised.problem}")
            await self._call(self._ledger.settle, row.id, attempt, result)
            return Submitted("sent", result.state, None, raised)
        try:
            task = await self._driver.run(submitting.submit(self._once, request))
            result = self._accepted(outcome.task_id(task))
        except OctopusXError as raised:
            error, result = raised, _outcome(raised)
        except BaseException as stop:
            # Nobody waits for the response any more; what had arrived of it counts.
            self._ledger.settle(row.id, attempt, self._interrupted(stop))
            raise
        submitted = Submitted("sent", result.state, result.task, error)
        try:
            if self.on_outcome is not None:
                await self.on_outcome(row.id, submitted)
        finally:
            await self._settled(row.id, attempt, result)
        return submitted

    async def _settled(self, job: str, attempt: int, result: Outcome) -> None:
        try:
            await self._call(self._ledger.settle, job, attempt, result)
        except BatchError as lost:
            raise BatchError(f"{lost}; {_unwritten(job, result)}") from None

    async def _check_unsaved(self, row: Row) -> None:
        """See whether a job that would be sent has a video: then the ledger is a copy from before it was paid for.

        Raises:
            BatchError: It has one. Nothing may be sent.
        """
        if not _exists(self._folder / VIDEOS / f"{row.name}.mp4"):
            return
        now: Row | None = await self._call(self._ledger.row, row.id)  # another worker may have saved it meanwhile
        if now is not None and now.state in SENDABLE:
            raise BatchError(
                f"the job {row.id!r} was not sent by this ledger, and {VIDEOS}/{row.name}.mp4 exists: "
                "the ledger is an old copy",
                advice="put the newest ledger in its place, or move the video to pay for it again",
            )

    def _accepted(self, task: str) -> Outcome:
        """The outcome of an accepted submit. An id that holds the API key is not stored."""
        shown = self._context.redact(task)
        if shown != task:
            return Outcome("parked", reason=f"it was accepted with an id that holds the API key: {shown}")
        return Outcome("accepted", task)

    def _interrupted(self, stop: BaseException) -> Outcome:
        """What is known of an attempt whose submit was interrupted."""
        notes: list[str] = getattr(stop, "__notes__", [])
        task = submitting.accepted_task(stop)
        if task is not None:
            return self._accepted(task)
        state: Literal["parked", "not_sent"] = "not_sent" if NOT_SENT in notes else "parked"
        return Outcome(state, reason=self._context.redact("; ".join(["interrupted", *notes])))

    def awaited(self, row: Row, timeout: float, poll_interval: float) -> Waiting:
        """A wait for the task of a job, which begins now."""
        assert row.task is not None  # noqa: S101 - a job that was paid for
        until = self._context.environment.monotonic() + timeout
        return Waiting(row.id, row.task, row.operation, until, backoff.polls(poll_interval, self._context.environment))

    async def look(self, task: Waiting) -> float | None:
        """Read a task once. Returns the seconds to the next look; None where it has succeeded or is settled.

        Raises:
            BatchError: The ledger can't be written.
        """
        monotonic = self._context.environment.monotonic
        flow = reading.read_once(self._context, task.route, task.task, monotonic() + _READ_SECONDS)
        read = await self._driver.run(flow)
        try:
            return task.noted(read, monotonic())
        except OctopusXError as error:
            await self._fail(task.job, error)
            return None

    async def fetch(self, task: Waiting, within: float) -> JobState:
        """Save the video of a task that has succeeded. Returns the state of its job.

        A video that is there already, whole, was saved before the process ended.

        Args:
            task: The task, as ``look`` has left it.
            within: Seconds that the download may take.

        Raises:
            BatchError: The ledger can't be written.
        """
        row: Row | None = await self._call(self._ledger.row, task.job)
        assert row is not None  # noqa: S101 - jobs are never deleted
        name = f"{VIDEOS}/{row.name}.mp4"
        path = self._folder / name
        try:
            if path.is_symlink():  # it would lead out of the folder
                raise DownloadError(f"{name} is a link, which is not followed; remove it")
            if not _is_whole(path):
                await self._driver.run(self._download(task, path, within))
            _sync(path.parent)
        except (OctopusXError, OSError) as error:
            is_late = isinstance(error, DownloadError) and self._has_expired(task.ended)
            return await self._fail(task.job, error, has_expired=is_late)
        await self._call(self._ledger.end, task.job, "done", "", f"{self._host}{name}")
        return "done"

    def _download(self, task: Waiting, path: Path, within: float) -> Any:
        return downloading.download(
            self._context, task.route, task.ended, path, within, None, overwrite=True, accept_any=False
        )

    def _has_expired(self, ended: Any) -> bool:
        """Whether the service keeps a video no longer, by what its task says (``expires_at``)."""
        until = outcome.value(ended, _EXPIRES)
        return isinstance(until, int) and until <= self._context.environment.wall()

    async def _fail(self, job: str, error: Exception, *, has_expired: bool = False) -> JobState:
        """Write down that a task that was paid for has no video, or none in this run. Returns the state of the job."""
        state: JobState = "undelivered"
        if has_expired or isinstance(error, TaskExpiredError):
            state = "expired"
        elif isinstance(error, TaskFailedError) and not isinstance(error, NoVideoAddressError):
            state = "failed"
        text = error.problem if isinstance(error, OctopusXError) else f"{type(error).__name__}: {error}"
        await self._call(self._ledger.end, job, state, f"the video has expired: {text}" if has_expired else text)
        return state


async def _called(function: Callable[..., Any], *values: Any) -> Any:
    return function(*values)


def _outcome(error: OctopusXError) -> Outcome:
    """What an error of a submit means for its attempt."""
    if isinstance(error, AmbiguousSubmitError):
        ids = error.possible_task_ids
        return Outcome("parked", None, error.status, error.request_id, error.reason, ids)
    if isinstance(error, RefusedError):
        state: Literal["refused", "not_sent"] = "not_sent" if error.before_work else "refused"
        return Outcome(state, None, error.status, error.request_id, error.problem)
    if isinstance(error, NotSentError):
        return Outcome("not_sent", reason=error.problem)
    return Outcome("parked", reason=error.problem)


def _unwritten(job: str, result: Outcome) -> str:
    """What a person has to keep, where the ledger could not take it."""
    if result.task is not None:
        return f"the job {job!r} WAS ACCEPTED as task {result.task}; note this: batch resolve … --task {result.task}"
    if result.state == "parked":
        ids = f", possibly as task {' or '.join(result.possible_tasks)}" if result.possible_tasks else ""
        return f"the job {job!r} may have been accepted{ids}"
    return f"the job {job!r} was not billed ({result.reason})"


def _exists(path: Path) -> bool:
    """Whether there is a file, or a link that leads nowhere."""
    return os.path.lexists(path)


def _is_whole(path: Path) -> bool:
    """Whether a file is a complete video."""
    try:
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            return size > 0 and mp4.incomplete(file, size, has_ended=True) is None
    except OSError:
        return False


def _sync(folder: Path) -> None:
    """Make the names of a folder's files outlast the machine."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
