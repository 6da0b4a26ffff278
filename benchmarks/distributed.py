"""What a batch on several machines costs: one worker, two, and the engine alone (`nox -s bench -- distributed`).

Prints a table. All processes share the machine: the mock, PostgreSQL and the workers.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from _batch_runs import KEY, line
from _servers import environment
from octopusx_video._distributed.address import address
from octopusx_video._distributed.engine import Engine
from octopusx_video._distributed.shared_ledger import Open
from octopusx_video.distributed import DistributedBatch

sys.path.append(str(Path(__file__).parents[1]))

from tests.campaigns.mock_process import mock_process
from tests.support import postgres

JOBS, CONCURRENCY, SPEED = 600, 16, 2000
TARGET = 12.0
NAME = "bench"


def worker(url: str, db: str, role: str, out: str) -> dict[str, float]:
    """CPU seconds of a worker, and how long it has run."""
    jobs: Any = [line(number) for number in range(JOBS)] if role == "first" else None
    one = DistributedBatch(
        jobs,
        db=db,
        name=NAME,
        out=out,
        base_url=url,
        api_key=KEY,
        concurrency=CONCURRENCY,
        poll_interval=0.05,
        reads_per_second=1e6,
    )
    began, clock = time.process_time(), time.monotonic()
    counts = (one.run() if role == "first" else one.work()).counts
    if counts != {"done": JOBS}:
        raise SystemExit(f"the batch ends with {counts}")
    return {"cpu": time.process_time() - began, "wall": time.monotonic() - clock}


def engine(url: str, db: str, role: str, out: str) -> dict[str, float]:
    """CPU seconds of the engine for as many workflows of two kinds that do nothing."""
    return asyncio.run(_engine(db))


async def _engine(db: str) -> dict[str, float]:
    done: list[str] = []
    ended = asyncio.Event()

    async def work(kind: str, job: str) -> None:
        done.append(kind)
        if len(done) == 2 * JOBS:
            ended.set()

    one = await Engine.started(address(db, NAME), "a", work, CONCURRENCY)
    began, clock = time.process_time(), time.monotonic()
    for number in range(JOBS):
        for kind in ("send", "deliver"):
            await asyncio.to_thread(one.enqueue, kind, Open(number, f"job-{number}", 0))
    await ended.wait()
    found = {"cpu": time.process_time() - began, "wall": time.monotonic() - clock}
    await one.stop()
    return found


def measured(what: str, workers: int, url: str) -> tuple[float, float, float]:
    """Jobs per second of the workers' CPU, of PostgreSQL's, and of time."""
    with tempfile.TemporaryDirectory() as folder, postgres.cluster() as cluster:
        cluster.create(NAME)
        before = cluster.cpu_seconds()
        running = [_started(what, url, cluster.url(NAME), number, folder) for number in range(workers)]
        printed = [process.communicate()[0] for process in running]
        if any(process.returncode for process in running):
            raise SystemExit(1)
        found = [json.loads(text) for text in printed]
        spent = cluster.cpu_seconds() - before
    return JOBS / sum(one["cpu"] for one in found), JOBS / spent, JOBS / found[0]["wall"]


def _started(what: str, url: str, db: str, number: int, folder: str) -> subprocess.Popen[str]:
    role = "second" if number else "first"
    words = [sys.executable, __file__, "--process", what, url, db, role, folder]
    return subprocess.Popen(words, env=environment(), stdout=subprocess.PIPE, text=True)


def main() -> int:
    """Measure and print. Returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="benchmarks/distributed.py",
        description="Measure what a batch on several machines costs; takes a minute or two and needs PostgreSQL.",
        epilog="Exit status: 0 the target is reached, 3 it is missed",
    )
    parser.add_argument("--process", nargs=5, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.process:
        what, *rest = options.process
        sys.stdout.write(json.dumps({"worker": worker, "engine": engine}[what](*rest)))
        sys.stdout.flush()
        os._exit(0)  # the engine's threads end by themselves
    rows = {}
    with mock_process("--speed", str(SPEED), "--quiet") as mock:
        url = f"http://{mock.host}:{mock.port}"
        for name, what, workers in (
            ("the engine alone", "engine", 1),
            ("one worker", "worker", 1),
            ("two workers", "worker", 2),
        ):
            rows[name] = measured(what, workers, url)
    sys.stdout.write(f"{JOBS} jobs; per second of:  the workers' CPU   PostgreSQL's CPU   time\n")
    for name, (workers_cpu, database_cpu, wall) in rows.items():
        sys.stdout.write(f"{name:28}{workers_cpu:14.1f}{database_cpu:19.1f}{wall:9.1f}\n")
    ratio = rows["two workers"][2] / rows["one worker"][2]
    cores = os.cpu_count()
    sys.stdout.write(f"two workers do {ratio:.2f} times as much as one, on {cores} cores for all of it\n")
    return 0 if min(rows["one worker"][0], rows["two workers"][0]) >= TARGET else 3


if __name__ == "__main__":
    sys.exit(main())
