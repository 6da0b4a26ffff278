"""What the command octopusx-video prints: the video, the progress, errors and text of a server's."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import re
import shutil
import socket
import struct
import sys
import termios
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from octopusx_video import AmbiguousSubmitError, OctopusX
from octopusx_video._client import Videos
from octopusx_video._command import running, saving

from tests.support.sdk import command
from tests.support.sdk.clients import KEY, SOURCE
from tests.support.sdk.command import QUICK, SUBMIT, TASK, VIDEO, Done, Here, Service

EXTEND = ["extend", SOURCE, *SUBMIT]
URL = "http://localhost"
OTHER = "task_other-1"


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Here:
    """Run the command in an empty folder."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    return Here(monkeypatch, capsys, tmp_path, URL)


Serve = Callable[..., Service]


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Serve:
    """Let the command talk to a service that answers as a test wants."""

    def serve(*arguments: Any, **options: Any) -> Service:
        service = Service(*arguments, **options)
        command.connect(monkeypatch, service)
        return service

    return serve


AMBIGUOUS: dict[str, tuple[httpx.Response, list[str]]] = {
    "wrapped": (httpx.Response(200, json={"code": "success", "message": "", "data": TASK}), [TASK]),
    "two": (
        httpx.Response(500, json={"error": {"message": "busy"}, "task_id": TASK, "video_id": OTHER}),
        [TASK, OTHER],
    ),
    "none": (httpx.Response(200, text="<html>\x1b[2Jbad gateway\nsorry"), []),
}


