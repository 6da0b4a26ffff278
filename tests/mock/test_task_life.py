"""A task's life in the lifecycle engine, from its submit to its video, on a clock that the test turns."""

from __future__ import annotations

import io
import re
from typing import Any

import av
import httpx
import pytest
from octopusx_video_contract.cases.code_samples import documented
from octopusx_video_mock import Mock
from octopusx_video_openapi import lifecycle, load, task_ids

from tests.conftest import AUTHORIZED, KEY

CONTRACT = load()
LIFE = lifecycle.task_life(CONTRACT)
SOURCE = "grok:f673ba58-b053-4d8d-8938-c0b429de4d7f"
SUBMITS: dict[str, tuple[str, dict[str, Any]]] = {
    "extendVideo": (f"/v1/videos/{SOURCE}/extend", {}),
    "createVideoExtension": ("/v1/videos/extensions", {"video": {"url": SOURCE}, "start_time": 4}),
    "extendUnifiedVideo": ("/v1/video/extend", {"task_id": SOURCE}),
}


def submit(http: httpx.Client, operation: str = "createVideoExtension", **fields: Any) -> str:
    """Submit, and give the new task's id."""
    path, body = SUBMITS[operation]
    answer = http.post(path, json={"model": "grok-video-3", "prompt": "a cat", **body, **fields})
    assert answer.status_code == 200, answer.text
    return str(answer.json()["id"])


def read(http: httpx.Client, task: str) -> dict[str, Any]:
    """Read a task through the OpenAI-format route."""
    answer = http.get(f"/v1/videos/{task}")
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


def query(http: httpx.Client, task: str) -> dict[str, Any]:
    """Read a task through the Unified Video route."""
    answer = http.get("/v1/video/query", params={"id": task})
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


