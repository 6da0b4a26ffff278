"""The contract suite judges servers: it is silent on a good one and finds what is wrong with a bad one."""

from __future__ import annotations

import json
import os
import re
import socket
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from octopusx_video_openapi import Contract

from tests.conftest import KEY, Command, Upstream
from tests.faulty import (
    Defect,
    Exchange,
    always,
    corrupts,
    faulty_server,
    requires_no_key,
    undocumented_status,
)

QUICK = ("--seed", "1", "--max-examples", "3")
TASK_UNKNOWN = {"code": "task_not_exist", "message": "task_not_exist", "data": None}
UNAUTHORIZED = {"error": {"message": "Invalid token", "type": "new_api_error", "code": ""}}


def test_a_mock_keeps_the_contract_and_the_seed_repeats_the_run(run_suite: Command, tmp_path: Path) -> None:
    """Green against its own mock; the same seed sends as many requests of each kind; JUnit has a case for each test."""
    accounts = []
    for name in ("first.xml", "second.xml"):
        done = run_suite(*QUICK, "--verbose", "--junit", str(tmp_path / name), key=None)
        assert done.returncode == 0, done.stdout
        assert done.stdout.startswith("seed 1: repeat this run with --seed 1 and the same other options\n")
        assert "skipped" not in done.stdout
        accounts.append(re.findall(r"^(\w+) +(\d+) requests +(.*)$", done.stdout, re.MULTILINE))
    assert len(accounts[0]) == 6
    assert accounts[0] == accounts[1]
    report = ET.parse(tmp_path / "first.xml")
    cases = [f"{case.get('classname')} {case.get('name')}" for case in report.iter("testcase")]
    assert "conformance test_createVideoExtension" in cases
    assert len(cases) == len(set(cases))


def test_prism_keeps_the_contract_as_far_as_it_can_be_asked(run_suite: Command) -> None:
    """Green too; what a server that keeps no tasks can't be asked is skipped by name."""
    done = run_suite(*QUICK, "--engine", "prism", key=None)
    assert done.returncode == 0, done.stdout
    assert "R06 can't be asked of a server that keeps no tasks" in done.stdout


