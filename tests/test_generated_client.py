"""What the generated client is like to use; what it sends and reads is judged by the contract suite."""

from __future__ import annotations

import asyncio
import inspect
import json
import re
from pathlib import Path

import httpx
import octopusx_video_client
import pytest
from octopusx_video_client import AuthenticatedClient
from octopusx_video_client.api.unified import extend_unified_video, query_unified_video
from octopusx_video_client.api.videos import (
    create_video_extension,
    download_video_content,
    extend_video,
    get_video_task,
)
from octopusx_video_client.models import (
    CreateVideoExtensionRequest,
    ExtendVideoRequest,
    SourceVideo,
    SubmittedTask,
    TaskErrorResponse,
    VideoTask,
)
from octopusx_video_client.types import File
from octopusx_video_openapi import Contract

OPERATIONS = {
    "extendVideo": extend_video,
    "createVideoExtension": create_video_extension,
    "getVideoTask": get_video_task,
    "downloadVideoContent": download_video_content,
    "extendUnifiedVideo": extend_unified_video,
    "queryUnifiedVideo": query_unified_video,
}


def _client(answer: httpx.Response, sent: list[httpx.Request]) -> AuthenticatedClient:
    def handle(request: httpx.Request) -> httpx.Response:
        sent.append(request)
        return answer

    return AuthenticatedClient(
        base_url="https://api.test", token="sk-test", httpx_args={"transport": httpx.MockTransport(handle)}
    )


def test_each_operation_has_both_flavours(contract: Contract) -> None:
    """Every operation of the contract can be called in sync and with asyncio."""
    assert OPERATIONS.keys() == contract.operations.keys()
    for module in OPERATIONS.values():
        assert inspect.isfunction(module.sync)
        assert inspect.iscoroutinefunction(module.asyncio)


def test_plain_values_at_the_call_site() -> None:
    """Sizes and durations are written as the API writes them."""
    sent: list[httpx.Request] = []
    client = _client(httpx.Response(200, json={"id": "grok:new", "status": "processing"}), sent)
    answer = extend_video.sync(
        "grok:old", client=client, body=ExtendVideoRequest(model="grok-video-3", prompt="on", size="1080P")
    )
    assert isinstance(answer, SubmittedTask)
    assert (answer.id, answer.status) == ("grok:new", "processing")
    assert json.loads(sent[0].content) == {"model": "grok-video-3", "prompt": "on", "size": "1080P"}
    assert sent[0].headers["authorization"] == "Bearer sk-test"


def test_nothing_is_sent_that_the_caller_did_not_say() -> None:
    """A duration that was left out stays out: the service has its own default, and bills by it."""
    sent: list[httpx.Request] = []
    client = _client(httpx.Response(200, json={"id": "grok:new", "status": "processing"}), sent)
    body = CreateVideoExtensionRequest(
        model="grok-video-3", prompt="on", start_time=4, video=SourceVideo(url="grok:old")
    )
    create_video_extension.sync(client=client, body=body)
    body.duration = 6
    create_video_extension.sync(client=client, body=body)
    assert "duration" not in json.loads(sent[0].content)
    assert json.loads(sent[1].content)["duration"] == 6


@pytest.mark.parametrize("status", [200, 206])
def test_the_download_gives_the_bytes(status: int) -> None:
    """The video arrives byte for byte, whole or in part."""
    video = bytes(range(256))
    response = httpx.Response(status, content=video, headers={"content-type": "video/mp4"})
    answer = asyncio.run(download_video_content.asyncio("grok:old", client=_client(response, [])))
    assert isinstance(answer, File)
    assert answer.payload.read() == video


def test_both_shapes_of_error_are_read() -> None:
    """An error is a model of its shape, not an exception and not a guess."""
    task = {"code": "task_not_exist", "message": "task_not_exist", "data": None}
    answer = get_video_task.sync("grok:no", client=_client(httpx.Response(400, json=task), []))
    assert isinstance(answer, TaskErrorResponse)
    assert answer.code == "task_not_exist"
    openai = {"error": {"message": "Invalid token", "type": "new_api_error", "code": ""}}
    refused = get_video_task.sync("grok:no", client=_client(httpx.Response(401, json=openai), []))
    assert refused is not None
    assert refused.to_dict() == openai


def test_an_unknown_status_and_unknown_fields_are_kept() -> None:
    """A status that nobody has described, and fields beside those described, reach the caller."""
    answer = get_video_task.sync(
        "grok:x", client=_client(httpx.Response(200, json={"id": "grok:x", "status": "dreaming", "mood": "good"}), [])
    )
    assert isinstance(answer, VideoTask)
    assert answer.status == "dreaming"
    assert answer["mood"] == "good"


def test_the_client_is_a_typed_package() -> None:
    """Type checkers of its users look into it."""
    assert (Path(octopusx_video_client.__file__).parent / "py.typed").exists()


def test_the_readme_s_operations_exist() -> None:
    """Every module of the client that a page of the documentation imports is there."""
    root = Path(__file__).parents[1]
    named = {
        found
        for page in root.glob("*.md")
        for found in re.findall(r"from octopusx_video_client\.api\.\w+ import (\w+)", page.read_text("utf-8"))
    }
    assert named <= {module.__name__.rsplit(".", 1)[1] for module in OPERATIONS.values()}
