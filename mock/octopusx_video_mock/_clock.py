"""What time it is for the mock."""

from __future__ import annotations

import threading
import time

LATEST = 253_402_300_799.0
"""The last second of the year 9999, in Unix seconds."""


class Clock:
    """The mock's time, in Unix seconds: the machine's time, or one that stands still until it is turned.

    Args:
        start: The time at which the clock stands still; None follows the machine's time.

    Raises:
        ValueError: ``start`` is before 1970 or past the year 9999.
    """

    def __init__(self, start: float | None = None) -> None:
        if start is not None and not 0 <= start <= LATEST:
            raise ValueError(f"a clock can't stand at {start}; give Unix seconds before the year 10000")
        self._start = start
        self._ahead = 0.0
        self._lock = threading.Lock()

    @property
    def stands_still(self) -> bool:
        """Whether time passes only by ``advance``."""
        return self._start is not None

    def now(self) -> float:
        """The time, in Unix seconds."""
        return (time.time() if self._start is None else self._start) + self._ahead

    def advance(self, seconds: float) -> float:
        """Turn the clock forward by so many seconds. Returns the new time.

        Raises:
            ValueError: ``seconds`` is negative, no number, or leads past the year 9999.
        """
        with self._lock:
            if not 0 <= seconds <= LATEST - self.now():
                shown = str(seconds)[:30]
                raise ValueError(f"a clock can't be turned by {shown} seconds; time runs forward, to the year 9999")
            self._ahead += seconds
        return self.now()
