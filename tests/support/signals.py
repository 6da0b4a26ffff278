"""Signals in tests that do not depend on what the parent process ignores, as ``nohup`` and a shell's ``&`` do."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterator

NUMBERS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextlib.contextmanager
def as_usual() -> Iterator[None]:
    """Give the signals handlers that ignore nothing while the block lasts; processes started in it ignore none."""
    before = {number: signal.signal(number, signal.default_int_handler) for number in NUMBERS}
    try:
        yield
        assert all(signal.getsignal(number) is signal.default_int_handler for number in NUMBERS)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
