"""The submits of the clients, from the arguments of their methods: alone, or with the wait and the download."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from octopusx_video import _defaults
from octopusx_video._errors import DownloadError, NotSentError, NoVideoAddressError, OctopusXError
from octopusx_video._files import partial_file
from octopusx_video._flows import arguments, submitting
from octopusx_video._flows.context import CallContext
from octopusx_video._flows.downloading import download
from octopusx_video._flows.effects import Flow, Notify
from octopusx_video._flows.reading import Model, Route
from octopusx_video._flows.waiting import Listener, wait
from octopusx_video._messages import contract, models, outcome, requests

_OPTIONS = frozenset({"path", "overwrite", "accept_any", "timeout", "poll_interval", "on_submit", "on_progress"})
"""The arguments of a client's method that are not the submit's."""


def submit(context: CallContext, name: str, given: Mapping[str, Any]) -> Flow[models.SubmittedTask]:
    """A submit of the contract; what is wrong with its request is raised at once.

    Args:
        context: What it is run with.
        name: The contract's name of the operation.
        given: The arguments of the client's method by name: ``self``, the source task under the name that the operation
            has for it, ``extra``, and the fields of the body.
    """
    fields = {field: value for field, value in given.items() if field not in {"self", "extra"}}
    source = fields.pop(contract.source(name)[1])
    return submitting.submit(context, requests.submit(context.settings.base_url, name, source, fields, given["extra"]))


def submit_and_download(context: CallContext, route: Route[Model], name: str, given: Mapping[str, Any]) -> Flow[Model]:
    """Submit, wait and download; ``given`` has the arguments of ``submit`` and ``_complete``."""
    options = {option: value for option, value in given.items() if option in _OPTIONS}
    fields = {field: value for field, value in given.items() if field not in _OPTIONS}
    return _complete(context, route, submit(context, name, fields), **options)


def _complete(
    context: CallContext,
    route: Route[Model],
    submitted: Flow[models.SubmittedTask],
    *,
    path: object,
    overwrite: bool,
    accept_any: bool,
    timeout: float,
    poll_interval: float,
    on_submit: Callable[[models.SubmittedTask], Any] | None,
    on_progress: Listener[Model] | None,
) -> Flow[Model]:
    # Everything that could be wrong with the arguments, the path above all, before anything is paid for.
    partial_file.check(path, overwrite=overwrite)
    arguments.seconds(timeout, "timeout"), arguments.above_zero(poll_interval, "poll_interval")
    arguments.function(on_submit, "on_submit"), arguments.function(on_progress, "on_progress")
    task = yield from submitted
    task_id = outcome.task_id(task)
    try:
        yield Notify(on_submit, (task,))
        try:
            ended = yield from wait(context, route, task, timeout, poll_interval, on_progress)
        except NoVideoAddressError as error:
            ended = error.task  # paid for, and the content route may have it
        seconds = _defaults.DOWNLOAD_SECONDS
        yield from download(context, route, ended, path, seconds, None, overwrite=overwrite, accept_any=accept_any)
    except NotSentError as error:
        # Who catches it takes nothing for paid; the task is.
        raise DownloadError(str(error), task_id=task_id) from None
    except OctopusXError as error:
        error.task_id = task_id
        raise
    except BaseException as error:
        error.add_note(submitting.accepted_note(task_id))
        raise
    return ended
