"""Text of a server, made safe for a terminal, a log or a report."""

from __future__ import annotations

import re

# C0 and C1 controls, the marks that change the direction of text (Unicode TR9), the invisible and line-breaking
# characters that no terminal shows as they are, and halves of surrogate pairs, which nothing can encode.
_UNSAFE = re.compile(
    r"[\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff]"
)


def printable(text: str, keep: str = "") -> str:
    r"""The text with every control character written as an escape, such as ``\x1b`` or ``\u202e``.

    Args:
        text: Any text, also one that a hostile server sent.
        keep: Control characters that stay as they are, such as ``"\n\t"`` where the text has lines of its own.
    """
    return _UNSAFE.sub(lambda found: found[0] if found[0] in keep else _escape(found[0]), text)


def snake(name: str) -> str:
    """A name such as ``extendVideo`` in snake case, as the generated client calls its modules and arguments."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()


def _escape(character: str) -> str:
    number = ord(character)
    return f"\\x{number:02x}" if number < 0x100 else f"\\u{number:04x}"
