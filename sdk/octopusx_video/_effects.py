"""What a flow asks of the shell that runs it, and what it is told.

The rules of this package are flows: generators without any I/O that yield one of these and are sent what came of it. A
synchronous and an asynchronous shell perform them, so that each rule stands once.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A request that is ready to leave.

    Attributes:
        operation: The contract's name of it; "" for an address that the contract does not have.
        method: HTTP method.
        url: Whole address.
        headers: Its headers; the credential is added by the shell where the address is the API's own.
        body: Its bytes; None for none.
        source: The task that a submit continues; "" for anything else.
    """

    operation: str
    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None
    source: str = ""


@dataclass(frozen=True, slots=True)
class Head:
    """How an answer begins.

    Attributes:
        status: HTTP status.
        headers: By name in lower case.
    """

    status: int
    headers: Mapping[str, str]

    @property
    def request_id(self) -> str | None:
        """What the gateway calls the request."""
        return self.headers.get("x-oneapi-request-id")

    @property
    def media_type(self) -> str:
        """The media type without its parameters, in lower case; "" where none is told."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()


@dataclass(frozen=True, slots=True)
class Answer(Head):
    """A whole answer, its body decoded from any Content-Encoding."""

    content: bytes = b""


@dataclass(frozen=True, slots=True)
class Failure:
    """No answer, or none that is whole.

    Attributes:
        sent: Whether any of the request may have reached a server; False only where no connection was made.
        reason: What happened, without secrets.
    """

    sent: bool
    reason: str


@dataclass(frozen=True, slots=True)
class Send:
    """Send a request and read its answer. Gives an ``Answer`` or a ``Failure``.

    Attributes:
        request: What is sent, once.
        until: When to give up, on the monotonic clock; None for the timeouts of the client alone.
    """

    request: Outgoing
    until: float | None = None


@dataclass(frozen=True, slots=True)
class Open:
    """Send a request and read how its answer begins. Gives a ``Head`` or a ``Failure``; ends the stream before it."""

    request: Outgoing
    until: float | None = None


@dataclass(frozen=True, slots=True)
class Pull:
    """Read on. Gives the next bytes, ``b""`` at the end of the answer, or a ``Failure``."""

    until: float | None = None


@dataclass(frozen=True, slots=True)
class Sleep:
    """Let so many seconds pass."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Do:
    """Call what may block, such as a file. Gives what it returned, and raises in the flow what it raised."""

    call: Callable[[], Any]


@dataclass(frozen=True, slots=True)
class Tell:
    """Tell the caller how things stand; an asynchronous shell awaits what is awaitable."""

    listener: Callable[..., Any] | None
    arguments: tuple[Any, ...]


Effect: TypeAlias = Send | Open | Pull | Sleep | Do | Tell
Flow: TypeAlias = Generator[Effect, Any, T]


@dataclass(frozen=True, slots=True)
class World:
    """What a flow knows of the world.

    Attributes:
        monotonic: The clock of deadlines, in seconds.
        wall: The time of day, in Unix seconds.
        random: A number from 0 up to 1.
    """

    monotonic: Callable[[], float]
    wall: Callable[[], float]
    random: Callable[[], float]
