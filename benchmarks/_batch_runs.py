"""What the benchmark of batches measures, each in a process of its own: `python _batch_runs.py NAME URL NUMBER`.

Prints one JSON object.
"""

from __future__ import annotations

import asyncio
import json
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import patch

import httpx
from octopusx_video import AsyncOctopusX
from octopusx_video._batch.batch import Batch
from octopusx_video._batch.steps import Steps, Waiting
from octopusx_video._ledger.file_ledger import FILE, FileLedger
from octopusx_video._ledger.jobs import job
from octopusx_video._ledger.ledger import Account, Limits, Outcome
from octopusx_video._ledger.states import JobState

KEY = "sk-benchmark"
CONCURRENCY = 8
SOURCE = "grok:48a67431-0708-46d1-9ab9-83cb84700153"
WAIT_SECONDS = 4.0
_POLL_SECONDS = 0.01


def line(number: int) -> dict[str, Any]:
    """A job."""
    body = {
        "model": "grok-video-3",
        "prompt": f"cat {number}",
        "start_time": 4,
        "duration": 6,
        "video": {"url": SOURCE},
    }
    return {"custom_id": f"job-{number}", "body": body}


def batch(url: str, jobs: int) -> dict[str, float]:
    """CPU seconds of a batch of tasks that end at once, from the submit to the saved file."""
    with tempfile.TemporaryDirectory() as folder:
        one = Batch(
            map(line, range(jobs)),
            out=f"{folder}/out",
            base_url=url,
            api_key=KEY,
            concurrency=CONCURRENCY,
            poll_interval=_POLL_SECONDS,
            reads_per_second=1e6,
        )
        began = time.process_time()
        counts = one.run().counts
        spent = time.process_time() - began
    if counts != {"done": jobs}:
        raise SystemExit(f"the batch ends with {counts}")
    return {"cpu": spent}


def batch_without_downloads(url: str, jobs: int) -> dict[str, float]:
    """The same, with the end of each job written down in the place of its download."""

    async def fetch(self: Steps, task: Waiting, within: float) -> JobState:
        self._ledger.end(task.job, "done", file="videos/none.mp4")
        return "done"

    with patch.object(Steps, "fetch", fetch):
        return batch(url, jobs)


def loop(url: str, jobs: int) -> dict[str, float]:
    """CPU seconds of a plain loop over the SDK, with nothing written down."""
    return {"cpu": asyncio.run(_loop(url, jobs, downloads=True))}


def loop_without_downloads(url: str, jobs: int) -> dict[str, float]:
    """The same without the downloads."""
    return {"cpu": asyncio.run(_loop(url, jobs, downloads=False))}


async def _loop(url: str, jobs: int, *, downloads: bool) -> float:
    slots = asyncio.Semaphore(CONCURRENCY)
    with tempfile.TemporaryDirectory() as folder:
        async with AsyncOctopusX(KEY, base_url=url) as client:

            async def one(number: int) -> None:
                async with slots:
                    body = line(number)["body"]
                    source = body.pop("video")["url"]
                    task = await client.extensions.create(source, **body)
                    ended = await client.videos.wait(task, poll_interval=_POLL_SECONDS)
                    if downloads:
                        await client.videos.download(ended, Path(folder) / f"{number}.mp4")

            began = time.process_time()
            await asyncio.gather(*map(one, range(jobs)))
            return time.process_time() - began


def waiting(url: str, jobs: int) -> dict[str, float]:
    """Megabytes of a process in which so many jobs wait for their tasks."""

    def respond(request: httpx.Request) -> httpx.Response:
        task = request.url.path.rpartition("/")[2]
        return httpx.Response(200, json={"id": task, "status": "processing", "progress": 10})

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "out"
        folder.mkdir()
        _accepted(folder, url, jobs)
        one = Batch(None, out=folder, base_url=url, api_key=KEY, transport=httpx.MockTransport(respond))
        began = time.process_time()
        read = asyncio.run(_read_for(one, WAIT_SECONDS))
        spent = time.process_time() - began
        counts = one.status().counts
    if counts != {"accepted": jobs}:
        raise SystemExit(f"the batch has {counts}")
    return {"memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000, "cpu": spent, "seconds": read}


async def _read_for(one: Batch, seconds: float) -> float:
    running = asyncio.create_task(one.arun())
    await asyncio.wait({running}, timeout=seconds)
    running.cancel()
    await asyncio.wait({running})
    return seconds


def _accepted(folder: Path, url: str, jobs: int) -> None:
    """A ledger in which all jobs are accepted."""
    ledger = FileLedger(folder / FILE, create=True)
    ledger.begin(Account(url, KEY), None, Limits())
    with ledger.adding():
        for _ in ledger.add((("", job(line(number), url)) for number in range(jobs)), allow_same=False):
            pass
    ledger._connection.execute("PRAGMA synchronous = OFF")  # noqa: SLF001 - what is prepared is not measured
    for number in range(jobs):
        attempt = ledger.claim(f"job-{number}")
        if not isinstance(attempt, int):
            raise SystemExit(f"a claim gives {attempt}")
        ledger.settle(f"job-{number}", attempt, Outcome("accepted", f"grok:00000000-0000-4000-8000-{number:012}"))
    ledger.close()


def validation(url: str, jobs: int) -> dict[str, float]:
    """CPU seconds and megabytes of checking a file of so many lines."""
    with tempfile.TemporaryDirectory() as name:
        file = Path(name) / "jobs.jsonl"
        with file.open("w", encoding="utf-8") as stream:
            stream.writelines(json.dumps(line(number)) + "\n" for number in range(jobs))
        one = Batch(file, out=f"{name}/out", base_url=url, api_key=KEY)
        began = time.process_time()
        plan = one.plan()
        spent = time.process_time() - began
    if plan.new != jobs:
        raise SystemExit(f"the plan is {plan}")
    return {"cpu": spent, "memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000}


RUNS: dict[str, Callable[[str, int], dict[str, float]]] = {
    one.__name__: one for one in (batch, batch_without_downloads, loop, loop_without_downloads, waiting, validation)
}

if __name__ == "__main__":
    sys.stdout.write(json.dumps(RUNS[sys.argv[1]](sys.argv[2], int(sys.argv[3]))))
