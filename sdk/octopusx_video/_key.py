"""The API key, which is in nothing that is shown or logged."""

from __future__ import annotations

import html
import logging
import re
import threading
import weakref
from collections.abc import Callable
from typing import Any

from octopusx_video_openapi.text import printable

_HIDDEN = "[key]"
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
        """Take the key out of what an error says and carries, wherever it comes from."""
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
