"""A response is received within bounds, and what arrived of it is kept where it can't be used."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import json
import signal
import socket
import threading
import time
import tracemalloc
import zlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from octopusx_video_contract import cli
from octopusx_video_contract.cases.code_samples import documented
from octopusx_video_contract.checks import task_life
from octopusx_video_contract.core.findings import Finding, Findings
from octopusx_video_contract.core.run import Run, running
from octopusx_video_contract.core.settings import Settings
from octopusx_video_contract.messages.http import ABSENT, Response
from octopusx_video_contract.probe.probe import Probe
from octopusx_video_contract.probe.questions import Question
from octopusx_video_contract.probe.reports import Report
from octopusx_video_contract.runner import session
from octopusx_video_contract.scenarios import client_calls, schemathesis_adapter
from octopusx_video_contract.scenarios.downloads import Downloads
from octopusx_video_contract.scenarios.task_driver import TaskDriver
from octopusx_video_contract.sending import transport
from octopusx_video_contract.sending.budget import Budget
from octopusx_video_contract.sending.mock_control import Control
from octopusx_video_contract.sending.senders import InProcess, OverHttp, Sender
from octopusx_video_contract.sending.transport import NoResponseError
from octopusx_video_mock import Mock
from octopusx_video_openapi import content_encoding, interrupts, load, task_ids

from tests.conftest import KEY
from tests.support import signals

CONTRACT = load()
SUBMIT = next(one.request(KEY) for one in documented(CONTRACT) if one.operation_id == "createVideoExtension")
READ_SAMPLE = next(one for one in documented(CONTRACT) if one.operation_id == "getVideoTask")
READ = READ_SAMPLE.request(KEY)
NEW = "grok:0b61a7de-new"
BODY = json.dumps({"id": NEW, "status": "processing"}).encode()
JSON = "application/json"


def run_of(
    sender: Sender,
    base_url: str = "http://localhost",
    ledger: Path | None = None,
    limit: int = 3,
    *,
    timeout: float = 10.0,
    strict: bool = False,
) -> Run:
    """A run in which submits are paid for."""
    budget = Budget(CONTRACT, KEY, limit, ledger)
    known = tuple(task_ids.documented(CONTRACT))
    settings = Settings(base_url, KEY, CONTRACT, known, seed=1, timeout=timeout, strict=strict)
    return Run.begin(settings, sender, budget)


def answering(*pieces: bytes, status: int = 200, then: Callable[[], object] = str, **headers: str) -> InProcess:
    """A server in this process that sends these pieces, and then does something."""

    class Stream(httpx.SyncByteStream):
        def __iter__(self) -> Iterator[bytes]:
            yield from pieces
            then()

    kept = {name.replace("_", "-"): value for name, value in headers.items()}
    kept.setdefault("content-type", JSON)
    return InProcess(httpx.MockTransport(lambda _: httpx.Response(status, headers=kept, stream=Stream())))


@contextlib.contextmanager
def raw_server(answer: bytes, *, closes: bool) -> Iterator[str]:
    """A server that sends bytes to whoever connects, and closes the connection or does nothing more."""
    done = threading.Event()

    def serve() -> None:
        with contextlib.suppress(OSError):
            caller, _ = listening.accept()
            with caller:
                caller.recv(65536)
                caller.sendall(answer)
                if not closes:
                    done.wait(5)

    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(2)
        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            done.set()
            thread.join(5)


HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nX-Oneapi-Request-Id: r-1\r\n"
DEEP = BODY[:-1] + b', "x": ' + b"[" * 600 + b"]" * 600 + b"}"
PACKED = gzip.compress(BODY + b" " * 5_000_000)
BROKEN = gzip.compress(BODY)[:-8] + bytes(8)
UNUSABLE: dict[str, InProcess | tuple[bytes, bool]] = {
    "too large": answering(BODY, b" " * 4_000_000),
    "too large when unpacked": answering(PACKED, content_encoding="gzip"),
    "with a wrong checksum": answering(BROKEN, content_encoding="gzip"),
    "in an unknown coding": answering(BODY, content_encoding="br"),
    "nested too deeply": answering(DEEP),
    "cut": (HEAD + b"Content-Length: 999\r\n\r\n" + BODY, True),
    "cut in the JSON": (HEAD + b"Content-Length: 999\r\n\r\n" + BODY[:-10], True),
    "cut in a chunk": (HEAD + b"Transfer-Encoding: chunked\r\n\r\n80\r\n" + BODY, True),
    "too late": (HEAD + b"Content-Length: 999\r\n\r\n" + BODY, False),
    "with two lengths": (HEAD + b"Content-Length: 1\r\nContent-Length: 999\r\n\r\n" + BODY, True),
    "not HTTP": (b"200 OK\n" + BODY, True),
    "without an end of its head": (HEAD + BODY, False),
}


@contextlib.contextmanager
def served(case: InProcess | tuple[bytes, bool], ledger: Path | None = None) -> Iterator[Run]:
    """A run against a server of ``UNUSABLE``."""
    if isinstance(case, InProcess):
        yield run_of(case, ledger=ledger)
        return
    answer, closes = case
    with raw_server(answer, closes=closes) as url:
        run = run_of(OverHttp(local=True), url, ledger, timeout=10.0 if closes else 0.7)
        with contextlib.closing(run.transport):
            yield run


@pytest.mark.slow
@pytest.mark.parametrize("case", UNUSABLE.values(), ids=UNUSABLE)
def test_what_arrived_of_a_response_is_kept(case: InProcess | tuple[bytes, bool], tmp_path: Path) -> None:
    """The id of the task that it may have started is in the finding, in the account and in the ledger."""
    ledger = tmp_path / "ledger.jsonl"
    with served(case, ledger) as run, pytest.raises((Finding, Findings)) as caught:
        run.send(SUBMIT)
    text = str(caught.value)
    assert f"it may have started {NEW}" in text
    assert "the response:\n    " in text
    assert NEW in text.rpartition("the response:")[2]
    account = "\n".join(run.budget.account())
    assert f"possibly task {NEW} of createVideoExtension" in account
    assert (run.budget.upper_bound, run.budget.units[0].status) == (1, None)
    written = [json.loads(line) for line in ledger.read_text("utf-8").splitlines()]
    assert [line["state"] for line in written] == ["sending", "unusable"]
    assert written[-1]["possible_tasks"] == [NEW]


def test_the_finding_has_the_status_and_the_headers_of_what_arrived() -> None:
    """Those that say something of the task or of the end of the response; and nothing of the key."""
    head = HEAD.replace(b"r-1", b"\xc2\x9b1m" + KEY.encode()) + b"Content-Length: 999\r\nX-Other: a\r\n\r\n"
    with served((head + BODY, True)) as run, pytest.raises(Findings) as caught:
        run.send(SUBMIT)
    [finding] = caught.value.findings
    assert finding.response.startswith("200 (in part; content-type: application/json; x-oneapi-request-id: ")
    assert "content-length: 999" in finding.response
    assert "x-other" not in finding.response
    assert KEY not in str(finding)
    assert "\x9b" not in str(finding)


def test_a_read_that_is_given_up_starts_no_task() -> None:
    """What arrived is shown, and no id of it is called a new task."""
    with pytest.raises(Findings) as caught:
        run_of(answering(BODY, b" " * 4_000_000)).send(READ)
    assert NEW in str(caught.value)
    assert "may have started" not in str(caught.value)


ODD = {
    "201": (201, BODY),
    "in a wrapper": (200, json.dumps({"code": "success", "message": "", "data": NEW}).encode()),
    "a text": (200, json.dumps(NEW).encode()),
    "JSON and more": (200, BODY + b"x"),
    "JSON that is cut": (200, BODY[:-12]),
    "500 with an id": (500, json.dumps({"error": {"task_id": NEW}}).encode()),
}


@pytest.mark.parametrize(("status", "body"), ODD.values(), ids=ODD)
def test_an_id_in_an_unexpected_response_is_in_the_account(status: int, body: bytes) -> None:
    """A paid task is not lost because its id came in another shape."""
    run = run_of(answering(body, status=status))
    assert run.transport.send(SUBMIT).status == status
    assert NEW in "\n".join(run.budget.account())


def test_what_the_request_held_is_no_new_task() -> None:
    """A gateway may repeat the source, and its refusals cost nothing."""
    source = json.loads(SUBMIT.body or b"")["video"]["url"]
    run = run_of(answering(json.dumps({"request_id": "r-1", "source": {"id": source}}).encode(), status=500))
    run.transport.send(SUBMIT)
    assert run.budget.units[0].possible_tasks == ("r-1",)
    refusing = run_of(Refusing())
    refusing.transport.send(replace(SUBMIT, body=b"{"))
    assert refusing.budget.units[0].possible_tasks == ()


def test_the_request_id_is_no_task_where_there_is_another() -> None:
    """The header says which of the ids in a response is the request's own."""
    body = json.dumps({"error": {"video_id": "r-7", "task_id": NEW}}).encode()
    run = run_of(answering(body, status=500, x_oneapi_request_id="r-7"))
    run.transport.send(SUBMIT)
    assert run.budget.units[0].possible_tasks == (NEW,)


