"""The pages beside the API: for a browser, and for tools. They say nothing secret, and they can be turned off."""

from __future__ import annotations

import json
import os
import re
import subprocess
import time
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import httpx
import pytest
from octopusx_video_mock import Mock, MockError
from octopusx_video_mock.pages.site import PATHS
from octopusx_video_mock.settings import MAX_LATENCY
from octopusx_video_openapi import Contract, contract_path

from tests.conftest import AUTHORIZED
from tests.mock.test_task_life import LIFE, submit

BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


class _Page(HTMLParser):
    """The text, the addresses and the commands of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.addresses: list[str] = []
        self.commands: list[str] = []
        self._in_command = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._in_command = tag == "pre"
        if self._in_command:
            self.commands.append("")
        self.addresses += [value or "" for name, value in attrs if name in {"href", "src"}]

    def handle_endtag(self, tag: str) -> None:
        self._in_command = False

    def handle_data(self, data: str) -> None:
        if self._in_command:
            self.commands[-1] += data


@pytest.fixture
def served(mock: Mock) -> Iterator[httpx.Client]:
    """A client of the test's mock over HTTP, with pages and control routes."""
    with mock.serve(control=True) as url, httpx.Client(base_url=url, timeout=20) as http:
        yield http


def test_a_browser_gets_a_page_and_others_what_they_got(served: httpx.Client) -> None:
    """At / a browser gets a page; another client gets the response to a path that no operation has."""
    page = served.get("/", headers=BROWSER)
    assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    with Mock().serve(pages=False) as url:
        without = httpx.get(url)
    other = served.get("/")
    assert (other.status_code, other.json()) == (without.status_code, without.json())


@pytest.mark.parametrize("token", [None, "sk-only"])
def test_every_command_of_the_page_works(token: str | None, contract: Contract, tmp_path: Path) -> None:
    """There is a command for each operation, and each of them gets a success in a shell, as it is copied."""
    mock = Mock(token=token)
    with mock.serve() as url:
        commands = _Page(httpx.get(url, headers=BROWSER).text).commands
        assert len(commands) == len(contract.operations)
        for command in commands:
            done = subprocess.run(
                ["sh", "-c", f"{command} --silent --output /dev/null --write-out '%{{http_code}}'"],
                capture_output=True,
                text=True,
                check=True,
                timeout=20,
                cwd=tmp_path,
                env={**os.environ, "OCTOPUSX_API_KEY": "sk-only"},
            )
            assert done.stdout.endswith("200"), command
    assert len(mock.submissions) == 3


def test_every_address_of_a_page_is_one_of_the_mock(served: httpx.Client) -> None:
    """Nothing is loaded from elsewhere, and nothing is missing but the bundle where it was not installed."""
    for path in ("/", "/docs"):
        for address in _Page(served.get(path, headers=BROWSER).text).addresses:
            if not address.startswith("data:"):
                assert address.encode() in PATHS
                assert served.get(address).status_code == 200 or address == "/page/scalar.js"


def test_the_contract_is_served_as_it_is(served: httpx.Client, contract: Contract) -> None:
    """The YAML byte for byte, the JSON with the same meaning, and /healthz; without a key."""
    assert served.get("/openapi.yaml").content == contract_path().read_bytes()
    assert served.get("/openapi.json").json() == json.loads(contract.text())
    assert served.get("/healthz").json() == {"status": "ok"}
    assert served.head("/healthz").content == b""


@pytest.mark.parametrize("path", ["/docs", "/openapi.json", "/openapi.yaml", "/healthz"])
def test_the_pages_can_be_turned_off(path: str) -> None:
    """Then their paths are no operations of the contract, as any other."""
    with Mock().serve(pages=False) as url:
        assert httpx.get(f"{url}{path}").status_code == 404


def test_a_page_says_no_secret() -> None:
    """Neither a key that is accepted nor one that was sent stands on a page or in the live state."""
    mock = Mock(token="sk-secret")
    with mock.serve(control=True) as url, httpx.Client(base_url=url, headers=BROWSER) as http:
        http.get("/v1/videos/video_abc123", headers={"Authorization": "Bearer sk-secret"})
        http.get("/v1/videos/sk-secret", headers={"Authorization": "Bearer sk-secret"})
        texts = [http.get(path).text for path in ("/", "/docs", "/openapi.json")]
        assert not any("sk-secret" in text for text in [*texts, _event(http)])


def test_a_page_may_load_nothing_from_elsewhere(served: httpx.Client) -> None:
    """The browser is told so, and that no other page may embed it."""
    policy = served.get("/docs").headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert not re.search(r"https?:|\*", policy)


def _event(http: httpx.Client) -> str:
    """The first event of the stream."""
    with http.stream("GET", "/__mock__/events") as response:
        assert response.headers["content-type"] == "text/event-stream"
        return next(line for line in response.iter_lines() if line.startswith("data: ")).removeprefix("data: ")


