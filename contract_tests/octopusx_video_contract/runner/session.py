"""Runs the suite in pytest, in settings of its own and with the keys kept out of all that is written."""

from __future__ import annotations

import collections
import contextlib
import dataclasses
import gc
import os
import sys
from collections.abc import Container, Iterator, Sequence
from pathlib import Path

import platformdirs
import pytest
from octopusx_video_openapi import hosts, interrupts

from octopusx_video_contract.checks.registry import without_check
from octopusx_video_contract.core.run import Run, running
from octopusx_video_contract.messages.redaction import Redactor
from octopusx_video_contract.runner import reports, target
from octopusx_video_contract.runner.options import Options
from octopusx_video_contract.runner.plugin import Plugin, RedactedReports
from octopusx_video_contract.runner.selection import LAYERS, Choice, Limits
from octopusx_video_contract.runner.setup import Collecting
from octopusx_video_contract.runner.target import CannotRunError

_OF_A_TEST = {"PYTEST_CURRENT_TEST", "PYTEST_XDIST_WORKER"}
"""What pytest sets itself, of a test that starts the suite."""
_NOT_RUN = {
    pytest.ExitCode.NO_TESTS_COLLECTED: "no test is left by --layer, --operation and --rule together; choose less",
    pytest.ExitCode.USAGE_ERROR: "pytest can't run in this environment, as it says above; see its variables (PYTEST_…)",
}


def pytest_options(options: Options) -> list[str]:
    """The arguments of pytest, by the options of the command.

    Raises:
        CannotRunError: A report can't be written.
    """
    chosen = {"--exitfirst": options.fail_fast, "--verbose": options.verbose}
    if options.junit:
        target.writable(options.junit, "--junit")
        chosen[f"--junit-xml={options.junit.resolve()}"] = True
    if options.report:
        target.writable(options.report, "--report")
    return [name for name, wanted in chosen.items() if wanted]


def layers(run_: Run) -> list[str]:
    """The layers in their order: where submits are paid for, the units go to whole lives before anything else."""
    return sorted(LAYERS, key=lambda layer: run_.paid and layer != "life")


def run(
    run_: Run,
    options: list[str],
    report: Path | None = None,
    chosen: Container[str] = LAYERS,
    choice: Choice = Choice(),  # noqa: B008 - it can't be changed
    plugins: Sequence[object] = (),
) -> int:
    """Run the suite, or some of its layers. Returns the exit status.

    Args:
        run_: The run.
        options: More options of pytest.
        report: Where a report in Markdown is written; None for nowhere.
        chosen: The layers that may run.
        choice: What of the run counts, and when it ends.
        plugins: More plugins of pytest.

    Raises:
        CannotRunError: The tests can't be set up.
    """
    suite = Path(__file__).parents[1] / "suite"
    arguments = ["-c", "pytest.ini", "--rootdir", ".", "--no-header", "--tb=short", *options]
    # It looks through all memory several times at the end, for faults of destructors, and a server's are none.
    arguments += ["-p", "no:unraisableexception"]
    arguments += [f"{layer}.py" for layer in layers(run_) if layer in chosen and choice.runs(layer)]
    redactor = run_.settings.redactor
    print(f"seed {run_.settings.seed}: repeat this run with --seed {run_.settings.seed} and the same other options")
    strictness = run_.settings.strictness or ("strict" if run_.settings.strict else "should rules only reported")
    paid = f", at most {run_.budget.limit} submits that may be billed" if run_.paid else ""
    print(f"server {run_.settings.base_url}, contract {run_.contract.version}, {strictness}{paid}", flush=True)
    if choice.is_part:
        print(f"limited to {choice}", flush=True)
    for rule in without_check(run_.contract):
        print(f"warning: {rule.id} is not asked, since this version has no check for it: {rule.title}", flush=True)
    if choice.max_time is not None:
        run_ = run_.with_settings(deadline=min(run_.settings.deadline, choice.max_time))
    # A run makes many objects that stay, and the collector would look at all of them again and again.
    thresholds = gc.get_threshold()
    gc.set_threshold(50_000, 20, 100)
    plugin = Plugin(run_, is_part=choice.is_part)
    limits, collecting = Limits(run_, choice), Collecting(run_)
    with running(run_), _redacted_output(redactor), contextlib.chdir(suite):
        try:
            outcome = pytest.main(arguments, plugins=[RedactedReports(redactor), plugin, limits, collecting, *plugins])
        except KeyboardInterrupt:  # in the summary, say
            outcome = pytest.ExitCode.INTERRUPTED
        unasked = limits.unasked() if outcome == pytest.ExitCode.OK else ""
        if unasked:
            print(f"the run proved nothing: never asked: {unasked}", flush=True)
        for line in () if plugin.accounted else run_.budget.account():  # whatever became of the summary
            print(redactor.shown(line), flush=True)
    gc.set_threshold(*thresholds)
    interrupted = outcome == pytest.ExitCode.INTERRUPTED and not collecting.fault
    ended = interrupts.status() or (130 if interrupted else None)
    if report is not None:
        written = reports.markdown(run_, plugin.outcomes, interrupted=ended is not None)
        report.write_text(redactor.shown(written), "utf-8")
    if collecting.fault:
        raise CannotRunError(collecting.fault)
    if outcome in _NOT_RUN:
        raise CannotRunError(_NOT_RUN[pytest.ExitCode(outcome)])
    return ended or (0 if outcome == pytest.ExitCode.OK and not unasked else 1)


def rehearse(options: Options, stack: contextlib.ExitStack, choice: Choice = Choice()) -> int:  # noqa: B008
    """Run the suite against a mock instead of the server, within the same budget, and print what was sent and spent."""
    named = options.base_url
    limited = options.max_paid is not None or (named is not None and not target.is_local(named))
    stands_in = bool(options.task_id)
    known = stands_in or not limited
    options = dataclasses.replace(
        options,
        base_url=None,
        engine=None,
        max_paid=options.max_paid or 0 if limited else None,
        ledger=Path(os.devnull),
        task_id=(),  # a mock does not know it; its own stand for it
    )
    run_ = target.prepare(options, stack)
    run_ = run_ if known else run_.with_settings(known_ids=())
    with Path(os.devnull).open("w", encoding="utf-8") as nowhere, contextlib.redirect_stdout(nowhere):
        run(run_, [], choice=choice)
    interrupts.check()
    counted = collections.Counter(
        (bool(run_.budget.price(request)), request.method, reports.shape(run_.contract, request))
        for request in run_.transport.sent or ()
    )
    print(f"nothing was sent to {named or 'a server'}; against a mock, this run would send")
    if stands_in:
        print("(a task of the mock stands for the one of --task-id)")
    for (price, method, shape), count in sorted(counted.items()):
        print(f"{count:6} times  {method:8}{shape}{'  (costs a unit each)' if price else ''}")
    limit = "nothing, since a mock bills nothing" if run_.budget.limit is None else f"{len(run_.budget.units)} units"
    print(f"and spend {limit}; the server's responses may make it send less, never spend more than --max-paid")
    return 0


@contextlib.contextmanager
def own_settings() -> Iterator[None]:
    """Keep the caller's settings of pytest, proxies and credentials out of the run, and files out of their folder."""
    before = dict(os.environ)
    direct = ",".join(filter(None, [*hosts.LOOPBACK, before.get("NO_PROXY") or before.get("no_proxy")]))
    for name in [name for name in os.environ if name.startswith("PYTEST_") and name not in _OF_A_TEST]:
        del os.environ[name]
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
