"""Batches on two workers, one of which is killed at every point (`nox -s batch_pg`).

python -m tests.campaigns.distributed [--kills N] [--only TEXT] [--state FILE] [--seed N] [--stop]
python -m tests.campaigns.distributed --short | --budget [RUNS] | --rate | --full-disk | --mutants

A run without a kill finds the points: before and after each statement and commit of the ledger and of the engine, each
request, and each rename, link, removal and sync of a file. Two workers share a batch of six jobs on a PostgreSQL server
that is started for it; the first one is killed with SIGKILL at one of the points, at its first, second, … passage. In
some of the runs the server is ended as by a crash and started again. The other worker finishes, alone. The mock writes
down what it bills, and of which job. --budget kills both workers at random; --rate looks at when submits of three
workers arrive; --full-disk fills the disk of the server; --mutants makes mistakes in the code, each of
which the campaign has to find.

Exit status: 0 all statements hold, 1 one is broken, or a mutant is not found.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from tests.campaigns import killing
from tests.campaigns.batches.mutants import report
from tests.campaigns.distributed import budgets, full_disk, kills, mutants, rates
from tests.campaigns.distributed.scene import scene

KILLS, SHORT_KILLS, RUNS = 320, 6, 100


def main() -> int:
    """Run what the arguments say. Returns the exit status."""
    parser = argparse.ArgumentParser(prog="nox -s batch_pg --", description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--short", action="store_true", help="a few kills, at most a minute")
    parser.add_argument("--kills", type=int, default=KILLS, metavar="N", help="how many (default: %(default)s)")
    parser.add_argument("--only", default="", metavar="TEXT", help="the points whose name has this text")
    parser.add_argument("--state", type=Path, metavar="FILE", help="continue what is written there")
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="when PostgreSQL is restarted")
    parser.add_argument("--stop", action="store_true", help="end with the first broken statement")
    parser.add_argument("--budget", type=int, nargs="?", const=RUNS, metavar="RUNS", help="batches with a budget")
    parser.add_argument("--rate", action="store_true", help="when the submits of three workers arrive")
    parser.add_argument("--full-disk", action="store_true", help="the server's disk is full for a while (takes root)")
    parser.add_argument("--mutants", action="store_true", help="mistakes that the campaign has to find")
    options = parser.parse_args()
    if options.mutants:
        return report(mutants.MUTANTS, mutants.check)
    if options.budget is not None:
        return _budget(options.budget)
    if options.rate:
        return _rate()
    if options.full_disk:
        return _full_disk()
    return _kills(options)


def _kills(options: argparse.Namespace) -> int:
    seconds = killing.clock()
    killing.prepare()
    with scene() as one:
        wrong = [f"{check.__name__}: {text}" for check in kills.CHECKS for text in check(one)]
    for text in wrong:
        print(f"broken: {text}", flush=True)
    if wrong and options.stop:
        return 1
    found = kills.campaign(
        SHORT_KILLS if options.short else options.kills,
        options.only,
        options.state,
        seed=options.seed,
        stops=options.stop,
        is_short=options.short,
    )
    print(killing.summed(found, seconds()))
    return int(bool(wrong) or any(one.broken for one in found))


def _budget(runs: int) -> int:
    seconds = killing.clock()
    found = budgets.campaign(runs, lambda one: [print(f"broken with seed {one.seed}: {text}") for text in one.broken])
    killed, most = sum(one.kills for one in found), max(one.billed for one in found)
    print(
        f"{runs} batches of {budgets.JOBS} jobs with a budget of {budgets.MAX_PAID} and two workers, killed "
        f"{killed} times in {seconds():.0f} s: at most {most} billed"
    )
    return int(any(one.broken for one in found))


def _rate() -> int:
    found = rates.run()
    print(found.summed())
    return int(bool(found.broken))


def _full_disk() -> int:
    summed, wrong = full_disk.run()
    for text in wrong:
        print(f"broken: {text}")
    print(summed)
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
