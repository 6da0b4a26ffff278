"""Each call of the clients as a flow, checked before anything is sent."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from octopusx_video import _defaults, _settings
from octopusx_video._errors import DownloadError, NotSentError, NoVideoAddressError, OctopusXError
from octopusx_video._files import partial_file
from octopusx_video._flows import downloading, flows
from octopusx_video._flows.effects import Flow, Tell, World
from octopusx_video._messages import contract, models, outcome, requests

Model = TypeVar("Model", "models.VideoTask", "models.UnifiedVideoTask")
Fields = Mapping[str, Any]


def caller(
    api_key: object,
    base_url: object,
    max_retries: object,
    retry_for: object,
    submit_timeout: object,
    clock: Callable[[], float] | None,
    random: Callable[[], float],
) -> flows.Caller:
    """Who runs the flows of a client.

    Raises:
        NotSentError: A setting is missing or can't be used.
    """
    if isinstance(max_retries, bool) or not isinstance(max_retries, int) or max_retries < 0:
        raise NotSentError(f"max_retries: {max_retries!r} is not an integer of 0 or more")
    world = World(clock or time.monotonic, time.time, random)
    patience = flows.Patience(max_retries, _seconds(retry_for, "retry_for"))
    return flows.Caller(
        _settings.read(api_key, base_url), patience, world, _above_zero(submit_timeout, "submit_timeout")
    )


def submit(caller: flows.Caller, name: str, given: Fields) -> Flow[models.SubmittedTask]:
    """A submit of the contract; what is wrong with its request is raised at once.

    Args:
        caller: Who runs it.
        name: The contract's name of the operation.
        given: The arguments of the client's method by name: ``self``, the source task under the name that the operation
            has for it, ``extra``, and the fields of the body.
    """
    fields = {field: value for field, value in given.items() if field not in {"self", "extra"}}
    source = fields.pop(contract.source_name(name))
    return flows.submit(caller, requests.submit(caller.settings.base_url, name, source, fields, given["extra"]))


def retrieve(caller: flows.Caller, route: flows.Route[Model], task: models.TaskOrId) -> Flow[Model]:
    """``getVideoTask`` or ``queryUnifiedVideo``."""
    return flows.retrieve(caller, route, requests.task_id(task, "task"))


def wait(
    caller: flows.Caller,
    route: flows.Route[Model],
    task: models.TaskOrId,
    timeout: float,
    poll_interval: float,
    on_progress: flows.Listener[Model] | None,
) -> Flow[Model]:
    """Read until the end, and take only a good one."""
    task_id = requests.task_id(task, "task")
    try:
        ended: Model = yield from flows.wait(
            caller,
            route,
            task_id,
            timeout=_seconds(timeout, "timeout"),
            poll_interval=_above_zero(poll_interval, "poll_interval"),
            on_progress=_callable(on_progress, "on_progress"),
        )
    except OctopusXError as error:
        error.task_id = task_id
        raise
    trouble = outcome.trouble(ended, task_id)
    if trouble is not None:
        raise trouble
    return ended


def download(
    caller: flows.Caller,
    route: flows.Route[Any],
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
        timeout=_seconds(timeout, "timeout"),
        accept_any=accept_any,
        on_progress=_callable(on_progress, "on_progress"),
    )


def submit_and_download(caller: flows.Caller, route: flows.Route[Model], name: str, given: Fields) -> Flow[Model]:
    """Submit, wait, download: ``submit`` has the first arguments, ``_whole`` the options among them."""
    options = {option: value for option, value in given.items() if option in _WHOLE}
    fields = {field: value for field, value in given.items() if field not in _WHOLE}
    return _whole(caller, route, submit(caller, name, fields), **options)


_WHOLE = frozenset({"path", "overwrite", "accept_any", "timeout", "poll_interval", "on_submit", "on_progress"})


def _whole(
    caller: flows.Caller,
    route: flows.Route[Model],
    submitted: Flow[models.SubmittedTask],
    *,
    path: object,
    overwrite: bool,
    accept_any: bool,
    timeout: float,
    poll_interval: float,
    on_submit: Callable[[models.SubmittedTask], Any] | None,
    on_progress: flows.Listener[Model] | None,
) -> Flow[Model]:
    """The path is looked at before anything is paid for."""
    partial_file.check(path, overwrite=overwrite)
    # Everything that could be wrong with the rest, before anything is paid for.
    _seconds(timeout, "timeout"), _above_zero(poll_interval, "poll_interval")
    _callable(on_submit, "on_submit"), _callable(on_progress, "on_progress")
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


def _seconds(value: object, name: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= _defaults.MAX_SECONDS:
        raise NotSentError(f"{name}: {value!r} is not a non-negative number of seconds")
    return float(value)


def _above_zero(value: object, name: str) -> float:
    seconds = _seconds(value, name)
    if not seconds:
        raise NotSentError(f"{name}: 0 is not allowed; give a number of seconds above 0")
    return seconds


def _callable(value: Any, name: str) -> Any:
    if value is not None and not callable(value):
        raise NotSentError(f"{name} is of type {type(value).__name__}; give a function")
    return value
