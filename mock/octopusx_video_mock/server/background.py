"""The application of the command's server, and what runs beside its requests."""

from __future__ import annotations

import asyncio
import os
import signal

from octopusx_video_mock.server.app import App, WriteLine
from octopusx_video_mock.server.state import ServerState
from octopusx_video_mock.server.uvicorn_server import Lifespan

POLL_SECONDS = 0.5
"""How often the contract is checked with ``--reload``, and a worker's parent."""


def application(state: ServerState, report: WriteLine | None, log: WriteLine, parent: int | None = None) -> Lifespan:
    """The application of a server.

    Args:
        state: What the server keeps.
        report: Takes a line for each request; None where nobody reads it.
        log: Takes a line for each trouble and each change of the contract.
        parent: The process with which this one ends, if any.
    """
    app = App(
        state.engine(),
        report=report,
        trouble=lambda line: log(f"error: {line}"),
        cors=state.options.cors,
        latency=state.latency,
    )
    if state.ledger is not None:
        app.add_control(state.faults, state.ledger)
    if state.options.pages:
        app.add_site(state.settings)
    return Lifespan(app, lambda: _watch(app, state, log, parent))


async def _watch(app: App, state: ServerState, log: WriteLine, parent: int | None) -> None:
    """Take over a contract that has changed, and end with the process that started this one."""
    reloads, failure = state.options.reload, ""
    while reloads or parent is not None:
        await asyncio.sleep(POLL_SECONDS)
        if parent is not None and os.getppid() != parent:
            signal.raise_signal(signal.SIGTERM)
            return
        if reloads:
            failure = _take_over(app, state, log, failure)


def _take_over(app: App, state: ServerState, log: WriteLine, failure: str) -> str:
    """Take over a contract that has changed. Returns why it can't be served, "" if it can; reported once."""
    try:
        engine = state.engine()
    except Exception as error:  # noqa: BLE001 - what looks after the server must not end
        if str(error) != failure:
            log(f"error: {error}; the contract as it was is still served")
        return str(error)
    if engine.compiled is not app.engine.compiled:
        app.engine = engine
        state.faults.operations = engine.compiled.operations
        log(f"the contract has changed: serving version {state.version}")
    return ""
