"""What a flow asks of the shell that runs it, and what it is told.

The rules of this package are flows: generators without any I/O that yield one of these and are sent what came of it. A
synchronous and an asynchronous shell perform them, so that each rule stands once. They are plain tuples, which are made
faster than data classes, when the package is imported and at each request.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple, TypeAlias, TypeVar

T = TypeVar("T")


class Outgoing(NamedTuple):
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
    headers: Mapping[str, str] = MappingProxyType({})
    body: bytes | None = None
    source: str = ""


class Head:
    """How an answer begins.

    Attributes:
        status: HTTP status.
        headers: By name in lower case.
    """

    __slots__ = ("headers", "status")

    def __init__(self, status: int, headers: Mapping[str, str]) -> None:
        self.status = status
        self.headers = headers

    @property
    def request_id(self) -> str | None:
        """What the gateway calls the request."""
        return self.headers.get("x-oneapi-request-id")

    @property
    def media_type(self) -> str:
        """The media type without its parameters, in lower case; "" where none is told."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()


class Answer(Head):
    """A whole answer, its body decoded from any Content-Encoding."""

    __slots__ = ("content",)

    def __init__(self, status: int, headers: Mapping[str, str], content: bytes) -> None:
        super().__init__(status, headers)
        self.content = content


class Failure(NamedTuple):
    """No answer, or none that is whole.

    Attributes:
        sent: Whether any of the request may have reached a server; False only where no connection was made.
        reason: What happened, without secrets.
    """

    sent: bool
    reason: str


class Send(NamedTuple):
    """Send a request and read its answer. Gives an ``Answer`` or a ``Failure``.

    Attributes:
        request: What is sent, once.
        until: When to give up, on the monotonic clock; None for the timeouts of the client alone.
    """

    request: Outgoing
    until: float | None = None


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


class World(NamedTuple):
    """What a flow knows of the world.

    Attributes:
        monotonic: The clock of deadlines, in seconds.
        wall: The time of day, in Unix seconds.
        random: A number from 0 up to 1.
    """

    monotonic: Callable[[], float]
    wall: Callable[[], float]
    random: Callable[[], float]
