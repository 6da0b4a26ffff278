"""The contract tested too: mutants of openapi.yaml, and whether the suite notices each (`nox -s mutants`).

python -m tests.campaigns.mutants [--seed S] [--only TEXT [--update]] [--resume]

The server serves the project's own contract in every run; the suite alone gets the mutant.

A mutant that tightens is killed when the suite with it finds something in the correct server. Where the mock makes no
use of what the mutant forbids, a variant of it does: its answers are changed, as little as can be, to what the
contract allows and the mutant forbids; or it has a defect of the rule that is tightened. Then the mutant is killed
when it finds what the contract does not find in the same server.

A mutant that loosens is killed when a defective server lives that the contract kills: a broken rule that tests name
with the contract is named no more by any of them with the mutant. They are run once more with the contract as well,
so that the mutant is the only difference. The server is the one with the change that the mutant allows and the
contract forbids, in its answers or in the requests that it takes, or one of ``tests.defects`` that breaks the rule.
Another rule may still catch it; what must show is that this text of the contract decides, and nothing that is written
down in the suite. The generated client is made of the true contract, so what it can't read does not count.

Which layers run: answers are held to the contract by one function in all of them, so the ordered answers, a task's
life and the documented requests show what a mutant of an answer does, and the boundaries what one of a request does.
A rule is asked in every layer but conformance, which takes as long as all others together, and is run where they find
nothing. The correct server is first asked in all of them.

A mutant that the vocabulary refuses can't be loaded, so that no server is asked about it: it is counted as refused.

A traceback is a bug of the suite, never a kill. Exit status: 0 every mutant is refused, killed or equivalent, 1 not.
"""

from __future__ import annotations

import argparse
import collections
import itertools
import json
import multiprocessing
import re
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

from octopusx_video_openapi import Contract, load, vocabulary
from octopusx_video_openapi.document import Document

from tests.campaigns.detection import page as detection
from tests.campaigns.mutants import runs, servers
from tests.campaigns.mutants.made import Mutant, mutants
from tests.campaigns.mutants.runs import Broken, Outcome
from tests.campaigns.progress import Progress
from tests.defects import Defect
from tests.support import documents

WORKERS = 2
SEED = 1
MOST_DEFECTS = 12
"""How many defects of a rule are tried for a mutant of it."""
STRICTER = {"R04": "R05"}
"""The rule that is broken by servers that keep a rule as it is, and may break it when it is tightened."""
MOST_EQUIVALENT = 0.1
OF_ANSWERS = ("ordered", "life", "documented_requests")
OF_REQUESTS = ("boundaries", "documented_requests")
OF_BILLS = ("bills", "life")

Fate = Literal["refused", "killed", "equivalent", "survived", "crashed"]

EQUIVALENT: dict[str, str] = {
    r".*/schema/type: of any type": "What stands in a header is text, whatever its schema says of the type.",
    r"(VideoSize|ExtensionDuration|(Running|Succeeded|Failed)Status)/type: .*": (
        "The enumeration beside the type holds values of that type alone."
    ),
    r"TaskStatus/anyOf: anyOf without \w+Status": "Another branch takes every text.",
    r".*: (X-Oneapi-Request-Id|Retry-After) is not described": (
        "The header may be left out and is any text. That the request's id is there is what R33 asks."
    ),
    r"VideoBytes/type: .*|.*: video/mp4 of any schema": "The bytes of a video are no value that a schema could judge.",
    r"R40/operations: not for (extendVideo|createVideoExtension|getVideoTask|extendUnifiedVideo|queryUnifiedVideo)": (
        "The headers there may be left out and are any text, so no answer could break the rule."
    ),
    r"x-task-life/(runs/0/lasts|expires/after): .*": (
        "It says how the mock lives. A server is given the time of R45, and its videos that of its own expires_at."
    ),
    r"R35/statuses: not for (429|500|503)": "What x-billed says of that status is the same.",
    r"R(29|30)(/operations)?: (no such rule|not for .*)": (
        "The rule permits what counts as possible anyhow, where nothing is said (openapi/README.md)."
    ),
}
"""Mutants that no server can tell from the contract: a pattern of their names, and the reason."""


@dataclass(frozen=True)
class Result:
    """What came of one mutant.

    Attributes:
        name: Of the mutant.
        kind: Whether it tightens or loosens.
        fate: Whether the vocabulary refuses it, or the suite noticed it.
        by: The finding, and the server that shows it; the reason where it is refused or equivalent.
        seconds: How long it took.
        crashes: What broke in the suite, by test, with the traceback.
    """

    name: str
    kind: str
    fate: Fate
    by: str
    seconds: float
    crashes: dict[str, str]


