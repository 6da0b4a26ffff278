"""A request and a response, whichever way a request reaches the mock."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from octopusx_video_mock.delivery import Delivery

Headers = Sequence[tuple[bytes, bytes]]

MAX_BODY = 10 * 1024 * 1024
"""Largest body of a request in bytes; the same limit as stock Prism's."""
CONTROL_ROOT = b"/__mock__"
"""The path below which the control routes are."""
ENCODED_BODY = "the body has a Content-Encoding, which is not supported; send it without"
_HOST = re.compile(rb"[A-Za-z0-9.-]{1,253}(:[0-9]{1,5})?|\[[0-9A-Fa-f:.]{2,45}\](:[0-9]{1,5})?")


class Request:
    """A request.

    Args:
        method: In upper case.
        path: Raw, as it was sent, without the query.
        query: Raw, without the question mark.
        headers: Names in lower case.
        fields: The same as a dict.
        body: Whole; None where it is larger than ``MAX_BODY``.
        here: Host and port of the mock, for a client that does not name them.
        scheme: ``http`` or ``https``.
    """

    __slots__ = ("_fields", "body", "headers", "here", "method", "path", "query", "scheme")

    def __init__(
        self,
        method: str,
        path: bytes,
        query: bytes,
        headers: Headers,
        fields: dict[bytes, bytes],
        body: bytes | None,
        here: str,
        scheme: str = "http",
    ) -> None:
        self.method = method
        self.path = path
        self.query = query
        self.headers = headers
        self.body = body
        self.here = here
        self.scheme = scheme
        self._fields = fields

    def header(self, name: bytes) -> bytes | None:
        """A header by its name in lower case, the last one where it was sent more than once."""
        return self._fields.get(name)

    def every(self, name: bytes) -> list[bytes]:
        """All headers of this name, in lower case."""
        if len(self._fields) == len(self.headers):
            value = self._fields.get(name)
            return [] if value is None else [value]
        return [value for sent, value in self.headers if sent == name]

    @property
    def has_encoded_body(self) -> bool:
        """Whether its headers say that the body is encoded, by gzip for example."""
        sent = self.every(b"content-encoding")
        return bool(sent) and any(value.strip().lower() not in {b"", b"identity"} for value in sent)

    @property
    def is_control(self) -> bool:
        """Whether its path is that of a control route."""
        return self.path == CONTROL_ROOT or self.path.startswith(CONTROL_ROOT + b"/")

    @property
    def origin(self) -> str:
        """Where the client reached the mock, ``http://host:port``."""
        host = self._fields.get(b"host", b"")
        return f"{self.scheme}://{host.decode() if _HOST.fullmatch(host) else self.here}"


@dataclass(slots=True)
class Response:
    """A response.

    Attributes:
        status: The HTTP status.
        headers: Names in lower case, with the media type and without the length.
        body: The whole body.
        operation: Id of the operation that was called; None where there is none.
        faults: Names of the faults that show in it.
        breaks: Whether one of them violates the contract.
        delivery: How it is delivered; None for whole and at once.
        task: Id of the task that it is about.
        stream: Returns what is sent next, b"" for nothing yet, where the body does not end by itself; ``body`` is its
            beginning then.
    """

    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes
    operation: str | None = None
    faults: tuple[str, ...] = ()
    breaks: bool = False
    delivery: Delivery | None = None
    task: str | None = None
    stream: Callable[[], bytes] | None = None
