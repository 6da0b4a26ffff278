"""What answers say: tasks in one spelling whatever the service's, and errors of each of its shapes."""

from __future__ import annotations

import datetime as dt
import json
import math
import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeVar

from octopusx_video import _contract, _models
from octopusx_video._effects import Answer

Json = Any
Model = TypeVar("Model", "_models.SubmittedTask", "_models.VideoTask", "_models.UnifiedVideoTask")

NOT_KNOWN = "unknown"
"""The contract's word for a status that is not told; it is no end."""
LONGEST_REASON = 300


class UnreadableError(Exception):
    """An answer holds no task. The text says what it holds instead."""


class Problem(NamedTuple):
    """What an error answer says.

    Attributes:
        reason: For people, "" where nothing is told.
        code: For programs, "" where nothing is told.
        kind: The type of the OpenAI-like shape, "" in the others.
    """

    reason: str = ""
    code: str = ""
    kind: str = ""


def loaded(answer: Answer) -> Json:
    """The answer's JSON value; None where it is none."""
    try:
        return json.loads(answer.content)
    except (ValueError, RecursionError):
        return None


def problem(answer: Answer, redact: Callable[[str], str]) -> Problem:
    """What an error answer says, in whichever shape it comes.

    The shapes are those of the contract's ErrorResponse, and of account pages and sister services (``success: false``,
    ``error`` as a text); a body that is no JSON is told as it is.
    """
    value = loaded(answer)
    if not isinstance(value, dict):
        text = redact(answer.content.decode("utf-8", "replace"))[: 4 * LONGEST_REASON]
        plain = re.sub(r"<[^>]*>", " ", text) if "<" in text else text
        return Problem(_short(plain))
    error = value.get("error")
    if isinstance(error, Mapping):
        return Problem(_short(redact(_text(error.get("message")))), _text(error.get("code")), _text(error.get("type")))
    reason = value.get("message") or error or value.get("detail")
    return Problem(_short(redact(_text(reason))), _text(value.get("code")))


def _text(value: Json) -> str:
    return "" if value is None or isinstance(value, dict | list) else str(value)


def _short(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= LONGEST_REASON else f"{text[:LONGEST_REASON]}…"


def task(answer: Answer, model: type[Model], asked: str | None) -> Model:
    """The task that an answer with the status 200 tells of, what the service writes in several ways in one.

    What is empty, null or zero is left out (``UNSET`` in the model); times are Unix seconds and progress is a whole
    percentage; a status that is missing is ``unknown``; once the task has succeeded, the address of its video is in
    ``video_url``, wherever it stood.

    Args:
        answer: The answer.
        model: What it is read as.
        asked: The id that a read asked for, which the task keeps; None for a submit, which has to tell it.

    Raises:
        UnreadableError: It is no JSON object, is an error, or a submit's has no id.
    """
    value = loaded(answer)
    if not isinstance(value, dict):
        what = f"{answer.media_type or 'a body without a type'}" if value is None else f"JSON ({type(value).__name__})"
        raise UnreadableError(f"instead of a task came {what}")
    if (
        not value.get("status")
        and not value.get("id")
        and any(value.get(name) for name in ("error", "code", "message"))
    ):
        raise UnreadableError("an error came with status 200")
    told = {"id": _id(value, asked), "status": _status(value.get("status"))}
    try:
        kept = {name: field for name, field in value.items() if not _is_absent(field)} | told
        _respell(kept, _contract.places(model.__name__))
        _drop_absent(kept)
        return model.from_dict(kept)
    except Exception:  # noqa: BLE001 - whatever a value that nobody foresaw does, the task is not lost to it
        return model.from_dict(told)


def _id(value: Mapping[str, Json], asked: str | None) -> str:
    if asked is not None:  # a sample of the pages tells another (R06), which would lead to another task's video
        return asked
    # `task_id` is an older name of `id` (VideoTask in the contract).
    told = value.get("id") or value.get("task_id")
    if not isinstance(told, str):
        raise UnreadableError("it tells no id" if told is None else f"it tells the id {told!r}")
    return told


def _status(value: Json) -> str:
    return value if isinstance(value, str) and value.strip() else NOT_KNOWN


def _respell(value: dict[str, Json], places: _contract.Places) -> None:
    if isinstance(value.get("error"), str):
        value["error"] = {"message": value["error"]}
    for place in places.address:
        holder = value.get(place[0])
        if len(place) > 1 and isinstance(holder, str):
            value[place[0]] = {place[1]: holder}
        elif len(place) > 1 and holder is not None and not isinstance(holder, dict):
            del value[place[0]]
    if "error" in value and not isinstance(value["error"], dict):
        del value["error"]
    for place in places.times:
        _replace(value, place, seconds)
    for place in places.progress:
        _replace(value, place, percent)
    if isinstance(value.get("seconds"), int | float):
        value["seconds"] = f"{value['seconds']:g}"
    if _contract.phase(value["status"]) == "succeeded" and places.address:
        found = (_at(value, place) for place in places.address)
        address = next((one.strip() for one in found if isinstance(one, str) and one.strip()), None)
        value["video_url"] = address


def _at(value: Json, place: tuple[str, ...]) -> Json:
    for step in place:
        value = value.get(step) if isinstance(value, dict) else None
    return value


def _replace(value: dict[str, Json], place: tuple[str, ...], respell: Any) -> None:
    *above, name = place
    holder = _at(value, tuple(above))
    if isinstance(holder, dict) and name in holder:
        holder[name] = respell(holder[name])


def seconds(value: Json) -> int | None:
    """A time in Unix seconds, from seconds or milliseconds (R13), a number or a text, or RFC 3339; None for none."""
    if isinstance(value, str):
        number = _number(value)
        if number is None:
            try:
                number = dt.datetime.fromisoformat(value.strip()).timestamp()
            except ValueError:
                return None
    else:
        number = _number(value)
    if number is None:
        return None
    return int(number / 1000 if number > _contract.last_second() else number) or None


def percent(value: Json) -> int | None:
    """A whole percentage from 0 to 100, from a number or a text such as ``42%``; None for none."""
    number = _number(value.strip().removesuffix("%") if isinstance(value, str) else value)
    return None if number is None else max(0, min(100, int(number)))


def _number(value: Json) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) and number >= 0 else None


def _is_absent(value: Json) -> bool:
    """Whether a value stands for none; an object that holds none does, too, as the error of a healthy task."""
    return value is None or value == "" or (isinstance(value, dict) and all(map(_is_absent, value.values())))


def _drop_absent(value: dict[str, Json]) -> None:
    for name in [name for name, field in value.items() if _is_absent(field)]:
        del value[name]
    for field in value.values():
        if isinstance(field, dict):
            _drop_absent(field)