class Campaign:
    """Judges mutants of a contract.

    Args:
        truth: The contract.
        seed: Decides every generated value.
    """

    def __init__(self, truth: Contract, seed: int) -> None:
        self.truth = truth
        self.mutants = mutants(truth)
        self._seed = seed
        self._true: dict[tuple[str, tuple[str, ...], bool, bool], Outcome] = {}
        self._again: dict[tuple[str, tuple[str, ...], bool, frozenset[str]], Outcome] = {}

    def groups(self, only: str) -> list[list[Mutant]]:
        """The mutants that are wanted, those that share servers together, the longest first."""
        wanted = [mutant for mutant in self.mutants if re.search(only, mutant.name)]
        grouped: dict[object, list[Mutant]] = {}
        for mutant in wanted:
            part = mutant.place[:2] if mutant.rule(self.truth) else mutant.name
            grouped.setdefault(part, []).append(mutant)
        return sorted(grouped.values(), key=len, reverse=True)

    def judge(self, mutant: Mutant) -> Result:
        """Find out whether the suite notices a mutant."""
        began = time.monotonic()
        refusal = refused(mutant.of(self.truth))
        if refusal:
            return Result(mutant.name, mutant.kind, "refused", refusal, 0.0, {})
        reason = equivalent(mutant.name)
        if reason:
            return Result(mutant.name, mutant.kind, "equivalent", reason, 0.0, {})
        crashes: dict[str, str] = {}
        killed = self._tightened if mutant.kind == "tightens" else self._loosened
        by = killed(mutant, crashes)
        fate: Fate = "killed" if by else "crashed" if crashes else "survived"
        return Result(mutant.name, mutant.kind, fate, by or "", time.monotonic() - began, crashes)

    def _tightened(self, mutant: Mutant, crashes: dict[str, str]) -> str | None:
        mutated = mutant.of(self.truth)
        own = self._layers(mutant)
        found = self._in_the_correct_server(mutated, own, crashes)
        if found:
            return found
        for defect in self._defects(mutant):
            true = self._with_truth(defect, own, strict=True)
            outcome = runs.ask(mutated, defect, own, seed=self._seed)
            crashes.update(outcome.crashes)
            more = {broken: tests for broken, tests in outcome.found.items() if broken not in true.found}
            more = {broken: tests for broken, tests in more.items() if self._is_of(mutant, broken[0])}
            if more:
                allowed = "which the contract finds nothing in" if not true.found else "which it alone finds there"
                return f"{_told(more)}, in a server where {defect.summary}, {allowed}"
        rest = [layer for layer in runs.QUICK if layer not in own]
        for layers in (rest, [runs.SLOW], [runs.ITSELF]):
            found = self._in_the_correct_server(mutated, layers, crashes)
            if found:
                return found
        return None

    def _in_the_correct_server(self, mutated: Contract, layers: Sequence[str], crashes: dict[str, str]) -> str | None:
        for at_once in (True, False) if layers else ():
            outcome = runs.ask(mutated, None, layers, seed=self._seed, at_once=at_once)
            crashes.update(outcome.crashes)
            told = _told(outcome.found) or _itself(outcome)
            if told:
                return f"{told}, in the correct server"
            if not outcome.crashes:
                break
        return None

    def _loosened(self, mutant: Mutant, crashes: dict[str, str]) -> str | None:
        strict = mutant.place[-1] != "level"
        layers = self._layers(mutant)
        defects = list(self._defects(mutant))
        for at_once in (True, False):  # the first test that finds something in one of the servers is mostly enough
            for defect in defects:
                true = self._with_truth(defect, layers, strict=strict, at_once=at_once)
                found = self._lost(mutant, defect, true, layers, crashes) if self._concerns(mutant, true) else None
                if found:
                    return found
        return None

    def _lost(
        self, mutant: Mutant, defect: Defect, true: Outcome, layers: Iterable[str], crashes: dict[str, str]
    ) -> str | None:
        """What the tests that find something with the contract find with the contract alone."""
        only = _of_the_contract(true.tests)
        if not only:
            return None
        strict = mutant.place[-1] != "level"
        mutated = mutant.of(self.truth)
        outcome = runs.ask(mutated, defect, _modules(only), seed=self._seed, only=only, strict=strict)
        crashes.update(outcome.crashes)
        if outcome.crashes:
            return None
        again = self._once_more(defect, layers, only, strict=strict)
        lost = {broken: tests for broken, tests in again.found.items() if broken not in outcome.found}
        lives = "" if outcome.found else "; nothing else is found"
        return f"{_told(lost)} is not found in a server where {defect.summary}{lives}" if lost else None

    def _with_truth(self, defect: Defect, layers: Iterable[str], *, strict: bool, at_once: bool = False) -> Outcome:
        """What the contract finds in a server, and in the slow layer where it finds nothing in the others."""
        key = (defect.name, tuple(layers), strict, at_once)
        if key not in self._true:
            outcome = runs.ask(self.truth, defect, key[1], seed=self._seed, strict=strict, at_once=at_once)
            if not _of_the_contract(outcome.tests):
                outcome = runs.ask(self.truth, defect, [runs.SLOW], seed=self._seed, strict=strict, at_once=at_once)
            self._true[key] = outcome
        return self._true[key]

    def _once_more(self, defect: Defect, layers: Iterable[str], only: set[str], *, strict: bool) -> Outcome:
        """The same with the tests that found something alone."""
        key = (defect.name, tuple(layers), strict, frozenset(only))
        if key not in self._again:
            self._again[key] = runs.ask(self.truth, defect, _modules(only), seed=self._seed, only=only, strict=strict)
        return self._again[key]

    def _concerns(self, mutant: Mutant, true: Outcome) -> bool:
        """Whether a mutant that takes a rule from some operations could be seen by what the contract finds."""
        rule = mutant.rule(self.truth)
        if mutant.place[-1] != "operations" or rule is None:
            return True
        kept = mutant.value if isinstance(mutant.value, list) else []
        return any(broken == rule and operation not in kept for broken, operation in true.found)

    def _is_of(self, mutant: Mutant, rule: str) -> bool:
        """Whether a finding is of what the mutant tightens: of its rule, or of any where that permits."""
        changed = mutant.rule(self.truth)
        return changed in {None, rule} or "billed" in documents.document(self.truth)["x-rules"][mutant.place[1]]

    def _layers(self, mutant: Mutant) -> tuple[str, ...]:
        number = mutant.place[1]
        rule = documents.document(self.truth)["x-rules"][number] if mutant.rule(self.truth) else {}
        if mutant.place[-1] == "x-billed" or "billed" in rule:
            return OF_BILLS
        if servers.concerns_answers(mutant, self.truth):
            return OF_ANSWERS
        if servers.concerns_requests(mutant, self.truth):
            return OF_REQUESTS
        return runs.QUICK

    def _defects(self, mutant: Mutant) -> Iterator[Defect]:
        """Servers that may tell the mutant from the contract."""
        if mutant.place[-1] == "x-billed":
            yield from servers.wrong_billing(mutant, self.truth)
        if mutant.place[-1] != "level":
            if servers.concerns_answers(mutant, self.truth):
                yield servers.answers_so(mutant, self.truth)
            if servers.concerns_requests(mutant, self.truth) and mutant.kind == "loosens":
                yield servers.takes_so(mutant, self.truth)
        rule = mutant.rule(self.truth)
        if rule:
            yield from servers.permitted(mutant, self.truth)
            # All of them where the one that tells is that of a certain operation; most are passed over at little cost.
            most = None if mutant.place[-1] == "operations" else MOST_DEFECTS
            yield from itertools.islice(servers.of_rule(rule), most)
            if mutant.kind == "tightens":
                yield from servers.of_rule(STRICTER.get(rule, ""))


