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

    Whoever started the command may never read its stderr: then the pipe fills, and a write waits for ever. Requests
    must not wait for it, nor must the end of the command; lines that find no place are left out.
    """

    def __init__(self) -> None:
        # Simple, because a signal may interrupt a put at any place, and this one holds no lock then.
        self._lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._write, name="stderr", daemon=True)
        self._thread.start()

    def __call__(self, line: str) -> None:
        """Write a line as soon as there is somebody to read it."""
        if self._lines.qsize() < MAX_LINES:
            self._lines.put(line)

    def finish(self) -> None:
        """Write what is still to be written, unless nobody reads it."""
        self._lines.put(None)
        self._thread.join(1)

    def _write(self) -> None:
        from octopusx_video_openapi.text import printable  # noqa: PLC0415 - it brings the reader of the contract along

        for line in iter(self._lines.get, None):
            # One line on the terminal, whatever it holds: it may have parts that somebody else wrote.
            shown = printable(" ".join(line.split()))
            # Not through sys.stderr: a thread that waits inside of it would block the end of the interpreter.
            with contextlib.suppress(OSError):
                os.write(2, f"octopusx-video-mock: {shown}\n".encode())
