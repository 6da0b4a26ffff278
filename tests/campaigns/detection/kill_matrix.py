"""The proof that the suite can't be fooled: every defect is found by the rule that it breaks, and nothing else is.

A defect counts as caught when a run that was not told of it makes a finding that names the rule. The correct server, in
process and over HTTP, is asked with at least twenty seeds, that of the matrix among them, and must give no finding.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable
from typing import Any

from tests.campaigns.detection import page as detection
from tests.campaigns.detection.suite_runs import Judged, each, judged
from tests.campaigns.progress import Progress
from tests.defects import DEFECTS, Defect

SEEDS = 20
OVER_HTTP = 3
"""How many of the seeds are tried over HTTP as well."""
PACE = ("--max-examples", "6", "--timeout", "2")
"""Fewer generated requests than by default, and less patience with servers that say nothing."""

SLOW = frozenset({"conformance"})
"""Layers that a defect meets only where the others have not named its rule: what they find is found with it, too."""

BY_NAME = {defect.name: defect for defect in DEFECTS}
Case = tuple[str, int, bool]
"""Name of a defect, "" for the correct server; the seed; whether over HTTP."""


def main() -> int:
    """Run the campaign. Returns 1 where a defect lives, or the correct server is blamed."""
    options = _options()
    chosen = [defect for defect in DEFECTS if not options.only or _is_meant(defect.name, options.only)]
    correct: list[Case] = [("", options.seed + number, False) for number in range(SEEDS)]
    correct += [("", options.seed + number, True) for number in range(OVER_HTTP)]
    cases = [*(correct if not options.only else []), *((defect.name, options.seed, False) for defect in chosen)]
    results: dict[Case, Judged] = {}
    with Progress("servers", len(cases), stderr=True) as progress:
        for case, result in each(_judged, cases):
            results[case] = result
            progress.done()
            _tell(progress, case, result)
    alive = [name for (name, _, _), result in results.items() if name and not _caught(name, result)]
    alarms = [case for case, result in results.items() if not case[0] and result.status != 0]
    if not options.only:
        detection.write("kill_matrix", _result(options.seed, results))
    elif options.update:
        order = [defect.name for defect in _in_order(DEFECTS)]
        detection.update("kill_matrix", "defects", {"defects": _rows(options.seed, results, chosen)}, order)
    caught = len(chosen) - len(alive)
    print(f"{caught} of {len(chosen)} defects caught, {len(alarms)} false alarms in {len(correct)} correct runs")
    return 1 if alive or alarms else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="nox -s kill_matrix --", description=__doc__)
    parser.add_argument("--seed", type=int, default=1, help="seed of every run against a defect (default: 1)")
    parser.add_argument(
        "--only", nargs="*", metavar="WORD", help="only these defects, or those with one of these in their names"
    )
    parser.add_argument("--update", action="store_true", help="with --only: put what is found into docs/results")
    return parser.parse_args()


def _is_meant(name: str, words: list[str]) -> bool:
    """Whether a defect is one of those that are named, or has one of the words in its name."""
    return any(word == name if word in BY_NAME else word in name for word in words)


def _judged(case: Case) -> tuple[Case, Judged]:
    name, seed, over_http = case
    if name:
        rule = BY_NAME[name].rule
        quick = judged(BY_NAME[name], "--seed", str(seed), *PACE, over_http=over_http, without=SLOW, until=rule)
        if _caught(name, quick):
            return case, quick
    return case, judged(BY_NAME.get(name), "--seed", str(seed), *PACE, over_http=over_http)


def _caught(name: str, result: Judged) -> bool:
    return any(found.rule == BY_NAME[name].rule for found in result.found)


def _tell(progress: Progress, case: Case, result: Judged) -> None:
    name, seed, over_http = case
    if not name and result.status != 0:
        progress.show(f"false alarm with seed {seed}{' over HTTP' if over_http else ''}:", "red")
        progress.show(result.output[-3000:])
    elif name and not _caught(name, result):
        rules = sorted({found.rule for found in result.found})
        defect = BY_NAME[name]
        told = f"found {', '.join(rules)}" if rules else f"nothing found, exit status {result.status}"
        progress.show(f"alive: {name} ({defect.rule}; {defect.summary}): {told}", "red")


def _result(seed: int, results: dict[Case, Judged]) -> dict[str, Any]:
    """The campaign as data."""
    defects = _rows(seed, results, DEFECTS)
    correct = [
        {"seed": number, "over_http": over_http, "status": result.status}
        for (name, number, over_http), result in results.items()
        if not name
    ]
    return {"seed": seed, "correct": correct, "defects": defects}


def _rows(seed: int, results: dict[Case, Judged], defects: Iterable[Defect]) -> list[dict[str, Any]]:
    return [_row(defect, results[defect.name, seed, False]) for defect in _in_order(defects)]


def _in_order(defects: Iterable[Defect]) -> list[Defect]:
    return sorted(defects, key=lambda defect: (defect.family, defect.name))


def _row(defect: Defect, result: Judged) -> dict[str, Any]:
    first = next((found for found in result.found if found.rule == defect.rule), None)
    return {
        "name": defect.name,
        "family": defect.family,
        "rule": defect.rule,
        "summary": defect.summary,
        "layer": first.layer if first else None,
        "seconds": round(first.after, 1) if first else None,
    }


if __name__ == "__main__":
    sys.exit(main())
