"""The command of a finding, run as it is printed, gets the response that the finding shows."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
from collections.abc import Callable

import pytest
from octopusx_video_contract.core.findings import Finding, Findings
from octopusx_video_contract.core.run import Run
from octopusx_video_contract.core.settings import Settings
from octopusx_video_contract.messages.http import Request
from octopusx_video_contract.messages.redaction import Redactor
from octopusx_video_contract.sending.senders import OverHttp
from octopusx_video_openapi import load, task_ids

from tests.defects import DEFECTS, serve

CONTRACT = load()
SOURCE = task_ids.documented(CONTRACT)[0]
VALID = {"model": "grok-video-3", "prompt": "a cat"}
Asked = Callable[[Run], Request]


def submit(run: Run, **fields: object) -> Request:
    """A submit, with more fields."""
    return run.request(CONTRACT.operations["extendVideo"], path={"video_id": SOURCE}, body={**VALID, **fields})


def get(path: str, *, query: str = "", key: str = "", **headers: str) -> Asked:
    """A read, with the run's own key where none is named."""
    sent = tuple((name.replace("_", "-"), value) for name, value in headers.items())
    return lambda run: Request("GET", path + query, (("Authorization", key or f"Bearer {run.settings.key}"), *sent))


CREATE = {**VALID, "video": {"url": SOURCE}, "start_time": 4, "duration": 6}
REQUESTS: dict[str, Asked] = {
    "query-ratio-null": get("/v1/video/query", query=f"?id={SOURCE}"),
    "submit-201": submit,
    "json-as-text": get(f"/v1/videos/{SOURCE}"),
    "scheme-basic": lambda run: get(f"/v1/videos/{SOURCE}", key=f"Basic {run.settings.key}")(run),
    "size-480p": lambda run: submit(run, size="480P"),
    "allow-what-was-sent": lambda run: Request(
        "PUT", f"/v1/videos/{SOURCE}", (("Authorization", f"Bearer {run.settings.key}"),)
    ),
    "size-always-720p": get(f"/v1/videos/{SOURCE}"),
    "part-one-byte-short-at-end": get(f"/v1/videos/{SOURCE}/content", Range="bytes=-10"),
    "submit-billed-twice": lambda run: submit(run, prompt="a" * 100_000),
    "not-http-on-create": lambda run: run.request(CONTRACT.operations["createVideoExtension"], body=CREATE),
    "id-in-any-case": lambda run: get(f"/v1/videos/{SOURCE}", key=f"Bearer {run.settings.other_key}")(run),
}
"""A defect of each family (and one that a second key meets), and a request that is sent to its server."""


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("curl") is None, reason="the commands are run with curl")
@pytest.mark.parametrize("name", REQUESTS)
def test_the_command_gets_the_response_that_is_shown(name: str) -> None:
    """Status, media type and body are those of the finding, whose command holds no key and needs no file."""
    defect = next(defect for defect in DEFECTS if defect.name == name)
    with serve(defect) as server:
        run = Run.begin(
            Settings(server.base_url, server.key, CONTRACT, (SOURCE,), seed=1, other_key=server.other_key),
            OverHttp(local=True),
        )
        with contextlib.closing(run.transport):
            finding = _finding(run, REQUESTS[name](run))
        keys = {"OCTOPUSX_API_KEY": server.key, "OCTOPUSX_OTHER_API_KEY": server.other_key}
        assert not any(key in finding.text() for key in keys.values())
        done = subprocess.run(
            ["sh", "-c", finding.curl.replace("curl -i", "curl -s -i --max-time 10")],
            env={"PATH": os.environ["PATH"], "NO_PROXY": "127.0.0.1", **keys},
            capture_output=True,
            check=False,
            timeout=30,
        )
        again = _shown(run, done.stdout) if done.returncode == 0 else done.stderr.decode() + str(done.returncode)
    if name == "not-http-on-create":  # curl says the same of it as the suite
        assert done.returncode != 0
        assert "R53" in finding.text()
    else:
        assert _steady(again) == _steady(finding.response)


def test_each_family_has_its_command() -> None:
    """No family of defects is left out."""
    assert {defect.family for defect in DEFECTS} == {defect.family for defect in DEFECTS if defect.name in REQUESTS}


def _finding(run: Run, request: Request) -> Finding:
    try:
        answer = run.send(request)
    except Finding as finding:
        return finding
    except Findings as several:
        return several.findings[0]
    return run.recorder.finding("R36", "what is wrong with it", answer)


def _shown(run: Run, printed: bytes) -> str:
    """What curl prints, as a finding shows it."""
    head, _, body = printed.removeprefix(b"HTTP/1.1 100 Continue\r\n\r\n").partition(b"\r\n\r\n")
    status = head.split()[1].decode()
    kind = re.search(rb"(?im)^content-type: *([^;\r]*)", head)
    return f"{status} {kind[1].decode() if kind else ''} {Redactor(run.settings.key).excerpt(body)}"


def _steady(text: str) -> str:
    """A response without what is another one each time: new ids, times and signatures."""
    text = re.sub(r"grok:[\w-]{40,}", "grok:…", text)
    return re.sub(r"\d{9,}|(?<=request id: )\w+|/[\w-]{16,}(?=\.mp4)", "…", text)
