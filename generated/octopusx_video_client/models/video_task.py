from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..models.failed_status import FailedStatus, check_failed_status
from ..models.running_status import RunningStatus, check_running_status
from ..models.succeeded_status import SucceededStatus, check_succeeded_status
from ..types import UNSET, Unset

if TYPE_CHECKING:
    from ..models.video_location import VideoLocation
    from ..models.video_task_error import VideoTaskError


T = TypeVar("T", bound="VideoTask")


@_attrs_define
class VideoTask:
    """A task in the OpenAI format. More fields may come. Zero and the empty string stand for
    "absent", and a healthy task may carry an `error` with empty fields.

        Attributes:
            id (str): Id of a task. Many shapes are in use (`grok:UUID`, `video_…`, `task_…`, `sora-2:task_…`, a bare UUID):
                treat it as opaque, and expect a colon in it.
            status (FailedStatus | RunningStatus | str | SucceededStatus): How a task stands. An open string: the three
                lists are the known values and what they mean.
                **A value in none of them means running**, and is worth reporting.
            task_id (str | Unset): An older name of `id`.
            object_ (str | Unset): Kind of the object, `video` in the sample.
            model (str | Unset): Model that makes the video.
            progress (int | Unset): How far it is, in percent.
            created_at (int | Unset): When the task was made, Unix time in seconds.
            completed_at (int | Unset): When the task ended, Unix time in seconds; 0 before that.
            expires_at (int | Unset): Until when the result can be fetched, Unix time in seconds.
            seconds (str | Unset): Length of the video in seconds, written as text (`"6"`).
            size (str | Unset): Resolution of the video, `720P` or `1080P` for this family of models.
            remixed_from_video_id (str | Unset): Id of the task that this one was remixed from; empty when it was not.
            error (VideoTaskError | Unset): Why the task failed. Both fields are empty on a task that did not.
            video_url (str | Unset): Address of the video once the task has succeeded; empty before. Read it first, then
                `output.url`, `url`, `detail.url` and `metadata.url`.
            output (VideoLocation | Unset): An object that may hold the video's address among other things.
            url (str | Unset): Another place of the video's address.
            detail (VideoLocation | Unset): An object that may hold the video's address among other things.
            metadata (VideoLocation | Unset): An object that may hold the video's address among other things.
    """

    id: str
    status: FailedStatus | RunningStatus | str | SucceededStatus
    task_id: str | Unset = UNSET
    object_: str | Unset = UNSET
    model: str | Unset = UNSET
    progress: int | Unset = UNSET
    created_at: int | Unset = UNSET
    completed_at: int | Unset = UNSET
    expires_at: int | Unset = UNSET
    seconds: str | Unset = UNSET
    size: str | Unset = UNSET
    remixed_from_video_id: str | Unset = UNSET
    error: VideoTaskError | Unset = UNSET
    video_url: str | Unset = UNSET
    output: VideoLocation | Unset = UNSET
    url: str | Unset = UNSET
    detail: VideoLocation | Unset = UNSET
    metadata: VideoLocation | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def __repr__(self) -> str:
        shown = [
            f"id={self.id!r}",
            f"status={self.status!r}",
        ]
        if self.progress is not UNSET:
            shown.append(f"progress={self.progress!r}")
        return f"{type(self).__name__}({', '.join(shown)})"

    def to_dict(self) -> dict[str, Any]:
        id = self.id

        status: str
        if isinstance(self.status, str):
            status = self.status
        elif isinstance(self.status, str):
            status = self.status
        elif isinstance(self.status, str):
            status = self.status
        else:
            status = self.status

        task_id = self.task_id

        object_ = self.object_

        model = self.model

        progress = self.progress

        created_at = self.created_at

        completed_at = self.completed_at

        expires_at = self.expires_at

        seconds = self.seconds

        size = self.size

        remixed_from_video_id = self.remixed_from_video_id

        error: dict[str, Any] | Unset = UNSET
        if not isinstance(self.error, Unset):
            error = self.error.to_dict()

        video_url = self.video_url

        output: dict[str, Any] | Unset = UNSET
        if not isinstance(self.output, Unset):
            output = self.output.to_dict()

        url = self.url

        detail: dict[str, Any] | Unset = UNSET
        if not isinstance(self.detail, Unset):
            detail = self.detail.to_dict()

        metadata: dict[str, Any] | Unset = UNSET
        if not isinstance(self.metadata, Unset):
            metadata = self.metadata.to_dict()

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "id": id,
                "status": status,
            }
        )
        if task_id is not UNSET:
            field_dict["task_id"] = task_id
        if object_ is not UNSET:
            field_dict["object"] = object_
        if model is not UNSET:
            field_dict["model"] = model
        if progress is not UNSET:
            field_dict["progress"] = progress
        if created_at is not UNSET:
            field_dict["created_at"] = created_at
        if completed_at is not UNSET:
            field_dict["completed_at"] = completed_at
        if expires_at is not UNSET:
            field_dict["expires_at"] = expires_at
        if seconds is not UNSET:
            field_dict["seconds"] = seconds
        if size is not UNSET:
            field_dict["size"] = size
        if remixed_from_video_id is not UNSET:
            field_dict["remixed_from_video_id"] = remixed_from_video_id
        if error is not UNSET:
            field_dict["error"] = error
        if video_url is not UNSET:
            field_dict["video_url"] = video_url
        if output is not UNSET:
            field_dict["output"] = output
        if url is not UNSET:
            field_dict["url"] = url
        if detail is not UNSET:
            field_dict["detail"] = detail
        if metadata is not UNSET:
            field_dict["metadata"] = metadata

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.video_location import VideoLocation  # noqa: PLC0415
        from ..models.video_task_error import VideoTaskError  # noqa: PLC0415

        d = dict(src_dict)
        id = d.pop("id")

        def _parse_status(
            data: object,
        ) -> FailedStatus | RunningStatus | str | SucceededStatus:
            try:
                if not isinstance(data, str):
                    raise TypeError()
                componentsschemas_task_status_type_0 = check_running_status(data)

                return componentsschemas_task_status_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            try:
                if not isinstance(data, str):
                    raise TypeError()
                componentsschemas_task_status_type_1 = check_succeeded_status(data)

                return componentsschemas_task_status_type_1
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            try:
                if not isinstance(data, str):
                    raise TypeError()
                componentsschemas_task_status_type_2 = check_failed_status(data)

                return componentsschemas_task_status_type_2
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(FailedStatus | RunningStatus | str | SucceededStatus, data)

        status = _parse_status(d.pop("status"))

        task_id = d.pop("task_id", UNSET)

        object_ = d.pop("object", UNSET)

        model = d.pop("model", UNSET)

        progress = d.pop("progress", UNSET)

        created_at = d.pop("created_at", UNSET)

        completed_at = d.pop("completed_at", UNSET)

        expires_at = d.pop("expires_at", UNSET)

        seconds = d.pop("seconds", UNSET)

        size = d.pop("size", UNSET)

        remixed_from_video_id = d.pop("remixed_from_video_id", UNSET)

        _error = d.pop("error", UNSET)
        error: VideoTaskError | Unset
        if isinstance(_error, Unset):
            error = UNSET
        else:
            error = VideoTaskError.from_dict(_error)

        video_url = d.pop("video_url", UNSET)

        _output = d.pop("output", UNSET)
        output: VideoLocation | Unset
        if isinstance(_output, Unset):
            output = UNSET
        else:
            output = VideoLocation.from_dict(_output)

        url = d.pop("url", UNSET)

        _detail = d.pop("detail", UNSET)
        detail: VideoLocation | Unset
        if isinstance(_detail, Unset):
            detail = UNSET
        else:
            detail = VideoLocation.from_dict(_detail)

        _metadata = d.pop("metadata", UNSET)
        metadata: VideoLocation | Unset
        if isinstance(_metadata, Unset):
            metadata = UNSET
        else:
            metadata = VideoLocation.from_dict(_metadata)

        video_task = cls(
            id=id,
            status=status,
            task_id=task_id,
            object_=object_,
            model=model,
            progress=progress,
            created_at=created_at,
            completed_at=completed_at,
            expires_at=expires_at,
            seconds=seconds,
            size=size,
            remixed_from_video_id=remixed_from_video_id,
            error=error,
            video_url=video_url,
            output=output,
            url=url,
            detail=detail,
            metadata=metadata,
        )

        video_task.additional_properties = d
        return video_task

    @property
    def additional_keys(self) -> list[str]:
        return list(self.additional_properties.keys())

    def __getitem__(self, key: str) -> Any:
        return self.additional_properties[key]

    def __setitem__(self, key: str, value: Any) -> None:
        self.additional_properties[key] = value

    def __delitem__(self, key: str) -> None:
        del self.additional_properties[key]

    def __contains__(self, key: str) -> bool:
        return key in self.additional_properties
