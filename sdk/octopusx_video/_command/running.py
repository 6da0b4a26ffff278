"""Runs the command, and reports whatever ends it."""

from __future__ import annotations

import os
from collections.abc import Sequence

import click
from octopusx_video_openapi import interrupts

from octopusx_video import _settings
from octopusx_video._command.commands import COMPLETE_VARIABLE, cli
from octopusx_video._command.console import Console, OutputError, close_broken
from octopusx_video._command.job import PROGRAM, Job
from octopusx_video._errors import OctopusXError


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
    if COMPLETE_VARIABLE in os.environ:
        cli.main(list(arguments), prog_name=PROGRAM)
    # In place of main(), which prints an empty line for Ctrl-C and hides which signal came.
    with cli.make_context(PROGRAM, list(arguments), obj=job) as context:
        cli.invoke(context)
