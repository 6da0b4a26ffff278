"""uvicorn, with our protocol for connections, our start and our end.

uvicorn (the field's ASGI server; with uvloop and httptools the fastest that was measured for this) has the sockets, the
event loop, the signals and the workers.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable, Coroutine
from typing import Any, cast

import uvicorn

from octopusx_video_mock import ports
from octopusx_video_mock.server.app import App
from octopusx_video_mock.server.connection import Connection

START_SECONDS = 30.0
"""How long the server may take to listen."""
STOP_SECONDS = 2
"""How long responses that are being sent may take when the server ends."""


class Lifespan:
    """An application for uvicorn: it is notified of the start and the end, while connections call ``respond``.

    Args:
        app: Responds to the requests.
        background: Runs from the start to the end.
    """

    def __init__(self, app: App, background: Callable[[], Coroutine[Any, Any, None]] | None = None) -> None:
        self.respond = app.respond
        self.latency = app.latency
        self.held = 0
        self._background = background

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Called once by uvicorn (ASGI's lifespan protocol)."""
        await receive()
        task = asyncio.create_task(self._background()) if self._background is not None else None
        await send({"type": "lifespan.startup.complete"})
        await receive()
        if task is not None:
            task.cancel()
        await send({"type": "lifespan.shutdown.complete"})


class Server(uvicorn.Server):
    """uvicorn's server.

    Args:
        config: Its configuration.
        on_started: Called when it listens.
    """

    def __init__(self, config: uvicorn.Config, on_started: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_started = on_started

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start to listen."""
        await super().startup(sockets=sockets)
        self._on_started()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End, and with it every connection."""
        await super().shutdown(sockets=sockets)
        for connection in list(self.server_state.connections):
            cast("Connection", connection).abort()
        await asyncio.sleep(0)


def silence() -> None:
    """Keep uvicorn's own lines off stderr: the command has its own."""
    logging.getLogger("uvicorn").addHandler(logging.NullHandler())
    logging.getLogger("uvicorn").propagate = False


def configuration(app: Any, **more: Any) -> uvicorn.Config:
    """The configuration of a server."""
    silence()
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
        backlog=ports.BACKLOG,
        timeout_graceful_shutdown=STOP_SECONDS,
        **more,
    )
