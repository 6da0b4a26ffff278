from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..models.video_size import VideoSize, check_video_size
from ..types import UNSET, Unset

T = TypeVar("T", bound="ExtendUnifiedVideoRequest")


@_attrs_define
class ExtendUnifiedVideoRequest:
    """Body of `extendUnifiedVideo`. Fields that are not listed are passed on.

    Attributes:
        model (str): Name of a model that the key can use, for example `grok-video-3`.
        prompt (str): What happens in the added segment. Not blank.
        task_id (str): Id of a task. Many shapes are in use (`grok:UUID`, `video_…`, `task_…`, `sora-2:task_…`, a bare
            UUID): treat it as opaque, and expect a colon in it.
        images (list[str] | Unset): Addresses of pictures that guide the added segment.
        size (VideoSize | Unset): Resolution of the new video, in upper case. What is taken when it is left out is not
            documented.
        aspect_ratio (str | Unset): Width to height, for example `3:2`. The page gives no closed list and no default.
        start_time (int | Unset): Second of the source video from which the extension goes on. Where it may be left out,
            the extension goes on from the end of the source (inferred, see x-result-length).
        upscale (bool | Unset): Whether the new video is enhanced to high definition. The page gives no default.
    """

    model: str
    prompt: str
    task_id: str
    images: list[str] | Unset = UNSET
    size: VideoSize | Unset = UNSET
    aspect_ratio: str | Unset = UNSET
    start_time: int | Unset = UNSET
    upscale: bool | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        model = self.model

        prompt = self.prompt

        task_id = self.task_id

        images: list[str] | Unset = UNSET
        if not isinstance(self.images, Unset):
            images = self.images

        size: str | Unset = UNSET
        if not isinstance(self.size, Unset):
            size = self.size

        aspect_ratio = self.aspect_ratio

        start_time = self.start_time

        upscale = self.upscale

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "model": model,
                "prompt": prompt,
                "task_id": task_id,
            }
        )
        if images is not UNSET:
            field_dict["images"] = images
        if size is not UNSET:
            field_dict["size"] = size
        if aspect_ratio is not UNSET:
            field_dict["aspect_ratio"] = aspect_ratio
        if start_time is not UNSET:
            field_dict["start_time"] = start_time
        if upscale is not UNSET:
            field_dict["upscale"] = upscale

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        model = d.pop("model")

        prompt = d.pop("prompt")

        task_id = d.pop("task_id")

        images = cast(list[str], d.pop("images", UNSET))

        _size = d.pop("size", UNSET)
        size: VideoSize | Unset
        if isinstance(_size, Unset):
            size = UNSET
        else:
            size = check_video_size(_size)

        aspect_ratio = d.pop("aspect_ratio", UNSET)

        start_time = d.pop("start_time", UNSET)

        upscale = d.pop("upscale", UNSET)

        extend_unified_video_request = cls(
            model=model,
            prompt=prompt,
            task_id=task_id,
            images=images,
            size=size,
            aspect_ratio=aspect_ratio,
            start_time=start_time,
            upscale=upscale,
        )

        extend_unified_video_request.additional_properties = d
        return extend_unified_video_request

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
