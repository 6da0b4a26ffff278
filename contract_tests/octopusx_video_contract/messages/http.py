"""A request as it goes out, the response as it came, and how both are shown."""

from __future__ import annotations

import functools
import json
import re
import string
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, quote, urlsplit

from octopusx_video_openapi import Contract, Operation, operations

from octopusx_video_contract.messages import shell

ABSENT: Any = type("Absent", (), {"__repr__": lambda _: "ABSENT", "__bool__": lambda _: False})()
"""Stands where there is no value, since null is one."""

_SAFE = ":@!$&'()*+,;=-._~"
"""What may stand in a path segment as it is (RFC 3986 section 3.3)."""
_SAFE_IN_QUERY = ":@!$'()*,-._~"
"""What may stand in the value of a parameter: no sign that ends it, and no plus, which many servers read as a blank."""


@dataclass(frozen=True)
class Request:
    """A request, byte for byte as it goes out.

    Attributes:
        method: In upper case.
        target: Path and query after the base URL, encoded.
        headers: Names and values, as they are sent.
        body: The bytes; None for no body at all.
        beside: How many other requests are sent at the same moment.
    """

    method: str
    target: str
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes | None = None
    beside: int = field(default=0, compare=False)
    _reached: dict[Contract, operations.Match | None] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    @property
    def path(self) -> str:
        """The target without its query."""
        return self.target.partition("?")[0]

    @property
    def query(self) -> dict[str, str]:
        """The query's values, the last of each name."""
        return dict(parse_qsl(self.target.partition("?")[2], keep_blank_values=True))

    @property
    def ordered(self) -> bool:
        """Whether it orders its response with ``Prefer``, which a mock follows."""
        return any(name.lower() == "prefer" for name, _ in self.headers)

    def header(self, name: str) -> str | None:
        """The first header of this name, in whatever case."""
        return next((value for given, value in self.headers if given.lower() == name.lower()), None)

    def reached(self, contract: Contract) -> operations.Match | None:
        """The operation that it is for, with the values of its path; None where it is for none. Found once."""
        if contract not in self._reached:
            self._reached[contract] = operations.match(contract, self.method, self.path)
        return self._reached[contract]

    def json(self) -> Any:
        """The body's JSON value; ABSENT where there is none."""
        return loaded(self.body or b"")

    def curl(self, base_url: str, key: str, other_key: str | None = None) -> str:
        """The request as a command of a shell that sends it with curl and takes the keys from the environment.

        Nothing in it acts on a terminal: what would is written as octal digits, as a body is that no argument can hold
        and is piped into curl. A long one is made by the command: what repeats itself is repeated, the rest packed.
        """
        secret = shell.variables(key, other_key)
        words = ["curl", "-i", *(["-I"] if self.method == "HEAD" else ["-X", self.method]), base_url + self.target]
        if set("[]{}") & set(self.target):
            words.insert(1, "-g")
        if re.search(r"/\.{1,2}(/|$)", self.path):
            words.insert(1, "--path-as-is")
        for name, value in self.headers:
            words += ["-H", f"{name}: {value}" if value else f"{name};"]
        if self.body is None:
            return shell.line(words, secret)
        if self.header("Content-Type") is None:
            words += ["-H", "Content-Type:"]  # else curl says that it is a form
        text = self._text() if len(self.body) <= shell.MAX_SHOWN_BODY else None
        if text is not None and shell.is_plain(text):
            option = "--data-raw" if text.startswith("@") else "--data-binary"
            return f"{shell.line([*words, option], secret)} {shell.word(text, secret, is_body=True)}"
        return f"{shell.printing(self.body, secret)} | {shell.line([*words, '--data-binary', '@-'], secret)}"

    def _text(self) -> str | None:
        """The body as an argument of a command; None where none can hold it."""
        try:
            text = (self.body or b"").decode()
        except UnicodeDecodeError:
            return None
        return None if "\0" in text else text


@dataclass(frozen=True)
class Response:
    """What came back.

    Attributes:
        request: What was asked.
        status: The status.
        headers: By name in lower case; several of a name are joined.
        content: The body's bytes.
    """

    request: Request
    status: int
    headers: dict[str, str]
    content: bytes = field(repr=False)

    @property
    def is_success(self) -> bool:
        """Whether the status is a 2xx."""
        return 200 <= self.status < 300

    @property
    def media_type(self) -> str:
        """The media type without parameters, in lower case."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    def json(self) -> Any:
        """The body's JSON value, read once and not to be changed; ABSENT where it is none."""
        return self._json

    @functools.cached_property
    def _json(self) -> Any:
        return loaded(self.content)


def loaded(content: bytes) -> Any:
    """The JSON value of some bytes; ABSENT where they are none by RFC 8259, which has no NaN and no infinities."""
    try:
        return json.loads(content, parse_constant=_refused)
    except (ValueError, RecursionError):
        return ABSENT


def _refused(constant: str) -> None:
    raise ValueError(constant)


def target(operation: Operation, path: dict[str, str], query: dict[str, Any]) -> str:
    """Path and query of a request of this operation, the ids with their colons as the pages write them."""
    filled = operations.filled(operation.path, lambda name: quote(path[name], safe=_SAFE))
    pairs = "&".join(f"{quote(name)}={quote(str(value), safe=_SAFE_IN_QUERY)}" for name, value in query.items())
    return f"{filled}?{pairs}" if pairs else filled


def target_of(address: str) -> str:
    """Path and query of an address, what no request can hold percent-encoded, as browsers and httpx do.

    Raises:
        ValueError: It is no address.
    """
    parts = urlsplit(address)
    return quote(f"{parts.path or '/'}{f'?{parts.query}' if parts.query else ''}", safe=string.punctuation)
