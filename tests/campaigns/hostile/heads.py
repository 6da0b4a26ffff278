"""Hostile heads: targets, methods, headers, and what is no HTTP at all. Nothing is sent here."""

from __future__ import annotations

import random
import re

from octopusx_video_openapi import METHODS

from tests.campaigns.hostile.drafts import (
    ACCEPTED,
    MAX_HEADER,
    UNAUTHORIZED,
    Ending,
    Expected,
    Hostile,
    World,
    matches,
)

# Everywhere KEY stands for the key that works.
SEGMENTS = (
    b"KEY", b"%", b"%f", b"%zz", b"%ff", b"%2f", b"%2F..%2F", b"%00", b"%c0%af", b"%20", b"%25", b"%0d%0aX:%20y", b"..",
    b".", b"", b"%2e%2e", b"a/../b", b"a//b", b"a/", b"~", b"a;b", b"a?b?c", b"?", b"a%3Fb", b"\xc3\xa9", b"\xff",
    b"%e2%80%ae", b"{task_id}", b"*", b"a" * 8000, b"%41" * 4000, b"a/" * 5000, b"extensions", b"constructor",
    b"..%5c..%5c", b"a#b", b"%F0%9F%98%80",
)  # fmt: skip

ROUTES = (
    b"/", b"//", b"/v1", b"/v1/", b"/v1/videos", b"/v1/videos/", b"/v1/video", b"/v1/video/", b"/v1/video/query/",
    b"/V1/VIDEOS/a", b"//v1/videos/a", b"/v1//videos/a", b"/./v1/videos/a", b"/v1/../v1/videos/a",
    b"/v1/videos/a/content/", b"/v1/videos/a/b/c/d", b"/v1/videos/a/extend/", b"/docs", b"/KEY", b"/v1/KEY",
    b"/__mock__/clock", b"/__mock__/", b"/videos/a/b.mp4", b"/videos/%ff/%00.mp4", b"/videos/", b"/openapi.json",
    b"/.git/config", b"/metrics", b"/%76%31/videos/a", b"/v1%2fvideos%2fa", b"/\\v1\\videos", b"/" + b"a/" * 10_000,
    b"/" + b"%2e%2e/" * 500, b"/v1/videos/a/content?x=" + b"y" * 30_000,
)  # fmt: skip

# Targets that are no path; each may be taken for broken.
TARGETS = (
    b"http://127.0.0.1/v1/videos/a", b"HTTP://user:pw@other:1/v1/video/query?id=a", b"http://", b"http://[",
    b"http://[::1]:99999/v1", b"ftp://x/v1/videos/a", b"*", b"", b"v1/videos/a", b"127.0.0.1:80", b"?id=a", b"#",
    b"/v1/videos/a b", b"/v1/videos/\x00", b"/v1/videos/a\tb", b"/v1/videos/\x7f", b"file:///etc/passwd", b"///",
    b"://", b"http:/v1", b"/v1/videos/\xff\xfe",
)  # fmt: skip

QUERIES = (
    b"", b"?", b"?id", b"?id=KEY", b"?key=KEY", b"?id=", b"?id=&id=", b"?id=a&id=b", b"?id[]=a", b"?id=%", b"?id=%ff",
    b"?id=%00", b"?id=+", b"?ID=a", b"?&&&=", b"?id=a;id=b", b"?i%64=%zz", b"?id=a%26id=b", b"?id=%0d%0a",
    b"?id=" + b"a" * 30_000, b"?" + b"a=b&" * 8000, b"?" + b"&" * 30_000, b"?id=\xff", b"?id=a?id=b",
    b"?id=%F0%9F%98%80", b"?=a", b"?id==a", b"?__code=500", b"?id=../..",
)  # fmt: skip

CREDENTIALS = (
    (), (b"",), (b"Bearer",), (b"Bearer ",), (b"KEY",), (b"BearerKEY",), (b"Basic KEY",), (b"Token KEY",),
    (b"Bearer KEYx",), (b"Bearer xKEY",), (b"Bearer KEY KEY",), (b"Bearer KEY,Bearer KEY",), (b"Bearer KEY, x",),
    (b'Bearer "KEY"',), (b"Bearer\tKEY",), (b"Bearer:KEY",), (b"Bearer=KEY",), (b"Bearer Bearer KEY",),
    (b"Bearer \xff",), (b"Bearer KEY\xff",), (b"Bearer \xc3\xa9",), (b"Bearer ",) * 2, (b"Bearer KEY", b"Bearer wrong"),
    (b"Bearer wrong", b"Bearer KEY"), (b"Basic a2V5OmtleQ==",), (b"Digest a=b",), (b"Bearer " + b"a" * 50_000,),
    (b"Bearer *",), (b"Bearer %s",), (b"Bearer null",), (b"=", b"=", b"="), (b"\xef\xbb\xbfBearer KEY",),
)  # fmt: skip

