"""What the commands of batches do."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
import time
from collections.abc import Callable, Coroutine, Iterable, Mapping
from pathlib import Path
from typing import Any, NoReturn

import click
from octopusx_video_openapi import interrupts

from octopusx_video._batch import report as html_report
from octopusx_video._batch import results, threads
from octopusx_video._batch.batch import BYTES_PER_SECOND
from octopusx_video._command import actions
from octopusx_video._command.console import is_terminal
from octopusx_video._command.job import PROGRAM, Job
from octopusx_video._command.places import Place, check_text, distributed, is_database
from octopusx_video._command.progress import Bar, Progress
from octopusx_video._errors import NotSentError, OctopusXError
from octopusx_video.batch import MEANINGS, Batch, InvalidJobsError, Plan, Status

_LINE_SECONDS = 60.0
"""How often a pipe gets a line."""
_REDRAW_SECONDS = 0.5
_WATCH_SECONDS = 1.0
_STATUS_SECONDS = 3.0
"""How long the last look at an interrupted batch may take."""
_NO_STATUS = "its ledger can't be read, or holds no batch of this name"
_MAX_LABEL = 90
_MAX_SHOWN = 20
_FINAL = ("done", "failed", "expired", "refused", "parked", "held", "stopped", "not_sent", "undelivered")
_GIGABYTE = 1e9


def run(job: Job, place: Place, options: dict[str, Any]) -> None:
    """Run a batch, or show what it would do."""
    if place.db is None and options["worker"] is not None:
        raise click.UsageError("--id needs --db")
    if place.db is not None and options["shard"] is not None:
        raise click.UsageError("--shard can't be used with --db: the workers share all jobs")
    console = job.console
    console.as_json, console.quiet = options.pop("as_json"), options.pop("quiet")
    job.names = actions.names(click.get_current_context().command)
    is_dry, price = options.pop("dry_run"), options.pop("price")
    if price is not None and not is_dry:
        raise click.UsageError("--price needs --dry-run")
    jobs, folder = options.pop("jobs"), options["out"]
    options["retry"] = options["retry"] or ()
    batch = place.batch(jobs, api_key=actions.asked_key(job), **options)
    job.only_reads = True  # what is billed is in the ledger, and an interrupt must not say that it is nothing
    job.may_hang = place.db is not None
    with actions.logged(job):
        try:
            if is_dry:
                _show_plan(job, batch.plan(), price)
                return
            ended, number = _interruptible(job, lambda ready: _watched(job, batch, batch.arun(), ready))
        except InvalidJobsError as error:
            if console.as_json:
                raise
            for line in (
                f"error: {error.count} of the jobs in {jobs} can't be used; nothing was sent",
                *error.problems,
            ):
                console.note(console.clean(line))
            if error.count > len(error.problems):
                console.note(f"and {error.count - len(error.problems)} more")
            raise click.exceptions.Exit(2) from None
    to_it = f"--out {folder}" if place.db is None else f"--out {folder} {place.words}"
    _end(job, place, batch, ended, number, f"{PROGRAM} batch run {jobs} {to_it}")


def work(job: Job, place: Place, options: dict[str, Any]) -> None:
    """Work on a batch in a database."""
    console = job.console
    console.as_json, console.quiet = options.pop("as_json"), options.pop("quiet")
    job.names = actions.names(click.get_current_context().command)
    batch = place.batch(None, api_key=actions.asked_key(job), **options)
    job.only_reads = job.may_hang = True  # see run
    with actions.logged(job):
        ended, number = _interruptible(job, lambda ready: _watched(job, batch, batch.awork(), ready))  # type: ignore[attr-defined]
    _end(job, place, batch, ended, number, f"{PROGRAM} batch worker {place.words} --out {place.folder}")


def _end(job: Job, place: Place, batch: Batch, ended: Status | None, number: int | None, again: str) -> NoReturn:
    """Show where a batch stands at the end of a run, and end the command."""
    if number is None:
        assert ended is not None  # noqa: S101 - only an interrupt has no status
        _show(job, place, ended, batch)
        raise click.exceptions.Exit(ended.exit_status)
    if ended is None:
        job.stopped(f"interrupted; where the batch stands is not known: {_NO_STATUS}")
    else:
        try:
            _show(job, place, ended, batch)
        except OctopusXError as error:
            job.failed(error)
    job.console.note(f"interrupted; to resume, run the same command again: {again}")
    raise click.exceptions.Exit(128 + number)


def status(job: Job, place: Place, *, watch: bool) -> None:
    """Show where a batch stands."""
    batch = place.batch()
    now = batch.status()
    if watch and now.process is not None:
        shown = _shown(job, now)
        with job.console.progress("", None, shown):
            while now.process is not None:
                shown.update(now)
                time.sleep(_WATCH_SECONDS)
                now = batch.status()
            shown.update(now)
    _show(job, place, now, batch)
    raise click.exceptions.Exit(0 if now.process is not None else now.exit_status)


def report(job: Job, place: Place, form: str, output: str | None) -> None:
    """Write a report."""
    with place.batch().opened() as book:
        lines = {
            "jsonl": lambda: results.json_lines(book.rows()),
            "csv": lambda: results.csv_lines(book.rows()),
            "html": lambda: html_report.html(book),
        }[form]()
        if output is not None:
            _write(lines, output)
            job.console.print(output)
            return
        for line in lines:
            job.console.print(line.rstrip("\n"))


def _write(lines: Iterable[str], output: str) -> None:
    """Write the lines of a report to a file.

    Raises:
        NotSentError: The file can't be written. It is no error of the ledger.
    """
    try:
        with Path(output).open("w", encoding="utf-8", errors="backslashreplace") as file:
            file.writelines(lines)
    except OSError as error:
        raise NotSentError(
            f"the report can't be written to {output}: {error.strerror or error}",
            advice="name a file in a folder that exists and is writable",
        ) from None


def resolve(job: Job, place: Place, job_id: str, *, task: str | None, not_billed: bool) -> None:
    """Settle a parked job."""
    job.names = actions.names(click.get_current_context().command)
    check_text("ID", job_id, "a ledger has no such id")
    row = place.batch().resolve(job_id, task=task, billed=not not_billed)
    if job.console.as_json:
        job.console.print_json({"job": results.record(row)})
    else:
        job.console.print(job.console.clean(f"{row.id} is {row.state}: {MEANINGS[row.state]}"))


def stop(job: Job, place: Place) -> None:
    """Ask whatever runs a batch to send nothing more."""
    batch = place.batch()
    process = batch.status().process
    if process is None and place.db is None:
        job.console.print(f"no process runs the batch in {place.folder}; there is nothing to stop")
        return
    batch.stop()
    sends = "no worker sends anything" if place.db else f"process {(process or {}).get('pid', '')} sends nothing"
    job.console.print(f"{sends} more; what was paid for is still saved")


def export(job: Job, source: str, target: str, name: str) -> None:
    """Copy the ledger of a batch."""
    for name_of, value in (("SOURCE", source), ("TARGET", target)):
        if is_database(value):
            check_text(name_of, value, "a URL has none")
    count = distributed().export(source, target, name=name)
    job.console.print(f"{count:,} jobs are copied to {target}; videos are not. Use one of the two alone from now on")


def _interruptible(
    job: Job, main: Callable[[Callable[[], None]], Coroutine[Any, Any, Status | None]]
) -> tuple[Status | None, int | None]:
    """Run a coroutine that a signal cancels, and a second one again. Returns the first signal, if one arrived.

    The coroutine gets a function that it calls when a signal is to cancel it; until then one raises an exception.

    Raises:
        click.exceptions.Exit: An error followed a signal. It is reported, and the status is that of the signal.
    """
    received: list[int] = []

    async def body() -> Status | None:
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        assert task is not None  # noqa: S101 - this one

        def interrupt(number: int) -> None:
            received.append(number)
            if len(received) == 1:
                job.console.note(
                    "interrupted: nothing more is sent; waiting for the responses to what was sent "
                    "(again: leave those jobs parked)"
                )
            task.cancel()

        def ready() -> None:
            for number in interrupts.SIGNALS:
                if signal.getsignal(number) is not signal.SIG_IGN:
                    loop.add_signal_handler(number, interrupt, number)

        return await main(ready)

    before = {number: signal.getsignal(number) for number in interrupts.SIGNALS}
    try:
        with asyncio.Runner() as runner:
            ended = runner.run(body())
    except OctopusXError as error:
        if not received:
            raise
        job.failed(error)
        raise click.exceptions.Exit(128 + received[0]) from None
    finally:  # after the loop is closed, which puts the handlers of the system in place
        for number, handler in before.items():
            signal.signal(number, handler)
    return ended, received[0] if received else None


async def _watched(
    job: Job, batch: Batch, run: Coroutine[Any, Any, Status], ready: Callable[[], None]
) -> Status | None:
    """Run a batch, and show its progress. Returns where it stands; None where an interrupted one does not say so."""
    running = asyncio.ensure_future(run)
    # After the first step of the run, which checks all jobs without a pause: no loop could handle a signal there.
    asyncio.get_running_loop().call_soon(ready)
    shown: _Bar | _Lines | None = None
    look: asyncio.Future[Status] | None = None
    with contextlib.ExitStack() as stack:
        try:
            while not (await asyncio.wait({running}, timeout=_REDRAW_SECONDS))[0]:
                if job.console.quiet:
                    continue
                look = look or asyncio.ensure_future(threads.call(batch.status))
                # A database may be slow, and may hang while the run ends.
                await asyncio.wait({running, look}, return_when=asyncio.FIRST_COMPLETED)
                if not look.done():
                    continue
                last, look = look, None
                with contextlib.suppress(Exception):  # the ledger is not there yet
                    now = last.result()
                    if not now.jobs:  # they are being added
                        continue
                    if shown is None:
                        shown = _shown(job, now)
                        stack.enter_context(job.console.progress("", None, shown))
                    shown.update(now)
        except asyncio.CancelledError:
            while not running.done():
                running.cancel()
                with contextlib.suppress(asyncio.CancelledError):  # another signal
                    await asyncio.wait({running})
        if running.cancelled():
            return await _last_status(batch)
        return running.result()


async def _last_status(batch: Batch) -> Status | None:
    """Where a batch stands after an interrupt; None where it has not begun, or its ledger can't be read in time."""
    with contextlib.suppress(OctopusXError, TimeoutError, asyncio.CancelledError):  # another signal
        async with asyncio.timeout(_STATUS_SECONDS):
            return (await threads.call(batch.status))._replace(process=None)
    return None


