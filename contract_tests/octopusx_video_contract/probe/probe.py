"""The probe: asks a server what the documentation does not say, and proposes what to change in the contract.

It passes no judgement. It reads, submits without a valid key, and sends one submit at most that starts a task, where a
unit is allowed; where two are, one more that lacks a field and has to be refused, which costs a unit like any other.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import sys

from octopusx_video_openapi import RuleId

from octopusx_video_contract.cases.routes import unknown_tasks
from octopusx_video_contract.checks import single_response
from octopusx_video_contract.checks.registry import kept_and_broken
from octopusx_video_contract.core.run import Run
from octopusx_video_contract.messages.http import ABSENT, Response
from octopusx_video_contract.probe import paid_task, questions, reports
from octopusx_video_contract.probe.paid_task import ObservedTask
from octopusx_video_contract.probe.questions import ProbeResult, Question
from octopusx_video_contract.runner import target
from octopusx_video_contract.runner.options import Options
from octopusx_video_contract.scenarios.task_driver import TaskDriver
from octopusx_video_contract.sending.budget import NotAskedError
from octopusx_video_contract.sending.mock_control import Control
from octopusx_video_contract.sending.transport import NoResponseError


class Probe:
    """Asks, and keeps what came.

    Attributes:
        run: Its settings.
        came: What came of each question, in order.
        task: The known task that is asked for; None for none.
        named: Whether the caller named it: those of a mock belong to every key.
        lived: What became of the one paid submit; None where there was none.
        paid: Whether there was one.
    """

    def __init__(self, run: Run, *, named: bool) -> None:
        self.run = run
        self.named = named
        self.tasks = TaskDriver(run)
        self.results: list[ProbeResult] = []
        self.task: str | None = next(iter(run.settings.known_ids), None)
        self.observed_task: ObservedTask | None = None
        self.paid = False

    def ask(self, question: Question, *, listed: bool = True) -> Response | None:
        """Ask a question, once, and keep what came; None where no response did."""
        run = self.run
        result = ProbeResult(question, None, listed=listed)
        self.results.append(result)
        if listed:
            run.log.say(f"{question.name}: {question.asked}")
        try:
            result.response = readable(run.transport.send(question.request))
        except NoResponseError as error:
            result.missing, result.partial = str(error), error.partial
            result.broken[RuleId.R53] = result.missing
        except NotAskedError as error:
            result.missing = f"not asked: {error}"
        else:
            result.kept, result.broken = compared(run, question, result.response)
            if result.observed and question.rule:
                fault = question.fault(result.response)
                if fault:
                    result.broken.setdefault(question.rule, fault)
                else:
                    result.kept.add(question.rule)
        return result.response

    def ask_all(self) -> None:
        """Ask everything that is allowed, what costs nothing first."""
        for question in questions.free(self.run, self.tasks):
            self.ask(question)
        read = self._known() if self.task else False
        limit = self.run.budget.limit or 0
        if limit and read and self.task:
            self.paid = True
            self.observed_task = paid_task.paid(self.run, self.tasks, self.task, self.ask)
            if self.observed_task is not None:
                paid_task.follow(self.run, self.tasks, self.observed_task, self.ask)
        if limit > 1:
            submit = self.run.contract.operations[paid_task.SUBMIT]
            unknown = next(unknown_tasks(self.run.contract, (), self.run.settings.seed))
            self.ask(questions.missing_field(self.run, submit, unknown))

    def _known(self) -> bool:
        """Read the known task; whether it could be read, and so is worth a paid submit."""
        assert self.task is not None  # noqa: S101 - asked by who calls
        responses = [self.ask(question) for question in questions.known(self.tasks, self.task)]
        other = questions.other_account(self.run, self.tasks, self.task) if self.named else ()
        for question in (*other, *questions.content(self.tasks, self.task)):
            self.ask(question)
        return any(response.is_success for response in responses if response is not None)


def run(options: Options, stack: contextlib.ExitStack) -> int:
    """Probe the server. Returns the exit status: 0 when it was done, 1 when too little was answered to say anything.

    Raises:
        CannotRunError: The probe can't start.
    """
    # A server on this machine may be a tunnel to the service: nowhere is anything paid for that was not allowed.
    options = dataclasses.replace(options, max_paid=options.max_paid or 0)
    if options.report:
        target.writable(options.report, "--report")
    run_ = target.prepare(options, stack)
    if options.base_url is None:
        # So that nobody waits for the mock that was started here.
        run_ = dataclasses.replace(run_, control=Control(run_.transport.sender, run_.settings.base_url))
    probe = Probe(run_, named=bool(options.task_id))
    interrupted = True
    try:
        probe.ask_all()
        interrupted = False
    finally:
        try:
            _write_report(probe, options, interrupted=interrupted)
        except KeyboardInterrupt:  # another one does not follow at once, and what was paid for has to be named
            _write_report(probe, options, interrupted=interrupted)
            raise
    free = [result for result in probe.results if result.listed and not result.missing.startswith("not asked")]
    return 0 if sum(result.observed for result in free) * 2 >= len(free) else 1


def _write_report(probe: Probe, options: Options, *, interrupted: bool) -> None:
    report = reports.Report(
        probe.run,
        probe.results,
        probe.observed_task,
        task=probe.task is not None,
        paid=probe.paid,
        interrupted=interrupted,
    )
    if options.report:
        options.report.write_text(report.markdown(), "utf-8")
    sys.stdout.write(report.json() if options.json else report.text())
    sys.stdout.flush()


def readable(response: Response) -> Response:
    """The response, its body no JSON where it is some that no validator takes: half a character, or too deep."""
    body = response.json()
    try:
        _ = body is ABSENT or json.dumps(body, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        return dataclasses.replace(response, content=b"(JSON that can't be read) " + response.content)
    return response


def compared(run: Run, question: Question, response: Response) -> tuple[set[str], dict[str, str]]:
    """The numbered rules that a response keeps, and those that it breaks with what was found."""
    reached = response.request.reached(run.contract)
    if reached is None:
        return set(), {}
    operation = reached[0]
    found = [*single_response.documented(operation, response), *single_response.numbered(operation, response)]
    found += single_response.rejection(run.recorder.context, operation, response) if question.valid else ()
    return kept_and_broken(
        run.contract, operation.id, [*found, *single_response.new_id(run.recorder.context, operation, response)]
    )
