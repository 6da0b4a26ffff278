"""What a flow asks of the driver that runs it, and what the driver sends back.

The rules of this package are flows: generators without any I/O that yield one of these and are sent its result. A
synchronous and an asynchronous driver perform them, so that each rule stands once. They are plain tuples, which are
made faster than data classes, when the package is imported and at each request.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any, NamedTuple, TypeAlias, TypeVar

from octopusx_video._messages.exchange import Received, Request

T = TypeVar("T")


class Send(NamedTuple):
    """Send a request and read its response. Gives a ``Response`` or a ``Failure``.

    Attributes:
        request: What is sent, once.
        received: Where the driver writes down what arrives.
        until: When to give up, on the monotonic clock; None for no such moment.
        within: Seconds in which the whole response has to arrive after the request has been written; None for the
            timeouts of the client alone.
    """

    request: Request
    received: Received
    until: float | None = None
    within: float | None = None


class Open(NamedTuple):
    """Close the last stream, send a request and read the beginning of its response.

    Gives a ``ResponseHead`` or a ``Failure``.
    """

    request: Request
    until: float | None = None


class Pull(NamedTuple):
    """Read on. Gives the next bytes, ``b""`` at the end of the response, or a ``Failure``."""

    until: float | None = None


class Sleep(NamedTuple):
    """Let so many seconds pass."""

    seconds: float


class Do(NamedTuple):
    """Call what may block, such as a file. Gives what it returned, and raises in the flow what it raised."""

    call: Callable[[], Any]


class Notify(NamedTuple):
    """Call a callback of the user's, if there is one; an asynchronous driver awaits what is awaitable."""

    listener: Callable[..., Any] | None
    arguments: tuple[Any, ...]


Effect: TypeAlias = Send | Open | Pull | Sleep | Do | Notify
Flow: TypeAlias = Generator[Effect, Any, T]
