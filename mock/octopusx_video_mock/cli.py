"""The command ``octopusx-video-mock``."""

from __future__ import annotations

import argparse
import contextlib
import os
import queue
import signal
import threading
from types import FrameType
from typing import Any

from octopusx_video_mock import MockError, PrismMock

MOST_LINES = 1000
"""How many lines may wait to be read."""

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
    say = _Voice()
    running = False
    try:
        with PrismMock(
            options.contract,
            host=options.host,
            port=options.port,
            token=options.token,
            on_event=lambda event: None if options.quiet else say(_line(event)),
            on_progress=say,
        ) as mock:
            running = True
            say(f"Prism serves contract {mock.contract.version} on {mock.base_url} (Ctrl-C stops it)")
            mock.wait()
    except KeyboardInterrupt:
        say("stopped")
        return 0
    except MockError as error:
        say(f"error: {error}")
        return 1 if running else 2
    finally:
        say.finish()
    return 0


class _Voice:
    """Lines on stderr, written by a thread of their own.

    Whoever started the command may never read its stderr: then the pipe fills, and a write waits for ever. Requests
    must not wait for it, nor must the end of the command; lines that find no place are left out.
    """

    def __init__(self) -> None:
        # Simple, because a signal may interrupt a put at any place, and this one holds no lock then.
        self._lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._write, name="stderr", daemon=True)
        self._thread.start()

    def __call__(self, line: str) -> None:
        if self._lines.qsize() < MOST_LINES:
            self._lines.put(line)

    def finish(self) -> None:
        """Write what is still to be written, unless nobody reads it."""
        self._lines.put(None)
        self._thread.join(1)

    def _write(self) -> None:
        for line in iter(self._lines.get, None):
            # A line may hold what somebody else wrote; what is not printable would act on the terminal.
            text = " ".join(line.split())
            shown = "".join(character if character.isprintable() else ascii(character)[1:-1] for character in text)
            # Not through sys.stderr: a thread that waits inside of it would block the end of the interpreter.
            with contextlib.suppress(OSError):
                os.write(2, f"octopusx-video-mock: {shown}\n".encode(errors="backslashreplace"))


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
        help="the one API key that is accepted; made-up, never a real one (default: any well-formed key)",
    )
    parser.add_argument("--contract", metavar="FILE", help="an OpenAPI file to serve (default: the project's contract)")
    parser.add_argument("--quiet", action="store_true", help="do not show a line for each request")
    return parser


def _line(event: dict[str, Any]) -> str:
    if event["event"] != "request":
        return f"error: {event.get('message', 'unknown')}"
    return f"{event['method']} {event['url']} {event['status'] or 'no answer'} {event['ms']:.0f} ms"


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt
