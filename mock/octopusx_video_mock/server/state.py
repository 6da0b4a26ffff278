"""What a server of the command keeps while it runs, when its engine may be exchanged."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

from octopusx_video_mock.compiled.contract import compiled
from octopusx_video_mock.engine.clock import Clock
from octopusx_video_mock.engine.engine import Engine
from octopusx_video_mock.engine.ledger import Ledger
from octopusx_video_mock.faults.active import ActiveFaults
from octopusx_video_mock.settings import Latency, Settings
from octopusx_video_mock.tasks.task_ids import distinctions

MAX_KEPT = 10_000
"""How many calls and submissions a server keeps for the control routes."""


@dataclass(frozen=True)
class Options:
    """The options of the server; see the command's help."""

    contract: str | None = None
    host: str = "127.0.0.1"
    port: int = 4010
    token: Sequence[str] | None = dataclasses.field(default=None, repr=False)
    speed: float = 1.0
    seed: int = 0
    faults: str = ""
    workers: int = 1
    reload: bool = False
    cors: bool = False
    control: bool = False
    latency: str = ""
    pages: bool = True
    quiet: bool = False


class ServerState:
    """The clock, the ledger and the active faults, and the engines of a contract that may change.

    Raises:
        MockError: An option can't be used, or the contract can't be served.
    """

    def __init__(self, options: Options) -> None:
        contract = compiled(options.contract)
        self.options = options
        self.version = contract.contract.version
        self.clock = Clock()
        self.faults = ActiveFaults(contract.operations, options.seed)
        self.faults.plan(options.faults)
        self.settings = Settings.checked(options.token, options.speed)
        self._distinctions = distinctions()
        # Only the control routes read it.
        self.ledger = Ledger(self.clock.now, most=MAX_KEPT) if options.control else None
        self.latency = Latency.of(options.latency, options.seed) if options.latency else None

    def engine(self) -> Engine:
        """An engine of the contract as it is now.

        Raises:
            MockError: It can't be served.
        """
        contract = compiled(self.options.contract)
        self.version = contract.contract.version
        return Engine(
            contract,
            self.settings,
            clock=self.clock,
            faults=self.faults,
            distinction=self._distinctions.__next__,
            ledger=self.ledger,
        )
