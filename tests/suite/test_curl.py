"""A finding's request as a command of a shell: run, it hands curl the very request, and it holds no key."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from octopusx_video_contract.cases import credentials
from octopusx_video_contract.messages.http import Request
from octopusx_video_contract.messages.redaction import Redactor
from octopusx_video_contract.messages.shell import as_sent

KEY = "sk-a-key-that-is-secret"
BASE_URL = "http://localhost:4010"
AUTHORIZED = ("Authorization", f"Bearer {KEY}")
JSON = ("Content-Type", "application/json")
# Stands in the place of curl, which not every machine has, and notes what the shell hands it.
CURL = f"""#!{sys.executable}
import json, os, pathlib, sys
words = [os.fsencode(word).decode("latin-1") for word in sys.argv[1:]]
given = sys.stdin.buffer.read().decode("latin-1") if "@-" in words else ""
pathlib.Path("came").write_text(json.dumps([words, given]))
"""


def handed(request: Request, folder: Path, command: str = "") -> tuple[list[str], bytes]:
    """The words that curl is called with where the command is run in a folder, and the body that they make it send."""
    command = command or request.curl(BASE_URL, KEY)
    assert KEY not in command
    (folder / "curl").write_text(CURL)
    (folder / "curl").chmod(0o755)
    env = {"OCTOPUSX_API_KEY": KEY, "OCTOPUSX_OTHER_API_KEY": "sk-somebody", "PATH": f"{folder}:/usr/bin:/bin"}
    subprocess.run(["sh", "-c", command], env=env, cwd=folder, check=True, timeout=20)
    words, given = json.loads((folder / "came").read_text())
    if "--data-raw" in words:
        return words, words[words.index("--data-raw") + 1].encode("latin-1")
    if "--data-binary" not in words:
        return words, b""
    told = words[words.index("--data-binary") + 1]
    if told == "@-":
        return words, given.encode("latin-1")
    return words, (folder / told[1:]).read_bytes() if told.startswith("@") else told.encode("latin-1")


BODIES = {
    "plain": b'{"prompt": "a cat"}',
    "quotes and signs": rb"""{"prompt": "it's \"$HOME\" `id` !! \n"}""",
    "lines": b'{\r\n"prompt": "a"\n}\n',
    "other scripts": '{"prompt": "猫"}'.encode(),
    "a file's name": b"@/etc/hostname",
    "no UTF-8": b'{"prompt": "\xff\xfe"}',
    "a NUL": b'{"prompt": "\0"}',
    "percent signs": b"100%s \xff %d\\n",
    "control characters": b'{"prompt": "a\x1b]0;b\x07\x7f\xc2\x9b1m"}\r\n',
    "text that is turned around": '{"prompt": "\u202egnp.exe"}'.encode(),
    "the key": f'{{"key": "{KEY}"}}'.encode(),
    "empty": b"",
}


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
def test_the_very_body_is_sent(body: bytes, tmp_path: Path) -> None:
    """Whatever stands in it, no shell and no curl takes it for its own."""
    words, sent = handed(Request("POST", "/v1/videos/extensions", (AUTHORIZED, JSON), body), tmp_path)
    assert sent == body
    assert words[words.index("-X") + 1] == "POST"
    assert f"Authorization: Bearer {KEY}" in words


LONG = {
    "one letter": b'{"prompt": "' + b"a" * 100_000 + b'"}',
    "many spaces": b" " * 1_000_000,
    "a list": json.dumps({"images": ["https://example.com/a.png"] * 500, "more": "[" * 100}).encode(),
    "no text": bytes(range(256)) * 100,
    "nothing repeats": ", ".join(map(str, range(2_000))).encode(),
    "what an option looks like": b"-n" * 3_000,
    "the key": f'{{"key": "{KEY}", "prompt": "{"a" * 5_000}"}}'.encode(),
    "other scripts": ("\u732b\n" * 3_000).encode(),
}


@pytest.mark.slow
@pytest.mark.parametrize("body", LONG.values(), ids=LONG)
def test_a_long_body_is_made_by_the_command(body: bytes, tmp_path: Path) -> None:
    """It is the very body, without a file that somebody would have to write, and the command can be read."""
    request = Request("POST", "/v1/videos/extensions", (AUTHORIZED, JSON), body)
    assert len(request.curl(BASE_URL, KEY)) < 8_000
    assert handed(request, tmp_path)[1] == body


def test_another_key_comes_from_its_own_variable(tmp_path: Path) -> None:
    """A request of a second account can be repeated as well."""
    request = Request("GET", "/v1/videos/a", (("Authorization", "Bearer sk-somebody"),))
    command = request.curl(BASE_URL, KEY, "sk-somebody")
    assert "sk-somebody" not in command
    words, _ = handed(request, tmp_path, command)
    assert "Authorization: Bearer sk-somebody" in words


CREDENTIALS = {one.name: one for one in credentials.invalid(KEY) if "Proxy" not in one.name}


@pytest.mark.slow
@pytest.mark.parametrize("name", CREDENTIALS)
def test_a_malformed_credential_is_made_of_the_variable(name: str, tmp_path: Path) -> None:
    """Whatever is made of the key, the shell makes it as well, and the command holds no part of it."""
    given = CREDENTIALS[name]
    request = Request("POST", "/v1/videos/a", given.headers, json.dumps(given.body).encode())
    command = Redactor(KEY).text(request.curl(BASE_URL, KEY))
    words, body = handed(request, tmp_path, command)
    sent = [words[at + 1] for at, word in enumerate(words) if word == "-H"]
    for header, value in given.headers:
        shown = f"{header}: {value}" if value else f"{header};"
        assert as_sent(shown).decode("latin-1") in sent
    assert body == request.body


@pytest.mark.parametrize(
    ("target", "option"),
    [
        ("/v1/videos/[1-3]", "-g"),
        ("/v1/videos/{a,b}", "-g"),
        ("/v1/./videos/a", "--path-as-is"),
        ("/v1/x/../videos/a", "--path-as-is"),
        ("/v1/videos/..", "--path-as-is"),
    ],
)
def test_the_very_path_is_asked_for(target: str, option: str, tmp_path: Path) -> None:
    """Brackets make no other requests of it, and dots between slashes stay."""
    words, _ = handed(Request("GET", target, (AUTHORIZED,)), tmp_path)
    assert BASE_URL + target in words
    assert option in words


@pytest.mark.parametrize("value", ["a\x1b[31mb", "\x9b1m", "'\x7f'", "\u202ea", f"\x1b{KEY}\x1b"])
def test_nothing_in_a_command_acts_on_a_terminal(value: str, tmp_path: Path) -> None:
    """A header or a body that would is written in octal digits, and handed over as it was sent."""
    request = Request("POST", "/v1/videos/a", (AUTHORIZED, ("X-Odd", value)), value.replace(KEY, "").encode())
    assert request.curl(BASE_URL, KEY).isprintable()
    words, body = handed(request, tmp_path)
    assert f"X-Odd: {as_sent(value).decode('latin-1')}" in words
    assert body == request.body


def test_a_head_waits_for_no_body(tmp_path: Path) -> None:
    """Curl would wait for one, were it told of another method only."""
    words, _ = handed(Request("HEAD", "/v1/videos/a", (AUTHORIZED,)), tmp_path)
    assert "-I" in words
    assert "-X" not in words


def test_no_content_type_stays_none(tmp_path: Path) -> None:
    """Curl calls it a form where nothing is said."""
    words, _ = handed(Request("POST", "/v1/videos/extensions", (AUTHORIZED,), b"{}"), tmp_path)
    assert words[words.index("Content-Type:") - 1] == "-H"
