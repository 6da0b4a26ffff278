"""Each call of the clients as a flow, checked before anything is sent."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from octopusx_video import _defaults
from octopusx_video._errors import DownloadError, NotSentError, NoVideoAddressError, OctopusXError
from octopusx_video._files import partial_file
from octopusx_video._flows import arguments, downloading, reading, submitting, waiting
from octopusx_video._flows.context import Caller
from octopusx_video._flows.effects import Flow, Tell
from octopusx_video._flows.reading import Model, Route
from octopusx_video._messages import contract, models, outcome, requests

Fields = Mapping[str, Any]


def submit(caller: Caller, name: str, given: Fields) -> Flow[models.SubmittedTask]:
    """A submit of the contract; what is wrong with its request is raised at once.

    Args:
        caller: Who runs it.
        name: The contract's name of the operation.
        given: The arguments of the client's method by name: ``self``, the source task under the name that the operation
            has for it, ``extra``, and the fields of the body.
    """
    fields = {field: value for field, value in given.items() if field not in {"self", "extra"}}
    source = fields.pop(contract.source_name(name))
    return submitting.submit(caller, requests.submit(caller.settings.base_url, name, source, fields, given["extra"]))


def retrieve(caller: Caller, route: Route[Model], task: models.TaskOrId) -> Flow[Model]:
    """``getVideoTask`` or ``queryUnifiedVideo``."""
    return reading.retrieve(caller, route, requests.task_id(task, "task"))


def wait(
    caller: Caller,
    route: Route[Model],
    task: models.TaskOrId,
    timeout: float,
    poll_interval: float,
    on_progress: waiting.Listener[Model] | None,
) -> Flow[Model]:
    """Read until the end, and take only a good one."""
    task_id = requests.task_id(task, "task")
    try:
        ended: Model = yield from waiting.wait(
            caller,
            route,
            task_id,
            timeout=arguments.seconds(timeout, "timeout"),
            poll_interval=arguments.above_zero(poll_interval, "poll_interval"),
            on_progress=arguments.function(on_progress, "on_progress"),
        )
    except OctopusXError as error:
        error.task_id = task_id
        raise
    trouble = outcome.trouble(ended, task_id)
    if trouble is not None:
        raise trouble
    return ended


def download(
    caller: Caller,
    route: Route[Any],
    task: models.TaskOrId,
    path: object,
    timeout: float,
    on_progress: downloading.Listener | None,
    *,
    overwrite: bool,
    accept_any: bool,
) -> Flow[Path]:
    """Fetch the video."""
    return downloading.download(
        caller,
        route,
        task,
        path,
        overwrite=overwrite,
        timeout=arguments.seconds(timeout, "timeout"),
        accept_any=accept_any,
        on_progress=arguments.function(on_progress, "on_progress"),
    )


def submit_and_download(caller: Caller, route: Route[Model], name: str, given: Fields) -> Flow[Model]:
    """Submit, wait, download: ``submit`` has the first arguments, ``_whole`` the options among them."""
    options = {option: value for option, value in given.items() if option in _WHOLE}
    fields = {field: value for field, value in given.items() if field not in _WHOLE}
    return _whole(caller, route, submit(caller, name, fields), **options)


_WHOLE = frozenset({"path", "overwrite", "accept_any", "timeout", "poll_interval", "on_submit", "on_progress"})


def _whole(
    caller: Caller,
    route: Route[Model],
    submitted: Flow[models.SubmittedTask],
    *,
    path: object,
    overwrite: bool,
    accept_any: bool,
    timeout: float,
    poll_interval: float,
    on_submit: Callable[[models.SubmittedTask], Any] | None,
    on_progress: waiting.Listener[Model] | None,
) -> Flow[Model]:
    """The path is looked at before anything is paid for."""
    partial_file.check(path, overwrite=overwrite)
    # Everything that could be wrong with the rest, before anything is paid for.
    arguments.seconds(timeout, "timeout"), arguments.above_zero(poll_interval, "poll_interval")
    arguments.function(on_submit, "on_submit"), arguments.function(on_progress, "on_progress")
    task: models.SubmittedTask | None = None
    try:
        task = yield from submitted
        yield Tell(on_submit, (task,))
        try:
            ended = yield from wait(caller, route, task, timeout, poll_interval, on_progress)
        except NoVideoAddressError as error:
            ended = error.task  # paid for, and the content route may have it
        seconds = _defaults.DOWNLOAD_SECONDS
        yield from download(caller, route, ended, path, seconds, None, overwrite=overwrite, accept_any=accept_any)
    except NotSentError as error:
        if task is None:
            raise
        # Whoever catches it takes nothing for paid; the task is.
        raise DownloadError(str(error), task_id=outcome.task_id(task)) from None
    except OctopusXError as error:
        if task is not None:
            error.task_id = outcome.task_id(task)
        raise
    except BaseException as error:
        if task is None:
            raise
        error.add_note(f"the submit was accepted and is billed: go on with task {outcome.task_id(task)}")
        raise
    return ended
