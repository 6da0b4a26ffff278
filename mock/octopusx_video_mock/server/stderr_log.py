"""Lines on stderr that never block the program."""

from __future__ import annotations

import contextlib
import os
import queue
import threading

MAX_LINES = 1000
"""How many lines may wait to be written."""


class NonBlockingStderr:
    """Lines on stderr, written by a thread of their own.

    A program that started the command may never read its stderr: then the pipe fills, and a write blocks for ever.
    Neither requests nor the end of the command must wait for it, so that lines beyond ``MAX_LINES`` are dropped.
    """

    def __init__(self) -> None:
        # Simple, because a signal may interrupt a put at any place, and this one holds no lock then.
        self._lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._write, name="stderr", daemon=True)
        self._thread.start()

    def __call__(self, line: str) -> None:
        """Write a line, as soon as stderr takes it."""
        if self._lines.qsize() < MAX_LINES:
            self._lines.put(line)

    def finish(self) -> None:
        """Write what waits, for a second at most."""
        self._lines.put(None)
        self._thread.join(1)

    def _write(self) -> None:
        from octopusx_video_openapi.text import printable  # noqa: PLC0415 - it imports the reader of the contract

        for line in iter(self._lines.get, None):
            # One line on the terminal, whatever a request wrote into it.
            shown = printable(" ".join(line.split()))
            # Not through sys.stderr: a thread that waits inside of it would block the end of the interpreter.
            with contextlib.suppress(OSError):
                os.write(2, f"octopusx-video-mock: {shown}\n".encode())
