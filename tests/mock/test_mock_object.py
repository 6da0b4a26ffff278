"""The mock in the process of a test: its transports, its fixture, the generated client on it."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import Any

import httpx
import pytest
from octopusx_video_client import AuthenticatedClient
from octopusx_video_client.api.videos import (
    create_video_extension,
    download_video_content,
    extend_video,
    get_video_task,
)
from octopusx_video_client.models import (
    CreateVideoExtensionRequest,
    ExtendVideoRequest,
    SourceVideo,
    SubmittedTask,
    VideoTask,
)
from octopusx_video_mock import Mock, MockError
from octopusx_video_mock.engine.ledger import Ledger
from octopusx_video_mock.messages import MAX_BODY

from tests.mock.test_task_life import LIFE, read, submit

BODY = CreateVideoExtensionRequest(
    model="grok-video-3", prompt="a cat", video=SourceVideo(url="video_abc123"), start_time=4, duration=6
)
pytest_plugins = ["pytester"]


def _client(mock: Mock) -> AuthenticatedClient:
    return AuthenticatedClient(base_url="http://mock", token="any", httpx_args={"transport": mock.transport})


def _with_key(mock: Mock, key: str) -> httpx.Client:
    return httpx.Client(transport=mock.transport, base_url="http://mock", headers={"Authorization": f"Bearer {key}"})


def _with_control(mock: Mock) -> httpx.Client:
    return httpx.Client(
        transport=mock.controlled_transport, base_url="http://localhost", headers={"Authorization": "Bearer any"}
    )


def test_the_generated_client_lives_a_whole_task(octopusx_mock: Mock) -> None:
    """Submit, poll, download in milliseconds, with the fixture that pytest has when the mock is installed."""
    with _client(octopusx_mock) as client:
        answer = create_video_extension.sync(client=client, body=BODY)
        assert isinstance(answer, SubmittedTask)
        task = get_video_task.sync(answer.id, client=client)
        assert isinstance(task, VideoTask)
        assert task.status == "processing"
        octopusx_mock.clock.advance(LIFE.lasts)
        task = get_video_task.sync(answer.id, client=client)
        assert isinstance(task, VideoTask)
        assert task.status == "completed"
        video: Any = download_video_content.sync(answer.id, client=client)
        assert video.payload.read()[4:8] == b"ftyp"
    assert [call.operation for call in octopusx_mock.calls] == [
        "createVideoExtension",
        "getVideoTask",
        "getVideoTask",
        "downloadVideoContent",
    ]
    assert [one.task for one in octopusx_mock.billed] == [answer.id]


def test_the_asynchronous_client_as_well(octopusx_mock: Mock) -> None:
    """The same transport serves both, and many tasks at once."""

    async def live() -> list[str]:
        async with _client(octopusx_mock) as client:
            bodies = [ExtendVideoRequest(model="m", prompt=str(number)) for number in range(20)]
            answers = await asyncio.gather(
                *(extend_video.asyncio("video_abc123", client=client, body=body) for body in bodies)
            )
            octopusx_mock.clock.advance(LIFE.lasts)
            ids = [answer.id for answer in answers if isinstance(answer, SubmittedTask)]
            tasks = await asyncio.gather(*(get_video_task.asyncio(task, client=client) for task in ids))
            return [task.status for task in tasks if isinstance(task, VideoTask)]

    assert asyncio.run(live()) == ["completed"] * 20
    assert len(octopusx_mock.billed) == 20


@pytest.mark.parametrize(
    ("fault", "error"), [("lost_answer", httpx.ReadTimeout), ("connection_reset", httpx.ReadError)]
)
def test_what_breaks_on_the_way_is_raised_as_httpx_does(
    octopusx_mock: Mock, fault: str, error: type[Exception]
) -> None:
    """In both flavours; after a lost response the mock knows what was paid for, after a reset nothing was done."""
    octopusx_mock.faults.on(fault)

    async def submit() -> None:
        async with _client(octopusx_mock) as client:
            await create_video_extension.asyncio(client=client, body=BODY)

    with _client(octopusx_mock) as client, pytest.raises(error):
        create_video_extension.sync(client=client, body=BODY)
    with pytest.raises(error):
        asyncio.run(submit())
    assert [one.answered for one in octopusx_mock.billed] == ([False] * 2 if fault == "lost_answer" else [])
    assert [call.status for call in octopusx_mock.calls] == [None, None]


@pytest.mark.parametrize("fault", ["download_cut", "download_crawls"])
def test_downloads_in_the_asynchronous_flavour(octopusx_mock: Mock, fault: str) -> None:
    """A cut one is raised after its half, a crawling one turns the clock."""
    octopusx_mock.faults.on(fault)
    begun = octopusx_mock.clock.now()

    async def download() -> bytes:
        async with httpx.AsyncClient(transport=octopusx_mock.transport, timeout=10) as http:
            answer = await http.get("http://mock/v1/videos/video_abc123/content", headers={"Authorization": "Bearer a"})
            return answer.content

    if fault == "download_cut":
        with pytest.raises(httpx.RemoteProtocolError):
            asyncio.run(download())
    else:
        assert asyncio.run(download())[4:8] == b"ftyp"
        assert octopusx_mock.clock.now() > begun + 60


def test_a_body_over_the_limit_is_refused(octopusx_mock: Mock) -> None:
    """413, as the contract documents it for submits."""
    with httpx.Client(transport=octopusx_mock.transport, headers={"Authorization": "Bearer any"}) as http:
        answer = http.post("http://mock/v1/videos/extensions", content=b" " * (MAX_BODY + 1))
    assert answer.status_code == 413


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"token": "a b"}, "the token can't be sent as a key"),
        ({"token": ("sk-a", "a b")}, "the token can't be sent as a key"),
        ({"token": ()}, "an empty list of tokens accepts no key"),
        ({"speed": 0}, "the speed 0 is not between 0.001 and 1000000"),
        ({"speed": float("nan")}, "the speed nan is not between"),
        ({"speed": float("inf")}, "the speed inf is not between"),
        ({"start": float("nan")}, "a clock can't stand at nan"),
        ({"start": float("inf")}, "a clock can't stand at inf"),
    ],
)
def test_an_option_that_can_not_be_used_is_refused(options: dict[str, Any], said: str) -> None:
    """The error names it and what could stand there, and shows no secret."""
    with pytest.raises(MockError) as raised:
        Mock(**options)
    assert said in str(raised.value)
    assert "a b" not in str(raised.value)


def test_each_of_several_keys_has_tasks_of_its_own() -> None:
    """Each is accepted and nothing else is; what one submitted is unknown to the other."""
    mock = Mock(token=("sk-first", "sk-second"))
    with _with_key(mock, "sk-first") as first, _with_key(mock, "sk-second") as second:
        for owner, other in ((first, second), (second, first)):
            task = submit(owner)
            assert read(owner, task)["id"] == task
            refused, unknown = other.get(f"/v1/videos/{task}"), other.get("/v1/videos/never-submitted")
            assert refused.is_client_error
            assert (refused.status_code, refused.json()["code"]) == (unknown.status_code, unknown.json()["code"])
    for key in ("sk-", "sk-firs", "sk-firsts", "sk-third", "sk-firstsk-second", "sk-first,sk-second"):
        with _with_key(mock, key) as stranger:
            for _ in range(2):
                assert stranger.get("/v1/videos/video_abc123").status_code == 401


@pytest.mark.parametrize("sent", ["sk-first", "sk-first-and-more", "sk-second", "sk-first-and"])
def test_none_of_several_keys_is_noted(sent: str) -> None:
    """Neither the caller's nor another's, nor the rest of one that begins with another."""
    mock = Mock(token=("sk-first", "sk-first-and-more", "sk-second"))
    with _with_key(mock, sent) as http:
        for named in ("sk-first", "sk-first-and-more", "sk-second", sent):
            answer = http.get(f"/nowhere/{named}")
            assert "/nowhere/[key])" in answer.json()["error"]["message"]
    assert {call.path for call in mock.calls} == {"/nowhere/[key]"}


def test_the_control_routes_are_answered_without_a_socket(octopusx_mock: Mock) -> None:
    """On the transport that has them: they turn the clock and order the faults of the same mock."""
    with _with_key(octopusx_mock, "any") as plain, _with_control(octopusx_mock) as http:
        task = submit(plain)
        before = octopusx_mock.clock.now()
        assert http.post("/__mock__/clock", json={"advance": LIFE.lasts}).json()["now"] == before + LIFE.lasts
        assert octopusx_mock.clock.now() == before + LIFE.lasts
        assert read(http, task)["status"] == read(plain, task)["status"] == "completed"
        assert http.post("/__mock__/faults", json={"on": "connection_reset"}).is_success
        for client in (http, plain):
            with pytest.raises(httpx.ReadError):
                client.get(f"/v1/videos/{task}")
        assert len(http.get("/__mock__/calls").json()) == len(octopusx_mock.calls) == 5
        assert [one["task"] for one in http.get("/__mock__/billed").json()] == [task]
        assert plain.get("http://localhost/__mock__/clock").status_code == 404


def test_the_control_routes_in_process_are_those_of_the_server(octopusx_mock: Mock) -> None:
    """Whatever is asked of them, refusals as well, and by the asynchronous client too."""

    async def asked(host: str) -> int:
        async with httpx.AsyncClient(transport=octopusx_mock.controlled_transport) as http:
            return (await http.get("http://localhost/__mock__/clock", headers={"Host": host})).status_code

    with octopusx_mock.serve(control=True) as url, httpx.Client(base_url=url) as server:
        with _with_control(octopusx_mock) as http:
            for path in ("clock", "faults", "calls", "submissions", "billed", "nope"):
                over_http, in_process = (client.get(f"/__mock__/{path}") for client in (server, http))
                assert (in_process.status_code, in_process.json()) == (over_http.status_code, over_http.json())
        for host in ("localhost", "127.0.0.1:80", "mock", "evil.example"):
            status = server.get("/__mock__/clock", headers={"Host": host}).status_code
            assert asyncio.run(asked(host)) == status
    assert asyncio.run(asked("evil.example")) == 403


@pytest.mark.parametrize("seconds", [-1, float("nan"), float("inf"), 10**400, 1e300])
def test_time_runs_forward(octopusx_mock: Mock, seconds: float) -> None:
    """A clock can't be turned back, nor to nowhere."""
    with pytest.raises(ValueError, match="the clock can't advance by"):
        octopusx_mock.clock.advance(seconds)


