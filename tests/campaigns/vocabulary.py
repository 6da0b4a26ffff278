"""Every mistake that one letter, one wrong reference or one missing fact makes in the contract (`nox -s vocabulary`).

Each has to be refused at its own line by the function that ``--contract`` asks. A sample of them is in the tests.
"""

from __future__ import annotations

import sys
from collections import Counter

from octopusx_video_openapi import contract_path
from octopusx_video_openapi.reading import read

from tests.support.contract_mistakes import mistakes, refused


def main() -> int:
    """Try every mistake, print how many of each kind were refused, and return the exit status."""
    document = read(contract_path())
    made: Counter[str] = Counter()
    kept: Counter[str] = Counter()
    for mistake in mistakes(document):
        made[mistake.kind] += 1
        fault = refused(mistake, document)
        if fault:
            kept[mistake.kind] += 1
            print(f"{document.path}:{mistake.line}: {mistake.name}: {fault}")
    for kind, count in made.items():
        print(f"{kind}: {count - kept[kind]} of {count} refused, each at its own line")
    return 1 if kept else 0


if __name__ == "__main__":
    sys.exit(main())
