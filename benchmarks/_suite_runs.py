"""Runs of the contract suite and of schemathesis alone that are measured: in this process, and as commands."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import hashlib
import multiprocessing
import os
import re
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

# Imported here and not in the forked processes, where it would be measured.
import octopusx_video_openapi
import pytest
from _peers import HERE, BenchError
from _servers import HOST, Running, Server, environment, running
from octopusx_video_contract.core.run import Run
from octopusx_video_contract.core.run import running as current_run
from octopusx_video_contract.core.settings import Settings
from octopusx_video_contract.runner import session
from octopusx_video_contract.runner.target import KEY_VARIABLE
from octopusx_video_contract.scenarios import schemathesis_adapter
from octopusx_video_contract.sending.senders import InProcess
from octopusx_video_mock import Mock
from octopusx_video_openapi import task_ids

sys.path.append(str(HERE.parent))

from tests.defects import DEFECTS, Defect, serve

Tool = Literal["ours", "schemathesis"]
TOOLS: tuple[Tool, Tool] = ("ours", "schemathesis")
FALSE_ALARM = "positive_data_acceptance"
"""The check of schemathesis that takes every 400 to a valid request for a fault, as that for an unknown task."""
DEFECT_NAMES = (
    "submit-without-id",
    "schema-TaskErrorResponse-code",
    "read-203",
    "malformed-500",
    "json-as-text",
    "read-without-key",
    "no-key-403",
    "model-number",
    "prompt-missing",
    "wrong-method-200",
)
"""Defects that both tools find, of several families."""
PATIENCE = 600.0
"""Seconds after which a command is taken for one that hangs."""

_KEYS = ("sk-first-account", "sk-second-account")
_MOCK = Server(
    "mock",
    "mock",
    "",
    lambda port: [sys.executable, "-m", "octopusx_video_mock", "--port", str(port), "--token", _KEYS[0]],
)


@dataclass(frozen=True)
class Layer:
    """What the layer of conformance came to: seconds of CPU time in its tests, and what it sent."""

    seconds: float
    sent: int
    digest: str


@dataclass(frozen=True)
class Ended:
    """What a command came to.

    Attributes:
        seconds: From its start to its end.
        cpu: Seconds of CPU time of its processes; those of a server are not among them.
        status: Its exit status.
        output: What it printed.
        sent: How many requests it sent, where they were counted.
    """

    seconds: float
    cpu: float
    status: int
    output: str
    sent: int = 0


def layer(seed: int, *, our_checks: bool) -> Layer:
    """Run the layer of conformance against the mock in a process of its own, with our checks or without.

    Raises:
        BenchError: It found something in the mock, which would be measured with it.
    """
    # A pool ends its processes by the signal that interrupts a benchmark.
    ordinary = (signal.SIGTERM, signal.SIG_DFL)
    with multiprocessing.get_context("fork").Pool(1, signal.signal, ordinary) as pool:
        return pool.apply(_layer, (seed, our_checks))


def _layer(seed: int, our_checks: bool) -> Layer:  # noqa: FBT001 - handed over by position
    contract = octopusx_video_openapi.load()
    run = Run.begin(
        Settings(
            "http://localhost", _KEYS[0], contract, tuple(task_ids.documented(contract)), seed=seed, other_key=_KEYS[1]
        ),
        InProcess(Mock(token=_KEYS).controlled_transport),
    )
    run.transport.sent = []
    if not our_checks:
        alone = functools.partial(schemathesis_adapter.check, excluded_checks=list(schemathesis_adapter.CHECKS))
        schemathesis_adapter.check = alone  # all answers of the layer meet here
    suite = Path(session.__file__).parents[1] / "suite"
    clock = _Clock()
    arguments = ["-c", "pytest.ini", "--rootdir", ".", "conformance.py"]
    with (
        session.own_settings(),
        current_run(run),
        contextlib.chdir(suite),
        Path(os.devnull).open("w", encoding="utf-8") as nowhere,
        contextlib.redirect_stdout(nowhere),
    ):
        outcome = pytest.main(arguments, plugins=[clock])
    if outcome != pytest.ExitCode.OK:
        raise BenchError(f"the layer of conformance ended with {outcome!r} against the mock, with seed {seed}")
    digest = hashlib.sha256()
    for request in run.transport.sent:
        # Schemathesis numbers each request at random.
        headers = [pair for pair in request.headers if pair[0] != "X-Schemathesis-TestCaseId"]
        digest.update(repr((request.method, request.target, headers, request.body)).encode())
    return Layer(clock.seconds, len(run.transport.sent), digest.hexdigest())


class _Clock:
    """Counts the CPU time of tests, without what pytest does around them."""

    def __init__(self) -> None:
        self.seconds = 0.0

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self) -> Iterator[None]:
        began = time.process_time()
        try:
            return (yield)
        finally:
            self.seconds += time.process_time() - began


@contextlib.contextmanager
def mock() -> Iterator[Running]:
    """The mock as a server, ready.

    Raises:
        BenchError: It did not start.
    """
    with running(_MOCK) as server:
        while True:
            with contextlib.suppress(OSError):
                server.ask("GET", "/", {})
                break
            if server.ended is not None:
                raise BenchError("the mock did not start")
            time.sleep(0.02)
        yield server


def whole(tool: Tool, seed: int, server: Running) -> Ended:
    """A run with defaults: ours with all layers in its process, that of schemathesis against the mock as a server.

    Raises:
        BenchError: It could not run.
    """
    if tool == "ours":
        ended = _ended([*_ours(), "--seed", str(seed)])
        sent = sum(map(int, re.findall(r"^\w+ +(\d+) requests ", ended.output, re.MULTILINE)))
    else:
        before = server.lines()
        ended = _ended([*_schemathesis(f"http://{HOST}:{server.port}", _KEYS[0]), "--seed", str(seed)])
        sent = server.lines() - before
    if not sent:
        raise BenchError(f"{tool} sent nothing: {ended.output[-400:]}")
    return dataclasses.replace(ended, sent=sent)


def first_finding(tool: Tool, seed: int, name: str | None) -> Ended:
    """A run that ends at its first finding, against a defective server over HTTP; None is the correct one.

    Raises:
        BenchError: It could not run, or there is no such defect.
    """
    with serve(_defect(name), key=_KEYS[0], other_key=_KEYS[1]) as server:
        if tool == "ours":
            command = [*_ours(), "--base-url", server.base_url, "--fail-fast"]
        else:
            command = [*_schemathesis(server.base_url, server.key), "--max-failures", "1"]
            command += ["--exclude-checks", FALSE_ALARM]
        return _ended([*command, "--seed", str(seed)])


def _defect(name: str | None) -> Defect | None:
    if name is None:
        return None
    found = next((defect for defect in DEFECTS if defect.name == name), None)
    if found is None:
        raise BenchError(f"there is no defect {name}")
    return found


def _ours() -> list[str]:
    return [sys.executable, "-m", "octopusx_video_contract"]


def _schemathesis(url: str, key: str) -> list[str]:
    contract = str(octopusx_video_openapi.contract_path())
    return [
        sys.executable,
        "-m",
        "schemathesis.cli",
        "run",
        contract,
        "--url",
        url,
        "-H",
        f"Authorization: Bearer {key}",
    ]


def _ended(command: list[str]) -> Ended:
    # In a folder of its own: schemathesis looks for settings in the current one, and writes there.
    with tempfile.TemporaryDirectory() as scratch:
        cpu_before = _cpu_of_children()
        began = time.perf_counter()
        try:
            done = subprocess.run(
                command,
                env=environment() | {KEY_VARIABLE: _KEYS[0]},
                cwd=scratch,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                timeout=PATIENCE,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise BenchError(f"{command[2]} did not end within {PATIENCE:.0f} s") from None
        spent = time.perf_counter() - began
    if done.returncode not in {0, 1}:
        raise BenchError(f"{command[2]} ended with status {done.returncode}: {done.stdout[-400:]}")
    return Ended(spent, _cpu_of_children() - cpu_before, done.returncode, done.stdout)


def _cpu_of_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)  # of those that have ended
    return used.ru_utime + used.ru_stime
