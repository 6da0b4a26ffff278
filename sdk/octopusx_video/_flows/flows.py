"""Submitting, reading and waiting: what is asked, when it is asked again, and when never."""

from __future__ import annotations

import hashlib
import logging
import math
from collections.abc import Callable
from typing import Any, Generic, Literal, NamedTuple, TypeVar

from octopusx_video._errors import (
    NOT_SENT,
    AmbiguousSubmitError,
    BrokenAnswerError,
    NotSentError,
    OctopusXError,
    RefusedError,
    WaitTimeoutError,
)
from octopusx_video._flows import backoff
from octopusx_video._flows.effects import Answer, Failure, Flow, Outgoing, Received, Send, Sleep, Tell, World
from octopusx_video._messages import contract, models, outcome, requests, responses
from octopusx_video._settings import Settings, redact

log = logging.getLogger("octopusx_video")
log.addHandler(logging.NullHandler())
log.addFilter(redact)

Model = TypeVar("Model", "models.VideoTask", "models.UnifiedVideoTask")
Listener = Callable[[Model], Any]

MAX_PERMANENT = 3
"""After how many reads in a row that will fail in the same way again a wait ends."""
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


VIDEOS: Route[models.VideoTask] = Route("getVideoTask", lambda: models.VideoTask)
UNIFIED: Route[models.UnifiedVideoTask] = Route("queryUnifiedVideo", lambda: models.UnifiedVideoTask)


class Caller(NamedTuple):
    """Who runs a flow: its settings, its patience, what it knows of the world, and how long a submit may take."""

    settings: Settings
    patience: Patience
    world: World
    submit_timeout: float

    def redact(self, text: str) -> str:
        """The text without the key."""
        return self.settings.key.redact(text)


def submit(caller: Caller, request: Outgoing) -> Flow[models.SubmittedTask]:
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
        sent = _Sent(caller, request, world.wall(), Received())
        try:
            reply = yield Send(request, sent.received, within=caller.submit_timeout)
            result = _result(sent, reply)
            if not isinstance(result, _NotBegun):
                return result
        except (OctopusXError, GeneratorExit):
            raise
        except Exception as error:
            if not sent.received.sent:
                error.add_note(NOT_SENT)
                raise
            reason = f"{type(error).__name__} while the response was read, which is a fault of octopusx-video"
            raise _ambiguous(sent, reason, sent.received.partial()) from error
        except BaseException as stop:  # Ctrl-C, a cancelled task, a timeout around it
            stop.add_note(_interrupted(sent))
            raise
        yield from _pause_or_raise(caller, result.error, attempt, result.retry_after, until)
        attempt += 1


class _Sent(NamedTuple):
    """A submit that is under way: who sends what, when, and what has arrived in return."""

    caller: Caller
    request: Outgoing
    at: float
    received: Received


class _NotBegun(NamedTuple):
    """A submit that the service surely has not begun to work on."""

    error: OctopusXError
    retry_after: float | None = None


def _result(sent: _Sent, reply: Answer | Failure) -> models.SubmittedTask | _NotBegun:
    """What a submit has come to.

    Raises:
        NotSentError: No connection was made, and none will be.
        RefusedError, AmbiguousSubmitError: As ``submit`` has them.
    """
    caller, name = sent.caller, sent.request.operation
    if isinstance(reply, Failure):
        if reply.sent:
            begun = "the response did not arrive whole" if reply.partial else "no response arrived"
            raise _ambiguous(sent, f"{begun} ({reply.reason})", reply.partial)
        error: OctopusXError = NotSentError(_unreached(caller, reply))
        if reply.permanent:
            raise error
        return _NotBegun(error)
    if 200 <= reply.status < 300:
        return _submitted(sent, reply)
    error = _refused_submit(sent, reply)
    if isinstance(error, AmbiguousSubmitError):
        raise error
    if not contract.bill(name, reply.status, responses.loaded(reply)).before_work:
        raise error
    return _NotBegun(error, backoff.retry_after(reply, caller.world))


def _unreached(caller: Caller, failure: Failure) -> str:
    return f"no connection was made to {caller.settings.base_url}: {failure.reason}"


def _submitted(sent: _Sent, answer: Answer) -> models.SubmittedTask:
    reason = ""
    try:
        task = responses.task(answer, models.SubmittedTask, None, sent.caller.settings.key)
    except responses.UnreadableError as error:
        reason = str(error)
    else:
        task_id = outcome.task_id(task)
        # That the new task has the source's id is in a sample of the pages (R03): then the new one's is not known.
        if contract.is_task_id(task_id) and task_id != sent.request.source:
            _accepted(sent, task, answer.status)
            return task
        reason = f"the id is {task_id!r}{', which is the source' if task_id == sent.request.source else ''}"
    # Outside of the handler, since what it caught may hold what must not be shown.
    why = because(responses.problem(answer, sent.caller.redact)) if answer.content else ""
    raise _ambiguous(sent, f"status {answer.status}, and {reason}{why}", answer)


