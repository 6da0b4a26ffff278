"""What a response says besides its task: its error in each of the shapes that services use, and possible ids."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple
from urllib.parse import urlsplit

from octopusx_video_openapi import task_ids

from octopusx_video._messages import contract
from octopusx_video._messages.exchange import Json, Request, Response

MAX_REASON = 300
"""How much of a reason is shown, in characters."""
MAX_RESPONSE = 2000
"""How much of a response an error carries, in characters."""
_MAX_SCANNED = 100_000
"""How much of a response is searched for a reason, in bytes."""
_MAX_REASON_DEPTH = 8
"""How deep a reason may stand in an error."""
_REASONS = (
    *("message", "msg", "error", "errors", "detail", "fail_reason", "reason"),
    *("error_message", "error_description"),
)
"""Where gateways and frameworks put a reason for people, in the order in which they are looked at."""
_SUCCESS = frozenset({"success", "ok", "200", "0", "null", "none"})
"""What gateways write in the place of a code or a reason where nothing is wrong, in lower case."""


class ErrorDetail(NamedTuple):
    """What an error response says.

    Attributes:
        reason: For people, "" where there is none.
        code: For programs, "" where there is none.
        kind: The type of the OpenAI-like shape, "" in the others.
    """

    reason: str = ""
    code: str = ""
    kind: str = ""

    def in_parentheses(self) -> str:
        """The code and the reason, to be put behind other text; "" where there is neither."""
        text = ": ".join(filter(None, (self.code, self.reason)))
        return f" ({text})" if text else ""


def loaded(response: Response) -> Json:
    """The JSON value of a response; None where it is none."""
    try:
        return json.loads(response.content)
    except (ValueError, RecursionError):
        return None


def error_detail(response: Response, redact: Callable[[str], str]) -> ErrorDetail:
    """What an error response says, in whichever shape it comes.

    The shapes are those of the contract's ErrorResponse, and of account pages, sister services and frameworks
    (``success: false``, ``error`` as a text or a list, ``detail`` as a list, ``fail_reason``); of a body that is no
    JSON its text.
    """
    value = loaded(response)
    if not isinstance(value, dict):
        text = redact(_text(response))[: 4 * MAX_REASON]
        return ErrorDetail(_short(re.sub(r"<[^>]*>", " ", text) if "<" in text else text))
    error = value.get("error")
    holder: Mapping[str, Json] = error if isinstance(error, Mapping) else value
    return ErrorDetail(_short(redact(reason_in(value))), redact(code_in(holder)), _scalar(holder.get("type")))


def reason_in(value: Json, depth: int = 0) -> str:
    """The reason for people in a JSON value, wherever it stands; "" where there is none."""
    if depth > _MAX_REASON_DEPTH:
        return ""
    if isinstance(value, list):
        return "; ".join(dict.fromkeys(filter(None, (reason_in(one, depth + 1) for one in value[:3]))))
    if not isinstance(value, dict):
        return _unless_success(_scalar(value))
    for name in _REASONS:
        field = value.get(name)
        reason = "" if isinstance(field, bool) else reason_in(field, depth + 1)
        if reason:
            place = value.get("loc")  # FastAPI and others say where in the request the fault is
            return f"{'.'.join(map(str, place))}: {reason}" if isinstance(place, list) and place else reason
    return ""


def code_in(value: Json) -> str:
    """The reason for programs in an error; "" where there is none."""
    return _unless_success(_scalar(value.get("code"))) if isinstance(value, dict) else ""


def _unless_success(text: str) -> str:
    return "" if text.strip().lower() in _SUCCESS else text


def _scalar(value: Json) -> str:
    return str(value) if isinstance(value, str | int | float) and not isinstance(value, bool) else ""


def _short(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= MAX_REASON else f"{text[:MAX_REASON]}…"


def _text(response: Response) -> str:
    return response.content[:_MAX_SCANNED].decode("utf-8", "replace")


def excerpt(response: Response | None, redact: Callable[[str], str]) -> str | None:
    """The beginning of a response's body for people, without the key; None where there is no response."""
    if response is None:
        return None
    # Cut after the key is gone, so that no piece of it is left at the end.
    return "\n".join(map(redact, _text(response).splitlines()))[:MAX_RESPONSE]


def possible_task_ids(response: Response | None, request: Request, *, is_named: bool = False) -> tuple[str, ...]:
    """What may be the id of a new task in a response that can't be understood, the likeliest first.

    What the request held is left out, since a gateway may repeat it.

    Args:
        response: As much of the response as arrived, whether it is JSON or not.
        request: What was sent.
        is_named: Whether only ids under the names of a task's id count.
    """
    if response is None:
        return ()
    repeated = {request.source, request.source.partition(":")[2], *_strings(request.body)}
    own = contract.contract()
    ids = task_ids.possible(own, response.content, repeated, response.request_id, is_named=is_named)
    place = None if is_named else contract.task_at(request.operation, _path(response.headers.get("location", "")))
    # The id in an address comes last, and never in the place of the likeliest.
    return ids if place is None or place in {*ids, *repeated} else (*ids[: task_ids.MOST_POSSIBLE - 1], place)


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
