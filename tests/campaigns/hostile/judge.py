"""Whether what came of a hostile request is right. Pure: nothing is sent here."""

from __future__ import annotations

import json
import re

from octopusx_video_contract.checks import single_response
from octopusx_video_contract.core.run import Run
from octopusx_video_contract.messages import http
from octopusx_video_contract.messages.http import Request
from octopusx_video_mock.pages import site

from tests.campaigns.hostile.drafts import Hostile
from tests.campaigns.hostile.wire import Answer

TRANSPORT = frozenset({400, 408, 413, 431})
"""Statuses that a server may give to broken HTTP without looking at the contract."""
_CONTENT_RANGE = re.compile(r"bytes ([0-9]+)-([0-9]+)/([0-9]+)")


class Judge:
    """Knows the contract and the key."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._key = run.settings.key.encode()

    def fault(self, hostile: Hostile, answer: Answer | None) -> str | None:
        """What is wrong with an answer, or with a connection that was closed (None), if anything is."""
        expected = hostile.expected
        if hostile.ending == "hang-up":
            return None
        if answer is None:
            return None if expected.broken else "closed without a response"
        for secret, name in ((b"Traceback", "a traceback"), (self._key, "the key")):
            if secret in answer.raw:
                return f"the answer holds {name}"
        if answer.status >= 500 and not expected.ordered:
            return f"status {answer.status}"
        if expected.broken and answer.status in (expected.statuses or TRANSPORT) & TRANSPORT:
            return None
        return self._documented(hostile, answer)

    def _documented(self, hostile: Hostile, answer: Answer) -> str | None:
        expected = hostile.expected
        if expected.statuses is not None and answer.status not in expected.statuses:
            wanted = ", ".join(map(str, sorted(expected.statuses)))
            return f"status {answer.status} instead of {wanted}"
        if hostile.raw.startswith(b"HEAD ") and answer.status != 405:
            return None if answer.status < 500 else f"status {answer.status}"
        if expected.no_route and answer.status == 200 and _path(hostile) in site.PATHS:
            return None  # a page that the mock serves beside the API
        if expected.no_route and answer.status in {404, 405}:
            fault = self._no_route(hostile, answer)
            if fault is None or not expected.operations:
                return fault
        faults = [self._of_operation(operation, answer) for operation in expected.operations]
        if faults and all(faults):
            return faults[0]
        return None if faults else f"status {answer.status} where the contract has no operation"

    def _of_operation(self, operation_id: str, answer: Answer) -> str | None:
        operation = self._run.contract.operations[operation_id]
        # The mock answers with 5xx where it has to: a video that is gone, say. What broke shows in its log.
        asked = Request(operation.method.upper(), operation.path, (("Prefer", "anything"),))
        given = http.Response(asked, answer.status, answer.headers, answer.body)
        for rule, fault in single_response.documented(operation, given):
            if fault:
                return f"rule {rule}: {fault}"
        if answer.status == 206:
            match = _CONTENT_RANGE.fullmatch(answer.headers.get("content-range", ""))
            if not match or int(match[2]) - int(match[1]) + 1 != len(answer.body) or int(match[2]) >= int(match[3]):
                return f"Content-Range is {answer.headers.get('content-range')!r} for {len(answer.body)} bytes"
        for rule, fault in single_response.numbered(operation, given):
            if fault:
                return f"rule {rule}: {fault}"
        return None

    def _no_route(self, hostile: Hostile, answer: Answer) -> str | None:
        if answer.status == 405 and not answer.headers.get("allow"):
            return "status 405 without Allow"
        if hostile.raw.startswith(b"HEAD "):
            return None
        if not answer.headers.get("content-type", "").startswith("application/json"):
            return f"status {answer.status} with media type {answer.headers.get('content-type')!r}"
        try:
            body = json.loads(answer.body)
        except ValueError:
            return "the body is not JSON"
        return next(single_response.mismatches(self._run.contract.schemas["ErrorResponse"], body), None)


def _path(hostile: Hostile) -> bytes:
    """The path of a request, as it is sent, without its query."""
    return hostile.raw.split(b" ", 2)[1].partition(b"?")[0]
