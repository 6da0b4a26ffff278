"""What an answer says of its request's bill: ``x-billed``, and the rules that look into the body."""

from __future__ import annotations

import functools
from typing import Any, Literal

from octopusx_video_openapi._contract import Contract, Operation

Billed = Literal["never", "possible", "yes"]


def billed(contract: Contract, operation: Operation, status: int, body: Any) -> Billed:
    """Whether a request that was answered so may have been billed.

    Args:
        contract: The contract that the operation is of.
        operation: What was asked.
        status: HTTP status of the answer.
        body: The answer's JSON value; anything else than an object where it is none.
    """
    rule = decided_by(contract, operation, status, body)
    if rule is not None:
        told: Billed = rule["billed"]
        return told
    response = dict(contract.responses(operation)).get(str(status))
    return "possible" if response is None else response.get("x-billed", "possible")


def decided_by(contract: Contract, operation: Operation, status: int, body: Any) -> dict[str, Any] | None:
    """The rule that says so by the body, the last of several; None where ``x-billed`` alone does."""
    if str(status) not in operation.definition["responses"]:
        return None
    rules: list[dict[str, Any]] = contract.document.get("x-rules", [])
    return next((rule for rule in reversed(rules) if speaks(contract, rule, operation, status, body)), None)


def speaks(contract: Contract, rule: dict[str, Any], operation: Operation, status: int, body: Any) -> bool:
    """Whether a rule of what is billed speaks of such an answer."""
    if rule.get("about") != "billing" or "when" not in rule or not isinstance(body, dict):
        return False
    if operation.id not in rule["operations"] or status not in rule["statuses"]:
        return False
    return bool(_condition(contract, str(rule["id"])).is_valid(body))


@functools.cache  # it is asked of every answer
def _condition(contract: Contract, rule_id: str) -> Any:
    """A validator of what a rule speaks of."""
    import jsonschema_rs  # noqa: PLC0415 - whoever asks only for lives and lists needs no judge of schemas

    rule = next(rule for rule in contract.document["x-rules"] if rule["id"] == rule_id)
    return jsonschema_rs.validator_for(contract.schema(rule["when"]))
