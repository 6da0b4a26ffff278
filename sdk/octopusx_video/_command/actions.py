"""What the commands do."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click

from octopusx_video import _defaults, _settings
from octopusx_video._client import OctopusX, Unified, Videos
from octopusx_video._command import progress, saving
from octopusx_video._command.console import STDOUT, is_terminal
from octopusx_video._command.job import PROGRAM, Job, Records
from octopusx_video._errors import DownloadError, NotSentError, NoVideoAddressError
from octopusx_video._messages import contract, models, outcome, requests


def extend(job: Job, video_id: str, options: dict[str, Any], *, unified: bool) -> None:
    """Submit by the operation of one of the two families."""
    operation, other = ("extendUnifiedVideo", "extendVideo") if unified else ("extendVideo", "extendUnifiedVideo")
    fields, foreign = _taken(operation, options), contract.fields(other).keys() - contract.fields(operation).keys()
    for name in foreign:
        if options.pop(name) not in {None, ()}:
            option = names(click.get_current_context().command)[name]
            raise click.UsageError(f"{option} can't be used {'with' if unified else 'without'} --unified")
    with _client(job, options) as client:
        routes = _routes(client, unified=unified)
        _submit(job, routes, lambda: routes.extend(video_id, **fields), options)


def extensions(job: Job, video_id: str, options: dict[str, Any]) -> None:
    """Submit by ``createVideoExtension``."""
    fields = _taken("createVideoExtension", options)
    with _client(job, options) as client:
        _submit(job, client.videos, lambda: client.extensions.create(video_id, **fields), options)


def status(job: Job, task_id: str, options: dict[str, Any], *, unified: bool) -> None:
    """Read a task."""
    job.only_reads = True
    with _client(job, options) as client:
        task = _routes(client, unified=unified).retrieve(task_id)
        _show(job, task, _summary(task))


def wait(job: Job, task_id: str, options: dict[str, Any], *, unified: bool) -> None:
    """Read a task until it has ended."""
    job.only_reads = True
    with _client(job, options) as client:
        saving.check(options)
        job.task_id = requests.task_id(task_id, "TASK_ID")
        _finish(job, _routes(client, unified=unified), task_id, options)


def download(job: Job, task_id: str, options: dict[str, Any], *, unified: bool) -> None:
    """Save the video of a task."""
    job.only_reads = True
    with _client(job, options) as client:
        routes = _routes(client, unified=unified)
        job.task_id = requests.task_id(task_id, "TASK_ID")
        job.resume = _command(job, "download", routes, task_id, options)
        saving.check(options)
        task = routes.retrieve(task_id)
        if outcome.phase(task) == "running":
            job.resume = _command(job, "wait", routes, task_id, options)
        _save(job, routes, task, options)


def _routes(client: OctopusX, *, unified: bool) -> Videos | Unified:
    return client.unified if unified else client.videos


def _taken(operation: str, options: dict[str, Any]) -> dict[str, Any]:
    """Take the fields of an operation's body out of the options; None stands for one that was not given."""
    taken = {name: options.pop(name) for name in contract.fields(operation)}
    return {name: None if value == () else value for name, value in taken.items()}


@contextlib.contextmanager
def _client(job: Job, options: dict[str, Any]) -> Iterator[OctopusX]:
    """The client of a command, with all that the job has to know of its options."""
    job.console.as_json, job.console.quiet = options.pop("as_json"), options.pop("quiet")
    job.output = options.get("output")
    job.console.sends_video = job.output == STDOUT
    job.names = names(click.get_current_context().command)
    job.to_server = [] if options["base_url"] is None else ["--base-url", options["base_url"]]
    key = asked_key(job)
    settings: dict[str, Any] = {"base_url": options["base_url"], "timeout": options["request_timeout"]}
    if "submit_timeout" in options:
        settings["submit_timeout"] = options["submit_timeout"]
    with logged(job), OctopusX(key, sleep=lambda seconds: _sleep(job, seconds), **settings) as client:
        yield client


def asked_key(job: Job) -> str | None:
    """The API key: of the environment, or as a person gives it on a terminal; None where there is none."""
    key = os.environ.get(_settings.KEY_VARIABLE)
    if not key and is_terminal(sys.stdin) and is_terminal(sys.stderr):
        key = click.prompt("OctopusX API key", hide_input=True, err=True)
        job.console.use_key(str(key))
    return key


@contextlib.contextmanager
def logged(job: Job) -> Iterator[None]:
    """What the SDK logs is for the job."""
    logger = logging.getLogger("octopusx_video")
    level, handler = logger.level, Records(job)
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)


