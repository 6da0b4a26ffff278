"""What a flow asks of the shell that runs it, and what it is told.

The rules of this package are flows: generators without any I/O that yield one of these and are sent what came of it. A
synchronous and an asynchronous shell perform them, so that each rule stands once. They are plain tuples, which are made
faster than data classes, when the package is imported and at each request.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any, NamedTuple, TypeAlias, TypeVar

from octopusx_video._messages.exchange import Outgoing, Received

T = TypeVar("T")


class Send(NamedTuple):
    """Send a request and read its response. Gives an ``Answer`` or a ``Failure``.

    Attributes:
        request: What is sent, once.
        received: Where the shell writes down what arrives.
        until: When to give up, on the monotonic clock; None for no such moment.
        within: Seconds in which the whole response has to arrive after the request has been written; None for the
            timeouts of the client alone.
    """

    request: Outgoing
    received: Received
    until: float | None = None
    within: float | None = None


class Open(NamedTuple):
    """Send a request and read how its answer begins. Gives a ``Head`` or a ``Failure``; ends the stream before it."""

    request: Outgoing
    until: float | None = None


class Pull(NamedTuple):
    """Read on. Gives the next bytes, ``b""`` at the end of the answer, or a ``Failure``."""

    until: float | None = None


class Sleep(NamedTuple):
    """Let so many seconds pass."""

    seconds: float


class Do(NamedTuple):
    """Call what may block, such as a file. Gives what it returned, and raises in the flow what it raised."""

    call: Callable[[], Any]


class Tell(NamedTuple):
    """Tell the caller how things stand; an asynchronous shell awaits what is awaitable."""

    listener: Callable[..., Any] | None
    arguments: tuple[Any, ...]


Effect: TypeAlias = Send | Open | Pull | Sleep | Do | Tell
Flow: TypeAlias = Generator[Effect, Any, T]
