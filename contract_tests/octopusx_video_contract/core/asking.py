"""Asks of many cases, and reports all that was found together."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable
from typing import TypeVar

from octopusx_video_contract.core.billing_check import BillingCheck
from octopusx_video_contract.core.findings import Finding, Findings
from octopusx_video_contract.core.run import Run
from octopusx_video_contract.sending.budget import NotAskedError

Case = TypeVar("Case")


def ask_each(run: Run, cases: Iterable[Case], ask: Callable[[Case], None]) -> None:
    """Ask of each case, and report all that was found together.

    What they cost, too, has to be what their responses say.

    Raises:
        Findings: Something was found.
        NotAskedError: Nothing could be asked.
    """
    cases = list(cases)
    findings: list[Finding] = []
    skipped: NotAskedError | None = None
    asked = 0

    try:
        with run.recorder.collecting(None), BillingCheck(run):
            for case in cases:
                if findings and run.settings.ends_at_once:
                    break
                try:
                    with run.recorder.collecting(findings):
                        ask(case)
                except Finding as finding:
                    with run.recorder.collecting(findings):
                        run.recorder.keep([finding])
                except Findings as several:
                    findings += several.findings
                except NotAskedError as missing:
                    skipped = missing
                    continue
                asked += 1
    except Finding as overcharged:
        findings.append(_overcharging(run, cases, ask) or overcharged)
    if findings:
        raise Findings(findings)
    if skipped is not None and not asked:
        raise skipped


def _overcharging(run: Run, cases: Iterable[Case], ask: Callable[[Case], None]) -> Finding | None:
    """What is found of the bill where the cases are asked once more, one at a time; None where that could cost."""
    for case in () if run.paid else cases:
        try:
            with (
                run.recorder.collecting(None),
                BillingCheck(run),
                contextlib.suppress(Finding, Findings, NotAskedError),
                run.recorder.collecting([]),
            ):
                ask(case)
        except Finding as finding:
            return finding
    return None