PREFERENCES = (
    b"code=418", b"code=999", b"code=0", b"code=-1", b"code=", b"code=abc", b"code=1e2", b"code=200.0",
    b"code=" + b"9" * 5000, b"code=\xd9\xa5\xd9\xa0\xd9\xa0", b'code="500"', b"code=500", b"code=503", b"code=204",
    b"code=101", b"code=304", b"example=nope", b"example=", b"example=__class__", b"example=completed",
    b"example=" + b"x" * 30_000, b"fault=nope", b"fault=", b"fault=\xff", b"fault=../..", b"code=200, example=nope",
    b"code=500; example=x, fault=y", b"dynamic=true", b"respond-async, wait=1", b"=", b";;;,,,", b'"', b'code="',
    b"CODE=500", b"code=400,code=500", b"code", b"example", b"fault", b"a=b, " * 5000, b"\xff\xfe", b"code=\t500",
)  # fmt: skip

RANGES = (
    b"bytes=", b"bytes=-0", b"bytes=-", b"bytes=5-2", b"bytes=0-0,1-1", b"bytes=0-,0-,0-",
    b"bytes=99999999999999999999-", b"bytes=a-b", b"bytes=-99999999999999999999", b"bytes=0-99999999999999999999",
    b"items=0-5", b"bytes", b"", b"=", b"bytes=0-0-0", b"bytes=--1", b"bytes 0-5", b"BYTES=0-5", b"bytes= 0 - 5 ",
    b"bytes=+1-2", b"bytes=\xd9\xa1-", b"bytes=1_0-", b"bytes=0x1-", b"bytes=\xff", b"bytes=" + b"0-1," * 5000,
    b"bytes=" + b"9" * 10_000 + b"-", b"bytes=0-0", b"bytes=23-", b"bytes=-1", b"none", b"bytes=1.5-2", b"bytes=-1-",
)  # fmt: skip

# Values that any header may have.
VALUES = (
    b"", b"*", b"*/*", b"null", b"*/*;q=nan", b"text/html", b"a/b;q=2, */*;q=-1", b"\xff\xfe", b"\xc3\xa9",
    b"\xed\xa0\x80", b"a" * 8000, b"," * 8000, b";" * 8000, b"q=1;" * 2000, b"../../etc/passwd", b"%0d%0aX-Injected: y",
    b"${jndi:ldap://x}", b"{{7*7}}", b"\t", b'"', b"\\", b"<script>", b"http://[", b"http://evil.example", b"()", b"0",
    b"-1", b"1e999", b"Thu, 99 Nuv 9999 99:99:99 GMT", b"close, keep-alive",
)  # fmt: skip
NAMES = (
    b"Origin", b"X-Oneapi-Request-Id", b"Accept", b"Accept-Encoding", b"Accept-Language", b"Cookie", b"Referer",
    b"User-Agent", b"If-Range", b"If-Modified-Since", b"If-None-Match", b"Forwarded", b"X-Forwarded-For",
    b"X-Forwarded-Proto", b"X-HTTP-Method-Override", b"Via", b"Access-Control-Request-Method",
    b"Access-Control-Request-Headers", b"Idempotency-Key", b"Max-Forwards", b"Date", b"Trailer",
)  # fmt: skip
HOSTS = (
    (), (b"",), (b"a b",), (b"a@b",), (b":::",), (b"localhost:99999",), (b"[::1",), (b"\xff",), (b"a" * 8000,),
    (b"a", b"b"), (b"a", b"a"), (b"evil.example",), (b"127.0.0.1/v1/videos",), (b"a,b",), (b"..",), (b"%00",),
    (b"xn--",), (b"\xc3\xa9.example",),
)  # fmt: skip

# Lines in the place of a header.
LINES = (
    b"no colon", b": no name", b"X: a\x00b", b"X: a\rb", b"X\x00: a", b"X Y: a", b"X : a", b" folded", b"\tfolded",
    b"X: a\r\n b", b"X(): a", b"\xff: a", b"X: \x7f", b"X: a\nY: b", b"Content-Length: 1\r\n 0", b"\x00", b"X:\x0ba",
    b"Transfer-Encoding : chunked", b"X: a\r\r\nY: b",
)  # fmt: skip

