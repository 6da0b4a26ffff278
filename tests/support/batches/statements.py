"""What has to hold of a batch, whatever happened to it, by its ledger, its files and what the service has billed."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from octopusx_video._files import mp4
from octopusx_video._ledger.file_ledger import FILE

from tests.support.batches.service import Billed

_COUNTED = ("sending", "accepted", "parked")


def broken(folder: Path, billed: Billed, *, has_ended: bool, may_try_again: bool = False) -> list[str]:
    """The statements that do not hold, as texts.

    Args:
        folder: Of the batch.
        billed: What the service has billed for it.
        has_ended: Whether a run has ended by itself; else the last one was killed.
        may_try_again: Whether a job may have several attempts, all but the last of which were certainly not sent.
    """
    if not (folder / FILE).exists():
        return ["the ledger is lost"] if billed.count() else []
    with contextlib.closing(sqlite3.connect(folder / FILE)) as connection:
        found = [
            *_of_money(connection, billed),
            *(_of_the_end(connection, folder, may_try_again=may_try_again) if has_ended else ()),
        ]
    return [*found, *(f"{path.name} is half a video" for path in folder.glob("videos/*.mp4") if not _is_whole(path))]


def _is_whole(path: Path) -> bool:
    with path.open("rb") as file:
        return mp4.incomplete(file, path.stat().st_size) is None


def _of_money(connection: sqlite3.Connection, billed: Billed) -> Iterator[str]:
    if not connection.execute("PRAGMA user_version").fetchone()[0]:
        if billed.count():
            yield "something is billed, and the ledger is empty"
        return
    yield from (f"{job} was billed twice" for job in billed.twice())
    attempts = connection.execute("SELECT job, state, task FROM attempt").fetchall()
    yield from _of_the_tasks(attempts, billed)
    yield from _of_the_budget(connection, attempts, billed)
    yield from _of_the_key(connection, attempts)


def _of_the_tasks(attempts: list[Any], billed: Billed) -> Iterator[str]:
    """What is billed is accepted in the ledger, or its job is open there; and the other way round."""
    accepted = {task: job for job, state, task in attempts if state == "accepted"}
    open_jobs = {job for job, state, _ in attempts if state in {"sending", "parked"}}
    pairs = {(job, task): None for job, tasks in billed.tasks.items() for task in tasks}
    for job, task in pairs:
        if accepted.get(task) != job and job not in open_jobs:
            yield f"{task} of {job} is billed, and the ledger does not have it"
    for task, job in accepted.items():
        if (job, task) not in pairs:
            yield f"{task} of {job} is in the ledger, and was never billed"


def _of_the_budget(connection: sqlite3.Connection, attempts: list[Any], billed: Billed) -> Iterator[str]:
    """The budget counts what is or may be billed, and holds."""
    counted = sum(state in _COUNTED for _, state, _ in attempts)
    batch = connection.execute("SELECT paid, max_paid FROM batch").fetchone()
    if batch is None:
        return
    paid, most = batch
    if paid != counted:
        yield f"the budget has {paid} attempts, and {counted} are or may be billed"
    if most is not None and billed.count() > most:
        yield f"{billed.count()} were billed, and at most {most} were allowed"


def _of_the_key(connection: sqlite3.Connection, attempts: list[Any]) -> Iterator[str]:
    """No attempt can be written twice, nor be deleted."""
    if not attempts:
        return
    for statement in ("INSERT INTO attempt SELECT * FROM attempt LIMIT 1", "DELETE FROM attempt"):
        try:
            connection.execute(statement)
        except sqlite3.IntegrityError:
            continue
        finally:
            connection.rollback()
        yield f"the ledger allows: {statement}"


def _of_the_end(connection: sqlite3.Connection, folder: Path, *, may_try_again: bool) -> Iterator[str]:
    found = connection.execute("SELECT id, state, attempt, file, reason FROM job")
    for job, state, attempt, file, reason in found:
        if state not in {"done", "parked"}:
            yield f"{job} is {state} at the end ({reason})"
        if state == "done" and not (folder / file.rpartition(":")[2]).is_file():
            yield f"the video of {job} is lost"
        if attempt > 1 and not (may_try_again and _was_never_sent(connection, job, attempt)):
            before = "SELECT reason FROM attempt WHERE job = ? ORDER BY attempt LIMIT 1"
            yield f"{job} was tried {attempt} times ({connection.execute(before, (job,)).fetchone()[0]})"
    leftovers = [path.name for path in folder.glob("videos/*") if path.suffix != ".mp4"]
    if leftovers:
        yield f"{leftovers} stay behind"


def _was_never_sent(connection: sqlite3.Connection, job: str, last: int) -> bool:
    """Whether all attempts but the last one were certainly not sent."""
    found = connection.execute("SELECT state FROM attempt WHERE job = ? AND attempt < ?", (job, last))
    return all(state == "not_sent" for (state,) in found)
