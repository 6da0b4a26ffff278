"""Starts the command. A package that is missing, and an interrupt during the imports, is reported in one line."""

from __future__ import annotations

import signal
import sys

_NAME = "octopusx-video-contract"


def main() -> int:
    """Run the command. Returns the exit status."""
    # Signals wait until they are handled: while a module is imported, their exception could have no caller.
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM, signal.SIGHUP})
    try:
        from octopusx_video_openapi import interrupts  # noqa: PLC0415 - after the signals are blocked
    except ModuleNotFoundError as error:
        return _missing(error)

    def run() -> int:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        try:
            from octopusx_video_contract import cli  # noqa: PLC0415 - brings pytest, schemathesis and more
        except ModuleNotFoundError as error:
            return _missing(error)
        return cli.main()

    return interrupts.run(_NAME, run)


def _missing(error: ModuleNotFoundError) -> int:
    if (error.name or "").startswith("octopusx_video_contract"):
        raise error
    sys.stderr.write(f"error: {error.name} is not installed; pip install 'octopusx-video[contract]'\n")
    return 2
