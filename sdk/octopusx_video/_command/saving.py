"""Where a command saves a video: a file, or standard output."""

from __future__ import annotations

import contextlib
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from octopusx_video._command.console import STDOUT
from octopusx_video._errors import DownloadError, NotSentError
from octopusx_video._files import partial_file


def check(options: dict[str, Any]) -> None:
    """See whether the video can be saved, before anything is paid for."""
    output, flags = options["output"], [name for name in ("overwrite", "accept_any") if options[name]]
    if output is None:
        if flags:
            raise click.UsageError(f"--{flags[0].replace('_', '-')} needs -o FILE")
    elif output != STDOUT:
        partial_file.check(output, overwrite=options["overwrite"])
    elif options["overwrite"]:
        raise click.UsageError(f"--overwrite needs a FILE; standard output (-o {STDOUT}) has nothing to replace")
    elif sys.stdout is None or sys.stdout.isatty():
        kind = "closed" if sys.stdout is None else "a terminal"
        raise click.UsageError(f"-o {STDOUT}: standard output is {kind}; redirect it to a file or a pipe")
    else:
        with scratch() as folder:
            partial_file.check(folder / "video.mp4", overwrite=False)


@contextlib.contextmanager
def scratch() -> Iterator[Path]:
    """A folder for a video on its way to standard output; it stays if it holds a response that was rejected."""
    try:
        folder = Path(tempfile.mkdtemp(prefix="octopusx-video-"))
    except OSError as error:
        text = f"no directory for temporary files can be made: {error.strerror}"
        raise NotSentError(text, advice="set TMPDIR to a writable directory, or name a file with -o") from None
    keeps = False
    try:
        yield folder
    except DownloadError as error:
        keeps = error.rejected is not None
        raise
    finally:
        if not keeps:
            shutil.rmtree(folder, ignore_errors=True)


def pipe(path: Path, task_id: str) -> None:
    """Write a whole video to standard output."""
    try:
        with path.open("rb") as file:
            shutil.copyfileobj(file, sys.stdout.buffer)
        sys.stdout.buffer.flush()
    except OSError as error:
        text = f"the video could not be written to standard output: {error.strerror}"
        raise DownloadError(text, task_id=task_id) from None
