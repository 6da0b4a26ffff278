"""Texts for people."""

from __future__ import annotations

MAX_DETAIL = 400
"""Characters of a detail that are shown: what is longer loses its middle."""


def counted(number: int, what: str) -> str:
    """A number of things, in the singular where it is one."""
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def shortened(text: str, max_length: int = MAX_DETAIL) -> str:
    """A text without its middle, where it is long."""
    if len(text) <= max_length:
        return text
    kept = max_length // 2
    return f"{text[:kept]}… ({len(text) - 2 * kept:,} more characters) …{text[-kept:]}"
