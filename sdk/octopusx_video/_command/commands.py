"""The commands: what they take. What they do with it is in ``actions``, which is imported when one is run."""

from __future__ import annotations

from typing import Any

import click
from octopusx_video_openapi.hosts import HTTP_HOSTS_VARIABLE

from octopusx_video import _defaults, _settings
from octopusx_video._command import options
from octopusx_video._command.job import PROGRAM, Job
from octopusx_video._messages import contract

COMPLETE_VARIABLE = "_OCTOPUSX_VIDEO_COMPLETE"
_DURATIONS = [str(one) for one in contract.fields("createVideoExtension")["duration"].enum]
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
  {options.MODEL_VARIABLE}       model, the default of --model
  {HTTP_HOSTS_VARIABLE}  host names, separated by commas, to which plain http://
                       is allowed, such as a mock in a compose network: exact
                       names, no wildcards. The key is sent to them
                       UNENCRYPTED. This machine is always allowed.

\b
completion, for ~/.bashrc (or zsh_source, fish_source):
  eval "$({COMPLETE_VARIABLE}=bash_source {PROGRAM})"
"""


class _Commands(click.Group):
    """The commands; those of batches are imported when they are asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names, in the order of the help."""
        return [*super().list_commands(ctx), "batch"]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of a name."""
        if cmd_name == "batch":
            from octopusx_video._command.batch import batch  # noqa: PLC0415 - a single job needs none of it

            return batch
        return super().get_command(ctx, cmd_name)


@click.group(
    cls=_Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    epilog=_EPILOG,
)
@click.version_option(package_name="octopusx-video", prog_name=PROGRAM, message="%(prog)s %(version)s")
def cli() -> None:
    """Extend videos with OctopusX: create a task, wait for it, download its video.

    extend and extensions create a task, and batch run many of them, which COSTS MONEY. They never send a request again
    that may have created one. The other commands are free.
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
@options.fields("extendVideo", "extendUnifiedVideo")
@options.UNIFIED
@options.SUBMITTED
@click.pass_obj
def extend(job: Job, /, video_id: str, unified: bool, **given: Any) -> None:  # noqa: FBT001
    """Extend the video of the finished task VIDEO_ID. Costs money.

    Prints the id of the new task; with --wait its id, status and video URL; with -o the name of the file. Use this
    command when you need a size, an aspect ratio, reference images or upscaling. Add --unified for source videos that
    were created under /v1/video.
    """
    from octopusx_video._command import actions  # noqa: PLC0415 - brings httpx

    actions.extend(job, video_id, given, unified=unified)


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
@options.fields("createVideoExtension")
@options.SUBMITTED
@click.pass_obj
def extensions(job: Job, /, video_id: str, **given: Any) -> None:
    """Extend the video of the finished task VIDEO_ID by a duration of your choice. Costs money.

    Prints the id of the new task; with --wait its id, status and video URL; with -o the name of the file.
    """
    from octopusx_video._command import actions  # noqa: PLC0415 - see extend

    actions.extensions(job, video_id, given)


@cli.command(epilog=f"\b\nexample:\n  {PROGRAM} status grok:48a67431-0708-46d1-9ab9-83cb84700153 --json")
@click.argument("task_id")
@options.UNIFIED
@options.COMMON
@click.pass_obj
def status(job: Job, /, task_id: str, unified: bool, **given: Any) -> None:  # noqa: FBT001
    """Show the status of TASK_ID. Free."""
    from octopusx_video._command import actions  # noqa: PLC0415 - see extend

    actions.status(job, task_id, given, unified=unified)


@cli.command(epilog=f"\b\nexample:\n  {PROGRAM} wait grok:48a67431-0708-46d1-9ab9-83cb84700153 -o cat.mp4")
@click.argument("task_id")
@options.UNIFIED
@options.saving(required=False)
@options.WAITING
@options.COMMON
@click.pass_obj
def wait(job: Job, /, task_id: str, unified: bool, **given: Any) -> None:  # noqa: FBT001
    """Wait until TASK_ID has ended, and save its video with -o. Free."""
    from octopusx_video._command import actions  # noqa: PLC0415 - see extend

    actions.wait(job, task_id, given, unified=unified)


@cli.command(epilog=f"\b\nexample:\n  {PROGRAM} download grok:48a67431-0708-46d1-9ab9-83cb84700153 -o cat.mp4")
@click.argument("task_id")
@options.UNIFIED
@options.saving(required=True)
@click.option(
    "--timeout",
    type=options.FROM_ZERO,
    default=_defaults.DOWNLOAD_SECONDS,
    help=f"Maximum seconds for the download. [default: {_defaults.DOWNLOAD_SECONDS:g}]",
)
@options.COMMON
@click.pass_obj
def download(job: Job, /, task_id: str, unified: bool, **given: Any) -> None:  # noqa: FBT001
    """Save the video of TASK_ID, a task that has succeeded. Free."""
    from octopusx_video._command import actions  # noqa: PLC0415 - see extend

    actions.download(job, task_id, given, unified=unified)
