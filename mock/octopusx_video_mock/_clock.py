"""What time it is for the mock."""

from __future__ import annotations

import threading
import time


class Clock:
    """The mock's time, in Unix seconds: the machine's time, or one that stands still until it is turned.

    Args:
        start: The time at which the clock stands still; None follows the machine's time.
    """

    def __init__(self, start: float | None = None) -> None:
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
            ValueError: ``seconds`` is negative or no number; time does not run backwards.
        """
        if not 0 <= seconds < float("inf"):
            raise ValueError(f"a clock can't be turned by {seconds} seconds; give a number that is not negative")
        with self._lock:
            self._ahead += seconds
        return self.now()
