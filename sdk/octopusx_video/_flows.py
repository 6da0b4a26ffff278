"""Submitting, reading and waiting: what is asked, when it is asked again, and when never."""

from __future__ import annotations

import hashlib
import logging
import math
from collections.abc import Callable
from typing import Any, Generic, Literal, NamedTuple, TypeVar

from octopusx_video import _answers, _contract, _models, _pace, _requests, _verdict
from octopusx_video._effects import Answer, Failure, Flow, Outgoing, Send, Sleep, Tell, World
from octopusx_video._errors import (
    AmbiguousSubmitError,
    BrokenAnswerError,
    NotSentError,
    OctopusXError,
    RefusedError,
    WaitTimeoutError,
)
from octopusx_video._settings import Settings, redact

log = logging.getLogger("octopusx_video")
log.addHandler(logging.NullHandler())
log.addFilter(redact)

Model = TypeVar("Model", "_models.VideoTask", "_models.UnifiedVideoTask")
Listener = Callable[[Model], Any]

LAST_LOOK = 1.0
"""Seconds that the read at the end of a wait may take beyond its deadline."""


class Patience(NamedTuple):
    """For how long a request that may be repeated is repeated.

    Attributes:
        most: How often at most, after the first time.
        within: Seconds from the first time to the last, waits included.
    """

    most: int
    within: float


class Route(NamedTuple, Generic[Model]):
    """A read of the contract.

    Attributes:
        operation: Its name.
        load: Gives the model of what it answers.
    """

    operation: Literal["getVideoTask", "queryUnifiedVideo"]
    load: Callable[[], type[Model]]


VIDEOS: Route[_models.VideoTask] = Route("getVideoTask", lambda: _models.VideoTask)
UNIFIED: Route[_models.UnifiedVideoTask] = Route("queryUnifiedVideo", lambda: _models.UnifiedVideoTask)


class Caller(NamedTuple):
    """Who runs a flow: its settings, its patience, and what it knows of the world."""

    settings: Settings
    patience: Patience
    world: World

    def redact(self, text: str) -> str:
        """The text without the key."""
        return self.settings.key.redact(text)


def submit(caller: Caller, request: Outgoing) -> Flow[_models.SubmittedTask]:
    """Submit, once: again only where no connection was made or the refusal came before any work (R28).

    Raises:
        NotSentError: No connection was made.
        RefusedError: Refused, and never billed.
        AmbiguousSubmitError: It may exist and may be billed.
    """
    world = caller.world
    until = world.monotonic() + caller.patience.within
    attempt = 0
    while True:
        sent_at = world.wall()
        try:
            outcome = yield Send(request)
        except GeneratorExit:
            raise
        except BaseException as stop:  # Ctrl-C, a cancelled task, a timeout around it
            stop.add_note(str(_ambiguous(caller, request, sent_at, "it was interrupted")))
            raise
        if isinstance(outcome, Failure):
            if outcome.sent:
                raise _ambiguous(caller, request, sent_at, f"no answer came ({outcome.reason})")
            error: OctopusXError = NotSentError(_unreached(caller, outcome))
            wanted = None
        else:
            if outcome.status == 200:
                return _submitted(caller, request, sent_at, outcome)
            error, wanted = _refused_submit(caller, request, sent_at, outcome), _pace.retry_after(outcome, world)
            if not _contract.bill(request.operation, outcome.status, _answers.loaded(outcome)).before_work:
                raise error
        yield from _pause_or_raise(caller, error, attempt, wanted, until)
        attempt += 1


def _unreached(caller: Caller, failure: Failure) -> str:
    return f"no connection was made to {caller.settings.base_url}: {failure.reason}"


def _submitted(caller: Caller, request: Outgoing, sent_at: float, answer: Answer) -> _models.SubmittedTask:
    try:
        task = _answers.task(answer, _models.SubmittedTask, None)
    except _answers.UnreadableError as error:
        reason = str(error)
    else:
        # That the new task has the source's id is in a sample of the pages (R03): then the new one's is not known.
        if _contract.is_task_id(task.id) and task.id != request.source:
            log.info("%s accepted: task %s, %s", request.operation, task.id, task.status)
            return task
        reason = f"it tells the id {task.id!r}{', which is the source' if task.id == request.source else ''}"
    # Outside of the handler, since what it caught may hold what is not to be shown.
    raise _ambiguous(caller, request, sent_at, f"it was accepted, and {reason}", answer)


