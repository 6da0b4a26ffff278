"""The command octopusx-video, run in the process of the test or in one of its own."""

from __future__ import annotations

import functools
import os
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest
from octopusx_video import OctopusX
from octopusx_video.cli import run
from octopusx_video_mock.tasks.mp4 import mp4

from tests.support.sdk.clients import KEY, Between

ACTIONS = "octopusx_video._command.actions"
COMMAND = [sys.executable, "-m", "octopusx_video"]
SUBMIT = ["-m", "grok-video-3", "-p", "play with another white cat", "--start-time", "4"]
QUICK = ["--poll-interval", "0.05"]
TASK = "grok:11111111-2222-4333-8444-555555555555"
VIDEO = mp4(2)


class Done(NamedTuple):
    """What a command did."""

    returncode: int
    stdout: str
    stderr: str


class Here:
    """Runs the command in this process, in a folder of its own.

    Args:
        monkeypatch: Sets the environment.
        capture: Takes what is printed.
        folder: The working directory.
        base_url: Of the API.
    """

    def __init__(
        self, monkeypatch: pytest.MonkeyPatch, capture: pytest.CaptureFixture[Any], folder: Path, base_url: str
    ) -> None:
        self._monkeypatch = monkeypatch
        self._capture = capture
        monkeypatch.chdir(folder)
        monkeypatch.setenv("COLUMNS", "100")
        monkeypatch.setenv("OCTOPUSX_BASE_URL", base_url)
        for name in ("OCTOPUSX_HTTP_HOSTS", "OCTOPUSX_MODEL"):
            monkeypatch.delenv(name, raising=False)

    def __call__(self, *arguments: str, key: str | None = KEY, **changes: str) -> Done:
        """Run it; ``key=None`` leaves the key out."""
        with self._monkeypatch.context() as patch:
            if key is None:
                patch.delenv("OCTOPUSX_API_KEY", raising=False)
            else:
                patch.setenv("OCTOPUSX_API_KEY", key)
            for name, value in changes.items():
                patch.setenv(name, value)
            self._capture.readouterr()
            status = run(arguments)
            return Done(status, *self._capture.readouterr())


def connect(monkeypatch: pytest.MonkeyPatch, transport: httpx.BaseTransport) -> None:
    """Let the command send over a transport."""
    monkeypatch.setattr(f"{ACTIONS}.OctopusX", functools.partial(OctopusX, transport=transport))


def spawn(arguments: list[str], environment: dict[str, str], **options: Any) -> subprocess.Popen[str]:
    """Start it in a process of its own."""
    return subprocess.Popen(
        [*COMMAND, *arguments],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
        text=True,
        **options,
    )


def environment(base_url: str) -> dict[str, str]:
    """The environment of a person who has set the command up."""
    return {**os.environ, "OCTOPUSX_API_KEY": KEY, "OCTOPUSX_BASE_URL": base_url, "COLUMNS": "100"}


class Service(Between):
    """A service that answers as a test wants.

    Args:
        submit: The response to a submit.
        reads: The fields of the task in each read in turn, the last one again and again.
        content: The video in pieces, sent without a length.
    """

    def __init__(
        self,
        submit: httpx.Response | None = None,
        reads: Iterable[dict[str, Any]] = (),
        content: Iterable[bytes] = (VIDEO,),
    ) -> None:
        super().__init__(handle=lambda request, _: self._answer(request))
        self._submit = submit or httpx.Response(200, json={"id": TASK, "status": "processing"})
        self._reads = list(reads) or [{"status": "completed", "progress": 100}]
        self._content = content

    def _answer(self, request: httpx.Request) -> httpx.Response:
        if request.method == "POST":
            return self._submit
        if request.url.path.endswith("/content"):
            return httpx.Response(200, headers={"Content-Type": "video/mp4"}, content=iter(self._content))
        fields = self._reads.pop(0) if len(self._reads) > 1 else self._reads[0]
        return httpx.Response(200, json={"id": TASK, **fields})


class Pieces(httpx.SyncByteStream):
    """A body in pieces; a function in place of a piece is called.

    Args:
        pieces: The pieces.
        at_close: Is called when the response is closed.
    """

    def __init__(self, *pieces: Any, at_close: Any = None) -> None:
        self._pieces = pieces
        self._at_close = at_close

    def __iter__(self) -> Iterator[bytes]:
        """Called by httpx."""
        for piece in self._pieces:
            if isinstance(piece, bytes):
                yield piece
            else:
                piece()

    def close(self) -> None:
        """Called by httpx."""
        if self._at_close is not None:
            self._at_close()
