"""Loading a contract: the compiled one of the project, or an OpenAPI file that is tested first."""

from __future__ import annotations

from pathlib import Path

from octopusx_video_openapi import compiled
from octopusx_video_openapi.contract import Contract
from octopusx_video_openapi.document import installed


def contract_path() -> Path:
    """Where the project's own contract is."""
    return installed("openapi.yaml")


def load(path: Path | str | None = None) -> Contract:
    """Load a contract: the project's own, which is compiled, or the file at a path.

    Raises:
        ContractError: The file can't be read, is not YAML, is not an OpenAPI 3.1 document with operations, or is not
            written in the vocabulary of extensions.schema.yaml. It has a line for each problem.
    """
    if path is None:
        source = contract_path()
        own = compiled.read(source)
        return Contract(own.document, source, own.line)
    from octopusx_video_openapi import checking, reading  # noqa: PLC0415 - the compiled contract needs neither

    return checking.checked(reading.read(Path(path)))
