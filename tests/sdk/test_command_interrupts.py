"""Whenever octopusx-video is interrupted, it says what was sent, what may be billed, and how to continue."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import shlex
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from octopusx_video._command.console import Console
from octopusx_video._command.job import Job
from octopusx_video._files import partial_file
from octopusx_video_mock import Mock

from tests.support import signals
from tests.support.sdk import command
from tests.support.sdk.clients import KEY, SOURCE
from tests.support.sdk.command import QUICK, SUBMIT, TASK, VIDEO, Here, Pieces, Service

pytestmark = pytest.mark.usefixtures("signals_as_usual")

EXTEND = ["extend", SOURCE, *SUBMIT]
SEND = ["-o", "cat's.mp4", "--overwrite", *QUICK]
RESUME = f"""octopusx-video wait {TASK} -o 'cat'"'"'s.mp4' --overwrite"""
BODY = json.dumps({"id": TASK, "status": "processing"}).encode()


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Here:
    """Run the command in an empty folder."""
    return Here(monkeypatch, capsys, tmp_path, "http://localhost")


def interrupt(number: int = signal.SIGINT) -> Callable[..., Any]:
    """What sends the signal to this process."""
    return lambda *_, **__: signal.raise_signal(number)


def test_before_the_submit_nothing_was_sent(run: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is said, so that nobody looks for a task."""
    service = Service()
    command.connect(monkeypatch, service)
    monkeypatch.setattr(partial_file, "check", interrupt())
    done = run(*EXTEND, *SEND)
    assert done == (130, "", "interrupted: nothing was sent that may be billed\n")
    assert service.requests == []


