"""Layer: conformance. Schemathesis over every operation, all phases and checks, and ours among them."""

from __future__ import annotations

import functools
from typing import Any

import hypothesis
import pytest
from schemathesis.core.transport import Response

from octopusx_video_contract.core.run import current
from octopusx_video_contract.scenarios import schemathesis_adapter
from octopusx_video_contract.scenarios.shrinking import limit_shrinking

RUN = current()
limit_shrinking()
TRIED = schemathesis_adapter.operations(RUN)


@functools.cache
def _schema() -> Any:
    return schemathesis_adapter.schema(RUN)


# One finding for each operation, the first, is what a person can read; Hypothesis would wrap several into each other.
hypothesis.settings.register_profile("suite", report_multiple_bugs=False)
hypothesis.settings.load_profile("suite")


def _test(operation_id: str) -> Any:
    def check(case: schemathesis_adapter.Case) -> None:
        with RUN.recorder.collecting(None):  # Hypothesis looks for a smaller request that raises the same
            schemathesis_adapter.validate(RUN, case)

    def test(request: pytest.FixtureRequest) -> None:
        # Schemathesis makes the edge cases of an operation when it collects its test. All of them take a second, by
        # which the findings of other layers would come later; so each is collected when it is to run.
        # Not `include`: with settings for single operations schemathesis adds its own, and any of them lets one in.
        others = [other for other in RUN.contract.operations if other != operation_id]
        marked = _schema().exclude(operation_id=others).parametrize()(check)
        collected = request.node.ihook.pytest_pycollect_makeitem(
            collector=request.node.parent, name=request.node.name, obj=marked
        )
        [made] = collected.collect()
        made.ihook.pytest_pyfunc_call(pyfuncitem=made)

    test.__doc__ = (
        f"Examples, edge cases and generated requests of {operation_id}: each response conforms to the contract."
    )
    return test


# One test for each operation, under its own name.
globals().update({f"test_{operation_id}": _test(operation_id) for operation_id in TRIED})


@pytest.mark.skipif(RUN.paid, reason="each chain begins with a submit, which may be billed")
def test_links() -> None:
    """Chains of requests along the contract's links, from a submit to the reads of the new task."""
    machine = _schema().as_state_machine()

    class Machine(machine):  # type: ignore[valid-type,misc]
        def call(self, case: schemathesis_adapter.Case, **_: Any) -> Response:
            return schemathesis_adapter.send(RUN, case)

        def validate_response(
            self, response: Response, case: schemathesis_adapter.Case, additional_checks: Any = None, **options: Any
        ) -> None:
            recorder = getattr(self, "recorder", None)
            more = {"additional_checks": additional_checks, "recorder": recorder}
            schemathesis_adapter.check(RUN, case, response, **{name: value for name, value in more.items() if value})

    Machine.rule_order_seed = RUN.settings.seed
    hypothesis.seed(RUN.settings.seed)(Machine)
    with RUN.recorder.collecting(None):
        Machine.run(settings=schemathesis_adapter.chain_settings(RUN))
