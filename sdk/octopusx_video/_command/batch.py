"""The commands of batches. What a batch does is in ``octopusx_video.batch``, which is imported when one is run."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from octopusx_video import _defaults
from octopusx_video._command import options
from octopusx_video._command.job import PROGRAM, Job
from octopusx_video._command.places import Place

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


_DIRECTORY = click.argument("folder", metavar="[DIR]", required=False, type=click.Path())
_DATABASE = options.together(
    click.option(
        "--db",
        metavar="URL",
        help="The PostgreSQL database of a batch on several machines, as postgresql://user@host:5432/database; "
        "the password is taken from PGPASSWORD or ~/.pgpass.",
    ),
    click.option("--name", metavar="NAME", help="The name of the batch in the database; needed with --db."),
)
_ID = click.option(
    "--id",
    "worker",
    metavar="ID",
    help="The id of this worker, which no other has; needs --db. [default: the name of this machine and a number]",
)
_JSON = click.option("--json", "as_json", is_flag=True, help="Print one JSON object, for an error too.")

_KEEP_GOING = click.option(
    "--keep-going", is_flag=True, help="Do not stop sending when responses stay away or the account is refused."
)
_NEW_KEY = click.option(
    "--new-key", is_flag=True, help="The key differs from that of the last run, and is of the same account."
)
_SUBMIT_TIMEOUT = click.option(
    "--submit-timeout",
    type=options.ABOVE_ZERO,
    default=_defaults.SUBMIT_SECONDS,
    help=f"Maximum seconds for the response to a submit; then its job is parked. "
    f"[default: {_defaults.SUBMIT_SECONDS:g}]",
)


def _place(folder: str | None, db: str | None, name: str | None, *, is_run: bool = False) -> Place:
    """Where the ledger of a batch is.

    Args:
        folder: DIR, or --out.
        db: --db.
        name: --name.
        is_run: Whether the folder is that of the videos, and is given in both cases.
    """
    if name is not None and db is None:
        raise click.UsageError("--name needs --db")
    if db is not None and name is None:
        raise click.UsageError("--db needs --name NAME, the name of the batch in the database")
    if not is_run and (folder is None) == (db is None):
        raise click.UsageError("give either DIR, or --db URL and --name NAME")
    return Place(folder, db, name)


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
@_DATABASE
@_ID
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
@_KEEP_GOING
@click.option("--allow-same", is_flag=True, help="Allow two jobs with the same request, each of which is paid for.")
@_NEW_KEY
@options.WAITING
@_SUBMIT_TIMEOUT
@options.COMMON
@click.pass_obj
def run(job: Job, /, **given: Any) -> None:
    """Run the jobs of the file JOBS. Costs money.

    Each video is saved as DIR/videos/CUSTOM_ID.mp4. DIR/results.jsonl lists the jobs that are done, DIR/errors.jsonl
    all others. Ctrl-C sends nothing more and waits for the responses under way; press it again to leave those jobs
    parked.
    """
    from octopusx_video._command import batch_actions  # noqa: PLC0415 - brings httpx and SQLite

    batch_actions.run(job, _place(given["out"], given.pop("db"), given.pop("name"), is_run=True), given)


@batch.command(
    epilog=f"\b\nexample:\n  {PROGRAM} batch worker --db postgresql://video@db.example.com/video --name cats --out cats"
)
@_DATABASE
@click.option(
    "--out", metavar="DIR", required=True, type=click.Path(), help="Where this worker saves videos; it is created."
)
@_ID
@_KEEP_GOING
@_NEW_KEY
@options.WAITING
@_SUBMIT_TIMEOUT
@options.COMMON
@click.pass_obj
def worker(job: Job, /, **given: Any) -> None:
    """Work on the jobs of a batch in a database, beside other workers. Costs money.

    It waits for a `batch run` with the same --db and --name, and ends when no worker has anything left to do. Ctrl-C
    sends nothing more and waits for the responses under way; the other workers go on.
    """
    from octopusx_video._command import batch_actions  # noqa: PLC0415 - see run

    if given["db"] is None:
        raise click.UsageError("give --db URL and --name NAME")
    batch_actions.work(job, _place(given["out"], given.pop("db"), given.pop("name"), is_run=True), given)


@batch.command()
@_DIRECTORY
@_DATABASE
@_JSON
@click.option("--watch", is_flag=True, help="Show the progress until no process runs the batch.")
@click.pass_obj
def status(job: Job, /, folder: str | None, db: str | None, name: str | None, as_json: bool, watch: bool) -> None:  # noqa: FBT001
    """Show where the batch in DIR, or in a database, stands. Free."""
    from octopusx_video._command import batch_actions  # noqa: PLC0415 - see run

    job.console.as_json = as_json
    batch_actions.status(job, _place(folder, db, name), watch=watch)


@batch.command()
@_DIRECTORY
@_DATABASE
@click.option(
    "--format", "form", type=click.Choice(FORMATS), default="jsonl", show_default=True, help="What is written."
)
@click.option("-o", "--output", metavar="FILE", type=click.Path(), help="Write it to FILE and not to standard output.")
@click.pass_obj
def report(job: Job, /, folder: str | None, db: str | None, name: str | None, form: str, output: str | None) -> None:
    """Write a report of the batch in DIR, or in a database. Free.

    It has a line for each job, or is one HTML page with a chart.
    """
    from octopusx_video._command import batch_actions  # noqa: PLC0415 - see run

    batch_actions.report(job, _place(folder, db, name), form, output)


@batch.command(
    epilog=f"\b\nexample:\n  {PROGRAM} batch resolve videos cat-1 --task grok:48a67431-0708-46d1-9ab9-83cb84700153"
)
@click.argument("words", metavar="[DIR] ID", nargs=-1, required=True)
@_DATABASE
@click.option("--task", metavar="TASK_ID", help="It was accepted as this task; the next run saves its video.")
@click.option("--not-billed", is_flag=True, help="It was not billed; the next run sends it again.")
@click.option("--give-up", is_flag=True, help="It counts as billed, and is not sent again.")
@_JSON
@click.pass_obj
def resolve(job: Job, /, words: tuple[str, ...], db: str | None, name: str | None, **given: Any) -> None:
    """Say what happened to the parked job ID, after a look into your account. Free."""
    from octopusx_video._command import batch_actions  # noqa: PLC0415 - see run

    job.console.as_json = given.pop("as_json")
    if len(words) != (2 if db is None else 1):
        raise click.UsageError("give DIR and ID, or --db URL, --name NAME and ID")
    place = _place(words[0] if db is None else None, db, name)
    if (given["task"] is not None) + given["not_billed"] + given.pop("give_up") != 1:
        raise click.UsageError("give one of --task TASK_ID, --not-billed and --give-up")
    batch_actions.resolve(job, place, words[-1], **given)


@batch.command()
@_DIRECTORY
@_DATABASE
@click.pass_obj
def stop(job: Job, /, folder: str | None, db: str | None, name: str | None) -> None:
    """Let whatever runs the batch in DIR, or in a database, send nothing more. What was paid for is still saved."""
    from octopusx_video._command import batch_actions  # noqa: PLC0415 - see run

    batch_actions.stop(job, _place(folder, db, name))


@batch.command(
    epilog=f"""\
\b
examples:
  {PROGRAM} batch export postgresql://video@db.example.com/video cats --name cats
  {PROGRAM} batch export cats postgresql://video@db.example.com/video --name cats
"""
)
@click.argument("source", metavar="SOURCE")
@click.argument("target", metavar="TARGET")
@click.option("--name", metavar="NAME", required=True, help="The name of the batch in the database.")
@click.pass_obj
def export(job: Job, /, source: str, target: str, name: str) -> None:
    """Copy the ledger of a batch out of a database into a folder, or out of a folder into a database. Free.

    Videos are not copied. Afterwards use one of the two alone.
    """
    from octopusx_video._command import batch_actions  # noqa: PLC0415 - see run

    batch_actions.export(job, source, target, name)
