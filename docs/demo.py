"""The main job, shown to a person: ask, be answered, and prove that the server keeps its word (`nox -s demo`)."""

from __future__ import annotations

import json
import subprocess
import sys
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
from octopusx_video_mock import MockError, PrismMock

KEY = "sk-made-up-for-the-demo"


def main() -> int:
    """Run the demo. Returns the exit status of the contract suite."""
    contract = octopusx_video_openapi.load()
    _title("1. A mock, made from the contract")
    with PrismMock(token=KEY, on_progress=print) as mock:
        print(f"Prism serves contract {contract.version} on {mock.base_url}")
        with AuthenticatedClient(base_url=mock.base_url, token=KEY) as client:
            _title("2. The two extend requests, as the API's pages show them, through the generated client")
            source, body = _documented("extendVideo")
            _show(f"POST /v1/videos/{source}/extend", body)
            first = _accepted(extend_video.sync(source, client=client, body=ExtendVideoRequest.from_dict(body)))
            _, body = _documented("createVideoExtension")
            _show("POST /v1/videos/extensions", body)
            second = _accepted(
                create_video_extension.sync(client=client, body=CreateVideoExtensionRequest.from_dict(body))
            )
            _title("3. The answers name the new tasks; ask how they stand (Prism keeps none: it answers with samples)")
            for submitted in (first, second):
                task = get_video_task.sync(submitted.id, client=client)
                if not isinstance(task, VideoTask):
                    raise SystemExit(f"the read was refused: {task}")
                meaning = contract.phase(task.status) or "running (a status that the contract does not know)"
                print(f"GET /v1/videos/{submitted.id}\n  -> status {task.status}: {meaning}, {task.progress} % done")
    _title("4. The contract suite, against a mock of its own")
    return subprocess.run([sys.executable, "-m", "octopusx_video_contract"], check=False).returncode


def _documented(operation_id: str) -> tuple[str, dict[str, Any]]:
    """The source id in the path (or an empty string) and the body of the contract's documented example."""
    contract = octopusx_video_openapi.load()
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
