"""Holds every answer of the lifecycle engine to the contract that it serves."""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from jsonschema_rs import Draft202012Validator as Validator
from octopusx_video_mock.delivery import CUT
from octopusx_video_mock.engine.engine import Engine
from octopusx_video_mock.messages import Request, Response
from octopusx_video_openapi import Contract, load

from tests.support import documents

LARGEST = 4_000_000
"""Bytes of a response that is no video, at most, as the suite holds it (rule R53)."""


class Audit:
    """The answers that departed from the contract and should not, or should and did not."""

    def __init__(self) -> None:
        self.faults: list[str] = []

    def watch(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Look at every answer of every engine from now on."""
        respond = Engine.respond

        @functools.wraps(respond)
        def watched(engine: Engine, request: Request) -> Response:
            given = respond(engine, request)
            departure = departs(engine.compiled.contract, given)
            if bool(departure) != given.breaks:
                what = departure or f"it is marked as breaking the contract ({given.faults}) and does not"
                self.faults.append(f"{request.method} {request.path!r} {given.status}: {what}")
            return given

        monkeypatch.setattr(Engine, "respond", watched)


def departs(contract: Contract, answer: Response) -> str:
    """How an answer departs from the contract, or "" where it does not."""
    if answer.delivery in {"lost", "reset"}:
        return ""
    if answer.delivery in CUT:
        return "it is cut"
    headers = {name.decode(): value.decode("latin-1") for name, value in answer.headers}
    if answer.operation is None:
        is_video = answer.status in {200, 206} and headers["content-type"] == "video/mp4"
        return "" if is_video else _refusal_departs(contract, answer)
    response = _documented(contract, answer.operation, answer.status)
    if response is None:
        return "an undocumented status"
    if headers.get("content-type") != "video/mp4" and len(answer.body) > LARGEST:
        return f"it has {len(answer.body)} bytes (R53)"
    return _headers_depart(response, headers) or _body_departs(response, answer, headers)


@dataclass(frozen=True)
class Documented:
    """What the contract says of a response: its headers, each with whether it is required, and its bodies."""

    headers: tuple[tuple[str, bool, Validator], ...]
    bodies: dict[str, tuple[Validator, ...]]


@functools.lru_cache(maxsize=128)  # a contract has fifty of them, and each answers many requests
def _documented(contract: Contract, operation: str, status: int) -> Documented | None:
    response = dict(documents.responses(contract, contract.operations[operation])).get(str(status))
    if response is None:
        return None
    headers = {name: documents.resolve(contract, header) for name, header in response.get("headers", {}).items()}
    of_rules = [
        documents.node(rule.schema)
        for rule in contract.rules
        if rule.about == "response" and operation in rule.operations
        if rule.schema is not None and (not rule.statuses or status in rule.statuses)
    ]
    return Documented(
        tuple(
            (name, header.get("required", False), _validator(_dumped(header["schema"]), contract.path))
            for name, header in headers.items()
        ),
        {
            media_type: tuple(_validator(_dumped(one), contract.path) for one in (media["schema"], *of_rules))
            if media_type == "application/json"
            else ()
            for media_type, media in response.get("content", {}).items()
        },
    )


def _refusal_departs(contract: Contract, answer: Response) -> str:
    """How the answer to what is no operation departs from an error of the contract."""
    if answer.status not in {404, 405}:
        return "an undocumented answer to no operation"
    errors = documents.document(contract).get("components", {}).get("schemas", {}).get("ErrorResponse", {})
    found = next(iter(_validator(_dumped(errors), contract.path).iter_errors(json.loads(answer.body))), None)
    return "" if found is None else found.message


def _headers_depart(response: Documented, headers: dict[str, str]) -> str:
    for name, is_required, validator in response.headers:
        value = headers.get(name.lower())
        if value is None and is_required:
            return f"without {name}"
        if value is not None and not validator.is_valid(value):
            return f"{name} is {value!r}"
    return ""


def _body_departs(response: Documented, answer: Response, headers: dict[str, str]) -> str:
    media_type = headers.get("content-type", "")
    if media_type not in response.bodies:
        return f"the undocumented media type {media_type!r}"
    if media_type != "application/json":
        return ""
    body = json.loads(answer.body)
    unusable = next((address for address in _addresses(body) if not _is_usable(address)), None)
    if unusable is not None and answer.status < 300:
        return f"no client can open {unusable} (R51)"
    errors = (error for validator in response.bodies[media_type] for error in validator.iter_errors(body))
    return next((error.message for error in errors), "")


def _addresses(value: Any) -> Iterator[str]:
    """The addresses of a video in a body, wherever the contract has a place for one."""
    for name, part in value.items() if isinstance(value, dict) else ():
        if name in {"video_url", "url"} and isinstance(part, str) and part:
            yield part
        yield from _addresses(part)


def _is_usable(address: str) -> bool:
    """Whether a client can open a connection to where an address leads."""
    try:
        parts = urlsplit(address)
        return parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:  # the port is out of range
        return False


def _dumped(schema: Any) -> str:
    return json.dumps(schema, sort_keys=True)


@functools.cache
def _validator(schema: str, path: Path) -> Validator:
    return Validator(documents.schema(_loaded(path), json.loads(schema)))


@functools.cache
def _loaded(path: Path) -> Contract:
    return load(path)
