"""The command octopusx-video, as a person and a script meet it."""

from __future__ import annotations

import importlib.metadata
import json
import os
import pty
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import octopusx_video
import pytest
from octopusx_video_mock import Mock
from octopusx_video_mock.messages import Request, Response
from octopusx_video_mock.tasks.mp4 import mp4

from tests.support.sdk import command
from tests.support.sdk.clients import KEY, SOURCE
from tests.support.sdk.command import COMMAND, QUICK, SUBMIT, Done, Here

Run = Callable[..., Done]


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
    return command.environment(base_url)


@pytest.fixture
def run(base_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Here:
    """Run the command in an empty folder; ``key=None`` leaves the key out."""
    return Here(monkeypatch, capsys, tmp_path, base_url)


def test_a_submit_prints_the_id_alone(run: Run, mock: Mock) -> None:
    """So that a script can keep it."""
    for name, options in (
        ("extend", ["--size", "1080P"]),
        ("extend", ["--unified"]),
        ("extensions", ["--duration", "6"]),
    ):
        done = run(name, SOURCE, *SUBMIT, *options)
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout == f"{mock.submissions[-1].task}\n"
    assert len(mock.billed) == 3
    assert {call.operation for call in mock.calls} == {"extendVideo", "extendUnifiedVideo", "createVideoExtension"}


def test_one_command_goes_from_submit_to_file(
    run: Run, mock: Mock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a pipe the progress is plain lines, and the result is the file's name."""
    respond = mock.engine.respond

    def a_while_later(request: Request) -> Response:
        mock.clock.advance(0.1)  # so that the first read finds a task that runs, however slow the machine is
        return respond(request)

    mock.clock.stop()
    monkeypatch.setattr(mock.engine, "respond", a_while_later)
    done = run("extensions", SOURCE, *SUBMIT, "--duration", "6", "--wait", "-o", "cat.mp4", *QUICK)
    assert (done.returncode, done.stdout) == (0, "cat.mp4\n")
    assert (tmp_path / "cat.mp4").read_bytes() == mp4(10)
    lines = done.stderr.splitlines()
    task = mock.submissions[0].task
    assert lines[0] == f"task {task} is submitted; to resume: octopusx-video wait {task} -o cat.mp4"
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


def test_a_video_in_chunks_is_saved(run: Run, mock: Mock, tmp_path: Path) -> None:
    """It comes without its length, so that the progress tells only how much has arrived."""
    mock.faults.on("content_chunked")
    done = run("extend", SOURCE, *SUBMIT, "-o", "cat.mp4", *QUICK)
    assert (done.returncode, done.stdout) == (0, "cat.mp4\n")
    assert re.search(r"^[\d,]+ bytes$", done.stderr, re.MULTILINE)
    assert (tmp_path / "cat.mp4").read_bytes() == mp4(14)


def test_json_is_one_object(run: Run, tmp_path: Path) -> None:
    """Of a result and of an error, on standard output."""
    done = run("extend", SOURCE, *SUBMIT, "-o", "cat.mp4", "--json", "-q", *QUICK)
    printed = json.loads(done.stdout)
    assert (printed["phase"], printed["file"], printed["task"]["status"]) == ("succeeded", "cat.mp4", "completed")
    status = json.loads(run("status", printed["task"]["id"], "--json").stdout)
    assert status == {"task": printed["task"], "phase": "succeeded", "file": None}
    refused = run("status", "task_nobody_made", "--json")
    error = json.loads(refused.stdout)["error"]
    assert (refused.returncode, refused.stderr) == (1, "")
    assert (error["type"], error["status"], error["code"]) == ("RefusedError", 400, "task_not_exist")
    assert (error["billed"], error["resume"], error["task_id"]) == (None, None, "task_nobody_made")
    usage = run("extensions", SOURCE, "--json")
    assert (usage.returncode, usage.stderr) == (2, "")
    assert json.loads(usage.stdout)["error"]["type"] == "UsageError"
    assert json.loads(usage.stdout)["error"]["billed"] == "never"
    usage = run("wait", SOURCE, "--nonsense", "--json")
    assert json.loads(usage.stdout)["error"]["billed"] is None


EXITS: dict[str, tuple[str, list[str], int, str]] = {
    "refused": ("insufficient_quota", [], 1, "refused with 403"),
    "lost": ("not_json", [], 3, "may be billed"),
    "broke": ("server_error_billed", [], 3, "may be billed"),
    "failed": ("failed", ["--wait"], 4, "has ended as failed"),
    "blocked": ("completed_with_error", ["--wait"], 4, "moderation_blocked"),
    "late": ("", ["--wait", "--timeout", "0"], 5, "wait for the same id again"),
    "no video": ("content_is_json", ["-o", "v.mp4"], 6, "can't be downloaded"),
}


@pytest.mark.slow
@pytest.mark.parametrize("case", EXITS)
def test_the_exit_status_tells_a_script_what_happened(case: str, run: Run, mock: Mock, tmp_path: Path) -> None:
    """One for each kind of error, with a line that says what to do; only a response that was rejected is kept."""
    fault, options, status, text = EXITS[case]
    if fault:
        mock.faults.on(fault)
    done = run("extensions", SOURCE, *SUBMIT, *options, *QUICK)
    assert done.returncode == status
    assert text in done.stderr
    assert "Traceback" not in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == (["v.mp4.rejected"] if status == 6 else [])
    assert len(mock.submissions) == (0 if case == "refused" else 1)
    if status in {5, 6}:
        task = mock.submissions[0].task
        assert f"\nto resume: octopusx-video {'wait' if status == 5 else 'download'} {task}" in done.stderr
    else:
        assert "\nto resume" not in done.stderr
    assert done.stderr.count("may be billed") <= 1
    printed = json.loads(run("extensions", SOURCE, *SUBMIT, *options, *QUICK, "--json").stdout)["error"]
    assert printed["billed"] == {1: "never", 3: "possible", 4: "possible", 5: "yes", 6: "yes"}[status]
    assert bool(printed["resume"]) is (status in {5, 6})


BAD: dict[str, tuple[list[str], str]] = {
    "no command": (["nonsense"], "No such command 'nonsense'"),
    "a typing error": (["status", SOURCE, "--jsno"], "No such option"),
    "no model": (["extend", SOURCE, "-p", "x"], "Missing option '-m'"),
    "a duration": (["extensions", SOURCE, *SUBMIT, "--duration", "7"], "'7' is not one of '6', '10', '15'"),
    "a size": (["extend", SOURCE, *SUBMIT, "--size", "1080p"], "'1080p' is not one of '720P', '1080P'"),
    "no number": (["extend", SOURCE, *SUBMIT[:4], "--start-time", "x"], "'x' is not a valid integer"),
    "negative": (["extend", SOURCE, *SUBMIT[:4], "--start-time", "-1"], "error: --start-time: -1 is less than the"),
    "empty prompt": (["extend", SOURCE, "-m", "m", "-p", " "], "error: --prompt: ' ' is not allowed"),
    "a link": (
        ["extensions", "https://x.example/v.mp4", *SUBMIT],
        "error: VIDEO_ID: 'https://x.example/v.mp4' is a link",
    ),
    "no id": (["wait", "no id"], "'no id' is not the id of a task"),
    "an address": (["status", SOURCE, "--base-url", "octopusx.ai"], "lacks http:// or https://"),
    "no folder": (["extend", SOURCE, *SUBMIT, "-o", "no/v.mp4"], "no/v.mp4 can't be written: No such file"),
    "a folder": (["download", SOURCE, "-o", "."], "is not the name of a file"),
    "a file": (
        ["download", SOURCE, "-o", "../taken"],
        "error: ../taken exists; name another file, or pass --overwrite",
    ),
    "overwrite": (["wait", SOURCE, "--overwrite"], "error: --overwrite needs -o FILE"),
    "accept any": (["extend", SOURCE, *SUBMIT, "--accept-any"], "error: --accept-any needs -o FILE"),
    "a timeout": (["wait", SOURCE, "--timeout", "-1"], "'-1' is not a number of seconds"),
    "a word": (["status", SOURCE, "--request-timeout", "long"], "'long' is not a number of seconds above 0"),
    "no time": (["extend", SOURCE, *SUBMIT, "--submit-timeout", "0"], "'0' is not a number of seconds above 0"),
    "no pause": (["extend", SOURCE, *SUBMIT, "--wait", "--poll-interval", "nan"], "'nan' is not a number of seconds"),
    "no end": (["extend", SOURCE, *SUBMIT, "--wait", "--timeout", "inf"], "'inf' is not a number of seconds"),
    "too long for --timeout": (
        ["extend", SOURCE, *SUBMIT, "--wait", "--timeout", "1e9"],
        "'--timeout': '1e9' is too large",
    ),
    "too long for --poll-interval": (
        ["extend", SOURCE, *SUBMIT, "--wait", "--poll-interval", "1e9"],
        "'--poll-interval': '1e9' is too large",
    ),
    "too long for --submit-timeout": (
        ["extend", SOURCE, *SUBMIT, "--wait", "--submit-timeout", "1e9"],
        "'--submit-timeout': '1e9' is too large",
    ),
    "too long for --request-timeout": (
        ["extend", SOURCE, *SUBMIT, "--wait", "--request-timeout", "1e9"],
        "'--request-timeout': '1e9' is too large",
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("case", BAD)
def test_bad_input_sends_nothing_and_ends_with_2(case: str, run: Run, mock: Mock, tmp_path: Path) -> None:
    """A clear line on standard error, exit status 2, no request and no file."""
    arguments, text = BAD[case]
    (tmp_path.parent / "taken").touch()
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


@pytest.mark.slow
def test_an_unreachable_service_is_reported(run: Run) -> None:
    """As not sent, with the exit status of that; a wait says what it waits for, and goes on with the same address."""
    done = run("status", SOURCE, OCTOPUSX_BASE_URL="http://127.0.0.1:9")
    assert (done.returncode, done.stdout) == (2, "")
    assert "no connection was made to http://127.0.0.1:9" in done.stderr
    done = run("wait", SOURCE, "--timeout", "1", "--base-url", "http://127.0.0.1:9", *QUICK)
    assert done.returncode == 5
    assert done.stderr.splitlines()[0].endswith("reading on")
    assert done.stderr.count("reading on") == 1
    assert f"to resume: octopusx-video wait {SOURCE} --base-url http://127.0.0.1:9" in done.stderr


def test_what_has_not_ended_is_waited_for(run: Run) -> None:
    """A download that comes too early says which command comes first."""
    with Mock(token=KEY, start=None).serve() as url:
        task = run("extend", SOURCE, *SUBMIT, "--base-url", url).stdout.strip()
        done = run("download", task, "-o", "v.mp4", "--base-url", url)
    assert done.returncode == 6
    assert f"to resume: octopusx-video wait {task} -o v.mp4 --base-url {url}" in done.stderr


def test_quiet_still_tells_what_was_paid_for(run: Run, mock: Mock) -> None:
    """The id is no progress: without it a killed command would lose the job."""
    done = run("extend", SOURCE, *SUBMIT, "-q", "--wait", *QUICK)
    task = mock.submissions[0].task
    assert done.stderr == f"task {task} is submitted; to resume: octopusx-video wait {task}\n"


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


@pytest.mark.slow
def test_on_a_terminal_there_is_a_bar_and_the_key_is_asked_for(environment: dict[str, str], tmp_path: Path) -> None:
    """What is typed does not show."""
    without = {name: value for name, value in environment.items() if name != "OCTOPUSX_API_KEY"}
    file = tmp_path / "v.mp4"
    arguments = ["extend", SOURCE, *SUBMIT, "-o", str(file), *QUICK]
    status, shown = _on_a_terminal(arguments, without, f"{KEY}\n".encode())
    assert status == 0
    assert "OctopusX API key:" in shown
    assert KEY not in shown
    assert re.search(r"completed 100%\|\S+\| 00:0\d", shown)
    assert file.read_bytes() == mp4(14)


@pytest.mark.parametrize("command", ["extend", "extensions", "status", "wait", "download"])
def test_each_command_has_an_example_in_its_help(command: str, run: Run) -> None:
    """It stands there as it can be typed."""
    done = run(command, "--help")
    assert done.returncode == 0
    assert f"octopusx-video {command} grok:" in done.stdout


def test_help_tells_the_exit_statuses_and_version(run: Run) -> None:
    """Those that the errors have."""
    printed = run("--help", COLUMNS="80").stdout
    for status in (0, 1, 2, 3, 4, 5, 6, 129, 130, 143):
        assert re.search(rf"^  +{status} ", printed, re.MULTILINE)
    assert re.search(r"OCTOPUSX_HTTP_HOSTS +host names(.|\n)*UNENCRYPTED", printed)
    assert all(len(line) <= 80 for line in printed.splitlines()), printed
    assert run("--version").stdout == f"octopusx-video {octopusx_video.__version__}\n"


def test_without_arguments_the_help_is_printed(run: Run) -> None:
    """As it is, in its lines, and not as an error."""
    done = run()
    assert done.stderr + done.stdout == run("--help").stdout
    assert done.returncode in {0, 2}


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_shells_can_complete_it(shell: str, run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    """By the line of the help."""
    with pytest.raises(SystemExit):
        run(_OCTOPUSX_VIDEO_COMPLETE=f"{shell}_source")
    assert "octopusx-video" in capsys.readouterr().out


def test_the_key_never_shows(run: Run, mock: Mock) -> None:
    """Not in what is printed, whatever happens."""
    printed: list[Done] = []
    for arguments in (["status", SOURCE], ["status", "nope"], ["extend", SOURCE, *SUBMIT, "--json"], ["wait"]):
        printed.append(run(*arguments))
        printed.append(run(*arguments, key="sk-wrong-key"))
    assert all(KEY not in done.stdout + done.stderr and "sk-wrong" not in done.stdout + done.stderr for done in printed)


@pytest.mark.slow
def test_an_id_is_printed_where_standard_output_takes_nothing(environment: dict[str, str], mock: Mock) -> None:
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


@pytest.mark.slow
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


LOADED = """
import sys
import octopusx_video
assert not {"httpx", "typing", "importlib.metadata", "octopusx_video._client"} & set(sys.modules)
assert {"OctopusX", "__version__"} <= set(dir(octopusx_video))
import octopusx_video.cli
assert not {"click", "httpx", "octopusx_video_openapi"} & set(sys.modules)
from octopusx_video._command import commands
assert not {"tqdm", "httpx", "octopusx_video._client"} & set(sys.modules)
"""


def test_nothing_is_imported_before_it_is_needed() -> None:
    """The command handles signals first; httpx is imported when a command runs, and tqdm for a bar alone."""
    subprocess.run([sys.executable, "-I", "-c", LOADED], check=True)


def test_each_name_of_the_package_is_there() -> None:
    """With the version of the distribution; another name is an AttributeError."""
    names: dict[str, Any] = {}
    exec("from octopusx_video import *", names)  # noqa: S102 - our own line
    assert names.keys() >= {*octopusx_video.__all__, "OctopusX", "__version__", "phase"}
    assert octopusx_video.__version__ == importlib.metadata.version("octopusx-video")
    assert not hasattr(octopusx_video, "Octopus")
