"""Runs of the suite, each in a process that is forked for it, and what they find."""

from __future__ import annotations

import contextlib
import os
import pickle
import signal
import sys
import time
import traceback
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

# Imported here so that no forked process has to.
import octopusx_video_client.models  # noqa: F401
import octopusx_video_contract
import octopusx_video_mock.httpx_transport  # noqa: F401
import pytest
import schemathesis.pytest.plugin  # noqa: F401
from octopusx_video_contract.core.findings import Finding, Findings
from octopusx_video_contract.core.run import Run, running
from octopusx_video_contract.core.settings import Settings
from octopusx_video_contract.runner import session, target
from octopusx_video_contract.scenarios import schemathesis_adapter  # noqa: F401
from octopusx_video_contract.sending.senders import InProcess
from octopusx_video_mock.mock import START
from octopusx_video_openapi import Contract, task_ids

from tests.defects import Defect, defective
from tests.support.forking import ended, started

SUITE = Path(octopusx_video_contract.__file__).parent / "suite"
QUICK = ("ordered", "boundaries", "life", "bills", "documented_requests")
"""The layers that ask a server, but for the slow one."""
SLOW = "conformance"
ITSELF = "examples"
"""The layer that holds the contract to itself."""
MAX_CPU_SECONDS = 120
"""How much time of a processor a run may take, so that other programs on the machine do not end it."""
MAX_SECONDS = 900
"""How long a run may take, with all its waits."""
MAX_EXAMPLES = 5

Broken = tuple[str, str]
"""A broken rule and the operation at which it is; "" for none."""


@dataclass
class Outcome:
    """What a run found.

    Attributes:
        found: The tests that found each broken rule.
        red: Tests that failed without a finding, with the reason.
        crashes: Tests that broke, and modules that could not be collected, with the traceback.
        seconds: How long it took.
    """

    found: dict[Broken, set[str]] = field(default_factory=dict)
    red: dict[str, str] = field(default_factory=dict)
    crashes: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.0

    @property
    def tests(self) -> set[str]:
        """Every test that found something."""
        return {test for tests in self.found.values() for test in tests}


def ask(
    contract: Contract,
    defect: Defect | None,
    layers: Sequence[str],
    *,
    seed: int,
    only: set[str] | None = None,
    strict: bool = True,
    at_once: bool = False,
) -> Outcome:
    """Run layers of the suite with a contract against a server with a defect, or the correct one.

    Args:
        contract: What the suite holds the server to. The server serves the project's own.
        defect: What is wrong with the server.
        layers: Which modules of the suite, in this order.
        seed: Decides every generated value.
        only: The tests that run; None for all.
        strict: Whether ``should`` rules fail the run.
        at_once: Whether the run ends with the first red test.
    """
    options = [f"{layer}.py" for layer in layers] + (["--exitfirst"] if at_once else [])
    return _forked(lambda: _asked(contract, defect, options, seed=seed, only=only, strict=strict))


def _asked(
    contract: Contract, defect: Defect | None, options: list[str], *, seed: int, only: set[str] | None, strict: bool
) -> Outcome:
    server = defective(defect, start=START)
    run = Run.begin(
        Settings(
            "http://localhost",
            server.key,
            contract,
            tuple(task_ids.documented(server.contract)),
            seed=seed,
            max_examples=MAX_EXAMPLES,
            strict=strict,
            other_key=server.other_key,
        ),
        InProcess(server.mock.controlled_transport),
    )
    run = target.looked_around(run)  # as the command does
    # Even where the defect is in the response by which this is seen.
    run = run.with_settings(orders=run.settings.orders | {"code", "fault"})
    watch = _Watch(only)
    with running(run), session.own_settings(), contextlib.chdir(SUITE):
        pytest.main(["-c", "pytest.ini", "--rootdir", ".", "--tb=no", "-q", *options], plugins=[watch])
    return watch.outcome


def _forked(work: Callable[[], Outcome]) -> Outcome:
    """Do something in a process of its own, which takes over all that is imported and leaves nothing behind."""
    began = time.monotonic()
    ear, mouth = os.pipe()

    def tell() -> None:
        os.close(ear)
        with os.fdopen(mouth, "wb") as told:
            _mute()
            signal.setitimer(signal.ITIMER_PROF, MAX_CPU_SECONDS)
            signal.alarm(MAX_SECONDS)
            try:
                outcome = work()
            except BaseException as error:  # noqa: BLE001 - whatever it is, it is told
                outcome = Outcome(crashes={"the run": "".join(traceback.format_exception(error))})
            pickle.dump(outcome, told)

    child = started(tell)
    os.close(mouth)
    with os.fdopen(ear, "rb") as told:
        content = told.read()
    ended(child)
    if not content:
        return Outcome(crashes={"the run": f"it took more than {MAX_CPU_SECONDS} s of a processor, or {MAX_SECONDS} s"})
    told_: Outcome = pickle.loads(content)  # noqa: S301 - written above
    told_.seconds = time.monotonic() - began
    return told_


def _mute() -> None:
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    sys.stdout = sys.stderr = open(os.devnull, "w")  # noqa: SIM115, PTH123 - until the process ends


class _Watch:
    """Notes what a run of pytest finds, and keeps it to some tests."""

    def __init__(self, only: set[str] | None) -> None:
        self._only = only
        self.outcome = Outcome()

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Called by pytest with all tests."""
        if self._only is not None:
            items[:] = [item for item in items if item.nodeid in self._only]

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item, call: pytest.CallInfo[None]) -> Generator[None, Any, Any]:
        """Called by pytest with each outcome."""
        report: Any = yield
        error = None if call.excinfo is None else call.excinfo.value
        for finding in _findings(error):
            self.outcome.found.setdefault((finding.rule, finding.operation), set()).add(item.nodeid)
        if report.failed and not _findings(error):
            kept = self.outcome.red if isinstance(error, AssertionError) else self.outcome.crashes
            kept[item.nodeid] = "".join(traceback.format_exception(error)) if error else str(report.longrepr)
        return report

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Called by pytest with each module."""
        if report.failed:
            self.outcome.crashes[report.nodeid] = str(report.longrepr)


def _findings(error: BaseException | None) -> list[Finding]:
    return error.findings if isinstance(error, Findings) else [error] if isinstance(error, Finding) else []