def _refused_submit(caller: Caller, request: Outgoing, sent_at: float, answer: Answer) -> OctopusXError:
    told = _answers.problem(answer, caller.redact)
    if not isinstance(_answers.loaded(answer), dict):
        # What the contract lists is JSON, so this is none of it, and nobody can tell whose word it is (R29, R35).
        return _ambiguous(caller, request, sent_at, f"it was answered {answer.status} without JSON", answer)
    if _contract.bill(request.operation, answer.status, _answers.loaded(answer)).billed != "never":
        reason = f"it was answered {answer.status}{_because(told)}"
        return _ambiguous(caller, request, sent_at, reason, answer)
    return _refused(caller, request.operation, answer, None)


def _ambiguous(
    caller: Caller, request: Outgoing, sent_at: float, reason: str, answer: Answer | None = None
) -> AmbiguousSubmitError:
    digest = hashlib.sha256(f"{request.method} {request.url}\n".encode() + (request.body or b"")).hexdigest()
    reason = caller.redact(reason)
    request_id = answer.request_id if answer else None
    text = f"the submit may have been accepted and may be billed: {reason}. It was not sent again"
    known = f"request id {request_id}" if request_id else f"request hash {digest[:12]}"
    log.warning("%s: %s (%s)", request.operation, text, known)
    return AmbiguousSubmitError(
        f"{text}; look for it in your account before you submit the same again ({known})",
        operation=request.operation,
        sent_at=sent_at,
        request_hash=digest,
        reason=reason,
        status=answer.status if answer else None,
        request_id=request_id,
    )


def retrieve(caller: Caller, route: Route[Model], task_id: str, latest: float = math.inf) -> Flow[Model]:
    """Read a task, again while that may help, and not after ``latest`` on the monotonic clock.

    Raises:
        RefusedError: Refused for good, as when the task is unknown.
        NotSentError: No connection was made.
        BrokenAnswerError: No answer came, or none that can be understood.
    """
    world = caller.world
    until = min(latest, world.monotonic() + caller.patience.within)
    attempt = 0
    while True:
        outcome = yield Send(_requests.read(caller.settings.base_url, route.operation, task_id), until)
        read = _read(caller, route, task_id, outcome)
        if not isinstance(read, Setback):
            return read
        if not read.passes:
            raise read.error
        yield from _pause_or_raise(caller, read.error, attempt, read.retry_after, until)
        attempt += 1


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
    pauses = _pace.polls(poll_interval, world)
    last: Model | None = None
    setback: Setback | None = None
    unknown_since: float | None = None
    strange: set[str] = set()
    while True:
        look = max(until, world.monotonic() + LAST_LOOK)
        outcome = yield Send(_requests.read(caller.settings.base_url, route.operation, task_id), look)
        read = _read(caller, route, task_id, outcome)
        wanted = None
        if isinstance(read, Setback):
            if read.unknown:
                unknown_since = world.monotonic() if unknown_since is None else unknown_since
            is_new = unknown_since is not None and world.monotonic() - unknown_since < _contract.unknown_for()
            if not read.passes and not (read.unknown and is_new):
                raise read.error
            setback, wanted = read, read.retry_after
            # Marked for who shows a person what a wait is waiting for.
            log.info("task %s: %s; reading on", task_id, read.error, extra={"setback": True})
        else:
            last, setback, unknown_since = read, None, None
            if not _contract.is_known(read.status) and read.status not in strange:
                strange.add(read.status)
                log.warning("task %s: the status %r is not known; it is taken for running (R14)", task_id, read.status)
            yield Tell(on_progress, (read,))
            if _verdict.phase(read) != "running":
                log.info("task %s: %s", task_id, read.status)
                return read
        left = until - world.monotonic()
        if left <= 0:
            raise _not_ended(task_id, timeout, last, setback)
        yield Sleep(min(max(next(pauses), wanted or 0.0), left))


