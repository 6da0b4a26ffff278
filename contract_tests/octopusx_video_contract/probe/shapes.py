"""Answers as they can be shown to anybody: which fields of which kinds, and no value that somebody could own. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from octopusx_video_openapi import Operation, Schema, schemas
from octopusx_video_openapi import Response as DocumentedResponse
from octopusx_video_openapi.text import printable

from octopusx_video_contract.messages.http import Response

MAX_SHOWN = 300
"""How many characters of anything that came are shown."""
MAX_FIELDS = 40
HARMLESS = (
    *("accept-ranges", "allow", "cache-control", "content-length", "content-range", "content-type", "retry-after"),
    *("vary", "x-new-api-version", "www-authenticate", "connection", "transfer-encoding", "pragma", "expires"),
)
"""Headers whose values show nothing of anybody, beside those of CORS."""

_WORD = re.compile(r"[A-Za-z][A-Za-z_.-]{0,39}")
_ADDRESS = re.compile(r"\b[A-Za-z][A-Za-z0-9+.-]*://[^\s\"'<>\\]+")
# What may be a key, a token, a cookie, an id or the like: long with a digit in it, or in the way of keys.
_LONG = re.compile(r"(?=[A-Za-z_+/=.-]*[0-9])[A-Za-z0-9_+/=.-]{16,}|\b[Ss][Kk]-[^\s\"']+|\beyJ[^\s\"']+")
_MAIL = re.compile(r"[^\s\"'<>@]+@[^\s\"'<>@]+")
_NUMBER = re.compile(r"\d+(?:[.,:]\d+)+|\d{4,}")
MAX_DEPTH = 4
"""How many objects within one another are shown."""


def address(text: str) -> str:
    """An address without what may be signed: its scheme and host, and how long the rest is."""
    try:
        parts = urlsplit(text)
        host = parts.hostname or ""
    except ValueError:
        return f"an address of {len(text)} characters"
    rest = len(text) - text.find(parts.netloc) - len(parts.netloc) if parts.netloc else len(text)
    return f"{parts.scheme}://{host}/… ({rest} characters)"


def clean(text: str) -> str:
    """A piece of what a server said, without addresses, mail, numbers and whatever may be a secret, and cut."""
    text = _ADDRESS.sub(lambda match: address(match[0]), text[: 20 * MAX_SHOWN])
    text = _MAIL.sub("[mail]", text)
    text = _LONG.sub("[…]", text)
    text = _NUMBER.sub("[number]", text)
    text = "".join(character if printable(character) == character else " " for character in text)
    return text if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]}…"


def kind(value: Any) -> str:
    """What kind of value it is, in words."""
    if value is None or isinstance(value, bool):
        return "null" if value is None else "boolean"
    if isinstance(value, int | float):
        return "integer" if isinstance(value, int) else "number"
    if isinstance(value, list):
        return "list"
    if not isinstance(value, str):
        return "object"
    for name, pattern in {
        "empty text": "",
        "text of digits": r"\d+",
        "text of a percentage": r"\d+(\.\d+)?%",
        "text of a time": r"\d{4}-\d\d-\d\d[T ].*",
    }.items():
        if re.fullmatch(pattern, value):
            return name
    return address(value) if "://" in value else "text"


def outline(value: Any, depth: int = MAX_DEPTH) -> str:
    """Which fields an object has, and those of the objects in it; of anything else its kind."""
    if not isinstance(value, dict) or not depth:
        return kind(value)
    names = [
        f"{clean(name)}{outline(inner, depth - 1)}" if isinstance(inner, dict) else clean(name)
        for name, inner in sorted(value.items())[:MAX_FIELDS]
    ]
    return f"{{{', '.join(names)}}}"


def words(value: Any, prefix: str = "", depth: int = MAX_DEPTH) -> dict[str, str]:
    """The values of an error that are one word, such as its code, by where they stand."""
    found: dict[str, str] = {}
    for name, inner in list(value.items())[:MAX_FIELDS] if isinstance(value, dict) else ():
        if isinstance(inner, dict):
            found |= words(inner, f"{prefix}{clean(name)}.", depth - 1) if depth else {}
        elif isinstance(inner, str) and _WORD.fullmatch(inner):
            found[f"{prefix}{clean(name)}"] = clean(inner)
    return found


def described_response(response: Response) -> str:
    """A response in a line."""
    body = response.json()
    reported = [str(response.status)]
    if "location" in response.headers:
        where = response.headers["location"]
        reported.append(f"to {address(where) if '://' in where else f'a path of {len(where)} characters'}")
    if isinstance(body, dict):
        reported.append(outline(body))
        if not response.is_success:
            reported += [f"{place}: {word}" for place, word in words(body).items()]
    elif response.content:
        reported.append(f"{clean(response.media_type) or 'no media type'}, {len(response.content)} bytes")
    else:
        reported.append("empty")
    return " ".join(reported)


def headers(response: Response) -> Iterator[tuple[str, str]]:
    """The names of a response's headers, with the values of the harmless ones; "" stands for any other."""
    for name, value in sorted(response.headers.items()):
        if name in HARMLESS or name.startswith("access-control-"):
            yield clean(name), value if _plain(name, value) else clean(value)
        else:
            yield clean(name), ""


def _plain(name: str, value: str) -> bool:
    return name in {"content-length", "content-range", "cache-control", "retry-after", "access-control-max-age"} and (
        re.fullmatch(r"[A-Za-z0-9 =,/*-]{1,80}", value) is not None
    )


def fields(schema: Schema, body: Any, prefix: str = "") -> Iterator[tuple[str, Any, Schema | None]]:
    """Each field of a body with its value and what a schema says of it, those of inner objects included."""
    for name, value in list(body.items())[:MAX_FIELDS] if isinstance(body, dict) else ():
        node = schema.properties.get(name)
        yield f"{prefix}{clean(name)}", value, node
        if node is not None and isinstance(value, dict):
            yield from fields(node, value, f"{prefix}{clean(name)}.")


def errors_of(described: DocumentedResponse | None) -> tuple[Schema, ...]:
    """The shapes that a response's body may have."""
    schema = described.schema if described else None
    return () if schema is None else schema.branches("oneOf") or (schema,)


def branch(operation: Operation, response: Response) -> Schema | None:
    """The schema of what a response's body is: of an error the shape that it has; None where there is none."""
    body = response.json()
    for schema in errors_of(operation.response(response.status)) if isinstance(body, dict) else ():
        if response.is_success or schemas.validator(schema).is_valid(body):
            return schema
    return None