def test_without_a_seed_a_new_one_is_made_and_no_file_is_left(
    run_suite: Command, upstream: Upstream, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each run has a seed of its own and prints it; what it was not asked to write, it does not."""
    monkeypatch.chdir(tmp_path)
    with faulty_server((upstream.host, upstream.port), always(404, TASK_UNKNOWN)) as server:
        seeds = {
            re.findall(r"^seed (\d+):", run_suite("--base-url", server.base_url, "--fail-fast").stdout)[0]
            for _ in range(2)
        }
    assert len(seeds) == 2
    assert list(tmp_path.iterdir()) == []


NEW_ID = re.compile(rb"[A-Za-z0-9_-]{60,}")
"""What follows `grok:` in an id that the mock made; the documented ones are shorter."""


def _reads_know_nothing(exchange: Exchange) -> None:
    # The ids of the documented requests are known, a new one is not.
    if exchange.method == "GET" and NEW_ID.search(exchange.path.encode()):
        exchange.status = 400
        exchange.headers["content-type"] = "application/json"
        exchange.body = json.dumps(TASK_UNKNOWN).encode()


def _repeats_the_source(exchange: Exchange) -> None:
    exchange.body = NEW_ID.sub(b"f673ba58-b053-4d8d-8938-c0b429de4d7f", exchange.body)


def _reads_disagree(exchange: Exchange) -> None:
    if exchange.path.startswith("/v1/video/query"):
        exchange.body = exchange.body.replace(b'"processing"', b'"failed"')


def _wrapped(exchange: Exchange) -> None:
    if exchange.status == 200 and "json" in exchange.headers["content-type"]:
        exchange.body = b"[" + exchange.body + b"]"


def _blank_message(exchange: Exchange) -> None:
    exchange.body = exchange.body.replace(b'"message":"task_not_exist"', b'"message":""')


def _refuses_the_valid(exchange: Exchange) -> None:
    if exchange.method == "GET" and exchange.path.startswith("/v1/video/") and exchange.status == 200:
        exchange.status = 400
        exchange.body = b'{"code":"invalid_request","message":"no","data":null}'


def _knows_no_task(exchange: Exchange) -> None:
    if exchange.method == "GET" and exchange.status == 200 and not exchange.path.endswith("/content"):
        exchange.status = 404
        exchange.body = b'{"code":"task_not_exist","message":"no","data":null}'


def _too_large(exchange: Exchange) -> None:
    if exchange.method == "POST" and exchange.status == 200:
        exchange.status = 413
        exchange.body = b'{"code":"read_request_body_failed","message":"no","data":null}'


def _no_request_id(exchange: Exchange) -> None:
    exchange.headers.pop("x-oneapi-request-id", None)


def _completed_without_url(exchange: Exchange) -> None:
    exchange.body = exchange.body.replace(
        b'"status":"processing","video_url":null', b'"status":"completed","video_url":null'
    )


def _mp4_is_html(exchange: Exchange) -> None:
    if exchange.headers.get("content-type") == "video/mp4":
        exchange.body = b"<html>not a video</html>"


@pytest.mark.parametrize(
    ("defect", "named"),
    [
        (requires_no_key(KEY), r"R02 \(should\) is broken"),
        (undocumented_status(200, 202), "202"),
        (undocumented_status(401, 418), "R02"),
        (undocumented_status(400, 422), "422"),
        (always(404, TASK_UNKNOWN), "R34"),
        (Defect("wraps answers", answer=_wrapped), "conformance|at the top"),
        (Defect("gives no reason", answer=_blank_message), "R31"),
        (Defect("refuses valid reads with another code", answer=_refuses_the_valid), "R21"),
        (Defect("knows no task", answer=_knows_no_task), "R34"),
        (Defect("finds every body too large", answer=_too_large), "R34"),
        (Defect("new tasks are never found", answer=_reads_know_nothing), "R05"),
        (Defect("answers the source's id", answer=_repeats_the_source), "R03"),
        (Defect("the two reads disagree", answer=_reads_disagree), "R18"),
        (Defect("drops the request id", answer=_no_request_id), "R33"),
        (Defect("completed without a url", answer=_completed_without_url), "R07"),
        (Defect("sends html as video", answer=_mp4_is_html), "R25"),
    ],
    ids=lambda value: value.name if isinstance(value, Defect) else "",
)
def test_a_defect_fails_the_run(run_suite: Command, upstream: Upstream, defect: Defect, named: str) -> None:
    """A server with one defect is not green, and the output names what it broke."""
    with faulty_server((upstream.host, upstream.port), defect) as server:
        done = run_suite("--base-url", server.base_url, *QUICK, "--fail-fast")
    assert done.returncode == 1, done.stdout
    assert re.search(named, done.stdout), done.stdout
    assert KEY not in done.stdout + done.stderr


@pytest.mark.parametrize(("schema", "property_"), [("SubmittedTask", "status_update_time"), ("VideoTaskError", "code")])
def test_a_corrupted_property_fails_the_run(
    run_suite: Command, upstream: Upstream, contract: Contract, schema: str, property_: str
) -> None:
    """A wrong type is found, of a property of a property too (the campaign walks through all of them)."""
    with faulty_server((upstream.host, upstream.port), corrupts(contract, schema, property_)) as server:
        done = run_suite("--base-url", server.base_url, *QUICK, "--fail-fast")
    assert done.returncode == 1, done.stdout


def test_the_faulty_server_itself_is_no_defect(run_suite: Command, upstream: Upstream) -> None:
    """The same server with no defect is green: what is found above is the defect."""
    with faulty_server((upstream.host, upstream.port), Defect("none")) as server:
        done = run_suite("--base-url", server.base_url, *QUICK)
    assert done.returncode == 0, done.stdout
    # Most requests name a task that exists: else a run would prove little more than how the server refuses.
    reads = [path for method, path in server.asked if method == "GET" and path.startswith("/v1/videos/")]
    known = [path for path in reads if "video_abc123" in path or "grok%3A" in path or "grok:" in path]
    assert len(known) > len(reads) / 2


def test_a_server_that_refuses_the_key_proves_nothing(run_suite: Command, upstream: Upstream) -> None:
    """401 to everything, or a wrong key: one line, status 2, and no run that would pass on refusals."""
    with faulty_server((upstream.host, upstream.port), always(401, UNAUTHORIZED)) as server:
        refused = run_suite("--base-url", server.base_url, *QUICK)
        assert len(server.asked) == 1
    wrong = run_suite("--base-url", upstream.base_url, *QUICK, key="sk-wrong")
    for done in (refused, wrong):
        assert (done.returncode, done.stdout) == (2, "")
        assert "refuses the key of OCTOPUSX_API_KEY (401); a run with it would prove nothing" in done.stderr
    assert "sk-wrong" not in wrong.stderr


def test_a_broken_should_is_reported_where_it_does_not_fail(run_suite: Command, upstream: Upstream) -> None:
    """A remote server is warned on `should` rules; the report counts them by their number."""
    with faulty_server((upstream.host, upstream.port), Defect("drops the request id", answer=_no_request_id)) as server:
        done = run_suite("--base-url", server.base_url, *QUICK, "--no-strict")
    assert done.returncode == 0, done.stdout
    assert re.search(r"\d+ times +R33: ", done.stdout)


SPELLINGS: dict[str, Callable[[str], str]] = {
    "as it is": lambda key: key,
    "escaped as in JSON": lambda key: key.replace("/", "\\/").replace("+", "\\u002b"),
    "encoded as in URLs": lambda key: key.replace("/", "%2F").replace("+", "%2b"),
    "cut off by whoever shortens the answer": lambda key: "." * 485 + key,
    "among control codes": lambda key: f"\x1b[2J{key}\x07",
}


@pytest.mark.parametrize("name", SPELLINGS)
def test_the_key_never_shows_even_if_the_server_sends_it_back(
    run_suite: Command, upstream: Upstream, tmp_path: Path, name: str
) -> None:
    """A server that repeats the key in its answers brings no piece of it into the output or the report."""
    key = "sk-Q7w/ErTy+uIoP1234567890abcdefXYZ"

    def request(headers: dict[str, str]) -> None:
        if headers.get("authorization") == f"Bearer {key}":
            headers["authorization"] = f"Bearer {KEY}"

    def answer(exchange: Exchange) -> None:
        if exchange.status == 200:
            exchange.status = 418
            exchange.headers["content-type"] = "text/plain"
            exchange.body = f"you sent {SPELLINGS[name](key)}".encode()

    report = tmp_path / "report.xml"
    with faulty_server((upstream.host, upstream.port), Defect("echoes", request, answer)) as server:
        # The whole run once, since each layer shows answers in a way of its own; the spellings are hidden in one place.
        pace = () if name == "as it is" else ("--fail-fast",)
        done = run_suite("--base-url", server.base_url, *QUICK, *pace, "--junit", str(report), key=key)
    assert done.returncode == 1
    assert "you sent" in done.stdout
    for text in (done.stdout, done.stderr, report.read_text("utf-8")):
        assert key[:9] not in text.replace("\\", "")
        assert "ErTy" not in text
        assert "\x1b" not in text


def test_nothing_of_the_caller_s_gets_between(
    run_suite: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A proxy, credentials of other servers and pytest's settings of the caller's do not reach the run."""
    (tmp_path / ".netrc").write_text("default login a password b\n", "utf-8")
    cache = os.environ.get("XDG_CACHE_HOME", str(Path("~/.cache").expanduser()))
    monkeypatch.setenv("XDG_CACHE_HOME", cache)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("PYTEST_ADDOPTS", "--nonsense")
    with socket.create_server(("127.0.0.1", 0)) as proxy:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.getsockname()[1]}")
        done = run_suite(*QUICK, key=None)
        proxy.settimeout(0)
        with pytest.raises(BlockingIOError):
            proxy.accept()
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("arguments", "key", "said"),
    [
        (["--base-url", "http://127.0.0.1:1"], None, "set OCTOPUSX_API_KEY to an API key of the server"),
        (["--base-url", "http://127.0.0.1:1"], "sk\nx", "OCTOPUSX_API_KEY is not an API key"),
        (
            ["--base-url", "http://127.0.0.1:1"],
            KEY,
            "http://127.0.0.1:1 does not answer as a server does (ConnectError); is it running there?",
        ),
        (["--base-url", "127.0.0.1:4010"], KEY, "has no scheme or host; write it like http://127.0.0.1:4010"),
        (["--base-url", "http://127.0.0.1:x"], KEY, "write it like http://127.0.0.1:4010"),
        (["--base-url", f"http://u:{KEY}@127.0.0.1"], KEY, "the key comes from OCTOPUSX_API_KEY"),
        (["--base-url", "http://example.com"], KEY, "plain http would show the key"),
        (["--base-url", "http://127.0.0.1:1", "--task-id", "a\nb"], KEY, "does not answer as a server does"),
        (["--junit", "/nowhere/report.xml"], None, "--junit /nowhere/report.xml: can't be written"),
        (["--contract", "none.yaml"], KEY, "none.yaml: can't be read"),
    ],
)
def test_a_run_that_can_t_start_is_one_line_and_status_2(
    run_suite: Command, arguments: list[str], key: str | None, said: str
) -> None:
    """What prevents the run is named with the mend, and nothing is sent."""
    done = run_suite(*arguments, key=key)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("octopusx-video-contract: error: ")
    assert len(done.stderr.splitlines()) == 1
    assert said in done.stderr
    assert key is None or key not in done.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--seed", "x"], "argument --seed: invalid int value: 'x'"),
        (["--max-examples", "²"], "argument --max-examples: '²' is not a whole number above 0"),
        (["--max-examples", "0"], "argument --max-examples: '0' is not a whole number above 0"),
        (["--timeout", "-1"], "argument --timeout: '-1' is not a number of seconds"),
        (["--key", "sk"], "unrecognized arguments: --key sk"),
    ],
)
def test_a_misspelt_option_is_explained(run_suite: Command, arguments: list[str], said: str) -> None:
    """The usage and the wrong word, status 2."""
    done = run_suite(*arguments)
    assert done.returncode == 2
    assert said in done.stderr


