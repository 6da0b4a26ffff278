"""Every fault shows when it is on and not when it is off, and says what it is."""

from __future__ import annotations

import contextlib
import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from octopusx_video_mock import Mock, MockError
from octopusx_video_mock.delivery import CRAWL_SECONDS
from octopusx_video_mock.faults.table import BY_NAME, FAULTS, HIDDEN_SECONDS
from octopusx_video_openapi import lifecycle, load

from tests.conftest import AUTHORIZED, KEY
from tests.mock.test_task_life import SUBMITS, query, read, submit

LIFE = lifecycle.task_life(load())
Seen = dict[str, Any]
SAMPLE = "video_abc123"
LARGE = 4_000_000
"""More bytes than a client should read of a JSON response."""


def observed(order: Callable[[Mock, httpx.Client], None]) -> Seen:
    """What a caller sees of one task's life, and what it cost, with a fault ordered in whichever way, or none."""
    mock = Mock(token=KEY)
    with httpx.Client(transport=mock.transport, base_url="http://mock", headers=AUTHORIZED) as http:
        ready = submit(http)
        mock.clock.advance(LIFE.lasts)
        before = len(mock.submissions)
        order(mock, http)
        body = {"model": "m", "prompt": "p", "video": {"url": ready}, "start_time": 1}
        seen: Seen = {"submit": _outcome(lambda: http.post("/v1/videos/extensions", json=body))}
        seen["accepted"] = len(mock.submissions) - before
        # What was accepted and never answered is known to the mock alone.
        task = mock.submissions[-1].task if seen["accepted"] else ready
        for moment, seconds in (("at once", 0.0), ("running", LIFE.lasts / 2), ("ended", LIFE.lasts / 2)):
            mock.clock.advance(seconds)
            seen[f"read {moment}"] = _outcome(lambda: http.get(f"/v1/videos/{task}"))
            seen[f"query {moment}"] = _outcome(lambda: http.get("/v1/video/query", params={"id": task}))
        begun = mock.clock.now()
        seen["content"] = _outcome(lambda: http.get(f"/v1/videos/{task}/content"))
        seen["download took"] = mock.clock.now() - begun
        address = mock.engine.tasks.address(mock.engine.tasks.find(SAMPLE, ""), "http://mock")  # type: ignore[arg-type]
        seen["address"] = _outcome(lambda: httpx.Client(transport=mock.transport).get(address))
        seen["billed"] = len(mock.billed) - before
    return seen


def _outcome(call: Callable[[], httpx.Response]) -> tuple[Any, ...]:
    try:
        answer = call()
    except httpx.TransportError as error:
        return (type(error).__name__,)
    headers = {
        "retry-after": answer.headers.get("retry-after"),
        "has a length": "content-length" in answer.headers,
        "large": len(answer.content) > LARGE,
    }
    if answer.headers.get("content-type") != "application/json":
        return answer.status_code, answer.headers.get("content-type"), len(answer.content), headers
    body = answer.json()
    if body.get("id"):  # it differs from task to task, and the address with it
        body["id"] = "there"
    if str(body.get("video_url")).startswith("http://mock/"):
        body["video_url"] = "there"
    body.pop("message", None)
    text = re.sub(r"request id: \w+", "", json.dumps(body, sort_keys=True))
    return answer.status_code, text, headers


def _on(mock: Mock, name: str) -> None:
    mock.faults.on(name)


def _none(mock: Mock, http: httpx.Client) -> None:
    pass


