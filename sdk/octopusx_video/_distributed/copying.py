"""Copies a ledger: out of a database into a folder, or out of a folder into a database."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from octopusx_video._batch import lock
from octopusx_video._batch.batch import LOCK
from octopusx_video._distributed.address import address
from octopusx_video._distributed.shared_ledger import SharedLedger
from octopusx_video._errors import NotSentError
from octopusx_video._ledger.errors import LedgerError, LedgerInUseError
from octopusx_video._ledger.file_ledger import FILE, FileLedger
from octopusx_video._ledger.ledger import Ledger

File = str | os.PathLike[str]


def export(source: File, target: File, *, name: str) -> int:
    """Copy the ledger of a batch: what was paid for, and where each job stands. Videos are not copied.

    Afterwards use one of the two alone: each would send the jobs that are left.

    Args:
        source: A folder, or the URL of a database.
        target: The other one of the two. It holds no batch of this name.
        name: The name of the batch in the database.

    Returns:
        How many jobs it has.

    Raises:
        LedgerError: One of them can't be used, or the target holds a batch.
        LedgerInUseError: A process runs the batch in the folder.
        NotSentError: They are not a folder and a database.
    """
    from_folder, to_folder = not _is_url(source), not _is_url(target)
    if from_folder == to_folder:
        raise NotSentError(
            "one of source and target has to be a folder, and the other the URL of a database",
            advice="give one like postgresql://user@host:5432/database",
        )
    with contextlib.ExitStack() as stack:
        before: Ledger
        after: Ledger
        if from_folder:
            before = stack.enter_context(_in_folder(Path(source), create=False))
            after = stack.enter_context(contextlib.closing(SharedLedger(address(target, name), create=True)))
        else:
            shared = stack.enter_context(contextlib.closing(SharedLedger(address(source, name), create=False)))
            _refuse_alive(shared)
            before = shared
            after = stack.enter_context(_in_folder(Path(target), create=True))
        with before.usable(), after.usable():
            return after.copy(before)


def _refuse_alive(book: SharedLedger) -> None:
    """See whether workers would go on while the copy is used.

    Raises:
        LedgerInUseError: Some would.
    """
    with book.usable():
        alive = book.alive()
    if alive:
        raise LedgerInUseError(
            f"workers of the batch in {book.place} are alive: {', '.join(alive)}",
            advice="end them, or wait until the lease of each has expired",
        )


@contextlib.contextmanager
def _in_folder(folder: Path, *, create: bool) -> Iterator[Ledger]:
    """The ledger of a folder, which no process runs."""
    if create:
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise LedgerError(f"{folder} can't be used: {error.strerror}", advice="name another folder") from None
    if not folder.is_dir():
        raise LedgerError(f"{folder} holds no batch", advice="name the folder of one")
    with (
        lock.held(folder / LOCK, "batch export"),
        contextlib.closing(FileLedger(folder / FILE, create=create)) as book,
    ):
        yield book


def _is_url(place: File) -> bool:
    return isinstance(place, str) and "://" in place  # `address` refuses others than those of PostgreSQL
