"""The control routes under ``/__mock__/``: what a Python test does with the mock object, for any other program."""

from __future__ import annotations

import dataclasses
import ipaddress
import re
from collections.abc import Callable
from typing import Any

import jiter
import orjson

from octopusx_video_mock._errors import MockError
from octopusx_video_mock._faults import FAULTS
from octopusx_video_mock._message import Answer, Request

PREFIX = "/__mock__/"
MOST_KEPT = 10_000
"""How many calls and submissions a server keeps for these routes."""

_LOCAL_HOST = re.compile(rb"(localhost|127\.[0-9.]+|\[::1\])(:[0-9]+)?", re.IGNORECASE)

Json = Any


class Control:
    """Answers the control routes, for callers on this machine alone.

    Args:
        mock: What is controlled: anything with ``clock``, ``faults`` and ``ledger``.
    """

    def __init__(self, mock: Any) -> None:
        self._mock = mock
        self._routes: dict[tuple[str, str], Callable[[Json], Json]] = {
            ("GET", "clock"): lambda _: self._clock(),
            ("POST", "clock"): self._turn,
            ("GET", "faults"): lambda _: self._faults(),
            ("POST", "faults"): self._on,
            ("DELETE", "faults"): self._off,
            ("GET", "calls"): lambda _: [dataclasses.asdict(call) for call in self._mock.ledger.calls],
            ("GET", "submissions"): lambda _: [dataclasses.asdict(one) for one in self._mock.ledger.submissions],
            ("GET", "billed"): lambda _: [dataclasses.asdict(one) for one in self._mock.ledger.billed],
            ("POST", "reset"): self._reset,
        }

    def answer(self, request: Request, client: str) -> Answer:
        """Answer a control request."""
        host = next((value for name, value in request.headers if name == b"host"), b"")
        # A page of the web that resolves its own name to this machine would come from here as well.
        if not _is_local(client) or not _LOCAL_HOST.fullmatch(host):
            return _json(403, {"error": "the control routes are for this machine alone"})
        name = request.path.decode("latin-1").removeprefix(PREFIX)
        route = self._routes.get((request.method, name))
        if route is None:
            known = ", ".join(f"{method} {PREFIX}{route}" for method, route in self._routes)
            return _json(404, {"error": f"there is no such control route; there are {known}"})
        # A page of another origin can send anything else than JSON without asking first.
        if request.method != "GET" and not _is_json(request):
            return _json(400, {"error": "send JSON, with Content-Type: application/json"})
        try:
            value = jiter.from_json(request.body, allow_inf_nan=False) if request.body else {}
            if not isinstance(value, dict):
                return _json(400, {"error": "send a JSON object"})
            return _json(200, route(value))
        except (MockError, ValueError, TypeError, KeyError) as error:
            return _json(
                400, {"error": f"{type(error).__name__}: {error}" if isinstance(error, KeyError) else str(error)}
            )

    def _clock(self) -> Json:
        return {"now": self._mock.clock.now()}

    def _turn(self, value: Json) -> Json:
        advance = value.get("advance")
        if not isinstance(advance, int | float) or isinstance(advance, bool):
            raise MockError('say {"advance": SECONDS}')
        self._mock.clock.advance(advance)
        return self._clock()

    def _faults(self) -> Json:
        orders = self._mock.faults.orders
        return {
            "on": [{**dataclasses.asdict(order), "fault": order.fault.name} for order in orders],
            "known": {fault.name: fault.summary for fault in FAULTS},
        }

    def _on(self, value: Json) -> Json:
        options = {name: value[name] for name in ("operation", "probability", "times") if name in value}
        unknown = set(value) - {"on", *options}
        if not isinstance(value.get("on"), str) or unknown:
            raise MockError('say {"on": NAME}, with operation, probability or times if you like')
        self._mock.faults.on(value["on"], **options)
        return self._faults()

    def _off(self, value: Json) -> Json:
        self._mock.faults.off(value.get("off"))
        return self._faults()

    def _reset(self, _: Json) -> Json:
        self._mock.faults.off()
        self._mock.ledger.clear()
        return {}


def _is_local(client: str) -> bool:
    try:
        return ipaddress.ip_address(client).is_loopback
    except ValueError:
        return False


def _is_json(request: Request) -> bool:
    sent = next((value for name, value in request.headers if name == b"content-type"), b"")
    return sent.split(b";")[0].strip().lower() == b"application/json"


def _json(status: int, value: Json) -> Answer:
    return Answer(status, [(b"content-type", b"application/json")], orjson.dumps(value))
