"""Mistakes in the code of batches on several machines, each of which the campaign has to find."""

from __future__ import annotations

from tests.campaigns.batches import mutants as embedded
from tests.campaigns.batches.mutants import Mutant, checked

_ADDRESS, _ENGINE, _FEEDER, _LEDGER, _SCHEMA = (
    f"_distributed/{name}.py" for name in ("address", "engine", "feeder", "shared_ledger", "schema")
)
_ENDED = "        missing, ended = self._engine.ended(kind, jobs)\n"
_SAME = {one.name: one for one in embedded.MUTANTS}

MUTANTS = (
    _SAME["no commit before the send"],
    Mutant(
        "no primary key of attempts",
        ((_SCHEMA, "  PRIMARY KEY (batch, job, attempt),  ", "  CHECK (batch = 1),  "),),
    ),
    Mutant(
        "send again what an ended process was sending",
        (
            *_SAME["send again what an ended process was sending"].edits,
            (_LEDGER, '_OPEN: tuple[JobState, ...] = ("new", ', '_OPEN: tuple[JobState, ...] = ("new", "sending", '),
        ),
        "submit",
    ),
    Mutant(
        "the budget outside of the transaction",
        tuple(
            (file, text, other.replace("BEGIN IMMEDIATE", "BEGIN"))
            for file, text, other in _SAME["the budget outside of the transaction"].edits
        ),
        "INSERT attempt",
    ),
    Mutant("commits that are not synced", ((_ADDRESS, '"synchronous_commit": "on"', '"synchronous_commit": "off"'),)),
    _SAME["a late response is dropped"],
    Mutant(
        "no lease check",
        ((_LEDGER, "run <> ? AND NOT {_LIVES.format(table='attempt')}", "run <> ?"),),
        "submit",
    ),
    Mutant(
        "a shared executor id",
        ((_ENGINE, '"executor_id": self._worker,', '"executor_id": "local",'),),
        "submit",
    ),
    Mutant(
        "no enqueueing at the start",
        (
            (
                _FEEDER,
                _ENDED,
                f'{_ENDED}        if self._lease.worker != "a":\n            return\n',
            ),
        ),
        "submit",
    ),
)


def check(mutant: Mutant) -> tuple[bool, str]:
    """Whether the campaign finds a mutant, and what it says."""
    return checked(mutant, "tests.campaigns.distributed")
