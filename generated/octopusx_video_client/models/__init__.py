"""Contains all the data models used in inputs/outputs"""

from .create_video_extension_request import CreateVideoExtensionRequest
from .extend_unified_video_request import ExtendUnifiedVideoRequest
from .extend_video_request import ExtendVideoRequest
from .extension_duration import ExtensionDuration
from .failed_status import FailedStatus
from .open_ai_error_detail import OpenAIErrorDetail
from .open_ai_error_response import OpenAIErrorResponse
from .running_status import RunningStatus
from .source_video import SourceVideo
from .submitted_task import SubmittedTask
from .succeeded_status import SucceededStatus
from .task_error_response import TaskErrorResponse
from .unified_video_task import UnifiedVideoTask
from .video_location import VideoLocation
from .video_size import VideoSize
from .video_task import VideoTask
from .video_task_error import VideoTaskError

__all__ = (
    "CreateVideoExtensionRequest",
    "ExtendUnifiedVideoRequest",
    "ExtendVideoRequest",
    "ExtensionDuration",
    "FailedStatus",
    "OpenAIErrorDetail",
    "OpenAIErrorResponse",
    "RunningStatus",
    "SourceVideo",
    "SubmittedTask",
    "SucceededStatus",
    "TaskErrorResponse",
    "UnifiedVideoTask",
    "VideoLocation",
    "VideoSize",
    "VideoTask",
    "VideoTaskError",
)
