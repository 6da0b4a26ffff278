"""Words and bytes as a POSIX shell has them: what a printed command hands to curl is what the suite has sent."""

from __future__ import annotations

import base64
import gzip
import itertools
import re
import shlex
from collections.abc import Iterator, Mapping

from octopusx_video_openapi.text import printable

KEY, OTHER_KEY = "OCTOPUSX_API_KEY", "OCTOPUSX_OTHER_API_KEY"
"""The variables that a command takes the keys from."""
MAX_SHOWN_BODY = 2_000
"""Bytes of a body that a command holds as they are; a longer one is made in the command."""
_LEAST = 8
"""Characters from which on a part of a key is no word that could stand anywhere."""
_REPEATED = re.compile(rb"(?s)(.{1,150}?)\1{15,}")

Variables = Mapping[str, str]
"""Texts that a command must not hold, and what gives each of them in a shell, in double quotes."""


def variables(key: str, other_key: str | None = None) -> Variables:
    """The keys, and what the suite makes of one to see it refused, as a shell makes the same of the variables."""
    plain = f'printf %s "${KEY}"'
    made = {
        key[:-1]: f"${{{KEY}%?}}",
        key[1:]: f"${{{KEY}#?}}",
        key[: max(1, len(key) // 2)]: f"$({plain} | cut -c1-{max(1, len(key) // 2)})",
        key[::-1]: f"$({plain} | rev)",
        key.swapcase(): f"$({plain} | tr A-Za-z a-zA-Z)",
        base64.b64encode(f"{key}:".encode()).decode(): f"$(printf %s: \"${KEY}\" | base64 | tr -d '\\n')",
        base64.b64encode(f"user:{key}".encode()).decode(): f"$(printf user:%s \"${KEY}\" | base64 | tr -d '\\n')",
    }
    found = {text: shell for text, shell in made.items() if len(text) >= _LEAST}
    found |= {other_key: f"${OTHER_KEY}"} if other_key else {}
    return found | {key: f"${KEY}"}


def line(words: list[str], secret: Variables) -> str:
    """Words as a line of a shell."""
    return " ".join(word(one, secret) for one in words)


def word(text: str, secret: Variables, *, is_body: bool = False) -> str:
    """A text as one word of a shell; what is secret comes from the variables.

    A shell hands on UTF-8, as a body is. What else is not ASCII is written byte for byte.
    """
    pieces = _split(text, secret)
    if not is_plain(text) or not (is_body or text.isascii()):
        shown = [piece if is_secret else f"$({octal(as_sent(piece))})" for piece, is_secret in pieces]
        return "".join(f'"{piece}"' for piece in shown)
    if not any(is_secret for _, is_secret in pieces):
        return shlex.quote(text)
    shown = [piece if is_secret else re.sub(r'([\\"$`])', r"\\\1", piece) for piece, is_secret in pieces]
    return f'"{"".join(shown)}"'


def printing(data: bytes, secret: Variables) -> str:
    """A command that prints some bytes, shorter than they are where they repeat themselves."""
    secret = {text.encode().decode("latin-1"): shell for text, shell in secret.items()}
    commands: list[str] = []
    for piece, is_secret in _split(data.decode("latin-1"), secret):
        commands += [f'printf %s "{piece}"'] if is_secret else _printing(piece.encode("latin-1"))
    return commands[0] if len(commands) == 1 else f"{{ {'; '.join(commands)}; }}"


def octal(data: bytes) -> str:
    """A command that prints some bytes, each of them written as octal digits."""
    return f"printf '{''.join(f'{chr(92)}{byte:03o}' for byte in data)}'"


def is_plain(text: str) -> bool:
    """Whether a terminal shows a text as it is."""
    return printable(text, keep="\n\t") == text


def as_sent(text: str) -> bytes:
    """A header's value or a target as it is sent."""
    try:
        return text.encode("latin-1")
    except UnicodeEncodeError:
        return text.encode()


def _printing(data: bytes) -> Iterator[str]:
    at = 0
    for match in _REPEATED.finditer(data):
        unit = match[1]
        if not unit.isascii() or not unit.decode().isprintable() or unit.startswith(b"-"):
            continue
        yield from _literal(data[at : match.start()])
        count = len(match[0]) // len(unit)
        program = f'BEGIN {{ for (n = 0; n < {count}; n++) printf "%s", ARGV[1] }}'
        yield f"awk {shlex.quote(program)} {shlex.quote(unit.decode())}"
        at = match.end()
    yield from _literal(data[at:])


def _literal(data: bytes) -> Iterator[str]:
    if len(data) > MAX_SHOWN_BODY:
        packed = base64.b64encode(gzip.compress(data, mtime=0)).decode()
        yield f"printf %s {packed} | base64 -d | gunzip"
    elif data.isascii() and data.decode().isprintable():
        yield from [f"printf %s {shlex.quote(data.decode())}"] if data else []
    else:
        yield octal(data)


def _split(text: str, secret: Variables) -> list[tuple[str, bool]]:
    """The pieces of a text that are not empty, with what a shell has in the place of the secret ones."""
    longest_first = sorted(filter(None, secret), key=len, reverse=True)
    pieces = re.split(f"({'|'.join(map(re.escape, longest_first))})", text) if longest_first else [text]
    found = [(secret.get(piece, piece), at % 2 == 1) for at, piece in enumerate(pieces) if piece]
    for at, ((name, is_secret), (following, _)) in enumerate(itertools.pairwise(found)):
        if is_secret and name[1] != "(" and name[1] != "{" and re.match(r"\w", following):
            found[at] = f"${{{name[1:]}}}", True  # else the shell takes what follows for a part of the name
    return found
