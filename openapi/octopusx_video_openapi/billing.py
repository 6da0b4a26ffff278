"""Whether a request may have been billed, by its response: ``x-billed``, and the rules that look into the body."""

from __future__ import annotations

from typing import Any

from octopusx_video_openapi.model import Billed
from octopusx_video_openapi.operation import Operation
from octopusx_video_openapi.rules import Rule


def billed(operation: Operation, status: int, body: Any) -> Billed:
    """Whether a request that got such a response may have been billed.

    Args:
        operation: The operation of the request.
        status: The HTTP status of the response.
        body: Its JSON value; anything that is not an object where it is not JSON.
    """
    rule = decided_by(operation, status, body)
    if rule is not None and rule.billed is not None:
        return rule.billed
    response = operation.response(status)
    return "possible" if response is None else response.billed


def decided_by(operation: Operation, status: int, body: Any) -> Rule | None:
    """The rule that decides it by the body, the last of several; None where ``x-billed`` alone decides."""
    if operation.response(status) is None:
        return None
    return next((rule for rule in reversed(operation.contract.rules) if _concerns(rule, operation, status, body)), None)


def _concerns(rule: Rule, operation: Operation, status: int, body: Any) -> bool:
    """Whether a rule about billing concerns such a response."""
    if rule.about != "billing" or rule.when is None or not isinstance(body, dict):
        return False
    if operation.id not in rule.operations or status not in rule.statuses:
        return False
    from octopusx_video_openapi import schemas  # noqa: PLC0415 - most who load a contract need no validator

    return schemas.validator(rule.when).is_valid(body)
