"""The tasks of a contract: new ones, those that an id carries, and the documented ones."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from typing import Any

from octopusx_video_mock.compiled.contract import CompiledContract
from octopusx_video_mock.settings import Settings
from octopusx_video_mock.tasks.task import Task
from octopusx_video_mock.tasks.task_ids import TaskIds, carried

VIDEO_ADDRESS = re.compile(rb"/videos/([^/]+)/([A-Za-z0-9_-]{20})\.mp4")
"""The path of the address of a video: the task's id and a signature."""
_MAX_SIGNATURES = 4096


class Tasks:
    """Makes tasks and finds them by their ids.

    Args:
        compiled: The contract.
        settings: The secret that keys the ids, and the speed of new tasks.
        distinction: Returns six bytes that it has not returned before.
    """

    def __init__(self, compiled: CompiledContract, settings: Settings, distinction: Callable[[], bytes]) -> None:
        self._compiled = compiled
        self._distinction = distinction
        self._speed = carried(settings.speed)
        self._lasts = carried(compiled.life.lasts) if compiled.has_tasks else 0.0
        self._ids = TaskIds(settings.secret, compiled.echoes, compiled.life.id_prefix if compiled.has_tasks else "")
        # A task is read again and again while it is awaited, and its address is in each response after its end.
        self._signature = functools.lru_cache(_MAX_SIGNATURES)(self._ids.signature)
        begun, lasts, length = compiled.sample.begun, compiled.sample.lasts, compiled.sample.length
        self._documented = {
            task_id: Task(task_id, 0, begun, 1.0, lasts, length, 0, {}, documented=True)
            for task_id in compiled.known_tasks
        }

    def new(self, key: str, operation: int, now: float, length: float, faults: int, body: Any) -> Task:
        """A new task.

        Args:
            key: The API key that it belongs to.
            operation: Number of the operation that makes it.
            now: When it begins, in Unix seconds.
            length: How long its video is, in seconds.
            faults: The faults that its submit sets, as bits.
            body: The body of the submit, of which the task repeats some fields.
        """
        echoes = {name: text for name in self._compiled.echoes if isinstance(text := body.get(name), str)}
        return self._ids.make(
            key,
            operation=operation,
            begun=now,
            speed=self._speed,
            lasts=self._lasts,
            length=length,
            faults=faults,
            echoes=echoes,
            distinction=self._distinction(),
        )

    def find(self, task_id: str, key: str) -> Task | None:
        """The task of this id that this key can read; every key has the finished tasks of the contract's examples."""
        return self._documented.get(task_id) or self._ids.read(task_id, key)

    def signed(self, task_id: str, signature: str) -> Task | None:
        """The task of the address that has this id and this signature, whoever asks."""
        if not self._ids.is_signed(task_id, signature):
            return None
        return self._documented.get(task_id) or self._ids.read_signed(task_id, signature)

    def of_any_key(self, task_id: str) -> Task | None:
        """The task of this id, whichever key it belongs to. Only for the person who runs the mock."""
        return self._documented.get(task_id) or self._ids.read_signed(task_id, self._ids.signature(task_id))

    def address(self, task: Task, origin: str) -> str:
        """Where the video of a task can be fetched without a key, as with the addresses of the real service."""
        return f"{origin}/videos/{task.id}/{self._signature(task.id)}.mp4"

    def has_expired(self, task: Task, now: float) -> bool:
        """Whether the video of a task can't be fetched any more."""
        return not task.documented and task.age(now) >= self._compiled.life.expires_after
