"""The commands: what they take, and what they do with it."""

from __future__ import annotations

import contextlib
import logging
import math
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import click
from octopusx_video_openapi import interrupts
from octopusx_video_openapi.hosts import HTTP_HOSTS_VARIABLE

from octopusx_video import _calls, _contract, _http, _models, _part, _requests, _settings
from octopusx_video._client import OctopusX, Unified, Videos
from octopusx_video._command import progress
from octopusx_video._command.console import Console, OutputError, close_broken, is_terminal
from octopusx_video._command.job import PROGRAM, Job, Records
from octopusx_video._errors import DownloadError, NotSentError, NoVideoAddressError, OctopusXError
from octopusx_video._verdict import phase

STDOUT = "-"
"""Names standard output as the place of a video."""
_MODEL_VARIABLE = "OCTOPUSX_MODEL"
_COMPLETE = "_OCTOPUSX_VIDEO_COMPLETE"
_DURATIONS = [str(one) for one in _contract.choices("createVideoExtension", "duration")]
_EPILOG = f"""\
\b
exit status:
  0    success
  1    the service refused a request, or its response can't be used
  2    nothing was sent: invalid input, no key or no connection
  3    the task may exist AND BE BILLED; the request was not sent again
  4    the task ended without a video
  5    the time is up; the task continues, and can be waited for again
  6    the video could not be downloaded or written
  129  interrupted by SIGHUP (the terminal was closed)
  130  interrupted by SIGINT (Ctrl-C)
  143  interrupted by SIGTERM

\b
environment:
  {_settings.KEY_VARIABLE}     API key. Without it, the command asks for the key on a
                       terminal. It can't be an argument, since other users
                       can see arguments.
  {_settings.URL_VARIABLE}    API base URL, the default of --base-url
  {_MODEL_VARIABLE}       model, the default of --model
  {HTTP_HOSTS_VARIABLE}  host names, separated by commas, to which plain http://
                       is allowed, such as a mock in a compose network: exact
                       names, no wildcards. The key is sent to them
                       UNENCRYPTED. This machine is always allowed.

\b
completion, for ~/.bashrc (or zsh_source, fish_source):
  eval "$({_COMPLETE}=bash_source {PROGRAM})"
"""


def run(arguments: Sequence[str]) -> int:
    """Run the command. Returns the exit status; no traceback reaches a person."""
    job = Job(Console(arguments, os.environ.get(_settings.KEY_VARIABLE)))
    with interrupts.handled():
        try:
            status = _run(job, arguments)
        except KeyboardInterrupt:
            status = job.interrupted()
        close_broken()
        return status


def _run(job: Job, arguments: Sequence[str]) -> int:
    try:
        _invoke(job, arguments)
        status = 0
    except click.exceptions.Exit as end:
        status = end.exit_code
    except click.ClickException as error:
        status = job.misused(error)
    except click.Abort:  # of the prompt for the key, by Ctrl-C or by the end of the input
        ended = interrupts.received() is None
        status = job.misused(click.UsageError("no API key was given")) if ended else job.interrupted()
    except OctopusXError as error:
        status = job.failed(error)
    except OutputError as error:
        status = job.broken("standard output can't be written to", error)
    except OSError as error:
        status = job.broken(f"{type(error).__name__}: {error.strerror or error}", error)
    except Exception as error:  # noqa: BLE001 - a fault of ours must not lose what was paid for
        status = job.broken(f"this is a fault of {PROGRAM}, please report it: {type(error).__name__}: {error}", error)
    return status


def _invoke(job: Job, arguments: Sequence[str]) -> None:
    if _COMPLETE in os.environ:
        cli.main(list(arguments), prog_name=PROGRAM)
    # In place of main(), which prints an empty line for Ctrl-C and hides which signal came.
    with cli.make_context(PROGRAM, list(arguments), obj=job) as context:
        cli.invoke(context)


