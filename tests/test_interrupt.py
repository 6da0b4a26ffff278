"""A run that is ended from outside ends in order, and says so."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from octopusx_video_contract import _interrupt
from octopusx_video_contract._exchange import Request
from octopusx_video_contract._run import Run
from octopusx_video_contract._wire import InProcess
from octopusx_video_mock import Mock
from octopusx_video_openapi import load

from tests.conftest import KEY

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@pytest.mark.parametrize("number", SIGNALS, ids=lambda number: number.name)
def test_what_swallows_an_interrupt_can_send_nothing_more(number: signal.Signals) -> None:
    """Whoever goes on after it is stopped at the next request; outside of the block nothing of it is left."""
    before = signal.getsignal(number)
    run = Run("http://localhost", KEY, load(), InProcess(Mock().transport), (), seed=1)
    read = Request("GET", "/v1/videos/a", (("Authorization", f"Bearer {KEY}"),))
    with _interrupt.heeded():
        assert run.wire.send(read).status == 400
        with contextlib.suppress(KeyboardInterrupt):
            signal.raise_signal(number)
        with pytest.raises(KeyboardInterrupt):
            run.wire.send(read)
        assert _interrupt.status() == 128 + number
    assert _interrupt.status() is None
    assert signal.getsignal(number) is before
    assert run.wire.send(read).status == 400


def test_what_is_ignored_stays_ignored() -> None:
    """A run that was started with nohup goes on when its terminal goes."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with _interrupt.heeded():
            signal.raise_signal(signal.SIGHUP)
            _interrupt.check()
    finally:
        signal.signal(signal.SIGHUP, before)


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


def test_an_interrupted_rehearsal_is_no_list() -> None:
    """What would be sent is told whole, or not at all."""
    command = [sys.executable, "-m", "octopusx_video_contract", "--seed", "1", "--dry-run"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(3)
        process.send_signal(signal.SIGINT)
        printed, told = process.communicate()
    assert (process.returncode, printed) == (130, "")
    assert told == "octopusx-video-contract: interrupted\n"
