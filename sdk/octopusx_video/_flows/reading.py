"""Reading a task, again while that may help."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Generic, Literal, NamedTuple, TypeVar

from octopusx_video._errors import BrokenAnswerError, NotSentError, OctopusXError
from octopusx_video._flows import backoff
from octopusx_video._flows.context import CallContext, log
from octopusx_video._flows.effects import Flow, Send
from octopusx_video._flows.refusals import no_connection, refusal
from octopusx_video._messages import contract, models, requests, responses, tasks
from octopusx_video._messages.exchange import Failure, Received, Response

Model = TypeVar("Model", "models.VideoTask", "models.UnifiedVideoTask")

_MOVED = frozenset({301, 308})
"""An address that has moved for good, as that of http where https is served."""


class Route(NamedTuple, Generic[Model]):
    """An operation that reads a task.

    Attributes:
        operation: The contract's name of it.
        load: Gives the model of its response.
    """

    operation: Literal["getVideoTask", "queryUnifiedVideo"]
    load: Callable[[], type[Model]]


VIDEOS: Route[models.VideoTask] = Route("getVideoTask", lambda: models.VideoTask)
UNIFIED: Route[models.UnifiedVideoTask] = Route("queryUnifiedVideo", lambda: models.UnifiedVideoTask)


class ReadFailure(NamedTuple):
    """A read that says nothing of its task.

    Attributes:
        error: What to raise for it.
        is_temporary: Whether the next read may succeed.
        is_unknown: Whether the task is unknown, which one that is new may be for a while.
        is_permanent: Whether the same read will fail in the same way, by all that is known.
        retry_after: Seconds after which the service wants the next request.
    """

    error: OctopusXError
    is_temporary: bool
    is_unknown: bool = False
    is_permanent: bool = False
    retry_after: float | None = None


def retrieve(context: CallContext, route: Route[Model], task: models.TaskOrId, latest: float = math.inf) -> Flow[Model]:
    """Read a task, again while that may help, and not after ``latest`` on the monotonic clock.

    Raises:
        RefusedError: Refused for good, as when the task is unknown.
        NotSentError: No connection was made.
        BrokenAnswerError: No response arrived, or none that can be understood.
    """
    task_id = requests.task_id(task, "task")
    until = min(latest, context.environment.monotonic() + context.retry_policy.seconds)
    attempt = 0
    while True:
        read = yield from read_once(context, route, task_id, until)
        if not isinstance(read, ReadFailure):
            return read
        if not read.is_temporary:
            raise read.error
        wanted = None if read.retry_after is None else backoff.bounded(read.retry_after, f"task {task_id}")
        yield from backoff.pause_or_raise(context, read.error, attempt, wanted, until)
        attempt += 1


def read_once(context: CallContext, route: Route[Model], task_id: str, until: float) -> Flow[Model | ReadFailure]:
    """Read a task once, until a moment on the monotonic clock."""
    reply = yield Send(requests.read(context.settings.base_url, route.operation, task_id), Received(), until)
    if isinstance(reply, Failure):
        return _incomplete(context, task_id, reply)
    if not 200 <= reply.status < 300:
        return _rejected(context, route, task_id, reply)
    try:
        task: Model = tasks.task(reply, route.load(), task_id, context.settings.key)
    except tasks.UnreadableError as error:
        reason = f"{error}{responses.error_detail(reply, context.redact).in_parentheses()}"
        return ReadFailure(_broken(context, reply, reason, task_id), is_temporary=True)
    if not contract.is_documented(route.operation, reply.status):
        log.info("task %s: read with status %d, which is not documented", task_id, reply.status)
    return task


def _rejected(context: CallContext, route: Route[Model], task_id: str, reply: Response) -> ReadFailure:
    """What a read with a status that is no success means."""
    if 400 <= reply.status < 600:
        detail = responses.error_detail(reply, context.redact)
        is_unknown = reply.status in {400, 404} and detail.code == contract.unknown_task_code()
        is_unknown |= reply.status == 404 and detail.kind != contract.contract().wrong_route_type
        error = refusal(context, route.operation, reply, task_id)
        is_temporary = backoff.is_temporary(reply.status)
        return ReadFailure(error, is_temporary, is_unknown=is_unknown, retry_after=error.retry_after)
    has_moved = reply.status in _MOVED
    where = f"the address has moved to {reply.headers.get('location', 'another')}; check the base URL"
    broken = _broken(context, reply, where if has_moved else "the status is not documented", task_id)
    return ReadFailure(broken, is_temporary=not has_moved, is_permanent=has_moved)


def _incomplete(context: CallContext, task_id: str, failure: Failure) -> ReadFailure:
    """What a read without a complete response means."""
    advice = "the same read will fail again; the task is not affected" if failure.permanent else ""
    error: OctopusXError
    if not failure.sent:
        error = NotSentError(no_connection(context, failure), task_id=task_id, advice=advice)
    else:
        partial = failure.partial
        error = BrokenAnswerError(
            f"{'the response is incomplete' if partial else 'no response arrived'}: {failure.reason}",
            status=partial.status if partial else None,
            request_id=partial.request_id if partial else None,
            response=responses.excerpt(partial, context.redact),
            task_id=task_id,
            advice=advice,
        )
    return ReadFailure(error, is_temporary=not failure.permanent, is_permanent=failure.permanent)


def _broken(context: CallContext, response: Response, reason: str, task_id: str) -> BrokenAnswerError:
    return BrokenAnswerError(
        context.redact(f"the response to the read can't be used: status {response.status}, and {reason}"),
        status=response.status,
        request_id=response.request_id,
        response=responses.excerpt(response, context.redact),
        task_id=task_id,
    )
