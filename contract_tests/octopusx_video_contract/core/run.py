"""One run of the suite: what it is told, what it asks, and what it has seen so far.

The tests are collected by pytest, which builds them before any fixture exists; so the run is set here, once, by whoever
starts pytest, and asked for by the tests.
"""

from __future__ import annotations

import collections
import contextlib
import functools
import json
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from octopusx_video_openapi import Contract, Operation, Rule, RuleId, operations

from octopusx_video_contract.checks import single_response
from octopusx_video_contract.checks.history import History
from octopusx_video_contract.checks.registry import Outcome, Outcomes, at, checks, speaks_of
from octopusx_video_contract.core.budget import Budget, NotAskedError
from octopusx_video_contract.core.findings import Finding, Findings
from octopusx_video_contract.core.mock_control import Control
from octopusx_video_contract.core.redaction import Redactor
from octopusx_video_contract.core.transport import NoResponseError, Sender, Transport
from octopusx_video_contract.messages import description, http
from octopusx_video_contract.messages.http import ABSENT, Request, Response
from octopusx_video_contract.messages.text import counted

SHOWN_HEADERS = frozenset(
    {
        *("content-type", "content-length", "content-encoding", "content-range", "transfer-encoding"),
        *("location", "retry-after", "x-request-id"),
    }
)
"""The headers that are shown of a response that arrived in part, beside the one with the id of its request."""
MANY_BROKEN_RULES = 8
"""How many rules a server breaks that gets less time, since nobody waits for more findings of it."""
MAX_HEAD = 1_000
"""How much of them is shown, in characters."""


@dataclass
class RunLog:
    """What a run has seen.

    Attributes:
        responses: How often each operation was answered with each status, to a request that ordered its answer or not.
        by_layer: How many answers of each operation each layer has judged.
        warnings: Broken ``should`` rules that did not fail the run.
        asked: The numbered rules that something was compared with; noted by ``Run.check`` and ``Run.finding`` alone.
        findings: What failed the run, with the layer, each once.
        reported: Findings of ``should`` rules that did not fail the run, with the layer, each once.
        known: The findings of the tests so far by their keys. Found again, they are counted, and hide nothing else.
        ids: How often each id was told as that of a new task.
        history: What was reported of each task.
    """

    responses: collections.Counter[tuple[str, int, bool]] = field(default_factory=collections.Counter)
    by_layer: collections.Counter[tuple[str, str]] = field(default_factory=collections.Counter)
    warnings: collections.Counter[str] = field(default_factory=collections.Counter)
    asked: set[str] = field(default_factory=set)
    findings: list[tuple[str, Finding]] = field(default_factory=list)
    reported: list[tuple[str, Finding]] = field(default_factory=list)
    known: dict[tuple[str, str, str], Finding] = field(default_factory=dict)
    ids: collections.Counter[str] = field(default_factory=collections.Counter)
    history: History = field(default_factory=History)

    @property
    def broken(self) -> set[str]:
        """The rules that were broken, those that did not fail the run as well."""
        return {finding.rule for _, finding in (*self.findings, *self.reported)}

    def statuses(self, operation_id: str, *, ordered: bool) -> dict[int, int]:
        """How often each status came from an operation."""
        return {
            status: count
            for (operation, status, was_ordered), count in sorted(self.responses.items())
            if operation == operation_id and was_ordered == ordered
        }


