"""A signal ends a command in order: its exception is never lost, nothing else is printed, and handlers are restored."""

from __future__ import annotations

import contextlib
import gc
import random
import signal
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from octopusx_video_openapi import interrupts
from octopusx_video_openapi.interrupts import Interrupted, handled

pytestmark = pytest.mark.usefixtures("signals_as_usual")


def wait_for_it() -> None:
    """Run until the exception comes; fail if it does not."""
    until = time.monotonic() + 5
    while time.monotonic() < until:
        time.sleep(0.01)
    pytest.fail("the interrupt was lost")


class Finalised:
    """An object during whose finalisation something happens."""

    def __init__(self, action: Callable[[], object]) -> None:
        self.action = action

    def __del__(self) -> None:
        """Called by Python."""
        self.action()


def in_del(action: Callable[[], object]) -> None:
    """Let it happen in a ``__del__``."""
    Finalised(action)


def in_weakref_callback(action: Callable[[], object]) -> None:
    """Let it happen in the callback of a weak reference."""
    target = Finalised(lambda: None)
    kept = weakref.ref(target, lambda _: action())
    del target
    assert kept() is None


def in_generator_end(action: Callable[[], object]) -> None:
    """Let it happen while a generator is closed that nobody refers to any more."""

    def generate() -> Iterator[int]:
        try:
            yield 1
        finally:
            action()

    assert next(generate()) == 1


def in_garbage_collection(action: Callable[[], object]) -> None:
    """Let it happen in a callback of the garbage collector."""

    def callback(phase: str, _: dict[str, Any]) -> None:
        gc.callbacks.remove(callback)
        action()

    gc.callbacks.append(callback)
    gc.collect()


PLACES = [in_del, in_weakref_callback, in_generator_end, in_garbage_collection]


@pytest.mark.slow
@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("number", interrupts.SIGNALS, ids=lambda number: number.name)
def test_an_exception_without_a_caller_is_raised_again(
    number: signal.Signals, place: Callable[..., None], capfd: pytest.CaptureFixture[str]
) -> None:
    """Python can't raise it there; it comes a moment later, as often as needed, and nothing is printed."""
    hook, alarm = sys.unraisablehook, signal.getsignal(signal.SIGALRM)

    def body() -> None:
        place(lambda: signal.raise_signal(number))
        place(lambda: time.sleep(0.02))  # the second exception has no caller, either
        wait_for_it()

    with pytest.raises(Interrupted) as caught, handled():
        body()
    assert (caught.value.number, caught.value.status) == (number, 128 + number)
    assert capfd.readouterr() == ("", "")
    assert (sys.unraisablehook, signal.getsignal(signal.SIGALRM)) == (hook, alarm)