USUAL = observed(_none)
# What a submit is answered where a fault refuses it: status, code or type, Retry-After; or what is raised.
REFUSALS: dict[str, tuple[Any, ...]] = {
    "unauthorized": (401, "new_api_error", None),
    "insufficient_quota": (403, "insufficient_user_quota", None),
    "rate_limited": (429, "new_api_error", None),
    "rate_limited_retry_after": (429, "new_api_error", "5"),
    "rate_limited_empty": (429, "", None),
    "upstream_saturated": (429, "fail_to_fetch_task", None),
    "no_channel": (503, "model_not_found", None),
    "connection_reset": ("ReadError",),
}
# Where each fault shows, as its line says; everything else is as usual. Of a fault of one task, nothing but that task.
SHOWS: dict[str, set[str]] = {
    "unauthorized": {"submit", "read", "query", "content", "accepted", "billed"},
    "insufficient_quota": {"submit", "accepted", "billed"},
    "rate_limited": {"submit", "read", "query", "content", "accepted", "billed"},
    "rate_limited_retry_after": {"submit", "read", "query", "content", "accepted", "billed"},
    "rate_limited_empty": {"submit", "read", "query", "content", "accepted", "billed"},
    "upstream_saturated": {"submit", "accepted", "billed"},
    "no_channel": {"submit", "accepted", "billed"},
    "server_error_billed": {"submit"},
    "lost_answer": {"submit"},
    "connection_reset": {"submit", "read", "query", "content", "accepted", "billed"},
    "late_id": {"read at once", "query at once"},
    "unknown_status": {"read at once", "query at once", "read running", "query running"},
    "completed_without_url": {"read ended", "query ended"},
    "completed_with_error": {"read ended", "query ended", "content"},
    "failed": {"read ended", "query ended", "content", "billed"},
    "failed_billed": {"read ended", "query ended", "content"},
    "failed_without_reason": {"read ended", "query ended", "content", "billed"},
    "progress_as_text": {"read", "query"},
    "milliseconds": {"read", "query"},
    "not_json": {"submit", "read", "query"},
    "content_is_json": {"content", "address"},
    "download_cut": {"content", "address"},
    "download_crawls": {"download took"},
    "content_chunked": {"content", "address"},
    "content_chunked_cut": {"content", "address"},
    "unusable_address": {"read ended", "query ended"},
    "wrapped_id": {"submit"},
    "created": {"submit"},
    "too_large": {"submit", "read", "query"},
}
# Nothing was accepted, so the task that is read is another one, which had ended before.
UNACCEPTED = {name for name, places in SHOWS.items() if "accepted" in places}


def _refused(outcome: tuple[Any, ...]) -> tuple[Any, ...]:
    if len(outcome) == 1:
        return outcome
    status, headers = outcome[0], outcome[-1]
    body = json.loads(outcome[1]) if isinstance(outcome[1], str) and outcome[1].startswith("{") else {}
    error = body.get("error", {})
    assert outcome[2] == headers or outcome[2] == 0, "an answer without JSON is empty"
    return status, error.get("code") or error.get("type") or body.get("code", ""), headers["retry-after"]


def _shown(seen: Seen) -> set[str]:
    return {place for place in USUAL if seen[place] != USUAL[place]}


def _expected(name: str) -> set[str]:
    return {place for place in USUAL for shown in SHOWS[name] if place == shown or place.startswith(f"{shown} ")}


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_a_fault_shows_when_it_is_on_and_not_when_it_is_off(fault: Any) -> None:
    """Switched on it shows where it should and nowhere else; switched off again, nothing of it is left."""
    seen = observed(lambda mock, _: _on(mock, fault.name))
    if fault.name in UNACCEPTED:
        assert _refused(seen["submit"]) == REFUSALS[fault.name]
        assert seen["accepted"] == seen["billed"] == 0
        elsewhere = {place.split(" ")[0] for place in ("read", "query", "content")} & SHOWS[fault.name]
        for place in ("read ended", "query ended", "content"):
            assert (seen[place][0] != 200) == (place.split(" ")[0] in elsewhere), place
    else:
        assert _shown(seen) == _expected(fault.name)

    def on_and_off(mock: Mock, http: httpx.Client) -> None:
        mock.faults.on(fault.name)
        mock.faults.off(fault.name)

    assert observed(on_and_off) == USUAL


def test_every_fault_is_in_the_table_above() -> None:
    """A fault that nobody checks is no fault."""
    assert set(SHOWS) == set(BY_NAME)
    assert set(REFUSALS) == UNACCEPTED


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_a_fault_says_what_it_is_and_where_it_was_seen(fault: Any) -> None:
    """Each has a line and a source, and a place of its own in the ids."""
    assert fault.summary
    assert re.search(r"\.(go|com|ai|io|tech)\b|RFC \d+|github\.com|/en/", fault.source), fault.source
    bits = [other.bit for other in FAULTS if other.bit is not None]
    assert len(bits) == len(set(bits))


