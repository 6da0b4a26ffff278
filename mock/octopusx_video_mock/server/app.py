"""What is between a connection and the engine: pages, CORS, the control routes, a line for each request."""

from __future__ import annotations

import re
import time
from collections.abc import Callable

from octopusx_video_openapi.text import printable

from octopusx_video_mock.delivery import NOT_SENT
from octopusx_video_mock.engine.engine import Engine
from octopusx_video_mock.engine.ledger import Ledger
from octopusx_video_mock.faults.active import ActiveFaults
from octopusx_video_mock.messages import Request, Response
from octopusx_video_mock.pages.live import LiveState
from octopusx_video_mock.pages.site import PATHS, Site
from octopusx_video_mock.server.control_routes import ControlRoutes
from octopusx_video_mock.settings import Settings

_NAMES = re.compile(rb"[A-Za-z0-9!#$%&'*+.^_`|~, -]{1,4096}")
_MAX_TARGET = 300
_ANY_ORIGIN = (b"access-control-allow-origin", b"*")

WriteLine = Callable[[str], None]


class App:
    """Responds to the requests of a server.

    Args:
        engine: Responds to them in turn; may be exchanged while the server runs.
        report: Takes a line for each request, without any secret; None where nobody reads it.
        trouble: Takes a line where the mock itself broke.
        cors: Whether pages of other origins may read the responses.
        latency: Returns how long the next response is held back, in seconds.

    Attributes:
        control: Responds to the control routes; None where there are none.
        site: Responds to requests for pages; None where there are none.
    """

    def __init__(
        self,
        engine: Engine,
        *,
        report: WriteLine | None = None,
        trouble: WriteLine = lambda _: None,
        cors: bool = False,
        latency: Callable[[], float] | None = None,
    ) -> None:
        self.engine = engine
        self._report = report
        self._trouble = trouble
        self._cors = cors
        self.latency = latency
        self.control: ControlRoutes | None = None
        self.site: Site | None = None

    def add_control(self, faults: ActiveFaults, ledger: Ledger) -> None:
        """Respond to the control routes from now on."""
        live = LiveState(lambda: self.engine, faults, ledger)
        self.control = ControlRoutes(self.engine.clock, faults, ledger, live)

    def add_site(self, settings: Settings) -> None:
        """Respond to requests for pages from now on; they are live where there are control routes."""
        self.site = Site(
            lambda: self.engine.compiled,
            speed=settings.speed,
            any_key=not settings.tokens,
            is_live=self.control is not None,
        )

    def respond(self, request: Request, client: str) -> Response:
        """Respond to a request that a client at this address sent."""
        if self._report is None:
            return self._respond(request, client)
        begun = time.perf_counter()
        response = self._respond(request, client)
        self._report(self._line(request, response, 1000 * (time.perf_counter() - begun)))
        return response

    def _respond(self, request: Request, client: str) -> Response:
        try:
            if self.control is not None and request.is_control:
                return self.control.respond(request, client)
            if self.site is not None and request.path in PATHS:
                page = self.site.respond(request)
                if page is not None:
                    return page
            if self._cors:
                return self._respond_to_any_origin(request)
            return self.engine.respond(request)
        except Exception as error:  # noqa: BLE001 - a defect costs the request it is working on, not the server
            what = f"{request.method} {request.path[:100]!r}: {type(error).__name__}: {error}"
            shown = printable(self.engine.credentials.redacted(request, what))
            self._trouble(f"the mock broke over {shown}; please report it")
            return self.engine.broken(request)

    def _respond_to_any_origin(self, request: Request) -> Response:
        """The response, for pages of any origin, as the gateway does (middleware/cors.go @0715d0e1, of a fork)."""
        asked = {name: value for name, value in request.headers if name.startswith(b"access-control-request-")}
        if request.method == "OPTIONS" and b"access-control-request-method" in asked:
            headers = [(b"access-control-allow-methods", b"GET, POST, OPTIONS"), (b"access-control-max-age", b"43200")]
            wanted = asked.get(b"access-control-request-headers", b"")
            if _NAMES.fullmatch(wanted):
                headers.append((b"access-control-allow-headers", wanted))
            return Response(204, [*headers, _ANY_ORIGIN], b"")
        response = self.engine.respond(request)
        response.headers.append(_ANY_ORIGIN)
        return response

    def _line(self, request: Request, response: Response, milliseconds: float) -> str:
        target = printable(self.engine.target(request, response.operation)[:_MAX_TARGET])
        status = "no response" if response.delivery in NOT_SENT else str(response.status)
        faults = f" [{', '.join(response.faults)}]" if response.faults else ""
        return f"{request.method} {target} {status} {milliseconds:.1f} ms{faults}"
