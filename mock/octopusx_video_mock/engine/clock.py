"""The mock's clock."""

from __future__ import annotations

import threading
import time

MAX_TIME = 253_402_300_799.0
"""The last second of the year 9999, in Unix seconds."""


MAX_RATE = 100_000.0
"""How many times faster than the machine's time a clock runs at most."""


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
        # Its time when it stands still (None while it runs); when it runs, its time at a moment, that moment of the
        # machine's time, and its rate. They change as one, since other threads read the time meanwhile.
        self._state: tuple[float | None, float, float, float] = (start, 0.0, 0.0, 1.0)
        self._lock = threading.Lock()

    @property
    def stands_still(self) -> bool:
        """Whether time passes only by ``advance``."""
        return self._state[0] is not None

    @property
    def rate(self) -> float:
        """How many times faster than the machine's time it runs when it runs."""
        return self._state[3]

    def now(self) -> float:
        """The time, in Unix seconds."""
        stands_at, base, moment, rate = self._state
        return base + (time.time() - moment) * rate if stands_at is None else stands_at

    def stop(self) -> float:
        """Stop the clock. One that stands still is not changed. Returns the time."""
        with self._lock:
            self._state = (self.now(), *self._state[1:])
        return self.now()

    def start(self, rate: float | None = None) -> float:
        """Let the clock run from its time. One that runs continues. Returns the time.

        Args:
            rate: How many times faster than the machine's time; None leaves the rate as it is.

        Raises:
            ValueError: The rate is not between 0 (which it can't be) and ``MAX_RATE``.
        """
        if rate is not None and not 0 < rate <= MAX_RATE:
            raise ValueError(f"the clock can't run {rate} times faster; give a number above 0, {MAX_RATE:g} at most")
        with self._lock:
            if self._state[0] is not None or rate is not None:
                self._state = (None, self.now(), time.time(), rate or self._state[3])
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
            stands_at, base, moment, rate = self._state
            self._state = (None if stands_at is None else stands_at + seconds, base + seconds, moment, rate)
        return self.now()
