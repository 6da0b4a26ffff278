"""The options of a run, as the command line gives them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Options:
    """What the command line asks for; the help of the command says what each of it is.

    Attributes:
        is_probe: Whether the probe was asked for, and not the suite.
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
    docs_url: str | None = None
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