class _Seconds(click.types.FloatParamType):
    """A number of seconds.

    Args:
        or_zero: Whether 0 is allowed.
    """

    name = "seconds"

    def __init__(self, *, or_zero: bool) -> None:
        self._or_zero = or_zero

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        try:
            number = float(value)
        except ValueError:
            number = math.nan
        if not math.isfinite(number) or number < 0 or not (number or self._or_zero):
            self.fail(f"{value!r} is not a number of seconds{'' if self._or_zero else ' above 0'}", param, ctx)
        if number >= _http.MOST_SECONDS:
            self.fail(f"{value!r} is too large; give a number of seconds below {_http.MOST_SECONDS:.0f}", param, ctx)
        return number


_FROM_ZERO, _ABOVE_ZERO = _Seconds(or_zero=True), _Seconds(or_zero=False)


def _options(*decorators: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def decorate(function: Any) -> Any:
        for decorator in reversed(decorators):
            function = decorator(function)
        return function

    return decorate


_COMMON = _options(
    click.option(
        "--base-url",
        metavar="URL",
        help=f"API base URL. [env var: {_settings.URL_VARIABLE}; default: {_contract.server()}]",
    ),
    click.option(
        "--request-timeout",
        type=_ABOVE_ZERO,
        help="Maximum seconds to connect, and to wait for each part of a response, also of the response to the request "
        "that creates a task. "
        f"[default: {_http.TIMEOUT.connect:g} and {_http.TIMEOUT.read:g}]",
    ),
    click.option("--json", "as_json", is_flag=True, help="Print one JSON object, for an error too."),
    click.option("-q", "--quiet", is_flag=True, help="Do not show progress."),
)
_WAITING = _options(
    click.option(
        "--timeout",
        type=_FROM_ZERO,
        default=_calls.WAIT_SECONDS,
        help=f"Maximum seconds to wait for the task, which continues after that. [default: {_calls.WAIT_SECONDS:g}]",
    ),
    click.option(
        "--poll-interval",
        type=_ABOVE_ZERO,
        default=_calls.POLL_SECONDS,
        help="Seconds between the first two status requests; later pauses are longer. "
        f"[default: {_calls.POLL_SECONDS:g}]",
    ),
)


def _saving(*, required: bool) -> Callable[[Any], Any]:
    return _options(
        click.option(
            "-o",
            "--output",
            metavar="FILE",
            type=click.Path(),
            required=required,
            help=f"Save the video as FILE; {STDOUT} writes it to standard output, and all else to standard error.",
        ),
        click.option("--overwrite", is_flag=True, help="Replace FILE if it exists."),
        click.option(
            "--accept-any",
            is_flag=True,
            help="Save what the service sends even if it is not a complete mp4 file.",
        ),
    )


_UNIFIED = click.option("--unified", is_flag=True, help="Use the Unified Video routes (/v1/video).")
_SUBMITTING = _options(
    click.option(
        "-m",
        "--model",
        required=True,
        envvar=_MODEL_VARIABLE,
        show_envvar=True,
        help="Model, for example grok-video-3.",
    ),
    click.option("-p", "--prompt", required=True, help="What happens in the added segment."),
)
_SUBMITTED = _options(
    click.option("--wait", "waits", is_flag=True, help="Wait until the task has ended; implied by -o."),
    _saving(required=False),
    _WAITING,
    click.option(
        "--submit-timeout",
        type=_ABOVE_ZERO,
        default=_calls.SUBMIT_SECONDS,
        help="Maximum seconds for the service's response to the request that creates the task. After that it is not "
        f"known whether the task exists (exit status 3). [default: {_calls.SUBMIT_SECONDS:g}]",
    ),
    _COMMON,
)


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110}, epilog=_EPILOG)
@click.version_option(package_name="octopusx-video", prog_name=PROGRAM, message="%(prog)s %(version)s")
def cli() -> None:
    """Extend videos with OctopusX: create a task, wait for it, download its video.

    extend and extensions create a task, which COSTS MONEY. They never send a request again that may have created one.
    The other commands are free.
    """


