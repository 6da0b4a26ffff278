"""The command ``octopusx-video``."""

from __future__ import annotations

import contextlib
import json
import logging
import math
import os
import shlex
import signal
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from types import FrameType
from typing import IO, Any, NoReturn

import click
from octopusx_video_openapi.costs import Billed

from octopusx_video import _calls, _contract, _models, _part, _requests, _settings
from octopusx_video._client import OctopusX, Unified, Videos
from octopusx_video._errors import (
    AmbiguousSubmitError,
    BrokenAnswerError,
    DownloadError,
    NotSentError,
    NoVideoAddressError,
    OctopusXError,
    TaskFailedError,
    WaitTimeoutError,
)
from octopusx_video._verdict import phase

PROGRAM = "octopusx-video"
_STATUSES: tuple[tuple[type[OctopusXError], int], ...] = (
    (NotSentError, 2),
    (AmbiguousSubmitError, 3),
    (TaskFailedError, 4),
    (WaitTimeoutError, 5),
    (DownloadError, 6),
    (OctopusXError, 1),
)
_EPILOG = """\
\b
exit status:
  0    done
  1    the service refused, or its answer can't be used
  2    nothing was sent: bad input, no key, no connection
  3    the submit may have been accepted AND BILLED; it was not sent again
  4    the task has ended without a video
  5    the time is up, and the task goes on
  6    the video could not be fetched or written
  130  interrupted (143 by SIGTERM)

The key is read from OCTOPUSX_API_KEY, or asked for on a terminal; never from an argument, which others can see.

\b
completion, for ~/.bashrc (or zsh_source, fish_source):
  eval "$(_OCTOPUSX_VIDEO_COMPLETE=bash_source octopusx-video)"
"""
_EVERY = 30.0
"""Seconds after which a pipe is told again how a task stands."""


class _Terminated(KeyboardInterrupt):
    """SIGTERM."""


class _NoOutputError(Exception):
    """Standard output takes nothing."""


def _echo(text: str, *, err: bool = False) -> bool:
    """Print a line, whatever the terminal can show; False where nobody takes it."""
    stream = sys.stderr if err else sys.stdout
    if stream is None:
        return False
    try:
        encoding = stream.encoding or "utf-8"
        click.echo(text.encode(encoding, "backslashreplace").decode(encoding), err=err)
        stream.flush()
    except (OSError, ValueError):  # a pipe that is closed, a disk that is full
        return False
    return True


@dataclass
class _Job:
    """What one command does, and how far it is, for whoever interrupts it.

    ``billed`` says of its own submit what the contract's words are for, ``never`` where it has sent none.
    """

    as_json: bool
    quiet: bool
    billed: Billed = "never"
    task_id: str | None = None
    go_on: list[str] = field(default_factory=list)

    @property
    def next(self) -> str | None:
        """The command to go on with, for a shell."""
        return shlex.join(self.go_on) if self.go_on and self.billed != "possible" else None

    def say(self, text: str) -> None:
        if not self.quiet:
            _echo(text, err=True)

    def show(
        self, task: _models.SubmittedTask | _models.Task, plain: str, file: os.PathLike[str] | None = None
    ) -> None:
        told = {"task": task.to_dict(), "phase": phase(task), "file": None if file is None else os.fspath(file)}
        if not _echo(json.dumps(told) if self.as_json else plain):
            raise _NoOutputError


def main(arguments: list[str] | None = None) -> NoReturn:
    """Run the command and end the process with its status."""
    sys.exit(run(arguments))


def run(arguments: list[str] | None = None) -> int:
    """Run the command. Returns the exit status; no traceback reaches a user."""
    typed = sys.argv[1:] if arguments is None else arguments
    job = _Job(as_json="--json" in typed, quiet=False)
    with contextlib.suppress(ValueError):  # in a thread
        signal.signal(signal.SIGTERM, _terminate)
    try:
        cli.main(typed, prog_name=PROGRAM, standalone_mode=False, obj=job)
    except click.exceptions.Exit as end:
        return end.exit_code
    except click.ClickException as error:
        if not job.as_json:
            error.show()
        else:
            _show_error(job, "UsageError", error.format_message(), {})
        return error.exit_code
    except OctopusXError as error:
        return _failed(job, error)
    except (KeyboardInterrupt, click.Abort) as end:
        _interrupted(job)
        # click makes an Abort of each KeyboardInterrupt.
        return 143 if _Terminated in {type(end), type(end.__cause__)} else 130
    except (_NoOutputError, OSError):
        text = "standard output takes nothing"
    except Exception as error:  # noqa: BLE001 - a slip of ours must not lose what was paid for
        text = f"this should not happen, please report it: {type(error).__name__}: {error}"
    else:
        return 0
    paid = f"; task {job.task_id} was submitted and is billed" if job.billed == "yes" else ""
    _echo(f"error: {text}{paid}", err=True)
    _close_output()
    return 1


