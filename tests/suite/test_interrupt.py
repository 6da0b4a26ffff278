"""A run that is ended from outside ends in order, and says so."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from octopusx_video_contract.core.run import Run
from octopusx_video_contract.core.settings import Settings
from octopusx_video_contract.messages.http import Request
from octopusx_video_contract.runner.plugin import Plugin
from octopusx_video_contract.sending.senders import InProcess
from octopusx_video_mock import Mock
from octopusx_video_openapi import interrupts, load

from tests.conftest import KEY
from tests.support import signals

pytestmark = pytest.mark.usefixtures("signals_as_usual")


@pytest.mark.parametrize("number", signals.NUMBERS, ids=lambda number: number.name)
def test_what_swallows_an_interrupt_can_send_nothing_more(number: signal.Signals) -> None:
    """Whoever goes on after it is stopped at the next request; outside of the block nothing of it is left."""
    before = signal.getsignal(number)
    run = Run.begin(Settings("http://localhost", KEY, load(), (), seed=1), InProcess(Mock().transport))
    read = Request("GET", "/v1/videos/a", (("Authorization", f"Bearer {KEY}"),))
    with interrupts.handled():
        assert run.transport.send(read).status == 400
        with contextlib.suppress(KeyboardInterrupt):
            signal.raise_signal(number)
        with pytest.raises(KeyboardInterrupt):
            run.transport.send(read)
        assert interrupts.status() == 128 + number
    assert interrupts.status() is None
    assert signal.getsignal(number) is before
    assert run.transport.send(read).status == 400


def test_a_frame_without_a_line_is_left_out() -> None:
    """A signal may come between two lines; pytest's account of an interrupt fails for such a frame."""

    def interrupted() -> None:
        raise KeyboardInterrupt

    interrupted.__code__ = interrupted.__code__.replace(co_linetable=b"")
    run = Run.begin(Settings("http://localhost", KEY, load(), (), seed=1), InProcess(Mock().transport))
    with pytest.raises(KeyboardInterrupt) as excinfo:
        interrupted()
    Plugin(run).pytest_keyboard_interrupt(excinfo)
    assert "KeyboardInterrupt" in str(excinfo.getrepr())


@pytest.mark.slow
def test_the_command_writes_its_reports_and_tells_what_it_may_have_cost(tmp_path: Path) -> None:
    """The account is printed, both reports are whole, and the one for people does not call the server good."""
    junit, report = tmp_path / "junit.xml", tmp_path / "report.md"
    command = [sys.executable, "-m", "octopusx_video_contract", "--seed", "1", "--max-paid", "1", "--verbose"]
    command += ["--junit", str(junit), "--report", str(report), "--ledger", str(tmp_path / "ledger")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        assert process.stdout is not None
        printed = ""
        while "PASSED" not in printed:
            printed += os.read(process.stdout.fileno(), 4096).decode()
        process.terminate()
        printed += process.stdout.read()
    assert process.returncode == 128 + signal.SIGTERM, printed
    assert "submits may have been billed" in printed
    assert "Traceback" not in printed
    ET.parse(junit)
    written = report.read_text("utf-8")
    assert "**The run was interrupted**" in written
    assert "keeps the contract**, as far as" not in written


# Says so once it has blocked the signals, which is the first thing that it does.
STARTED = """
import signal, sys
from octopusx_video_contract.command import main

def mask(how, signals):
    before = sigmask(how, signals)
    if how == signal.SIG_BLOCK:
        print("started", file=sys.stderr, flush=True)
    return before

sigmask, signal.pthread_sigmask = signal.pthread_sigmask, mask
sys.exit(main())
"""


@pytest.mark.slow
@pytest.mark.parametrize("seconds", [0.0, 0.03, 0.4, 1.2])
def test_an_interrupted_rehearsal_is_no_list(seconds: float) -> None:
    """At whatever moment the signal comes, during the imports too, one line says so and no list is printed."""
    command = [sys.executable, "-c", STARTED, "--seed", "1", "--dry-run"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        assert process.stderr.readline() == "started\n"
        time.sleep(seconds)
        process.send_signal(signal.SIGINT)
        printed, reported = process.communicate()
    assert (process.returncode, printed) == (130, "")
    assert reported == "octopusx-video-contract: interrupted\n"
