"""Ctrl-C, SIGTERM and SIGHUP as one exception that ends a command in order, whatever the program does at that moment.

A command runs in ``run`` (its whole process) or in ``handled`` (a part of it). There, the first of these signals raises
``Interrupted``; further signals do not interrupt the code that reports the first. A signal that the parent process
ignores stays ignored, as ``nohup`` wants it.

Python runs a signal handler between any two steps of the main thread. Inside of a ``__del__``, a callback of a weak
reference or the end of a generator the exception of the handler has no caller: Python prints "Exception ignored in",
and the program continues as if there had been no signal. Here nothing is printed, and the exception is raised again a
moment later. What the first exception left unfinished, a generator say, may fail when Python ends it; nothing of that
is printed, either. Other code may catch the exception and continue; what must not begin then calls ``check`` first.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

SIGNALS = tuple(signal.Signals[name] for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))
"""The signals that ask a command to end."""
PATIENCE = 10.0
"""Seconds after a signal during which further ones raise nothing; later ones do, in case the command hangs."""
_SOON = 0.005
"""Seconds until an exception that had no caller is raised again."""


class Interrupted(KeyboardInterrupt):
    """A signal asked the command to end.

    Attributes:
        number: The signal.
        status: The exit status that says so: 128 and the number.
    """

    def __init__(self, number: int) -> None:
        super().__init__(f"interrupted by {signal.Signals(number).name}")
        self.number = number
        self.status = 128 + number


@contextlib.contextmanager
def handled() -> Iterator[None]:
    """Raise an exception for the signals of ``SIGNALS`` while the block lasts, and restore their handlers at its end.

    Does nothing outside of the main thread, and inside of another such block.
    """
    if _active or threading.current_thread() is not threading.main_thread():
        yield
        return
    handling = _Handling()
    try:
        handling.begin()
        yield
    finally:
        handling.closing = True
        handling.end()
        handling.settle()


def run(name: str, main: Callable[[], int]) -> int:
    """Run the main function of a command, the last thing that the process does. Returns the exit status.

    If ``main`` raises KeyboardInterrupt, one line reports it. After ``main``, a signal ends the process at once and
    prints nothing, also while Python waits for threads; what remains after that, signals do not interrupt.

    Args:
        name: The command, for that line.
        main: Returns the exit status of the command.
    """
    handling = _Handling()
    atexit.register(handling.ignore)  # the first to be registered is the last to be called
    try:
        handling.begin()
        status = main()
    except KeyboardInterrupt:
        status = handling.report(name)
    finally:
        handling.closing = True
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(AttributeError, OSError, ValueError):  # no such stream, or its reader has gone
                stream.flush()
        handling.end(_leave)
    return handling.report(name) if handling.owed else status


def check() -> None:
    """Raise the exception again if a signal arrived in this block before.

    Raises:
        KeyboardInterrupt: A signal arrived.
    """
    if _active and _active[0].number is not None:
        raise Interrupted(_active[0].number)


def received() -> int | None:
    """The number of the first signal that arrived in this block; None if none did."""
    return _active[0].number if _active else None


def status() -> int | None:
    """The exit status of a command that a signal ended, 128 and its number; None if no signal arrived."""
    number = received()
    return None if number is None else 128 + number


class _Handling:
    """The signals of a block.

    Attributes:
        number: The first signal that arrived.
        owed: Whether an exception still has to be raised: it was not yet, or it had no caller.
        closing: Whether the block is at its end, where no exception is raised.
    """

    def __init__(self) -> None:
        self.number: int | None = None
        self.owed = self.closing = False
        self._at = 0.0
        self._handlers: dict[int, Any] = {}
        self._alarm: Any = None
        self._hook = sys.unraisablehook

    def begin(self) -> None:
        """Install the handlers, if this is the main thread."""
        if threading.current_thread() is not threading.main_thread():
            return
        _active.append(self)
        sys.unraisablehook = self._unraisable
        for number in SIGNALS:
            handler = signal.getsignal(number)
            if handler not in {signal.SIG_IGN, None}:
                self._handlers[number] = handler
                signal.signal(number, self._receive)

    def end(self, handler: Any = None) -> None:
        """Restore the handlers, or install another one in their place."""
        if self not in _active:
            return
        if self._alarm is not None:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, self._alarm)
        for number, before in self._handlers.items():
            signal.signal(number, handler or before)
        if handler is None:
            if sys.unraisablehook == self._unraisable:
                sys.unraisablehook = self._hook
            _active.remove(self)

    def ignore(self) -> None:
        """Ignore the signals: Python has no handlers any more when it has almost shut down."""
        for number in self._handlers:
            signal.signal(number, signal.SIG_IGN)

    def settle(self) -> None:
        """Raise the exception that could not be raised before."""
        if self.owed and self.number is not None:
            raise Interrupted(self.number)

    def report(self, name: str) -> int:
        """Say that the command was interrupted. Returns the exit status."""
        self.owed = False
        with contextlib.suppress(AttributeError, OSError, ValueError):
            sys.stderr.write(f"{name}: interrupted\n")
            sys.stderr.flush()
        return 128 + (self.number or signal.SIGINT)

    def _receive(self, number: int, frame: FrameType | None) -> None:
        now = time.monotonic()
        if self.number is not None and now - self._at < PATIENCE:
            return
        self.number, self._at = self.number or number, now
        self.owed = True
        self._raise(frame)

    def _raise(self, frame: FrameType | None) -> None:
        if self.closing or self.number is None:
            return
        while frame is not None:  # Python would print an exception inside of the hook, too
            if frame.f_code is _Handling._unraisable.__code__:
                self._raise_soon()
                return
            frame = frame.f_back
        self.owed = False
        raise Interrupted(self.number)

    def _unraisable(self, unraisable: sys.UnraisableHookArgs) -> None:
        if self.number is None:
            self._hook(unraisable)
            return
        if issubclass(unraisable.exc_type, KeyboardInterrupt) and threading.current_thread() is threading.main_thread():
            self.owed = True
            self._raise_soon()

    def _raise_soon(self) -> None:
        if self.closing or not hasattr(signal, "setitimer"):
            return
        before = signal.signal(signal.SIGALRM, self._again)
        self._alarm = self._alarm if before == self._again else before
        signal.setitimer(signal.ITIMER_REAL, _SOON)

    def _again(self, _: int, frame: FrameType | None) -> None:
        if self.owed:
            self._raise(frame)


def _leave(number: int, _: FrameType | None) -> None:
    """End the process at once: all output is written, and Python is shutting down."""
    os._exit(128 + (received() or number))


_active: list[_Handling] = []
"""The outermost block, if there is one."""
