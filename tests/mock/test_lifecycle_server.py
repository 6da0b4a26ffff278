"""The lifecycle engine as a server: what survives it, what it lets through, and what happens on the wire."""

from __future__ import annotations

import contextlib
import re
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from octopusx_video_mock import Mock
from octopusx_video_mock import delivery as deliveries
from octopusx_video_mock.delivery import CRAWL_PIECES
from octopusx_video_mock.messages import MAX_BODY, Request, Response
from octopusx_video_mock.server.app import App
from octopusx_video_openapi import contract_path, load
from octopusx_video_openapi.text import printable

from tests.conftest import AUTHORIZED
from tests.mock.test_command import started
from tests.mock.test_task_life import LIFE, read, submit

SPEED = 60


@contextlib.contextmanager
def _client(url: str, **headers: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=url, headers={**AUTHORIZED, **headers}, timeout=20) as http:
        yield http


@contextlib.contextmanager
def _server(*arguments: str, **environment: str) -> Iterator[tuple[subprocess.Popen[str], httpx.Client]]:
    with started("--port", "0", *arguments, **environment) as (process, url), _client(url) as http:
        yield process, http


@pytest.mark.slow
def test_a_killed_mock_that_is_started_again_goes_on() -> None:
    """SIGKILL in the middle of a task: the next process answers the poll, and the task ends when it would have."""
    with _server("--speed", str(SPEED)) as (process, http):
        task = submit(http)
        begun = read(http, task)["created_at"]
        process.send_signal(signal.SIGKILL)
        process.wait()
    with _server("--speed", "1") as (_, http):
        deadline = time.monotonic() + 30
        body = read(http, task)
        while body["status"] == "processing" and time.monotonic() < deadline:
            time.sleep(0.1)
            body = read(http, task)
        assert (body["status"], body["created_at"]) == ("completed", begun)
        assert body["completed_at"] - begun == pytest.approx(LIFE.lasts / SPEED, abs=1)
        assert http.get(f"/v1/videos/{task}/content").content[4:8] == b"ftyp"


@pytest.mark.slow
def test_two_mocks_with_one_secret_answer_for_each_other() -> None:
    """Nothing else is shared; with another secret the task is unknown."""
    same = {"OCTOPUSX_MOCK_SECRET": "one"}
    with (
        _server(**same) as (_, first),
        _server("--speed", "5", **same) as (_, second),
        _server(OCTOPUSX_MOCK_SECRET="another") as (_, third),
    ):
        task = submit(first)
        assert read(second, task)["id"] == task
        assert third.get(f"/v1/videos/{task}").json()["code"] == "task_not_exist"
        other_key = {"Authorization": "Bearer sk-other"}
        assert second.get(f"/v1/videos/{task}", headers=other_key).json()["code"] == "task_not_exist"


@pytest.mark.slow
def test_workers_answer_for_each_other() -> None:
    """Whichever of them takes the connection."""
    with started("--port", "0", "--workers", "2") as (_, url):
        tasks = set()
        for _ in range(20):
            with _client(url) as http:
                tasks.add(submit(http))
        assert len(tasks) == 20
        for task in tasks:
            with _client(url) as http:
                assert read(http, task)["status"] == "processing"


@pytest.mark.slow
def test_a_changed_contract_is_taken_over(tmp_path: Path) -> None:
    """With --reload a new version is served without a restart; one that can't be served is named, and the old stays."""
    path = tmp_path / "contract.yaml"
    shutil.copy(contract_path(), path)
    text = path.read_text("utf-8")
    with started("--port", "0", "--reload", "--quiet", "--contract", str(path)) as (process, url), _client(url) as http:
        assert process.stderr is not None
        task = submit(http)
        changed = text.replace(f"  version: {load().version}\n", "  version: 99.0.0\n")
        path.write_text(changed.replace("/v1/videos/{task_id}:", "/v2/{task_id}:"))
        assert "the contract has changed: serving version 99.0.0" in process.stderr.readline()
        assert http.get(f"/v2/{task}").json()["id"] == task
        assert http.get(f"/v1/videos/{task}").status_code == 404
        path.write_text("openapi: 3.1.0\n")
        assert "the contract as it was is still served" in process.stderr.readline()
        assert http.get(f"/v2/{task}").json()["id"] == task


