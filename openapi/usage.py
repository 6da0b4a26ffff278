"""The generated client as its callers use it: each operation, each model and each field, with their types.

`nox -s lint` type-checks this file, a test runs it against the mock, and each release of the contract keeps a copy.
`nox -s compat` type-checks the copy of the last release against the client of the new contract: an error there is a
program of a caller that no longer fits. So whatever callers may use belongs here. Arguments are given by position only
where callers may do so: the parameters of a path, and the models of a request.
"""

from __future__ import annotations

from http import HTTPStatus

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
    ExtendUnifiedVideoRequest,
    ExtendVideoRequest,
    ExtensionDuration,
    FailedStatus,
    OpenAIErrorDetail,
    OpenAIErrorResponse,
    RunningStatus,
    SourceVideo,
    SubmittedTask,
    SucceededStatus,
    TaskErrorResponse,
    UnifiedVideoTask,
    VideoLocation,
    VideoSize,
    VideoTask,
    VideoTaskError,
)
from octopusx_video_client.types import UNSET, File, Unset

MODEL = "grok-video-3"
PROMPT = "the cat goes on playing"
PICTURES = ["https://example.com/cat.png"]
RUNNING: RunningStatus = "processing"
SUCCEEDED: SucceededStatus = "completed"
FAILED: FailedStatus = "failed"

Error = OpenAIErrorResponse | TaskErrorResponse
"""A response that is an error, in one of its two shapes."""


class RequestFailedError(Exception):
    """The service responded with an error, whose code or type is the text."""


# ---- Submits


def extend_by_path(client: AuthenticatedClient, source: str) -> SubmittedTask:
    """Extend a video; the request has every field, by keyword."""
    size: VideoSize = "1080P"
    body = ExtendVideoRequest(
        model=MODEL, prompt=PROMPT, images=PICTURES, size=size, aspect_ratio="3:2", start_time=4, upscale=True
    )
    return _submitted(extend_video.sync(source, client=client, body=body))


def extend_by_position(client: AuthenticatedClient, source: str) -> SubmittedTask:
    """Extend a video; the request has every field, by position, and all of the response is read."""
    body = ExtendVideoRequest(MODEL, PROMPT, PICTURES, "720P", "3:2", 4, False)  # noqa: FBT003 - what callers write
    response = extend_video.sync_detailed(video_id=source, client=client, body=body)
    status: HTTPStatus = response.status_code
    if status is not HTTPStatus.OK or "x-oneapi-request-id" not in response.headers:
        raise RequestFailedError(response.content.decode())
    return _submitted(response.parsed)


async def extend_later(client: AuthenticatedClient, source: str) -> SubmittedTask:
    """Extend a video with asyncio; the request has the required fields alone."""
    return _submitted(await extend_video.asyncio(source, client=client, body=ExtendVideoRequest(MODEL, PROMPT)))


def create(client: AuthenticatedClient, source: str) -> SubmittedTask:
    """Extend a video by a number of seconds; the request has every field, by keyword."""
    duration: ExtensionDuration = 10
    body = CreateVideoExtensionRequest(
        model=MODEL, prompt=PROMPT, video=SourceVideo(url=source), start_time=4, duration=duration
    )
    return _submitted(create_video_extension.sync(client=client, body=body))


async def create_later(client: AuthenticatedClient, source: str) -> SubmittedTask:
    """The same with asyncio; the fields are given by position, and an optional one is set afterwards."""
    body = CreateVideoExtensionRequest(MODEL, PROMPT, SourceVideo(source), 4, 15)
    body.duration = 6
    response = await create_video_extension.asyncio_detailed(client=client, body=body)
    return _submitted(response.parsed)


def extend_unified(client: AuthenticatedClient, source: str) -> SubmittedTask:
    """Extend a video of the other family; the request has every field, by keyword."""
    body = ExtendUnifiedVideoRequest(
        model=MODEL,
        prompt=PROMPT,
        task_id=source,
        images=PICTURES,
        size="1080P",
        aspect_ratio="3:2",
        start_time=4,
        upscale=True,
    )
    return _submitted(extend_unified_video.sync(client=client, body=body))


async def extend_unified_later(client: AuthenticatedClient, source: str) -> SubmittedTask:
    """The same with asyncio; every field is given by position, and one is left out."""
    body = ExtendUnifiedVideoRequest(MODEL, PROMPT, source, PICTURES, UNSET, "3:2", 4, False)  # noqa: FBT003
    response = await extend_unified_video.asyncio_detailed(client=client, body=body)
    return _submitted(response.parsed)


def _submitted(response: SubmittedTask | Error | None) -> SubmittedTask:
    if isinstance(response, SubmittedTask):
        return response
    raise RequestFailedError(reason(response))


def read_submitted(task: SubmittedTask) -> tuple[str, str, int | Unset]:
    """Each field of a new task."""
    return task.id, task.status, task.status_update_time


