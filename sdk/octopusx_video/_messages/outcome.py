"""The values of a task, how far it is, and the error of a task that has ended without a video."""

from __future__ import annotations

from typing import Any

from octopusx_video_openapi.text import snake

from octopusx_video._errors import (
    NoVideoAddressError,
    TaskBlockedError,
    TaskCancelledError,
    TaskExpiredError,
    TaskFailedError,
)
from octopusx_video._messages import contract, models

_KINDS = {"cancelled": TaskCancelledError, "canceled": TaskCancelledError, "expired": TaskExpiredError}
_MAY_BE_BILLED = "whether it stays billed is not documented"


def value(task: models.SubmittedTask | models.Task, value_of: str) -> Any:
    """A value of a task by what the contract calls it, such as ``task.status``; None where it is not given."""
    from octopusx_video_client.types import Unset  # noqa: PLC0415 - see models

    found = getattr(task, snake(contract.field(type(task).__name__, value_of)), None)
    return None if isinstance(found, Unset) else found


def task_id(task: models.SubmittedTask | models.Task) -> str:
    """The id of a task."""
    return str(value(task, contract.ID))


def status(task: models.SubmittedTask | models.Task) -> str:
    """The status of a task, as the service writes it."""
    return str(value(task, contract.STATUS))


def phase(task: models.SubmittedTask | models.Task) -> str:
    """``running``, ``succeeded`` or ``failed``; a status that the contract does not know means running (R14)."""
    return contract.phase(status(task))


def failure(task: models.Task, named: str) -> TaskFailedError | None:
    """The error of a task that has ended without a video that can be had by its address; None for a good end."""
    code, reason = _error(task)
    why = ": ".join(part for part in (code, reason) if part)
    if phase(task) == "failed":
        kind = _KINDS.get(status(task), TaskFailedError)
        text = f"task {named} has ended as {status(task)}{f' ({why})' if why else ', without a reason'}"
        return kind(f"{text}; {_MAY_BE_BILLED}", task=task, task_id=named, code=code, reason=reason)
    if phase(task) != "succeeded":
        return None
    if why:
        text = f"task {named} is {status(task)} and has an error ({why}); {_MAY_BE_BILLED}"
        return TaskBlockedError(text, task=task, task_id=named, code=code, reason=reason)
    if address(task) is None:
        text = f"task {named} is {status(task)} and has no address of a video"
        advice = "download it by its id: download(task_id, path)"
        return NoVideoAddressError(text, task=task, task_id=named, advice=advice)
    return None


def address(task: models.SubmittedTask | models.Task) -> str | None:
    """Where the video of a task that has succeeded is; None where it is not given."""
    found = value(task, contract.ADDRESS)
    return found if isinstance(found, str) and found and phase(task) == "succeeded" else None


def _error(task: models.Task) -> tuple[str, str]:
    """The code and the reason in a task."""
    # The unified read has no field for it; the service may send it all the same.
    message, code = contract.error_places(type(task).__name__)
    error = getattr(task, snake(message[0]), None) or task.additional_properties.get(message[0])
    if not error:
        return "", ""
    fields = error if isinstance(error, dict) else error.to_dict()
    return str(fields.get(code[1], "")).strip(), str(fields.get(message[1], "")).strip()
