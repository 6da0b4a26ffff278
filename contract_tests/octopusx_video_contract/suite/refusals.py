"""Layer: refusals. What a server must turn away, and in which order it looks."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from octopusx_video_openapi import METHODS, Operation

from octopusx_video_contract import _judge
from octopusx_video_contract._run import current

RUN = current()
CONTRACT = RUN.contract
OPERATIONS = list(CONTRACT.operations.values())
WITH_BODY = [operation for operation in OPERATIONS if "requestBody" in operation.definition]


def _send(method: str, path: str, **request: Any) -> httpx.Response:
    """Send a request with a task in each place of the path, and note its answer."""
    task = next(iter(RUN.known_ids), "unknown")
    url = RUN.base_url + re.sub(r"\{\w+\}", task, path)
    response = RUN.http.request(method, url, **request)
    operation = CONTRACT.document["paths"][path].get(method.lower())
    if operation:
        RUN.seen.answers[operation["operationId"]][response.status_code] += 1
    return response


def _credentials() -> Iterator[Any]:
    yield pytest.param({}, id="none")
    wrong = f"{RUN.key[:-1]}{'a' if RUN.key[-1] != 'a' else 'b'}"
    for name, value in {
        "empty": "",
        "scheme alone": "Bearer",
        "key alone": RUN.key,
        "other scheme": f"Basic {RUN.key}",
        "no space": f"Bearer{RUN.key}",
        "key and more": f"Bearer {RUN.key} more",
        "wrong key": f"Bearer {wrong}",
        "made-up key": "Bearer made-up",
    }.items():
        yield pytest.param({"Authorization": value}, id=name)


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.id)
@pytest.mark.parametrize("credential", list(_credentials()))
def test_credential_is_looked_at_first(operation: Operation, credential: dict[str, str]) -> None:
    """Without a valid key nothing succeeds, and the answer is 401 although the body is wrong as well."""
    RUN.seen.asked |= {"R01", "R02"}
    body = {"content": b"{", "headers": {**credential, "Content-Type": "application/json"}}
    response = _send(operation.method, operation.path, **(body if operation in WITH_BODY else {"headers": credential}))
    if response.is_success:
        RUN.broken("R01", f"it was answered with {response.status_code}")
    if response.status_code != 401:
        RUN.broken("R02", f"it was answered with {response.status_code}")
    _judged(operation, response)


@pytest.mark.parametrize("operation", WITH_BODY, ids=lambda operation: operation.id)
@pytest.mark.parametrize("body", [b"", b"{", b'{"model":', b"nonsense", b"\xff"], ids=repr)
def test_body_that_is_not_json(operation: Operation, body: bytes) -> None:
    """A body that is not JSON is refused with 400, and answered at once."""
    RUN.seen.asked.add("R27")
    headers = {"Authorization": f"Bearer {RUN.key}", "Content-Type": "application/json"}
    response = _send(operation.method, operation.path, content=body, headers=headers)
    if response.status_code != 400:
        RUN.broken("R27", f"it was answered with {response.status_code}")
    _judged(operation, response)


@pytest.mark.parametrize("path", CONTRACT.document["paths"])
@pytest.mark.parametrize("method", [method.upper() for method in METHODS])
def test_method_that_the_path_does_not_have(method: str, path: str) -> None:
    """Another method is refused with 405 and an Allow that lists the right ones; 404 is the gateway's way."""
    right = {name.upper() for name in METHODS if name in CONTRACT.document["paths"][path]}
    # A concrete path is also one of a template: GET /v1/videos/extensions reads the task of that name.
    others = {o.method.upper() for o in OPERATIONS if re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", o.path), path)}
    if method in right | others:
        return
    RUN.seen.asked.add("R32")
    response = _send(method, path, headers={"Authorization": f"Bearer {RUN.key}"})
    allow = {name.strip().upper() for name in response.headers.get("allow", "").split(",")}
    if response.status_code != 405:
        RUN.broken("R32", f"{method} was answered with {response.status_code}")
    elif not right <= allow or method in allow:
        RUN.broken("R32", f"{method}: Allow is {response.headers.get('allow')!r}, right is {', '.join(sorted(right))}")


def _judged(operation: Operation, response: httpx.Response) -> None:
    """The refusal is one that the contract describes."""
    _judge.hold(RUN, operation, response.status_code, dict(response.headers), response.content)