def _accepted(sent: _Sent, task: models.SubmittedTask, status: int) -> None:
    name, task_id = sent.request.operation, outcome.task_id(task)
    if not contract.is_documented(name, status):
        log.warning("%s accepted with status %d, which is not documented: task %s", name, status, task_id)
    # Marked for who has to show an id from the moment on in which it is known.
    log.info("%s accepted: task %s, %s", name, task_id, outcome.status(task), extra={"accepted": task_id})


def _refused_submit(sent: _Sent, answer: Answer) -> OctopusXError:
    caller = sent.caller
    value = responses.loaded(answer)
    why = because(responses.problem(answer, caller.redact))
    if not isinstance(value, dict):
        # What the contract lists is a JSON object, so nobody can tell whose response this is (R29, R35).
        what = "without a JSON object" if answer.is_read else "whose body was not read"
        return _ambiguous(sent, f"status {answer.status} {what}{why}", answer)
    if contract.bill(sent.request.operation, answer.status, value).billed != "never":
        return _ambiguous(sent, f"status {answer.status}{why}", answer)
    if responses.possible_task_ids(answer, sent.request, is_named=True):
        return _ambiguous(sent, f"status {answer.status}, and the response names a task{why}", answer)
    return _refused(caller, sent.request.operation, answer, None)


def _ambiguous(sent: _Sent, reason: str, answer: Answer | None = None) -> AmbiguousSubmitError:
    caller, request = sent.caller, sent.request
    digest = hashlib.sha256(f"{request.method} {request.url}\n".encode() + (request.body or b"")).hexdigest()
    reason = caller.redact(reason)
    request_id = answer.request_id if answer else None
    known = f"request id {request_id}" if request_id else f"request hash {digest[:12]}"
    ids = tuple(one for one in _possible_ids(answer, request) if caller.redact(one) == one)
    text = f"the submit may have been accepted and may be billed: {reason}. It was not sent again"
    advice = f"look for it in your account before you submit the same again ({known})"
    if ids:
        text += f". The response holds what may be the id of the new task: {', '.join(ids)}"
        family = contract.family(request.operation)
        advice = f"look at it with client.{family}.retrieve({ids[0]!r}), which is free; otherwise {advice}"
    error = AmbiguousSubmitError(
        text,
        operation=request.operation,
        sent_at=sent.at,
        request_hash=digest,
        reason=reason,
        status=answer.status if answer else None,
        request_id=request_id,
        response=responses.excerpt(answer, caller.redact),
        possible_task_ids=ids,
        advice=advice,
    )
    caller.settings.key.clean(error)
    log.warning("%s: %s (%s)", request.operation, text, known, extra={"ambiguous": error})
    return error


def _possible_ids(answer: Answer | None, request: Outgoing) -> tuple[str, ...]:
    try:
        return responses.possible_task_ids(answer, request)
    except Exception:  # noqa: BLE001 - whatever a response does to the search, the error itself must arrive
        return ()


def _interrupted(sent: _Sent) -> str:
    """What an interrupted submit has come to, as far as is known."""
    received = sent.received
    if not received.sent:
        return NOT_SENT
    arrived = received.partial()
    # A JSON object that is complete says all, even where the end of the response was not seen.
    is_whole = arrived is not None and (received.whole or responses.loaded(arrived) is not None)
    cut = Failure(sent=True, reason="it was interrupted", partial=arrived)
    try:
        result = _result(sent, arrived if arrived is not None and is_whole else cut)
    except OctopusXError as error:
        return str(error)
    if isinstance(result, _NotBegun):
        return str(result.error)
    return f"the submit was accepted and is billed: go on with task {outcome.task_id(result)}"


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
        reply = yield Send(requests.read(caller.settings.base_url, route.operation, task_id), Received(), until)
        read = _read(caller, route, task_id, reply)
        if not isinstance(read, Setback):
            return read
        if not read.passes:
            raise read.error
        wanted = None if read.retry_after is None else backoff.bounded(read.retry_after, f"task {task_id}")
        yield from _pause_or_raise(caller, read.error, attempt, wanted, until)
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
    pauses = backoff.polls(poll_interval, world)
    last: Model | None = None
    setback: Setback | None = None
    unknown_since: float | None = None
    permanent = 0
    strange: set[str] = set()
    while True:
        look = max(until, world.monotonic() + LAST_LOOK)
        reply = yield Send(requests.read(caller.settings.base_url, route.operation, task_id), Received(), look)
        read = _read(caller, route, task_id, reply)
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


