"""The table of hostile requests. Nothing is sent here."""

from __future__ import annotations

import random
from collections.abc import Callable

from tests.campaigns.hostile import bodies, heads
from tests.campaigns.hostile.drafts import Hostile, World, seeded

GENERATORS: tuple[tuple[str, float, Callable[[World, random.Random], Hostile]], ...] = (
    ("plain", 3, heads.plain),
    ("body is not JSON", 8, bodies.malformed),
    ("body with what is no value", 5, bodies.no_value),
    ("body with a strange value", 5, bodies.strange_value),
    ("body with a wrong value", 10, bodies.wrong_value),
    ("body with a key twice", 2, bodies.duplicate_key),
    ("body behind a byte order mark", 1, bodies.byte_order_mark),
    ("Content-Type", 4, bodies.media_type),
    ("large body", 0.03, bodies.large),
    ("body past the limit", 0.02, bodies.oversized),
    ("body past the limit that never comes", 1, bodies.announced),
    ("Content-Length", 5, bodies.length),
    ("chunks", 4, bodies.in_chunks),
    ("broken chunks", 4, bodies.bad_chunks),
    ("body where there is none", 2, bodies.unasked),
    ("Expect", 1, bodies.expectation),
    ("path", 8, heads.path),
    ("target", 4, heads.target),
    ("query", 5, heads.query),
    ("method", 5, heads.method),
    ("unknown method", 2, heads.unknown_method),
    ("Authorization", 8, heads.credential),
    ("Prefer", 6, heads.preference),
    ("Range", 6, heads.part),
    ("headers", 5, heads.header),
    ("Host", 3, heads.host),
    ("Upgrade", 1, heads.upgrade),
    ("header line", 4, heads.line),
    ("header flood", 1, heads.flood),
    ("version", 2, heads.version),
    ("other protocol", 4, heads.foreign),
    ("garbled", 6, heads.garbled),
    ("client goes away", 4, heads.gone),
)
"""Each kind of request with how often it comes beside the others."""


def request(world: World, seed: int, number: int) -> tuple[str, Hostile]:
    """The request of a number, which is the same for the same seed: first one of each kind, then any."""
    rng = seeded(seed, number)
    if number < len(GENERATORS):
        name, _, make = GENERATORS[number]
    else:
        name, _, make = rng.choices(GENERATORS, [weight for _, weight, _ in GENERATORS])[0]
    return name, make(world, rng)
