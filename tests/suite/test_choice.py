"""A run can be limited, says to what, and how strict it is and why; what was chosen and not asked proves nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from octopusx_video_contract import cli
from octopusx_video_contract.core.findings import Finding
from octopusx_video_contract.core.run import Run
from octopusx_video_contract.core.settings import Settings
from octopusx_video_contract.runner import selection
from octopusx_video_contract.runner.options import Options
from octopusx_video_contract.runner.selection import Choice
from octopusx_video_contract.runner.target import CannotRunError
from octopusx_video_contract.sending.senders import InProcess
from octopusx_video_mock import Mock
from octopusx_video_openapi import load

from tests.conftest import KEY, Upstream
from tests.support import suite_runs
from tests.support.faulty import Defect, Exchange, faulty_server

CONTRACT = load()


def options(*arguments: str) -> Options:
    """The options of the command."""
    return cli.parsed(list(arguments))


def drops(exchange: Exchange) -> None:
    """Give no id of the request, which R33 asks for."""
    exchange.headers.pop("x-oneapi-request-id", None)


def unprefered(headers: dict[str, str]) -> None:
    """Know nothing of Prefer, which a mock follows."""
    headers.pop("prefer", None)


@pytest.fixture(scope="module")
def like_the_mock(upstream: Upstream) -> Iterator[str]:
    """A server on this machine that follows Prefer as the mock does, and breaks R33."""
    with faulty_server((upstream.host, upstream.port), Defect("no id", answer=drops)) as server:
        yield server.base_url


@pytest.fixture(scope="module")
def another(upstream: Upstream) -> Iterator[str]:
    """A server on this machine that nothing shows to be the mock, and breaks R33."""
    with faulty_server((upstream.host, upstream.port), Defect("no id", unprefered, drops)) as server:
        yield server.base_url


PAGES = ("--seed", "1", "--layer", "documented_requests")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--rule", "R99"], "--rule R99: .*has none of that name; it has R01 to R"),
        (["--operation", "getVideo"], "--operation getVideo: .*it has extendVideo, .*createVideoExtension, "),
    ],
)
def test_what_is_not_there_can_not_be_chosen(arguments: list[str], said: str) -> None:
    """A rule or an operation that the contract does not have is named, with those that it has."""
    with pytest.raises(CannotRunError, match=said):
        selection.chosen(options(*arguments), CONTRACT)


def test_a_choice_says_what_counts() -> None:
    """A finding of another rule or operation does not, and one at no operation is one of each."""
    choice = selection.chosen(options("--rule", "R19", "--operation", "getVideoTask", "--layer", "life"), CONTRACT)
    assert str(choice) == "layer life; operation getVideoTask; rule R19"
    for rule, operation, counts in (
        ("R19", "getVideoTask", True),
        ("R19", "", True),
        ("R19", "extendVideo", False),
        ("R20", "getVideoTask", False),
    ):
        assert choice.counts(Finding(rule, "should", "", "", operation)) == counts
    assert [layer for layer in selection.LAYERS if choice.runs(layer)] == ["life"]


def test_the_account_of_the_whole_is_one_of_whole_runs() -> None:
    """A part of the suite reaches a part of the contract; whoever wants that account names its layer."""
    assert Choice().runs("reached")
    assert not Choice(rules=frozenset({"R19"})).runs("reached")
    assert Choice(layers=frozenset({"reached"})).runs("reached")


def test_a_rule_alone_counts(like_the_mock: str) -> None:
    """Findings of other rules do not fail the run."""
    done = suite_runs.run(*PAGES, "--base-url", like_the_mock, "--rule", "R44", "--rule", "R36")
    assert done.status == 0, done.stdout
    assert "limited to layer documented_requests; rules R36, R44\n" in done.stdout
    assert "R33 (" not in done.stdout


def test_an_operation_alone_is_asked(like_the_mock: str) -> None:
    """The tests of other operations are left out."""
    done = suite_runs.run(*PAGES, "--base-url", like_the_mock, "--operation", "downloadVideoContent")
    assert done.status == 1
    assert "\n  downloadVideoContent, " in done.stdout
    assert "\nextendVideo                0 requests" in done.stdout
    assert "15 deselected" in done.stdout


def test_a_run_ends_after_so_many_findings(like_the_mock: str) -> None:
    """The test in which the number is reached is the last, and the run says so."""
    done = suite_runs.run(*PAGES, "--base-url", like_the_mock, "--max-findings", "2")
    assert done.status == 1
    assert "2 findings were made (--max-findings 2); the rest was not asked" in done.stdout
    assert "2 failed" in done.stdout


def test_a_run_ends_after_its_time() -> None:
    """What was not asked is not proved, so that the status is 1 without a finding."""
    done = suite_runs.run("--layer", "examples", "--layer", "ordered", "--max-time", "0.001", key=None)
    assert done.status == 1
    assert "0.001 s have passed (--max-time); the rest was not asked" in done.stdout
    assert "1 passed" in done.stdout


@pytest.mark.parametrize(("broken", "max_time", "ended"), [(8, None, True), (7, None, False), (8, 10_000.0, False)])
def test_a_run_with_many_findings_ends_by_itself(
    monkeypatch: pytest.MonkeyPatch, broken: int, max_time: float | None, *, ended: bool
) -> None:
    """Nobody waits for more findings of a server that breaks eight rules, unless a time is given."""
    run = Run.begin(Settings("http://localhost", KEY, CONTRACT, (), seed=1), InProcess(Mock(token=KEY).transport))
    told = [("boundaries", run.recorder.finding(rule.id, "a")) for rule in run.contract.rules[:broken]]
    run.log.findings, run.log.reported = told[:4], told[4:]
    limits = selection.Limits(run, selection.Choice(max_time=max_time))
    monkeypatch.setattr(selection, "DEFAULT_MAX_TIME", 0.0)
    limits.pytest_runtest_logfinish("a test")
    assert limits.ended == ("0 s have passed, and 8 rules are broken (--max-time gives more)" if ended else "")


def test_a_rule_that_was_never_asked_is_not_proved() -> None:
    """A layer that does not ask the rule proves nothing of it."""
    done = suite_runs.run(*PAGES, "--rule", "R19", key=None)
    assert done.status == 1
    assert "the run proved nothing: never asked: rule R19" in done.stdout


@pytest.mark.slow
def test_a_mock_is_judged_strictly_and_the_run_says_why(like_the_mock: str) -> None:
    """What follows the mock's faults is a mock, whatever stands in front of it."""
    done = suite_runs.run(*PAGES, "--base-url", like_the_mock)
    assert done.status == 1
    assert "strict, since it is this project's mock (--no-strict only reports broken should rules)\n" in done.stdout
    assert suite_runs.run(*PAGES, "--base-url", like_the_mock, "--no-strict").status == 0


