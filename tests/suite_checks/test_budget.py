"""What a run may cost: the price of each request, what leaves, and what is told of it."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import re
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from octopusx_video_contract import cli
from octopusx_video_contract.cases.code_samples import documented
from octopusx_video_contract.checks.billing import billed
from octopusx_video_contract.core.run import Run, running
from octopusx_video_contract.core.settings import Settings
from octopusx_video_contract.messages.http import Request, Response
from octopusx_video_contract.runner import session, target
from octopusx_video_contract.scenarios import schemathesis_adapter
from octopusx_video_contract.sending.budget import Budget, NotAskedError
from octopusx_video_contract.sending.senders import InProcess, OverHttp
from octopusx_video_contract.sending.transport import NoResponseError
from octopusx_video_mock import Mock
from octopusx_video_openapi import Contract, load, task_ids

from tests.campaigns import budget
from tests.conftest import KEY, Command

BASIC = base64.b64encode(f"user:{KEY}".encode()).decode()
SUBMIT, *_ = (one.request(KEY) for one in documented(load()) if one.operation_id in load().submits)
READ = next(one.request(KEY) for one in documented(load()) if one.operation_id not in load().submits)
STRANGER = replace(SUBMIT, headers=(("Authorization", "Bearer made-up"),))
EMPTY = replace(SUBMIT, body=None)
ANSWER_SECONDS = 10.0


def _run(sender: InProcess | OverHttp, base_url: str, limit: int, ledger: Path | None = None) -> Run:
    contract = load()
    return Run.begin(
        Settings(
            base_url, KEY, contract, tuple(task_ids.documented(contract)), seed=1, timeout=ANSWER_SECONDS, strict=False
        ),
        sender,
        Budget(contract, KEY, limit, ledger),
    )


def _against(mock: Mock, limit: int, ledger: Path | None = None) -> Run:
    return _run(InProcess(mock.transport), "http://localhost", limit, ledger)


def _operation(run: Run) -> Any:
    """A submit without a path parameter, as schemathesis has it."""
    schema: Any = schemathesis_adapter.schema(run)
    name = next(name for name in run.contract.submits if "{" not in run.contract.operations[name].path)
    return schema.find_operation_by_id(name)


class Raw:
    """A server that is told what to do with each connection, and keeps what came."""

    def __init__(self, serve: Callable[[int, bytes], bytes]) -> None:
        self.came: list[bytes] = []
        self._serve = serve
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.base_url = f"http://127.0.0.1:{self._listening.getsockname()[1]}"
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()

    def _work(self) -> None:
        while True:
            try:
                caller, _ = self._listening.accept()
            except OSError:
                return
            with caller, contextlib.suppress(OSError):
                self._one(caller)

    def _one(self, caller: socket.socket) -> None:
        """Serve a connection until its answer is empty."""
        caller.settimeout(5)
        while True:
            raw = b""
            while b"\r\n\r\n" not in raw:
                piece = caller.recv(65536)
                if not piece:
                    return
                raw += piece
            length = re.search(rb"(?i)\r\ncontent-length: *(\d+)", raw)
            while length and len(raw.partition(b"\r\n\r\n")[2]) < int(length[1]):
                raw += caller.recv(65536)
            self.came.append(raw)
            answer = self._serve(len(self.came), raw)
            if not answer:
                return
            caller.sendall(answer)

    def close(self) -> None:
        """Stop listening."""
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self._thread.join(5)


@contextlib.contextmanager
def raw_server(serve: Callable[[int, bytes], bytes]) -> Iterator[Raw]:
    """A server that answers with bytes, or closes the connection where there are none."""
    server = Raw(serve)
    try:
        yield server
    finally:
        server.close()


@pytest.mark.parametrize(
    "request_",
    [
        pytest.param(SUBMIT, id="a valid submit"),
        pytest.param(EMPTY, id="without a body"),
        pytest.param(replace(SUBMIT, body=b"{"), id="malformed"),
        pytest.param(replace(SUBMIT, body=b"[" + (SUBMIT.body or b"") + b"]"), id="wrapped"),
        pytest.param(replace(EMPTY, target=SUBMIT.target + "/"), id="a slash at the end"),
        pytest.param(replace(EMPTY, target=SUBMIT.target.replace("/", "//")), id="doubled slashes"),
        pytest.param(replace(EMPTY, target=SUBMIT.target.upper()), id="in upper case"),
        pytest.param(replace(EMPTY, target=SUBMIT.target.replace("v", "%76")), id="percent-encoded"),
        pytest.param(replace(EMPTY, target=SUBMIT.target.replace("v", "%2576")), id="percent-encoded twice"),
        pytest.param(replace(EMPTY, target=SUBMIT.target + "?a=b"), id="with a query"),
        pytest.param(replace(SUBMIT, method="PUT"), id="another method with a body"),
        pytest.param(replace(SUBMIT, target="/elsewhere"), id="another path with a body"),
        pytest.param(replace(STRANGER, target=f"{SUBMIT.target}?key={KEY}"), id="the key in the query"),
        pytest.param(replace(STRANGER, target=f"{SUBMIT.target}?key=%73{KEY[1:]}"), id="the key percent-encoded"),
        pytest.param(replace(SUBMIT, headers=(("Cookie", f"session={KEY}"),)), id="the key in a cookie"),
        pytest.param(replace(SUBMIT, headers=(("X-Api-Key", KEY),)), id="the key in another header"),
        pytest.param(replace(SUBMIT, headers=(("Authorization", f"Basic {BASIC}"),)), id="the key as Basic has it"),
        pytest.param(
            replace(SUBMIT, headers=(("Authorization", f"Bearer {KEY.upper()}"),)), id="the key in upper case"
        ),
        pytest.param(replace(SUBMIT, headers=(), body=json.dumps({"key": KEY}).encode()), id="the key in the body"),
    ],
)
def test_what_could_be_billed_costs_a_unit(contract: Contract, request_: Request) -> None:
    """A request with the key that a lenient server could take for a submit has a price, and can't be sent without."""
    assert Budget(contract, KEY, 1).price(request_) is not None
    assert Budget(contract, KEY, 1).take(request_) is not None
    with pytest.raises(NotAskedError):
        Budget(contract, KEY, 0).take(request_)


