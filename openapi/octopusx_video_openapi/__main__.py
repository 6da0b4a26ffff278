"""Check a contract: ``python -m octopusx_video_openapi [FILE]``, the project's own openapi.yaml without a file.

It tests the vocabulary, as loading does, and the rules of the project for its own contract. It prints a line for each
problem. The exit status is 0 where there is none, 2 otherwise.
"""

from __future__ import annotations

import sys
from pathlib import Path

from octopusx_video_openapi import house
from octopusx_video_openapi.document import ContractError
from octopusx_video_openapi.loading import contract_path
from octopusx_video_openapi.reading import read


def main(arguments: list[str]) -> int:
    """Check the file that the arguments name, and return the exit status."""
    path = Path(arguments[0]) if arguments else contract_path()
    try:
        house.checked(read(path))
    except ContractError as error:
        print(error, file=sys.stderr)
        return 2
    print(f"{path}: no problem")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
