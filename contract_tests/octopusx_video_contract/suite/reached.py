"""Layer: the run itself. It proved something: what the contract has was reached."""

from __future__ import annotations

import pytest

from octopusx_video_contract._coverage import gaps
from octopusx_video_contract._run import current

RUN = current()


@pytest.mark.skipif(RUN.paid, reason="what may be billed is not sent often enough")
@pytest.mark.parametrize("operation", RUN.contract.operations)
def test_operation_was_reached(operation: str) -> None:
    """The run sent at least one request to the operation that was answered with success."""
    answers = RUN.seen.statuses(operation, ordered=False)
    statuses = ", ".join(f"{status} {count} times" for status, count in answers.items())
    assert any(200 <= status < 300 for status in answers), (
        f"{operation} was never answered with success in {sum(answers.values())} requests ({statuses or 'no answer'}). "
        "Is the key right, does it own the tasks (--task-id), and is it this API that listens there?"
    )


@pytest.mark.skipif("code" not in RUN.orders, reason="only a mock that follows Prefer can show all of the contract")
@pytest.mark.parametrize("kind", ["parameter", "response", "keyword", "rule"])
def test_nothing_was_left_out(kind: str) -> None:
    """Every parameter, documented response, keyword and rule of the contract was exercised."""
    if kind == "rule" and not RUN.complete:
        pytest.skip("some rules need a server that keeps tasks, a clock that can be turned and a second key")
    if kind == "keyword" and RUN.seen.findings:
        pytest.skip("the tests that would have sent more ended with a finding")
    missing = [gap.name for gap in gaps(RUN, RUN.coverage) if gap.kind == kind]
    assert not missing, f"never exercised, as a {kind}:\n" + "\n".join(missing)
