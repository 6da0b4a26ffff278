"""Simulates many workers that poll one database and share one rate of submits (`nox -s scaling`).

It prints the tables of docs/SCALING.md. The costs are measured (``Costs``), how a batch runs is assumed
(``Batch``), and the rest follows: events in the order of their times, each of which plans what it leads to.
"""

from __future__ import annotations

import argparse
import heapq
import itertools
import math
import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from octopusx_video._distributed.engine import MAX_DELIVERIES, POLL_SECONDS, poll_seconds
from octopusx_video._distributed.feeder import WINDOW

SECONDS = 480.0
WARM_SECONDS = 330.0
"""What is left out at the beginning: until downloads are as frequent as submits."""
WORKERS = {5: (1, 2, 10, 100), 50: (10, 100)}
"""For a rate: how many workers. The largest number is simulated without the longer pauses between polls, too."""
WAYS = (
    ("slots", 0.0, 0.005),
    ("slots", 0.1, 0.005),
    ("slots", 0.1, 0.05),
    ("claims", 0.1, 0.05),
    ("one asks", 0.0, 0.05),
    ("one asks", 0.1, 0.05),
)
PACE = ("pace", "spread", "late")
"""What ``WAYS`` has of each: attributes of ``Batch``."""
RATES = (5, 20, 50, 100)
JOBS = 10_000_000

Event = Callable[[int], None]


@dataclass(frozen=True)
class Costs:
    """What things cost, in milliseconds of a core unless the name says bytes, rows or connections.

    Measured with DBOS 3.4.0 and PostgreSQL 15 on two cores. Those of the ledger are its statements alone, on tables
    with the columns and indexes of a batch on one machine. ``job`` is what `nox -s bench -- distributed` measures where
    a worker has half a core: about thirty jobs per second of its CPU, with all that the worker does beside them.
    """

    engine: float = 3.2  # PostgreSQL, for each job: two workflows
    ledger: float = 1.1  # PostgreSQL, for each job: claim, outcome, begin and end of the download
    refused: float = 0.3  # PostgreSQL, for each claim that is refused
    poll: float = 1.6  # PostgreSQL, for each poll of a queue in which there is nothing
    alive: float = 4.0  # PostgreSQL, for each worker and second
    renewal: float = 0.1  # PostgreSQL, for each lease that is renewed
    job: float = 33.0  # the worker, for each job
    own_poll: float = 4.6  # the worker, for each poll
    own_alive: float = 18.0  # the worker, for each second
    lock: float = 1.0  # how long a claim or the begin of a download locks the row of the batch
    ledger_rows: int = 6  # a job, its attempt, four events
    ledger_bytes: int = 2200  # these rows and their indexes
    engine_rows: int = 8  # two workflows: status, input, output and a step of each
    engine_bytes: int = 5400
    dead_rows: int = 10  # updates and deletions, for each job: job 3, attempt, batch, download, workflows 4
    connections: int = 19  # of a worker at most: 1 renews its lease, 8 are the ledger's, 10 the engine's


@dataclass(frozen=True)
class Batch:
    """How a batch runs; times are seconds.

    Attributes:
        workers: How many.
        rate: Submits per second at most, of all workers.
        poll: Between two polls of a queue by one worker.
        pace: How the rate is kept. ``slots``: each job takes the next slot, sleeps, and is claimed then. ``claims``:
            each job is claimed when it is there; before the time of the next submit that is refused, and repeated at
            this time, which counts from the last claim. ``one asks``: so, but one job of each worker after the other.
        spread: By how much longer than ``1 / rate`` two submits are apart, as a share of it.
        late: By how much a sleeping job wakes too late, on average.
        on_way: From the claim until the request has arrived, on average.
        deliveries: How many tasks a worker awaits and downloads at once.
        window: How many jobs the feeder keeps enqueued.
        pause: Until a claim is repeated that the concurrency has refused.
    """

    workers: int
    rate: float
    poll: float = POLL_SECONDS
    pace: str = "one asks"
    spread: float = 0.1
    late: float = 0.005
    on_way: float = 0.005
    deliveries: int = MAX_DELIVERIES
    window: int = WINDOW
    feed: float = 1.0
    pause: float = 1.0
    submit: float = 2.0
    task: float = 300.0
    download: float = 5.0
    renewal: float = 2.7

    @property
    def concurrency(self) -> int:
        """Submits and downloads at once, of all workers: half as many again as the rate needs."""
        return math.ceil(1.5 * self.rate * (self.submit + self.download))


