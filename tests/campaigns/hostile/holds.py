"""Connections that are held: requests that are never finished, or very slowly, and too many connections at once."""

from __future__ import annotations

import asyncio
import contextlib
import random
import re

from tests.campaigns.hostile.drafts import World

HEADER_SECONDS = 10
"""How long a server waits for a header."""
BODY_SECONDS = 30
"""How long a server waits for a body."""
GRACE_SECONDS = 5
FLOOD = 1100
"""More connections than a server has to take (1000)."""

Server = tuple[str, int]


async def unfinished(server: Server, world: World, rng: random.Random, number: int) -> str | None:
    """Send a part of a request and wait; every second one in the body, every other pair a byte per second.

    Returns:
        What was wrong, if anything: it is to be answered with 408 or closed, some seconds after the server's limit at
        the latest.
    """
    raw = world.draft(rng, world.submits).encode()
    end = raw.index(b"\r\n\r\n") + 4
    in_body, slow = number % 2 == 1, number % 4 >= 2
    first = raw[:end] if in_body else b""
    if not slow:
        first = raw[: rng.randrange(end, len(raw)) if in_body else rng.randrange(1, end)]
    limit = BODY_SECONDS if in_body else HEADER_SECONDS
    name = f"{'body' if in_body else 'header'} {'at a byte per second' if slow else f'with {len(first)} bytes'}"
    try:
        reader, writer = await asyncio.open_connection(*server)
    except OSError as error:
        return f"can't connect: {error}"
    dripping = asyncio.create_task(_drip(writer, first, raw[len(first) : -1] if slow else b""))
    try:
        async with asyncio.timeout(limit + GRACE_SECONDS):
            answer = await reader.read(1000)
    except TimeoutError:
        return f"a {name} was held for more than {limit + GRACE_SECONDS} s\n({len(first)} bytes arrived)"
    except ConnectionError:
        return None
    finally:
        dripping.cancel()
        writer.close()
    if answer and not re.match(rb"HTTP/1\.1 408 ", answer):
        return f"a {name} got {answer[:300]!r}\n({len(first)} bytes arrived)"
    return None


async def _drip(writer: asyncio.StreamWriter, first: bytes, rest: bytes) -> None:
    with contextlib.suppress(OSError):
        writer.write(first)
        for byte in rest:
            await asyncio.sleep(1)
            writer.write(bytes([byte]))
            await writer.drain()


async def flood(server: Server) -> int:
    """Open very many connections at once, hold them for a second, and close them. How many the server refused."""
    opened = await asyncio.gather(*(_open(server) for _ in range(FLOOD)))
    await asyncio.sleep(1)
    refused = sum(pair is None or pair[0].at_eof() or pair[0].exception() is not None for pair in opened)
    for pair in opened:
        if pair is not None:
            pair[1].transport.abort()
    return refused


async def _open(server: Server) -> tuple[asyncio.StreamReader, asyncio.StreamWriter] | None:
    try:
        async with asyncio.timeout(GRACE_SECONDS):
            return await asyncio.open_connection(*server)
    except (OSError, TimeoutError):
        return None
