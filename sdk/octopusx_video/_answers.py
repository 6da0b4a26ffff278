"""What answers say: tasks in one spelling whatever the service's, and errors of each of its shapes."""

from __future__ import annotations

import datetime as dt
import json
import math
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple, TypeVar

from octopusx_video import _contract, _models
from octopusx_video._effects import Answer

Json = Any
Model = TypeVar("Model", "_models.SubmittedTask", "_models.VideoTask", "_models.UnifiedVideoTask")

NOT_KNOWN = "unknown"
"""The contract's word for a status that is not told; it is no end."""
LONGEST_REASON = 300
MAX_RESPONSE = 2000
"""How much of a response an error carries, in characters."""
MAX_IDS = 5
"""How many ids that may be a new task's an error carries."""
_MAX_SCANNED = 100_000
"""How much of a response is searched for ids and a reason, in bytes."""
_REASONS = (
    "message",
    "msg",
    "error",
    "errors",
    "detail",
    "fail_reason",
    "reason",
    "error_message",
    "error_description",
)
"""Where gateways and frameworks put a reason for people, in the order in which they are looked at."""
_WRAPPER = "data"
"""Holds the task or its id in the gateway's wrapper (doc.octopusx.ai/en/tasks/task-status)."""
_ID = r'"([A-Za-z0-9_.-]*[iI][dD]|data)"\s*:\s*"((?:[^"\\]|\\.)*)"'


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
    """What an error response says, in whichever shape it comes.

    The shapes are those of the contract's ErrorResponse, and of account pages, sister services and frameworks
    (``success: false``, ``error`` as a text or a list, ``detail`` as a list, ``fail_reason``); of a body that is no
    JSON its text.
    """
    value = loaded(answer)
    if not isinstance(value, dict):
        text = redact(answer.content[:_MAX_SCANNED].decode("utf-8", "replace"))[: 4 * LONGEST_REASON]
        plain = re.sub(r"<[^>]*>", " ", text) if "<" in text else text
        return Problem(_short(plain))
    return _problem_in(value, redact)


def _problem_in(value: Mapping[str, Json], redact: Callable[[str], str]) -> Problem:
    error = value.get("error")
    holder: Mapping[str, Json] = error if isinstance(error, Mapping) else value
    code, kind = _scalar(holder.get("code")), _scalar(holder.get("type"))
    return Problem(_short(redact(reason_in(value))), redact(code), kind)


def reason_in(value: Json) -> str:
    """The reason for people in a JSON value, wherever it stands; "" where there is none."""
    if isinstance(value, list):
        return "; ".join(dict.fromkeys(filter(None, map(reason_in, value[:3]))))
    if not isinstance(value, dict):
        return _scalar(value)
    for name in _REASONS:
        field = value.get(name)
        reason = "" if isinstance(field, bool) else reason_in(field)
        if reason:
            place = value.get("loc")  # FastAPI and others say where in the request the fault is
            return f"{'.'.join(map(str, place))}: {reason}" if isinstance(place, list) and place else reason
    return ""


def _scalar(value: Json) -> str:
    return str(value) if isinstance(value, str | int | float) and not isinstance(value, bool) else ""


