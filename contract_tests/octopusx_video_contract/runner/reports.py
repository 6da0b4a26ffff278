"""A run as a report in Markdown: what was found, which layer asked what, what was exercised and what was spent."""

from __future__ import annotations

import collections
import html
import re

from octopusx_video_openapi import Contract

from octopusx_video_contract.core.findings import Finding, by_operation, by_rule
from octopusx_video_contract.core.gaps import gaps
from octopusx_video_contract.core.run import Run
from octopusx_video_contract.messages.http import Request
from octopusx_video_contract.messages.text import counted, shortened

_NONE = "-"
_MAX_IN_CELL = 160
"""Characters of a finding in the table."""


def markdown(run: Run, outcomes: collections.Counter[tuple[str, str]], *, interrupted: bool = False) -> str:
    """The report of a run.

    Args:
        run: The run.
        outcomes: How many tests of each layer passed, failed or were skipped.
        interrupted: Whether it was ended before its end.
    """
    strictness = "strict" if run.settings.strict else "should rules only reported"
    parts = [
        "# Contract report",
        f"Server {run.settings.base_url}, contract {run.contract.version}, seed {run.settings.seed}, {strictness}.",
        *(["**The run was interrupted**, and says nothing of what it did not come to."] if interrupted else []),
        *([] if interrupted and not run.log.findings else [_conclusion(run, outcomes)]),
        *_findings(run),
        "## Layers",
        _table(
            ["layer", "passed", "failed", "skipped"],
            [
                [layer, *(str(outcomes[layer, outcome]) for outcome in ("passed", "failed", "skipped"))]
                for layer in dict.fromkeys(layer for layer, _ in outcomes)
            ],
        ),
        "## Responses of each operation that each layer checked",
        _matrix(run),
        "## What was exercised",
        _responses(run),
        *_left_out(run),
    ]
    if run.budget.account():
        parts += ["## What it may have cost", "\n".join(f"- {line}" for line in run.budget.account())]
    return "\n\n".join(parts) + "\n"


def _conclusion(run: Run, outcomes: collections.Counter[tuple[str, str]]) -> str:
    failed = sum(count for (_, outcome), count in outcomes.items() if outcome == "failed")
    if not failed:
        return "**The server keeps the contract**, as far as it was asked."
    rules = sorted({finding.rule for _, finding in run.log.findings})
    named = f" Broken rules: {', '.join(rules)}." if rules else ""
    return f"**The server does not keep the contract**: {counted(failed, 'test')} failed.{named}"


def _findings(run: Run) -> list[str]:
    """All findings: a table of them by rule and operation, then each of them, folded."""
    parts = []
    for title, findings in (("Findings", run.log.findings), ("Broken, and only reported", run.log.reported)):
        if not findings:
            continue
        rules = by_rule(findings)
        rows = [
            [
                rule,
                several[0].level,
                operation or _NONE,
                str(len(several)),
                str(sum(finding.times for finding in several)),
                _plain(shortened(several[0].symptom, _MAX_IN_CELL)),
            ]
            for rule, each in rules
            for operation, several in by_operation(each).items()
        ]
        parts += [f"## {title}", _table(["rule", "level", "operation", "findings", "times", "the first"], rows)]
        for rule, each in rules:
            first = each[0][1]
            parts.append(f"### {rule} ({first.level}): {first.title}")
            parts += [_documentation(first.documentation)] if first.documentation else []
            for layer, finding in each:
                parts += _folded(layer, finding)
    if run.log.warnings:
        counts = sorted(run.log.warnings.items())
        parts.append("\n".join(f"- {rule} ({counted(count, 'time')})" for rule, count in counts))
    return parts


def _folded(layer: str, finding: Finding) -> list[str]:
    """One finding, of which a reader sees a line until it is opened."""
    line = html.escape(" ".join(finding.detail.split()))
    return [
        f"<details><summary>{line} ({counted(finding.times, 'time')}, {layer})</summary>",
        *([_code(finding.curl)] if finding.curl else []),
        *([_code(finding.response)] if finding.response else []),
        "</details>",
    ]


def _documentation(address: str) -> str:
    """Where a rule is documented: a link where the site's base URL is known."""
    return f"See <{address}>." if "://" in address else f"See `{address}` on the site of the documentation."


def _plain(text: str) -> str:
    """A text that Markdown takes for nothing else, in one line."""
    return re.sub(r"([\\`*_\[\]<>~#&])", r"\\\1", " ".join(text.split()))


def _matrix(run: Run) -> str:
    layers = list(dict.fromkeys(layer for layer, _ in run.log.by_layer if layer))
    rows = [
        [operation, *(str(run.log.by_layer[layer, operation] or _NONE) for layer in layers)]
        for operation in run.contract.operations
    ]
    return _table(["operation", *layers], rows)


def _responses(run: Run) -> str:
    rows = []
    for operation in run.contract.operations.values():
        result, ordered = (run.log.statuses(operation.id, ordered=kind) for kind in (False, True))
        documented = set(map(int, operation.responses))
        rows += [
            [operation.id, str(status), str(result.get(status, _NONE)), str(ordered.get(status, _NONE))]
            for status in sorted({*result, *ordered, *documented})
        ]
    return _table(["operation", "status", "received", "was ordered"], rows)


def _left_out(run: Run) -> list[str]:
    missing = list(gaps(run))
    if not missing:
        return [
            "Every operation, parameter, documented response, keyword of a request and numbered rule was exercised."
        ]
    return ["Not exercised:", "\n".join(f"- {gap.kind}: {gap.name}" for gap in missing)]


def _table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |" for line in lines)


def _code(text: str) -> str:
    fence = "`" * max(3, 1 + max((len(run) for run in re.findall("`+", text)), default=0))
    return f"{fence}\n{text}\n{fence}"


def shape(contract: Contract, request: Request) -> str:
    """What a request is, without its values: its operation's path, or its own where it has none."""
    reached = request.reached(contract)
    return f"{reached[0].path} ({reached[0].id})" if reached else request.path
