"""What both shells do alike with httpx: requests with the key where it belongs, and errors in this package's words."""

from __future__ import annotations

import contextlib
import functools
import importlib.metadata
import logging
from collections.abc import Iterator, Mapping
from urllib.parse import urlsplit

import httpx
from httpx._client import UseClientDefault

from octopusx_video._effects import Failure, Head, Outgoing
from octopusx_video._errors import NotSentError
from octopusx_video._settings import Settings, is_loopback

log = logging.getLogger("octopusx_video")

TIMEOUT = httpx.Timeout(60.0, connect=10.0)
"""Seconds that a connection, and each piece of an answer, may take. A submit waits for an upstream."""
MOST_SECONDS = 1e8
"""Three years; more is no patience but a slip."""
MOST_BYTES = 4_000_000
"""The largest answer that is read, a video apart."""

# Nothing of the request can have left: there was no connection for it (httpx, httpcore).
_NOT_SENT = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.ProxyError,
    httpx.UnsupportedProtocol,
)

TOO_LATE = Failure(sent=True, reason="no whole answer came in time")
TOO_LARGE = Failure(sent=True, reason=f"the answer is larger than {MOST_BYTES:,} bytes")


@functools.cache
def user_agent() -> str:
    """What this package calls itself, with its version."""
    return f"octopusx-video/{importlib.metadata.version('octopusx-video')} httpx/{httpx.__version__}"


def timeouts(timeout: object) -> httpx.Timeout:
    """The timeouts of a client of our own.

    Raises:
        NotSentError: It is no number of seconds and no ``httpx.Timeout``.
    """
    if timeout is None:
        return TIMEOUT
    if isinstance(timeout, httpx.Timeout):
        return timeout
    if isinstance(timeout, bool) or not isinstance(timeout, int | float) or not 0 < timeout < MOST_SECONDS:
        raise NotSentError(f"timeout: {timeout!r} is no number of seconds above 0 and no httpx.Timeout")
    return httpx.Timeout(timeout)


def mounts(settings: Settings) -> dict[str, None]:
    """What goes through no proxy of the environment's: an API on this machine, since a proxy would see the key."""
    parts = urlsplit(settings.base_url)
    host = parts.hostname or ""
    return {f"all://{f'[{host}]' if ':' in host else host}": None} if is_loopback(host) else {}


@contextlib.contextmanager
def making() -> Iterator[None]:
    """Make an httpx client, which reads proxies and certificates from the environment.

    Raises:
        NotSentError: One of them can't be used.
    """
    try:
        yield
    except NotSentError:
        raise
    except Exception as error:  # noqa: BLE001 - ImportError, OSError, ValueError, httpx.InvalidURL
        text = f"httpx can't be set up ({type(error).__name__}: {error})"
    else:
        return
    raise NotSentError(f"{text}; look at the proxies and certificates in the environment")


def check(
    client: object,
    kind: type,
    transport: object,
    kind_of_transport: type,
    timeout: object,
    functions: Mapping[str, object],
) -> None:
    """See whether what was handed in can be used.

    Raises:
        NotSentError: It can't.
    """
    for name, function in functions.items():
        if function is not None and not callable(function):
            raise NotSentError(f"{name} is of type {type(function).__name__}; give a function")
    if client is not None and not isinstance(client, kind):
        raise NotSentError(f"http_client is of type {type(client).__name__}; give an httpx.{kind.__name__}")
    if transport is not None and not isinstance(transport, kind_of_transport):
        raise NotSentError(
            f"transport is of type {type(transport).__name__}; give an httpx.{kind_of_transport.__name__}"
        )
    if client is not None and (transport is not None or timeout is not None):
        raise NotSentError("http_client has a transport and a timeout of its own; give them to it")


def prepared(
    client: httpx.Client | httpx.AsyncClient, settings: Settings, request: Outgoing, left: float | None
) -> httpx.Request:
    """A request of httpx's, with the key where its address is the API's own, and timeouts within the time that is left.

    Args:
        client: Whose cookies, headers and timeouts it gets.
        settings: The key, and who is trusted with it.
        request: What to send.
        left: Seconds until it is given up; None for the client's own timeouts alone.
    """
    headers = {"User-Agent": user_agent(), **request.headers}
    trusted = settings.trusts(request.url)
    if trusted:
        headers["Authorization"] = f"Bearer {settings.key.reveal()}"
    timeout: httpx.Timeout | UseClientDefault = httpx.USE_CLIENT_DEFAULT
    if left is not None:
        told = client.timeout.as_dict().items()
        timeout = httpx.Timeout(**{name: left if most is None else min(most, left) for name, most in told})
    made = client.build_request(request.method, request.url, headers=headers, content=request.body, timeout=timeout)
    if not trusted:
        # A client that was handed in may carry a credential of its own for everybody.
        made.headers.pop("Authorization", None)
    return made


def failure(error: Exception, settings: Settings, request: httpx.Request | None = None) -> Failure:
    """What an exception means that came while a request was sent; one that nobody foresaw may have come after it left.

    Args:
        error: The exception.
        settings: Whose key is not to show.
        request: What was being sent. Only the transport names it in its errors: one of the same kind from a hook of the
            caller's, which runs when the answer is there, does not.
    """
    text = settings.key.redact(" ".join(str(error).split()))
    unsent = isinstance(error, _NOT_SENT) and request is not None and getattr(error, "_request", None) is request
    return Failure(not unsent, f"{type(error).__name__}{': ' if text else ''}{text}")


def failed(error: Exception, settings: Settings, made: httpx.Request | None) -> Failure:
    """The same, of a request that may not even have been made (None)."""
    return failure(error, settings)._replace(sent=False) if made is None else failure(error, settings, made)


def head(response: httpx.Response) -> Head:
    """How an answer begins."""
    return Head(response.status_code, dict(response.headers.items()))


def told(request: Outgoing, outcome: Head | Failure) -> None:
    """Log what came of a request; the query is left out, since an address may be signed there."""
    if not log.isEnabledFor(logging.DEBUG):
        return
    url = request.url.partition("?")[0]
    what = outcome.reason if isinstance(outcome, Failure) else f"{outcome.status} {outcome.request_id or ''}".strip()
    log.debug("%s %s: %s", request.method, url, what)
