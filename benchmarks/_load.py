"""What the servers are asked: the loads of wrk, the first answer after a start, and calls within one process."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import httpx
import octopusx_video_mock
import octopusx_video_openapi
from _peers import HERE, BenchError
from _servers import HOST, Running, Server, running
from bare import ANSWER

CONNECTIONS = 10
START_SECONDS = 60.0
"""How long a server may take to its first answer."""
POLL_SECONDS = 0.002
SLICE_SECONDS = 0.5
"""How long one kind of client in one process calls before it is the other's turn."""

AUTHORIZATION = "Bearer sk-bench"
SUBMIT_PATH = "/v1/videos/extensions"
KNOWN_TASK = "video_abc123"
"""A task that a mock without memory answers for, as for any other."""


@dataclass(frozen=True)
class Load:
    """One kind of request, sent over and over. ``status`` is what each answer must have."""

    method: str
    path: str
    body: bytes | None
    status: int

    def headers(self) -> dict[str, str]:
        """Headers of each request, Content-Type where there is a body."""
        return {"Authorization": AUTHORIZATION} | ({"Content-Type": "application/json"} if self.body else {})

    def ask_once(self, server: Running) -> tuple[int, bytes]:
        """Status and body of the server's answer to one such request."""
        return server.ask(self.method, self.path, self.headers(), self.body)


def documented_submit() -> dict[str, Any]:
    """The contract's documented example of a submit."""
    contract = octopusx_video_openapi.load()
    body: dict[str, Any] = contract.operations["createVideoExtension"].body_examples["documented"]
    return body


def valid_submit() -> Load:
    """A submit that is accepted."""
    return Load("POST", SUBMIT_PATH, json.dumps(documented_submit()).encode(), 200)


def refused_submit() -> Load:
    """The same without its prompt, which is refused."""
    body = {name: value for name, value in documented_submit().items() if name != "prompt"}
    return Load("POST", SUBMIT_PATH, json.dumps(body).encode(), 400)


def task_read(server: Running) -> Load:
    """A read of a task that the server knows; one that remembers is sent a submit for it.

    Raises:
        OSError: Nothing listens yet.
        http.client.HTTPException: What came is no answer.
        BenchError: The submit was not accepted.
    """
    task = KNOWN_TASK
    if server.server.remembers:
        status, answer = valid_submit().ask_once(server)
        if status != 200:
            raise BenchError(f"{server.server.name} answers a valid submit with {status}: {answer[:200]!r}")
        task = json.loads(answer)["id"]
    return Load("GET", f"/v1/videos/{task}", None, 200)


def rate(server: Running, load: Load, seconds: int) -> float:
    """Answers per second under wrk, each of which had the expected class of status.

    Raises:
        BenchError: wrk is missing, or the server does not answer as it should.
    """
    _verify(server, load)
    command = [wrk(), "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "-s", str(HERE / "request.lua")]
    environment = os.environ | {"BENCH_METHOD": load.method, "BENCH_AUTHORIZATION": AUTHORIZATION}
    if load.body:
        environment["BENCH_BODY"] = load.body.decode()
    done = subprocess.run(
        [*command, f"http://{HOST}:{server.port}{load.path}"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
        start_new_session=True,
    )
    counted = next((line for line in done.stdout.splitlines() if line.startswith("COUNTED ")), None)
    if done.returncode != 0 or counted is None:
        raise BenchError(f"wrk ended with status {done.returncode}: {(done.stderr or done.stdout).strip()[:300]}")
    counts = json.loads(counted.removeprefix("COUNTED "))
    what = f"{server.server.name}, {load.method} {load.path}, {counts['requests']} answers"
    if counts["requests"] == 0 or counts["socket_errors"]:
        raise BenchError(f"{what}: {counts['socket_errors']} socket errors")
    expected = counts["requests"] if load.status >= 400 else 0
    if counts["refused"] != expected:
        raise BenchError(f"{what}: {counts['refused']} of them refusals instead of {expected}")
    return float(counts["requests"] / counts["microseconds"] * 1_000_000)


def _verify(server: Running, load: Load) -> None:
    try:
        status, answer = load.ask_once(server)
    except (OSError, http.client.HTTPException) as error:
        raise BenchError(f"{server.server.name} gives no answer to {load.method} {load.path} ({error!r})") from None
    if status != load.status:
        raise BenchError(
            f"{server.server.name} answers {load.method} {load.path} with {status} instead of {load.status}: "
            f"{answer[:200]!r}"
        )


def wrk() -> str:
    """Where wrk is.

    Raises:
        BenchError: Nowhere.
    """
    found = shutil.which("wrk")
    if found is None:
        raise BenchError("wrk is missing: apt-get install wrk")
    return found


def wrk_version() -> str:
    """The version of wrk."""
    said = subprocess.run([wrk(), "-v"], capture_output=True, text=True, check=False).stdout
    return said.removeprefix("wrk ").partition(" [")[0]


def first_answer(server: Running, load: Callable[[Running], Load] = task_read) -> float:
    """Seconds from the spawn of the server's process to its first 200, on a read or on another load.

    Raises:
        BenchError: It ended before, or does not answer.
    """
    while time.perf_counter() - server.began < START_SECONDS:
        try:
            status, _ = load(server).ask_once(server)
        except (OSError, http.client.HTTPException):
            if server.ended is not None:
                raise BenchError(f"{server.server.name} does not start") from None
        else:
            if status == 200:
                return time.perf_counter() - server.began
        time.sleep(POLL_SECONDS)
    raise BenchError(f"{server.server.name} has not answered with 200 within {START_SECONDS:.0f} s")


def start_seconds(server: Server) -> float:
    """Start a server only to see how long its first answer takes, in seconds."""
    with running(server) as started:
        return first_answer(started)


def submit_seconds(server: Server) -> float:
    """Start a server only to see how long its first answer to a valid submit takes, in seconds."""
    submit = valid_submit()
    with running(server) as started:
        return first_answer(started, lambda _: submit)


def calls_in_process() -> tuple[float, float]:
    """Submits per second through httpx without a socket: our mock's transport, and httpx's own with a constant answer.

    Raises:
        BenchError: A submit was not accepted.
    """

    def constant(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, content=ANSWER, headers={"Content-Type": "application/json"})

    return _calls(octopusx_video_mock.Mock().transport), _calls(httpx.MockTransport(constant))


def _calls(transport: httpx.BaseTransport) -> float:
    body = documented_submit()
    with httpx.Client(transport=transport, base_url="http://mock", headers={"Authorization": AUTHORIZATION}) as client:
        _one_call(client, body)  # what is made on first use is no part of a call
        return _per_second(lambda: _one_call(client, body))


def _one_call(client: httpx.Client, body: dict[str, Any]) -> None:
    response = client.post(SUBMIT_PATH, json=body)
    if response.status_code != 200:
        raise BenchError(f"in process a submit is answered with {response.status_code}: {response.text[:200]}")


def _per_second(call: Callable[[], None]) -> float:
    began = time.perf_counter()
    calls = 0
    while (spent := time.perf_counter() - began) < SLICE_SECONDS:
        call()
        calls += 1
    return calls / spent