def test_faults_of_the_command_line_show_and_are_named_in_the_log() -> None:
    """A plan with a seed, and one fault for one operation."""
    with _server("--faults", "rate_limited@getVideoTask,failed:0.5", "--seed", "3") as (process, http):
        submit(http)
        assert http.get("/v1/videos/video_abc123").status_code == 429
        assert http.get("/v1/video/query", params={"id": "video_abc123"}).status_code == 200
        process.terminate()
        _, rest = process.communicate(timeout=15)
    assert re.search(r"GET /v1/videos/video_abc123 429 [\d.]+ ms \[rate_limited\]", rest)


@pytest.mark.slow
def test_a_request_can_not_write_controls_to_the_log() -> None:
    """Neither escape sequences nor marks of direction nor line ends: each is shown as an escape."""
    path = "/a%1b%5D0;pwned%07%c2%9b2J%0d%0aGET%20/b%e2%80%ae%e2%80%a8c"
    with _server() as (process, http):
        assert http.get(path).status_code == 404
        assert http.get("/v1/video/query", params={"id": "\x1b[2J\n\u202e"}).status_code == 400
        process.terminate()
        _, rest = process.communicate(timeout=15)
    assert r"GET /a\x1b]0;pwned\x07\x9b2J\x0d\x0aGET /b\u202e\u2028c 404" in rest
    assert r"GET /v1/video/query?id=\x1b[2J\x0a\u202e 400" in rest
    assert printable(rest, keep="\n") == rest
    assert rest.count("\n") == 3


def test_what_the_mock_says_of_its_own_error_holds_no_controls(mock: Mock, monkeypatch: pytest.MonkeyPatch) -> None:
    """A request that meets a defect is shown with escapes too."""

    def broken(request: Request) -> Response:
        raise RuntimeError(request.path.decode())

    monkeypatch.setattr(mock.engine, "respond", broken)
    lines: list[str] = []
    app = App(mock.engine, report=lines.append, trouble=lines.append)
    app.respond(Request("GET", "/\x1b[2J\u202e".encode(), b"", [], {}, b"", "here"), "127.0.0.1")
    assert r"RuntimeError: /\x1b[2J\u202e; please report it" in lines[0]
    assert [printable(line) for line in lines] == lines


@pytest.fixture
def base_url(mock: Mock) -> Iterator[str]:
    """A server with control routes and CORS around the test's mock."""
    with mock.serve(cors=True, control=True) as url:
        yield url


def test_control_routes_do_what_the_object_does(base_url: str) -> None:
    """A program that is not Python turns the clock, orders faults, and asks what was called and billed."""
    with _client(base_url) as http:
        task = submit(http)
        before = http.get("/__mock__/clock").json()["now"]
        assert http.post("/__mock__/clock", json={"advance": LIFE.lasts}).json()["now"] == before + LIFE.lasts
        assert read(http, task)["status"] == "completed"
        assert http.post("/__mock__/faults", json={"on": "rate_limited", "times": 1}).json()["on"] == [
            {"fault": "rate_limited", "operation": None, "probability": 1.0, "times": 1}
        ]
        assert http.get(f"/v1/videos/{task}").status_code == 429
        assert read(http, task)["status"] == "completed"
        http.post("/__mock__/faults", json={"on": "failed"})
        assert http.request("DELETE", "/__mock__/faults", json={"off": "failed"}).json()["on"] == []
        assert [call["status"] for call in http.get("/__mock__/calls").json()] == [200, 200, 429, 200]
        assert [one["task"] for one in http.get("/__mock__/billed").json()] == [task]
        assert http.get("/__mock__/submissions").json() == http.get("/__mock__/billed").json()
        assert http.get("/__mock__/bill").json() == {"submissions": 1, "billed": 1}
        http.post("/__mock__/reset", json={})
        assert http.get("/__mock__/calls").json() == []
        assert http.get("/__mock__/faults").json()["on"] == []


