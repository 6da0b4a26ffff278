"""What a run is asked to do, and what was found out about its server before the tests began."""

from __future__ import annotations

import functools
from dataclasses import dataclass, field

from octopusx_video_openapi import Contract

from octopusx_video_contract.messages.redaction import Redactor


@dataclass(frozen=True)
class Settings:
    """The settings of a run.

    Attributes:
        base_url: The server, without a slash at the end.
        key: The API key. It never shows: not in a repr, and see ``Redactor`` for everything that is printed.
        contract: What the server is tested against.
        known_ids: Ids of finished tasks that the key can read.
        seed: Decides every generated value.
        max_examples: How many requests are generated for each operation, beside the examples and the edge cases.
        timeout: Seconds that a response may take.
        deadline: Seconds of real time that the tasks of the run may take to end, where no clock can be turned.
        strict: Whether a broken ``should`` rule fails the run, or is only reported.
        ends_at_once: Whether the first finding ends the run, so that no case after it is asked.
        stateless: Whether the server keeps no tasks, so that a task's life can't be asked about.
        other_key: A key of another account, if there is one.
        orders: What of ``Prefer`` the server follows: ``code``, ``fault``.
        strictness: ``strict`` in words, with the reason and how to change it.
        docs_url: The base URL of the site of the documentation; empty where findings name the place within it.
    """

    base_url: str
    key: str = field(repr=False)
    contract: Contract
    known_ids: tuple[str, ...]
    seed: int
    max_examples: int = 50
    timeout: float = 10.0
    deadline: float = 300.0
    strict: bool = True
    ends_at_once: bool = False
    stateless: bool = False
    other_key: str | None = field(default=None, repr=False)
    orders: frozenset[str] = frozenset()
    strictness: str = ""
    docs_url: str = ""

    @functools.cached_property
    def redactor(self) -> Redactor:
        """Takes the keys out of what is shown."""
        return Redactor(self.key, *([self.other_key] if self.other_key else []))
