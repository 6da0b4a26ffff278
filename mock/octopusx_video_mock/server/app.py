"""What stands between a connection and the engine: the browser's rules, the control routes, a line for each request."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from octopusx_video_openapi.text import printable

from octopusx_video_mock.engine.engine import Engine
from octopusx_video_mock.messages import Answer, Request

if TYPE_CHECKING:
    from octopusx_video_mock.server.control_routes import Control

_NAMES = re.compile(rb"[A-Za-z0-9!#$%&'*+.^_`|~, -]{1,4096}")
_LONGEST_TARGET = 300
_ANY_ORIGIN = (b"access-control-allow-origin", b"*")

Say = Callable[[str], None]


class App:
    """Answers the requests of a server.

    Args:
        engine: Answers them in turn; may be exchanged while the server runs.
        report: Takes a line for each request, without any secret; None where nobody reads it.
        trouble: Takes a line where the mock itself broke.
        cors: Whether pages of other origins may read the answers.
        control: Answers the control routes; None where there are none.
    """

    def __init__(
        self,
        engine: Engine,
        *,
        report: Say | None = None,
        trouble: Say = lambda _: None,
        cors: bool = False,
        control: Control | None = None,
    ) -> None:
        self.engine = engine
        self._report = report
        self._trouble = trouble
        self._cors = cors
        self._control = control

    def answer(self, request: Request, client: str) -> Answer:
        """Answer a request that came from this address."""
        if self._report is None:
            return self._answered(request, client)
        begun = time.perf_counter()
        answer = self._answered(request, client)
        self._report(self._line(request, answer, 1000 * (time.perf_counter() - begun)))
        return answer

    def _answered(self, request: Request, client: str) -> Answer:
        try:
            if self._control is not None and request.is_control:
                return self._control.answer(request, client)
            if self._cors:
                return self._shared(request)
            return self.engine.answer(request)
        except Exception as error:  # noqa: BLE001 - a defect costs the request it is working on, not the server
            what = f"{request.method} {request.path[:100]!r}: {type(error).__name__}: {error}"
            shown = printable(self.engine.hidden(request, what))
            self._trouble(f"the mock broke over {shown}; please report it")
            return self.engine.broken(request)

    def _shared(self, request: Request) -> Answer:
        """The answer, for pages of any origin, as the gateway gives it (middleware/cors.go @0715d0e1, of a fork)."""
        asked = {name: value for name, value in request.headers if name.startswith(b"access-control-request-")}
        if request.method == "OPTIONS" and b"access-control-request-method" in asked:
            headers = [(b"access-control-allow-methods", b"GET, POST, OPTIONS"), (b"access-control-max-age", b"43200")]
            wanted = asked.get(b"access-control-request-headers", b"")
            if _NAMES.fullmatch(wanted):
                headers.append((b"access-control-allow-headers", wanted))
            return Answer(204, [*headers, _ANY_ORIGIN], b"")
        answer = self.engine.answer(request)
        answer.headers.append(_ANY_ORIGIN)
        return answer

    def _line(self, request: Request, answer: Answer, milliseconds: float) -> str:
        target = printable(self.engine.shown(request)[:_LONGEST_TARGET])
        status = "no answer" if answer.delivery in {"lost", "reset"} else str(answer.status)
        faults = f" [{', '.join(answer.faults)}]" if answer.faults else ""
        return f"{request.method} {target} {status} {milliseconds:.1f} ms{faults}"
