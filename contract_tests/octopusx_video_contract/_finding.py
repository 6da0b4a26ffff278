"""What a run finds: the rule that is broken, the smallest request that shows it, and the answer."""

from __future__ import annotations

from collections.abc import Sequence

SHOWN = 3
"""How many findings of one test are shown whole; the others are named."""


class Finding(AssertionError):  # noqa: N818 - the word of everybody who reads a report
    """One broken rule.

    Attributes:
        rule: Its number.
        level: ``must`` or ``should``.
        title: What it says.
        detail: What was found.
        operation: Where; empty where it was at none.
        curl: The request as a curl command; empty where there was none.
        answer: What came back; empty where nothing did.
        after: Seconds from the beginning of the run until it was found.
    """

    after = 0.0

    def __init__(
        self, rule: str, level: str, title: str, detail: str, operation: str = "", curl: str = "", answer: str = ""
    ) -> None:
        self.rule = rule
        self.level = level
        self.title = title
        self.detail = detail
        self.operation = operation
        self.curl = curl
        self.answer = answer
        super().__init__(self.text())

    def text(self) -> str:
        """The finding for people."""
        lines = [f"{self.rule} ({self.level}) is broken: {self.title}", self.detail]
        if self.curl:
            lines += ["the request:", f"    {self.curl}"]
        if self.answer:
            lines += ["the answer:", f"    {self.answer}"]
        return "\n".join(lines)


class Findings(AssertionError):  # noqa: N818 - the same
    """Several findings of one test."""

    def __init__(self, findings: Sequence[Finding]) -> None:
        self.findings = list(findings)
        first: dict[str, Finding] = {}
        for finding in findings:
            first.setdefault(finding.rule, finding)
        shown = [*first.values()][:SHOWN]
        lines = [finding.text() for finding in shown]
        others = [
            f"{finding.rule}: {finding.detail}".partition("\n")[0] for finding in findings if finding not in shown
        ]
        if others:
            lines.append(f"and {len(others)} more:")
            lines += [f"    {other}" for other in others]
        super().__init__("\n\n".join(lines[: len(shown)]) + "".join(f"\n{line}" for line in lines[len(shown) :]))
