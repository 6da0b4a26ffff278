"""The Prism engine: stock Prism, with its defects fenced off."""

from __future__ import annotations

import json
import socket
from typing import Any

import httpx
import jsonschema_rs
import platformdirs
import pytest
from octopusx_video_mock import MockError, PrismMock
from octopusx_video_openapi import Contract

from tests.conftest import KEY
from tests.support import documents

pytestmark = pytest.mark.slow  # Prism has to be installed and started
CACHE = str(platformdirs.user_cache_path())
"""Where Prism is installed; pytester changes the home folder, below which nothing is."""
GOOD = {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"}
BODY = {"model": "grok-video-3", "prompt": "on", "start_time": 4, "video": {"url": "grok:a"}}


@pytest.fixture
def http(prism: PrismMock) -> Any:
    """A client of the mock."""
    with httpx.Client(base_url=prism.base_url, timeout=10) as client:
        yield client


def _raw(prism: PrismMock, request: bytes) -> tuple[int, bytes]:
    """Send bytes that no client library would send; the answer's status and body."""
    with socket.create_connection((prism.host, prism.port), timeout=10) as connection:
        connection.sendall(request)
        received = b""
        while chunk := connection.recv(65536):
            received += chunk
    head, _, body = received.partition(b"\r\n\r\n")
    return int(head.split()[1]), body


def _matches(contract: Contract, status: int, operation: str, body: bytes) -> bool:
    response = dict(documents.responses(contract, contract.operations[operation]))[str(status)]
    schema = documents.schema(contract, response["content"]["application/json"]["schema"])
    return jsonschema_rs.is_valid(schema, json.loads(body))


@pytest.mark.parametrize(
    "body",
    [
        b'{"model":',
        b"",
        b"{",
        b"\x00",
        b"\xff\xfe",
        b"nonsense",
        b"[" * 100_000 + b"]" * 100_000,
        b"null",
        b"\xef\xbb\xbf{}",
    ],
)
def test_a_body_that_is_not_a_valid_request_is_refused(http: httpx.Client, contract: Contract, body: bytes) -> None:
    """Malformed JSON gets the contract's 400, at once, and not the silence of stock Prism."""
    response = http.post("/v1/videos/extensions", content=body, headers=GOOD)
    assert response.status_code == 400
    assert _matches(contract, 400, "createVideoExtension", response.content)


@pytest.mark.parametrize("segment", ["%", "%ff", "%E0%A4%A", "%zz", "a%2", "%20"])
@pytest.mark.parametrize("suffix", ["", "/content"])
def test_a_bad_percent_escape_is_refused(prism: PrismMock, contract: Contract, segment: str, suffix: str) -> None:
    """A path that can't be decoded gets the contract's 400, and the server goes on."""
    request = (
        f"GET /v1/videos/{segment}{suffix} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {KEY}\r\nConnection: close"
    )
    status, body = _raw(prism, f"{request}\r\n\r\n".encode())
    assert status == 400
    assert _matches(contract, 400, "downloadVideoContent" if suffix else "getVideoTask", body)
    assert httpx.get(f"{prism.base_url}/v1/videos/a", headers=GOOD).status_code == 200


@pytest.mark.parametrize("target", ["//", "/%", "http://[", "/v1/%ff/x", "*"])
def test_a_strange_target_is_no_route(prism: PrismMock, target: str) -> None:
    """Nothing in the request line ends the process."""
    request = f"GET {target} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {KEY}\r\nConnection: close\r\n\r\n"
    assert _raw(prism, request.encode())[0] == 404
    assert httpx.get(f"{prism.base_url}/v1/videos/a", headers=GOOD).status_code == 200


@pytest.mark.parametrize(
    "credential",
    [
        None,
        "",
        "Bearer",
        "Bearer wrong",
        f"Bearer {KEY} more",
        f"Bearer {KEY}x",
        f"Basic {KEY}",
        KEY,
        f"Bearer{KEY}",
        f"Token {KEY}",
        f'Bearer "{KEY}"',
    ],
)
@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/v1/videos/extensions", b'{"model":'),
        ("POST", "/v1/videos/%20/extend", b"{}"),
        ("POST", "/v1/video/extend", b""),
        ("GET", "/v1/videos/%20", None),
        ("GET", "/v1/videos/a/content", None),
        ("GET", "/v1/video/query", None),
    ],
)
def test_a_credential_is_looked_at_first(
    http: httpx.Client, contract: Contract, credential: str | None, method: str, path: str, body: bytes | None
) -> None:
    """A missing, malformed or wrong credential gets the contract's 401, whatever else is wrong."""
    headers = {"Content-Type": "application/json"}
    if credential is not None:
        headers["Authorization"] = credential
    response = http.request(method, path, content=body, headers=headers)
    assert response.status_code == 401
    assert _matches(contract, 401, "createVideoExtension", response.content)


