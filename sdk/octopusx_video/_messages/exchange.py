"""A request and its response as plain values, whatever sends them."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from octopusx_video._messages import contract

Json = Any

MAX_BYTES = 4_000_000
"""The largest response that is read, unpacked too, a video apart."""


class Request(NamedTuple):
    """A request that is ready to leave.

    Attributes:
        operation: The contract's name of it; "" for an address that the contract does not have.
        method: HTTP method.
        url: Whole address.
        headers: Its headers; the driver adds the credential where the address is the API's own.
        body: Its bytes; None for none.
        source: The task that a submit continues; "" for anything else.
    """

    operation: str
    method: str
    url: str
    headers: Mapping[str, str] = MappingProxyType({})
    body: bytes | None = None
    source: str = ""


class ResponseHead:
    """The beginning of a response.

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
        """The gateway's id of the request."""
        return self.headers.get(contract.request_id_name())

    @property
    def media_type(self) -> str:
        """The media type without its parameters, in lower case; "" where there is none."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()


class Response(ResponseHead):
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
    """No response, or an incomplete one.

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
    partial: Response | None = None


class Received:
    """What has arrived of a response. The driver fills it in, so that it is there whatever ends the exchange.

    Attributes:
        sent: Whether sending has begun.
        head: The beginning of the response; None before it arrives.
        content: The body as far as it has arrived, encoded as the head says.
        whole: Whether the body has ended.
    """

    __slots__ = ("content", "head", "sent", "whole")

    def __init__(self) -> None:
        self.sent = False
        self.head: ResponseHead | None = None
        self.content = bytearray()
        self.whole = False

    def response(self) -> Response | Failure:
        """The response that has arrived whole, unpacked."""
        assert self.head is not None  # noqa: S101 - for the type checker
        content = bytes(self.content)
        coding = self.head.headers.get("content-encoding", "")
        if coding:
            from octopusx_video_openapi import content_encoding  # noqa: PLC0415 - few responses have one

            try:
                content = content_encoding.decoded(content, coding, MAX_BYTES)
            except content_encoding.EncodingError as error:
                begins = content_encoding.beginning(content, coding, MAX_BYTES)
                raw = Response(self.head.status, self.head.headers, begins)
                return Failure(sent=True, reason=str(error), permanent=True, partial=raw)
        return Response(self.head.status, self.head.headers, content)

    def partial(self) -> Response | None:
        """What has arrived of the response, unpacked if it can be; None where nothing has."""
        if self.head is None:
            return None
        arrived = self.response()
        return arrived.partial if isinstance(arrived, Failure) else arrived
