"""Keeps the API keys, and what would act on a terminal, out of everything that a run writes."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from typing import Any, TextIO, cast

from octopusx_video_openapi.text import printable

HIDDEN = "[key]"
MAX_EXCERPT = 500
"""How much of a response is shown, in characters."""
KEPT = "\n\t"
"""The control characters that text for people may hold."""

# Anything shorter is hidden only whole: a piece of it shows nothing, and would be found in every other word.
_PIECE = 8


class Redactor:
    """Replaces the keys in text and in streams.

    A server can send the key back. It is found in the spellings of JSON and of URLs, and when it was cut off after its
    first eight characters, as whoever shortens a response may do; and in what the suite's own malformed credentials
    or a server make of it: base64, hexadecimal digits, another case, backwards.
    """

    def __init__(self, *keys: str) -> None:
        self._keys = [_Key(form) for key in keys for form in (key, *_made_of(key))]

    def text(self, text: str) -> str:
        """The text without the keys."""
        for key in self._keys:
            text = key.hidden_in(text)
        return text

    def shown(self, text: str) -> str:
        """The text fit to be shown: without the keys, and with control characters written as escapes."""
        return printable(self.text(text), keep=KEPT)

    def excerpt(self, content: bytes) -> str:
        """The beginning of a response, fit to be shown."""
        # Cut before the key is looked for, which takes its time; a key of which eight characters are left is found.
        beginning = content[: 8 * MAX_EXCERPT].decode("utf-8", "backslashreplace")
        return self.shown(beginning)[:MAX_EXCERPT]

    def stream(self, stream: TextIO) -> TextIO:
        """A stream that writes to this one, without the key."""
        return cast("TextIO", _Stream(stream, self))


def _made_of(key: str) -> Iterator[str]:
    """What shows the key, where it is long enough to be no word."""
    if len(key) < _PIECE:
        return
    yield from dict.fromkeys((key.lower(), key.upper(), key.swapcase(), key[::-1], key[1:], key.encode().hex()))
    for before in range(3):  # where it begins among the bytes that three make four characters of
        encoded = base64.b64encode(b"\0" * before + key.encode()).decode().rstrip("=")
        # The first characters hold something of what stands before, the last one of what comes after.
        yield encoded[(0, 2, 3)[before] : -1]


class _Key:
    def __init__(self, key: str) -> None:
        units = [re.compile(_spellings(character)) for character in key]
        self._beginning = re.compile("".join(unit.pattern for unit in units[:_PIECE]))
        self._rest = units[_PIECE:]

    def hidden_in(self, text: str) -> str:
        shown, position = [], 0
        for match in self._beginning.finditer(text):
            if match.start() >= position:
                shown += [text[position : match.start()], HIDDEN]
                position = match.end()
                for unit in self._rest:
                    following = unit.match(text, position)
                    if following is None:
                        break
                    position = following.end()
        return "".join(shown) + text[position:]


def _spellings(character: str) -> str:
    number = ord(character)
    return rf"(?:\\?{re.escape(character)}|%(?i:{number:02x})|\\u00(?i:{number:02x}))"


class _Stream:
    def __init__(self, stream: TextIO, redactor: Redactor) -> None:
        self._stream = stream
        self._redactor = redactor

    def write(self, text: str) -> int:
        self._stream.write(self._redactor.text(text))
        return len(text)

    def writelines(self, lines: Any) -> None:
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)
