"""The suite and the server's clock: stopped during a run where it can be, and otherwise allowed for."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from octopusx_video_contract import cli
from octopusx_video_contract.cases.submit_bodies import a_submit
from octopusx_video_contract.core.findings import Finding
from octopusx_video_contract.core.run import Run
from octopusx_video_contract.runner import session, target
from octopusx_video_contract.scenarios.read_checks import ReadChecks
from octopusx_video_contract.scenarios.task_driver import TaskDriver
from octopusx_video_contract.scenarios.whole_life import WholeLife
from octopusx_video_contract.sending.senders import InProcess
from octopusx_video_mock import Mock

from tests.conftest import KEY

Change = Callable[[dict[str, Any], int], object]
"""Changes the body of a read; the number is how many came before."""


@contextlib.contextmanager
def prepared(transport: httpx.BaseTransport, *arguments: str) -> Iterator[Run]:
    """A run against a server on this machine that answers through this transport."""
    options = cli.parsed(["--seed", "1", "--max-examples", "1", *arguments])
    server = target.Server("http://localhost", InProcess(transport), KEY, None, local=True)
    with contextlib.ExitStack() as stack:
        stack.enter_context(session.own_settings())
        yield target.prepare(options, stack, server)


def moving(mock: Mock, change: Change = lambda _, __: None, *, seconds: float = 5) -> httpx.MockTransport:
    """A server without control routes, for which so many seconds pass with each request."""
    reads: list[str] = []

    def handle(request: httpx.Request) -> httpx.Response:
        mock.clock.advance(seconds)
        response = mock.transport.handle_request(request)
        body = response.read()
        if request.method == "GET" and b'"status":"processing"' in body:
            document = json.loads(body)
            change(document, len(reads))
            reads.append(request.url.path)
            body = json.dumps(document).encode()
        headers = [(name, value) for name, value in response.headers.raw if name.lower() != b"content-length"]
        return httpx.Response(response.status_code, headers=headers, content=body)

    return httpx.MockTransport(handle)


def found_in_reads(transport: httpx.BaseTransport) -> list[str]:
    """What is found in three reads of one new task, one right after the other, by each route."""
    with prepared(transport) as run:
        tasks = TaskDriver(run)
        submit = next(operation for operation in run.contract.operations.values() if operation.id == "extendVideo")
        task = tasks.submit(submit, a_submit(submit), run.settings.known_ids[0])
        found: list[str] = []
        for route in tasks.routes(submit.id):
            try:
                ReadChecks(tasks).reads_change_nothing(task, route)
            except Finding as finding:
                found.append(f"{finding.rule} {finding.detail}")
        return found


def test_what_time_changes_is_no_finding() -> None:
    """Three reads of a running task see its progress rise, also beyond its end, and none is blamed for that."""
    assert found_in_reads(moving(Mock(token=KEY))) == []
    assert found_in_reads(moving(Mock(token=KEY), seconds=70)) == []


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda body, reads: body.update(progress=50 - reads), "progress was 50 and is 49"),
        (lambda body, reads: body.update(created_at=body["created_at"] + reads), "created_at was"),
        (lambda body, reads: body.update(model=f"model {reads}"), "model was 'model 0' and is 'model 1'"),
    ],
)
def test_what_time_can_not_change_is_found_while_it_passes(change: Change, said: str) -> None:
    """A progress that falls with each read, and values that stay for the whole life of a task."""
    found = found_in_reads(moving(Mock(token=KEY), change))
    assert [one.startswith("R19") and said in one for one in found] == [True], found


def test_a_change_is_found_where_no_time_passes() -> None:
    """The server's own clock stands still, so that a progress that rises comes from the reads."""
    mock = Mock(token=KEY)
    transport = mock.controlled_transport
    assert found_in_reads(transport) == []
    answer = mock.engine.respond

    def polled(request: Any) -> Any:
        given = answer(request)
        if b'"progress":' in given.body and given.task:
            given.body = given.body.replace(b'"progress":0', b'"progress":%d' % len(mock.calls))
        return given

    mock.engine.respond = polled  # type: ignore[method-assign]
    assert len(found_in_reads(transport)) == 1


@pytest.mark.slow
@pytest.mark.parametrize("control", [False, True])
def test_whole_lives_on_a_clock_that_runs(*, control: bool) -> None:
    """Without control routes R19 is asked as well, of tasks that run; with them the clock stands during the run."""
    mock = Mock(token=KEY, start=None, speed=400)
    transport = mock.controlled_transport if control else mock.transport
    with prepared(transport, "--deadline", "20") as run:
        assert mock.clock.stands_still is control
        assert control is (run.control is not None and run.control.is_still)
        walk = WholeLife(run)
        walk.whole()
        assert [str(finding) for found in walk.findings.values() for finding in found] == []
        assert "R19" in run.log.asked
    assert not mock.clock.stands_still


