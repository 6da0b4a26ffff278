"""The command ``octopusx-video batch``, as a person and a script meet it."""

from __future__ import annotations

import asyncio
import functools
import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import pytest
from octopusx_video import batch as batch_module
from octopusx_video._batch import adding, lock
from octopusx_video._command import batch_actions
from octopusx_video._command.console import Console
from octopusx_video._ledger import jobs
from octopusx_video.batch import Batch, LedgerInUseError
from octopusx_video_mock import Mock

from tests.support.batches.service import line
from tests.support.batches.trial import Trial, lines, losing, refusing
from tests.support.sdk import command
from tests.support.sdk.clients import BASE_URL, KEY
from tests.support.sdk.command import Here

pytestmark = pytest.mark.usefixtures("signals_as_usual")


@pytest.fixture
def run(trial: Trial, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Here:
    """Run the command in the folder of a trial, on its mock."""
    connect(trial, monkeypatch)
    return Here(monkeypatch, capsys, trial.folder, BASE_URL)


def connect(trial: Trial, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the command send to the mock of a trial, and turn its clock where it would wait."""
    options: dict[str, Any] = {"transport": trial.transport, "clock": trial.mock.clock.now, "sleep": trial.sleep}
    monkeypatch.setattr(batch_module, "Batch", functools.partial(Batch, **options))


def test_one_command_runs_a_file(run: Here, trial: Trial) -> None:
    """To its videos; the same command again sends nothing."""
    trial.file(lines(3))
    done = run("batch", "run", "jobs.jsonl", "--out", "out")
    assert (done.returncode, trial.billed) == (0, 3)
    assert "3 jobs: 3 done\n" in done.stdout
    before = len(trial.transport.requests)
    assert run("batch", "run", "jobs.jsonl", "--out", "out").returncode == 0
    assert len(trial.transport.requests) == before


def test_a_dry_run_shows_what_would_be_paid(run: Here, trial: Trial) -> None:
    """New, known and parked jobs, videos, seconds, the price and the room on the disk; nothing is sent or stored."""
    trial.file(lines(5))
    arguments = ["batch", "run", "jobs.jsonl", "--out", "out", "--dry-run", "--max-paid", "4"]
    done = run(*arguments, "--price", "0.20/video")
    assert done.returncode == 0
    assert "5 new jobs, 0 known, 0 parked\n" in done.stdout
    assert "4 videos (40 s), 0.80 by your price" in done.stdout
    assert "GB are free" in done.stdout
    assert "nothing was sent" in done.stdout
    plan = json.loads(run(*arguments, "--price", "0.05/second", "--json").stdout)["plan"]
    assert (plan["new"], plan["videos"], plan["seconds"], plan["held"]) == (5, 4, 40, 1)
    assert plan["cost"] == pytest.approx(2.0)
    assert trial.transport.requests == []
    assert not trial.out.exists()


def test_a_dry_run_warns_of_a_small_disk(run: Here, trial: Trial) -> None:
    """Where the videos may need more room than there is."""
    trial.file(lines(3))
    arguments = ["batch", "run", "jobs.jsonl", "--out", "out", "--dry-run"]
    assert "disk" not in run(*arguments).stderr
    with patch("shutil.disk_usage", lambda _: SimpleNamespace(free=1000)):
        assert "warning: the disk may be too small" in run(*arguments).stderr


def test_a_dry_run_knows_what_was_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    """What is parked would not be sent."""
    trial = Trial(tmp_path, losing(lambda job: job == "job-1"))
    connect(trial, monkeypatch)
    run = Here(monkeypatch, capsys, tmp_path, BASE_URL)
    trial.file(lines(3))
    run("batch", "run", "jobs.jsonl", "--out", "out")
    trial.file(lines(5))
    done = run("batch", "run", "jobs.jsonl", "--out", "out", "--dry-run")
    assert "2 new jobs, 3 known, 1 parked\na run would pay for 2 videos" in done.stdout


def test_wrong_lines_are_listed_with_status_2(run: Here, trial: Trial) -> None:
    """Each in a line of its own; in JSON as one object."""
    trial.file(["{"] * 150)
    done = run("batch", "run", "jobs.jsonl", "--out", "out")
    printed = done.stderr.splitlines()
    assert done.returncode == 2
    assert printed[0] == "error: 150 of the jobs in jobs.jsonl can't be used; nothing was sent"
    assert printed[1].startswith("line 1: ")
    assert printed[100].startswith("line 100: ")
    assert printed[101:] == ["and 50 more"]
    done = run("batch", "run", "jobs.jsonl", "--out", "out", "--json")
    error = json.loads(done.stdout)["error"]
    assert (done.returncode, error["type"], error["count"], len(error["problems"])) == (2, "InvalidJobsError", 150, 100)


@pytest.mark.parametrize(
    "arguments",
    [
        ["none.jsonl", "--out", "out"],
        ["jobs.jsonl"],
        ["jobs.jsonl", "--out", "out", "--base-url", "https://api.example.com"],
        ["jobs.jsonl", "--out", "out", "--price", "0.20/video"],
        ["jobs.jsonl", "--out", "out", "--max-paid", "-1"],
        ["jobs.jsonl", "--out", "out", "--max-paid", "many"],
        ["jobs.jsonl", "--out", "out", "--retry", "parked"],
        ["jobs.jsonl", "--out", "out", "--retry", ""],
        ["jobs.jsonl", "--out", "out", "--shard", "3/2"],
        ["jobs.jsonl", "--out", "out", "--shard", "2"],
        ["jobs.jsonl", "--out", "out", "--rate", "2"],
        ["jobs.jsonl", "--out", "out", "--rate", "0/s"],
        ["jobs.jsonl", "--out", "out", "--rate", "nan/s"],
        ["jobs.jsonl", "--out", "out", "--dry-run", "--price", "nan/video"],
        ["jobs.jsonl", "--out", "out", "--concurrency", "51"],
        ["jobs.jsonl", "--out", "jobs.jsonl"],
    ],
    ids=" ".join,
)
def test_what_cannot_be_used_has_status_2(arguments: list[str], run: Here, trial: Trial) -> None:
    """And nothing is sent."""
    trial.file(lines(1))
    done = run("batch", "run", *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert "error: " in done.stderr
    assert "fault of octopusx-video" not in done.stderr
    assert trial.transport.requests == []


def test_the_budget_is_reached_with_status_7(run: Here, trial: Trial) -> None:
    """And the summary says so."""
    trial.file(lines(3))
    done = run("batch", "run", "jobs.jsonl", "--out", "out", "--max-paid", "2")
    assert done.returncode == 7
    assert "3 jobs: 2 done, 1 held\n2 of at most 2 videos (20 s) are or may be billed\n" in done.stdout


def test_every_option_reaches_the_batch(run: Here, trial: Trial) -> None:
    """As the Python interface has it."""
    trial.file([line("a"), {**line("a"), "custom_id": "b"}, line("c")])
    options = ["--allow-same", "--max-paid", "9", "--max-seconds", "1000", "--rate", "30/m", "--concurrency", "2"]
    more = ["--keep-going", "--timeout", "600", "--poll-interval", "3", "--submit-timeout", "60", "--shard", "1/1"]
    assert run("batch", "run", "jobs.jsonl", "--out", "out", *options, *more).returncode == 0
    assert trial.sql("SELECT max_paid, max_seconds, shard FROM batch") == [(9, 1000.0, "1/1")]
    done = run("batch", "run", "jobs.jsonl", "--out", "out", "--allow-same", "--shard", "1/1", key="sk-another")
    assert done.returncode == 2
    assert "--new-key" in done.stderr


def test_a_parked_job_is_settled_by_commands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Which the end of the run shows; its status is 3 until then."""
    trial = Trial(tmp_path, losing(lambda job: job != "job-0"))
    connect(trial, monkeypatch)
    run = Here(monkeypatch, capsys, tmp_path, BASE_URL)
    trial.file(lines(4))
    done = run("batch", "run", "jobs.jsonl", "--out", "out", "--keep-going")
    assert done.returncode == 3
    assert "octopusx-video batch resolve out ID --task TASK_ID | --not-billed | --give-up" in done.stderr
    assert run("batch", "status", "out").returncode == 3
    (task,) = trial.tasks["job-1"]
    for arguments in ([], ["--task", task, "--not-billed"], ["--give-up", "--not-billed"]):
        assert run("batch", "resolve", "out", "job-1", *arguments).returncode == 2
    assert run("batch", "resolve", "out", "job-1", "--task", task).stdout.startswith("job-1 is accepted")
    assert run("batch", "resolve", "out", "job-2", "--not-billed").stdout.startswith("job-2 is not_sent")
    done = run("batch", "resolve", "out", "job-3", "--give-up", "--json")
    assert json.loads(done.stdout)["job"]["state"] == "failed"
    assert run("batch", "resolve", "out", "job-1", "--give-up").returncode == 2
    assert run("batch", "status", "out").returncode == 1


def test_the_status_for_programs(run: Here, trial: Trial) -> None:
    """One object: counts, the bill, the budget, the server, and the process that runs it."""
    trial.run(lines(3), max_paid=2)
    done = run("batch", "status", "out", "--json", key=None)
    assert done.returncode == 7
    assert json.loads(done.stdout) == {
        "batch": {
            "counts": {"done": 2, "held": 1},
            "exit_status": 7,
            "jobs": 3,
            "max_paid": 2,
            "max_seconds": None,
            "paid": 2,
            "paid_seconds": 20.0,
            "parked": [],
            "process": None,
            "server": BASE_URL,
            "stopped_by": None,
        }
    }
    with lock.held(trial.out / "lock", "batch run"):
        done = run("batch", "status", "out", "--json", key=None)
    assert done.returncode == 0
    assert json.loads(done.stdout)["batch"]["process"]["pid"] == os.getpid()


def test_a_second_run_is_refused_by_name(run: Here, trial: Trial) -> None:
    """And sends nothing."""
    trial.file(lines(1))
    trial.run(lines(1), max_paid=0)
    with lock.held(trial.out / "lock", "batch run"):
        done = run("batch", "run", "jobs.jsonl", "--out", "out")
    assert done.returncode == 2
    assert f"process {os.getpid()} on " in done.stderr
    assert trial.submits == 0


def test_stop_says_whether_there_is_something_to_stop(run: Here, trial: Trial) -> None:
    """It needs no key."""
    trial.run(lines(1))
    assert "nothing to stop" in run("batch", "stop", "out", key=None).stdout
    with lock.held(trial.out / "lock", "batch run"):
        assert f"process {os.getpid()} sends nothing more" in run("batch", "stop", "out", key=None).stdout
    assert trial.sql("SELECT stop FROM batch") == [(1,)]


@pytest.mark.parametrize("words", [["status"], ["report"], ["stop"], ["resolve", "--give-up"]], ids=lambda w: w[0])
@pytest.mark.parametrize("what", ["none", "broken"])
def test_a_ledger_that_cannot_be_used_has_status_2(words: list[str], what: str, run: Here, trial: Trial) -> None:
    """It is named, and no fault is reported as one of the program's."""
    if what == "broken":
        trial.run(lines(3), max_paid=1)
        for name in ("job", "job_by_state", "batch"):
            (page,) = trial.sql("SELECT rootpage FROM sqlite_master WHERE name = ?", name)[0]
            with (trial.out / "ledger.sqlite3").open("r+b") as file:
                file.seek(4096 * (page - 1))
                file.write(b"\xa5" * 4096)
    done = run("batch", words[0], "out", *(["job-1"] if words[0] == "resolve" else []), *words[1:])
    assert done.returncode == 2, done
    assert "ledger.sqlite3" in done.stderr
    assert "fault of octopusx-video" not in done.stderr


def test_the_same_error_with_json(run: Here, trial: Trial) -> None:
    """One object on standard output."""
    done = run("batch", "status", "nowhere", "--json")
    assert (done.returncode, json.loads(done.stdout)["error"]["type"]) == (2, "LedgerError")


def test_what_stopped_sending_is_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With the reason of the service."""
    trial = Trial(tmp_path, refusing(401))
    connect(trial, monkeypatch)
    trial.file(lines(3))
    done = Here(monkeypatch, capsys, tmp_path, BASE_URL)("batch", "run", "jobs.jsonl", "--out", "out")
    assert done.returncode == 1
    assert "sending stopped: " in done.stderr
    assert "the prompt is not allowed" in done.stderr


def test_an_interrupt_at_the_end_does_not_say_that_nothing_was_sent(
    run: Here, trial: Trial, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the summary is printed, videos are paid for."""
    trial.file(lines(2))
    printed = Console.print

    def interrupt(console: Console, text: str) -> None:
        printed(console, text)
        signal.raise_signal(signal.SIGTERM)

    monkeypatch.setattr(Console, "print", interrupt)
    done = run("batch", "run", "jobs.jsonl", "--out", "out")
    assert done.returncode == 143
    assert trial.billed == 2
    assert "nothing was sent" not in done.stderr


def test_an_interrupt_while_a_large_file_is_checked_ends_at_once(
    run: Here, trial: Trial, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing was sent, nothing is added, and the rest of the file is not read."""
    trial.file(lines(50))
    checked: list[Any] = []
    real = jobs.job

    def job(value: Any, server: str) -> Any:
        checked.append(value)
        if len(checked) == 10:
            signal.raise_signal(signal.SIGINT)
        return real(value, server)

    monkeypatch.setattr(adding, "job", job)
    done = run("batch", "run", "jobs.jsonl", "--out", "out")
    assert done.returncode == 130
    assert "interrupted" in done.stderr
    assert len(checked) < 50
    assert trial.transport.requests == []


def test_an_error_of_the_ledger_is_reported_with_what_was_accepted(run: Here, trial: Trial) -> None:
    """On standard error, with the id of the task."""
    trial.file(lines(1))
    execute = sqlite3.Connection.execute

    class Connection(sqlite3.Connection):
        def execute(self, statement: str, *values: Any) -> sqlite3.Cursor:
            if statement.startswith("UPDATE attempt"):
                raise sqlite3.OperationalError("database or disk is full")
            return execute(self, statement, *values)

    connect = sqlite3.connect
    with patch.object(sqlite3, "connect", lambda *values, **named: connect(*values, factory=Connection, **named)):
        done = run("batch", "run", "jobs.jsonl", "--out", "out")
    assert done.returncode == 1
    assert f"the job 'job-0' WAS ACCEPTED as task {trial.tasks['job-0'][0]}" in done.stderr


@pytest.mark.slow
def test_the_other_commands_import_nothing_of_batches() -> None:
    """Neither the package nor SQLite; the batch commands are listed all the same."""
    code = """
import sys
from octopusx_video.cli import run
import octopusx_video
for arguments in (["extend", "--help"], ["batch", "run", "--help"], ["--help"]):
    assert run(arguments) == 0
found = [name for name in sys.modules if name.startswith(("octopusx_video._batch", "octopusx_video.batch", "sqlite3"))]
assert not found, found
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert re.search(r"^  batch ", done.stdout, re.MULTILINE)


def started(mock_url: str, folder: Path) -> subprocess.Popen[str]:
    """The command in a process of its own."""
    arguments = ["batch", "run", "jobs.jsonl", "--out", "out", "--concurrency", "2", "--poll-interval", "0.05"]
    return command.spawn(arguments, command.environment(mock_url), cwd=folder)


def wait_for(condition: Any) -> None:
    """Wait until it holds."""
    until = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.01)


@pytest.mark.slow
@pytest.mark.parametrize("times", [1, 2, 3])
def test_ctrl_c(times: int, trial: Trial) -> None:
    """Once waits for the responses under way, twice parks their jobs, and it says how to resume."""
    trial.file(lines(6))
    mock = Mock(token=KEY, start=None, speed=900, latency="1.5")
    with mock.serve() as url:
        process = started(url, trial.folder)
        wait_for(lambda: len(mock.submissions) == 2)
        for _ in range(times):
            process.send_signal(signal.SIGINT)
            time.sleep(0.1)
        shown = "".join(process.communicate(timeout=20))
    assert process.returncode == 130, shown
    assert "Traceback" not in shown
    assert "to resume, run the same command again: octopusx-video batch run jobs.jsonl --out out" in shown
    assert Counter(trial.states.values()) == {"accepted" if times == 1 else "parked": 2, "new": 4}
    assert len(mock.submissions) == 2


@pytest.mark.slow
def test_a_second_process_is_refused_while_one_runs(trial: Trial) -> None:
    """By its name; ``stop`` ends the first one in order, which SIGKILL does not: then the lock is free."""
    trial.file(lines(4))
    mock = Mock(token=KEY, start=None, speed=900, latency="1.0")
    with mock.serve() as url:
        process = started(url, trial.folder)
        wait_for(lambda: len(mock.submissions) == 2)
        with pytest.raises(LedgerInUseError, match=f"process {process.pid} on "):
            Batch([line("x")], out=trial.out, base_url=url, api_key=KEY).run()
        process.kill()
        process.communicate(timeout=20)
    ended = asyncio.run(Batch(None, out=trial.out, base_url=url, api_key=KEY, max_paid=0).arun())
    assert ended.counts == {"parked": 2, "held": 2}


def test_a_pipe_gets_a_line_now_and_then(run: Here, trial: Trial, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the counts by state; none is a picture of a bar."""
    monkeypatch.setattr(batch_actions, "_REDRAW_SECONDS", 0.001)
    trial.file(lines(6))
    done = run("batch", "run", "jobs.jsonl", "--out", "out", "--concurrency", "2")
    assert len(re.findall(r"^6 jobs: ", done.stderr, re.MULTILINE)) == 1
    monkeypatch.setattr(batch_actions, "_LINE_SECONDS", 0)
    trial.file(lines(14))
    done = run("batch", "run", "jobs.jsonl", "--out", "out", "--concurrency", "2")
    shown = re.findall(r"^14 jobs: (\d+) done", done.stderr, re.MULTILINE)
    assert len(shown) > 3
    assert [int(count) for count in shown] == sorted(int(count) for count in shown)
    assert "\r" not in done.stderr
    trial.file(lines(16))
    assert "16 jobs: " not in run("batch", "run", "jobs.jsonl", "--out", "out", "--quiet").stderr


def test_a_watched_status_ends_with_the_process(run: Here, trial: Trial, monkeypatch: pytest.MonkeyPatch) -> None:
    """It shows the counts again and again until no process runs the batch, and then the last ones."""
    trial.run(lines(2), max_paid=1)
    monkeypatch.setattr(batch_actions, "_WATCH_SECONDS", 0.01)
    monkeypatch.setattr(batch_actions, "_LINE_SECONDS", 0.0)
    looks: list[Path] = []
    holder = lock.holder

    def running(path: Path) -> Any:
        looks.append(path)
        return {"pid": 1} if len(looks) < 4 else holder(path)

    monkeypatch.setattr(lock, "holder", running)
    done = run("batch", "status", "out", "--watch")
    assert (done.returncode, len(looks)) == (7, 4)
    assert done.stderr.count("2 jobs: 1 done, 1 held\n") == 4
    assert done.stdout.startswith("2 jobs: 1 done, 1 held\n")
