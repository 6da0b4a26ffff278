"""Who asks whom: the key, the service's address, and which of the two may meet."""

from __future__ import annotations

import logging
import os
import re
import weakref
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlsplit

from octopusx_video import _contract
from octopusx_video._errors import NotSentError

KEY_VARIABLE = "OCTOPUSX_API_KEY"
URL_VARIABLE = "OCTOPUSX_BASE_URL"

_HIDDEN = "[key]"
_LIKE = "give one like https://example.com"
_PORTS = {"http": 80, "https": 443}


_SHORTEST_PIECE = 8
"""A piece of the key that a response broke off in the middle of is hidden from so many characters on."""

_KEYS: weakref.WeakSet[Key] = weakref.WeakSet()


def redact(record: logging.LogRecord) -> bool:
    """A filter for loggers: takes every key that is in use out of what is logged, whoever told it."""
    text = record.getMessage()
    for key in tuple(_KEYS):
        text = key.redact(text)
    record.msg, record.args = text, None
    return True


class Key:
    """An API key that does not show, whatever prints it. Its text is asked for by name."""

    __slots__ = ("__weakref__", "_spelled", "_text")

    def __init__(self, text: str) -> None:
        self._text = text
        quoted = re.sub("%[0-9A-F]{2}", lambda code: f"(?i:{code[0]})", quote(text, safe=""))
        self._spelled = re.compile(f"{re.escape(text)}|{quoted}" if quoted != text else re.escape(text))
        _KEYS.add(self)

    def __repr__(self) -> str:
        return _HIDDEN

    def __reduce__(self) -> str:
        raise TypeError("a key can't be pickled")

    def reveal(self) -> str:
        """The key itself."""
        return self._text

    def redact(self, text: str) -> str:
        """The text without the key, as it is, percent-encoded or cut at the end, and without control characters."""
        from octopusx_video_openapi.text import printable  # noqa: PLC0415 - see _contract

        text = self._spelled.sub(_HIDDEN, text)
        for length in range(min(len(self._text), len(text)), _SHORTEST_PIECE - 1, -1):
            if text.endswith(self._text[:length]):
                text = f"{text[:-length]}{_HIDDEN}"
                break
        return printable(text)

    def hide(self, value: Any) -> Any:
        """A JSON value without the key, in its texts and its names."""
        if isinstance(value, str):
            return self.redact(value)
        if isinstance(value, dict):
            return {self.hide(name): self.hide(field) for name, field in value.items()}
        if isinstance(value, list | tuple):
            return [self.hide(one) for one in value]
        return value

    def clean(self, error: Exception) -> None:
        """Take the key out of what an error says and carries, whoever told it."""
        error.args = tuple(self.redact(one) if isinstance(one, str) else one for one in error.args)
        for name, value in vars(error).items():
            if isinstance(value, str) and name != "response":  # which keeps its lines, and is clean already
                setattr(error, name, self.redact(value))


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
    address = base_url if base_url is not None else environment.get(URL_VARIABLE) or _contract.server()
    from octopusx_video_openapi import hosts  # noqa: PLC0415 - see _contract

    base_url = _base_url(address, environment)
    is_direct = hosts.may_use_http(urlsplit(base_url).hostname or "", environment)
    return Settings(_key(secret), base_url, is_direct=is_direct)


def _key(text: object) -> Key:
    if text is None or text == "":
        raise NotSentError(f"there is no API key: set {KEY_VARIABLE} (in Python, or give api_key)")
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
    from octopusx_video_openapi import hosts  # noqa: PLC0415 - see _contract

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
