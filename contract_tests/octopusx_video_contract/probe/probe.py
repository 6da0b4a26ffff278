"""The probe: asks a server how it answers where the pages are silent, and proposes what to change in the contract.

It judges nothing. It reads, submits without a valid key, and sends one submit at most that starts a task, where a unit
is allowed; where two are, one more that lacks a field and has to be refused, which costs a unit like any other.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import json
import sys

from octopusx_video_openapi import RuleId, operations

from octopusx_video_contract.cases.routes import unknown_tasks
from octopusx_video_contract.checks import single_response
from octopusx_video_contract.checks.registry import kept_and_broken
from octopusx_video_contract.core.budget import NotAskedError
from octopusx_video_contract.core.mock_control import Control
from octopusx_video_contract.core.run import Run
from octopusx_video_contract.core.transport import NoAnswerError
from octopusx_video_contract.messages.http import ABSENT, Answer
from octopusx_video_contract.probe import paid_task, questions, reports
from octopusx_video_contract.probe.paid_task import Lived
from octopusx_video_contract.probe.questions import Came, Question
from octopusx_video_contract.runner import target
from octopusx_video_contract.scenarios.task_driver import Tasks


class Probe:
    """Asks, and keeps what came.

    Attributes:
        run: What it is told.
        came: What came of each question, in order.
        task: The known task that is asked for; None for none.
        named: Whether the caller named it: those of a mock belong to every key.
        lived: What became of the one paid submit; None where there was none.
        paid: Whether there was one.
    """

    def __init__(self, run: Run, *, named: bool) -> None:
        self.run = run
        self.named = named
        self.tasks = Tasks(run)
        self.came: list[Came] = []
        self.task: str | None = next(iter(run.known_ids), None)
        self.lived: Lived | None = None
        self.paid = False

    def ask(self, question: Question, *, listed: bool = True) -> Answer | None:
        """Ask a question, once, and keep what came; None where no answer did."""
        run = self.run
        came = Came(question, None, listed=listed)
        self.came.append(came)
        if listed:
            run.say(f"{question.name}: {question.asked}")
        try:
            came.answer = bearable(run.wire.send(question.request))
        except NoAnswerError as error:
            came.missing, came.partial = str(error), error.partial
            came.broken[RuleId.R53] = came.missing
        except NotAskedError as error:
            came.missing = f"not asked: {error}"
        else:
            came.kept, came.broken = held(run, question, came.answer)
            if came.telling and question.rule:
                fault = question.fault(came.answer)
                if fault:
                    came.broken.setdefault(question.rule, fault)
                else:
                    came.kept.add(question.rule)
        return came.answer

    def ask_all(self) -> None:
        """Ask everything that is allowed, what costs nothing first."""
        for question in questions.free(self.run, self.tasks):
            self.ask(question)
        read = self._known() if self.task else False
        limit = self.run.budget.limit or 0
        if limit and read and self.task:
            self.paid = True
            self.lived = paid_task.paid(self.run, self.tasks, self.task, self.ask)
            if self.lived is not None:
                paid_task.follow(self.run, self.tasks, self.lived, self.ask)
        if limit > 1:
            submit = self.run.contract.operations[paid_task.SUBMIT]
            unknown = next(unknown_tasks(self.run.contract, (), self.run.seed))
            self.ask(questions.missing_field(self.run, submit, unknown))

    def _known(self) -> bool:
        """Read the known task; whether it could be read, and so is worth a paid submit."""
        assert self.task is not None  # noqa: S101 - asked by who calls
        answers = [self.ask(question) for question in questions.known(self.tasks, self.task)]
        other = questions.other_account(self.run, self.tasks, self.task) if self.named else ()
        for question in (*other, *questions.content(self.tasks, self.task)):
            self.ask(question)
        return any(answer.is_success for answer in answers if answer is not None)


def run(options: argparse.Namespace, stack: contextlib.ExitStack) -> int:
    """Probe the server. Returns the exit status: 0 when it was done, 1 when too little was answered to say anything.

    Raises:
        CannotRunError: The probe can't start.
    """
    # A server on this machine may be a tunnel to the service: nowhere is anything paid for that was not allowed.
    options.max_paid = options.max_paid or 0
    if options.report:
        target.writable(options.report, "--report")
        options.report = options.report.resolve()
    run_ = target.prepare(options, stack)
    if options.base_url is None:
        run_.control = Control(run_.sender, run_.base_url)  # so that nobody waits for the mock that was started here
    probe = Probe(run_, named=bool(options.task_id))
    interrupted = True
    try:
        probe.ask_all()
        interrupted = False
    finally:
        try:
            _tell(probe, options, interrupted=interrupted)
        except KeyboardInterrupt:  # another one does not follow at once, and what was paid for has to be named
            _tell(probe, options, interrupted=interrupted)
            raise
    free = [came for came in probe.came if came.listed and not came.missing.startswith("not asked")]
    return 0 if sum(came.telling for came in free) * 2 >= len(free) else 1


def _tell(probe: Probe, options: argparse.Namespace, *, interrupted: bool) -> None:
    report = reports.Report(
        probe.run, probe.came, probe.lived, task=probe.task is not None, paid=probe.paid, interrupted=interrupted
    )
    if options.report:
        options.report.write_text(report.markdown(), "utf-8")
    sys.stdout.write(report.json() if options.json else report.text())
    sys.stdout.flush()


def bearable(answer: Answer) -> Answer:
    """The answer, its body no JSON where it is some that no validator takes: half a character, or too deep."""
    body = answer.json()
    try:
        _ = body is ABSENT or json.dumps(body, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        return dataclasses.replace(answer, content=b"(JSON that can't be read) " + answer.content)
    return answer


def held(run: Run, question: Question, answer: Answer) -> tuple[set[str], dict[str, str]]:
    """The numbered rules that an answer keeps, and those that it breaks with what was found."""
    reached = operations.match(run.contract, answer.request.method, answer.request.path)
    if reached is None:
        return set(), {}
    operation = reached[0]
    found = [*single_response.documented(operation, answer), *single_response.numbered(operation, answer)]
    found += single_response.rejection(run.context, operation, answer) if question.valid else ()
    return kept_and_broken(
        run.contract, operation.id, [*found, *single_response.new_id(run.context, operation, answer)]
    )
