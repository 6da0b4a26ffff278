"""What a fault is, in the words of the contract, so that it applies to whatever operation has them."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final, Literal

from octopusx_video_mock.compiled.operation import Stage
from octopusx_video_mock.delivery import Delivery

TASK_ID: Final = object()
"""The place of the task's id in what a fault wraps it in."""


@dataclass(frozen=True, eq=False)
class Fault:
    """One fault.

    Attributes:
        name: Its name, by which it is switched on.
        summary: What happens, in a line.
        source: Where it was seen or is described.
        at: At which requests it shows.
        breaks: What of the contract its response violates, "" where it conforms (or there is none).
        bit: Its place in a task's id, where a submit can set it for the task's whole life; None for the others.
        lasting: Whether it attaches to a task at the submit, since its outcome must not change later.
        status: The documented status of the response, 0 for the usual one.
        example: The example of it.
        headers: Headers that are added, with the contract's example of them.
        accepts: Whether a submit is accepted, and billed, all the same.
        ends: How the task ends.
        refunds: Whether a task that failed gives the money back.
        during: In which phase the values are changed; None for every one.
        values: What the values of ``x-value-of`` become: a value, or a function of the value that was.
        body: The bytes that are sent instead, with ``media_type``; None for the usual ones.
        wraps: The JSON object that is sent instead, with the task's id for ``TASK_ID``; empty for the usual one.
        pads: To how many bytes the body is padded with spaces at its end; 0 for not at all.
        as_status: The status that the response has instead of the documented one, which its body keeps; 0 for the same.
        delivery: How the response is delivered.
        no_video: Whether the content can't be fetched either.
        hides: For how many seconds of the clock after its submit a task is unknown.
    """

    name: str
    summary: str
    source: str
    at: frozenset[Stage]
    breaks: str = ""
    bit: int | None = None
    lasting: bool = False
    status: int = 0
    example: str = ""
    headers: tuple[str, ...] = ()
    accepts: bool = False
    ends: Literal["succeeded", "failed"] = "succeeded"
    refunds: bool = True
    during: Literal["running", "succeeded", "failed"] | None = None
    values: MappingProxyType[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    body: bytes | None = None
    media_type: str = ""
    wraps: MappingProxyType[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    pads: int = 0
    as_status: int = 0
    delivery: Delivery | None = None
    no_video: bool = False
    hides: float = 0.0

    @property
    def changes_response(self) -> bool:
        """Whether it replaces the usual response, or keeps it from arriving."""
        return not self.keeps_id or bool(self.wraps or self.pads or self.as_status)

    @property
    def keeps_id(self) -> bool:
        """Whether the response to an accepted submit has the new task's id."""
        return not self.status and self.delivery is None and self.body is None

    @property
    def of_task(self) -> bool:
        """Whether a submit can set it for the whole life of its task."""
        return self.bit is not None