def test_a_download_that_crawls_arrives_whole_in_the_end(mock: Mock, http: httpx.Client) -> None:
    """It takes its time on the mock's clock; a client that is less patient gives up."""
    task = submit(http)
    mock.clock.advance(LIFE.lasts)
    whole = http.get(f"/v1/videos/{task}/content").content
    mock.faults.on("download_crawls")
    begun = mock.clock.now()
    assert http.get(f"/v1/videos/{task}/content").content == whole
    assert mock.clock.now() - begun == pytest.approx(CRAWL_SECONDS, rel=0.05)
    with pytest.raises(httpx.ReadTimeout):
        http.get(f"/v1/videos/{task}/content", timeout=1)


def test_a_download_that_was_cut_goes_on_with_range(mock: Mock, http: httpx.Client) -> None:
    """What is missing can be fetched, and makes the whole."""
    task = submit(http)
    mock.clock.advance(LIFE.lasts)
    whole = http.get(f"/v1/videos/{task}/content").content
    mock.faults.on("download_cut")
    with http.stream("GET", f"/v1/videos/{task}/content") as answer:
        pieces = answer.iter_raw()
        got = next(pieces)
        with pytest.raises(httpx.RemoteProtocolError, match=f"expected {len(whole)}"):
            next(pieces)
    assert 0 < len(got) < len(whole)
    rest = http.get(f"/v1/videos/{task}/content", headers={"Range": f"bytes={len(got)}-"})
    assert got + rest.content == whole


@pytest.mark.parametrize("wanted", [None, "bytes=100-299"], ids=["whole", "part"])
def test_a_chunked_download_arrives_whole_without_a_length(mock: Mock, http: httpx.Client, wanted: str | None) -> None:
    """In several pieces, and a part of it in the same way."""
    headers = {} if wanted is None else {"Range": wanted}
    plain = http.get(f"/v1/videos/{SAMPLE}/content", headers=headers)
    mock.faults.on("content_chunked")
    with http.stream("GET", f"/v1/videos/{SAMPLE}/content", headers=headers) as answer:
        pieces = list(answer.iter_raw())
    assert (answer.status_code, b"".join(pieces)) == (plain.status_code, plain.content)
    assert "content-length" in plain.headers
    assert "content-length" not in answer.headers
    assert answer.headers["transfer-encoding"] == "chunked"
    assert (len(pieces) > 1) == (wanted is None)


