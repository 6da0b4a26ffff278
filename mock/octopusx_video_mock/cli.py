"""The command ``octopusx-video-mock``."""

from __future__ import annotations

import argparse
import signal
import sys
from types import FrameType
from typing import Any

from octopusx_video_mock import MockError, PrismMock

EXAMPLES = """\
examples:
  octopusx-video-mock
  octopusx-video-mock --port 8080 --token sk-test
  curl -H 'Authorization: Bearer any' http://127.0.0.1:4010/v1/videos/video_abc123
  curl -H 'Authorization: Bearer any' -H 'Prefer: example=completed' http://127.0.0.1:4010/v1/videos/video_abc123

exit status: 0 stopped by Ctrl-C or SIGTERM, 2 can't start, 1 ended by itself
"""


def main(argv: list[str] | None = None) -> int:
    """Run a mock in the foreground until Ctrl-C or SIGTERM. Returns the exit status."""
    options = _parser().parse_args(argv)
    signal.signal(signal.SIGTERM, _interrupt)

    def show(event: dict[str, Any]) -> None:
        if not options.quiet:
            _say(_line(event))

    running = False
    try:
        with PrismMock(
            options.contract,
            host=options.host,
            port=options.port,
            token=options.token,
            on_event=show,
            on_progress=_say,
        ) as mock:
            running = True
            _say(f"Prism serves contract {mock.contract.version} on {mock.base_url} (Ctrl-C stops it)")
            mock.wait()
    except KeyboardInterrupt:
        _say("stopped")
        return 0
    except MockError as error:
        _say(f"error: {error}")
        return 1 if running else 2
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="octopusx-video-mock",
        description="Serve a mock of the OctopusX video-extension API, built from its OpenAPI contract.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--engine", choices=["prism"], default="prism", help="what serves it (default: %(default)s)")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument("--port", type=int, default=4010, help="port, 0 for any free one (default: %(default)s)")
    parser.add_argument(
        "--token",
        type=_token,
        help="the one API key that is accepted; made-up, never a real one (default: any well-formed key)",
    )
    parser.add_argument("--contract", metavar="FILE", help="an OpenAPI file to serve (default: the project's contract)")
    parser.add_argument("--quiet", action="store_true", help="do not show a line for each request")
    return parser


def _token(text: str) -> str:
    if not text or not text.isascii() or not text.isprintable() or " " in text:
        raise argparse.ArgumentTypeError("a token is one or more printable ASCII characters without a space")
    return text


def _line(event: dict[str, Any]) -> str:
    if event["event"] != "request":
        return f"error: {event.get('message', 'unknown')}"
    status = event["status"] or "no answer"
    # An address may hold any byte that a caller sent; what is not printable would reach the terminal as control codes.
    url = ascii(event["url"])[1:-1]
    return f"{event['method']} {url} {status} {event['ms']:.0f} ms"


def _say(line: str) -> None:
    print(f"octopusx-video-mock: {line}", file=sys.stderr, flush=True)


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt
