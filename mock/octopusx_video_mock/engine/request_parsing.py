"""What a request holds: its parameters, its body, what it orders. Each is given as it is, or the request is refused."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import parse_qsl, unquote_to_bytes

import jiter
from octopusx_video_openapi.model import at

from octopusx_video_mock.compiled import validation as _schema
from octopusx_video_mock.compiled.operation import Served
from octopusx_video_mock.compiled.template import Template
from octopusx_video_mock.engine.prefer import Orders
from octopusx_video_mock.messages import ENCODED_BODY, Request

# No two parts of it can match the same text, so that it can't be made to take long.
_JSON = re.compile(
    rb'([a-z0-9.+/-]+)(?:\s*;\s*(?:charset=(?:"utf-8"|utf-8)|(?!charset)[a-z0-9-]+=(?:"[^"]*"|[^\s;,"]*)))*\s*',
    re.IGNORECASE,
)
_RANGE = re.compile(rb"bytes=\s*([0-9]{0,20})-([0-9]{0,20})\s*", re.IGNORECASE)
_MOST_FIELDS = 1000
WRONG_ORDER = "wrong-order"
"""The cause where ``Prefer`` orders what can't be done: one of the mock's own, which the contract does not have."""

_LINK = "is a link; send the id of a task, and not the address of its video"

Parameters = dict[tuple[str, str], Any]
"""Values by their place (``path``, ``query``, ``header``) and name."""


class Refusal(Exception):  # noqa: N818 - an answer, not an error
    """The request is refused, for one of the causes of ``x-when`` or for ``WRONG_ORDER``."""

    def __init__(self, cause: str, reason: str = "") -> None:
        self.cause = cause
        self.reason = reason


def parameters(served: Served, request: Request, raw: dict[str, bytes]) -> Parameters:
    """The values of the parameters; ``raw`` holds those of the path as they were sent.

    Raises:
        Refusal: One is missing or not valid.
    """
    found: Parameters = {}
    query: dict[str, list[str]] | None = None
    for parameter in served.parameters:
        name = parameter.name
        text: str | None
        if parameter.place == "path":
            text = _decoded(raw[name])
        elif parameter.place == "query":
            query = _query(request.query) if query is None else query
            given = query.get(name, [])
            if len(given) > 1:
                raise Refusal("invalid-request", f"{name} is given more than once")
            text = given[0] if given else None
        else:
            header = request.header(name.lower().encode())
            text = None if header is None else header.decode("latin-1")
        if text is None:
            if parameter.required:
                raise Refusal("invalid-request", f"{name} is missing")
            continue
        value = parameter.read(text)
        if not parameter.validator.is_valid(value):
            if (parameter.place, name) in served.named and _is_link(value):
                raise Refusal("invalid-request", f"{name} {_LINK}")
            raise Refusal("invalid-request", f"{name}: {_schema.fault(parameter.validator, value)}")
        found[parameter.place, name] = value
    return found


def body(served: Served, request: Request) -> Any:
    """The value of the body.

    Raises:
        Refusal: It is too large, not JSON, or not valid.
    """
    raw = request.body
    if raw is None:
        raise Refusal("too-large")
    if not raw and not served.body_required:
        return None
    if raw and request.has_encoded_body:
        raise Refusal("invalid-request", ENCODED_BODY)
    if raw and not _is_taken(served, request.header(b"content-type") or b""):
        raise Refusal("invalid-request", f"Content-Type must be {' or '.join(sorted(served.media_types))}")
    try:
        # Duplicate keys and the numbers that JSON does not have are refused, and so is a depth over 200.
        value = jiter.from_json(raw, allow_inf_nan=False, catch_duplicate_keys=True, cache_mode="keys")
    except ValueError as error:
        raise Refusal("malformed-body", f"the body is no valid JSON: {_shown(str(error))}") from None
    if served.validator is not None and not served.validator.is_valid(value):
        for place in served.named:
            if place[0] == "body" and _is_link(at(value, place[1:])):
                raise Refusal("invalid-request", f"{'.'.join(place[1:])} {_LINK}")
        raise Refusal("invalid-request", _schema.fault(served.validator, value))
    return value


def ordered(served: Served, orders: Orders, request: Request) -> Template | None:
    """The answer that ``Prefer`` asks for; None where it asks for none.

    Raises:
        Refusal: The contract has no such answer of this operation, or what is ordered can't show there.
    """
    if orders.wrong:
        raise Refusal(WRONG_ORDER, orders.wrong)
    for fault in orders.faults:
        given = served.stage == "submit" and fault.of_task
        shows = served.stage in fault.at and (not fault.status or served.has(fault.status, fault.example))
        if not given and not shows:
            raise Refusal(WRONG_ORDER, f"Prefer: the fault {fault.name} can't show here ({fault.summary})")
    if orders.code == 206 and request.header(b"range") is None:
        raise Refusal(WRONG_ORDER, "Prefer: 206 answers a request with Range; send one")
    if orders.code is None and orders.example is None:
        return None
    for template in served.templates:
        if orders.code in {None, template.status} and orders.example in {None, template.example}:
            return template
    names = ", ".join(f"{template.status} {template.example}" for template in served.templates)
    raise Refusal(WRONG_ORDER, f"Prefer: the contract has no such answer here; it has {names}")


def named(place: tuple[str, ...], found: Parameters, value: Any) -> str | None:
    """The task that a request names at a place, if it does."""
    if place[0] != "body":
        return found.get((place[0], place[1]))
    value = at(value, place[1:])
    return value if isinstance(value, str) else None


def part(wanted: bytes, size: int) -> tuple[int, int] | None:
    """First and last byte of what Range asks for, (-1, -1) for the whole, None where it begins past the end.

    A range that can't be read, and more than one, are left alone, as RFC 9110 section 14.2 has it.
    """
    match = _RANGE.fullmatch(wanted)
    if match is None or match[1] == match[2] == b"":
        return -1, -1
    if not match[1]:
        length = int(match[2])
        return None if length == 0 else (max(0, size - length), size - 1)
    first, last = int(match[1]), int(match[2]) if match[2] else size - 1
    if last < first and match[2]:
        return -1, -1
    return None if first >= size else (first, min(last, size - 1))


def _is_link(value: Any) -> bool:
    return isinstance(value, str) and ("://" in value or value.startswith("//"))


def _is_taken(served: Served, media_type: bytes) -> bool:
    if media_type == b"application/json":
        return "application/json" in served.media_types
    match = _JSON.fullmatch(media_type)
    return match is not None and match[1].decode("ascii").lower() in served.media_types


def _decoded(raw: bytes) -> str:
    try:
        return (unquote_to_bytes(raw) if b"%" in raw else raw).decode()
    except UnicodeDecodeError:
        raise Refusal("invalid-request", "the path is no UTF-8 text") from None


def _query(raw: bytes) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    try:
        pairs = parse_qsl(raw.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=_MOST_FIELDS)
    except ValueError:
        raise Refusal("invalid-request", "the query can't be read") from None
    for name, value in pairs:
        found.setdefault(name, []).append(value)
    return found


def _shown(text: str) -> str:
    return text if len(text) <= 100 else text[:99] + "…"