@pytest.mark.parametrize("case", AMBIGUOUS)
@pytest.mark.parametrize("options", [[], ["--unified"], ["--base-url", URL]])
def test_what_may_be_billed_is_shown_with_the_free_commands(
    case: str, options: list[str], run: Here, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The possible ids, the beginning of the response, and where else to look; exit status 3."""
    response, ids = AMBIGUOUS[case]
    service = httpx.MockTransport(lambda _: httpx.Response(response.status_code, content=response.content))
    command.connect(monkeypatch, service)
    done = run(*EXTEND, *options, "-o", "v.mp4")
    assert (done.returncode, done.stdout) == (3, "")
    looks = [" ".join(["octopusx-video status", one, *options]) for one in ids]
    assert re.findall("^to look at it, for free: (.*)", done.stderr, re.MULTILINE) == looks
    assert "client." not in done.stderr
    assert "\x1b" not in done.stderr
    assert f"response with status {response.status_code}:\n" in done.stderr
    assert "look into your account before you submit the same again (request hash " in done.stderr
    printed = json.loads(run(*EXTEND, *options, "--json").stdout)["error"]
    assert (printed["type"], printed["billed"], printed["resume"]) == ("AmbiguousSubmitError", "possible", None)
    assert (printed.get("possible_task_ids"), printed["look"]) == (ids, looks)
    assert printed["response"].splitlines()[0][:6] == response.text.splitlines()[0][:6]
    assert "client." not in printed["message"]


@pytest.mark.slow
def test_the_timeouts_are_those_of_the_options(run: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    """A submit whose response takes longer may be billed; a read that takes longer is repeated."""
    given: list[dict[str, Any]] = []

    def client(*arguments: Any, **options: Any) -> Any:
        given.append(options)
        return OctopusX(*arguments, **options)

    monkeypatch.setattr(f"{command.ACTIONS}.OctopusX", client)
    with socket.create_server(("127.0.0.1", 0)) as server:
        where = ["--base-url", f"http://127.0.0.1:{server.getsockname()[1]}"]
        done = run(*EXTEND, *where, "--submit-timeout", "0.2")
        assert done.returncode == 3
        assert "may be billed" in done.stderr
        done = run("extensions", SOURCE, *SUBMIT, *where, "--submit-timeout", "9", "--request-timeout", "0.2")
        assert done.returncode == 3
        run("wait", SOURCE, *where, "--timeout", "0", "--request-timeout", "0.2")
    assert [options.get("submit_timeout") for options in given] == [0.2, 9, None]
    assert [options["timeout"] for options in given] == [None, 0.2, 0.2]


def test_a_video_without_a_length_is_saved(run: Here, serve: Serve, tmp_path: Path) -> None:
    """The progress tells how much has arrived."""
    serve(content=[VIDEO[:100], VIDEO[100:]])
    done = run("download", TASK, "-o", "v.mp4")
    assert (done.returncode, done.stdout) == (0, "v.mp4\n")
    assert done.stderr == "100 bytes\n"
    assert (tmp_path / "v.mp4").read_bytes() == VIDEO


def test_what_is_no_complete_video_can_be_had_all_the_same(run: Here, serve: Serve, tmp_path: Path) -> None:
    """The error names the file that was kept and the option, also with the key of the README."""
    serve(content=[b"<html>no video</html>"])
    done = run(*EXTEND, "-o", "v.mp4", *QUICK, key="any")
    assert done.returncode == 6
    assert "v.mp4.rejected" in done.stderr
    assert done.stderr.endswith("\nwith --accept-any it saves such a file as it is\n")
    assert "accept_any" not in done.stderr
    assert (tmp_path / "v.mp4.rejected").read_bytes() == b"<html>no video</html>"
    error = json.loads(run("wait", TASK, "-o", "v.mp4", "--json", *QUICK).stdout)["error"]
    assert error["rejected"] == "v.mp4.rejected"
    done = run("wait", TASK, "-o", "v.mp4", "--accept-any", *QUICK)
    assert (done.returncode, done.stdout) == (0, "v.mp4\n")
    assert "warning: " in done.stderr
    assert (tmp_path / "v.mp4").read_bytes() == b"<html>no video</html>"


def test_a_folder_that_has_gone_ends_with_6(run: Here, serve: Serve, tmp_path: Path) -> None:
    """The task is paid for; the video could not be written."""
    folder = tmp_path / "folder"
    folder.mkdir()

    class Removing(Service):
        def _answer(self, request: httpx.Request) -> httpx.Response:
            if request.method == "GET":
                shutil.rmtree(folder, ignore_errors=True)
            return super()._answer(request)

    serve()
    with pytest.MonkeyPatch.context() as patch:
        command.connect(patch, Removing())
        done = run(*EXTEND, "-o", "folder/v.mp4", *QUICK)
    assert (done.returncode, done.stdout) == (6, "")
    assert "error: folder/v.mp4 can't be written: No such file or directory" in done.stderr
    assert done.stderr.endswith(f"\nto resume: octopusx-video download {TASK} -o folder/v.mp4\n")


@pytest.mark.parametrize("options", [[], ["--json"]], ids=["plain", "json"])
@pytest.mark.parametrize("moment", ["on its way", "recorded", "accepted"])
def test_an_unforeseen_error_does_not_hide_what_may_be_billed(
    moment: str, options: list[str], run: Here, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It ends with 3 where the submit has no outcome, and otherwise prints the id and how to continue."""
    serve()
    submit = Videos.extend

    def fail(*arguments: Any, **fields: Any) -> Any:
        if moment == "recorded":
            with contextlib.suppress(AmbiguousSubmitError):
                submit(*arguments, **fields)
        raise LookupError("unforeseen")

    if moment == "accepted":
        monkeypatch.setattr(f"{command.ACTIONS}._finish", fail)
    else:
        serve(httpx.Response(500, json={"task_id": TASK}))
        monkeypatch.setattr(Videos, "extend", fail)
    done = run(*EXTEND, "--wait", *options)
    known, resume = moment == "accepted", f"octopusx-video wait {TASK}"
    assert done.returncode == (1 if known else 3)
    assert "LookupError: unforeseen" in done.stdout + done.stderr
    assert ("is billed" if known else "may be billed") in done.stdout + done.stderr
    if not options:
        assert done.stdout == ""
        assert done.stderr.endswith(f"to resume: {resume}\n") is known
        assert ("before you submit the same again" in done.stderr) is not known
        assert ("to look at it, for free: " in done.stderr) is (moment == "recorded")
        return
    error = json.loads(done.stdout)["error"]
    assert (error["type"], error["billed"]) == ("LookupError", "yes" if known else "possible")
    assert error["resume"] == (resume if known else None)


def test_an_error_before_the_submit_is_sent_is_not_billed(
    run: Here, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It ends with 1."""

    def fail(*_: Any, **__: Any) -> None:
        raise OSError(24, "Too many open files")

    serve()
    monkeypatch.setattr(saving, "check", fail)
    done = run(*EXTEND, "--json")
    error = json.loads(done.stdout)["error"]
    assert (done.returncode, error["billed"]) == (1, "never")


@pytest.mark.parametrize("name", ["video.mp4", "output: x", "path", "overwrite=True.mp4"])
def test_a_file_keeps_its_name_in_errors(name: str, run: Here, tmp_path: Path) -> None:
    """Also where it begins like the name of an argument."""
    (tmp_path / name).touch()
    done = run("download", TASK, "-o", name)
    assert done.stderr == f"error: {name} exists; name another file, or pass --overwrite to replace it\n"


@pytest.mark.parametrize("options", [[], ["--json"]], ids=["plain", "json"])
def test_a_video_that_is_saved_is_not_fetched_again(
    options: list[str], run: Here, serve: Serve, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Where standard output is closed, the error says that only the output is missing."""
    serve()
    with monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", None)
        done = run(*EXTEND, "-o", "a.mp4", *QUICK, *options)
    assert done.returncode == 1
    assert (tmp_path / "a.mp4").read_bytes() == VIDEO
    last = done.stderr.splitlines()[-1]
    assert last.startswith("error: standard output can't be written to; the video was saved as a.mp4; task ")


def test_what_json_can_not_say_is_said_on_standard_error(
    run: Here, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the commands that look at a task or resume with it."""
    for response, options, text in (
        (httpx.Response(500, json={"task_id": TASK}), [], f"to look at it, for free: octopusx-video status {TASK}\n"),
        (None, ["--wait", "--timeout", "0"], f"\nto resume: octopusx-video wait {TASK}\n"),
    ):
        serve(response, reads=[{"status": "processing"}])
        with monkeypatch.context() as patch:
            patch.setattr(sys, "stdout", None)
            done = run(*EXTEND, "--json", "-q", *options)
        assert text in done.stderr.partition("error: ")[2]


def test_numbers_that_json_can_not_hold_are_null(run: Here, serve: Serve) -> None:
    """So that every parser can read what is printed."""
    body = json.dumps({"id": TASK, "status": "processing", "note": [{"n": 0}, 1.5]}).replace('"n": 0', '"n": 1e999')
    serve(httpx.Response(200, content=body.encode()))
    task = json.loads(run(*EXTEND, "--json").stdout, parse_constant=pytest.fail)["task"]
    assert task["note"] == [{"n": None}, 1.5]


def test_a_failure_that_repeats_is_shown_once_in_a_while(run: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    """Although each response has a request id of its own."""
    ids = iter(range(100, 10_000))

    def refuse(_: httpx.Request) -> httpx.Response:
        text = f"busy (request id: 2026{next(ids)}abc{next(ids)})"
        return httpx.Response(503, json={"error": {"message": text, "type": "busy"}})

    monkeypatch.setattr(f"{command.ACTIONS}._sleep", lambda *_: None)
    command.connect(monkeypatch, httpx.MockTransport(refuse))
    done = run("wait", TASK, "--timeout", "0.3")
    assert done.returncode == 5
    assert done.stderr.count("reading on") == 1


class TestStandardOutput:
    """``-o -``."""

    @pytest.fixture
    def run(self, monkeypatch: pytest.MonkeyPatch, capsysbinary: pytest.CaptureFixture[bytes], tmp_path: Path) -> Here:
        """Run the command in an empty folder; what it prints is bytes."""
        monkeypatch.setenv("TMPDIR", str(tmp_path))
        monkeypatch.setattr("tempfile.tempdir", None)
        return Here(monkeypatch, capsysbinary, tmp_path, URL)

    @pytest.mark.parametrize("options", [["-o", "-"], ["--output=-", "--json"]])
    def test_it_gets_the_video_alone(self, options: list[str], run: Here, serve: Serve, tmp_path: Path) -> None:
        """All else is on standard error, and no file is left."""
        serve()
        done: Any = run(*EXTEND, *options, *QUICK)
        assert (done.returncode, done.stdout) == (0, VIDEO)
        lines = done.stderr.decode().splitlines()
        assert lines[0] == f"task {TASK} is submitted; to resume: octopusx-video wait {TASK} -o -"
        assert ("--json" in options) is lines[-1].startswith('{"task": {')
        assert list(tmp_path.iterdir()) == []

    @pytest.mark.slow
    def test_it_gets_all_or_nothing(self, run: Here, serve: Serve, tmp_path: Path) -> None:
        """What is incomplete is kept in a file that the error names."""
        serve(content=[VIDEO[:-1000]])
        done: Any = run("download", TASK, "-o-", "--json")
        assert (done.returncode, done.stdout) == (6, b"")
        error = json.loads(done.stderr.decode().splitlines()[-1])["error"]
        assert Path(error["rejected"]).read_bytes() == VIDEO[:-1000]
        done = run("download", TASK, "-o-", "--accept-any")
        assert (done.returncode, done.stdout) == (0, VIDEO[:-1000])

    def test_overwriting_it_is_refused(self, run: Here, serve: Serve) -> None:
        """It says nothing; a usage error is on standard error in JSON, too."""
        service = serve()
        for option in ([], ["--json"]):
            done: Any = run("download", TASK, "-o", "-", "--overwrite", *option)
            assert (done.returncode, done.stdout) == (2, b"")
            assert b"--overwrite needs a FILE" in done.stderr
        assert service.requests == []

    def test_a_reader_that_has_gone_ends_with_6(self, run: Here, serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
        """The video was paid for, and the printed command gets it again."""
        serve()
        monkeypatch.setattr(running, "close_broken", lambda: None)
        full = Path("/dev/full").open("w", encoding="utf-8")  # noqa: SIM115 - closing it fails
        with monkeypatch.context() as patch:
            patch.setattr(sys, "stdout", full)
            done: Any = run(*EXTEND, "-o", "-", *QUICK)
        with contextlib.suppress(OSError):
            full.close()
        assert done.returncode == 6
        assert b"error: the video could not be written to standard output: No space left on device\n" in done.stderr
        assert done.stderr.endswith(f"to resume: octopusx-video download {TASK} -o -\n".encode())


class Screen:
    """A terminal, and what is shown on it in the end.

    Args:
        columns: How wide it is.
    """

    def __init__(self, columns: int) -> None:
        self.columns = columns
        self.written = ""
        self._master, self._slave = os.openpty()
        fcntl.ioctl(self._slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        self.stream = os.fdopen(self._slave, "w", encoding="utf-8")
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        data = b""
        with contextlib.suppress(OSError):
            while piece := os.read(self._master, 4096):
                data += piece
        self.written = data.decode()

    def lines(self) -> list[str]:
        """The rows with text on them; one that was too long for its row has wrapped into the next one."""
        self.stream.close()
        self._reader.join()
        os.close(self._master)
        rows: list[list[str]] = [[]]
        column = 0
        for character in self.written:
            if character == "\r":
                column = 0
            elif character == "\n":
                rows.append([])
            else:
                if column == self.columns:
                    rows.append([])
                    column = 0
                rows[-1][column : column + 1] = [character]
                column += 1
        return [row for row in ("".join(row).rstrip() for row in rows) if row]


@pytest.mark.slow
@pytest.mark.parametrize("columns", [40, 80])
def test_the_bar_fits_the_terminal_and_moves_between_polls(
    columns: int, run: Here, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each bar is one row, with the time that has passed; other lines are rows of their own."""
    monkeypatch.setattr("random.random", lambda: 0.5)
    reads = [{"status": "in_a_queue_\x1b[2J_that_is_long", "progress": 3}, {"status": "processing", "progress": 50}]
    serve(reads=[*reads, {"status": "completed", "progress": 100}], content=[VIDEO[:1000], VIDEO[1000:]])
    screen = Screen(columns)
    with monkeypatch.context() as patch:
        patch.setattr(sys, "stderr", screen.stream)
        done = run("wait", TASK, "-o", "v.mp4", "--poll-interval", "1.1")
    lines = screen.lines()
    assert (done.returncode, done.stdout) == (0, "v.mp4\n")
    assert re.fullmatch(r"completed 100%\|.+\| \d\d:\d\d", lines[-2]), lines
    assert re.fullmatch(rf"downloading {len(VIDEO) / 1000:.2f}kB \d\d:\d\d", lines[-1])
    assert len(lines[-2]) == columns - 1
    drawn = re.findall(r"\r(\w+ +\d+%)\|.*?\| (\d\d:\d\d)", screen.written)
    assert len({shown for state, shown in drawn if state == "processing  50%"}) > 1
    assert "\x1b" not in screen.written
    assert "".join(lines[:-2]).startswith("warning: task")
    assert len(lines[:-2]) == -(-len("".join(lines[:-2])) // columns), lines


def test_standard_output_on_a_terminal_is_refused_before_paying(
    run: Here, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody can use a video there."""
    service, screen = serve(), Screen(80)
    with monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", screen.stream)
        done = run(*EXTEND, "-o", "-")
    assert screen.lines() == []
    assert done.returncode == 2
    assert "error: -o -: standard output is a terminal; redirect it to a file or a pipe\n" in done.stderr
    assert service.requests == []


ODD = "odd\x1b]0;pwned\x07\x1b[2J\u009b\u202e\n"
ECHO = f"{ODD}{KEY}"


def _all(done: Done) -> str:
    printed = done.stdout + done.stderr
    assert KEY not in printed
    assert "pwned" in printed
    assert re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", printed) is None, printed
    return printed


@pytest.mark.parametrize("options", [[], ["--json"]], ids=["plain", "json"])
def test_text_of_a_server_is_escaped_and_never_holds_the_key(
    options: list[str], run: Here, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Wherever it stands: in a status, an address, an error, the code of an error, a field that nobody foresaw."""
    odd = {"status": ECHO, "video_url": f"https://{KEY}.example/{ODD}", "note": {ECHO: [ECHO]}}
    failed = {"status": "failed", "error": {"code": ECHO, "message": ECHO}}
    serve(reads=[odd])
    _all(run("status", TASK, *options))
    serve(reads=[odd, failed])
    assert "failed" in _all(run("wait", TASK, *options, *QUICK))
    serve(reads=[{"status": "completed", "video_url": f"{URL}/{KEY}"}], content=[ODD.encode() + KEY.encode()])
    assert KEY not in run("wait", TASK, *options, *QUICK).stdout
    _all(run("download", TASK, "-o", "v.mp4", *options))
    refusal = {"code": ECHO, "message": ECHO, "data": None}
    for status in (400, 401, 500):
        command.connect(monkeypatch, httpx.MockTransport(lambda _, status=status: httpx.Response(status, json=refusal)))
        _all(run(*EXTEND, *options))
    serve(httpx.Response(200, json={"id": f"task_{KEY}", "status": ECHO}))
    done = run(*EXTEND, "--wait", *options, *QUICK)
    assert KEY not in done.stdout + done.stderr


def test_a_key_in_an_argument_is_not_repeated(run: Here, serve: Serve) -> None:
    """A person has mistaken one thing for another."""
    service = serve()
    for arguments in (
        [KEY],
        ["status", SOURCE, "--timeout", KEY],
        ["wait", SOURCE, "--timeout", KEY],
        ["status", f"x {KEY}"],
    ):
        done = run(*arguments)
        assert done.returncode == 2
        assert KEY not in done.stdout + done.stderr
    assert service.requests == []


def test_errors_name_the_options_of_the_command_line(run: Here, serve: Serve) -> None:
    """And not the arguments of the SDK."""
    done = run("status", TASK, key=None)
    assert done.stderr == "error: there is no API key: set OCTOPUSX_API_KEY\n"
    serve(reads=[{"status": "completed"}])
    done = run("wait", TASK, "--base-url", URL)
    assert done.returncode == 4
    assert done.stderr.endswith(f"to download it by its id: octopusx-video download {TASK} --base-url {URL} -o FILE\n")
    assert "download(" not in done.stderr
