"""The mock as an object: in the process of a test, or as a server in a thread of it."""

from __future__ import annotations

import contextlib
import functools
import itertools
import os
import random
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from octopusx_video_openapi import ContractError, contract_path, load

from octopusx_video_mock.compiled.contract import Blueprint
from octopusx_video_mock.engine.clock import Clock
from octopusx_video_mock.engine.engine import Engine, Settings
from octopusx_video_mock.engine.ledger import Call, Ledger, Submission
from octopusx_video_mock.errors import MockError
from octopusx_video_mock.faults.active import Faults, Order
from octopusx_video_mock.messages import check_token
from octopusx_video_mock.server.app import App
from octopusx_video_mock.server.control_routes import Control
from octopusx_video_mock.tasks.task import is_speed

if TYPE_CHECKING:
    from octopusx_video_mock.httpx_transport import MockTransport

SECRET_VARIABLE = "OCTOPUSX_MOCK_SECRET"  # noqa: S105 - its name
"""Environment variable with the secret that mocks share which answer for each other's tasks."""
# Known to everybody, and so the same after a restart and on every machine: enough where only its user reaches the mock.
_COMMON_SECRET = "octopusx-video-mock"  # noqa: S105 - none that would have to be kept
START = 1_767_225_600.0
"""When the clock of a mock in process stands, unless it is told otherwise: 2026-01-01T00:00:00Z."""


class Mock:
    """A mock of the API that lives through time, in this process.

    ``mock.transport`` goes into any httpx client (``httpx.Client(transport=mock.transport)``, or the asynchronous one),
    ``mock.clock.advance(30)`` lets thirty seconds pass, ``mock.faults.on("failed")`` lets things go wrong, and
    ``mock.calls``, ``mock.submissions`` and ``mock.billed`` tell what happened. The same calls get the same answers,
    ids included, on every run.

    Args:
        contract: Path of an OpenAPI file; the project's own contract when left out.
        token: The API key that is accepted, or several, each with tasks of its own; any well-formed key when left out.
        speed: How many times faster than the contract has it a task runs.
        seed: Decides the ids, and at which requests a fault with a probability shows.
        start: When the clock stands, in Unix seconds; None lets it follow the machine's time.
        secret: Keys the ids; mocks that share it answer for each other's tasks. From the environment variable
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
        secret: str | None = None,
    ) -> None:
        self._blueprint = compiled(contract)
        try:
            self.clock = Clock(start)
        except ValueError as error:
            raise MockError(str(error)) from None
        self.faults = Faults(self._blueprint.served, seed)
        self.ledger = Ledger(self.clock.now)
        seeded = random.Random(seed)  # noqa: S311 - made to be repeated, not to be secret
        self.engine = Engine(
            self._blueprint,
            settings(token, speed, secret),
            clock=self.clock,
            faults=self.faults,
            distinction=lambda: seeded.randbytes(6),
            ledger=self.ledger,
        )

    @functools.cached_property
    def transport(self) -> MockTransport:
        """For ``httpx.Client`` and ``httpx.AsyncClient``; every host leads to the mock."""
        from octopusx_video_mock.httpx_transport import MockTransport  # noqa: PLC0415 - a server needs no httpx

        return MockTransport(self.engine.answer, self.clock)

    @functools.cached_property
    def controlled_transport(self) -> MockTransport:
        """The same, with ``/__mock__/`` answered as with ``--control``: for the base URL ``http://localhost``."""
        from octopusx_video_mock.httpx_transport import MockTransport  # noqa: PLC0415 - a server needs no httpx

        app = App(self.engine, control=Control(self))
        return MockTransport(lambda request: app.answer(request, "127.0.0.1"), self.clock)

    @property
    def calls(self) -> list[Call]:
        """Every request that came, in order, those that were refused as well."""
        return self.ledger.calls

    @property
    def submissions(self) -> list[Submission]:
        """Every submit that was accepted, whether its answer arrived or not."""
        return self.ledger.submissions

    @property
    def billed(self) -> list[Submission]:
        """The submissions that cost money as things stand now."""
        return self.ledger.billed

    def serve(
        self, host: str = "127.0.0.1", port: int = 0, *, cors: bool = False, control: bool = False
    ) -> contextlib.AbstractContextManager[str]:
        """Serve over HTTP too, from a thread, while a ``with`` block lasts; gives where it listens.

        Args:
            host: Address to listen on.
            port: Port to listen on; 0 takes a free one.
            cors: Whether pages of other origins may read the answers.
            control: Whether there are control routes under ``/__mock__/``.

        Raises:
            MockError: On entering, when the port can't be had.
        """
        from octopusx_video_mock.server.server import served  # noqa: PLC0415 - in process there is no server

        return served(self, host, port, cors=cors, control=control)

    @contextlib.contextmanager
    def fault(self, name: str, *, operation: str | None = None, times: int | None = None) -> Iterator[Order]:
        """Switch a fault on while a ``with`` block lasts.

        Raises:
            MockError: There is no such fault or operation.
        """
        order = self.faults.on(name, operation=operation, times=times)
        try:
            yield order
        finally:
            self.faults.drop(order)


def compiled(contract: Path | str | None) -> Blueprint:
    """The contract, ready to be served; one that was compiled before, and has not changed since, is taken again.

    Raises:
        MockError: It can't be served; the text names the place.
    """
    path = contract_path() if contract is None else Path(contract)
    try:
        changed = path.stat().st_mtime_ns
    except OSError:
        changed = 0  # the reader says what is wrong
    return _compiled(contract if contract is None else path, changed)


@functools.lru_cache(maxsize=4)
def _compiled(contract: Path | None, changed: int) -> Blueprint:
    try:
        return Blueprint(load(contract))
    except ContractError as error:
        raise MockError(*error.lines) from None
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        reason = f"{type(error).__name__}: {error}"
        path = contract_path() if contract is None else contract
        raise MockError(f"{path}: can't be served ({reason}); check the contract with a linter") from None


def settings(token: str | Sequence[str] | None, speed: float, secret: str | None) -> Settings:
    """What an engine is told, checked.

    Raises:
        MockError: A token or the speed can't be used.
    """
    tokens = () if token is None else (token,) if isinstance(token, str) else tuple(token)
    if token is not None and not tokens:
        raise MockError("an empty list of tokens accepts no key; name one, or leave it out to accept any")
    for one in tokens:
        check_token(one)
    if not is_speed(speed):
        raise MockError(f"the speed {speed} is not between 0.001 and 1000000; choose another with --speed")
    chosen = secret if secret is not None else os.environ.get(SECRET_VARIABLE) or _COMMON_SECRET
    return Settings(chosen.encode("utf-8", "surrogateescape"), tokens, speed)


def distinctions() -> Iterator[bytes]:
    """Six bytes again and again, none twice in this process, and hardly in another."""
    begin = int.from_bytes(os.urandom(6), "big")
    return ((number & 0xFFFFFFFFFFFF).to_bytes(6, "big") for number in itertools.count(begin))
