"""Waiting for the end of a task."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from octopusx_video._errors import OctopusXError, WaitTimeoutError
from octopusx_video._flows import arguments, backoff
from octopusx_video._flows.context import CallContext, log
from octopusx_video._flows.effects import Flow, Notify, Sleep
from octopusx_video._flows.reading import Model, ReadFailure, Route, read_once
from octopusx_video._messages import contract, models, outcome, requests

Listener = Callable[[Model], Any]

MAX_PERMANENT = 3
"""After how many reads in a row that will fail in the same way again a wait ends."""
LAST_READ_SECONDS = 1.0
"""How long the read at the end of a wait may take beyond its deadline."""


@dataclass
class Reads:
    """What the reads of one task have given so far, and what the next failure means.

    Attributes:
        task_id: The task.
        last: The task as it was read last.
        failure: The last read, if it failed.
        unknown_since: When the task was first unknown, of the reads in a row in which it was.
        permanent: How many of the last reads failed in a way that is permanent.
        undocumented: Statuses that the contract does not know.
    """

    task_id: str
    last: models.Task | None = None
    failure: ReadFailure | None = None
    unknown_since: float | None = None
    permanent: int = 0
    undocumented: set[str] = field(default_factory=set)

    def failed(self, failure: ReadFailure, now: float) -> float:
        """Note a failure. Returns how many seconds the service wants to pass before the next read.

        Raises:
            OctopusXError: No further read will succeed.
        """
        if failure.is_unknown and self.unknown_since is None:
            self.unknown_since = now
        is_new = self.unknown_since is not None and now - self.unknown_since < contract.unknown_for()
        self.permanent = self.permanent + 1 if failure.is_permanent else 0
        may_pass = failure.is_temporary or (failure.is_unknown and is_new)
        if not may_pass and self.permanent in {0, MAX_PERMANENT}:
            raise failure.error
        self.failure = failure
        # Marked for who shows a person what a wait is waiting for.
        log.info("task %s: %s; reading on", self.task_id, failure.error, extra={"retry": True})
        return backoff.bounded(failure.retry_after, f"task {self.task_id}")

    def succeeded(self, task: models.Task) -> None:
        """Note the task."""
        self.last, self.failure, self.unknown_since, self.permanent = task, None, None, 0
        status = outcome.status(task)
        if not contract.is_known(status) and status not in self.undocumented:
            self.undocumented.add(status)
            log.warning("task %s: the status %r is not known; it is taken for running (R14)", self.task_id, status)

    def timed_out(self, timeout: float) -> WaitTimeoutError:
        """The error of a wait that has lasted so many seconds."""
        task_id, problem = self.task_id, self.failure.error.problem if self.failure else ""
        if self.last is None and self.failure is not None and self.failure.is_unknown:
            text = f"task {task_id} is unknown: in {timeout:g} s the service did not find it ({problem})"
            text += f". A new task may be unknown for {contract.unknown_for():g} s"
            advice = "check the id, the key and the base URL, or wait longer"
            return WaitTimeoutError(text, task_id=task_id, advice=advice)
        state = f"its last known status is {outcome.status(self.last)}" if self.last else "no read succeeded"
        state += f"; the last read failed: {problem}" if problem else ""
        text = f"task {task_id} has not ended in {timeout:g} s ({state}); the task continues"
        return WaitTimeoutError(text, task_id=task_id, task=self.last, advice="wait for the same id again")


def wait(
    context: CallContext,
    route: Route[Model],
    task: models.TaskOrId,
    timeout: object,
    poll_interval: object,
    on_progress: Listener[Model] | None,
) -> Flow[Model]:
    """Read a task until it has ended or the time is up; a failure that may pass does not end the wait.

    Raises:
        NotSentError: An argument can't be used.
        TaskFailedError: It has ended without a video.
        WaitTimeoutError: It has not ended in ``timeout`` seconds.
        RefusedError: Refused for good; an id that is unknown is awaited for as long as R04 has it.
    """
    task_id = requests.task_id(task, "task")
    try:
        seconds = arguments.seconds(timeout, "timeout")
        interval = arguments.above_zero(poll_interval, "poll_interval")
        listener = arguments.function(on_progress, "on_progress")
        ended: Model = yield from _wait(context, route, task_id, seconds, interval, listener)
    except OctopusXError as error:
        error.task_id = task_id
        raise
    failure = outcome.failure(ended, task_id)
    if failure is not None:
        raise failure
    return ended


def _wait(
    context: CallContext,
    route: Route[Model],
    task_id: str,
    timeout: float,
    interval: float,
    on_progress: Listener[Model] | None,
) -> Flow[Model]:
    """Read a task until it has ended, whether that is good or not."""
    monotonic = context.environment.monotonic
    until = monotonic() + timeout
    pauses = backoff.polls(interval, context.environment)
    reads = Reads(task_id)
    while True:
        read = yield from read_once(context, route, task_id, max(until, monotonic() + LAST_READ_SECONDS))
        wanted = 0.0
        if isinstance(read, ReadFailure):
            wanted = reads.failed(read, monotonic())
        else:
            reads.succeeded(read)
            yield Notify(on_progress, (read,))
            if outcome.phase(read) != "running":
                log.info("task %s: %s", task_id, outcome.status(read))
                return read
        left = until - monotonic()
        if left <= 0:
            raise reads.timed_out(timeout)
        yield Sleep(min(max(next(pauses), wanted), left))