def test_a_chunked_download_that_was_cut_looks_whole_and_goes_on_with_range(mock: Mock, http: httpx.Client) -> None:
    """Nothing is raised, half of the bytes are missing, and Range fetches them."""
    whole = http.get(f"/v1/videos/{SAMPLE}/content").content
    mock.faults.on("content_chunked_cut")
    answer = http.get(f"/v1/videos/{SAMPLE}/content")
    got = answer.content
    assert (answer.status_code, "content-length" in answer.headers) == (200, False)
    assert got == whole[: len(whole) // 2]
    rest = http.get(f"/v1/videos/{SAMPLE}/content", headers={"Range": f"bytes={len(got)}-"})
    assert (rest.status_code, got + rest.content) == (206, whole)


def test_head_has_no_body_whatever_happens_to_the_content(mock: Mock) -> None:
    """No piece of it, and nothing raised."""
    address = mock.engine.tasks.address(mock.engine.tasks.find(SAMPLE, ""), "http://mock")  # type: ignore[arg-type]
    with httpx.Client(transport=mock.transport) as http:
        for name in ("download_cut", "download_crawls", "content_chunked", "content_chunked_cut"):
            with mock.fault(name):
                answer = http.head(address)
            assert (answer.status_code, answer.content) == (200, b"")
            assert ("content-length" in answer.headers) != (name == "content_chunked")


def test_no_client_can_use_an_unusable_address(mock: Mock, http: httpx.Client) -> None:
    """Its port is out of range, in both reads; the content is there all the same."""
    mock.faults.on("unusable_address")
    task = submit(http)
    mock.clock.advance(LIFE.lasts)
    for body in (read(http, task), query(http, task)):
        assert body["status"] == "completed"
        with pytest.raises(ValueError, match="Port out of range"):
            urlsplit(body["video_url"]).port  # noqa: B018 - it is read for what it raises
    assert http.get(f"/v1/videos/{task}/content").content[4:8] == b"ftyp"


@pytest.mark.parametrize("name", ["wrapped_id", "created", "too_large"])
@pytest.mark.parametrize("operation", SUBMITS)
def test_an_unexpected_response_to_a_submit_has_the_id(
    mock: Mock, http: httpx.Client, name: str, operation: str
) -> None:
    """The submit is accepted and billed, and the id can be found, so that the task can be read."""
    path, body = SUBMITS[operation]
    with mock.fault(name):
        answer = http.post(path, json={"model": "m", "prompt": "p", **body})
    [one] = mock.billed
    assert one.answered
    wrapped = {"code": "success", "message": "", "data": one.task}
    if name == "wrapped_id":
        assert (answer.status_code, answer.json()) == (200, wrapped)
    else:
        assert (answer.status_code, answer.json()["id"]) == (201 if name == "created" else 200, one.task)
    assert (len(answer.content) > LARGE) == (name == "too_large")
    assert answer.content.startswith(b'{"code":' if name == "wrapped_id" else b'{"id":"%b"' % one.task.encode())
    assert read(http, one.task)["status"] == "processing"


@pytest.mark.parametrize(
    ("of_task", "of_request", "path", "shown"),
    [
        ("download_cut", "content_chunked", "/content", ("content_chunked",)),
        ("download_crawls", "content_chunked_cut", "/content", ("content_chunked_cut",)),
        ("content_chunked", "download_cut", "/content", ("download_cut",)),
        ("content_chunked_cut", "content_is_json", "/content", ("content_is_json", "content_chunked_cut")),
        ("completed_without_url", "unusable_address", "", ("unusable_address",)),
        ("unusable_address", "completed_without_url", "", ("completed_without_url",)),
        ("unusable_address", "completed_with_error", "", ("completed_with_error",)),
        ("completed_with_error", "unusable_address", "", ("completed_with_error", "unusable_address")),
        ("unusable_address", "not_json", "", ("unusable_address", "not_json")),
        ("unusable_address", "too_large", "", ("unusable_address", "too_large")),
    ],
)
def test_of_two_faults_that_change_the_same_thing_the_first_shows(
    mock: Mock, http: httpx.Client, of_task: str, of_request: str, path: str, shown: tuple[str, ...]
) -> None:
    """The fault of the request comes before that of the task; what is noted as a break of the contract is one."""
    http.headers["Prefer"] = f"fault={of_task}"
    task = submit(http)
    mock.clock.advance(LIFE.lasts)
    http.headers["Prefer"] = f"fault={of_request}"
    with contextlib.suppress(httpx.RemoteProtocolError):
        answer = http.get(f"/v1/videos/{task}{path}")
        assert (b":99999/" in answer.content) == ("unusable_address" in shown and "not_json" not in shown)
    assert set(mock.calls[-1].faults) == set(shown)


def test_a_late_id_is_there_when_its_seconds_have_passed(mock: Mock, http: httpx.Client) -> None:
    """Unknown until then, with the code of an unknown task."""
    mock.faults.on("late_id")
    task = submit(http)
    assert http.get(f"/v1/videos/{task}").json()["code"] == "task_not_exist"
    mock.clock.advance(HIDDEN_SECONDS - 0.01)
    assert http.get(f"/v1/videos/{task}").json()["code"] == "task_not_exist"
    mock.clock.advance(0.01)
    assert read(http, task)["status"] == "processing"


def test_a_task_that_will_fail_is_there_at_once(mock: Mock, http: httpx.Client) -> None:
    """A new task is readable whatever fraction of a millisecond the clock stands at."""
    mock.clock.advance(0.0006)
    with mock.fault("failed"):
        assert read(http, submit(http))["status"] == "processing"


def test_money_comes_back_only_where_the_fault_says_so(mock: Mock, http: httpx.Client) -> None:
    """A task that fails is billed until it fails; with failed_billed for good."""
    for name in ("failed", "failed_billed"):
        with mock.fault(name):
            submit(http)
    assert len(mock.billed) == 2
    mock.clock.advance(LIFE.lasts)
    assert [one.task for one in mock.billed] == [mock.submissions[1].task]


def test_a_submit_orders_a_fault_for_its_task_with_prefer(mock: Mock, http: httpx.Client) -> None:
    """`Prefer: fault=failed` on a submit stays with that task alone, and another engine knows of it."""
    http.headers["Prefer"] = "fault=failed, fault=milliseconds"
    bad = submit(http)
    del http.headers["Prefer"]
    good = submit(http)
    mock.clock.advance(LIFE.lasts)
    assert (read(http, bad)["status"], read(http, good)["status"]) == ("failed", "completed")
    assert read(http, bad)["created_at"] > 1e11 > read(http, good)["created_at"]
    other = Mock(token=KEY, start=mock.clock.now())
    with httpx.Client(transport=other.transport, base_url="http://mock", headers=AUTHORIZED) as elsewhere:
        assert query(elsewhere, bad)["status"] == "failed"


@pytest.mark.parametrize(
    ("prefer", "status", "said"),
    [
        ("code=429", 429, "Too many requests"),
        ("example=failed", 200, "content_policy_violation"),
        ("code=200, example=queued", 200, "queued"),
        ("code=404; example=wrong_route", 404, "Invalid URL"),
        ('code="503"', 503, "Service unavailable"),
        ("respond-async", 200, "completed"),
        ("return=minimal", 200, "completed"),
        ("fault=rate_limited_retry_after", 429, "Too many requests"),
        ("code=418", 400, "the contract has no such response here; it has 200 processing, 200 queued"),
        ("example=nope", 400, "the contract has no such response here"),
        ("code=9999", 400, "code is no HTTP status"),
        ("fault=nope", 400, "there is no such fault; choose one of unauthorized"),
        ("fault=lost_answer", 400, "the fault lost_answer can't show here"),
        ("fault=download_cut", 400, "the fault download_cut can't show here"),
        ("Code=429", 429, "Too many requests"),
        (", ".join(["fault=milliseconds"] * 9), 200, "completed"),
    ],
)
def test_prefer_speaks_as_prism_does(http: httpx.Client, prefer: str, status: int, said: str) -> None:
    """A status or an example is ordered for one request; what can't be had is refused and says what can."""
    answer = http.get("/v1/videos/video_abc123", headers={"Prefer": prefer})
    assert (answer.status_code, said in answer.text) == (status, True), answer.text
    if status == 200:
        assert answer.json()["id"] == "video_abc123"


def test_prefer_does_not_open_what_is_closed(http: httpx.Client, mock: Mock) -> None:
    """An order counts only in a valid request with a valid key, and what is ordered to be refused is not billed."""
    ordered = {"Prefer": "code=200"}
    assert http.get("/v1/videos/a", headers={**ordered, "Authorization": "Bearer no"}).status_code == 401
    assert http.post("/v1/videos/extensions", json={}, headers=ordered).status_code == 400
    body = {"model": "m", "prompt": "p", "start_time": 0, "video": {"url": "video_abc123"}}
    for code in (429, 500, 503):
        assert http.post("/v1/videos/extensions", json=body, headers={"Prefer": f"code={code}"}).status_code == code
    assert mock.billed == []


def test_a_fault_can_be_limited(mock: Mock, http: httpx.Client) -> None:
    """To so many times, and to one operation."""
    mock.faults.on("rate_limited", operation="getVideoTask", times=2)
    statuses = [http.get("/v1/videos/video_abc123").status_code for _ in range(4)]
    assert statuses == [429, 429, 200, 200]
    mock.faults.on("rate_limited", operation="getVideoTask")
    assert query(http, "video_abc123")["status"] == "completed"
    mock.faults.off()
    mock.faults.on("failed", times=1)
    first, second = submit(http), submit(http)
    mock.clock.advance(LIFE.lasts)
    assert [read(http, task)["status"] for task in (first, second)] == ["failed", "completed"]


def test_a_fault_is_used_up_only_where_it_shows(mock: Mock, http: httpx.Client) -> None:
    """What is refused takes no other fault along: the next task that is accepted is the one that fails."""
    mock.faults.on("failed", times=1)
    mock.faults.on("rate_limited", times=1)
    body = {"model": "m", "prompt": "p", "start_time": 0, "video": {"url": SAMPLE}}
    assert http.post("/v1/videos/extensions", json=body).status_code == 429
    task = submit(http)
    assert mock.faults.rules == ()
    mock.clock.advance(LIFE.lasts)
    assert read(http, task)["status"] == "failed"


def test_a_task_that_fails_in_two_ways_stays_billed_if_one_says_so(mock: Mock, http: httpx.Client) -> None:
    """The money comes back only where nothing keeps it."""
    with mock.fault("failed"), mock.fault("failed_billed"):
        submit(http)
    mock.clock.advance(LIFE.lasts)
    assert len(mock.billed) == 1


def _plan(seed: int) -> list[int]:
    mock = Mock(token=KEY, seed=seed)
    mock.faults.plan("rate_limited:0.3, unauthorized@getVideoTask:0.2")
    with httpx.Client(transport=mock.transport, base_url="http://mock", headers=AUTHORIZED) as http:
        return [http.get("/v1/videos/video_abc123").status_code for _ in range(400)]


@pytest.mark.slow
def test_a_plan_repeats_with_its_seed() -> None:
    """The same seed, the same faults at the same requests, in about the share that was ordered; not so another seed."""
    first = _plan(7)
    assert first == _plan(7)
    assert first != _plan(8)
    assert 80 <= first.count(429) <= 160
    assert 25 <= first.count(401) <= 95


@pytest.mark.parametrize(
    ("plan", "said"),
    [
        ("nope", "there is no fault 'nope'; choose one of unauthorized, "),
        ("failed@nope", "there is no operation 'nope'; choose one of extendVideo, "),
        ("failed@getVideoTask", "failed can't show at getVideoTask; it can at extendVideo, "),
        ("lost_answer@getVideoTask", "lost_answer can't show at getVideoTask; it can at extendVideo"),
        ("download_cut@extendVideo", "download_cut can't show at extendVideo; it can at downloadVideoContent"),
        ("failed:2", "failed: the probability 2.0 is not above 0 and at most 1"),
        ("failed:0", "failed: the probability 0.0 is not above 0"),
        ("failed:x", "'failed:x' is no fault; write NAME, NAME@OPERATION or NAME:0.1"),
        ("failed:1.2.3", "'failed:1.2.3' is no fault"),
        ("failed rate_limited", "'failed rate_limited' is no fault"),
    ],
)
def test_a_plan_that_can_not_be_followed_is_refused(mock: Mock, plan: str, said: str) -> None:
    """The error names what is wrong and what could stand there."""
    with pytest.raises(MockError, match=re.escape(said)):
        mock.faults.plan(plan)


def test_the_command_lists_every_fault_with_its_source() -> None:
    """`--faults list` is the documentation."""
    done = subprocess.run(
        [sys.executable, "-m", "octopusx_video_mock", "--faults", "list"], capture_output=True, text=True, check=True
    )
    for fault in FAULTS:
        assert f"{fault.name} " in done.stdout
        assert fault.summary in done.stdout
        assert f"source: {fault.source}" in done.stdout


def test_the_document_has_every_fault() -> None:
    """docs/MOCK.md says of each what the table in the code says."""
    document = (Path(__file__).parents[2] / "docs" / "MOCK.md").read_text("utf-8")
    for fault in FAULTS:
        places = ", ".join(stage for stage in ("submit", "read", "content") if stage in fault.at)
        row = f"| `{fault.name}` | {fault.summary} | {places} | {fault.breaks or '-'} | {fault.source} |"
        assert row in document
