"""Hands the jobs of the ledger to the engine: a window of them, and again what the engine has lost or ended.

It keeps nothing in memory that decides anything: whichever worker does it, and after whatever crash, each pass enqueues
what the ledger calls unfinished and the engine does not have.
"""

from __future__ import annotations

import sqlalchemy.exc

from octopusx_video._distributed.engine import Engine, Kind
from octopusx_video._distributed.lease import Lease
from octopusx_video._distributed.shared_ledger import Open, SharedLedger
from octopusx_video._flows.context import log
from octopusx_video._ledger.errors import BatchError
from octopusx_video._ledger.ledger import in_a_line

PASS_SECONDS = 1.0
"""How often it looks."""
LOST_PASSES = 10
"""After so many passes it looks for what was taken and lost."""
WINDOW = 200
"""How many jobs that are to be sent the engine has at most; a million rows do not stand twice in the database."""
PAGE = 500
"""How many jobs that are to be delivered it looks at in each pass."""


class Feeder:
    """What one worker at a time does for all.

    Args:
        ledger: Of the batch.
        engine: Of this worker.
        lease: Of this worker.
    """

    def __init__(self, ledger: SharedLedger, engine: Engine, lease: Lease) -> None:
        self._ledger = ledger
        self._engine = engine
        self._lease = lease
        self._after = 0
        self._passes = 0

    def run(self) -> None:
        """One pass: what each worker does for itself, and what one of them does for all.

        Raises:
            BatchError: The database can't be used.
        """
        try:
            self._passes += 1
            if self._passes % LOST_PASSES == 0 and (count := self._engine.find_lost()):
                log.info("%d jobs that were taken and lost are begun again", count)
            if self._ledger.lead():
                self._lead()
        except sqlalchemy.exc.OperationalError as error:  # of the engine; the ledger waits by itself
            log.info("the engine's tables can't be used, looking again: %s", in_a_line(error.orig or error))
        except sqlalchemy.exc.DBAPIError as error:
            raise BatchError(
                f"the engine's tables can't be used: {in_a_line(error.orig or error)}",
                advice="end all workers and start them again; tables of the engine that are missing are made",
            ) from None

    def _lead(self) -> None:
        self._ledger.park_interrupted()
        for worker in self._ledger.absent(self._lease.absent_seconds):
            count = self._engine.take_over(worker)
            self._ledger.note_taken_over(worker)
            log.info("worker %s is gone: %d of its workflows are given to the others", worker, count)
        self._engine.pace(len(self._ledger.alive()))
        if not self._ledger.hold_back_stopped():
            self._feed("send", self._ledger.to_send(WINDOW))
        page = self._ledger.to_deliver(self._after, PAGE)
        self._after = page[-1].number if len(page) == PAGE else 0
        self._feed("deliver", page)

    def _feed(self, kind: Kind, jobs: list[Open]) -> None:
        missing, ended = self._engine.ended(kind, jobs)
        if ended:  # their ids are used up
            self._ledger.next_round(ended)
        for job in (*missing, *(one._replace(round=one.round + 1) for one in ended)):
            self._engine.enqueue(kind, job)
