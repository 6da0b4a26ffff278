"""Work in processes that are forked from one of the tests, which has imported everything."""

from __future__ import annotations

import gc
import os
import sys
import traceback
import warnings
from collections.abc import Callable

BROKEN = 99
"""The exit status of a process whose work raised an exception; its traceback is printed on stderr."""


def started(work: Callable[[], int | None]) -> int:
    """Do something in a process of its own.

    Args:
        work: Returns the exit status; None for 0.

    Returns:
        The number of the process, for ``ended``.
    """
    sys.stdout.flush()  # or the process would write it once more
    sys.stderr.flush()
    with warnings.catch_warnings(action="ignore", category=DeprecationWarning):
        process = os.fork()  # newer versions of Python warn where a server runs in a thread; the process needs none
    if process:
        return process
    status = BROKEN
    try:
        # A collection would look at all objects of the tests, which copies their memory.
        gc.freeze()
        status = work() or 0
    except BaseException:  # noqa: BLE001 - nothing of it may go on in the tests
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def ended(process: int) -> int:
    """Wait for a process. Returns its exit status: negative for the number of a signal."""
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])


def forked(work: Callable[[], int | None]) -> int:
    """Do something in a process of its own. Returns its exit status."""
    return ended(started(work))
