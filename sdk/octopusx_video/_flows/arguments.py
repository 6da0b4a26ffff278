"""Arguments that several calls take, checked before anything is sent."""

from __future__ import annotations

from typing import Any

from octopusx_video import _defaults
from octopusx_video._errors import NotSentError


def seconds(value: object, name: str) -> float:
    """A number of seconds from 0 on.

    Raises:
        NotSentError: It is none.
    """
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= _defaults.MAX_SECONDS:
        raise NotSentError(f"{name}: {value!r} is not a non-negative number of seconds")
    return float(value)


def above_zero(value: object, name: str) -> float:
    """A number of seconds above 0.

    Raises:
        NotSentError: It is none.
    """
    number = seconds(value, name)
    if not number:
        raise NotSentError(f"{name}: 0 is not allowed; give a number of seconds above 0")
    return number


def function(value: Any, name: str) -> Any:
    """A function, or None.

    Raises:
        NotSentError: It is neither.
    """
    if value is not None and not callable(value):
        raise NotSentError(f"{name} is of type {type(value).__name__}; give a function")
    return value
