"""What the packages share beside the contract: safe text, hosts for plain http, bodies that unpack within a limit."""

from __future__ import annotations

import gzip
import re
import zlib

import pytest
from octopusx_video_openapi.content_encoding import EncodingError, decoded
from octopusx_video_openapi.hosts import http_hosts, is_loopback, may_use_http
from octopusx_video_openapi.text import printable


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("odd\x1b]0;pwned\x07\x1b[2J", r"odd\x1b]0;pwned\x07\x1b[2J"),
        ("\x9b31m", r"\x9b31m"),
        ("\u202egnp.exe", r"\u202egnp.exe"),
        ("two\nlines", r"two\x0alines"),
        ("half \ud800", r"half \ud800"),
        ("grün 猫 😀", "grün 猫 😀"),
    ],
)
def test_control_characters_are_written_as_escapes(text: str, shown: str) -> None:
    """Nothing that a terminal would act on is left, and what people read stays as it is."""
    assert printable(text) == shown
    assert printable("a\nb\x1b", keep="\n") == "a\nb\\x1b"


def test_hosts_for_plain_http_are_named_exactly() -> None:
    """This machine always, others only where they are listed."""
    listed = {"OCTOPUSX_HTTP_HOSTS": "mock, host.docker.internal"}
    assert may_use_http("MOCK", listed)
    assert may_use_http("host.docker.internal", listed)
    assert not may_use_http("a.mock", listed)
    assert not may_use_http("mock", {})
    assert may_use_http("127.0.0.1", {})
    for host in ("::1", "::ffff:127.0.0.1", "127.8.9.10", "LOCALHOST", "api.localhost"):
        assert is_loopback(host), host
    for host in ("localhost.example.com", "evil-localhost", "::ffff:192.0.2.1", "127.0.0.1.example.com", ""):
        assert not is_loopback(host), host


@pytest.mark.parametrize("entry", ["*", "*.local", "http://mock", "mock:80", "mock/", "a b", "-"])
def test_an_entry_that_is_no_host_is_refused(entry: str) -> None:
    """A wildcard, a scheme or a port would allow more, or less, than the user thinks."""
    with pytest.raises(ValueError, match=re.escape(repr(entry))):
        http_hosts({"OCTOPUSX_HTTP_HOSTS": f"mock,{entry}"})


def test_a_body_is_unpacked_whatever_its_codings() -> None:
    """gzip, both forms of deflate, several codings, several members, and none."""
    text = b'{"id": "grok:a"}' * 20
    raw = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    assert decoded(gzip.compress(text), "gzip", 1000) == text
    assert decoded(gzip.compress(gzip.compress(text)), "gzip, GZIP", 1000) == text
    assert decoded(zlib.compress(text), "deflate", 1000) == text
    assert decoded(raw.compress(text) + raw.flush(), "deflate", 1000) == text
    assert decoded(gzip.compress(text) + gzip.compress(b"!"), "x-gzip", 1000) == text + b"!"
    for none in ("", "identity", "Identity", "identity, identity"):
        assert decoded(text, none, 1000) == text
    assert decoded(b"", "gzip", 1000) == b""


def test_what_is_cut_is_unpacked_as_far_as_it_goes() -> None:
    """The id of a new task may stand in the part that came."""
    assert decoded(gzip.compress(b'{"id": "grok:a"}')[:-8], "gzip", 1000) == b'{"id": "grok:a"}'


@pytest.mark.parametrize("times", [1, 2])
def test_a_body_that_unpacks_to_gigabytes_is_refused(times: int) -> None:
    """The limit holds at each step, so that no more than it is ever in memory."""
    bomb = b"\0" * 50_000_000
    for _ in range(times):
        bomb = gzip.compress(bomb)
    with pytest.raises(EncodingError, match="larger than 4,000,000 bytes when unpacked"):
        decoded(bomb, ", ".join(["gzip"] * times), 4_000_000)


@pytest.mark.parametrize("header", ["br", "gzip", "deflate", "gzip, gzip, gzip, gzip, gzip"])
def test_what_can_not_be_unpacked_is_refused(header: str) -> None:
    """A coding that is not known, or bytes that are something else."""
    with pytest.raises(EncodingError):
        decoded(b"plain text", header, 1000)
