"""What one run of the command has done: its task, its bill, and how an error or an interrupt is reported."""

from __future__ import annotations

import contextlib
import logging
import re
import signal
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click
from octopusx_video_openapi import interrupts
from octopusx_video_openapi.model import Billed

from octopusx_video._command.console import Console, OutputError, command_line
from octopusx_video._command.progress import EVERY
from octopusx_video._errors import (
    NOT_SENT,
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
from octopusx_video._messages import contract

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
    "allow_same=True": "--allow-same",
    "new_key=True": "--new-key",
    "pass max_paid": "pass --max-paid",
}
"""What errors call things for programs, and what they are called on the command line."""
_READS = frozenset({"status", "wait", "download"})
"""The commands that submit nothing."""
_NO_ARGUMENTS: type[click.UsageError] | tuple[()] = getattr(click.exceptions, "NoArgsIsHelpError", ())
"""What click raises since 8.2 for a command without arguments; before, it prints the help itself."""
_LOOK = "Look into your account before you submit the same again"
_VARYING = re.compile(r"request[ _-]?id\W*[\w-]+|[\w.-]*\d[\w.-]*", re.IGNORECASE)
"""What differs between two lines that say the same: the id of a request, numbers and words with digits."""
_MAX_SHOWN_LINES = 10
_MAX_SHOWN_CHARACTERS = 600
"""How much of a response is shown to a person, in lines and in characters."""


