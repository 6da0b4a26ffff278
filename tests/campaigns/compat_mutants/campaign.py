"""The comparison of contracts tested by mutants of the contract: `nox -s compat -- --mutants [--only REGEX]`.

Each mutant (``tests.campaigns.mutants.made``) is compared with the contract as it is. Where somebody breaks, each
difference is confirmed by what an outside observer could check (``witnesses``), for callers and for servers. Where
nobody breaks, both contracts have to agree on 1,000 drawn values (``drawn``), or a reason says why there is nothing to
observe. A mutant that the vocabulary refuses can't be loaded, and is counted by itself.

Exit status: 0 each mutant is refused or confirmed, but for at most 3 % that have a reason; 1 not.
"""

from __future__ import annotations

import argparse
import collections
import json
import multiprocessing
import re
import time
from collections.abc import Iterable
from typing import Any, Literal, NamedTuple, get_args

from octopusx_video_compat import compared
from octopusx_video_openapi import Contract, load

from tests.campaigns import results
from tests.campaigns.compat_mutants.drawn import VALUES, agreement
from tests.campaigns.compat_mutants.witnesses import Witnesses
from tests.campaigns.mutants.campaign import refused
from tests.campaigns.mutants.made import Mutant, mutants
from tests.campaigns.progress import Progress
from tests.compat import page

WORKERS = 2
MOST_NEITHER = 0.03
_LONGEST = 300

Fate = Literal["refused", "value", "drawn", "reason", "neither", "wrong"]
"""How a verdict is confirmed; ``wrong`` where it is not, and nothing says why it can't be."""

NOBODY: dict[str, str] = {
    r"RunningStatus: with 'asleep'": (
        "A caller takes a status that it does not know for running, which the new one is (convention 4). R14 only asks "
        "for a report of such a status."
    ),
    r"x-task-life/runs/0/lasts: .*": (
        "How long a task runs is said for the mock; no rule holds a server to it (convention 8)."
    ),
}
"""Mutants that break nobody although the documents differ: a pattern of their names, and the reason."""

NEITHER: dict[str, str] = {
    r"R(29|30)(/operations)?: (no such rule|not for .*)": (
        "The rule permits what counts as possible anyhow, where nothing is said (openapi/README.md)."
    ),
    r"R40/operations: not for (extendVideo|createVideoExtension|getVideoTask|extendUnifiedVideo|queryUnifiedVideo)": (
        "The headers there may be left out and are any text, so no response could break the rule."
    ),
}
"""Mutants whose break can't be observed: a pattern of their names, and the reason."""


class Result(NamedTuple):
    """What came of one mutant.

    Attributes:
        name: Of the mutant.
        kind: Whether it tightens or loosens.
        verdict: Who breaks by the comparison; "" where it is refused.
        fate: How that was confirmed.
        by: What was observed, or the reason.
        example: The example of the first difference that breaks somebody, as JSON; "" where there is none.
        seconds: How long it took.
    """

    name: str
    kind: str
    verdict: str
    fate: Fate
    by: str
    example: str = ""
    seconds: float = 0.0


def judged(mutant: Mutant, base: Contract) -> Result:
    """Compare a contract with a mutant of it, and confirm who breaks."""
    began = time.monotonic()
    new = mutant.of(base)
    refusal = refused(new)
    if refusal:
        return Result(mutant.name, mutant.kind, "", "refused", refusal)
    breaking = [one for one in compared(base, new) if one.breaks]
    verdict = " and ".join(sorted({side for one in breaking for side in one.breaks})) or "nobody"
    if not breaking:
        fate, by = _unbroken(mutant, base, new)
        return Result(mutant.name, mutant.kind, verdict, fate, by, "", time.monotonic() - began)
    witnesses = Witnesses(base, new)
    found = [(one, witnesses.of(one)) for one in breaking]
    unseen = [(one, witness) for one, witness in found if not set(one.breaks) <= witness.sides]
    # What shows one difference may break somebody of whom no difference says so.
    missed = [(one, witness) for one, witness in found if any(side not in verdict for side in witness.sides)]
    if missed:
        return Result(mutant.name, mutant.kind, verdict, "wrong", f"it breaks {missed[0][1].sides}: {missed[0][1].how}")
    reason = _reason(NEITHER, mutant.name)
    fate = "value" if not unseen else "neither" if reason else "wrong"
    one, witness = (unseen or found)[0]
    by = reason if fate == "neither" and reason else f"{one.rule}: {witness.how}"
    example = json.dumps(one.example, ensure_ascii=False)
    shown = example if len(example) <= _LONGEST else f"{example[:_LONGEST]}…"
    return Result(mutant.name, mutant.kind, verdict, fate, by, shown, time.monotonic() - began)


def _unbroken(mutant: Mutant, base: Contract, new: Contract) -> tuple[Fate, str]:
    """How it is confirmed that nobody breaks."""
    reason = _reason(NOBODY, mutant.name)
    if reason:
        return "reason", reason
    drawn = agreement(base, new, seed=mutant.name)
    if drawn.refuted is not None:
        return (
            "wrong",
            f"the contracts differ on {json.dumps(drawn.refuted, ensure_ascii=False, default=str)[:_LONGEST]}",
        )
    if drawn.asked >= VALUES:
        return "drawn", f"the contracts agree on {drawn.asked} values"
    return "wrong", f"{drawn.asked} values were drawn, and no reason is known"


def _reason(known: dict[str, str], name: str) -> str | None:
    return next((reason for pattern, reason in known.items() if re.fullmatch(pattern, name)), None)


# ---- The command

_base: list[Contract] = []
_named: dict[str, Mutant] = {}


def _judged(name: str) -> Result:
    return judged(_named[name], _base[0])


def main(arguments: list[str] | None = None) -> int:
    """Run the campaign. Returns the exit status."""
    parser = argparse.ArgumentParser(prog="nox -s compat -- --mutants", description="Compare mutants of the contract.")
    parser.add_argument("--only", default="", metavar="REGEX", help="mutants whose name matches")
    options = parser.parse_args(arguments)
    _base[:] = [load()]
    _named.update({mutant.name: mutant for mutant in mutants(_base[0])})
    wanted = [name for name in _named if re.search(options.only, name)]
    began = time.monotonic()
    found = _run(wanted)
    print(f"{_summary(found)}, in {time.monotonic() - began:.0f} s")
    neither = sum(result.fate == "neither" for result in found)
    is_too_much = not options.only and neither > MOST_NEITHER * len(found)
    return int(is_too_much or any(result.fate == "wrong" for result in found))


def _run(wanted: list[str]) -> list[Result]:
    """Judge mutants in two processes, and keep what is found as it comes."""
    found: list[Result] = []
    # Forked, so that the workers have everything imported.
    context = multiprocessing.get_context("fork")
    with context.Pool(WORKERS) as pool, Progress("mutants", len(wanted)) as progress:
        for result in pool.imap_unordered(_judged, wanted):
            found.append(result)
            _keep([result])
            progress.done()
            if result.fate == "wrong":
                progress.show(f"wrong: {result.name}: {result.by}")
    page.write()
    return found


def _keep(found: Iterable[Result]) -> None:
    rows = [{**one._asdict(), "seconds": round(one.seconds, 1)} for one in found]
    results.write("compat_mutants", results.merged("compat_mutants", "mutants", {"mutants": rows}, _named))


def _summary(found: list[Result]) -> str:
    fates: collections.Counter[Any] = collections.Counter(result.fate for result in found)
    return f"{len(found)} mutants: " + ", ".join(f"{fates[fate]} {fate}" for fate in get_args(Fate))
