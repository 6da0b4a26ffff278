"""The calls, the submissions and what is billed."""

from __future__ import annotations

import collections
import heapq
import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Call:
    """One request and its response.

    Attributes:
        at: When, in Unix seconds of the mock's clock.
        operation: The operation's id; None where the request was of none.
        method: The request's method.
        path: The request's path, as it was sent, its first thousand characters, without the key.
        status: The status of the response; None where none was sent.
        faults: Names of the faults that showed.
        task: The task that it made or read; None where there was none.
    """

    at: float
    operation: str | None
    method: str
    path: str
    status: int | None
    faults: tuple[str, ...] = ()
    task: str | None = None


@dataclass(frozen=True, slots=True)
class Submission:
    """One accepted submit, whether its response arrived or not.

    Attributes:
        task: The new task's id.
        operation: The operation that made it.
        at: When, in Unix seconds of the mock's clock.
        answered: Whether the response has the id.
        refunded_at: When it is refunded, in Unix seconds; None for never.
    """

    task: str
    operation: str
    at: float
    answered: bool
    refunded_at: float | None


class Ledger:
    """Keeps the calls and the submissions; drops the oldest when there are more than ``most``.

    Args:
        now: The mock's clock.
        most: How many of each are kept; None keeps all.
    """

    def __init__(self, now: Callable[[], float], most: int | None = None) -> None:
        self._now = now
        # As plain tuples, which cost a tenth to make, and which the garbage collector does not look at again.
        self._calls: collections.deque[tuple[Any, ...]] = collections.deque(maxlen=most)
        self._submissions: collections.deque[tuple[Any, ...]] = collections.deque(maxlen=most)
        self._accepted = 0
        # What is billed is what is never refunded and what is not refunded yet: no need to look at every submission.
        self._kept = 0
        self._refunds: list[float] = []

    def called(self, *call: Any) -> None:
        """Record a call, by the attributes of ``Call``."""
        self._calls.append(call)

    def submitted(self, *submission: Any) -> None:
        """Record a submission, by the attributes of ``Submission``."""
        self._accepted += 1
        self._submissions.append(submission)
        refunded_at = submission[-1]
        if refunded_at is None:
            self._kept += 1
        else:
            heapq.heappush(self._refunds, refunded_at)
            self._drop_refunded()

    @property
    def calls(self) -> list[Call]:
        """Every call, in order."""
        return [Call(*call) for call in self._calls.copy()]

    @property
    def submissions(self) -> list[Submission]:
        """Every submission, in order."""
        return [Submission(*submission) for submission in self._submissions.copy()]

    @property
    def billed(self) -> list[Submission]:
        """The submissions that are billed now: each accepted one, until it is refunded."""
        return [one for one in self.submissions if self._is_billed(one.refunded_at)]

    def last_calls(self, most: int) -> list[Call]:
        """The last calls, the newest first."""
        return [Call(*call) for call in itertools.islice(reversed(self._calls.copy()), most)]

    def last_submissions(self, most: int) -> list[Submission]:
        """The last submissions, the newest first."""
        return [Submission(*one) for one in itertools.islice(reversed(self._submissions.copy()), most)]

    def is_billed(self, submission: Submission) -> bool:
        """Whether a submission is billed now."""
        return self._is_billed(submission.refunded_at)

    @property
    def accepted(self) -> int:
        """How many submissions there were, dropped ones included."""
        return self._accepted

    @property
    def bill(self) -> int:
        """How many of them are billed now."""
        self._drop_refunded()
        return self._kept + len(self._refunds)

    def _drop_refunded(self) -> None:
        while self._refunds and not self._is_billed(self._refunds[0]):
            heapq.heappop(self._refunds)

    def _is_billed(self, refunded_at: float | None) -> bool:
        return refunded_at is None or self._now() < refunded_at

    def clear(self) -> None:
        """Drop everything."""
        self._accepted = self._kept = 0
        self._refunds.clear()
        self._calls.clear()
        self._submissions.clear()
