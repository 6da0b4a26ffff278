"""What a client of this package consists of, made from its arguments."""

from __future__ import annotations

import time
from collections.abc import Callable

from octopusx_video import _settings
from octopusx_video._errors import NotSentError
from octopusx_video._flows import arguments
from octopusx_video._flows.context import Caller, Patience, World


def caller(
    api_key: object,
    base_url: object,
    max_retries: object,
    retry_for: object,
    submit_timeout: object,
    clock: Callable[[], float] | None,
    random: Callable[[], float],
) -> Caller:
    """Who runs the flows of a client.

    Raises:
        NotSentError: A setting is missing or can't be used.
    """
    if isinstance(max_retries, bool) or not isinstance(max_retries, int) or max_retries < 0:
        raise NotSentError(f"max_retries: {max_retries!r} is not an integer of 0 or more")
    world = World(clock or time.monotonic, time.time, random)
    patience = Patience(max_retries, arguments.seconds(retry_for, "retry_for"))
    return Caller(
        _settings.read(api_key, base_url), patience, world, arguments.above_zero(submit_timeout, "submit_timeout")
    )
