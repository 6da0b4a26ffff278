"""The errors of a batch. What is wrong with single jobs is in the ledger, and raises nothing."""

from __future__ import annotations

from collections.abc import Sequence

from octopusx_video._errors import NotSentError, OctopusXError

MAX_SHOWN = 100
"""How many wrong lines are shown."""


class BatchError(OctopusXError):
    """A batch can't continue. Whatever was paid for is in its ledger, or in the text of this error."""


class InvalidJobsError(NotSentError):
    """Jobs can't be used, and nothing was sent.

    Attributes:
        problems: What is wrong, a text for each job with its line, at most a hundred.
        count: How many there are.
    """

    def __init__(self, problems: Sequence[str], count: int) -> None:
        self.problems = tuple(problems[:MAX_SHOWN])
        self.count = count
        rest = count - len(self.problems)
        lines = [*self.problems, *([f"and {rest} more"] if rest else [])]
        super().__init__("\n".join([f"{count} of the jobs can't be used; nothing was sent:", *lines]))


class LedgerError(NotSentError):
    """The ledger can't be used: it is of another server, account or version, or can't be read. Nothing was sent."""


class LedgerInUseError(LedgerError):
    """Another process runs this batch. Nothing was sent."""


for _kind in (BatchError, InvalidJobsError, LedgerError, LedgerInUseError):
    _kind.__module__ = "octopusx_video.batch"
