"""How the command shows how far a wait or a download is."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import NoReturn

EVERY = 30.0
"""Seconds after which a pipe gets the next line although the status is the same."""
TICK = 0.5
"""Seconds between two looks at the clock while a command sleeps."""
_MIN_REDRAW_SECONDS = 0.1
"""Seconds between two pictures of a bar."""
_MAX_LABEL = 20
_PERCENT = "{desc} {percentage:3.0f}%|{bar}| {elapsed}"
_BYTES = "{desc} {percentage:3.0f}%|{bar}| {n_fmt}B {elapsed}"
_UNBOUNDED = "{desc} {n_fmt}B {elapsed}"


class Progress:
    """Shows how far something is; this one shows nothing."""

    def show(self, position: int | None, label: str, line: str, total: int | None = None) -> None:
        """Show a state.

        Args:
            position: How far it is, of ``total``; None where it is not known.
            label: What is being done, in a word or two.
            line: The same with all that is known.
            total: At which position it ends, if that is known only now.
        """

    def tick(self) -> None:
        """Show the time that has passed."""

    def hidden(self) -> contextlib.AbstractContextManager[None]:
        """Make room for another line."""
        return contextlib.nullcontext()

    def close(self) -> None:
        """Show the last state and no more."""


class Lines(Progress):
    """Prints a line for each new status, for the end of a download, and now and then.

    Args:
        report: Prints a line.
    """

    def __init__(self, report: Callable[[str], None]) -> None:
        self._report = report
        self._last: str | bool = ""
        self._at = 0.0

    def show(self, position: int | None, label: str, line: str, total: int | None = None) -> None:
        """Print the line, if it is time for one."""
        state = label if total is None else position == total
        if state != self._last or time.monotonic() - self._at >= EVERY:
            self._last, self._at = state, time.monotonic()
            self._report(line)


class Bar(Progress):
    """A bar on a terminal, with the time that has passed.

    Args:
        label: What is being done.
        total: At which position it ends; None where it is not known and the positions are bytes.
        max_label: How many characters of a label are shown.
    """

    def __init__(self, label: str, total: int | None, max_label: int = _MAX_LABEL) -> None:
        from tqdm import tqdm  # noqa: PLC0415 - most commands show no bar

        # One bar in one thread needs no thread that watches it, and no lock between processes.
        tqdm.monitor_interval = 0
        tqdm.set_lock(threading.RLock())
        self._counts_bytes = total is None
        self._max_label = max_label
        self._at = time.monotonic()
        self._bar: tqdm[NoReturn] = tqdm(
            desc=label,
            total=total,
            file=sys.stderr,
            ncols=_columns(),
            nrows=24,  # else tqdm draws nothing on a terminal that does not tell its size
            unit_scale=self._counts_bytes,
            bar_format=_UNBOUNDED if self._counts_bytes else _PERCENT,
        )

    def show(self, position: int | None, label: str, line: str, total: int | None = None) -> None:
        """Move the bar."""
        self._bar.desc = label[: self._max_label]
        self._bar.n = self._bar.n if position is None else position
        if self._counts_bytes:
            self._bar.total = total
            self._bar.bar_format = _UNBOUNDED if total is None else _BYTES
        if time.monotonic() - self._at >= _MIN_REDRAW_SECONDS:
            self.tick()

    def tick(self) -> None:
        """Draw it again."""
        self._at = time.monotonic()
        self._bar.ncols = _columns()
        with contextlib.suppress(OSError, ValueError):  # the terminal has gone
            self._bar.refresh()

    @contextlib.contextmanager
    def hidden(self) -> Iterator[None]:
        """Take it away for a moment."""
        with contextlib.suppress(OSError, ValueError):
            self._bar.clear()
        try:
            yield
        finally:
            self.tick()

    def close(self) -> None:
        """Draw it for the last time, and end its line."""
        self.tick()
        with contextlib.suppress(OSError, ValueError):
            self._bar.close()


def _columns() -> int:
    """How wide a bar may be: the last column stays free, where some terminals begin a new line."""
    try:
        columns = os.get_terminal_size(sys.stderr.fileno()).columns
    except (OSError, ValueError):
        columns = 0
    return max(10, (columns or 80) - 1)
