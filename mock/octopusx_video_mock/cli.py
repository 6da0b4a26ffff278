"""The command ``octopusx-video-mock``."""

from __future__ import annotations

import functools
import gc
import os
import sys
from collections.abc import Sequence
from typing import Any

import click

from octopusx_video_mock.errors import MockError
from octopusx_video_mock.server import signals
from octopusx_video_mock.server.stderr_log import NonBlockingStderr

_NAME = "octopusx-video-mock"
_EPILOG = """\
\b
examples:
  octopusx-video-mock                      a task takes as long as in the contract
  octopusx-video-mock --speed 60           a minute of a task passes in a second
  octopusx-video-mock --faults lost_answer:0.05,rate_limited:0.1 --seed 7
  octopusx-video-mock --faults list        every fault, with its source
  octopusx-video-mock --control            http://127.0.0.1:4010/ in a browser shows what happens
  octopusx-video-mock --engine prism       stock Prism: no time, no tasks, the contract's examples
  curl -H 'Authorization: Bearer any' http://127.0.0.1:4010/v1/videos/video_abc123

\b
environment:
  OCTOPUSX_MOCK_SECRET  mocks that share it know each other's tasks, over restarts and on any machine

\b
exit status:
  0  stopped by Ctrl-C, SIGTERM or SIGHUP
  1  the server ended by itself
  2  the server can't start
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a mock in the foreground until Ctrl-C, SIGTERM or SIGHUP. Returns the exit status."""
    try:
        # In place of the command's main(), which prints an empty line for Ctrl-C.
        context = _command.make_context(_NAME, list(sys.argv[1:] if arguments is None else arguments))
    except click.exceptions.Exit as end:
        return end.exit_code
    except click.ClickException as error:
        return _misused(error)
    except BrokenPipeError:  # the reader of what an option prints has left, as `head` does
        # The interpreter flushes once more when it ends, and must find something that can be written to.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    with context:
        status: int = _command.invoke(context)
    return status


def _misused(error: click.ClickException) -> int:
    from octopusx_video_openapi.text import printable  # noqa: PLC0415 - it imports the reader of the contract

    lines = [f"{_NAME}: error: {printable(error.format_message())}"]
    if isinstance(error, click.UsageError) and error.ctx is not None:
        lines = [error.ctx.get_usage(), f"Try '{_NAME} --help' for help.", *lines]
    sys.stderr.write("\n".join([*lines, ""]))
    return error.exit_code


def _list_faults(context: click.Context, _: click.Parameter, plan: str) -> str:
    if plan != "list":
        return plan
    from octopusx_video_mock.faults.table import FAULTS  # noqa: PLC0415 - the other engine needs none of it

    for fault in FAULTS:
        marked = f" (breaks the contract: {fault.breaks})" if fault.breaks else ""
        click.echo(f"{fault.name:26}{fault.summary}{marked}\n{'':26}source: {fault.source}")
    return context.exit()


class _LifecycleOption(click.Option):
    """An option of the lifecycle engine alone."""


