"""The cases of the layer of boundaries that are no single change of a value. Pure: none is sent.

Each case is wrong for the reason that it is for and for no other, or it is valid (tests/suite_cases/test_cases.py).
"""

from __future__ import annotations

import json
import re
import urllib.parse
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from octopusx_video_openapi import Operation

from octopusx_video_contract.cases import request_values
from octopusx_video_contract.cases.request_values import RequestValues

Json = Any
Body = dict[str, Any]


@dataclass(frozen=True)
class Outlandish:
    """A body that nobody would send, with a single outlandish thing in it.

    Attributes:
        name: What it is.
        place: Where it stands, from ``body`` on.
        raw: The bytes of the body.
        is_valid: Whether the contract takes it; None where a standard leaves open what such JSON means.
    """

    name: str
    place: tuple[str, ...]
    raw: bytes
    is_valid: bool | None


# ---- Outlandish values

_NUMBERS = {2**31: False, 2**32 + 1: False, 2**53 + 1: True, 2**63: True, 10**30: True}
"""Whether RFC 8259 section 6 lets a server read another number: it does beyond 2**53."""
_WITHIN_A_PROMPT = {
    "NUL": "\\u0000",
    "a right-to-left override": "\\u202e",
    "a zero-width joiner": "\\u200d",
    "a byte order mark": "\\ufeff",
    "an escaped emoji": "\\ud83d\\ude3a",
    "an escaped quote and line break": '\\"\\n',
    "verbs of printf": "%s%n%x",
    "a template": "{{7*7}}",
    "SQL": "' OR 1=1 --",
    "a path": "../../etc/passwd",
    "a tag": "<script>alert(1)</script>",
}
"""What stands between two words, spelt as in JSON."""
_HALVES = {"half of a surrogate pair": "\\ud800", "the other half of a surrogate pair": "\\udc00"}
"""RFC 8259 section 8.2 calls it unpredictable what becomes of them."""
_ALONE = {"NUL alone": "\\u0000", "a right-to-left override alone": "\\u202e", "a zero-width joiner alone": "\\u200d"}
_LONG_PROMPT = 100_000
_MANY_TIMES = 500
_DEEP = 100


def outlandish(operation: Operation, valid: RequestValues) -> Iterator[Outlandish]:
    """Bodies of an operation with an outlandish value each; whether it is valid is for the contract's schemas to say.

    Args:
        operation: An operation with a body.
        valid: A valid request of it.
    """
    for name, place, text, is_open in _outlandish(valid.body):
        is_taken = None if is_open else _is_taken(operation, replace(valid, body=json.loads(text)), place)
        yield Outlandish(name, place, text.encode(), is_taken)


def _outlandish(body: Body) -> Iterator[tuple[str, tuple[str, ...], str, bool]]:
    """The name, the place and the JSON of each body, and whether a standard leaves open what it means."""
    for field, value in body.items():
        place = ("body", field)
        if isinstance(value, int) and not isinstance(value, bool):
            for number, is_open in _NUMBERS.items():
                yield f"{field} {number}", place, json.dumps({**body, field: number}), is_open
        elif isinstance(value, list):
            many = json.dumps({**body, field: value * _MANY_TIMES})
            yield f"{field} with {len(value) * _MANY_TIMES} items", place, many, False
    prompt = ("body", "prompt")
    for what, text in _WITHIN_A_PROMPT.items():
        yield f"a prompt with {what}", prompt, _with_prompt(body, f"the cat {text} meows"), False
    for what, text in _HALVES.items():
        yield f"a prompt with {what}", prompt, _with_prompt(body, f"the cat {text} meows"), True
    for what, text in _ALONE.items():
        yield f"a prompt of {what}", prompt, _with_prompt(body, text), False
    yield f"a prompt of {_LONG_PROMPT:,} characters", prompt, _with_prompt(body, "a" * _LONG_PROMPT), False
    # RFC 8259 section 9: a parser may limit the depth. Section 4: what a name means that is there twice is open.
    yield "deep arrays", ("body", "more"), _and_more(body, "[" * _DEEP + "]" * _DEEP), True
    yield "a prompt twice", prompt, f'{json.dumps(body)[:-1]}, "prompt": "twice"}}', True


def _with_prompt(body: Body, text: str) -> str:
    """The body with a prompt that is spelt as in JSON."""
    return json.dumps({**body, "prompt": "?"}).replace('"?"', f'"{text}"')


def _and_more(body: Body, value: str) -> str:
    """The body with one more property, whose value is spelt as in JSON."""
    return f'{json.dumps(body)[:-1]}, "more": {value}}}'


