"""Batches: a file of jobs, each paid for at most once, through crashes, within a budget.

``Batch`` runs one. Nothing else of this package imports it.
"""

from __future__ import annotations

from octopusx_video._batch.batch import Batch, Plan, Status
from octopusx_video._ledger.errors import BatchError, InvalidJobsError, LedgerError, LedgerInUseError
from octopusx_video._ledger.ledger import Row
from octopusx_video._ledger.states import MEANINGS, JobState

__all__ = [
    "MEANINGS",
    "Batch",
    "BatchError",
    "InvalidJobsError",
    "JobState",
    "LedgerError",
    "LedgerInUseError",
    "Plan",
    "Row",
    "Status",
]
