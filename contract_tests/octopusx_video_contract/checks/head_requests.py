"""HEAD beside GET: what RFC 9110 allows in response. Pure: no request is made here."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence

from octopusx_video_contract.messages.http import Request, Response

NOT_THERE = frozenset({404, 405})
"""With what a method is refused that a path does not have (R32)."""


def of_get(request: Request) -> Request:
    """The HEAD request of a GET request, on a connection of its own: a body that must not come spoils no other."""
    return dataclasses.replace(request, method="HEAD", headers=(*request.headers, ("Connection", "close")))


def body_behind_head(raw: bytes) -> bytes:
    """What arrived behind the head of a response: HTTP clients drop what must not be there."""
    behind = raw.partition(b"\r\n\r\n")[2]
    return b"" if behind.startswith(b"HTTP/") else behind  # an interim response comes before


def faults(head: Response, gets: Sequence[Response], behind: bytes = b"") -> Iterator[str]:
    """What is wrong with the response to HEAD.

    Args:
        head: The response.
        gets: What the same request gets as a response to GET, once or more.
        behind: What arrived behind the head of the response.
    """
    if head.content or behind:
        yield f"HEAD got a body, {(head.content or behind)[:20]!r}"
    if head.status in NOT_THERE:
        return
    if head.status not in {get.status for get in gets}:
        yield f"HEAD got {head.status}, and GET got {gets[0].status}"
        return
    if head.media_type not in {get.media_type for get in gets}:
        yield f"the Content-Type of HEAD is {head.media_type!r}, and that of GET {gets[0].media_type!r}"
    length, size = head.headers.get("content-length"), len(gets[0].content)
    # A body that is another one each time may be of another length, too.
    is_one_body = len(gets) > 1 and len({get.content for get in gets}) == 1
    if is_one_body and length not in {None, str(size)}:
        yield f"the Content-Length of HEAD is {length}, and GET got {size} bytes"
