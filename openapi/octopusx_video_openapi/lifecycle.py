"""A task's life as the contract has it: which statuses a task goes through, and how long it takes (``x-task-life``)."""

from __future__ import annotations

import functools
import itertools
from typing import NamedTuple

from octopusx_video_openapi._source import source_of
from octopusx_video_openapi.contract import Contract
from octopusx_video_openapi.document import ContractError
from octopusx_video_openapi.grades import Grade, grade_of


class Run(NamedTuple):
    """A status of a running task.

    Attributes:
        status: The status.
        begins: The share of the time to the end after which the task gets it, from 0 to 1.
        lasts: For how many seconds the task has it.
        grade: How it is known.
    """

    status: str
    begins: float
    lasts: float
    grade: Grade | None


class TaskLife(NamedTuple):
    """``x-task-life``: which statuses a task has while it runs and when it has ended, and how long it has them.

    Attributes:
        lasts: Seconds from the submit to the end.
        runs: The statuses of a running task, in their order.
        succeeded: The status of a task that has ended with a video.
        failed: The status of a task that has ended without one.
        expires_after: Seconds from the submit until its video can't be fetched any more.
        id_prefix: What the id of a new task begins with.
        unknown_code: The code of an error that says that a task is unknown.
        expires_grade: How it is known when it expires.
    """

    lasts: float
    runs: tuple[Run, ...]
    succeeded: str
    failed: str
    expires_after: float
    id_prefix: str
    unknown_code: str
    expires_grade: Grade | None = None

    @property
    def running(self) -> str:
        """The status of a new task."""
        return self.runs[0].status

    @property
    def runs_grade(self) -> Grade | None:
        """How it is known how long a task runs: the grade of the status that it has longest."""
        return max(self.runs, key=lambda run: run.lasts).grade

    def running_after(self, share: float) -> Run:
        """The status of a task of which this share of its time to the end has passed, from 0 to below 1."""
        return next(run for run in reversed(self.runs) if run.begins <= share)


@functools.cache
def task_life(contract: Contract) -> TaskLife:
    """The life of this contract's tasks.

    Raises:
        ContractError: ``x-task-life`` is missing.
    """
    if not contract.has("x-task-life"):
        text = "x-task-life is missing; say which statuses a task has, and how long they last; see openapi/README.md"
        raise ContractError.at(contract.path, None, text)
    life = source_of(contract).document["x-task-life"]
    *begins, lasts = itertools.accumulate((float(node["lasts"]) for node in life["runs"]), initial=0.0)
    return TaskLife(
        lasts=lasts,
        runs=tuple(
            Run(node["status"], begun / lasts if lasts else 0.0, float(node["lasts"]), grade_of(node))
            for node, begun in zip(life["runs"], begins, strict=True)
        ),
        succeeded=life["succeeds"]["status"],
        failed=life["fails"]["status"],
        expires_after=float(life["expires"]["after"]),
        id_prefix=life["ids"]["prefix"],
        unknown_code=life["unknown"]["code"],
        expires_grade=grade_of(life["expires"]),
    )
