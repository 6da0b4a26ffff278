"""The clock and the ledger of a mock that lets both be looked at (``/__mock__/``), where a server has them."""

from __future__ import annotations

import contextlib
import json
import sys
import time
from collections.abc import Iterator
from typing import Any

import pytest

from octopusx_video_contract.messages.http import ABSENT, Request
from octopusx_video_contract.messages.receiving import Arriving
from octopusx_video_contract.sending.senders import FAILURES, Sender

_PREFIX = "/__mock__/"
_SECONDS = 5.0
_MOMENT = 0.02
"""Seconds in which a clock that runs has moved."""
_CURL = """curl -H 'Content-Type: application/json' -d '{"running": true}'"""
_MAX_BYTES = 100_000
"""The largest response that is read."""


class Control:
    """Turns a mock's clock and reads its ledger.

    Attributes:
        is_still: Whether the clock is known to stand still, so that nothing changes by itself.
    """

    def __init__(self, sender: Sender, base_url: str) -> None:
        self.is_still = False
        self._stands_at: float | None = None
        self._sender = sender
        self._base_url = base_url

    def is_there(self) -> bool:
        """Whether the server has both."""
        clock, bill = self._ask("GET", "clock"), self._ask("GET", "bill")
        return all(
            isinstance(response, dict) and isinstance(response.get(name), int | float)
            for response, name in ((clock, "now"), (bill, "billed"))
        )

    def now(self) -> float:
        """The server's time, in Unix seconds. A clock that stands still is asked once, until it is turned."""
        if self._stands_at is not None:
            return self._stands_at
        now = float(self._number("clock", "now"))
        self._stands_at = now if self.is_still else None
        return now

    def advance(self, seconds: float) -> None:
        """Let so many seconds pass."""
        self._stands_at = None
        self._ask("POST", "clock", {"advance": seconds})

    @contextlib.contextmanager
    def stopped(self) -> Iterator[None]:
        """Stop the clock while the block lasts, so that between two requests nothing changes by itself.

        A clock that stands still before stays so afterwards. One that can't be stopped runs on.
        """
        clock = self._ask("GET", "clock")
        if not isinstance(clock, dict) or clock.get("running") is not True:
            self._look()
            yield
            return
        try:
            self._ask("POST", "clock", {"running": False})
            self._look()
            yield
        finally:
            self.is_still, self._stands_at = False, None
            if self._ask("POST", "clock", {"running": True}) is ABSENT:
                url = f"{self._base_url}{_PREFIX}clock"
                sys.stderr.write(f"warning: the server's clock may be stopped; start it: {_CURL} {url}\n")

    def _look(self) -> None:
        """Find out whether the clock stands still."""
        before = self.now()
        time.sleep(_MOMENT)
        self.is_still = self.now() == before

    def billed(self) -> int:
        """How many submits cost money as things stand."""
        return int(self._number("bill", "billed"))

    def _number(self, name: str, field: str) -> float:
        reported = self._ask("GET", name)
        if not isinstance(reported, dict) or not isinstance(reported.get(field), int | float):
            pytest.fail(f"{self._base_url}{_PREFIX}{name} responded before, and does not any more", pytrace=False)
        return float(reported[field])

    def _ask(self, method: str, name: str, value: Any = None) -> Any:
        body = None if value is None else json.dumps(value).encode()
        headers = [(b"Content-Type", b"application/json")] if body else []
        arriving = Arriving(Request(method, _PREFIX + name))
        try:
            status, received, stream = self._sender(method, self._base_url, _PREFIX + name, headers, body, _SECONDS)
            arriving.begin(status, received)
            arriving.read(stream, time.monotonic() + _SECONDS, _MAX_BYTES)
            response = arriving.whole(_MAX_BYTES)
        except FAILURES:
            return ABSENT
        return response.json() if status == 200 else ABSENT
