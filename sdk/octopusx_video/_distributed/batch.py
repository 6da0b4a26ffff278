"""A batch on several machines, as a program uses it: the same jobs and budget, in a database."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.metadata
import socket
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

from octopusx_video._async_client import AsyncOctopusX
from octopusx_video._batch import lock, threads
from octopusx_video._batch.batch import Batch, File, Status
from octopusx_video._batch.inputs import Entry
from octopusx_video._batch.steps import Steps
from octopusx_video._distributed.address import address
from octopusx_video._distributed.connections import is_lost, is_refused, is_transient
from octopusx_video._distributed.engine import Engine
from octopusx_video._distributed.lease import Guard, Lease
from octopusx_video._distributed.shared_ledger import Pacing, SharedLedger
from octopusx_video._distributed.worker import Calls, Worker
from octopusx_video._errors import NotSentError
from octopusx_video._flows.context import log
from octopusx_video._ledger import file_ledger
from octopusx_video._ledger.errors import BatchError, LedgerError
from octopusx_video._ledger.file_ledger import FileLedger
from octopusx_video._ledger.ledger import Account, Ledger

_PACKAGE = "octopusx-video"
_INTERRUPT_SECONDS = 8.0
"""How long what adds the jobs is waited for when it is interrupted."""
_WAIT_SECONDS = 1.0
_MAX_OFFSET_SECONDS = 30.0
START_SECONDS = 30.0
"""For how long a database that can't be reached is tried when a worker starts."""

T = TypeVar("T")