class Setback(NamedTuple):
    """A read that says nothing of its task.

    Attributes:
        error: What to raise for it.
        passes: Whether the next read may succeed.
        unknown: Whether the task is unknown, which one that is new may be for a while.
        permanent: Whether the same read will fail in the same way, by all that is known.
        retry_after: Seconds after which the service wants the next request.
    """

    error: OctopusXError
    passes: bool
    unknown: bool = False
    permanent: bool = False
    retry_after: float | None = None


def _read(caller: Caller, route: Route[Model], task_id: str, reply: Answer | Failure) -> Model | Setback:
    if isinstance(reply, Failure):
        return _unread(caller, task_id, reply)
    if 200 <= reply.status < 300:
        try:
            task = responses.task(reply, route.load(), task_id, caller.settings.key)
        except responses.UnreadableError as error:
            reason = f"{error}{because(responses.problem(reply, caller.redact))}"
            return Setback(_broken(caller, reply, reason, task_id), passes=True)
        if not contract.is_documented(route.operation, reply.status):
            log.info("task %s: read with status %d, which is not documented", task_id, reply.status)
        return task
    told = responses.problem(reply, caller.redact)
    is_unknown = reply.status in {400, 404} and told.code == contract.unknown_task_code()
    is_unknown |= reply.status == 404 and told.kind != contract.wrong_route_type()
    if 400 <= reply.status < 600:
        refused = _refused(caller, route.operation, reply, task_id)
        wanted = backoff.retry_after(reply, caller.world)
        return Setback(refused, backoff.passes(reply.status), unknown=is_unknown, retry_after=wanted)
    moved = reply.status in _MOVED
    where = f"the address has moved to {reply.headers.get('location', 'another')}; check the base URL"
    broken = _broken(caller, reply, where if moved else "the status is not documented", task_id)
    return Setback(broken, passes=not moved, permanent=moved)


def _unread(caller: Caller, task_id: str, failure: Failure) -> Setback:
    """What a read without a whole response means."""
    advice = "the same read will fail again; the task is not affected" if failure.permanent else ""
    error: OctopusXError
    if not failure.sent:
        error = NotSentError(_unreached(caller, failure), task_id=task_id, advice=advice)
    else:
        partial = failure.partial
        error = BrokenAnswerError(
            f"the response did not arrive whole: {failure.reason}"
            if partial
            else f"no response arrived: {failure.reason}",
            status=partial.status if partial else None,
            request_id=partial.request_id if partial else None,
            response=responses.excerpt(partial, caller.redact),
            task_id=task_id,
            advice=advice,
        )
    return Setback(error, passes=not failure.permanent, permanent=failure.permanent)


def _broken(caller: Caller, answer: Answer, reason: str, task_id: str) -> BrokenAnswerError:
    return BrokenAnswerError(
        caller.redact(f"the response to the read can't be used: status {answer.status}, and {reason}"),
        status=answer.status,
        request_id=answer.request_id,
        response=responses.excerpt(answer, caller.redact),
        task_id=task_id,
    )


_HINTS = {
    401: "check the key",
    403: "check the balance and what the key may do",
    404: "check the id, and the base URL",
    501: "this task is read by the unified routes: client.unified",
}
_MOVED = frozenset({301, 308})
"""An address that has moved for good, as that of http where https is served."""


def _refused(caller: Caller, operation: str, answer: Answer, task_id: str | None) -> RefusedError:
    told = responses.problem(answer, caller.redact)
    hint = _HINTS.get(answer.status)
    if told.code == contract.unknown_task_code():
        hint = f"this key has no task {task_id}" if task_id else "this key has no such source task"
    text = f"{operation} was refused with {answer.status}{because(told)}{f'; {hint}' if hint else ''}"
    return RefusedError(
        caller.redact(text),
        status=answer.status,
        code=caller.redact(told.code),
        reason=caller.redact(told.reason),
        request_id=answer.request_id,
        retry_after=backoff.retry_after(answer, caller.world),
        response=responses.excerpt(answer, caller.redact),
        task_id=task_id,
    )


def because(told: responses.Problem) -> str:
    """The reason of an error response in parentheses; "" where it gives none."""
    parts = [part for part in (told.code, told.reason) if part]
    return f" ({': '.join(parts)})" if parts else ""


def _pause_or_raise(
    caller: Caller, error: OctopusXError, attempt: int, wanted: float | None, until: float
) -> Flow[None]:
    """Wait before the next attempt, or raise the error where there is none: too many, or not enough time for it."""
    pause = max(backoff.backoff(attempt, caller.world), wanted or 0.0)
    if attempt >= caller.patience.most or caller.world.monotonic() + pause > until:
        raise error
    log.info("%s; again in %.1f s", error.problem, pause, extra={"setback": True})
    yield Sleep(pause)
