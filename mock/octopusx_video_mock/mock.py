"""The mock as an object: in the process of a test, or as a server in a thread of it."""

from __future__ import annotations

import contextlib
import functools
import random
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from octopusx_video_mock.compiled.contract import compiled
from octopusx_video_mock.engine.clock import Clock
from octopusx_video_mock.engine.engine import Engine
from octopusx_video_mock.engine.ledger import Call, Ledger, Submission
from octopusx_video_mock.errors import MockError
from octopusx_video_mock.faults.active import ActiveFaults, FaultRule
from octopusx_video_mock.server.app import App
from octopusx_video_mock.settings import Latency, Settings

if TYPE_CHECKING:
    from octopusx_video_mock.httpx_transport import MockTransport

START = 1_767_225_600.0
"""Where the clock of a mock in process stands unless another time is given: 2026-01-01T00:00:00Z."""


class Mock:
    """A mock of the API in this process, whose tasks run, finish and fail as the real ones do.

    ``mock.transport`` goes into any httpx client (``httpx.Client(transport=mock.transport)``, or the asynchronous one),
    ``mock.clock.advance(30)`` lets thirty seconds pass, ``mock.faults.on("failed")`` injects a fault, and
    ``mock.calls``, ``mock.submissions`` and ``mock.billed`` say what happened. The same calls get the same responses,
    ids included, on every run.

    Args:
        contract: Path of an OpenAPI file; the project's own contract when left out.
        token: The API key that is accepted, or several, each with tasks of its own; any well-formed key when left out.
        speed: How many times faster than in the contract a task runs.
        seed: Decides the ids, and at which requests a fault with a probability shows.
        start: Where the clock stands, in Unix seconds; with None it runs with the machine's time.
        latency: How long each response is held back, in seconds: ``"0.2"``, or ``"0.1-0.5"`` for times that the seed
            decides. In process it advances a clock that stands still, and waits on one that runs.
        secret: Keys the ids; mocks that share it know each other's tasks. From the environment variable
            ``OCTOPUSX_MOCK_SECRET`` when left out, else one that every mock has.

    Raises:
        MockError: The contract can't be served, or an option can't be used.
    """

    def __init__(
        self,
        contract: Path | str | None = None,
        *,
        token: str | Sequence[str] | None = None,
        speed: float = 1.0,
        seed: int = 0,
        start: float | None = START,
        latency: str = "",
        secret: str | None = None,
    ) -> None:
        found = compiled(contract)
        try:
            self.clock = Clock(start)
        except ValueError as error:
            raise MockError(str(error)) from None
        self.faults = ActiveFaults(found.operations, seed)
        self.ledger = Ledger(self.clock.now)
        self._latency = Latency.of(latency, seed) if latency else None
        self._settings = Settings.checked(token, speed, secret)
        seeded = random.Random(seed)  # noqa: S311 - made to be repeated, not to be secret
        self.engine = Engine(
            found,
            self._settings,
            clock=self.clock,
            faults=self.faults,
            distinction=lambda: seeded.randbytes(6),
            ledger=self.ledger,
        )

    @functools.cached_property
    def transport(self) -> MockTransport:
        """For ``httpx.Client`` and ``httpx.AsyncClient``; every host is the mock."""
        from octopusx_video_mock.httpx_transport import MockTransport  # noqa: PLC0415 - a server needs no httpx

        return MockTransport(self.engine.respond, self.clock, self._latency)

    @functools.cached_property
    def controlled_transport(self) -> MockTransport:
        """The same with the control routes, as with ``--control``: for the base URL ``http://localhost``."""
        from octopusx_video_mock.httpx_transport import MockTransport  # noqa: PLC0415 - a server needs no httpx

        app = self._app(control=True)
        return MockTransport(lambda request: app.respond(request, "127.0.0.1"), self.clock, self._latency)

    @property
    def calls(self) -> list[Call]:
        """Every request, in order, rejected ones included."""
        return self.ledger.calls

    @property
    def submissions(self) -> list[Submission]:
        """Every submit that was accepted, whether its response arrived or not."""
        return self.ledger.submissions

    @property
    def billed(self) -> list[Submission]:
        """The submissions that are billed at this time."""
        return self.ledger.billed

    def serve(
        self, host: str = "127.0.0.1", port: int = 0, *, cors: bool = False, control: bool = False, pages: bool = True
    ) -> contextlib.AbstractContextManager[str]:
        """Serve over HTTP too, from a thread, while a ``with`` block lasts; gives the base URL.

        Args:
            host: Address to listen on.
            port: Port to listen on; 0 is any free one.
            cors: Whether pages of other origins may read the responses.
            control: Whether there are control routes under ``/__mock__/``.
            pages: Whether there are pages for people, the contract and ``/healthz`` beside the API.

        Raises:
            MockError: On entering, when the port can't be used.
        """
        from octopusx_video_mock.server.threaded import serving  # noqa: PLC0415 - in process there is no server

        return serving(self._app(cors=cors, control=control, pages=pages), host, port)

    @contextlib.contextmanager
    def fault(self, name: str, *, operation: str | None = None, times: int | None = None) -> Iterator[FaultRule]:
        """Switch a fault on while a ``with`` block lasts.

        Raises:
            MockError: There is no such fault or operation.
        """
        rule = self.faults.on(name, operation=operation, times=times)
        try:
            yield rule
        finally:
            self.faults.remove(rule)

    def _app(self, *, cors: bool = False, control: bool = False, pages: bool = False) -> App:
        app = App(self.engine, cors=cors, latency=self._latency)
        if control:
            app.add_control(self.faults, self.ledger)
        if pages:
            app.add_site(self._settings)
        return app
