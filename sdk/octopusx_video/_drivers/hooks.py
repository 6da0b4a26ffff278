"""The event hooks of an httpx client that was handed in: called by this package, once a response is read."""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import httpx

from octopusx_video._drivers.translation import LOCATION
from octopusx_video._flows.context import log
from octopusx_video._messages.exchange import Received

Client = TypeVar("Client", httpx.Client, httpx.AsyncClient)


def hooked(client: Client, hooks: Mapping[str, list[Callable[..., Any]]]) -> Client:
    """The client, to send with, with other hooks; a copy shares the connections, cookies and all else.

    httpx calls the response hooks before the body is read, and closes the response when one of them raises, as
    ``raise_for_status`` does: then nobody would know what the response said. So the user's hooks are called here.
    """
    sending = copy.copy(client)
    sending.event_hooks = dict(hooks)
    return sending


def hide_location(response: httpx.Response) -> None:
    """Hide the address of a redirect from httpx, which reads it though it follows none, and may fail."""
    address = response.headers.get("location")
    if address is not None:
        del response.headers["location"]
        response.extensions[LOCATION] = address


def for_hooks(response: httpx.Response, received: Received) -> httpx.Response:
    """The response as a hook gets it, with its body read as far as it arrived."""
    arrived = received.partial()
    headers = [(name, value) for name, value in response.headers.raw if name.lower() != b"content-encoding"]
    if LOCATION in response.extensions:
        headers.append((b"Location", response.extensions[LOCATION].encode()))
    made = httpx.Response(
        response.status_code,
        headers=headers,
        content=b"" if arrived is None else arrived.content,
        request=response.request,
        extensions=response.extensions,
    )
    with contextlib.suppress(RuntimeError):  # it was not closed
        made.elapsed = response.elapsed
    return made


def log_failed(error: Exception) -> None:
    """Log an exception of a hook of the user's. The service's response counts all the same."""
    log.info("a response hook raised %s; the response is used all the same", type(error).__name__)