@cli.command(
    epilog=f"""\
\b
example:
  {PROGRAM} extend grok:48a67431-0708-46d1-9ab9-83cb84700153 -m grok-video-3 \\
      -p "play with another white cat" --start-time 4 --size 1080P --wait -o cat.mp4
"""
)
@click.argument("video_id")
@_SUBMITTING
@click.option(
    "--start-time",
    type=int,
    metavar="SECOND",
    help="Second of the source video at which the new segment begins. [default: its end]",
)
@click.option("--size", type=click.Choice(_contract.choices("extendVideo", "size")), help="Resolution.")
@click.option("--aspect-ratio", metavar="W:H", help="Aspect ratio, for example 3:2.")
@click.option("--image", "images", multiple=True, metavar="URL", help="Reference image URL; may be given repeatedly.")
@click.option("--upscale/--no-upscale", default=None, help="Upscale to high definition.")
@_UNIFIED
@_SUBMITTED
@click.pass_obj
def extend(job: Job, /, video_id: str, unified: bool, images: tuple[str, ...], **options: Any) -> None:  # noqa: FBT001
    """Extend the video of the finished task VIDEO_ID. Costs money.

    Prints the id of the new task; with --wait its id, status and video URL; with -o the name of the file. Use this
    command when you need a size, an aspect ratio, reference images or upscaling. Add --unified for source videos that
    were created under /v1/video.
    """
    names = ("model", "prompt", "size", "aspect_ratio", "start_time", "upscale")
    fields = {name: options.pop(name) for name in names} | {"images": list(images) or None}
    with _client(job, options) as client:
        routes: Videos | Unified = client.unified if unified else client.videos
        _submit(job, routes, lambda: routes.extend(video_id, **fields), options)


@cli.command(
    short_help=f"Extend the video of VIDEO_ID by {' or '.join(_DURATIONS)} seconds.",
    epilog=f"""\
\b
example:
  {PROGRAM} extensions grok:f673ba58-b053-4d8d-8938-c0b429de4d7f -m grok-video-3 \\
      -p "play with another white cat" --start-time 4 --duration 6 --wait -o cat.mp4
""",
)
@click.argument("video_id")
@_SUBMITTING
@click.option(
    "--start-time",
    type=int,
    required=True,
    metavar="SECOND",
    help="Second of the source video at which the new segment begins.",
)
@click.option(
    "--duration",
    type=click.Choice(_DURATIONS),
    help=f"Seconds to add; the service adds {_contract.omitted('createVideoExtension', 'duration')} by default.",
)
@_SUBMITTED
@click.pass_obj
def extensions(job: Job, /, video_id: str, duration: str | None, **options: Any) -> None:
    """Extend the video of the finished task VIDEO_ID by a duration of your choice. Costs money.

    Prints the id of the new task; with --wait its id, status and video URL; with -o the name of the file.
    """
    fields = {name: options.pop(name) for name in ("model", "prompt", "start_time")}
    fields["duration"] = None if duration is None else int(duration)
    with _client(job, options) as client:
        _submit(job, client.videos, lambda: client.extensions.create(video_id, **fields), options)


@cli.command(epilog=f"\b\nexample:\n  {PROGRAM} status grok:48a67431-0708-46d1-9ab9-83cb84700153 --json")
@click.argument("task_id")
@_UNIFIED
@_COMMON
@click.pass_obj
def status(job: Job, /, task_id: str, unified: bool, **options: Any) -> None:  # noqa: FBT001
    """Show the status of TASK_ID. Free."""
    job.only_reads = True
    with _client(job, options) as client:
        task = (client.unified if unified else client.videos).retrieve(task_id)
        _show(job, task, f"{task.id} {_summary(task)}")


@cli.command(epilog=f"\b\nexample:\n  {PROGRAM} wait grok:48a67431-0708-46d1-9ab9-83cb84700153 -o cat.mp4")
@click.argument("task_id")
@_UNIFIED
@_saving(required=False)
@_WAITING
@_COMMON
@click.pass_obj
def wait(job: Job, /, task_id: str, unified: bool, **options: Any) -> None:  # noqa: FBT001
    """Wait until TASK_ID has ended, and save its video with -o. Free."""
    job.only_reads = True
    with _client(job, options) as client:
        _check_output(options)
        job.task_id = _requests.task_id(task_id, "TASK_ID")
        _finish(job, client.unified if unified else client.videos, task_id, options)


