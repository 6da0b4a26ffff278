"""What a comparison finds, who breaks by it, and the version that it needs. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple

Side = Literal["callers", "servers"]
Version = Literal["major", "minor", "patch"]
CALLERS: Final[tuple[Side, ...]] = ("callers",)
SERVERS: Final[tuple[Side, ...]] = ("servers",)
BOTH: Final[tuple[Side, ...]] = ("callers", "servers")
NOBODY: Final[tuple[Side, ...]] = ()

CONVENTIONS: Final = {
    0: "compared by values",
    1: "nobody may rely on a field that the contract does not name",
    2: "the names and positions of the generated client count for callers",
    3: "a response that the old contract does not list breaks callers",
    4: "a status in none of the lists means running",
    5: "what a request costs is a set of outcomes",
    6: "a rule is a promise of servers",
    7: "what a value means is its x-value-of and its x-unit",
    8: "the life of a task",
    9: "the address of the service",
}
"""What a difference may rest on, by the numbers of the conventions in openapi/README.md."""


class Difference(NamedTuple):
    """One difference of meaning between two contracts.

    Attributes:
        rule: The kind of the difference, such as ``request-refused``.
        where: The operation, the rule or the component that it concerns, in words.
        pointer: Where it stands in the document: the keys and indexes that lead to it.
        breaks: Who breaks; empty where nobody does.
        sentence: What happens, in a caller's words.
        convention: The number of the convention on which it rests, one of ``CONVENTIONS``.
        example: A value that one contract accepts and the other refuses, from which no property can be removed; for a
            rule, what one contract alone forbids; the call of the generated client for its names; None where the
            difference is not one of values.
        line: The line of the new contract, or of the old one where ``in_base``; None where it is not known.
        in_base: Whether the line is one of the old contract.
        file: The file of the line where it is neither contract: the usage or the recording of the release.
        is_repeated: Whether the comparison of the contracts says the same already.
    """

    rule: str
    where: str
    pointer: tuple[str | int, ...]
    breaks: tuple[Side, ...]
    sentence: str
    convention: int
    example: Any = None
    line: int | None = None
    in_base: bool = False
    file: Path | None = None
    is_repeated: bool = False

    @property
    def version(self) -> Version:
        """The version that it needs."""
        return "major" if "callers" in self.breaks else "minor"


def needed(differences: Iterable[Difference], *, is_same_text: bool) -> Version | None:
    """The version that some differences need together; None where the contracts are the same text."""
    versions = {difference.version for difference in differences}
    if versions:
        return "major" if "major" in versions else "minor"
    return None if is_same_text else "patch"
