"""What answers say: tasks in one spelling whatever the service's, and errors of each of its shapes."""

from __future__ import annotations

import datetime as dt
import json
import math
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple, TypeVar
from urllib.parse import urlsplit

from octopusx_video._key import Key, each_text
from octopusx_video._messages import contract, models
from octopusx_video._messages.exchange import Answer, Outgoing

Json = Any
Model = TypeVar("Model", "models.SubmittedTask", "models.VideoTask", "models.UnifiedVideoTask")

NOT_KNOWN = "unknown"
"""The contract's word for a status that is not told; it is no end."""
LONGEST_REASON = 300
MAX_RESPONSE = 2000
"""How much of a response an error carries, in characters."""
_MAX_SCANNED = 100_000
"""How much of a response is searched for a reason, in bytes."""
_DEEPEST_REASON = 8
"""How deep a reason may stand in an error."""
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
_OLDER_ID = "task_id"
"""An older name of the id of a task (VideoTask in the contract)."""
_SUCCESS = frozenset({"success", "ok", "200", "0", "null", "none"})
"""What gateways write in the place of a code or a reason where nothing is wrong, in lower case."""


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
    return Problem(_short(redact(reason_in(value))), redact(_code(holder)), _scalar(holder.get("type")))


def reason_in(value: Json, depth: int = 0) -> str:
    """The reason for people in a JSON value, wherever it stands; "" where there is none."""
    if depth > _DEEPEST_REASON:
        return ""
    if isinstance(value, list):
        return "; ".join(dict.fromkeys(filter(None, (reason_in(one, depth + 1) for one in value[:3]))))
    if not isinstance(value, dict):
        text = _scalar(value)
        return "" if text.strip().lower() in _SUCCESS else text
    for name in _REASONS:
        field = value.get(name)
        reason = "" if isinstance(field, bool) else reason_in(field, depth + 1)
        if reason:
            place = value.get("loc")  # FastAPI and others say where in the request the fault is
            return f"{'.'.join(map(str, place))}: {reason}" if isinstance(place, list) and place else reason
    return ""


def _code(value: Json) -> str:
    """The reason for programs in an error; "" where there is none."""
    code = _scalar(value.get("code")) if isinstance(value, dict) else ""
    return "" if code.strip().lower() in _SUCCESS else code


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


def possible_task_ids(answer: Answer | None, request: Outgoing, *, is_named: bool = False) -> tuple[str, ...]:
    """What may be the id of a new task in a response that can't be understood, the likeliest first.

    What the request held is left out, since a gateway may repeat it.

    Args:
        answer: As much of the response as arrived, whether it is JSON or not.
        request: What was sent.
        is_named: Whether only ids under the names of a task's id count.
    """
    if answer is None:
        return ()
    repeated = {request.source, request.source.partition(":")[2], *_strings(request.body)}
    place = None if is_named else contract.task_at(request.operation, _path(answer.headers.get("location", "")))
    return contract.possible_task_ids(answer.content, repeated, answer.request_id, place, is_named=is_named)


def _path(url: str) -> str:
    try:
        return urlsplit(url).path
    except ValueError:  # of a server
        return ""


def _strings(body: bytes | None) -> Iterator[str]:
    level = [json.loads(body)] if body else []
    for one in level:
        if isinstance(one, str):
            yield one
        level += one.values() if isinstance(one, dict) else one if isinstance(one, list) else ()


def task(answer: Answer, model: type[Model], asked: str | None, key: Key) -> Model:
    """The task that an answer with the status 200 tells of, what the service writes in several ways in one.

    What is empty, null or zero is left out (``UNSET`` in the model); times are Unix seconds and progress is a whole
    percentage; a status that is missing is ``unknown``; once the task has succeeded, the address of its video is in
    the first field that the contract has for it (``video_url``), wherever it stood.

    Args:
        answer: The answer.
        model: What it is read as.
        asked: The id that a read asked for, which the task keeps; None for a submit, which has to tell it.
        key: Is taken out of everything that a person may be shown; addresses and ids stay as they are.

    Raises:
        UnreadableError: It is no JSON object, is an error, or a submit's has no id.
    """
    value = loaded(answer)
    if not isinstance(value, dict):
        kind = answer.media_type or "something without a media type"
        what = "nothing" if not answer.content else kind if value is None else f"JSON ({type(value).__name__})"
        raise UnreadableError(f"the body is {what} instead of a task")
    name = model.__name__
    id_field, status_field = contract.field(name, contract.ID), contract.field(name, contract.STATUS)
    if not value.get(status_field) and not value.get(id_field) and _is_error(value):
        raise UnreadableError("the body is an error")
    told = {id_field: _id(value, id_field, asked), status_field: _status(value.get(status_field))}
    try:
        kept = {name: field for name, field in value.items() if not _is_absent(field)} | told
        places: contract.Places = contract.places(name)
        _respell(kept, places, contract.phase(told[status_field]))
        _drop_absent(kept)
        if key.may_be_in(answer.content):
            used = {id_field, _OLDER_ID, *(place[0] for place in places.named.get(contract.ADDRESS, ()))}
            kept = {name: field if name in used else each_text(field, key.removed) for name, field in kept.items()}
        return model.from_dict(kept)
    except Exception:  # noqa: BLE001 - whatever a value that nobody foresaw does, the task is not lost to it
        return model.from_dict({**told, status_field: key.removed(told[status_field])})


def _is_error(value: Mapping[str, Json]) -> bool:
    """Whether an object without a task is an error; the gateway's wrapper says ``success`` in the place of a code."""
    return bool(value.get("error") or _code(value))


def _id(value: Mapping[str, Json], name: str, asked: str | None) -> str:
    if asked is not None:  # a sample of the pages tells another (R06), which would lead to another task's video
        return asked
    told = value.get(name) or value.get(_OLDER_ID)
    if not isinstance(told, str):
        raise UnreadableError("the body has no id" if told is None else f"the id is {told!r}")
    return told


def _status(value: Json) -> str:
    return value if isinstance(value, str) and value.strip() else NOT_KNOWN


def _respell(value: dict[str, Json], places: contract.Places, phase: str) -> None:
    _respell_error(value, places, phase)
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


def _respell_error(value: dict[str, Json], places: contract.Places, phase: str) -> None:
    """Put the reason of a failure where the contract has it, from wherever it stands.

    ``fail_reason`` counts only for a task that has failed: the gateway keeps an address there when it succeeds
    (QuantumNous/new-api model/task.go).
    """
    message, code_at = error_places(places)
    error = value.pop(message[0], None)
    reason = reason_in(error)
    code = next(filter(None, map(_code, error if isinstance(error, list) else [error])), "")
    if phase == "failed":
        reason, code = reason or reason_in(value), code or _code(value)
    kept = error if isinstance(error, dict) else {}
    if reason or code or not _is_absent(kept):
        value[message[0]] = {**kept, message[1]: reason, code_at[1]: code}


def error_places(places: contract.Places) -> tuple[contract.Place, contract.Place]:
    """Where the message and the code of a task's failure stand; a read without a field for them may have them too."""
    (message, *_), (code, *_) = (
        places.named.get(name) or default
        for name, default in ((contract.MESSAGE, (("error", "message"),)), (contract.CODE, (("error", "code"),)))
    )
    return message, code


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
    if number is None or number < 0:  # the zero of some languages is in the year 1
        return None
    return int(number / 1000 if number > contract.last_second() else number) or None


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
