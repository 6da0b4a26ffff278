"""Layer: bills. What a submit costs by the server's own ledger, and what its response says of that."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from octopusx_video_openapi import Operation, RuleId

from octopusx_video_contract.cases import request_values
from octopusx_video_contract.cases.submit_bodies import a_submit
from octopusx_video_contract.checks import billing
from octopusx_video_contract.checks.registry import checks
from octopusx_video_contract.core.run import current
from octopusx_video_contract.scenarios.task_driver import TaskDriver
from octopusx_video_contract.sending.transport import NoResponseError

RUN = current()
CONTRACT = RUN.contract
TASKS = TaskDriver(RUN)
KNOWN = next(iter(RUN.settings.known_ids), "unknown")
MAX_WAIT = 0.5
"""Seconds that a response is awaited that has been ordered not to come."""

pytestmark = pytest.mark.skipif(
    RUN.control is None or "fault" not in RUN.settings.orders or RUN.settings.stateless or RUN.paid,
    reason="R28 to R30, R35 and R54 need a mock whose billing can be read and whose responses can be ordered",
)


def _by_rule(rule_id: RuleId) -> str:
    """What a rule calls a submit that it speaks of; ``possible`` where there is no such rule."""
    rule = CONTRACT.rules_by_id.get(rule_id)
    return (rule and rule.billed) or "possible"


def _orders() -> Iterator[Any]:
    """Each documented response of each operation, and what may go wrong on the way of a submit's."""
    for operation in CONTRACT.operations.values():
        for status, response in operation.responses.items():
            for example in response.examples:
                order = f"code={status}, example={example}"
                yield pytest.param(operation, order, id=f"{operation.id} {status} {example}")
    for name, operation in CONTRACT.submits.items():
        for fault in ("lost_answer", "server_error_billed", "failed", "failed_billed", "no_channel", "rate_limited"):
            yield pytest.param(operation, f"fault={fault}", id=f"{name} {fault}")


@checks(RuleId.R29)
@pytest.mark.parametrize(("operation", "order"), list(_orders()))
def test_no_bill_is_higher_than_its_answer_says(operation: Operation, order: str) -> None:
    """What the contract calls never billed costs nothing, the rest is billed once at most."""
    values = request_values.valid_requests(operation, KNOWN)[0]
    headers = [("Prefer", order), *([("Range", "bytes=0-")] if "code=206" in order else [])]
    request = RUN.request(operation, path=values.path, query=values.query, body=values.body, headers=headers)
    before = TASKS.billed() or 0
    try:
        response = RUN.transport.send(request, seconds=MAX_WAIT)
    except NoResponseError:
        reported, shown = _by_rule(RuleId.R29), None
        rule: str = RuleId.R29
    else:
        reported, shown = billing.billed(CONTRACT, response), response
        rule = billing.bill_rule(CONTRACT, response)
    cost = (TASKS.billed() or 0) - before
    least, most = billing.times(reported)
    fault = f"{operation.id}: {order}: {reported} billed, and it was billed {cost} times"
    RUN.recorder.check(rule, None if least <= cost <= most else fault, shown or request)


@checks(RuleId.R30)
@pytest.mark.parametrize("name", CONTRACT.submits)
def test_failed_task_may_stay_billed(name: str) -> None:
    """A task that has failed costs once at most, whether it was refunded or not."""
    before = TASKS.billed() or 0
    operation = CONTRACT.operations[name]
    for order in ("fault=failed", "fault=failed_billed"):
        TASKS.submit(operation, a_submit(operation), KNOWN, orders=order)
    assert RUN.control is not None
    RUN.control.advance(2 * 86_400)
    reported = _by_rule(RuleId.R30)
    cost = (TASKS.billed() or 0) - before
    is_broken = cost > 2 or (reported == "never" and cost)
    fault = f"{name}: {reported} billed, and two failed tasks are billed {cost} times"
    RUN.recorder.check(RuleId.R30, fault if is_broken else None)