def test_an_accepted_submit_without_a_valid_key_is_in_the_account() -> None:
    """It cost no unit, and may be billed all the same."""
    run = run_of(answering(BODY))
    run.transport.send(replace(SUBMIT, headers=(("Authorization", "Bearer made-up"),)))
    assert f"possibly task {NEW} of requests that cost no unit" in run.budget.account()


def Refusing() -> InProcess:  # noqa: N802 - reads as a class where it is used
    """The mock, which refuses what is malformed."""
    return InProcess(Mock(token=KEY).transport)


@pytest.mark.parametrize("number", signals.NUMBERS, ids=lambda number: number.name)
def test_an_interrupt_loses_no_task_that_was_paid_for(number: signal.Signals, tmp_path: Path) -> None:
    """The id had arrived when the signal came: it is in the account and in the ledger."""
    ledger = tmp_path / "ledger.jsonl"
    run = run_of(answering(BODY[:-1], then=lambda: signal.raise_signal(number)), ledger=ledger)
    with signals.as_usual(), pytest.raises(KeyboardInterrupt), interrupts.handled():
        run.transport.send(SUBMIT)
    assert NEW in "\n".join(run.budget.account())
    assert NEW in ledger.read_text("utf-8").splitlines()[-1]


def test_an_interrupt_while_the_answer_is_noted_loses_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """The answer had arrived whole, and its id was not noted yet."""

    def settle(*_: object) -> None:
        signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(Budget, "settle", settle)
    run = run_of(answering(BODY))
    with signals.as_usual(), pytest.raises(KeyboardInterrupt), interrupts.handled():
        run.transport.send(SUBMIT)
    assert NEW in "\n".join(run.budget.account())


