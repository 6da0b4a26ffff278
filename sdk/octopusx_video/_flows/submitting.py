"""Submitting: what is sent once, and what its response says about billing."""

from __future__ import annotations

from typing import NamedTuple

from octopusx_video._errors import NOT_SENT, AmbiguousSubmitError, NotSentError, OctopusXError, RefusedError
from octopusx_video._flows import backoff
from octopusx_video._flows.context import CallContext, log
from octopusx_video._flows.effects import Flow, Send
from octopusx_video._flows.refusals import no_connection, refusal
from octopusx_video._messages import contract, models, outcome, requests, responses, tasks
from octopusx_video._messages.exchange import Failure, Received, Request, Response

_ACCEPTED = "the submit was accepted and is billed: continue with task "


class _Sent(NamedTuple):
    """A submit that is under way: what is sent with which settings, when, and what has arrived in return."""

    context: CallContext
    request: Request
    at: float
    received: Received


class _NotBegun(NamedTuple):
    """A submit that the service certainly has not begun to work on."""

    error: OctopusXError
    retry_after: float | None = None


def submit(context: CallContext, request: Request) -> Flow[models.SubmittedTask]:
    """Submit, once: again only where no connection was made or the refusal was sent before any work (R28).

    Raises:
        NotSentError: No connection was made.
        RefusedError: Refused, and never billed.
        AmbiguousSubmitError: The task may exist and may be billed.
    """
    environment = context.environment
    until = environment.monotonic() + context.retry_policy.seconds
    attempt = 0
    while True:
        sent = _Sent(context, request, environment.wall(), Received())
        try:
            result = _result(sent, (yield Send(request, sent.received, within=context.submit_timeout)))
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
        yield from backoff.pause_or_raise(context, result.error, attempt, result.retry_after, until)
        attempt += 1


def _result(sent: _Sent, reply: Response | Failure) -> models.SubmittedTask | _NotBegun:
    """What a response, or its absence, means for a submit.

    Raises:
        NotSentError: No connection was made, and none will be.
        RefusedError, AmbiguousSubmitError: As ``submit`` has them.
    """
    if isinstance(reply, Failure):
        return _NotBegun(_unsent(sent, reply))
    if 200 <= reply.status < 300:
        return _submitted(sent, reply)
    error = _refused(sent, reply)
    if isinstance(error, AmbiguousSubmitError):
        raise error
    error.before_work = contract.bill(sent.request.operation, reply.status, responses.loaded(reply)).before_work
    if not error.before_work:
        raise error
    return _NotBegun(error, backoff.retry_after(reply, sent.context.environment))


def _unsent(sent: _Sent, failure: Failure) -> NotSentError:
    """The error of a submit that never left, and that may be sent again.

    Raises:
        NotSentError: It will fail again.
        AmbiguousSubmitError: It did leave.
    """
    if failure.sent:
        what = "the response is incomplete" if failure.partial else "no response arrived"
        raise _ambiguous(sent, f"{what} ({failure.reason})", failure.partial)
    error = NotSentError(no_connection(sent.context, failure))
    if failure.permanent:
        raise error
    return error


def _submitted(sent: _Sent, response: Response) -> models.SubmittedTask:
    reason = ""
    try:
        task = tasks.task(response, models.SubmittedTask, None, sent.context.settings.key)
    except tasks.UnreadableError as error:
        reason = str(error)
    else:
        task_id = outcome.task_id(task)
        # That the new task has the source's id is in a sample of the pages (R03): then the new one's is not known.
        if contract.is_task_id(task_id) and task_id != sent.request.source:
            _log_accepted(sent, task, response.status)
            return task
        reason = f"the id is {task_id!r}{', which is the source' if task_id == sent.request.source else ''}"
    # Outside of the handler, since what it caught may hold what must not be shown.
    raise _ambiguous(sent, f"status {response.status}, and {reason}{_why(sent, response)}", response)


def _log_accepted(sent: _Sent, task: models.SubmittedTask, status: int) -> None:
    name, task_id = sent.request.operation, outcome.task_id(task)
    if not contract.is_documented(name, status):
        log.warning("%s accepted with status %d, which is not documented: task %s", name, status, task_id)
    # Marked for who has to show an id from the moment on in which it is known.
    log.info("%s accepted: task %s, %s", name, task_id, outcome.status(task), extra={"accepted": task_id})


def _why(sent: _Sent, response: Response) -> str:
    return responses.error_detail(response, sent.context.redact).in_parentheses() if response.content else ""


def _refused(sent: _Sent, response: Response) -> RefusedError | AmbiguousSubmitError:
    value = responses.loaded(response)
    if not isinstance(value, dict):
        # What the contract lists is a JSON object, so nobody knows whose response this is (R29, R35).
        what = " without a JSON object" if response.is_read else " whose body was not read"
    elif contract.bill(sent.request.operation, response.status, value).billed != "never":
        what = ""
    elif responses.possible_task_ids(response, sent.request, is_named=True):
        what = ", and the response names a task"
    else:
        return refusal(sent.context, sent.request.operation, response, None)
    return _ambiguous(sent, f"status {response.status}{what}{_why(sent, response)}", response)


def _ambiguous(sent: _Sent, reason: str, response: Response | None = None) -> AmbiguousSubmitError:
    context, request = sent.context, sent.request
    digest = requests.digest(request)
    reason = context.redact(reason)
    request_id = response.request_id if response else None
    known = f"request id {request_id}" if request_id else f"request hash {digest[:12]}"
    ids = tuple(one for one in _possible_ids(response, request) if context.redact(one) == one)
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
        status=response.status if response else None,
        request_id=request_id,
        response=responses.excerpt(response, context.redact),
        possible_task_ids=ids,
        advice=advice,
    )
    context.settings.key.clean(error)
    log.warning("%s: %s (%s)", request.operation, text, known, extra={"ambiguous": error})
    return error


def _possible_ids(response: Response | None, request: Request) -> tuple[str, ...]:
    try:
        return responses.possible_task_ids(response, request)
    except Exception:  # noqa: BLE001 - whatever a response does to the search, the error itself must arrive
        return ()


def _interrupted(sent: _Sent) -> str:
    """What is known of a submit that was interrupted."""
    received = sent.received
    if not received.sent:
        return NOT_SENT
    arrived = received.partial()
    reply: Response | Failure = Failure(sent=True, reason="it was interrupted", partial=arrived)
    # A JSON object that is complete says all, even where the end of the response was not seen.
    if arrived is not None and (received.whole or responses.loaded(arrived) is not None):
        reply = arrived
    try:
        result = _result(sent, reply)
    except OctopusXError as error:
        return str(error)
    return str(result.error) if isinstance(result, _NotBegun) else accepted_note(outcome.task_id(result))


def accepted_note(task_id: str) -> str:
    """The note of an exception that was raised after a submit was accepted."""
    return f"{_ACCEPTED}{task_id}"


def accepted_task(stop: BaseException) -> str | None:
    """The id in such a note of an exception; None where it has none."""
    notes: list[str] = getattr(stop, "__notes__", [])
    return next((note.removeprefix(_ACCEPTED) for note in notes if note.startswith(_ACCEPTED)), None)