# Bytes that are no HTTP/1.1 request.
FOREIGN = (
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00", b"GET /\r\n", b"GET\r\n\r\n",
    b"\r\n" * 5000, b"\n\n\n", b"\x00" * 100, bytes.fromhex("16030100a5010000a10303") + bytes(range(160)),
    b"SSH-2.0-x\r\n", b"EHLO x\r\n", b"*1\r\n$4\r\nPING\r\n", b" GET / HTTP/1.1\r\n\r\n", b"GET / HTTP/1.1\r\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", b"G" * 100_000, b"GET " + b"/a" * 500_000, b"\x80\x2e\x01\x00\x02",
    b"POST / HTTP/1.1\r\nContent-Length: 5", b"\x05\x01\x00", b"GET / HTTP/1.1\nHost: x\n\n",
    b"PROXY TCP4 1.1.1.1 1.1.1.1 1 2\r\n", b"<policy/>\x00",
)  # fmt: skip
VERSIONS = (
    b"HTTP/1.0",
    b"HTTP/0.9",
    b"HTTP/1.2",
    b"HTTP/2.0",
    b"HTTP/9.9",
    b"HTTP/1",
    b"HTTP/01.1",
    b"HTPT/1.1",
    b"http/1.1",
    b"",
    b"HTTP/1.1 x",
)
UNKNOWN_METHODS = (
    b"FOO",
    b"get",
    b"G\x00T",
    b"GET,POST",
    b"QUERY",
    b"PROPFIND",
    b"M-SEARCH",
    b"A" * 5000,
    b"\xff",
    b"LINK",
    b"PRI",
    b"",
)


def plain(world: World, rng: random.Random) -> Hostile:
    """A good request."""
    draft = world.draft(rng)
    return Hostile(draft.encode(), draft.expecting(ACCEPTED))


def path(world: World, rng: random.Random) -> Hostile:
    """A path with a strange segment, or of no operation."""
    draft = world.draft(rng)
    if b"{" in draft.operation.path.encode() and rng.random() < 0.6:
        segment = rng.choice(SEGMENTS)
        draft.target = re.sub(rb"\{[^}]*\}", lambda _: segment, draft.operation.path.encode())
    else:
        draft.target = rng.choice(ROUTES)
    draft.target = draft.target.replace(b"KEY", world.key)
    # What is no ASCII may not stand in a target, and a fragment may not either.
    return Hostile(draft.encode(), world.anything(broken=not draft.target.isascii() or b"#" in draft.target))


def target(world: World, rng: random.Random) -> Hostile:
    """A target in another form, good or not."""
    draft = world.draft(rng)
    draft.target = rng.choice(TARGETS)
    return Hostile(draft.encode(), world.anything(broken=True))


def query(world: World, rng: random.Random) -> Hostile:
    """A query string with parameters that are wrong, absent, repeated or too many."""
    draft = world.draft(
        rng, tuple(operation for operation in world.operations if "query" in operation.path or rng.random() < 0.1)
    )
    draft.target = draft.target.partition(b"?")[0] + rng.choice(QUERIES).replace(b"KEY", world.key)
    return Hostile(draft.encode(), draft.expecting(broken=not draft.target.isascii()))


def method(world: World, rng: random.Random) -> Hostile:
    """Any method of HTTP on any path."""
    draft = world.draft(rng)
    draft.method = rng.choice((*METHODS, "connect")).upper().encode()
    # A concrete path is one of a template too: GET /v1/videos/extensions may be a task of that name. HEAD may be
    # answered as GET is.
    wanted = "get" if draft.method == b"HEAD" else draft.method.decode().lower()
    asked = draft.target.decode().partition("?")[0]
    found = tuple(one.id for one in world.operations if one.method == wanted and matches(one.path, asked))
    if draft.method == b"HEAD":
        draft.set(b"Connection", b"close")
    return Hostile(draft.encode(), Expected(found, no_route=True, broken=draft.method == b"CONNECT"))


def unknown_method(world: World, rng: random.Random) -> Hostile:
    """A method that HTTP does not have, or few know."""
    draft = world.draft(rng)
    draft.method = rng.choice(UNKNOWN_METHODS)
    return draft.breaking()


def credential(world: World, rng: random.Random) -> Hostile:
    """A request without the right key."""
    draft = world.draft(rng)
    draft.set(b"Authorization", *(value.replace(b"KEY", world.key) for value in rng.choice(CREDENTIALS)))
    if rng.random() < 0.2:
        draft.body = b"{" if draft.body else b""
    return Hostile(draft.encode(), draft.expecting(UNAUTHORIZED))


