"""The mock as a server: in the foreground of the command, in several processes, or in a thread of a test.

uvicorn serves (the field's ASGI server; with uvloop and httptools the fastest that was measured for this). Here it gets
its socket, its application and its end.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import gc
import json
import logging
import os
import signal
import socket
import threading
from collections.abc import Callable, Coroutine, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, cast

import uvicorn

from octopusx_video_mock import ports as _port
from octopusx_video_mock.engine.clock import Clock
from octopusx_video_mock.engine.engine import Engine
from octopusx_video_mock.engine.ledger import Ledger
from octopusx_video_mock.errors import MockError
from octopusx_video_mock.faults.active import Faults
from octopusx_video_mock.mock import Mock, compiled, distinctions, settings
from octopusx_video_mock.server import signals as _signals
from octopusx_video_mock.server.app import App
from octopusx_video_mock.server.connection import Connection
from octopusx_video_mock.server.control_routes import MOST_KEPT, Control
from octopusx_video_mock.server.stderr_log import Voice

START_SECONDS = 30.0
"""How long the server may take to listen."""
STOP_SECONDS = 2
"""How long answers that are on their way may take when the server is asked to end."""
MOST_WORKERS = 64
LOOK_SECONDS = 0.5
"""How often the contract is looked at with ``--reload``."""

_WORKER_VARIABLE = "_OCTOPUSX_VIDEO_MOCK_WORKER"

Say = Callable[[str], None]


@dataclass(frozen=True)
class Options:
    """What the server is told; see the command's help."""

    contract: str | None = None
    host: str = "127.0.0.1"
    port: int = 4010
    token: Sequence[str] | None = dataclasses.field(default=None, repr=False)
    speed: float = 1.0
    seed: int = 0
    faults: str = ""
    workers: int = 1
    reload: bool = False
    cors: bool = False
    control: bool = False
    quiet: bool = False


