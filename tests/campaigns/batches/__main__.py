"""Batches that are killed at every point and run again: never paid twice, never lost (`nox -s batch_kills`).

python -m tests.campaigns.batches [--kills N] [--only TEXT] [--state FILE] [--stop]
python -m tests.campaigns.batches --budget [RUNS] | --faults [JOBS] | --mutants

A clean run finds the points: before and after each statement and commit of the database, each request, and each rename,
link, removal and sync of a file. A batch of six jobs is killed with SIGKILL at each of them, at its first, second, …
passage, looked at, run again to its end, and looked at again; so is the run that resumes a killed one. The mock writes
down what it bills, and of which job. --budget kills batches with a budget at random; --faults runs jobs on a mock with
all its faults; --mutants makes mistakes in the code, each of which the campaign has to find.

Exit status: 0 all statements hold, 1 one is broken, or a mutant is not found.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from tests.campaigns import killing
from tests.campaigns.batches import budgets, faults, kills, mutants

KILLS, RUNS, JOBS = 560, 200, 1000


def main() -> int:
    """Run what the arguments say. Returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="nox -s batch_kills --", description=(__doc__ or "").split("\n", maxsplit=1)[0]
    )
    parser.add_argument("--kills", type=int, default=KILLS, metavar="N", help="how many (default: %(default)s)")
    parser.add_argument("--only", default="", metavar="TEXT", help="the points whose name has this text")
    parser.add_argument("--state", type=Path, metavar="FILE", help="continue what is written there")
    parser.add_argument("--stop", action="store_true", help="end with the first broken statement")
    parser.add_argument("--budget", type=int, nargs="?", const=RUNS, metavar="RUNS", help="batches with a budget")
    parser.add_argument("--faults", type=int, nargs="?", const=JOBS, metavar="JOBS", help="jobs on a mock with faults")
    parser.add_argument("--mutants", action="store_true", help="mistakes that the campaign has to find")
    options = parser.parse_args()
    if options.mutants:
        return mutants.report(mutants.MUTANTS, mutants.check)
    if options.budget is not None:
        return _budget(options.budget)
    if options.faults is not None:
        return _faults(options.faults)
    return _kills(options)


def _kills(options: argparse.Namespace) -> int:
    seconds = killing.clock()
    found = kills.campaign(options.kills, options.only, options.state, stops=options.stop)
    with kills.scene() as one:
        wrong = kills.late(one)
    for text in wrong:
        print(f"broken: {text}")
    print(killing.summed(found, seconds()))
    return int(bool(wrong) or any(one.broken for one in found))


def _budget(runs: int) -> int:
    seconds = killing.clock()
    killing.prepare()
    found: list[budgets.Run] = []
    with kills.scene() as one:
        for seed in range(runs):
            found.append(budgets.run(one, seed))
            for text in found[-1].broken:
                print(f"broken with seed {seed}: {text}", flush=True)
    most = max(one.billed for one in found)
    killed = sum(one.kills for one in found)
    print(
        f"{runs} batches of {budgets.JOBS} jobs with a budget of {budgets.MAX_PAID}, killed {killed} times "
        f"in {seconds():.0f} s: at most {most} billed"
    )
    return int(any(one.broken for one in found))


def _faults(jobs: int) -> int:
    seconds = killing.clock()
    found = faults.run(jobs)
    for text in found.broken:
        print(f"broken: {text}")
    print(f"{found.summed()}, in {seconds():.0f} s")
    return int(bool(found.broken))


if __name__ == "__main__":
    sys.exit(main())
