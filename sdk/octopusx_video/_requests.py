"""Requests, checked against the contract and made by the generated client before anything is sent."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from octopusx_video_client.api.unified import extend_unified_video, query_unified_video
from octopusx_video_client.api.videos import (
    create_video_extension,
    download_video_content,
    extend_video,
    get_video_task,
)
from octopusx_video_client.models import (
    CreateVideoExtensionRequest,
    ExtendUnifiedVideoRequest,
    ExtendVideoRequest,
    SourceVideo,
    SubmittedTask,
    UnifiedVideoTask,
    VideoTask,
)

from octopusx_video import _contract
from octopusx_video._effects import Outgoing
from octopusx_video._errors import NotSentError

Json = Any
Task = VideoTask | UnifiedVideoTask
TaskOrId = SubmittedTask | Task | str

_LONGEST_SHOWN = 60


def extend_request(
    base_url: str, video_id: TaskOrId, fields: Mapping[str, Any], extra: Mapping[str, Any] | None
) -> Outgoing:
    """A request of ``extendVideo``.

    Raises:
        NotSentError: A value is none that the contract allows.
    """
    source = task_id(video_id, "video_id")
    body = _body("extendVideo", fields, extra)
    return _outgoing(
        "extendVideo", base_url, extend_video._get_kwargs(source, body=ExtendVideoRequest.from_dict(body)), source
    )


def create_extension_request(
    base_url: str, video: TaskOrId, fields: Mapping[str, Any], extra: Mapping[str, Any] | None
) -> Outgoing:
    """A request of ``createVideoExtension``.

    Raises:
        NotSentError: A value is none that the contract allows.
    """
    source = task_id(video, "video")
    body = _body("createVideoExtension", {**fields, "video": SourceVideo(url=source).to_dict()}, extra)
    made = CreateVideoExtensionRequest.from_dict(body)
    return _outgoing("createVideoExtension", base_url, create_video_extension._get_kwargs(body=made), source)


def extend_unified_request(
    base_url: str, source: TaskOrId, fields: Mapping[str, Any], extra: Mapping[str, Any] | None
) -> Outgoing:
    """A request of ``extendUnifiedVideo``.

    Raises:
        NotSentError: A value is none that the contract allows.
    """
    named = task_id(source, "task_id")
    body = _body("extendUnifiedVideo", {**fields, "task_id": named}, extra)
    made = ExtendUnifiedVideoRequest.from_dict(body)
    return _outgoing("extendUnifiedVideo", base_url, extend_unified_video._get_kwargs(body=made), named)


def read_request(base_url: str, name: str, task: str) -> Outgoing:
    """A request of the read ``getVideoTask`` or ``queryUnifiedVideo``."""
    if name == "getVideoTask":
        return _outgoing(name, base_url, get_video_task._get_kwargs(task))
    return _outgoing(name, base_url, query_unified_video._get_kwargs(id=task))


def content_request(base_url: str, task: str) -> Outgoing:
    """A request of ``downloadVideoContent``."""
    return _outgoing("downloadVideoContent", base_url, download_video_content._get_kwargs(task))


def task_id(value: object, name: str) -> str:
    """The id of a task, or of what a submit or a read answered.

    Raises:
        NotSentError: It is none.
    """
    if isinstance(value, SubmittedTask | VideoTask | UnifiedVideoTask):
        value = value.id
    if not isinstance(value, str):
        raise NotSentError(f"{name} is of type {type(value).__name__}; give the id of a task, or the task itself")
    if "://" in value:
        raise NotSentError(f"{name}: {_shown(value)} is a link; give the id of a task, like grok:UUID")
    if not _is_valid(_contract.task_id_validator(), value):
        raise NotSentError(f"{name}: {_shown(value)} is no id of a task; ids look like grok:UUID or video_abc123")
    return value


def _is_valid(validator: _contract.Validator, value: Json) -> bool:
    try:
        return validator.is_valid(value)
    except ValueError:  # half of a surrogate pair
        return False


def _body(name: str, fields: Mapping[str, Any], extra: Mapping[str, Any] | None) -> dict[str, Any]:
    """The fields that were given, as JSON."""
    if extra is not None and not isinstance(extra, Mapping):
        raise NotSentError(f"extra is of type {type(extra).__name__}; give a mapping of fields to JSON values")
    told_twice = fields.keys() & (extra or {}).keys()
    if told_twice:
        raise NotSentError(f"{', '.join(sorted(told_twice))} stands in extra; give it as an argument of its own")
    body = {field: value for field, value in {**fields, **(extra or {})}.items() if value is not None}
    if isinstance(body.get("images"), tuple):
        body["images"] = list(body["images"])
    try:
        for error in _contract.body_validator(name).iter_errors(body):
            raise NotSentError(_complaint(name, error)) from None
    except (TypeError, ValueError) as error:
        raise NotSentError(f"a field can't be written as JSON: {error}") from None
    return body


def _complaint(name: str, error: Any) -> str:
    place = tuple(str(step) for step in error.instance_path)
    named = ".".join(place)
    if error.kind.name == "required":
        return f"{'.'.join((*place, error.kind.property))} is missing"
    if place in _contract.task_id_places(name):
        return f"{named}: {_shown(error.instance)} is no id of a task"
    if error.kind.name == "pattern":
        fields = tuple(step for step in place if not step.isdigit())
        wanted = _contract.description(name, fields if fields == place else (*fields, "items"))
        return f"{named}: {_shown(error.instance)} is not allowed; it takes: {wanted}"
    return f"{named}: {error.message}"


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}…"


def _outgoing(name: str, base_url: str, made: Mapping[str, Any], source: str = "") -> Outgoing:
    """What the generated client made, as bytes."""
    query = "&".join(f"{key}={quote(str(value), safe='')}" for key, value in made.get("params", {}).items())
    body = None
    if "json" in made:
        try:
            body = json.dumps(made["json"], ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()
        except (TypeError, ValueError) as error:
            raise NotSentError(f"a field can't be written as JSON: {error}") from None
    url = f"{base_url}{made['url']}{'?' if query else ''}{query}"
    headers = {"Accept": _accepted(name), **made.get("headers", {})}
    return Outgoing(name, made["method"].upper(), url, headers, body, source)


def _accepted(name: str) -> str:
    content = _contract.contract().resolve(_contract.operation(name).definition["responses"]["200"])["content"]
    return ", ".join((*content, "application/json")) if "application/json" not in content else "application/json"
