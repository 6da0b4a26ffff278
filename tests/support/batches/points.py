"""The points of a batch at which its process may be killed: found by running it, not listed by hand.

Each statement and commit of the database, each request, and each rename, link, removal and sync of a file is wrapped.
A point is before or after one of these, at its first, second, … passage.
"""

from __future__ import annotations

import os
import re
import signal
import sqlite3
import ssl
from collections import Counter
from collections.abc import Callable
from typing import Any, NamedTuple
from unittest.mock import patch

import httpx
import psycopg

_FILES = ("fsync", "link", "rename", "replace", "unlink", "mkdir")


class Point(NamedTuple):
    """Where a process is killed.

    Attributes:
        name: What is before or after it.
        passage: The how many-th time, from 1.
        is_resumed: Whether it is the run after a kill in the middle that is killed there.
    """

    name: str
    passage: int
    is_resumed: bool = False


class Points:
    """Counts the points that a process passes, and kills it at one of them.

    Args:
        target: The point at which this process is killed; None to pass all.
        at: Called in place of the kill, for tests.
    """

    def __init__(self, target: Point | None = None, at: Callable[[], object] | None = None) -> None:
        self.passed: Counter[str] = Counter()
        self._target = target
        self._at = at or (lambda: os.kill(os.getpid(), signal.SIGKILL))

    def at(self, name: str) -> None:
        """Called at a point."""
        self.passed[name] += 1
        if self._target is not None and self._target[:2] == (name, self.passed[name]):
            self._at()

    def around(self, name: str, call: Callable[..., Any], *values: Any, **named: Any) -> Any:
        """A call with a point before it and one after it."""
        self.at(f"before {name}")
        result = call(*values, **named)
        self.at(f"after {name}")
        return result

    def install(self) -> None:
        """Wrap what this process calls from now on."""
        points = self

        class Connection(sqlite3.Connection):
            def execute(self, statement: str, *values: Any) -> sqlite3.Cursor:
                cursor: sqlite3.Cursor = points.around(_named(statement), super().execute, statement, *values)
                return cursor

            def executemany(self, statement: str, *values: Any) -> sqlite3.Cursor:
                cursor: sqlite3.Cursor = points.around(_named(statement), super().executemany, statement, *values)
                return cursor

        connect = sqlite3.connect
        patch.object(sqlite3, "connect", lambda *values, **named: connect(*values, factory=Connection, **named)).start()
        for name in _FILES:
            patch.object(os, name, _wrapped(self, name, getattr(os, name))).start()

    def install_postgres(self) -> None:
        """Wrap what this process sends to PostgreSQL from now on: the ledger's statements, and the engine's."""
        points = self
        for name in ("execute", "executemany"):
            call = getattr(psycopg.Cursor, name)

            def run(cursor: Any, statement: Any, *values: Any, call: Any = call, **named: Any) -> Any:
                text = statement if isinstance(statement, str) else str(statement)
                return points.around(_of_postgres(text), call, cursor, statement, *values, **named)

            patch.object(psycopg.Cursor, name, run).start()
        leave, commit = psycopg.Transaction.__exit__, psycopg.Connection.commit

        def left(transaction: Any, *error: Any) -> Any:
            return points.around("COMMIT", leave, transaction, *error)

        def committed(connection: Any) -> Any:
            return points.around("engine COMMIT", commit, connection)

        patch.object(psycopg.Transaction, "__exit__", left).start()
        patch.object(psycopg.Connection, "commit", committed).start()
        for name in _FILES:
            patch.object(os, name, _wrapped(self, name, getattr(os, name))).start()


def _of_postgres(statement: str) -> str:
    """A statement in a few words; those of the engine name its own tables."""
    short = _named(statement.replace('"', "").replace("ONLY ", ""))
    if "_engine" not in statement:
        return short
    table = re.search(r"_engine\"?\.\"?(\w+)", statement)
    return " ".join(part for part in ("engine", short.split(" ")[0], table and table[1]) if part)


def _wrapped(points: Points, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
    return lambda *values, **named: points.around(name, call, *values, **named)


def _named(statement: str) -> str:
    """A statement in a few words: a kind of it, and its table."""
    words = re.sub(r"\s+", " ", statement.strip())
    found = re.match(r"(BEGIN|COMMIT|ROLLBACK|PRAGMA \w+|CREATE (?:TEMP )?\w+|[A-Z]+)", words)
    table = re.search(r"(?:FROM|INTO|UPDATE|TABLE(?: IF NOT EXISTS)?|INDEX|TRIGGER) (\w+)", words)
    state = re.search(r"SET state|SELECT state|SET paid|SET stop", words)
    return " ".join(part for part in (found and found[1], table and table[1], state and state[0]) if part)


class Transport(httpx.AsyncBaseTransport):
    """Sends over HTTP, with a point before each request and one after its response has begun.

    Args:
        points: Is called there.
    """

    def __init__(self, points: Points) -> None:
        self._points = points
        # Without certificates, whose loading takes a third of the time of a short run.
        self._inner = httpx.AsyncHTTPTransport(verify=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Called by httpx."""
        kind = "submit" if request.method == "POST" else "read"
        if request.url.path.endswith((".mp4", "/content")):
            kind = "download"
        self._points.at(f"before {kind}")
        response = await self._inner.handle_async_request(request)
        self._points.at(f"after {kind}")
        return response

    async def aclose(self) -> None:
        """Called by httpx."""
        await self._inner.aclose()
