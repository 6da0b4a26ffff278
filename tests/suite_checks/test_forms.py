"""HEAD and several ranges at once: what RFC 9110 lets a server answer, and what it does not."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from octopusx_video_contract.cases.submit_bodies import a_submit
from octopusx_video_contract.checks import head_requests
from octopusx_video_contract.checks.ranges import Wanted, faults, is_in_parts, several
from octopusx_video_contract.core.findings import Finding
from octopusx_video_contract.core.run import Run
from octopusx_video_contract.core.settings import Settings
from octopusx_video_contract.messages.http import Request, Response
from octopusx_video_contract.scenarios.downloads import Downloads
from octopusx_video_contract.scenarios.read_checks import ReadChecks
from octopusx_video_contract.scenarios.task_driver import TaskDriver
from octopusx_video_contract.sending.senders import InProcess
from octopusx_video_openapi import load, task_ids

from tests.defects import DEFECTS, defective

WHOLE = bytes(range(256)) * 2 + b"\r\n--x\r\nend"
TWO = Wanted("bytes=0-9,20-29", ((0, 9), (20, 29)))
SIZE = len(WHOLE)
GET = Request("GET", "/v1/videos/t/content")


def came(status: int, content: bytes = b"", **headers: Any) -> Response:
    """What came back."""
    return Response(
        GET, status, {name.replace("_", "-").lower(): str(value) for name, value in headers.items()}, content
    )


def multipart(*parts: tuple[int, int], size: Any = SIZE, shift: int = 0, close: bytes = b"--") -> Response:
    """Parts of the video as RFC 9110 section 14.6 writes them, with their bytes from elsewhere by a shift."""
    body = b"".join(
        b"\r\n--a b\r\nContent-Type: video/mp4\r\nContent-Range: bytes %d-%d/%b\r\n\r\n"
        % (first, last, str(size).encode())
        + WHOLE[first + shift : last + shift + 1]
        for first, last in parts
    )
    return came(206, body + b"\r\n--a b" + close + b"\r\n", Content_Type='multipart/byteranges; boundary="a b"')


def part(first: int, last: int, content: bytes | None = None, size: Any = SIZE) -> Response:
    """One part alone."""
    given = WHOLE[first : last + 1] if content is None else content
    return came(206, given, Content_Range=f"bytes {first}-{last}/{size}", Content_Type="video/mp4")


@pytest.mark.parametrize(
    "answer",
    [
        came(200, WHOLE),
        part(0, 9),
        part(20, 29, size="*"),
        part(0, 29),
        multipart((0, 9), (20, 29)),
        multipart((20, 29), (0, 9)),
        multipart((0, 29)),
        multipart((0, 9), (20, 29), size="*"),
    ],
)
def test_what_two_ranges_may_be_answered_with(answer: Response) -> None:
    """All of it, one part, one that spans both, or both in whichever order (RFC 9110 section 15.3.7)."""
    assert list(faults(answer, WHOLE, TWO)) == []


@pytest.mark.parametrize(
    ("answer", "fault"),
    [
        (came(200, WHOLE[:-1]), "not the whole"),
        (came(416), "416, though the bytes 0 to 9"),
        (came(206, WHOLE[:10], Content_Type="video/mp4"), "no Content-Range"),
        (part(0, 9, WHOLE[20:30]), "other bytes"),
        (part(5, 9), "not asked for"),
        (part(0, 9, size=7), "has 522 bytes"),
        (multipart((0, 9)), "no part has the bytes 20 to 29"),
        (multipart((0, 9), (20, 29), shift=1), "other bytes"),
        (multipart((0, 9), (40, 49)), "not asked for"),
        (multipart((0, 9), (20, 29), close=b""), "be separated"),
        (came(206, WHOLE[:10], Content_Type="multipart/byteranges"), "be separated"),
    ],
)
def test_what_two_ranges_may_not_be_answered_with(answer: Response, fault: str) -> None:
    """Other bytes than those that are named, too few, 416 though they are there."""
    assert fault in "; ".join(faults(answer, WHOLE, TWO))


def test_parts_have_no_content_range_together() -> None:
    """RFC 9110 section 15.3.7.2 forbids it in the head of a response in several parts."""
    answer = multipart((0, 9), (20, 29))
    answer.headers["content-range"] = f"bytes 0-29/{len(WHOLE)}"
    assert "all of them" in "; ".join(faults(answer, WHOLE, TWO))


def test_bytes_of_a_part_may_look_like_lines() -> None:
    """Ends of lines and what looks like a boundary are bytes of the video as any other."""
    end = len(WHOLE) - 1
    wanted = Wanted("bytes=0-19,500-", ((0, 19), (500, end)))
    assert list(faults(multipart((0, 19), (500, end)), WHOLE, wanted)) == []


def test_416_is_right_where_nothing_of_it_is_there() -> None:
    """One range that is there is enough for an answer; of many small ones a server may refuse all."""
    cases = list(several(len(WHOLE)))
    refused = [one for one in cases if not list(faults(came(416), WHOLE, one))]
    assert [bool(one.ranges) for one in refused] == [False, True]
    assert refused[1].may_be_refused
    assert all(not list(faults(came(200, WHOLE), WHOLE, one)) for one in cases)


def test_ranges_are_what_their_header_says() -> None:
    """Read as RFC 9110 section 14.1.2 has it."""
    for wanted in several(len(WHOLE)):
        found = []
        for one in wanted.header.removeprefix("bytes=").split(","):
            first, _, last = one.strip().partition("-")
            begin = int(first) if first else len(WHOLE) - int(last)
            end = min(int(last), len(WHOLE) - 1) if first and last else len(WHOLE) - 1
            found += [(begin, end)] if begin < len(WHOLE) else []
        assert tuple(found) == wanted.ranges


SHOWN = came(200, b"{}", Content_Type="application/json")


@pytest.mark.parametrize(
    "head",
    [
        came(200, Content_Type="application/json; charset=utf-8"),
        came(200, Content_Type="application/json", Content_Length=2),
        came(405, Content_Length=30),
        came(404),
    ],
)
def test_what_head_may_be_answered_with(head: Response) -> None:
    """What GET is, with the length of its body or without, or as a method that is not there."""
    assert list(head_requests.faults(head, [SHOWN, SHOWN])) == []


@pytest.mark.parametrize(
    ("head", "fault"),
    [
        (came(200, b"{}", Content_Type="application/json"), "got a body"),
        (came(200, Content_Type="video/mp4"), "Content-Type"),
        (came(200, Content_Type="application/json", Content_Length=0), "Content-Length of HEAD is 0"),
        (came(206, Content_Type="application/json"), "got 206"),
        (came(401), "got 401"),
        (came(500), "got 500"),
    ],
)
def test_what_head_may_not_be_answered_with(head: Response, fault: str) -> None:
    """RFC 9110 sections 9.3.2 and 8.6."""
    assert fault in "; ".join(head_requests.faults(head, [SHOWN, SHOWN]))


def test_lengths_of_bodies_that_differ_are_not_compared() -> None:
    """What is another body each time, with a signed address say, may be of another length at HEAD."""
    gets = [came(200, b"1", Content_Type="text/plain"), came(200, b"2", Content_Type="text/plain")]
    assert list(head_requests.faults(came(200, Content_Type="text/plain", Content_Length=9), gets)) == []


@pytest.mark.parametrize(
    ("raw", "behind"),
    [
        (b"HTTP/1.1 200 OK\r\nA: b\r\n\r\n{}", b"{}"),
        (b"HTTP/1.1 200 OK\r\nA: b\r\n\r\n", b""),
        (b"HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\n\r\n", b""),
        (b"", b""),
    ],
)
def test_a_body_behind_the_head_is_seen_on_the_wire(raw: bytes, behind: bytes) -> None:
    """HTTP clients drop it, so that it is looked for in what arrived."""
    assert head_requests.body_behind_head(raw) == behind


def test_parts_are_not_documented_and_right_all_the_same() -> None:
    """To several ranges alone: to one range, multipart has the wrong media type (RFC 9110 section 15.3.7.2)."""
    answer = multipart((0, 9), (20, 29))
    for wanted, expected in (("bytes=0-9,20-29", True), ("bytes=0-9", False)):
        asked = dataclasses.replace(answer, request=dataclasses.replace(GET, headers=(("Range", wanted),)))
        assert is_in_parts(asked) is expected
    taken = dataclasses.replace(GET, headers=(("Range", TWO.header),))
    answer.headers["x-oneapi-request-id"] = "1"
    run_against(None)[0].recorder.check_response(dataclasses.replace(answer, request=taken))


def run_against(name: str | None) -> tuple[Run, TaskDriver]:
    """A run against the server with a defect, and its tasks."""
    server = defective(next((one for one in DEFECTS if one.name == name), None))
    sender = InProcess(server.mock.controlled_transport)
    known = tuple(task_ids.documented(load()))
    run = Run.begin(Settings("http://localhost", server.key, load(), known, seed=1, other_key=server.other_key), sender)
    return run, TaskDriver(run)


@pytest.mark.parametrize("name", ["head-read-without-key", "head-read-of-another-account"])
def test_head_gives_nothing_away_of_a_new_task(name: str) -> None:
    """A task that is kept apart from other keys is so for HEAD as well."""
    run, tasks = run_against(name)
    submit = run.contract.operations["extendVideo"]
    task = tasks.submit(submit, a_submit(submit), run.settings.known_ids[0])
    findings: list[Finding] = []
    with run.recorder.collecting(findings):
        ReadChecks(tasks).kept_apart(task)
    rule = next(one.rule for one in DEFECTS if one.name == name)
    assert {finding.rule for finding in findings} == {rule, "R59"}


def test_several_ranges_are_asked_with_the_single_ones() -> None:
    """A server that answers single ranges alone is found by R24."""
    run, tasks = run_against("several-refused")
    whole = run.send(tasks.request(tasks.content, run.settings.known_ids[0])).content
    findings: list[Finding] = []
    with run.recorder.collecting(findings):
        Downloads(tasks).parts(run.settings.known_ids[0], whole)
    assert {finding.rule for finding in findings} == {"R24"}
    assert all("416, though" in finding.detail for finding in findings)