@pytest.mark.parametrize("place", PLACES)
def test_the_end_of_the_block_raises_what_is_left(place: Callable[..., None]) -> None:
    """A block that ends before the exception could be raised again raises it then."""
    with pytest.raises(Interrupted), handled():
        place(lambda: signal.raise_signal(signal.SIGTERM))


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_other_exceptions_without_a_caller_are_reported_as_before(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the interrupt is kept from the hook that was there."""
    seen: list[Any] = []
    monkeypatch.setattr(sys, "unraisablehook", lambda unraisable: seen.append(unraisable.exc_type))
    with handled():
        in_del(lambda: 1 / 0)
    assert seen == [ZeroDivisionError]


def test_a_signal_in_the_hook_is_raised_after_it(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Python would print the exception of a hook."""
    monkeypatch.setattr(sys, "unraisablehook", lambda _: signal.raise_signal(signal.SIGINT))

    def body() -> None:
        in_del(lambda: 1 / 0)
        wait_for_it()

    with pytest.raises(Interrupted), handled():
        body()
    assert capfd.readouterr() == ("", "")


def test_further_signals_do_not_interrupt_the_report(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first signal raises, the next ones do not; one that comes much later does, in case something hangs."""
    with handled():
        with pytest.raises(Interrupted):
            signal.raise_signal(signal.SIGTERM)
        for number in interrupts.SIGNALS:
            signal.raise_signal(number)
        assert (interrupts.received(), interrupts.status()) == (signal.SIGTERM, 143)
        with pytest.raises(Interrupted):
            interrupts.check()
        monkeypatch.setattr(interrupts, "PATIENCE", 0.0)
        with pytest.raises(Interrupted) as caught:
            signal.raise_signal(signal.SIGINT)
        assert caught.value.number == signal.SIGTERM
    assert (interrupts.received(), interrupts.status()) == (None, None)
    interrupts.check()


def test_an_ignored_signal_stays_ignored() -> None:
    """A command that was started with ``nohup`` continues when its terminal is closed."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with handled():
            signal.raise_signal(signal.SIGHUP)
            interrupts.check()
            assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


def test_a_block_inside_of_another_is_part_of_it() -> None:
    """The signal is that of both, and the handlers stay until the end of the outer block."""
    with handled():
        with contextlib.suppress(Interrupted), handled():
            signal.raise_signal(signal.SIGHUP)
        assert interrupts.received() == signal.SIGHUP
        with pytest.raises(Interrupted):
            interrupts.check()


def test_nothing_happens_in_another_thread() -> None:
    """Python has handlers in the main thread alone."""
    outcome: list[int | None] = []

    def body() -> None:
        with handled():
            outcome.append(interrupts.received())

    thread = threading.Thread(target=body)
    thread.start()
    thread.join()
    assert outcome == [None]


# The interrupt leaves a generator in the middle, as it can leave one of pytest's, and its end fails later.
ABANDONED = """
import gc, signal, sys
from octopusx_video_openapi import interrupts

def capturing():
    try:
        yield
    finally:
        raise AssertionError("what it captures with has ended")

def main():
    held.append(capturing())
    next(held[0])
    if sys.argv[1] == "now":
        signal.raise_signal(signal.SIGTERM)
    if sys.argv[1] == "before":
        held.clear()
    return 0

held = []
sys.exit(interrupts.run("busy", main))
"""


@pytest.mark.parametrize("when", ["now", "never", "before"])
def test_what_an_interrupt_leaves_unfinished_prints_nothing(when: str) -> None:
    """Also while Python shuts down; without an interrupt, such an exception is printed as ever."""
    done = subprocess.run(
        [sys.executable, "-c", ABANDONED, when], capture_output=True, text=True, check=False, timeout=30
    )
    if when == "now":
        assert (done.returncode, done.stdout, done.stderr) == (143, "", "busy: interrupted\n")
    else:
        assert done.returncode == 0
        assert "what it captures with has ended" in done.stderr


# Much of its time passes where an exception has no caller, also while Python shuts down.
BUSY = """
import sys, time, weakref, gc, atexit, threading
from octopusx_video_openapi import interrupts

class Node:
    def __init__(self): self.me = self
    def __del__(self): sum(range(50))

def numbers():
    try:
        yield 1
    finally:
        sum(range(50))

def main():
    print("ready", flush=True)
    until = time.monotonic() + float(sys.argv[1])
    while time.monotonic() < until:
        Node(), next(numbers())
        node = Node()
        kept = weakref.ref(node, lambda _: sum(range(50)))
        del node
        gc.collect(0)
    return 0

atexit.register(lambda: [Node() for _ in range(2000)])
threading.Thread(target=time.sleep, args=(0.02,)).start()
sys.exit(interrupts.run("busy", main))
"""


@pytest.mark.slow
def test_a_signal_at_any_moment_ends_a_process_in_order() -> None:
    """One line or none, and 128 and the number as the status, whatever the process does when the signal comes."""
    for seed in range(6):
        number = interrupts.SIGNALS[seed % len(interrupts.SIGNALS)]
        command = [sys.executable, "-c", BUSY, "0.05"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            time.sleep(random.Random(seed).random() * 0.1)  # noqa: S311 - any moment will do
            process.send_signal(number)
            process.send_signal(number)
            printed = process.communicate()
        outcomes = {(128 + number, "busy: interrupted\n"), (128 + number, ""), (0, "")}
        assert printed[0] == ""
        assert (process.returncode, printed[1]) in outcomes, seed