@cli.command(epilog=f"\b\nexample:\n  {PROGRAM} download grok:48a67431-0708-46d1-9ab9-83cb84700153 -o cat.mp4")
@click.argument("task_id")
@_UNIFIED
@_saving(required=True)
@click.option(
    "--timeout",
    type=_FROM_ZERO,
    default=_calls.DOWNLOAD_SECONDS,
    help=f"Maximum seconds for the download. [default: {_calls.DOWNLOAD_SECONDS:g}]",
)
@_COMMON
@click.pass_obj
def download(job: Job, /, task_id: str, unified: bool, **options: Any) -> None:  # noqa: FBT001
    """Save the video of TASK_ID, a task that has succeeded. Free."""
    job.only_reads = True
    with _client(job, options) as client:
        routes: Videos | Unified = client.unified if unified else client.videos
        job.task_id = _requests.task_id(task_id, "TASK_ID")
        job.resume = _command("download", routes, task_id, options)
        _check_output(options)
        task = routes.retrieve(task_id)
        if phase(task) == "running":
            job.resume = _command("wait", routes, task_id, options)
        _save(job, routes, task, options)


@contextlib.contextmanager
def _client(job: Job, options: dict[str, Any]) -> Iterator[OctopusX]:
    """The client of a command, with all that the job has to know of its options."""
    job.console.as_json, job.console.quiet = options.pop("as_json"), options.pop("quiet")
    job.output = options.get("output")
    job.console.sends_video = job.output == STDOUT
    job.names = _names(click.get_current_context().command)
    job.to_server = [] if options["base_url"] is None else ["--base-url", options["base_url"]]
    key = os.environ.get(_settings.KEY_VARIABLE)
    if not key and is_terminal(sys.stdin) and is_terminal(sys.stderr):
        key = click.prompt("OctopusX API key", hide_input=True, err=True)
        job.console.use_key(key)
    settings: dict[str, Any] = {"base_url": options["base_url"], "timeout": options["request_timeout"]}
    if "submit_timeout" in options:
        settings["submit_timeout"] = options["submit_timeout"]
    with _logged(job), OctopusX(key, sleep=lambda seconds: _sleep(job, seconds), **settings) as client:
        yield client


@contextlib.contextmanager
def _logged(job: Job) -> Iterator[None]:
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


def _names(command: click.Command) -> dict[str, str]:
    """What the command line calls the arguments of the SDK."""
    names = {"video": "VIDEO_ID", "task": "TASK_ID", "path": "--output"}
    for param in command.params:
        if param.name is not None:
            names[param.name] = max(param.opts, key=len) if isinstance(param, click.Option) else param.name.upper()
    return names


def _check_output(options: dict[str, Any]) -> None:
    """See whether the video can be saved, before anything is paid for."""
    output, flags = options["output"], [name for name in ("overwrite", "accept_any") if options[name]]
    if output is None:
        if flags:
            raise click.UsageError(f"--{flags[0].replace('_', '-')} needs -o FILE")
    elif output != STDOUT:
        _part.check(output, overwrite=options["overwrite"])
    elif options["overwrite"]:
        raise click.UsageError(f"--overwrite needs a FILE; standard output (-o {STDOUT}) has nothing to replace")
    elif sys.stdout is None or sys.stdout.isatty():
        kind = "closed" if sys.stdout is None else "a terminal"
        raise click.UsageError(f"-o {STDOUT}: standard output is {kind}; redirect it to a file or a pipe")
    else:
        with _scratch() as folder:
            _part.check(folder / "video.mp4", overwrite=False)


def _submit(
    job: Job, routes: Videos | Unified, submit: Callable[[], _models.SubmittedTask], options: dict[str, Any]
) -> None:
    _check_output(options)
    job.waits = options["waits"] or options["output"] is not None
    job.resume_with = lambda task_id: _command("wait", routes, task_id, options)
    job.submits = True
    task = submit()
    job.submits = False
    if job.waits:
        _finish(job, routes, task.id, options)
    else:
        _show(job, task, task.id)


