"""One run of the suite: what it is told, and what it has seen so far.

The tests are collected by pytest, which builds them before any fixture exists; so the run is set here, once, by whoever
starts pytest, and asked for by the tests.
"""

from __future__ import annotations

import collections
import contextlib
import functools
from collections.abc import Iterator
from dataclasses import dataclass, field

import httpx
from octopusx_video_openapi import Contract

from octopusx_video_contract._redact import Redactor


@dataclass
class Seen:
    """What a run has seen.

    Attributes:
        answers: How often each operation was answered with each status.
        warnings: Broken ``should`` rules that did not fail the run.
        asked: The numbered rules that were asked of at least one answer.
        submitted: The last new task of each submit operation.
    """

    answers: dict[str, collections.Counter[int]] = field(
        default_factory=lambda: collections.defaultdict(collections.Counter)
    )
    warnings: collections.Counter[str] = field(default_factory=collections.Counter)
    asked: set[str] = field(default_factory=set)
    submitted: dict[str, str] = field(default_factory=dict)

    def successes(self, operation_id: str) -> int:
        """How often the operation was answered with a 2xx."""
        return sum(count for status, count in self.answers[operation_id].items() if 200 <= status < 300)

    def cases(self, operation_id: str) -> int:
        """How often the operation was answered at all."""
        return self.answers[operation_id].total()


@dataclass
class Run:
    """What a run is told.

    Attributes:
        base_url: The server, without a slash at the end.
        key: The API key. It never shows: not in a repr, and see ``Redactor`` for everything that is printed.
        contract: What the server is held to.
        known_ids: Ids of finished tasks that the key can read.
        seed: Decides every generated value.
        max_examples: How many requests are generated for each operation, beside the examples and the edge cases.
        timeout: Seconds that an answer may take.
        strict: Whether a broken ``should`` rule fails the run, or is only reported.
        stateless: Whether the server answers each request by itself, so that a task's life can't be asked about.
    """

    base_url: str
    key: str = field(repr=False)
    contract: Contract
    known_ids: tuple[str, ...]
    seed: int
    max_examples: int = 50
    timeout: float = 10.0
    strict: bool = True
    stateless: bool = False
    seen: Seen = field(default_factory=Seen)

    @functools.cached_property
    def redactor(self) -> Redactor:
        """Takes the key out of what is shown."""
        return Redactor(self.key)

    @functools.cached_property
    def http(self) -> httpx.Client:
        """The client of those layers that send a request each; it sets nothing of its own but the timeout."""
        return httpx.Client(timeout=self.timeout)

    def broken(self, rule_id: str, detail: str) -> None:
        """Report that a numbered rule is broken.

        Raises:
            AssertionError: The rule is a ``must``, or the run is strict.
        """
        rule = next(rule for rule in self.contract.rules if rule.id == rule_id)
        text = f"{rule.id} ({rule.level}) is broken: {rule.title}\n{detail}"
        if self.strict or rule.level == "must":
            raise AssertionError(text)
        self.seen.warnings[f"{rule.id}: {rule.title}"] += 1


_running: list[Run] = []


@contextlib.contextmanager
def running(run: Run) -> Iterator[None]:
    """Make this the current run while the block lasts."""
    _running.append(run)
    try:
        yield
    finally:
        _running.pop()


def current() -> Run:
    """The current run.

    Raises:
        RuntimeError: The tests were started in another way than by the suite's command.
    """
    if not _running:
        raise RuntimeError("start the suite with `octopusx-video-contract`, not with pytest")
    return _running[-1]