def refused(mutated: Contract) -> str:
    """Why the vocabulary refuses a mutant; "" where it does not."""
    problems = vocabulary.check(Document(json.loads(mutated.text()), mutated.path, {}))
    return f"{problems[0].place}: {problems[0].text}" if problems else ""


def equivalent(name: str) -> str | None:
    """Why no server can tell a mutant from the contract; None where one may."""
    return next((reason for pattern, reason in EQUIVALENT.items() if re.fullmatch(pattern, name)), None)


def _of_the_contract(tests: set[str]) -> set[str]:
    """The tests but for those of the generated client."""
    return {test for test in tests if "through_the_client" not in test}


def _modules(tests: set[str]) -> list[str]:
    """The layers of some tests, in the order in which they run."""
    named = {test.partition(".py")[0] for test in tests}
    return [layer for layer in (*runs.QUICK, runs.SLOW) if layer in named]


def _told(found: dict[Broken, set[str]]) -> str:
    if not found:
        return ""
    (rule, operation), tests = min(found.items())
    where = f" of {operation}" if operation else ""
    more = f" and {len(found) - 1} more" if len(found) > 1 else ""
    return f"{rule}{where} ({min(tests).partition('.py')[0]}){more}"


def _itself(outcome: Outcome) -> str:
    """Whether the contract contradicts itself."""
    own = [test for test in outcome.red if test.startswith(runs.ITSELF)]
    return f"an example of the contract ({min(own).partition('[')[2].rstrip(']')})" if own else ""


