"""Waiting for the end of a task."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from octopusx_video._errors import WaitTimeoutError
from octopusx_video._flows import backoff
from octopusx_video._flows.context import Caller, log
from octopusx_video._flows.effects import Flow, Send, Sleep, Tell
from octopusx_video._flows.reading import Model, Route, Setback, interpreted
from octopusx_video._messages import contract, models, outcome, requests
from octopusx_video._messages.exchange import Received

Listener = Callable[[Model], Any]

MAX_PERMANENT = 3
"""After how many reads in a row that will fail in the same way again a wait ends."""
LAST_LOOK = 1.0
"""Seconds that the read at the end of a wait may take beyond its deadline."""


def wait(
    caller: Caller,
    route: Route[Model],
    task_id: str,
    *,
    timeout: float,
    poll_interval: float,
    on_progress: Listener[Model] | None,
) -> Flow[Model]:
    """Read a task until it has ended or the time is up; what passes is no end.

    Returns:
        The task as it ended, whether that is good or not.

    Raises:
        WaitTimeoutError: It has not ended in ``timeout`` seconds.
        RefusedError: Refused for good; an id that is unknown is awaited for as long as R04 has it.
    """
    world = caller.world
    until = world.monotonic() + timeout
    pauses = backoff.polls(poll_interval, world)
    last: Model | None = None
    setback: Setback | None = None
    unknown_since: float | None = None
    permanent = 0
    strange: set[str] = set()
    while True:
        look = max(until, world.monotonic() + LAST_LOOK)
        reply = yield Send(requests.read(caller.settings.base_url, route.operation, task_id), Received(), look)
        read = interpreted(caller, route, task_id, reply)
        wanted = 0.0
        if isinstance(read, Setback):
            if read.unknown:
                unknown_since = world.monotonic() if unknown_since is None else unknown_since
            is_new = unknown_since is not None and world.monotonic() - unknown_since < contract.unknown_for()
            permanent = permanent + 1 if read.permanent else 0
            if not read.passes and not (read.unknown and is_new) and permanent in {0, MAX_PERMANENT}:
                raise read.error
            setback, wanted = read, backoff.bounded(read.retry_after, f"task {task_id}")
            # Marked for who shows a person what a wait is waiting for.
            log.info("task %s: %s; reading on", task_id, read.error, extra={"setback": True})
        else:
            last, setback, unknown_since, permanent = read, None, None, 0
            status = outcome.status(read)
            if not contract.is_known(status) and status not in strange:
                strange.add(status)
                log.warning("task %s: the status %r is not known; it is taken for running (R14)", task_id, status)
            yield Tell(on_progress, (read,))
            if outcome.phase(read) != "running":
                log.info("task %s: %s", task_id, status)
                return read
        left = until - world.monotonic()
        if left <= 0:
            raise _not_ended(task_id, timeout, last, setback)
        yield Sleep(min(max(next(pauses), wanted), left))


def _not_ended(task_id: str, timeout: float, last: models.Task | None, setback: Setback | None) -> WaitTimeoutError:
    if last is None and setback is not None and setback.unknown:
        text = (
            f"task {task_id} is unknown: in {timeout:g} s the service did not find it ({setback.error.problem}). A new "
            f"task may be unknown for {contract.unknown_for():g} s"
        )
        return WaitTimeoutError(text, task_id=task_id, advice="check the id, the key and the base URL, or wait longer")
    state = f"its last known status is {outcome.status(last)}" if last else "no read succeeded"
    state += f"; the last read failed: {setback.error.problem}" if setback else ""
    text = f"task {task_id} has not ended in {timeout:g} s ({state}); the task goes on"
    return WaitTimeoutError(text, task_id=task_id, task=last, advice="wait for the same id again")
