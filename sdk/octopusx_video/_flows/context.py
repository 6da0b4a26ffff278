"""What every flow is given: the settings, how often to repeat a request, clocks and chance."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import NamedTuple

from octopusx_video._key import redact
from octopusx_video._settings import Settings

log = logging.getLogger("octopusx_video")
log.addHandler(logging.NullHandler())
log.addFilter(redact)


class RetryPolicy(NamedTuple):
    """For how long a request that may be repeated is repeated.

    Attributes:
        max_retries: How often at most, after the first time.
        seconds: From the first time to the last, pauses included.
    """

    max_retries: int
    seconds: float


class Environment(NamedTuple):
    """What a flow knows of its surroundings.

    Attributes:
        monotonic: The clock of deadlines, in seconds.
        wall: The time of day, in Unix seconds.
        random: A number from 0 up to 1.
    """

    monotonic: Callable[[], float]
    wall: Callable[[], float]
    random: Callable[[], float]


class CallContext(NamedTuple):
    """What a flow is run with.

    Attributes:
        settings: The key and the address of the API.
        retry_policy: For how long a request is repeated.
        environment: Clocks and chance.
        submit_timeout: Seconds that the response to a submit may take.
    """

    settings: Settings
    retry_policy: RetryPolicy
    environment: Environment
    submit_timeout: float

    def redact(self, text: str) -> str:
        """The text without the key."""
        return self.settings.key.redact(text)
