"""The document behind a contract. Only this package may read it; other packages ask the typed objects made from it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from octopusx_video_openapi.document import ContractError, Json, Pointer, follow
from octopusx_video_openapi.schema import Schema

if TYPE_CHECKING:
    from octopusx_video_openapi.contract import Contract


class Source:
    """The document of a contract, from which the typed objects are made.

    Args:
        contract: The contract that has this document.
        document: The parsed document.
        path: The file that it was read from, for messages.
        line: Gives the line of a part in that file, or of the nearest part around it; None where none is known.

    Attributes:
        validators: The validators of its schemas, by their text and mask: ``schemas`` makes them, and they are gone
            when the contract is.
    """

    def __init__(
        self, contract: Contract, document: dict[str, Json], path: Path, line: Callable[[Pointer], int | None]
    ) -> None:
        self.contract = contract
        self.document = document
        self.path = path
        self.line = line
        self.validators: dict[tuple[str, str | None], Any] = {}
        self._schemas: dict[int, Schema] = {}

    def resolve(self, node: Json) -> Json:
        """Follow the node's ``$ref`` within the document until there is none.

        Raises:
            ContractError: The reference leaves the document or leads nowhere.
        """
        if not isinstance(node, dict) or "$ref" not in node:
            return node
        try:
            return follow(self.document, node)
        except LookupError as error:
            raise ContractError.at(self.path, None, str(error)) from None

    def components(self, kind: str) -> dict[str, Json]:
        """The components of a kind, such as ``schemas``, by name."""
        components: dict[str, Json] = self.document.get("components", {}).get(kind, {})
        return components

    def schema(self, node: Json) -> Schema:
        """The schema of a node of the document; the same object whenever it is asked for."""
        if id(node) not in self._schemas:
            self._schemas[id(node)] = Schema(self, node)
        return self._schemas[id(node)]


def source_of(contract: Contract) -> Source:
    """The document of a contract."""
    return contract._source  # noqa: SLF001 - the other modules of this package get the document here alone
