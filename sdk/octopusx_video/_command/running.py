"""Runs the command, and reports whatever ends it."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Sequence

import click
from octopusx_video_openapi import interrupts

from octopusx_video import _settings
from octopusx_video._command.commands import COMPLETE_VARIABLE, cli
from octopusx_video._command.console import Console, OutputError, close_broken
from octopusx_video._command.job import PROGRAM, Job
from octopusx_video._errors import OctopusXError

_LEAVE_SECONDS = 2.0
"""How long the threads of a command have at its end."""


def run(arguments: Sequence[str]) -> int:
    """Run the command. Returns the exit status; no traceback reaches a person."""
    job = Job(Console(arguments, os.environ.get(_settings.KEY_VARIABLE)))
    with interrupts.handled():
        try:
            status = _run(job, arguments)
        except KeyboardInterrupt:
            status = job.interrupted()
        close_broken()
        if job.may_hang and status:
            threading.Thread(target=_leave, args=(status,), name="leave", daemon=True).start()
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
    if COMPLETE_VARIABLE in os.environ:
        cli.main(list(arguments), prog_name=PROGRAM)
    # In place of main(), which prints an empty line for Ctrl-C and hides which signal came.
    with cli.make_context(PROGRAM, list(arguments), obj=job) as context:
        cli.invoke(context)


def _leave(status: int) -> None:
    """End the process when it is at its end and does not end: a thread may wait for a database that is frozen.

    Python waits for such threads, and no signal ends that. All output is written by then.
    """
    main = threading.main_thread()
    main.join()
    time.sleep(_LEAVE_SECONDS)
    if any(not thread.daemon for thread in threading.enumerate() if thread is not main):
        os._exit(status)