@dataclass
class Job:
    """What a command does, and what is known of it.

    Attributes:
        console: Where it prints.
        only_reads: Whether it sends nothing that costs money.
        waits: Whether it continues after the submit.
        may_hang: Whether threads of it may wait for a database that does not respond.
        billed: What is known of the bill of its own submit; ``never`` as long as none was sent.
        ambiguous: The submit that may be billed, if there is one.
        submits: Whether a submit has begun and has neither returned nor raised an error of the SDK's.
        task_id: The task that it is about, once that is known.
        output: The file that the video is for, as it was given.
        saved: The file that the video was saved as.
        resume: The words of the command that continues with the task; empty where nothing does.
        resume_with: Makes the words of the command that continues with a new task.
        to_server: The options that lead other commands to the same server.
        names: What the command line calls the arguments of the SDK.
    """

    console: Console
    only_reads: bool = False
    waits: bool = False
    may_hang: bool = False
    billed: Billed = "never"
    ambiguous: AmbiguousSubmitError | None = None
    submits: bool = False
    task_id: str | None = None
    output: str | None = None
    saved: str | None = None
    resume: list[str] = field(default_factory=list)
    resume_with: Callable[[str], list[str]] = lambda _: []
    to_server: list[str] = field(default_factory=list)
    names: Mapping[str, str] = field(default_factory=dict)

    def accepted(self, task_id: str) -> None:
        """The submit was accepted: from here on, whatever ends the command says how to continue."""
        self.billed, self.task_id, self.resume = "yes", task_id, self.resume_with(task_id)
        if self.waits:  # else the id is printed as the result, at once
            self.console.note(f"task {self.console.clean(task_id)} is submitted; to resume: {self._resume()}")

    def may_be_billed(self, error: AmbiguousSubmitError) -> None:
        """Nobody knows whether the submit was accepted."""
        self.billed, self.ambiguous = "possible", error

    def failed(self, error: OctopusXError) -> int:
        """Report an error. Returns the exit status."""
        self.submits = False
        if self.billed == "yes" and isinstance(error, TaskFailedError):
            self.billed = "possible"  # no page promises a refund (R30)
        if not self._continues(error):
            self.resume = []
        status = next(status for kind, status in _STATUSES if isinstance(error, kind))
        if status == 2 and self.billed != "never":
            status = 1  # something was sent, after all
        self._report(type(error).__name__, self._in_commands(error), _known(error), error)
        return status

    def misused(self, error: click.ClickException) -> int:
        """Report arguments that can't be used. Returns the exit status."""
        if isinstance(error, _NO_ARGUMENTS):
            self.console.note(error.format_message())  # the help, which is our own text
            return error.exit_code
        context = error.ctx if isinstance(error, click.UsageError) else None
        if self.console.as_json:
            self.only_reads |= context is not None and context.info_name in _READS
        elif context is not None:
            self.console.note(context.get_usage())
            self.console.note(f"Try '{context.command_path} --help' for help.")
        self._report("UsageError", self.console.clean(error.format_message()), {}, None)
        return error.exit_code

    def broken(self, reason: str, error: Exception) -> int:
        """Report an error that is not one of the SDK's. Returns the exit status."""
        text, known = self.console.clean(reason), {"task_id": self.task_id}
        status = 1
        if self.submits and self.billed == "never" and NOT_SENT not in getattr(error, "__notes__", ()):
            self.billed = "possible"
        if self.saved is not None:
            text, self.resume = f"{text}; the video was saved as {self.console.clean(self.saved)}", []
        if self.billed == "yes":
            text += f"; task {self.console.clean(self.task_id)} was submitted and is billed"
        elif self.ambiguous is not None:
            text += f"; {self._in_commands(self.ambiguous)}"
            status, known = 3, _known(self.ambiguous)
        elif self.billed == "possible":
            text += "; the submit may have been sent and may be billed. It was not sent again. " + _LOOK
            status = 3
        self._report(type(error).__name__, text, known, self.ambiguous if self.billed != "yes" else None)
        return status

    def interrupted(self) -> int:
        """Report an interrupt, and what is known at this moment. Returns the exit status."""
        text, known = "interrupted", {"task_id": self.task_id}
        if self.saved is not None:
            text, self.resume = f"interrupted: the video was saved as {self.console.clean(self.saved)}", []
        elif self.ambiguous is not None:
            text, known = f"interrupted: {self._in_commands(self.ambiguous)}", _known(self.ambiguous)
        elif self.task_id is not None:
            text = f"interrupted: this does not affect task {self.console.clean(self.task_id)}"
        elif not self.only_reads:
            text = "interrupted: nothing was sent that may be billed"
        self._report("Interrupted", text, known, self.ambiguous)
        return interrupts.status() or 128 + signal.SIGINT

    def stopped(self, text: str) -> None:
        """Report an interrupt of a batch, where nothing else can be shown."""
        self._report("Interrupted", text, {}, None)

    def _continues(self, error: OctopusXError) -> bool:
        """Whether it makes sense to continue with the task."""
        if isinstance(error, WaitTimeoutError | BrokenAnswerError | DownloadError):
            return True
        return isinstance(error, NotSentError | RefusedError) and self.billed == "yes"

    def _in_commands(self, error: OctopusXError) -> str:
        """What an error says, in the words of the command line."""
        has_advice = isinstance(error, AmbiguousSubmitError | NoVideoAddressError) or _is_rejected(error)  # see _advise
        text: str = self.console.clean(error.problem if has_advice else str(error))
        file = "" if self.output is None else f"{self.console.clean(str(Path(self.output)))} "
        if not file or not text.startswith(file):  # the name of a file is not that of an argument
            file = ""
        text = text[len(file) :]
        for name, option in _IN_COMMANDS.items():
            text = text.replace(name, option)
        argument = None if file else re.match(r"(\w+)(?=(\.\w+)*: | is of type | is missing$)", text)
        if argument and argument[0] in self.names:
            text = f"{self.names[argument[0]]}{text[argument.end() :]}"
        return file + text

    def _report(self, kind: str, message: str, known: Mapping[str, Any], error: OctopusXError | None) -> None:
        """Print an error: as JSON where that is wanted and can be printed, else for a person, with advice."""
        if self.console.as_json and not self.console.has_result:
            with contextlib.suppress(OutputError):
                self.console.print_json({"error": self._fields(kind, message, known)})
                return
        self.console.note(message if kind == "Interrupted" else f"error: {message}")
        if kind != "UsageError":
            self._advise(error)

    def _fields(self, kind: str, message: str, known: Mapping[str, Any]) -> dict[str, Any]:
        """An error for programs."""
        billed = None if self.only_reads else self.billed  # what a task costs is known to the command that submits it
        fields = {"type": kind, "message": message, **self.console.clean(dict(known)), "billed": billed}
        if "response" in known:
            fields["response"] = known["response"]  # which is clean, and keeps its lines
        if self.ambiguous is not None:
            fields["look"] = self._looks(self.ambiguous)
        return fields | {"resume": self._resume() if self.resume else None}

    def _advise(self, error: OctopusXError | None) -> None:
        """Print what a person can do now."""
        if isinstance(error, AmbiguousSubmitError):
            self._advise_to_look(error)
        elif isinstance(error, NoVideoAddressError) and self.task_id is not None:
            task_id = self.console.clean(self.task_id)
            command = command_line([PROGRAM, "download", task_id, *self.to_server, "-o", "FILE"])
            self.console.note(f"to download it by its id: {command}")
        elif self.resume:
            self.console.note(f"to resume: {self._resume()}")
            if _is_rejected(error):
                self.console.note("with --accept-any it saves such a file as it is")

    def _advise_to_look(self, error: AmbiguousSubmitError) -> None:
        for command in self._looks(error):
            self.console.note(f"to look at it, for free: {command}")
        if error.response:
            lines = error.response[:_MAX_SHOWN_CHARACTERS].splitlines()
            for line in [f"response with status {error.status}:", *lines[:_MAX_SHOWN_LINES]]:
                self.console.note(self.console.clean(line))
        known = f"request id {error.request_id}" if error.request_id else f"request hash {error.request_hash[:12]}"
        otherwise = "if that is not it, look" if error.possible_task_ids else "look"
        self.console.note(f"{otherwise} into your account before you submit the same again ({known})")

    def _resume(self) -> str:
        """The command that continues, for a shell."""
        return command_line([self.console.clean(word) if word == self.task_id else word for word in self.resume])

    def _looks(self, error: AmbiguousSubmitError) -> list[str]:
        """The commands that look at what may be the new task, for free."""
        options = ["--unified"] if contract.family(error.operation) == "unified" else []
        options += self.to_server
        return [command_line([PROGRAM, "status", task_id, *options]) for task_id in error.possible_task_ids]


def _is_rejected(error: OctopusXError | None) -> bool:
    """Whether a response arrived that is no complete video."""
    return isinstance(error, DownloadError) and error.rejected is not None


def _known(error: OctopusXError) -> dict[str, Any]:
    """What an error knows, for programs."""
    return {name: value for name, value in vars(error).items() if name not in {"task", "problem"} and value is not None}


class Records(logging.Handler):
    """Takes from the SDK's log what a command has to know and a person to see, each failure once in a while.

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
        elif getattr(record, "retry", False):
            self._show(record.getMessage())

    def _show(self, text: str) -> None:
        kind = _VARYING.sub("", text)
        if time.monotonic() - self._shown.get(kind, -EVERY) >= EVERY:
            self._shown[kind] = time.monotonic()
            self._job.console.report(text)