def _finish(job: Job, routes: Videos | Unified, task_id: str, options: dict[str, Any]) -> None:
    job.resume = _command("wait", routes, task_id, options)
    task: _models.Task
    with job.console.progress("waiting", 100) as shown:

        def show(now: _models.Task) -> None:
            shown.show(now.progress or None, job.console.clean(now.status), job.console.clean(_standing(now)))

        try:
            task = routes.wait(
                task_id, timeout=options["timeout"], poll_interval=options["poll_interval"], on_progress=show
            )
        except NoVideoAddressError as error:
            if options["output"] is None:
                raise
            task = error.task  # the content route may have it
    if options["output"] is None:
        _show(job, task, f"{task.id} {_summary(task)}")
        return
    job.resume = _command("download", routes, task_id, options)
    _save(job, routes, task, {**options, "timeout": _calls.DOWNLOAD_SECONDS})


def _save(job: Job, routes: Videos | Unified, task: _models.Task, options: dict[str, Any]) -> None:
    """Save the video, or write it to standard output once all of it is there."""
    if options["output"] != STDOUT:
        file = _download(job, routes, task, options["output"], options)
        job.saved = str(file)
        _show(job, task, str(file), file)
        return
    with _scratch() as folder:
        _pipe(_download(job, routes, task, folder / "video.mp4", options), task.id)
    if job.console.as_json:
        _show(job, task, "", STDOUT)


def _download(
    job: Job, routes: Videos | Unified, task: _models.Task, path: str | Path, options: dict[str, Any]
) -> Path:
    with job.console.progress("downloading", None) as shown:

        def show(position: int, total: int | None) -> None:
            size = "" if total is None else f" of {total:,}"
            shown.show(position, "downloading", f"{position:,}{size} bytes", total)

        try:
            return routes.download(
                task,
                path,
                overwrite=options["overwrite"],
                accept_any=options["accept_any"],
                timeout=options["timeout"],
                on_progress=show,
            )
        except NotSentError as error:  # the folder has gone since it was looked at
            raise DownloadError(str(error), task_id=task.id) from None


@contextlib.contextmanager
def _scratch() -> Iterator[Path]:
    """A folder for a video on its way to standard output; it stays if it holds a response that was rejected."""
    try:
        folder = Path(tempfile.mkdtemp(prefix="octopusx-video-"))
    except OSError as error:
        text = f"there is no folder for temporary files: {error.strerror}"
        raise NotSentError(text, advice="set TMPDIR to one, or name a file with -o") from None
    keeps = False
    try:
        yield folder
    except DownloadError as error:
        keeps = error.rejected is not None
        raise
    finally:
        if not keeps:
            shutil.rmtree(folder, ignore_errors=True)


def _pipe(path: Path, task_id: str) -> None:
    """Write a whole video to standard output."""
    try:
        with path.open("rb") as file:
            shutil.copyfileobj(file, sys.stdout.buffer)
        sys.stdout.buffer.flush()
    except OSError as error:
        text = f"the video could not be written to standard output: {error.strerror}"
        raise DownloadError(text, task_id=task_id) from None


def _show(
    job: Job, task: _models.SubmittedTask | _models.Task, plain: str, file: os.PathLike[str] | str | None = None
) -> None:
    """Print a result."""
    if job.console.as_json:
        name = None if file is None else os.fspath(file)
        job.console.print_json({"task": job.console.clean(task.to_dict()), "phase": phase(task), "file": name})
    else:
        job.console.print(plain if file is not None else job.console.clean(plain))


def _command(name: str, routes: Videos | Unified, task_id: str, options: dict[str, Any]) -> list[str]:
    """The words of the command that continues."""
    output = [] if options["output"] is None else ["-o", options["output"]]
    flags = [f"--{flag.replace('_', '-')}" for flag in ("overwrite", "accept_any") if options[flag]]
    unified = ["--unified"] if isinstance(routes, Unified) else []
    base_url = [] if options["base_url"] is None else ["--base-url", options["base_url"]]
    return [PROGRAM, name, task_id, *output, *flags, *unified, *base_url]


def _summary(task: _models.Task) -> str:
    return f"{_standing(task)}{f' {task.video_url}' if task.video_url else ''}"


def _standing(task: _models.Task) -> str:
    return f"{task.status}{f' {task.progress} %' if isinstance(task.progress, int) else ''}"