@pytest.mark.slow
def test_a_clock_is_not_turned_to_where_seconds_and_milliseconds_can_not_be_told_apart() -> None:
    """However late a server says that a video expires."""
    mock = Mock(token=KEY)

    def handle(request: httpx.Request) -> httpx.Response:
        response = mock.controlled_transport.handle_request(request)
        body = response.read()
        if b'"expires_at":' in body:
            body = json.dumps({**json.loads(body), "expires_at": 5 * 10**10}).encode()
        headers = [(name, value) for name, value in response.headers.raw if name.lower() != b"content-length"]
        return httpx.Response(response.status_code, headers=headers, content=body)

    began = mock.clock.now()
    with prepared(httpx.MockTransport(handle)) as run:
        WholeLife(run).whole()
    assert mock.clock.now() - began < 10**8


@pytest.mark.slow
def test_whole_lives_on_a_clock_that_can_not_be_stopped() -> None:
    """Another server's control routes may lack that: what the time that passes changes is no finding."""
    mock = Mock(token=KEY, start=None, speed=400)

    def handle(request: httpx.Request) -> httpx.Response:
        if b'"running"' in request.read():
            return httpx.Response(400, json={})
        return mock.controlled_transport.handle_request(request)

    with prepared(httpx.MockTransport(handle)) as run:
        assert run.control is not None
        assert not run.control.is_still
        walk = WholeLife(run)
        walk.whole()
    assert [str(finding) for found in walk.findings.values() for finding in found] == []


@pytest.mark.slow
def test_a_task_that_ends_on_such_a_clock_has_its_content_at_once() -> None:
    """It ran when it was read last, and may have succeeded when its content is asked for or continued (R23, R47)."""
    mock = Mock(token=KEY, start=None)

    def handle(request: httpx.Request) -> httpx.Response:
        if b'"running"' in request.read():
            return httpx.Response(400, json={})
        if request.url.raw_path.endswith(b"/content"):
            mock.clock.advance(3600)
        return mock.controlled_transport.handle_request(request)

    with prepared(httpx.MockTransport(handle)) as run:
        walk = WholeLife(run)
        walk.whole()
    found = [finding for findings in walk.findings.values() for finding in findings]
    assert [str(finding) for finding in found if finding.rule in {"R23", "R47"}] == []


def test_the_probe_lets_the_clock_run() -> None:
    """It looks at a task while time passes."""
    mock = Mock(token=KEY, start=None)
    server = target.Server("http://localhost", InProcess(mock.controlled_transport), KEY, None, local=True)
    with contextlib.ExitStack() as stack:
        run = target.prepare(cli.parsed(["probe"]), stack, server)
        assert run.control is not None
        assert not mock.clock.stands_still


@pytest.mark.slow
def test_a_running_task_whose_progress_falls_is_found_without_control_routes() -> None:
    """R19 is asked while a task runs, and not only after its end, where nothing changes any more."""
    mock = Mock(token=KEY)
    falling = moving(mock, lambda body, reads: body.update(progress=99 - reads), seconds=3)
    with prepared(falling, "--deadline", "20") as run:
        walk = WholeLife(run)
        walk.whole()
    found = [finding for findings in walk.findings.values() for finding in findings if finding.rule == "R19"]
    assert any("progress was" in finding.detail for finding in found), walk.findings


def test_a_clock_that_stood_still_before_a_run_stands_still_after_it() -> None:
    """The suite starts only a clock that it has stopped."""
    mock = Mock(token=KEY)
    with prepared(mock.controlled_transport):
        assert mock.clock.stands_still
    assert mock.clock.stands_still


def test_a_clock_that_can_not_be_started_again_is_reported(capsys: pytest.CaptureFixture[str]) -> None:
    """One line says so, with the command that starts it."""
    mock = Mock(token=KEY, start=None)
    gone = False

    def handle(request: httpx.Request) -> httpx.Response:
        if gone:
            raise httpx.ConnectError("refused", request=request)
        return mock.controlled_transport.handle_request(request)

    with prepared(httpx.MockTransport(handle)):
        gone = True
    warning = capsys.readouterr().err
    assert warning.count("\n") == 1
    assert (
        """curl -H 'Content-Type: application/json' -d '{"running": true}' http://localhost/__mock__/clock""" in warning
    )


@pytest.mark.slow
def test_a_run_that_is_interrupted_starts_the_clock_again() -> None:
    """Ctrl-C in the middle of a run."""
    with Mock(token=KEY, start=None).serve(control=True) as url, httpx.Client(base_url=url) as http:

        def runs() -> Any:
            return http.get("/__mock__/clock").json()["running"]

        with subprocess.Popen(
            [sys.executable, "-m", "octopusx_video_contract", "--base-url", url, "--seed", "1"],
            env={**os.environ, "OCTOPUSX_API_KEY": KEY},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        ) as process:
            deadline = time.monotonic() + 60
            while runs() and time.monotonic() < deadline:
                time.sleep(0.05)
            assert not runs()
            process.send_signal(signal.SIGINT)
            output, _ = process.communicate(timeout=60)
        assert process.returncode == 130, output
        assert runs()