def test_the_live_state_follows_a_task_to_its_video(served: httpx.Client, mock: Mock) -> None:
    """Whatever key made it: running, then succeeded with a video that needs no key, and billed."""
    with httpx.Client(base_url=served.base_url, headers=AUTHORIZED) as other:
        task = submit(other)
    state = json.loads(_event(served))
    shown = [(one["id"], one["phase"], one["is_billed"]) for one in state["tasks"]]
    assert shown == [(task, "running", True)]
    mock.clock.advance(LIFE.lasts)
    (ended,) = json.loads(_event(served))["tasks"]
    assert (ended["status"], ended["progress"]) == (LIFE.succeeded, 100)
    assert served.get(ended["video"]).content[4:8] == b"ftyp"
    mock.clock.advance(LIFE.expires_after)
    (expired,) = json.loads(_event(served))["tasks"]
    assert expired["video"] is None


def test_a_task_that_fails_is_shown_so(served: httpx.Client, mock: Mock) -> None:
    """It is billed until it fails."""
    with mock.fault("failed"), httpx.Client(base_url=served.base_url, headers=AUTHORIZED) as other:
        submit(other)
        assert json.loads(_event(served))["faults"] == ["failed"]
    mock.clock.advance(LIFE.lasts)
    state = json.loads(_event(served))
    assert [(one["phase"], one["is_billed"]) for one in state["tasks"]] == [("failed", False)]
    assert state["bill"] == {"submissions": 1, "billed": 0}


def test_the_stream_sends_what_has_changed(served: httpx.Client, mock: Mock) -> None:
    """A second event arrives when there is something new, on the same connection."""
    with served.stream("GET", "/__mock__/events") as response:
        events = (line for line in response.iter_lines() if line.startswith("data: "))
        first = json.loads(next(events).removeprefix("data: "))
        mock.clock.advance(5)
        second = json.loads(next(events).removeprefix("data: "))
    assert second["clock"]["now"] == first["clock"]["now"] + 5


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://localhost:3000", "Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Host": "evil.example"},
    ],
    ids=str,
)
@pytest.mark.parametrize("route", ["events", "clock", "calls"])
def test_the_control_routes_are_not_for_pages_of_another_origin(
    served: httpx.Client, headers: dict[str, str], route: str
) -> None:
    """Neither the live state nor anything else."""
    assert served.get(f"/__mock__/{route}", headers=headers).status_code == 403


def test_the_clock_runs_faster(served: httpx.Client) -> None:
    """At ten thousand times the rate, a task's minutes pass in a moment; a wrong rate is refused with the reason."""
    assert served.post("/__mock__/clock", json={"rate": 10_000}).json()["running"] is True
    before = served.get("/__mock__/clock").json()["now"]
    time.sleep(0.05)
    assert served.get("/__mock__/clock").json()["now"] - before >= 500
    for rate in (0, -1, 1e9, "fast", True):
        refused = served.post("/__mock__/clock", json={"rate": rate})
        assert refused.status_code == 400, rate


def test_a_response_is_held_back() -> None:
    """Over HTTP in real time, and in process by the clock."""
    with Mock(latency="0.2").serve() as url, httpx.Client(base_url=url) as http:
        begun = time.monotonic()
        assert http.get("/healthz").status_code == 200
        assert time.monotonic() - begun >= 0.2
    mock = Mock(latency="2-3", seed=1)
    before = mock.clock.now()
    with httpx.Client(transport=mock.transport, base_url="http://mock", headers=AUTHORIZED) as http:
        http.get("/v1/videos/video_abc123")
        first = mock.clock.now() - before
        with pytest.raises(httpx.ReadTimeout):
            http.get("/v1/videos/video_abc123", timeout=1)
    assert 2 <= first <= 3


@pytest.mark.parametrize("latency", ["fast", "-1", "0.5-0.1", "1-", f"{MAX_LATENCY + 1}", "0.1-0.2-0.3"])
def test_a_latency_that_is_none_is_refused(latency: str) -> None:
    """With its text, and what can be given."""
    with pytest.raises(MockError, match=r"is not a number of seconds, such as 0\.2, or a range"):
        Mock(latency=latency)


def test_requests_that_do_not_wait_are_answered_in_order() -> None:
    """Two requests on one connection, sent at once, get their responses in their order, however long each is held."""
    with Mock(latency="0-0.2", seed=3).serve() as url:
        import socket  # noqa: PLC0415 - the one test that needs it

        host, port = url.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port)), timeout=10) as connection:
            heads = [f"GET {path} HTTP/1.1\r\nHost: {host}\r\n" for path in ("/healthz", "/openapi.yaml")]
            connection.sendall(f"{heads[0]}\r\n{heads[1]}Connection: close\r\n\r\n".encode())
            received = b"".join(iter(lambda: connection.recv(65536), b""))
    assert received.index(b'{"status": "ok"}') < received.index(b"openapi: 3.1")
