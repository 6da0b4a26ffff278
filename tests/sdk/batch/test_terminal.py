"""A batch on a terminal: a pseudo-terminal in which the command runs, from its start to its report."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import struct
import sys
import termios
from pathlib import Path

import pytest
from octopusx_video_mock import Mock

from tests.support.batches.service import line

JOBS = 40
COLUMNS, ROWS = 110, 30
_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


def _screens(arguments: list[str], environment: dict[str, str]) -> tuple[int, list[str]]:
    """The exit status of a command on a terminal, and every line that was shown there."""
    process, terminal = pty.fork()
    if process == 0:
        os.execve(sys.executable, [sys.executable, "-m", "octopusx_video", *arguments], environment)  # noqa: S606 - no shell is wanted
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
    shown = bytearray()
    try:
        while piece := os.read(terminal, 65536):
            shown += piece
    except OSError:  # the command has ended
        pass
    finally:
        os.close(terminal)
    status = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
    text = _ESCAPES.sub("", shown.decode("utf-8"))
    return status, [one.rstrip() for one in re.split(r"[\r\n]+", text) if one.strip()]


@pytest.mark.slow
def test_a_batch_with_faults_is_watched_to_its_end(tmp_path: Path) -> None:
    """A bar has the counts by state, and the last lines say what was paid and what needs a person.

    No line is longer than the terminal is wide, so that the bar is drawn over itself.
    """
    mock = Mock(start=None, speed=200, seed=5)
    # Not by chance: a job that is refused four times is not sent, and waits for the next run.
    mock.faults.on("rate_limited", times=3)
    mock.faults.on("download_cut", times=4)
    mock.faults.on("connection_reset", operation="createVideoExtension", times=2)
    jobs = tmp_path / "jobs.jsonl"
    jobs.write_text("".join(f"{json.dumps(line(f'cat-{number}'))}\n" for number in range(JOBS)), "utf-8")
    out = tmp_path / "cats"
    with mock.serve() as url:
        environment = {**os.environ, "OCTOPUSX_API_KEY": "sk-terminal", "OCTOPUSX_BASE_URL": url}
        environment.pop("COLUMNS", None)
        arguments = ["batch", "run", str(jobs), "--out", str(out), "--max-paid", str(JOBS), "--poll-interval", "0.2"]
        status, lines = _screens(arguments, environment)
    assert status == 3
    bars = [one for one in lines if "%|" in one]
    assert any(re.search(r"\d+ accepted", one) for one in bars)
    assert any(re.search(r"\d+ done.* left", one) for one in bars)
    assert max(map(len, bars)) < COLUMNS
    text = "\n".join(lines[lines.index(bars[-1]) :])
    assert f"{JOBS} jobs: {JOBS - 2} done, 2 parked" in text
    assert f"{JOBS} of at most {JOBS} videos" in text
    assert "batch resolve" in text
    assert "sk-terminal" not in "\n".join(lines)
    assert len(mock.billed) == JOBS - 2  # a connection that is reset never reached the service's billing
    assert len(list((out / "videos").glob("*.mp4"))) == JOBS - 2