# ---- Reads


def get(client: AuthenticatedClient, task: str) -> VideoTask:
    """A task of the first family."""
    response = get_video_task.sync(task, client=client)
    if isinstance(response, VideoTask):
        return response
    raise RequestFailedError(reason(response))


async def get_later(client: AuthenticatedClient, task: str) -> VideoTask | None:
    """The same with asyncio; None where it is an error."""
    response = await get_video_task.asyncio_detailed(task_id=task, client=client)
    return response.parsed if isinstance(response.parsed, VideoTask) else None


def query(client: AuthenticatedClient, task: str) -> UnifiedVideoTask:
    """A task of the other family."""
    response = query_unified_video.sync(client=client, id=task)
    if isinstance(response, UnifiedVideoTask):
        return response
    raise RequestFailedError(reason(response))


async def query_later(client: AuthenticatedClient, task: str) -> UnifiedVideoTask | None:
    """The same with asyncio; None where it is an error."""
    response = await query_unified_video.asyncio_detailed(client=client, id=task)
    return response.parsed if isinstance(response.parsed, UnifiedVideoTask) else None


def download(client: AuthenticatedClient, task: str) -> bytes:
    """A video as a whole."""
    response = download_video_content.sync(task, client=client)
    if isinstance(response, File):
        return response.payload.read()
    raise RequestFailedError(reason(response))


async def download_start(client: AuthenticatedClient, task: str) -> bytes:
    """The first hundred bytes of a video, with asyncio."""
    response = await download_video_content.asyncio_detailed(task_id=task, client=client, range_="bytes=0-99")
    if response.status_code is HTTPStatus.PARTIAL_CONTENT and isinstance(response.parsed, File):
        return response.parsed.payload.read()
    raise RequestFailedError(response.content.decode())


# ---- Fields of responses


def ends(task: VideoTask | UnifiedVideoTask) -> bool:
    """Whether a task has ended, by its status."""
    return task.status in {SUCCEEDED, FAILED}


def texts(task: VideoTask) -> dict[str, str]:
    """Each text of a task that is there."""
    found: dict[str, str | Unset] = {
        "id": task.id,
        "status": task.status,
        "task_id": task.task_id,
        "object": task.object_,
        "model": task.model,
        "seconds": task.seconds,
        "size": task.size,
        "source": task.remixed_from_video_id,
    }
    return {name: text for name, text in found.items() if not isinstance(text, Unset)}


def numbers(task: VideoTask) -> dict[str, int]:
    """Each number of a task that is there."""
    found: dict[str, int | Unset] = {
        "progress": task.progress,
        "created_at": task.created_at,
        "completed_at": task.completed_at,
        "expires_at": task.expires_at,
    }
    return {name: number for name, number in found.items() if not isinstance(number, Unset)}


def addresses(task: VideoTask) -> list[str]:
    """Each address of the video that is there."""
    places: list[VideoLocation | Unset] = [task.output, task.detail, task.metadata]
    found: list[str | Unset] = [task.video_url, task.url, *(place.url for place in places if place)]
    return [address for address in found if address]


def problem(task: VideoTask) -> tuple[str | Unset, str | Unset]:
    """Why a task failed: the code and the message."""
    error: VideoTaskError | Unset = task.error
    return (UNSET, UNSET) if isinstance(error, Unset) else (error.code, error.message)


def unified_texts(task: UnifiedVideoTask) -> dict[str, str]:
    """Each text of a task of the other family that is there."""
    found: dict[str, str | Unset | None] = {
        "id": task.id,
        "status": task.status,
        "video_url": task.video_url,
        "prompt": task.prompt,
        "ratio": task.ratio,
        "thumbnail_url": task.thumbnail_url,
        "asset_id": task.asset_id,
        "video_file_id": task.video_file_id,
        "trace_id": task.trace_id,
    }
    return {name: text for name, text in found.items() if isinstance(text, str)}


def unified_numbers(task: UnifiedVideoTask) -> tuple[int | Unset, int | Unset]:
    """Each number of a task of the other family: its progress, and when its status changed."""
    return task.progress, task.status_update_time


def reason(response: Error | None) -> str:
    """What an error says, in either shape."""
    if isinstance(response, TaskErrorResponse):
        code: str = response.code
        return f"{code}: {response.message}" if response.data is None else code
    if isinstance(response, OpenAIErrorResponse):
        detail: OpenAIErrorDetail = response.error
        given: list[str | Unset | None] = [detail.code, detail.param]
        return ": ".join([detail.type_, *(one for one in given if isinstance(one, str)), detail.message])
    return "a status that the contract does not have"


def others(task: VideoTask) -> dict[str, object]:
    """What a server sent beside the fields of the contract."""
    return {name: task[name] for name in task.additional_properties if name in task}


def again(task: VideoTask) -> VideoTask:
    """A task that was kept as JSON."""
    return VideoTask.from_dict(task.to_dict())