@pytest.mark.parametrize(
    "header",
    [
        "Prefer: code=abc",
        "Prefer: code=401, example=nope",
        "Content-Type: junk",
        "Expect: foo",
        "Content-Length: 100",
        "Transfer-Encoding: chunked",
    ],
)
@pytest.mark.parametrize("line", ["GET /v1/videos/a?__code=abc&__server=x", "POST /v1/videos/extensions?__dynamic=1"])
def test_nothing_else_is_looked_at_without_a_credential(prism: PrismMock, line: str, header: str) -> None:
    """Neither Prism's switches nor a header nor a body that never comes gets another answer than 401."""
    assert _raw(prism, f"{line} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{header}\r\n\r\n".encode())[0] == 401


@pytest.mark.parametrize("header", ["Content-Type: junk", "Content-Type: /", "Expect: foo", "Content-Length: 0"])
def test_a_strange_header_on_a_read_does_not_matter(prism: PrismMock, header: str) -> None:
    """A read has no body: what is said of one is not looked at, and Prism does not stumble over it."""
    request = f"GET /v1/videos/a HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {KEY}\r\n{header}\r\nConnection: close"
    assert _raw(prism, f"{request}\r\n\r\n".encode())[0] == 200


def test_a_caller_that_waits_to_continue_is_told_to(prism: PrismMock) -> None:
    """`Expect: 100-continue`, which curl sends with a large body, is answered."""
    body = json.dumps(BODY).encode()
    head = f"POST /v1/videos/extensions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {KEY}\r\nConnection: close\r\n"
    head += f"Content-Type: application/json\r\nExpect: 100-continue\r\nContent-Length: {len(body)}\r\n\r\n"
    with socket.create_connection((prism.host, prism.port), timeout=10) as connection:
        connection.sendall(head.encode())
        assert connection.recv(100).startswith(b"HTTP/1.1 100 Continue")
        connection.sendall(body)
        assert connection.recv(100).startswith(b"HTTP/1.1 200 OK")


def test_a_credential_is_looked_at_before_the_size(prism: PrismMock) -> None:
    """A body of 99 MB that never comes does not keep a request without a key from its 401."""
    head = (
        "POST /v1/videos/extensions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 99999999"
    )
    assert _raw(prism, f"{head}\r\n\r\n".encode())[0] == 401


@pytest.mark.parametrize("media_type", ["application/vnd.api+json", "application/json-patch+json", "text/plain", ""])
def test_another_media_type_is_refused(http: httpx.Client, contract: Contract, media_type: str) -> None:
    """What is not application/json gets the contract's 400, whatever is in it."""
    for content in (json.dumps(BODY).encode(), b'{"model":'):
        response = http.post("/v1/videos/extensions", content=content, headers={**GOOD, "Content-Type": media_type})
        assert response.status_code == 400
        assert _matches(contract, 400, "createVideoExtension", response.content)


def test_two_credentials_are_none(prism: PrismMock) -> None:
    """A request with the header twice is refused, whichever comes first."""
    once = f"Authorization: Bearer {KEY}\r\n"
    request = f"GET /v1/videos/a HTTP/1.1\r\nHost: x\r\n{once}Authorization: Bearer no\r\nConnection: close\r\n\r\n"
    assert _raw(prism, request.encode())[0] == 401


def test_the_scheme_is_read_without_regard_to_case(http: httpx.Client) -> None:
    """RFC 9110 section 11.1: `bearer` is `Bearer`."""
    assert http.get("/v1/videos/a", headers={"Authorization": f"bearer {KEY}"}).status_code == 200


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "TRACE"])
@pytest.mark.parametrize(
    ("path", "allow"),
    [
        ("/v1/videos/extensions", "POST"),
        ("/v1/videos/a", "GET"),
        ("/v1/%76ideos/a", "GET"),
        ("/v1/videos/a/extend", "POST"),
    ],
)
def test_a_wrong_method_says_which_are_right(http: httpx.Client, method: str, path: str, allow: str) -> None:
    """405 comes with Allow, which lists what the contract has at that path."""
    response = http.request(method, path, headers=GOOD)
    assert (response.status_code, response.headers["allow"]) == (405, allow)


