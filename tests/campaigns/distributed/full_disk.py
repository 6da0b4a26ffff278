"""Fills the disk of PostgreSQL while a worker sends: it waits, or ends in words and the next one finishes.

It takes root, which may mount a small file system.
"""

from __future__ import annotations

import contextlib
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from tests.campaigns.distributed.scene import Scene, started
from tests.support.batches import postgres
from tests.support.batches.service import service
from tests.support.forking import ended

JOBS, RATE = 60, 8.0
MEGABYTES = 160
FULL_SECONDS = 5.0
FULL_AFTER = 3.0
"""Seconds after the start of the worker, which has then sent some of its jobs."""


def run() -> tuple[str, list[str]]:
    """What happened in a line, and what does not hold.

    Raises:
        SystemExit: No file system of a fixed size can be made.
    """
    with _disk() as disk, tempfile.TemporaryDirectory(prefix="full-") as name, postgres.cluster(disk) as cluster:
        folder = Path(name)
        with service(folder) as (url, billed):
            one = Scene(url, billed, folder, cluster)
            one.prepare()
            one.begin()
            worker = started(lambda: _work(one))
            time.sleep(FULL_AFTER)
            filler = disk / "filler"
            with contextlib.suppress(OSError), filler.open("wb") as file:
                while True:
                    file.write(bytes(1 << 16))
            before = one.bill().count()
            time.sleep(FULL_SECONDS)
            filler.unlink()
            status = ended(worker)
            again = ended(started(lambda: _work(one))) if status else 0
            wrong = one.broken(has_ended=True)
            counts, at_end = one.status().counts, one.bill().count()
    wrong += [f"the next worker ends with {again}, and the jobs are {dict(counts)}"] if again else []
    how = "ended, and the next one" if status else "waited, and"
    return f"{before} of {JOBS} jobs were billed when the disk was full; the worker {how} finished: {at_end}", wrong


def _work(one: Scene) -> None:
    end = one.batch("a", jobs=JOBS, rate=RATE).run()
    assert end.exit_status == 0, end


@contextlib.contextmanager
def _disk() -> Iterator[Path]:
    """A small file system in memory, while the block lasts."""
    with tempfile.TemporaryDirectory(prefix="disk-") as name:
        Path(name).chmod(0o755)  # PostgreSQL runs as another user
        made = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={MEGABYTES}m,mode=777", "tmpfs", name],
            capture_output=True,
            text=True,
            check=False,
        )
        if made.returncode:
            raise SystemExit(f"no small file system can be mounted, which takes root: {made.stderr.strip()}")
        try:
            yield Path(name)
        finally:
            subprocess.run(["umount", name], check=True)
