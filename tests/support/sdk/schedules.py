"""Every way in which a few of the mock's faults can meet one job, and whether it was paid for twice or lost.

A schedule says which fault shows at which request of a job. The search runs a schedule, looks at the requests that came
after its last fault, and puts one more fault at each of them: so every schedule that can come about is run, and none
that can't. The judge is the mock's ledger.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import httpx
from octopusx_video import AmbiguousSubmitError, DownloadError, NotSentError, OctopusXError, RefusedError
from octopusx_video_mock import Mock
from octopusx_video_mock.compiled.operation import Stage
from octopusx_video_mock.faults.table import FAULTS
from octopusx_video_mock.tasks.mp4 import mp4

from tests.support.sdk.clients import CREATE, EXTEND, KEY, SOURCE, Between, Kind, connected

UNREACHED = "no connection"
"""A fault beside those of the mock: the request never leaves."""
POLL_SECONDS = 70.0
"""So that a task's three minutes take a few reads."""

_VIDEOS = {"createVideoExtension": mp4(4 + 6), "extendVideo": mp4(4 + 10), "extendUnifiedVideo": mp4(4 + 10)}
"""The videos of the jobs, as x-result-length gives their lengths."""

RARE = frozenset({"content_chunked", "content_chunked_cut", "created", "too_large", "unusable_address", "wrapped_id"})
"""Faults that are combined with one other at most: they end a job, or change one step of it and none that follows."""

Schedule = tuple[tuple[int, str], ...]
"""Number of a request of the job, and the fault that shows there."""


def faults_at(stage: Stage) -> list[str]:
    """The faults that can be ordered for a request; on a submit also those that its task keeps for life."""
    lasting = stage == "submit"
    return [UNREACHED, *(one.name for one in FAULTS if stage in one.at or (lasting and one.of_task))]


@dataclass
class Ran:
    """What a schedule came to.

    Attributes:
        stages: What each request of the job was for.
        faults: What was wrong with it, in words; empty where nothing was.
    """

    stages: list[Stage]
    faults: list[str]


def run(kind: Kind, operation: str, schedule: Schedule, *, careless: bool = False) -> Ran:
    """Run one job, submit to file, with these faults, and judge it by the mock's ledger.

    Args:
        kind: Which client.
        operation: Which submit.
        schedule: The faults.
        careless: Whether the caller submits again where it is told not to.
    """
    mock = Mock(token=KEY)
    stages: list[Stage] = []
    ids: set[str] = set()
    planned = dict(schedule)

    def handle(request: httpx.Request, pass_on: Callable[[httpx.Request], httpx.Response]) -> httpx.Response:
        stages.append(_stage(request))
        fault = planned.get(len(stages) - 1)
        if fault == UNREACHED:
            raise httpx.ConnectError("connection refused", request=request)
        if fault is not None:
            request.headers["Prefer"] = f"fault={fault}"
        response = pass_on(request)
        if stages[-1] == "submit":
            ids.update(_new_ids(mock, response))
        return response

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "video.mp4"
        error: BaseException | None = None
        ended: Any = None
        with connected(kind, Between(mock.transport, handle), mock.clock) as client:
            try:
                try:
                    ended = _job(client, operation, path)
                except AmbiguousSubmitError:
                    if not careless:
                        raise
                    ended = _job(client, operation, path)
            except Exception as raised:  # noqa: BLE001 - what must not escape is judged as well
                error = raised
        left = sorted(str(entry) for entry in Path(folder).iterdir())
        video = path.read_bytes() if path.exists() else None
    return Ran(stages, list(_judged(mock, ids, ended, error, left, video)))


def _new_ids(mock: Mock, response: httpx.Response) -> set[str]:
    """The ids of new tasks that a response to a submit holds. What it holds can be read again."""
    content = b"".join(cast("httpx.SyncByteStream", response.stream))  # the mock's streams are of both kinds
    response.stream = httpx.ByteStream(content)
    return {submission.task for submission in mock.submissions if json.dumps(submission.task).encode() in content}


def _job(client: Any, operation: str, path: Path) -> Any:
    options: dict[str, Any] = {"poll_interval": POLL_SECONDS}
    if operation == "createVideoExtension":
        return client.extensions.create_and_download(SOURCE, path, **CREATE, **options)
    routes = client.unified if operation == "extendUnifiedVideo" else client.videos
    return routes.extend_and_download(SOURCE, path, **EXTEND, start_time=4, **options)


def _judged(
    mock: Mock, ids: set[str], ended: Any, error: BaseException | None, left: list[str], video: bytes | None
) -> Iterator[str]:
    accepted = [submission.task for submission in mock.submissions]
    if len(accepted) > 1:
        yield f"one submit was asked for, and {len(accepted)} were billed"
    if error is not None and not isinstance(error, OctopusXError):
        yield f"{error!r} escaped"
        return
    known = {ended.id} if error is None else {error.task_id, *getattr(error, "possible_task_ids", ())}
    if ids - known:
        yield f"a response held {ids - known}, and the caller got {known}: {error!r}"
    if accepted and accepted[0] not in known and not isinstance(error, AmbiguousSubmitError):
        yield f"task {accepted[0]} was billed and lost: {error!r}"
    if isinstance(error, NotSentError | RefusedError) and error.task_id is None and accepted:
        yield f"{error!r} says that nothing was billed"
    yield from _judged_files(mock, error, left, video)
    if error is not None and KEY in repr(error):
        yield "the key shows"


def _judged_files(mock: Mock, error: BaseException | None, left: list[str], video: bytes | None) -> Iterator[str]:
    if error is None:
        if [Path(name).name for name in left] != ["video.mp4"]:
            yield f"{left} was left in the folder"
        elif video != _VIDEOS[mock.submissions[0].operation]:
            yield "the file is not the video"
    elif left != ([error.rejected] if isinstance(error, DownloadError) and error.rejected else []):
        yield f"{left} was left in the folder after {error!r}"


def _stage(request: httpx.Request) -> Stage:
    if request.method == "POST":
        return "submit"
    return "content" if request.url.path.endswith(("/content", ".mp4")) else "read"


def deeper(schedule: Schedule, ran: Ran) -> Iterator[Schedule]:
    """The schedules with one more fault, at a request behind the last."""
    begin = schedule[-1][0] + 1 if schedule else 0
    is_deep = len(schedule) >= 2
    if is_deep and any(fault in RARE for _, fault in schedule):
        return
    for number in range(begin, len(ran.stages)):
        for fault in faults_at(ran.stages[number]):
            if not (is_deep and fault in RARE):
                yield (*schedule, (number, fault))