class _Estimate:
    """When a batch may be done, by how fast jobs have ended in this run."""

    def __init__(self, now: Status) -> None:
        self._began = time.monotonic()
        self._before = _ended(now)

    def left(self, now: Status) -> float | None:
        """Seconds until it may be done; None where that is not known."""
        ended = _ended(now) - self._before
        passed = time.monotonic() - self._began
        left = now.jobs - _ended(now)
        return None if ended <= 0 or not left else left * passed / ended


class _Bar(Bar):
    """A bar with how many jobs are in each state."""

    def __init__(self, now: Status) -> None:
        super().__init__("", now.jobs, _MAX_LABEL)
        self._estimate = _Estimate(now)

    def update(self, now: Status) -> None:
        """Show a state."""
        left = self._estimate.left(now)
        self._bar.total = now.jobs
        self.show(_ended(now), f"{_states(now)}{'' if left is None else f', about {_duration(left)} left'}", "")


class _Lines(Progress):
    """A line now and then."""

    def __init__(self, note: Callable[[str], None]) -> None:
        self._note = note
        self._at = -_LINE_SECONDS
        self._estimate: _Estimate | None = None

    def update(self, now: Status) -> None:
        """Print a line, if it is time for one."""
        self._estimate = self._estimate or _Estimate(now)
        if time.monotonic() - self._at < _LINE_SECONDS:
            return
        self._at = time.monotonic()
        left = self._estimate.left(now)
        self._note(f"{_line(now)}{'' if left is None else f', about {_duration(left)} left'}")