def preference(world: World, rng: random.Random) -> Hostile:
    """A Prefer header that asks for what there is not, or for an error."""
    draft = world.draft(rng)
    draft.set(b"Prefer", *rng.choices(PREFERENCES, k=rng.choice((1, 1, 1, 2))))
    return Hostile(draft.encode(), draft.expecting(ordered=True))


def part(world: World, rng: random.Random) -> Hostile:
    """A Range header of any kind."""
    draft = world.draft(rng, tuple(one for one in world.reads if one.path.endswith("/content") or rng.random() < 0.1))
    draft.set(b"Range", *rng.choices(RANGES, k=rng.choice((1, 1, 1, 2))))
    return Hostile(draft.encode(), draft.expecting())


def header(world: World, rng: random.Random) -> Hostile:
    """Header values that no client sends."""
    draft = world.draft(rng)
    for name in rng.sample(NAMES, k=rng.randrange(1, 4)):
        draft.set(name, *rng.choices(VALUES, k=rng.choice((1, 1, 2))))
    return Hostile(draft.encode(), draft.expecting())


def host(world: World, rng: random.Random) -> Hostile:
    """No Host, a wrong one, or two."""
    draft = world.draft(rng)
    draft.set(b"Host", *rng.choice(HOSTS))
    return draft.breaking()


def upgrade(world: World, rng: random.Random) -> Hostile:
    """A request to change the protocol, which is to be ignored."""
    draft = world.draft(rng)
    draft.set(b"Upgrade", rng.choice((b"websocket", b"h2c", b"TLS/1.0", b"", b"a, b"))).set(b"Connection", b"Upgrade")
    draft.set(b"Sec-WebSocket-Version", b"13").set(
        b"Sec-WebSocket-Key", rng.choice((b"dGhlIHNhbXBsZSBub25jZQ==", b"", b"\xff"))
    )
    return draft.breaking("half-close") if draft.body else Hostile(draft.encode(), draft.expecting())


def line(world: World, rng: random.Random) -> Hostile:
    """A line among the headers that is none."""
    draft = world.draft(rng)
    head, _, rest = draft.encode().partition(b"\r\n")
    lines = rng.choice(((head, rng.choice(LINES), rest), (rng.choice(LINES), head, rest)))
    return Hostile(b"\r\n".join(lines), world.anything(broken=True), "half-close")


def flood(world: World, rng: random.Random) -> Hostile:
    """Very many headers, or one very long, on either side of the limit."""
    draft = world.draft(rng)
    size = rng.choice((2_000, 20_000, 50_000, MAX_HEADER + 2_000, 100_000, MAX_HEADER * 2, 10**6))
    headers = rng.choice(([(b"X-Long", b"a" * size)], [(b"X-%05d" % number, b"a") for number in range(size // 12)]))
    draft.headers += headers
    if size < MAX_HEADER:
        return draft.breaking()
    return Hostile(draft.encode(), draft.expecting({431}, broken=True))


def version(world: World, rng: random.Random) -> Hostile:
    """Another version of HTTP."""
    draft = world.draft(rng)
    draft.version = rng.choice(VERSIONS)
    if draft.version == b"HTTP/1.0":
        return Hostile(draft.encode(), draft.expecting(ACCEPTED))
    return draft.breaking("half-close")


def foreign(world: World, rng: random.Random) -> Hostile:
    """Another protocol, or none."""
    raw = rng.randbytes(rng.randrange(1, 3000)) if rng.random() < 0.4 else rng.choice(FOREIGN)
    return Hostile(raw, world.anything(broken=True), "half-close")


def garbled(world: World, rng: random.Random) -> Hostile:
    """A good request with some bytes changed, lost, moved or repeated."""
    raw = bytearray(world.draft(rng).encode())
    for _ in range(rng.randrange(1, 6)):
        start = rng.randrange(len(raw))
        end = min(len(raw), start + rng.choice((1, 1, 1, 4, 50)))
        piece = bytes(raw[start:end])
        raw[start:end] = rng.choice(
            (rng.randbytes(len(piece)), b"", piece * 2, piece * 200, b"\r\n", b"\x00", piece[::-1])
        )
    return Hostile(bytes(raw), world.anything(broken=True), "half-close")


def gone(world: World, rng: random.Random) -> Hostile:
    """A client that goes away while it sends, or before it has read the answer."""
    raw = world.draft(rng).encode()
    ending: Ending = rng.choice(("hang-up", "hang-up", "half-close"))
    return Hostile(raw[: rng.choice((len(raw), rng.randrange(1, len(raw))))], world.anything(broken=True), ending)
