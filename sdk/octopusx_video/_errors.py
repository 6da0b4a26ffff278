"""The exceptions of this package, in one tree under ``OctopusXError``."""

from __future__ import annotations

from typing import Any

NOT_SENT = "the submit was not sent"
"""The note of an exception that came before a submit left."""


class OctopusXError(Exception):
    """Whatever this package raises.

    Attributes:
        task_id: The task that it is about, if there is one: continue with ``wait(task_id)`` or ``download(task_id)``.
        problem: The message without its advice for Python, for programs that give advice of their own.
    """

    def __init__(self, message: str, *, task_id: str | None = None, advice: str = "") -> None:
        super().__init__(f"{message}; {advice}" if advice else message)
        self.task_id = task_id
        self.problem = message

    def __reduce__(self) -> tuple[Any, ...]:
        # As it is, so that what a worker process raised arrives whole.
        return _rebuilt, (type(self), self.args, self.__dict__)


def _rebuilt(kind: type[OctopusXError], arguments: tuple[Any, ...], state: dict[str, Any]) -> OctopusXError:
    error = kind.__new__(kind, *arguments)
    error.args = arguments
    error.__dict__.update(state)
    return error


class NotSentError(OctopusXError):
    """The request never reached the service: bad input, a missing key, no connection. Nothing was billed."""


class RefusedError(OctopusXError):
    """The service refused the request, and by the contract that is never billed (``x-billed``).

    Attributes:
        status: HTTP status.
        code: The reason for programs, "" where there is none.
        reason: The reason for people, as the service put it; may be in any language.
        request_id: The gateway's id of the request, to be quoted to support; None where there is none.
        retry_after: Seconds after which the service wants the next request; None where it does not say.
        response: The beginning of the response's body, without the key; None where none was received.
        before_work: Whether a submit was refused before any work was done for it, so that it may be sent again (R28).
    """

    before_work = False

    def __init__(
        self,
        message: str,
        *,
        status: int,
        code: str = "",
        reason: str = "",
        request_id: str | None = None,
        retry_after: float | None = None,
        response: str | None = None,
        task_id: str | None = None,
        advice: str = "",
    ) -> None:
        super().__init__(message, task_id=task_id, advice=advice)
        self.status = status
        self.code = code
        self.reason = reason
        self.request_id = request_id
        self.retry_after = retry_after
        self.response = response


class AmbiguousSubmitError(OctopusXError):
    """A submit may have been accepted, and **may be billed**. It was not sent again, and should not be.

    Attributes:
        operation: The contract's name of the submit.
        sent_at: When it was sent, in Unix seconds of this machine.
        request_hash: SHA-256 of method, path and body, in hexadecimal: the same for the same request.
        status: HTTP status of the response; None where none arrived.
        request_id: The gateway's id of the request, to be quoted to support; None where there is none.
        reason: What arrived instead of a documented response, with the service's own reason where it gave one.
        response: The beginning of the response's body, as far as it arrived, without the key; None where none did.
        possible_task_ids: What may be the id of the new task, at most five, the likeliest first; reading one is free.
    """

    def __init__(
        self,
        message: str,
        *,
        operation: str,
        sent_at: float,
        request_hash: str,
        reason: str,
        status: int | None = None,
        request_id: str | None = None,
        response: str | None = None,
        possible_task_ids: tuple[str, ...] = (),
        advice: str = "",
    ) -> None:
        super().__init__(message, advice=advice)
        self.operation = operation
        self.sent_at = sent_at
        self.request_hash = request_hash
        self.reason = reason
        self.status = status
        self.request_id = request_id
        self.response = response
        self.possible_task_ids = possible_task_ids


class WaitTimeoutError(OctopusXError, TimeoutError):
    """The task had not ended when the time was up. It continues, and can be waited for again by its id.

    Attributes:
        task: The task as it was read last; None where no read succeeded.
    """

    def __init__(self, message: str, *, task_id: str, task: Any = None, advice: str = "") -> None:
        super().__init__(message, task_id=task_id, advice=advice)
        self.task = task


class TaskFailedError(OctopusXError):
    """The task has ended without a video. Whether it stays billed is not documented (R30).

    Attributes:
        task: The task as it was read.
        code: The service's reason for programs, "" where there is none.
        reason: The service's reason for people, "" where there is none.
    """

    def __init__(
        self, message: str, *, task: Any, task_id: str, code: str = "", reason: str = "", advice: str = ""
    ) -> None:
        super().__init__(message, task_id=task_id, advice=advice)
        self.task = task
        self.code = code
        self.reason = reason


class TaskCancelledError(TaskFailedError):
    """The task was cancelled."""


class TaskExpiredError(TaskFailedError):
    """The task, or its result, has expired."""


class TaskBlockedError(TaskFailedError):
    """The task is completed and has an error, as when the result is held back. It is likely billed."""


class NoVideoAddressError(TaskFailedError):
    """The task is completed and has no address of a video; ``download(task_id)`` may get it."""


class BrokenAnswerError(OctopusXError):
    """A read got no response that can be understood, or none at all. The task is not affected; read it again.

    Attributes:
        status: HTTP status of the response; None where none arrived.
        request_id: The gateway's id of the request; None where there is none.
        response: The beginning of the response's body, as far as it arrived, without the key; None where none did.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        request_id: str | None = None,
        response: str | None = None,
        task_id: str | None = None,
        advice: str = "",
    ) -> None:
        super().__init__(message, task_id=task_id, advice=advice)
        self.status = status
        self.request_id = request_id
        self.response = response


class DownloadError(OctopusXError):
    """The video could not be downloaded or written completely. ``download(task_id)`` tries again.

    Attributes:
        rejected: The file beside the target with a response that is no complete mp4 file; None where there was none.
            ``download(task_id, path, accept_any=True)`` saves such a response as it is.
    """

    def __init__(
        self, message: str, *, task_id: str | None = None, rejected: str | None = None, advice: str = ""
    ) -> None:
        super().__init__(message, task_id=task_id, advice=advice)
        self.rejected = rejected


# Tracebacks and pickles name them as programs import them.
for _kind in tuple(globals().values()):
    if isinstance(_kind, type) and issubclass(_kind, OctopusXError):
        _kind.__module__ = "octopusx_video"
