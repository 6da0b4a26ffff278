"""Layer: the run itself. It proved something: every operation was reached, and with success."""

from __future__ import annotations

import pytest

from octopusx_video_contract._run import current

RUN = current()


@pytest.mark.parametrize("operation", RUN.contract.operations)
def test_operation_was_reached(operation: str) -> None:
    """The run sent at least one request to the operation that was answered with success."""
    seen = RUN.seen
    statuses = ", ".join(f"{status} {count} times" for status, count in sorted(seen.answers[operation].items()))
    assert seen.successes(operation) > 0, (
        f"{operation} was never answered with success in {seen.cases(operation)} requests ({statuses or 'no answer'}). "
        "Is the key right, does it own the tasks (--task-id), and is it this API that listens there?"
    )