def _shown(job: Job, now: Status) -> _Bar | _Lines:
    return _Bar(now) if is_terminal(sys.stderr) else _Lines(job.console.note)


def _ended(now: Status) -> int:
    return sum(now.counts.get(state, 0) for state in _FINAL)  # type: ignore[call-overload]


def _states(now: Status) -> str:
    return ", ".join(f"{count:,} {state}" for state, count in _ordered(now.counts))


def _ordered(counts: Mapping[Any, int]) -> list[tuple[str, int]]:
    return [
        (state, counts[state])
        for state in (*_FINAL[:1], "accepted", "sending", "new", *_FINAL[1:])
        if counts.get(state)
    ]


def _line(now: Status) -> str:
    return f"{now.jobs:,} jobs: {_states(now)}"


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def _show(job: Job, place: Place, now: Status, batch: Batch) -> None:
    """Print where a batch stands, and what a person can do."""
    console = job.console
    parked = (
        [row for _, row in zip(range(_MAX_SHOWN), batch.rows("parked"), strict=False)]
        if now.counts.get("parked")
        else []
    )
    if console.as_json:
        known = {**now._asdict(), "jobs": now.jobs, "exit_status": now.exit_status}
        console.print_json({"batch": {**known, "parked": [results.record(row) for row in parked]}})
        return
    budget = "" if now.max_paid is None else f" of at most {now.max_paid:,}"
    console.print(_line(now))
    console.print(f"{now.paid:,}{budget} videos ({now.paid_seconds:,.0f} s) are or may be billed")
    if now.stopped_by is not None and now.stopped_by != "interrupted":
        console.note(console.clean(f"sending stopped: {now.stopped_by}"))
    for state, count in _ordered(now.counts):
        if state not in {"done", "new"}:
            console.note(f"{count:,} {state}: {MEANINGS[state]}")  # type: ignore[index]
    for row in parked:
        console.note(console.clean(f"  {row.id}: {row.reason}"))
    if parked:
        console.note(
            f"to settle one: {PROGRAM} batch resolve {place.words} ID --task TASK_ID | --not-billed | --give-up"
        )


def _show_plan(job: Job, plan: Plan, price: tuple[float, str] | None) -> None:
    """Print what a run would do and pay."""
    cost = None
    if price is not None:
        cost = price[0] * (plan.videos if price[1] == "video" else plan.seconds)
    if job.console.as_json:
        job.console.print_json({"plan": {**plan._asdict(), "cost": cost}})
        return
    console = job.console
    console.print(f"{plan.new:,} new jobs, {plan.known:,} known, {plan.parked:,} parked")
    costs = "" if cost is None else f", {cost:,.2f} by your price"
    console.print(f"a run would pay for {plan.videos:,} videos ({plan.seconds:,.0f} s){costs}")
    if plan.held:
        console.print(f"the budget leaves out {plan.held:,} jobs")
    console.print(
        f"the videos may take {plan.needed_bytes / _GIGABYTE:,.2f} GB "
        f"({BYTES_PER_SECOND // 1_000_000} MB for a second is assumed); "
        f"{plan.free_bytes / _GIGABYTE:,.2f} GB are free"
    )
    if plan.needed_bytes > plan.free_bytes:
        console.note("warning: the disk may be too small; sending would stop when it is almost full")
    console.print("nothing was sent")
