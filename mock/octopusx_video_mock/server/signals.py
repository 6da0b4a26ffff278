"""The signals that end the command: SIGINT (Ctrl-C), SIGTERM, and SIGHUP (its terminal was closed)."""

from __future__ import annotations

import signal
from types import FrameType


def end_on_signals() -> None:
    """Let SIGTERM and SIGHUP raise KeyboardInterrupt, as Ctrl-C does."""
    signal.signal(signal.SIGTERM, _interrupt)
    end_on_hangup()


def end_on_hangup() -> None:
    """Let SIGHUP do what SIGTERM does at the time, unless it is ignored, as it is under nohup."""
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        signal.signal(signal.SIGHUP, _terminate)


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _terminate(number: int, frame: FrameType | None) -> None:
    signal.raise_signal(signal.SIGTERM)
