"""When to ask again: after a refusal, after silence, and while a task runs."""

from __future__ import annotations

import datetime as dt
import email.utils
import math
from collections.abc import Iterator

from octopusx_video._errors import OctopusXError
from octopusx_video._flows.context import CallContext, Environment, log
from octopusx_video._flows.effects import Flow, Sleep
from octopusx_video._messages.exchange import ResponseHead

MIN_PAUSE, MAX_PAUSE = 0.5, 30.0
POLL_GROWTH = 1.5
MAX_POLL_FACTOR = 8
"""How many times longer than the first the longest pause between two polls is."""
MAX_RETRY_AFTER = 60.0
"""How many seconds a read waits at most because Retry-After asks for it: a wrong number must not stop a wait."""
JITTER = 0.25
"""By how much of itself a pause may be shorter, so that many clients do not ask at once."""

_AGAIN = frozenset({408, 425, 429})


def is_temporary(status: int) -> bool:
    """Whether a read with this status may succeed later: there were too many requests, or the server failed."""
    return status in _AGAIN or (status >= 500 and status != 501)


def pause(attempt: int, environment: Environment) -> float:
    """Seconds to wait after the attempt of this number, counted from 0."""
    return _jittered(min(MAX_PAUSE, MIN_PAUSE * 2.0 ** min(attempt, 16)), environment)


def polls(first: float, environment: Environment) -> Iterator[float]:
    """Seconds between two reads of a running task, growing."""
    seconds = first
    while True:
        yield _jittered(seconds, environment)
        seconds = min(seconds * POLL_GROWTH, first * MAX_POLL_FACTOR)


def retry_after(head: ResponseHead, environment: Environment) -> float | None:
    """Seconds that Retry-After asks for, as seconds or as a date in any form of RFC 9110; None where it does not.

    A date is compared with the server's own clock where its Date header gives it.
    """
    text = head.headers.get("retry-after", "").strip()
    try:
        wanted = float(text)
    except ValueError:
        moment = _moment(text)
        if moment is None:
            return None
        now = _moment(head.headers.get("date", ""))
        return max(0.0, moment - (environment.wall() if now is None else now))
    return wanted if math.isfinite(wanted) and wanted >= 0 else None


def bounded(wanted: float | None, what: str) -> float:
    """Seconds that a read waits because Retry-After asks for it, at most a minute.

    Args:
        wanted: What Retry-After asks for; None where it does not.
        what: The read, for the log.
    """
    if wanted is None:
        return 0.0
    if wanted > MAX_RETRY_AFTER:
        log.info("%s: Retry-After asks for %g s; the next read is in %g s", what, wanted, MAX_RETRY_AFTER)
    return min(wanted, MAX_RETRY_AFTER)


def pause_or_raise(
    context: CallContext, error: OctopusXError, attempt: int, wanted: float | None, until: float
) -> Flow[None]:
    """Wait before the next attempt, or raise the error where there is none: too many, or not enough time for it."""
    seconds = max(pause(attempt, context.environment), wanted or 0.0)
    if attempt >= context.retry_policy.max_retries or context.environment.monotonic() + seconds > until:
        raise error
    log.info("%s; again in %.1f s", error.problem, seconds, extra={"retry": True})
    yield Sleep(seconds)


def _moment(text: str) -> float | None:
    try:
        moment = email.utils.parsedate_to_datetime(text)
    except (TypeError, ValueError, IndexError, OverflowError):
        return None
    # The form of C's asctime has no zone and means GMT (RFC 9110 section 5.6.7), as do all.
    return (moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)).timestamp()


def _jittered(seconds: float, environment: Environment) -> float:
    return seconds * (1 - JITTER * environment.random())
