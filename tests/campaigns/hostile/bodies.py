"""Hostile bodies: broken and strange JSON, values of wrong types, wrong framing. Nothing is sent here."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from typing import Any

from tests.campaigns.hostile.drafts import (
    ACCEPTED,
    MAX_BODY,
    REFUSED,
    Draft,
    Hostile,
    World,
    at,
    chunked,
    raw_at,
    without,
)

DEEP = 100_000
EXTRA = ("x_extra",)

# Instead of a body, or made of it: none of these is JSON.
NO_JSON: tuple[Callable[[random.Random, bytes], bytes], ...] = (
    lambda rng, body: b"",
    lambda rng, body: body[: rng.randrange(len(body) - 1)],
    lambda rng, body: body[rng.randrange(1, len(body) - 1) :],
    lambda rng, body: body + rng.choice((b"{}", b",", b"]", b"\x00", b"\xff", b"/* */", b"nonsense")),
    lambda rng, body: rng.choice((b"{", b"[", b'"', b"{{", b"nonsense", b"\x00", b"\xff\xfe", b"True", b"\x1f\x8b")),
    lambda rng, body: body.replace(b'"', b"'"),
    lambda rng, body: body.replace(b': "', b': "' + rng.choice((b"\xff", b"\xc0\xaf", b"\xed\xa0\x80", b"\xf8\x88"))),
    lambda rng, body: body.replace(b': "', b': "' + rng.choice((b"\x00", b"\n", b"\x1f", b"\\x", b"\\u12"))),
    lambda rng, body: body.replace(b"}", b",}"),
    lambda rng, body: b"// a comment\n" + body,
    lambda rng, body: body.decode().encode(rng.choice(("utf-16", "utf-16-be", "utf-32"))),
    lambda rng, body: rng.randbytes(rng.randrange(1, 2000)),
    lambda rng, body: rng.choice((b"[", b'{"a":', b'[{"a":')) * DEEP,
    lambda rng, body: b"model=grok-video-3&prompt=on",
)  # fmt: skip

# In the place of a value, no JSON either.
NO_VALUES = (
    b"NaN",
    b"Infinity",
    b"-Infinity",
    b"nan",
    b"undefined",
    b"01",
    b"+1",
    b".5",
    b"1.",
    b"0x10",
    b"1e",
    b"--1",
    b"",
)

# In the place of a value: JSON, whose meaning is open.
STRANGE_VALUES: tuple[Callable[[random.Random], bytes], ...] = (
    lambda rng: rng.choice((b"1e999", b"-1e999", b"1e-999", b"1E400", b"0.1e1", b"-0", b"4.0", b"1e2")),
    lambda rng: b"1" + b"0" * rng.choice((19, 400, 5000, 100_000)),
    lambda rng: b"-" + b"9" * rng.choice((19, 400, 5000)),
    lambda rng: b"0." + b"3" * rng.choice((20, 400, 100_000)),
    lambda rng: b'"a%b"' % rng.choice((rb"\ud800", rb"\udfff", rb"\udc00\ud800", rb"\ud83d x", rb"\u0000", rb"\uffff")),
    lambda rng: b"[" * DEEP + b"]" * DEEP,
    lambda rng: b'{"a":' * DEEP + b"1" + b"}" * DEEP,
    lambda rng: b"[" * 900 + b"]" * 900,
    lambda rng: b"{" + b",".join(b'"k%d":0' % number for number in range(5000)) + b"}",
    lambda rng: b'"' + rng.choice((b"a", rb"\u0061", b"\xf0\x9f\x98\x80", b"\xe2\x80\x8b", rb"\n")) * 10_000 + b'"',
    lambda rng: rng.choice((b'{"$ref":"#/components"}', b'{"__proto__":{"a":1}}', b'"{{7*7}}"', b'"%s%n"', b'"${a}"')),
)  # fmt: skip

# Values of every type, to put where others belong.
WRONG_VALUES: tuple[Any, ...] = (
    None, True, False, 0, -1, 1.5, 7, 2**53 + 1, 2**63, -(2**63) - 1, 2**64, 1e300, "", " ", "4", "true", "null",
    "\u0000", "\u200b", "\uff11", "😀", "a b", "../..", "http://example.com/a.mp4", "x" * 5000, [], {}, [None], [[]],
    ["a"], {"url": []}, {"url": "http://x"}, {"id": 1}, [{"url": "x"}] * 50,
)  # fmt: skip

MEDIA_TYPES = (
    b"", b"text/plain", b"application/xml", b"application/x-www-form-urlencoded", b"multipart/form-data",
    b"multipart/form-data; boundary=", b"application/json, text/plain", b"application/json; charset=utf-16",
    b"application/json; charset=nonsense", b"application/json; charset=\xff", b'application/json; charset="', b"json",
    b"/", b"application/", b";", b"*/*", b"APPLICATION/JSON", b"application/json;;;;", b"application/vnd.api+json",
    b"application/json; " + b"a=b; " * 2000, b"application/json; charset=idna", b"application/json; charset=rot13",
)  # fmt: skip

LIES = (
    b"1073741824", b"-1", b"-0", b"abc", b"", b"0x10", b"5,5", b"5 5", b"+5", b"1e3", b"9" * 30, b"\xd9\xa1", b"1.0",
    b"0", b"4", b"18446744073709551616", b"00000000000000000000000000000000000007",
)  # fmt: skip

CHUNKS = (
    b"ZZ\r\n", b"-1\r\n", b"0x5\r\nhello\r\n0\r\n\r\n", b"5\r\nhel\r\n0\r\n\r\n", b"5\r\nhelloworld\r\n0\r\n\r\n",
    b"FFFFFFFFFFFFFFFFF\r\n", b"5;" + b"x" * 200_000 + b"\r\nhello\r\n0\r\n\r\n", b" 5\r\nhello\r\n0\r\n\r\n",
    b"5\nhello\n0\n\n", b"\r\n\r\n", b"5\r\nhello0\r\n\r\n", b"7fffffffffffffff\r\n{}", b"5 ; a\r\nhello\r\n0\r\n\r\n",
    b"+5\r\nhello\r\n", b"0\r\n" + b"X-T: y\r\n" * 20_000 + b"\r\n", b"0\r\nX-T: " + b"y" * 200_000 + b"\r\n\r\n",
    b"0\r\nno colon\r\n\r\n", b"0\r\nContent-Length: 5\r\n\r\n", b"1\r\na\r\n" * 5000 + b"0\r\n\r\n",
    b"0" * 5000 + b"\r\n\r\n",
)  # fmt: skip

CODINGS = (
    b"gzip, chunked",
    b"identity",
    b"xchunked",
    b"chunked, chunked",
    b"\x0bchunked",
    b"chunked;q=1",
    b"",
    b"CHUNKED, gzip",
)


def malformed(world: World, rng: random.Random) -> Hostile:
    """A body that is not JSON."""
    draft = world.draft(rng, world.submits)
    return Hostile(_submit(draft, rng.choice(NO_JSON)(rng, draft.body)), draft.expecting(REFUSED))


def no_value(world: World, rng: random.Random) -> Hostile:
    """A body that would be JSON but for one value."""
    draft = world.draft(rng, world.submits)
    place = rng.choice((*world.fields(draft.operation), EXTRA))
    return Hostile(_submit(draft, raw_at(draft.document, place, rng.choice(NO_VALUES))), draft.expecting(REFUSED))


def strange_value(world: World, rng: random.Random) -> Hostile:
    """A body that is JSON, with a value that is hard to read or to keep."""
    draft = world.draft(rng, world.submits)
    place = rng.choice((*world.fields(draft.operation), EXTRA))
    body = raw_at(draft.document, place, rng.choice(STRANGE_VALUES)(rng))
    return Hostile(_submit(draft, body), draft.expecting(ACCEPTED))


def wrong_value(world: World, rng: random.Random) -> Hostile:
    """A field that has a value of another type or outside of its bounds, or is missing; or another body."""
    draft = world.draft(rng, world.submits)
    place = rng.choice((*world.fields(draft.operation), EXTRA))
    value = rng.choice(WRONG_VALUES)
    document = without(draft.document, place) if rng.random() < 0.3 else at(draft.document, place, value)
    if rng.random() < 0.05:
        document = value
    statuses = ACCEPTED if world.is_valid(draft.operation, document) else REFUSED
    return Hostile(_submit(draft, json.dumps(document).encode()), draft.expecting(statuses))


def duplicate_key(world: World, rng: random.Random) -> Hostile:
    """A body that names a field twice, or very many times."""
    draft = world.draft(rng, world.submits)
    name = rng.choice(world.fields(draft.operation))[0]
    again = f"{json.dumps(name)}:{json.dumps(rng.choice(WRONG_VALUES))}," * rng.choice((1, 2, 1000))
    return Hostile(_submit(draft, b"{" + again.encode() + draft.body[1:]), draft.expecting(ACCEPTED))


def byte_order_mark(world: World, rng: random.Random) -> Hostile:
    """A good body behind a byte order mark, or among blanks."""
    draft = world.draft(rng, world.submits)
    body = rng.choice((b"\xef\xbb\xbf" + draft.body, b" \n\t" * 1000 + draft.body + b"\r\n" * 1000))
    return Hostile(_submit(draft, body), draft.expecting(ACCEPTED))


def media_type(world: World, rng: random.Random) -> Hostile:
    """A good body with a wrong Content-Type, none, or two."""
    draft = world.draft(rng, world.submits)
    draft.set(b"Content-Type", *rng.choices(MEDIA_TYPES, k=rng.choice((0, 1, 1, 1, 2))))
    if rng.random() < 0.2:
        draft.set(b"Content-Encoding", rng.choice((b"gzip", b"br", b"identity", b"deflate, gzip", b"nonsense")))
    return Hostile(draft.encode(), draft.expecting(ACCEPTED))


def large(world: World, rng: random.Random) -> Hostile:
    """A good body that is large and allowed."""
    draft = world.draft(rng, world.submits)
    body = raw_at(
        draft.document, rng.choice((("prompt",), EXTRA)), b'"' + b"a" * rng.randrange(10**5, MAX_BODY - 10**4) + b'"'
    )
    return Hostile(_submit(draft, body), draft.expecting(ACCEPTED))


def oversized(world: World, rng: random.Random) -> Hostile:
    """A good body past the limit, of a known length or in chunks."""
    draft = world.draft(rng, world.submits)
    body = raw_at(draft.document, EXTRA, b'"' + b"a" * (MAX_BODY + rng.randrange(10**6)) + b'"')
    if rng.random() < 0.5:
        pieces = chunked(body, rng)
        return Hostile(draft.encode((b"Transfer-Encoding", b"chunked"), body=pieces), draft.expecting({413}))
    return Hostile(_submit(draft, body), draft.expecting({413}))


def announced(world: World, rng: random.Random) -> Hostile:
    """A body past the limit is announced, and never comes."""
    draft = world.draft(rng, world.submits)
    length = rng.choice((b"1073741824", b"%d" % (MAX_BODY + 1), b"999999999999"))
    # What would come next on this connection would be the body.
    return Hostile(draft.encode((b"Content-Length", length), body=b""), draft.expecting({413}), "leave")


def length(world: World, rng: random.Random) -> Hostile:
    """A Content-Length that lies, twice perhaps, or beside a Transfer-Encoding."""
    draft = world.draft(rng)
    framing = [(b"Content-Length", value) for value in rng.choices(LIES, k=rng.choice((1, 1, 2)))]
    if rng.random() < 0.3:
        framing.insert(rng.randrange(2), (b"Transfer-Encoding", b"chunked"))
    body = rng.choice((b"", draft.body, chunked(draft.body, rng)))
    return draft.breaking("half-close", *framing, body=body)


def in_chunks(world: World, rng: random.Random) -> Hostile:
    """A good body in chunks, with extensions and trailers; a key in a trailer is none."""
    draft = world.draft(rng)
    trailers = rng.choice((b"", b"X-Trailer: x\r\n", b"Prefer: code=500\r\nHost: x\r\n"))
    statuses = None if draft.document is None else ACCEPTED
    if rng.random() < 0.3:
        draft.set(b"Authorization")
        trailers, statuses = b"Authorization: Bearer " + world.key + b"\r\n", frozenset({401})
    body = chunked(draft.body, rng, rng.choice((b"", b";a=b", b';a="b;c"', b";" + b"x" * 500)), trailers)
    return Hostile(draft.encode((b"Transfer-Encoding", b"chunked"), body=body), draft.expecting(statuses))


def bad_chunks(world: World, rng: random.Random) -> Hostile:
    """A body whose chunks are broken or endless, or whose coding is none that HTTP has."""
    draft = world.draft(rng)
    coding, body = b"chunked", rng.choice(CHUNKS)
    if rng.random() < 0.3:
        coding, body = rng.choice(CODINGS), chunked(draft.body, rng)
    return draft.breaking("half-close", (b"Transfer-Encoding", coding), body=body)


def unasked(world: World, rng: random.Random) -> Hostile:
    """A body where the operation has none."""
    draft = world.draft(rng, world.reads)
    draft.set(b"Content-Type", *rng.choices(MEDIA_TYPES, k=rng.choice((0, 1))))
    body = rng.choice((b"{}", b"x" * 20_000, rng.randbytes(100), b"GET / HTTP/1.1\r\n\r\n"))
    return Hostile(_submit(draft, body), draft.expecting())


def expectation(world: World, rng: random.Random) -> Hostile:
    """A submit with an Expect header, good or not."""
    draft = world.draft(rng, world.submits)
    draft.set(b"Expect", rng.choice((b"100-continue", b"100-Continue", b"200-ok", b"", b"100-continue, x", b"\xff")))
    return Hostile(draft.encode(), draft.expecting(ACCEPTED))


def _submit(draft: Draft, body: bytes) -> bytes:
    return draft.encode((b"Content-Length", b"%d" % len(body)), body=body)