def _is_taken(operation: Operation, request: RequestValues, place: tuple[str, ...]) -> bool | None:
    """Whether the contract takes a request; None where it finds fault with more than what stands at this place."""
    places = [found for found, _ in request_values.faults(operation, request)]
    return None if any(found[: len(place)] != place for found in places) else not places


# ---- Bodies under another media type

FORM = "application/x-www-form-urlencoded"
_BOUNDARY = "b"
MULTIPART = f"multipart/form-data; boundary={_BOUNDARY}"
_JSON_AS = (
    "text/plain",
    "text/plain; charset=utf-8",
    "text/html",
    "application/xml",
    "application/octet-stream",
    FORM,
    "application/jsonp",
    "application/x-ndjson",
)


def under_another_media_type(body: Body) -> list[tuple[str, bytes]]:
    """Media types that are not JSON, each with a valid body: its JSON, or the same fields as that type has them."""
    fields = list(_fields(body))
    parts = [
        f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n' for name, value in fields
    ]
    return [
        *((media_type, json.dumps(body).encode()) for media_type in _JSON_AS),
        (FORM, urllib.parse.urlencode(fields).encode()),
        (MULTIPART, f"{''.join(parts)}--{_BOUNDARY}--\r\n".encode()),
    ]


def _fields(value: Json, name: str = "") -> Iterator[tuple[str, str]]:
    """The fields of a form that say a value: what an object or an array holds is named in brackets."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _fields(inner, f"{name}[{key}]" if name else key)
    elif isinstance(value, list):
        for inner in value:
            yield from _fields(inner, f"{name}[]")
    else:
        yield name, value if isinstance(value, str) else json.dumps(value)


# ---- Bodies that are not JSON

HOPELESS = (b"", b"{", b'{"model":', b"nonsense", b"\xff", b"[1,", b"NaN{}", b"undefined")
"""What no parser makes an object of."""


def not_json(body: Body) -> list[bytes]:
    """Bodies that are not JSON: those that nobody can read, and those that a lenient parser takes for a valid body.

    Args:
        body: The valid body that they are made of.
    """
    whole = json.dumps(body)
    lenient = [
        f"{whole[:-1]},}}",
        whole.replace('"', "'"),
        f"/* a comment */ {whole}",
        f"{whole[:-1]} // a comment\n}}",
        f"{whole} more",
        f"{whole}{whole}",
        f"{whole};",
        f"body={whole}",
        re.sub(r'"(\w+)":', r"\1:", whole),
        _and_more(body, "NaN"),
        _and_more(body, "01"),
        _and_more(body, "True"),
        _and_more(body, '"two\nlines"'),
        _and_more(body, '"a\ttab"'),
        whole[:-1],
    ]
    bodies = [*HOPELESS, *(text.encode() for text in lenient)]
    # RFC 8259 section 8.1: between systems JSON is UTF-8.
    bodies += [_and_more(body, '"?"').encode().replace(b"?", broken) for broken in (b"\xff", b"\xc3", b"\xed\xa0\x80")]
    bodies += [whole.encode(encoding) for encoding in ("utf-16", "utf-16-le", "utf-16-be", "utf-32")]
    return bodies


# ---- What else is wrong beside a missing credential


def wrong_otherwise(operation: Operation) -> Iterator[tuple[str, dict[str, Any]]]:
    """What else may be wrong with a request whose credential is looked at first: its name, and what it changes.

    A valid request with this change, and with a valid credential, is wrong for this reason alone.
    """
    if operation.body is not None:
        yield "a body that is no JSON", {"raw": b"{"}
        yield "an empty body", {"raw": b""}
        yield "an empty object", {"raw": b"{}"}
        yield "another media type", {"headers": [("Content-Type", "text/plain")]}
    else:
        yield "a range past the end", {"headers": [("Range", "bytes=999999999-")]}


# ---- Bodies of other operations


def bodies_of_others(operation: Operation, task: str) -> Iterator[tuple[Body, bool | None]]:
    """The fullest body of each other operation that has one, and whether this operation takes it.

    None where the contract finds fault with more than one place of it, so that a refusal would say nothing.

    Args:
        operation: The operation that they are sent to.
        task: The id of the task that they name.
    """
    own = request_values.valid_requests(operation, task)[0]
    for other in operation.contract.operations.values():
        if other.id == operation.id or other.body is None:
            continue
        body = request_values.valid_requests(other, task)[-1].body
        places = {place for place, _ in request_values.faults(operation, replace(own, body=body))}
        yield body, None if len(places) > 1 else not places
