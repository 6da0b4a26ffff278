"""A request and an answer, as every way into the mock has them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from octopusx_video_mock._errors import MockError

if TYPE_CHECKING:
    from octopusx_video_mock._faults import Delivery

Headers = Sequence[tuple[bytes, bytes]]

MAX_BODY = 10 * 1024 * 1024
"""Largest body of a request in bytes; as much as stock Prism takes."""
_KEY = re.compile(r"[A-Za-z0-9._~+/-]+=*")


def check_token(token: str | None) -> None:
    """Check that a token can be sent as a key (RFC 6750 section 2.1).

    Raises:
        MockError: It can't. The token itself is not shown.
    """
    if token is not None and not _KEY.fullmatch(token):
        raise MockError("the token can't be sent as a key; use letters, digits and - . _ ~ + /, as keys have")


@dataclass(slots=True)
class Request:
    """A request.

    Attributes:
        method: In upper case.
        path: Raw, as it was sent, without the query.
        query: Raw, without the question mark.
        headers: Names in lower case.
        body: Whole; None where it is larger than ``MAX_BODY``.
        origin: Where the mock was reached, ``http://host:port``.
    """

    method: str
    path: bytes
    query: bytes
    headers: Headers
    body: bytes | None
    origin: str


@dataclass(slots=True)
class Answer:
    """An answer.

    Attributes:
        status: The HTTP status.
        headers: Names in lower case, with the media type and without the length.
        body: The whole body.
        operation: Id of the operation that was asked; None where there is none.
        faults: Names of the faults that show in it.
        breaks: Whether one of them breaks the contract.
        delivery: What happens to it on its way; None where it arrives.
        task: Id of the task that it is about.
    """

    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes
    operation: str | None = None
    faults: tuple[str, ...] = ()
    breaks: bool = False
    delivery: Delivery | None = None
    task: str | None = None
