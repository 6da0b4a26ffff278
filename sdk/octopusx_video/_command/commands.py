"""The commands: what they take. What they do with it is in ``actions``, which is imported when one is run."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click
from octopusx_video_openapi import interrupts
from octopusx_video_openapi.hosts import HTTP_HOSTS_VARIABLE

from octopusx_video import _defaults, _settings
from octopusx_video._command.console import STDOUT, Console, OutputError, close_broken
from octopusx_video._command.job import PROGRAM, Job
from octopusx_video._errors import OctopusXError
from octopusx_video._messages import contract

if TYPE_CHECKING:
    from octopusx_video_openapi import Schema

_MODEL_VARIABLE = "OCTOPUSX_MODEL"
_COMPLETE = "_OCTOPUSX_VIDEO_COMPLETE"
_DURATIONS = [str(one) for one in contract.fields("createVideoExtension")["duration"].enum]
_WRITTEN: Mapping[str, Mapping[str, Any]] = {
    "model": {"short": "-m", "envvar": _MODEL_VARIABLE, "show_envvar": True},
    "prompt": {"short": "-p"},
    "aspect_ratio": {"metavar": "W:H"},
    "images": {"metavar": "URL"},
}
"""What the contract does not say of the option of a field: a short name, a variable, what stands for its value."""
_TYPES: Mapping[str, type] = {"boolean": bool, "integer": int, "number": float}
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
        if number >= _defaults.MAX_SECONDS:
            self.fail(f"{value!r} is too large; give a number of seconds below {_defaults.MAX_SECONDS:.0f}", param, ctx)
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
        help=f"API base URL. [env var: {_settings.URL_VARIABLE}; default: {contract.server()}]",
    ),
    click.option(
        "--request-timeout",
        type=_ABOVE_ZERO,
        help="Maximum seconds to connect, and to wait for each part of a response, also of the response to the request "
        "that creates a task. "
        f"[default: {_defaults.CONNECT_SECONDS:g} and {_defaults.READ_SECONDS:g}]",
    ),
    click.option("--json", "as_json", is_flag=True, help="Print one JSON object, for an error too."),
    click.option("-q", "--quiet", is_flag=True, help="Do not show progress."),
)
_WAITING = _options(
    click.option(
        "--timeout",
        type=_FROM_ZERO,
        default=_defaults.WAIT_SECONDS,
        help=f"Maximum seconds to wait for the task, which continues after that. [default: {_defaults.WAIT_SECONDS:g}]",
    ),
    click.option(
        "--poll-interval",
        type=_ABOVE_ZERO,
        default=_defaults.POLL_SECONDS,
        help="Seconds between the first two status requests; later pauses are longer. "
        f"[default: {_defaults.POLL_SECONDS:g}]",
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


def _fields(*operations: str) -> Callable[[Any], Any]:
    """An option for each field of the bodies of these operations, the required ones first."""
    fields = {field: name for name in reversed(operations) for field in contract.fields(name)}
    required = {field for field in fields if all(field in contract.required(name) for name in operations)}
    ordered = sorted(fields, key=lambda field: field not in required)
    return _options(*(_field(fields[field], field, required=field in required) for field in ordered))


def _field(operation: str, name: str, *, required: bool) -> Callable[[Any], Any]:
    """The option of a field: its type and choices are those of its schema, its help is what the contract says."""
    schema = contract.fields(operation)[name]
    flag, text, kind = f"--{name.replace('_', '-')}", contract.summary(schema), _kind(schema)
    options: dict[str, Any] = {"required": required, "type": _TYPES.get(kind, str)}
    if kind == "array":
        flag, text = flag.removesuffix("s"), f"{text} May be given repeatedly."
        options |= {"multiple": True, "type": _TYPES.get(_kind(schema.items) if schema.items else "", str)}
    elif kind == "boolean":
        flag = f"{flag}/--no-{flag[2:]}"
        options["default"] = None
    elif schema.enum:
        values = {str(value): value for value in schema.enum}
        options |= {"type": click.Choice(list(values)), "callback": lambda _context, _option, value: values.get(value)}
    elif schema.unit == "seconds":
        options["metavar"] = "SECOND"
    default = contract.omitted(operation, name)
    written = dict(_WRITTEN.get(name, {}))
    flags = [written.pop("short"), flag] if "short" in written else [flag]
    return click.option(*flags, name, **options | written, help=f"{text} [default: {default}]" if default else text)


def _kind(schema: Schema) -> str:
    return next((kind for kind in schema.types if kind != "null"), "")


_SUBMITTED = _options(
    click.option("--wait", "waits", is_flag=True, help="Wait until the task has ended; implied by -o."),
    _saving(required=False),
    _WAITING,
    click.option(
        "--submit-timeout",
        type=_ABOVE_ZERO,
        default=_defaults.SUBMIT_SECONDS,
        help="Maximum seconds for the service's response to the request that creates the task. After that it is not "
        f"known whether the task exists (exit status 3). [default: {_defaults.SUBMIT_SECONDS:g}]",
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
@_fields("extendVideo", "extendUnifiedVideo")
@_UNIFIED
@_SUBMITTED
@click.pass_obj
def extend(job: Job, /, video_id: str, unified: bool, **options: Any) -> None:  # noqa: FBT001
    """Extend the video of the finished task VIDEO_ID. Costs money.

    Prints the id of the new task; with --wait its id, status and video URL; with -o the name of the file. Use this
    command when you need a size, an aspect ratio, reference images or upscaling. Add --unified for source videos that
    were created under /v1/video.
    """
    from octopusx_video._command import actions  # noqa: PLC0415 - brings httpx

    actions.extend(job, video_id, options, unified=unified)


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
@_fields("createVideoExtension")
@_SUBMITTED
@click.pass_obj
def extensions(job: Job, /, video_id: str, **options: Any) -> None:
    """Extend the video of the finished task VIDEO_ID by a duration of your choice. Costs money.

    Prints the id of the new task; with --wait its id, status and video URL; with -o the name of the file.
    """
    from octopusx_video._command import actions  # noqa: PLC0415 - see extend

    actions.extensions(job, video_id, options)


@cli.command(epilog=f"\b\nexample:\n  {PROGRAM} status grok:48a67431-0708-46d1-9ab9-83cb84700153 --json")
@click.argument("task_id")
@_UNIFIED
@_COMMON
@click.pass_obj
def status(job: Job, /, task_id: str, unified: bool, **options: Any) -> None:  # noqa: FBT001
    """Show the status of TASK_ID. Free."""
    from octopusx_video._command import actions  # noqa: PLC0415 - see extend

    actions.status(job, task_id, options, unified=unified)


@cli.command(epilog=f"\b\nexample:\n  {PROGRAM} wait grok:48a67431-0708-46d1-9ab9-83cb84700153 -o cat.mp4")
@click.argument("task_id")
@_UNIFIED
@_saving(required=False)
@_WAITING
@_COMMON
@click.pass_obj
def wait(job: Job, /, task_id: str, unified: bool, **options: Any) -> None:  # noqa: FBT001
    """Wait until TASK_ID has ended, and save its video with -o. Free."""
    from octopusx_video._command import actions  # noqa: PLC0415 - see extend

    actions.wait(job, task_id, options, unified=unified)


@cli.command(epilog=f"\b\nexample:\n  {PROGRAM} download grok:48a67431-0708-46d1-9ab9-83cb84700153 -o cat.mp4")
@click.argument("task_id")
@_UNIFIED
@_saving(required=True)
@click.option(
    "--timeout",
    type=_FROM_ZERO,
    default=_defaults.DOWNLOAD_SECONDS,
    help=f"Maximum seconds for the download. [default: {_defaults.DOWNLOAD_SECONDS:g}]",
)
@_COMMON
@click.pass_obj
def download(job: Job, /, task_id: str, unified: bool, **options: Any) -> None:  # noqa: FBT001
    """Save the video of TASK_ID, a task that has succeeded. Free."""
    from octopusx_video._command import actions  # noqa: PLC0415 - see extend

    actions.download(job, task_id, options, unified=unified)
