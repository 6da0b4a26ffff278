"""A built wheel, in an environment that holds nothing else: client, SDK and command work (`nox -s wheel`).

python tests/campaigns/walkthroughs/wheel.py WHEEL CLIENT_LOCK
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

# What a stranger writes first. It runs in the empty environment, far from this checkout.
FIRST_PROGRAM = """
import sys
from octopusx_video_client import AuthenticatedClient
from octopusx_video_client.api.videos import create_video_extension
from octopusx_video_client.models import CreateVideoExtensionRequest, SourceVideo

body = CreateVideoExtensionRequest(
    model="grok-video-3", prompt="on", start_time=4, duration=6, video=SourceVideo(url="grok:old")
)
with AuthenticatedClient(base_url=sys.argv[1], token="sk-test") as client:
    print(create_video_extension.sync(client=client, body=body).id)

from octopusx_video import OctopusX

with OctopusX("sk-test", base_url=sys.argv[1]) as client:
    print(client.extensions.create("grok:old", model="grok-video-3", prompt="on", start_time=4, duration=6).id)
"""
FIRST_COMMAND = (
    *("extensions", "grok:old", "--model", "grok-video-3", "--prompt", "on"),
    *("--start-time", "4", "--duration", "6"),
)
PACKAGED = {
    "octopusx_video/py.typed",
    "octopusx_video_client/py.typed",
    "octopusx_video_contract/suite/pytest.ini",
    "octopusx_video_mock/prism/.npmrc",
    "octopusx_video_mock/prism/guard.cjs",
    "octopusx_video_mock/prism/package-lock.json",
    "octopusx_video_mock/prism/package.json",
    "octopusx_video_mock/tasks/second.mp4",
    "octopusx_video_openapi/compiled.json",
    "octopusx_video_openapi/extensions.schema.yaml",
    "octopusx_video_openapi/openapi.yaml",
}


class _Server(BaseHTTPRequestHandler):
    asked: list[tuple[str, str | None, Any]]

    def do_POST(self) -> None:
        """Answer as a submit does."""
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.asked.append((self.path, self.headers["authorization"], body))
        answer = json.dumps({"id": "grok:new", "status": "processing"}).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def main(wheel: Path, lock: Path) -> None:
    """Install, run, and look at what arrived.

    Raises:
        SystemExit: Something is missing from the wheel, or the request did not arrive as written.
    """
    listing = subprocess.run(
        [sys.executable, "-m", "zipfile", "-l", str(wheel)], capture_output=True, text=True, check=True
    )
    missing = {name for name in PACKAGED if name not in listing.stdout}
    if missing:
        raise SystemExit(f"{wheel.name} lacks {', '.join(sorted(missing))}")
    with tempfile.TemporaryDirectory() as folder, HTTPServer(("127.0.0.1", 0), _Server) as server:
        _Server.asked = []
        python = Path(folder) / "venv" / "bin" / "python"
        _uv("venv", "--quiet", "--python", sys.executable, str(python.parents[1]))
        _uv("pip", "install", "--quiet", "--python", str(python), "--require-hashes", "-r", str(lock))
        _uv("pip", "install", "--quiet", "--python", str(python), "--no-deps", str(wheel))
        threading.Thread(target=server.serve_forever, daemon=True).start()
        base_url = f"http://127.0.0.1:{server.server_port}"
        command = [str(python), "-I", "-c", FIRST_PROGRAM, base_url]
        printed = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=60)
        command = [str(python.with_name("octopusx-video")), *FIRST_COMMAND, "--base-url", base_url]
        key = {"OCTOPUSX_API_KEY": "sk-test"}
        typed = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=60, env=key)
        server.shutdown()
    expected = {
        "model": "grok-video-3",
        "prompt": "on",
        "start_time": 4,
        "duration": 6,
        "video": {"url": "grok:old"},
    }
    if printed.stdout + typed.stdout != "grok:new\n" * 3:
        raise SystemExit(f"the wheel failed: {printed.stderr or printed.stdout} {typed.stderr or typed.stdout}")
    if _Server.asked != [("/v1/videos/extensions", "Bearer sk-test", expected)] * 3:
        raise SystemExit(f"the wheel sent something else: {_Server.asked}")
    print(f"{wheel.name}: its client, its SDK and its command sent the request and read the answer")


def _uv(*arguments: str) -> None:
    subprocess.run([sys.executable, "-m", "uv", *arguments], check=True)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:3]))
