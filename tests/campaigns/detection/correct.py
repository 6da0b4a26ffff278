"""The suite blames no correct server: six that are written from the contract alone, with many seeds, strictly."""

from __future__ import annotations

import argparse
import os
import sys

from tests.support import correct_servers as correct
from tests.support import suite_runs

SECONDS = 60


def main() -> int:
    """Run the campaign. Returns 1 where a correct server is blamed."""
    parser = argparse.ArgumentParser(prog="nox -s correct --", description=__doc__)
    parser.add_argument("--seeds", type=int, default=5, metavar="N", help="seeds for each server (default: 5)")
    parser.add_argument("--only", metavar="WORD", default="", help="only the servers with this in their names")
    parser.add_argument("arguments", nargs="*", help="more options of the suite, after --")
    options = parser.parse_args()
    os.environ["OCTOPUSX_OTHER_API_KEY"] = correct.KEYS[1]
    alarms = runs = 0
    for traits in correct.SERVERS:
        for seed in range(1, options.seeds + 1) if options.only in traits.name else ():
            with correct.serve(traits) as url:
                arguments = ("--base-url", url, "--seed", str(seed), "--strict", "--deadline", str(SECONDS))
                done = suite_runs.run(*arguments, *options.arguments, key=correct.KEYS[0])
            runs += 1
            alarms += done.status != 0
            print(f"{traits.name}, seed {seed}: exit status {done.status}", flush=True)
            if done.status:
                print(done.stdout[-6000:], done.stderr[-2000:], flush=True)
    print(f"{alarms} false alarms in {runs} runs against {len(correct.SERVERS)} correct servers")
    return 1 if alarms else 0


if __name__ == "__main__":
    sys.exit(main())
