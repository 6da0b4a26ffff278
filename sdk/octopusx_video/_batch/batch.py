"""A batch as a program uses it: jobs, a folder, a budget."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import httpx
from octopusx_video_openapi import hosts

from octopusx_video import _defaults, _settings
from octopusx_video._async_client import AsyncOctopusX
from octopusx_video._batch import inputs, lock, results, steps
from octopusx_video._batch.adding import Addition
from octopusx_video._batch.runner import Pace, Runner
from octopusx_video._batch.steps import Steps
from octopusx_video._errors import NotSentError
from octopusx_video._flows import arguments
from octopusx_video._flows.context import log
from octopusx_video._ledger import file_ledger
from octopusx_video._ledger.errors import LedgerError
from octopusx_video._ledger.file_ledger import FileLedger
from octopusx_video._ledger.ledger import Account, Ledger, Limits, Outcome, Row
from octopusx_video._ledger.states import (
    RETRIED,
    SENDABLE,
    UNFINISHED,
    JobState,
    exit_status,
)
from octopusx_video._messages import requests

LOCK = "lock"
READS_PER_SECOND = 50.0
BYTES_PER_SECOND = 2_000_000
"""How much room a second of video is assumed to take; no page says it."""
_LEDGER_BYTES = 2_000
"""About what a job takes in the ledger."""
_PART = ".octopusx-video-*.part"

File = str | os.PathLike[str]


class Status(NamedTuple):
    """Where a batch stands.

    Attributes:
        counts: How many jobs are in each state; states without a job are left out.
        paid: Videos that are or may be billed.
        paid_seconds: The seconds of video of those.
        max_paid: The budget in videos; None for none.
        max_seconds: The budget in seconds of video; None for none.
        server: The base URL.
        stopped_by: Why the run stopped sending; None where it did not, or where no run has ended in this process.
        process: The process that runs the batch, as ``pid``, ``host`` and ``purpose``, or the ``workers`` of a batch on
            several machines; None where none does.
    """

    counts: Mapping[JobState, int]
    paid: int
    paid_seconds: float
    max_paid: int | None
    max_seconds: float | None
    server: str
    stopped_by: str | None = None
    process: Mapping[str, Any] | None = None

    @property
    def jobs(self) -> int:
        """How many jobs there are."""
        return sum(self.counts.values())

    @property
    def exit_status(self) -> int:
        """0 all done; 3 some are parked; 7 the budget is reached; 1 some are not done for another reason."""
        return exit_status(self.counts)


class Plan(NamedTuple):
    """What a run would do.

    Attributes:
        new: Jobs that the ledger did not have.
        known: Jobs that it had.
        parked: Jobs that nobody knows the bill of.
        videos: Videos that would be paid for, within the budget.
        seconds: Seconds of video of those that could be sent, if the budget allows them.
        held: Jobs that the budget leaves out.
        needed_bytes: Room on the disk that the videos may take, by an assumption.
        free_bytes: Room that there is.
    """

    new: int
    known: int
    parked: int
    videos: int
    seconds: float
    held: int
    needed_bytes: int
    free_bytes: int


class Batch:
    """A file of jobs, each paid for at most once, through crashes, within a budget.

    Running it again resumes it: what is finished sends no request, what was paid for is awaited and saved, and what is
    new is sent. One process at a time runs it.

    Args:
        jobs: A file (JSON Lines, or CSV by its ending), or the lines as mappings; None for those of the ledger alone.
        out: The folder of the batch, which is made: ``ledger.sqlite3``, ``videos/``, ``results.jsonl``,
            ``errors.jsonl``.
        max_paid: How many videos may be paid for, parked ones included. Required unless the server is on this machine
            or an earlier run had it.
        max_seconds: How many seconds of video may be paid for.
        concurrency: Submits and downloads at once. A crash parks at most so many jobs.
        rate: Submits per second; None for no limit.
        retry: States of jobs that are sent again, and paid for again: ``refused``, ``failed``, ``expired``.
        shard: ``(2, 8)`` for the second of eight parts of the jobs, with an eighth of the budget.
        keep_going: Whether sending goes on after three submits in a row of which nobody knows whether they are billed,
            and after a refusal that concerns the account (401, 403, ``insufficient_quota``).
        allow_same: Whether two jobs may have the same request, which is paid for twice.
        new_key: Whether the key may be another one than that of the run before, of the same account.
        on_event: A plain function, called with a job, a ``Row``, when it has changed.
        timeout: Maximum seconds to wait for each task in this run.
        poll_interval: Seconds between the first two reads of a task; later pauses are longer.
        reads_per_second: Reads of tasks per second, whatever number is awaited.
        api_key, base_url, request_timeout, submit_timeout, transport, sleep, clock: As ``AsyncOctopusX`` has them.

    Raises:
        NotSentError: An argument can't be used.
    """

    def __init__(
        self,
        jobs: File | Iterable[Mapping[str, Any]] | None,
        *,
        out: File,
        max_paid: int | None = None,
        max_seconds: float | None = None,
        concurrency: int = _defaults.CONCURRENCY,
        rate: float | None = None,
        retry: Sequence[JobState] = (),
        shard: tuple[int, int] | None = None,
        keep_going: bool = False,
        allow_same: bool = False,
        new_key: bool = False,
        on_event: Callable[[Row], Any] | None = None,
        timeout: float = _defaults.WAIT_SECONDS,
        poll_interval: float = _defaults.POLL_SECONDS,
        reads_per_second: float = READS_PER_SECOND,
        api_key: str | None = None,
        base_url: str | None = None,
        request_timeout: float | httpx.Timeout | None = None,
        submit_timeout: float = _defaults.SUBMIT_SECONDS,
        transport: httpx.AsyncBaseTransport | None = None,
        sleep: Callable[[float], Any] | None = None,
        clock: Callable[[], float] | None = None,
    ) -> None:
        self._jobs = jobs
        self.out = _folder(out)
        self._shard = _checked_shard(shard)
        self._limits = Limits(
            _share(_whole(max_paid, "max_paid"), self._shard),
            None if max_seconds is None else arguments.seconds(max_seconds, "max_seconds") / (shard or (1, 1))[1],
        )
        if not isinstance(concurrency, int) or not 1 <= concurrency <= _defaults.MAX_SUBMITS:
            raise NotSentError(f"concurrency: {concurrency!r} is not a number from 1 to {_defaults.MAX_SUBMITS}")
        wrong = [state for state in retry if state not in RETRIED]
        if wrong:
            raise NotSentError(f"retry: {wrong[0]!r} is none of {', '.join(RETRIED)}")
        self._retry = tuple(retry)
        self._pace = Pace(
            concurrency,
            None if rate is None else arguments.above_zero(rate, "rate"),
            arguments.above_zero(reads_per_second, "reads_per_second"),
            arguments.above_zero(poll_interval, "poll_interval"),
            arguments.seconds(timeout, "timeout"),
            _defaults.DOWNLOAD_SECONDS,
        )
        self._keep_going = keep_going
        self._allow_same = allow_same
        self._new_key = new_key
        self._on_event: Callable[[Row], Any] | None = arguments.function(on_event, "on_event")
        self._stopped_by: str | None = None
        self._runner: Runner | None = None
        self._client_options: dict[str, Any] = {
            "api_key": api_key,
            "base_url": base_url,
            "clock": clock,
            "sleep": sleep,
            "submit_timeout": submit_timeout,
            "timeout": request_timeout,
            "transport": transport,
        }

    def run(self) -> Status:
        """Run the batch, as ``arun`` does, in an event loop of its own. **Costs money**.

        Returns:
            Where the batch stands.

        Raises:
            NotSentError, BatchError: As ``arun`` has them.
            RuntimeError: An event loop is running in this thread.
        """
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            return asyncio.run(self.arun())
        raise RuntimeError("run() can't be called where an event loop is running; await arun() there")

    async def arun(self) -> Status:
        """Check all jobs, send those that may be sent, and save their videos. **Costs money**.

        Cancelled, it sends nothing more and waits for the responses to what was sent; cancelled once more, it parks
        what they are for.

        Returns:
            Where the batch stands.

        Raises:
            InvalidJobsError: Some jobs can't be used. Nothing was sent.
            LedgerError: The folder is of another batch, or can't be used. Nothing was sent.
            NotSentError: The file can't be read, has changed, or there is no budget. Nothing was sent.
            BatchError: The ledger could not be written. The text has what it lacks.
        """
        async with AsyncOctopusX(**self._client_options) as client:
            context, driver = client._context, client._driver  # noqa: SLF001 - our own
            with self._opened(context.settings.base_url, context.settings.key.reveal()) as book:
                self._stopped_by = None
                runner = self._runner = Runner(
                    book,
                    Steps(book, driver, context, self.out),
                    self.out,
                    context,
                    self._pace,
                    self._client_options["sleep"],
                    keep_going=self._keep_going,
                    changed=lambda job_id: self._notify(book, job_id),
                )
                try:
                    await runner.run()
                    if runner.stopped_by is not None:
                        book.hold_back(runner.stopped_as, runner.stopped_by)
                finally:
                    self._stopped_by = runner.stopped_by
                    self._runner = None
                    self._write_results(book)
                return self._status(book)._replace(process=None)

    def plan(self) -> Plan:
        """Check all jobs and compute what ``run`` would do and pay; nothing is sent or stored.

        Raises:
            InvalidJobsError, LedgerError, NotSentError: As ``arun`` has them.
        """
        settings = _settings.read(self._client_options["api_key"], self._client_options["base_url"])
        with self._for_plan() as book, book.usable():
            self._require_budget(settings.base_url, book)
            book.check(Account(settings.base_url, settings.key.reveal()), self._shard_name(), new_key=self._new_key)
            with book.adding(keeps=False):
                addition = self._add(book, settings.base_url)
                planned = self._planned(book, addition.new, addition.known)
        return planned

    def _planned(self, book: Ledger, new: int, known: int) -> Plan:
        paid, paid_seconds, stored = book.budget() if book.server() else (0, 0.0, Limits())
        count, seconds = book.sums([*SENDABLE, *self._retry])
        most = self._limits.paid if self._limits.paid is not None else stored.paid
        most_seconds = self._limits.seconds if self._limits.seconds is not None else stored.seconds
        videos = count if most is None else min(count, max(0, most - paid))
        if most_seconds is not None and count:
            videos = min(videos, int(max(0.0, most_seconds - paid_seconds) // (seconds / count)) if seconds else videos)
        to_save = book.sums(UNFINISHED)[1] + (seconds * videos / count if count else 0.0)
        return Plan(
            new,
            known,
            book.counts().get("parked", 0),
            videos,
            seconds * videos / count if count else 0.0,
            count - videos,
            int(to_save * BYTES_PER_SECOND) + new * _LEDGER_BYTES,
            shutil.disk_usage(
                next(one for one in (self.out.absolute(), *self.out.absolute().parents) if one.exists())
            ).free,
        )

    def status(self) -> Status:
        """Where the batch stands. Free; another process may run it.

        Raises:
            LedgerError: There is no batch in the folder.
        """
        with self.opened() as book:
            return self._status(book)

    def rows(self, *states: JobState) -> Iterator[Row]:
        """The jobs, or those in some states, in their order.

        Raises:
            LedgerError: There is no batch in the folder.
        """
        with self.opened() as book:
            yield from book.rows(states or None)

    def stop(self) -> None:
        """Ask the process that runs the batch to send nothing more. What was paid for goes on.

        Raises:
            LedgerError: There is no batch in the folder.
        """
        if self._runner is not None:
            self._runner.stop("batch stop")
            return
        with self.opened() as book:
            book.stop()

    def resolve(self, job_id: str, *, task: str | None = None, billed: bool = True) -> Row:
        """Settle a job that is parked, by what you have found out in your account.

        Args:
            job_id: Its ``custom_id``.
            task: The id of its task, where you have found it; the next run saves its video.
            billed: False where you know that it was not billed; the next run sends it again. True without a task gives
                the job up: it counts as billed, and is ``failed``.

        Returns:
            The job as it is now.

        Raises:
            LedgerError: There is no such job, it is not parked, or a process runs the batch.
            NotSentError: ``task`` is no id of a task.
        """
        outcome: Outcome | None = None
        if task is not None:
            outcome = Outcome("accepted", requests.task_id(task, "task"), reason="resolved by a person")
        elif not billed:
            outcome = Outcome("not_billed", reason="resolved by a person: it was not billed")
        with self.opened() as book, self._alone("batch resolve"):
            book.park_interrupted()
            book.resolve(job_id, outcome)
            row = book.row(job_id)
            assert row is not None  # noqa: S101 - just resolved
            return row

    # Where the ledger is

    @property
    def _file(self) -> Path:
        return self.out / file_ledger.FILE

    @contextlib.contextmanager
    def opened(self) -> Iterator[Ledger]:
        """The ledger of a batch that has begun."""
        with contextlib.closing(FileLedger(self._file, create=False)) as book, book.usable():
            book.require_run()
            yield book

    def _made(self) -> Ledger:
        """The ledger, which is made where it is missing."""
        return FileLedger(self._file, create=True)

    @contextlib.contextmanager
    def _for_plan(self) -> Iterator[Ledger]:
        """The ledger, or an empty one where there is none: nothing is left behind."""
        with contextlib.ExitStack() as stack:
            file = self._file
            if file.exists():  # the check of many jobs would keep a run from writing
                stack.enter_context(self._alone("batch run --dry-run"))
            else:
                file = Path(stack.enter_context(tempfile.TemporaryDirectory())) / file_ledger.FILE
            yield stack.enter_context(contextlib.closing(FileLedger(file, create=True)))

    def _alone(self, purpose: str) -> contextlib.AbstractContextManager[None]:
        """Keep other processes from the batch while the block lasts.

        Raises:
            LedgerInUseError: Another one has it.
        """
        return lock.held(self.out / LOCK, purpose)

    def _holder(self, book: Ledger) -> Mapping[str, Any] | None:
        """What runs the batch now; None where nothing does."""
        return lock.holder(self.out / LOCK)

    # Below

    def _write_results(self, book: Ledger) -> None:
        """Write the files of results. Their errors must not hide what the run has done; the ledger has everything."""
        try:
            results.write(book, self.out)
        except book.failures as error:
            log.warning("%s and %s can't be written: %s", results.RESULTS, results.ERRORS, error)

    @contextlib.contextmanager
    def _opened(self, server: str, key: str) -> Iterator[Ledger]:
        """The ledger of a run, with the new jobs in it, locked."""
        self._make_folder()
        with self._alone("batch run"), contextlib.closing(self._made()) as book:
            with book.usable():
                lock.require_own(self.out, book.place, book.created_at())
            for part in (self.out / steps.VIDEOS).glob(_PART):  # of a process that was killed
                part.unlink(missing_ok=True)
            self._begin(book, server, key)
            yield book

    def _make_folder(self) -> None:
        """Make the folder, and write a file there: a video that can't be saved must not be paid for.

        Raises:
            LedgerError: It is not possible. Nothing was sent.
        """
        videos = self.out / steps.VIDEOS
        try:
            videos.mkdir(parents=True, exist_ok=True)
            prefix, _, suffix = _PART.partition("*")  # a run removes it, should this process be killed now
            descriptor, name = tempfile.mkstemp(suffix, prefix, videos)
            try:
                with os.fdopen(descriptor, "wb") as file:
                    file.write(b"a trial of the folder\n")
                    file.flush()
                    os.fsync(file.fileno())
            finally:
                Path(name).unlink(missing_ok=True)
        except OSError as error:
            raise LedgerError(
                f"{videos} can't be used: {error.strerror or error}", advice="name a writable folder"
            ) from None

    def _begin(self, book: Ledger, server: str, key: str) -> None:
        """Add the jobs, and begin a run."""
        with book.usable():
            self._require_budget(server, book)
            account, shard = Account(server, key), self._shard_name()
            book.check(account, shard, new_key=self._new_key)
            with book.adding():  # all in one transaction: no job is there without the limits of its run
                self._add(book, server)
                book.park_interrupted()
                if self._retry:
                    book.retry(self._retry)
                # Last, since each claim locks its job, and then the row of the batch.
                book.begin(account, shard, self._limits, new_key=self._new_key)
                self._begun(book)

    def _begun(self, book: Ledger) -> None:
        """The end of the transaction in which a run begins."""

    def _shard_name(self) -> str | None:
        return None if self._shard is None else f"{self._shard[0]}/{self._shard[1]}"

    def _require_budget(self, server: str, book: Ledger) -> None:
        if hosts.is_loopback(urlsplit(server).hostname or ""):
            return
        limits = self._limits if book.server() == "" else book.budget()[2]
        if self._limits.paid is None and limits.paid is None:
            advice = "pass max_paid, which counts parked jobs too"
            raise NotSentError(f"there is no budget, and {server} bills every video", advice=advice)

    def _add(self, book: Ledger, server: str) -> Addition:
        """Add the jobs to the ledger.

        Raises:
            InvalidJobsError: Some can't be used.
            NotSentError: There are none.
        """
        addition = Addition(book, server, self.out, self._shard, allow_same=self._allow_same)
        if self._jobs is None:
            return addition
        is_file = isinstance(self._jobs, str | os.PathLike)
        entries = inputs.of_file(self._jobs) if is_file else inputs.of_values(self._jobs)  # type: ignore[arg-type]
        addition.add(self._watched(entries))
        if not addition.read:
            raise NotSentError("there are no jobs", advice="give a file with a line for each job")
        return addition

    def _watched(self, entries: Iterator[inputs.Entry]) -> Iterator[inputs.Entry]:
        """The entries, for as long as they are wanted."""
        return entries

    def _notify(self, book: Ledger, job_id: str) -> None:
        if self._on_event is not None:
            row = book.row(job_id)
            assert row is not None  # noqa: S101 - jobs are never deleted
            self._on_event(row)

    def _status(self, book: Ledger) -> Status:
        paid, seconds, limits = book.budget() if book.server() else (0, 0.0, self._limits)
        process = self._holder(book)
        return Status(
            book.counts(), paid, seconds, limits.paid, limits.seconds, book.server(), self._stopped_by, process
        )


def _folder(out: object) -> Path:
    if not isinstance(out, str | os.PathLike):
        raise NotSentError(f"out is of type {type(out).__name__}; give the name of a folder")
    path = Path(out)
    if "\0" in str(path):
        raise NotSentError(f"out: {str(path)!r} has a NUL character", advice="name a folder")
    return path


def _whole(value: int | None, name: str) -> int | None:
    if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 0):
        raise NotSentError(f"{name}: {value!r} is not an integer of 0 or more")
    return value


def _checked_shard(shard: tuple[int, int] | None) -> tuple[int, int] | None:
    if shard is not None and not (1 <= shard[0] <= shard[1]):
        raise NotSentError(f"shard: {shard[0]}/{shard[1]} is none", advice="give one like (2, 8), the second of eight")
    return shard


def _share(value: int | None, shard: tuple[int, int] | None) -> int | None:
    """The share of a shard, so that all shares together are the whole."""
    if value is None or shard is None:
        return value
    number, of = shard
    return value // of + (number <= value % of)
