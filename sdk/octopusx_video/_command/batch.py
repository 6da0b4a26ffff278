"""The commands of batches. What a batch does is in ``octopusx_video.batch``, which is imported when one is run."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from octopusx_video import _defaults
from octopusx_video._command import options
from octopusx_video._command.job import PROGRAM, Job

if TYPE_CHECKING:
    _ParamType = click.ParamType[Any]
else:
    _ParamType = click.ParamType  # older versions of click can't be asked for its type

FORMATS = ("csv", "jsonl", "html")
_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0}
_EPILOG = """\
\b
exit status of run, status and resolve:
  0    all jobs are done
  1    some were refused, failed, or could not be sent or delivered
  2    nothing was sent: a job or an option can't be used
  3    some are parked: they may be billed, and need you (batch resolve)
  7    the budget is reached
  129, 130, 143  interrupted by SIGHUP, SIGINT (Ctrl-C), SIGTERM
"""


class _Part(_ParamType):
    """A value of two parts with a slash between them.

    Args:
        name: What it is.
        convert: Makes the value of its text; raises ValueError where it can't.
        example: What to give.
    """

    def __init__(self, name: str, convert: Callable[[str], Any], example: str) -> None:
        self.name = name
        self._convert = convert
        self._example = example

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Called by click."""
        try:
            return self._convert(value)
        except ValueError:
            self.fail(f"{value!r} is not a {self.name}; give one like {self._example}", param, ctx)


def _rate(text: str) -> float:
    number, _, unit = text.partition("/")
    if unit not in _UNITS or not 0 < float(number) < 1e6:
        raise ValueError
    return float(number) / _UNITS[unit]


def _shard(text: str) -> tuple[int, int]:
    number, _, of = text.partition("/")
    if not 1 <= int(number) <= int(of):
        raise ValueError
    return int(number), int(of)


def _price(text: str) -> tuple[float, str]:
    number, _, unit = text.partition("/")
    if unit not in {"video", "second"} or not 0 <= float(number) < 1e9:
        raise ValueError
    return float(number), unit


def _states(text: str) -> tuple[str, ...]:
    states = tuple(filter(None, re.split(r"[,\s]+", text)))
    if not states or not set(states) <= set(_defaults.RETRIED):
        raise ValueError
    return states


_DIRECTORY = click.argument("folder", metavar="DIR", type=click.Path())
_JSON = click.option("--json", "as_json", is_flag=True, help="Print one JSON object, for an error too.")


@click.group(epilog=_EPILOG)
def batch() -> None:
    """Run a file of jobs, each paid for at most once.

    Run the same command again after a crash, an interrupt or an edit of the file: it never pays for a job twice.
    """


