"""Ctrl-C, SIGTERM and SIGHUP end a run in order, whoever catches the exception on its way."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType

_ENDING = [number for name in ("SIGINT", "SIGTERM", "SIGHUP") if (number := getattr(signal, name, None)) is not None]
_heard: list[int] = []


@contextlib.contextmanager
def heeded() -> Iterator[None]:
    """Take these signals for the end of the run while the block lasts; those that are ignored stay so (``nohup``)."""
    before = {}
    if threading.current_thread() is threading.main_thread():
        before = {number: signal.getsignal(number) for number in _ENDING}
        before = {number: handler for number, handler in before.items() if handler != signal.SIG_IGN}
        for number in before:
            signal.signal(number, _hear)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        _heard.clear()


def _hear(number: int, _: FrameType | None) -> None:
    _heard.append(number)
    raise KeyboardInterrupt


def check() -> None:
    """Go no further, where the run was ended before and somebody went on.

    Raises:
        KeyboardInterrupt: It was.
    """
    if _heard:
        raise KeyboardInterrupt


def status() -> int | None:
    """The exit status of a run that was ended by a signal, 128 and its number; None of one that was not."""
    return 128 + _heard[0] if _heard else None