@checks(RuleId.R24, RuleId.R53)
@dataclass
class Run:
    """What a run is told.

    Attributes:
        base_url: The server, without a slash at the end.
        key: The API key. It never shows: not in a repr, and see ``Redactor`` for everything that is printed.
        contract: What the server is held to.
        sender: Moves the bytes.
        known_ids: Ids of finished tasks that the key can read.
        seed: Decides every generated value.
        max_examples: How many requests are generated for each operation, beside the examples and the edge cases.
        timeout: Seconds that an answer may take.
        deadline: Seconds of real time that the tasks of the run may take to end, where no clock can be turned.
        strict: Whether a broken ``should`` rule fails the run, or is only reported.
        ends_at_once: Whether the first finding ends the run, so that no case after it is asked.
        strictness: ``strict`` in words, with the reason and how to change it.
        stateless: Whether the server answers each request by itself, so that a task's life can't be asked about.
        budget: What may be billed.
        other_key: A key of another account, if there is one.
        control: The server's clock and books, if it lets them be looked at.
        orders: What of ``Prefer`` the server follows: ``code``, ``fault``.
        coverage: Counts what was exercised.
        layer: The layer that is running.
        listeners: Are called with each response.
        announce: Prints a line while the tests run; standard error where there is none.
        collectors: Lists that take findings instead of having them raised; None where they are raised.
        log: What it has seen so far.
    """

    base_url: str
    key: str = field(repr=False)
    contract: Contract
    sender: Sender
    known_ids: tuple[str, ...]
    seed: int
    max_examples: int = 50
    timeout: float = 10.0
    deadline: float = 300.0
    strict: bool = True
    ends_at_once: bool = False
    strictness: str = ""
    stateless: bool = False
    budget: Budget = field(default=None)  # type: ignore[assignment]  # made below, of the key and the contract
    other_key: str | None = field(default=None, repr=False)
    control: Control | None = None
    orders: frozenset[str] = frozenset()
    coverage: Any = None
    layer: str = ""
    listeners: list[Callable[[Response], None]] = field(default_factory=list)
    announce: Callable[[str], None] | None = None
    collectors: list[list[Finding] | None] = field(default_factory=list)
    log: RunLog = field(default_factory=RunLog)

    def __post_init__(self) -> None:
        """Make the budget that was not given."""
        if self.budget is None:
            self.budget = Budget(self.contract, self.key, other_key=self.other_key)

    @property
    def paid(self) -> bool:
        """Whether submits may be billed, so that they are counted."""
        return self.budget.limit is not None

    @functools.cached_property
    def redactor(self) -> Redactor:
        """Takes the keys out of what is shown."""
        return Redactor(self.key, *([self.other_key] if self.other_key else []))

    @property
    def complete(self) -> bool:
        """Whether every rule of the contract can be asked of the server."""
        return bool(self.control and self.other_key and "fault" in self.orders and not self.stateless and not self.paid)

    @functools.cached_property
    def transport(self) -> Transport:
        """What everything is sent through."""
        return Transport(self.contract, self.base_url, self.sender, self.budget, self.timeout, self._note)

    def request(
        self,
        operation: Operation,
        *,
        path: dict[str, str] | None = None,
        query: dict[str, Any] | None = None,
        body: Any = ABSENT,
        raw: bytes | None = None,
        headers: Iterable[tuple[str, str]] = (),
        credential: str | None = "",
    ) -> Request:
        """A request of an operation.

        Args:
            operation: Which one.
            path: Values of the path, decoded.
            query: Values of the query, decoded.
            body: The JSON value to send; ABSENT for none.
            raw: Bytes to send instead.
            headers: More headers. A Content-Type among them stands in the place of the usual one.
            credential: The value of Authorization; "" for the run's own key, None for none.
        """
        sent = list(headers)
        content = raw if raw is not None else None if body is ABSENT else json.dumps(body).encode()
        names = {name.lower() for name, _ in sent}
        if content is not None and "content-type" not in names:
            sent.append(("Content-Type", "application/json"))
        if credential is not None and "authorization" not in names:
            sent.append(("Authorization", credential or f"Bearer {self.key}"))
        target = http.target(operation, path or {}, query or {})
        return Request(operation.method.upper(), target, tuple(sent), content)

    def send(self, request: Request) -> Response:
        """Send a request.

        Raises:
            Finding: No answer came that could be judged.
            NotAskedError: The budget does not allow it.
        """
        try:
            response = self.transport.send(request)
        except NoResponseError as error:
            raise self.unanswered(error) from None
        self.check(RuleId.R53, None, response)
        return response

    def send_at_once(self, requests: Sequence[Request]) -> list[Response | None]:
        """Send requests at the same moment. Gives their answers in order; None for what was not answered or not asked.

        Raises:
            Finding: One of them got no answer that could be judged, and findings are not collected.
        """
        responses: list[Response | None] = []
        findings: list[Finding] = []
        for outcome in self.transport.at_once(requests):
            responses.append(outcome if isinstance(outcome, Response) else None)
            if isinstance(outcome, Response):
                self.check(RuleId.R53, None, outcome)
            if isinstance(outcome, NoResponseError):
                error = self.unanswered(outcome)
                findings += error.findings if isinstance(error, Findings) else []
                findings += [error] if isinstance(error, Finding) else []
        self.keep(findings)
        return responses

    def unanswered(self, error: NoResponseError) -> Finding | Findings | NotAskedError:
        """What is found where no response arrived that can be used, with what arrived of it.

        That an operation is left alone is one finding; what would have been sent to it after that is not asked.
        """
        shown = error.partial or error.request
        may_cost = f"; it may have started {' or '.join(error.possible_tasks)}" if error.possible_tasks else ""
        whole = self.finding(RuleId.R53, f"{error}{may_cost}", shown, is_whole=False)
        if not error.is_sent:
            whole.key = (whole.rule, whole.operation, str(error))
            whole.is_last = True
            return NotAskedError(str(error)) if whole.key in self.log.known else whole
        if not error.begun:
            return whole
        # The same in the words of the rule of lengths, where it speaks of the operation.
        short = self.finding(RuleId.R24, f"its body ended before its end: {error}", shown, is_whole=False)
        rule = self.contract.rules_by_id.get(RuleId.R24)
        return Findings([whole, *([short] if rule is not None and short.operation in rule.operations else [])])

    @property
    def context(self) -> single_response.Context:
        """What a check of a response has to know of the run."""
        return single_response.Context(self.contract, self.known_ids, self.stateless, self.log.ids)

    def check_response(self, response: Response, also: Iterable[Outcome] = ()) -> None:
        """Compare a response with all that the contract says of it, and with what was reported of its task before.

        Args:
            response: The response.
            also: What else was asked of it, so that all that is wrong is reported together.

        Raises:
            Findings: It breaks rules that fail the run.
        """
        found = list(also)
        reached = operations.match(self.contract, response.request.method, response.request.path)
        if reached is not None:
            # What changed comes first, since it notes the response.
            alone = [*self.changed(response), *single_response.check(self.context, reached[0], response)]
            found += at(reached[0].id, alone)
        self.check_all(found, response)

    def rejected(self, response: Response, what: str) -> Outcomes:
        """What is wrong with the rejection of a request that was valid, told with what the request was."""
        reached = operations.match(self.contract, response.request.method, response.request.path)
        if reached is not None:
            yield from at(f"{reached[0].id}: {what}", single_response.rejection(self.context, reached[0], response))

    def changed(self, response: Response) -> Outcomes:
        """Note what a response reports of a task, and compare it with what was reported before."""
        if not self.stateless:
            yield from self.log.history.check(self.contract, (self.key, self.other_key), response, self.now)

    @contextlib.contextmanager
    def collecting(self, findings: list[Finding] | None) -> Iterator[None]:
        """Keep broken rules in a list while the block lasts, and go on after them; None has them raised."""
        self.collectors.append(findings)
        try:
            yield
        finally:
            self.collectors.pop()

    def check(self, rule_id: str, fault: str | None, shown: Response | Request | None = None) -> None:
        """Note that a numbered rule was asked, and report it where it is broken.

        Neither is done where the contract does not have the rule, or the rule does not speak of the operation.

        Args:
            rule_id: The rule.
            fault: What breaks it; None where it is kept.
            shown: The request or the response that shows it.

        Raises:
            Finding: The rule is broken and a ``must``, or the run is strict; no earlier test found the same, and
                findings are not collected.
        """
        self.check_all([(rule_id, fault)], shown, together=False)

    def check_all(
        self, outcomes: Iterable[Outcome], shown: Response | Request | None = None, *, together: bool = True
    ) -> None:
        """The same of every rule of these, whose faults are reported together.

        Raises:
            Findings: One or more of them fail the run, as ``check`` has it.
        """
        place = self._place(shown)
        found = [self._checked(rule_id, fault, shown, place) for rule_id, fault in outcomes]
        findings = [finding for finding in found if finding is not None]
        self.keep(findings, together=together)

    def keep(self, findings: Sequence[Finding], *, together: bool = False) -> None:
        """Collect findings, or raise them.

        Raises:
            Finding: Findings are not collected, and this is one that need not come together with others.
            Findings: Findings are not collected, and these are several.
        """
        collector = self.collectors[-1] if self.collectors else None
        if collector is None and findings:
            raise findings[0] if len(findings) == 1 and not together else Findings(findings)
        if collector is None:
            return
        for finding in findings:
            same = next((one for one in collector if one.key == finding.key), None)
            if same is None:
                collector.append(finding)
            else:
                same.times += finding.times

    def _checked(self, rule_id: str, fault: str | None, shown: Response | Request | None, place: str) -> Finding | None:
        """What is found where a rule is broken; None where it is kept, does not fail the run, or is known already."""
        rule = self.contract.rules_by_id.get(rule_id)
        if rule is None or not speaks_of(rule, place):
            return None
        speaks = shown.status in rule.statuses if isinstance(shown, Response) and rule.statuses else True
        if rule.about == "response" and not speaks:
            return None
        self.log.asked.add(rule.id)
        if fault is None:
            return None
        fails = self.strict or rule.level == "must"
        if not fails:
            self.log.warnings[f"{rule_id}: {rule.title}"] += 1
        known = self.log.known.get((rule_id, place, self._named(rule_id, fault, shown)))
        finding = known or self.finding(rule_id, fault, shown)
        known = known or self.log.known.get(finding.key)
        if known is not None:
            known.times += 1
            return None
        if fails:
            return finding
        self.log.known[finding.key] = finding
        self.log.reported.append((self.layer, finding))
        return None

    def _named(self, rule_id: str, detail: str, shown: Response | Request | None) -> str:
        """A detail fit to be shown, with what a request alone does not show.

        Where it broke the server, that is what it sent that others do not; where others were sent at the same moment,
        how many, unless the rule is one of the response alone.
        """
        request = shown.request if isinstance(shown, Response) else shown
        rule = self.contract.rules_by_id.get(rule_id)
        if request is not None and request.beside and rule is not None and rule.about != "response":
            detail += f" (sent at the same moment as {counted(request.beside, 'other request')})"
        if rule_id == RuleId.R44 and isinstance(shown, Response):
            sent = description.described(self.contract, shown.request)
            detail += f" (sent: {sent})" if sent else ""
        return self.redactor.shown(detail)

    def _place(self, shown: Response | Request | None) -> str:
        """The operation that a request reaches; empty where it reaches none."""
        request = shown.request if isinstance(shown, Response) else shown
        reached = request and operations.match(self.contract, request.method, request.path)
        return reached[0].id if reached else ""

    def finding(
        self, rule_id: str, detail: str, shown: Response | Request | None = None, *, is_whole: bool = True
    ) -> Finding:
        """A broken rule, with the request and the answer that show it, or what arrived of an answer.

        Nothing in it acts on a terminal, and the key is in none of it.
        """
        rule = self.contract.rules_by_id.get(rule_id) or Rule(rule_id, "should", "the contract has no such rule", "")
        self.log.asked.add(rule.id)
        request = shown.request if isinstance(shown, Response) else shown
        detail = self._named(rule_id, detail, shown)
        response = ""
        if isinstance(shown, Response):
            excerpt = self.redactor.excerpt(shown.content)
            head = f"{shown.status} {shown.media_type}" if is_whole else self._head(shown)
            response = f"{self.redactor.shown(head)} {excerpt}"
        if request is None:
            return Finding(rule.id, rule.level, rule.title, detail, "", "", response)
        place = self._place(request)
        curl = self.redactor.shown(request.curl(self.base_url, self.key, self.other_key))
        finding = Finding(rule.id, rule.level, rule.title, detail, place, curl, response)
        if rule.about != "response":  # what a response is by itself is one finding, whatever was asked
            finding.key = (rule.id, place, f"{detail}\n{curl}")
        return finding

    def _head(self, part: Response) -> str:
        """Status and some headers of a response that arrived in part."""
        if not part.status:
            return "(not an HTTP response)"
        kept = [
            f"{name}: {value}"
            for name, value in part.headers.items()
            if name in SHOWN_HEADERS | {self.contract.request_id_name}
        ]
        return f"{part.status} (in part; {'; '.join([*kept, 'body'])})"[:MAX_HEAD]

    @property
    def is_still(self) -> bool:
        """Whether the server's clock is known to stand still, so that nothing changes by itself."""
        return self.control is not None and self.control.is_still

    def now(self) -> float:
        """The server's time where it can be known, else this machine's, in Unix seconds."""
        return self.control.now() if self.control else time.time()

    def say(self, line: str) -> None:
        """Print how things stand while the tests run."""
        if self.announce is not None:
            self.announce(line)
        else:
            print(line, file=sys.stderr, flush=True)

    def _note(self, response: Response) -> None:
        reached = operations.match(self.contract, response.request.method, response.request.path)
        if reached is not None:
            operation = reached[0].id
            self.log.responses[operation, response.status, response.request.ordered] += 1
            self.log.by_layer[self.layer, operation] += 1
            task = reached[0].new_task_id(response.json()) if response.status == 200 else None
            if task is not None:
                self.log.ids[task] += 1
        for watcher in self.listeners:
            watcher(response)


_running: list[Run] = []


@contextlib.contextmanager
def running(run: Run) -> Iterator[None]:
    """Make this the current run while the block lasts."""
    _running.append(run)
    try:
        yield
    finally:
        _running.pop()


def current() -> Run:
    """The current run.

    Raises:
        RuntimeError: The tests were started in another way than by the suite's command.
    """
    if not _running:
        raise RuntimeError("start the suite with `octopusx-video-contract`, not with pytest")
    return _running[-1]
