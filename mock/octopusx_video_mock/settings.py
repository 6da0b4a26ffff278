"""The settings of an engine, and which values they can have."""

from __future__ import annotations

import math
import os
import random
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from octopusx_video_mock.errors import MockError

SECRET_VARIABLE = "OCTOPUSX_MOCK_SECRET"  # noqa: S105 - its name
"""Environment variable with the secret of mocks that know each other's tasks."""
# Public, and so the same after a restart and on every machine: enough where only its user reaches the mock.
_COMMON_SECRET = "octopusx-video-mock"  # noqa: S105 - none that would have to be kept
MAX_LATENCY = 60.0
"""Seconds that a response may be held back at most."""
_LATENCY = re.compile(r"([0-9]{1,4}(?:\.[0-9]{1,6})?)(?:-([0-9]{1,4}(?:\.[0-9]{1,6})?))?")
_KEY = re.compile(r"[A-Za-z0-9._~+/-]+=*")


@dataclass(frozen=True)
class Settings:
    """The settings of an engine.

    Attributes:
        secret: Keys the digest in the ids; engines that share it know each other's tasks.
        tokens: The API keys that are accepted; with none, any well-formed key.
        speed: How many times faster than in the contract a new task runs.
    """

    secret: bytes
    tokens: tuple[str, ...] = ()
    speed: float = 1.0

    @classmethod
    def checked(cls, token: str | Sequence[str] | None, speed: float, secret: str | None = None) -> Self:
        """The settings, if they can be used.

        Args:
            token: An API key, or several; None accepts any.
            speed: How many times faster than in the contract a new task runs.
            secret: Taken from the environment when left out.

        Raises:
            MockError: A token or the speed can't be used.
        """
        tokens = () if token is None else (token,) if isinstance(token, str) else tuple(token)
        if token is not None and not tokens:
            raise MockError("an empty list of tokens accepts no key; name one, or leave it out to accept any")
        for one in tokens:
            check_token(one)
        if not (math.isfinite(speed) and 1e-3 <= speed <= 1e6):
            raise MockError(f"the speed {speed} is not between 0.001 and 1000000; choose another speed")
        chosen = secret if secret is not None else os.environ.get(SECRET_VARIABLE) or _COMMON_SECRET
        return cls(chosen.encode("utf-8", "surrogateescape"), tokens, speed)


def check_token(token: str | None) -> None:
    """Check that a token can be sent as a key (RFC 6750 section 2.1).

    Raises:
        MockError: It can't. The token itself is not shown.
    """
    if token is not None and not _KEY.fullmatch(token):
        raise MockError("the token can't be sent as a key; use letters, digits and - . _ ~ + /, as keys have")


class Latency:
    """How long each response is held back: always as long, or a time that is drawn from a range.

    Args:
        least: Seconds.
        most: Seconds.
        seed: Decides what is drawn.
    """

    def __init__(self, least: float, most: float, seed: int) -> None:
        self._range = least, most
        self._random = random.Random(seed)  # noqa: S311 - drawn to be repeated, not to be secret

    def __call__(self) -> float:
        """How long the next response is held back, in seconds."""
        return self._random.uniform(*self._range)

    @classmethod
    def of(cls, text: str, seed: int) -> Self:
        """What a text such as ``0.2`` or ``0.1-0.5`` says, in seconds.

        Raises:
            MockError: It says nothing of the kind.
        """
        found = _LATENCY.fullmatch(text)
        least = float(found[1]) if found else -1.0
        most = float(found[2] or found[1]) if found else -1.0
        if not 0 <= least <= most <= MAX_LATENCY:
            what = f"the latency {text!r} is not a number of seconds, such as 0.2, or a range, such as 0.1-0.5"
            raise MockError(f"{what}; {MAX_LATENCY:g} seconds are the most")
        return cls(least, most, seed)
