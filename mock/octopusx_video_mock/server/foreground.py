"""The mock as the server of the command, in the foreground."""

from __future__ import annotations

import gc

from octopusx_video_mock import ports
from octopusx_video_mock.errors import MockError
from octopusx_video_mock.server.app import WriteLine
from octopusx_video_mock.server.background import application
from octopusx_video_mock.server.state import Options, ServerState
from octopusx_video_mock.server.uvicorn_server import Server, configuration

MAX_WORKERS = 64


def run(options: Options, log: WriteLine) -> None:
    """Serve in the foreground until SIGINT, SIGTERM or SIGHUP; the signal is raised again at the end.

    Raises:
        MockError: The server can't start.
    """
    if not 1 <= options.workers <= MAX_WORKERS:
        raise MockError(f"{options.workers} workers are not between 1 and {MAX_WORKERS}; choose with --workers")
    state = ServerState(options)
    if options.workers > 1 and options.control:
        raise MockError("the control routes would reach one worker of several; leave out --workers or --control")
    listening = ports.listening(options.host, options.port)
    url = ports.url(options.host, listening.getsockname()[1])
    speed = f" at speed {options.speed:g}" if options.speed != 1 else ""
    greeting = f"serving contract {state.version} on {url}{speed} (Ctrl-C stops it)"
    gc.enable()
    if options.workers > 1:
        from octopusx_video_mock.server.workers import run_workers  # noqa: PLC0415 - one worker has no need of it

        run_workers(options, listening, lambda: log(greeting))
    else:
        app = application(state, None if options.quiet else log, log)
        Server(configuration(app), lambda: log(greeting)).run(sockets=[listening])
