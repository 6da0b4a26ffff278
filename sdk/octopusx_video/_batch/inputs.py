"""Reading jobs, one at a time: JSON Lines, CSV, or whatever a program gives."""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from octopusx_video._errors import NotSentError
from octopusx_video._ledger.jobs import OPERATION
from octopusx_video._messages import contract
from octopusx_video._messages.requests import shown

MAX_LINE_BYTES = 4_000_000
_NUMBERS = {"integer": int, "number": float}
_BOOLEANS = {"true": True, "false": False}


class Entry(NamedTuple):
    """What was read of one job.

    Attributes:
        place: Where it stands, for people: ``line 812``.
        value: Its JSON; None where it can't be read.
        problem: Why it can't be read; "" where it can.
    """

    place: str
    value: Any
    problem: str = ""


class ChangedError(NotSentError):
    """The file has changed while it was read. Nothing was sent."""


def of_file(path: str | os.PathLike[str]) -> Iterator[Entry]:
    """The jobs of a file, by the ending of its name: ``.csv``, or JSON Lines.

    Raises:
        NotSentError: It can't be read, or has changed while it was read.
    """
    file = Path(path)
    if "\0" in str(file):
        raise NotSentError(f"{str(file)!r} can't be read: it has a NUL character", advice="name a file of jobs")
    try:
        with file.open("rb") as stream:
            before = _identity(os.fstat(stream.fileno()))
            yield from _csv(stream) if file.suffix.lower() == ".csv" else _lines(stream)
            if before != _identity(os.fstat(stream.fileno())) or before != _identity(file.stat()):
                raise ChangedError(f"{file} has changed while it was read", advice="run it again; nothing was sent")
    except OSError as error:
        raise NotSentError(f"{file} can't be read: {error.strerror}", advice="name a file of jobs") from None


def of_values(values: Iterable[Mapping[str, Any]]) -> Iterator[Entry]:
    """The jobs that a program gives."""
    for number, value in enumerate(values, 1):
        yield Entry(f"job {number}", value)


def _identity(status: os.stat_result) -> tuple[int, ...]:
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns


def _lines(stream: BinaryIO) -> Iterator[Entry]:
    number = 0
    while line := stream.readline(MAX_LINE_BYTES + 1):
        number += 1
        place = f"line {number}"
        if len(line) > MAX_LINE_BYTES:
            yield Entry(place, None, f"it is longer than {MAX_LINE_BYTES:,} bytes")
            while line and not line.endswith(b"\n"):
                line = stream.readline(MAX_LINE_BYTES)
            continue
        text = line.removeprefix(b"\xef\xbb\xbf") if number == 1 else line
        if text.strip():
            yield _entry(place, text)


def _entry(place: str, text: bytes) -> Entry:
    try:
        return Entry(place, json.loads(text, parse_constant=_refuse, object_pairs_hook=_once))
    except UnicodeDecodeError:
        return Entry(place, None, "it is not UTF-8; save the file as UTF-8")
    except RecursionError:
        return Entry(place, None, "it is nested too deeply")
    except json.JSONDecodeError as error:
        return Entry(place, None, f"it is not JSON: {error.msg} at column {error.colno}")
    except ValueError as error:
        return Entry(place, None, f"it is not JSON: {error}")


def _refuse(name: str) -> None:
    raise ValueError(f"{name} is no JSON number")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise ValueError(f"{shown(name)} stands in one object twice")
        found[name] = value
    return found


def _csv(stream: BinaryIO) -> Iterator[Entry]:
    """A line with names, then one for each job; ``video.url`` is ``url`` in the object ``video``."""
    text = io.TextIOWrapper(stream, "utf-8-sig", newline="")
    try:
        yield from _rows(csv.reader(_texts(text), strict=True))
    finally:
        text.detach()  # else it closes the stream, which is not its own


def _texts(text: io.TextIOWrapper) -> Iterator[str]:
    while line := text.readline(MAX_LINE_BYTES + 1):
        if len(line) > MAX_LINE_BYTES:
            raise csv.Error(f"it is longer than {MAX_LINE_BYTES:,} characters")
        yield line


def _rows(reader: Any) -> Iterator[Entry]:
    names: list[str] = []
    while True:
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield Entry(f"line {max(reader.line_num, 1)}", None, f"it is not CSV: {error}")
            return
        except UnicodeDecodeError:
            yield Entry(f"line {reader.line_num + 1}", None, "it is not UTF-8; save the file as UTF-8")
            return
        place = f"line {reader.line_num}"
        if not names:
            names = [name.strip() for name in row]
            if len(set(names)) < len(names) or not all(names):
                yield Entry(place, None, "the first line has to name each column, and no two alike")
                return
        elif len(row) > len(names):
            yield Entry(place, None, f"it has {len(row)} values, and the first line has {len(names)} names")
        elif any(row):
            yield _of_row(place, dict(zip(names, row, strict=False)))


def _of_row(place: str, row: dict[str, str]) -> Entry:
    line: dict[str, Any] = {name: row.pop(name) for name in ("custom_id", "method", "url") if row.get(name)}
    for name in ("custom_id", "method", "url"):
        row.pop(name, None)
    body: dict[str, Any] = {}
    for name, text in row.items():
        if text == "":  # an empty cell is a field that is left out
            continue
        *outer, last = name.split(".")
        inner = body
        for step in outer:
            inner = inner.setdefault(step, {})
            if not isinstance(inner, dict):
                return Entry(place, None, f"{step!r} is a value and an object ({name})")
        try:
            inner[last] = _cell(name, text)
        except ValueError as error:
            return Entry(place, None, str(error))
    return Entry(place, {**line, "body": body} if line else body)


def _cell(name: str, text: str) -> Any:
    """The value of a cell: a number or true or false where a request of the contract has such a field."""
    kinds = _kinds().get(name, frozenset())
    for kind in kinds & _NUMBERS.keys():
        try:
            return _NUMBERS[kind](text)
        except ValueError:
            raise ValueError(f"{name} is {shown(text)}; give a number") from None
    if "boolean" in kinds:
        if text.lower() not in _BOOLEANS:
            raise ValueError(f"{name} is {shown(text)}; give true or false")
        return _BOOLEANS[text.lower()]
    if "array" in kinds:
        return text.split()
    return text


def _kinds() -> dict[str, frozenset[str]]:
    """The types of the fields of all submits' bodies, by name."""
    found: dict[str, frozenset[str]] = {}
    for name in (OPERATION, *contract.contract().submits):
        for field, schema in contract.fields(name).items():
            found[field] = found.get(field, frozenset()) | frozenset(schema.types)
    return found