@pytest.mark.slow
def test_another_server_on_this_machine_is_not(another: str) -> None:
    """It is judged as one elsewhere, unless it is asked to be judged strictly."""
    done = suite_runs.run(*PAGES, "--base-url", another)
    assert done.status == 0, done.stdout
    assert "should rules only reported (--strict has them fail the run)\n" in done.stdout
    assert "times  R33: " in done.stdout
    assert suite_runs.run(*PAGES, "--base-url", another, "--strict").status == 1


def test_a_part_of_the_suite_lists_no_gaps(like_the_mock: str) -> None:
    """It need not reach each documented response, and so does not name those that it has not seen."""
    done = suite_runs.run(*PAGES, "--base-url", like_the_mock, "--no-strict")
    assert "rules not asked: R" in done.stdout
    assert "documented responses that never arrived" not in done.stdout


def test_what_is_only_reported_is_limited_too(another: str, tmp_path: Path) -> None:
    """A rule that was not chosen is in no list of broken rules, neither on the console nor in the report."""
    report = tmp_path / "report.md"
    done = suite_runs.run(*PAGES, "--base-url", another, "--rule", "R44", "--report", str(report))
    assert done.status == 0, done.stdout
    assert "times  R33: " not in done.stdout
    assert "Broken, and only reported" not in report.read_text("utf-8")


def test_an_operation_that_was_never_asked_is_not_proved() -> None:
    """Layers that ask a server have to have asked it; those of the contract alone need not."""
    run = Run.begin(Settings("http://localhost", KEY, CONTRACT, (), seed=1), InProcess(Mock(token=KEY).transport))
    operations = frozenset({"getVideoTask"})
    for layers, unasked in (((), True), (("boundaries",), True), (("examples",), False)):
        limits = selection.Limits(run, Choice(layers=frozenset(layers), operations=operations))
        assert limits.unasked() == ("operation getVideoTask" if unasked else "")


@pytest.mark.slow
@pytest.mark.parametrize("operation", ["getVideoTask", "createVideoExtension"])
def test_a_concrete_path_is_asked_for_each_operation_that_fits_it(operation: str) -> None:
    """R58 is about both: the path of the one fits the template of the other."""
    done = suite_runs.run("--layer", "boundaries", "--operation", operation, "--max-examples", "1", key=None)
    assert done.status == 0, done.stdout
    assert re.search(r"^rules asked: .*\bR58\b", done.stdout, re.MULTILINE)