@pytest.mark.parametrize(
    "request_",
    [
        pytest.param(READ, id="a read"),
        pytest.param(replace(SUBMIT, method="GET"), id="GET of a submit"),
        pytest.param(STRANGER, id="a made-up key"),
        pytest.param(replace(SUBMIT, headers=()), id="no key"),
        pytest.param(replace(EMPTY, method="PUT"), id="another method without a body"),
        pytest.param(replace(READ, method="DELETE"), id="another method of a read"),
    ],
)
def test_what_is_no_submit_of_the_account_costs_nothing(contract: Contract, request_: Request) -> None:
    """Reads, wrong methods and submits without a valid key are sent where there are no units."""
    counted = Budget(contract, KEY, 0)
    assert counted.price(request_) is None
    assert counted.take(request_) is None


def test_without_a_limit_nothing_is_counted(contract: Contract) -> None:
    """Against a mock no unit is taken, and there is no account."""
    counted = Budget(contract, KEY)
    assert counted.take(SUBMIT) is None
    assert (counted.units, counted.account()) == ([], [])


@pytest.mark.parametrize("fault", ["lost_answer", "server_error_billed", "connection_reset"])
def test_a_submit_that_went_wrong_stays_spent(tmp_path: Path, fault: str) -> None:
    """Its unit is on the disk before it leaves, it is not sent again, and it counts in the upper bound."""
    ledger = tmp_path / "ledger.jsonl"
    mock = Mock(token=KEY)
    on_disk: list[list[str]] = []
    served = mock.engine.respond

    def answer(request: object) -> object:
        on_disk.append([json.loads(line)["state"] for line in ledger.read_text("utf-8").splitlines()])
        return served(request)  # type: ignore[arg-type]

    mock.engine.respond = answer  # type: ignore[method-assign,assignment]
    run = _against(mock, 1, ledger)
    with mock.fault(fault), contextlib.suppress(NoResponseError):
        assert not run.transport.send(SUBMIT).is_success
    with pytest.raises(NotAskedError, match="allows no more"):
        run.transport.send(SUBMIT)
    assert on_disk == [["sending"]]
    assert len(mock.calls) == 1
    assert len(mock.billed) <= run.budget.upper_bound == 1
    lost = int(fault != "server_error_billed")
    assert f"({lost} without a response" in run.budget.account()[0]


