"""What a run finds: the rule that is broken, the smallest request that shows it, and the response."""

from __future__ import annotations

from collections.abc import Sequence

from octopusx_video_contract.messages.text import shortened


class Finding(AssertionError):  # noqa: N818 - the word of everybody who reads a report
    """One broken rule.

    Attributes:
        rule: Its number.
        level: ``must`` or ``should``.
        title: What it says.
        detail: What was found.
        operation: Where; empty where it was at none.
        curl: The request as a curl command; empty where there was none.
        response: The response; empty where there was none.
        documentation: The address of the rule's section in the documentation; empty where it has none.
        key: What makes it the same finding as another one: rule, operation and the whole detail, with the request
            where the rule is not one of the response alone.
        times: How often it was found.
        is_last: Whether no further request of the operation was sent.
        after: Seconds from the beginning of the run until it was found.
    """

    after = 0.0
    is_last = False

    def __init__(
        self,
        rule: str,
        level: str,
        title: str,
        detail: str,
        operation: str = "",
        curl: str = "",
        response: str = "",
        documentation: str = "",
    ) -> None:
        self.rule = rule
        self.level = level
        self.title = title
        self.detail = shortened(detail)
        self.operation = operation
        self.curl = curl
        self.response = response
        self.documentation = documentation
        self.key = (rule, operation, detail)
        self.times = 1
        super().__init__(self.text())

    @property
    def symptom(self) -> str:
        """The detail without the operation's name, where it stands beside it."""
        return self.detail.removeprefix(f"{self.operation}: ") if self.operation else self.detail

    @property
    def statement(self) -> str:
        """What the rule says, and where it is documented, in one line."""
        return f"{self.title} See {self.documentation}" if self.documentation else self.title

    def text(self) -> str:
        """The finding for people."""
        lines = [f"{self.rule} ({self.level}) is broken: {self.statement}", self.detail]
        if self.curl:
            lines += ["the request:", f"    {self.curl}"]
        if self.response:
            lines += ["the response:", f"    {self.response}"]
        return "\n".join(lines)


class Findings(AssertionError):  # noqa: N818 - the same
    """Several findings of one test."""

    def __init__(self, findings: Sequence[Finding], also: str = "") -> None:
        """Several findings, and what else ended the test."""
        self.findings = list(findings)
        super().__init__("\n\n".join([*(finding.text() for finding in findings), *([also] if also else [])]))


def by_rule(findings: Sequence[tuple[str, Finding]]) -> list[tuple[str, list[tuple[str, Finding]]]]:
    """Findings with their layers by rule, ``must`` before ``should``, then by the rules' numbers."""
    rules = sorted({(finding.level != "must", finding.rule) for _, finding in findings})
    return [(rule, [one for one in findings if one[1].rule == rule]) for _, rule in rules]


def by_operation(findings: Sequence[tuple[str, Finding]]) -> dict[str, list[Finding]]:
    """The findings of one rule by their operations."""
    grouped: dict[str, list[Finding]] = {}
    for _, finding in findings:
        grouped.setdefault(finding.operation, []).append(finding)
    return grouped
