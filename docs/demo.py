"""The main job, shown to a person: submit, follow the task to its end, save the video (`nox -s demo`)."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import httpx
import octopusx_video_openapi
from octopusx_video_client import AuthenticatedClient
from octopusx_video_client.api.videos import create_video_extension, extend_video, get_video_task
from octopusx_video_client.models import (
    CreateVideoExtensionRequest,
    ExtendVideoRequest,
    SubmittedTask,
    VideoTask,
)
from octopusx_video_mock import Mock, MockError
from octopusx_video_openapi import Contract
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

KEY = "sk-made-up-for-the-demo"
SPEED = 45
"""A task's three minutes pass in four seconds."""
POLL_SECONDS = 0.2
PATIENCE_SECONDS = 60


def main() -> int:
    """Run the demo. Returns the exit status of the contract suite."""
    contract = octopusx_video_openapi.load()
    folder = Path(tempfile.mkdtemp(prefix="octopusx-video-demo-"))
    _title("1. A mock, made from the contract")
    mock = Mock(token=KEY, speed=SPEED, start=None)
    with mock.serve() as base_url:
        print(f"serving contract {contract.version} on {base_url}, {SPEED} times faster than the service")
        with AuthenticatedClient(base_url=base_url, token=KEY) as client:
            _title("2. The two extend requests, as the API's pages show them, through the generated client")
            source, body = _documented(contract, "extendVideo")
            _show(f"POST /v1/videos/{source}/extend", body)
            first = _accepted(extend_video.sync(source, client=client, body=ExtendVideoRequest.from_dict(body)))
            _, body = _documented(contract, "createVideoExtension")
            _show("POST /v1/videos/extensions", body)
            second = _accepted(
                create_video_extension.sync(client=client, body=CreateVideoExtensionRequest.from_dict(body))
            )
            _title("3. Both tasks to their end, and their videos")
            ended = _follow(contract, client, {"extend": first.id, "extensions": second.id})
        for name, task in ended.items():
            saved = folder / f"{name}.mp4"
            saved.write_bytes(httpx.get(str(task.video_url)).raise_for_status().content)
            print(f"{task.status}, {task.seconds} seconds of video: {saved} ({saved.stat().st_size} bytes)")
        print(f"what the mock would have billed: {len(mock.billed)} videos")
    _title("4. The contract suite, against a mock of its own")
    return subprocess.run([sys.executable, "-m", "octopusx_video_contract"], check=False).returncode


def _follow(contract: Contract, client: AuthenticatedClient, tasks: dict[str, str]) -> dict[str, VideoTask]:
    """Poll the tasks until each has ended, showing how far they are."""
    columns = (TextColumn("{task.description:12}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
    ended: dict[str, VideoTask] = {}
    deadline = time.monotonic() + PATIENCE_SECONDS
    with Progress(*columns) as progress:
        bars = {name: progress.add_task(name, total=100) for name in tasks}
        while len(ended) < len(tasks):
            if time.monotonic() > deadline:
                raise SystemExit(f"the tasks have not ended within {PATIENCE_SECONDS} seconds")
            for name in tasks.keys() - ended.keys():
                task = get_video_task.sync(tasks[name], client=client)
                if not isinstance(task, VideoTask):
                    raise SystemExit(f"the read was refused: {task}")
                progress.update(bars[name], completed=float(task.progress or 0))
                if contract.phase(task.status) in {"succeeded", "failed"}:
                    ended[name] = task
            time.sleep(POLL_SECONDS)
    return {name: ended[name] for name in tasks}


def _documented(contract: Contract, operation_id: str) -> tuple[str, dict[str, Any]]:
    """The source id in the path (or an empty string) and the body of the contract's documented example."""
    definition = contract.operations[operation_id].definition
    media = definition["requestBody"]["content"]["application/json"]
    source = next((parameter["example"] for parameter in definition.get("parameters", ())), "")
    return source, dict(contract.examples(media))["documented"]


def _accepted(answer: object) -> SubmittedTask:
    if not isinstance(answer, SubmittedTask):
        raise SystemExit(f"the submit was refused: {answer}")
    _show("  -> 200", answer.to_dict())
    return answer


def _show(line: str, body: dict[str, Any]) -> None:
    print(line, *(f"     {row}" for row in json.dumps(body, indent=2).splitlines()), sep="\n")


def _title(text: str) -> None:
    print(f"\n{text}\n{'-' * len(text)}", flush=True)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (MockError, octopusx_video_openapi.ContractError, httpx.HTTPError) as error:
        sys.exit(f"error: {error}")
    except KeyboardInterrupt:
        sys.exit(130)
