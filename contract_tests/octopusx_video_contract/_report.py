"""A run as a report in Markdown: what was found, which layer asked what, what was exercised and what was spent."""

from __future__ import annotations

import collections
import re

from octopusx_video_openapi import Contract

from octopusx_video_contract._coverage import gaps
from octopusx_video_contract._exchange import Request, found
from octopusx_video_contract._run import Run

_NONE = "-"


def markdown(run: Run, outcomes: collections.Counter[tuple[str, str]], *, interrupted: bool = False) -> str:
    """The report of a run.

    Args:
        run: The run.
        outcomes: How many tests of each layer passed, failed or were skipped.
        interrupted: Whether it was ended before its end.
    """
    manner = "strict" if run.strict else "should rules only reported"
    parts = [
        "# Contract report",
        f"Server {run.base_url}, contract {run.contract.version}, seed {run.seed}, {manner}.",
        *(["**The run was interrupted**, and says nothing of what it did not come to."] if interrupted else []),
        *([] if interrupted and not run.seen.findings else [_verdict(run, outcomes)]),
        *_findings(run),
        "## Layers",
        _table(
            ["layer", "passed", "failed", "skipped"],
            [
                [layer, *(str(outcomes[layer, outcome]) for outcome in ("passed", "failed", "skipped"))]
                for layer in dict.fromkeys(layer for layer, _ in outcomes)
            ],
        ),
        "## Answers of each operation that each layer judged",
        _matrix(run),
        "## What was exercised",
        _responses(run),
        *_left_out(run),
    ]
    if run.budget.account():
        parts += ["## What it may have cost", "\n".join(f"- {line}" for line in run.budget.account())]
    return "\n\n".join(parts) + "\n"


def _verdict(run: Run, outcomes: collections.Counter[tuple[str, str]]) -> str:
    failed = sum(count for (_, outcome), count in outcomes.items() if outcome == "failed")
    if not failed:
        return "**The server keeps the contract**, as far as it was asked."
    rules = sorted({finding.rule for _, finding in run.seen.findings})
    named = f" Broken rules: {', '.join(rules)}." if rules else ""
    return f"**The server does not keep the contract**: {failed} tests failed.{named}"


def _findings(run: Run) -> list[str]:
    parts = []
    if run.seen.findings:
        parts.append("## Findings")
    shown: set[tuple[str, str]] = set()
    for layer, finding in run.seen.findings:
        if (finding.rule, finding.operation) in shown:
            continue
        shown.add((finding.rule, finding.operation))
        lines = [
            f"### {finding.rule} ({finding.level}): {finding.title}",
            f"Found by the layer {layer}.",
            finding.detail,
        ]
        if finding.curl:
            lines.append(_code(finding.curl))
        if finding.answer:
            lines.append(_code(finding.answer))
        parts += lines
    if run.seen.warnings:
        counted = sorted(run.seen.warnings.items())
        parts += ["## Broken, and only reported", "\n".join(f"- {rule} ({count} times)" for rule, count in counted)]
    return parts


def _matrix(run: Run) -> str:
    layers = list(dict.fromkeys(layer for layer, _ in run.seen.by_layer if layer))
    rows = [
        [operation, *(str(run.seen.by_layer[layer, operation] or _NONE) for layer in layers)]
        for operation in run.contract.operations
    ]
    return _table(["operation", *layers], rows)


def _responses(run: Run) -> str:
    rows = []
    for operation in run.contract.operations.values():
        came, ordered = (run.seen.statuses(operation.id, ordered=kind) for kind in (False, True))
        documented = {int(status) for status, _ in run.contract.responses(operation)}
        rows += [
            [operation.id, str(status), str(came.get(status, _NONE)), str(ordered.get(status, _NONE))]
            for status in sorted({*came, *ordered, *documented})
        ]
    return _table(["operation", "status", "came about", "was ordered"], rows)


def _left_out(run: Run) -> list[str]:
    missing = list(gaps(run, run.coverage))
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
    reached = found(contract, request.method, request.path)
    return f"{reached[0].path} ({reached[0].id})" if reached else request.path
