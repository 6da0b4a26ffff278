"""How a task stands, and what an end that is none of the good ones is called."""

from __future__ import annotations

from octopusx_video import _contract, _models
from octopusx_video._errors import (
    NoVideoAddressError,
    TaskBlockedError,
    TaskCancelledError,
    TaskExpiredError,
    TaskFailedError,
)

_KINDS = {"cancelled": TaskCancelledError, "canceled": TaskCancelledError, "expired": TaskExpiredError}
_MAY_BE_BILLED = "whether it stays billed is not documented"


def phase(task: _models.SubmittedTask | _models.Task) -> str:
    """``running``, ``succeeded`` or ``failed``; a status that the contract does not know means running (R14)."""
    return _contract.phase(task.status)


def trouble(task: _models.Task, task_id: str) -> TaskFailedError | None:
    """The error of a task that has ended without a video that can be had by its address; None for a good end."""
    code, reason = _told(task)
    why = ": ".join(part for part in (code, reason) if part)
    if phase(task) == "failed":
        kind = _KINDS.get(task.status, TaskFailedError)
        text = f"task {task_id} has ended as {task.status}{f' ({why})' if why else ', without a reason'}"
        return kind(f"{text}; {_MAY_BE_BILLED}", task=task, task_id=task_id, code=code, reason=reason)
    if phase(task) != "succeeded":
        return None
    if why:
        text = f"task {task_id} calls itself {task.status} and carries an error ({why}); {_MAY_BE_BILLED}"
        return TaskBlockedError(text, task=task, task_id=task_id, code=code, reason=reason)
    if address(task) is None:
        text = f"task {task_id} is {task.status} and gives no address of a video"
        advice = "download it by its id: download(task_id, path)"
        return NoVideoAddressError(text, task=task, task_id=task_id, advice=advice)
    return None


def address(task: _models.SubmittedTask | _models.Task) -> str | None:
    """Where the video of a task that has succeeded is; None where it is not told."""
    told = None if isinstance(task, _models.SubmittedTask) else task.video_url
    return told if isinstance(told, str) and told and phase(task) == "succeeded" else None


def _told(task: _models.Task) -> tuple[str, str]:
    # The unified read has no field for it; the service may send it all the same.
    error = getattr(task, "error", None) or task.additional_properties.get("error")
    if not error:
        return "", ""
    told = error if isinstance(error, dict) else error.to_dict()
    return str(told.get("code", "")).strip(), str(told.get("message", "")).strip()
