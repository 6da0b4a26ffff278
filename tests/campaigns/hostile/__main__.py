"""A hundred thousand hostile requests against the lifecycle engine (`nox -s hostile`).

python tests/campaigns/hostile/__main__.py [--requests N] [--seed S] [--base-url URL] [--only NUMBER]

Each must get an answer of the contract, or a plain refusal where its HTTP is broken, and the next one is served. A
server that somebody else has started is held to all but what its process shows; its key is read from OCTOPUSX_API_KEY.
Exit status: 0 clean, 1 something was found.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import itertools
import json
import os
import random
import re
import resource
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

from octopusx_video_contract.core.run import Run
from octopusx_video_contract.core.settings import Settings
from octopusx_video_contract.sending.senders import OverHttp
from octopusx_video_openapi import load, task_ids

from tests.campaigns.hostile import holds
from tests.campaigns.hostile.drafts import ACCEPTED, Hostile, World, seeded
from tests.campaigns.hostile.judge import Judge
from tests.campaigns.hostile.report import Report, say
from tests.campaigns.hostile.requests import request
from tests.campaigns.hostile.wire import Answer, Connection, MalformedError
from tests.campaigns.mock_process import MockProcess, mock_process

KEY = "sk-hostile-campaign"
CONNECTIONS = 32
HELD = 36
EVERY = 100
"""Every so many-th request is a plain one."""
ANSWER_SECONDS = 5
END_SECONDS = 60
"""How long a task may take to end; the mock is started so that it takes three."""
MOST_MEMORY = 150
"""Megabytes."""
TROUBLE = re.compile(r"Traceback|Exception|ERROR|the mock broke")


class Campaign:
    """The requests of one seed against one server."""

    def __init__(self, server: tuple[str, int], key: str, seed: int) -> None:
        contract = load()
        self._server = server
        self._seed = seed
        self._world = World(contract, key, task_ids.documented(contract)[0])
        base_url = "http://{}:{}".format(*server)
        self._judge = Judge(Run.begin(Settings(base_url, key, contract, (), seed=seed), OverHttp(local=True)))
        self._down = False
        self.report = Report(key)

    async def one(self, number: int) -> None:
        """Send the request of one number alone."""
        await self._prepare()
        name, hostile = request(self._world, self._seed, number)
        answer = await self._send(Connection(*self._server), name, hostile, number)
        say(f"{name}: {self.report.shown(hostile.raw)}\n{hostile.expected}")
        say("no answer" if answer is None else self.report.shown(answer.raw))

    async def run(self, requests: int, mock: MockProcess | None) -> None:
        """Send so many requests, hold connections beside them, and flood the server at the end."""
        await self._prepare()
        numbers = iter(range(requests))
        held = [asyncio.create_task(self._hold(number)) for number in range(HELD)]
        workers = [asyncio.create_task(self._work(numbers)) for _ in range(CONNECTIONS)]
        limit = 120 + requests / 200
        began = told = time.monotonic()
        pending = set(workers)
        while pending and time.monotonic() < began + limit and (mock is None or mock.status is None):
            _, pending = await asyncio.wait(pending, timeout=1)
            if time.monotonic() > told + 3:
                told = time.monotonic()
                say(self.report.progress())
        if mock is not None and mock.status is not None:
            self.report.add("process", f"it ended with status {mock.status} while it was asked")
        elif pending:
            self.report.add("time", f"it is not through after {limit:.0f} s")
        else:
            await self._flood()
            say("waiting for the end of the requests that are never finished")
            await asyncio.gather(*held)
        for task in (*workers, *held):
            task.cancel()
        for result in await asyncio.gather(*workers, *held, return_exceptions=True):
            if isinstance(result, Exception):
                raise result

    async def _prepare(self) -> None:
        """Submit a task and wait until it has ended, so that its video can be asked for."""
        connection = Connection(*self._server)
        answer = await self._plain(connection, seeded(self._seed), -1, submit=True)
        if answer is None or answer.status != 200:
            raise SystemExit("hostile: the server does not serve a plain request; see above")
        content = next(operation for operation in self._world.reads if operation.path.endswith("/content"))
        deadline = time.monotonic() + END_SECONDS
        while answer is not None and time.monotonic() < deadline:
            self._world.task = json.loads(answer.body)["id"]
            draft = self._world.draft(seeded(0), (content,))
            read = await self._send(connection, "start", Hostile(draft.encode(), draft.expecting(ACCEPTED)), -1)
            if read is not None and read.status == 200:
                break
            await asyncio.sleep(0.5)
        connection.drop()

    async def _work(self, numbers: Iterator[int]) -> None:
        connection = Connection(*self._server)
        for number in itertools.takewhile(lambda _: not self._down, numbers):
            if number % EVERY == EVERY - 1:
                await self._plain(connection, seeded(self._seed, number), number)
                continue
            name, hostile = request(self._world, self._seed, number)
            answer = await self._send(connection, name, hostile, number)
            await self._follow(connection, hostile, answer, f"read after {name}", number)
        connection.drop()

    async def _plain(
        self, connection: Connection, rng: random.Random, number: int, *, submit: bool = False
    ) -> Answer | None:
        """A good request gets what it asks for."""
        draft = self._world.draft(rng, self._world.submits if submit else ())
        hostile = Hostile(draft.encode(), draft.expecting({200}))
        answer = await self._send(connection, "plain request", hostile, number)
        await self._follow(connection, hostile, answer, "read after a plain submit", number)
        return answer

    async def _follow(
        self, connection: Connection, hostile: Hostile, answer: Answer | None, kind: str, number: int
    ) -> None:
        """What was accepted can be read, whatever was in it."""
        submits = {operation.id for operation in self._world.submits}
        if answer is None or answer.status != 200 or not submits.issuperset(hostile.expected.operations):
            return
        with contextlib.suppress(ValueError, KeyError, TypeError):
            task = json.loads(answer.body)["id"]
            for read in self._world.polls:
                draft = World(self._world.contract, self._world.key.decode(), task).draft(seeded(number), (read,))
                await self._send(connection, kind, Hostile(draft.encode(), draft.expecting({200})), number)

    async def _send(self, connection: Connection, kind: str, hostile: Hostile, number: int) -> Answer | None:
        answer, fault = await self._exchange(connection, hostile, 2 + number % 3 if number % 20 == 0 else 1)
        self.report.sent += 1
        self.report.endings[str(answer.status) if answer else hostile.ending if fault is None else "none"] += 1
        if fault:
            self.report.add_request(kind, fault, number, hostile.raw, answer.raw if answer else b"")
        return answer

    async def _exchange(
        self, connection: Connection, hostile: Hostile, pieces: int
    ) -> tuple[Answer | None, str | None]:
        while True:
            reused = connection.reused
            try:
                async with asyncio.timeout(ANSWER_SECONDS):
                    answer = await connection.exchange(hostile, pieces)
            except TimeoutError:
                return None, f"neither answered nor closed within {ANSWER_SECONDS} s"
            except ConnectionRefusedError:
                self._down = True
                return None, "the server does not listen any more"
            except (MalformedError, OSError) as error:
                return None, f"{type(error).__name__}: {error}"
            fault = self._judge.fault(hostile, answer)
            # A connection that has served may be closed at any time; that is no answer to what was just sent.
            if answer is not None or fault is None or not reused:
                return answer, fault

    async def _hold(self, number: int) -> None:
        fault = await holds.unfinished(self._server, self._world, seeded(self._seed, "held", number), number)
        if fault:
            self.report.add("unfinished request", fault)

    async def _flood(self) -> None:
        refused = await holds.flood(self._server)
        say(f"of {holds.FLOOD} connections at once, {refused} were refused")
        if not refused:
            self.report.add("connections", f"{holds.FLOOD} at once, and none was refused")
        # It may take a moment until the server has seen that they are gone.
        for _ in range(10 * ANSWER_SECONDS):
            if await self._serves():
                break
            await asyncio.sleep(0.1)
        await self._plain(Connection(*self._server), seeded(self._seed), -1)

    async def _serves(self) -> bool:
        draft = self._world.draft(seeded(self._seed))
        connection = Connection(*self._server)
        answer, _ = await self._exchange(connection, Hostile(draft.encode(), draft.expecting()), 1)
        connection.drop()
        return answer is not None


def main() -> int:
    """Run the campaign. Returns the exit status."""
    parser = argparse.ArgumentParser(description="Send hostile requests to the lifecycle engine.")
    parser.add_argument("--requests", type=int, default=100_000, metavar="N", help="how many (default: %(default)s)")
    parser.add_argument("--seed", type=int, help="decides every request (default: any)")
    parser.add_argument("--base-url", help="a server on this machine (default: starts one)")
    parser.add_argument("--only", type=int, metavar="NUMBER", help="send this one request alone")
    options = parser.parse_args()
    seed = random.SystemRandom().randrange(2**32) if options.seed is None else options.seed
    say(f"hostile: {options.requests} requests, seed {seed}")
    peak: float | None = None
    if options.base_url:
        url = urlsplit(options.base_url)
        if url.hostname not in {"127.0.0.1", "localhost"} or url.port is None:
            parser.error(f"{options.base_url} is not on this machine; hostile requests go nowhere else")
        campaign = Campaign(("127.0.0.1", url.port), os.environ.get("OCTOPUSX_API_KEY", KEY), seed)
        _drive(campaign, options, None)
    else:
        with mock_process("--engine", "lifecycle", "--token", KEY, "--speed", "60", "--quiet") as mock:
            campaign = Campaign((mock.host, mock.port), KEY, seed)
            _drive(campaign, options, mock)
            peak = _look_at(mock, campaign.report)
    report = campaign.report
    say(report.summary())
    say(
        f"hostile: {report.sent} requests, {report.findings} findings, seed {seed}, "
        f"peak memory {'not known' if peak is None else f'{peak:.0f} MB'}"
    )
    return 1 if report.findings else 0


def _drive(campaign: Campaign, options: argparse.Namespace, mock: MockProcess | None) -> None:
    # After the start of the server, which is to get by with what it is given.
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    asyncio.run(campaign.run(options.requests, mock) if options.only is None else campaign.one(options.only))


def _look_at(mock: MockProcess, report: Report) -> float | None:
    """What the server's process shows at the end. Its peak memory in megabytes."""
    memory = mock.memory()
    say(f"memory: {', '.join(f'{name} {size:.0f} MB' for name, size in memory.items())}")
    for name, size in memory.items():
        if size > MOST_MEMORY:
            report.add("memory", f"Vm{name} is {size:.0f} MB, more than {MOST_MEMORY}")
    status = mock.stop()
    if status != 0:
        report.add("process", f"SIGTERM ended it with status {status}")
    output = mock.output()
    for line in filter(TROUBLE.search, output.splitlines()):
        report.add("output", line)
    if KEY in output:
        report.add("output", "it holds the key")
    return memory.get("HWM")


if __name__ == "__main__":
    sys.exit(main())