def _failed(job: _Job, error: OctopusXError) -> int:
    """Tell of an error. Returns its exit status."""
    _settle(job, error)
    status = next(status for kind, status in _STATUSES if isinstance(error, kind))
    if status == 2 and job.billed != "never":
        status = 1  # something was sent, after all
    known = {name: value for name, value in vars(error).items() if name != "task" and value is not None}
    if job.as_json:
        _show_error(job, type(error).__name__, str(error), known)
    else:
        _echo(f"error: {error}", err=True)
        if job.next:
            _echo(f"go on with: {job.next}", err=True)
    return status


def _close_output() -> None:
    """Let nothing that is left in a broken pipe be written at the end."""
    with contextlib.suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


def _terminate(number: int, frame: FrameType | None) -> None:
    raise _Terminated


def _settle(job: _Job, error: OctopusXError) -> None:
    """What an error says of the submit's bill, and whether there is anything to go on with."""
    if job.billed == "possible" and not isinstance(error, AmbiguousSubmitError):
        job.billed = "never"  # the submit itself was refused, or not sent
    elif job.billed == "yes" and isinstance(error, TaskFailedError):
        job.billed = "possible"  # no page promises a refund (R30)
    goes_on = isinstance(error, WaitTimeoutError | BrokenAnswerError | DownloadError)
    if not goes_on and not (isinstance(error, NotSentError) and error.task_id):
        job.go_on = []


def _show_error(job: _Job, kind: str, message: str, known: dict[str, Any]) -> None:
    told = {"type": kind, "message": message, **known, "billed": job.billed, "go_on": job.next}
    if not _echo(json.dumps({"error": told})):
        _echo(f"error: {message}", err=True)


def _interrupted(job: _Job) -> None:
    text = "interrupted"
    if job.billed == "possible":
        text += ": the submit was under way, so it may have been accepted and may be billed; look into your account"
    elif job.task_id:
        text += f": task {job.task_id} goes on"
    if job.as_json:
        _show_error(job, "Interrupted", text, {"task_id": job.task_id})
        return
    _echo(text, err=True)
    if job.next:
        _echo(f"go on with: {job.next}", err=True)


class _Seconds(click.FloatRange):
    name = "seconds"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        number = float(super().convert(value, param, ctx))
        if not math.isfinite(number):
            self.fail(f"{value!r} is no number of seconds.", param, ctx)
        return number


class _Setbacks(logging.Handler):
    """Tells a person what a wait is waiting for, each thing once in a while."""

    def __init__(self, job: _Job) -> None:
        super().__init__(logging.INFO)
        self._job = job
        self._said: dict[str, float] = {}

    def emit(self, record: logging.LogRecord) -> None:
        text = record.getMessage()
        if getattr(record, "setback", False) and time.monotonic() - self._said.get(text, -_EVERY) >= _EVERY:
            self._said[text] = time.monotonic()
            self._job.say(text)


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
        help=f"Where the API is; else {_settings.URL_VARIABLE}, else {_contract.server()}.",
    ),
    click.option("--json", "as_json", is_flag=True, help="Print one JSON object, errors too."),
    click.option("-q", "--quiet", is_flag=True, help="Tell nothing of the progress."),
)
_WAITING = _options(
    click.option(
        "--timeout",
        type=_Seconds(min=0),
        default=_calls.WAIT_SECONDS,
        show_default=True,
        help="Seconds until the wait is given up; the task goes on.",
    ),
    click.option(
        "--poll-interval",
        type=_Seconds(min=0, min_open=True),
        default=_calls.POLL_SECONDS,
        show_default=True,
        help="Seconds between the first two reads; the pauses grow.",
    ),
)
_SAVING = _options(
    click.option("-o", "--output", metavar="FILE", type=click.Path(), help="Save the video here."),
    click.option("--overwrite", is_flag=True, help="Replace FILE if it exists."),
)
_UNIFIED = click.option("--unified", is_flag=True, help="Use the Unified Video routes (/v1/video).")
_SUBMITTING = _options(
    click.option("-m", "--model", required=True, envvar="OCTOPUSX_MODEL", help="For example grok-video-3."),
    click.option("-p", "--prompt", required=True, help="What happens in the added segment."),
)


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110}, epilog=_EPILOG)
@click.version_option(package_name="octopusx-video", prog_name=PROGRAM)
def cli() -> None:
    """Extend videos with OctopusX: submit, wait, download.

    extend and extensions COST MONEY and are sent once; the others are free.
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
@click.option("--start-time", type=int, metavar="SECOND", help="From where in the source; from its end if left out.")
@click.option("--size", type=click.Choice(_contract.choices("extendVideo", "size")), help="Resolution.")
@click.option("--aspect-ratio", metavar="W:H", help="For example 3:2.")
@click.option("--image", "images", multiple=True, metavar="URL", help="A picture that guides it; may be repeated.")
@click.option("--upscale/--no-upscale", default=None, help="Enhance to high definition.")
@_UNIFIED
@click.option("--wait", "waits", is_flag=True, help="Wait until the task has ended (-o does, too).")
@_SAVING
@_WAITING
@_COMMON
@click.pass_obj
def extend(job: _Job, /, video_id: str, unified: bool, images: tuple[str, ...], **options: Any) -> None:  # noqa: FBT001
    """Extend the video of task VIDEO_ID. Costs money.

    Prints the id of the new task; with --wait its id, status and address; with -o the name of the file. Choose it for a
    size, a ratio, reference images or upscaling, and --unified for a source that was made under /v1/video.
    """
    names = ("model", "prompt", "size", "aspect_ratio", "start_time", "upscale")
    fields = {name: options.pop(name) for name in names} | {"images": list(images) or None}
    with _client(job, options) as client:
        routes: Videos | Unified = client.unified if unified else client.videos
        _submit(job, routes, lambda: routes.extend(video_id, **fields), options)


@cli.command(
    epilog=f"""\
