"""The mock's clock."""

from __future__ import annotations

import threading
import time

MAX_TIME = 253_402_300_799.0
"""The last second of the year 9999, in Unix seconds."""


class Clock:
    """The mock's time, in Unix seconds: it runs with the machine's time, or stands still until it is advanced.

    Args:
        start: The time at which the clock stands still; None makes it run with the machine's time.

    Raises:
        ValueError: ``start`` is before 1970 or past the year 9999.
    """

    def __init__(self, start: float | None = None) -> None:
        if start is not None and not 0 <= start <= MAX_TIME:
            raise ValueError(f"a clock can't stand at {start}; give Unix seconds before the year 10000")
        # Its time when it stands still (None while it runs), and what is added to that or to the machine's time. They
        # change as one, since other threads read the time meanwhile.
        self._state: tuple[float | None, float] = (start, 0.0)
        self._lock = threading.Lock()

    @property
    def stands_still(self) -> bool:
        """Whether time passes only by ``advance``."""
        return self._state[0] is not None

    def now(self) -> float:
        """The time, in Unix seconds."""
        stands_at, ahead = self._state
        return (time.time() if stands_at is None else stands_at) + ahead

    def stop(self) -> float:
        """Stop the clock. One that stands still is not changed. Returns the time."""
        with self._lock:
            stands_at, ahead = self._state
            if stands_at is None:
                self._state = (time.time(), ahead)
        return self.now()

    def start(self) -> float:
        """Let the clock run from its time. One that runs continues. Returns the time."""
        with self._lock:
            if self._state[0] is not None:
                self._state = (None, self.now() - time.time())
        return self.now()

    def advance(self, seconds: float) -> float:
        """Advance the clock by so many seconds. Returns the new time.

        Raises:
            ValueError: ``seconds`` is negative, no number, or leads past the year 9999.
        """
        with self._lock:
            if not 0 <= seconds <= MAX_TIME - self.now():
                shown = str(seconds)[:30]
                raise ValueError(
                    f"the clock can't advance by {shown} seconds; give 0 or more, to the year 9999 at most"
                )
            stands_at, ahead = self._state
            self._state = (stands_at, ahead + seconds)
        return self.now()
