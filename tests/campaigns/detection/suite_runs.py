"""Runs of the suite in processes of their own, forked from one that has imported everything."""

from __future__ import annotations

import contextlib
import gc
import multiprocessing
import os
import time
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

# Imported here and not in each run, which would take longer than many of them.
import av  # noqa: F401
import pytest
import schemathesis  # noqa: F401
from octopusx_video_contract import cli
from octopusx_video_contract.core.run import Run
from octopusx_video_contract.runner import session, target
from octopusx_video_contract.runner.selection import LAYERS
from octopusx_video_contract.runner.target import Server
from octopusx_video_contract.scenarios import schemathesis_adapter, shrinking  # noqa: F401
from octopusx_video_contract.sending.senders import InProcess, OverHttp

from tests.defects import Defect, defective, serve

WORKERS = 3
"""More than there are cores: a server that says nothing costs time, and no work."""
START = 1_767_225_600.0
IN_PROCESS = "http://localhost"
OF_THE_CONTRACT = {"examples", "round_trip"}
"""The layers that send nothing to the server: what they find is no matter of a defect."""
Case = TypeVar("Case")
Outcome = TypeVar("Outcome")


@dataclass(frozen=True)
class Found:
    """One finding of a run: its rule, the layer that made it, seconds from the beginning of the run, and its text."""

    rule: str
    layer: str
    after: float
    detail: str


@dataclass(frozen=True)
class Judged:
    """What a run came to.

    Attributes:
        status: Its exit status.
        found: Its findings, in order.
        seconds: How long it took.
        output: What it printed.
    """

    status: int
    found: list[Found]
    seconds: float
    output: str


class _Until:
    """Ends a run after the test that finds a rule broken. The suite does not know which rule that is."""

    def __init__(self, rule: str, run: Run) -> None:
        self._rule = rule
        self._run = run

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, object, object]:
        """Called by pytest with each test."""
        result = yield
        if any(finding.rule == self._rule for _, finding in self._run.log.findings):
            item.session.shouldfail = f"{self._rule} is found broken"
        return result


def judged(
    defect: Defect | None,
    *arguments: str,
    over_http: bool = False,
    without: frozenset[str] = frozenset(),
    until: str | None = None,
) -> Judged:
    """Run the suite against a server with a defect, or the correct one; call it in a process of its own.

    Args:
        defect: What is wrong with the server; None for the correct one.
        arguments: Those of the command.
        over_http: Whether the server is asked over HTTP.
        without: The layers that do not run.
        until: The rule with whose first finding the run ends; None for a whole run.
    """
    begun = time.monotonic()
    shrinking.MAX_SECONDS = 0  # nobody reads the examples of a campaign
    options = cli.parsed(list(arguments))
    with contextlib.ExitStack() as stack:
        stack.enter_context(session.own_settings())
        printed = stack.enter_context(_printed())
        server = stack.enter_context(_server(defect, over_http=over_http))
        try:
            run = target.prepare(options, stack, server)
        except target.CannotRunError as error:
            return Judged(2, [], time.monotonic() - begun, str(error))
        chosen = [layer for layer in LAYERS if layer not in OF_THE_CONTRACT | without]
        plugins = [_Until(until, run)] if until else []
        status = session.run(run, session.pytest_options(options), chosen=chosen, plugins=plugins)
        found = [Found(one.rule, layer, one.after, one.detail) for layer, one in run.log.findings]
        return Judged(status, found, time.monotonic() - begun, printed.read_text("utf-8", "replace"))


@contextlib.contextmanager
def _server(defect: Defect | None, *, over_http: bool) -> Iterator[Server]:
    if over_http or (defect is not None and defect.wire is not None):
        with serve(defect) as served:
            yield Server(served.base_url, OverHttp(local=True), served.key, served.other_key, local=True)
    else:
        made = defective(defect, start=START)
        yield Server(IN_PROCESS, InProcess(made.mock.controlled_transport), made.key, made.other_key, local=True)


@contextlib.contextmanager
def _printed() -> Iterator[Path]:
    """Send what the run prints into a file."""
    path = Path(f"/proc/self/fd/{os.memfd_create('printed')}") if hasattr(os, "memfd_create") else Path(os.devnull)
    with path.open("w", encoding="utf-8", errors="replace") as file, contextlib.redirect_stdout(file):
        yield path


def each(judge: Callable[[Case], Outcome], cases: Iterable[Case]) -> Iterator[Outcome]:
    """What comes of each case, in a process of its own, as many at a time as there are cores for."""
    # No collection in a process of a run looks at the objects of this one.
    with multiprocessing.get_context("fork").Pool(WORKERS, gc.freeze, maxtasksperchild=1) as pool:
        yield from pool.imap_unordered(judge, cases)