def test_a_clock_that_runs_is_stopped_and_started_by_its_route() -> None:
    """A program compares two reads while no time passes; afterwards the clock continues from where it stood."""
    with Mock(start=None, speed=1000).serve(control=True) as url, _client(url) as http:
        task = submit(http)
        assert http.get("/__mock__/clock").json()["running"] is True
        stopped = http.post("/__mock__/clock", json={"running": False}).json()
        first = read(http, task)
        time.sleep(0.1)
        assert read(http, task) == first
        assert http.get("/__mock__/clock").json() == {**stopped, "running": False}
        advanced = http.post("/__mock__/clock", json={"running": False, "advance": 5}).json()
        assert advanced == {**stopped, "now": stopped["now"] + 5}
        started_ = http.post("/__mock__/clock", json={"running": True}).json()
        assert started_["running"] is True
        assert 0 <= started_["now"] - stopped["now"] - 5 < 5
        time.sleep(0.01)
        assert http.get("/__mock__/clock").json()["now"] > started_["now"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("method", "path", "request_", "status", "said"),
    [
        ("POST", "clock", {"json": {"advance": -1}}, 400, "the clock can't advance by -1"),
        ("POST", "clock", {"json": {"advance": "1"}}, 400, 'send {"advance": SECONDS}'),
        ("POST", "clock", {"json": {"running": 0}}, 400, '{"running": false} to stop it'),
        ("POST", "clock", {"json": {"stopped": True}}, 400, 'or {"running": true} to start it'),
        ("POST", "clock", {"json": {}}, 400, 'send {"advance": SECONDS}'),
        ("POST", "clock", {"json": [1]}, 400, "send a JSON object"),
        ("POST", "clock", {"content": "{", "headers": {"Content-Type": "application/json"}}, 400, "EOF"),
        ("POST", "clock", {"content": '{"advance": 1}'}, 400, "send JSON, with Content-Type: application/json"),
        ("POST", "reset", {}, 400, "send JSON, with Content-Type: application/json"),
        ("POST", "faults", {"json": {"on": "nope"}}, 400, "there is no fault 'nope'; choose one of"),
        ("POST", "faults", {"json": {"on": "failed", "other": 1}}, 400, 'say {"on": NAME}'),
        ("POST", "faults", {"json": {"on": "failed", "times": "x"}}, 400, '"times": 1 if you like'),
        ("DELETE", "faults", {"json": {"off": 1}}, 400, 'say {"off": NAME}, or {} for all of them'),
        ("DELETE", "faults", {"json": {"off": "nope"}}, 400, "there is no fault 'nope'"),
        ("POST", "faults", {"json": {"on": "failed", "times": 10**24}}, 400, "times is not between 1 and 1000000000"),
        ("POST", "clock", {"json": {"advance": 1e308}}, 400, "give 0 or more, to the year 9999 at most"),
        ("DELETE", "faults", {"content": b" " * (MAX_BODY + 1)}, 413, "the body is too large"),
        ("GET", "nope", {}, 404, "there is no such control route; there are GET /__mock__/clock"),
        ("GET", "clock", {"headers": {"Host": "evil.example"}}, 403, "for this machine alone"),
        ("GET", "clock", {"headers": {"Host": "127.0.0.1.evil.example"}}, 403, "for this machine alone"),
        ("GET", "clock", {"headers": {"Host": ""}}, 403, "for this machine alone"),
    ],
)
def test_a_control_request_that_is_wrong_is_refused(
    base_url: str, method: str, path: str, request_: dict[str, Any], status: int, said: str
) -> None:
    """The error names what is wrong; a page of the web, or a name that leads here, can't use them."""
    with _client(base_url) as http:
        answer = http.request(method, f"/__mock__/{path}", **request_)
    assert (answer.status_code, said in answer.json()["error"]) == (status, True), answer.text
    assert "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST:80", "127.0.0.2", "[::1]", "[::1]:4010", "mock.localhost:4010"]
)
def test_a_control_request_may_name_this_machine_in_any_way(base_url: str, host: str) -> None:
    """By name or by address, with or without a port."""
    with _client(base_url, Host=host) as http:
        assert http.get("/__mock__/clock").status_code == 200


def test_there_are_no_control_routes_unless_they_are_asked_for(mock: Mock) -> None:
    """They are 404 like any other path."""
    with mock.serve() as url, _client(url) as http:
        assert http.get("/__mock__/clock").status_code == 404


