"""Layer: the documented requests. Each one of the API's pages, sent as written and by the generated client."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import httpx
import pytest
from octopusx_video_openapi import RuleId

from octopusx_video_contract.cases.code_samples import CurlRequest, documented
from octopusx_video_contract.checks.registry import checks
from octopusx_video_contract.core.billing_check import BillingCheck
from octopusx_video_contract.core.run import current
from octopusx_video_contract.messages.http import Response
from octopusx_video_contract.scenarios.client_calls import Call, Through

RUN = current()
REQUESTS = documented(RUN.contract)


@checks(RuleId.R34)
def _check(response: Response, operation_id: str) -> None:
    """A documented request is accepted, or refused because its task is not one of this key."""
    RUN.recorder.check_response(response, RUN.recorder.rejected(response, "a documented request"))
    if not response.is_success and response.status not in {400, 404}:
        RUN.recorder.check(RuleId.R34, f"{operation_id}: a documented request got {response.status}", response)


@pytest.mark.parametrize("request_", REQUESTS, ids=lambda request: request.operation_id)
def test_request_as_written(request_: CurlRequest) -> None:
    """The curl command of the page, its very bytes, with only the host and the key changed."""
    with BillingCheck(RUN):
        _check(RUN.send(request_.request(RUN.settings.key)), request_.operation_id)


@pytest.mark.parametrize("flavour", ["sync", "asyncio"])
@pytest.mark.parametrize("request_", REQUESTS, ids=lambda request: request.operation_id)
def test_request_through_the_client(request_: CurlRequest, flavour: str) -> None:
    """The generated client sends what the page shows, and reads back the whole response."""
    call = Call(RUN.contract, request_)
    transport = Through(RUN)
    outcome = (
        call.sync(transport, RUN.settings.key)
        if flavour == "sync"
        else asyncio.run(call.asyncio(transport, RUN.settings.key))
    )
    as_written = request_.request(RUN.settings.key)
    assert transport.response is not None
    response, sent = transport.response, transport.response.request
    assert (sent.method, httpx.URL(sent.path).path, sent.query) == (
        as_written.method,
        httpx.URL(as_written.path).path,
        as_written.query,
    )
    assert _body(sent.body) == _body(as_written.body)
    _check(response, request_.operation_id)
    reported = response.json() if "json" in response.media_type else response.content
    rule = RuleId.R36 if response.is_success else RuleId.R37
    if isinstance(outcome, Exception):
        RUN.recorder.check(rule, f"{request_.operation_id}: the generated client can't read it ({outcome!r})", response)
    else:
        read = outcome.to_dict() if hasattr(outcome, "to_dict") else outcome.payload.read()
        assert read == reported


def _body(content: bytes | None) -> Any:
    return json.loads(content) if content else None
