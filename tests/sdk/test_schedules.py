"""No schedule of faults makes the SDK pay twice, lose a job, or leave half a file."""

from __future__ import annotations

import random

import pytest

from tests.support.sdk import schedules
from tests.support.sdk.clients import CLIENTS, Kind

OPERATIONS = ("extendVideo", "createVideoExtension", "extendUnifiedVideo")
SAMPLED = 60
"""Schedules of three faults that are tried here; `nox -s schedules` tries them all."""


@pytest.mark.slow
@pytest.mark.parametrize("kind", CLIENTS)
@pytest.mark.parametrize("operation", OPERATIONS)
def test_no_fault_makes_it_pay_twice(kind: Kind, operation: str) -> None:
    """Each fault at every request of a job of each submit."""
    plain = schedules.run(kind, operation, ())
    assert plain.faults == []
    for schedule in schedules.deeper((), plain):
        assert schedules.run(kind, operation, schedule).faults == [], schedule


@pytest.mark.slow
@pytest.mark.parametrize("kind", CLIENTS)
def test_no_three_faults_make_it_pay_twice(kind: Kind) -> None:
    """Some of the schedules of three faults, each at a request that the job really sends."""
    drawn = random.Random(f"three faults, {kind}")  # noqa: S311 - made to be repeated
    for _ in range(SAMPLED):
        schedule: schedules.Schedule = ()
        operation = drawn.choice(OPERATIONS)
        ran = schedules.run(kind, operation, schedule)
        for _ in range(3):
            assert ran.faults == [], schedule
            deeper = list(schedules.deeper(schedule, ran))
            if not deeper:
                break
            schedule = drawn.choice(deeper)
            ran = schedules.run(kind, operation, schedule)
        assert ran.faults == [], schedule


def test_the_judge_sees_a_job_that_is_paid_for_twice() -> None:
    """A client that submits again after a lost response is found out, so that a green search means something."""
    ran = schedules.run("sync", "createVideoExtension", ((0, "lost_answer"),), careless=True)
    assert ran.faults[0] == "one submit was asked for, and 2 were billed"
