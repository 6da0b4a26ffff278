"""Downloading the video of a task: from where, and what becomes of what arrives."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from octopusx_video._errors import DownloadError, NotSentError, NoVideoAddressError, OctopusXError
from octopusx_video._files.partial_file import PartialFile
from octopusx_video._flows import arguments
from octopusx_video._flows.context import CallContext, log
from octopusx_video._flows.effects import Flow
from octopusx_video._flows.fetching import Fetch, Listener, NoVideoError
from octopusx_video._flows.reading import Route, retrieve
from octopusx_video._messages import addresses, models, outcome, requests
from octopusx_video._messages.exchange import Request


def download(
    context: CallContext,
    route: Route[Any],
    task_or_id: models.TaskOrId,
    path: object,
    timeout: object,
    on_progress: Listener | None,
    *,
    overwrite: bool,
    accept_any: bool,
) -> Flow[Path]:
    """Fetch the video of a task that has succeeded, from its address, or else from the API's content route.

    Returns:
        Where it is.

    Raises:
        NotSentError: The path can't be written, or another argument can't be used.
        TaskFailedError: The task has ended without a video.
        DownloadError: It has not ended, or no complete video can be downloaded from anywhere.
        RefusedError, BrokenAnswerError: It can't be read.
    """
    task_id = requests.task_id(task_or_id, "task")
    until = context.environment.monotonic() + arguments.seconds(timeout, "timeout")
    listener = arguments.function(on_progress, "on_progress")
    is_named = False
    try:
        file = PartialFile(path, overwrite=overwrite)
    except NotSentError as error:
        error.task_id = task_id
        raise
    try:
        task = task_or_id
        if not isinstance(task, models.VideoTask | models.UnifiedVideoTask) or outcome.phase(task) == "running":
            task = yield from retrieve(context, route, task_id, until)
        _check(task, task_id)
        reasons: list[str] = []
        for request in _sources(context, task, task_id, reasons):
            fetch = Fetch(context, file, request, until, listener)
            try:
                yield from fetch.run()
            except NoVideoError as error:
                reasons.append(f"from {addresses.shown(request.url)}: {context.redact(str(error))}")
                log.info("download of %s %s", task_id, reasons[-1])
            else:
                return file.path
        if accept_any and file.rejected is not None:
            log.warning("download of %s: not a complete mp4 file, saved as it is: %s", task_id, "; ".join(reasons))
            yield from fetch.keep_rejected()
            return file.path
        is_named = True
        raise _failure(task_id, reasons, file)
    except OctopusXError as error:
        error.task_id = task_id
        raise
    finally:
        file.discard(keeps_rejected=is_named)


def _check(task: models.Task, task_id: str) -> None:
    if outcome.phase(task) == "running":
        text = f"task {task_id} has not ended, its status is {outcome.status(task)}"
        raise DownloadError(text, task_id=task_id, advice="wait for it first")
    failure = outcome.failure(task, task_id)
    if failure is not None and not isinstance(failure, NoVideoAddressError):
        raise failure


def _failure(task_id: str, reasons: list[str], file: PartialFile) -> DownloadError:
    text = f"the video of {task_id} can't be downloaded; {'; '.join(reasons)}"
    if file.rejected is None:
        return DownloadError(text, task_id=task_id, advice="download it again by its id")
    text += f". What arrived is not a complete mp4 file, and was kept as {file.rejected}"
    advice = "download it again by its id, with accept_any=True to save such a file as it is"
    return DownloadError(text, task_id=task_id, rejected=os.fspath(file.rejected), advice=advice)


def _sources(context: CallContext, task: models.Task, task_id: str, reasons: list[str]) -> list[Request]:
    """The task's own address first, then the content route, as grok/query has it (downloadVideoContent)."""
    content = requests.read(context.settings.base_url, "downloadVideoContent", task_id)
    given = outcome.address(task)
    if given is None:
        return [content]
    address = addresses.joined(f"{context.settings.base_url}/", given)
    if not addresses.is_http(address):
        reasons.append(context.redact(f"its address {addresses.shown(given)[:200]!r} can't be used"))
        return [content]
    return [content] if address == content.url else [Request("", "GET", address, content.headers), content]
