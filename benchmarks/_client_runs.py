"""What the SDK costs beside httpx alone: one submit, the import, many waits at once, and many jobs at once."""

from __future__ import annotations

import asyncio
import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import octopusx_video_openapi
from _peers import BenchError
from _servers import environment
from octopusx_video import AsyncOctopusX, OctopusX

KEY = "sk-bench"
FASTER = 30.0
"""How many times faster than the contract's three minutes the tasks run that are awaited."""
STARTS = 5
"""How many interpreters import each side; a single start varies by a third."""
_POLL_INTERVAL = 2.0 / FASTER
_WARM_UP = 30
_TIMEOUT = 300.0


@dataclass(frozen=True)
class Jobs:
    """Jobs that were awaited at once in one process.

    Attributes:
        jobs: How many.
        polls: Reads of all of them.
        seconds: From the first submit until the last task had ended.
        memory_before: Resident bytes once the client had submitted and awaited one job.
        memory: Resident bytes at most.
    """

    jobs: int
    polls: int
    seconds: float
    memory_before: int
    memory: int


def _example() -> dict[str, Any]:
    contract = octopusx_video_openapi.load()
    body: dict[str, Any] = contract.operations["createVideoExtension"].body_examples["documented"]
    return body


def _submit() -> tuple[str, dict[str, Any]]:
    """The example as the SDK takes it: the source task, and the fields."""
    body = _example()
    return body["video"]["url"], {name: body[name] for name in ("model", "prompt", "start_time", "duration")}


def submits(base_url: str | None, calls: int) -> tuple[float, float]:
    """Seconds for one submit through the SDK, and for the same written by hand on httpx with the JSON parsed.

    Args:
        base_url: A server; None for a transport in this process that returns a constant response.
        calls: How many of each are made.

    Raises:
        BenchError: A submit by hand failed.
    """
    body = _example()
    constant = None if base_url else httpx.MockTransport(_constant)
    base_url = base_url or "http://localhost"
    headers = {"Authorization": f"Bearer {KEY}"}
    source, fields = _submit()
    with (
        OctopusX(KEY, base_url=base_url, transport=constant) as client,
        httpx.Client(base_url=base_url, transport=constant, headers=headers) as plain,
    ):

        def ours() -> object:
            return client.extensions.create(source, **fields).id

        def by_hand() -> object:
            response = plain.post("/v1/videos/extensions", json=body)
            response.raise_for_status()
            return response.json()["id"]

        try:
            # In turn and in pieces, so that other load on the machine affects both alike.
            taken = [(_seconds(ours, calls // 10), _seconds(by_hand, calls // 10)) for _ in range(10)]
        except httpx.HTTPError as error:
            raise BenchError(f"a submit failed: {error}") from None
    return sum(pair[0] for pair in taken) / calls, sum(pair[1] for pair in taken) / calls


def _constant(request: httpx.Request) -> httpx.Response:
    content = (
        b'{"id":"grok:7c0e5a52-3b1f-4d0c-9a57-1e2b6f8d4c90","status":"processing","status_update_time":1762685256}'
    )
    return httpx.Response(200, content=content, headers={"content-type": "application/json"})


def _seconds(call: Callable[[], object], times: int) -> float:
    for _ in range(_WARM_UP // 10):
        call()
    began = time.perf_counter()
    for _ in range(times):
        call()
    return time.perf_counter() - began


def imports() -> tuple[float, float]:
    """Seconds of CPU time that a new interpreter takes to import the SDK, and httpx, without its own start."""
    statements = ("from octopusx_video import OctopusX", "import httpx", "pass")
    taken = [[_interpreter(statement) for statement in statements] for _ in range(STARTS)]
    ours, peer, start = (sum(side) / STARTS for side in zip(*taken, strict=True))
    return ours - start, peer - start


def _interpreter(statement: str) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-c", statement], check=True, env=environment())
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def awaited(base_url: str, jobs: int) -> Jobs:
    """Submit and await so many jobs at once, in a process of its own.

    Raises:
        BenchError: One of them failed.
    """
    return Jobs(**_in_own_process("jobs", base_url, jobs))


def cpu_per_read(base_url: str, waits: int) -> float:
    """Seconds of CPU time for each read, with so many waits at once on one client, in a process of its own.

    Raises:
        BenchError: One of them failed.
    """
    taken: float = _in_own_process("waits", base_url, waits)
    return taken


def _in_own_process(what: str, base_url: str, number: int) -> Any:
    command = [sys.executable, __file__, what, base_url, str(number)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=_TIMEOUT, env=environment())
    except subprocess.TimeoutExpired:
        raise BenchError(f"{number} {what} at once took longer than {_TIMEOUT:.0f} s") from None
    if done.returncode:
        raise BenchError(f"{number} {what} at once failed: {done.stderr[-400:]}")
    return json.loads(done.stdout)


async def _cpu_per_read(base_url: str, waits: int) -> float:
    reads = 0

    def count(_: object) -> None:
        nonlocal reads
        reads += 1

    source, fields = _submit()
    async with AsyncOctopusX(KEY, base_url=base_url) as client:
        tasks = [await client.extensions.create(source, **fields) for _ in range(waits)]
        # What is loaded at the first read is not part of the cost of a read.
        await client.videos.retrieve(tasks[0])
        before = time.process_time()
        await asyncio.gather(
            *(client.videos.wait(task, on_progress=count, poll_interval=_POLL_INTERVAL) for task in tasks)
        )
        return (time.process_time() - before) / reads


async def _await_all(base_url: str, jobs: int) -> dict[str, Any]:
    polls = 0

    def count(_: object) -> None:
        nonlocal polls
        polls += 1

    source, fields = _submit()
    async with AsyncOctopusX(KEY, base_url=base_url) as client:

        async def job() -> None:
            task = await client.extensions.create(source, **fields)
            await client.videos.wait(task, on_progress=count, poll_interval=_POLL_INTERVAL)

        await job()
        polls, before = 0, _resident()
        began = time.perf_counter()
        await asyncio.gather(*(job() for _ in range(jobs)))
        seconds = time.perf_counter() - began
    return vars(Jobs(jobs, polls, seconds, before, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024))


def _resident() -> int:
    return int(Path("/proc/self/statm").read_text("ascii").split()[1]) * resource.getpagesize()


if __name__ == "__main__":
    run = {"jobs": _await_all, "waits": _cpu_per_read}[sys.argv[1]]
    sys.stdout.write(json.dumps(asyncio.run(run(sys.argv[2], int(sys.argv[3])))))
