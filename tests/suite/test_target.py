"""Which server a run may be held against, how it is reached, and what of it may cost money."""

from __future__ import annotations

import contextlib
import importlib.metadata
import socket
from collections.abc import Iterator

import pytest
from octopusx_video_contract import cli
from octopusx_video_contract.core.run import Run
from octopusx_video_contract.messages.http import Request
from octopusx_video_contract.runner import session, target
from octopusx_video_contract.runner.target import CannotRunError
from octopusx_video_mock import Mock

from tests.conftest import KEY

PROXY = "http://127.0.0.1:7"


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """A key, and nothing that says how servers are reached."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "OCTOPUSX_HTTP_HOSTS", "OCTOPUSX_OTHER_API_KEY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    monkeypatch.setenv("OCTOPUSX_API_KEY", KEY)


@contextlib.contextmanager
def prepared(*arguments: str) -> Iterator[Run]:
    """The run that the options ask for."""
    options = cli.parsed(list(arguments))
    with contextlib.ExitStack() as stack:
        stack.enter_context(session.own_settings())
        yield target.prepare(options, stack)


@pytest.fixture
def resolved(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every host leads to this machine; the names that were asked for."""
    asked: list[str] = []
    resolve = socket.getaddrinfo

    def getaddrinfo(host: bytes | str, *arguments: object, **options: object) -> object:
        asked.append(host.decode() if isinstance(host, bytes) else host)
        return resolve("127.0.0.1", *arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    return asked


@pytest.mark.parametrize("host", ["mock", "MOCK", "host.docker.internal"])
def test_a_listed_host_is_reached_over_plain_http(
    host: str, monkeypatch: pytest.MonkeyPatch, resolved: list[str]
) -> None:
    """Without a proxy; its submits are limited, as those of any server elsewhere, and no clock is looked for."""
    monkeypatch.setenv("OCTOPUSX_HTTP_HOSTS", "mock, host.docker.internal")
    monkeypatch.setenv("ALL_PROXY", PROXY)
    with Mock(token=KEY, start=None).serve() as url:
        port = url.rpartition(":")[2]
        with prepared("--base-url", f"http://{host}:{port}", "--max-paid", "0") as run:
            assert (
                run.transport.send(Request("GET", "/v1/videos/a", (("Authorization", f"Bearer {KEY}"),))).status == 400
            )
    assert set(resolved) == {"127.0.0.1", host.lower()} or set(resolved) == {host.lower()}
    assert (run.budget.limit, run.control, run.settings.strict) == (0, None, False)


@pytest.mark.parametrize("host", ["example.com", "a.mock", "mock.example.com", "10.0.0.1", "127.0.0.1.example.com"])
def test_any_other_host_is_refused_over_plain_http(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The message says why, and how it can be allowed."""
    monkeypatch.setenv("OCTOPUSX_HTTP_HOSTS", "mock")
    with pytest.raises(CannotRunError, match=r"plain http would show the key.*OCTOPUSX_HTTP_HOSTS"):
        target.is_local(f"http://{host}:4010")


@pytest.mark.parametrize("entry", ["*", "*.internal", "http://mock", "mock:4010"])
def test_an_entry_that_is_no_host_ends_the_run(
    entry: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It names the variable and the entry."""
    monkeypatch.setenv("OCTOPUSX_HTTP_HOSTS", entry)
    assert cli.main(["--base-url", "http://mock:4010"]) == 2
    assert f"OCTOPUSX_HTTP_HOSTS: '{entry}' is not the name of a host" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("url", "is_local"),
    [
        ("http://127.0.0.1:1", True),
        ("http://127.0.0.2:1", True),
        ("http://[::1]:1", True),
        ("http://LOCALHOST", True),
        ("http://api.localhost", True),
        ("http://mock", False),
        ("https://octopusx.ai", False),
    ],
)
def test_only_this_machine_is_taken_for_a_mock(url: str, is_local: bool, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: FBT001 - a column of the table
    """By its name or by any of its addresses; a listed host may be another machine, and costs money."""
    monkeypatch.setenv("OCTOPUSX_HTTP_HOSTS", "mock")
    assert target.is_local(url) == is_local


@pytest.mark.slow
@pytest.mark.parametrize(
    "variables",
    [
        {"NO_PROXY": "localhost,127.0.0.0/8,::1/128"},
        {"ALL_PROXY": "socks5://127.0.0.1:7890"},
        {"all_proxy": "socks5://127.0.0.1:7890", "HTTPS_PROXY": "nonsense", "no_proxy": "::1/128"},
        {"HTTP_PROXY": PROXY, "HTTPS_PROXY": PROXY},
    ],
)
def test_no_setting_of_a_proxy_stops_a_run_against_this_machine(
    variables: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing of it is used there."""
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with Mock(token=KEY, start=None).serve() as url, prepared("--base-url", url) as run:
        assert run.log.responses


def test_a_host_that_needs_no_proxy_is_reached_without(monkeypatch: pytest.MonkeyPatch) -> None:
    """The user's own list counts beside this machine; any other server is asked through the proxy."""
    monkeypatch.setenv("HTTPS_PROXY", PROXY)
    monkeypatch.setenv("NO_PROXY", "videos.example.com,::1/128")
    ways: dict[str, bool] = {}
    monkeypatch.setattr(target, "OverHttp", lambda *, local: ways.setdefault("direct", local) and None)
    for host, direct in (("videos.example.com", True), ("octopusx.ai", False)):
        ways.clear()
        with pytest.raises(AttributeError), prepared("--base-url", f"https://{host}"):
            pass
        assert ways == {"direct": direct}


def test_a_proxy_that_can_not_be_used_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Before anything is sent, and with what to change."""
    monkeypatch.setenv("ALL_PROXY", "socks5://127.0.0.1:7890")
    assert cli.main(["--base-url", "https://octopusx.ai"]) == 2
    assert "HTTPS_PROXY or ALL_PROXY" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["--version"], ["probe", "--version"]])
def test_the_version_is_shown(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """That of the distribution, of both commands."""
    assert cli.main(arguments) == 0
    assert capsys.readouterr().out == f"octopusx-video-contract {importlib.metadata.version('octopusx-video')}\n"


def test_the_help_says_that_the_key_goes_in_clear(capsys: pytest.CaptureFixture[str]) -> None:
    """Whoever lists a host for plain http has to know."""
    assert cli.main(["--help"]) == 0
    printed = " ".join(capsys.readouterr().out.split())
    assert "the hosts that OCTOPUSX_HTTP_HOSTS lists, which sends the key in clear" in printed
