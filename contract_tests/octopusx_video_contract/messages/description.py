"""What a request sent, in words: what of it differs from the documented requests of its operation."""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator, Mapping
from typing import Any

from octopusx_video_openapi import Contract, Operation, schemas, task_ids

from octopusx_video_contract.messages.http import ABSENT, Request
from octopusx_video_contract.messages.text import shortened

MAX_VALUE = 60
"""Characters of a value that are shown."""
_MAX_VALUES = 4
_OF_ANY_REQUEST = {"authorization", "accept", "user-agent"}


def described(contract: Contract, request: Request) -> str:
    """What a request sent that its operation's examples do not: ``duration 15``, ``no model``; else nothing."""
    reached = request.reached(contract)
    if reached is None:
        return f"{request.method} {shortened(request.target, MAX_VALUE)}"
    operation, path = reached
    parts = [*_values(path, _sources(contract)), *_values(request.query, _sources(contract))]
    body = request.json()
    if request.body is not None and not isinstance(body, dict):
        parts.append(f"the body {_shown(body) if body is not ABSENT else _bytes(request.body)}")
    elif isinstance(body, dict):
        parts += _of_body(operation, body)
    kind = (request.header("Content-Type") or "application/json").lower()
    if kind != "application/json":
        parts.append(f"Content-Type {shortened(kind, MAX_VALUE)}")
    others = {name: value for name, value in request.headers if name.lower() not in {*_OF_ANY_REQUEST, "content-type"}}
    parts += [f"{name} {shortened(value, MAX_VALUE)}" for name, value in others.items()]
    more = f" and {len(parts) - _MAX_VALUES} more" if len(parts) > _MAX_VALUES else ""
    return ", ".join(parts[:_MAX_VALUES]) + more


def _of_body(operation: Operation, body: dict[str, Any]) -> Iterator[str]:
    usual = [example for example in operation.body_examples.values() if isinstance(example, dict)]
    for name, value in body.items():
        if not any(name in example and schemas.equal(example[name], value) for example in usual):
            yield f"{shortened(name, MAX_VALUE)} {_shown(value)}"
    for name in sorted(set[str].intersection(*map(set, usual)) - body.keys() if usual else ()):
        yield f"no {name}"


def _values(sent: Mapping[str, str], usual: frozenset[str]) -> Iterator[str]:
    for name, value in sent.items():
        if value not in usual:
            yield f"{name} {_shown(value)}"


def _shown(value: Any) -> str:
    return shortened(json.dumps(value, ensure_ascii=False), MAX_VALUE)


def _bytes(content: bytes) -> str:
    return shortened(repr(content[: 4 * MAX_VALUE])[1:], MAX_VALUE) + (
        "" if len(content) <= 4 * MAX_VALUE else f" of {len(content):,} bytes"
    )


@functools.cache
def _sources(contract: Contract) -> frozenset[str]:
    return frozenset(task_ids.documented(contract))
