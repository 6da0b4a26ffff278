"""What the engine says is for people: one line, without tracebacks and statements."""

from __future__ import annotations

import logging
import traceback

import psycopg
import pytest
import sqlalchemy.exc
from octopusx_video._distributed import engine

STATEMENT = "SELECT status, name\nFROM workflow_status\nWHERE 'x' [SQL: y]"
GONE = "server closed the connection unexpectedly"


def _error() -> sqlalchemy.exc.OperationalError:
    """An error as SQLAlchemy raises it: with a statement, and with the one of psycopg as its cause."""
    try:
        try:
            raise psycopg.OperationalError(  # noqa: TRY301 - as they do it
                f"{GONE}\n\tThis probably means the server terminated abnormally"
            )
        except psycopg.OperationalError as cause:
            raise sqlalchemy.exc.OperationalError(STATEMENT, {"id": 1}, cause) from cause
    except sqlalchemy.exc.OperationalError as raised:
        return raised


def _traced() -> str:
    return "".join(traceback.format_exception(_error()))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (f"Exception polling schedules: {_traced()}", f"Exception polling schedules: {GONE}"),
        (f"Notification poller error: {_error()}", f"Notification poller error: (psycopg.OperationalError) {GONE}"),
        (str(_error()), GONE),
        ("one queue\nis slow", "one queue"),
        ("Exception: Traceback (most recent call last):\n  File 'x'\nValueError: 5\n", "Exception: ValueError: 5"),
        ("x" * 1000, "x" * 300),
    ],
)
def test_the_engine_says_one_line(text: str, shown: str, caplog: pytest.LogCaptureFixture) -> None:
    """The message of the error, and what the engine says of it."""
    handler = engine._Forwarded()  # noqa: SLF001 - what it forwards
    handler.emit(logging.LogRecord("dbos", logging.WARNING, "", 0, "%s", (text,), None))
    assert caplog.messages == [f"engine: {shown}"]
