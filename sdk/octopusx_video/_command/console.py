"""What the command prints: without the API key, and without control characters of a server's."""

from __future__ import annotations

import contextlib
import json
import math
import os
import re
import shlex
import sys
from collections.abc import Iterator, Sequence
from typing import Any, TextIO

import click
from octopusx_video_openapi.text import printable

from octopusx_video._command.progress import Bar, Lines, Progress
from octopusx_video._key import Key

STDOUT = "-"
"""Names standard output as the place of a video."""


class OutputError(Exception):
    """Standard output can't be written to."""


class Console:
    """Standard output, standard error, and the progress that is shown there.

    Args:
        arguments: The command's, of which some decide where a wrong one is reported.
        key: The API key, as far as it is known.

    Attributes:
        as_json: Whether results and errors are JSON objects.
        quiet: Whether no progress is shown.
        has_result: Whether the result, or the error in its place, is printed; nothing may follow it there.
        sends_video: Whether standard output is for the bytes of the video, and all else goes to standard error.
    """

    def __init__(self, arguments: Sequence[str], key: str | None) -> None:
        self.as_json = "--json" in arguments
        self.quiet = False
        self.has_result = False
        self.sends_video = bool(re.search(r"(\0-[a-zA-Z]*o|\0--output)[\0=]?-\0", "\0".join(["", *arguments, ""])))
        self._key = Key(key) if key else None
        self._progress: Progress = Progress()

    def use_key(self, key: str) -> None:
        """Hide a key that was not known before."""
        self._key = Key(key)

    def clean(self, value: Any) -> Any:
        """A JSON value that a server may have sent, to be shown: without the key and without control characters."""
        if self._key is not None:
            return self._key.hide(value)
        return printable(value) if isinstance(value, str) else value

    def print(self, line: str) -> None:
        """Print a result."""
        self.has_result = True  # before it, since a signal may come at any moment
        if not _write(sys.stderr if self.sends_video else sys.stdout, line):
            raise OutputError

    def print_json(self, value: dict[str, Any]) -> None:
        """Print a result or an error as one JSON object."""
        try:
            text = json.dumps(value, allow_nan=False)
        except ValueError:
            text = json.dumps(_finite(value), allow_nan=False)
        self.print(text)

    def note(self, line: str) -> None:
        """Print a line for a person."""
        with self._progress.hidden():
            _write(sys.stderr, line)

    def report(self, line: str) -> None:
        """Print a line of progress."""
        if not self.quiet:
            self.note(line)

    @contextlib.contextmanager
    def progress(self, label: str, total: int | None, own: Progress | None = None) -> Iterator[Progress]:
        """Show progress: a bar on a terminal, a line now and then elsewhere, nothing where it is not wanted.

        Args:
            label: What is being done.
            total: At which position it ends; None where it is not known and the positions are bytes.
            own: What shows it, in place of the bar or the lines.
        """
        if own is not None:
            progress = own
        elif self.quiet:
            progress = Progress()
        elif not is_terminal(sys.stderr):
            progress = Lines(self.report)
        else:
            progress = Bar(label, total)
        try:
            self._progress = progress
            yield progress
        finally:
            self._progress = Progress()
            progress.close()

    def tick(self) -> None:
        """Let the progress show the time that has passed."""
        self._progress.tick()


def is_terminal(stream: TextIO | None) -> bool:
    """Whether a stream is there, and is a terminal."""
    return stream is not None and stream.isatty()


def _finite(value: Any) -> Any:
    """A value with null in place of numbers that JSON can't write, which Python reads 1e999 as."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {name: _finite(field) for name, field in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(one) for one in value]
    return value


def command_line(words: Sequence[str]) -> str:
    """A command for a shell, in one line that a terminal shows as it is."""
    return " ".join(map(_quoted, words))


def _quoted(word: str) -> str:
    if printable(word) == word:
        return shlex.quote(word)
    # bash, zsh, ksh and POSIX of 2024; the bytes of a name need not be text.
    plain = (chr(byte) if 32 <= byte < 127 and byte not in b"'\\" else f"\\{byte:03o}" for byte in os.fsencode(word))
    return f"$'{''.join(plain)}'"


def close_broken() -> None:
    """Drop what standard output and standard error can't take, so that Python does not try again at its end."""
    for number, stream in ((1, sys.stdout), (2, sys.stderr)):
        try:
            if stream is not None:
                stream.flush()
        except (OSError, ValueError):  # a pipe without a reader, a full disk, a terminal that was closed
            with contextlib.suppress(OSError):
                os.dup2(os.open(os.devnull, os.O_WRONLY), number)


def _write(stream: TextIO | None, line: str) -> bool:
    """Print a line, with escapes for what the stream can't encode; False if it can't be written."""
    if stream is None:
        return False
    try:
        encoding = stream.encoding or "utf-8"
        click.echo(line.encode(encoding, "backslashreplace").decode(encoding), file=stream)
        stream.flush()
    except (OSError, ValueError):
        return False
    return True
