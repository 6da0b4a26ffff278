"""The key and the address are checked when a client is made, and come from where they should."""

from __future__ import annotations

import copy
import pickle
import socket
from pathlib import Path
from typing import Any

import httpx
import pytest
from octopusx_video import (
    AmbiguousSubmitError,
    AsyncOctopusX,
    DownloadError,
    NotSentError,
    OctopusX,
    RefusedError,
    TaskBlockedError,
    VideoTask,
    WaitTimeoutError,
)
from octopusx_video._key import Key
from octopusx_video._settings import origin
from octopusx_video_mock import Mock

from tests.support.sdk.clients import KEY, KINDS, SOURCE, Kind, connected

CLIENTS = (OctopusX, AsyncOctopusX)
SECRET = "sk-do-not-show"


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize(
    ("key", "complaint"),
    [
        ("", "there is no API key: set OCTOPUSX_API_KEY; in Python you can pass api_key"),
        (None, "there is no API key"),
        (f"{SECRET}\n", "holds a line break"),
        (f"{SECRET}\r\nX-Evil: 1", "holds a line break"),
        (f"Bearer {SECRET}", 'begins with "Bearer"'),
        (f"{SECRET} ", "holds a space or a character"),
        (f"{SECRET}é", "holds a space or a character"),
        (f"{SECRET}\0", "holds a space or a character"),
        (SECRET.encode(), "is of type bytes"),
    ],
    ids=lambda value: repr(value)[:20],
)
def test_a_key_that_can_not_be_used_is_told_and_not_shown(
    client: Any, key: Any, complaint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error says what is wrong with it, and never what it is."""
    monkeypatch.delenv("OCTOPUSX_API_KEY", raising=False)
    with pytest.raises(NotSentError, match=complaint) as caught:
        client(key)
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize(
    ("url", "complaint"),
    [
        ("octopusx.ai", "lacks http:// or https://"),
        ("ftp://octopusx.ai", "lacks http:// or https://"),
        ("https://", "lacks http:// or https://, or a host"),
        ("https://octopusx.ai:port", "can't be read"),
        ("https://[::1", "can't be read"),
        ("http://octopusx.ai", "would send the key unencrypted; use https"),
        ("http://10.0.0.1:4010", "would send the key unencrypted"),
        ("http://localhost.example", "would send the key unencrypted"),
        ("https://user:password@octopusx.ai", "holds a user name or a password"),
        ("https://octopusx.ai/?a=b", "holds more than scheme, host and path"),
        ("https://octopusx.ai/v1", "ends in /v1, which every path begins with"),
        ("https://octopusx.ai/v1/", "ends in /v1"),
        (b"https://octopusx.ai", "is of type bytes"),
    ],
    ids=repr,
)
def test_a_base_url_that_can_not_be_used_is_told(client: Any, url: Any, complaint: str) -> None:
    """With the mend, before anything is sent."""
    with pytest.raises(NotSentError, match=complaint) as caught:
        client(KEY, base_url=url)
    assert "password@" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://octopusx.ai", "https://octopusx.ai"),
        (" https://octopusx.ai/ ", "https://octopusx.ai"),
        ("https://proxy.example:8443/octopus/", "https://proxy.example:8443/octopus"),
        ("http://127.0.0.1:4010", "http://127.0.0.1:4010"),
        ("http://[::1]:4010", "http://[::1]:4010"),
        ("http://localhost:4010/", "http://localhost:4010"),
    ],
    ids=repr,
)
def test_a_base_url_is_taken_as_people_write_it(url: str, expected: str) -> None:
    """With a slash at the end, with a path of its own, and plain on this machine."""
    with OctopusX(KEY, base_url=url) as client:
        assert repr(client) == f"OctopusX(base_url={expected!r})"


def test_settings_come_from_the_environment_unless_given(monkeypatch: pytest.MonkeyPatch) -> None:
    """Arguments go first; without either the service itself is asked."""
    monkeypatch.setenv("OCTOPUSX_API_KEY", "sk-from-the-environment")
    monkeypatch.delenv("OCTOPUSX_BASE_URL", raising=False)
    requests: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        requests.append(request)
        return httpx.Response(200, json={"id": "grok:a", "status": "queued"})

    for options in ({}, {"api_key": "sk-given", "base_url": "https://given.example"}):
        with OctopusX(**options, transport=httpx.MockTransport(answer)) as client:  # type: ignore[arg-type]
            client.videos.retrieve("grok:a")
    monkeypatch.setenv("OCTOPUSX_BASE_URL", "https://environment.example/x")
    with OctopusX(transport=httpx.MockTransport(answer)) as client:
        client.unified.retrieve("grok:a")
    assert [(str(request.url), request.headers["authorization"]) for request in requests] == [
        ("https://octopusx.ai/v1/videos/grok%3Aa", "Bearer sk-from-the-environment"),
        ("https://given.example/v1/videos/grok%3Aa", "Bearer sk-given"),
        ("https://environment.example/x/v1/video/query?id=grok%3Aa", "Bearer sk-from-the-environment"),
    ]


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"timeout": "10"}, "timeout: '10' is neither a number of seconds above 0 nor an httpx.Timeout"),
        ({"timeout": 0}, "timeout: 0 is neither a number of seconds above 0"),
        ({"max_retries": -1}, "max_retries: -1 is not an integer"),
        ({"max_retries": 1.5}, "max_retries: 1.5 is not an integer"),
        ({"retry_for": "soon"}, "retry_for: 'soon' is not a non-negative number of seconds"),
        ({"http_client": object()}, "http_client is of type object; give an httpx."),
        ({"transport": object()}, "transport is of type object; give an httpx."),
    ],
    ids=["timeout as text", "no timeout", "negative", "a half", "retry as text", "a client", "a transport"],
)
@pytest.mark.parametrize("client", CLIENTS)
def test_an_option_that_can_not_be_used_is_reported(client: Any, options: dict[str, Any], complaint: str) -> None:
    """With its name and what it takes."""
    with pytest.raises(NotSentError, match=complaint):
        client(KEY, **options)


def test_a_client_that_was_handed_in_is_left_open() -> None:
    """Who made it closes it; a timeout or a transport beside it would be lost, so they are refused."""
    with httpx.Client(transport=httpx.MockTransport(lambda _: httpx.Response(404))) as own:
        with OctopusX(KEY, http_client=own):
            pass
        assert not own.is_closed
        with pytest.raises(NotSentError, match="http_client has a transport and a timeout of its own"):
            OctopusX(KEY, http_client=own, timeout=5)


def test_a_key_does_not_show_and_is_not_stored() -> None:
    """Its repr hides it, and it can be neither pickled nor copied into something that can."""
    key = Key(SECRET)
    assert SECRET not in repr(key) + str(key) + f"{key!r:>20}"
    for store in (pickle.dumps, copy.deepcopy):
        with pytest.raises(TypeError):
            store(key)
    assert key.redact(f"a {SECRET} b") == "a [key] b"


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://octopusx.ai/x", ("https", "octopusx.ai", 443)),
        ("HTTPS://OctopusX.ai:443", ("https", "octopusx.ai", 443)),
        ("http://localhost", ("http", "localhost", 80)),
    ],
)
def test_an_origin_is_scheme_host_and_port(url: str, expected: tuple[str, str, int]) -> None:
    """In one spelling, so that the key goes to no other."""
    assert origin(url) == expected


@pytest.mark.parametrize("url", ["https://octopusx.ai@evil.example", "//octopusx.ai", "data:,", "https://a:b", ""])
def test_what_is_no_address_has_no_origin(url: str) -> None:
    """So nothing that looks like the API's address gets the key."""
    with pytest.raises(ValueError):  # noqa: PT011 - whichever it is
        origin(url)


@pytest.mark.parametrize("kind", KINDS)
def test_an_api_on_this_machine_is_asked_without_a_proxy(kind: Kind, monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy of the environment's would get the key unencrypted; the one here would answer nothing."""
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    with Mock(token=KEY).serve() as url, connected(kind, None, base_url=url) as client:
        assert client.videos.retrieve(SOURCE).status == "completed"


@pytest.mark.parametrize(
    "error",
    [
        NotSentError("no"),
        RefusedError("no", status=403, code="c", reason="r", request_id="i", retry_after=1.0, task_id="t"),
        AmbiguousSubmitError("no", operation="extendVideo", sent_at=1.0, request_hash="h", reason="r", status=500),
        WaitTimeoutError("no", task_id="t"),
        TaskBlockedError("no", task={"id": "t"}, task_id="t", code="c"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_an_error_survives_a_process(error: Exception) -> None:
    """What a worker raised arrives with all that it carries."""
    again = pickle.loads(pickle.dumps(error))  # noqa: S301 - written here
    assert (type(again), str(again), vars(again)) == (type(error), "no", vars(error))


PROXIES = ("ALL_PROXY", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")


@pytest.fixture
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """An environment without any variable of a proxy."""
    for name in (*PROXIES, "OCTOPUSX_HTTP_HOSTS"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    return monkeypatch


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("NO_PROXY", "localhost,127.0.0.0/8,::1/128"),
        ("ALL_PROXY", "socks5://127.0.0.1:7890"),
        ("https_proxy", "http://127.0.0.1:99999"),
        ("HTTP_PROXY", "gopher://127.0.0.1:70"),
    ],
)
def test_an_unusable_proxy_stops_the_real_host_alone(
    kind: Kind, variable: str, value: str, no_proxies: pytest.MonkeyPatch
) -> None:
    """An API on this machine goes through no proxy; for another the error names the variable."""
    no_proxies.setenv(variable, value)
    with Mock(token=KEY).serve() as url, connected(kind, None, base_url=url) as client:
        assert client.videos.retrieve(SOURCE).status == "completed"
    for client in CLIENTS:
        with pytest.raises(NotSentError, match=f"the environment variable {variable} can't be used") as caught:
            client(KEY, base_url="https://octopusx.ai")
        assert f"change {variable}" in str(caught.value)


def test_an_address_elsewhere_still_goes_through_the_proxy(no_proxies: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Only the API itself is asked without one; the proxy here answers 404."""
    with Mock(token=KEY).serve() as url:
        no_proxies.setenv("ALL_PROXY", url)
        task = VideoTask(id=SOURCE, status="completed", video_url="http://elsewhere.example/v.mp4")
        with (
            OctopusX(KEY, base_url="http://127.0.0.1:9", max_retries=0) as client,
            pytest.raises(DownloadError) as caught,
        ):
            client.videos.download(task, tmp_path / "v.mp4")
    assert "from http://elsewhere.example/v.mp4: status 404" in str(caught.value)


def test_plain_http_goes_to_the_hosts_that_are_listed(no_proxies: pytest.MonkeyPatch) -> None:
    """By exact names, in any case, with any port, and without a proxy."""
    ask = socket.getaddrinfo

    def ask_here(host: Any, *arguments: Any, **options: Any) -> Any:
        known = {b"mock": "127.0.0.1", "mock": "127.0.0.1", "host.docker.internal": "127.0.0.1"}
        return ask(known.get(host, host), *arguments, **options)

    no_proxies.setattr(socket, "getaddrinfo", ask_here)
    no_proxies.setenv("OCTOPUSX_HTTP_HOSTS", "mock, host.docker.internal")
    no_proxies.setenv("ALL_PROXY", "http://127.0.0.1:9")
    with Mock(token=KEY).serve() as url:
        port = url.rpartition(":")[2]
        for name in ("mock", "MOCK", "host.docker.internal"):
            with OctopusX(KEY, base_url=f"http://{name}:{port}") as client:
                assert client.videos.retrieve(SOURCE).status == "completed"


@pytest.mark.parametrize("client", CLIENTS)
def test_plain_http_goes_nowhere_else(client: Any, no_proxies: pytest.MonkeyPatch) -> None:
    """Neither to a name that is like a listed one, nor by a wildcard."""
    no_proxies.setenv("OCTOPUSX_HTTP_HOSTS", "mock, host.docker.internal")
    for url in ("http://mocks", "http://a.mock", "http://octopusx.ai", "http://docker.internal"):
        with pytest.raises(NotSentError, match=r"unencrypted; use https, or list \S+ in OCTOPUSX_HTTP_HOSTS"):
            client(KEY, base_url=url)
    no_proxies.setenv("OCTOPUSX_HTTP_HOSTS", "*.internal")
    with pytest.raises(NotSentError, match=r"'\*.internal' is not the name of a host"):
        client(KEY, base_url="http://mock:4010")
