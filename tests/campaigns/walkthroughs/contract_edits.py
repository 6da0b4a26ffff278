"""Changes of tests/compat/changes.yaml from the edit to the suite, each on a copy (`nox -s compat -- --end-to-end`).

The contract of the copy is edited, compared with the last release, and everything that is made from it is made again;
then the contract suite holds the copy's mock to it. Each of these changes needs no other edit by hand.

Exit status: 0 each was compared as the table says, and the suite is green, 1 not.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from octopusx_video_compat import releases
from octopusx_video_openapi.reading import read

from tests.campaigns.walkthroughs.changes import Copy, UnexpectedError
from tests.compat.edits import Change, changes

NAMES = (
    "request-enum-value-added",
    "request-length-limited",
    "response-status-added",
    "response-optional-field-added",
    "bill-never-to-possible",
    "rule-tolerance-longer",
    "life-new-running-status",
    "life-expires-sooner",
    "rewrite-pattern",
    "rewrite-component-renamed",
    "description-changed",
)
CONTRACT = "openapi/openapi.yaml"


def main() -> int:
    """Make each change, print its result, and return the exit status."""
    failed = 0
    by_name = {change.name: change for change in changes()}
    document = read(releases.newest() / releases.CONTRACT).value
    with tempfile.TemporaryDirectory(prefix="contract-edits-") as scratch:
        copy = Copy(Path(scratch))
        for name in NAMES:
            began = time.monotonic()
            print(f"{name}:", flush=True)
            edited = by_name[name].of(document)
            (copy.folder / CONTRACT).write_text(json.dumps(edited, indent=1), "utf-8")
            try:
                for line in _followed(copy, by_name[name]):
                    print(f"  {line}", flush=True)
            except UnexpectedError as error:
                failed = 1
                print(f"  FAILED: {error}", flush=True)
            copy.undo()
            print(f"  {time.monotonic() - began:.0f} s", flush=True)
    return failed


def _followed(copy: Copy, change: Change) -> Iterator[str]:
    compared = copy.run(f"{sys.executable} -m octopusx_video_compat --format json")
    start = compared.stdout.find("{")
    if start < 0:
        raise UnexpectedError(f"the comparison: {compared.stdout[-2000:]}")
    result = json.loads(compared.stdout[start:])
    breaks = sorted({side for one in result["differences"] for side in one["breaks"]})
    if (breaks, result["version"]) != (sorted(change.breaks), change.version):
        raise UnexpectedError(f"compared as {result['version']}, breaks {breaks}")
    yield f"compared: {result['version']}, breaks {' and '.join(breaks) or 'nobody'}"
    for what, command in (
        ("made again", "generated/regenerate.py"),
        ("suite", "-m octopusx_video_contract --engine lifecycle --seed 1"),
    ):
        done = copy.run(f"{sys.executable} {command}")
        if done.returncode != 0:
            raise UnexpectedError(f"{what}: {done.stdout[-3000:]}")
        yield f"{what}: {done.stdout.strip().splitlines()[-1]}"


if __name__ == "__main__":
    sys.exit(main())