def test_a_body_over_the_limit_is_refused(http: httpx.Client, contract: Contract) -> None:
    """More than 10 MiB gets the contract's 413, before it is read."""
    response = http.post("/v1/videos/extensions", content=b" " * (10 * 1024 * 1024 + 1), headers=GOOD)
    assert response.status_code == 413
    assert _matches(contract, 413, "createVideoExtension", response.content)


def test_an_accept_header_does_not_matter(http: httpx.Client) -> None:
    """The API has one media type for each answer and no 406."""
    response = http.get("/v1/videos/a/content", headers={**GOOD, "Accept": "application/json"})
    assert (response.status_code, response.headers["content-type"]) == (200, "video/mp4")
    assert response.content[4:8] == b"ftyp"


def test_prefer_orders_an_answer(http: httpx.Client) -> None:
    """Prism's own switch is left as it is: any documented status and any example by its name."""
    assert http.get("/v1/videos/a", headers={**GOOD, "Prefer": "code=429"}).status_code == 429
    answer = http.get("/v1/videos/a", headers={**GOOD, "Prefer": "example=failed"})
    assert answer.json()["status"] == "failed"


def test_a_body_in_pieces_is_a_body(http: httpx.Client) -> None:
    """Chunked and with an odd charset, valid JSON is valid JSON (RFC 8259 knows no charset)."""
    content = json.dumps(BODY).encode()
    pieces = iter([content[:10], content[10:]])
    response = http.post(
        "/v1/videos/extensions", content=pieces, headers={**GOOD, "Content-Type": "application/json; charset=latin-1"}
    )
    assert response.status_code == 200


def test_without_a_token_any_well_formed_key_is_accepted() -> None:
    """Who does not care for keys need not make one up; who sends none is refused all the same."""
    with PrismMock() as mock:
        assert httpx.get(f"{mock.base_url}/v1/videos/a", headers={"Authorization": "Bearer any"}).status_code == 200
        assert httpx.get(f"{mock.base_url}/v1/videos/a").status_code == 401


def test_events_tell_of_requests_and_of_no_secret() -> None:
    """Each request is told with its status, without the key."""
    events: list[dict[str, Any]] = []

    def note(event: dict[str, Any]) -> None:
        events.append(event)
        raise ValueError("what goes wrong here is not the mock's business")

    with PrismMock(token=KEY, on_event=note) as mock:
        httpx.get(f"{mock.base_url}/v1/videos/a?key={KEY}", headers=GOOD)
    [event] = [event for event in events if event["event"] == "request"]
    assert (event["method"], event["url"], event["status"]) == ("GET", "/v1/videos/a?key=[key]", 200)
    assert KEY not in str(events)


def test_two_run_side_by_side_on_ports_of_their_own(prism: PrismMock) -> None:
    """Port 0 is a free port, known when it listens."""
    with PrismMock() as other:
        assert other.port not in {0, prism.port}


def test_one_that_runs_can_t_be_started_again(prism: PrismMock) -> None:
    """Entering it twice is refused, and leaves the first as it is."""
    with pytest.raises(MockError, match="runs already"):
        prism.__enter__()
    assert httpx.get(f"{prism.base_url}/v1/videos/a", headers=GOOD).status_code == 200


def test_a_mock_that_is_not_running_can_t_be_waited_for() -> None:
    """Using it wrongly says how to use it."""
    with pytest.raises(MockError, match="use it as a context manager"):
        PrismMock().wait()


pytest_plugins = ["pytester"]


def test_the_fixture_is_there_for_everybody(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    """A test of somebody else's has the mock by naming the fixture."""
    monkeypatch.setenv("XDG_CACHE_HOME", CACHE)
    pytester.makepyfile(
        """
        import httpx

        def test_it(prism_mock):
            headers = {"Authorization": "Bearer any"}
            assert httpx.get(prism_mock.base_url + "/v1/videos/a", headers=headers).status_code == 200
        """
    )
    pytester.runpytest_subprocess().assert_outcomes(passed=1)
