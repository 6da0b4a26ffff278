"""What one run of the command has come to: its task, its bill, and how an error or an interrupt is reported."""

from __future__ import annotations

import logging
import re
import signal
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import click
from octopusx_video_openapi import interrupts
from octopusx_video_openapi.costs import Billed

from octopusx_video import _contract
from octopusx_video._command.console import Console, OutputError, command_line
from octopusx_video._command.progress import EVERY
from octopusx_video._errors import (
    AmbiguousSubmitError,
    BrokenAnswerError,
    DownloadError,
    NotSentError,
    NoVideoAddressError,
    OctopusXError,
    RefusedError,
    TaskFailedError,
    WaitTimeoutError,
)
from octopusx_video._flows import VIDEOS

PROGRAM = "octopusx-video"
_STATUSES: tuple[tuple[type[OctopusXError], int], ...] = (
    (NotSentError, 2),
    (AmbiguousSubmitError, 3),
    (TaskFailedError, 4),
    (WaitTimeoutError, 5),
    (DownloadError, 6),
    (OctopusXError, 1),
)
_IN_COMMANDS = {
    "overwrite=True": "--overwrite",
    "client.unified": "--unified",
    "; in Python you can pass api_key instead": "",
}
"""What errors call things for programs, and what they are called on the command line."""
_SHOWN_LINES = 10
_SHOWN_LENGTH = 600
"""How much of a response is shown to a person, in lines and in characters."""


