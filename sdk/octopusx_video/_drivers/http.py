"""What both shells do alike with httpx: requests with the key where it belongs, and errors in this package's words."""

from __future__ import annotations

import contextlib
import contextvars
import copy
import functools
import logging
import os
import ssl
import weakref
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar
from urllib.parse import urlsplit

import httpx

from octopusx_video import _defaults
from octopusx_video._errors import NotSentError
from octopusx_video._messages.exchange import MOST_BYTES, Answer, Failure, Head, Outgoing, Received
from octopusx_video._settings import Settings

Made = TypeVar("Made", httpx.Client, httpx.AsyncClient)

log = logging.getLogger("octopusx_video")

TIMEOUT = httpx.Timeout(_defaults.READ_SECONDS, connect=_defaults.CONNECT_SECONDS)
"""Seconds that a connection, and each piece of a response, may take."""
_TIMEOUT = TIMEOUT.as_dict()
READS_AT_ONCE = 20
"""Reads of one client that are under way at once; httpx's pool takes longer for each the more there are."""
SUBMITS_AT_ONCE = 50
STREAMS_AT_ONCE = 30
"""Downloads of one client at once; with the reads and the submits they are httpx's own 100 connections."""
LIMITS = httpx.Limits(max_connections=READS_AT_ONCE + SUBMITS_AT_ONCE + STREAMS_AT_ONCE, max_keepalive_connections=20)

# Nothing of the request can have left: there was no connection for it (httpx, httpcore).
_NOT_SENT = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.ProxyError,
    httpx.UnsupportedProtocol,
)

TOO_LATE = Failure(sent=True, reason="no whole response came in time")
TOO_LARGE = f"the response is larger than {MOST_BYTES:,} bytes"

HOLDS_STREAM: contextvars.ContextVar[bool] = contextvars.ContextVar("holds_stream", default=False)
"""Whether the running call is within a download, which has a place among the streams."""

# Where each client of httpx's was used first: its connections work there and nowhere else.
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


@functools.cache
def user_agent() -> str:
    """What this package calls itself, with its version."""
    import importlib.metadata  # noqa: PLC0415 - takes longer to load than the rest of this module

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
    if isinstance(timeout, bool) or not isinstance(timeout, int | float) or not 0 < timeout < _defaults.MAX_SECONDS:
        raise NotSentError(f"timeout: {timeout!r} is no number of seconds above 0 and no httpx.Timeout")
    return httpx.Timeout(timeout)


def make(kind: type[Made], settings: Settings, timeout: httpx.Timeout, transport: Any) -> Made:
    """Make a client of httpx's, with the proxies and certificates of the environment.

    An API on this machine, or on a host that ``OCTOPUSX_HTTP_HOSTS`` lists, is asked without a proxy, which would see
    the key. Such an API is reached even where a proxy variable can't be used.

    Raises:
        NotSentError: A variable of the environment can't be used. The text names it.
    """
    host = urlsplit(settings.base_url).hostname or ""
    mounts = {f"all://{f'[{host}]' if ':' in host else host}": None} if settings.is_direct else {}
    options: dict[str, Any] = {"timeout": timeout, "transport": transport, "mounts": mounts, "limits": LIMITS}
    try:
        for name in _proxies(os.environ):
            _ = urlsplit(os.environ[name]).port  # httpx finds out only when it connects
        return kind(**options)
    except Exception as error:  # noqa: BLE001 - ImportError, OSError, ValueError, httpx.InvalidURL
        text = f"httpx can't be set up ({type(error).__name__}: {error})"
    variable = _unusable_proxy(os.environ)
    if variable and settings.is_direct:
        log.warning("%s can't be used, and nothing goes through a proxy", variable)
        with contextlib.suppress(Exception):
            return kind(**options, trust_env=False)
    if variable:
        raise NotSentError(f"the environment variable {variable} can't be used: {text}", advice=f"change {variable}")
    raise NotSentError(text, advice="look at the proxies and certificates in the environment (SSL_CERT_FILE)")


def _proxies(environment: Mapping[str, str]) -> list[str]:
    """The variables that name a proxy."""
    names = {"ALL_PROXY", "HTTP_PROXY", "HTTPS_PROXY"}
    return [name for name, value in environment.items() if name.upper() in names and value]


def _unusable_proxy(environment: Mapping[str, str]) -> str:
    """The first variable of a proxy that httpx can't use; "" where all can be used."""
    for name in _proxies(environment):
        value = environment[name]
        try:
            _ = urlsplit(value).port
            httpx.Client(proxy=value if "://" in value else f"http://{value}", trust_env=False).close()
        except Exception:  # noqa: BLE001 - as above
            return name
    return next((name for name in ("NO_PROXY", "no_proxy") if environment.get(name)), "")


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
    client: httpx.Client | httpx.AsyncClient,
    settings: Settings,
    request: Outgoing,
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
    if is_ours:  # it has nothing of its own to add, and merging nothing takes as long as all the rest
        cookies = client.cookies or None
        return httpx.Request(
            request.method, request.url, headers=headers, cookies=cookies, content=request.body, extensions=extensions
        )
    made = client.build_request(
        request.method, request.url, headers=headers, content=request.body, extensions=extensions
    )
    if not trusted:
        # A client that was handed in may carry a credential of its own for everybody.
        made.headers.pop("Authorization", None)
    return made


