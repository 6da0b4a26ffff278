"""What becomes of a check: a rule counts as asked, and what breaks it is collected, raised, or only reported."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Sequence

from octopusx_video_openapi import Rule, RuleId
from octopusx_video_openapi.documentation import rule_section

from octopusx_video_contract.checks import single_response
from octopusx_video_contract.checks.registry import Outcome, Outcomes, at, checks, speaks_of
from octopusx_video_contract.core.findings import Finding, Findings
from octopusx_video_contract.core.run_log import RunLog
from octopusx_video_contract.core.settings import Settings
from octopusx_video_contract.messages import description
from octopusx_video_contract.messages.http import Request, Response
from octopusx_video_contract.messages.text import counted
from octopusx_video_contract.sending.budget import NotAskedError
from octopusx_video_contract.sending.transport import NoResponseError

SHOWN_HEADERS = frozenset(
    {
        *("content-type", "content-length", "content-encoding", "content-range", "transfer-encoding"),
        *("location", "retry-after", "x-request-id"),
    }
)
"""The headers that are shown of a response that arrived in part, beside the one with the id of its request."""
MAX_HEAD = 1_000
"""How much of them is shown, in characters."""


@checks(RuleId.R24)
class Recorder:
    """Records in the log of a run which rules were asked, and what was found.

    Args:
        settings: The settings of the run.
        log: Its log.
        now: Gives the server's time, in Unix seconds.
    """

    def __init__(self, settings: Settings, log: RunLog, now: Callable[[], float]) -> None:
        self.settings = settings
        self.log = log
        self._now = now
        self._collectors: list[list[Finding] | None] = []

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
        rule = self.settings.contract.rules_by_id.get(RuleId.R24)
        return Findings([whole, *([short] if rule is not None and short.operation in rule.operations else [])])

    @property
    def context(self) -> single_response.Context:
        """What a check of a response has to know of the run."""
        return single_response.Context(
            self.settings.contract, self.settings.known_ids, self.settings.stateless, self.log.ids
        )

    def check_response(self, response: Response, also: Iterable[Outcome] = ()) -> None:
        """Compare a response with all that the contract says of it, and with what was reported of its task before.

        Args:
            response: The response.
            also: What else was asked of it, so that all that is wrong is reported together.

        Raises:
            Findings: It breaks rules that fail the run.
        """
        found = list(also)
        reached = response.request.reached(self.settings.contract)
        if reached is not None:
            # What changed comes first, since it notes the response.
            alone = [*self.changed(response), *single_response.check(self.context, reached.operation, response)]
            found += at(reached.operation.id, alone)
        self.check_all(found, response)

    def rejected(self, response: Response, what: str) -> Outcomes:
        """What is wrong with the rejection of a request that was valid, said with what the request was."""
        reached = response.request.reached(self.settings.contract)
        if reached is not None:
            yield from at(
                f"{reached.operation.id}: {what}", single_response.rejection(self.context, reached.operation, response)
            )

    def check_rejected(self, response: Response, rule_id: str, fault: str | None, what: str) -> None:
        """Compare a rejection with a rule, and where it keeps that with what the contract says of the rejection.

        Raises:
            Findings: It breaks rules that fail the run.
        """
        self.check_response(response, [(rule_id, fault), *(() if fault else self.rejected(response, what))])

    def changed(self, response: Response) -> Outcomes:
        """Note what a response reports of a task, and compare it with what was reported before."""
        if not self.settings.stateless:
            yield from self.log.history.check(
                self.settings.contract, (self.settings.key, self.settings.other_key), response, self._now
            )

    @contextlib.contextmanager
    def collecting(self, findings: list[Finding] | None) -> Iterator[None]:
        """Keep broken rules in a list while the block lasts, and go on after them; None has them raised."""
        self._collectors.append(findings)
        try:
            yield
        finally:
            self._collectors.pop()

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
        collector = self._collectors[-1] if self._collectors else None
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
        rule = self.settings.contract.rules_by_id.get(rule_id)
        if rule is None or not speaks_of(rule, place):
            return None
        speaks = shown.status in rule.statuses if isinstance(shown, Response) and rule.statuses else True
        if rule.about == "response" and not speaks:
            return None
        self.log.asked.add(rule.id)
        if fault is None:
            return None
        fails = self.settings.strict or rule.level == "must"
        known = self.log.known.get((rule_id, place, self._named(rule_id, fault, shown)))
        finding = known or self.finding(rule_id, fault, shown)
        if not fails:
            self.log.count_reported(finding)
        known = known or self.log.known.get(finding.key)
        if known is not None:
            known.times += 1
            return None
        if fails:
            return finding
        self.log.known[finding.key] = finding
        self.log.reported.append((self.log.layer, finding))
        return None

    def _named(self, rule_id: str, detail: str, shown: Response | Request | None) -> str:
        """A detail fit to be shown, with what a request alone does not show.

        Where it broke the server, that is what it sent that others do not; where others were sent at the same moment,
        how many, unless the rule is one of the response alone.
        """
        request = shown.request if isinstance(shown, Response) else shown
        rule = self.settings.contract.rules_by_id.get(rule_id)
        if request is not None and request.beside and rule is not None and rule.about != "response":
            detail += f" (sent at the same moment as {counted(request.beside, 'other request')})"
        if rule_id == RuleId.R44 and isinstance(shown, Response):
            sent = description.described(self.settings.contract, shown.request)
            detail += f" (sent: {sent})" if sent else ""
        return self.settings.redactor.shown(detail)

    def _place(self, shown: Response | Request | None) -> str:
        """The operation that a request reaches; empty where it reaches none."""
        request = shown.request if isinstance(shown, Response) else shown
        reached = request and request.reached(self.settings.contract)
        return reached.operation.id if reached else ""

    def finding(
        self, rule_id: str, detail: str, shown: Response | Request | None = None, *, is_whole: bool = True
    ) -> Finding:
        """A broken rule, with the request and the response that show it, or what arrived of a response.

        Nothing in it acts on a terminal, and the key is in none of it.
        """
        known = self.settings.contract.rules_by_id.get(rule_id)
        rule = known or Rule(rule_id, "should", "the contract has no such rule", "")
        documentation = rule_section(rule.id, self.settings.docs_url) if known else ""
        self.log.asked.add(rule.id)
        request = shown.request if isinstance(shown, Response) else shown
        detail = self._named(rule_id, detail, shown)
        response = ""
        if isinstance(shown, Response):
            excerpt = self.settings.redactor.excerpt(shown.content)
            head = f"{shown.status} {shown.media_type}" if is_whole else self._head(shown)
            response = f"{self.settings.redactor.shown(head)} {excerpt}"
        if request is None:
            return Finding(rule.id, rule.level, rule.title, detail, "", "", response, documentation)
        place = self._place(request)
        curl = self.settings.redactor.shown(
            request.curl(self.settings.base_url, self.settings.key, self.settings.other_key)
        )
        finding = Finding(rule.id, rule.level, rule.title, detail, place, curl, response, documentation)
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
            if name in SHOWN_HEADERS | {self.settings.contract.request_id_name}
        ]
        return f"{part.status} (in part; {'; '.join([*kept, 'body'])})"[:MAX_HEAD]
