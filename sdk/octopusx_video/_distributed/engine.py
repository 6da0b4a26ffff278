"""DBOS Transact: the queue of jobs, and the recovery of those of a worker that has ended.

A workflow is one of two kinds of work on one job: sending it, or delivering its video. Its body may run again after a
crash, in whole: what it may do again stands in the ledger. So no step of it is stored, and what the engine takes for
ended is never read as the state of a job.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
import re
import threading
import time
import warnings
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any, Literal, get_args

import psycopg
import sqlalchemy
import sqlalchemy.exc
from dbos import DBOS, SetWorkflowID

from octopusx_video._batch import threads
from octopusx_video._distributed.address import Address
from octopusx_video._distributed.shared_ledger import Open
from octopusx_video._flows.context import log
from octopusx_video._ledger.errors import LedgerError

Kind = Literal["send", "deliver"]
Work = Callable[[Kind, str], Coroutine[Any, Any, None]]

KINDS: tuple[Kind, ...] = get_args(Kind)

POLL_SECONDS = 0.25
"""How often each of up to ``FREQUENT`` workers asks for jobs; more of them ask as often together as these do."""
FREQUENT = 4
MAX_DELIVERIES = 2000
"""How many tasks a worker awaits at once."""
START_TRIES = 30
"""How often it is started again while the database can't be reached, once a second."""
_PAUSE_SECONDS = 1.0
_LOG_SECONDS = 10.0
_STOP_SECONDS = 4.0
_HURRY_SECONDS = 0.5
_VERSION = "1"
"""Pinned, since by default each new version of the code leaves behind what an older one has begun."""
_APPLICATION = "octopusx-video"
_POOL = 10
_MAX_LINE = 300
"""How many characters of what the engine says are shown."""
_TRACEBACK = "Traceback (most recent call last):\n"
_FRAME = re.compile(r"^[ ].*(?:\n|\Z)", re.MULTILINE)
"""A line of a traceback that is not its last one."""
_STATEMENT = re.compile(r"\n(?:\[SQL: |\[parameters: |\(Background on this error at: ).*", re.DOTALL)
_CLASSES = re.compile(r"\A(?:sqlalchemy\.[\w.]+: |psycopg\.[\w.]+: )?(?:\(psycopg\.[\w.]+\) )?")
"""What SQLAlchemy writes in front of the message of an error."""
_ENDED = frozenset({"SUCCESS", "ERROR", "CANCELLED", "MAX_RECOVERY_ATTEMPTS_EXCEEDED"})


