"""Layer: the run itself. It proved something: what the contract has was reached."""

from __future__ import annotations

import pytest

from octopusx_video_contract.core.gaps import gaps
from octopusx_video_contract.core.run import current

RUN = current()
SUBMITS = list(RUN.contract.submits)


@pytest.mark.parametrize("operation", RUN.contract.operations)
def test_operation_was_reached(operation: str) -> None:
    """The run sent at least one request to the operation that succeeded."""
    responses = RUN.log.statuses(operation, ordered=False)
    if RUN.paid and operation in SUBMITS:
        _was_accepted()
        return
    # Where a task that the key has would have to be paid for, a read can show no more than how it refuses.
    enough = {*range(200, 300), *((400, 404) if RUN.paid and not RUN.settings.known_ids else ())}
    statuses = ", ".join(f"{status} {count} times" for status, count in responses.items())
    assert enough & responses.keys(), (
        f"{operation} never responded with success in {sum(responses.values())} requests "
        f"({statuses or 'no response'}). "
        "Is the key right, does it own the tasks (--task-id), and is it this API that listens there?"
    )


def _was_accepted() -> None:
    """Where units were spent, one of all submits was accepted at least, or its response was lost."""
    units = RUN.budget.units
    if not units:
        pytest.skip("what may be billed was not sent")
    statuses = ", ".join(sorted({f"{unit.status}" for unit in units}))
    assert any(unit.status is None or unit.status < 300 for unit in units), (
        f"{len(units)} submits that may be billed were sent, and none was accepted ({statuses}): nothing was seen of "
        "what they begin"
    )


@pytest.mark.skipif(
    "code" not in RUN.settings.orders, reason="only a mock that follows Prefer can show all of the contract"
)
@pytest.mark.parametrize("kind", ["parameter", "response", "keyword", "rule"])
def test_nothing_was_left_out(kind: str) -> None:
    """Every parameter, documented response, keyword and rule of the contract was exercised."""
    if kind == "rule" and not RUN.complete:
        pytest.skip("some rules need a server that keeps tasks, a clock that can be turned and a second key")
    if kind == "keyword" and RUN.log.findings:
        pytest.skip("the tests that would have sent more ended with a finding")
    missing = [gap.name for gap in gaps(RUN) if gap.kind == kind]
    assert not missing, f"never exercised, as a {kind}:\n" + "\n".join(missing)
