"""A thousand paid runs against mocks on which things go wrong never spend more than they may (`nox -s budget`).

python -m tests.campaigns.budget [--runs N] [--seed S]

Each run is the suite's own, with a limit, faults and a lenient server drawn from its seed; most in process, every
twentieth by the command over HTTP. The mock's ledger is the judge. Exit status: 0 clean, 1 a run broke (see its seed).
"""

from __future__ import annotations

import argparse
import collections
import contextlib
import dataclasses
import functools
import gc
import importlib
import json
import os
import pkgutil
import random
import re
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from unittest.mock import patch
from urllib.parse import unquote

import octopusx_video_client
import octopusx_video_contract
from octopusx_video_contract import cli
from octopusx_video_contract.cases import code_samples
from octopusx_video_contract.core import run as _run
from octopusx_video_contract.core.run import Run
from octopusx_video_contract.core.settings import Settings
from octopusx_video_contract.runner import session
from octopusx_video_contract.runner import target as _target
from octopusx_video_contract.runner.options import Options
from octopusx_video_contract.runner.selection import LAYERS
from octopusx_video_contract.scenarios import schemathesis_adapter, task_driver, together, until_ended
from octopusx_video_contract.sending.budget import Budget
from octopusx_video_contract.sending.senders import InProcess
from octopusx_video_mock import Mock, MockError
from octopusx_video_mock.engine.clock import Clock
from octopusx_video_mock.faults.table import BY_NAME
from octopusx_video_mock.messages import Request, Response
from octopusx_video_openapi import Contract, load, task_ids

from tests.campaigns.progress import Progress
from tests.support.forking import started

KEY = "sk-budget-campaign"
MOST_UNITS = 6
HTTP_EVERY = 20
"""Every so many-th run is the command, over HTTP."""
WORKERS = 2
ANSWER_SECONDS = 0.4
"""How long the command waits for an answer."""
RUN_SECONDS = 90
"""How long a run may take."""
SENDING = tuple(layer for layer in LAYERS if layer not in {"examples", "round_trip"})
"""The layers that send anything to the server."""
LENIENT = ("bodies", "methods", "paths", "credentials")
COSTLY = ("lost_answer", "connection_reset", "server_error_billed", "not_json", "upstream_saturated")
"""Faults after which a caller that tries again, or believes what it is told, pays more than it thinks."""
MOVED = "moved-by-a-redirect"
_SAFE = {"GET", "HEAD", "OPTIONS", "TRACE"}
_SHOWN = 60


@dataclass(frozen=True)
class Plan:
    """What goes wrong in a run, all of it drawn from its seed.

    Attributes:
        seed: Of the suite, the mock and the plan itself.
        limit: How many units the run has.
        over_http: Whether the command is run against a real server.
        lenient: What the server accepts that it should refuse.
        faults: What the mock is told, as name, operation and share of requests.
        redirects: The share of requests that get a redirect to themselves, half of them once served.
        slow: The share of answers that come too late.
    """

    seed: int
    limit: int
    over_http: bool
    lenient: tuple[str, ...]
    faults: tuple[tuple[str, str | None, float], ...]
    redirects: float
    slow: float

    @classmethod
    def drawn(cls, seed: int, contract: Contract) -> Plan:
        """The plan of a seed."""
        rng = random.Random(seed)  # noqa: S311 - made to be repeated
        over_http = seed % HTTP_EVERY == 0
        names = [name for name in BY_NAME if not (over_http and name == "download_crawls")]
        shares = (0.1, 0.3, 1.0)
        chosen = {*rng.sample(names, rng.choice((0, 1, 2, 3, 6))), *rng.sample(COSTLY, rng.choice((0, 1, 1)))}
        return cls(
            seed,
            rng.randrange(MOST_UNITS + 1),
            over_http,
            tuple(name for name in LENIENT if rng.random() < 1 / 3),
            tuple((name, rng.choice((None, None, *contract.submits)), rng.choice(shares)) for name in sorted(chosen)),
            rng.choice((0.0, 0.0, *shares)),
            rng.choice((0.0, *shares)) if over_http else 0.0,
        )


@dataclass
class Outcome:
    """What a run did, by the mock's ledger, and what it says of itself.

    Attributes:
        seed: Which run.
        limit: Its units.
        over_http: Whether it was the command, over HTTP.
        spent: Units that it took.
        lost: Units without a response.
        accepted: Submits with the key that the mock accepted.
        billed: All that the mock bills at the end.
        on_trust: Accepted requests that should have cost nothing: without a valid key, or by a wrong method.
        upper_bound: What the run says that it may have cost.
        requests: How many came.
        broken: What should not have happened.
    """

    seed: int
    limit: int = 0
    over_http: bool = False
    spent: int = 0
    lost: int = 0
    accepted: int = 0
    billed: int = 0
    on_trust: int = 0
    upper_bound: int = 0
    requests: int = 0
    broken: list[str] = field(default_factory=list)