@dataclass
class Job:
    """What a command does, and what it has come to.

    Attributes:
        console: Where it prints.
        only_reads: Whether it sends nothing that costs money.
        waits: Whether it continues after the submit.
        billed: What is known of the bill of its own submit; ``never`` as long as none was sent.
        ambiguous: The submit that may be billed, if there is one.
        task_id: The task that it is about, once that is known.
        resume: The words of the command that continues with the task; empty where nothing does.
        resume_with: Makes the words of the command that continues with a new task.
        to_server: The options that lead other commands to the same server.
        names: What the command line calls the arguments of the SDK.
    """

    console: Console
    only_reads: bool = False
    waits: bool = False
    billed: Billed = "never"
    ambiguous: AmbiguousSubmitError | None = None
    task_id: str | None = None
    resume: list[str] = field(default_factory=list)
    resume_with: Callable[[str], list[str]] = lambda _: []
    to_server: list[str] = field(default_factory=list)
    names: Mapping[str, str] = field(default_factory=dict)

    def accepted(self, task_id: str) -> None:
        """The submit was accepted: from here on, whatever ends the command tells how to continue."""
        self.billed, self.task_id, self.resume = "yes", task_id, self.resume_with(task_id)
        if self.waits:  # else the id is printed as the result, at once
            self.console.note(f"task {self.console.clean(task_id)} is submitted; to resume: {self._resume()}")

    def may_be_billed(self, error: AmbiguousSubmitError) -> None:
        """Nobody knows whether the submit was accepted."""
        self.billed, self.ambiguous = "possible", error

    def failed(self, error: OctopusXError) -> int:
        """Report an error. Returns the exit status."""
        if self.billed == "yes" and isinstance(error, TaskFailedError):
            self.billed = "possible"  # no page promises a refund (R30)
        if not self._continues(error):
            self.resume = []
        status = next(status for kind, status in _STATUSES if isinstance(error, kind))
        if status == 2 and self.billed != "never":
            status = 1  # something was sent, after all
        message = self._in_commands(error)
        if self.console.as_json:
            self._print_json(type(error).__name__, message, _known(error))
        else:
            self.console.note(f"error: {message}")
            self._advise(error)
        return status

    def misused(self, error: click.ClickException) -> int:
        """Report arguments that can't be used. Returns the exit status."""
        message = self.console.clean(error.format_message())
        if self.console.as_json:
            self._print_json("UsageError", message, {})
            return error.exit_code
        if isinstance(error, click.UsageError) and error.ctx is not None:
            self.console.note(error.ctx.get_usage())
            self.console.note(f"Try '{error.ctx.command_path} --help' for help.")
        self.console.note(f"error: {message}")
        return error.exit_code

    def broken(self, reason: str) -> int:
        """Report what is no fault of the service's. Returns the exit status."""
        paid = ""
        if self.billed == "yes":
            paid = f"; task {self.console.clean(self.task_id)} was submitted and is billed"
        self.console.note(f"error: {self.console.clean(reason)}{paid}")
        self._advise(None)
        return 1

    def interrupted(self) -> int:
        """Report an interrupt, and what is known at this moment. Returns the exit status."""
        text, known = "interrupted", {"task_id": self.task_id}
        if self.ambiguous is not None:
            text, known = f"interrupted: {self._in_commands(self.ambiguous)}", _known(self.ambiguous)
        elif self.task_id is not None:
            text = f"interrupted: this does not affect task {self.console.clean(self.task_id)}"
        elif not self.only_reads:
            text = "interrupted: nothing was sent that may be billed"
        if self.console.as_json:
            self._print_json("Interrupted", text, known)
        else:
            self.console.note(text)
            self._advise(self.ambiguous)
        return interrupts.status() or 128 + signal.SIGINT

    def _continues(self, error: OctopusXError) -> bool:
        """Whether it makes sense to continue with the task."""
        if isinstance(error, WaitTimeoutError | BrokenAnswerError | DownloadError):
            return True
        return isinstance(error, NotSentError | RefusedError) and self.billed == "yes"

    def _in_commands(self, error: OctopusXError) -> str:
        """What an error says, in the words of the command line."""
        has_advice = isinstance(error, AmbiguousSubmitError | NoVideoAddressError) or _is_rejected(error)  # see _advise
        text: str = self.console.clean(error.problem if has_advice else str(error))
        for name, option in _IN_COMMANDS.items():
            text = text.replace(name, option)
        argument = re.match(r"(\w+)(?=[.:])", text)
        if argument and argument[0] in self.names:
            text = f"{self.names[argument[0]]}{text[argument.end() :]}"
        return text

    def _advise(self, error: OctopusXError | None) -> None:
        """Print what a person can do now."""
        if isinstance(error, AmbiguousSubmitError):
            for command in self._looks(error):
                self.console.note(f"to look at it, for free: {command}")
            if error.response:
                lines = error.response[:_SHOWN_LENGTH].splitlines()
                for line in [f"response with status {error.status}:", *lines[:_SHOWN_LINES]]:
                    self.console.note(self.console.clean(line))
            known = f"request id {error.request_id}" if error.request_id else f"request hash {error.request_hash[:12]}"
            otherwise = "if that is not it, look" if error.possible_task_ids else "look"
            self.console.note(f"{otherwise} into your account before you submit the same again ({known})")
        elif isinstance(error, NoVideoAddressError) and self.task_id is not None:
            task_id = self.console.clean(self.task_id)
            command = command_line([PROGRAM, "download", task_id, *self.to_server, "-o", "FILE"])
            self.console.note(f"to download it by its id: {command}")
        elif self.resume:
            self.console.note(f"to resume: {self._resume()}")
            if _is_rejected(error):
                self.console.note("with --accept-any it saves such a file as it is")

    def _resume(self) -> str:
        """The command that continues, for a shell."""
        return command_line([self.console.clean(word) if word == self.task_id else word for word in self.resume])

    def _looks(self, error: AmbiguousSubmitError) -> list[str]:
        """The commands that look at what may be the new task, for free."""
        unified = [] if VIDEOS.operation in _contract.read_by(error.operation) else ["--unified"]
        return [
            command_line([PROGRAM, "status", task_id, *unified, *self.to_server]) for task_id in error.possible_task_ids
        ]

    def _print_json(self, kind: str, message: str, known: Mapping[str, Any]) -> None:
        fields = {"type": kind, "message": message, **self.console.clean(dict(known)), "billed": self.billed}
        if "response" in known:
            fields["response"] = known["response"]  # which is clean, and keeps its lines
        if self.ambiguous is not None:
            fields["look"] = self._looks(self.ambiguous)
        fields["resume"] = self._resume() if self.resume else None
        try:
            self.console.print_json({"error": fields})
        except OutputError:
            self.console.note(f"error: {message}")


def _is_rejected(error: OctopusXError | None) -> bool:
    """Whether a response arrived that is no complete video."""
    return isinstance(error, DownloadError) and error.rejected is not None


def _known(error: OctopusXError) -> dict[str, Any]:
    """What an error knows, for programs."""
    return {name: value for name, value in vars(error).items() if name not in {"task", "problem"} and value is not None}


class Records(logging.Handler):
    """Takes from the SDK's log what a command has to know and a person to see, each setback once in a while.

    Args:
        job: What it is for.
    """

    def __init__(self, job: Job) -> None:
        super().__init__(logging.INFO)
        self._job = job
        self._shown: dict[str, float] = {}

    def emit(self, record: logging.LogRecord) -> None:
        """Called by the logger."""
        accepted: str | None = getattr(record, "accepted", None)
        ambiguous: AmbiguousSubmitError | None = getattr(record, "ambiguous", None)
        if accepted is not None:
            self._job.accepted(accepted)
        elif ambiguous is not None:
            self._job.may_be_billed(ambiguous)
        elif record.levelno >= logging.WARNING:
            self._job.console.note(f"warning: {record.getMessage()}")
        elif getattr(record, "setback", False):
            self._show(record.getMessage())

    def _show(self, text: str) -> None:
        if time.monotonic() - self._shown.get(text, -EVERY) >= EVERY:
            self._shown[text] = time.monotonic()
            self._job.console.report(text)
