"""The OctopusX video-extension API: submits that are never paid twice, tasks that are not lost, complete downloads.

``OctopusX`` and ``AsyncOctopusX`` are the clients. Their models are those of ``octopusx_video_client``, and every error
is an ``OctopusXError``.

Each name is loaded when it is first used, so that the command can handle signals before anything large is imported.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

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
    from octopusx_video._messages.models import SubmittedTask, UnifiedVideoTask, VideoTask
    from octopusx_video._messages.outcome import phase

    __version__: str

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
    "__version__",
    "phase",
]

_MODULES = {
    "AsyncOctopusX": "_async_client",
    "OctopusX": "_client",
    "SubmittedTask": "_messages.models",
    "UnifiedVideoTask": "_messages.models",
    "VideoTask": "_messages.models",
    "phase": "_messages.outcome",
}
"""Where each name of ``__all__`` is, errors apart."""


def __getattr__(name: str) -> Any:
    """Load a name when it is first used (PEP 562)."""
    if name == "__version__":
        from importlib.metadata import version  # noqa: PLC0415 - few programs ask for it

        value: Any = version("octopusx-video")
    elif name in __all__:
        from importlib import import_module  # noqa: PLC0415 - see above

        value = getattr(import_module(f"octopusx_video.{_MODULES.get(name, '_errors')}"), name)
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """The names of this package, for completion and ``help``."""
    return sorted({*globals(), *__all__})
