"""How far a campaign is: a bar on a terminal, and now and then a line where there is none."""

from __future__ import annotations

import time

from rich import progress
from rich.console import Console

SECONDS = 60.0
"""How long at least from one line to the next where there is no terminal."""


class Progress(progress.Progress):
    """Shows how much of a campaign is done while the block lasts.

    Args:
        what: What is counted, in the plural.
        total: How many there are.
        stderr: Whether it is shown on stderr, beside a result on stdout.
    """

    def __init__(self, what: str, total: int, *, stderr: bool = False) -> None:
        super().__init__(
            progress.TextColumn(what),
            progress.BarColumn(),
            progress.MofNCompleteColumn(),
            progress.TimeElapsedColumn(),
            progress.TimeRemainingColumn(),
            console=Console(stderr=stderr, highlight=False),
            auto_refresh=False,  # by a thread, and what is forked beside one could wait for it for ever
        )
        self._what = what
        self._all = self.add_task(what, total=total)
        self._shown = time.monotonic()

    def done(self, count: int = 1) -> None:
        """Count what is done."""
        self.update(self._all, advance=count, refresh=True)
        now = time.monotonic()
        if not self.console.is_terminal and now - self._shown >= SECONDS:
            self._shown = now
            task = self.tasks[0]
            self.show(f"{task.completed:.0f} of {task.total:.0f} {self._what}")

    def show(self, text: str, style: str | None = None) -> None:
        """Print a text above the bar."""
        self.console.print(text, style=style, markup=False, soft_wrap=True)