# ---- The command

_campaign: list[Campaign] = []


def _judged(group: list[str]) -> list[Result]:
    campaign = _campaign[0]
    named = {mutant.name: mutant for mutant in campaign.mutants}
    return [campaign.judge(named[name]) for name in group]


def main(arguments: list[str] | None = None) -> int:
    """Run the campaign. Returns the exit status."""
    parser = argparse.ArgumentParser(description="Mutate the contract, and see whether the suite notices.")
    parser.add_argument("--seed", type=int, default=SEED, help="decides every generated value (default: %(default)s)")
    parser.add_argument("--only", default="", metavar="TEXT", help="mutants whose name matches, a regular expression")
    parser.add_argument("--update", action="store_true", help="with --only: put what is found into docs/results")
    parser.add_argument("--resume", action="store_true", help="leave out what was asked with the code as it is")
    options = parser.parse_args(arguments)
    truth = load()
    began = time.monotonic()
    correct = runs.ask(truth, None, [*runs.QUICK, runs.SLOW, runs.ITSELF], seed=options.seed)
    if correct.found or correct.red or correct.crashes:
        print(f"the correct server is not green with the contract: {correct}", file=sys.stderr)
        return 1
    _campaign[:] = [Campaign(truth, options.seed)]
    order = [mutant.name for mutant in _campaign[0].mutants]
    known = _known(detection.state(), options.seed) if options.resume else set()
    groups = [[one for one in group if one.name not in known] for group in _campaign[0].groups(options.only)]
    kept = _kept(order, options.seed) if options.update or not options.only else None
    results = _run(list(filter(None, groups)), kept or (lambda _: None))
    results.sort(key=lambda result: order.index(result.name))
    _print(results, time.monotonic() - began)
    return int(any(result.fate in {"survived", "crashed"} for result in results))


def _known(state: str, seed: int) -> set[str]:
    """The mutants that were asked with the code as it is."""
    last = detection.read("mutants")
    return {row["name"] for row in last["mutants"] if row.get("state") == state} if last.get("seed") == seed else set()


def _kept(order: list[str], seed: int) -> Callable[[list[Result]], None]:
    """Writes results as they come, so that a run that is stopped can be resumed."""
    state = detection.state()

    def keep(results: list[Result]) -> None:
        detection.update("mutants", "mutants", _result(results, seed, state), order)

    return keep


def _run(groups: list[list[Mutant]], keep: Callable[[list[Result]], None]) -> list[Result]:
    results: list[Result] = []
    # Forked, so that the workers and their runs have everything imported.
    context = multiprocessing.get_context("fork")
    names = [[mutant.name for mutant in group] for group in groups]
    with context.Pool(WORKERS) as pool, Progress("mutants", sum(map(len, names))) as progress:
        for some in pool.imap_unordered(_judged, names):
            results += some
            keep(some)
            progress.done(len(some))
            for result in some:
                if result.fate in {"survived", "crashed"}:
                    progress.show(f"{result.fate}: {result.name}")
    return results


def _print(results: list[Result], seconds: float) -> None:
    for name, text in _crashes(results).items():
        print(f"\nthe suite breaks: {name}\n{text}")
    print(f"{_summary(results)}, in {seconds:.0f} s")


def _summary(results: list[Result]) -> str:
    fates = collections.Counter(result.fate for result in results)
    return f"{len(results)} mutants: " + ", ".join(f"{fates[fate]} {fate}" for fate in get_args(Fate))


def _crashes(results: list[Result]) -> dict[str, str]:
    """Each different way in which the suite breaks, by its first mutant and test, with the end of its traceback."""
    found: dict[str, tuple[str, str]] = {}
    for result in results:
        for test, text in result.crashes.items():
            last = re.findall(r'(File "[^"]*octopusx_video_contract[^\n]*)', text)[-1:] or [""]
            kind = text.strip().rpartition("\n")[2]
            found.setdefault(f"{last[0]} {kind[:60]}", (f"{result.name} in {test}", text))
    return {name: text[-1800:] for name, text in found.values()}


def _result(results: list[Result], seed: int, state: str) -> dict[str, Any]:
    """The campaign as data; ``state`` is that of the code with which the mutants were asked."""
    rows = [
        {
            "name": one.name,
            "kind": one.kind,
            "fate": one.fate,
            "by": one.by,
            "seconds": round(one.seconds, 1),
            "state": state,
        }
        for one in results
    ]
    return {"seed": seed, "mutants": rows}
