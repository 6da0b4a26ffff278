"""A wait ends when the task does, or at its deadline, and never loses the id."""

from __future__ import annotations

import asyncio
import itertools
import logging
from typing import Any

import httpx
import pytest
from octopusx_video import (
    AsyncOctopusX,
    NoVideoAddressError,
    RefusedError,
    TaskBlockedError,
    TaskCancelledError,
    TaskExpiredError,
    TaskFailedError,
    WaitTimeoutError,
)
from octopusx_video._messages.contract import unknown_for
from octopusx_video_mock import Mock

from tests.support.sdk.clients import (
    BASE_URL,
    CREATE,
    EXTEND,
    KEY,
    KINDS,
    SOURCE,
    Between,
    Kind,
    answering,
    connected,
    on_mock,
)

RUNNING = httpx.Response(200, json={"id": "grok:new", "status": "processing"})
DONE = httpx.Response(200, json={"id": "grok:new", "status": "completed", "video_url": "https://cdn.example/v.mp4"})
UNKNOWN = httpx.Response(400, json={"code": "task_not_exist", "message": "task_not_exist", "data": None})


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("family", ["videos", "unified"])
def test_a_job_is_followed_from_nothing_but_its_id(kind: Kind, family: str, mock: Mock) -> None:
    """Another client, in another process, waits for it, is told how far it is, and gets the task as it ended."""
    with on_mock(kind, mock) as client:
        task_id = getattr(client, family).extend(SOURCE, **EXTEND).id
    seen: list[int] = []
    with on_mock(kind, mock) as client:
        task = getattr(client, family).wait(task_id, on_progress=lambda now: seen.append(now.progress or 0))
    assert (task.id, task.status, task.progress) == (task_id, "completed", 100)
    assert task.video_url.startswith(BASE_URL)
    assert seen == sorted(seen)
    assert seen[-1] == 100
    assert len(mock.billed) == 1


@pytest.mark.parametrize("kind", KINDS)
def test_the_pauses_grow(kind: Kind, mock: Mock) -> None:
    """From the first pause to eight times as long; a task of three minutes takes some fifteen reads."""
    with on_mock(kind, mock) as client:
        client.videos.wait(client.videos.extend(SOURCE, **EXTEND))
    reads = [call.at for call in mock.calls if call.operation == "getVideoTask"]
    pauses = [after - before for before, after in itertools.pairwise(reads)]
    assert 1.5 <= pauses[0] <= 2
    assert max(pauses) <= 16
    assert max(pauses) > 11
    assert len(pauses) < 22


@pytest.mark.parametrize("kind", KINDS)
def test_the_deadline_holds_and_the_id_is_kept(kind: Kind, mock: Mock) -> None:
    """The error carries the id and how the task stood, says how to go on, and going on needs no second submit."""
    with on_mock(kind, mock) as client:
        task = client.videos.extend(SOURCE, **EXTEND)
        began = mock.clock.now()
        with pytest.raises(WaitTimeoutError, match="wait for the same id again") as caught:
            client.videos.wait(task, timeout=60)
        assert mock.clock.now() - began == pytest.approx(60)
        assert isinstance(caught.value, TimeoutError)
        assert caught.value.task_id == task.id
        assert caught.value.task.status == "processing"
        assert client.videos.wait(caught.value.task_id).status == "completed"
    assert len(mock.billed) == 1


@pytest.mark.parametrize("kind", KINDS)
def test_a_task_that_is_done_is_seen_at_once(kind: Kind, mock: Mock) -> None:
    """With no time at all there is still one look."""
    with on_mock(kind, mock) as client:
        assert client.videos.wait(SOURCE, timeout=0).status == "completed"
    assert len(mock.calls) == 1


