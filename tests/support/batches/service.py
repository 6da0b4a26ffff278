"""A mock in a process of its own, which writes down which job each submit that it bills is of."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from octopusx_video_mock import Mock
from octopusx_video_mock.messages import Request, Response

from tests.support import forking

SOURCE = "grok:48a67431-0708-46d1-9ab9-83cb84700153"
SPEED = 1000
"""A task takes a fraction of a second, and its video expires after more than a minute."""


def line(name: str, **fields: Any) -> dict[str, Any]:
    """A job whose prompt is its id."""
    body = {"model": "grok-video-3", "prompt": name, "start_time": 4, "video": {"url": SOURCE}, **fields}
    return {"custom_id": name, "body": body}


class Billed:
    """What a service has billed: the ids of the tasks of each job.

    Args:
        tasks: Them.
    """

    def __init__(self, tasks: dict[str, list[str]]) -> None:
        self.tasks = tasks

    @classmethod
    def read(cls, file: Path) -> Billed:
        """What a service has written."""
        found: dict[str, list[str]] = {}
        for text in file.read_text("utf-8").splitlines() if file.exists() else ():
            job, task, _ = json.loads(text)
            found.setdefault(job, []).append(task)
        return cls(found)

    @staticmethod
    def moments(file: Path) -> list[float]:
        """When each submit that was billed arrived, in Unix seconds."""
        return [json.loads(text)[2] for text in file.read_text("utf-8").splitlines()] if file.exists() else []

    def count(self) -> int:
        """How many videos."""
        return sum(map(len, self.tasks.values()))

    def twice(self) -> list[str]:
        """The jobs that were billed more than once."""
        return [job for job, tasks in self.tasks.items() if len(tasks) > 1]

    def every_task(self) -> Counter[str]:
        """All the ids."""
        return Counter(task for tasks in self.tasks.values() for task in tasks)


def record(mock: Mock, note: Callable[[str, str], None]) -> None:
    """Let a mock report each submit that it accepts: the job (its prompt) and the id of the new task."""
    respond: Callable[[Request], Response] = mock.engine.respond

    def recorded(request: Request) -> Response:
        before = len(mock.submissions)
        response = respond(request)
        for submission in mock.submissions[before:]:
            note(json.loads(request.body or b"{}")["prompt"], submission.task)
        return response

    mock.engine.respond = recorded  # type: ignore[method-assign]  # there is no other way in for a test


@contextlib.contextmanager
def service(folder: Path, *, faults: tuple[tuple[str, float], ...] = (), seed: int = 0) -> Iterator[tuple[str, Path]]:
    """A mock in a process of its own while the block lasts: its base URL, and the file for ``Billed.read``.

    The file is emptied by whoever begins another run.
    """
    billed = folder / "billed.jsonl"
    reader, writer = os.pipe()

    def work() -> None:
        with contextlib.suppress(BaseException):
            os.close(reader)
            _serve(billed, writer, faults, seed)

    process = forking.started(work)
    os.close(writer)
    with os.fdopen(reader, "r") as stream:
        url = stream.readline().strip()
    try:
        yield url, billed
    finally:
        os.kill(process, signal.SIGKILL)
        os.waitpid(process, 0)


def _serve(billed: Path, writer: int, faults: tuple[tuple[str, float], ...], seed: int) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    mock = Mock(speed=SPEED, seed=seed, start=None)

    def note(job: str, task: str) -> None:
        # On the disk before the response leaves: the client may be killed while it arrives.
        with billed.open("a", encoding="utf-8") as file:
            file.write(json.dumps([job, task, time.time()]) + "\n")

    record(mock, note)
    for name, share in faults:
        mock.faults.on(name, probability=share)
    with mock.serve() as url:
        os.write(writer, f"{url}\n".encode())
        os.close(writer)
        while os.getppid() != 1:
            signal.sigtimedwait({signal.SIGTERM}, 1)
