"""The results of a batch, as files: rebuilt from the ledger, so that they can be deleted."""

from __future__ import annotations

import contextlib
import csv
import io
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, Any

from octopusx_video._ledger.ledger import Ledger, Row
from octopusx_video._ledger.states import JOB_STATES

RESULTS, ERRORS = "results.jsonl", "errors.jsonl"
_COLUMNS = ("custom_id", "state", "task_id", "file", "attempts", "seconds", "reason", "operation", "source")


def record(row: Row) -> dict[str, Any]:
    """A job for programs."""
    values = (row.id, row.state, row.task, row.file, row.attempt, row.seconds, row.reason, row.operation, row.source)
    return dict(zip(_COLUMNS, values, strict=True))


def write(ledger: Ledger, folder: Path) -> None:
    """Write ``results.jsonl`` (the jobs that are done) and ``errors.jsonl`` (all others), a line for each.

    Raises:
        OSError: They can't be written.
    """
    with _replaced(folder / RESULTS) as file:
        file.writelines(json_lines(ledger.rows(("done",))))
    with _replaced(folder / ERRORS) as file:
        file.writelines(json_lines(ledger.rows([state for state in JOB_STATES if state != "done"])))


def json_lines(rows: Iterable[Row]) -> Iterator[str]:
    """A JSON object for each job, each with its line break."""
    for row in rows:
        yield json.dumps(record(row), ensure_ascii=False) + "\n"


def csv_lines(rows: Iterable[Row]) -> Iterator[str]:
    """A line of names, and one for each job."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_COLUMNS)
    for row in rows:
        writer.writerow([_cell(value) for value in record(row).values()])
        yield text.getvalue()
        text.seek(0)
        text.truncate()
    yield text.getvalue()


def _cell(value: Any) -> Any:
    """A value that no spreadsheet takes for a formula: ids and reasons are from elsewhere."""
    return f"'{value}" if isinstance(value, str) and value[:1] in {"=", "+", "-", "@", "\t", "\r"} else value


@contextlib.contextmanager
def _replaced(path: Path) -> Iterator[IO[str]]:
    """A file that takes the place of another one when it is whole."""
    part = path.with_name(f".{path.name}.part")  # one name, so that a killed process leaves one file at most
    part.unlink(missing_ok=True)
    try:
        with part.open("x", encoding="utf-8", errors="backslashreplace") as file:
            yield file
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
