"""Submits that the project's contract does not have, and several statuses of a running task, in a derived contract."""

from __future__ import annotations

import io
import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import httpx
import pytest
from octopusx_video_contract.core.findings import Finding
from octopusx_video_contract.core.run import Run
from octopusx_video_contract.scenarios.downloads import Downloads
from octopusx_video_contract.scenarios.task_driver import TaskDriver
from octopusx_video_contract.scenarios.whole_life import WholeLife
from octopusx_video_mock import Mock
from octopusx_video_openapi import ContractError, load
from octopusx_video_openapi.checking import checked
from octopusx_video_openapi.reading import parse

from tests.conftest import AUTHORIZED, KEY
from tests.suite.test_clock import prepared
from tests.support import derived
from tests.support.contract_mistakes import mistakes, refused
from tests.support.derived import COMPOSE, CONTINUE, CREATE, CREATED, RUNS, TEASE, TEASER, UPSCALE
from tests.support.sdk.clients import EXTEND, KINDS, SOURCE, Kind, on_mock

PATH = {
    UPSCALE: f"/v1/videos/{SOURCE}/upscale",
    TEASE: f"/v1/videos/{SOURCE}/teaser",
    CONTINUE: "/v1/videos/continuations",
    CREATE: "/v1/video/create",
    COMPOSE: "/v1/video/compose",
}
BODY = {"model": "grok-video-3", "prompt": "Two Cats"}
LASTS = sum(seconds for _, seconds in RUNS)
QUEUED = RUNS[0][1]
"""For how many seconds a task is queued."""
SOURCE_LENGTH = 6
"""Seconds of video that the contract's samples of a finished task have."""


