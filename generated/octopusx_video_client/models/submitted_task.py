from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..models.failed_status import FailedStatus, check_failed_status
from ..models.running_status import RunningStatus, check_running_status
from ..models.succeeded_status import SucceededStatus, check_succeeded_status
from ..types import UNSET, Unset

T = TypeVar("T", bound="SubmittedTask")


@_attrs_define
class SubmittedTask:
    """What a submit answers. Its `id` is the **new** task: keep it at once, it is what was paid for. More fields may come.

    Attributes:
        id (str): Id of a task. Many shapes are in use (`grok:UUID`, `video_…`, `task_…`, `sora-2:task_…`, a bare UUID):
            treat it as opaque, and expect a colon in it.
        status (FailedStatus | RunningStatus | str | SucceededStatus): How a task stands. An open string: the three
            lists are the known values and what they mean.
            **A value in none of them means running**, and is worth reporting.
        status_update_time (int | Unset): When the status last changed, Unix time in seconds.
    """

    id: str
    status: FailedStatus | RunningStatus | str | SucceededStatus
    status_update_time: int | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def __repr__(self) -> str:
        shown = [
            f"id={self.id!r}",
            f"status={self.status!r}",
        ]
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

        status_update_time = self.status_update_time

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "id": id,
                "status": status,
            }
        )
        if status_update_time is not UNSET:
            field_dict["status_update_time"] = status_update_time

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

        status_update_time = d.pop("status_update_time", UNSET)

        submitted_task = cls(
            id=id,
            status=status,
            status_update_time=status_update_time,
        )

        submitted_task.additional_properties = d
        return submitted_task

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
