"""Between the values of this package and httpx: requests with the key where it belongs, and the heads of responses."""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable
from typing import Any

import httpx

from octopusx_video._drivers.limits import TIMEOUT
from octopusx_video._flows.context import log
from octopusx_video._messages.exchange import Failure, Request, ResponseHead
from octopusx_video._settings import Settings

LOCATION = "octopusx_location"
"""The extension of a response in which ``hooks.hide_location`` keeps the header."""
_TIMEOUT = TIMEOUT.as_dict()


@functools.cache
def user_agent() -> str:
    """What this package calls itself, with its version."""
    import importlib.metadata  # noqa: PLC0415 - takes longer to load than the rest of this module

    return f"octopusx-video/{importlib.metadata.version('octopusx-video')} httpx/{httpx.__version__}"


def prepared(
    client: httpx.Client | httpx.AsyncClient,
    settings: Settings,
    request: Request,
    left: float | None,
    *,
    is_ours: bool,
    within: float | None = None,
    trace: Callable[..., Any] | None = None,
) -> httpx.Request:
    """A request of httpx's, with the key where its address is the API's own, and timeouts within the time that is left.

    Args:
        client: Whose cookies and timeouts it gets; one that was handed in also gives its headers and parameters.
        settings: The key, and who is trusted with it.
        request: What to send.
        left: Seconds until it is given up; None for the client's own timeouts alone.
        is_ours: Whether this package made the client.
        within: Seconds that the whole response may take. Where the client has this package's timeouts, silence may last
            as long, since the gateway waits for its upstream.
        trace: Is called by httpx with each step of the exchange (its ``trace`` extension).
    """
    # Without a coding, since httpx unpacks without a limit, and the bytes of a video have to be counted.
    headers = {"User-Agent": user_agent(), "Accept-Encoding": "identity", **request.headers}
    trusted = settings.trusts(request.url)
    if trusted:
        headers["Authorization"] = f"Bearer {settings.key.reveal()}"
    timeout = client.timeout.as_dict()
    if left is not None:
        timeout = {name: left if most is None else min(most, left) for name, most in timeout.items()}
    elif within is not None and timeout == _TIMEOUT:
        timeout["read"] = within
    extensions: dict[str, Any] = {"timeout": timeout}
    if trace is not None:
        extensions["trace"] = trace
    options: dict[str, Any] = {"headers": headers, "content": request.body, "extensions": extensions}
    if is_ours:  # it has nothing of its own to add, and merging nothing takes as long as all the rest
        return httpx.Request(request.method, request.url, cookies=client.cookies or None, **options)
    made = client.build_request(request.method, request.url, **options)
    if not trusted:
        # A client that was handed in may carry a credential of its own for everybody.
        made.headers.pop("Authorization", None)
    return made


def head(response: httpx.Response) -> ResponseHead:
    """The beginning of a response."""
    headers: dict[str, str] = {}
    for raw_name, raw_value in response.headers.raw:
        name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    if LOCATION in response.extensions:
        headers["location"] = response.extensions[LOCATION]
    if response.is_stream_consumed and headers.pop("content-encoding", ""):
        # A hook or a transport has read it, and httpx has unpacked it.
        headers.pop("content-length", "")
    return ResponseHead(response.status_code, headers)


def read_already(response: httpx.Response) -> bytes | None:
    """The body of a response that a hook or a transport of the user's has read; None where it is still to come.

    Raises:
        httpx.ResponseNotRead: It was read and not kept.
    """
    return response.content if response.is_stream_consumed else None


def log_exchange(request: Request, reply: ResponseHead | Failure) -> None:
    """Log the result of a request; the query is left out, since an address may be signed there."""
    if not log.isEnabledFor(logging.DEBUG):
        return
    url = request.url.partition("?")[0]
    what = reply.reason if isinstance(reply, Failure) else f"{reply.status} {reply.request_id or ''}".strip()
    log.debug("%s %s: %s", request.method, url, what)
