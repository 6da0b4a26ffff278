"""What the probe found: as text, as Markdown and as JSON, each without keys, cookies, signed addresses and accounts."""

from __future__ import annotations

import collections
import json
from collections.abc import Iterator, Sequence
from typing import Any

from octopusx_video_openapi import Schema
from octopusx_video_openapi.documentation import rule_section

from octopusx_video_contract.core.run import Run
from octopusx_video_contract.messages.http import ABSENT
from octopusx_video_contract.probe import proposals, rule_outcomes
from octopusx_video_contract.probe.paid_task import ObservedTask
from octopusx_video_contract.probe.questions import OWN_ID, ProbeResult
from octopusx_video_contract.probe.rule_outcomes import KNOWN, grade, says
from octopusx_video_contract.probe.shapes import branch, clean, described_response, fields, headers, kind

Row = dict[str, str]


class Report:
    """A probe's report.

    Args:
        run: Names the server, the contract, what was spent, and which keys are hidden.
        came: The result of each question.
        lived: What became of the new task.
        task: Whether there was a known task to ask for.
        paid: Whether a paid submit was sent.
        interrupted: Whether it was ended before it had asked everything.
    """

    def __init__(
        self,
        run: Run,
        result: Sequence[ProbeResult],
        observed: ObservedTask | None,
        *,
        task: bool,
        paid: bool,
        interrupted: bool,
    ) -> None:
        self._run = run
        self._contract = run.contract
        self._results = result
        self._observed = observed
        self._task = task
        self._paid = paid
        answered = sum(one.response is not None for one in result)
        broken_off = ", broken off" if interrupted else ""
        asked = f"{answered} of {len(result)} requests got a response{broken_off}"
        self._head = f"server {run.settings.base_url}, contract {run.contract.version}, {asked}"
        self._proposals = proposals.proposals(self._contract, result, observed)

    def text(self) -> str:
        """For a terminal."""
        lines = ["Probe", self._head]
        for title, rows in self._tables():
            lines += ["", title]
            for row in rows:
                first, *rest = [(name, value) for name, value in row.items() if value]
                if title in {"Questions", "Rules"}:
                    lines += [f"  {first[1]}", *(f"      {name}: {value}" for name, value in rest)]
                else:
                    lines.append("  " + "; ".join([first[1], *(value for _, value in rest)]))
        for title, items in self._lists():
            lines += ["", title, *(f"  {item}" for item in items)]
        return self._safe("\n".join(lines) + "\n")

    def markdown(self) -> str:
        """For a file."""
        parts = ["# Probe", f"{self._head[0].upper()}{self._head[1:]}."]
        for title, rows in self._tables():
            if rows:
                names = list(rows[0])
                lines = [names, ["---"] * len(names), *([row[name] for name in names] for row in rows)]
                parts += [f"## {title}", "\n".join(f"| {' | '.join(map(_cell, line))} |" for line in lines)]
        for title, items in self._lists():
            parts += [f"## {title}", "\n".join(f"- {_cell(item)}" for item in items)]
        return self._safe("\n\n".join(parts) + "\n")

    def json(self) -> str:
        """For a program."""
        lines: dict[str, Any] = {"server": self._run.settings.base_url, "contract": self._contract.version}
        lines |= {title.lower().replace(" ", "_"): rows for title, rows in self._tables()}
        lines["proposals"] = [vars(proposal) for proposal in self._proposals]
        lines |= {title.lower().replace(" ", "_"): items for title, items in self._lists() if title != "Proposals"}
        # Its escapes are those of JSON.
        return self._run.settings.redactor.text(json.dumps(lines, indent=2) + "\n").replace("\x7f", r"\u007f")

    def _safe(self, text: str) -> str:
        return self._run.settings.redactor.shown(text)

    def _tables(self) -> Iterator[tuple[str, list[Row]]]:
        yield "Questions", [self._row(one) for one in self._results if one.listed]
        yield "Fields", list(self._fields())
        yield "Headers", list(self._headers())
        if self._observed is not None:
            yield "New task", list(self._life(self._observed))
        yield "Rules", list(self._rules())

    def _lists(self) -> Iterator[tuple[str, list[str]]]:
        if self._observed is not None:
            yield "What became of it", list(self._summary(self._observed))
        yield "Also seen", list(self._also())
        yield "Proposals", [str(proposal) for proposal in self._proposals] or ["none"]
        yield "Still open", list(self.open())
        yield "What it may have cost", self._run.budget.account()

    def _row(self, one: ProbeResult) -> Row:
        response = one.response
        text = ""
        shown = response or one.partial
        if shown is not None and not (response and response.is_success) and shown.content:
            text = clean(self._run.settings.redactor.excerpt(shown.content))
        broken = "; ".join(f"{rule}: {clean(detail)}" for rule, detail in one.broken.items())
        return {
            "question": f"{one.question.name}: {one.question.asked}",
            "contract": says(self._contract, one),
            "received": described_response(response) if response else clean(_without(one)),
            "excerpt": text,
            "broken": broken,
            "proposal": "; ".join(self._of(one)),
        }

    def _of(self, one: ProbeResult) -> Iterator[str]:
        """The proposals that speak of the status that an operation gave, or of the rule that was asked."""
        operation, response = one.question.operation, one.response
        for proposal in self._proposals:
            of_status = operation and response and proposal.place == f"{operation.id} responses.{response.status}"
            if of_status or (
                one.question.rule and proposal.place == one.question.rule and one.question.name in proposal.because
            ):
                yield f"{proposal.place}: {proposal.change}"

    def _fields(self) -> Iterator[Row]:
        seen: dict[tuple[str, str, str], collections.Counter[str]] = collections.defaultdict(collections.Counter)
        missing: dict[str, set[str]] = {}
        for one in self._results:
            if one.response is None or not one.response.is_success or one.question.operation is None:
                continue
            operation = one.question.operation
            shape = branch(operation, one.response)
            body = one.response.json()
            if shape is None or body is ABSENT:
                continue
            for place, value, node in fields(shape, body):
                status = grade(node) or ("in the contract" if node is not None else "not documented")
                unit = rule_outcomes.unit_of(self._contract, value) if _is_time(node) else ""
                seen[operation.id, place, status][f"{kind(value)}{f', {unit}' if unit else ''}"] += 1
            missing[operation.id] = missing.get(operation.id, set(shape.properties)) - set(body)
        for (operation_id, place, status), kinds in seen.items():
            lines = ", ".join(f"{name} ({count})" for name, count in kinds.items())
            yield {"field": f"{operation_id} {place}", "contract": status, "received": lines}
        for operation_id, names in missing.items():
            if names:
                yield {
                    "field": f"{operation_id} {', '.join(sorted(names))}",
                    "contract": "in the contract",
                    "received": "never",
                }

    def _headers(self) -> Iterator[Row]:
        counts: collections.Counter[str] = collections.Counter()
        values: dict[str, dict[str, None]] = collections.defaultdict(dict)
        responses = [one.response for one in self._results if one.response is not None]
        for response in responses:
            for name, value in headers(response):
                counts[name] += 1
                if value and len(values[name]) < 5:
                    values[name][value] = None
        for name, count in sorted(counts.items()):
            yield {"header": name, "received": f"{count} of {len(responses)}", "values": " | ".join(values[name])}

    def _life(self, observed: ObservedTask) -> Iterator[Row]:
        for change in observed.changes:
            value = change.value
            shown = clean(value) if isinstance(value, str) and "://" not in value else json.dumps(value)
            plain = shown if isinstance(value, str | int | float | None) else kind(value)
            yield {
                "second": f"{change.second:.1f} s",
                "route": change.route,
                "field": change.field,
                "value": plain[:100],
            }

    def _summary(self, observed: ObservedTask) -> Iterator[str]:
        for route, second in observed.readable.items():
            when = "not within the tolerance" if second is None else f"after {second:.1f} s"
            when = "at once" if second is not None and rule_outcomes.at_once(observed, route) else when
            yield f"{route}: readable {when}"
        if observed.ended is None:
            yield f"it had not ended after {self._run.settings.deadline:g} s"
        else:
            yield f"it ended as {observed.task.phase}, seen after {observed.ended:.1f} s"
            phases = {route: lines.phase for lines in observed.task.observations for route in [lines.route]}
            reads = {phase for route, phase in phases.items() if route != observed.task.submit.id}
            yield f"the routes {'agree' if len(reads) == 1 else 'disagree'} about its end"
        length = "unknown" if observed.task.length is None else f"{observed.task.length:g} s"
        video = "unknown" if observed.video is None else f"{observed.video:.2f} s"
        total = "" if observed.total is None else f", as a total it would be {observed.total:g} s"
        reading = rule_outcomes.length_reading(observed)
        yield f"length of the video: {video}; x-result-length gives {length}{total}: {reading}"
        after = rule_outcomes.expiry(self._contract, observed)
        yield "no expiry was reported" if after is None else f"the expiry reported is {after:.0f} s after the submit"

    def _rules(self) -> Iterator[Row]:
        for number, count in rule_outcomes.tally(self._contract, self._results, self._observed).items():
            first = count.details[0] if count.details else ""
            whole = count.kept + count.broken
            lines = f"kept by {count.kept} of {whole}"
            rule = self._contract.rules_by_id[number]
            documentation = rule_section(rule.id, self._run.settings.docs_url) if first else ""
            yield {
                "rule": f"{rule.id} ({grade(rule)}): {rule.title}",
                "received": lines,
                "broken": first,
                "documentation": documentation,
            }

    def open(self) -> Iterator[str]:
        """What the responses do not show, and why."""
        yield from self._not_asked()
        responses = [one for one in self._results if one.question.operation and one.response]
        seen = {
            (one.question.operation.id, one.response.status)
            for one in responses
            if one.question.operation and one.response
        }
        for operation in self._contract.operations.values():
            missing = [
                f"{status} ({grade(response)})"
                for status, response in operation.responses.items()
                if (operation.id, int(status)) not in seen
            ]
            if missing:
                yield f"{operation.id}: {', '.join(missing)} did not come"
        touched = rule_outcomes.tally(self._contract, self._results, self._observed)
        rules = [rule for rule in self._contract.rules if rule.id not in touched and grade(rule) != KNOWN]
        if rules:
            yield "rules that no response was checked against: " + ", ".join(
                f"{rule.id} ({grade(rule)})" for rule in rules
            )

    def _not_asked(self) -> Iterator[str]:
        names = {one.question.name for one in self._results if one.response is not None}
        read = any(
            one.question.name == "known task" and one.response and one.response.is_success for one in self._results
        )
        if not read:
            why = "the task of --task-id could not be read" if self._task else "no --task-id"
            yield f"how a task reads and how its video is sent: {why}"
        if not self._paid:
            why = "there is no task that could be read to extend" if self._run.budget.limit else "--max-paid is 0"
            yield f"how a new task reads, how long it takes and how long its video is: no paid submit, {why}"
        elif self._observed is None:
            yield "how a new task reads: the response to the paid submit has no id"
        elif self._observed.video is None:
            yield "whether the duration is the total or what is added: no video of the new task was seen"
        if "missing field" not in names:
            yield (
                "how a missing field is refused: that needs a unit of its own, --max-paid 2; "
                "asked without a key it shows only whether the key is checked first"
            )
        if "other account" not in names:
            yield "what a key of another account gets: that needs such a key and --task-id"
        yield "what a submit gets whose path ends in a slash: a server that is lenient would take it for one"
        yield "how a submit is refused whose source is unknown: it would need a paid unit, and none is spent on it"

    def _also(self) -> Iterator[str]:
        """What the contract has no word for."""
        responses = [(one.question.name, one.response) for one in self._results if one.response is not None]
        own = [response for name, response in responses if name == "own request id"]
        if own:
            back = any(OWN_ID in " ".join(one.headers.values()) or OWN_ID.encode() in one.content for one in own)
            lines = "comes back" if back else "does not come back, which does not show whether it is kept"
            yield f"the request id of the caller {lines}"
        for name, response in responses:
            if name in {"other origin", "preflight"}:
                allowed = response.headers.get("access-control-allow-origin")
                lines = "without leave" if allowed is None else f"with leave for {clean(allowed)}"
                yield f"{name}: got {response.status}, {lines}"
        limited = [response for _, response in responses if response.status == 429]
        if limited:
            count = sum("retry-after" in response.headers for response in limited)
            yield f"{count} of {len(limited)} responses with 429 had Retry-After"


def _without(one: ProbeResult) -> str:
    """Why there is no response, and how one began."""
    begun = f"{one.partial.status} arrived, and " if one.partial and one.partial.status else ""
    return f"{begun}{one.missing}"


def _is_time(node: Schema | None) -> bool:
    return node is not None and node.value_of in rule_outcomes.TIMES


def _cell(text: str) -> str:
    return text.replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;").replace("\n", " ")
