"""The options of a run, as the command line gives them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Options:
    """What the command line asks for.

    Attributes:
        is_probe: Whether the probe was asked for, which has the first eight alone, and ``json``.
        base_url: The server; None for a mock that is started.
        task_id: Finished tasks of the key.
        timeout: Seconds that a response may take.
        deadline: Seconds that tasks may take to end, where no clock can be turned.
        max_paid: How many submits may be billed.
        ledger: Where they are written down.
        contract: The OpenAPI file; None for the project's.
        report: Where a report is written in Markdown.
        json: Whether the probe prints JSON.
        engine: Which mock is started, or what is there.
        seed: Repeats a run; None for a new one.
        max_examples: Requests that are generated for each operation.
        strict: Whether broken ``should`` rules fail the run; None where the server decides.
        layer: The layers that run; empty for all of them.
        operation: The operations whose findings count; empty for all of them.
        rule: The rules whose findings count; empty for all of them.
        max_findings: After how many findings the run ends.
        max_time: After how many seconds the run ends.
        dry_run: Whether nothing is sent to the server.
        fail_fast: Whether the first finding ends the run.
        verbose: Whether each test has a line.
        junit: Where a JUnit report is written.
    """

    is_probe: bool = False
    base_url: str | None = None
    task_id: tuple[str, ...] = ()
    timeout: float = 10.0
    deadline: float = 300.0
    max_paid: int | None = None
    ledger: Path | None = None
    contract: str | None = None
    report: Path | None = None
    json: bool = False
    engine: str | None = None
    seed: int | None = None
    max_examples: int = 50
    strict: bool | None = None
    layer: tuple[str, ...] = ()
    operation: tuple[str, ...] = ()
    rule: tuple[str, ...] = ()
    max_findings: int | None = None
    max_time: float | None = None
    dry_run: bool = False
    fail_fast: bool = False
    verbose: bool = False
    junit: Path | None = None
