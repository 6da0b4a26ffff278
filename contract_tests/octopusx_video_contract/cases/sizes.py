"""Sizes between the ends of what a schema allows: lengths of texts, numbers of items, integers. Pure.

The ends and the usual limits are always among them, with their neighbours. Between two powers of two lies at least one
more, which the seed draws: what breaks in a part of the range alone shows with some seed.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Iterator
from typing import Any, Final

from octopusx_video_openapi import Schema

Json = Any
Fits = Callable[[Json], bool]
"""Whether a schema takes a value."""

USUAL: Final = (255, 256, 1_000, 1_024, 4_096, 65_535)
"""Limits that columns, buffers and forms often have; each is tried with the number behind it."""
MAX_TEXT: Final = 65_536
"""Characters of a text, where the schema sets no limit: one more than 16 bits count."""
MAX_LINK: Final = 8_000
"""Characters of a link, where the schema sets no limit: what RFC 9110 section 4.1 recommends to support at least."""
MAX_ID: Final = 255
"""Characters of an id, where the schema sets no limit: a file's name and many a segment of a path are no longer."""
MAX_INTEGER: Final = 2**31 - 1
"""Integer that every language tells from its neighbours, where the schema sets no limit."""
MAX_ITEMS: Final = 12
"""Items of an array, where the schema sets no limit."""
_DATA: Final = "data:image/png;base64,"
_GROUP: Final = 4
"""Characters that base64 comes in."""


class Sizes:
    """Draws sizes.

    Args:
        seed: Decides what is drawn.
        name: What they are drawn for: under another name other sizes are drawn.
        most: How many values of a kind there are at most; None where all that there are.
    """

    def __init__(self, seed: int, name: str, most: int | None = None) -> None:
        self._random = random.Random(f"{seed} {name}")  # noqa: S311 - made to be repeated
        self._most = most

    def between(self, least: int, most: int) -> list[int]:
        """Numbers from the least to the most one, both among them, in order."""
        found = {least, most}
        found |= {limit + step for limit in USUAL for step in (0, 1)}
        for low in itertools.takewhile(lambda power: power <= most, (2**power for power in itertools.count())):
            first, last = max(low, least), min(2 * low - 1, most)
            if first <= last:
                found.add(self._random.randint(first, last))
        return self._some(sorted(number for number in found if least <= number <= most))

    def values(self, schema: Schema, fits: Fits, known: Json) -> list[tuple[str, Json]]:
        """Values of each size that a schema takes, each with what it is.

        Args:
            schema: The schema. One of an object, a boolean or an enumeration has no sizes.
            fits: Whether it takes a value.
            known: A value that it takes; the items of an array are made of its items.
        """
        if {"enum", "const"} & set(schema.assertions):
            return []
        if isinstance(known, list):
            counts = range(schema.limit("minItems", 0), schema.limit("maxItems", MAX_ITEMS) + 1)
            arrays = [(f"{count} items", _items(known, count)) for count in counts]
            return self._some([(what, value) for what, value in arrays if fits(value)])
        if isinstance(known, int) and not isinstance(known, bool):
            numbers = self.between(schema.limit("minimum", -MAX_INTEGER), schema.limit("maximum", MAX_INTEGER))
            return [(f"the number {number:,}", number) for number in numbers if fits(number)]
        return list(self._texts(schema, fits, known)) if isinstance(known, str) else []

    def _texts(self, schema: Schema, fits: Fits, known: str) -> Iterator[tuple[str, str]]:
        least = schema.limit("minLength", 1)
        for what, longest, made in _kinds(fits, known):
            lengths = self.between(least, schema.limit("maxLength", longest))
            texts = {text: None for text in map(made, lengths) if fits(text)}  # each once
            for text in texts:
                yield f"{what} of {len(text):,} characters", text

    def _some(self, found: list[Any]) -> list[Any]:
        if self._most is None or len(found) <= self._most:
            return found
        return [found[at] for at in sorted(self._random.sample(range(len(found)), self._most))]


def _kinds(fits: Fits, known: str) -> Iterator[tuple[str, int, Callable[[int], str]]]:
    """The kinds of text that a schema takes: their names, how long they may be, how one of a length is made."""
    if fits("any text"):
        yield "a text", MAX_TEXT, prose
    elif fits("https://example.com/"):
        yield "a link", MAX_LINK, lambda length: _grown("https://example.com/cat.png?signature=", length)
        if fits(f"{_DATA}iVBO"):
            yield "a data URL", MAX_TEXT, _data
    else:
        yield "an id", MAX_ID, lambda length: _grown(known, length)


def prose(length: int) -> str:
    """A text of so many characters, the same word over again, with no blank at an end.

    A command that repeats it stays short, and what is lost of it shows in its length.
    """
    text = ("cats " * (length // 5 + 1))[:length]
    return f"{text[:-1]}." if text.endswith(" ") else text


def _grown(text: str, length: int) -> str:
    """The beginning of a text, or the text with hexadecimal digits behind it."""
    return f"{text}{'0f' * length}"[:length]


def _data(length: int) -> str:
    """A data URL of at most so many characters, whose base64 is whole."""
    return _DATA + "iVBO" * (max(0, length - len(_DATA)) // _GROUP)


def _items(known: list[Json], count: int) -> list[Json]:
    """So many items, those of the known array over again."""
    return list(itertools.islice(itertools.cycle(known), count)) if known else []
