"""A batch in the process of a test: on a mock whose clock its pauses turn, in a folder of its own."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import httpx
from octopusx_video._ledger.file_ledger import FILE, FileLedger
from octopusx_video.batch import Batch, JobState, Status
from octopusx_video_mock import Mock

from tests.support.batches.service import Billed, line, record
from tests.support.batches.statements import broken
from tests.support.sdk.clients import BASE_URL, KEY, Between

SPEED = 20
"""A task takes nine seconds, which are few reads; its video expires after more than an hour."""


class Trial:
    """A mock, and the folder of one batch.

    Args:
        folder: Of the test.
        handle: Gets each request and a function that passes it on to the mock, as ``Between`` has it.

    Attributes:
        folder: Of the test.
        out: The folder of the batch.
        mock: The service.
        tasks: The tasks that it has billed, by the ids of their jobs.
        transport: Leads to it; ``requests`` has what was sent.
    """

    def __init__(
        self,
        folder: Path,
        handle: Callable[[httpx.Request, Callable[[httpx.Request], httpx.Response]], httpx.Response] | None = None,
    ) -> None:
        self.folder = folder
        self.out = folder / "out"
        self.mock = Mock(token=KEY, speed=SPEED)
        self.tasks: dict[str, list[str]] = {}
        record(self.mock, lambda job, task: self.tasks.setdefault(job, []).append(task))
        self.transport = Between(self.mock.transport, handle)

    async def sleep(self, seconds: float) -> None:
        """Let what can be done at this moment be done, and turn the clock."""
        for _ in range(10):
            await asyncio.sleep(0)
        self.mock.clock.advance(seconds)

    def batch(self, jobs: Any = None, **options: Any) -> Batch:
        """A batch on the mock."""
        given = {
            "api_key": KEY,
            "base_url": BASE_URL,
            "clock": self.mock.clock.now,
            "out": self.out,
            "sleep": self.sleep,
            "transport": self.transport,
        }
        return Batch(jobs, **{**given, **options})

    def run(self, jobs: Any = None, **options: Any) -> Status:
        """Run one to its end."""
        return self.batch(jobs, **options).run()

    def file(self, lines: Iterable[Any], name: str = "jobs.jsonl") -> Path:
        """A file with a line for each value; a text is a line as it is."""
        path = self.folder / name
        texts = (one if isinstance(one, str) else json.dumps(one) for one in lines)
        path.write_text("".join(f"{text}\n" for text in texts), "utf-8")
        return path

    @property
    def states(self) -> dict[str, JobState]:
        """The state of each job, also where no run has begun."""
        with contextlib.closing(FileLedger(self.out / FILE, create=False)) as book:
            return {row.id: row.state for row in book.rows()}

    @property
    def reasons(self) -> dict[str, str]:
        """Why each job is in its state."""
        return {row.id: row.reason for row in Batch(None, out=self.out).rows()}

    @property
    def submits(self) -> int:
        """How many submits were sent."""
        return sum(request.method == "POST" for request in self.transport.requests)

    @property
    def billed(self) -> int:
        """How many videos were billed."""
        return len(self.mock.submissions)

    @property
    def videos(self) -> list[str]:
        """The names of the files among the videos."""
        return sorted(path.name for path in (self.out / "videos").iterdir())

    def broken(self, *, has_ended: bool = False) -> list[str]:
        """What does not hold of money and files."""
        return broken(self.out, Billed(self.tasks), has_ended=has_ended)

    def sql(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        """Ask or change the ledger, as a person does."""
        with contextlib.closing(sqlite3.connect(self.out / "ledger.sqlite3", isolation_level=None)) as connection:
            return connection.execute(statement, values).fetchall()


def lines(count: int, first: int = 0) -> list[dict[str, Any]]:
    """Jobs with different requests."""
    return [line(f"job-{number}") for number in range(first, first + count)]


def refusing(
    status: int, code: str = "", wanted: Callable[[str], bool] = lambda _: True
) -> Callable[[httpx.Request, Callable[[httpx.Request], httpx.Response]], httpx.Response]:
    """Refuses the submits of some jobs, as the gateway does: an error with a code."""

    def handle(request: httpx.Request, pass_on: Callable[[httpx.Request], httpx.Response]) -> httpx.Response:
        if request.method == "POST" and wanted(prompt_of(request)):
            error = {"message": "the prompt is not allowed", "type": "new_api_error", "code": code}
            return httpx.Response(status, json={"error": error})
        return pass_on(request)

    return handle


def prompt_of(request: httpx.Request) -> str:
    """The prompt of a submit, which is the id of its job."""
    prompt: str = json.loads(request.content)["prompt"]
    return prompt


def losing(
    wanted: Callable[[str], bool] = lambda _: True, *, is_billed: bool = True
) -> Callable[[httpx.Request, Callable[[httpx.Request], httpx.Response]], httpx.Response]:
    """Loses the responses to the submits of some jobs, which the mock has billed or has never seen."""

    def handle(request: httpx.Request, pass_on: Callable[[httpx.Request], httpx.Response]) -> httpx.Response:
        if request.method == "POST" and wanted(prompt_of(request)):
            if is_billed:
                pass_on(request)
            raise httpx.ReadTimeout("silence")
        return pass_on(request)

    return handle


def every_byte(folder: Path) -> Iterator[tuple[Path, bytes]]:
    """Each file below a folder, with its name and its bytes."""
    yield from ((path, str(path).encode() + path.read_bytes()) for path in folder.rglob("*") if path.is_file())


def read_lines(path: Path) -> list[Mapping[str, Any]]:
    """The objects of a file of JSON lines."""
    return [json.loads(text) for text in path.read_text("utf-8").splitlines()]


def named(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """The ids of the jobs of some lines."""
    return [row["custom_id"] for row in rows]
