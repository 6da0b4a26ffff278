"""Anything may be sent to the lifecycle engine. It gets its documented answer, and the next request is served."""

from __future__ import annotations

import asyncio
import contextlib
import json
import select
import socket
import struct
import threading
import time
from collections.abc import Iterator
from typing import IO, Any

import httpx
import pytest
from octopusx_video_mock import Mock
from octopusx_video_mock.messages import MAX_BODY, Request
from octopusx_video_mock.server import connection as _connection
from octopusx_video_mock.server.connection import MAX_HEAD, MAX_UNSENT

from tests.conftest import AUTHORIZED, KEY

GOOD = {"model": "m", "prompt": "p", "start_time": 1, "video": {"url": "video_abc123"}}
RAW = json.dumps(GOOD)
PATH = "/v1/videos/extensions"
JSON_TYPE = {"Content-Type": "application/json"}
SECONDS = 10


@pytest.fixture
def address(mock: Mock) -> Iterator[tuple[str, int]]:
    """Host and port of a server."""
    with mock.serve() as url:
        parts = httpx.URL(url)
        assert parts.port is not None
        yield parts.host, parts.port


NO_JSON = {
    "empty": b"",
    "cut off": b"{",
    "arrays without an end": b"[" * 100_000,
    "objects without an end": b'{"a":' * 100_000,
    "deep": b"[" * 100_000 + b"]" * 100_000,
    "not a number": b'{"model":NaN}',
    "infinity": b'{"model":Infinity}',
    "not UTF-8": b'{"model":"\xff"}',
    "half a character": b'{"model":"\\ud800"}',
    "a byte order mark": b"\xef\xbb\xbf" + RAW.encode(),
    "UTF-16": RAW.encode("utf-16"),
    "a key twice": RAW.replace('"model"', '"model": "x", "model"').encode(),
    "a key twice within": RAW.replace('"url"', '"url": "video_abc123", "url"').encode(),
    "a letter more": RAW.encode() + b"x",
    "two of them": RAW.encode() * 2,
    "single quotes": b"'single'",
    "a zero byte": b"\0",
}


@pytest.mark.parametrize("body", NO_JSON.values(), ids=NO_JSON)
def test_a_body_that_is_no_json_is_refused(http: httpx.Client, body: bytes) -> None:
    """Malformed, too deep, ambiguous, not UTF-8: 400, with the example that the contract has for it (R27)."""
    answer = http.post(PATH, content=body, headers=JSON_TYPE)
    assert answer.status_code == 400
    assert answer.json()["error"]["message"].startswith("the body is no valid JSON: ")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"model": None}, "model: the value is not of type"),
        ({"model": " "}, "model: the value does not match"),
        ({"prompt": 1}, "prompt: the value is not of type"),
        ({"start_time": "1"}, "start_time: the value is not of type"),
        ({"start_time": 1.5}, "start_time: the value is not of type"),
        ({"start_time": -1}, "start_time: the value is less than"),
        ({"start_time": True}, "start_time: the value is not of type"),
        ({"duration": 7}, "duration: the value is not one of"),
        ({"duration": "10"}, "duration: the value is not "),
        ({"video": "video_abc123"}, "video: the value is not of type"),
        ({"video": {}}, 'video: "url" is a required property'),
        ({"video": {"url": "http://example.com/a.mp4"}}, "video.url is a link; send the id of a task"),
    ],
)
def test_a_field_that_is_wrong_is_named(http: httpx.Client, change: dict[str, Any], said: str) -> None:
    """400 with the code of the contract; the message says which field and why, and not what was sent."""
    answer = http.post(PATH, json={**GOOD, **change})
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_request")
    assert answer.json()["message"].startswith(said), answer.text


@pytest.mark.parametrize("wrong", [[GOOD], "text", 1, True, {"body": GOOD}, {}])
def test_a_body_of_another_shape_is_refused(http: httpx.Client, wrong: Any) -> None:
    """A valid body in an array or an envelope is none."""
    assert http.post(PATH, json=wrong).json()["code"] == "invalid_request"


