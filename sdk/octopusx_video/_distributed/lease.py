"""A worker's place in the ledger: its id, which no other has, and the lease for which it may be sending.

Whoever sees the lease expired takes the worker for dead, and parks what it was sending. So a worker sends only while
its lease lasts longer than the response may take, by a clock that goes on while the process is stopped.
"""

from __future__ import annotations

import json
import os
import socket
import threading
import time
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import httpx
import psycopg

from octopusx_video._distributed.address import Address
from octopusx_video._distributed.connections import MAX_CONNECTIONS, Connections, is_lost
from octopusx_video._flows.context import log
from octopusx_video._ledger.errors import LedgerInUseError
from octopusx_video._ledger.ledger import in_a_line, new_run

LEASE_FACTOR = 1.5
"""How many times longer a lease is than the response to a submit may take."""
RENEWALS = 10
"""How often a lease is renewed in its time."""
ABSENT_FACTOR = 1 / 4
"""After this part of a lease without a renewal the workflows of a worker, which cost nothing, go to others."""
MAX_ABSENT_SECONDS = 30.0
_MAX_NUMBER = 100
_RELEASE_TRIES = MAX_CONNECTIONS + 1
"""After a restart of the database a statement only notices that its connection was lost; each of the pool may be."""
_RELEASE_SECONDS = 3.0
"""How long the end of a lease may take."""
_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
_SENDS = "send_request_headers.started"


class Lease:
    """The lease of a worker, which a thread renews.

    Args:
        address: Of the batch.
        submit_timeout: Seconds that the response to a submit may take.
        worker: The id of the worker; None for one by the name of this machine.
        folder: Where it saves videos.
        version: Of octopusx-video.
    """

    def __init__(self, address: Address, submit_timeout: float, worker: str | None, folder: Path, version: str) -> None:
        self.seconds = submit_timeout * LEASE_FACTOR
        self.absent_seconds = min(MAX_ABSENT_SECONDS, self.seconds * ABSENT_FACTOR)
        self.worker = worker or ""
        self.run = ""
        self.offset = 0.0
        """Seconds by which the clock of the database is ahead of this machine's."""
        self.lost: str | None = None
        """Why the worker may send nothing any more; None while it may."""
        self._submit_timeout = submit_timeout
        self._wanted = worker
        self._values = (socket.gethostname(), json.dumps(_process()), str(folder.absolute()), version)
        self._until = 0.0
        self._connection = Connections(address)
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._renew_again, name="lease", daemon=True)

    def take(self) -> None:
        """Take an id and a lease, and renew it until ``release``.

        Raises:
            LedgerInUseError: A worker of this id is alive, or may be.
        """
        self._connection.open()
        self._take()
        (now,) = self._connection.execute("SELECT unix_now()").fetchone() or (time.time(),)
        self.offset = now - time.time()
        self._thread.start()

    def _take(self) -> None:
        names = [self._wanted] if self._wanted else [f"{self._values[0]}-{number}" for number in range(1, _MAX_NUMBER)]
        holder = ""
        for name in names:
            run, began = new_run(), _now()
            holder = self._taken(name, run)
            if not holder:
                self.worker, self.run, self._until = name, run, began + self.seconds
                return
        raise LedgerInUseError(
            f"the worker {names[-1]!r} is alive, or was until a moment ago: {holder}",
            advice="give another --id, or wait until its lease has expired",
        )

    def _taken(self, name: str, run: str) -> str:
        """Take an id. Returns who has it; "" where it is taken now."""
        with self._connection.transaction():
            self._connection.execute("SELECT pg_advisory_xact_lock(hashtext(current_schema() || ?))", (name,))
            found = self._connection.execute(
                "SELECT run, host, process, lease_until - unix_now() FROM worker WHERE id = ? FOR UPDATE", (name,)
            ).fetchone()
            if found is not None and found[3] > 0 and found[0] != self.run and not _has_ended(found[1], found[2]):
                return f"process {json.loads(found[2]).get('pid')} on {found[1]}, its lease expires in {found[3]:.0f} s"
            self._connection.execute(
                "INSERT INTO worker (id, run, host, process, folder, version, started_at, renewed_at, lease_until) "
                "VALUES (?, ?, ?, ?, ?, ?, unix_now(), unix_now(), unix_now() + ?) ON CONFLICT (id) DO UPDATE SET "
                "run = excluded.run, host = excluded.host, process = excluded.process, folder = excluded.folder, "
                "version = excluded.version, started_at = excluded.started_at, renewed_at = excluded.renewed_at, "
                "lease_until = excluded.lease_until, taken_over = 0",
                (name, run, *self._values, self.seconds),
            )
        return ""

    def permits(self, run: str) -> bool:
        """Whether what was claimed by a run may be sent now: the response arrives before the lease expires."""
        return self.lost is None and run == self.run and _now() + self._submit_timeout <= self._until

    def release(self) -> None:
        """End the lease: this process sends nothing any more. Another worker takes over its workflows at once.

        A database that does not respond is not waited for: the lease expires by itself.
        """
        self._end.set()
        ended = threading.Thread(target=self._release, name="lease-end", daemon=True)
        ended.start()
        ended.join(_RELEASE_SECONDS)

    def _release(self) -> None:
        if self._thread.is_alive():
            self._thread.join()
        for _ in range(_RELEASE_TRIES):
            try:
                self._connection.execute(
                    "UPDATE worker SET lease_until = unix_now(), renewed_at = 0 WHERE id = ? AND run = ?",
                    (self.worker, self.run),
                )
            except psycopg.Error as error:
                if is_lost(error):
                    continue
            break
        self._connection.close()

    def _renew_again(self) -> None:
        failing = False
        while not self._end.wait(self.seconds / RENEWALS):
            try:
                self._renew()
                if failing:
                    log.warning("worker %s: the lease is renewed again", self.worker)
                failing = False
            except psycopg.Error as error:
                if not failing:
                    log.warning("worker %s: the lease can't be renewed (%s)", self.worker, in_a_line(error))
                failing = True
            except LedgerInUseError as error:
                self.lost = str(error)
                log.warning("worker %s sends nothing any more: %s", self.worker, error)
                return
            if failing and not self.permits(self.run):
                log.warning("worker %s: sending stops until the lease can be renewed", self.worker)

    def _renew(self) -> None:
        began = _now()
        renewed = self._connection.execute(
            "UPDATE worker SET renewed_at = unix_now(), lease_until = unix_now() + ?, taken_over = 0 "
            "WHERE id = ? AND run = ? AND lease_until > unix_now()",
            (self.seconds, self.worker, self.run),
        ).rowcount
        if renewed:
            self._until = began + self.seconds
            return
        log.warning("worker %s: the lease has expired; what was being sent is parked by others", self.worker)
        self._take_again()

    def _take_again(self) -> None:
        """Take a lease for a new run: what was claimed by the one before is not sent any more."""
        found = self._connection.execute("SELECT run FROM worker WHERE id = ?", (self.worker,)).fetchone()
        if found is not None and found[0] != self.run:
            raise LedgerInUseError(f"another process works as {self.worker!r} now", advice="give each its own --id")
        run, began = new_run(), _now()
        holder = self._taken(self.worker, run)
        if holder:
            raise LedgerInUseError(f"another process works as {self.worker!r} now: {holder}")
        self.run, self._until = run, began + self.seconds


