"""The errors of a request that was refused or never left, which submits and reads have in common."""

from __future__ import annotations

from octopusx_video._errors import RefusedError
from octopusx_video._flows import backoff
from octopusx_video._flows.context import Caller
from octopusx_video._messages import contract, responses
from octopusx_video._messages.exchange import Answer, Failure

_HINTS = {
    401: "check the key",
    403: "check the balance and what the key may do",
    404: "check the id, and the base URL",
    501: "this task is read by the unified routes: client.unified",
}


def refusal(caller: Caller, operation: str, answer: Answer, task_id: str | None) -> RefusedError:
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


def unreached(caller: Caller, failure: Failure) -> str:
    return f"no connection was made to {caller.settings.base_url}: {failure.reason}"
