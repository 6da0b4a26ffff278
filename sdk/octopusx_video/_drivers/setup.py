"""What a client of this package is made of, from its arguments."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Mapping
from typing import Any, TypeVar
from urllib.parse import urlsplit

import httpx

from octopusx_video import _defaults, _settings
from octopusx_video._drivers.limits import LIMITS, TIMEOUT
from octopusx_video._errors import NotSentError
from octopusx_video._flows import arguments
from octopusx_video._flows.context import CallContext, Environment, RetryPolicy, log
from octopusx_video._settings import Settings

Client = TypeVar("Client", httpx.Client, httpx.AsyncClient)


def check(
    client: object,
    kind: type,
    transport: object,
    kind_of_transport: type,
    timeout: object,
    functions: Mapping[str, object],
) -> None:
    """Check whether what was handed in can be used.

    Raises:
        NotSentError: It can't.
    """
    for name, function in functions.items():
        arguments.function(function, name)
    for name, value, needed in (("http_client", client, kind), ("transport", transport, kind_of_transport)):
        if value is not None and not isinstance(value, needed):
            raise NotSentError(f"{name} is of type {type(value).__name__}; give an httpx.{needed.__name__}")
    if client is not None and (transport is not None or timeout is not None):
        raise NotSentError("http_client has a transport and a timeout of its own; give them to it")


def call_context(
    api_key: object,
    base_url: object,
    max_retries: object,
    retry_for: object,
    submit_timeout: object,
    clock: Callable[[], float] | None,
    random: Callable[[], float],
) -> CallContext:
    """What the flows of a client are run with.

    Raises:
        NotSentError: A setting is missing or can't be used.
    """
    if isinstance(max_retries, bool) or not isinstance(max_retries, int) or max_retries < 0:
        raise NotSentError(f"max_retries: {max_retries!r} is not an integer of 0 or more")
    return CallContext(
        _settings.read(api_key, base_url),
        RetryPolicy(max_retries, arguments.seconds(retry_for, "retry_for")),
        Environment(clock or time.monotonic, time.time, random),
        arguments.above_zero(submit_timeout, "submit_timeout"),
    )


def http_client(kind: type[Client], settings: Settings, timeout: object, transport: Any) -> Client:
    """Make a client of httpx's, with the proxies and certificates of the environment.

    An API on this machine, or on a host that ``OCTOPUSX_HTTP_HOSTS`` lists, is asked without a proxy, which would see
    the key. Such an API is reached even where a proxy variable can't be used.

    Raises:
        NotSentError: The timeout or a variable of the environment can't be used. The text names it.
    """
    host = urlsplit(settings.base_url).hostname or ""
    mounts = {f"all://{f'[{host}]' if ':' in host else host}": None} if settings.is_direct else {}
    options: dict[str, Any] = {
        "timeout": _timeouts(timeout),
        "transport": transport,
        "mounts": mounts,
        "limits": LIMITS,
    }
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


def _timeouts(timeout: object) -> httpx.Timeout:
    if timeout is None:
        return TIMEOUT
    if isinstance(timeout, httpx.Timeout):
        return timeout
    if isinstance(timeout, bool) or not isinstance(timeout, int | float) or not 0 < timeout < _defaults.MAX_SECONDS:
        raise NotSentError(f"timeout: {timeout!r} is neither a number of seconds above 0 nor an httpx.Timeout")
    return httpx.Timeout(timeout)


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
