"""Layer: conformance. Schemathesis over every operation, all phases and checks, and ours among them."""

from __future__ import annotations

from typing import Any

import hypothesis
from schemathesis.core.failures import FailureGroup

from octopusx_video_contract import _conformance
from octopusx_video_contract._run import current

RUN = current()
schema = _conformance.schema(RUN)


# One finding for each operation, the first, is what a person can read; Hypothesis would wrap several into each other.
hypothesis.settings.register_profile("suite", report_multiple_bugs=False)
hypothesis.settings.load_profile("suite")


class FindingError(AssertionError):
    """What schemathesis found, as its own text: the check, the answer, and the request as a curl command."""

    def __init__(self, group: FailureGroup) -> None:
        titles = "; ".join(failure.title for failure in group.exceptions)
        super().__init__(f"{titles}\n{group.message}")


def _test(operation_id: str) -> Any:
    def test(case: _conformance.Case) -> None:
        try:
            case.call_and_validate()
        except FailureGroup as group:
            raise FindingError(group) from None

    test.__doc__ = f"Examples, edge cases and generated requests of {operation_id}: each answer keeps the contract."
    # Not `include`: with settings for single operations schemathesis adds its own, and any of them lets one in.
    others = [other for other in RUN.contract.operations if other != operation_id]
    return schema.exclude(operation_id=others).parametrize()(test)


# One test for each operation, under its own name: pytest 9.2 drops the label that schemathesis adds to a common one.
globals().update({f"test_{operation_id}": _test(operation_id) for operation_id in RUN.contract.operations})


def test_links() -> None:
    """Chains of requests along the contract's links, from a submit to the reads of the new task."""
    machine = schema.as_state_machine()
    machine.rule_order_seed = RUN.seed
    hypothesis.seed(RUN.seed)(machine)
    try:
        machine.run(settings=_conformance.chain_settings(RUN))
    except FailureGroup as group:
        raise FindingError(group) from None
