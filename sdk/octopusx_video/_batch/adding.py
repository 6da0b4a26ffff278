"""Adding the jobs of a file to a ledger: all of them, or none where one can't be used."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path

from octopusx_video._batch.inputs import Entry
from octopusx_video._batch.steps import VIDEOS
from octopusx_video._ledger.errors import MAX_SHOWN, InvalidJobsError
from octopusx_video._ledger.jobs import InvalidJobError, job
from octopusx_video._ledger.ledger import Checked, Ledger


def _names(folder: Path) -> frozenset[str]:
    try:
        return frozenset(path.name for path in folder.iterdir())
    except OSError:  # it is not there yet
        return frozenset()


class Addition:
    """Adds jobs to a ledger, inside of its transaction.

    Args:
        ledger: Where they are added.
        server: The base URL.
        folder: The folder of the batch.
        shard: Which part of the jobs is taken, as ``(2, 8)``; None for all.
        allow_same: Whether two jobs may have the same request.

    Attributes:
        read: How many jobs were read, those of other shards and wrong ones included.
        new: How many of them the ledger did not have.
        known: How many it had.
    """

    def __init__(
        self, ledger: Ledger, server: str, folder: Path, shard: tuple[int, int] | None, *, allow_same: bool
    ) -> None:
        self.read = self.new = self.known = 0
        self._ledger = ledger
        self._server = server
        self._files = _names(folder / VIDEOS)
        self._shard = shard
        self._allow_same = allow_same
        self._wrong = 0
        self._problems: list[str] = []

    def add(self, entries: Iterable[Entry]) -> None:
        """Add all of them.

        Raises:
            InvalidJobsError: Some can't be used.
        """
        for place, one, found in self._ledger.add(self._checked(entries), allow_same=self._allow_same):
            if found == "known":
                self.known += 1
            elif found == "new" and one is not None:
                self.new += 1
                if f"{one.name}.mp4" in self._files:
                    self._note(place, f"the file {VIDEOS}/{one.name}.mp4 exists, and is of no job; move it")
            else:
                self._note(place, found)
        if self._wrong:
            raise InvalidJobsError(self._problems, self._wrong)

    def _checked(self, entries: Iterable[Entry]) -> Iterator[Checked]:
        """The jobs of this shard, each with its place, or what is wrong with it by itself."""
        for entry in entries:
            self.read += 1
            if entry.problem:
                yield entry.place, entry.problem
                continue
            try:
                one = job(entry.value, self._server)
            except InvalidJobError as error:
                yield entry.place, str(error)
                continue
            if self._is_mine(one.id):
                yield entry.place, one

    def _is_mine(self, job_id: str) -> bool:
        if self._shard is None:
            return True
        number, of = self._shard
        return int.from_bytes(hashlib.sha256(job_id.encode()).digest()[:8], "big") % of == number - 1

    def _note(self, place: str, problem: str) -> None:
        self._wrong += 1
        if self._wrong <= MAX_SHOWN:
            self._problems.append(f"{place}: {problem}")
