"""The contract suite judges servers: it is silent on a good one and finds what is wrong with a bad one."""

from __future__ import annotations

import fcntl
import os
import re
import shlex
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree as ET

import httpx
import pytest
from octopusx_video_mock import Mock

from tests.campaigns.detection import suite_runs
from tests.campaigns.detection.kill_matrix import BY_NAME, SLOW
from tests.conftest import KEY, Command, Upstream
from tests.defects import DEFECTS, serve
from tests.support.faulty import Defect as Fault
from tests.support.faulty import Exchange, always, faulty_server

QUICK = ("--seed", "1", "--max-examples", "3")
LAYER = ("--layer", "documented_requests")
"""One layer of a few requests, where what a run prints does not depend on which are asked."""
TASK_UNKNOWN = {"code": "task_not_exist", "message": "task_not_exist", "data": None}
UNAUTHORIZED = {"error": {"message": "Invalid token", "type": "new_api_error", "code": ""}}
SAMPLE = {
    "response schema": "query-ratio-null",
    "status": "submit-201",
    "media type": "json-as-text",
    "credentials": "scheme-basic",
    "validation": "size-480p",
    "routing": "allow-what-was-sent",
    "life": "size-always-720p",
    "content": "part-one-byte-short-at-end",
    "billing": "submit-billed-twice",
    "connection": "not-http-on-create",
}
"""A defect of each family."""


@pytest.fixture(scope="module")
def own_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files of a whole run against the project's own mock: two tests look at it, and it takes ten seconds.

    Those may run in different workers, and the first of them makes it for both.
    """
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "own_run"
    folder.mkdir(exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "sent.txt").exists():
            _run_own(folder)
    return folder


def _run_own(folder: Path) -> None:
    """A run in a process of its own: what is generated depends on the modules that are loaded."""
    code = (
        "import pathlib, sys\n"
        f"sys.path.append({str(Path(__file__).parents[2])!r})\n"
        "from octopusx_video_contract import cli\n"
        "from tests.support import sent\n"
        "sent.record(pathlib.Path('sent.txt').absolute())\n"
        "sys.exit(cli.main(sys.argv[1:]))\n"
    )
    options = [*QUICK, "--verbose", "--junit", "junit.xml", "--report", "report.md"]
    environment = {name: value for name, value in os.environ.items() if name != "OCTOPUSX_API_KEY"}
    command = [sys.executable, "-c", code, *options]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder, env=environment)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    (folder / "stdout.txt").write_text(done.stdout, "utf-8")


@pytest.mark.slow
def test_a_mock_keeps_the_contract_and_junit_and_the_report_say_so(own_run: Path) -> None:
    """Green in process, all of the contract exercised; JUnit has each test, the report a row for each status."""
    stdout = (own_run / "stdout.txt").read_text("utf-8")
    assert stdout.startswith("seed 1: repeat this run with --seed 1 and the same other options\n")
    assert "skipped" not in stdout
    assert "rules not asked: none" in stdout
    cases = [f"{case.get('classname')} {case.get('name')}" for case in ET.parse(own_run / "junit.xml").iter("testcase")]
    assert "conformance test_createVideoExtension" in cases
    assert len(cases) == len(set(cases))
    told = (own_run / "report.md").read_text("utf-8")
    assert "**The server keeps the contract**" in told
    assert re.search(r"^\| downloadVideoContent \| 502 \| \d+ \| \d+ \|$", told, re.MULTILINE)
    assert "Every operation, parameter, documented response" in told


@pytest.mark.slow
def test_the_seed_repeats_the_requests_byte_for_byte(own_run: Path, tmp_path: Path) -> None:
    """Two runs with a seed send the same bytes, but for the ids, which follow the order in which submits arrive."""
    _run_own(tmp_path)
    first, second = ((folder / "sent.txt").read_text("utf-8") for folder in (own_run, tmp_path))
    assert int(first.split()[0]) > 1000
    assert first == second


@pytest.mark.slow
def test_prism_keeps_the_contract_as_far_as_it_can_be_asked(run_suite: Command) -> None:
    """Green too; what a server that keeps no tasks can't be asked is skipped by name."""
    done = run_suite("--seed", "1", "--max-examples", "1", "--engine", "prism", key=None)
    assert done.returncode == 0, done.stdout
    assert re.search(r"SKIPPED \[\d+\] life.py:\d+: R06, R15 to R17 .* a server that keeps no tasks", done.stdout)


