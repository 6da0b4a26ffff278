"""The main job, shown to a person: two requests, two tasks, two videos (`nox -s demo`; `-- --suite`: the suite too).

Exit status: 0 both videos were saved (and the suite found nothing), 1 not, 130 interrupted.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import octopusx_video_openapi
from octopusx_video import OctopusX, OctopusXError, SubmittedTask, VideoTask
from octopusx_video_mock import Mock, MockError
from octopusx_video_openapi import Contract
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

KEY = "sk-made-up-for-the-demo"
SPEED = 45
"""A task's three minutes pass in four seconds."""
PATIENCE_SECONDS = 60
INTRODUCTION = f"""\
This demo starts a mock of the API on this machine, sends the two extend requests of the API's documentation to it with
the SDK, follows both tasks to their end, and saves their videos. It takes about ten seconds: the mock is {SPEED} times
faster than the service. Nothing is sent to another machine, and nothing costs money."""
AND_SUITE = """
Then the contract suite tests a mock, which takes about a minute more."""


def main() -> int:
    """Run the demo. Returns the exit status."""
    parser = argparse.ArgumentParser(prog="nox -s demo --", description="Two requests, two tasks, two videos.")
    parser.add_argument("--suite", action="store_true", help="run the contract suite against the mock as well")
    options = parser.parse_args()
    print(INTRODUCTION + (AND_SUITE if options.suite else ""))
    contract = octopusx_video_openapi.load()
    folder = Path(tempfile.mkdtemp(prefix="octopusx-video-demo-"))
    _title("1. A mock, made from the contract")
    mock = Mock(token=KEY, speed=SPEED, start=None)
    with mock.serve() as base_url, OctopusX(KEY, base_url=base_url) as client:
        print(f"serving contract {contract.version} on {base_url}, {SPEED} times faster than the service")
        _title("2. The two extend requests, as the API's pages show them, through the SDK")
        source, body = _documented(contract, "extendVideo")
        _show(f"client.videos.extend({source!r}, …)", body)
        first = _accepted(client.videos.extend(source, **body))
        _, body = _documented(contract, "createVideoExtension")
        source = body.pop("video")["url"]
        _show(f"client.videos.extensions.create({source!r}, …)", body)
        second = _accepted(client.videos.extensions.create(source, **body))
        _title("3. Both tasks to their end, and their videos")
        for name, task in (("extend", first), ("extensions", second)):
            with _bar(name) as tell:
                ended = client.videos.wait(task, timeout=PATIENCE_SECONDS, poll_interval=0.1, on_progress=tell)
            saved = client.videos.download(ended, folder / f"{name}.mp4")
            print(f"{ended.status}, {ended.seconds} seconds of video: {saved} ({saved.stat().st_size} bytes)")
    print(f"what the mock would have billed: {len(mock.billed)} videos")
    if not options.suite:
        print("nox -s demo -- --suite also tests the mock against the contract; nox -s mock serves it")
        return 0
    _title("4. The contract suite, against a mock of its own")
    return subprocess.run([sys.executable, "-m", "octopusx_video_contract"], check=False).returncode


@contextlib.contextmanager
def _bar(name: str) -> Iterator[Callable[[VideoTask], None]]:
    """Show how far a task is."""
    with Progress(
        TextColumn("{task.description:12}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn()
    ) as progress:
        bar = progress.add_task(name, total=100)
        yield lambda task: progress.update(bar, completed=float(task.progress or 0))


def _documented(contract: Contract, operation_id: str) -> tuple[str, dict[str, Any]]:
    """The source id in the path (or an empty string) and the body of the contract's documented example."""
    operation = contract.operations[operation_id]
    source = next((example for parameter in operation.parameters for example in parameter.examples), "")
    return source, dict(operation.body_examples["documented"])


def _accepted(task: SubmittedTask) -> SubmittedTask:
    _show("  -> 200", task.to_dict())
    return task


def _show(line: str, body: dict[str, Any]) -> None:
    print(line, *(f"     {row}" for row in json.dumps(body, indent=2).splitlines()), sep="\n")


def _title(text: str) -> None:
    print(f"\n{text}\n{'-' * len(text)}", flush=True)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (MockError, octopusx_video_openapi.ContractError, OctopusXError) as error:
        sys.exit(f"error: {error}")
    except KeyboardInterrupt:
        sys.exit(130)
