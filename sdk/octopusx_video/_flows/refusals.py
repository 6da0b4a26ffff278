"""The errors of a request that was refused or never left, which submits and reads have in common."""

from __future__ import annotations

from octopusx_video._errors import RefusedError
from octopusx_video._flows import backoff
from octopusx_video._flows.context import CallContext
from octopusx_video._messages import contract, responses
from octopusx_video._messages.exchange import Failure, Response

_HINTS = {
    401: "check the key",
    403: "check the balance and what the key may do",
    404: "check the id, and the base URL",
    501: "this task is read by the unified routes: client.unified",
}


def refusal(context: CallContext, operation: str, response: Response, task_id: str | None) -> RefusedError:
    """The error of a request that the service refused."""
    detail = responses.error_detail(response, context.redact)
    hint = _HINTS.get(response.status)
    if detail.code == contract.unknown_task_code():
        hint = f"this key has no task {task_id}" if task_id else "this key has no such source task"
    text = f"{operation} was refused with {response.status}{detail.in_parentheses()}{f'; {hint}' if hint else ''}"
    return RefusedError(
        context.redact(text),
        status=response.status,
        code=context.redact(detail.code),
        reason=context.redact(detail.reason),
        request_id=response.request_id,
        retry_after=backoff.retry_after(response, context.environment),
        response=responses.excerpt(response, context.redact),
        task_id=task_id,
    )


def no_connection(context: CallContext, failure: Failure) -> str:
    """The text of the error of a request that never left."""
    return f"no connection was made to {context.settings.base_url}: {failure.reason}"
