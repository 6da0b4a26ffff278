from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..models.extension_duration import ExtensionDuration, check_extension_duration
from ..types import UNSET, Unset

if TYPE_CHECKING:
    from ..models.source_video import SourceVideo


T = TypeVar("T", bound="CreateVideoExtensionRequest")


@_attrs_define
class CreateVideoExtensionRequest:
    """Body of `createVideoExtension`. Fields that are not listed are passed on.

    Attributes:
        model (str): Name of a model that the key can use, for example `grok-video-3`.
        prompt (str): What happens in the added segment. Not blank.
        video (SourceVideo): The video to extend. Its `url` is the id of the source **task** and, in spite of its name,
            not a playable link: this contract refuses an http address.
        start_time (int): Second of the source video from which the extension goes on. Where it may be left out, the
            extension goes on from the end of the source (inferred, see x-result-length).
        duration (ExtensionDuration | Unset): How much is added, in seconds (one page reads it as the total, see
            x-result-length). When it is left out the service takes 10, so leave it out rather than send a default of your
            own.
    """

    model: str
    prompt: str
    video: SourceVideo
    start_time: int
    duration: ExtensionDuration | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        model = self.model

        prompt = self.prompt

        video = self.video.to_dict()

        start_time = self.start_time

        duration: int | Unset = UNSET
        if not isinstance(self.duration, Unset):
            duration = self.duration

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "model": model,
                "prompt": prompt,
                "video": video,
                "start_time": start_time,
            }
        )
        if duration is not UNSET:
            field_dict["duration"] = duration

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.source_video import SourceVideo  # noqa: PLC0415

        d = dict(src_dict)
        model = d.pop("model")

        prompt = d.pop("prompt")

        video = SourceVideo.from_dict(d.pop("video"))

        start_time = d.pop("start_time")

        _duration = d.pop("duration", UNSET)
        duration: ExtensionDuration | Unset
        if isinstance(_duration, Unset):
            duration = UNSET
        else:
            duration = check_extension_duration(_duration)

        create_video_extension_request = cls(
            model=model,
            prompt=prompt,
            video=video,
            start_time=start_time,
            duration=duration,
        )

        create_video_extension_request.additional_properties = d
        return create_video_extension_request

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
