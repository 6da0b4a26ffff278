"""Calls that may hang keep neither their loop nor the process from ending."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
import time

import pytest
from octopusx_video._batch import threads
from octopusx_video._batch.threads import Threads

PROGRAM = """
import asyncio, threading
from octopusx_video._batch import threads
async def main():
    some = threads.Threads()
    for call in (threads.call, some.call):
        try:
            async with asyncio.timeout(0.1):
                await call(threading.Event().wait)
        except TimeoutError:
            pass
    print("left")
asyncio.run(main())
"""


def _failing() -> None:
    raise ValueError("5")


def test_a_call_returns_what_its_function_returns_or_raises() -> None:
    """With its arguments; many, one after another and at once."""

    async def main() -> None:
        some = Threads(2)
        for call in (threads.call, some.call):
            assert await call(max, 1, 2) == 2
            with pytest.raises(ValueError, match="5"):
                await call(_failing)
        assert await asyncio.gather(*(some.call(max, 0, number) for number in range(50))) == list(range(50))
        some.close()

    asyncio.run(main())


def test_no_more_threads_run_than_are_allowed() -> None:
    """Others wait."""
    running: list[int] = []
    lock = threading.Lock()
    most = 0

    def run() -> None:
        nonlocal most
        with lock:
            running.append(1)
            most = max(most, len(running))
        time.sleep(0.01)
        with lock:
            running.pop()

    async def main() -> None:
        some = Threads(3)
        await asyncio.gather(*(some.call(run) for _ in range(20)))
        some.close()

    asyncio.run(main())
    assert most == 3


def test_what_hangs_can_be_given_up() -> None:
    """And nothing is called any more."""
    released = threading.Event()

    async def main() -> None:
        some = Threads(1)
        hanging = [asyncio.ensure_future(some.call(released.wait)) for _ in range(3)]
        await asyncio.sleep(0.05)
        some.abandon(lambda: OSError("gone"))
        found = await asyncio.gather(*hanging, some.call(max, 1, 2), return_exceptions=True)
        assert [str(error) for error in found] == ["gone"] * 4
        released.set()

    asyncio.run(main())


def test_what_is_closed_cancels_its_calls() -> None:
    """Nobody needs them any more, and none waits for ever."""
    released = threading.Event()

    async def main() -> None:
        some = Threads(1)
        hanging = asyncio.ensure_future(some.call(released.wait))
        await asyncio.sleep(0.05)
        some.close()
        found = await asyncio.gather(hanging, some.call(max, 1, 2), return_exceptions=True)
        assert [type(error) for error in found] == [asyncio.CancelledError] * 2
        released.set()

    asyncio.run(main())


@pytest.mark.slow
def test_a_process_ends_while_calls_hang() -> None:
    """Its loop, and Python itself, wait for none."""
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=20, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "left\n", "")
