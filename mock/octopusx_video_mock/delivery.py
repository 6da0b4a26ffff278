"""How a response reaches the client: whole, late, in pieces, cut, or not at all."""

from __future__ import annotations

from typing import Literal

Delivery = Literal["lost", "reset", "cut", "crawl", "chunked", "chunked_cut"]
"""What departs from the usual delivery, which is None."""

NOT_SENT: frozenset[Delivery | None] = frozenset({"lost", "reset"})
"""The deliveries of which the client gets no byte."""
CUT: frozenset[Delivery | None] = frozenset({"cut", "chunked_cut"})
"""The deliveries of which the second half is missing."""
CHUNKED: frozenset[Delivery | None] = frozenset({"chunked", "chunked_cut"})
"""The deliveries without a length, each with a proper end."""
CRAWL_SECONDS = 90.0
"""How long a whole download takes with the fault ``download_crawls``: longer than the gateway's minute."""
CRAWL_PIECES = 30
"""In how many pieces it arrives."""
CHUNK_BYTES = 8 * 1024
"""Largest chunk of a chunked download."""


def pieces(body: bytes, delivery: Delivery | None) -> list[bytes]:
    """What arrives of a body that is sent in pieces, or is cut; no piece is empty."""
    if delivery in CUT:
        body = body[: len(body) // 2]
    size = len(body)
    if delivery == "crawl":
        size = -(-len(body) // CRAWL_PIECES)
    elif delivery in CHUNKED:
        size = CHUNK_BYTES
    return [body[at : at + size] for at in range(0, len(body), max(1, size))]