\b
example:
  {PROGRAM} extensions grok:f673ba58-b053-4d8d-8938-c0b429de4d7f -m grok-video-3 \\
      -p "play with another white cat" --start-time 4 --duration 6 --wait -o cat.mp4
"""
)
@click.argument("video_id")
@_SUBMITTING
@click.option("--start-time", type=int, required=True, metavar="SECOND", help="From where in the source.")
@click.option(
    "--duration",
    type=click.Choice([str(one) for one in _contract.choices("createVideoExtension", "duration")]),
    help="Seconds that are added; the service takes 10 if left out.",
)
@click.option("--wait", "waits", is_flag=True, help="Wait until the task has ended (-o does, too).")
@_SAVING
@_WAITING
@_COMMON
@click.pass_obj
def extensions(job: _Job, /, video_id: str, duration: str | None, **options: Any) -> None:
    """Extend the video of task VIDEO_ID by a chosen duration. Costs money.

    Prints the id of the new task; with --wait its id, status and address; with -o the name of the file.
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
def status(job: _Job, /, task_id: str, unified: bool, **options: Any) -> None:  # noqa: FBT001
    """Tell how task TASK_ID stands. Free."""
    with _client(job, options) as client:
        task = (client.unified if unified else client.videos).retrieve(task_id)
        job.show(task, f"{task.id} {_told(task)}")


@cli.command(epilog=f"\b\nexample:\n  {PROGRAM} wait grok:48a67431-0708-46d1-9ab9-83cb84700153 -o cat.mp4")
@click.argument("task_id")
@_UNIFIED
@_SAVING
@_WAITING
@_COMMON
@click.pass_obj
def wait(job: _Job, /, task_id: str, unified: bool, **options: Any) -> None:  # noqa: FBT001
    """Wait until task TASK_ID has ended, and save its video with -o. Free."""
    with _client(job, options) as client:
        _check_output(options)
        job.task_id = _requests.task_id(task_id, "TASK_ID")
        _finish(job, client.unified if unified else client.videos, task_id, options)


@cli.command(epilog=f"\b\nexample:\n  {PROGRAM} download grok:48a67431-0708-46d1-9ab9-83cb84700153 -o cat.mp4")
@click.argument("task_id")
@_UNIFIED
@click.option("-o", "--output", metavar="FILE", type=click.Path(), required=True, help="Save the video here.")
@click.option("--overwrite", is_flag=True, help="Replace FILE if it exists.")
@click.option(
    "--timeout",
    type=_Seconds(min=0),
    default=_calls.DOWNLOAD_SECONDS,
    show_default=True,
    help="Seconds that the download may take.",
)
@_COMMON
@click.pass_obj
def download(job: _Job, /, task_id: str, unified: bool, **options: Any) -> None:  # noqa: FBT001
    """Save the video of task TASK_ID, which has succeeded. Free."""
    with _client(job, options) as client:
        routes: Videos | Unified = client.unified if unified else client.videos
        job.task_id = _requests.task_id(task_id, "TASK_ID")
        job.go_on = _command("download", routes, task_id, options)
        _check_output(options)
        task = routes.retrieve(task_id)
        if phase(task) == "running":
            job.go_on = _command("wait", routes, task_id, options)
        _save(job, routes, task, options)


