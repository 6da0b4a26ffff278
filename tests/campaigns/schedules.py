"""Every schedule of up to three faults against the SDK: never paid twice, never lost (`nox -s schedules`).

python -m tests.campaigns.schedules [--depth N] [--only KIND] [--operation NAME]

A job is a submit, the wait and the download. Each fault of the mock, and a connection that is never made, is put at
each request that the job really sends, then at each that comes after it: two deep for every submit, and for
createVideoExtension three deep without the faults of ``RARE``. Each job is compared with the mock's ledger, with the
ids that the responses held, and with the original video (tests/support/sdk/schedules.py).

Exit status: 0 nothing was found, 1 something was.
"""

from __future__ import annotations

import argparse
import collections
import logging
import multiprocessing
import sys
from collections.abc import Iterator

from tests.campaigns.progress import Progress
from tests.support.sdk import schedules
from tests.support.sdk.clients import CLIENTS, Kind
from tests.support.sdk.schedules import Schedule

DEPTHS = {"createVideoExtension": 3, "extendVideo": 2, "extendUnifiedVideo": 2}
Branch = tuple[Kind, str, int, Schedule]


def main() -> int:
    """Run the campaign."""
    parser = argparse.ArgumentParser(prog="nox -s schedules --", description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--depth", type=int, help="faults in a schedule, at most (3, and 2 for the other submits)")
    parser.add_argument("--only", choices=CLIENTS, help="one client alone")
    parser.add_argument("--operation", choices=DEPTHS, help="one submit alone")
    options = parser.parse_args()
    branches = list(_branches(options))
    counted: collections.Counter[str] = collections.Counter()
    found: list[str] = []
    with multiprocessing.Pool() as pool, Progress("first faults", len(branches)) as progress:
        for branch, ran, faults in pool.imap_unordered(_searched, branches):
            counted[f"{branch[1]}, {branch[0]}"] += ran
            found += faults
            progress.done()
            for fault in faults[:3]:
                progress.show(fault)
    for name, number in sorted(counted.items()):
        print(f"{name}: {number:,} schedules")
    print(f"{counted.total():,} jobs, {len(found)} findings")
    return 1 if found else 0


def _branches(options: argparse.Namespace) -> Iterator[Branch]:
    """Each schedule of one fault, and the one of none."""
    for operation, depth in DEPTHS.items():
        for kind in CLIENTS:
            if options.only not in {None, kind} or options.operation not in {None, operation}:
                continue
            most = depth if options.depth is None else options.depth
            yield kind, operation, 0, ()
            for schedule in schedules.deeper((), schedules.run(kind, operation, ())) if most else ():
                yield kind, operation, most, schedule


def _searched(branch: Branch) -> tuple[Branch, int, list[str]]:
    """Run a schedule and all that are deeper: how many there were, and what was found."""
    logging.disable(logging.WARNING)
    kind, operation, most, schedule = branch
    ran, found = 0, []
    left = [schedule]
    while left:
        one = left.pop()
        told = schedules.run(kind, operation, one)
        ran += 1
        found += [f"{operation}, {kind}, {one}: {fault}" for fault in told.faults]
        if len(one) < most:
            left += schedules.deeper(one, told)
    return branch, ran, found


if __name__ == "__main__":
    sys.exit(main())
