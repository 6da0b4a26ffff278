"""What happens in a run: the responses, the findings, and what is said meanwhile."""

from __future__ import annotations

import collections
import sys
from collections.abc import Callable
from dataclasses import dataclass, field

from octopusx_video_openapi import Contract

from octopusx_video_contract.checks.history import History
from octopusx_video_contract.core.findings import Finding
from octopusx_video_contract.messages.http import Response

MANY_BROKEN_RULES = 8
"""How many rules a server breaks that gets less time, since nobody waits for more findings of it."""


@dataclass
class RunLog:
    """The log of a run.

    Attributes:
        contract: What the server is tested against.
        layer: The layer that is running.
        listeners: Are called with each response.
        announce: Prints a line while the tests run; standard error where there is none.
        responses: How often each operation responded with each status, to a request that ordered its response or
            not.
        by_layer: How many responses of each operation each layer has checked.
        warnings: Broken ``should`` rules that did not fail the run, each in one line, and how often.
        asked: The numbered rules that something was compared with; noted by the ``Recorder`` alone.
        findings: What failed the run, with the layer, each once.
        reported: Findings of ``should`` rules that did not fail the run, with the layer, each once.
        known: The findings of the tests so far by their keys. Found again, they are counted, and hide nothing else.
        ids: How often each id was reported as that of a new task.
        history: What was reported of each task.
    """

    contract: Contract
    layer: str = ""
    listeners: list[Callable[[Response], None]] = field(default_factory=list)
    announce: Callable[[str], None] | None = None
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

    def count_reported(self, finding: Finding) -> None:
        """Count a finding that does not fail the run."""
        self.warnings[f"{finding.rule}: {finding.statement}"] += 1

    def statuses(self, operation_id: str, *, ordered: bool) -> dict[int, int]:
        """How often an operation responded with each status."""
        return {
            status: count
            for (operation, status, was_ordered), count in sorted(self.responses.items())
            if operation == operation_id and was_ordered == ordered
        }

    def note(self, response: Response) -> None:
        """Note a response, and call the listeners."""
        reached = response.request.reached(self.contract)
        if reached is not None:
            operation = reached.operation
            self.responses[operation.id, response.status, response.request.ordered] += 1
            self.by_layer[self.layer, operation.id] += 1
            task = operation.new_task_id(response.json()) if response.status == 200 else None
            if task is not None:
                self.ids[task] += 1
        for listener in self.listeners:
            listener(response)

    def say(self, line: str) -> None:
        """Print how things stand while the tests run."""
        if self.announce is not None:
            self.announce(line)
        else:
            sys.stderr.write(f"{line}\n")
            sys.stderr.flush()