class Server:
    """The mock's engine with what the plan adds, and an eye on the order in which units and requests come.

    Args:
        mock: Whose engine it is.
        plan: What goes wrong.
        contract: Tells which paths are submits.
        ledger: The file of the run's units.
    """

    def __init__(self, mock: Mock, plan: Plan, contract: Contract, ledger: Path) -> None:
        self.priced = self.accepted = self.on_trust = 0
        self.told: list[str] = []
        self._came: collections.Counter[str] = collections.Counter()
        self.broken: list[str] = []
        self._lock = threading.Lock()
        self._mock = mock
        self._plan = plan
        self._ledger = ledger
        self._serve: Callable[[Request], Response] = mock.engine.respond
        self._random = random.Random(~plan.seed)  # noqa: S311 - made to be repeated
        paths = {name: contract.operations[name].path for name in contract.submits}
        self._submits = {name: re.compile(re.sub(r"\{\w+\}", "[^/]+", path)) for name, path in paths.items()}
        self._valid = {one.operation_id: one.request(KEY) for one in code_samples.documented(contract)}
        for name, operation, share in plan.faults:
            try:
                mock.faults.on(name, operation=operation, probability=share)
            except MockError:  # it does not show there
                mock.faults.on(name, probability=share)
        mock.engine.respond = self.answer  # type: ignore[method-assign]  # both ways in meet here

    def answer(self, request: Request) -> Response:
        """Answer a request as the plan has it, one at a time: several may come at the same moment."""
        with self._lock:
            return self._answer(request)

    def _answer(self, request: Request) -> Response:
        if MOVED.encode() in request.query:
            self.broken.append("a redirect was followed")
        if request.method in _SAFE:
            return self._moved(request) or self._serve(request)
        priced = self._is_priced(request)
        if priced:
            self._hold_to_the_ledger(request)
        moved = self._moved(request)
        if moved is not None and self._random.random() < 1 / 2:
            return moved
        before = len(self._mock.submissions)
        answer = self._serve(self._leniently(request))
        made = self._mock.submissions[before:]
        late = self._plan.slow > self._random.random()
        if late:
            time.sleep(1.5 * ANSWER_SECONDS)
        if priced:
            self.accepted += len(made)
            if not late and moved is None and answer.delivery is None and answer.status < 300:
                self.told += [one.task for one in made if one.task.encode() in answer.body]
        else:
            self.on_trust += len(made)
        return moved or answer

    def _is_priced(self, request: Request) -> bool:
        """Whether a request has to cost a unit: it has the key, and it holds something or could be a submit."""
        head = [request.path, request.query, *(value for _, value in request.headers)]
        if not any(KEY.encode() in text for text in (*head, request.body or b"")):
            return False
        return bool(request.body) or (request.method == "POST" and self._operation(request, "paths") is not None)

    def _hold_to_the_ledger(self, request: Request) -> None:
        """Hold a request that has to cost a unit to what is on the disk when it comes."""
        self.priced += 1
        target = request.path + (b"?" + request.query if request.query else b"")
        self._came[target.decode("latin-1")] += 1
        text = self._ledger.read_text("utf-8") if self._ledger.exists() else ""
        lines = [json.loads(line) for line in text.splitlines()]
        written = collections.Counter(line["target"] for line in lines if line["state"] == "sending")
        if self._came - written:
            self.broken.append(f"request {self.priced} that costs came, and its unit is not in the ledger: {target!r}")
        # Over HTTP a request that is not waited for any more may come after the unit of the next.
        # So may, anywhere, one of two that are sent at the same moment, whose units are both written before.
        if not self._plan.over_http and not self.priced <= written.total() < self.priced + together.PAID:
            self.broken.append(f"{self.priced} requests that cost came, and the ledger has {written.total()} units")

    def _moved(self, request: Request) -> Response | None:
        if self._plan.redirects <= self._random.random():
            return None
        place = request.path + b"?" + request.query + f"&{MOVED}=1".encode()
        return Response(307, [(b"location", place)], b"")

    def _operation(self, request: Request, *lenient: str) -> str | None:
        path = request.path.decode("latin-1")
        if "paths" in lenient:
            path = re.sub(r"/+", "/", unquote(unquote(path))).rstrip("/").lower()
        return next((name for name, submit in self._submits.items() if submit.fullmatch(path)), None)

    def _leniently(self, request: Request) -> Request:
        """The request as the documented one that a lenient server takes it for."""
        lenient = self._plan.lenient
        name = self._operation(request, *lenient)
        if name is None or (request.method != "POST" and "methods" not in lenient):
            return request
        valid = self._valid[name]
        headers = list(request.headers)
        if "credentials" in lenient:
            headers = [one for one in headers if one[0] != b"authorization"]
            headers.append((b"authorization", f"Bearer {KEY}".encode()))
        body = request.body
        if "bodies" in lenient:
            dropped = {b"content-type", b"content-length"}
            headers = [one for one in headers if one[0] not in dropped]
            headers.append((b"content-type", b"application/json"))
            body = valid.body
        path = request.path if self._operation(request) else valid.path.encode()
        return Request("POST", path, request.query, headers, dict(headers), body, request.here, request.scheme)


