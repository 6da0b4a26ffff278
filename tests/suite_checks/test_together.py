"""Requests that are under way at the same moment: they overlap, cost what they may, and lose no task."""

from __future__ import annotations

import contextlib
import http.server
import json
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence

import httpx
import pytest
from octopusx_video_contract.core.findings import Finding, Findings
from octopusx_video_contract.core.run import Run
from octopusx_video_contract.messages.http import Request, Response
from octopusx_video_contract.scenarios.together import Together
from octopusx_video_contract.scenarios.whole_life import WholeLife
from octopusx_video_contract.sending.budget import NotAskedError
from octopusx_video_contract.sending.senders import InProcess, OverHttp
from octopusx_video_contract.sending.transport import NoResponseError
from octopusx_video_mock import Mock
from octopusx_video_openapi import interrupts

from tests.campaigns.detection.suite_runs import START
from tests.conftest import KEY
from tests.defects import DEFECTS, defective
from tests.suite.test_clock import prepared
from tests.suite_checks.test_receiving import BODY, JSON, NEW, READ, SUBMIT, run_of
from tests.support import signals

PATIENCE = 5.0
"""Seconds after which a server no longer waits for the others."""


@contextlib.contextmanager
def waiting_server(number: int) -> Iterator[str]:
    """A server that answers when so many requests are under way, and with 503 where they are not."""
    everyone = threading.Barrier(number)

    class Handler(http.server.BaseHTTPRequestHandler):
        def _answer(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            try:
                everyone.wait(PATIENCE)
            except threading.BrokenBarrierError:
                self.send_response(503)
            else:
                self.send_response(200)
            self.send_header("Content-Type", JSON)
            self.send_header("Content-Length", str(len(BODY)))
            self.end_headers()
            self.wfile.write(BODY)

        do_GET = do_POST = _answer  # noqa: N815 - so the class wants it

        def log_message(self, *_: object) -> None:
            """Prints nothing."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def behind(handle: Callable[[httpx.Request], httpx.Response]) -> InProcess:
    """A server in this process."""
    return InProcess(httpx.MockTransport(handle))


def test_all_are_under_way_at_the_same_moment() -> None:
    """None is answered before all have arrived, over connections of their own; the answers keep the order."""
    with waiting_server(4) as url:
        run = run_of(OverHttp(local=True), url)
        with contextlib.closing(run.transport):
            answers = run.send_at_once([SUBMIT, READ, SUBMIT, READ])
    assert [answer and answer.status for answer in answers] == [200] * 4
    assert [answer and answer.request.method for answer in answers] == ["POST", "GET", "POST", "GET"]


def test_no_more_is_sent_than_the_budget_allows() -> None:
    """What is beyond it is not sent, and each that is sent costs its unit; a read costs none."""
    sent: list[str] = []

    def handle(request: httpx.Request) -> httpx.Response:
        sent.append(request.method)
        return httpx.Response(200, json={"id": NEW})

    run = run_of(behind(handle), limit=2)
    outcomes = run.transport.at_once([SUBMIT, SUBMIT, SUBMIT, READ])
    assert [type(outcome) for outcome in outcomes] == [Response, Response, NotAskedError, Response]
    assert sorted(sent) == ["GET", "POST", "POST"]
    assert len(run.budget.units) == run.budget.limit
    assert run.budget.left == 0


def test_one_without_a_response_hides_no_other() -> None:
    """The submit may have started a task, and counts as one that may be billed; the others are answered."""

    def handle(request: httpx.Request) -> httpx.Response:
        if request.method == "POST":
            raise httpx.ReadError("connection reset")
        return httpx.Response(200, json={"id": NEW})

    run = run_of(behind(handle))
    assert [type(outcome) for outcome in run.transport.at_once([READ, SUBMIT])] == [Response, NoResponseError]
    assert run.budget.upper_bound == 1
    findings: list[Finding] = []
    with run.recorder.collecting(findings):
        read, submit = run.send_at_once([READ, SUBMIT])
    assert read is not None
    assert submit is None
    assert [finding.rule for finding in findings] == ["R53"]


def test_an_interrupt_loses_no_task_that_was_paid_for() -> None:
    """One submit was answered when the signal came, the other was not: both are in the account."""
    answered, ending = threading.Event(), threading.Event()

    def handle(request: httpx.Request) -> httpx.Response:
        if json.loads(request.content)["prompt"] == "first":
            return httpx.Response(200, stream=Observation(answered))
        answered.wait(PATIENCE)
        os.kill(os.getpid(), signal.SIGINT)
        ending.wait(PATIENCE)
        return httpx.Response(200, json={"id": "grok:too-late"})

    run = run_of(behind(handle))
    with signals.as_usual(), pytest.raises(KeyboardInterrupt), interrupts.handled():
        run.transport.at_once([_prompting("first"), _prompting("second")])
    ending.set()
    assert NEW in "\n".join(run.budget.account())
    assert run.budget.upper_bound == len(run.budget.units) == 2


class Observation(httpx.SyncByteStream):
    """A body that has told when it was read."""

    def __init__(self, told: threading.Event) -> None:
        self._told = told

    def __iter__(self) -> Iterator[bytes]:
        """The body, in one piece."""
        yield BODY
        self._told.set()


def _prompting(prompt: str) -> Request:
    body = {**json.loads(SUBMIT.body or b""), "prompt": prompt}
    return Request(SUBMIT.method, SUBMIT.target, SUBMIT.headers, json.dumps(body).encode())


def test_a_finding_says_that_others_were_sent_at_the_same_moment() -> None:
    """Alone, the request may be answered otherwise; but a header that is missing is missing all the same."""
    run = run_of(behind(lambda _: httpx.Response(500, json={})))
    answer, _ = run.send_at_once([READ, READ])
    assert (
        "(sent at the same moment as 1 other request)" in run.recorder.finding("R20", "it was answered", answer).detail
    )
    assert run.recorder.finding("R33", "it came without it", answer).detail == "it came without it"


@pytest.mark.parametrize(("left", "submits"), [(0, 0), (1, 1), (2, 2), (9, 2)])
def test_a_paid_server_gets_two_submits_if_the_budget_has_them(left: int, submits: int) -> None:
    """Reads are free, and one submit can be under way beside them."""
    mock = Mock(token=KEY)
    run = run_of(InProcess(mock.transport), limit=left)
    Together(run).ask()
    assert len(mock.submissions) == submits
    assert len(mock.calls) > submits


@pytest.mark.slow
def test_a_paid_life_begins_beside_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each submit that is paid for is sent together with reads of the known task, and their responses are judged."""
    mock = Mock(token=KEY, start=None, speed=200.0)
    together: list[str] = []

    def handle(request: httpx.Request) -> httpx.Response:
        if request.method == "GET" and together:  # a server that reads nothing while it handles a submit
            return httpx.Response(503, json={})
        return mock.transport.handle_request(request)

    run = run_of(behind(handle), limit=1).with_settings(strict=True)
    at_once = run.send_at_once

    def sent(_: Run, requests: Sequence[Request]) -> list[Response | None]:
        together.extend(request.method for request in requests)
        try:
            return at_once(requests)
        finally:
            together.clear()

    monkeypatch.setattr(Run, "send_at_once", sent)
    walk = WholeLife(run)
    walk.whole()
    found = {finding.rule for findings in walk.findings.values() for finding in findings}
    assert "R44" in found
    assert len(mock.submissions) == 1


@pytest.mark.slow
@pytest.mark.parametrize("name", ["together-account-before", "together-read-of-another"])
def test_what_shows_beside_other_requests_alone_is_found(name: str) -> None:
    """Submits, reads and downloads that leave together, and two keys in turn, are each held to their own rule."""
    defect = next(one for one in DEFECTS if one.name == name)
    server = defective(defect, key=KEY, start=START)
    with prepared(server.mock.controlled_transport) as run:
        with pytest.raises(Findings) as caught:
            Together(run.with_settings(other_key=server.other_key)).ask()
    assert defect.rule in {finding.rule for finding in caught.value.findings}