def failed(
    error: Exception, settings: Settings, made: httpx.Request | None = None, received: Received | None = None
) -> Answer | Failure:
    """What an exception means that came while a request was sent or its response was read.

    Args:
        error: The exception.
        settings: Whose key must not be shown.
        made: What was being sent; None where it was not even made. Only the transport names it in its errors: one of
            the same kind from a hook of the caller's, which runs when the response is there, does not.
        received: What has arrived of the response.

    Returns:
        The response that the exception carries, as that of ``raise_for_status`` in a hook does, or the one that had
        arrived whole; else the failure. An exception that nobody foresaw may have come after the request had left.
    """
    if received is not None and received.whole:
        return received.answer()
    response = None if made is None else _carried(error, made)
    if response is not None:
        return _closed(response)
    unsent = made is None or (isinstance(error, _NOT_SENT) and _is_of(error, made))
    found = broken(error, settings)
    return found._replace(
        sent=not unsent,
        permanent=found.permanent or made is None,  # what can't even be made will not be made later
        partial=None if received is None else received.partial(),
    )


def broken(error: Exception, settings: Settings) -> Failure:
    """What an exception means that came while a response was read."""
    text = settings.key.redact(" ".join(str(error).split()))
    reason = f"{type(error).__name__}{': ' if text else ''}{text}"
    return Failure(sent=True, reason=reason, permanent=_is_untrusted(error))


def hooked(client: Made, hooks: Mapping[str, list[Callable[..., Any]]]) -> Made:
    """The client, to send with, with other hooks; a copy shares the connections, cookies and all else.

    httpx calls the response hooks before the body is read, and closes the response when one of them raises, as
    ``raise_for_status`` does: then nobody would know what the response said. So the caller's hooks are called here.
    """
    sending = copy.copy(client)
    sending.event_hooks = dict(hooks)
    return sending


def hide_location(response: httpx.Response) -> None:
    """Take the address of a redirect out of the sight of httpx, which reads it though it follows none, and may fail."""
    address = response.headers.get("location")
    if address is not None:
        del response.headers["location"]
        response.extensions["octopusx_location"] = address


def for_hooks(response: httpx.Response, received: Received) -> httpx.Response:
    """The response as a hook gets it, with its body read as far as it arrived."""
    arrived = received.partial()
    headers = [(name, value) for name, value in response.headers.raw if name.lower() != b"content-encoding"]
    if "octopusx_location" in response.extensions:
        headers.append((b"Location", response.extensions["octopusx_location"].encode()))
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


class Progress:
    """How far a submit is, by the steps that httpx reports (its ``trace`` extension), and the time that it has left.

    The time counts from the end of the request: neither a connection that is being made nor a slow upload that goes on
    is silence; each piece of them has the client's own timeouts.

    Args:
        seconds: How long the response may take.
        set_deadline: Is called with the seconds that are left from now on; None for no limit.
    """

    def __init__(self, seconds: float, set_deadline: Callable[[float | None], None]) -> None:
        self.is_connecting = False
        self._seconds = seconds
        self._set_deadline = set_deadline

    def event(self, name: str) -> None:
        """A step that httpx reports."""
        step = name.rpartition(".")[0].rpartition(".")[2] + name[name.rfind(".") :]
        if step in _CONNECTS:
            self.is_connecting = True
            self._set_deadline(None)
        elif step == "send_request_body.started":
            self._set_deadline(None)
        elif step in _SENDS:
            self.is_connecting = False
            self._set_deadline(self._seconds)


_CONNECTS = frozenset({"connect_tcp.started", "connect_unix_socket.started", "start_tls.started"})
_SENDS = frozenset({"send_request_headers.started", "send_request_body.complete", "send_request_body.failed"})


def hook_failed(error: Exception) -> None:
    """Log an exception of a hook of the caller's. What the service has answered counts all the same."""
    log.info("a response hook raised %s; the response is used all the same", type(error).__name__)


def _carried(error: BaseException, made: httpx.Request) -> httpx.Response | None:
    """The response to this very request that an exception, or one that it was raised from, carries."""
    for one in _chain(error):
        response = getattr(one, "response", None)
        with contextlib.suppress(RuntimeError):  # it was made by hand, and is to no request
            if isinstance(response, httpx.Response) and response.request is made:
                return response
    return None


def _closed(response: httpx.Response) -> Answer:
    """A response that httpx has closed, since a hook raised: its body is there only where the hook had read it."""
    beginning = head(response)
    try:
        return Answer(beginning.status, beginning.headers, response.content)
    except httpx.ResponseNotRead:
        return Answer(beginning.status, beginning.headers, b"", is_read=False)


def _is_of(error: httpx.TransportError, made: httpx.Request) -> bool:
    with contextlib.suppress(RuntimeError):  # it names no request
        return error.request is made
    return False


def _is_untrusted(error: BaseException) -> bool:
    return any(isinstance(one, ssl.SSLCertVerificationError) for one in _chain(error))


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__


def head(response: httpx.Response) -> Head:
    """How a response begins."""
    headers: dict[str, str] = {}
    for raw_name, raw_value in response.headers.raw:
        name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    if "octopusx_location" in response.extensions:
        headers["location"] = response.extensions["octopusx_location"]
    if response.is_stream_consumed and headers.pop("content-encoding", ""):
        # A hook or a transport has read it, and httpx has unpacked it.
        headers.pop("content-length", "")
    return Head(response.status_code, headers)


def read_already(response: httpx.Response) -> bytes | None:
    """The body of a response that a hook or a transport of the caller's has read; None where it is still to come.

    Raises:
        httpx.ResponseNotRead: It was read and not kept.
    """
    return response.content if response.is_stream_consumed else None


def told(request: Outgoing, outcome: Head | Failure) -> None:
    """Log what came of a request; the query is left out, since an address may be signed there."""
    if not log.isEnabledFor(logging.DEBUG):
        return
    url = request.url.partition("?")[0]
    what = outcome.reason if isinstance(outcome, Failure) else f"{outcome.status} {outcome.request_id or ''}".strip()
    log.debug("%s %s: %s", request.method, url, what)
