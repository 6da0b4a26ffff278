"""Who has a folder: one process at a time, by a lock that the system releases when it ends; and one batch for good.

A file that is there already is taken for the video of a job. So two batches that have the same ids, and save to one
folder, would take each other's videos for their own. A batch whose ledger is elsewhere leaves a mark in its folder.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from octopusx_video._ledger.errors import LedgerError, LedgerInUseError

MARK = ".octopusx-video-batch.json"
_TRIES = 20
_PAUSE_SECONDS = 0.01


@contextlib.contextmanager
def held(path: Path, purpose: str) -> Iterator[None]:
    """Hold the lock while the block lasts.

    Args:
        path: The file of the lock, which stays.
        purpose: What the process does, for the error of another one.

    Raises:
        LedgerInUseError: Another process holds it. The text names it.
        LedgerError: The file can't be written.
    """
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o644)
    except OSError as error:
        raise LedgerError(f"{path} can't be written: {error.strerror}") from None
    try:
        try:
            _take(descriptor)
        except BlockingIOError:
            raise LedgerInUseError(_in_use(path), advice="wait until it has ended, or stop it") from None
        except OSError as error:
            raise LedgerError(f"{path} can't be locked: {error.strerror}", advice="use a local disk") from None
        holder = {"pid": os.getpid(), "host": socket.gethostname(), "purpose": purpose}
        with contextlib.suppress(OSError):  # a full disk takes no name, and the lock holds all the same
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, json.dumps(holder).encode(), 0)
        yield
    finally:
        os.close(descriptor)


def _take(descriptor: int) -> None:
    """Take the lock, which whoever asks for its holder has for a moment.

    Raises:
        BlockingIOError: Another process holds it.
    """
    for _ in range(_TRIES):
        with contextlib.suppress(BlockingIOError):
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        time.sleep(_PAUSE_SECONDS)
    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


def holder(path: Path) -> dict[str, Any] | None:
    """The process that holds the lock, as ``pid``, ``host`` and ``purpose``; None where no process does."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return _written(path)
    finally:
        os.close(descriptor)
    return None


def _written(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        value = None
    return value if isinstance(value, dict) else {}


def require_own(folder: Path, batch: str, created_at: float | None) -> None:
    """See whether a folder is that of a batch, or of none that has left a mark.

    Args:
        folder: The folder.
        batch: What the batch is in, for people.
        created_at: When its first run began, which no other batch has; None before that.

    Raises:
        LedgerError: It is of another one.
    """
    try:
        known = json.loads((folder / MARK).read_text("utf-8"))
        name, when = str(known["batch"]), known["created_at"]
    except FileNotFoundError:
        return
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise LedgerError(f"{folder / MARK} can't be read: {error}", advice="name another folder") from None
    if when != created_at:
        raise LedgerError(
            f"{folder} is the folder of the batch in {name}, not of that in {batch}",
            advice=f"name another folder, or remove {folder / MARK} where the other batch is gone",
        )


def mark(folder: Path, batch: str, created_at: float | None) -> None:
    """Mark a folder as that of a batch. The arguments and errors are those of ``require_own``, and ``OSError``."""
    with contextlib.suppress(FileExistsError), (folder / MARK).open("x", encoding="utf-8") as file:
        json.dump({"batch": batch, "created_at": created_at}, file)
    require_own(folder, batch, created_at)  # another one may have been faster


def _in_use(path: Path) -> str:
    known = _written(path)
    who = f"process {known['pid']} on {known['host']}" if known.keys() >= {"pid", "host"} else "another process"
    return f"{who} works on the batch in {path.parent} ({known.get('purpose', 'batch')})"