def _not_ended(task_id: str, timeout: float, last: _models.Task | None, setback: Setback | None) -> WaitTimeoutError:
    stood = f"it was {last.status} when it was read last" if last else "no read came through"
    stood += f"; the last one failed: {setback.error}" if setback else ""
    text = f"task {task_id} has not ended in {timeout:g} s ({stood}); it goes on: wait for the same id again"
    return WaitTimeoutError(text, task_id=task_id, task=last)


class Setback(NamedTuple):
    """A read that told nothing of its task.

    Attributes:
        error: What to raise for it.
        passes: Whether it may be otherwise later.
        unknown: Whether the task is unknown, which one that is new may be for a while.
        retry_after: Seconds that the service wants to be left alone.
    """

    error: OctopusXError
    passes: bool
    unknown: bool = False
    retry_after: float | None = None


def _read(caller: Caller, route: Route[Model], task_id: str, outcome: Answer | Failure) -> Model | Setback:
    if isinstance(outcome, Failure):
        if outcome.sent:
            return Setback(BrokenAnswerError(f"no answer came: {outcome.reason}", task_id=task_id), passes=True)
        return Setback(NotSentError(_unreached(caller, outcome), task_id=task_id), passes=True)
    if outcome.status == 200:
        try:
            return _answers.task(outcome, route.load(), task_id)
        except _answers.UnreadableError as error:
            return Setback(_broken(caller, outcome, str(error), task_id), passes=True)
    told = _answers.problem(outcome, caller.redact)
    is_unknown = outcome.status in {400, 404} and told.code == _contract.unknown_task_code()
    is_unknown |= outcome.status == 404 and told.kind != _contract.wrong_route_type()
    if 400 <= outcome.status < 600:
        refused = _refused(caller, route.operation, outcome, task_id)
        wanted = _pace.retry_after(outcome, caller.world)
        return Setback(refused, _pace.passes(outcome.status), unknown=is_unknown, retry_after=wanted)
    return Setback(_broken(caller, outcome, "nothing that the contract documents", task_id), passes=True)


def _broken(caller: Caller, answer: Answer, reason: str, task_id: str) -> BrokenAnswerError:
    text = caller.redact(f"the read was answered {answer.status} with what can't be used: {reason}")
    return BrokenAnswerError(text, status=answer.status, request_id=answer.request_id, task_id=task_id)


_HINTS = {
    401: "check the key",
    403: "check the balance and what the key may do",
    404: "check the id, and the base URL",
    501: "this task is read by the unified routes: client.unified",
}


def _refused(caller: Caller, operation: str, answer: Answer, task_id: str | None) -> RefusedError:
    told = _answers.problem(answer, caller.redact)
    hint = _HINTS.get(answer.status)
    if told.code == _contract.unknown_task_code():
        hint = f"this key knows no task {task_id}" if task_id else "this key knows no such source task"
    text = f"{operation} was refused with {answer.status}{_because(told)}{f'; {hint}' if hint else ''}"
    return RefusedError(
        caller.redact(text),
        status=answer.status,
        code=caller.redact(told.code),
        reason=caller.redact(told.reason),
        request_id=answer.request_id,
        retry_after=_pace.retry_after(answer, caller.world),
        task_id=task_id,
    )


def _because(told: _answers.Problem) -> str:
    parts = [part for part in (told.code, told.reason) if part]
    return f" ({': '.join(parts)})" if parts else ""


def _pause_or_raise(
    caller: Caller, error: OctopusXError, attempt: int, wanted: float | None, until: float
) -> Flow[None]:
    """Wait before the next attempt, or raise the error where there is none: too many, or not enough time for it."""
    pause = max(_pace.backoff(attempt, caller.world), wanted or 0.0)
    if attempt >= caller.patience.most or caller.world.monotonic() + pause > until:
        raise error
    log.info("%s; again in %.1f s", error, pause)
    yield Sleep(pause)
