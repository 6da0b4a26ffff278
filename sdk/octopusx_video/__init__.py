"""The OctopusX video-extension API: submits that are never paid twice, tasks that are not lost, downloads that end.

``OctopusX`` and ``AsyncOctopusX`` are the clients. The models of what they answer are those of
``octopusx_video_client``, and every error is an ``OctopusXError``.
"""

from octopusx_video_client.models import SubmittedTask, UnifiedVideoTask, VideoTask

from octopusx_video._async_client import AsyncOctopusX
from octopusx_video._client import OctopusX
from octopusx_video._errors import (
    AmbiguousSubmitError,
    BrokenAnswerError,
    DownloadError,
    NotSentError,
    NoVideoAddressError,
    OctopusXError,
    RefusedError,
    TaskBlockedError,
    TaskCancelledError,
    TaskExpiredError,
    TaskFailedError,
    WaitTimeoutError,
)
from octopusx_video._verdict import phase

__all__ = [
    "AmbiguousSubmitError",
    "AsyncOctopusX",
    "BrokenAnswerError",
    "DownloadError",
    "NoVideoAddressError",
    "NotSentError",
    "OctopusX",
    "OctopusXError",
    "RefusedError",
    "SubmittedTask",
    "TaskBlockedError",
    "TaskCancelledError",
    "TaskExpiredError",
    "TaskFailedError",
    "UnifiedVideoTask",
    "VideoTask",
    "WaitTimeoutError",
    "phase",
]
