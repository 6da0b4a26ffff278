"""The project's contract as JSON, made from openapi.yaml by `nox -s generate`, so that loading it needs no YAML."""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from octopusx_video_openapi.document import ContractError, Document, Json, Pointer, json_pointer

PATH = Path(__file__).resolve().with_name("compiled.json")
"""Where the compiled contract is, in a checkout and in an installed distribution."""
FIX = "nox -s generate"


class Compiled(NamedTuple):
    """The compiled contract.

    Attributes:
        document: What openapi.yaml holds.
        lines: By JSON pointer, the line in openapi.yaml of each operation, parameter, response, component, field, rule
            and key of a rule.
    """

    document: dict[str, Json]
    lines: Mapping[str, int]

    def line(self, pointer: Pointer) -> int | None:
        """The line of a part, or of the nearest part around it whose line is kept; None where there is none."""
        for end in range(len(pointer), 0, -1):
            line = self.lines.get(json_pointer(*pointer[:end]))
            if line is not None:
                return line
        return None


def text(document: Document, source: bytes) -> str:
    """What the file of the compiled contract holds, for a document and the bytes that it was read from."""
    lines = {json_pointer(*pointer): line for pointer, line in document.lines.items() if _is_kept(pointer)}
    value = {"source": checksum(source), "lines": lines, "document": document.value}
    # A line for each value, so that a change of the contract is a small change of this file.
    return json.dumps(value, ensure_ascii=False, indent=0) + "\n"


def read(source: Path, path: Path = PATH) -> Compiled:
    """Read the compiled contract.

    Args:
        source: The openapi.yaml that it must have been made from.
        path: The compiled contract.

    Raises:
        ContractError: One of the files can't be read, or the one was not made from the other.
    """
    try:
        value = json.loads(path.read_bytes())
        made_from, lines, document = value["source"], value["lines"], value["document"]
    except OSError as error:
        raise ContractError.at(path, None, f"can't be read ({error.strerror}); make it with: {FIX}") from None
    except (KeyError, TypeError, ValueError):
        raise ContractError.at(path, None, f"is damaged; make it again with: {FIX}") from None
    try:
        is_current = made_from == checksum(source.read_bytes())
    except OSError as error:
        raise ContractError.at(source, None, f"can't be read ({error.strerror}); restore the file") from None
    if not is_current:
        raise ContractError.at(path, None, f"was made from another {source.name}; make it again with: {FIX}")
    return Compiled(document, lines)


def checksum(source: bytes) -> str:
    """A checksum of a file's bytes: CRC-32 and their number. It is enough to see an edit, and needs no slow import."""
    return f"{zlib.crc32(source):08x}-{len(source)}"


def _is_kept(pointer: Pointer) -> bool:
    """Whether the line of such a part is kept."""
    match pointer:
        case ("paths", _) | ("paths", _, _) | ("paths", _, _, "responses" | "parameters", _):
            return True
        case ("components", "schemas", _, *rest):
            return not rest or rest[-2:-1] == ["properties"]
        case ("components", _, _) | ("x-rules", _) | ("x-rules", _, _) | ("x-task-life", _):
            return True
    return False