class Simulation:
    """A batch without an end. The counts are those since ``WARM_SECONDS``."""

    def __init__(self, batch: Batch, costs: Costs, seed: int) -> None:
        self.batch, self.costs = batch, costs
        self.sent: list[float] = []
        self.polls = self.locks = self.refused = 0
        self.own = 0.0
        self._now = self._locked_until = self._next = 0.0
        self._enqueued = self._deliveries = self._used = 0
        self._free = [math.ceil(batch.concurrency / batch.workers)] * batch.workers
        self._held = [0] * batch.workers
        self._asks = [0] * batch.workers
        self._busy_until = [0.0] * batch.workers
        self._events: list[tuple[float, int, Event, int]] = []
        self._apart = (1 + batch.spread) / batch.rate
        self._number = itertools.count()
        self._random = random.Random(seed)  # noqa: S311 - no secret

    def run(self) -> None:
        """Let ``SECONDS`` pass."""
        self._after(0, self._feed)
        for worker in range(self.batch.workers):
            for event in (self._poll_submits, self._poll_deliveries):
                self._after(self._random.uniform(0, self.batch.poll), event, worker)
        self._until(WARM_SECONDS)
        self.polls = self.locks = self.refused = 0
        self.own = 0.0
        self.sent.clear()
        self._until(SECONDS)

    def tasks(self) -> int:
        """How many tasks all workers await or download."""
        return sum(self._held)

    def _until(self, end: float) -> None:
        while self._events[0][0] < end:
            self._now, _, event, worker = heapq.heappop(self._events)
            event(worker)

    def _after(self, seconds: float, event: Event, worker: int = 0) -> None:
        heapq.heappush(self._events, (self._now + seconds, next(self._number), event, worker))

    def _about(self, seconds: float) -> float:
        return seconds * self._random.uniform(0.5, 1.5)

    def _works(self, worker: int, milliseconds: float) -> float:
        """Use the core of a worker. Returns the seconds until that is done."""
        self.own += milliseconds / 1000
        self._busy_until[worker] = max(self._now, self._busy_until[worker]) + milliseconds / 1000
        return self._busy_until[worker] - self._now

    def _locks(self) -> float:
        """Lock the row of the batch after all who wait for it. Returns the seconds until it is released."""
        self.locks += 1
        self._locked_until = max(self._now, self._locked_until) + self.costs.lock / 1000
        return self._locked_until - self._now

    def _feed(self, _: int) -> None:
        self._enqueued = self.batch.window
        self._after(self.batch.feed, self._feed)

    def _polled(self, worker: int, event: Event) -> None:
        self.polls += 1
        jitter = self._random.uniform(0.95, 1.05)  # as DBOS has it
        self._after(self._works(worker, self.costs.own_poll) + self.batch.poll * jitter, event, worker)

    def _poll_submits(self, worker: int) -> None:
        taken = min(self._free[worker], self._enqueued)
        self._enqueued -= taken
        self._free[worker] -= taken
        for _ in range(taken):
            self._after(self._works(worker, self.costs.job / 2), self._ask, worker)
        self._polled(worker, self._poll_submits)

    def _poll_deliveries(self, worker: int) -> None:
        taken = min(self.batch.deliveries - self._held[worker], self._deliveries)
        self._deliveries -= taken
        self._held[worker] += taken
        for _ in range(taken):
            self._after(self._about(self.batch.task), self._begin, worker)
        self._polled(worker, self._poll_deliveries)

    def _late(self) -> float:
        return self._random.expovariate(1 / self.batch.late)

    def _ask(self, worker: int) -> None:
        self._asks[worker] += 1
        if self.batch.pace == "slots":
            released = self._locks()
            slot = max(self._next, self._now + released)
            self._next = slot + self._apart
            self._after(slot - self._now + self._late(), self._claim, worker)
        elif self.batch.pace == "claims" or self._asks[worker] == 1:
            self._claim(worker)

    def _has_room(self, worker: int, again: Event) -> bool:
        if self._used < self.batch.concurrency:
            self._used += 1
            return True
        self.refused += 1
        self._after(self.batch.pause, again, worker)
        return False

    def _claim(self, worker: int) -> None:
        released = self._locks()
        if self.batch.pace != "slots" and self._next > self._now + released:
            self.refused += 1
            self._after(self._next - self._now + self._late(), self._claim, worker)
        elif self._has_room(worker, self._claim):
            if self.batch.pace != "slots":
                self._next = self._now + released + self._apart
            self.sent.append(self._now + released + self._random.expovariate(1 / self.batch.on_way))
            self._after(released + self._about(self.batch.submit), self._settle, worker)
            self._asks[worker] -= 1
            if self.batch.pace == "one asks" and self._asks[worker]:
                self._after(released, self._claim, worker)

    def _settle(self, worker: int) -> None:
        self._used -= 1
        self._free[worker] += 1
        self._deliveries += 1

    def _begin(self, worker: int) -> None:
        released = self._locks()
        if self._has_room(worker, self._begin):
            worked = self._works(worker, self.costs.job / 2)
            self._after(worked + released + self._about(self.batch.download), self._end, worker)

    def _end(self, worker: int) -> None:
        self._used -= 1
        self._held[worker] -= 1