class Engine:
    """The engine of a worker; one in a process.

    Args:
        address: Of the batch.
        worker: The id of the worker, which no other has.
        work: Does the work on a job, in the loop that ``start`` is called in.
        sends: How many jobs the worker takes at once to send them.
    """

    def __init__(self, address: Address, worker: str, work: Work, sends: int) -> None:
        self._address = address
        self._worker = worker
        self._work = work
        self._sends = sends
        self._functions: dict[Kind, Callable[[str], Coroutine[Any, Any, None]]] = {}
        self._running: set[str] = set()
        self._lost: set[str] = set()
        self._has_stopped = False
        self._database: sqlalchemy.Engine | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    @classmethod
    async def started(cls, address: Address, worker: str, work: Work, sends: int) -> Engine:
        """An engine that has made its tables where they are missing, and has begun to take jobs.

        Raises:
            LedgerError: It can't begin.
        """
        for attempt in range(START_TRIES):
            one = cls(address, worker, work, sends)
            one._loop = asyncio.get_running_loop()
            try:
                await threads.call(one._start)
            except asyncio.CancelledError:
                one.hurry()
                await one.stop()
                raise
            except Exception as error:
                await one.stop()
                if attempt + 1 == START_TRIES or not isinstance(error, sqlalchemy.exc.OperationalError):
                    raise LedgerError(f"{address.shown}: the engine can't begin: {last_line(str(error))}") from error
                log.warning("%s: the engine can't begin, trying again", address.shown)
                await asyncio.sleep(_PAUSE_SECONDS)
            else:
                return one
        raise AssertionError

    def _start(self) -> None:
        _quiet()
        self._database = sqlalchemy.create_engine(
            "postgresql+psycopg://",
            creator=self._connection,
            pool_size=_POOL,
            max_overflow=0,
            pool_pre_ping=True,
        )
        DBOS(
            config={
                "name": _APPLICATION,
                "system_database_engine": self._database,
                "dbos_system_schema": self._address.engine_schema,
                "executor_id": self._worker,
                "application_version": _VERSION,
                "use_listen_notify": False,
                "log_level": "WARNING",
            }
        )
        for kind in KINDS:
            # Without a limit of recoveries, so that a crash loop leaves no job behind.
            self._functions[kind] = DBOS.workflow(name=kind, max_recovery_attempts=None)(self._workflow(kind))
        DBOS.listen_queues(list(self._queues))
        DBOS.launch()
        for name, most in self._queues.items():
            DBOS.register_queue(
                name, worker_concurrency=most, polling_interval_sec=POLL_SECONDS, on_conflict="always_update"
            )

    def pace(self, workers: int) -> None:
        """Let each of so many workers ask for jobs as often as the database bears it."""
        seconds = poll_seconds(workers)
        for name in self._queues:
            queue = DBOS.retrieve_queue(name)
            if queue is not None and queue.polling_interval_sec != seconds:
                queue.set_polling_interval_sec(seconds)

    @property
    def _queues(self) -> Mapping[Kind, int]:
        return {"send": self._sends, "deliver": MAX_DELIVERIES}

    def _workflow(self, kind: Kind) -> Callable[[str], Coroutine[Any, Any, None]]:
        """The body of a workflow, in the engine's loop. An error would end it for good, and use its id up."""

        async def body(job: str) -> None:
            assert self._loop is not None  # noqa: S101 - set by `start`
            name = str(DBOS.workflow_id)
            self._running.add(name)
            work = asyncio.run_coroutine_threadsafe(self._work(kind, job), self._loop)
            try:
                await asyncio.wrap_future(work)
            except Exception as error:  # noqa: BLE001 - see above
                log.warning("%s %s: %s", kind, job, error)
            finally:
                self._running.discard(name)

        return body

    def hurry(self) -> None:
        """Do not wait for the database any more: it does not respond."""
        self._has_stopped = True

    async def stop(self) -> None:
        """Take nothing more. What is under way is left to the other workers."""
        _LOG.is_silent = True  # it logs each workflow that it leaves
        ended = asyncio.Event()
        loop = asyncio.get_running_loop()

        def destroy() -> None:
            try:
                DBOS.destroy(destroy_registry=True, workflow_completion_timeout_sec=0)
            finally:
                with contextlib.suppress(RuntimeError):  # nobody waits any more
                    loop.call_soon_threadsafe(ended.set)

        # In a thread that keeps no process alive: while the database is away, the engine tries it for ever.
        threading.Thread(target=destroy, name="engine-stop", daemon=True).start()
        for _ in range(2):
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_HURRY_SECONDS if self._has_stopped else _STOP_SECONDS):
                    await ended.wait()
            self._has_stopped = True  # whatever connects now fails, and is not repeated
        if self._database is not None:
            self._database.dispose()

    def _connection(self) -> psycopg.Connection[Any]:
        """Connect, for the engine.

        Raises:
            RuntimeError: It was stopped. The engine repeats what any other error ends.
        """
        if self._has_stopped:
            raise RuntimeError("the engine was stopped")
        return psycopg.connect(self._address.engine_conninfo)

    def enqueue(self, kind: Kind, job: Open) -> None:
        """Let any worker work on a job; once, however often this is called."""
        with SetWorkflowID(workflow_id(kind, job)):
            DBOS.enqueue_workflow(kind, self._functions[kind], job.id)

    def ended(self, kind: Kind, jobs: Sequence[Open]) -> tuple[list[Open], list[Open]]:
        """Of some jobs those without a workflow, and those whose workflow has ended."""
        ids = {workflow_id(kind, job): job for job in jobs}
        found = DBOS.list_workflows(workflow_ids=list(ids), load_input=False, load_output=False) if ids else []
        states = {one.workflow_id: one.status for one in found}
        return (
            [job for name, job in ids.items() if name not in states],
            [job for name, job in ids.items() if states.get(name) in _ENDED],
        )

    def take_over(self, worker: str) -> int:
        """Give the workflows of a worker that has ended to all others. Returns how many there are."""
        count = 0
        for kind in self._queues:
            found = _taken_by(worker, kind)
            _resume(kind, found)
            count += len(found)
        return count

    def find_lost(self) -> int:
        """Begin again what this worker has taken and does not do: the connection broke while it took it.

        Returns how many there are. What is being taken now looks the same, so it has to be so at two looks.
        """
        count, lost = 0, set()
        for kind in self._queues:
            names = set(_taken_by(self._worker, kind)) - self._running
            again = names & self._lost
            _resume(kind, sorted(again))
            count += len(again)
            lost |= names - again
        self._lost = lost
        return count


def poll_seconds(workers: int) -> float:
    """How many seconds each of so many workers waits from one look into a queue to the next."""
    return POLL_SECONDS * max(1.0, workers / FREQUENT)


def workflow_id(kind: Kind, job: Open) -> str:
    """The id of the workflow for a job."""
    return f"{kind}-{job.number}-{job.round}"


def _taken_by(worker: str, kind: Kind) -> list[str]:
    """The ids of the workflows that a worker has taken, and that have not ended."""
    found = DBOS.list_workflows(status="PENDING", executor_id=worker, name=kind, load_input=False, load_output=False)
    return [one.workflow_id for one in found]


def _resume(kind: Kind, names: list[str]) -> None:
    """Let any worker take workflows that were taken before."""
    if names:
        DBOS.resume_workflows(names, queue_name=kind)


def last_line(text: str) -> str:
    """What a text of the engine says, without its traceback and without the statement of an error of the database."""
    before, traceback, error = _STATEMENT.sub("", text).rpartition(_TRACEBACK)
    if traceback:
        before, error = before.partition(_TRACEBACK)[0], _FRAME.sub("", error)
    lines = [*before.splitlines()[:1], *_CLASSES.sub("", error.strip()).splitlines()[:1]]
    return " ".join(" ".join(lines).split())[:_MAX_LINE]


class _Forwarded(logging.Handler):
    """Passes what the engine logs on to the log of this package, which knows what must not be shown.

    While the database is away the engine logs hundreds of lines. One in ten seconds is a warning.
    """

    is_silent = False
    _warned = -math.inf

    def emit(self, record: logging.LogRecord) -> None:
        """Called by the logger."""
        level, now = record.levelno, time.monotonic()
        if self.is_silent or (level >= logging.WARNING and now - self._warned < _LOG_SECONDS):
            level = logging.DEBUG
        elif level >= logging.WARNING:
            self._warned = now
        log.log(level, "engine: %s", last_line(record.getMessage()))


_LOG = _Forwarded()


def _quiet() -> None:
    """Keep the engine from the terminal."""
    # What it was about to begin when it was stopped is left to the other workers.
    warnings.filterwarnings("ignore", "coroutine 'execute_dequeued_workflow", RuntimeWarning)
    engine = logging.getLogger("dbos")
    engine.handlers, engine.propagate, _LOG.is_silent = [_LOG], False, False
