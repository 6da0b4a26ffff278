from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..models.failed_status import FailedStatus, check_failed_status
from ..models.running_status import RunningStatus, check_running_status
from ..models.succeeded_status import SucceededStatus, check_succeeded_status
from ..types import UNSET, Unset

T = TypeVar("T", bound="UnifiedVideoTask")


@_attrs_define
class UnifiedVideoTask:
    """A task in the shape of the Unified Video routes. More fields may come.

    Attributes:
        id (str): Id of a task. Many shapes are in use (`grok:UUID`, `video_…`, `task_…`, `sora-2:task_…`, a bare UUID):
            treat it as opaque, and expect a colon in it.
        status (FailedStatus | RunningStatus | str | SucceededStatus): How a task stands. An open string: the three
            lists are the known values and what they mean.
            **A value in none of them means running**, and is worth reporting.
        video_url (None | str | Unset): Address of the video once the task has succeeded; null before.
        status_update_time (int | Unset): When the status last changed, Unix time in seconds.
        progress (int | Unset): How far it is, in percent; in some answers only.
        prompt (str | Unset): The prompt that was submitted.
        ratio (str | Unset): The aspect ratio that was submitted (the request calls it `aspect_ratio`).
        thumbnail_url (str | Unset): Address of a still picture; after success.
        asset_id (str | Unset): The upstream's id of the result; from some channels.
        video_file_id (str | Unset): The upstream's id of the file; from some channels.
        trace_id (str | Unset): The upstream's id of the request; from some channels.
    """

    id: str
    status: FailedStatus | RunningStatus | str | SucceededStatus
    video_url: None | str | Unset = UNSET
    status_update_time: int | Unset = UNSET
    progress: int | Unset = UNSET
    prompt: str | Unset = UNSET
    ratio: str | Unset = UNSET
    thumbnail_url: str | Unset = UNSET
    asset_id: str | Unset = UNSET
    video_file_id: str | Unset = UNSET
    trace_id: str | Unset = UNSET
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

        video_url: None | str | Unset
        if isinstance(self.video_url, Unset):
            video_url = UNSET
        else:
            video_url = self.video_url

        status_update_time = self.status_update_time

        progress = self.progress

        prompt = self.prompt

        ratio = self.ratio

        thumbnail_url = self.thumbnail_url

        asset_id = self.asset_id

        video_file_id = self.video_file_id

        trace_id = self.trace_id

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "id": id,
                "status": status,
            }
        )
        if video_url is not UNSET:
            field_dict["video_url"] = video_url
        if status_update_time is not UNSET:
            field_dict["status_update_time"] = status_update_time
        if progress is not UNSET:
            field_dict["progress"] = progress
        if prompt is not UNSET:
            field_dict["prompt"] = prompt
        if ratio is not UNSET:
            field_dict["ratio"] = ratio
        if thumbnail_url is not UNSET:
            field_dict["thumbnail_url"] = thumbnail_url
        if asset_id is not UNSET:
            field_dict["asset_id"] = asset_id
        if video_file_id is not UNSET:
            field_dict["video_file_id"] = video_file_id
        if trace_id is not UNSET:
            field_dict["trace_id"] = trace_id

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
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

        def _parse_video_url(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        video_url = _parse_video_url(d.pop("video_url", UNSET))

        status_update_time = d.pop("status_update_time", UNSET)

        progress = d.pop("progress", UNSET)

        prompt = d.pop("prompt", UNSET)

        ratio = d.pop("ratio", UNSET)

        thumbnail_url = d.pop("thumbnail_url", UNSET)

        asset_id = d.pop("asset_id", UNSET)

        video_file_id = d.pop("video_file_id", UNSET)

        trace_id = d.pop("trace_id", UNSET)

        unified_video_task = cls(
            id=id,
            status=status,
            video_url=video_url,
            status_update_time=status_update_time,
            progress=progress,
            prompt=prompt,
            ratio=ratio,
            thumbnail_url=thumbnail_url,
            asset_id=asset_id,
            video_file_id=video_file_id,
            trace_id=trace_id,
        )

        unified_video_task.additional_properties = d
        return unified_video_task

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
