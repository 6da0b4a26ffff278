"""The command ``octopusx-video-mock``."""

from __future__ import annotations

import argparse
import gc
import os
import sys
from typing import Any, NoReturn

from octopusx_video_mock.errors import MockError
from octopusx_video_mock.server import signals
from octopusx_video_mock.server.stderr_log import NonBlockingStderr

EXAMPLES = """\
examples:
  octopusx-video-mock                      a task takes as long as the contract says
  octopusx-video-mock --speed 60           a minute of a task's life passes in a second
  octopusx-video-mock --faults lost_answer:0.05,rate_limited:0.1 --seed 7
  octopusx-video-mock --faults list        what can go wrong, and how to order it
  octopusx-video-mock --engine prism       stock Prism: no time, no tasks, the contract's examples
  curl -H 'Authorization: Bearer any' http://127.0.0.1:4010/v1/videos/video_abc123

Mocks that share the secret in OCTOPUSX_MOCK_SECRET answer for each other's tasks, over restarts and on any machine.

exit status: 0 stopped by Ctrl-C, SIGTERM or SIGHUP, 2 can't start, 1 ended by itself
"""

# What is of one engine alone, with the value that it has when nobody names it.
_LIFECYCLE = {
    "speed": 1.0,
    "seed": 0,
    "faults": "",
    "workers": 1,
    "reload": False,
    "cors": False,
    "control": False,
}


def main(argv: list[str] | None = None) -> int:
    """Run a mock in the foreground until Ctrl-C, SIGTERM or SIGHUP. Returns the exit status."""
    options = _parser().parse_args(argv)
    if options.version:
        import importlib.metadata  # noqa: PLC0415 - needed here alone, and slow to import

        return _show(f"octopusx-video-mock {importlib.metadata.version('octopusx-video')}\n")
    if options.faults == "list":
        return _show(_fault_list())
    signals.end_on_signals()
    say = NonBlockingStderr()
    try:
        return _lifecycle(options, say) if options.engine == "lifecycle" else _prism(options, say)
    except KeyboardInterrupt:
        say("stopped")
        return 0
    except MockError as error:
        for line in error.args:
            say(f"error: {line}")
        return 2
    finally:
        say.finish()


def _lifecycle(options: argparse.Namespace, say: NonBlockingStderr) -> int:
    gc.disable()  # until it serves: what the start makes stays, and a tenth of the start is spent on looking through it
    try:
        _serve(options, say)
    finally:
        gc.enable()
    return 1


def _serve(options: argparse.Namespace, say: NonBlockingStderr) -> None:
    # Imported here, so that the other engine and the help need no server.
    try:
        from octopusx_video_mock.server.foreground import run  # noqa: PLC0415
        from octopusx_video_mock.server.state import Options  # noqa: PLC0415
    except ImportError as error:
        raise MockError(f"{error.name} is not installed; pip install 'octopusx-video[mock]'") from None
    shared = ("contract", "host", "port", "token", "quiet")
    run(Options(**{name: getattr(options, name) for name in (*shared, *_LIFECYCLE)}), say)


def _prism(options: argparse.Namespace, say: NonBlockingStderr) -> int:
    for name, value in _LIFECYCLE.items():
        if getattr(options, name) != value:
            raise MockError(f"--{name} is for the lifecycle engine; leave it out, or leave out --engine prism")
    tokens: list[str] = options.token or []
    if len(tokens) > 1:
        raise MockError("several --token are for the lifecycle engine; name one, or leave out --engine prism")
    from octopusx_video_mock.prism.process import PrismMock  # noqa: PLC0415 - the other engine needs none of it

    running = False
    try:
        with PrismMock(
            options.contract,
            host=options.host,
            port=options.port,
            token=next(iter(tokens), None),
            on_event=lambda event: None if options.quiet else say(_line(event)),
            on_progress=say,
        ) as mock:
            running = True
            say(f"Prism serves contract {mock.contract.version} on {mock.base_url} (Ctrl-C stops it)")
            mock.wait()
    except MockError as error:
        if not running:
            raise
        say(f"error: {error}")
    return 1


class _Parser(argparse.ArgumentParser):
    """Shows arguments that it can't use without their control characters."""

    def error(self, message: str) -> NoReturn:
        from octopusx_video_openapi.text import printable  # noqa: PLC0415 - it brings the reader of the contract along

        super().error(printable(message))


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="octopusx-video-mock",
        description="Serve a mock of the OctopusX video-extension API, built from its OpenAPI contract.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--engine",
        choices=["lifecycle", "prism"],
        default="lifecycle",
        help="lifecycle: tasks run, end and cost; prism: stock Prism, which answers each request by itself "
        "(default: %(default)s)",
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument("--port", type=int, default=4010, help="port, 0 for any free one (default: %(default)s)")
    parser.add_argument(
        "--token",
        action="append",
        metavar="KEY",
        help="the API key that is accepted; made-up, never a real one (default: any well-formed key); may be repeated "
        "for the lifecycle engine, where each key has tasks of its own",
    )
    parser.add_argument("--contract", metavar="FILE", help="an OpenAPI file to serve (default: the project's contract)")
    parser.add_argument("--quiet", action="store_true", help="do not show a line for each request")
    parser.add_argument("--version", action="store_true", help="show the version and exit")
    only = parser.add_argument_group("of the lifecycle engine")
    only.add_argument(
        "--speed", type=float, default=1.0, metavar="N", help="how many times faster tasks run (default: 1)"
    )
    only.add_argument(
        "--faults",
        default="",
        metavar="PLAN",
        help="what goes wrong: NAME, NAME@OPERATION or NAME:0.1 (a share of the requests), several with commas; "
        "`list` lists them",
    )
    only.add_argument(
        "--seed", type=int, default=0, metavar="N", help="decides which requests the shares of --faults fall on"
    )
    only.add_argument("--workers", type=int, default=1, metavar="N", help="processes that serve (default: 1)")
    only.add_argument("--reload", action="store_true", help="take over the contract whenever its file changes")
    only.add_argument("--cors", action="store_true", help="let web pages of any origin use it")
    only.add_argument(
        "--control", action="store_true", help="let programs on this machine turn the clock and more, under /__mock__/"
    )
    return parser


def _show(text: str) -> int:
    """Write to stdout. A reader that leaves early, as `head` does, is no error."""
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        # The interpreter flushes once more when it ends, and must find something that can be written to.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


def _fault_list() -> str:
    from octopusx_video_mock.faults.table import FAULTS  # noqa: PLC0415 - the other engine needs none of it

    lines = []
    for fault in FAULTS:
        marked = f" (breaks the contract: {fault.breaks})" if fault.breaks else ""
        lines += [f"{fault.name:26}{fault.summary}{marked}\n", f"{'':26}source: {fault.source}\n"]
    return "".join(lines)


def _line(event: dict[str, Any]) -> str:
    if event["event"] != "request":
        return f"error: {event.get('message', 'unknown')}"
    return f"{event['method']} {event['url']} {event['status'] or 'no answer'} {event['ms']:.0f} ms"