class Turned:
    """Stands for the module ``time``: to sleep turns the mock's clock, so that hours take no time."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._slept = 0.0

    def sleep(self, seconds: float) -> None:
        """Let seconds pass."""
        self._clock.advance(seconds)
        self._slept += seconds

    def monotonic(self) -> float:
        """Seconds, with those that were slept."""
        return time.monotonic() + self._slept

    def time(self) -> float:
        """The mock's time, in Unix seconds."""
        return self._clock.now()


def one_run(seed: int, contract: Contract, ledger: Path) -> Outcome:
    """The run of one seed, in this process, which has not run the suite before."""
    plan = Plan.drawn(seed, contract)
    mock = Mock(token=KEY, seed=seed, start=None) if plan.over_http else Mock(token=KEY, seed=seed)
    server = Server(mock, plan, contract, ledger)
    runs: list[Run] = []
    with contextlib.ExitStack() as stack:
        for module in (_run, task_driver, together, until_ended):
            stack.enter_context(patch.object(module, "time", Turned(mock.clock)))
        stack.enter_context(patch.object(session, "LAYERS", SENDING))
        ended = (_by_command if plan.over_http else _in_process)(plan, mock, contract, ledger, runs)
    outcome = Outcome(seed, plan.limit, plan.over_http, requests=len(mock.calls), broken=server.broken)
    if ended not in {0, 1} and not (plan.over_http and ended == 2):  # the server may refuse the greeting
        outcome.broken.append(f"the run ended with {ended}")
    if not runs:
        if mock.submissions or server.priced:
            outcome.broken.append("a run that did not start has submitted")
        return outcome
    budget = runs[0].budget
    outcome.spent, outcome.lost = len(budget.units), sum(unit.status is None for unit in budget.units)
    outcome.accepted, outcome.on_trust = server.accepted, server.on_trust
    outcome.billed, outcome.upper_bound = len(mock.billed), budget.upper_bound
    known = {task for unit in budget.units for task in (unit.task, *unit.possible_tasks)}
    written = ledger.read_text("utf-8") if ledger.exists() else ""
    missing = [task for task in server.told if task not in known or task not in written]
    # Over HTTP an answer may come when nobody waits for it any more, and a request to a server that has ended.
    unheard = outcome.lost if plan.over_http else 0
    rules = {
        "more submits with the key were accepted than there are units": outcome.accepted <= plan.limit,
        "a request that costs was sent without a unit, or twice": (
            outcome.spent - unheard <= server.priced <= outcome.spent
        ),
        "more units were spent than there are": outcome.spent <= plan.limit,
        "more was billed than the run says": len(mock.submissions) <= outcome.upper_bound,
        "it says that more may be billed than it was given": (
            outcome.upper_bound - budget.upper_bound_unpaid <= plan.limit
        ),
        "more than one that costs nothing was accepted": outcome.on_trust <= 1 and budget.upper_bound_unpaid <= 1,
        "an id that was told is not in the account": len(missing) <= unheard,
    }
    outcome.broken += [text for text, holds in rules.items() if not holds]
    return outcome


def _in_process(plan: Plan, mock: Mock, contract: Contract, ledger: Path, runs: list[Run]) -> int:
    run = _paid(mock, contract, plan, ledger)
    runs.append(run)
    with session.own_settings():
        return session.run(run, [])


def _paid(mock: Mock, contract: Contract, plan: Plan, ledger: Path | None) -> Run:
    return Run.begin(
        Settings(
            "http://localhost",
            KEY,
            contract,
            tuple(task_ids.documented(contract)),
            seed=plan.seed,
            max_examples=1,
            strict=False,
        ),
        InProcess(mock.transport),
        Budget(contract, KEY, plan.limit, ledger),
    )