def test_an_accepted_task_is_in_the_account_and_the_ledger(tmp_path: Path) -> None:
    """Its id can be found after the run, and the key is in neither."""
    ledger = tmp_path / "ledger.jsonl"
    mock = Mock(token=KEY)
    run = _against(mock, 2, ledger)
    run.transport.send(replace(SUBMIT, target=f"{SUBMIT.target}?key={KEY}"))
    [made] = mock.submissions
    lines = [json.loads(line) for line in ledger.read_text("utf-8").splitlines()]
    assert [(line["state"], line["task"]) for line in lines] == [("sending", None), ("answered", made.task)]
    assert any(made.task in line for line in run.budget.account())
    assert KEY not in ledger.read_text("utf-8")


def test_a_refusal_costs_a_unit_and_is_told_as_not_billed() -> None:
    """A malformed submit takes the unit; that the contract calls its refusal never billed is told beside it."""
    run = _against(Mock(token=KEY), 1)
    answer = run.transport.send(replace(SUBMIT, body=b"{"))
    assert billed(run.contract, answer) == "never"
    assert len(run.budget.units) == 1
    assert run.budget.upper_bound == 0
    assert "1 refused" in run.budget.account()[0]


def test_a_ledger_may_be_no_file(contract: Contract) -> None:
    """What can't be synced, as the null device of a dry run, is written to all the same."""
    counted = Budget(contract, KEY, 1, Path(os.devnull))
    assert counted.take(SUBMIT) is not None


@pytest.mark.parametrize("request_", [STRANGER, replace(EMPTY, method="PUT")], ids=["no valid key", "a wrong method"])
@pytest.mark.parametrize("status", [200, 307, 500, None])
def test_what_costs_nothing_is_sent_until_one_may_have_been_accepted(
    contract: Contract, request_: Request, status: int | None
) -> None:
    """After the first that was not surely refused no other is sent, and it counts in the upper bound."""
    counted = Budget(contract, KEY, 1)
    for _ in range(3):
        assert counted.take(request_) is None
        counted.settle(None, Response(request_, 401, {}, b""))
    assert counted.upper_bound == 0
    counted.take(request_)
    if status is not None:
        counted.settle(None, Response(request_, status, {}, b""))
    for another in (request_, STRANGER):
        with pytest.raises(NotAskedError):
            counted.take(another)
    assert counted.upper_bound == 1
    assert "1 of them cost no unit" in counted.account()[1]
    assert counted.take(SUBMIT) is not None
    assert counted.take(READ) is None


@pytest.mark.slow
def test_nothing_is_sent_again_on_a_dropped_connection() -> None:
    """A kept connection that is closed under a submit is an answer that was lost, for schemathesis's requests too."""
    ok = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"
    with raw_server(lambda number, _: ok if number % 2 else b"") as server:
        run = _run(OverHttp(local=True), server.base_url, 2)
        with contextlib.closing(run.transport), running(run):
            run.transport.send(READ)
            with pytest.raises(NoResponseError):
                run.transport.send(SUBMIT)
            operation = _operation(run)
            run.transport.send(READ)
            authorized = {"Authorization": f"Bearer {KEY}"}
            with pytest.raises(NoResponseError):
                operation.Case(body={"a": "b"}, headers=authorized).call()
    methods = [raw.partition(b" ")[0] for raw in server.came]
    assert methods == [b"GET", b"POST", b"GET", b"POST"]
    assert run.budget.upper_bound == len(run.budget.units) == 2


