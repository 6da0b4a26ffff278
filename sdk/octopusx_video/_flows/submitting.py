"""Submitting: what is sent once, and what its response says of the bill."""

from __future__ import annotations

import hashlib
from typing import NamedTuple

from octopusx_video._errors import (
    NOT_SENT,
    AmbiguousSubmitError,
    NotSentError,
    OctopusXError,
)
from octopusx_video._flows import backoff
from octopusx_video._flows.context import Caller, log
from octopusx_video._flows.effects import Flow, Send
from octopusx_video._flows.refusals import because, refusal, unreached
from octopusx_video._messages import contract, models, outcome, responses
from octopusx_video._messages.exchange import Answer, Failure, Outgoing, Received


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
        yield from backoff.pause_or_raise(caller, result.error, attempt, result.retry_after, until)
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
        error: OctopusXError = NotSentError(unreached(caller, reply))
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
    return refusal(caller, sent.request.operation, answer, None)


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
