"""The key and the service's address, from arguments and the environment, and which requests may carry the key."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from urllib.parse import urlsplit

from octopusx_video_openapi import hosts

from octopusx_video._errors import NotSentError
from octopusx_video._key import Key
from octopusx_video._messages import contract

KEY_VARIABLE = "OCTOPUSX_API_KEY"
URL_VARIABLE = "OCTOPUSX_BASE_URL"

_LIKE = "give one like https://example.com"
_PORTS = {"http": 80, "https": 443}


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
    address = base_url if base_url is not None else environment.get(URL_VARIABLE) or contract.contract().server
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
