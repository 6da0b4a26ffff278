"""What a flow asks of the shell that runs it, and what it is told.

The rules of this package are flows: generators without any I/O that yield one of these and are sent what came of it. A
synchronous and an asynchronous shell perform them, so that each rule stands once. They are plain tuples, which are made
faster than data classes, when the package is imported and at each request.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple, TypeAlias, TypeVar

from octopusx_video._messages import contract

T = TypeVar("T")

MOST_BYTES = 4_000_000
"""The largest response that is read, unpacked too, a video apart."""


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
        return self.headers.get(contract.request_id_name())

    @property
    def media_type(self) -> str:
        """The media type without its parameters, in lower case; "" where none is told."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()


class Answer(Head):
    """A response with its body, unpacked from any Content-Encoding.

    Attributes:
        content: The body.
        is_read: Whether the body was read; a hook that raises closes a response before it is.
    """

    __slots__ = ("content", "is_read")

    def __init__(self, status: int, headers: Mapping[str, str], content: bytes, *, is_read: bool = True) -> None:
        super().__init__(status, headers)
        self.content = content
        self.is_read = is_read


class Failure(NamedTuple):
    """No response, or none that is whole.

    Attributes:
        sent: Whether any of the request may have reached a server; False only where no connection was made.
        reason: What happened, without secrets.
        permanent: Whether the same request will fail in the same way: a certificate that is not trusted, a response
            that is too large or can't be unpacked.
        partial: What arrived of a response; None where nothing did.
    """

    sent: bool
    reason: str
    permanent: bool = False
    partial: Answer | None = None


class Received:
    """What has arrived of a response. The shell fills it in, so that it is there whatever ends the exchange.

    Attributes:
        sent: Whether sending has begun.
        head: How the response begins; None before it does.
        content: The body as far as it has arrived, encoded as the head says.
        whole: Whether the body has ended.
    """

    __slots__ = ("content", "head", "sent", "whole")

    def __init__(self) -> None:
        self.sent = False
        self.head: Head | None = None
        self.content = bytearray()
        self.whole = False

    def answer(self) -> Answer | Failure:
        """The response that has arrived whole, unpacked."""
        assert self.head is not None  # noqa: S101 - for the type checker
        content = bytes(self.content)
        coding = self.head.headers.get("content-encoding", "")
        if coding:
            from octopusx_video_openapi import content_encoding  # noqa: PLC0415 - few responses have one

            try:
                content = content_encoding.decoded(content, coding, MOST_BYTES)
            except content_encoding.EncodingError as error:
                begins = content_encoding.beginning(content, coding, MOST_BYTES)
                raw = Answer(self.head.status, self.head.headers, begins)
                return Failure(sent=True, reason=str(error), permanent=True, partial=raw)
        return Answer(self.head.status, self.head.headers, content)

    def partial(self) -> Answer | None:
        """What has arrived of the response, unpacked if it can be; None where nothing has."""
        if self.head is None:
            return None
        arrived = self.answer()
        return arrived.partial if isinstance(arrived, Failure) else arrived


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
