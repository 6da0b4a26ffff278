"""Layer: the documented requests. Each one of the API's pages, sent as written and by the generated client."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import httpx
import pytest

from octopusx_video_contract import _judge
from octopusx_video_contract._client_calls import Call
from octopusx_video_contract._curl import CurlRequest, documented
from octopusx_video_contract._run import current

RUN = current()
REQUESTS = documented(RUN.contract)


def _judge_answer(request: CurlRequest, response: httpx.Response) -> None:
    """A documented request is accepted, or refused because its task is not one of this key."""
    operation = RUN.contract.operations[request.operation_id]
    status, headers, content = response.status_code, dict(response.headers), response.content
    RUN.seen.answers[operation.id][status] += 1
    _judge.hold(RUN, operation, status, headers, content)
    parts = request.parts(RUN.contract)
    repeated = _judge.new_id_fault(RUN, operation, parts, status, content)
    if repeated:
        RUN.broken(_judge.NEW_ID_RULE, repeated)
    refused = _judge.refusal_fault(RUN, operation, parts, status, content)
    if refused:
        RUN.broken(*refused)
    assert response.is_success or status in {400, 404}, f"answered {status}: {RUN.redactor.excerpt(content)}"


@pytest.mark.parametrize("request_", REQUESTS, ids=lambda request: request.operation_id)
def test_request_as_written(request_: CurlRequest) -> None:
    """The curl command of the page, its very bytes, with only the host and the key changed."""
    _judge_answer(request_, RUN.http.send(request_.http(RUN.base_url, RUN.key)))


@pytest.mark.parametrize("flavour", ["sync", "asyncio"])
@pytest.mark.parametrize("request_", REQUESTS, ids=lambda request: request.operation_id)
def test_request_through_the_client(request_: CurlRequest, flavour: str) -> None:
    """The generated client sends what the page shows, and reads back all of what it was answered."""
    call = Call(RUN.contract, request_)
    sent, received, parsed = (
        call.sync(RUN.base_url, RUN.key, RUN.timeout)
        if flavour == "sync"
        else asyncio.run(call.asyncio(RUN.base_url, RUN.key, RUN.timeout))
    )
    as_written = request_.http(RUN.base_url, RUN.key)
    assert (sent.method, sent.url.path, sent.url.query) == (
        as_written.method,
        as_written.url.path,
        httpx.URL(as_written.url, params=as_written.url.params).query,
    )
    assert _body(sent) == _body(as_written)
    _judge_answer(request_, received)
    assert not isinstance(parsed, Exception), (
        f"the client can't read this answer ({parsed!r}): {RUN.redactor.excerpt(received.content)}"
    )
    if "json" in received.headers["content-type"]:
        assert parsed.to_dict() == received.json()
    else:
        assert parsed.payload.read() == received.content


def _body(request: httpx.Request) -> Any:
    return json.loads(request.content) if request.content else None
