"""A web page of another origin works with the mock that allows it, in a real Chromium (`nox -s browser`).

python tests/campaigns/walkthroughs/browser.py

The page submits, polls, downloads and loads the video. Without --cors the browser must refuse it. Exit status: 0 all
steps are right, 1 one is wrong, 2 there is no Chromium.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from tests.support import documents

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

from octopusx_video_openapi import load

from tests.campaigns.mock_process import mock_process

KEY = "sk-browser"
SUBMIT, POLL, DOWNLOAD = "createVideoExtension", "getVideoTask", "downloadVideoContent"
PAGE_SECONDS = 60
POLLS = 200
FLAGS = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-sync",
    "--disable-breakpad",
    "--disable-crash-reporter",
    "--disable-dev-shm-usage",
    "--disable-extensions",
    "--mute-audio",
]

PAGE = """\
<!doctype html>
<meta charset="utf-8">
<title>octopusx-video</title>
<script type="module">
const settings = SETTINGS;
const outcome = { step: "submit" };
const headers = { Authorization: `Bearer ${settings.key}` };
const url = (path, id) => settings.base + path.replace(/\\{[^}]*\\}/, encodeURIComponent(id));

function load(blob) {
  return new Promise(resolve => {
    const video = document.createElement("video");
    video.addEventListener("loadedmetadata", () => resolve({ duration: video.duration, width: video.videoWidth }));
    video.addEventListener("error", () => resolve({ code: video.error.code, error: video.error.message }));
    setTimeout(() => resolve({ error: "neither loaded nor refused within 15 s" }), 15000);
    video.preload = "metadata";
    video.src = URL.createObjectURL(blob);
    document.body.append(video);
  });
}

try {
  // The media type and the header are none that a page may send without asking first: there is a preflight.
  const submitted = await fetch(settings.base + settings.submit, {
    method: "POST",
    headers: { ...headers, "Content-Type": "application/json" },
    body: JSON.stringify(settings.body),
  });
  outcome.submit = { status: submitted.status, task: await submitted.json() };
  outcome.step = "poll";
  const id = outcome.submit.task.id;
  for (outcome.polls = 1; outcome.polls < settings.polls; outcome.polls++) {
    const read = await fetch(url(settings.poll, id), { headers });
    outcome.poll = { status: read.status, task: await read.json() };
    if (outcome.poll.task.status === settings.succeeded) break;
    await new Promise(resolve => setTimeout(resolve, 100));
  }
  outcome.step = "download";
  const content = await fetch(url(settings.download, id), { headers });
  const blob = await content.blob();
  const start = new Uint8Array(await blob.slice(0, 8).arrayBuffer());
  outcome.download = {
    status: content.status, type: blob.type, size: blob.size, box: String.fromCharCode(...start.slice(4)),
  };
  outcome.step = "video";
  outcome.playable = document.createElement("video").canPlayType(settings.codecs);
  outcome.video = await load(blob);
  outcome.step = "end";
} catch (error) {
  outcome.error = String(error);
}
await fetch("/outcome", { method: "POST", body: JSON.stringify(outcome) });
</script>
"""


def main() -> int:
    """Run both pages. Returns the exit status."""
    chromium = shutil.which("chromium")
    if chromium is None:
        _say("browser: there is no chromium on the PATH; apt-get install chromium")
        return 2
    contract = load()
    submit = contract.operations[SUBMIT]
    media = documents.body(submit)
    body = dict(documents.examples(contract, media))["documented"]
    length = submit.result_length.seconds(body, 0.0)
    assert length is not None  # the body says where the video begins
    settings = {
        "key": KEY,
        "submit": submit.path,
        "poll": contract.operations[POLL].path,
        "download": contract.operations[DOWNLOAD].path,
        "body": body,
        "polls": POLLS,
        "succeeded": documents.document(contract)["x-task-life"]["succeeds"]["status"],
        "codecs": 'video/mp4; codecs="avc1.42E01E"',
    }
    steps = _Steps()
    allowed = _visit(chromium, settings, "--cors")
    steps.say("the page came to its end", allowed.get("step") == "end", allowed)
    submitted, read = allowed.get("submit", {}), allowed.get("poll", {})
    steps.say("submit", submitted.get("status") == 200 and bool(submitted["task"].get("id")), submitted)
    completed = read.get("status") == 200 and read["task"].get("status") == settings["succeeded"]
    steps.say(f"polled {allowed.get('polls')} times until it succeeded", completed, read)
    download = allowed.get("download", {})
    right = download.get("status") == 200 and download["type"] == "video/mp4" and download["box"] == "ftyp"
    steps.say("download", right, download)
    video = allowed.get("video", {})
    if "duration" in video:
        steps.say(f"the video lasts {length:.0f} s", abs(video["duration"] - length) <= 0.5, video)
    else:
        # Whether a build can decode it is its own matter, but one that says it can must.
        steps.say("the video is not loaded, for this Chromium can't decode it", not allowed.get("playable"), video)
    refused = _visit(chromium, settings)
    blocked = refused.get("step") == "submit" and "TypeError" in refused.get("error", "") and "submit" not in refused
    steps.say("without --cors the browser refuses it", blocked, refused)
    return 1 if steps.wrong else 0


class _Steps:
    wrong = 0

    def say(self, name: str, right: bool, seen: dict[str, Any]) -> None:  # noqa: FBT001 - what was found
        self.wrong += not right
        _say(f"{'ok   ' if right else 'WRONG'} {name}: {json.dumps(seen)[:400]}")


def _visit(chromium: str, settings: dict[str, Any], *options: str) -> dict[str, Any]:
    """What a page with these settings tells, of a mock that is started with these options."""
    with mock_process("--engine", "lifecycle", "--token", KEY, "--speed", "600", "--quiet", *options) as mock:
        page = PAGE.replace("SETTINGS", json.dumps({**settings, "base": f"http://{mock.host}:{mock.port}"}))
        outcomes: queue.Queue[dict[str, Any]] = queue.Queue()
        with _page_server(page, outcomes) as address, _browser(chromium, address):
            try:
                return outcomes.get(timeout=PAGE_SECONDS)
            except queue.Empty:
                return {"error": f"the page told nothing within {PAGE_SECONDS} s"}


@contextlib.contextmanager
def _page_server(page: str, outcomes: queue.Queue[dict[str, Any]]) -> Iterator[str]:
    """Serve the page on a port of its own, which makes it another origin. What it posts goes to ``outcomes``."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer(200 if self.path == "/" else 404, page.encode() if self.path == "/" else b"")

        def do_POST(self) -> None:
            outcomes.put(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self._answer(200, b"")

        def _answer(self, status: int, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/"
        finally:
            server.shutdown()


@contextlib.contextmanager
def _browser(chromium: str, address: str) -> Iterator[None]:
    """A Chromium that shows the page while the block lasts, in a process group and with a profile of its own."""
    with tempfile.TemporaryDirectory(prefix="octopusx-browser-", ignore_cleanup_errors=True) as profile:
        process = subprocess.Popen(
            [chromium, *FLAGS, f"--user-data-dir={profile}", address],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            env={**os.environ, "HOME": profile},
        )
        try:
            yield
        finally:
            for number in (signal.SIGTERM, signal.SIGKILL):
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, number)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(5)
            _await_end(process.pid)


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def _await_end(group: int) -> None:
    """Wait until nothing of a process group is left, which would write into the profile while it is removed."""
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return
        time.sleep(0.05)


if __name__ == "__main__":
    sys.exit(main())