@batch.command(
    epilog=f"""\
\b
a line of JOBS (JSON Lines; a file whose name ends in .csv has the same names, nested ones as video.url):
  {{"custom_id": "cat-1", "body": {{"model": "grok-video-3", "prompt": "the cat falls asleep",
    "start_time": 4, "duration": 6, "video": {{"url": "grok:48a67431-0708-46d1-9ab9-83cb84700153"}}}}}}

\b
example:
  {PROGRAM} batch run jobs.jsonl --out videos --max-paid 40
"""
)
@click.argument("jobs", metavar="JOBS", type=click.Path())
@click.option("--out", metavar="DIR", required=True, type=click.Path(), help="The folder of the batch; it is created.")
@click.option(
    "--max-paid",
    type=click.IntRange(0),
    metavar="N",
    help="Pay for at most N videos, counting those that may be billed. Required unless the server is on this machine.",
)
@click.option("--max-seconds", type=options.FROM_ZERO, help="Pay for at most so many seconds of video.")
@click.option(
    "--concurrency",
    type=click.IntRange(1, _defaults.MAX_SUBMITS),
    default=_defaults.CONCURRENCY,
    show_default=True,
    help="Submits and downloads at once.",
)
@click.option("--rate", type=_Part("rate", _rate, "2/s or 30/m"), metavar="N/s", help="Submits per second at most.")
@click.option("--dry-run", is_flag=True, help="Check all jobs, show what would be paid for, and send nothing.")
@click.option(
    "--price",
    type=_Part("price", _price, "0.20/video or 0.02/second"),
    metavar="N/video",
    help="Your price, for --dry-run: per video or per second.",
)
@click.option(
    "--retry",
    type=_Part("list of states", _states, ",".join(_defaults.RETRIED)),
    default=None,
    metavar="STATES",
    help=f"Send the jobs in these states again, and PAY FOR THEM AGAIN: {', '.join(_defaults.RETRIED)}.",
)
@click.option("--shard", type=_Part("shard", _shard, "2/8"), metavar="K/N", help="Run the K-th of N parts of the jobs.")
@click.option(
    "--keep-going", is_flag=True, help="Do not stop sending when responses stay away or the account is refused."
)
@click.option("--allow-same", is_flag=True, help="Allow two jobs with the same request, each of which is paid for.")
@click.option("--new-key", is_flag=True, help="The key differs from that of the last run, and is of the same account.")
@options.WAITING
@click.option(
    "--submit-timeout",
    type=options.ABOVE_ZERO,
    default=_defaults.SUBMIT_SECONDS,
    help=f"Maximum seconds for the response to a submit; then its job is parked. "
    f"[default: {_defaults.SUBMIT_SECONDS:g}]",
)
@options.COMMON
@click.pass_obj
def run(job: Job, /, **given: Any) -> None:
    """Run the jobs of the file JOBS. Costs money.

    Each video is saved as DIR/videos/CUSTOM_ID.mp4. DIR/results.jsonl lists the jobs that are done, DIR/errors.jsonl
    all others. Ctrl-C sends nothing more and waits for the responses under way; press it again to leave those jobs
    parked.
    """
    from octopusx_video._command import batch_actions  # noqa: PLC0415 - brings httpx and SQLite

    batch_actions.run(job, given)


@batch.command()
@_DIRECTORY
@_JSON
@click.option("--watch", is_flag=True, help="Show the progress until no process runs the batch.")
@click.pass_obj
def status(job: Job, /, folder: str, as_json: bool, watch: bool) -> None:  # noqa: FBT001
    """Show where the batch in DIR stands. Free."""
    from octopusx_video._command import batch_actions  # noqa: PLC0415 - see run

    job.console.as_json = as_json
    batch_actions.status(job, folder, watch=watch)


@batch.command()
@_DIRECTORY
@click.option(
    "--format", "form", type=click.Choice(FORMATS), default="jsonl", show_default=True, help="What is written."
)
@click.option("-o", "--output", metavar="FILE", type=click.Path(), help="Write it to FILE and not to standard output.")
@click.pass_obj
def report(job: Job, /, folder: str, form: str, output: str | None) -> None:
    """Write a report of the batch in DIR: a line for each job, or one HTML page with a chart. Free."""
    from octopusx_video._command import batch_actions  # noqa: PLC0415 - see run

    batch_actions.report(job, folder, form, output)


@batch.command(
    epilog=f"\b\nexample:\n  {PROGRAM} batch resolve videos cat-1 --task grok:48a67431-0708-46d1-9ab9-83cb84700153"
)
@_DIRECTORY
@click.argument("job_id", metavar="ID")
@click.option("--task", metavar="TASK_ID", help="It was accepted as this task; the next run saves its video.")
@click.option("--not-billed", is_flag=True, help="It was not billed; the next run sends it again.")
@click.option("--give-up", is_flag=True, help="It counts as billed, and is not sent again.")
@_JSON
@click.pass_obj
def resolve(job: Job, /, **given: Any) -> None:
    """Say what happened to the parked job ID, after a look into your account. Free."""
    from octopusx_video._command import batch_actions  # noqa: PLC0415 - see run

    job.console.as_json = given.pop("as_json")
    if (given["task"] is not None) + given["not_billed"] + given.pop("give_up") != 1:
        raise click.UsageError("give one of --task TASK_ID, --not-billed and --give-up")
    batch_actions.resolve(job, **given)


@batch.command()
@_DIRECTORY
@click.pass_obj
def stop(job: Job, /, folder: str) -> None:
    """Ask the process that runs the batch in DIR to send nothing more. What was paid for is still saved."""
    from octopusx_video._command import batch_actions  # noqa: PLC0415 - see run

    batch_actions.stop(job, folder)