class _Lived:
    """The parts that live as long as the server, while the engine may be exchanged."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.clock = Clock()
        # Only the control routes ask for it.
        self.ledger = Ledger(self.clock.now, most=MOST_KEPT)
        self._distinction = distinctions()
        blueprint = compiled(options.contract)
        self.faults = Faults(blueprint.served, options.seed)
        self.faults.plan(options.faults)
        self.version = blueprint.contract.version
        self.refused = ""

    def engine(self) -> Engine:
        """An engine of the contract as it is now.

        Raises:
            MockError: It can't be served.
        """
        blueprint = compiled(self.options.contract)
        self.version = blueprint.contract.version
        return Engine(
            blueprint,
            settings(self.options.token, self.options.speed, None),
            clock=self.clock,
            faults=self.faults,
            distinction=self._distinction.__next__,
            ledger=self.ledger if self.options.control else None,
        )


def run(options: Options, say: Say) -> None:
    """Serve in the foreground until SIGINT, SIGTERM or SIGHUP; the signal is raised again at the end.

    Raises:
        MockError: The server can't start.
    """
    _silence()
    if not 1 <= options.workers <= MOST_WORKERS:
        raise MockError(f"{options.workers} workers are not between 1 and {MOST_WORKERS}; choose with --workers")
    lived = _Lived(options)
    settings(options.token, options.speed, None)
    if options.workers > 1 and options.control:
        raise MockError("the control routes would reach one worker of several; leave out --workers or --control")
    listening = _port.bound(options.host, options.port)
    listening.listen(_port.BACKLOG)
    port = listening.getsockname()[1]
    greeting = (
        f"serving contract {lived.version} on {_port.url(options.host, port)}"
        f"{f' at speed {options.speed:g}' if options.speed != 1 else ''} (Ctrl-C stops it)"
    )
    gc.enable()
    if options.workers > 1:
        _run_workers(options, listening, lambda: say(greeting))
    else:
        app = _application(lived, None if options.quiet else say, say)
        _Server(_config(app), lambda: say(greeting)).run(sockets=[listening])


def worker() -> Any:
    """The application of one worker of several, as the environment tells it. Called by uvicorn."""
    _silence()
    _signals.end_on_hangup()
    parent = os.getppid()
    options = Options(**json.loads(os.environ[_WORKER_VARIABLE]))
    voice = Voice()
    return _application(_Lived(options), None if options.quiet else voice, voice, parent)


def _run_workers(options: Options, listening: socket.socket, started: Callable[[], None]) -> None:
    from uvicorn.supervisors import Multiprocess  # noqa: PLC0415 - one worker has no need of it

    class Workers(Multiprocess):
        def __init__(self, config: uvicorn.Config, sockets: list[socket.socket]) -> None:
            hangup = signal.getsignal(signal.SIGHUP)
            super().__init__(config, sockets)
            # uvicorn would restart the workers; here it ends them all, or is ignored under nohup.
            signal.signal(signal.SIGHUP, hangup)

        def init_processes(self) -> None:
            super().init_processes()
            if all(process.wait_until_ready(START_SECONDS, self.should_exit) for process in self.processes):
                started()

    os.environ[_WORKER_VARIABLE] = json.dumps(dataclasses.asdict(options))
    config = _config("octopusx_video_mock.server.server:worker", workers=options.workers, factory=True)
    workers = Workers(config, sockets=[listening])
    workers.run()
    raise KeyboardInterrupt


def _config(app: Any, **more: Any) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        http=Connection,
        loop="uvloop",
        ws="none",
        interface="asgi3",
        lifespan="on",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        backlog=_port.BACKLOG,
        timeout_graceful_shutdown=STOP_SECONDS,
        **more,
    )


def _application(lived: _Lived, report: Say | None, trouble: Say, parent: int | None = None) -> _Lasting:
    app = App(
        lived.engine(),
        report=report,
        trouble=lambda line: trouble(f"error: {line}"),
        cors=lived.options.cors,
        control=Control(lived) if lived.options.control else None,
    )
    return _Lasting(app, lambda: _housekeeping(app, lived, trouble, parent))


class _Lasting:
    """An application as uvicorn wants it: told of its start and its end, while connections ask ``answer``."""

    def __init__(self, app: App, beside: Callable[[], Coroutine[Any, Any, None]] | None = None) -> None:
        self.answer = app.answer
        self.held = 0
        self._beside = beside

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await receive()
        task = asyncio.create_task(self._beside()) if self._beside is not None else None
        await send({"type": "lifespan.startup.complete"})
        await receive()
        if task is not None:
            task.cancel()
        await send({"type": "lifespan.shutdown.complete"})


async def _housekeeping(app: App, lived: _Lived, say: Say, parent: int | None) -> None:
    """Take over a contract that has changed, and end with the process that started this one."""
    reloads = lived.options.reload
    while reloads or parent is not None:
        await asyncio.sleep(LOOK_SECONDS)
        if parent is not None and os.getppid() != parent:
            signal.raise_signal(signal.SIGTERM)
            return
        if reloads:
            _take_over(app, lived, say)


def _take_over(app: App, lived: _Lived, say: Say) -> None:
    try:
        engine = lived.engine()
    except Exception as error:  # noqa: BLE001 - what looks after the server must not end
        if str(error) != lived.refused:
            lived.refused = str(error)
            say(f"error: {error}; the contract as it was is still served")
        return
    lived.refused = ""
    if engine.blueprint is not app.engine.blueprint:
        app.engine = engine
        lived.faults.served = engine.blueprint.served
        say(f"the contract has changed: serving version {lived.version}")


def _silence() -> None:
    """Keep uvicorn's own lines off stderr: the command has its own."""
    logging.getLogger("uvicorn").addHandler(logging.NullHandler())
    logging.getLogger("uvicorn").propagate = False


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, on_started: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_started = on_started

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        self._on_started()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        await super().shutdown(sockets=sockets)
        for connection in list(self.server_state.connections):
            cast("Connection", connection).abort()
        await asyncio.sleep(0)


@contextlib.contextmanager
def served(mock: Mock, host: str, port: int, *, cors: bool, control: bool) -> Iterator[str]:
    """Serve a mock object from a thread while the block lasts. Gives where it listens.

    Raises:
        MockError: The port can't be had, or the server does not start.
    """
    listening = _port.bound(host, port)
    listening.listen(_port.BACKLOG)
    base_url = _port.url(host, listening.getsockname()[1])
    app = App(mock.engine, cors=cors, control=Control(mock) if control else None)

    started = threading.Event()
    server = _Server(_config(_Lasting(app)), started.set)
    thread = threading.Thread(
        target=server.run, kwargs={"sockets": [listening]}, name="octopusx-video-mock", daemon=True
    )
    thread.start()
    try:
        if not started.wait(START_SECONDS):
            raise MockError(f"the server did not listen within {START_SECONDS:.0f} s; is the machine overloaded?")
        yield base_url
    finally:
        server.should_exit = True
        thread.join(START_SECONDS)
