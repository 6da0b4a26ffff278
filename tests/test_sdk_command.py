"""The command octopusx-video, as a person and a script meet it."""

from __future__ import annotations

import json
import os
import pty
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from octopusx_video_mock import Mock
from octopusx_video_mock._mp4 import mp4

from tests.sdk.clients import KEY, SOURCE

COMMAND = [sys.executable, "-m", "octopusx_video"]
SUBMIT = ["-m", "grok-video-3", "-p", "play with another white cat", "--start-time", "4"]
QUICK = ["--poll-interval", "0.05"]
Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def mock() -> Mock:
    """A mock whose tasks take a fifth of a second."""
    return Mock(token=KEY, start=None, speed=900)


@pytest.fixture
def base_url(mock: Mock) -> Iterator[str]:
    """Where it listens."""
    with mock.serve() as url:
        yield url


@pytest.fixture
def environment(base_url: str) -> dict[str, str]:
    """The environment of a person who has set the command up."""
    return {**os.environ, "OCTOPUSX_API_KEY": KEY, "OCTOPUSX_BASE_URL": base_url, "COLUMNS": "100"}


@pytest.fixture
def run(environment: dict[str, str], tmp_path: Path) -> Run:
    """Run the command in an empty folder; ``key=None`` leaves the key out."""

    def run(*arguments: str, key: str | None = KEY, **changes: str) -> subprocess.CompletedProcess[str]:
        changed = {**environment, **changes}
        del changed["OCTOPUSX_API_KEY"]
        return subprocess.run(
            [*COMMAND, *arguments],
            env=changed if key is None else {**changed, "OCTOPUSX_API_KEY": key},
            cwd=tmp_path,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    return run


def test_a_submit_prints_the_id_alone(run: Run, mock: Mock) -> None:
    """So that a script can keep it."""
    for command, options in (
        ("extend", ["--size", "1080P"]),
        ("extend", ["--unified"]),
        ("extensions", ["--duration", "6"]),
    ):
        done = run(command, SOURCE, *SUBMIT, *options)
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout == f"{mock.submissions[-1].task}\n"
    assert len(mock.billed) == 3
    assert {call.operation for call in mock.calls} == {"extendVideo", "extendUnifiedVideo", "createVideoExtension"}


def test_one_command_goes_from_submit_to_file(run: Run, mock: Mock, tmp_path: Path) -> None:
    """In a pipe the progress is plain lines, and the result is the file's name."""
    done = run("extensions", SOURCE, *SUBMIT, "--duration", "6", "--wait", "-o", "cat.mp4", *QUICK)
    assert (done.returncode, done.stdout) == (0, "cat.mp4\n")
    assert (tmp_path / "cat.mp4").read_bytes() == mp4(10)
    lines = done.stderr.splitlines()
    assert lines[0] == f"task {mock.submissions[0].task} is submitted"
    assert any(re.fullmatch(r"processing \d+ %", line) for line in lines)
    assert "completed 100 %" in lines
    assert "\r" not in done.stderr
    assert len(mock.billed) == 1


def test_the_steps_can_be_taken_one_by_one(run: Run, tmp_path: Path) -> None:
    """Submit, look, wait, download, with nothing but the id between them."""
    task = run("extend", SOURCE, *SUBMIT).stdout.strip()
    assert re.fullmatch(rf"{re.escape(task)} (processing|completed) \d+ %( http\S+)?\n", run("status", task).stdout)
    waited = run("wait", task, *QUICK)
    assert waited.stdout.startswith(f"{task} completed 100 % http://127.0.0.1")
    assert run("download", task, "-o", "a.mp4").stdout == "a.mp4\n"
    assert run("wait", task, "-o", "b.mp4", "-q", *QUICK).stderr == ""
    assert (tmp_path / "a.mp4").read_bytes() == (tmp_path / "b.mp4").read_bytes() == mp4(14)


def test_json_is_one_object(run: Run, tmp_path: Path) -> None:
    """Of a result and of an error, on standard output."""
    done = run("extend", SOURCE, *SUBMIT, "-o", "cat.mp4", "--json", "-q", *QUICK)
    told = json.loads(done.stdout)
    assert (told["phase"], told["file"], told["task"]["status"]) == ("succeeded", "cat.mp4", "completed")
    status = json.loads(run("status", told["task"]["id"], "--json").stdout)
    assert status == {"task": told["task"], "phase": "succeeded", "file": None}
    refused = run("status", "task_nobody_made", "--json")
    error = json.loads(refused.stdout)["error"]
    assert (refused.returncode, refused.stderr) == (1, "")
    assert (error["type"], error["status"], error["code"]) == ("RefusedError", 400, "task_not_exist")
    assert (error["billed"], error["go_on"], error["task_id"]) == ("never", None, "task_nobody_made")
    usage = run("extensions", SOURCE, "--json")
    assert (usage.returncode, usage.stderr) == (2, "")
    assert json.loads(usage.stdout)["error"]["type"] == "UsageError"


EXITS: dict[str, tuple[str, list[str], int, str]] = {
    "refused": ("insufficient_quota", [], 1, "refused with 403"),
    "lost": ("not_json", [], 3, "may be billed"),
    "broke": ("server_error_billed", [], 3, "may be billed"),
    "failed": ("failed", ["--wait"], 4, "has ended as failed"),
    "blocked": ("completed_with_error", ["--wait"], 4, "moderation_blocked"),
    "late": ("", ["--wait", "--timeout", "0"], 5, "wait for the same id again"),
    "no video": ("content_is_json", ["-o", "v.mp4"], 6, "can't be had"),
}


@pytest.mark.parametrize("case", EXITS)
def test_the_exit_status_tells_a_script_what_happened(case: str, run: Run, mock: Mock, tmp_path: Path) -> None:
    """One for each kind of error, with one line that says what to do, and nothing left behind."""
    fault, options, status, text = EXITS[case]
    if fault:
        mock.faults.on(fault)
    done = run("extensions", SOURCE, *SUBMIT, *options, *QUICK)
    assert done.returncode == status
    assert text in done.stderr
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []
    assert len(mock.submissions) == (0 if case == "refused" else 1)
    if status in {5, 6}:
        task = mock.submissions[0].task
        assert f"go on with: octopusx-video {'wait' if status == 5 else 'download'} {task}" in done.stderr
    else:
        assert "go on with" not in done.stderr
    assert done.stderr.count("may be billed") <= 1
    told = json.loads(run("extensions", SOURCE, *SUBMIT, *options, *QUICK, "--json").stdout)["error"]
    assert told["billed"] == {1: "never", 3: "possible", 4: "possible", 5: "yes", 6: "yes"}[status]
    assert bool(told["go_on"]) is (status in {5, 6})


BAD: dict[str, tuple[list[str], str]] = {
    "no command": (["nonsense"], "No such command 'nonsense'"),
    "a typing error": (["status", SOURCE, "--jsno"], "No such option"),
    "no model": (["extend", SOURCE, "-p", "x"], "Missing option '-m'"),
    "a duration": (["extensions", SOURCE, *SUBMIT, "--duration", "7"], "'7' is not one of '6', '10', '15'"),
    "a size": (["extend", SOURCE, *SUBMIT, "--size", "1080p"], "'1080p' is not one of '720P', '1080P'"),
    "no number": (["extend", SOURCE, *SUBMIT[:4], "--start-time", "x"], "'x' is not a valid integer"),
    "negative": (["extend", SOURCE, *SUBMIT[:4], "--start-time", "-1"], "start_time: -1 is less than the minimum"),
    "empty prompt": (["extend", SOURCE, "-m", "m", "-p", " "], "prompt: ' ' is not allowed"),
    "a link": (["extensions", "https://x.example/v.mp4", *SUBMIT], "is a link; give the id of a task"),
    "no id": (["wait", "no id"], "'no id' is no id of a task"),
    "an address": (["status", SOURCE, "--base-url", "octopusx.ai"], "lacks http:// or https://"),
    "no folder": (["extend", SOURCE, *SUBMIT, "-o", "no/v.mp4"], "no/v.mp4 can't be written: No such file"),
    "a folder": (["download", SOURCE, "-o", "."], "is no name of a file"),
    "overwrite": (["wait", SOURCE, "--overwrite"], "--overwrite says nothing without -o"),
    "a timeout": (["wait", SOURCE, "--timeout", "-1"], "-1.0 is not in the range"),
    "no pause": (["extend", SOURCE, *SUBMIT, "--wait", "--poll-interval", "nan"], "'nan' is no number of seconds"),
    "no end": (["extend", SOURCE, *SUBMIT, "--wait", "--timeout", "inf"], "'inf' is no number of seconds"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_sends_nothing_and_ends_with_2(case: str, run: Run, mock: Mock, tmp_path: Path) -> None:
    """A clear line on standard error, exit status 2, no request and no file."""
    arguments, text = BAD[case]
    done = run(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert text in done.stderr
    assert "Traceback" not in done.stderr
    assert (mock.calls, list(tmp_path.iterdir())) == ([], [])


@pytest.mark.parametrize("key", [None, "", "sk-a\nb"])
def test_without_a_key_that_can_be_used_nothing_is_sent(key: str | None, run: Run, mock: Mock) -> None:
    """In a script nobody is asked for it."""
    done = run("status", SOURCE, key=key)
    assert done.returncode == 2
    assert "API key" in done.stderr
    assert "sk-a" not in done.stderr
    assert mock.calls == []


def test_an_unreachable_service_is_told(run: Run) -> None:
    """As not sent, with the exit status of that; a wait says what it waits for, and goes on with the same address."""
    done = run("status", SOURCE, OCTOPUSX_BASE_URL="http://127.0.0.1:9")
    assert (done.returncode, done.stdout) == (2, "")
    assert "no connection was made to http://127.0.0.1:9" in done.stderr
    done = run("wait", SOURCE, "--timeout", "1", "--base-url", "http://127.0.0.1:9", *QUICK)
    assert done.returncode == 5
    assert done.stderr.splitlines()[0].endswith("reading on")
    assert done.stderr.count("reading on") == 1
    assert f"go on with: octopusx-video wait {SOURCE} --base-url http://127.0.0.1:9" in done.stderr


def test_what_has_not_ended_is_waited_for(run: Run) -> None:
    """A download that comes too early says which command comes first."""
    with Mock(token=KEY, start=None).serve() as url:
        task = run("extend", SOURCE, *SUBMIT, "--base-url", url).stdout.strip()
        done = run("download", task, "-o", "v.mp4", "--base-url", url)
    assert done.returncode == 6
    assert f"go on with: octopusx-video wait {task} -o v.mp4 --base-url {url}" in done.stderr


def test_quiet_still_tells_what_was_paid_for(run: Run, mock: Mock) -> None:
    """The id is no progress: without it a killed command would lose the job."""
    done = run("extend", SOURCE, *SUBMIT, "-q", "--wait", *QUICK)
    assert done.stderr == f"task {mock.submissions[0].task} is submitted\n"


def test_ctrl_c_prints_the_id_and_the_command_to_go_on_with(environment: dict[str, str], tmp_path: Path) -> None:
    """And ends with 130, SIGTERM with 143; the printed command goes on to the file."""
    for number, status in ((signal.SIGINT, 130), (signal.SIGTERM, 143)):
        mock = Mock(token=KEY, start=None, speed=60)  # three seconds
        with mock.serve() as url:
            arguments = ["extend", SOURCE, *SUBMIT, "-o", "cat's.mp4", "--overwrite", *QUICK]
            process = subprocess.Popen(
                [*COMMAND, *arguments],
                env={**environment, "OCTOPUSX_BASE_URL": url},
                cwd=tmp_path,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
            assert process.stderr is not None
            assert "is submitted" in process.stderr.readline()
            assert "processing" in process.stderr.readline()
            process.send_signal(number)
            output, errors = process.communicate(timeout=20)
            assert (process.returncode, output) == (status, "")
            task = mock.submissions[0].task
            assert f"interrupted: task {task} goes on" in errors
            command = re.search(r"go on with: octopusx-video (.*)", errors)
            assert command is not None
            assert command[1] == f"""wait {task} -o 'cat'"'"'s.mp4' --overwrite"""
            assert "Traceback" not in errors
            line = f"{' '.join(COMMAND)} {command[1]}"
            subprocess.run(  # noqa: S602 - it is a line for a shell
                line,
                shell=True,
                env={**environment, "OCTOPUSX_BASE_URL": url},
                cwd=tmp_path,
                check=True,
                capture_output=True,
                timeout=60,
            )
            assert len(mock.billed) == 1
        assert [entry.name for entry in tmp_path.iterdir()] == ["cat's.mp4"]


def test_ctrl_c_during_the_submit_says_that_it_may_be_billed(environment: dict[str, str], mock: Mock) -> None:
    """Nobody knows yet whether it was accepted."""
    mock.faults.on("lost_answer")
    process = subprocess.Popen(
        [*COMMAND, "extend", SOURCE, *SUBMIT],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + 20
    while not mock.submissions and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=20)
    assert (process.returncode, output) == (130, "")
    assert "may have been accepted and may be billed" in errors


def _on_a_terminal(arguments: list[str], environment: dict[str, str], answer: bytes = b"") -> tuple[int, str]:
    """Run the command on a terminal; what it shows, with what was typed once it asked."""
    process, terminal = pty.fork()
    if process == 0:
        os.execvpe(COMMAND[0], [*COMMAND, *arguments], environment)  # noqa: S606 - the child is this command
    shown = b""
    while True:
        try:
            data = os.read(terminal, 4096)
        except OSError:
            break
        if not data:
            break
        shown += data
        if answer and b"API key" in shown:
            os.write(terminal, answer)
            answer = b""
    os.close(terminal)
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]), shown.decode()


def test_on_a_terminal_there_is_a_bar_and_the_key_is_asked_for(environment: dict[str, str], tmp_path: Path) -> None:
    """What is typed does not show."""
    without = {name: value for name, value in environment.items() if name != "OCTOPUSX_API_KEY"}
    file = tmp_path / "v.mp4"
    arguments = ["extend", SOURCE, *SUBMIT, "-o", str(file), *QUICK]
    status, shown = _on_a_terminal(arguments, without, f"{KEY}\n".encode())
    assert status == 0
    assert "OctopusX API key:" in shown
    assert KEY not in shown
    assert re.search(r"waiting +\[#*-*\] +\d+%", shown)
    assert file.read_bytes() == mp4(14)


@pytest.mark.parametrize("command", ["extend", "extensions", "status", "wait", "download"])
def test_each_command_has_an_example_in_its_help(command: str, run: Run) -> None:
    """It stands there as it can be typed."""
    done = run(command, "--help")
    assert done.returncode == 0
    assert f"octopusx-video {command} grok:" in done.stdout


def test_help_tells_the_exit_statuses_and_version(run: Run) -> None:
    """Those that the errors have."""
    told = run("--help").stdout
    for status in (0, 1, 2, 3, 4, 5, 6, 130):
        assert re.search(rf"^  +{status} ", told, re.MULTILINE)
    assert re.fullmatch(r"octopusx-video, version \d+\.\d+\.\d+\n", run("--version").stdout)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_shells_can_complete_it(shell: str, run: Run) -> None:
    """By the line of the help."""
    done = run(_OCTOPUSX_VIDEO_COMPLETE=f"{shell}_source")
    assert "octopusx-video" in done.stdout


def test_the_key_never_shows(run: Run, mock: Mock) -> None:
    """Not in what is printed, whatever happens."""
    told: list[Any] = []
    for arguments in (["status", SOURCE], ["status", "nope"], ["extend", SOURCE, *SUBMIT, "--json"], ["wait"]):
        told.append(run(*arguments))
        told.append(run(*arguments, key="sk-wrong-key"))
    assert all(KEY not in done.stdout + done.stderr and "sk-wrong" not in done.stdout + done.stderr for done in told)


def test_an_id_is_told_where_standard_output_takes_nothing(environment: dict[str, str], mock: Mock) -> None:
    """A full disk or a closed pipe behind a paid submit: it stands on standard error, and no traceback does."""
    line = [*COMMAND, "extend", SOURCE, *SUBMIT]
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(line, env=environment, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 1
    assert f"task {mock.submissions[0].task} was submitted and is billed" in done.stderr
    assert "Traceback" not in done.stderr
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(line, env=environment, stdout=writing, stderr=subprocess.PIPE, text=True, check=False)
    os.close(writing)
    assert done.returncode == 1
    assert mock.submissions[1].task in done.stderr
    assert "Traceback" not in done.stderr


def test_odd_text_is_no_traceback(environment: dict[str, str], tmp_path: Path) -> None:
    """On a terminal that knows few letters, and with a name that is no text."""
    few = {**environment, "PYTHONIOENCODING": "ascii"}
    name = b"\xfd-\xe7\x8c\xab.mp4"
    for options in ([], ["--json"]):
        arguments: list[str | bytes] = [
            *COMMAND,
            "extend",
            SOURCE,
            "-m",
            "grok-video-3",
            "-p",
            "猫",
            "--overwrite",
            "-o",
            name,
            *QUICK,
        ]
        done = subprocess.run([*arguments, *options], env=few, cwd=tmp_path, capture_output=True, check=False)
        assert (done.returncode, b"Traceback" in done.stderr) == (0, False)
        assert (Path(os.fsdecode(os.fsencode(tmp_path) + b"/" + name))).stat().st_size
