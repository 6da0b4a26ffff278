"""The mock in several processes."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import socket
from collections.abc import Callable

import uvicorn
from uvicorn.supervisors import Multiprocess

from octopusx_video_mock.server import signals
from octopusx_video_mock.server.background import application
from octopusx_video_mock.server.state import Options, ServerState
from octopusx_video_mock.server.stderr_log import NonBlockingStderr
from octopusx_video_mock.server.uvicorn_server import START_SECONDS, Lifespan, configuration, silence

_WORKER_VARIABLE = "_OCTOPUSX_VIDEO_MOCK_WORKER"


class _Workers(Multiprocess):
    def __init__(self, config: uvicorn.Config, sockets: list[socket.socket], on_started: Callable[[], None]) -> None:
        hangup = signal.getsignal(signal.SIGHUP)
        super().__init__(config, sockets)
        self._on_started = on_started
        # uvicorn would restart the workers; here it ends them all, or is ignored under nohup.
        signal.signal(signal.SIGHUP, hangup)

    def init_processes(self) -> None:
        super().init_processes()
        if all(process.wait_until_ready(START_SECONDS, self.should_exit) for process in self.processes):
            self._on_started()


def run_workers(options: Options, listening: socket.socket, on_started: Callable[[], None]) -> None:
    """Serve in several processes until a signal ends them.

    Raises:
        KeyboardInterrupt: One did.
    """
    os.environ[_WORKER_VARIABLE] = json.dumps(dataclasses.asdict(options))
    config = configuration(f"{__name__}:worker", workers=options.workers, factory=True)
    _Workers(config, [listening], on_started).run()
    raise KeyboardInterrupt


def worker() -> Lifespan:
    """The application of one worker, with the options that the environment holds. Called by uvicorn."""
    silence()
    signals.end_on_hangup()
    parent = os.getppid()
    options = Options(**json.loads(os.environ[_WORKER_VARIABLE]))
    log = NonBlockingStderr()
    return application(ServerState(options), None if options.quiet else log, log, parent)