@pytest.mark.slow
def test_without_a_seed_a_new_one_is_made_and_no_file_is_left(
    run_suite: Command, upstream: Upstream, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each run has a seed of its own and prints it; what it was not asked to write, it does not."""
    monkeypatch.chdir(tmp_path)
    with faulty_server((upstream.host, upstream.port), always(404, TASK_UNKNOWN)) as server:
        seeds = {
            re.findall(r"^seed (\d+):", run_suite("--base-url", server.base_url, *LAYER).stdout)[0] for _ in range(2)
        }
    assert len(seeds) == 2
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_a_defect_of_each_family_is_named_by_its_rule() -> None:
    """A sample of the kill matrix: each server is found out, and the finding names the rule that it breaks."""
    assert SAMPLE.keys() == {defect.family for defect in DEFECTS}
    assert dict(suite_runs.each(_is_found, SAMPLE.values())) == dict.fromkeys(SAMPLE.values(), True)


def _is_found(name: str) -> tuple[str, bool]:
    """Whether a run, which ends then, finds that the rule is broken that the defect breaks."""
    defect = BY_NAME[name]
    judged = suite_runs.judged(defect, *QUICK, "--timeout", "2", without=SLOW, until=defect.rule)
    return name, defect.rule in {one.rule for one in judged.found}


@pytest.mark.slow
def test_the_kill_matrix_counts_what_is_caught() -> None:
    """Of a defect that lives it says so."""
    command = [sys.executable, "-m", "tests.campaigns.detection.kill_matrix", "--only", SAMPLE["billing"]]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "1 of 1 defects caught, 0 false alarms in 23 correct runs\n"), (
        done.stderr
    )


@pytest.mark.slow
def test_a_finding_says_the_rule_the_request_the_answer_and_the_seed(run_suite: Command, tmp_path: Path) -> None:
    """What is needed to see it again: a curl command that takes the key from the environment, and what came back."""
    defect = next(defect for defect in DEFECTS if defect.name == SAMPLE["validation"])
    report = tmp_path / "report.md"
    with serve(defect, key=KEY) as server:
        done = run_suite("--base-url", server.base_url, *QUICK, "--fail-fast", "--report", str(report))
        curl = re.findall(r"^    (curl .*)$", done.stdout, re.MULTILINE)[0]
        again = _asked(shlex.split(curl.replace("$OCTOPUSX_API_KEY", KEY)))
    assert done.returncode == 1
    assert f"{defect.rule} (should) is broken: " in done.stdout
    assert re.search(r"^the response:\n    200 application/json ", done.stdout, re.MULTILINE)
    assert "seed 1: repeat it with --seed 1" in done.stdout
    assert KEY not in done.stdout + done.stderr + report.read_text("utf-8")
    assert again == 200
    assert curl in report.read_text("utf-8")


def _asked(words: list[str]) -> int:
    """The status that the words of a curl command get."""
    headers = [words[at + 1].split(": ", 1) for at, word in enumerate(words) if word == "-H"]
    url = next(word for word in words if word.startswith("http"))
    body = words[words.index("--data-binary") + 1]
    return httpx.request(
        words[words.index("-X") + 1], url, headers=[(name, value) for name, value in headers], content=body
    ).status_code


@pytest.mark.slow
def test_the_faulty_server_itself_is_no_defect(run_suite: Command, upstream: Upstream) -> None:
    """A server in front of the mock with no defect is green, its tasks followed in real time where no clock turns."""
    with faulty_server((upstream.host, upstream.port), Fault("none")) as server:
        done = run_suite("--base-url", server.base_url, *QUICK, "--deadline", "1")
    # The mock's tasks take three minutes: that they did not end in a second is all that there is to find.
    assert re.findall(r"^(R\d\d) .* \(found by: (\w+)\)$", done.stdout, re.MULTILINE) == [("R45", "life")]
    assert "(--deadline)" in done.stdout
    # Most reads name a task that exists: else a run would prove little more than how the server refuses.
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


def _no_request_id(exchange: Exchange) -> None:
    exchange.headers.pop("x-oneapi-request-id", None)


def test_a_broken_should_is_reported_where_it_does_not_fail(run_suite: Command, upstream: Upstream) -> None:
    """A remote server is warned on `should` rules; the report counts them by their number."""
    with faulty_server((upstream.host, upstream.port), Fault("drops the request id", answer=_no_request_id)) as server:
        done = run_suite("--base-url", server.base_url, *QUICK, *LAYER, "--no-strict")
    assert done.returncode == 0, done.stdout
    assert re.search(r"\d+ times +R33: ", done.stdout)


@pytest.mark.parametrize("strict", ["--strict", "--no-strict"])
def test_every_output_links_to_the_documentation_of_a_broken_rule(
    run_suite: Command, upstream: Upstream, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, strict: str
) -> None:
    """Console, report and JUnit, with the address of the environment; where the rule does not fail the run as well."""
    monkeypatch.setenv("OCTOPUSX_DOCS_URL", "https://docs.example.com/")
    junit, report = tmp_path / "junit.xml", tmp_path / "report.md"
    options = (*QUICK, *LAYER, strict, "--junit", str(junit), "--report", str(report))
    with faulty_server((upstream.host, upstream.port), Fault("drops the request id", answer=_no_request_id)) as server:
        done = run_suite("--base-url", server.base_url, *options)
    link = "https://docs.example.com/reference/rules/#R33"
    assert done.stdout.count(link) == 1
    assert link in report.read_text("utf-8")
    failures = [str(failure.text) for failure in ET.parse(junit).iter("failure")]
    assert bool(failures) == (strict == "--strict")
    assert all(link in text for text in failures)


SPELLINGS: dict[str, Callable[[str], str]] = {
    "as it is": lambda key: key,
    "escaped as in JSON": lambda key: key.replace("/", "\\/").replace("+", "\\u002b"),
    "encoded as in URLs": lambda key: key.replace("/", "%2F").replace("+", "%2b"),
    "cut off by whoever shortens the answer": lambda key: "." * 485 + key,
    "among control codes": lambda key: f"\x1b[2J{key}\x07",
}


@pytest.mark.slow
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
    with faulty_server((upstream.host, upstream.port), Fault("echoes", request, answer)) as server:
        # The whole run once, since each layer shows answers in a way of its own; the spellings are hidden in one place.
        pace = ("--deadline", "1") if name == "as it is" else ("--fail-fast",)
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
        done = run_suite(*QUICK, *LAYER, "--engine", "server", key=None)
        proxy.settimeout(0)
        with pytest.raises(BlockingIOError):
            proxy.accept()
    assert done.returncode == 0, done.stdout


@pytest.mark.slow
def test_a_mock_with_its_pages_conforms(run_suite: Command) -> None:
    """Over HTTP, as `--engine server` starts it: the pages are there, and no request of the suite meets them."""
    with Mock(token=(KEY, "sk-other"), start=None).serve(control=True) as url:
        done = run_suite("--base-url", url, *QUICK, *LAYER, "--layer", "forms", "--strict")
        for path in ("/", "/docs", "/healthz", "/openapi.json"):
            assert httpx.get(f"{url}{path}", headers={"Accept": "text/html"}).status_code == 200, path
    assert done.returncode == 0, done.stdout
    assert re.search(r"^limited to layers documented_requests, forms$", done.stdout, re.MULTILINE)


@pytest.mark.parametrize(
    ("arguments", "key", "said"),
    [
        (["--base-url", "http://127.0.0.1:1"], None, "set OCTOPUSX_API_KEY to an API key of the server"),
        (["--base-url", "http://127.0.0.1:1"], "sk\nx", "OCTOPUSX_API_KEY is not an API key"),
        (
            ["--base-url", "http://127.0.0.1:1"],
            KEY,
            "http://127.0.0.1:1 does not respond as an HTTP server does: no complete response arrived (ConnectError",
        ),
        (["--base-url", "127.0.0.1:4010"], KEY, "has no scheme or host; write it like http://127.0.0.1:4010"),
        (["--base-url", "http://127.0.0.1:x"], KEY, "write it like http://127.0.0.1:4010"),
        (["--base-url", f"http://u:{KEY}@127.0.0.1"], KEY, "the key comes from OCTOPUSX_API_KEY"),
        (["--base-url", "http://example.com"], KEY, "plain http would show the key"),
        (["--base-url", "https://a..b"], KEY, "a..b is no name of a host"),
        (["--base-url", "http://127.0.0.1:1", "--task-id", "a\nb"], KEY, "does not respond as an HTTP server does"),
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
        (["--seed", "x"], "Invalid value for '--seed': 'x' is not a valid integer; see --help"),
        (["--max-examples", "²"], "Invalid value for '--max-examples': '²' is not a whole number above 0"),
        (["--max-examples", "0"], "Invalid value for '--max-examples': '0' is not a whole number above 0"),
        (["--timeout", "-1"], "Invalid value for '--timeout': '-1' is not a number of seconds"),
        (["--key", "sk"], "No such option '--key'; see --help"),
        (["--docs-url", "docs"], "'docs' is not a base URL; write it like https://docs.example.com/octopusx-video"),
        (["--docs-url", "https://me:secret@docs/"], "Invalid value for '--docs-url'"),
        (["--docs-url", "https://docs/#R01"], "'https://docs/#R01' is not a base URL"),
        (["--docs-url", "https://docs:x"], "'https://docs:x' is not a base URL"),
    ],
)
def test_a_misspelt_option_is_explained(run_suite: Command, arguments: list[str], said: str) -> None:
    """One line with the wrong word, status 2, and nothing is sent."""
    done = run_suite(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr
    assert "secret" not in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.slow
def test_a_server_that_says_nothing_ends_the_run(run_suite: Command) -> None:
    """A server that accepts and never answers costs three timeouts, not the caller's patience, and is a finding."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        done = run_suite(
            "--base-url", f"http://127.0.0.1:{silent.getsockname()[1]}", *QUICK, *LAYER, "--timeout", "0.3"
        )
    assert done.returncode == 1
    assert "R53 (should) is broken" in done.stdout
    assert "since nothing responds: no complete response arrived within 0.3 s" in done.stdout


