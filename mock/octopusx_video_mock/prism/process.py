"""Stock Prism as a process: its start, its output and its end."""

from __future__ import annotations

import collections
import contextlib
import json
import math
import os
import queue
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self, cast

from octopusx_video_openapi import ContractError, load

from octopusx_video_mock import ports
from octopusx_video_mock.errors import MockError
from octopusx_video_mock.prism import guard, installation
from octopusx_video_mock.prism.node import Node, find_node
from octopusx_video_mock.settings import check_token

START_SECONDS = 60.0
"""How long Prism may take to listen; it takes about one second on an idle machine."""
STOP_SECONDS = 5.0
"""How long Prism may take to end at each step: the end of its stdin, SIGTERM, SIGKILL."""

Event = dict[str, Any]


def _ignore(_: object) -> None:
    pass


class PrismMock:
    """A Prism mock of a contract, running while the ``with`` block does.

    Args:
        contract: Path of an OpenAPI file; the project's own contract when left out.
        host: Address to listen on.
        port: Port to listen on; 0 takes a free one.
        token: The one API key that is accepted; any well-formed key when left out.
        on_event: Called from a thread of its own with each event, a dict with ``event`` (``request``
            with ``method``, ``url``, ``status`` and ``ms``; or ``error`` with ``message``). It has no secret.
        on_progress: Called with a line of text when something takes long (the first installation).

    Raises:
        MockError: When the contract or the token can't be used; on entering, when the port, Node.js or Prism prevents
            the start, or when it runs already.
    """

    def __init__(
        self,
        contract: Path | str | None = None,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        token: str | None = None,
        on_event: Callable[[Event], None] = _ignore,
        on_progress: Callable[[str], None] = _ignore,
    ) -> None:
        try:
            self.contract = load(contract)
        except ContractError as error:
            raise MockError(*error.lines) from None
        check_token(token)
        self.host = host
        self.port = port
        self._token = token
        self._on_event = on_event
        self._on_progress = on_progress
        self._process: subprocess.Popen[str] | None = None
        self._reader: threading.Thread | None = None

    @property
    def base_url(self) -> str:
        """Where it listens, without a slash at the end."""
        return ports.url(self.host, self.port)

    def __enter__(self) -> Self:
        """Start Prism."""
        if self._process is not None:
            raise MockError("this mock runs already; make another one")
        ports.refuse_used(self.host, self.port)
        node = find_node(installation.node_version())
        home = installation.installed(node, self._on_progress)
        self._process = self._started(node, home)
        try:
            self._await_listening(cast("IO[str]", self._process.stdout), home)
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop it."""
        self._stop()

    def wait(self, seconds: float | None = None) -> None:
        """Wait until Prism ends by itself, or so many seconds have passed.

        Raises:
            MockError: Prism ended.
        """
        if self._process is None:
            raise MockError("the mock is not running; use it as a context manager")
        deadline = math.inf if seconds is None else time.monotonic() + seconds
        # In slices: a signal just before the wait would else be noticed only at its end.
        while time.monotonic() < deadline:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(min(0.5, deadline - time.monotonic()))
                raise MockError(f"Prism ended by itself with status {self._process.returncode}; start it again")

    def _started(self, node: Node, home: Path) -> subprocess.Popen[str]:
        environment = node.environment() | {
            **guard.environment(self.contract, self._token),
            "SCARF_ANALYTICS": "false",
            "DO_NOT_TRACK": "1",
            "npm_config_loglevel": "error",
            "npm_config_update_notifier": "false",
            "NO_COLOR": "1",
        }
        command = [*node.npx, "--no-install", "prism", "mock", "--verboseLevel", "fatal", "--multiprocess", "false"]
        command += ["--host", self.host, "--port", str(self.port), str(self.contract.path.resolve())]
        # A session of its own, so that the whole group (npx, its shell, Prism) can be signalled at once, and a Ctrl-C
        # at the terminal reaches only this process, which then stops the others.
        return subprocess.Popen(
            command,
            cwd=home,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            errors="replace",
            start_new_session=True,
        )

    def _await_listening(self, output: IO[str], home: Path) -> None:
        first: queue.Queue[Event | None] = queue.Queue()
        printed: collections.deque[str] = collections.deque(maxlen=20)
        self._reader = threading.Thread(
            target=self._read, args=(output, first, printed), name="prism-output", daemon=True
        )
        self._reader.start()
        try:
            event = first.get(timeout=START_SECONDS)
        except queue.Empty:
            raise MockError(f"Prism did not listen within {START_SECONDS:.0f} s; is the machine overloaded?") from None
        if event is None:
            raise MockError(f"Prism does not start ({_reason(printed)}); remove {home} and start again")
        if event["event"] == "fatal":
            if event.get("code") in _PORT_ERRORS:
                raise ports.error(self.host, self.port, event["message"])
            raise MockError(
                f"Prism does not start with {self.contract.path} ({event['message']}); check the contract with a linter"
            )
        self.port = event["port"]

    def _read(self, output: IO[str], first: queue.Queue[Event | None], printed: collections.deque[str]) -> None:
        """Read the output: whether it listens, its other events, and what else it prints; None stands for its end."""
        for line in output:
            event = _event(line)
            if event is None:
                printed.append(line.strip())
            elif event["event"] in {"listening", "fatal"}:
                first.put(event)
            else:
                with contextlib.suppress(Exception):  # an error in the callback must not stop the reading
                    self._on_event(event)
        first.put(None)

    def _stop(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        if process.stdin is not None:
            with contextlib.suppress(OSError):
                process.stdin.close()  # the guard ends Prism when its stdin does, and npx ends with it
        for number in (signal.SIGTERM, signal.SIGKILL, None):
            deadline = time.monotonic() + STOP_SECONDS
            while _group_alive(process) and time.monotonic() < deadline:
                time.sleep(0.01)
            if number is not None:
                _signal_group(process.pid, number)
        process.wait()
        if self._reader is not None:
            self._reader.join(STOP_SECONDS)
        if process.stdout is not None:
            process.stdout.close()


def _reason(printed: collections.deque[str]) -> str:
    """The most informative line of what Prism printed before it ended."""
    lines = [line for line in printed if line]
    return next((line for line in lines if "error" in line.lower()), lines[0] if lines else "it said nothing")


def _signal_group(group: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)


def _group_alive(process: subprocess.Popen[str]) -> bool:
    process.poll()  # reaps the leader, which as a zombie would still count
    try:
        os.killpg(process.pid, 0)
    except (ProcessLookupError, PermissionError):
        return False
    return True


def _event(line: str) -> Event | None:
    """The guard's event in a line of output, or None for a line of Prism's own."""
    try:
        event = json.loads(line)
    except ValueError:
        return None
    return event if isinstance(event, dict) and "event" in event else None


_PORT_ERRORS = {"EADDRINUSE", "EACCES", "EADDRNOTAVAIL"}