def _short(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= LONGEST_REASON else f"{text[:LONGEST_REASON]}…"


def excerpt(answer: Answer | None, redact: Callable[[str], str]) -> str | None:
    """The beginning of a response's body for people, without the key; None where there is no response."""
    if answer is None:
        return None
    # Cut after the key is gone, so that no piece of it is left at the end.
    lines = answer.content[:_MAX_SCANNED].decode("utf-8", "replace").splitlines()
    return "\n".join(map(redact, lines))[:MAX_RESPONSE]


def possible_task_ids(answer: Answer | None, sent: bytes | None, source: str) -> tuple[str, ...]:
    """What may be the id of a new task in a response that can't be understood, the likeliest first.

    Values that fit the contract's TaskId, as a bare string, under a name that ends in ``id``, or in the gateway's
    wrapper. What the request held is left out, since a gateway may repeat it; an id of the request itself counts only
    where there is no other.

    Args:
        answer: As much of the response as arrived, whether it is JSON or not.
        sent: The body of the request.
        source: The task that the request named.
    """
    if answer is None:
        return ()
    text = answer.content[:_MAX_SCANNED].decode("utf-8", "replace").lstrip("\ufeff \t\r\n")
    repeated = {source, *_strings(json.loads(sent) if sent else None)}
    found: dict[str, int] = {}
    for name, value in _named(text):
        if value not in repeated and len(value) <= LONGEST_REASON and _contract.is_task_id(value):
            found[value] = min(found.get(value, 3), _rank(name))
    likeliest = sorted(found, key=found.__getitem__)
    return tuple(one for one in likeliest if found[one] < 3 or found[likeliest[0]] == 3)[:MAX_IDS]


def _rank(name: str) -> int:
    plain = re.sub(r"[^a-z]", "", name.lower())
    if plain in {"id", "taskid", "videoid"}:
        return 0
    return 3 if plain in {"requestid", "xrequestid", "traceid", "oneapirequestid"} else 1 if plain else 2


def _named(text: str) -> Iterator[tuple[str, str]]:
    """The texts that may be ids, each with its name; "" where it has none."""
    try:
        value, _ = json.JSONDecoder().raw_decode(text)
    except (ValueError, RecursionError):
        for found in re.finditer(_ID, text):  # cut, or more than JSON
            yield "" if found[1] == _WRAPPER else found[1], found[2]
        return
    yield from [("", value)] if isinstance(value, str) else _named_in(value)


def _named_in(value: Json) -> Iterator[tuple[str, str]]:
    level = [value]
    while level:
        one = level.pop(0)
        if isinstance(one, dict):
            for name, field in one.items():
                if isinstance(field, str) and (name.lower().endswith("id") or name == _WRAPPER):
                    yield "" if name == _WRAPPER else name, field
            level += one.values()
        elif isinstance(one, list):
            level += one


def _strings(value: Json) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    for one in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _strings(one)


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
        kind = answer.media_type or "a body without a media type"
        what = "nothing" if not answer.content else kind if value is None else f"JSON ({type(value).__name__})"
        raise UnreadableError(f"the body holds {what} instead of a task")
    if not value.get("status") and not value.get("id") and _is_error(value):
        raise UnreadableError("the body is an error")
    told = {"id": _id(value, asked), "status": _status(value.get("status"))}
    try:
        kept = {name: field for name, field in value.items() if not _is_absent(field)} | told
        _respell(kept, _contract.places(model.__name__))
        _drop_absent(kept)
        return model.from_dict(kept)
    except Exception:  # noqa: BLE001 - whatever a value that nobody foresaw does, the task is not lost to it
        return model.from_dict(told)


def _is_error(value: Mapping[str, Json]) -> bool:
    """Whether an object without a task is an error; the gateway's wrapper says ``success`` in the place of a code."""
    code = value.get("code")
    return bool(value.get("error")) or (bool(code) and code is not True and str(code).lower() not in _SUCCESS)


_SUCCESS = frozenset({"success", "ok", "200"})


def _id(value: Mapping[str, Json], asked: str | None) -> str:
    if asked is not None:  # a sample of the pages tells another (R06), which would lead to another task's video
        return asked
    # `task_id` is an older name of `id` (VideoTask in the contract).
    told = value.get("id") or value.get("task_id")
    if not isinstance(told, str):
        raise UnreadableError("the body has no id" if told is None else f"the id is {told!r}")
    return told


def _status(value: Json) -> str:
    return value if isinstance(value, str) and value.strip() else NOT_KNOWN


def _respell(value: dict[str, Json], places: _contract.Places) -> None:
    _respell_error(value)
    for place in places.address:
        holder = value.get(place[0])
        if len(place) > 1 and isinstance(holder, str):
            value[place[0]] = {place[1]: holder}
        elif len(place) > 1 and holder is not None and not isinstance(holder, dict):
            del value[place[0]]
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


def _respell_error(value: dict[str, Json]) -> None:
    """Put the reason of a failure where the contract has it, from wherever it stands.

    ``fail_reason`` counts only for a task that has failed: the gateway keeps an address there when it succeeds
    (QuantumNous/new-api model/task.go).
    """
    error = value.pop("error", None)
    reason, code = reason_in(error), ""
    for one in error if isinstance(error, list) else [error]:
        code = code or (_scalar(one.get("code")) if isinstance(one, dict) else "")
    if _contract.phase(value["status"]) == "failed":
        reason = reason or reason_in(value)
        code = code or _scalar(value.get("code"))
    kept = error if isinstance(error, dict) else {}
    told = {**kept, "message": reason, "code": code}
    if reason or code or not _is_absent(kept):
        value["error"] = told


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