@pytest.mark.slow
def test_a_server_that_hangs_costs_bounded_time_and_the_other_operations_are_judged(run_suite: Command) -> None:
    """After three requests without a response an operation is left alone, and the run goes on with the others."""
    defect = next(defect for defect in DEFECTS if defect.name == "submit-hangs")
    with serve(defect, key=KEY) as server:
        done = run_suite("--base-url", server.base_url, *QUICK, *LAYER, "--layer", "boundaries", "--timeout", "1")
    assert done.returncode == 1
    assert "R53 (should) is broken" in done.stdout
    assert "is not asked any more: no complete response arrived within 1 s" in done.stdout
    assert re.search(r"^getVideoTask +\d+ requests +200: \d\d", done.stdout, re.MULTILINE)


def test_a_server_that_never_succeeds_proves_nothing(run_suite: Command, upstream: Upstream) -> None:
    """An operation that is only ever refused fails the run, even where each refusal is in order."""

    def answer(exchange: Exchange) -> None:
        if exchange.method == "GET" and exchange.path.endswith("/content") and exchange.status in {200, 206}:
            exchange.status = 400
            exchange.headers["content-type"] = "application/json"
            exchange.body = b'{"error":{"message":"Task is not completed yet","type":"invalid_request_error"}}'

    with faulty_server((upstream.host, upstream.port), Fault("has no content", answer=answer)) as server:
        done = run_suite("--base-url", server.base_url, *QUICK, *LAYER, "--layer", "reached", "--no-strict")
    assert done.returncode == 1, done.stdout
    assert "FAILED reached.py::test_operation_was_reached[downloadVideoContent]" in done.stdout
    assert "downloadVideoContent never responded with success in" in done.stdout


def test_a_server_that_turns_everything_away_proves_nothing(run_suite: Command, upstream: Upstream) -> None:
    """A run in which reads cost nothing and were never answered as reads are is no green one, paid for or not."""
    with faulty_server((upstream.host, upstream.port), always(503, UNAUTHORIZED)) as server:
        done = run_suite("--base-url", server.base_url, *QUICK, *LAYER, "--layer", "reached", "--max-paid", "0")
    assert done.returncode == 1, done.stdout
    assert "getVideoTask never responded with success" in done.stdout


@pytest.mark.slow
def test_json_that_nobody_can_read_is_a_finding(run_suite: Command, upstream: Upstream) -> None:
    """Brackets without an end break no reader of the suite, and are found as no answer."""

    def answer(exchange: Exchange) -> None:
        if exchange.headers.get("content-type") == "application/json":
            exchange.body = b"[" * 20_000 + b"]" * 20_000

    with faulty_server((upstream.host, upstream.port), Fault("answers deeply", answer=answer)) as server:
        done = run_suite("--base-url", server.base_url, *QUICK, "--fail-fast")
    assert done.returncode == 1
    assert "R53 (should) is broken" in done.stdout
    assert "its JSON is nested more than" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr
