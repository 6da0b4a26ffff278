"""Reading a task, again while that may help."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Generic, Literal, NamedTuple, TypeVar

from octopusx_video._errors import BrokenAnswerError, NotSentError, OctopusXError
from octopusx_video._flows import backoff
from octopusx_video._flows.context import Caller, log
from octopusx_video._flows.effects import Flow, Send
from octopusx_video._flows.refusals import because, refusal, unreached
from octopusx_video._messages import contract, models, requests, responses
from octopusx_video._messages.exchange import Answer, Failure, Received

Model = TypeVar("Model", "models.VideoTask", "models.UnifiedVideoTask")

_MOVED = frozenset({301, 308})
"""An address that has moved for good, as that of http where https is served."""


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
        read = interpreted(caller, route, task_id, reply)
        if not isinstance(read, Setback):
            return read
        if not read.passes:
            raise read.error
        wanted = None if read.retry_after is None else backoff.bounded(read.retry_after, f"task {task_id}")
        yield from backoff.pause_or_raise(caller, read.error, attempt, wanted, until)
        attempt += 1


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


def interpreted(caller: Caller, route: Route[Model], task_id: str, reply: Answer | Failure) -> Model | Setback:
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
        refused = refusal(caller, route.operation, reply, task_id)
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
        error = NotSentError(unreached(caller, failure), task_id=task_id, advice=advice)
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
