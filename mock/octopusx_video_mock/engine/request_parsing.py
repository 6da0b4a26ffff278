"""What a request of an operation holds: its key, its parameters, its body, its preferences.

They are checked in the order of the contract: the credential (rule R02), the parameters and the body, ``Prefer``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, unquote_to_bytes

import jiter
from octopusx_video_openapi.model import at

from octopusx_video_mock.compiled import validation
from octopusx_video_mock.compiled.operation import CompiledOperation
from octopusx_video_mock.compiled.parameters import Parameter
from octopusx_video_mock.compiled.template import Template
from octopusx_video_mock.engine import prefer
from octopusx_video_mock.engine.credentials import Credentials
from octopusx_video_mock.engine.rejected_request import RejectedRequest
from octopusx_video_mock.faults.fault import Fault
from octopusx_video_mock.messages import ENCODED_BODY, Request

# No two parts of it can match the same text, so that it can't be made to take long.
_JSON = re.compile(
    rb'([a-z0-9.+/-]+)(?:\s*;\s*(?:charset=(?:"utf-8"|utf-8)|(?!charset)[a-z0-9-]+=(?:"[^"]*"|[^\s;,"]*)))*\s*',
    re.IGNORECASE,
)
_MAX_FIELDS = 1000
_MAX_SHOWN = 100
_LINK = "is a link; send the id of a task, and not the address of its video"

Parameters = dict[tuple[str, str], Any]
"""Values by their place (``path``, ``query``, ``header``) and name."""


@dataclass(slots=True)
class ParsedRequest:
    """A request of an operation, which is valid.

    Attributes:
        request: The request.
        operation: The operation.
        id: The id that the response gives the request.
        now: When it was received, in Unix seconds.
        key: Its API key; "" for an operation that takes none.
        parameters: Its parameters.
        body: The value of its body; None where it has none.
        faults: The faults that it prefers.
        preferred: The response that it prefers; None for the usual one.
    """

    request: Request
    operation: CompiledOperation
    id: str
    now: float
    key: str = ""
    parameters: Parameters = field(default_factory=dict)
    body: Any = None
    faults: tuple[Fault, ...] = ()
    preferred: Template | None = None

    def named_task(self, place: tuple[str, ...]) -> str | None:
        """The task that it names at a place, if it does."""
        if place[0] != "body":
            return self.parameters.get((place[0], place[1]))
        value = at(self.body, place[1:])
        return value if isinstance(value, str) else None


def parse(
    request: Request,
    operation: CompiledOperation,
    path_parameters: dict[str, bytes],
    credentials: Credentials,
    now: float,
    request_id: str,
) -> ParsedRequest:
    """Parse a request of an operation.

    Args:
        request: The request.
        operation: The operation.
        path_parameters: The parameters of its path, as they were sent.
        credentials: Those that are accepted.
        now: When it was received, in Unix seconds.
        request_id: The id that the response gives it.

    Raises:
        RejectedRequest: It is not valid.
    """
    key = credentials.key_of(request) if operation.is_secured else ""
    if key is None:
        raise RejectedRequest("no-credential")
    parameters = _parameters(operation, request, path_parameters) if operation.parameters else {}
    body = _body(operation, request) if operation.media_types else None
    sent = request.every(b"prefer")
    if not sent:
        return ParsedRequest(request, operation, request_id, now, key, parameters, body)
    preferences = prefer.parse(b", ".join(sent))
    template = preferences.template(operation, request)
    return ParsedRequest(request, operation, request_id, now, key, parameters, body, preferences.faults, template)


def _parameters(operation: CompiledOperation, request: Request, path_parameters: dict[str, bytes]) -> Parameters:
    found: Parameters = {}
    for parameter in operation.parameters:
        text = _text(parameter, request, path_parameters)
        if text is None:
            if parameter.required:
                raise RejectedRequest("invalid-request", f"{parameter.name} is missing")
            continue
        place, value = (parameter.place, parameter.name), parameter.read(text)
        if not parameter.validator.is_valid(value):
            if place in operation.task_places and _is_link(value):
                raise RejectedRequest("invalid-request", f"{parameter.name} {_LINK}")
            raise RejectedRequest(
                "invalid-request", f"{parameter.name}: {validation.reason(parameter.validator, value)}"
            )
        found[place] = value
    return found


def _text(parameter: Parameter, request: Request, path_parameters: dict[str, bytes]) -> str | None:
    """A parameter as it was sent, decoded; None where it was not."""
    if parameter.place == "path":
        return _decoded(path_parameters[parameter.name])
    if parameter.place == "query":
        given = _query(request.query, parameter.name)
        if len(given) > 1:
            raise RejectedRequest("invalid-request", f"{parameter.name} is given more than once")
        return given[0] if given else None
    header = request.header(parameter.name.lower().encode())
    return None if header is None else header.decode("latin-1")


def _body(operation: CompiledOperation, request: Request) -> Any:
    raw = request.body
    if raw is None:
        raise RejectedRequest("too-large")
    if not raw and not operation.body_required:
        return None
    if raw and request.has_encoded_body:
        raise RejectedRequest("invalid-request", ENCODED_BODY)
    if raw and not _is_taken(operation, request.header(b"content-type") or b""):
        raise RejectedRequest("invalid-request", f"Content-Type must be {' or '.join(sorted(operation.media_types))}")
    try:
        # Duplicate keys and the numbers that JSON does not have are rejected, and so is a depth over 200.
        value = jiter.from_json(raw, allow_inf_nan=False, catch_duplicate_keys=True, cache_mode="keys")
    except ValueError as error:
        shown = str(error)
        shown = shown if len(shown) <= _MAX_SHOWN else shown[: _MAX_SHOWN - 1] + "…"
        raise RejectedRequest("malformed-body", f"the body is no valid JSON: {shown}") from None
    if operation.validator is not None and not operation.validator.is_valid(value):
        for place in operation.task_places:
            if place[0] == "body" and _is_link(at(value, place[1:])):
                raise RejectedRequest("invalid-request", f"{'.'.join(place[1:])} {_LINK}")
        raise RejectedRequest("invalid-request", validation.reason(operation.validator, value))
    return value


def _is_link(value: Any) -> bool:
    return isinstance(value, str) and ("://" in value or value.startswith("//"))


def _is_taken(operation: CompiledOperation, media_type: bytes) -> bool:
    if media_type == b"application/json":
        return "application/json" in operation.media_types
    match = _JSON.fullmatch(media_type)
    return match is not None and match[1].decode("ascii").lower() in operation.media_types


def _decoded(raw: bytes) -> str:
    try:
        return (unquote_to_bytes(raw) if b"%" in raw else raw).decode()
    except UnicodeDecodeError:
        raise RejectedRequest("invalid-request", "the path is no UTF-8 text") from None


def _query(raw: bytes, wanted: str) -> list[str]:
    """The values of a parameter in a query."""
    try:
        pairs = parse_qsl(raw.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=_MAX_FIELDS)
    except ValueError:
        raise RejectedRequest("invalid-request", "the query can't be read") from None
    return [value for name, value in pairs if name == wanted]