def test_pages_of_other_origins_are_let_in_only_with_cors(mock: Mock, base_url: str) -> None:
    """A preflight is answered and every answer is shared, as the gateway does it; without --cors neither is."""
    preflight = {
        "Origin": "https://page.example",
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization, content-type",
    }
    with _client(base_url, **preflight) as http:
        answer = http.options("/v1/videos/extensions")
        assert (answer.status_code, answer.content) == (204, b"")
        assert answer.headers["access-control-allow-origin"] == "*"
        assert answer.headers["access-control-allow-headers"] == "authorization, content-type"
        assert "POST" in answer.headers["access-control-allow-methods"]
        for path in ("/v1/videos/video_abc123", "/v1/videos/%ff", "/nowhere"):
            assert http.get(path).headers["access-control-allow-origin"] == "*"
    with mock.serve() as url, _client(url, **preflight) as http:
        assert http.options("/v1/videos/extensions").status_code == 405
        assert "access-control-allow-origin" not in http.get("/v1/videos/video_abc123").headers


def test_a_reset_on_the_wire(mock: Mock) -> None:
    """The connection is gone at once, and nothing was billed."""
    mock.faults.on("connection_reset")
    with mock.serve() as url, _client(url) as http, pytest.raises(httpx.ReadError):
        submit(http)
    assert mock.billed == []


def test_a_lost_answer_on_the_wire(mock: Mock) -> None:
    """The caller waits until it gives up; the mock knows what was billed, and goes on serving others."""
    mock.faults.on("lost_answer", times=1)
    with mock.serve() as url, _client(url) as http:
        with pytest.raises(httpx.ReadTimeout):
            http.post(
                "/v1/videos/extensions",
                json={"model": "m", "prompt": "p", "start_time": 1, "video": {"url": "video_abc123"}},
                timeout=0.3,
            )
        submit(http)
    assert [one.answered for one in mock.billed] == [False, True]


def test_a_cut_on_the_wire(mock: Mock) -> None:
    """Half of what Content-Length promised arrives, then the connection ends; Range fetches the rest."""
    mock.faults.on("download_cut")
    got: list[bytes] = []
    with mock.serve() as url, _client(url) as http:
        with (
            http.stream("GET", "/v1/videos/video_abc123/content") as answer,
            pytest.raises(httpx.RemoteProtocolError),
        ):
            got.extend(answer.iter_raw())
        length = int(answer.headers["content-length"])
        half = length // 2
        rest = http.get("/v1/videos/video_abc123/content", headers={"Range": f"bytes={half}-"})
        assert len(rest.content) == length - half
        assert len(b"".join(got)) in {0, half}, "httpx keeps a piece that was not full to itself"


def test_a_crawl_on_the_wire(mock: Mock, monkeypatch: pytest.MonkeyPatch) -> None:
    """The bytes come in pieces, each after its pause, whatever the speed of the tasks."""
    monkeypatch.setattr(deliveries, "CRAWL_SECONDS", 0.3)
    mock.faults.on("download_crawls")
    with mock.serve() as url, _client(url) as http:
        begun = time.monotonic()
        with http.stream("GET", "/v1/videos/video_abc123/content") as answer:
            pieces = [piece for piece in answer.iter_raw() if piece]
        took = time.monotonic() - begun
    assert len(b"".join(pieces)) == int(answer.headers["content-length"])
    assert len(pieces) > CRAWL_PIECES / 2
    assert took >= 0.3 * (CRAWL_PIECES - 2) / CRAWL_PIECES


def _sent(url: str, *requests: bytes) -> bytes:
    """All bytes that come for these requests on one connection, which the last of them closes."""
    parts = httpx.URL(url)
    assert parts.port is not None
    with socket.create_connection((parts.host, parts.port), timeout=5) as connection:
        connection.sendall(b"".join(requests))
        with connection.makefile("rb") as arriving:
            return arriving.read()


GET_CONTENT = b"GET /v1/videos/video_abc123/content HTTP/1.%d\r\nHost: a\r\nAuthorization: Bearer sk-tests\r\n%b\r\n"
CLOSE = b"Connection: close\r\n"


def test_a_chunked_download_on_the_wire(mock: Mock) -> None:
    """Its chunks make the whole, no length is sent, and the connection serves the next request."""
    mock.faults.on("content_chunked", times=1)
    with mock.serve() as url:
        first, _, rest = _sent(url, GET_CONTENT % (1, b""), GET_CONTENT % (1, CLOSE)).partition(b"0\r\n\r\n")
    head, _, chunks = first.partition(b"\r\n\r\n")
    second_head, _, whole = rest.partition(b"\r\n\r\n")
    assert b"transfer-encoding: chunked" in head
    assert b"content-length" not in head
    assert b"content-length: %d" % len(whole) in second_head
    got = b""
    while chunks:
        size, _, chunks = chunks.partition(b"\r\n")
        got, end, chunks = got + chunks[: int(size, 16)], chunks[int(size, 16) :][:2], chunks[int(size, 16) + 2 :]
        assert end == b"\r\n"
    assert got == whole


