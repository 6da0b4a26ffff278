"""The mock as a server in a thread of a test."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator

from octopusx_video_mock import ports
from octopusx_video_mock.errors import MockError
from octopusx_video_mock.server.app import App
from octopusx_video_mock.server.uvicorn_server import START_SECONDS, Lifespan, Server, configuration


@contextlib.contextmanager
def serving(app: App, host: str, port: int) -> Iterator[str]:
    """Serve from a thread while the block lasts. Gives the base URL.

    Raises:
        MockError: The port can't be used, or the server does not start.
    """
    listening = ports.listening(host, port)
    started = threading.Event()
    server = Server(configuration(Lifespan(app)), started.set)
    thread = threading.Thread(
        target=server.run, kwargs={"sockets": [listening]}, name="octopusx-video-mock", daemon=True
    )
    thread.start()
    try:
        if not started.wait(START_SECONDS):
            raise MockError(f"the server did not listen within {START_SECONDS:.0f} s; is the machine overloaded?")
        yield ports.url(host, listening.getsockname()[1])
    finally:
        server.should_exit = True
        thread.join(START_SECONDS)