def _by_command(plan: Plan, mock: Mock, contract: Contract, ledger: Path, runs: list[Run]) -> int:
    prepare = _target.prepare

    def prepared(options: Options, stack: contextlib.ExitStack) -> Run:
        runs.append(prepare(options, stack))
        return runs[0]

    with (
        mock.serve() as url,
        patch.object(_target, "prepare", prepared),
        patch.dict(os.environ, {_target.KEY_VARIABLE: KEY}),
    ):
        options = {
            "--base-url": url,
            "--max-paid": plan.limit,
            "--ledger": ledger,
            "--seed": plan.seed,
            "--max-examples": 1,
            "--timeout": ANSWER_SECONDS,
        }
        return cli.main([str(word) for pair in options.items() for word in pair])


def outcomes(seeds: list[int], scratch: Path) -> Iterator[Outcome]:
    """The outcomes of runs, each in a process of its own, as they end."""
    contract = _prepared()
    waiting = list(reversed(seeds))
    running: dict[int, int] = {}
    while waiting or running:
        while waiting and len(running) < WORKERS:
            seed = waiting.pop()
            running[started(functools.partial(_child, seed, contract, scratch))] = seed
        process, status = os.wait()
        seed = running.pop(process)
        result = scratch / f"{seed}.json"
        if status or not result.exists():
            yield Outcome(seed, broken=[f"its process ended with {os.waitstatus_to_exitcode(status)}"])
        else:
            yield Outcome(**json.loads(result.read_text()))


def _prepared() -> Contract:
    """The contract, with all imported and compiled that each run needs, so that a process starts at once."""
    for package in (octopusx_video_client, octopusx_video_contract):
        for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
            # The suite's own modules ask for the current run, and are imported in the process of each.
            if not module.name.startswith("octopusx_video_contract.suite.") and not module.name.endswith("__main__"):
                importlib.import_module(module.name)
    for name in ("_hypothesis_pytestplugin", "schemathesis.pytest.plugin", "octopusx_video_mock.server.foreground"):
        importlib.import_module(name)
    contract = load()
    schemathesis_adapter.schema(_paid(Mock(token=KEY), contract, Plan.drawn(1, contract), None))
    # A run is short, and a collection in a forked process would copy all that was imported.
    gc.collect()
    gc.freeze()
    gc.disable()
    return contract


def _child(seed: int, contract: Contract, scratch: Path) -> None:
    signal.alarm(RUN_SECONDS)
    with (scratch / f"{seed}.txt").open("w", encoding="utf-8") as told:
        os.dup2(told.fileno(), 1)
        os.dup2(told.fileno(), 2)
        with contextlib.redirect_stdout(told), contextlib.redirect_stderr(told):
            try:
                outcome = one_run(seed, contract, scratch / f"{seed}.jsonl")
            except BaseException as error:  # noqa: BLE001 - told by whoever waits
                outcome = Outcome(seed, broken=[f"{type(error).__name__}: {error}"])
    if "INTERNALERROR" in (scratch / f"{seed}.txt").read_text("utf-8"):
        outcome.broken.append("pytest broke; see what it printed")
    (scratch / f"{seed}.json").write_text(json.dumps(dataclasses.asdict(outcome)))


def main() -> int:
    """Run the campaign. Returns the exit status."""
    parser = argparse.ArgumentParser(description="Paid runs against mocks on which things go wrong.")
    parser.add_argument("--runs", type=int, default=1000, metavar="N", help="how many (default: %(default)s)")
    parser.add_argument("--seed", type=int, help="of the first run, the others follow (default: any)")
    options = parser.parse_args()
    first = random.SystemRandom().randrange(2**32) if options.seed is None else options.seed
    kept: list[Outcome] = []
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="budget-") as name, Progress("paid runs", options.runs) as progress:
        for outcome in outcomes(list(range(first, first + options.runs)), Path(name)):
            kept.append(outcome)
            progress.done()
            if outcome.broken:
                lines = (Path(name) / f"{outcome.seed}.txt").read_text("utf-8").splitlines()
                progress.show("\n".join(lines[-_SHOWN:]))
                progress.show(f"{Plan.drawn(outcome.seed, load())}\n{outcome}")
                break
    summed = {name: sum(getattr(one, name) for one in kept) for name in _NUMBERS}
    numbers = ", ".join(f"{count} {_NUMBERS[name]}" for name, count in summed.items())
    print(f"budget: {len(kept)} paid runs from seed {first} in {time.monotonic() - began:.0f} s, {numbers}")
    broken = [one for one in kept if one.broken]
    for one in broken:
        print(f"broken at --runs 1 --seed {one.seed}: {'; '.join(one.broken)}")
    return 1 if broken else 0


_NUMBERS = {
    "over_http": "of them by the command over HTTP",
    "requests": "requests",
    "limit": "units given",
    "spent": "spent",
    "lost": "without a response",
    "accepted": "submits accepted with the key",
    "billed": "billed",
    "upper_bound": "told as the upper bound",
    "on_trust": "accepted on trust",
}


if __name__ == "__main__":
    sys.exit(main())