CLAIMED_BY: ContextVar[str] = ContextVar("claimed_by")
"""The run that has claimed what this task is about to send."""


class Guard:
    """Keeps a submit from leaving after the lease of its claim has expired.

    Args:
        lease: Of this worker.
    """

    def __init__(self, lease: Lease) -> None:
        self._lease = lease

    async def hook(self, request: httpx.Request) -> None:
        """Called before each request; looks again when the first byte is due, after a connection was made.

        Raises:
            httpx.ConnectError: It must not leave.
        """
        if request.method != "POST":
            return
        run = CLAIMED_BY.get()
        self._check(request, run)
        trace = request.extensions.get("trace")

        async def traced(name: str, info: Any) -> None:
            if name.endswith(_SENDS):
                self._check(request, run)
            if trace is not None:
                await trace(name, info)

        request.extensions["trace"] = traced

    def _check(self, request: httpx.Request, run: str) -> None:
        if not self._lease.permits(run):
            reason = self._lease.lost or "the lease of this worker has expired"
            raise httpx.ConnectError(f"nothing was sent: {reason}", request=request)


def _now() -> float:
    """Seconds by a clock that goes on while this process, or the machine, is stopped."""
    return time.clock_gettime(_CLOCK)


def _process() -> dict[str, Any]:
    """What identifies this process on this machine, also after its number was given to another one."""
    return {"pid": os.getpid(), "started": _started(os.getpid()), **_machine()}


def _machine() -> dict[str, Any]:
    """The start of this machine, and the name space of its process numbers, which a container has of its own."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
        return {"boot": boot, "namespace": Path("/proc/self/ns/pid").stat().st_ino}
    except OSError:  # no Linux
        return {"boot": None}


def _started(pid: int) -> str | None:
    """When a process was started; None where there is none."""
    try:
        return Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return None


def _has_ended(host: str, process: str) -> bool:
    """Whether a process has certainly ended: it was on this machine, and is there no more."""
    known = json.loads(process)
    here = _machine()
    if host != socket.gethostname() or here["boot"] is None or any(known.get(name) != here[name] for name in here):
        return False
    is_other: bool = _started(known["pid"]) != known["started"]
    return is_other