@pytest.mark.parametrize("operation", SUBMITS)
def test_a_task_runs_and_is_completed_when_its_time_has_passed(mock: Mock, http: httpx.Client, operation: str) -> None:
    """It is processing until the contract's time has passed, then completed with an address; both reads agree."""
    begun = int(mock.clock.now())
    task = submit(http, operation)
    seen = []
    for _ in range(int(LIFE.lasts) // 30 + 2):
        first, second = read(http, task), query(http, task)
        assert (first["id"], second["id"]) == (task, task)
        assert first["status"] == second["status"]
        assert first["progress"] == second["progress"]
        assert first["created_at"] == begun
        seen.append((first["status"], first["progress"], first["completed_at"], first["video_url"] != ""))
        mock.clock.advance(30)
    ended = begun + int(LIFE.lasts)
    assert [status for status, *_ in seen] == ["processing"] * 6 + ["completed"] * 2
    assert [progress for _, progress, *_ in seen] == [0, 16, 33, 50, 66, 83, 100, 100]
    assert [at for _, _, at, _ in seen] == [0] * 6 + [ended] * 2
    assert [has for *_, has in seen] == [False] * 6 + [True] * 2


def test_the_whole_life_takes_no_time_at_all(mock: Mock, http: httpx.Client) -> None:
    """A clock that stands still makes every run the same: the same ids, the same times."""
    first = submit(http)
    again = Mock(token=KEY)
    with httpx.Client(transport=again.transport, base_url="http://mock", headers=AUTHORIZED) as other:
        assert submit(other) == first
    assert submit(http) != first
    assert mock.clock.now() == Mock().clock.now()


def test_progress_never_falls_and_ends_at_100(mock: Mock, http: httpx.Client) -> None:
    """Second by second, progress only grows, and says 100 only when the task has ended (R15)."""
    task = submit(http)
    progress = []
    for _ in range(int(LIFE.lasts) + 2):
        body = read(http, task)
        progress.append(body["progress"])
        assert (body["progress"] == 100) == (body["status"] == "completed")
        mock.clock.advance(1)
    assert progress == sorted(progress)


@pytest.mark.parametrize(
    ("operation", "fields", "seconds"),
    [
        ("createVideoExtension", {"start_time": 4, "duration": 6}, 10),
        ("createVideoExtension", {"start_time": 4, "duration": 15}, 19),
        ("createVideoExtension", {"start_time": 0}, 10),
        ("createVideoExtension", {"start_time": 20, "model": "grok-video-3-max"}, 30),
        ("createVideoExtension", {"start_time": 3600, "duration": 10}, 3610),
        ("extendVideo", {"start_time": 4}, 14),
        ("extendVideo", {}, 16),
        ("extendVideo", {"start_time": 4, "model": "grok-video-3-max"}, 19),
        ("extendUnifiedVideo", {"start_time": 0}, 10),
        ("extendUnifiedVideo", {"model": "grok-video-3-max"}, 21),
    ],
)
def test_the_video_has_the_length_of_the_rule(
    mock: Mock, http: httpx.Client, operation: str, fields: dict[str, Any], seconds: int
) -> None:
    """A decoder reads the length that the submit's x-result-length gives, in an H.264 mp4 (R25, R26)."""
    task = submit(http, operation, **fields)
    mock.clock.advance(LIFE.lasts)
    assert read(http, task)["seconds"] == str(seconds)
    content = http.get(f"/v1/videos/{task}/content")
    assert content.headers["content-type"] == "video/mp4"
    assert int(content.headers["content-length"]) == len(content.content)
    with av.open(io.BytesIO(content.content), "r") as video:
        assert video.streams.video[0].codec_context.name == "h264"
        assert video.duration is not None
        assert video.duration / 1e6 == pytest.approx(seconds, abs=0.5)


def test_a_video_can_be_extended_again(mock: Mock, http: httpx.Client) -> None:
    """The new task is the source of the next, and its length counts."""
    first = submit(http)
    mock.clock.advance(LIFE.lasts)
    answer = http.post(f"/v1/videos/{first}/extend", json={"model": "m", "prompt": "more"})
    assert answer.status_code == 200
    mock.clock.advance(LIFE.lasts)
    assert read(http, answer.json()["id"])["seconds"] == "24"


def test_the_address_needs_no_key_and_is_not_to_be_guessed(mock: Mock, http: httpx.Client) -> None:
    """The video's address works for whoever has it, as the service's own do, and for no other task."""
    first, second = submit(http), submit(http)
    mock.clock.advance(LIFE.lasts)
    address = read(http, first)["video_url"]
    with httpx.Client(transport=mock.transport) as anybody:
        whole = anybody.get(address)
        assert (whole.status_code, whole.content[4:8]) == (200, b"ftyp")
        assert anybody.get(address, headers={"Range": "bytes=0-9"}).status_code == 206
        assert anybody.get(address.replace(first, second)).status_code == 404
        mock.clock.advance(LIFE.expires_after)
        assert anybody.get(address).status_code == 404


def test_the_content_expires(mock: Mock, http: httpx.Client) -> None:
    """Until expires_at the video can be fetched; after it the gateway answers 502, and the task stays completed."""
    task = submit(http)
    mock.clock.advance(LIFE.expires_after - 1)
    assert read(http, task)["expires_at"] > mock.clock.now()
    assert http.get(f"/v1/videos/{task}/content").status_code == 200
    mock.clock.advance(1)
    assert http.get(f"/v1/videos/{task}/content").status_code == 502
    assert read(http, task)["status"] == "completed"


def test_the_content_of_a_running_task_is_refused(http: httpx.Client) -> None:
    """400, as the gateway has it (R23)."""
    answer = http.get(f"/v1/videos/{submit(http)}/content")
    assert answer.status_code == 400
    assert answer.json()["error"]["type"] == "invalid_request_error"


@pytest.mark.parametrize(
    ("asked", "status", "first", "last"),
    [
        ("bytes=0-9", 206, 0, 9),
        ("bytes=100-", 206, 100, -1),
        ("bytes=-5", 206, -5, -1),
        ("bytes=-999999999", 206, 0, -1),
        ("bytes=10-999999999", 206, 10, -1),
        ("Bytes=1-1", 206, 1, 1),
        ("bytes=5-2", 200, 0, -1),
        ("bytes=0-1,4-5", 200, 0, -1),
        ("bytes=-", 200, 0, -1),
        ("items=0-1", 200, 0, -1),
        ("nonsense", 200, 0, -1),
        ("bytes=999999999-", 416, 0, 0),
        ("bytes=99999999999999999999-", 416, 0, 0),
        ("bytes=-0", 416, 0, 0),
    ],
)
def test_range(mock: Mock, http: httpx.Client, asked: str, status: int, first: int, last: int) -> None:
    """A part, the rest, the end; what can't be read is left alone, what is past the end is refused (RFC 9110 14)."""
    task = submit(http)
    mock.clock.advance(LIFE.lasts)
    whole = http.get(f"/v1/videos/{task}/content").content
    answer = http.get(f"/v1/videos/{task}/content", headers={"Range": asked})
    assert answer.status_code == status
    if status == 416:
        assert answer.headers["content-range"] == f"bytes */{len(whole)}"
        return
    begin, end = first % len(whole), last % len(whole)
    assert answer.content == whole[begin : end + 1]
    if status == 206:
        assert answer.headers["content-range"] == f"bytes {begin}-{end}/{len(whole)}"


def test_echoes_are_told_again(mock: Mock, http: httpx.Client) -> None:
    """What was asked for is told on the read, as far as an id can carry it; what was not asked for is not there."""
    task = submit(http, "extendVideo", size="1080P", aspect_ratio="3:2")
    mock.clock.advance(LIFE.lasts)
    first, second = read(http, task), query(http, task)
    assert (first["model"], first["size"], second["ratio"]) == ("grok-video-3", "1080P", "3:2")
    assert second["prompt"] == "a cat"
    bare = read(http, submit(http, model="m" * 300, prompt="p" * 300))
    assert not {"size", "model"} & set(bare)


@pytest.mark.parametrize("task", task_ids.documented(CONTRACT))
def test_the_documented_tasks_are_there_and_finished(http: httpx.Client, task: str) -> None:
    """The ids of the API's pages are finished tasks of every key, with a video, and can be extended."""
    assert read(http, task)["status"] == query(http, task)["status"] == "completed"
    assert http.get(f"/v1/videos/{task}/content").content[4:8] == b"ftyp"
    assert http.post(f"/v1/videos/{task}/extend", json={"model": "m", "prompt": "p"}).status_code == 200


@pytest.mark.parametrize("request_", documented(CONTRACT), ids=lambda request: request.operation_id)
def test_the_documented_curl_commands_work(http: httpx.Client, request_: Any) -> None:
    """Each request of the API's pages is accepted, byte for byte but for the host and the key."""
    sent = request_.request(KEY)
    answer = http.request(sent.method, sent.target, headers=dict(sent.headers), content=sent.body)
    assert answer.status_code == 200


def test_a_source_has_to_be_a_finished_task_of_the_key(mock: Mock, http: httpx.Client) -> None:
    """A source that is unknown, somebody else's or still running is refused with 400 and its code (R22), unbilled."""
    running = submit(http)
    for source, code in (("unknown", "task_not_exist"), (running, "fail_to_fetch_task")):
        answer = http.post(f"/v1/videos/{source}/extend", json={"model": "m", "prompt": "p"})
        assert (answer.status_code, answer.json()["code"]) == (400, code)
    assert len(mock.billed) == 1


def test_a_task_belongs_to_the_key_that_made_it() -> None:
    """With another key it is unknown on every route, and can't be extended (R20)."""
    mock = Mock()
    with httpx.Client(transport=mock.transport, base_url="http://mock") as http:
        http.headers["Authorization"] = "Bearer first"
        task = submit(http)
        mock.clock.advance(LIFE.lasts)
        assert read(http, task)["status"] == "completed"
        http.headers["Authorization"] = "Bearer second"
        assert http.get(f"/v1/videos/{task}").json()["code"] == "task_not_exist"
        assert http.get("/v1/video/query", params={"id": task}).status_code == 400
        assert http.get(f"/v1/videos/{task}/content").status_code == 404
        assert http.post(f"/v1/videos/{task}/extend", json={"model": "m", "prompt": "p"}).status_code == 400


def test_a_faster_task_ends_sooner() -> None:
    """At sixty times the speed the contract's time passes in a sixtieth of it, and times tell so."""
    mock = Mock(token=KEY, speed=60)
    with httpx.Client(transport=mock.transport, base_url="http://mock", headers=AUTHORIZED) as http:
        task = submit(http)
        mock.clock.advance(LIFE.lasts / 60 - 0.1)
        assert read(http, task)["status"] == "processing"
        mock.clock.advance(0.1)
        body = read(http, task)
        assert body["status"] == "completed"
        assert body["completed_at"] - body["created_at"] == int(LIFE.lasts / 60)


def test_what_is_called_and_billed_is_noted(mock: Mock, http: httpx.Client) -> None:
    """Every call is there, refused ones too; only what was accepted is a submission, and costs."""
    task = submit(http)
    http.post("/v1/videos/extensions", json={"model": "m"})
    http.get(f"/v1/videos/{task}")
    http.get("/nowhere")
    assert [(call.operation, call.status) for call in mock.calls] == [
        ("createVideoExtension", 200),
        ("createVideoExtension", 400),
        ("getVideoTask", 200),
        (None, 404),
    ]
    assert [(one.task, one.operation, one.answered) for one in mock.submissions] == [
        (task, "createVideoExtension", True)
    ]
    assert mock.billed == mock.submissions


def test_an_id_is_new_and_fits_anywhere(http: httpx.Client) -> None:
    """It begins as the pages' do, stands in a path as it is, has at most 128 characters, and none comes twice (R03)."""
    long = {"model": "ü" * 200, "prompt": "p" * 200, "size": "720P", "aspect_ratio": "16:9"}
    ids = [submit(http, "extendVideo", **(long if number % 2 else {})) for number in range(200)]
    assert len(set(ids)) == len(ids)
    for task in ids:
        assert re.fullmatch(r"grok:[A-Za-z0-9_-]+", task)
        assert len(task) <= 128