class DistributedBatch(Batch):
    """A batch whose ledger is in PostgreSQL, for any number of workers on any number of machines.

    ``run`` adds jobs, works on them as one worker, and returns when no worker has anything left to do. ``work`` does
    the same without adding any; it waits for a batch that has not begun.

    Args:
        jobs: As ``Batch`` has it.
        db: The database, as ``postgresql://user@host:5432/database``; the password is taken from ``PGPASSWORD`` or
            ``~/.pgpass``.
        name: The name of the batch in it: lower-case letters, digits and underscores.
        out: The folder in which this worker saves videos, shared with others or its own. None for a program that only
            looks.
        worker: The id of this worker, which no other that is alive has; None for one by the name of this machine.
        options: As ``Batch`` has them, but for ``shard``. ``concurrency`` and ``rate`` hold for all workers together.

    Raises:
        NotSentError: An argument can't be used.
    """

    def __init__(
        self, jobs: Any, *, db: str, name: str, out: File | None = None, worker: str | None = None, **options: Any
    ) -> None:
        if options.get("shard") is not None:
            raise NotSentError("shard can't be used with a database, whose workers share all jobs")
        if worker is not None and not (isinstance(worker, str) and 0 < len(worker) <= 100 and worker.isprintable()):
            raise NotSentError(f"worker: {worker!r} is no id of a worker", advice="give 1 to 100 printable characters")
        super().__init__(jobs, out="." if out is None else out, **options)
        self._address = address(db, name)
        self._worker_id = worker
        self._adds = True
        self._is_interrupted = threading.Event()
        self._book: SharedLedger | None = None
        """The ledger while this process works."""

    async def arun(self) -> Status:
        """Check all jobs, add them, and work on them together with all other workers. **Costs money**.

        Cancelled, it sends nothing more and waits for the responses to what it has sent; the other workers go on.

        Raises:
            InvalidJobsError, LedgerError, NotSentError, BatchError: As ``Batch.arun`` has them.
        """
        async with AsyncOctopusX(**self._client_options) as client:
            settings = client._context.settings  # noqa: SLF001 - our own
            account = Account(settings.base_url, settings.key.reveal())
            self._make_folder()
            with contextlib.closing(await self._reached(account)) as book:
                with book.usable():
                    lock.mark(self.out, book.place, book.created_at())
                return await self._worked(client, book)

    async def awork(self) -> Status:
        """Work on the jobs that are there, as ``work`` does. **Costs money**."""
        self._adds = False
        return await self.arun()

    def work(self) -> Status:
        """Work on the jobs that are there until no worker has anything left to do. **Costs money**.

        Returns:
            Where the batch stands.

        Raises:
            LedgerInUseError: A worker of this id is alive.
            LedgerError: The batch is of another server, account or contract, or the database can't be used.
            BatchError: The database could not be written. The text has what it lacks.
        """
        self._adds = False
        return self.run()

    async def _reached(self, account: Account) -> SharedLedger:
        """The ledger: with the new jobs in it, or else once a run has written some."""
        if self._adds:
            return await self._added(account)
        is_first = True
        while True:
            book = await _tried(lambda: self._with_a_run(account))
            if book is not None:
                return book
            if is_first:
                log.warning("waiting for a run of the batch %r in %s", self._address.name, self._address.shown)
                is_first = False
            await asyncio.sleep(_WAIT_SECONDS)

    async def _added(self, account: Account) -> SharedLedger:
        """The ledger with the new jobs in it. Cancelled, it adds none of them, unless they are there already."""
        self._is_interrupted.clear()
        adding = asyncio.ensure_future(
            _tried(lambda: self._with_jobs(account), again=not isinstance(self._jobs, Iterator))
        )
        try:
            return await asyncio.shield(adding)
        except asyncio.CancelledError:
            self._is_interrupted.set()
            with contextlib.suppress(BatchError, _InterruptedError, TimeoutError):
                async with asyncio.timeout(_INTERRUPT_SECONDS):
                    book = await adding
                book.close()
                log.warning("the jobs were added before the interrupt: other workers send them (batch stop)")
            raise

    def _with_jobs(self, account: Account) -> SharedLedger:
        """The ledger, made where it is missing, with the new jobs in it."""
        book = self._made()
        try:
            with book.usable():
                self._check_folder(book)
            self._begin(book, account.server, account.key)
        except BaseException:
            book.close()
            raise
        return book

    def _with_a_run(self, account: Account) -> SharedLedger | None:
        """The ledger, if a run has written jobs to it."""
        try:
            book = self._existing()
        except _NoBatchError:
            return None
        try:
            with book.usable():
                if book.has_begun():
                    book.check(account, None, new_key=self._new_key)
                    book.check_contract()
                    self._check_folder(book)
                    return book
        except BaseException:
            book.close()
            raise
        book.close()
        return None

    def _existing(self) -> SharedLedger:
        try:
            return SharedLedger(self._address, create=False)
        except LedgerError as error:
            if "there is no batch" in str(error):
                raise _NoBatchError from error
            raise

    async def _worked(self, client: AsyncOctopusX, book: SharedLedger) -> Status:
        context, driver = client._context, client._driver  # noqa: SLF001 - our own
        version = importlib.metadata.version(_PACKAGE)
        lease = Lease(self._address, context.submit_timeout, self._worker_id, self.out, version)
        calls = Calls(book)
        try:
            await _tried(lambda: _taken(book, lease))
            book.run, self._book = lease.run, book
            if abs(lease.offset) > _MAX_OFFSET_SECONDS:
                log.warning("the clock of this machine is %.0f s off; that of the database is used", -lease.offset)
            environment = context.environment._replace(wall=lambda: time.time() + lease.offset)
            context = context._replace(environment=environment)
            driver._client.event_hooks["request"].append(Guard(lease).hook)  # noqa: SLF001 - our own
            host = f"{socket.gethostname()}:{self.out.absolute()}/"
            worker = Worker(
                book,
                Steps(book, driver, context, self.out, call=calls, host=host),
                calls,
                lease,
                context,
                self._pace,
                self.out,
                keep_going=self._keep_going,
                changed=lambda job_id: self._notify(book, job_id),
            )
            log.info("worker %s begins", lease.worker)
            engine = await Engine.started(self._address, lease.worker, worker.work, 2 * self._pace.concurrency)
            try:
                await worker.run(engine)
            finally:
                await engine.stop()
        finally:
            self._book = None
            calls.close()
            lease.release()  # at most some seconds, which another signal must not cut off
        self._stopped_by = worker.stopped_by
        return await _tried(lambda: self._ended(book))

    def _ended(self, book: SharedLedger) -> Status:
        """Write the results, and say where the batch stands."""
        with book.usable():
            if self._adds:
                self._write_results(book)
            return self._status(book)._replace(process=None)

    # Where the ledger is

    @contextlib.contextmanager
    def opened(self) -> Iterator[Ledger]:
        """The ledger of a batch that has begun."""
        if self._book is not None:
            yield self._book
            return
        with contextlib.closing(SharedLedger(self._address, create=False, patience=0)) as book, book.usable():
            book.require_run()
            yield book

    def _made(self) -> SharedLedger:
        return SharedLedger(self._address, create=True)

    def _begun(self, book: Ledger) -> None:
        assert isinstance(book, SharedLedger)  # noqa: S101 - made by `_made`
        book.pace(Pacing(self._pace.concurrency, self._pace.rate or 0.0))
        self._check_interrupted()

    def _check_folder(self, book: SharedLedger) -> None:
        """See whether the folder is that of another batch.

        Raises:
            LedgerError: It is.
        """
        lock.require_own(self.out, book.place, book.created_at())
        if self._file.exists():  # this batch may be a copy of it
            with contextlib.closing(FileLedger(self._file, create=False)) as other, other.usable():
                if other.created_at() != book.created_at():
                    raise LedgerError(f"{self.out} is the folder of another batch", advice="name another folder")

    def _watched(self, entries: Iterator[Entry]) -> Iterator[Entry]:
        for entry in entries:
            self._check_interrupted()
            yield entry

    def _check_interrupted(self) -> None:
        """End the transaction in which the jobs are added, if nobody waits for it any more."""
        if self._is_interrupted.is_set():
            raise _InterruptedError

    @contextlib.contextmanager
    def _for_plan(self) -> Iterator[Ledger]:
        with contextlib.ExitStack() as stack:
            try:
                yield stack.enter_context(contextlib.closing(self._existing()))
            except _NoBatchError:
                file = Path(stack.enter_context(tempfile.TemporaryDirectory())) / file_ledger.FILE
                yield stack.enter_context(contextlib.closing(FileLedger(file, create=True)))

    def _alone(self, purpose: str) -> contextlib.AbstractContextManager[None]:
        return contextlib.nullcontext()  # each transaction has what it needs

    def _holder(self, book: Ledger) -> Mapping[str, Any] | None:
        assert isinstance(book, SharedLedger)  # noqa: S101 - as above
        alive = book.alive()
        return {"workers": alive} if alive else None


class _InterruptedError(Exception):
    """Nobody waits any more for the jobs to be added."""


class _NoBatchError(Exception):
    """There is no batch of this name yet."""


def _taken(book: SharedLedger, lease: Lease) -> None:
    with book.usable():
        lease.take()


def _may_pass(error: Exception) -> bool:
    return (is_lost(error) or is_transient(error)) and not is_refused(error)


async def _tried(call: Callable[[], T], *, again: bool = True) -> T:
    """Call something, and again while the database can't be reached: it may start together with its workers.

    Raises:
        LedgerError: It can't be reached for half a minute, or can't be used.
    """
    until, is_first = time.monotonic() + START_SECONDS, True
    while True:
        try:
            return await threads.call(call)
        except LedgerError as error:
            cause = error.__context__
            may_pass = isinstance(cause, Exception) and _may_pass(cause)
            if not again or not may_pass or time.monotonic() > until:
                raise
            if is_first:
                log.warning("%s; trying for %.0f s", error.problem, START_SECONDS)
                is_first = False
        await asyncio.sleep(_WAIT_SECONDS)
