"""When to ask again: after a refusal, after silence, and while a task runs."""

from __future__ import annotations

import datetime as dt
import email.utils
import math
from collections.abc import Iterator

from octopusx_video._errors import OctopusXError
from octopusx_video._flows.context import Caller, World, log
from octopusx_video._flows.effects import Flow, Sleep
from octopusx_video._messages.exchange import Head

FIRST_PAUSE = 0.5
LONGEST_PAUSE = 30.0
POLL_GROWTH = 1.5
POLL_MOST = 8
"""How many times longer than the first the longest pause between two polls is."""
LONGEST_RETRY_AFTER = 60.0
"""How many seconds a read waits at most because Retry-After asks for it: a wrong number must not stop a wait."""
JITTER = 0.25
"""By how much of itself a pause may be shorter, so that many callers do not ask at once."""

_AGAIN = frozenset({408, 425, 429})


def passes(status: int) -> bool:
    """Whether a read that was answered so may be answered otherwise later: too many came, or the server broke."""
    return status in _AGAIN or (status >= 500 and status != 501)


def backoff(attempt: int, world: World) -> float:
    """Seconds to wait after the attempt of this number, counted from 0."""
    return _jittered(min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** min(attempt, 16)), world)


def polls(first: float, world: World) -> Iterator[float]:
    """Seconds between two reads of a running task, growing."""
    pause = first
    while True:
        yield _jittered(pause, world)
        pause = min(pause * POLL_GROWTH, first * POLL_MOST)


def retry_after(head: Head, world: World) -> float | None:
    """Seconds that Retry-After asks for, as seconds or as a date in any form of RFC 9110; None where it does not.

    A date is held to the server's own clock where its Date header tells it.
    """
    text = head.headers.get("retry-after", "").strip()
    try:
        wanted = float(text)
    except ValueError:
        moment = _moment(text)
        if moment is None:
            return None
        now = _moment(head.headers.get("date", ""))
        return max(0.0, moment - (world.wall() if now is None else now))
    return wanted if math.isfinite(wanted) and wanted >= 0 else None


def bounded(wanted: float | None, what: str) -> float:
    """Seconds that a read waits because Retry-After asks for it, at most a minute.

    Args:
        wanted: What Retry-After asks for; None where it does not.
        what: The read, for the log.
    """
    if wanted is None:
        return 0.0
    if wanted > LONGEST_RETRY_AFTER:
        log.info("%s: Retry-After asks for %g s; the next read is in %g s", what, wanted, LONGEST_RETRY_AFTER)
    return min(wanted, LONGEST_RETRY_AFTER)


def _moment(text: str) -> float | None:
    try:
        moment = email.utils.parsedate_to_datetime(text)
    except (TypeError, ValueError, IndexError, OverflowError):
        return None
    # The form of C's asctime tells no zone and means GMT (RFC 9110 section 5.6.7), as do all.
    return (moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)).timestamp()


def _jittered(pause: float, world: World) -> float:
    return pause * (1 - JITTER * world.random())


def pause_or_raise(
    caller: Caller, error: OctopusXError, attempt: int, wanted: float | None, until: float
) -> Flow[None]:
    """Wait before the next attempt, or raise the error where there is none: too many, or not enough time for it."""
    pause = max(backoff(attempt, caller.world), wanted or 0.0)
    if attempt >= caller.patience.most or caller.world.monotonic() + pause > until:
        raise error
    log.info("%s; again in %.1f s", error.problem, pause, extra={"setback": True})
    yield Sleep(pause)