class _Command(click.Command):
    """Shows the options of the lifecycle engine in a section of their own."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        for title, own in (("Options", False), ("Options of the lifecycle engine", True)):
            shown = [option for option in self.get_params(ctx) if isinstance(option, _LifecycleOption) is own]
            with formatter.section(title):
                formatter.write_dl([record for option in shown if (record := option.get_help_record(ctx))])


_SETTINGS = {"help_option_names": ["-h", "--help"], "max_content_width": 110, "show_default": True}
_lifecycle_option = functools.partial(click.option, cls=_LifecycleOption)


@click.command(cls=_Command, epilog=_EPILOG, context_settings=_SETTINGS)
@click.option(
    "--engine",
    type=click.Choice(["lifecycle", "prism"]),
    default="lifecycle",
    help="lifecycle: tasks run, end and are billed; prism: stock Prism, which responds to each request by itself.",
)
@click.option("--host", default="127.0.0.1", help="Address to listen on.")
@click.option("--port", type=int, default=4010, help="Port to listen on; 0 is any free one.")
@click.option(
    "--token",
    multiple=True,
    metavar="KEY",
    help="The API key that is accepted; made-up, never a real one. May be repeated with the lifecycle engine, where "
    "each key has tasks of its own. [default: any well-formed key]",
)
@click.option("--contract", metavar="FILE", help="OpenAPI file to serve. [default: the project's contract]")
@click.option("--quiet", is_flag=True, help="Do not show a line for each request.")
@click.version_option(package_name="octopusx-video", message="%(prog)s %(version)s")
@_lifecycle_option("--speed", type=float, default=1.0, metavar="N", help="How many times faster tasks run.")
@_lifecycle_option(
    "--faults",
    default="",
    metavar="PLAN",
    show_default=False,
    callback=_list_faults,
    help="What goes wrong: NAME, NAME@OPERATION or NAME:0.1 (a share of the requests), several with commas; `list` "
    "lists them.",
)
@_lifecycle_option(
    "--seed", type=int, default=0, metavar="N", help="Decides at which requests a fault with a probability shows."
)
@_lifecycle_option("--workers", type=int, default=1, metavar="N", help="Number of processes that serve.")
@_lifecycle_option("--reload", is_flag=True, help="Take over the contract whenever its file changes.")
@_lifecycle_option("--cors", is_flag=True, help="Send CORS headers that let web pages of any origin use it.")
@_lifecycle_option(
    "--control", is_flag=True, help="Let programs on this machine set the clock and more, under /__mock__/."
)
@_lifecycle_option(
    "--latency",
    default="",
    metavar="SECONDS",
    show_default=False,
    help="Hold back each response: 0.2, or 0.1-0.5 for times that the seed decides. [default: none]",
)
@_lifecycle_option(
    "--pages/--no-pages",
    default=True,
    help="Serve pages for people at / and /docs, the contract at /openapi.yaml and /openapi.json, and /healthz.",
)
def _command(**options: Any) -> int:
    """Serve a mock of the OctopusX video-extension API, built from its OpenAPI contract."""
    options["token"] = list(options["token"]) or None
    engine = options.pop("engine")
    signals.end_on_signals()
    log = NonBlockingStderr()
    try:
        return _serve_lifecycle(options, log) if engine == "lifecycle" else _serve_prism(options, log)
    except KeyboardInterrupt:
        log("stopped")
        return 0
    except MockError as error:
        for line in error.args:
            log(f"error: {line}")
        return 2
    finally:
        log.finish()


def _serve_lifecycle(options: dict[str, Any], log: NonBlockingStderr) -> int:
    gc.disable()  # until it serves: what the start makes stays, and a tenth of the start is spent on looking through it
    try:
        _serve(options, log)
    finally:
        gc.enable()
    return 1


def _serve(options: dict[str, Any], log: NonBlockingStderr) -> None:
    # Imported here, so that the other engine and the help need no server.
    try:
        from octopusx_video_mock.server.foreground import run  # noqa: PLC0415
        from octopusx_video_mock.server.state import Options  # noqa: PLC0415
    except ImportError as error:
        raise MockError(f"{error.name} is not installed; pip install 'octopusx-video[mock]'") from None
    run(Options(**options), log)


def _serve_prism(options: dict[str, Any], log: NonBlockingStderr) -> int:
    context = click.get_current_context()
    for option in _command.params:
        if isinstance(option, _LifecycleOption) and options[option.name or ""] != option.get_default(context):
            raise MockError(f"{option.opts[0]} is for the lifecycle engine; leave it out, or leave out --engine prism")
    tokens: list[str] = options["token"] or []
    if len(tokens) > 1:
        raise MockError("several --token are for the lifecycle engine; name one, or leave out --engine prism")
    from octopusx_video_mock.prism.process import PrismMock  # noqa: PLC0415 - the other engine needs none of it

    running = False
    try:
        with PrismMock(
            options["contract"],
            host=options["host"],
            port=options["port"],
            token=next(iter(tokens), None),
            on_event=lambda event: None if options["quiet"] else log(_line(event)),
            on_progress=log,
        ) as mock:
            running = True
            log(f"Prism serves contract {mock.contract.version} on {mock.base_url} (Ctrl-C stops it)")
            mock.wait()
    except MockError as error:
        if not running:
            raise
        log(f"error: {error}")
    return 1


def _line(event: dict[str, Any]) -> str:
    if event["event"] != "request":
        return f"error: {event.get('message', 'unknown')}"
    return f"{event['method']} {event['url']} {event['status'] or 'no response'} {event['ms']:.0f} ms"