SETBACKS: dict[str, httpx.Response | Exception] = {
    "429 with Retry-After": httpx.Response(429, headers={"Retry-After": "7"}),
    "empty 429": httpx.Response(429),
    "500": httpx.Response(500, json={"error": {"message": "Panic", "type": "new_api_panic"}}),
    "502": httpx.Response(502, text="<html>"),
    "503": httpx.Response(503),
    "a page": httpx.Response(200, text="<html>login</html>"),
    "silence": httpx.ReadTimeout("silence"),
    "a reset": httpx.ReadError("reset"),
    "no connection": httpx.ConnectError("refused"),
    "unknown yet": UNKNOWN,
    "unknown yet, with 404": httpx.Response(404, json={"code": "task_not_exist", "message": "x", "data": None}),
    "no status": httpx.Response(200, json={"id": "grok:new"}),
    "another status": httpx.Response(200, json={"id": "grok:new", "status": "moderating"}),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", SETBACKS)
def test_what_passes_is_no_end(kind: Kind, name: str, mock: Mock) -> None:
    """Three times in a row, and then the task is done."""
    transport = answering(*[SETBACKS[name]] * 3, DONE)
    began = mock.clock.now()
    with connected(kind, transport, mock.clock) as client:
        assert client.videos.wait("grok:new").video_url == "https://cdn.example/v.mp4"
    assert len(transport.requests) == 4
    if "Retry-After" in name:
        assert mock.clock.now() - began >= 21


@pytest.mark.parametrize("kind", KINDS)
def test_retry_after_does_not_move_the_deadline(kind: Kind, mock: Mock) -> None:
    """However long the service wants to be left alone."""
    began = mock.clock.now()
    with connected(kind, answering(httpx.Response(429, headers={"Retry-After": "9999"})), mock.clock) as client:
        with pytest.raises(WaitTimeoutError, match="429"):
            client.videos.wait("grok:new", timeout=30)
    assert mock.clock.now() - began == pytest.approx(30)


@pytest.mark.parametrize("kind", KINDS)
def test_an_id_may_be_unknown_for_as_long_as_the_contract_says(kind: Kind, mock: Mock) -> None:
    """Then it is an error that names it."""
    began = mock.clock.now()
    with on_mock(kind, mock) as client, pytest.raises(RefusedError) as caught:
        client.videos.wait("task_nobody_made")
    assert (caught.value.task_id, caught.value.code) == ("task_nobody_made", "task_not_exist")
    assert unknown_for() <= mock.clock.now() - began <= unknown_for() + 16


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(401, json={"error": {"message": "Invalid token", "type": "new_api_error", "code": ""}}),
        httpx.Response(403, json={"error": {"message": "no", "type": "new_api_error", "code": "access_denied"}}),
        httpx.Response(400, json={"code": "invalid_channel_id", "message": "x", "data": None}),
        httpx.Response(404, json={"error": {"message": "Invalid URL", "type": "invalid_request_error", "code": ""}}),
        httpx.Response(501, json={"code": "not_implemented", "message": "x", "data": None}),
    ],
    ids=lambda answer: str(answer.status_code),
)
def test_what_does_not_pass_ends_the_wait(kind: Kind, answer: httpx.Response, mock: Mock) -> None:
    """At the first read, with the id."""
    transport = answering(answer)
    with connected(kind, transport, mock.clock) as client, pytest.raises(RefusedError) as caught:
        client.videos.wait("grok:new")
    assert (caught.value.task_id, len(transport.requests)) == ("grok:new", 1)
    if answer.status_code == 501:
        assert "client.unified" in str(caught.value)


ENDS: list[tuple[dict[str, Any], type[TaskFailedError], str]] = [
    ({"status": "failed", "error": {"code": "policy", "message": "no"}}, TaskFailedError, r"failed \(policy: no\)"),
    ({"status": "failed", "error": {"code": "", "message": ""}}, TaskFailedError, "failed, without a reason"),
    ({"status": "FAILURE"}, TaskFailedError, "FAILURE"),
    ({"status": "cancelled"}, TaskCancelledError, "cancelled"),
    ({"status": "canceled"}, TaskCancelledError, "canceled"),
    ({"status": "expired"}, TaskExpiredError, "expired"),
    ({"status": "completed", "error": {"code": "moderation_blocked"}}, TaskBlockedError, "moderation_blocked"),
    ({"status": "completed", "error": "held back", "video_url": "https://x/v.mp4"}, TaskBlockedError, "held back"),
    ({"status": "completed"}, NoVideoAddressError, "has no address"),
    ({"status": "succeeded", "video_url": " "}, NoVideoAddressError, "has no address"),
]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("task", "error", "text"), ENDS, ids=lambda value: getattr(value, "__name__", str(value))[:60])
def test_each_end_without_a_video_has_its_error(
    kind: Kind, task: dict[str, Any], error: type[TaskFailedError], text: str
) -> None:
    """It carries the task, its id, and what the service said."""
    with connected(kind, answering(httpx.Response(200, json={"id": "grok:new", **task}))) as client:
        with pytest.raises(error, match=text) as caught:
            client.videos.wait("grok:new")
    assert type(caught.value) is error
    assert caught.value.task_id == caught.value.task.id == "grok:new"
    assert caught.value.task.status == task["status"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ("failed", TaskFailedError),
        ("failed_billed", TaskFailedError),
        ("failed_without_reason", TaskFailedError),
        ("completed_with_error", TaskBlockedError),
        ("completed_without_url", NoVideoAddressError),
        ("late_id", None),
        ("unknown_status", None),
        ("progress_as_text", None),
        ("milliseconds", None),
    ],
)
def test_the_mocks_faults_of_a_task_are_told_apart(
    kind: Kind, fault: str, error: type[Exception] | None, mock: Mock, caplog: pytest.LogCaptureFixture
) -> None:
    """The bad ends raise, the odd ways of writing do not; a status that is not known is logged once."""
    mock.faults.on(fault)
    with on_mock(kind, mock) as client:
        task = client.extensions.create(SOURCE, **CREATE)
        if error is not None:
            with pytest.raises(error) as caught:
                client.videos.wait(task)
            assert getattr(caught.value, "task_id", None) == task.id
            return
        ended = client.videos.wait(task)
    assert (ended.progress, ended.seconds) == (100, "10")
    assert ended.completed_at - ended.created_at == 180
    strange = [record for record in caplog.records if "moderating" in record.getMessage()]
    assert len(strange) == (1 if fault == "unknown_status" else 0)