def _sleep(job: Job, seconds: float) -> None:
    """Let seconds pass, and the progress show them."""
    until = time.monotonic() + seconds
    while (left := until - time.monotonic()) > 0:
        time.sleep(min(left, progress.TICK))
        job.console.tick()


def names(command: click.Command) -> dict[str, str]:
    """What the command line calls the arguments of the SDK."""
    named = {"video": "VIDEO_ID", "task": "TASK_ID", "path": "--output"}
    for param in command.params:
        if param.name is not None:
            named[param.name] = max(param.opts, key=len) if isinstance(param, click.Option) else param.name.upper()
    return named


def _submit(
    job: Job, routes: Videos | Unified, submit: Callable[[], models.SubmittedTask], options: dict[str, Any]
) -> None:
    saving.check(options)
    job.waits = options["waits"] or options["output"] is not None
    job.resume_with = lambda task_id: _command(job, "wait", routes, task_id, options)
    job.submits = True
    task = submit()
    job.submits = False
    if job.waits:
        _finish(job, routes, outcome.task_id(task), options)
    else:
        _show(job, task, outcome.task_id(task))


def _finish(job: Job, routes: Videos | Unified, task_id: str, options: dict[str, Any]) -> None:
    job.resume = _command(job, "wait", routes, task_id, options)
    task: models.Task
    with job.console.progress("waiting", 100) as shown:

        def show(now: models.Task) -> None:
            percent = outcome.value(now, contract.PROGRESS) or None
            shown.show(percent, job.console.clean(outcome.status(now)), job.console.clean(_standing(now)))

        try:
            given = {name: options[name] for name in ("timeout", "poll_interval")}
            task = routes.wait(task_id, on_progress=show, **given)
        except NoVideoAddressError as error:
            if options["output"] is None:
                raise
            task = error.task  # the content route may have it
    if options["output"] is None:
        _show(job, task, _summary(task))
        return
    job.resume = _command(job, "download", routes, task_id, options)
    _save(job, routes, task, {**options, "timeout": _defaults.DOWNLOAD_SECONDS})


def _save(job: Job, routes: Videos | Unified, task: models.Task, options: dict[str, Any]) -> None:
    """Save the video, or write it to standard output once all of it is there."""
    if options["output"] != STDOUT:
        file = _download(job, routes, task, options["output"], options)
        job.saved = str(file)
        _show(job, task, str(file), file)
        return
    with saving.scratch() as folder:
        saving.pipe(_download(job, routes, task, folder / "video.mp4", options), outcome.task_id(task))
    if job.console.as_json:
        _show(job, task, "", STDOUT)


def _download(job: Job, routes: Videos | Unified, task: models.Task, path: str | Path, options: dict[str, Any]) -> Path:
    with job.console.progress("downloading", None) as shown:

        def show(position: int, total: int | None) -> None:
            size = "" if total is None else f" of {total:,}"
            shown.show(position, "downloading", f"{position:,}{size} bytes", total)

        try:
            given = {name: options[name] for name in ("overwrite", "accept_any", "timeout")}
            return routes.download(task, path, on_progress=show, **given)
        except NotSentError as error:  # the folder has gone since it was looked at
            raise DownloadError(str(error), task_id=outcome.task_id(task)) from None


def _show(
    job: Job, task: models.SubmittedTask | models.Task, plain: str, file: os.PathLike[str] | str | None = None
) -> None:
    """Print a result."""
    if job.console.as_json:
        name = None if file is None else os.fspath(file)
        job.console.print_json({"task": job.console.clean(task.to_dict()), "phase": outcome.phase(task), "file": name})
    else:
        job.console.print(plain if file is not None else job.console.clean(plain))


def _command(job: Job, name: str, routes: Videos | Unified, task_id: str, options: dict[str, Any]) -> list[str]:
    """The words of the command that continues."""
    output = [] if options["output"] is None else ["-o", options["output"]]
    flags = [f"--{flag.replace('_', '-')}" for flag in ("overwrite", "accept_any") if options[flag]]
    unified = ["--unified"] if isinstance(routes, Unified) else []
    return [PROGRAM, name, task_id, *output, *flags, *unified, *job.to_server]


def _summary(task: models.Task) -> str:
    url = outcome.value(task, contract.ADDRESS)
    return f"{outcome.task_id(task)} {_standing(task)}{f' {url}' if url else ''}"


def _standing(task: models.Task) -> str:
    progress = outcome.value(task, contract.PROGRESS)
    return f"{outcome.status(task)}{f' {progress} %' if isinstance(progress, int) else ''}"