def most_in_a_second(times: Iterable[float]) -> int:
    """The largest number of times in any second, wherever that begins."""
    ordered = sorted(times)
    first = most = 0
    for last, time in enumerate(ordered):
        while ordered[first] <= time - 1:
            first += 1
        most = max(most, last - first + 1)
    return most


def run(batch: Batch, costs: Costs, seed: int) -> dict[str, str]:
    """What is printed of a simulated batch."""
    one = Simulation(batch, costs, seed)
    one.run()
    seconds = SECONDS - WARM_SECONDS
    sent, polls, refused = (count / seconds for count in (len(one.sent), one.polls, one.refused))
    jobs = sent * (costs.engine + costs.ledger) + refused * costs.refused
    workers = polls * costs.poll + batch.workers * (costs.alive + costs.renewal / batch.renewal)
    own = min(1, one.own / seconds / batch.workers + costs.own_alive / 1000)
    return {
        "workers": f"{batch.workers}",
        "poll": f"{batch.poll:g} s",
        "pace": batch.pace,
        "spread": f"{batch.spread:.0%}",
        "late": f"{1000 * batch.late:g} ms",
        "rate used": f"{sent / batch.rate:.0%}",
        "most in 1 s": f"{most_in_a_second(one.sent)}",
        "refused/s": f"{refused:.0f}",
        "row locked": f"{min(1, one.locks * costs.lock / 1000 / seconds):.0%}",
        "polls/s": f"{polls:.0f}",
        "core of a worker": f"{own:.0%}",
        "core of PostgreSQL: jobs": f"{jobs / 1000:.0%}",
        "workers alone": f"{workers / 1000:.0%}",
        "tasks each": f"{one.tasks() / batch.workers:,.0f}",
        "connections": f"{batch.workers * costs.connections:,}",
    }


def large(rate: int, costs: Costs) -> dict[str, str]:
    """What is printed of ten million jobs."""
    batch = Batch(1, rate)
    tasks = rate * (batch.task + batch.download)
    return {
        "submits/s": f"{rate}",
        "days": f"{JOBS / rate / 86_400:.1f}",
        "workers at least": f"{math.ceil(max(rate * costs.job / 1000, tasks / batch.deliveries))}",
        "core of PostgreSQL: jobs": f"{rate * (costs.engine + costs.ledger) / 1000:.0%}",
        "row locked": f"{rate * 2 * costs.lock / 1000:.0%}",
        "tasks at once": f"{tasks:,.0f}",
        "dead rows/s": f"{rate * costs.dead_rows:,}",
    }


def table(rows: Sequence[dict[str, str]], *left_out: str) -> Iterator[str]:
    """A table in Markdown."""
    names = [name for name in rows[0] if name not in left_out]
    yield f"| {' | '.join(names)} |"
    yield f"|{' ---: |' * len(names)}"
    yield from (f"| {' | '.join(row[name] for name in names)} |" for row in rows)


def lines(seed: int) -> Iterator[str]:
    """All that is printed."""
    costs = Costs()
    for rate, numbers in WORKERS.items():
        yield f"{rate} submits per second:\n"
        some = [*((workers, poll_seconds(workers)) for workers in numbers), (max(numbers), POLL_SECONDS)]
        runs = [run(Batch(workers, rate, poll), costs, seed) for workers, poll in some]
        yield from (*table(runs, *PACE), "")
    yield "5 submits per second by ten workers, three ways to keep the rate:\n"
    runs = [run(Batch(10, 5, poll_seconds(10), *way), costs, seed) for way in WAYS]
    yield from (*table(runs, *(set(runs[0]) - {*PACE, "rate used", "most in 1 s", "refused/s"})), "")
    yield "Ten million jobs:\n"
    yield from (*table([large(rate, costs) for rate in RATES]), "")
    for name, rows, size in (
        ("ledger", costs.ledger_rows, costs.ledger_bytes),
        ("engine", costs.engine_rows, costs.engine_bytes),
    ):
        yield f"The {name}: {JOBS * rows / 1e6:.0f} million rows, {JOBS * size / 1e9:.0f} GB."


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(prog="nox -s scaling --", description="Simulate many workers of one batch.")
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="of the random times [default: %(default)s]")
    print("\n".join(lines(parser.parse_args(arguments).seed)))


if __name__ == "__main__":
    main()