@pytest.mark.parametrize("kind", KINDS)
def test_one_call_does_all_three(kind: Kind, mock: Mock, tmp_path: Any) -> None:
    """Submit, wait, download; the id is told as soon as it is known."""
    told: list[str] = []
    path = tmp_path / "video.mp4"
    with on_mock(kind, mock) as client:
        task = client.videos.extensions.create_and_download(
            SOURCE, path, **CREATE, on_submit=lambda submitted: told.append(submitted.id)
        )
    assert told == [task.id]
    assert path.read_bytes()[4:8] == b"ftyp"
    assert [call.operation for call in mock.calls if call.operation != "getVideoTask"] == ["createVideoExtension", None]


@pytest.mark.parametrize("kind", KINDS)
def test_one_call_looks_at_the_path_before_it_pays(kind: Kind, mock: Mock, tmp_path: Any) -> None:
    """A file that exists, or a folder that does not, costs nothing."""
    from octopusx_video import NotSentError  # noqa: PLC0415 - the one test that needs it

    taken = tmp_path / "taken.mp4"
    taken.write_bytes(b"mine")
    with on_mock(kind, mock) as client:
        for path in (taken, tmp_path / "nowhere" / "v.mp4", tmp_path):
            with pytest.raises(NotSentError):
                client.videos.extend_and_download(SOURCE, path, **EXTEND)
    assert (mock.calls, taken.read_bytes()) == ([], b"mine")


def test_an_interruption_after_the_submit_names_the_task(mock: Mock, tmp_path: Any) -> None:
    """Ctrl-C in a wait is no error of ours, and still says what was paid for."""

    def interrupt(task: Any) -> None:
        raise KeyboardInterrupt

    with on_mock("sync", mock) as client, pytest.raises(KeyboardInterrupt) as caught:
        client.videos.extend_and_download(SOURCE, tmp_path / "v.mp4", **EXTEND, on_progress=interrupt)
    assert mock.submissions[0].task in caught.value.__notes__[0]
    assert list(tmp_path.iterdir()) == []


def test_many_jobs_are_awaited_at_once(mock: Mock) -> None:
    """In one asyncio process, each with its own reads; a callback may be a coroutine."""
    seen: set[str] = set()

    async def note(task: Any) -> None:
        seen.add(task.id)
        await asyncio.sleep(0)

    async def job(client: AsyncOctopusX) -> str:
        task = await client.videos.extend(SOURCE, model="grok-video-3", prompt="a cat")
        return (await client.videos.wait(task, on_progress=note)).id

    async def main() -> list[str]:
        async with AsyncOctopusX(
            KEY, base_url=BASE_URL, transport=mock.transport, sleep=mock.clock.advance, clock=mock.clock.now
        ) as client:
            return await asyncio.gather(*(job(client) for _ in range(50)))

    ended = asyncio.run(main())
    assert len(set(ended)) == len(mock.billed) == 50
    assert seen == set(ended)


def test_a_cancelled_wait_stops_at_once() -> None:
    """Cancelling is not swallowed, and leaves no request under way."""

    async def main() -> None:
        async with AsyncOctopusX(KEY, base_url=BASE_URL, transport=Between(handle=lambda *_: RUNNING)) as client:
            waiting = asyncio.create_task(client.videos.wait("grok:new"))
            await asyncio.sleep(0.05)
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting

    asyncio.run(asyncio.wait_for(main(), 5))


def test_what_happens_is_logged(mock: Mock, caplog: pytest.LogCaptureFixture) -> None:
    """Requests at DEBUG, submits and retries at INFO, what a person has to look at as a WARNING."""
    caplog.set_level(logging.DEBUG, "octopusx_video")
    mock.faults.on("rate_limited", times=1)
    with on_mock("sync", mock) as client:
        task = client.videos.extend(SOURCE, **EXTEND)
    told = [(record.levelname, record.getMessage()) for record in caplog.records if record.name == "octopusx_video"]
    assert any(level == "DEBUG" and "/extend" in text for level, text in told)
    assert any(level == "INFO" and "again in" in text for level, text in told)
    assert any(level == "INFO" and task.id in text for level, text in told)
