"""The states of a job and of an attempt, and what they mean: for the budget, for the next run, for the exit status."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, TypeAlias, get_args

from octopusx_video import _defaults

JobState: TypeAlias = Literal[
    "new",
    "sending",
    "accepted",
    "done",
    "failed",
    "undelivered",
    "expired",
    "refused",
    "not_sent",
    "held",
    "parked",
    "stopped",
]
AttemptState: TypeAlias = Literal["sending", "accepted", "parked", "refused", "not_sent", "not_billed"]

JOB_STATES: tuple[JobState, ...] = get_args(JobState)
ATTEMPT_STATES: tuple[AttemptState, ...] = get_args(AttemptState)

MEANINGS: Mapping[JobState, str] = {
    "new": "not tried yet; the next run sends it",
    "sending": "the submit is being sent",
    "accepted": "paid: the id of the task is known, and its video is awaited or downloaded",
    "done": "paid: the video is saved",
    "failed": "the task ended without a video, or you gave it up; it may stay billed (R30). --retry failed pays again",
    "undelivered": "paid: the task or its download did not end well in this run; the next run tries it again, for free",
    "expired": "paid: the task or its video has expired. --retry expired pays again",
    "refused": "the service refused it and did not bill it. --retry refused sends it again",
    "not_sent": "it never reached the service, or was turned away before any work; the next run sends it again",
    "held": "the budget is reached; a run with a larger one sends it",
    "parked": "it may be billed, and nobody knows: it is not sent again until you say what happened (batch resolve)",
    "stopped": "not sent, since sending was stopped; the next run sends it",
}
"""What each state means for a person."""

SENDABLE: tuple[JobState, ...] = ("new", "not_sent", "held", "stopped")
"""A run sends the jobs in these states."""
UNFINISHED: tuple[JobState, ...] = ("accepted", "undelivered")
"""A run waits for the tasks of these jobs and downloads their videos."""
RETRIED: tuple[JobState, ...] = _defaults.RETRIED
"""The states that --retry takes: what is sent again only when the user asks for it."""
COUNTED: tuple[AttemptState, ...] = ("sending", "accepted", "parked")
"""An attempt in one of these states is or may be billed, and counts for the budget."""
CERTAIN: frozenset[AttemptState] = frozenset({"accepted", "refused", "not_sent", "not_billed"})
"""Whether an attempt was billed is known."""

DONE, SOME_FAILED, BAD_INPUT, SOME_PARKED, BUDGET_REACHED = 0, 1, 2, 3, 7
"""The exit statuses."""


def exit_status(counts: Mapping[JobState, int]) -> int:
    """The exit status of a run: the state that needs a person most decides."""
    if counts.get("parked"):
        return SOME_PARKED
    if counts.get("held"):
        return BUDGET_REACHED
    return SOME_FAILED if any(count for state, count in counts.items() if state != "done") else DONE
