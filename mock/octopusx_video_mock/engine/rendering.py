"""Responses made from the contract's examples."""

from __future__ import annotations

from typing import Any

from octopusx_video_mock.compiled.contract import CompiledContract
from octopusx_video_mock.compiled.operation import CompiledOperation
from octopusx_video_mock.compiled.template import Template
from octopusx_video_mock.engine.rejected_request import WRONG_PREFERENCE, RejectedRequest
from octopusx_video_mock.messages import Response


class Renderer:
    """Makes responses from the examples of a contract."""

    def __init__(self, compiled: CompiledContract) -> None:
        self._compiled = compiled
        _, sample = compiled.request_id or ("", "")
        self._sample_id = sample.encode() or b"\0"

    def render(
        self, template: Template, values: dict[str, Any], request_id: str, operation: CompiledOperation | None
    ) -> Response:
        """A response from a template, with the request's own id wherever the contract's sample of it is."""
        numbered = template.raw.find(self._sample_id) > 0
        if numbered and "answer.reason" in values:
            values["answer.reason"] += f" (request id: {request_id})"
        body = template.body(values)
        if numbered:
            body = body.replace(self._sample_id, request_id.encode())
        return Response(template.status, template.head.copy(), body, None if operation is None else operation.id)

    def reject(self, operation: CompiledOperation, rejected: RejectedRequest, request_id: str) -> Response:
        """The response to a request that is rejected."""
        template = operation.by_cause.get(rejected.cause) or operation.rejection
        if rejected.cause == WRONG_PREFERENCE:
            submit = operation.by_cause.get("invalid-request")
            known = submit if operation.starts_task else self._compiled.wrong_preference
            template = known if known is not None and known.status in operation.by_status else template
        if template is None:  # no cause of its own, and nothing that could be invalid
            return self.plain(404, rejected.reason or rejected.cause, request_id)
        values = {"answer.reason": rejected.reason} if rejected.reason else {}
        return self.render(template, values, request_id, operation)

    def plain(self, status: int, reason: str, request_id: str) -> Response:
        """The response to what is no operation."""
        template = self._compiled.wrong_route
        if template is None:
            return Response(status, [(b"content-type", b"text/plain; charset=utf-8")], reason.encode())
        response = self.render(template, {"answer.reason": reason}, request_id, None)
        response.status = status
        return response
