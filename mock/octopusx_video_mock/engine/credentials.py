"""Which API key a request presents, and how its secrets are kept out of messages, logs and the ledger."""

from __future__ import annotations

import hmac
import re
from urllib.parse import parse_qsl, unquote_to_bytes

from octopusx_video_mock.compiled.operation import CompiledOperation
from octopusx_video_mock.messages import Request
from octopusx_video_mock.tasks.tasks import VIDEO_ADDRESS

_BEARER = re.compile(rb"(?i:bearer) +([A-Za-z0-9._~+/-]+=*)")
_MAX_CREDENTIALS = 256
_MAX_KEY = 1024
_MIN_SECRET = 4
"""A shorter word is no secret, and is part of many others."""


class Credentials:
    """The credentials that are accepted.

    Args:
        tokens: The API keys; with none, any well-formed one.
    """

    def __init__(self, tokens: tuple[str, ...]) -> None:
        self._tokens = tokens
        self._known: dict[bytes, str | None] = {}

    def key_of(self, request: Request) -> str | None:
        """The API key that a request presents, if it is accepted."""
        sent = request.every(b"authorization")
        if len(sent) != 1:
            return None
        try:
            return self._known[sent[0]]
        except KeyError:
            pass
        match = _BEARER.fullmatch(sent[0])
        key = match[1].decode() if match and len(match[1]) <= _MAX_KEY else None
        if key is not None and self._tokens and not any(hmac.compare_digest(key, token) for token in self._tokens):
            key = None
        if len(self._known) >= _MAX_CREDENTIALS:
            self._known.clear()
        if len(sent[0]) <= _MAX_KEY:
            self._known[sent[0]] = key
        return key

    def redacted(self, request: Request, text: str) -> str:
        """A text without the keys that are accepted, and without what the request sent for one."""
        words = list(self._tokens)
        for sent in request.every(b"authorization"):
            words += sent.decode("latin-1").split()
        found = [word for word in words if word in text and len(word) >= _MIN_SECRET]
        if found:
            # The longest first: one may begin another, whose rest would stay.
            for word in sorted(found, key=len, reverse=True):
                text = text.replace(word, "[key]")
        return text

    def target(self, request: Request, operation: CompiledOperation | None) -> str:
        """The request's target without secrets: the path, and the parameters of the query that the contract has."""
        address = VIDEO_ADDRESS.fullmatch(request.path)
        if address is not None:
            return self.redacted(request, f"/videos/{address[1].decode('latin-1')}/[signature].mp4")
        target = unquote_to_bytes(request.path).decode("utf-8", "replace")
        if operation is not None and request.query:
            named = {parameter.name for parameter in operation.parameters if parameter.place == "query"}
            query = parse_qsl(request.query.decode("latin-1"), keep_blank_values=True)
            shown = "&".join(f"{name}={value}" for name, value in query if name in named)
            target += f"?{shown}" if shown else ""
        return self.redacted(request, target)
