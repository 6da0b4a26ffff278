"""What every flow is given: the settings, how often to repeat, clocks and chance."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import NamedTuple

from octopusx_video._key import redact
from octopusx_video._settings import Settings

log = logging.getLogger("octopusx_video")
log.addHandler(logging.NullHandler())
log.addFilter(redact)


class Patience(NamedTuple):
    """For how long a request that may be repeated is repeated.

    Attributes:
        most: How often at most, after the first time.
        within: Seconds from the first time to the last, waits included.
    """

    most: int
    within: float


class World(NamedTuple):
    """What a flow knows of the world.

    Attributes:
        monotonic: The clock of deadlines, in seconds.
        wall: The time of day, in Unix seconds.
        random: A number from 0 up to 1.
    """

    monotonic: Callable[[], float]
    wall: Callable[[], float]
    random: Callable[[], float]


class Caller(NamedTuple):
    """Who runs a flow: its settings, its patience, what it knows of the world, and how long a submit may take."""

    settings: Settings
    patience: Patience
    world: World
    submit_timeout: float

    def redact(self, text: str) -> str:
        """The text without the key."""
        return self.settings.key.redact(text)
