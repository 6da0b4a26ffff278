"""Who asks whom: the key, the service's address, and which of the two may meet."""

from __future__ import annotations

import html
import logging
import os
import re
import threading
import weakref
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from octopusx_video_openapi import hosts
from octopusx_video_openapi.text import printable

from octopusx_video._errors import NotSentError
from octopusx_video._messages import contract

KEY_VARIABLE = "OCTOPUSX_API_KEY"
URL_VARIABLE = "OCTOPUSX_BASE_URL"

_HIDDEN = "[key]"
_LIKE = "give one like https://example.com"
_PORTS = {"http": 80, "https": 443}
_SHORTEST_PIECE = 8
"""A piece of the key that a response broke off in the middle of is hidden from so many characters on."""

_OURS = frozenset({"operation", "rejected", "request_hash", "response", "task_id"})
"""What errors carry that the service has no part in, or that is clean already."""

_KEYS: weakref.WeakSet[Key] = weakref.WeakSet()
_KEYS_LOCK = threading.Lock()


def redact(record: logging.LogRecord) -> bool:
    """A filter for loggers: takes every key that is in use out of what is logged, whoever sent it."""
    text = record.getMessage()
    with _KEYS_LOCK:
        keys = tuple(_KEYS)
    for key in keys:
        text = key.redact(text)
    record.msg, record.args = text, None
    return True


def _spellings(character: str) -> str:
    """A pattern of a character as it stands in texts, in JSON, in URLs and in HTML."""
    number = ord(character)
    forms = [rf"\\?{re.escape(character)}", f"%(?i:{number:02x})", rf"\\u(?i:{number:04x})", f"&#0*{number};"]
    return "|".join([*forms, f"(?i:&#x0*{number:x};)", re.escape(html.escape(character))])


class Key:
    """An API key that does not show, whatever prints it. Its text is asked for by name."""

    __slots__ = ("__weakref__", "_spelled", "_text")

    def __init__(self, text: str) -> None:
        self._text = text
        spelled = "".join(f"(?:{_spellings(character)})" for character in text)
        # A short key, such as one for a mock, is hidden where it stands by itself, and not within other words.
        is_short = len(text) < _SHORTEST_PIECE
        self._spelled = re.compile(rf"(?<![\w-]){spelled}(?![\w-])" if is_short else spelled)
        with _KEYS_LOCK:
            _KEYS.add(self)

    def __repr__(self) -> str:
        return _HIDDEN

    def __reduce__(self) -> str:
        raise TypeError("a key can't be pickled")

    def reveal(self) -> str:
        """The key itself."""
        return self._text

    def redact(self, text: str) -> str:
        """The text without the key, as it is, in other spellings or cut at the end, and without control characters."""
        text = self._spelled.sub(_HIDDEN, text)
        for length in range(min(len(self._text), len(text)), _SHORTEST_PIECE - 1, -1):
            if text.endswith(self._text[:length]):
                text = f"{text[:-length]}{_HIDDEN}"
                break
        return printable(text)

    def may_be_in(self, content: bytes) -> bool:
        """Whether a JSON text may hold the key: as it is, or with escapes."""
        return b"\\" in content or self._text.encode() in content

    def removed(self, text: str) -> str:
        """The text without the key; all else stays as it is."""
        return self._spelled.sub(_HIDDEN, text) if self._text in text else text

    def hide(self, value: Any) -> Any:
        """A JSON value for people: without the key and without control characters, in its texts and its names."""
        return each_text(value, self.redact)

    def clean(self, error: Exception) -> None:
        """Take the key out of what an error says and carries, whoever told it."""
        error.args = tuple(self.redact(one) if isinstance(one, str) else one for one in error.args)
        for name, value in vars(error).items():
            if isinstance(value, str) and name not in _OURS:
                setattr(error, name, self.redact(value))


def each_text(value: Any, change: Callable[[str], str]) -> Any:
    """A JSON value with each of its texts and names changed."""
    if isinstance(value, str):
        return change(value)
    if isinstance(value, dict):
        return {change(name): each_text(field, change) for name, field in value.items()}
    if isinstance(value, list | tuple):
        return [each_text(one, change) for one in value]
    return value


