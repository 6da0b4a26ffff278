"""Starts the command ``octopusx-video``: it handles signals before it imports anything large."""

from __future__ import annotations

import contextlib
import signal
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import NoReturn

_NAME = "octopusx-video"


def main() -> NoReturn:
    """Run the command and end the process with its status."""
    # Signals wait until they are handled: while a module is imported, their exception could have no caller.
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM, signal.SIGHUP})
    from octopusx_video_openapi import interrupts  # noqa: PLC0415 - after the signals are blocked

    def body() -> int:
        try:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        except KeyboardInterrupt:
            return _nothing_sent()
        return run(sys.argv[1:])

    sys.exit(interrupts.run(_NAME, body))


def run(arguments: Sequence[str]) -> int:
    """Run the command in this process. Returns the exit status."""
    from octopusx_video_openapi import interrupts  # noqa: PLC0415 - see main

    with interrupts.handled():
        try:
            from octopusx_video._command import running  # noqa: PLC0415 - brings httpx, click and the contract
        except KeyboardInterrupt:
            return _nothing_sent()
        return running.run(arguments)


def _nothing_sent() -> int:
    from octopusx_video_openapi import interrupts  # noqa: PLC0415 - see main

    with contextlib.suppress(AttributeError, OSError, ValueError):  # no such stream, or its reader has gone
        sys.stderr.write("interrupted: nothing was sent\n")
    return interrupts.status() or 128 + signal.SIGINT


if __name__ == "__main__":
    main()