def test_a_server_that_says_nothing_ends_the_run(run_suite: Command) -> None:
    """A server that accepts and never answers costs one timeout, not the caller's patience."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        done = run_suite("--base-url", f"http://127.0.0.1:{silent.getsockname()[1]}", "--timeout", "0.3")
    assert done.returncode == 2
    assert "does not answer as a server does (ReadTimeout)" in done.stderr


def test_a_server_that_never_succeeds_proves_nothing(run_suite: Command, upstream: Upstream) -> None:
    """An operation that is only ever refused fails the run, even where each refusal is in order."""

    def answer(exchange: Exchange) -> None:
        if exchange.method == "GET" and exchange.path.endswith("/content") and exchange.status in {200, 206}:
            exchange.status = 400
            exchange.headers["content-type"] = "application/json"
            exchange.body = b'{"error":{"message":"Task is not completed yet","type":"invalid_request_error"}}'

    with faulty_server((upstream.host, upstream.port), Defect("has no content", answer=answer)) as server:
        done = run_suite("--base-url", server.base_url, *QUICK)
    assert done.returncode == 1, done.stdout
    assert re.findall(r"^FAILED (\S+)", done.stdout, re.MULTILINE) == [
        "reached.py::test_operation_was_reached[downloadVideoContent]"
    ]
    assert "downloadVideoContent was never answered with success in" in done.stdout