class Settings:
    """The key and the service's address, checked.

    Attributes:
        key: The API key.
        base_url: Scheme, host and path in front of the contract's paths, without a slash at the end.
        is_direct: Whether it is asked without a proxy: it is on this machine, or on a host that the user lists.
    """

    __slots__ = ("_origin", "_prefix", "base_url", "is_direct", "key")

    def __init__(self, key: Key, base_url: str, *, is_direct: bool = False) -> None:
        self.key = key
        self.base_url = base_url
        self.is_direct = is_direct
        self._origin = origin(base_url)
        self._prefix = f"{base_url}/"

    def trusts(self, url: str) -> bool:
        """Whether a request to this address may carry the key: scheme, host and port are the API's own."""
        if url.startswith(self._prefix):
            return True
        try:
            return origin(url) == self._origin
        except ValueError:
            return False


def read(api_key: object, base_url: object, environment: Mapping[str, str] = os.environ) -> Settings:
    """The settings of a client, from its arguments or else the environment.

    Raises:
        NotSentError: One is missing or can't be used. The text never holds the key.
    """
    secret = api_key if api_key is not None else environment.get(KEY_VARIABLE)
    address = base_url if base_url is not None else environment.get(URL_VARIABLE) or contract.server()
    base_url = _base_url(address, environment)
    is_direct = hosts.may_use_http(urlsplit(base_url).hostname or "", environment)
    return Settings(_key(secret), base_url, is_direct=is_direct)


def _key(text: object) -> Key:
    if text is None or text == "":
        raise NotSentError(f"there is no API key: set {KEY_VARIABLE}", advice="in Python you can pass api_key instead")
    if not isinstance(text, str):
        raise NotSentError(f"the API key is of type {type(text).__name__}; give it as text")
    if "\n" in text or "\r" in text:
        raise NotSentError("the API key holds a line break; strip it, as with $(cat FILE) in a shell")
    if re.match(r"bearer\s", text, re.IGNORECASE):
        raise NotSentError('the API key begins with "Bearer"; give the key alone')
    if not re.fullmatch(r"[!-~]+", text):
        raise NotSentError("the API key holds a space or a character that no HTTP header can carry; copy it again")
    return Key(text)


def _base_url(text: object, environment: Mapping[str, str]) -> str:
    if not isinstance(text, str):
        raise NotSentError(f"the base URL is of type {type(text).__name__}; {_LIKE}")
    try:
        parts = urlsplit(text.strip())
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise NotSentError(f"the base URL {text!r} can't be read ({error}); {_LIKE}") from None
    if parts.scheme not in _PORTS or not host:
        raise NotSentError(f"the base URL {text!r} lacks http:// or https://, or a host; {_LIKE}")
    if parts.username is not None or parts.password is not None:
        raise NotSentError("the base URL holds a user name or a password; leave it out")
    if parts.query or parts.fragment or re.search(r"[^!-~]", text.strip()):
        raise NotSentError("the base URL holds more than scheme, host and path; leave the rest out")
    path = parts.path.rstrip("/")
    if path.endswith("/v1"):
        raise NotSentError(f"the base URL {text!r} ends in /v1, which every path begins with; leave it out")
    try:
        may_use_http = hosts.may_use_http(host, environment)
    except ValueError as error:
        raise NotSentError(str(error)) from None
    if parts.scheme == "http" and not may_use_http:
        advice = f"use https, or list {host} in {hosts.HTTP_HOSTS_VARIABLE} to send the key in clear to a mock there"
        raise NotSentError(f"the base URL {text!r} would send the key unencrypted", advice=advice)
    return f"{parts.scheme}://{parts.netloc}{path}"


def origin(url: str) -> tuple[str, str, int]:
    """Scheme, host and port of an http or https address.

    Raises:
        ValueError: It is none.
    """
    parts = urlsplit(url)
    scheme = parts.scheme.lower()
    if scheme not in _PORTS or not parts.hostname or parts.username is not None:
        raise ValueError("no http or https address")
    return scheme, parts.hostname.lower(), parts.port or _PORTS[scheme]
