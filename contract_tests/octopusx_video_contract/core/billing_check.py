"""What requests cost by the ledger of a mock, compared with what their responses say of it."""

from __future__ import annotations

from types import TracebackType

from octopusx_video_openapi import RuleId

from octopusx_video_contract.checks import billing
from octopusx_video_contract.checks.registry import checks
from octopusx_video_contract.core.run import Run
from octopusx_video_contract.messages.http import Response


class BillingCheck:
    """Compares the price of what is asked in a block. Asks nothing where the server's ledger can't be looked at."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._responses: list[Response] = []
        self._before = self._lost = 0

    def __enter__(self) -> None:
        """Note the bill, and each response from now on."""
        if self._run.control is not None:
            self._before, self._lost = self._run.control.billed(), self._run.transport.lost
            self._run.log.listeners.append(self._responses.append)

    @checks(RuleId.R54)
    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        """Compare the bill.

        Raises:
            Finding: It is not what the responses say.
        """
        run = self._run
        if run.control is None:
            return
        run.log.listeners.remove(self._responses.append)
        if error is not None:
            return
        cost, lost = run.control.billed() - self._before, run.transport.lost - self._lost
        reported = [billing.billed(run.contract, response) for response in self._responses]
        # Over several requests an earlier task may have failed, and its money have come back.
        least = billing.times(reported[0])[0] if len(reported) == 1 else None
        most = sum(billing.times(one)[1] for one in reported) + lost
        rule: str = RuleId.R54
        what = f"billed {most} times at most by their {len(reported)} responses, and it was"
        if len(reported) == 1 and not lost:
            rule = billing.bill_rule(run.contract, self._responses[0])
            what = f"{reported[0]} billed by its response, and it was"
        fault = None if cost <= most and (least is None or cost >= least) else f"{what} billed {cost} times"
        if fault or reported:
            run.recorder.check(rule, fault, self._responses[-1] if reported else None)
