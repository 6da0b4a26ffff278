"""What a check finds in a document, and the words in which it is said."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import NamedTuple

from octopusx_video_openapi.document import Pointer

NEAR = 0.6
"""How alike two words are at least, from 0 to 1, for one to be suggested in place of the other."""


class Found(NamedTuple):
    """Something that is wrong with a document.

    Attributes:
        pointer: Where it stands.
        text: What is wrong, and the fix.
        lacks: The key that is missing there; "" where something else is wrong.
        meant: The known key that is like an unknown one there; "" where something else is wrong.
        is_of_type: Whether a value of another type, such as a number for a text, stands there.
    """

    pointer: Pointer
    text: str
    lacks: str = ""
    meant: str = ""
    is_of_type: bool = False


def nearest(word: object, known: Iterable[object], cutoff: float = NEAR) -> str | None:
    """The known word that is most like a word; None where none is like it."""
    found = difflib.get_close_matches(str(word), [str(one) for one in known], n=1, cutoff=cutoff)
    return found[0] if found else None


def unknown(what: str, word: object, known: Iterable[object]) -> str:
    """The text about a word that is none of those known, with the nearest of them."""
    words = [str(one) for one in known]
    near = nearest(word, words)
    advice = f'did you mean "{near}"?' if near else f"use one of: {', '.join(words)}" if words else "there is none"
    return f'"{word}" is not {what}; {advice}'
