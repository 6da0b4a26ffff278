"""The clock and the books of a mock that lets both be looked at (``/__mock__/``), where a server has them."""

from __future__ import annotations

import json
from typing import Any

import httpcore
import httpx

from octopusx_video_contract._exchange import ABSENT, loaded
from octopusx_video_contract._wire import Sender

_PREFIX = "/__mock__/"
_SECONDS = 5.0


class Control:
    """Turns a mock's clock and reads its books."""

    def __init__(self, sender: Sender, base_url: str) -> None:
        self._sender = sender
        self._base_url = base_url

    def is_there(self) -> bool:
        """Whether the server has one."""
        clock = self._ask("GET", "clock")
        return isinstance(clock, dict) and isinstance(clock.get("now"), int | float)

    def now(self) -> float:
        """The server's time, in Unix seconds."""
        return float(self._ask("GET", "clock")["now"])

    def advance(self, seconds: float) -> None:
        """Let so many seconds pass."""
        self._ask("POST", "clock", {"advance": seconds})

    def billed(self) -> int:
        """How many submits cost money as things stand."""
        return int(self._ask("GET", "bill")["billed"])

    def _ask(self, method: str, name: str, value: Any = None) -> Any:
        body = None if value is None else json.dumps(value).encode()
        headers = [(b"Content-Type", b"application/json")] if body else []
        try:
            status, _, stream = self._sender(method, self._base_url, _PREFIX + name, headers, body, _SECONDS)
            content = b"".join(stream)
        except (
            httpcore.TimeoutException,
            httpcore.NetworkError,
            httpcore.ProtocolError,
            httpx.TransportError,
            OSError,
        ):
            return ABSENT
        return loaded(content) if status == 200 else ABSENT
