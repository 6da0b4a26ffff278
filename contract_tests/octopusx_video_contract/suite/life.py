"""Layer: a task's life. What must hold between a submit, its reads, its end and its video."""

from __future__ import annotations

import functools
import random

import hypothesis
import pytest
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, rule, run_state_machine_as_test
from octopusx_video_openapi import RuleId, lifecycle

from octopusx_video_contract.cases.submit_bodies import a_submit
from octopusx_video_contract.checks.registry import checks
from octopusx_video_contract.checks.task_life import Task
from octopusx_video_contract.core.asking import ask_each
from octopusx_video_contract.core.findings import Findings
from octopusx_video_contract.core.run import current
from octopusx_video_contract.scenarios.downloads import Downloads
from octopusx_video_contract.scenarios.read_checks import ReadChecks
from octopusx_video_contract.scenarios.shrinking import limit_shrinking
from octopusx_video_contract.scenarios.task_driver import TaskDriver
from octopusx_video_contract.scenarios.together import Together
from octopusx_video_contract.scenarios.whole_life import FAILING, MAX_SHORT_WAIT, WholeLife

RUN = current()
CONTRACT = RUN.contract
limit_shrinking()
SUBMITS = list(CONTRACT.submits)


@functools.cache
def _lives() -> WholeLife:
    lives = WholeLife(RUN)
    lives.whole()
    return lives


@pytest.mark.parametrize("submit", SUBMITS)
def test_whole_life(submit: str) -> None:
    """A task of each submit, from the first read to the day when its video is gone."""
    lives = _lives()
    if lives.findings[submit]:
        raise Findings(lives.findings[submit])
    if submit in lives.skipped:
        pytest.skip(lives.skipped[submit])
    if RUN.settings.stateless:
        pytest.skip("R06, R15 to R17 and R45 to R56 can't be asked of a server that keeps no tasks")


@checks(RuleId.R52)
@pytest.mark.skipif(RUN.settings.stateless, reason="R24 can't be asked of a server that has no videos")
def test_parts_of_a_video() -> None:
    """A finished task that is known sends its video whole and in parts."""
    if not RUN.settings.known_ids:
        pytest.skip("no finished task is known; name one with --task-id")
    tasks = TaskDriver(RUN)
    response = RUN.send(tasks.request(tasks.content, RUN.settings.known_ids[0]))
    RUN.recorder.check_response(response)
    fault = f"the content of {RUN.settings.known_ids[0]} got {response.status}"
    RUN.recorder.check(RuleId.R52, None if response.status == 200 else fault, response)
    if response.status == 200:
        Downloads(tasks).parts(RUN.settings.known_ids[0], response.content)


@checks(RuleId.R46)
@pytest.mark.skipif(not RUN.settings.other_key, reason="R20 needs a key of another account (OCTOPUSX_OTHER_API_KEY)")
def test_keys_are_kept_apart() -> None:
    """A task of the one key is unknown to the other: to read, to download, to continue."""
    lives = _lives()
    task = next((task for task in lives.tasks.made if task.phase == "succeeded"), None)
    if task is None or RUN.paid or RUN.settings.stateless:
        pytest.skip("R20 needs a task that has succeeded, of a server that keeps tasks and bills nothing")

    def continued(name: str) -> None:
        submit = CONTRACT.operations[name]
        credential = f"Bearer {RUN.settings.other_key}"
        _, request = lives.tasks.submission(submit, a_submit(submit), task.id, credential=credential)
        lives.tasks.refused(request, RuleId.R46, f"{name}: a source of another account")

    ask_each(RUN, SUBMITS, continued)


@pytest.mark.skipif(RUN.settings.stateless, reason="R03 to R06 and R20 can't be asked of a server that keeps no tasks")
def test_requests_at_the_same_moment() -> None:
    """Submits, reads and downloads that are under way together get the responses that each would get alone."""
    if not RUN.settings.known_ids:
        pytest.skip("no finished task is known; name one with --task-id")
    waited = _lives().ends.waited  # and what is paid for is spent on whole lives first
    Together(RUN, max_wait=1.2 * waited if waited < MAX_SHORT_WAIT and not RUN.paid else 0).ask()


@pytest.mark.skipif(
    RUN.control is None or RUN.settings.stateless or RUN.paid, reason="R15 to R19 so need a clock to turn"
)
def test_lives_in_any_order() -> None:
    """Submits, reads, waits and downloads in whatever order keep what was reported before."""
    timing = lifecycle.task_life(CONTRACT)

    class Lives(RuleBasedStateMachine):
        made: Bundle[Task] = Bundle("made")

        @initialize()
        def begin(self) -> None:
            self.tasks = TaskDriver(RUN)

        @rule(
            target=made,
            submit=st.sampled_from(SUBMITS),
            choice=st.integers(0, 2**16),
            orders=st.sampled_from(["", "", FAILING] if "fault" in RUN.settings.orders else [""]),
        )
        def submit(self, submit: str, choice: int, orders: str) -> Task:
            drawn = random.Random(choice)  # noqa: S311 - drawn by Hypothesis
            operation = CONTRACT.operations[submit]
            body = a_submit(operation, drawn)
            finished = [task.id for task in self.tasks.made if task.phase == "succeeded"]
            body["prompt"] = f"{body['prompt']} {choice}"
            return self.tasks.submit(operation, body, drawn.choice([*finished, *RUN.settings.known_ids]), orders=orders)

        @rule(task=made, route=st.integers(0, 1))
        def read(self, task: Task, route: int) -> None:
            routes = self.tasks.routes(task.submit.id) or [self.tasks.route(task)]
            self.tasks.first_read(task, routes[route % len(routes)])

        @rule(seconds=st.floats(0.1, 1.2 * timing.lasts))
        def wait(self, seconds: float) -> None:
            assert RUN.control is not None
            RUN.control.advance(seconds)

        @rule(task=made)
        def download(self, task: Task) -> None:
            self.tasks.read(task, self.tasks.route(task))
            if task.phase == "succeeded":
                Downloads(self.tasks).download(task)
            else:
                Downloads(self.tasks).no_content_yet(task, still=RUN.is_still)

        @rule(task=made)
        def stand_still(self, task: Task) -> None:
            route = self.tasks.route(task)
            self.tasks.read(task, route)
            ReadChecks(self.tasks).reads_change_nothing(task, route)

    hypothesis.seed(RUN.settings.seed)(Lives)
    settings = hypothesis.settings(
        max_examples=max(1, RUN.settings.max_examples // 4),
        stateful_step_count=12,
        deadline=None,
        database=None,
        report_multiple_bugs=False,
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    with RUN.recorder.collecting(None):  # Hypothesis looks for fewer steps that raise the same
        run_state_machine_as_test(Lives, settings=settings)
