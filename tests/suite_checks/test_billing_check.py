"""What requests cost by a mock's books is held to what their answers say."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator

import pytest
from octopusx_video_contract.core.asking import ask_each
from octopusx_video_contract.core.billing_check import BillingCheck
from octopusx_video_contract.core.findings import Finding, Findings
from octopusx_video_contract.core.run import Run
from octopusx_video_contract.core.settings import Settings
from octopusx_video_contract.messages.http import Request, Response
from octopusx_video_contract.sending.mock_control import Control
from octopusx_video_contract.sending.senders import InProcess
from octopusx_video_contract.sending.transport import NoResponseError
from octopusx_video_openapi import load, task_ids

from tests.defects import DEFECTS, Defect, defective

BASE_URL = "http://localhost"
START = 1_767_225_600.0
SOURCE = task_ids.documented(load())[0]
VALID = {"model": "grok-video-3", "prompt": "a cat"}


def made(name: str | None) -> Run:
    """A run against a server with a defect; None is the correct one."""
    defect: Defect | None = next((one for one in DEFECTS if one.name == name), None)
    assert (defect is None) is (name is None)
    server = defective(defect, start=START)
    sender = InProcess(server.mock.controlled_transport)
    run = Run.begin(
        Settings(BASE_URL, server.key, server.contract, (SOURCE,), seed=1, other_key=server.other_key), sender
    )
    return dataclasses.replace(run, control=Control(sender, BASE_URL))


def submit(run: Run, *, prefer: str = "", **changed: object) -> Request:
    """A submit with some of its body exchanged."""
    operation = run.contract.operations["extendVideo"]
    headers = [("Prefer", prefer)] if prefer else []
    return run.request(operation, path={"video_id": SOURCE}, body={**VALID, **changed}, headers=headers)


def sent(run: Run, prompt: object) -> None:
    """Submit something else than a cat."""
    run.send(submit(run, prompt=prompt))


def asked(run: Run) -> Iterator[Response]:
    """What a valid and an invalid submit are answered."""
    yield run.send(submit(run))
    yield run.send(submit(run, prompt=7))


def test_what_costs_what_it_says_is_no_finding() -> None:
    """An accepted submit costs once, a refused one nothing, a lost one either: alone and together."""
    run = made(None)
    with BillingCheck(run):
        assert [answer.status for answer in asked(run)] == [200, 400]
    with BillingCheck(run):
        run.send(submit(run))
    for billed in ("lost_answer", "server_error_billed"):
        with BillingCheck(run):
            with contextlib.suppress(Finding):
                run.send(submit(run, prefer=f"fault={billed}"))
    assert run.log.asked >= {"R54"}


@pytest.mark.parametrize(
    ("defect", "rule", "order", "changed"),
    [
        ("submit-billed-twice", "R54", "", {}),
        ("near-miss-billed", "R54", "", {"prompt": 7}),
        ("unavailable-billed-on-extend", "R28", "fault=no_channel", {}),
    ],
)
def test_a_bill_that_its_answer_does_not_tell_is_found(
    defect: str, rule: str, order: str, changed: dict[str, object]
) -> None:
    """The finding names the rule that says what the answer costs, and shows the request."""
    run = made(defect)
    with pytest.raises(Finding, match="billed") as found, BillingCheck(run):
        run.send(submit(run, prefer=order, **changed))
    assert (found.value.rule, found.value.operation) == (rule, "extendVideo")
    assert "curl" in found.value.curl


def test_a_submit_that_is_never_charged_is_found() -> None:
    """What says that it is billed, and is not, is wrong as well."""
    run = made("submit-free")
    body = {**VALID, "video": {"url": SOURCE}, "start_time": 0}
    with pytest.raises(Finding, match="0 times"), BillingCheck(run):
        run.send(run.request(run.contract.operations["createVideoExtension"], body=body))


def test_of_many_cases_the_one_that_cost_is_told() -> None:
    """A test that asks many cases shows that whose bill is wrong, with its own request."""
    run = made("near-miss-billed")
    prompts: list[object] = ["a cat", "another cat", 7, "a third cat"]
    with pytest.raises(Findings) as found:
        ask_each(run, prompts, lambda prompt: sent(run, prompt))
    assert [(one.rule, '"prompt": 7' in one.curl) for one in found.value.findings] == [("R54", True)]


def test_where_it_may_cost_nothing_is_asked_twice() -> None:
    """The case that cost too much is not looked for where each one has to be paid."""
    run = made("submit-billed-twice")
    run.budget.limit = 2
    with pytest.raises(Findings):
        ask_each(run, ["a cat", "another cat"], lambda prompt: sent(run, prompt))
    assert len(run.budget.units) == 2


def test_an_error_inside_is_the_error_that_is_told() -> None:
    """Whatever else goes wrong while the books are open comes first, and leaves nothing behind."""
    run = made("submit-billed-twice")
    with pytest.raises(NoResponseError), BillingCheck(run):
        run.transport.send(submit(run, prefer="fault=lost_answer"), seconds=0.1)
    assert run.log.listeners == [run.coverage.watch]


def test_without_books_nothing_is_asked() -> None:
    """A server whose books can't be looked at gets the requests alone."""
    run = dataclasses.replace(made("submit-billed-twice"), control=None)
    with BillingCheck(run):
        run.send(submit(run))
    assert run.log.asked.isdisjoint({"R54"})


def test_books_that_are_closed_meanwhile_are_told_in_a_line() -> None:
    """A server whose control routes stop responding fails the test that needs them, without a traceback."""
    run = made(None)
    run = dataclasses.replace(run, control=Control(run.transport.sender, "http://elsewhere.invalid"))
    with (
        pytest.raises(pytest.fail.Exception, match="responded before, and does not any more") as failed,
        BillingCheck(run),
    ):
        run.send(submit(run))
    assert failed.value.pytrace is False
    assert run.log.listeners == [run.coverage.watch]
