"""The OctopusX video-extension API: submits that are never paid twice, tasks that are not lost, downloads that end.

``OctopusX`` and ``AsyncOctopusX`` are the clients. The models of what they answer are those of
``octopusx_video_client``, and every error is an ``OctopusXError``.
"""

import importlib
from typing import TYPE_CHECKING, Any

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

if TYPE_CHECKING:
    from octopusx_video._async_client import AsyncOctopusX
    from octopusx_video._models import SubmittedTask, UnifiedVideoTask, VideoTask

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


def __getattr__(name: str) -> Any:
    """Load what not every program needs when it is first asked for."""
    homes = {
        "AsyncOctopusX": "_async_client",
        "SubmittedTask": "_models",
        "UnifiedVideoTask": "_models",
        "VideoTask": "_models",
    }
    if name not in homes:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"octopusx_video.{homes[name]}"), name)