@pytest.fixture(scope="module")
def contract(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of the derived contract."""
    return derived.written(derived.document(), tmp_path_factory.mktemp("derived"))


@pytest.fixture
def derived_mock(contract: Path) -> Mock:
    """A mock that serves it."""
    return Mock(contract, token=KEY)


@pytest.fixture
def http(derived_mock: Mock) -> Iterator[httpx.Client]:
    """A client of that mock."""
    with httpx.Client(transport=derived_mock.transport, base_url="http://mock", headers=AUTHORIZED) as client:
        yield client


def submitted(http: httpx.Client, path: str, **fields: Any) -> dict[str, Any]:
    """What a submit gets."""
    answer = http.post(path, json={**BODY, **fields})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


@pytest.mark.slow
@pytest.mark.parametrize(
    ("submit", "fields", "seconds"),
    [
        (UPSCALE, {}, SOURCE_LENGTH),
        (TEASE, {}, TEASER),
        (CONTINUE, {"start_time": 4, "duration": 6, "video": {"url": SOURCE}}, 10),
        (CREATE, {"duration": 15}, CREATED),
        (COMPOSE, {"duration": 15}, 15),
        (COMPOSE, {}, 10),
    ],
)
def test_the_video_is_as_long_as_the_submit_says(
    derived_mock: Mock, http: httpx.Client, submit: str, fields: dict[str, Any], seconds: int
) -> None:
    """In each form of x-result-length, with and without a source; a read and a decoder say the same."""
    task = submitted(http, PATH[submit], **fields)["id"]
    derived_mock.clock.advance(LASTS)
    read = http.get(f"/v1/videos/{task}").json()
    assert (read["status"], read["seconds"]) == ("completed", str(seconds))
    with av.open(io.BytesIO(http.get(f"/v1/videos/{task}/content").content), "r") as video:
        assert video.duration is not None
        assert video.duration / 1e6 == pytest.approx(seconds, abs=0.5)


def test_the_length_is_unknown_where_that_of_the_source_is(contract: Path) -> None:
    """A fixed length, and one that the request says by itself, need no source. An endless number is no error."""
    submits = load(contract).submits
    body = {**BODY, "duration": 6}
    assert {name: submits[name].result_length.seconds(body, None) for name in ("extendVideo", *derived.SUBMITS)} == {
        "extendVideo": None,
        UPSCALE: None,
        TEASE: TEASER,
        CONTINUE: None,
        CREATE: CREATED,
        COMPOSE: 6,
    }
    assert submits["extendVideo"].result_length.seconds({**body, "start_time": 3}, None) == 13
    assert submits["extendVideo"].result_length.seconds({**body, "start_time": 10**400}, None) == math.inf


@pytest.mark.slow
def test_a_video_is_as_long_as_a_source_that_is_new(derived_mock: Mock, http: httpx.Client) -> None:
    """The source of an upscale may be a task that was made a moment ago, once it has succeeded."""
    source = submitted(http, "/v1/videos/extensions", start_time=9, duration=10, video={"url": SOURCE})["id"]
    assert http.post(f"/v1/videos/{source}/upscale", json=BODY).status_code == 400
    derived_mock.clock.advance(LASTS)
    task = submitted(http, f"/v1/videos/{source}/upscale")["id"]
    derived_mock.clock.advance(LASTS)
    assert http.get(f"/v1/videos/{task}").json()["seconds"] == "19"


@pytest.mark.slow
def test_a_running_task_goes_through_its_statuses_in_order(derived_mock: Mock, http: httpx.Client) -> None:
    """A new task is queued, then processing; progress never falls, and the time of the last change is that of it."""
    new = submitted(http, PATH[CREATE])
    begun = int(derived_mock.clock.now())
    assert (new["status"], new["status_update_time"]) == ("queued", begun)
    told = []
    for _ in range(LASTS + 1):
        read = http.get(f"/v1/videos/{new['id']}").json()
        unified = http.get("/v1/video/query", params={"id": new["id"]}).json()
        assert (unified["status"], unified["progress"]) == (read["status"], read["progress"])
        told.append((read["status"], unified["status_update_time"] - begun, read["progress"]))
        derived_mock.clock.advance(1)
    assert [one[:2] for one in told] == [
        *[("queued", 0)] * QUEUED,
        *[("processing", QUEUED)] * (LASTS - QUEUED),
        ("completed", LASTS),
    ]
    progress = [one[2] for one in told]
    assert progress == sorted(progress)
    assert (progress[0], progress[-2], progress[-1]) == (0, 99, 100)


@pytest.mark.slow
def test_the_statuses_keep_their_share_at_another_speed(contract: Path) -> None:
    """A mock that runs sixty times as fast has a queued task for a sixtieth of the time."""
    mock = Mock(contract, token=KEY, speed=60)
    with httpx.Client(transport=mock.transport, base_url="http://mock", headers=AUTHORIZED) as http:
        task = submitted(http, PATH[CREATE])["id"]
        seen = []
        for _ in range(5):
            seen.append(http.get(f"/v1/videos/{task}").json()["status"])
            mock.clock.advance(0.5)
    assert seen == ["queued", "processing", "processing", "processing", "completed"]


@pytest.mark.parametrize("kind", KINDS)
def test_the_sdk_waits_through_every_status_of_a_running_task(kind: Kind, derived_mock: Mock) -> None:
    """Each counts as running, and the task is submitted once."""
    seen: list[str] = []
    with on_mock(kind, derived_mock) as client:
        job = client.videos.extend(SOURCE, **EXTEND)
        assert job.status == "queued"
        done = client.videos.wait(job, on_progress=lambda now: seen.append(now.status))
    assert done.status == "completed"
    assert list(dict.fromkeys(seen)) == ["queued", "processing", "completed"]
    assert len(derived_mock.billed) == 1


@pytest.mark.slow
def test_the_suite_is_silent_on_a_server_that_serves_them(contract: Path, derived_mock: Mock) -> None:
    """From the submit to the download: every length is right, every status is known (`nox -s changes` asks more)."""
    with prepared(derived_mock.controlled_transport, "--contract", str(contract)) as run:
        tasks = TaskDriver(run)
        found_in(run, tasks, "createVideoExtension", {**BODY, "start_time": 0}, SOURCE)
        for name in derived.SUBMITS:
            body = {**BODY, "duration": 10, **({"start_time": 4} if name == CONTINUE else {})}
            assert found_in(run, tasks, name, body, tasks.made[0].id) == set(), name
        assert {"R15", "R26", "R55"} <= run.log.asked


@pytest.mark.slow
def test_the_suite_finds_each_wrong_length_and_no_order_of_statuses(contract: Path, tmp_path: Path) -> None:
    """A server whose videos are two seconds too long, and whose tasks are queued last, which no rule forbids."""
    wrong = derived.document()
    lengths: dict[str, dict[str, Any]] = {
        UPSCALE: {"fixed": SOURCE_LENGTH + 2},
        TEASE: {"fixed": TEASER + 2},
        CONTINUE: {"starts-at": {"field": "start_time"}, "adds": {"otherwise": 12}},
        CREATE: {"fixed": CREATED + 2},
        COMPOSE: {"adds": {"otherwise": 12}},
    }
    for name, length in lengths.items():
        said = derived.operation(wrong, name)["x-result-length"]
        derived.operation(wrong, name)["x-result-length"] = {"unit": "seconds", **length, "x-grade": said["x-grade"]}
    wrong["x-task-life"]["runs"].reverse()
    mock = Mock(derived.written(wrong, tmp_path), token=KEY)
    with prepared(mock.controlled_transport, "--contract", str(contract)) as run:
        tasks = TaskDriver(run)
        source = found_in(run, tasks, "createVideoExtension", {**BODY, "start_time": 0}, SOURCE)
        assert source == set()
        for name in lengths:
            body = {**BODY, "duration": 10, **({"start_time": 4} if name == CONTINUE else {})}
            assert found_in(run, tasks, name, body, tasks.made[0].id) == {"R26", "R55"}, name


def found_in(run: Run, tasks: TaskDriver, name: str, body: dict[str, Any], source: str) -> set[str]:
    """The rules that a task breaks from its submit to the download of its video."""
    findings: list[Finding] = []
    with run.recorder.collecting(findings):
        task = tasks.submit(run.contract.operations[name], body, source)
        for _ in range(4):
            tasks.read(task, tasks.route(task))
            assert run.control is not None
            run.control.advance(LASTS / 3)
        Downloads(tasks).download(task)
    return {finding.rule for finding in findings}


@pytest.mark.slow
def test_the_suite_needs_no_finished_task_for_a_submit_without_a_source(
    contract: Path, derived_mock: Mock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The others are skipped, and say why."""
    monkeypatch.setattr(WholeLife, "_chain", lambda *_: [])  # takes long, and is tested above
    with prepared(derived_mock.controlled_transport, "--contract", str(contract)) as run:
        walk = WholeLife(run.with_settings(known_ids=()))
        walk.whole()
    assert [str(finding) for found in walk.findings.values() for finding in found] == []
    assert set(walk.findings) - set(walk.skipped) == derived.WITHOUT_SOURCE
    assert {CREATE, COMPOSE} <= {task.submit.id for task in walk.tasks.made}


# ---- The vocabulary


TEXT = derived.text(derived.document())
NAMES = Path("openapi.yaml")
END = "end of the source video"


@pytest.mark.slow
def test_each_mistake_in_the_new_forms_is_refused_at_its_own_line() -> None:
    """One letter too few, a reference to nothing, a missing fact: in every length, and in the life of a task."""
    document = parse(TEXT, NAMES)
    new = {PATH[CREATE], PATH[COMPOSE], "/v1/videos/{video_id}/upscale"}
    made = [
        one
        for one in mistakes(document)
        if ("x-result-length" in one.pointer and new & set(one.pointer)) or one.pointer[:2] == ("x-task-life", "runs")
    ]
    tried = made[:: len(made) // 25]
    assert len(tried) >= 25
    assert {mistake.name: fault for mistake in tried if (fault := refused(mistake, document))} == {}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("submit", "length", "place", "said"),
    [
        (
            UPSCALE,
            {"as-long-as": "source"},
            ".as-long-as",
            '"source" is not a value of as-long-as; did you mean "source',
        ),
        (UPSCALE, {"as-long-as": "source video", "fixed": 3}, ".as-long-as", '"as-long-as" has no meaning here'),
        (UPSCALE, {"fixed": 0}, ".fixed", "0 is not a number of seconds above 0"),
        (
            UPSCALE,
            {},
            "",
            "is not a length; say it with adds (and starts-at where a source is continued), with as-long-",
        ),
        (UPSCALE, {"fixd": 3}, ".fixd", '"fixd" is not a known key of x-result-length; did you mean "fixed"?'),
        (UPSCALE, {"adds": {"otherwise": 3}}, "", '"starts-at" is missing; a request of upscaleVideo names a source'),
        (
            UPSCALE,
            {"starts-at": {"field": "start_time", "otherwise": END}},
            "",
            '"adds" is missing; x-result-length needs it',
        ),
        (
            UPSCALE,
            {"starts-at": {"field": "size", "otherwise": END}, "adds": {"otherwise": 3}},
            ".starts-at.field",
            "size is no number of seconds; name a field of type integer or number, or one whose enum has numbers",
        ),
        (
            CREATE,
            {"as-long-as": "source video"},
            ".as-long-as",
            "needs a source video, and no request of createVideo names",
        ),
        (
            CREATE,
            {"starts-at": {"field": "duration"}, "adds": {"field": "duration"}},
            ".starts-at",
            "no request of createVideo names a task (TaskId); say its length with adds alone",
        ),
        (
            CREATE,
            {"adds": {"field": "seconds"}},
            ".adds.field",
            '"seconds" is not a field of the request body of createV',
        ),
    ],
)
def test_a_length_that_can_not_be_is_refused(submit: str, length: dict[str, Any], place: str, said: str) -> None:
    """With the file, the line, the place and the fix, in one line."""
    made = derived.document()
    operation = derived.operation(made, submit)
    operation["x-result-length"] = {"unit": "seconds", **length, "x-grade": operation["x-grade"]}
    with pytest.raises(ContractError) as error:
        checked(parse(derived.text(made), NAMES))
    [line] = error.value.lines
    assert re.match(rf"openapi\.yaml:\d+: {submit} x-result-length{re.escape(place)}: ", line)
    assert said in line


@pytest.mark.slow
@pytest.mark.parametrize(
    ("runs", "said"),
    [
        ([], "x-task-life.runs: [] is not a list of the statuses of a running task, in their order"),
        (
            [{"status": "queud", "lasts": 3}],
            'runs.0.status: "queud" is not a value of RunningStatus; did you mean "queued"?',
        ),
        ([{"status": "queued", "lasts": -3}], "x-task-life.runs.0.lasts: -3 is not a number of seconds"),
        ({"status": "queued", "lasts": 3}, "is not a list of the statuses of a running task, in their order"),
    ],
)
def test_a_life_that_can_not_be_is_refused(runs: Any, said: str) -> None:
    """With the file, the line, the place and the fix, in one line."""
    made = derived.document()
    for one in runs if isinstance(runs, list) else []:
        one["x-grade"] = {"chosen": "Made up for this test."}
    made["x-task-life"]["runs"] = runs
    with pytest.raises(ContractError) as error:
        checked(parse(derived.text(made), NAMES))
    [line] = error.value.lines
    assert re.match(r"openapi\.yaml:\d+: ", line)
    assert said in line
