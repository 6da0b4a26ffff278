"""What the SDK costs beside httpx alone: one submit, the import, and many jobs awaited at once."""

from __future__ import annotations

import asyncio
import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import httpx
import octopusx_video_openapi
from _peers import BenchError
from _servers import environment
from octopusx_video import AsyncOctopusX, OctopusX

KEY = "sk-bench"
FASTER = 30.0
"""How many times faster than the contract's three minutes the tasks of the jobs run."""
_WARM_UP = 30
_PATIENCE = 300.0


@dataclass(frozen=True)
class Jobs:
    """Jobs that were awaited at once in one process.

    Attributes:
        jobs: How many.
        polls: Reads of all of them.
        seconds: From the first submit to the last end.
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
    media = contract.operations["createVideoExtension"].definition["requestBody"]["content"]["application/json"]
    body: dict[str, Any] = dict(contract.examples(media))["documented"]
    return body


def submits(base_url: str | None, calls: int) -> tuple[float, float]:
    """Seconds for one submit through the SDK, and for the same written by hand on httpx with the JSON parsed.

    Args:
        base_url: A server; None for a transport in this process that answers a constant.
        calls: How many of each are taken together.

    Raises:
        BenchError: One was refused.
    """
    body = _example()
    constant = None if base_url else httpx.MockTransport(_constant)
    base_url = base_url or "http://localhost"
    headers = {"Authorization": f"Bearer {KEY}"}
    fields = {name: body[name] for name in ("model", "prompt", "start_time", "duration")}
    source = body["video"]["url"]
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
            # In turn and piece by piece, so that what else the machine does meets both.
            taken = [(_seconds(ours, calls // 10), _seconds(by_hand, calls // 10)) for _ in range(10)]
        except httpx.HTTPError as error:
            raise BenchError(f"a submit was not answered: {error}") from None
    return sum(pair[0] for pair in taken) / calls, sum(pair[1] for pair in taken) / calls


def _constant(request: httpx.Request) -> httpx.Response:
    answer = b'{"id":"grok:7c0e5a52-3b1f-4d0c-9a57-1e2b6f8d4c90","status":"processing","status_update_time":1762685256}'
    return httpx.Response(200, content=answer, headers={"content-type": "application/json"})


def _seconds(call: Callable[[], object], times: int) -> float:
    for _ in range(_WARM_UP // 10):
        call()
    began = time.perf_counter()
    for _ in range(times):
        call()
    return time.perf_counter() - began


def imported(statement: str) -> float:
    """Seconds of CPU time that a new interpreter takes for an import, without its own start."""
    return _interpreter(statement) - _interpreter("pass")


def _interpreter(statement: str) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-c", statement], check=True, env=environment())
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def awaited(base_url: str, jobs: int) -> Jobs:
    """Submit and await so many jobs at once, in a process of its own.

    Raises:
        BenchError: One did not end well.
    """
    command = [sys.executable, __file__, base_url, str(jobs)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=_PATIENCE, env=environment())
    if done.returncode:
        raise BenchError(f"the jobs did not end: {done.stderr[-400:]}")
    return Jobs(**json.loads(done.stdout))


async def _await_all(base_url: str, jobs: int) -> Jobs:
    polls = 0

    def count(_: object) -> None:
        nonlocal polls
        polls += 1

    body = _example()
    source = body["video"]["url"]
    fields = {name: body[name] for name in ("model", "prompt", "start_time", "duration")}
    async with AsyncOctopusX(KEY, base_url=base_url) as client:

        async def job() -> None:
            task = await client.extensions.create(source, **fields)
            await client.videos.wait(task, on_progress=count, poll_interval=2.0 / FASTER)

        await job()
        polls, before = 0, _resident()
        began = time.perf_counter()
        await asyncio.gather(*(job() for _ in range(jobs)))
        seconds = time.perf_counter() - began
    return Jobs(jobs, polls, seconds, before, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)


def _resident() -> int:
    with open("/proc/self/statm", encoding="ascii") as told:  # noqa: PTH123 - no file of anybody's
        return int(told.read().split()[1]) * resource.getpagesize()


if __name__ == "__main__":
    sys.stdout.write(json.dumps(vars(asyncio.run(_await_all(sys.argv[1], int(sys.argv[2]))))))