def test_a_redirect_is_not_followed() -> None:
    """A 307 to another path is the answer, whoever sends: the wire or schemathesis."""

    def serve(_: int, __: bytes) -> bytes:
        return b"HTTP/1.1 307 Temporary Redirect\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n"

    with raw_server(serve) as server:
        run = _run(OverHttp(local=True), server.base_url, 2)
        with contextlib.closing(run.transport), running(run):
            assert run.transport.send(SUBMIT).status == 307
            operation = _operation(run)
            case = operation.Case(body={"a": "b"}, headers={"Authorization": f"Bearer {KEY}"})
            assert case.call().status_code == 307
    assert len(server.came) == 2
    assert not any(b"elsewhere" in raw for raw in server.came)
    assert run.budget.upper_bound == 2


@pytest.mark.slow
def test_a_dry_run_tells_what_would_be_sent_and_sends_nothing(run_suite: Command) -> None:
    """The server that is named gets no connection; each kind of request is counted, and what it would cost."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(0.1)
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        done = run_suite(
            "--base-url",
            url,
            "--max-paid",
            "2",
            "--dry-run",
            "--max-examples",
            "1",
            "--deadline",
            "0.5",
            "--task-id",
            "grok:known",
        )
        with pytest.raises(TimeoutError):
            listening.accept()
    assert done.returncode == 0, done.stderr
    assert "and spend 2 units" in done.stdout
    costly = re.findall(r"^ *(\d+) times .*\(costs a unit each\)$", done.stdout, re.MULTILINE)
    assert sum(map(int, costly)) == 2
    assert re.search(r"^ *\d+ times +GET ", done.stdout, re.MULTILINE)


def test_by_default_a_server_elsewhere_gets_no_unit(contract: Contract, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever does not say --max-paid has none, and gets no ledger either."""

    def kept(run: Run, *_: object, **__: object) -> int:
        runs.append(run)
        return 0

    monkeypatch.setattr(session, "run", kept)
    monkeypatch.setattr(target, "OverHttp", lambda **_: InProcess(Mock(token=KEY).transport))
    monkeypatch.setenv(target.KEY_VARIABLE, KEY)
    runs: list[Run] = []
    assert cli.main(["--base-url", "https://service.invalid"]) == 0
    assert (runs[0].budget.limit, runs[0].budget.ledger) == (0, None)


@pytest.mark.slow
def test_without_units_no_submit_with_the_key_is_sent(run_suite: Command) -> None:
    """The whole suite is refused every submit that it sends, and says that nothing was billed."""
    mock = Mock(token=KEY, start=None)
    with mock.serve() as url:
        done = run_suite("--base-url", url, "--max-paid", "0", "--seed", "1", "--max-examples", "1")
    assert "at most 0 submits may have been billed; 0 of 0 units are spent" in done.stdout
    starting = load().submits
    assert {call.status for call in mock.calls if call.operation in starting} == {401}
    assert mock.submissions == []


@pytest.mark.slow
def test_the_campaign_finds_no_run_that_spends_more() -> None:
    """Three runs of it, the last of them by the command over HTTP, are clean and prove something."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.campaigns.budget", "--runs", "3", "--seed", str(4 * budget.HTTP_EVERY - 2)],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    numbers = {what: int(count) for count, what in re.findall(r"(\d+) ([A-Za-z ]+)", done.stdout.splitlines()[-1])}
    assert numbers["of them by the command over HTTP"] == 1
    assert 0 < numbers["spent"] <= numbers["units given"] < numbers["requests"]


def test_that_a_file_can_be_written_is_found_out_without_a_trace(tmp_path: Path) -> None:
    """What was not there is not there afterwards, what was keeps what it holds, and what can't be written is named."""
    new, old = tmp_path / "new", tmp_path / "old"
    old.write_text("kept")
    for path in (new, old):
        target.writable(path, "--report")
    assert not new.exists()
    assert old.read_text() == "kept"
    with pytest.raises(target.CannotRunError, match=r"--report .*can't be written"):
        target.writable(tmp_path / "nowhere" / "new", "--report")
