"""The settings of an engine, and which values they can have."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from octopusx_video_mock.errors import MockError

SECRET_VARIABLE = "OCTOPUSX_MOCK_SECRET"  # noqa: S105 - its name
"""Environment variable with the secret of mocks that know each other's tasks."""
# Public, and so the same after a restart and on every machine: enough where only its user reaches the mock.
_COMMON_SECRET = "octopusx-video-mock"  # noqa: S105 - none that would have to be kept
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
