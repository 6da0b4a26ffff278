"""The generated models, loaded when one is first needed: they take half as long to import as httpx does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from octopusx_video_client.models import SubmittedTask, UnifiedVideoTask, VideoTask

__all__ = ["SubmittedTask", "Task", "TaskOrId", "UnifiedVideoTask", "VideoTask"]

Task: TypeAlias = "VideoTask | UnifiedVideoTask"
"""What a read returns."""
TaskOrId: TypeAlias = "SubmittedTask | VideoTask | UnifiedVideoTask | str"
"""How an argument names a task."""


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from octopusx_video_client import models  # noqa: PLC0415 - see above

    globals()[name] = value = getattr(models, name)
    return value
