"""Starts the command, and says so in one line where what the suite needs is not installed."""

from __future__ import annotations

import sys


def main() -> int:
    """Run the command. Returns the exit status."""
    try:
        from octopusx_video_contract import cli  # noqa: PLC0415 - brings pytest, schemathesis and more
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("octopusx_video_contract"):
            raise
        sys.stderr.write(f"error: {error.name} is not installed; pip install 'octopusx-video[contract]'\n")
        return 2
    return cli.main()
