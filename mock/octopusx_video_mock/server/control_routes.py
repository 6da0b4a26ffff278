"""The control routes under ``/__mock__/``: what a Python test does with the mock object, for any other program."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable
from typing import Any

import jiter
import orjson
from octopusx_video_openapi.hosts import is_loopback

from octopusx_video_mock.engine.clock import Clock
from octopusx_video_mock.engine.ledger import Ledger
from octopusx_video_mock.errors import MockError
from octopusx_video_mock.faults.active import ActiveFaults
from octopusx_video_mock.faults.table import FAULTS
from octopusx_video_mock.messages import CONTROL_ROOT, ENCODED_BODY, Request, Response
from octopusx_video_mock.pages.live import LiveState

_PORT = re.compile(r":[0-9]+$")
_EVENTS = ("GET", "events")
"""The event stream: the state of the mock, whenever it has changed."""

Json = Any
_OPTIONS: dict[str, tuple[type, ...]] = {"operation": (str,), "probability": (float, int), "times": (int,)}


class ControlRoutes:
    """Responds to the control routes, for clients on this machine alone.

    Args:
        clock: The mock's clock.
        faults: Which faults are on.
        ledger: The calls and the submissions.
        live: Makes the event stream of the live page.
    """

    def __init__(self, clock: Clock, faults: ActiveFaults, ledger: Ledger, live: LiveState) -> None:
        self._clock = clock
        self._faults = faults
        self._ledger = ledger
        self._live = live
        self._routes: dict[tuple[str, str], Callable[[Json], Json]] = {
            ("GET", ""): lambda _: {"routes": self._names()},
            ("GET", "clock"): lambda _: self._time(),
            ("POST", "clock"): self._set_clock,
            ("GET", "faults"): lambda _: self._active_faults(),
            ("POST", "faults"): self._fault_on,
            ("DELETE", "faults"): self._fault_off,
            ("GET", "calls"): lambda _: [dataclasses.asdict(call) for call in ledger.calls],
            ("GET", "submissions"): lambda _: [dataclasses.asdict(one) for one in ledger.submissions],
            ("GET", "billed"): lambda _: [dataclasses.asdict(one) for one in ledger.billed],
            ("GET", "bill"): lambda _: {"submissions": ledger.accepted, "billed": ledger.bill},
            ("POST", "reset"): self._reset,
        }

    def respond(self, request: Request, client: str) -> Response:
        """Respond to a control request."""
        name = request.path[len(CONTROL_ROOT) :].removeprefix(b"/").decode("latin-1")
        route = self._routes.get((request.method, name))
        rejection = _rejection(request, client)
        if rejection is not None:
            return _json(*rejection)
        if (request.method, name) == _EVENTS:
            return self._event_stream()
        if route is None:
            return _json(404, {"error": f"there is no such control route; there are {', '.join(self._names())}"})
        try:
            value = jiter.from_json(request.body, allow_inf_nan=False) if request.body else {}
            if not isinstance(value, dict):
                return _json(400, {"error": "send a JSON object"})
            return _json(200, route(value))
        except (MockError, ValueError) as error:
            return _json(400, {"error": str(error)})

    def _names(self) -> list[str]:
        return [f"{method} {CONTROL_ROOT.decode()}/{name}" for method, name in (*self._routes, _EVENTS) if name]

    def _event_stream(self) -> Response:
        events = self._live.events()
        headers = [(b"content-type", b"text/event-stream"), (b"cache-control", b"no-store")]
        return Response(200, headers, events(), stream=events)

    def _time(self) -> Json:
        return {"now": self._clock.now(), "running": not self._clock.stands_still, "rate": self._clock.rate}

    def _set_clock(self, value: Json) -> Json:
        advance, running, rate = value.get("advance", 0), value.get("running"), value.get("rate")
        right = all(map(_is_number, (advance, 1 if rate is None else rate))) and isinstance(running, bool | None)
        if not right or not value or not value.keys() <= {"advance", "running", "rate"}:
            raise MockError(
                'send {"advance": SECONDS} to advance the clock, {"rate": N} to let it run N times faster, '
                '{"running": false} to stop it, or {"running": true} to start it'
            )
        self._clock.advance(advance)
        if running or rate is not None:
            self._clock.start(rate)
        if running is False:
            self._clock.stop()
        return self._time()

    def _active_faults(self) -> Json:
        rules = [
            {"fault": rule.fault.name, **{name: getattr(rule, name) for name in _OPTIONS}}
            for rule in self._faults.rules
        ]
        return {"on": rules, "known": {fault.name: fault.summary for fault in FAULTS}}

    def _fault_on(self, value: Json) -> Json:
        options = {name: given for name, given in value.items() if name != "on"}
        right = all(name in _OPTIONS and type(given) in _OPTIONS[name] for name, given in options.items())
        if not isinstance(value.get("on"), str) or not right:
            raise MockError('say {"on": NAME}, with "operation": NAME, "probability": 0.1 or "times": 1 if you like')
        self._faults.on(value["on"], **options)
        return self._active_faults()

    def _fault_off(self, value: Json) -> Json:
        name = value.get("off")
        if not isinstance(name, str | None):
            raise MockError('say {"off": NAME}, or {} for all of them')
        self._faults.off(name)
        return self._active_faults()

    def _reset(self, _: Json) -> Json:
        self._faults.off()
        self._ledger.clear()
        return {}


def _rejection(request: Request, client: str) -> tuple[int, Json] | None:
    """Status and body of the response to a request that is rejected before it is read."""
    # A page of the web that resolves its own name to this machine would send from here as well.
    named = [_PORT.sub("", host.decode("latin-1")).strip("[]") for host in request.every(b"host")]
    if len(named) != 1 or not is_loopback(named[0]) or not is_loopback(client):
        return 403, {"error": "the control routes are for this machine alone"}
    if not _is_of_this_page(request, named[0]):
        return 403, {"error": "the control routes are not for web pages of another origin"}
    if request.body is None:
        return 413, {"error": "the body is too large"}
    # A page of another origin can send anything else than JSON without a preflight request.
    if request.method != "GET" and not _is_json(request):
        return 400, {"error": "send JSON, with Content-Type: application/json"}
    if request.has_encoded_body:
        return 400, {"error": ENCODED_BODY}
    return None


def _is_of_this_page(request: Request, host: str) -> bool:
    """Whether a request is that of a page of the mock itself, or of no page: browsers name the page's origin."""
    origin, site = request.header(b"origin"), request.header(b"sec-fetch-site")
    if site is not None:
        return site in {b"same-origin", b"none"}
    return origin is None or _PORT.sub("", origin.decode("latin-1").partition("://")[2]).strip("[]") == host


def _is_number(value: Json) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_json(request: Request) -> bool:
    sent = request.header(b"content-type") or b""
    return sent.split(b";")[0].strip().lower() == b"application/json"


def _json(status: int, value: Json) -> Response:
    return Response(status, [(b"content-type", b"application/json")], orjson.dumps(value))
