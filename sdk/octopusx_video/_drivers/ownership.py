"""Where the connections of an httpx client work: in one process, and in one event loop."""

from __future__ import annotations

import os
import weakref

import httpx

from octopusx_video._errors import NotSentError

# Where each client was used first: its connections work there and nowhere else.
_OWNERS: weakref.WeakKeyDictionary[httpx.Client | httpx.AsyncClient, tuple[int, object]] = weakref.WeakKeyDictionary()


def is_owner(client: httpx.Client | httpx.AsyncClient, loop: object = None) -> bool:
    """Whether a client's connections, if it has any, belong to this process and this event loop."""
    here = (os.getpid(), loop)
    return _OWNERS.setdefault(client, here) == here


def claim(client: httpx.Client | httpx.AsyncClient, loop: object = None) -> None:
    """Refuse to use connections where they do not work, before anything is sent.

    Args:
        client: Whose connections they are.
        loop: The running event loop; None for a synchronous client.

    Raises:
        NotSentError: The client was first used in another process, from which this one was forked, or in another
            event loop.
    """
    if is_owner(client, loop):
        return
    if _OWNERS[client][0] != os.getpid():
        raise NotSentError(
            "this client was used before the process was forked, and a connection can't be shared with the other "
            "process",
            advice="make a client in each process that uses one",
        )
    raise NotSentError(
        "this client was used in another event loop, where its connections belong; each asyncio.run starts a loop",
        advice="make the AsyncOctopusX inside of the coroutine that asyncio.run runs",
    )
