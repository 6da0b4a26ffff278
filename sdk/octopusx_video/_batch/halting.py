"""What the outcomes of submits mean for the next ones: go on, pause, or send nothing more."""

from __future__ import annotations

from typing import NamedTuple

from octopusx_video._batch.steps import Submitted
from octopusx_video._errors import AmbiguousSubmitError, RefusedError
from octopusx_video._flows import backoff
from octopusx_video._flows.context import Environment

MAX_AMBIGUOUS = 3
"""After so many submits in a row of which nobody knows whether they are billed, sending stops."""
MAX_TURNED_AWAY = 8
"""After so many pauses in a row without an accepted submit, a minute and a half, sending stops."""
_UNPAID = frozenset({401, 403})
_NO_QUOTA = "insufficient_quota"


class Verdict(NamedTuple):
    """What an outcome means.

    Attributes:
        pause: Seconds before the next submit of any job.
        stop: Why nothing more is sent; None to go on.
    """

    pause: float = 0.0
    stop: str | None = None


class Halting:
    """Counts the outcomes of submits.

    Args:
        environment: The clock and the randomness of pauses.
        keeps_going: Whether sending goes on after outcomes that nobody knows, and refusals of the account.
    """

    def __init__(self, environment: Environment, *, keeps_going: bool) -> None:
        self._environment = environment
        self._keeps_going = keeps_going
        self._ambiguous = 0
        self._turned_away = 0

    def noted(self, job: str, submitted: Submitted, *, is_paused: bool) -> Verdict:
        """Note the outcome of a submit that was sent.

        Args:
            job: The id of its job.
            submitted: The outcome.
            is_paused: Whether a pause is under way: several that were sent together are turned away once.
        """
        error = submitted.error
        if submitted.task is not None:
            self._ambiguous = self._turned_away = 0
            return Verdict()
        if submitted.state == "not_sent":
            wanted = error.retry_after if isinstance(error, RefusedError) else None
            pause = backoff.bounded(wanted, f"job {job}")
            if not is_paused:
                pause = max(pause, backoff.pause(self._turned_away, self._environment))
                self._turned_away += 1
            stop = error.problem if error is not None and self._turned_away >= MAX_TURNED_AWAY else None
            return Verdict(pause, stop or self._refusal(submitted))
        if isinstance(error, AmbiguousSubmitError):
            self._ambiguous += 1
            if self._ambiguous >= MAX_AMBIGUOUS and not self._keeps_going:
                return Verdict(stop=f"{self._ambiguous} submits in a row may be billed, and nobody knows")
            return Verdict()
        self._ambiguous = 0
        return Verdict(stop=self._refusal(submitted))

    def _refusal(self, submitted: Submitted) -> str | None:
        """Why nothing more is sent after a refusal that concerns the account; None after any other."""
        error = submitted.error
        is_refused = isinstance(error, RefusedError) and (error.status in _UNPAID or error.code == _NO_QUOTA)
        return error.problem if error is not None and is_refused and not self._keeps_going else None