def test_a_chunked_cut_on_the_wire(mock: Mock) -> None:
    """A client sees a complete response with half of the bytes; Range fetches the rest."""
    with mock.serve() as url, _client(url) as http:
        whole = http.get("/v1/videos/video_abc123/content").content
        mock.faults.on("content_chunked_cut")
        for name in ("/v1/videos/video_abc123/content", httpx.URL(read(http, "video_abc123")["video_url"]).path):
            answer = http.get(name)
            assert answer.headers["transfer-encoding"] == "chunked"
            assert "content-length" not in answer.headers
            assert answer.content == whole[: len(whole) // 2]
            rest = http.get(name, headers={"Range": f"bytes={len(answer.content)}-"})
            assert (rest.status_code, answer.content + rest.content) == (206, whole)


def test_http_1_0_gets_no_chunks(mock: Mock) -> None:
    """There the end of the connection ends the body (RFC 9112 section 6.1)."""
    with mock.serve() as url:
        _, _, whole = _sent(url, GET_CONTENT % (1, CLOSE)).partition(b"\r\n\r\n")
        for name, length in (("content_chunked", len(whole)), ("content_chunked_cut", len(whole) // 2)):
            with mock.fault(name):
                head, _, body = _sent(url, GET_CONTENT % (0, b"")).partition(b"\r\n\r\n")
            assert b"transfer-encoding" not in head
            assert b"content-length" not in head
            assert body == whole[:length]


def test_head_on_the_wire_has_no_body(mock: Mock) -> None:
    """Whatever happens to the content: what follows the headers is the next response."""
    address = mock.engine.tasks.address(mock.engine.tasks.find("video_abc123", ""), "").encode()  # type: ignore[arg-type]
    head = b"HEAD %b HTTP/1.1\r\nHost: a\r\n%b\r\n"
    with mock.serve() as url:
        for name in ("download_cut", "download_crawls", "content_chunked", "content_chunked_cut"):
            with mock.fault(name):
                first, second, end = _sent(url, head % (address, b""), head % (address, CLOSE)).split(b"\r\n\r\n")
            assert first.startswith(b"HTTP/1.1 200 OK\r\n")
            assert second.startswith(b"HTTP/1.1 200 OK\r\n")
            assert end == b""


def test_unexpected_responses_to_a_submit_on_the_wire(mock: Mock) -> None:
    """201, a wrapped id and five megabytes arrive whole."""
    with mock.serve() as url, _client(url) as http:
        for name, status, length in (("created", 201, 0), ("wrapped_id", 200, 0), ("too_large", 200, 4_000_000)):
            answer = http.post(
                "/v1/videos/extensions",
                json={"model": "m", "prompt": "p", "start_time": 1, "video": {"url": "video_abc123"}},
                headers={"Prefer": f"fault={name}"},
            )
            assert answer.status_code == status
            assert len(answer.content) > length
            assert mock.billed[-1].task in answer.json().values()
    assert len(mock.billed) == 3


def test_the_address_names_the_host_that_was_asked(mock: Mock) -> None:
    """It leads back over whatever name the caller used; a name that can't be one is left aside."""
    with mock.serve() as url, _client(url) as http:
        port = httpx.URL(url).port
        for host, shown in ((f"localhost:{port}", f"localhost:{port}"), ("evil/../x", f"127.0.0.1:{port}")):
            address = http.get("/v1/videos/video_abc123", headers={"Host": host}).json()["video_url"]
            assert address.startswith(f"http://{shown}/videos/")


def test_the_server_ends_while_connections_are_open(mock: Mock) -> None:
    """Idle ones, half-sent requests and lost answers do not hold it up."""
    mock.faults.on("lost_answer")
    with contextlib.ExitStack() as stack:
        with mock.serve() as url:
            parts = httpx.URL(url)
            assert parts.port is not None
            for sent in (b"", b"GET /v1", b"POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\n1"):
                held = stack.enter_context(socket.create_connection((parts.host, parts.port), timeout=5))
                held.sendall(sent)
            begun = time.monotonic()
        assert time.monotonic() - begun < 5
