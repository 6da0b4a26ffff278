"""The control routes under ``/__mock__/``: what a Python test does with the mock object, for any other program."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable
from typing import Any

import jiter
import orjson
from octopusx_video_openapi.hosts import is_loopback

from octopusx_video_mock.errors import MockError
from octopusx_video_mock.faults.table import FAULTS
from octopusx_video_mock.messages import CONTROL_ROOT, ENCODED_BODY, Answer, Request

PREFIX = f"{CONTROL_ROOT.decode()}/"
MOST_KEPT = 10_000
"""How many calls and submissions a server keeps for these routes."""

_PORT = re.compile(r":[0-9]+$")

Json = Any
_OPTIONS: dict[str, tuple[type, ...]] = {"operation": (str,), "probability": (float, int), "times": (int,)}


class Control:
    """Answers the control routes, for callers on this machine alone.

    Args:
        mock: What is controlled: anything with ``clock``, ``faults`` and ``ledger``.
    """

    def __init__(self, mock: Any) -> None:
        self._mock = mock
        self._routes: dict[tuple[str, str], Callable[[Json], Json]] = {
            ("GET", ""): lambda _: {"routes": self._listed()},
            ("GET", "clock"): lambda _: self._clock(),
            ("POST", "clock"): self._turn,
            ("GET", "faults"): lambda _: self._faults(),
            ("POST", "faults"): self._on,
            ("DELETE", "faults"): self._off,
            ("GET", "calls"): lambda _: [dataclasses.asdict(call) for call in self._mock.ledger.calls],
            ("GET", "submissions"): lambda _: [dataclasses.asdict(one) for one in self._mock.ledger.submissions],
            ("GET", "billed"): lambda _: [dataclasses.asdict(one) for one in self._mock.ledger.billed],
            ("GET", "bill"): lambda _: {"submissions": self._mock.ledger.accepted, "billed": self._mock.ledger.bill},
            ("POST", "reset"): self._reset,
        }

    def answer(self, request: Request, client: str) -> Answer:
        """Answer a control request."""
        name = request.path[len(CONTROL_ROOT) :].removeprefix(b"/").decode("latin-1")
        route = self._routes.get((request.method, name))
        refusal = self._refusal(request, client)
        if refusal is not None:
            return _json(*refusal)
        if route is None:
            return _json(404, {"error": f"there is no such control route; there are {', '.join(self._listed())}"})
        try:
            value = jiter.from_json(request.body, allow_inf_nan=False) if request.body else {}
            if not isinstance(value, dict):
                return _json(400, {"error": "send a JSON object"})
            return _json(200, route(value))
        except (MockError, ValueError) as error:
            return _json(400, {"error": str(error)})

    def _refusal(self, request: Request, client: str) -> tuple[int, Json] | None:
        """Why a request is not looked at, if it is not."""
        # A page of the web that resolves its own name to this machine would come from here as well.
        named = [_PORT.sub("", host.decode("latin-1")).strip("[]") for host in request.every(b"host")]
        if len(named) != 1 or not is_loopback(named[0]) or not is_loopback(client):
            return 403, {"error": "the control routes are for this machine alone"}
        if request.body is None:
            return 413, {"error": "the body is too large"}
        # A page of another origin can send anything else than JSON without asking first.
        if request.method != "GET" and not _is_json(request):
            return 400, {"error": "send JSON, with Content-Type: application/json"}
        if request.has_encoded_body:
            return 400, {"error": ENCODED_BODY}
        return None

    def _listed(self) -> list[str]:
        return [f"{method} {PREFIX}{name}" for method, name in self._routes if name]

    def _clock(self) -> Json:
        clock = self._mock.clock
        return {"now": clock.now(), "running": not clock.stands_still}

    def _turn(self, value: Json) -> Json:
        clock, advance, running = self._mock.clock, value.get("advance", 0), value.get("running")
        right = isinstance(advance, int | float) and not isinstance(advance, bool) and isinstance(running, bool | None)
        if not right or not value or not value.keys() <= {"advance", "running"}:
            raise MockError(
                'send {"advance": SECONDS} to advance the clock, {"running": false} to stop it, or {"running": true} '
                "to start it"
            )
        clock.advance(advance)
        if running is not None:
            (clock.start if running else clock.stop)()
        return self._clock()

    def _faults(self) -> Json:
        names = ("operation", "probability", "times")
        return {
            "on": [
                {"fault": order.fault.name, **{name: getattr(order, name) for name in names}}
                for order in self._mock.faults.orders
            ],
            "known": {fault.name: fault.summary for fault in FAULTS},
        }

    def _on(self, value: Json) -> Json:
        options = {name: given for name, given in value.items() if name != "on"}
        right = all(name in _OPTIONS and type(given) in _OPTIONS[name] for name, given in options.items())
        if not isinstance(value.get("on"), str) or not right:
            raise MockError('say {"on": NAME}, with "operation": NAME, "probability": 0.1 or "times": 1 if you like')
        self._mock.faults.on(value["on"], **options)
        return self._faults()

    def _off(self, value: Json) -> Json:
        name = value.get("off")
        if not isinstance(name, str | None):
            raise MockError('say {"off": NAME}, or {} for all of them')
        self._mock.faults.off(name)
        return self._faults()

    def _reset(self, _: Json) -> Json:
        self._mock.faults.off()
        self._mock.ledger.clear()
        return {}


def _is_json(request: Request) -> bool:
    sent = request.header(b"content-type") or b""
    return sent.split(b";")[0].strip().lower() == b"application/json"


def _json(status: int, value: Json) -> Answer:
    return Answer(status, [(b"content-type", b"application/json")], orjson.dumps(value))