def test_a_submit_on_its_way_may_be_billed(run: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing has come back, so that the account has to be looked at."""
    command.connect(monkeypatch, httpx.MockTransport(interrupt(signal.SIGTERM)))
    done = run(*EXTEND, "--json")
    error = json.loads(done.stdout)["error"]
    assert (done.returncode, error["type"], error["billed"]) == (143, "Interrupted", "possible")
    assert (error["look"], error["resume"], error["operation"]) == ([], None, "extendVideo")
    done = run(*EXTEND)
    assert (done.returncode, done.stdout) == (143, "")
    assert done.stderr.startswith("interrupted: the submit may have been accepted and may be billed: ")
    assert "look into your account before you submit the same again (request hash " in done.stderr


def test_the_id_in_a_response_that_had_begun_is_shown(run: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the free command that looks at it, on the same server and in the same family of routes."""
    for options in ([], ["--unified"]):
        response = httpx.Response(200, stream=Pieces(BODY[:-3], interrupt()))
        command.connect(monkeypatch, Service(response))
        done = run(*EXTEND, *options, "--base-url", "http://localhost:1", *SEND)
        assert done.returncode == 130
        look = shlex.join(["octopusx-video", "status", TASK, *options, "--base-url", "http://localhost:1"])
        assert f"to look at it, for free: {look}\n" in done.stderr
        assert "was sent that may be billed" not in done.stderr


@pytest.mark.parametrize("moment", ["response", "log", "wait"])
def test_from_the_moment_the_id_is_known_the_way_to_continue_is_printed(
    moment: str, run: Here, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the response is closed, while the id is logged, and while the command waits."""
    service = _accepting(closing=interrupt() if moment == "response" else None)
    command.connect(monkeypatch, service)
    if moment == "log":
        report = Job.accepted

        def accepted(job: Any, task_id: str) -> None:
            if job.task_id is None:
                signal.raise_signal(signal.SIGINT)
            report(job, task_id)

        monkeypatch.setattr(Job, "accepted", accepted)
    elif moment == "wait":
        monkeypatch.setattr(f"{command.ACTIONS}._sleep", interrupt())
    done = run(*EXTEND, *SEND)
    assert (done.returncode, done.stdout) == (130, "")
    assert done.stderr.splitlines()[0] == f"task {TASK} is submitted; to resume: {RESUME}"
    assert done.stderr.endswith(f"interrupted: this does not affect task {TASK}\nto resume: {RESUME}\n")
    assert len([request for request in service.requests if request.method == "POST"]) == 1
    if moment == "response":
        command.connect(monkeypatch, _accepting(closing=interrupt()))
        done = run(*EXTEND)
        resume = f"to resume: octopusx-video wait {TASK}"
        assert done == (130, "", f"interrupted: this does not affect task {TASK}\n{resume}\n")


def _accepting(closing: Callable[[], None] | None) -> Service:
    response = httpx.Response(200, stream=Pieces(BODY, at_close=closing))
    return Service(response, reads=[{"status": "processing"}])


@pytest.mark.parametrize("arguments", [["status", TASK], [*EXTEND, "-o", "v.mp4"]], ids=["status", "saved"])
def test_after_the_result_nothing_else_is_printed_in_its_place(
    arguments: list[str], run: Here, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Standard output holds one object, and what is saved is not to be fetched again."""
    command.connect(monkeypatch, Service())
    printed = Console.print

    def print_and_interrupt(console: Console, line: str) -> None:
        printed(console, line)
        signal.raise_signal(signal.SIGTERM)

    monkeypatch.setattr(Console, "print", print_and_interrupt)
    done = run(*arguments, *(["-q", *QUICK] if "-o" in arguments else []), "--json")
    assert done.returncode == 143
    assert json.loads(done.stdout)["phase"] == "succeeded"
    assert done.stderr.splitlines()[-1].startswith("interrupted")
    assert "to resume" not in done.stderr.partition("interrupted")[2]


@pytest.mark.parametrize("number", signals.NUMBERS, ids=lambda number: number.name)
def test_an_interrupted_download_leaves_no_part_of_a_file(
    number: signal.Signals, run: Here, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The status is 128 and the signal's number, and the printed command goes to the file."""
    parts: list[str] = []

    def pieces() -> Iterator[bytes]:
        yield VIDEO[:1000]
        parts.extend(path.name for path in tmp_path.iterdir())
        signal.raise_signal(number)

    command.connect(monkeypatch, Service(content=pieces()))
    done = run(*EXTEND, *SEND)
    assert (done.returncode, done.stdout) == (128 + number, "")
    assert len(parts) == 1
    assert list(tmp_path.iterdir()) == []
    line = done.stderr.splitlines()[-1]
    assert line == f"to resume: {RESUME.replace('wait', 'download')}"
    command.connect(monkeypatch, Service())
    assert run(*shlex.split(line)[3:]).returncode == 0
    assert (tmp_path / "cat's.mp4").read_bytes() == VIDEO


def test_an_ignored_signal_does_not_end_it(run: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    """A command that was started with ``nohup`` continues to the file when its terminal is closed."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    service = Service(content=Pieces(VIDEO[:1000], interrupt(signal.SIGHUP), VIDEO[1000:]))
    command.connect(monkeypatch, service)
    done = run(*EXTEND, *SEND)
    assert (done.returncode, done.stdout) == (0, "cat's.mp4\n")
    signal.signal(signal.SIGHUP, signal.default_int_handler)


@contextlib.contextmanager
def silent_server() -> Iterator[str]:
    """A server that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


# Says so once it has blocked the signals, which is the first thing that it does.
STARTED = """
import signal, sys
from octopusx_video.cli import main

def mask(how, signals):
    before = sigmask(how, signals)
    if how == signal.SIG_BLOCK:
        print("started", file=sys.stderr, flush=True)
    return before

sigmask, signal.pthread_sigmask = signal.pthread_sigmask, mask
main()
"""


@pytest.mark.slow
def test_at_whatever_moment_no_traceback_is_printed() -> None:
    """During the imports, too, one line says that it was interrupted, and the status says by what."""
    with silent_server() as url:
        for seconds, number in (
            (0.02, signal.SIGINT),
            (0.08, signal.SIGHUP),
            (0.2, signal.SIGTERM),
            (1, signal.SIGINT),
        ):
            line = [sys.executable, "-c", STARTED, "status", SOURCE]
            environment = command.environment(url)
            with subprocess.Popen(line, env=environment, stderr=subprocess.PIPE, text=True) as process:
                assert process.stderr is not None
                assert process.stderr.readline() == "started\n"
                time.sleep(seconds)
                process.send_signal(number)
                process.send_signal(number)
                shown = process.stderr.read()
            assert process.returncode == 128 + number, shown
            assert shown.count("\n") == 1, shown
            assert "interrupted" in shown


@pytest.mark.slow
def test_a_terminal_that_is_closed_ends_it_with_129(tmp_path: Path) -> None:
    """Nothing can be printed there any more, and nothing is left of the file."""
    mock = Mock(token=KEY, start=None)
    with mock.serve() as url:
        process, terminal = pty.fork()
        if process == 0:
            signal.signal(signal.SIGHUP, signal.SIG_DFL)
            os.chdir(tmp_path)
            os.execvpe(command.COMMAND[0], [*command.COMMAND, *EXTEND, *SEND], command.environment(url))  # noqa: S606
        shown = b""
        while b"processing" not in shown:
            shown += os.read(terminal, 4096)
        os.close(terminal)
        assert os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) == 129
    assert list(tmp_path.iterdir()) == []
