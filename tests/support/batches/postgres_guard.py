"""Ends a PostgreSQL server and removes its folder when the process that started it has ended, whatever ended that.

python -I -S postgres_guard.py FOLDER PARENT

It waits for the end of its standard input, or until its parent is no longer the process PARENT. A process that was
forked from the parent may keep the input open. It needs the standard library alone, so that it starts at once.
"""

from __future__ import annotations

import os
import select
import shutil
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path

DATA = "data"
"""The folder of the database, in the folder of the server. All processes of the server work in it."""
_LOOK_SECONDS = 1.0
_END_SECONDS = 8.0
"""How long an immediate stop may take. The server itself kills what has not ended after five seconds."""


def main(folder: Path, parent: int) -> None:
    """Wait for the end of the parent, and clean up."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    while os.getppid() == parent and not select.select([sys.stdin], [], [], _LOOK_SECONDS)[0]:
        pass
    remove(folder)


def processes(folder: Path) -> list[int]:
    """The processes of the server of a folder, without those that have ended."""
    names = (path.name for path in Path("/proc").iterdir())
    return [process for process in map(int, filter(str.isdigit, names)) if _is_in(process, folder)]


def remove(folder: Path) -> None:
    """End all processes of a server, and remove its folder. Nothing happens where this was done before."""
    # An immediate stop, since a killed server would leave shared memory behind. A frozen one sees it after SIGCONT.
    for number in (signal.SIGQUIT, signal.SIGCONT):
        send(number, processes(folder))
    until = time.monotonic() + _END_SECONDS
    while (left := processes(folder)) and time.monotonic() < until:
        time.sleep(0.02)
    while left:
        send(signal.SIGKILL, left)
        time.sleep(0.02)
        left = processes(folder)
    shutil.rmtree(folder, ignore_errors=True)


def send(number: int, to: list[int]) -> None:
    """Send a signal to processes, some of which may have ended by now."""
    for process in to:
        with suppress(ProcessLookupError):
            os.kill(process, number)


def _is_in(process: int, folder: Path) -> bool:
    try:
        return Path(f"/proc/{process}/cwd").readlink() == folder / DATA
    except OSError:  # it has ended, or belongs to another user
        return False


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