def test_the_probe_shows_what_arrived_of_its_paid_submit() -> None:
    """Its account names the task, its table says that a response began."""
    run = run_of(answering(BODY, b" " * 4_000_000))
    probe = Probe(run, named=False)
    assert probe.ask(Question("paid submit", "POST", SUBMIT)) is None
    text = Report(run, probe.results, None, task=True, paid=True, interrupted=False).text()
    assert f"possibly task {NEW}" in text
    assert "[number] arrived, and" not in text
    assert "200 arrived, and the response is larger than" in text


# A gigabyte in 972 kB, as members of gzip of ten megabytes each; and the same once more packed.
MEMBER = gzip.compress(bytes(10_000_000))
BOMB = MEMBER * 100
TWICE = gzip.compress(BOMB)


@contextlib.contextmanager
def little_memory(most: int = 60_000_000) -> Iterator[None]:
    """Hold the block to a peak of memory."""
    tracemalloc.start()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] < most
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("media_type", [JSON, "video/mp4"])
@pytest.mark.parametrize(("bomb", "coding"), [(BOMB, "gzip"), (TWICE, "gzip, gzip")], ids=["once", "twice"])
def test_no_response_is_unpacked_without_bounds(bomb: bytes, coding: str, media_type: str) -> None:
    """A read, the content, the clock of a mock and the address of a video take little memory."""
    content = replace(READ, target="/v1/videos/a/content")
    with little_memory():
        sender = answering(bomb, content_encoding=coding, content_type=media_type)
        for request in (READ, content):
            with pytest.raises(NoResponseError, match="bytes when unpacked"):
                run_of(sender).transport.send(request)
        assert not Control(sender, "http://localhost").is_there()


