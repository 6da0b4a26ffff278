"""Calls that may hang, in threads that nothing waits for.

An event loop waits at its end for the threads of ``asyncio.to_thread``, and Python for those of
``concurrent.futures``: a statement that a database never responds to would keep the process alive for ever.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import functools
import os
import queue
import threading
from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")

MAX_THREADS = min(32, (os.cpu_count() or 1) + 4)
"""As many as asyncio has."""


async def call(function: Callable[..., T], *values: Any) -> T:
    """Call a function in a thread of its own. Cancelled, it returns at once, and the thread goes on."""
    work = _Work(function, values)
    threading.Thread(target=work.run, name="call", daemon=True).start()
    found: T = await work.future
    return found


class Threads:
    """Some threads for many calls. They are started when they are needed.

    Args:
        most: How many calls run at once at most; others wait for one of these.
    """

    def __init__(self, most: int = MAX_THREADS) -> None:
        self._most = most
        self._queue: queue.SimpleQueue[_Work | None] = queue.SimpleQueue()
        self._count = 0
        self._open: set[_Work] = set()
        self._is_closed = False
        self._error: Callable[[], Exception] | None = None

    async def call(self, function: Callable[..., T], *values: Any) -> T:
        """Call a function in one of the threads.

        Raises:
            Exception: What the function raises; or the error of ``abandon``.
            asyncio.CancelledError: It was cancelled, or ``close`` was called.
        """
        if self._error is not None:
            raise self._error()
        if self._is_closed:
            raise asyncio.CancelledError
        work = _Work(function, values)
        self._open.add(work)
        if len(self._open) > self._count and self._count < self._most:
            self._count += 1
            threading.Thread(target=self._serve, name="calls", daemon=True).start()
        self._queue.put(work)
        try:
            found: T = await work.future
            return found
        finally:
            self._open.discard(work)

    def abandon(self, error: Callable[[], Exception]) -> None:
        """Let all calls that have not ended, and all later ones, raise an error.

        The threads end when what they call returns.
        """
        self._error = error
        for work in self._open:
            if not work.future.done():
                work.future.set_exception(error())
        self._end()

    def close(self) -> None:
        """End the threads. Calls that have not ended, and all later ones, are cancelled: nobody needs them any more."""
        self._is_closed = True
        for work in self._open:
            work.future.cancel()
        self._end()

    def _end(self) -> None:
        for _ in range(self._count):
            self._queue.put(None)

    def _serve(self) -> None:
        while (work := self._queue.get()) is not None:
            work.run()
            del work  # an idle thread keeps nothing alive


class _Work:
    """One call, for the loop that runs now."""

    def __init__(self, function: Callable[..., Any], values: tuple[Any, ...]) -> None:
        self._call = functools.partial(contextvars.copy_context().run, function, *values)
        self._loop = asyncio.get_running_loop()
        self.future: asyncio.Future[Any] = self._loop.create_future()

    def run(self) -> None:
        """Call it, in a thread."""
        if self.future.done():  # nobody waits for it any more
            return
        result, error = None, None
        try:
            result = self._call()
        except BaseException as raised:  # noqa: BLE001 - raised where it is awaited
            error = raised
        with contextlib.suppress(RuntimeError):  # the loop has ended
            self._loop.call_soon_threadsafe(self._end, result, error)

    def _end(self, result: Any, error: BaseException | None) -> None:
        if self.future.done():
            return
        if error is None:
            self.future.set_result(result)
        else:
            self.future.set_exception(error)
