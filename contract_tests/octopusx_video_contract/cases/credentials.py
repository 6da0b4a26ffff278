"""What may stand in the place of a valid credential, and must not pass for one."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Credential:
    """Something that is no valid credential.

    Attributes:
        name: What it is.
        headers: What it adds to the headers.
        query: What it adds to the query.
        body: What it adds to a body that is an object.
        derived: Whether it is made of the key, so that a lenient server may take it for one.
    """

    name: str
    headers: tuple[tuple[str, str], ...] = ()
    query: dict[str, str] = field(default_factory=dict)
    body: dict[str, str] = field(default_factory=dict)
    derived: bool = True


def invalid(key: str) -> Iterator[Credential]:
    """Everything that is tried, the plain ones first."""
    yield Credential("none", derived=False)
    for name, value in {"empty": "", "the scheme alone": "Bearer", "a made-up key": "Bearer made-up"}.items():
        yield Credential(name, (("Authorization", value),), derived=False)
    for name, value in {
        "null": "Bearer null",
        "a star": "Bearer *",
        "a made-up sk- key": "Bearer sk-" + "0" * 48,
        "a made-up key with an umlaut": "Bearer schl\u00fcssel",
        "a made-up key of 2,000 characters": "Bearer " + "x" * 2000,
    }.items():
        yield Credential(name, (("Authorization", value),), derived=False)
    for name, value in _of_key(key).items():
        if value != f"Bearer {key}":
            yield Credential(name, (("Authorization", value),))
    for header in ("X-Api-Key", "Api-Key", "X-Auth-Token", "Proxy-Authorization"):
        value = f"Bearer {key}" if header == "Proxy-Authorization" else key
        yield Credential(f"the key in {header}", ((header, value),))
    yield Credential("the key in a cookie", (("Cookie", f"token={key}; session={key}; Authorization=Bearer {key}"),))
    names = ("key", "api_key", "access_token", "token")
    for name in names:
        yield Credential(f"the key in the query as {name}", (), {name: key})
    yield Credential("the key in the body", (), {}, dict.fromkeys((*names, "authorization"), key))


def respelt(key: str) -> Iterator[str]:
    """The valid credential with its scheme in another case, which is the same (RFC 9110 section 11.1)."""
    yield from (f"{scheme} {key}" for scheme in ("bearer", "BEARER", "bEARER"))


def _of_key(key: str) -> dict[str, str]:
    last = "a" if key[-1] != "a" else "b"
    first = "t" if key[0] != "t" else "u"
    basic = base64.b64encode(f"{key}:".encode()).decode()
    user = base64.b64encode(f"user:{key}".encode()).decode()
    return {
        "the key alone": key,
        "the scheme Basic": f"Basic {key}",
        "the scheme Basic with user and password": f"Basic {user}",
        "the scheme Basic with the key as user": f"Basic {basic}",
        "the scheme Token": f"Token {key}",
        "the scheme ApiKey": f"ApiKey {key}",
        "the scheme Digest": f"Digest {key}",
        "a scheme that begins like the right one": f"Bearers {key}",
        "half of the scheme": f"Bear {key}",
        "no space": f"Bearer{key}",
        "a colon": f"Bearer: {key}",
        "an equals sign": f"Bearer={key}",
        "a tab": f"Bearer\t{key}",
        "the scheme twice": f"Bearer Bearer {key}",
        "the key and more": f"Bearer {key} more",
        "the key with something after it": f"Bearer {key}x",
        "the key with something before it": f"Bearer x{key}",
        "the key after a comma": f"Bearer made-up, Bearer {key}",
        "the key before a comma": f"Bearer {key}, Bearer made-up",
        "the key in quotes": f'Bearer "{key}"',
        "the key in angle brackets": f"Bearer <{key}>",
        "another last character": f"Bearer {key[:-1]}{last}",
        "another first character": f"Bearer {first}{key[1:]}",
        "the key without its last character": f"Bearer {key[:-1]}",
        "the beginning of the key": f"Bearer {key[: max(1, len(key) // 2)]}",
        "the key with an accent behind it": f"Bearer {key}\u00e9",
        "the key reversed": f"Bearer {key[::-1]}",
        "the key in the other case": f"Bearer {key.swapcase()}",
        "as many characters as the key": f"Bearer {'x' * len(key)}",
    }
