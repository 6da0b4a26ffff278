"""The key, and what the key can be made of, is in nothing that a run writes."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from pathlib import Path
from urllib.parse import quote

import pytest
from octopusx_video_contract.cases import credentials
from octopusx_video_contract.messages.http import Request, Response
from octopusx_video_contract.messages.redaction import HIDDEN, MAX_EXCERPT, Redactor
from octopusx_video_contract.sending.budget import Budget
from octopusx_video_openapi import load
from octopusx_video_openapi.text import printable

KEY, OTHER = "sk-SecretAbcdefghijklmnop0123456789", "sk-somebody-else-s-key"
MADE = {
    "as it is": KEY,
    "in lower case": KEY.lower(),
    "in upper case": KEY.upper(),
    "in the other case": KEY.swapcase(),
    "backwards": KEY[::-1],
    "without its first character": KEY[1:],
    "its first half": KEY[: len(KEY) // 2],
    "in hexadecimal digits": KEY.encode().hex(),
    "in base64": base64.b64encode(KEY.encode()).decode(),
    "in base64 behind a user": base64.b64encode(f"user:{KEY}".encode()).decode(),
    "in base64 behind one letter": base64.b64encode(f"u{KEY}:".encode()).decode(),
    "in base64 before a colon": base64.b64encode(f"{KEY}:".encode()).decode(),
    "percent-encoded": "".join(f"%{byte:02X}" for byte in KEY.encode()),
}


def leaks(text: str) -> list[str]:
    """What of the key, in any of its forms, can still be read: eight characters of one."""
    forms = [KEY, KEY.lower(), KEY.upper(), KEY.swapcase(), KEY[::-1], KEY.encode().hex(), *MADE.values()]
    return [form[at : at + 8] for form in forms for at in range(len(form) - 7) if form[at : at + 8] in text]


@pytest.mark.parametrize("form", MADE.values(), ids=MADE)
def test_no_form_of_the_key_is_shown(form: str) -> None:
    """Each is replaced where it stands, and what stands around it stays."""
    shown = Redactor(KEY, OTHER).text(f'{{"id": "{form}", "other": "{OTHER}"}}')
    assert HIDDEN in shown
    assert OTHER not in shown
    assert leaks(shown) == []
    assert shown.startswith('{"id": "')


@pytest.mark.parametrize("credential", list(credentials.invalid(KEY)), ids=lambda credential: credential.name)
def test_no_malformed_credential_of_the_suite_tells_the_key(credential: credentials.Credential) -> None:
    """The command of a finding holds no more of it than the variable's name."""
    query = "&".join(f"{name}={quote(value)}" for name, value in credential.query.items())
    request = Request("GET", f"/v1/videos/a?{query}", credential.headers, json.dumps(credential.body).encode())
    assert leaks(Redactor(KEY).text(request.curl("http://localhost", KEY))) == []


def test_a_short_key_leaves_words_alone() -> None:
    """A key that is as short as a word is hidden, but not what could be made of it."""
    assert Redactor("any").text("many yna ANY") == f"m{HIDDEN} yna ANY"


def test_of_a_large_answer_the_beginning_is_shown_without_the_key() -> None:
    """It is cut before the key is looked for, and the key that is cut in two is still hidden."""
    for before in range(MAX_EXCERPT - 2 * len(KEY), 8 * MAX_EXCERPT, 50):
        assert leaks(Redactor(KEY).excerpt(b"a" * before + KEY.encode() + b"a" * 5_000_000)) == []


# A server whose every text would act on a terminal and holds the key; what is written of it goes to the files named.
HOSTILE = """
import sys, json, contextlib, pathlib, httpx
from octopusx_video_contract import cli
from octopusx_video_contract.sending.senders import InProcess
from octopusx_video_contract.runner import session, target
from octopusx_video_mock import Mock

KEY, BAD = sys.argv[1], "\\x1b]0;pwned\\x07\\x1b[2J\\u009b1m\\u202egnp\\u2066\\u200f" + sys.argv[1]
mock = Mock(token=KEY)

def answer(request):
    response = mock.transport.handle_request(request)
    response.read()
    headers = [(name, value) for name, value in response.headers.raw if name.lower() != b"content-length"]
    headers += [(b"x-oneapi-request-id", BAD.encode()), (b"allow", b"\\x9b")]
    body = {"id": BAD, "status": BAD, "error": {"message": BAD, "code": BAD}, BAD: BAD, "video_url": BAD}
    return httpx.Response(response.status_code, headers=headers, content=json.dumps(body, ensure_ascii=False).encode())

sender = InProcess(httpx.MockTransport(answer))
server = target.Server("http://localhost", sender, KEY, None, local=True)
folder = pathlib.Path(sys.argv[2])
options = cli.parsed(["--seed", "1", "--max-examples", "1", "--max-paid", "9", "--deadline", "0.1",
    "--ledger", str(folder / "ledger"), "--junit", str(folder / "junit"), "--report", str(folder / "report")])
with contextlib.ExitStack() as stack:
    stack.enter_context(session.own_settings())
    run = target.prepare(options, stack, server)
    chosen = session.pytest_options(options)
    session.run(run, chosen, options.report, ("documented_requests",))
    print(len(run.budget.account()))
"""


@pytest.mark.slow
def test_nothing_that_a_server_wrote_acts_on_a_terminal_or_tells_the_key(tmp_path: Path) -> None:
    """Neither on the terminal nor in JUnit, in the report or in the ledger, and its text is still to be seen there."""
    command = [sys.executable, "-c", HOSTILE, KEY, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    written = {file.name: file.read_text("utf-8") for file in tmp_path.iterdir()}
    assert written.keys() == {"ledger", "junit", "report"}
    written |= {"stdout": done.stdout, "stderr": done.stderr}
    for name, text in written.items():
        assert printable(text, keep="\n") == text, name
        assert leaks(text) == [], name
    for name in ("junit", "report", "stdout"):
        assert r"\u202egnp" in written[name], name
        assert r"]0;pwned" in written[name], name


def test_neither_key_is_in_the_ledger(tmp_path: Path) -> None:
    """A server that tells a key as the id of a task does not write it into the file."""
    ledger = tmp_path / "ledger.jsonl"
    budget = Budget(load(), KEY, 2, ledger, other_key=OTHER)
    for key in (KEY, OTHER):
        request = Request("POST", "/v1/videos/extensions", (("Authorization", f"Bearer {key}"),), b"{}")
        budget.settle(budget.take(request), Response(request, 200, {}, json.dumps({"id": key}).encode()))
    written = ledger.read_text()
    assert len(written.splitlines()) == 4
    assert leaks(written) == []
    assert OTHER not in written