@pytest.mark.parametrize(
    ("media_type", "status"),
    [
        ("application/json", 200),
        ("Application/JSON", 200),
        ("application/json; charset=utf-8", 200),
        ('application/json;charset="UTF-8"', 200),
        ("application/json; charset=utf-16", 400),
        ("application/json; profile=x", 200),
        ("application/jsonp", 400),
        ("application/x-json", 400),
        ("text/plain", 400),
        ("application/x-www-form-urlencoded", 400),
        ("multipart/form-data; boundary=x", 400),
        ("", 400),
        ("json", 400),
        (None, 400),
    ],
)
def test_the_media_type_counts(http: httpx.Client, media_type: str | None, status: int) -> None:
    """Only JSON in UTF-8 is read as JSON."""
    headers = {} if media_type is None else {"Content-Type": media_type}
    assert http.post(PATH, content=RAW, headers=headers).status_code == status


def test_numbers_of_any_size_are_numbers(mock: Mock, http: httpx.Client) -> None:
    """What the contract allows is accepted; a start in the far future has a video too, of a length that fits a file."""
    for start in (0, 4.0, 10**18, 10**400):
        raw = RAW.replace('"start_time": 1', f'"start_time": {start}')
        answer = http.post(PATH, content=raw, headers=JSON_TYPE)
        assert answer.status_code == 200, answer.text
        mock.clock.advance(180)
        assert http.get(f"/v1/videos/{answer.json()['id']}/content").status_code == 200


@pytest.mark.slow
@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/v1/videos/%", 400),
        ("/v1/videos/%ff", 400),
        ("/v1/videos/%zz", 400),
        ("/v1/videos/%00", 400),
        ("/v1/videos/%20", 400),
        ("/v1/videos/a%2Fb", 400),
        ("/v1/videos/%c0%af", 400),
        ("/v1/videos/", 400),
        ("/v1/videos/grok%3Af673ba58-b053-4d8d-8938-c0b429de4d7f", 200),
        ("/v1/videos/%76ideo_abc123", 200),
        ("/v1/videos/video_abc123/", 404),
        ("/v1/videos/video_abc123/content/x", 404),
        ("/v1//videos/video_abc123", 404),
        ("/v1/videos/../videos/video_abc123", 404),
        ("/V1/videos/video_abc123", 404),
        ("/", 404),
        ("/v1/videos/extensions", 400),
        ("/v1/video/query", 400),
        ("/v1/video/query?id=", 400),
        ("/v1/video/query?id=a&id=b", 400),
        ("/v1/video/query?id=%ff", 400),
        ("/v1/video/query?id=video_abc123&other=%ff", 400),
        ("/v1/video/query?" + "a=1&" * 2000 + "id=video_abc123", 400),
        ("/v1/video/query?id=video_abc123&more=1", 200),
        ("/v1/video/query?id=grok:f673ba58-b053-4d8d-8938-c0b429de4d7f", 200),
        ("/videos/a/aaaaaaaaaaaaaaaaaaaa.mp4", 404),
    ],
)
def test_paths_and_queries(address: tuple[str, int], path: str, status: int) -> None:
    """A task is what stands in its place, decoded once; what is no task is refused, what is no route is 404."""
    assert _status(address, f"GET {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {KEY}\r\n\r\n".encode()) == status


@pytest.mark.parametrize(
    "value", ["", "Bearer", "Bearer ", KEY, f"Basic {KEY}", f"Bearer{KEY}", f"Bearer {KEY} x", "ü"]
)
@pytest.mark.parametrize("path", ["/v1/videos/%ff", "/v1/video/query"])
def test_the_key_is_looked_at_first(http: httpx.Client, path: str, value: str) -> None:
    """401 before anything else is (R02)."""
    headers = [(b"Authorization", value.encode())]
    assert http.send(httpx.Request("GET", f"http://mock{path}", headers=headers)).status_code == 401


