"""Runs the suite in pytest, in settings of its own and with the keys kept out of all that is written."""

from __future__ import annotations

import argparse
import collections
import contextlib
import gc
import os
import sys
from collections.abc import Container, Iterator
from pathlib import Path

import platformdirs
import pytest
from octopusx_video_openapi import interrupts

from octopusx_video_contract import _report, _target
from octopusx_video_contract._plugin import Plugin
from octopusx_video_contract._redact import Redactor
from octopusx_video_contract._run import Run, running

LAYERS = (
    *("documented_requests", "boundaries", "ordered", "conformance", "life", "bills"),
    *("examples", "round_trip", "reached"),
)
"""The modules of the suite, in the order in which they run: those of the server first, the account of the run last."""


_LOOPBACK = "localhost,127.0.0.1,::1"
_SLOW_TO_COLLECT = "conformance.py"


def pytest_options(options: argparse.Namespace) -> list[str]:
    """What pytest is told, by the options of the command.

    Raises:
        CannotRunError: A report can't be written.
    """
    chosen = {"--exitfirst": options.fail_fast, "--verbose": options.verbose}
    if options.junit:
        _target.writable(options.junit, "--junit")
        chosen[f"--junit-xml={options.junit.resolve()}"] = True
    if options.report:
        _target.writable(options.report, "--report")
        options.report = options.report.resolve()
    return [name for name, wanted in chosen.items() if wanted]


def layers(run_: Run) -> list[str]:
    """The layers in their order: where submits are paid for, the units go to whole lives before anything else."""
    return sorted(LAYERS, key=lambda layer: run_.paid and layer != "life")


def run(run_: Run, options: list[str], report: Path | None = None, chosen: Container[str] = LAYERS) -> int:
    """Run the suite, or some of its layers. Returns the exit status."""
    suite = Path(__file__).parent / "suite"
    arguments = ["-c", "pytest.ini", "--rootdir", ".", "--no-header", "--tb=short", *options]
    # It looks through all memory several times at the end, for faults of destructors, and a server's are none.
    arguments += ["-p", "no:unraisableexception"]
    files = [f"{layer}.py" for layer in layers(run_) if layer in chosen]
    later = files.index(_SLOW_TO_COLLECT) if _SLOW_TO_COLLECT in files else len(files)
    arguments += files[:later]
    redactor = run_.redactor
    print(f"seed {run_.seed}: repeat this run with --seed {run_.seed} and the same other options")
    manner = "strict" if run_.strict else "should rules only reported"
    paid = f", at most {run_.budget.limit} submits that may be billed" if run_.paid else ""
    print(f"server {run_.base_url}, contract {run_.contract.version}, {manner}{paid}", flush=True)
    # A run makes many objects that stay, and the collector would look at all of them again and again.
    thresholds = gc.get_threshold()
    gc.set_threshold(50_000, 20, 100)
    plugin = Plugin(run_, files[later:])
    with running(run_), _redacted_output(redactor), contextlib.chdir(suite):
        try:
            outcome = pytest.main(arguments, plugins=[redactor, plugin])
        except KeyboardInterrupt:  # in the summary, say
            outcome = pytest.ExitCode.INTERRUPTED
        for line in () if plugin.accounted else run_.budget.account():  # whatever became of the summary
            print(redactor.shown(line), flush=True)
    gc.set_threshold(*thresholds)
    ended = interrupts.status() or (130 if outcome == pytest.ExitCode.INTERRUPTED else None)
    if report is not None:
        written = _report.markdown(run_, plugin.outcomes, interrupted=ended is not None)
        report.write_text(redactor.shown(written), "utf-8")
    return ended or (0 if outcome == pytest.ExitCode.OK else 1)


def rehearse(options: argparse.Namespace, stack: contextlib.ExitStack) -> int:
    """Run the suite against a mock instead of the server, within the same budget, and print what was sent and spent."""
    named, options.base_url, options.engine = options.base_url, None, None
    limited = options.max_paid is not None or (named is not None and not _target.is_local(named))
    options.max_paid = options.max_paid or 0 if limited else None
    options.ledger = Path(os.devnull)
    stands_in = bool(options.task_id)
    known = stands_in or not limited
    options.task_id = None  # a mock does not know it; its own stand for it
    run_ = _target.prepare(options, stack)
    run_.known_ids = run_.known_ids if known else ()
    with Path(os.devnull).open("w", encoding="utf-8") as nowhere, contextlib.redirect_stdout(nowhere):
        run(run_, [])
    interrupts.check()
    counted = collections.Counter(
        (bool(run_.budget.price(request)), request.method, _report.shape(run_.contract, request))
        for request in run_.wire.sent or ()
    )
    print(f"nothing was sent to {named or 'a server'}; against a mock, this run would send")
    if stands_in:
        print("(a task of the mock stands for the one of --task-id)")
    for (price, method, shape), count in sorted(counted.items()):
        print(f"{count:6} times  {method:8}{shape}{'  (costs a unit each)' if price else ''}")
    limit = "nothing, since a mock bills nothing" if run_.budget.limit is None else f"{len(run_.budget.units)} units"
    print(f"and spend {limit}; the server's answers may make it send less, never spend more than --max-paid")
    return 0


@contextlib.contextmanager
def own_settings() -> Iterator[None]:
    """Keep the caller's settings of pytest, proxies and credentials out of the run, and files out of their folder."""
    before = dict(os.environ)
    direct = ",".join(filter(None, [_LOOPBACK, before.get("NO_PROXY") or before.get("no_proxy")]))
    os.environ.pop("PYTEST_ADDOPTS", None)
    os.environ.pop("PYTEST_PLUGINS", None)
    os.environ |= {
        # Its tables of Unicode take a second to make; examples are kept nowhere.
        "HYPOTHESIS_STORAGE_DIRECTORY": platformdirs.user_cache_dir("octopusx-video-contract", appauthor=False),
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        # The key of this run is the only credential, and what goes to this machine goes through no proxy.
        "NETRC": os.devnull,
        "NO_PROXY": direct,
        "no_proxy": direct,
    }
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


@contextlib.contextmanager
def _redacted_output(redactor: Redactor) -> Iterator[None]:
    with (
        contextlib.redirect_stdout(redactor.stream(sys.stdout)),
        contextlib.redirect_stderr(redactor.stream(sys.stderr)),
    ):
        yield
