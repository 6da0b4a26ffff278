"""Puts the sockets of a synchronous client under a deadline."""

from __future__ import annotations

import warnings
from typing import Any

import httpx
from octopusx_video_openapi.deadline import BoundBackend, Deadline

DEADLINE = Deadline()
"""That of each thread, whatever client it uses."""


def bound(client: httpx.Client) -> None:
    """Make the sockets of a client keep the deadline of the thread that uses them; without one they are what they were.

    httpx has no public way to give it a maker of sockets, so the one it has is replaced. Where a version of httpx keeps
    it elsewhere, a warning says that a whole response is not bounded.
    """
    try:
        transports = {client._transport, *client._mounts.values()}  # noqa: SLF001 - see above
        # Another transport was handed in, and has no sockets or none of httpx's.
        pools: list[Any] = [one._pool for one in transports if isinstance(one, httpx.HTTPTransport)]  # noqa: SLF001
        for pool in pools:
            if not isinstance(pool._network_backend, BoundBackend):  # noqa: SLF001
                pool._network_backend = BoundBackend(pool._network_backend, DEADLINE)  # noqa: SLF001
    except AttributeError as error:
        warnings.warn(
            f"httpx {httpx.__version__} has no {error.name}, by which octopusx-video bounds the time of a response: "
            "only each part of a response is bounded; install an older httpx, or a newer octopusx-video",
            RuntimeWarning,
            stacklevel=2,
        )
