"""A PostgreSQL server in a temporary folder: from Debian's package, on a Unix socket of its own, and without TCP.

It runs as another user where this process is root, since PostgreSQL refuses root. It never outlives the process that
started it (``postgres_guard``). It writes as safely as one in production: ``fsync`` and ``synchronous_commit`` are on.
Linux only: it looks into ``/proc``.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any, Literal
from urllib.parse import quote

import psycopg
from psycopg import sql

from tests.support.batches import postgres_guard

PROGRAMS = ("initdb", "postgres")
DEBIAN = Path("/usr/lib/postgresql")
USERS = ("postgres", "nobody")
"""As whom the server runs where this process is root."""
OWNER = "octopusx"
"""The superuser of each cluster. It needs no password."""
SETTINGS = {"listen_addresses": "", "max_connections": "200"}
"""The rest is as PostgreSQL has it by default."""
START_SECONDS = 60.0
STOP_SECONDS = 60.0
_STOPS = {"fast": signal.SIGINT, "immediate": signal.SIGQUIT}

Stop = Literal["fast", "immediate"]
"""``fast`` ends connections and writes all to the files; ``immediate`` is as a crash: the next start recovers."""


class PostgresMissingError(Exception):
    """PostgreSQL is not installed. The text says where it was looked for, and the fix."""


class PostgresError(Exception):
    """The server can't be set up or started. The text has its log."""