def test_two_keys_are_none(http: httpx.Client) -> None:
    """Which one counts could be argued; so neither does."""
    headers = [("Authorization", f"Bearer {KEY}"), ("Authorization", f"Bearer {KEY}")]
    assert http.send(httpx.Request("GET", "http://mock/v1/videos/video_abc123", headers=headers)).status_code == 401


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "TRACE", "BREW"])
def test_a_method_that_the_path_does_not_have(http: httpx.Client, method: str) -> None:
    """405 with Allow (R32)."""
    answer = http.request(method, PATH)
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")


def test_no_answer_holds_the_key(http: httpx.Client) -> None:
    """Not even where the caller put it."""
    for path in (f"/v1/{KEY}", f"/v1/videos/{KEY}", f"/v1/video/query?id={KEY}", f"/v1/videos/extensions/{KEY}"):
        assert KEY not in http.get(path).text


def _request(path: str) -> Request:
    headers = [(b"authorization", AUTHORIZED["Authorization"].encode())]
    return Request("GET", path.encode(), b"", headers, dict(headers), b"", "x")


HEAD = f"POST {PATH} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {KEY}\r\nContent-Type: application/json\r\n".encode()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("raw", "status"),
    [
        (b"nonsense\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost x\r\n\r\n", 400),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
        (HEAD + b"Content-Length: -1\r\n\r\n", 400),
        (HEAD + b"Content-Length: x\r\n\r\n", 400),
        (HEAD + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\n", 400),
        (HEAD + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n", 400),
        (HEAD + b"Content-Length: 1000000000\r\n\r\n", 413),
        (HEAD + b"X: " + b"a" * (MAX_HEAD + 1) + b"\r\n\r\n", 431),
        (HEAD + b"X: a\r\n" * (MAX_HEAD // 6 + 1), 431),
        (HEAD + b"X: " + b"a" * 10 * MAX_HEAD, 431),
        (b"GET /" + b"a" * (MAX_HEAD + 1) + b" HTTP/1.1\r\nHost: x\r\n\r\n", 431),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n1;" + b"a" * (10 * MAX_HEAD), 431),
    ],
    ids=lambda value: f"{len(value)} bytes, {value[:9]!r} to {value[-30:]!r}" if isinstance(value, bytes) else None,
)
def test_what_is_no_request_is_answered_at_once(address: tuple[str, int], raw: bytes, status: int) -> None:
    """A plain status and the end of the connection; the next one is served."""
    assert _status(address, raw) == status
    assert _status(address, _whole(RAW.encode())) == 200


def test_a_body_that_grows_over_the_limit_is_refused_before_it_ends(address: tuple[str, int], mock: Mock) -> None:
    """In chunks without a word about its length: 413 as soon as it is too large, and nothing is billed."""
    piece = b"100000\r\n" + b" " * 0x100000 + b"\r\n"
    with socket.create_connection(address, timeout=SECONDS) as connection:
        connection.sendall(HEAD + b"Transfer-Encoding: chunked\r\n\r\n")
        for _ in range(MAX_BODY // 0x100000 + 1):
            connection.sendall(piece)
        assert _read_status(connection) == 413
    assert mock.billed == []


def test_a_head_that_was_refused_leaves_nothing_for_the_next(address: tuple[str, int]) -> None:
    """A request with a key, then one with a head that is too large: the key of the first does not count for it."""
    first = f"GET /v1/videos/video_abc123 HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {KEY}\r\n\r\n".encode()
    second = b"GET /v1/videos/video_abc123 HTTP/1.1\r\nHost: x\r\nX: " + b"a" * (MAX_HEAD + 10) + b"\r\n\r\n"
    with socket.create_connection(address, timeout=SECONDS) as connection:
        connection.sendall(first)
        assert _read_status(connection) == 200
        connection.sendall(second)
        assert _read_status(connection) == 431


def test_trailers_and_what_follows_a_request_are_not_its_headers(address: tuple[str, int]) -> None:
    """A key that comes after the body is no key."""
    head = HEAD.replace(f"Authorization: Bearer {KEY}\r\n".encode(), b"") + b"Transfer-Encoding: chunked\r\n\r\n"
    body = b"%x\r\n%b\r\n0\r\n" % (len(RAW), RAW.encode())
    assert _status(address, head + body + f"Authorization: Bearer {KEY}\r\n\r\n".encode()) == 401


def test_requests_in_one_packet_are_answered_in_turn(address: tuple[str, int]) -> None:
    """Pipelined or byte by byte, each gets its own answer."""
    one = _whole(RAW.encode())
    with socket.create_connection(address, timeout=SECONDS) as connection, connection.makefile("rb") as answers:
        connection.sendall(one * 50)
        assert [_next_status(answers) for _ in range(50)] == [200] * 50
        for at in range(len(one)):
            connection.sendall(one[at : at + 1])
        assert _next_status(answers) == 200


@pytest.mark.slow
def test_a_caller_that_takes_no_answers_is_not_listened_to(mock: Mock) -> None:
    """Requests without end whose answers nobody reads do not fill the memory: they are not even read."""
    with mock.serve() as url:
        parts = httpx.URL(url)
        assert parts.port is not None
        with socket.create_connection((parts.host, parts.port), timeout=1) as connection:
            asked = f"GET /v1/videos/video_abc123/content HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {KEY}\r\n\r\n"
            with pytest.raises(OSError, match=r"reset|[Bb]roken|timed out"):
                connection.sendall(asked.encode() * 100_000)
        size = len(mock.engine.respond(_request("/v1/videos/video_abc123/content")).body)
    # What was answered is what the server may hold back, and what lies in the sockets between.
    assert len(mock.calls) * size < MAX_UNSENT + 20_000_000


@pytest.mark.parametrize(("name", "sent"), [("HEAD_SECONDS", b"POST /v1"), ("BODY_SECONDS", b"")])
def test_half_a_request_is_not_waited_for(mock: Mock, monkeypatch: pytest.MonkeyPatch, name: str, sent: bytes) -> None:
    """After its time a request that does not come gets 408."""
    monkeypatch.setattr(_connection, name, 0.2)
    monkeypatch.setattr(_connection, "SWEEP_SECONDS", 0.05)
    with mock.serve() as url:
        parts = httpx.URL(url)
        assert parts.port is not None
        assert _status((parts.host, parts.port), sent or HEAD + b"Content-Length: 10\r\n\r\n{") == 408


def test_a_request_that_offers_another_protocol_is_served_in_this_one(address: tuple[str, int]) -> None:
    """An Upgrade may be declined (RFC 9110 section 7.8): the request gets its body read."""
    offer = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n"
    whole = HEAD + offer + b"Content-Length: %d\r\n\r\n" % len(RAW) + RAW.encode()
    assert _status(address, whole) == 200
    with socket.create_connection(address, timeout=SECONDS) as connection, connection.makefile("rb") as answers:
        for at in range(0, len(whole), 7):
            connection.sendall(whole[at : at + 7])
        assert _next_status(answers) == 200
        connection.sendall(_whole(RAW.encode()))
        assert _next_status(answers) == 200
    assert _status(address, b"CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n") == 400


def test_bodies_without_an_end_are_limited_together(mock: Mock, monkeypatch: pytest.MonkeyPatch) -> None:
    """What all callers have sent and not completed stays within a limit; the one who goes over it is dropped."""
    monkeypatch.setattr(_connection, "MAX_HELD", 1_000_000)
    head = HEAD + b"Content-Length: 900000\r\n\r\n"
    with mock.serve() as url, contextlib.ExitStack() as stack:
        parts = httpx.URL(url)
        assert parts.port is not None
        there = (parts.host, parts.port)
        callers = [stack.enter_context(socket.create_connection(there, timeout=SECONDS)) for _ in range(2)]
        for caller in callers:
            with contextlib.suppress(OSError):
                caller.sendall(head + b" " * 800_000)
        # Which of them goes over it is for the machine to say, which reads now from one and now from the other.
        dropped, _, _ = select.select(callers, [], [], SECONDS)
        [kept] = [caller for caller in callers if caller not in dropped]
        kept.sendall(b" " * 100_000)
        assert _read_status(kept) == 400
        assert _status(there, _whole(RAW.encode())) == 200


@pytest.mark.parametrize(
    "header",
    [
        b"Content-Type: application/json" + b";x=    " * 5000 + b",",
        b"Content-Type: application/json" + b'; a="' * 5000,
        b"Prefer: " + b" ," * 20_000 + b'code="' * 3000,
        b"Range: bytes=" + b"1" * 50_000 + b"-",
        b"Authorization: Bearer " + b" " * 50_000 + b"!",
        b"Host: " + b"a.-" * 15_000 + b"!",
    ],
    ids=["parameters", "quotes", "Prefer", "Range", "Authorization", "Host"],
)
def test_no_header_takes_long_to_read(http: httpx.Client, header: bytes) -> None:
    """Sixty kilobytes of what a pattern could get lost in are read in milliseconds."""
    name, _, value = header.partition(b": ")
    headers = [(b"Content-Type", b"application/json"), (b"Authorization", AUTHORIZED["Authorization"].encode())]
    headers = [pair for pair in headers if pair[0] != name] + [(name, value)]
    begun = time.process_time()
    http.send(httpx.Request("POST", f"http://mock{PATH}", headers=headers, content=RAW))
    http.send(httpx.Request("GET", "http://mock/v1/videos/video_abc123/content", headers=headers))
    assert time.process_time() - begun < 5


@pytest.mark.slow
def test_what_follows_a_lost_answer_is_not_answered(mock: Mock, address: tuple[str, int]) -> None:
    """Nothing on the same connection is taken for the answer that does not come, not even 413 or 100."""
    lost = HEAD + b"Prefer: fault=lost_answer\r\n" + b"Content-Length: %d\r\n\r\n" % len(RAW) + RAW.encode()
    for behind in (b"Content-Length: 99999999\r\n\r\n", b"Expect: 100-continue\r\nContent-Length: 9\r\n\r\n"):
        with socket.create_connection(address, timeout=0.5) as connection:
            connection.sendall(lost + HEAD + behind)
            with pytest.raises(TimeoutError):
                connection.recv(100)
    assert [one.answered for one in mock.billed] == [False, False]


def test_callers_that_give_up_leave_no_connection(mock: Mock, monkeypatch: pytest.MonkeyPatch) -> None:
    """More callers than there may be connections wait for a lost response and go; the next one is served."""
    monkeypatch.setattr(_connection, "MAX_CONNECTIONS", 20)
    lost = HEAD + b"Prefer: fault=lost_answer\r\n" + b"Content-Length: %d\r\n\r\n" % len(RAW) + RAW.encode()
    with mock.serve() as url:
        parts = httpx.URL(url)
        assert parts.port is not None
        there = (parts.host, parts.port)
        for number in range(60):
            with socket.create_connection(there, timeout=SECONDS) as connection:
                connection.sendall(lost)
                while len(mock.submissions) <= number:
                    time.sleep(0.001)
        assert _status(there, _whole(RAW.encode())) == 200


@pytest.mark.slow
@pytest.mark.parametrize(
    "body",
    [b'{"model":[%b1],"prompt":"p"}' % (b"1," * 2_000_000), b"[%b{}]" % (b'{"a":1},' * 500_000)],
    ids=["a field", "the whole"],
)
def test_a_large_body_that_is_wrong_does_not_hold_up_the_others(http: httpx.Client, body: bytes) -> None:
    """What is wrong with it is found about as fast as it was read."""
    begun = time.process_time()
    assert http.post(PATH, content=body, headers=JSON_TYPE).status_code == 400
    assert time.process_time() - begun < 3


def test_silence_is_not_waited_for(mock: Mock, monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection without a request is closed after its time, without a word."""
    monkeypatch.setattr(_connection, "IDLE_SECONDS", 0.2)
    monkeypatch.setattr(_connection, "SWEEP_SECONDS", 0.05)
    with mock.serve() as url:
        parts = httpx.URL(url)
        assert parts.port is not None
        with socket.create_connection((parts.host, parts.port), timeout=SECONDS) as connection:
            assert connection.recv(10) == b""


def test_connections_are_limited(mock: Mock, monkeypatch: pytest.MonkeyPatch) -> None:
    """One too many is closed; when others have gone, there is place again."""
    monkeypatch.setattr(_connection, "MAX_CONNECTIONS", 5)
    with mock.serve() as url, contextlib.ExitStack() as stack:
        parts = httpx.URL(url)
        assert parts.port is not None
        there = (parts.host, parts.port)
        with contextlib.ExitStack() as held:
            for _ in range(5):
                held.enter_context(socket.create_connection(there, timeout=SECONDS))
            sixth = stack.enter_context(socket.create_connection(there, timeout=SECONDS))
            with contextlib.suppress(ConnectionResetError):
                assert sixth.recv(10) == b""
        for _ in range(100):
            with contextlib.suppress(OSError, IndexError):
                if _status(there, _whole(RAW.encode())) == 200:
                    return
        pytest.fail("it did not recover")


@pytest.mark.slow
def test_many_callers_at_once_each_get_their_own(mock: Mock) -> None:
    """Two hundred submits side by side are two hundred tasks."""

    async def submit(http: httpx.AsyncClient) -> str:
        return str((await http.post(PATH, json=GOOD)).json()["id"])

    async def all_of_them(url: str) -> list[str]:
        async with httpx.AsyncClient(base_url=url, headers=AUTHORIZED) as http:
            return await asyncio.gather(*(submit(http) for _ in range(200)))

    with mock.serve() as url:
        ids = asyncio.run(all_of_them(url))
    assert len(set(ids)) == len(mock.billed) == 200


def test_a_caller_that_goes_away_costs_nothing(address: tuple[str, int]) -> None:
    """Connections that are reset in the middle of a request or of an answer leave the server as it was."""
    for sent in (HEAD, HEAD + b"Content-Length: 9\r\n\r\n{", _whole(RAW.encode())):
        with socket.create_connection(address, timeout=SECONDS) as connection:
            connection.sendall(sent)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    assert _status(address, _whole(RAW.encode())) == 200
    assert "octopusx-video-mock" in {thread.name for thread in threading.enumerate()}


def test_continue_is_said_before_the_body_is_sent(address: tuple[str, int]) -> None:
    """A caller that asks first is told to go on, unless its body is announced too large."""
    with socket.create_connection(address, timeout=SECONDS) as connection:
        connection.sendall(HEAD + f"Content-Length: {len(RAW)}\r\nExpect: 100-continue\r\n\r\n".encode())
        assert connection.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(RAW.encode())
        assert _read_status(connection) == 200
    assert _status(address, HEAD + b"Content-Length: 99999999\r\nExpect: 100-continue\r\n\r\n") == 413


def _whole(body: bytes) -> bytes:
    return HEAD + b"Content-Length: %d\r\n\r\n" % len(body) + body


def _status(address: tuple[str, int], raw: bytes) -> int:
    with socket.create_connection(address, timeout=SECONDS) as connection:
        with contextlib.suppress(OSError):  # it may have been refused before it was sent
            connection.sendall(raw)
        return _read_status(connection)


def _read_status(connection: socket.socket) -> int:
    """Read the next answer, of which nothing was read yet, and give its status."""
    with connection.makefile("rb") as answers:
        return _next_status(answers)


def _next_status(file: IO[bytes]) -> int:
    status = int(file.readline().split()[1])
    length = 0
    while (line := file.readline()) not in {b"\r\n", b""}:
        if line.lower().startswith(b"content-length:"):
            length = int(line.split(b":")[1])
    file.read(length)
    return status
