"""The servers that are measured: how each is started, asked, weighed and stopped."""

from __future__ import annotations

import contextlib
import http.client
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import octopusx_video_openapi
from _peers import HERE, BenchError, node_binary, prism, steady

HOST = "127.0.0.1"
STOP_SECONDS = 5.0
"""How long a server may take to end when asked to, before it is ended."""


@dataclass(frozen=True)
class Server:
    """A row of the table.

    Args:
        name: How the command line calls it.
        title: How the table calls it.
        does: What it does for a request, for whoever compares.
        command: The command that serves on a port.
        validates: It refuses a bad submit.
        remembers: It knows only tasks that it was asked for, so a read has to follow a submit.
        noisy: It writes a line for each request to stderr, which is thrown away.
    """

    name: str
    title: str
    does: str
    command: Callable[[int], list[str]]
    validates: bool = True
    remembers: bool = False
    noisy: bool = False


class Running:
    """A started server. ``began`` is the reading of ``time.perf_counter`` when its process was spawned."""

    def __init__(
        self, server: Server, process: subprocess.Popen[bytes], port: int, began: float, output: IO[bytes]
    ) -> None:
        self.server = server
        self.port = port
        self.began = began
        self._process = process
        self._output = output

    def ask(self, method: str, path: str, headers: dict[str, str], body: bytes | None = None) -> tuple[int, bytes]:
        """Status and body of one answer, over a connection of its own.

        Raises:
            OSError: Nothing listens, or no answer came.
            http.client.HTTPException: What came is no answer.
        """
        connection = http.client.HTTPConnection(HOST, self.port, timeout=10)
        try:
            connection.request(method, path, body, headers)
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()

    @property
    def ended(self) -> int | None:
        """The exit status of a server that is no more, else None."""
        return self._process.poll()

    def lines(self) -> int:
        """How many lines it has written; one for each request, where it keeps a log."""
        descriptor = self._output.fileno()  # not read by its own position, from which the server goes on writing
        return os.pread(descriptor, os.fstat(descriptor).st_size, 0).count(b"\n")

    def resident_bytes(self) -> int:
        """Resident memory of all processes of the server; pages that they share count once for each."""
        pages = 0
        for stat in Path("/proc").glob("[0-9]*/stat"):
            with contextlib.suppress(OSError):  # a process that has ended meanwhile
                # After the name in parentheses: state, parent, group, ...; resident pages are the 24th field.
                fields = stat.read_text().rpartition(")")[2].split()
                if int(fields[2]) == self._process.pid:
                    pages += int(fields[21])
        return pages * os.sysconf("SC_PAGE_SIZE")


@contextlib.contextmanager
def running(server: Server) -> Iterator[Running]:
    """Start a server in a process group of its own on a free port, and stop the whole group at the end.

    Raises:
        BenchError: It ended by itself; with what it said.
    """
    port = _free_port()
    command = server.command(port)
    with tempfile.TemporaryFile() as output:
        began = time.perf_counter()
        process = subprocess.Popen(
            command,
            env=environment(),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.DEVNULL if server.noisy else output,
            start_new_session=True,
        )
        try:
            yield Running(server, process, port, began, output)
        except BenchError as error:
            if process.poll() is None:
                raise
            raise BenchError(f"{error}; it ended with status {process.returncode}: {_reason(output)}") from None
        finally:
            _stop(process)


def _stop(process: subprocess.Popen[bytes]) -> None:
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        deadline = time.monotonic() + STOP_SECONDS
        while _group_alive(process) and time.monotonic() < deadline:
            time.sleep(0.01)
    process.wait()


def _group_alive(process: subprocess.Popen[bytes]) -> bool:
    process.poll()  # reaps the leader, which as a zombie would still count
    try:
        os.killpg(process.pid, 0)
    except ProcessLookupError:
        return False
    return True


def _reason(output: IO[bytes]) -> str:
    """The line that tells the most of what a server said before it ended."""
    output.seek(0)
    said = [line.strip() for line in output.read().decode(errors="replace").splitlines() if line.strip()]
    said.reverse()
    return next((line for line in said if "error" in line.lower()), said[0] if said else "it said nothing")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def environment() -> dict[str, str]:
    """The environment that whatever is measured runs in."""
    # What a shell sets for Python or Node.js would be measured with them: without bytecode files a start takes twice as
    # long, and NODE_ENV=production makes Prism fork, which does not work.
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("NODE_", "PYTHON", "OCTOPUSX_")) or name == "PYTHONPATH"
    }
    return kept | {"SCARF_ANALYTICS": "false", "DO_NOT_TRACK": "1", "NO_COLOR": "1"}


def _ours(port: int, *options: str) -> list[str]:
    return [sys.executable, "-m", "octopusx_video_mock", "--engine", "lifecycle", "--port", str(port), *options]


def _uvicorn(application: str, port: int) -> list[str]:
    return [
        *(sys.executable, "-m", "uvicorn", application, "--app-dir", str(HERE), "--host", HOST, "--port", str(port)),
        *("--loop", "uvloop", "--http", "httptools", "--workers", "1"),
        *("--no-access-log", "--lifespan", "off", "--log-level", "warning"),
    ]


def _prism(port: int) -> list[str]:
    return [
        *(str(node_binary()), str(prism() / "dist/index.js"), "mock"),
        *("--host", HOST, "--port", str(port), "--verboseLevel", "silent", "--multiprocess", "false", _contract()),
    ]


def _steady(port: int) -> list[str]:
    # The package's own start script would be a second process, which only hands on.
    binary = next(steady().parent.glob(f"{steady().name}-*/bin/steady"), None)
    if binary is None:
        raise BenchError("Steady has no binary for this platform; leave it out with --only")
    return [str(binary), "--host", HOST, "--port", str(port), "--quiet", "--no-color", _contract()]


def _contract() -> str:
    return str(octopusx_video_openapi.contract_path())


SERVERS = (
    Server(
        "prism",
        "Prism",
        "Stock, started without npx and with its log off. Validates, wants any key, answers the contract's examples.",
        _prism,
    ),
    Server(
        "steady",
        "Steady",
        "Its own binary with `--quiet`. Validates but for minLength, minimum and a path's pattern, does not look at "
        "the key, answers the contract's examples and errors of its own.",
        _steady,
    ),
    Server(
        "bare",
        "bare application",
        "Reads the body and answers a constant, on uvicorn with uvloop and httptools. The ceiling, no mock.",
        lambda port: _uvicorn("bare:app", port),
        validates=False,
    ),
    Server(
        "ours",
        "**ours**",
        "`octopusx-video-mock --engine lifecycle --quiet`. Validates, looks at the key, keeps tasks.",
        lambda port: _ours(port, "--quiet"),
        remembers=True,
    ),
    Server(
        "ours-logged",
        "ours, with its log",
        "The same without `--quiet`: a line for each request on stderr, which goes to the null device.",
        _ours,
        remembers=True,
        noisy=True,
    ),
    Server(
        "ours-asgi",
        "ours, as plain ASGI on uvicorn",
        "The engine alone as an ASGI application, on the bare application's uvicorn: no limits on connections, no "
        "faults of the connection.",
        lambda port: _uvicorn("plain_asgi:app", port),
        remembers=True,
    ),
)