def test_a_clock_can_be_stopped_and_started(octopusx_mock: Mock) -> None:
    """A clock that stands still runs from there; one that runs stands where it was stopped."""
    clock = octopusx_mock.clock
    before = clock.now()
    assert (clock.stop(), clock.stands_still) == (before, True)
    assert clock.start() >= before
    running = clock.now()
    clock.start()
    time.sleep(0.01)
    assert not clock.stands_still
    assert 0 < clock.now() - running < 5
    clock.advance(30)
    stopped = clock.stop()
    time.sleep(0.01)
    assert clock.now() == clock.stop() == stopped >= running + 30
    assert clock.advance(1) == stopped + 1


def test_a_clock_that_is_started_goes_on_from_where_it_stood(monkeypatch: pytest.MonkeyPatch) -> None:
    """The machine's time that passes while a clock stands is not made up for."""
    machine = 1_000.0
    monkeypatch.setattr(time, "time", lambda: machine)
    clock = Mock(start=None).clock
    clock.advance(5)
    clock.stop()
    machine = 1_060.0
    assert clock.start() == 1_005
    machine = 1_061.0
    assert clock.now() == 1_006


def test_what_happened_can_be_read_while_it_happens(octopusx_mock: Mock) -> None:
    """A server thread notes calls while the test looks at them."""
    ended = threading.Event()

    def call(url: str) -> None:
        with httpx.Client(base_url=url) as http:
            while not ended.is_set():
                http.get("/v1/videos/video_abc123")

    with octopusx_mock.serve() as url:
        caller = threading.Thread(target=call, args=(url,))
        caller.start()
        try:
            for _ in range(500):
                assert len(octopusx_mock.calls) <= len(octopusx_mock.calls)
        finally:
            ended.set()
            caller.join()


