"""A task as a response gives it, in one spelling whatever the service's."""

from __future__ import annotations

import contextlib
import datetime as dt
import math
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from octopusx_video._key import Key, each_text
from octopusx_video._messages import contract, models
from octopusx_video._messages.exchange import Json, Response
from octopusx_video._messages.responses import code_in, loaded, reason_in

Model = TypeVar("Model", "models.SubmittedTask", "models.VideoTask", "models.UnifiedVideoTask")

_UNKNOWN = "unknown"
"""The contract's word for a status that is not given; the task is then taken for running."""
_OLDER_ID = "task_id"
"""An older name of the id of a task (VideoTask in the contract)."""


class UnreadableError(Exception):
    """A response holds no task. The text says what it holds instead."""


def task(response: Response, model: type[Model], asked: str | None, key: Key) -> Model:
    """The task of a successful response, in one spelling of what the service writes in several ways.

    What is empty, null or zero is left out (``UNSET`` in the model); times are Unix seconds and progress is a whole
    percentage; a status that is missing is ``unknown``; once the task has succeeded, the address of its video is in
    the first field that the contract has for it (``video_url``), wherever it stood.

    Args:
        response: The response.
        model: What it is read as.
        asked: The id that a read asked for, which the task keeps; None for a submit, whose response has to have it.
        key: Is taken out of everything that a person may be shown; addresses and ids stay as they are.

    Raises:
        UnreadableError: It is no JSON object, is an error, or a submit's has no id.
    """
    value = loaded(response)
    if not isinstance(value, dict):
        kind = response.media_type or "something without a media type"
        what = "nothing" if not response.content else kind if value is None else f"JSON ({type(value).__name__})"
        raise UnreadableError(f"the body is {what} instead of a task")
    name = model.__name__
    id_field, status_field = contract.field(name, contract.ID), contract.field(name, contract.STATUS)
    if not value.get(status_field) and not value.get(id_field) and _is_error(value):
        raise UnreadableError("the body is an error")
    known = {id_field: _id(value, id_field, asked), status_field: _status(value.get(status_field))}
    try:
        kept = {name: field for name, field in value.items() if not _is_absent(field)} | known
        places: contract.Places = contract.places(name)
        phase = contract.phase(known[status_field])
        _respell_error(kept, name, phase)
        _respell(kept, places, phase)
        _drop_absent(kept)
        if key.may_be_in(response.content):
            used = {id_field, _OLDER_ID, *(place[0] for place in places.named.get(contract.ADDRESS, ()))}
            kept = {name: field if name in used else each_text(field, key.removed) for name, field in kept.items()}
        return model.from_dict(kept)
    except Exception:  # noqa: BLE001 - whatever a value that nobody foresaw does, the task is not lost to it
        return model.from_dict({**known, status_field: key.removed(known[status_field])})


def _is_error(value: Mapping[str, Json]) -> bool:
    """Whether an object without a task is an error; the gateway's wrapper says ``success`` in the place of a code."""
    return bool(value.get("error") or code_in(value))


def _id(value: Mapping[str, Json], name: str, asked: str | None) -> str:
    if asked is not None:  # a sample of the pages has another (R06), which would lead to another task's video
        return asked
    found = value.get(name) or value.get(_OLDER_ID)
    if not isinstance(found, str):
        raise UnreadableError("the body has no id" if found is None else f"the id is {found!r}")
    return found


def _status(value: Json) -> str:
    return value if isinstance(value, str) and value.strip() else _UNKNOWN


def _respell(value: dict[str, Json], places: contract.Places, phase: str) -> None:
    addresses = places.named.get(contract.ADDRESS, ())
    for place in addresses:
        holder = value.get(place[0])
        if len(place) > 1 and isinstance(holder, str):
            value[place[0]] = {place[1]: holder}
        elif len(place) > 1 and holder is not None and not isinstance(holder, dict):
            del value[place[0]]
    for place in places.times:
        _replace(value, place, seconds)
    for place in places.progress:
        _replace(value, place, percent)
    for place in places.named.get(contract.LENGTH, ()):
        _replace(value, place, lambda length: f"{length:g}" if isinstance(length, int | float) else length)
    if phase == "succeeded" and addresses:
        found = (_at(value, place) for place in addresses)
        address = next((one.strip() for one in found if isinstance(one, str) and one.strip()), None)
        value[addresses[0][0]] = address


def _respell_error(value: dict[str, Json], name: str, phase: str) -> None:
    """Put the reason of a failure where the contract has it, from wherever it stands.

    ``fail_reason`` counts only for a task that has failed: the gateway keeps an address there when it succeeds
    (QuantumNous/new-api model/task.go).
    """
    message, code_at = contract.error_places(name)
    error = value.pop(message[0], None)
    reason = reason_in(error)
    code = next(filter(None, map(code_in, error if isinstance(error, list) else [error])), "")
    if phase == "failed":
        reason, code = reason or reason_in(value), code or code_in(value)
    kept = error if isinstance(error, dict) else {}
    if reason or code or not _is_absent(kept):
        value[message[0]] = {**kept, message[1]: reason, code_at[1]: code}


def _at(value: Json, place: contract.Place) -> Json:
    for step in place:
        value = value.get(step) if isinstance(value, dict) else None
    return value


def _replace(value: dict[str, Json], place: contract.Place, respell: Callable[[Any], Any]) -> None:
    *above, name = place
    holder = _at(value, tuple(above))
    if isinstance(holder, dict) and name in holder:
        holder[name] = respell(holder[name])


def seconds(value: Json) -> int | None:
    """A time in Unix seconds, from seconds or milliseconds (R13), a number or a text, or RFC 3339; None for none."""
    number = _number(value)
    if number is None and isinstance(value, str):
        with contextlib.suppress(ValueError):
            number = dt.datetime.fromisoformat(value.strip()).timestamp()
    if number is None or number < 0:  # the zero of some languages is in the year 1
        return None
    return int(contract.in_seconds(number)) or None


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