def test_an_address_is_fetched_within_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever lies there, however large, slow or odd."""
    head = b"HTTP/1.1 200 OK\r\nContent-Type: video/mp4\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n"
    with little_memory(), raw_server(head % len(BOMB) + BOMB, closes=True) as url:
        assert transport.fetched(f"{url}/v.mp4", 2) is None
    monkeypatch.setattr(transport, "MAX_VIDEO_BYTES", 10)
    with raw_server(b"HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\nabcdefghijk", closes=True) as url:
        assert transport.fetched(url, 2) is None
    with raw_server(b"HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\nabc", closes=False) as url:
        assert transport.fetched(url, 0.1) is None
    with raw_server(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc", closes=True) as url:
        fetched = transport.fetched(f"{url}/猫.mp4?a=b", 2)
        assert fetched is not None
        assert fetched.content == b"abc"
    for odd in ("http://127.0.0.1:99999/v.mp4", "http://[::1", "ftp://127.0.0.1/v.mp4", "http://127.0.0.1:1/v.mp4"):
        assert transport.fetched(odd, 0.2) is None


def test_the_clock_of_a_mock_is_read_within_bounds() -> None:
    """A control route that sends megabytes is none."""
    assert not Control(answering(b'{"now": 1, "billed": 0}', b" " * 1_000_000), "http://localhost").is_there()
    assert Control(answering(b'{"now": 1, "billed": 0}'), "http://localhost").is_there()


def test_many_empty_members_are_unpacked_quickly() -> None:
    """What follows each of them is not copied again and again."""
    begun = time.process_time()
    assert content_encoding.decoded(gzip.compress(b"") * 30_000, "gzip", 10) == b""
    assert time.process_time() - begun < 2


@pytest.mark.parametrize(
    ("coding", "pack"),
    [
        ("", bytes),
        ("identity", bytes),
        ("Identity", bytes),
        ("gzip", gzip.compress),
        ("GZIP, gzip", lambda body: gzip.compress(gzip.compress(body))),
        ("deflate", zlib.compress),
    ],
)
def test_a_coding_changes_nothing_for_whoever_reads(coding: str, pack: Callable[[bytes], bytes]) -> None:
    """The layers, schemathesis and the generated client read an encoded response as any other."""
    mock = Mock(token=KEY)

    def handle(request: httpx.Request) -> httpx.Response:
        response = mock.transport.handle_request(request)
        body = pack(response.read())
        kept = {name: value for name, value in response.headers.items() if name != "content-length"}
        kept |= {"content-encoding": coding, "content-length": str(len(body))}

        class Stream(httpx.SyncByteStream):
            def __iter__(self) -> Iterator[bytes]:
                yield body

        return httpx.Response(response.status_code, headers=kept, stream=Stream())

    run = run_of(InProcess(httpx.MockTransport(handle)), strict=True)
    answer = run.send(READ)
    assert answer.json()["status"] == "completed"
    assert answer.headers.get("content-length", str(len(answer.content))) == str(len(answer.content))
    call = client_calls.Call(CONTRACT, READ_SAMPLE)
    through = client_calls.Through(run)
    assert call.sync(through, KEY).status == "completed"
    assert asyncio.run(call.asyncio(through, KEY)).status == "completed"
    with running(run):
        schema: Any = schemathesis_adapter.schema(run)
        case = schema.find_operation_by_id("getVideoTask").Case(path_parameters={"task_id": run.settings.known_ids[0]})
        schemathesis_adapter.validate(run, case)


@pytest.mark.parametrize("end", [KeyboardInterrupt(), pytest.ExitCode.INTERNAL_ERROR], ids=["interrupted", "crashed"])
def test_a_run_without_a_summary_names_what_was_paid_for(
    end: BaseException | int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A signal in the summary, or an error of pytest, does not drop the ids of paid tasks."""
    run = run_of(answering(BODY))

    def main(*_: object, **__: object) -> int:
        run.transport.send(SUBMIT)
        if isinstance(end, BaseException):
            raise end
        return end

    monkeypatch.setattr(pytest, "main", main)
    assert session.run(run, []) == (130 if isinstance(end, KeyboardInterrupt) else 1)
    assert f"task {NEW} of createVideoExtension" in capsys.readouterr().out


def test_a_probe_that_is_interrupted_while_it_reports_reports_again(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its account, with the ids of paid tasks, is printed whole."""
    text, calls = Report.text, []

    def interrupted(report: Report) -> str:
        calls.append(report)
        if len(calls) == 1:
            signal.raise_signal(signal.SIGINT)
        return text(report)

    monkeypatch.setattr(Report, "text", interrupted)
    with signals.as_usual():
        assert cli.main(["probe"]) == 130
    printed = capsys.readouterr()
    assert "What it may have cost" in printed.out
    assert "interrupted" in printed.err


@pytest.mark.parametrize("body", [b"NaN", b'{"progress": Infinity}', b"[-Infinity]"])
def test_what_only_python_takes_for_json_is_none(body: bytes) -> None:
    """RFC 8259 section 6 has no NaN and no infinities."""
    assert Response(READ, 200, {}, body).json() is ABSENT


def test_numbers_without_end_are_none() -> None:
    """Python turns neither thousands of digits into a number nor every whole number into another one."""
    run = run_of(answering(b"a" * 10, status=206, content_range=f"bytes 0-9/{'9' * 5000}"))
    task = task_life.Task("a", CONTRACT.operations["createVideoExtension"], {}, (0.0, 0.0), None)
    assert Downloads(TaskDriver(run)).size_by_a_part(task) is None
    told = task_life.Observation("getVideoTask", 0.0, {"seconds": 10**400}, "running")
    task.length = 5.0
    assert [rule for rule, fault in task_life.check(CONTRACT, task, told) if fault and rule == "R55"] == ["R55"]