def test_the_address_has_the_scheme_that_was_used(octopusx_mock: Mock) -> None:
    """A client of an https base URL is given an https address; HEAD tells its length."""
    with httpx.Client(transport=octopusx_mock.transport, headers={"Authorization": "Bearer any"}) as http:
        address = http.get("https://octopusx.ai/v1/videos/video_abc123").json()["video_url"]
        assert address.startswith("https://octopusx.ai/videos/video_abc123/")
        head = http.head(address)
        assert (head.status_code, head.content) == (200, b"")
        assert int(head.headers["content-length"]) == len(http.get(address).content)


@pytest.mark.slow
def test_the_fixture_is_new_for_each_test(pytester: pytest.Pytester) -> None:
    """What one test did, the next does not see."""
    pytester.makepyfile(
        """
        import httpx

        def test_one(octopusx_mock):
            octopusx_mock.faults.on("rate_limited")
            with httpx.Client(transport=octopusx_mock.transport, headers={"Authorization": "Bearer a"}) as http:
                assert http.get("http://mock/v1/videos/video_abc123").status_code == 429
            assert len(octopusx_mock.calls) == 1

        def test_two(octopusx_mock):
            assert not octopusx_mock.calls
            with httpx.Client(transport=octopusx_mock.transport, headers={"Authorization": "Bearer a"}) as http:
                assert http.get("http://mock/v1/videos/video_abc123").status_code == 200
        """
    )
    pytester.runpytest_subprocess().assert_outcomes(passed=2)


def test_the_bill_counts_what_the_ledger_has_forgotten() -> None:
    """A ledger that keeps the last two still knows how many there were, and how many of them cost money."""
    now = 0.0
    ledger = Ledger(lambda: now, most=2)
    for refunded_at in (None, 5.0, 1.0, None):
        ledger.submitted("task", "operation", 0.0, True, refunded_at)  # noqa: FBT003 - as the engine notes it
    assert (ledger.accepted, ledger.bill, len(ledger.submissions)) == (4, 4, 2)
    now = 2.0
    assert (ledger.accepted, ledger.bill) == (4, 3)
    ledger.clear()
    assert (ledger.accepted, ledger.bill) == (0, 0)
