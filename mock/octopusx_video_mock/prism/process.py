"""Stock Prism, pinned and fenced off, as something that starts, answers and stops."""

from __future__ import annotations

import collections
import contextlib
import hashlib
import json
import math
import os
import queue
import re
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self, cast

import platformdirs
from octopusx_video_openapi import Contract, ContractError, load, operations

from octopusx_video_mock import ports as _port
from octopusx_video_mock.errors import MockError
from octopusx_video_mock.messages import MAX_BODY, check_token
from octopusx_video_mock.prism.node import Node, find_node

START_SECONDS = 60.0
"""How long Prism may take to listen; it takes about one second on an idle machine."""
STOP_SECONDS = 5.0
"""How long Prism may take to end when asked to, before it is asked harder."""

_LOCK = "package-lock.json"
_PINNED = ("package.json", _LOCK, ".npmrc")

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
        on_event: Called from a thread of its own with each thing that happens, a dict with ``event`` (``request``
            with ``method``, ``url``, ``status`` and ``ms``; or ``error`` with ``message``). No secret is in it.
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
        return _port.url(self.host, self.port)

    def __enter__(self) -> Self:
        """Start Prism."""
        if self._process is not None:
            raise MockError("this mock runs already; make another one")
        _port.refuse_used(self.host, self.port)
        node = find_node(_node_version())
        home = _installed(node, self._on_progress)
        environment = node.environment() | {
            "OCTOPUSX_PRISM_GUARD": json.dumps(_guard_settings(self.contract, self._token)),
            "NODE_OPTIONS": f'--require "{_escaped(_prism_files() / "guard.cjs")}"',
            "SCARF_ANALYTICS": "false",
            "DO_NOT_TRACK": "1",
            "npm_config_loglevel": "error",
            "npm_config_update_notifier": "false",
            "NO_COLOR": "1",
        }
        command = [*node.npx, "--no-install", "prism", "mock", "--verboseLevel", "fatal", "--multiprocess", "false"]
        command += ["--host", self.host, "--port", str(self.port), str(self.contract.path.resolve())]
        # A session of its own, so that the whole group (npx, its shell, Prism) can be signalled at once, and a Ctrl-C
        # at the terminal reaches only this process, which then stops the others in order.
        self._process = subprocess.Popen(
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
        # In slices: a signal that comes just before the wait would else be noticed only when it ends.
        while time.monotonic() < deadline:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(min(0.5, deadline - time.monotonic()))
                raise MockError(f"Prism ended by itself with status {self._process.returncode}; start it again")

    def _await_listening(self, output: IO[str], home: Path) -> None:
        news: queue.Queue[Event | None] = queue.Queue()
        last_words: collections.deque[str] = collections.deque(maxlen=20)

        def read() -> None:
            for line in output:
                event = _event(line)
                if event is None:
                    last_words.append(line.strip())
                elif event["event"] in {"listening", "fatal"}:
                    news.put(event)
                else:
                    with contextlib.suppress(Exception):  # the caller's trouble must not stop the news
                        self._on_event(event)
            news.put(None)

        self._reader = threading.Thread(target=read, name="prism-output", daemon=True)
        self._reader.start()
        try:
            event = news.get(timeout=START_SECONDS)
        except queue.Empty:
            raise MockError(f"Prism did not listen within {START_SECONDS:.0f} s; is the machine overloaded?") from None
        if event is None:
            raise MockError(f"Prism does not start ({_reason(last_words)}); remove {home} and start again")
        if event["event"] == "fatal":
            if event.get("code") in _PORT_TROUBLE:
                raise _port.error(self.host, self.port, event["message"])
            raise MockError(
                f"Prism does not start with {self.contract.path} ({event['message']}); check the contract with a linter"
            )
        self.port = event["port"]

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


def _reason(words: collections.deque[str]) -> str:
    """The line of what Prism said before it ended that tells the most."""
    said = [line for line in words if line]
    return next((line for line in said if "error" in line.lower()), said[0] if said else "it said nothing")


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


_PORT_TROUBLE = {"EADDRINUSE", "EACCES", "EADDRNOTAVAIL"}


def _escaped(path: Path) -> str:
    return str(path).replace("\\", "\\\\").replace('"', '\\"')


def _guard_settings(contract: Contract, token: str | None) -> dict[str, Any]:
    """What the guard has to know of the contract: its routes, and what 413 and 500 look like."""
    routes = []
    for template, methods in contract.paths.items():
        with_body = [method for method, operation in methods.items() if operation.body is not None]
        routes.append((f"^{operations.expression(template, '[^/]*')}$", list(methods), with_body))
    # Concrete paths first, as OpenAPI has it: /v1/videos/extensions is not a task called extensions.
    routes.sort(key=lambda route: route[0].count("[^/]*"))
    return {
        "token": token,
        "routes": routes,
        "tooLarge": _answer(contract, 413),
        "broken": _answer(contract, 500),
        "maxBody": MAX_BODY,
    }


def _answer(contract: Contract, wanted: int) -> dict[str, Any]:
    """Headers and body of the contract's first example of a status."""
    for operation in contract.operations.values():
        response = operation.response(wanted)
        if response is None:
            continue
        headers = {name: str(header.examples[0]) for name, header in response.headers.items() if header.examples}
        for media in response.media.values():
            for example in media.examples.values():
                return {"headers": {**headers, "Content-Type": media.type}, "body": json.dumps(example)}
    return {"headers": {}, "body": ""}


def _prism_files() -> Path:
    """The folder with the pin and the guard."""
    return Path(__file__).resolve().parent


def _node_version() -> tuple[int, ...]:
    """The Node.js that the pinned Prism asks for, as its lock file has it."""
    lock = json.loads((_prism_files() / _LOCK).read_text(encoding="utf-8"))
    engines = lock["packages"]["node_modules/@stoplight/prism-cli"]["engines"]["node"]
    return tuple(map(int, re.findall(r"\d+", engines)[:3]))


def _installed(node: Node, on_progress: Callable[[str], None]) -> Path:
    """The folder with Prism's packages, installed once for each content of the pin.

    Raises:
        MockError: npm could not install them.
    """
    pin = _prism_files()
    digest = hashlib.sha256(b"".join((pin / name).read_bytes() for name in _PINNED)).hexdigest()[:16]
    cache = platformdirs.user_cache_path("octopusx-video")
    home = cache / f"prism-{digest}"
    if _usable(home):
        return home
    on_progress("installing Prism from its lock file (once, some seconds)")
    try:
        cache.mkdir(parents=True, exist_ok=True)
        # Made beside its place and renamed when complete: an interrupted installation is never taken for a whole one.
        with tempfile.TemporaryDirectory(prefix="installing-", dir=cache) as scratch:
            made = Path(scratch) / "prism"
            made.mkdir()
            for name in _PINNED:
                shutil.copy(pin / name, made / name)
            npm = subprocess.run(
                [*node.npm, "ci", "--ignore-scripts", "--loglevel=error"],
                cwd=made,
                env=node.environment(),
                capture_output=True,
                text=True,
                check=False,
                stdin=subprocess.DEVNULL,
            )
            if npm.returncode != 0:
                reason = next((line for line in npm.stderr.splitlines() if line.strip()), "no reason given")
                raise MockError(f"npm can't install Prism ({reason.strip()}); is the npm registry reachable?")
            if not _usable(made):
                raise MockError("npm says that it has installed Prism, but it has not; see `npm config list`")
            with contextlib.suppress(OSError):  # another process was first; its installation is as good
                if not _usable(home):
                    shutil.rmtree(home, ignore_errors=True)
                made.rename(home)
    except OSError as error:
        raise MockError(f"can't write to {cache} ({error.strerror}); set XDG_CACHE_HOME to a folder that can") from None
    return home


def _usable(home: Path) -> bool:
    return (home / "node_modules" / ".bin" / "prism").exists()