@contextlib.contextmanager
def _client(job: _Job, options: dict[str, Any]) -> Iterator[OctopusX]:
    job.as_json, job.quiet = options.pop("as_json"), options.pop("quiet")
    key = os.environ.get(_settings.KEY_VARIABLE)
    if not key and _is_terminal(sys.stdin) and _is_terminal(sys.stderr):
        key = click.prompt("OctopusX API key", hide_input=True, err=True)
    handler = _Setbacks(job)
    logger = logging.getLogger("octopusx_video")
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        with OctopusX(key, base_url=options["base_url"]) as client:
            yield client
    finally:
        logger.removeHandler(handler)


def _is_terminal(stream: IO[str] | None) -> bool:
    return stream is not None and stream.isatty()


def _check_output(options: dict[str, Any]) -> None:
    if options["output"] is not None:
        _part.check(options["output"], overwrite=options["overwrite"])
    elif options["overwrite"]:
        raise click.UsageError("--overwrite says nothing without -o FILE")


def _submit(
    job: _Job, routes: Videos | Unified, submit: Callable[[], _models.SubmittedTask], options: dict[str, Any]
) -> None:
    _check_output(options)
    job.billed = "possible"
    task = submit()
    job.billed, job.task_id = "yes", task.id
    if not options["waits"] and options["output"] is None:
        job.show(task, task.id)
        return
    # Whatever else is kept quiet: it is what was paid for.
    _echo(f"task {task.id} is submitted", err=True)
    _finish(job, routes, task.id, options)


def _finish(job: _Job, routes: Videos | Unified, task_id: str, options: dict[str, Any]) -> None:
    job.go_on = _command("wait", routes, task_id, options)
    task: _models.Task
    with _bar(job, "waiting", 100) as tell:
        try:
            task = routes.wait(
                task_id,
                timeout=options["timeout"],
                poll_interval=options["poll_interval"],
                on_progress=lambda now: tell(now.progress or None, _standing(now)),
            )
        except NoVideoAddressError as error:
            if options["output"] is None:
                raise
            task = error.task  # the content route may have it
    if options["output"] is None:
        job.show(task, f"{task.id} {_told(task)}")
        return
    job.go_on = _command("download", routes, task_id, options)
    _save(job, routes, task, {**options, "timeout": _calls.DOWNLOAD_SECONDS})


def _save(job: _Job, routes: Videos | Unified, task: _models.Task, options: dict[str, Any]) -> None:
    with _bar(job, "downloading", 0) as tell:
        file = routes.download(
            task,
            options["output"],
            overwrite=options["overwrite"],
            timeout=options["timeout"],
            on_progress=lambda came, total: tell(came, f"{came:,} of {total or '?':,} bytes", total),
        )
    job.show(task, str(file), file)


def _command(name: str, routes: Videos | Unified, task_id: str, options: dict[str, Any]) -> list[str]:
    """The command to go on with."""
    output = ["-o", options["output"]] if options["output"] is not None else []
    unified = ["--unified"] if isinstance(routes, Unified) else []
    overwrite = ["--overwrite"] if options["overwrite"] else []
    base_url = ["--base-url", options["base_url"]] if options["base_url"] is not None else []
    return [PROGRAM, name, task_id, *output, *overwrite, *unified, *base_url]


def _told(task: _models.Task) -> str:
    return f"{_standing(task)}{f' {task.video_url}' if task.video_url else ''}"


def _standing(task: _models.Task) -> str:
    return f"{task.status}{f' {task.progress} %' if isinstance(task.progress, int) else ''}"


@contextlib.contextmanager
def _bar(job: _Job, label: str, length: int) -> Iterator[Callable[..., None]]:
    """Tell of progress: with a bar on a terminal, with a line now and then in a pipe."""
    if job.quiet:
        yield lambda *told: None
    elif not _is_terminal(sys.stderr):
        yield _Lines(job).tell
    else:
        with click.progressbar(length=length, label=label, file=sys.stderr, show_pos=False) as bar:

            def tell(position: int | None, text: str, total: int | None = None) -> None:
                bar.length = total or bar.length
                bar.update((position or bar.pos) - bar.pos)

            yield tell


class _Lines:
    def __init__(self, job: _Job) -> None:
        self._job = job
        self._said = ""
        self._at = 0.0

    def tell(self, position: int | None, text: str, total: int | None = None) -> None:
        # A new status is told at once, and so is the end of a download.
        word = text.split(maxsplit=1)[0] if total is None else str(position == total)
        if word != self._said or time.monotonic() - self._at >= _EVERY:
            self._said, self._at = word, time.monotonic()
            self._job.say(text)


if __name__ == "__main__":
    main()