class Cluster:
    """A server with its databases.

    Args:
        folder: A folder for its files, which the user of the server can write.
        programs: The folder of the programs of PostgreSQL.
        user: As whom it runs; None as this process.
        settings: More settings, or others than those in ``SETTINGS``.
    """

    def __init__(
        self, folder: Path, programs: Path, user: pwd.struct_passwd | None, settings: Mapping[str, str]
    ) -> None:
        self.folder = folder
        self._programs = programs
        self._user = user
        self._settings = {**SETTINGS, "unix_socket_directories": str(folder), **settings}
        self._log = folder / "log"
        self._server: subprocess.Popen[bytes] | None = None
        self._past_seconds = 0.0

    @property
    def pid(self) -> int:
        """The first process of the server.

        Raises:
            PostgresError: It does not run.
        """
        if self._server is None:
            raise PostgresError(f"the server in {self.folder} does not run; call start()")
        return self._server.pid

    def url(self, database: str) -> str:
        """The address of a database, whether that exists or not."""
        return f"postgresql://{OWNER}@/{quote(database, safe='')}?host={quote(str(self.folder), safe='')}"

    def create(self, database: str, template: str | None = None) -> None:
        """Create a database, empty or as a copy of another one, to which nobody may be connected."""
        copied = sql.SQL(" TEMPLATE {}").format(sql.Identifier(template)) if template else sql.SQL("")
        self._execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(database)) + copied)

    def drop(self, database: str) -> None:
        """Remove a database if it exists. Whoever is connected to it is disconnected."""
        self._execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(database)))

    def ask_for_password(self, role: str, password: str) -> None:
        """Make a role with all rights, for which the server asks for a password."""
        self._execute(
            sql.SQL("CREATE ROLE {} SUPERUSER LOGIN PASSWORD {}").format(sql.Identifier(role), sql.Literal(password))
        )
        rules = self.folder / postgres_guard.DATA / "pg_hba.conf"
        rules.write_text(f"local all {role} scram-sha-256\n{rules.read_text('utf-8')}", "utf-8")
        self._execute(sql.SQL("SELECT pg_reload_conf()"))

    def start(self) -> None:
        """Start the server, and wait until it accepts connections. Nothing happens if it runs.

        Raises:
            PostgresError: It has ended, or is not ready after ``START_SECONDS``.
        """
        if self._server is not None:
            return
        options = [f"-c{name}={value}" for name, value in self._settings.items()]
        command = [str(self._programs / "postgres"), "-D", str(self.folder / postgres_guard.DATA), *options]
        with self._log.open("ab") as log:
            server: subprocess.Popen[bytes] = subprocess.Popen(command, **self._process(log))
        self._server = server
        until = time.monotonic() + START_SECONDS
        while not self._is_ready():
            if server.poll() is not None or time.monotonic() > until:
                raise PostgresError(f"PostgreSQL does not start:\n{self.log()[-3000:]}")
            time.sleep(0.01)

    def stop(self, mode: Stop = "immediate") -> None:
        """Stop the server, frozen or not, and wait for its end. Nothing happens if it does not run."""
        if self._server is None:
            return
        self._past_seconds = self.cpu_seconds()
        self._server.send_signal(_STOPS[mode])
        self.thaw()
        self._server.wait(STOP_SECONDS)
        self._server = None

    def restart(self, mode: Stop = "immediate") -> None:
        """Stop the server, and start it again."""
        self.stop(mode)
        self.start()

    def freeze(self) -> None:
        """Let the server stand still: connections stay, new ones are taken by the kernel, and nothing responds."""
        # The first process first, since it starts the others. A signal takes effect a moment after it was sent.
        for processes in ([self.pid], postgres_guard.processes(self.folder)):
            postgres_guard.send(signal.SIGSTOP, processes)
            while any(_status(process)[0] not in {"T", "Z", "X"} for process in processes):
                time.sleep(0.002)

    def thaw(self) -> None:
        """Let the server go on. Nothing happens if it is not frozen."""
        postgres_guard.send(signal.SIGCONT, postgres_guard.processes(self.folder))

    def cpu_seconds(self) -> float:
        """User and system time of all processes that the server has had, up to now or to each of its stops."""
        if self._server is None:
            return self._past_seconds
        others = set(postgres_guard.processes(self.folder)) - {self.pid}
        return self._past_seconds + process_seconds(self.pid, with_ended=True) + sum(map(process_seconds, others))

    def log(self) -> str:
        """What the server has written to its log."""
        return self._log.read_text("utf-8", "replace") if self._log.exists() else ""

    def set_up(self) -> None:
        """Make the files of an empty cluster.

        Raises:
            PostgresError: It is not possible.
        """
        data = self.folder / postgres_guard.DATA
        data.mkdir(mode=0o700)
        if self._user is not None:
            for path in (self.folder, data):
                os.chown(path, self._user.pw_uid, self._user.pw_gid)
        # What --no-sync leaves out concerns an empty cluster alone.
        options = ("--no-sync", "--no-instructions", "--auth=trust", "--encoding=UTF8", "--locale=C")
        with self._log.open("ab") as log:
            command = [str(self._programs / "initdb"), *options, f"--username={OWNER}", "-D", str(data)]
            status = subprocess.run(command, check=False, **self._process(log)).returncode
        if status:
            raise PostgresError(f"initdb ended with {status}:\n{self.log()[-3000:]}")

    def remove(self) -> None:
        """End the server in whatever state it is, and remove its files."""
        postgres_guard.remove(self.folder)
        if self._server is not None:
            self._server.wait()
            self._server = None

    def _process(self, log: IO[bytes]) -> dict[str, Any]:
        """How a program of PostgreSQL is started: in a session of its own, so that Ctrl-C does not reach it."""
        user = self._user
        return {
            "cwd": self.folder / postgres_guard.DATA,
            "env": {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C"},
            "stdin": subprocess.DEVNULL,
            "stdout": log,
            "stderr": log,
            "start_new_session": True,
            **({} if user is None else {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}),
        }

    def _is_ready(self) -> bool:
        """Whether the server says that it accepts connections, in the file in which ``pg_ctl`` looks too."""
        file = self.folder / postgres_guard.DATA / "postmaster.pid"
        try:
            lines = file.read_text("utf-8").splitlines()
        except FileNotFoundError:
            return False
        return len(lines) > 7 and lines[0] == str(self.pid) and lines[7].strip() == "ready"

    def _execute(self, statement: sql.SQL | sql.Composed) -> None:
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(statement)


@contextlib.contextmanager
def cluster(under: Path | None = None, **settings: str) -> Iterator[Cluster]:
    """A running server while the block lasts. After it, or after the end of this process, nothing of it is left.

    Args:
        under: Where its folder is made; None for the usual place of temporary files.
        settings: More settings of PostgreSQL, as in ``max_connections="20"``.

    Raises:
        PostgresMissingError: PostgreSQL is not installed.
        PostgresError: It can't be set up or started.
    """
    found, user = programs(), _user()
    folder = Path(tempfile.mkdtemp(prefix="octopusx-pg-", dir=under)).resolve()
    guard = _guard(folder)
    one = Cluster(folder, found, user, settings)
    try:
        one.set_up()
        one.start()
        yield one
    finally:
        one.remove()
        guard.communicate()


def programs() -> Path:
    """The folder of the programs of PostgreSQL: on the PATH, else the newest of Debian's.

    Raises:
        PostgresMissingError: There is none.
    """
    on_path = shutil.which(PROGRAMS[0])
    debian = sorted(DEBIAN.glob("*/bin"), key=lambda path: [int(part) for part in path.parent.name.split(".")])
    # On the PATH there may be a link to one of the programs alone.
    for folder in (*([Path(on_path).resolve().parent] if on_path else []), *reversed(debian)):
        if all(os.access(folder / program, os.X_OK) for program in PROGRAMS):
            return folder
    raise PostgresMissingError(
        f"PostgreSQL is not installed: {' and '.join(PROGRAMS)} are neither on the PATH nor in {DEBIAN}; "
        "install it: apt-get install postgresql"
    )


def _user() -> pwd.struct_passwd | None:
    """As whom the server runs; None as this process.

    Raises:
        PostgresError: This process is root, and there is no other user.
    """
    if os.geteuid() != 0:
        return None
    for name in USERS:
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name)
    raise PostgresError(f"PostgreSQL refuses root, and there is no user {' or '.join(USERS)}; run this as another user")


def _guard(folder: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-I", "-S", postgres_guard.__file__, str(folder), str(os.getpid())]
    return subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True, cwd="/")


def process_seconds(process: int, *, with_ended: bool = False) -> float:
    """User and system time of a process, and of its children that have ended if they count too."""
    # As in proc(5): utime, stime, cutime and cstime are the fields 14 to 17, and the state is the third.
    return sum(map(int, _status(process)[11 : 15 if with_ended else 13])) / os.sysconf("SC_CLK_TCK")


def _status(process: int) -> list[str]:
    """What the kernel says of a process, from its state on; the state ``X`` alone if there is none."""
    try:
        return Path(f"/proc/{process}/stat").read_text("utf-8").rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return ["X"]
