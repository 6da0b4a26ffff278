"""What the generated client is like to use; what it sends and reads is judged by the contract suite."""

from __future__ import annotations

import asyncio
import copy
import importlib
import inspect
import json
import multiprocessing
import pickle
import re
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import octopusx_video_client
import pytest
from octopusx_video import TaskFailedError
from octopusx_video_client import AuthenticatedClient
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
    UnifiedVideoTask,
    VideoLocation,
    VideoTask,
)
from octopusx_video_client.types import UNSET, File, Unset
from octopusx_video_openapi import Contract, load
from octopusx_video_openapi.text import snake

SIGNED_ADDRESS = "https://storage.test/cat.mp4?X-Amz-Signature=0123456789abcdef"
TASK_FIELDS = {
    "id": "grok:48a67431-0708-46d1-9ab9-83cb84700153",
    "status": "processing",
    "progress": 42,
    "video_url": SIGNED_ADDRESS,
    "output": {"url": SIGNED_ADDRESS},
    "mood": "good",
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
    for operation in contract.operations.values():
        module = importlib.import_module(f"octopusx_video_client.api.{operation.tags[0]}.{snake(operation.id)}")
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


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_unset_and_tasks_survive_every_pickle_protocol(protocol: int) -> None:
    """UNSET is the same object after pickling, so a task that was pickled can still be written as JSON."""
    assert pickle.loads(pickle.dumps(UNSET, protocol)) is UNSET  # noqa: S301 - written here
    task = VideoTask.from_dict(TASK_FIELDS)
    again = pickle.loads(pickle.dumps(task, protocol))  # noqa: S301 - written here
    assert again == task
    assert again.task_id is UNSET
    assert again.output.additional_properties == {}
    assert json.loads(json.dumps(again.to_dict())) == TASK_FIELDS


@pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy])
def test_unset_and_tasks_survive_copying(duplicate: Any) -> None:
    """UNSET is the same object after copying, so a copy of a task can still be written as JSON."""
    assert duplicate(UNSET) is UNSET
    task = VideoTask.from_dict(TASK_FIELDS)
    again = duplicate(task)
    assert again is not task
    assert again == task
    assert json.loads(json.dumps(again.to_dict())) == TASK_FIELDS


def test_tasks_travel_to_and_from_a_process_pool() -> None:
    """A task can be handed to another process and returned from one, and can still be written as JSON."""
    # "spawn" is the start method that shares nothing between the processes.
    with ProcessPoolExecutor(max_workers=1, mp_context=multiprocessing.get_context("spawn")) as pool:
        returned = pool.submit(VideoTask.from_dict, TASK_FIELDS).result(timeout=60)
        fields = pool.submit(VideoTask.to_dict, returned).result(timeout=60)
    assert json.loads(json.dumps(returned.to_dict())) == TASK_FIELDS
    assert json.loads(json.dumps(fields)) == TASK_FIELDS


def test_an_error_with_a_task_survives_pickling() -> None:
    """The task in an error from a worker process can still be written as JSON."""
    error = TaskFailedError("the task failed", task=VideoTask.from_dict(TASK_FIELDS), task_id="grok:x")
    for again in (pickle.loads(pickle.dumps(error)), copy.copy(error), copy.deepcopy(error)):  # noqa: S301 - written here
        assert type(again) is TaskFailedError
        assert again.task_id == "grok:x"
        assert json.loads(json.dumps(again.task.to_dict())) == TASK_FIELDS


def test_unset_prints_as_unset() -> None:
    """A field that is not there is shown as UNSET, and is still false."""
    assert (repr(UNSET), str(UNSET)) == ("UNSET", "UNSET")
    assert not UNSET
    assert isinstance(UNSET, Unset)
    assert repr(VideoLocation()) == "VideoLocation(url=UNSET, additional_properties={})"


@pytest.mark.parametrize(
    ("task", "shown"),
    [
        (
            VideoTask.from_dict(TASK_FIELDS),
            "VideoTask(id='grok:48a67431-0708-46d1-9ab9-83cb84700153', status='processing', progress=42)",
        ),
        (VideoTask("grok:x", "completed", video_url=SIGNED_ADDRESS), "VideoTask(id='grok:x', status='completed')"),
        (VideoTask("grok:x", "processing", progress=0), "VideoTask(id='grok:x', status='processing', progress=0)"),
        (VideoTask("grok:\nx", "queued"), r"VideoTask(id='grok:\nx', status='queued')"),
        (SubmittedTask("grok:x", "queued", status_update_time=1), "SubmittedTask(id='grok:x', status='queued')"),
        (
            UnifiedVideoTask(
                "grok:x", "completed", video_url=SIGNED_ADDRESS, thumbnail_url=SIGNED_ADDRESS, progress=100
            ),
            "UnifiedVideoTask(id='grok:x', status='completed', progress=100)",
        ),
    ],
)
def test_a_task_is_shown_in_one_line_without_an_address(task: object, shown: str) -> None:
    """The repr of a task has its id, its status and its progress, and no address, which would open without a key."""
    assert repr(task) == shown


def test_the_client_is_a_typed_package() -> None:
    """Type checkers of its users look into it."""
    assert (Path(octopusx_video_client.__file__).parent / "py.typed").exists()


def test_the_readme_s_operations_exist() -> None:
    """Every module of the client that a page of the documentation imports is there."""
    root = Path(__file__).parents[2]
    named = {
        found
        for page in root.glob("*.md")
        for found in re.findall(r"from octopusx_video_client\.api\.\w+ import (\w+)", page.read_text("utf-8"))
    }
    assert named <= {snake(name) for name in load().operations}
