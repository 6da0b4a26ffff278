"""What of a contract can't be served: all of it is collected, and reported at once."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from octopusx_video_openapi import Contract, ContractError
from octopusx_video_openapi.document import Pointer, Problem


class Problems:
    """The problems of a contract, collected while it is compiled."""

    def __init__(self, contract: Contract) -> None:
        self._contract = contract
        self._found: list[Problem] = []

    def add(self, place: Pointer, text: str) -> None:
        """Add a problem of the part of the contract at a place; the text says what is wrong, and the fix."""
        self._found.append(Problem(self._contract.line(*place), ".".join(map(str, place)), text))

    @contextlib.contextmanager
    def collecting(self) -> Iterator[None]:
        """Add what a block raises; the block ends there."""
        try:
            yield
        except ContractError as error:
            self._found += error.problems

    def report(self) -> None:
        """Report the problems, if there are any.

        Raises:
            ContractError: There are some. It has a line for each, in the order of the contract's lines.
        """
        if self._found:
            raise ContractError.of(self._contract.path, self._found)
