"""What the live page shows: the clock, the bill, the tasks, the faults and the last calls, as one JSON value."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import orjson

from octopusx_video_mock.engine.engine import Engine
from octopusx_video_mock.engine.ledger import Ledger, Submission
from octopusx_video_mock.faults.active import ActiveFaults

MAX_TASKS = 50
MAX_CALLS = 50

Json = Any


class LiveState:
    """The state of a mock, for a person who watches it.

    Args:
        engine: Returns the engine that serves, which may be exchanged.
        faults: Which faults are on.
        ledger: The calls and the submissions.
    """

    def __init__(self, engine: Callable[[], Engine], faults: ActiveFaults, ledger: Ledger) -> None:
        self._engine = engine
        self._faults = faults
        self._ledger = ledger

    def value(self) -> Json:
        """The state now."""
        engine, ledger = self._engine(), self._ledger
        return {
            "clock": {"now": engine.clock.now(), "running": not engine.clock.stands_still, "rate": engine.clock.rate},
            "bill": {"submissions": ledger.accepted, "billed": ledger.bill},
            "tasks": [self._task(engine, one) for one in ledger.last_submissions(MAX_TASKS)],
            "faults": [rule.fault.name for rule in self._faults.rules],
            "calls": [dataclasses.asdict(call) for call in ledger.last_calls(MAX_CALLS)],
        }

    def events(self) -> Callable[[], bytes]:
        """A function that returns the next event of a stream (HTML, section 9.2): b"" where nothing has changed."""
        last = b""

        def event() -> bytes:
            nonlocal last
            state = orjson.dumps(self.value())
            if state == last:
                return b""
            last = state
            return b"data: %b\n\n" % state

        return event

    def _task(self, engine: Engine, submission: Submission) -> Json:
        state = engine.state(submission.task)
        return {
            "id": submission.task,
            "operation": submission.operation,
            "at": submission.at,
            "has_response": submission.answered,
            "is_billed": self._ledger.is_billed(submission),
            **(dataclasses.asdict(state) if state is not None else {}),
        }
