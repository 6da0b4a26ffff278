"""Videos whose length is not the one that the contract gives."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

from octopusx_video_mock.messages import Request, Response
from octopusx_video_mock.tasks.mp4 import mp4

from tests.defects._defect import (
    CONTENT,
    CREATE,
    EXTENDS,
    OK,
    SENT,
    SUBMITS,
    UNIFIED,
    Case,
    Handler,
    Make,
    Operations,
    Server,
    Table,
    changes,
    drop,
    naming,
    remembers,
    rewrites,
    sending,
    sent,
)
from tests.defects._requests import start_of, start_time
from tests.defects._tasks import Made, all_made, for_task, note, task_read, with_key
from tests.defects._videos import changes_whole, sent_instead


def _whole_long(seconds: Callable[[float, dict[str, Any], str], float], of: Operations = SUBMITS) -> Make:
    """A server that makes videos of another length.

    Args:
        seconds: Gives it, from the right one, the body of the submit and its operation.
        of: The submits whose videos are concerned.
    """

    def make(server: Server) -> Handler:
        made: dict[str, tuple[dict[str, Any], str]] = {}

        def handle(request: Request) -> Response:
            given = server.correct(request)
            if given.operation in of and given.task is not None:
                made[given.task] = sent(request), given.operation or ""
            elif given.operation == CONTENT and given.status == 200 and given.task in made:
                given.body = mp4(max(1.0, seconds(_length_of(given.body), *made[given.task])))
            return given

        return handle

    return make


def _length_of(video: bytes) -> float:
    """How long a video is, in seconds, by its header (ISO/IEC 14496-12 section 8.2.2)."""
    place = video.index(b"mvhd") + 16
    ticks, duration = struct.unpack_from(">II", video, place)
    return float(duration / ticks)


def _without_start(length: float, body: dict[str, Any], _: str) -> float:
    return length - float(body.get("start_time", 0))


def _without_model(length: float, body: dict[str, Any], operation: str) -> float:
    return length - 5 if operation != CREATE and str(body.get("model", "")).endswith("-max") else length


def _with_model(length: float, body: dict[str, Any], operation: str) -> float:
    return length + 5 if str(body.get("model", "")).endswith("-max") and "duration" not in body else length


def _as_total(length: float, body: dict[str, Any], _: str) -> float:
    return float(body.get("duration", 10))


def _of_last(case: Case) -> None:
    first = case.memory.setdefault("first", case.response.body)
    case.response.body = first


def _video_from_end(length: float, made: Made) -> float:
    return length + made.source_length if made.body.get("start_time") == 0 else length


def _max_without_start(length: float, made: Made) -> float:
    return length - 5 if made.is_max and "start_time" not in made.body else length


def _start_within_source(length: float, made: Made) -> float:
    return length - max(0.0, float(made.body.get("start_time", 0)) - made.source_length)


def _faster_when_upscaled(length: float, made: Made) -> float:
    return length * 25 / 30 if made.upscaled else length


def _max_adds_ten(request: Request) -> Request:
    value = sent(request)
    fits = value.get("model") == "grok-video-3-max" and value.get("duration") in (6, 15)
    return sending(request, {**value, "duration": 10}) if fits else request


def _no_start_with_images(request: Request) -> Request:
    value = sent(request)
    return (
        sending(request, drop("start_time")(value))
        if value.get("images") and type(start_time(value)) is int and start_time(value) >= 0
        else request
    )


def _of_later(case: Case, made: Made) -> None:
    """The file of a video is called by its source, so the next extension of it is written over it."""
    later = [
        one
        for one in case.memory["made"].values()
        if one.source == made.source and one.key == made.key and one.since_end(case.server) >= 0
    ]
    if later and later[-1].id != made.id:
        case.become(case.server.at(naming(case.request, later[-1].id), 0))


def _length(server: Server, request: Request, made: Made) -> float:
    """The right length of a task's video, as its own account reads it."""
    for key in (server.key, server.other_key):
        reported = task_read(server, with_key(request, key), made.id)
        if reported:
            return float(reported["seconds"])
    return 0.0


def _long(seconds: Callable[[float, Made], float], of: Operations = SUBMITS) -> Make:
    """A server that makes videos of another length for these submits."""
    return _films(lambda length, made, _: seconds(length, made) if made.operation in of else length)


def _films(seconds: Callable[[float, Made, dict[str, Made]], float]) -> Make:
    """A server that makes videos of another length, whole, in parts and at their addresses."""

    def handle(server: Server, memory: dict[str, Any], request: Request) -> Response:
        given = server.correct(request)
        note(server, memory, request, given)
        is_video = given.operation == CONTENT or request.path.startswith(b"/videos/")
        made = memory.get("made", {}).get(given.task)
        if not is_video or made is None or given.status not in SENT:
            return given
        reported = _length(server, request, made)
        wanted = seconds(reported, made, memory["made"])
        return given if wanted == reported else sent_instead(request, given, mp4(max(1.0, wanted)))

    return remembers(handle)


def _chain_alone(length: float, made: Made, known: dict[str, Made]) -> float:
    added = 15 if made.is_max and made.operation in EXTENDS else 10
    if made.operation == CREATE:
        added = made.body.get("duration", 10)
    return float(added) if made.source in known else length


def _six_is_five(length: float, made: Made, known: dict[str, Made]) -> float:
    return length - 1 if made.operation == CREATE and made.body.get("duration") == 6 else length


def _start_from_one(length: float, made: Made, known: dict[str, Made]) -> float:
    return length - 1 if made.operation == UNIFIED and made.body.get("start_time", 0) > 0 else length


def _of_same_prompt(case: Case, made: Made) -> None:
    """The file of a video is called by its prompt, and the one that is there is kept."""
    for one in all_made(case).values():
        if one.body.get("prompt") == made.body.get("prompt") and one.key == made.key:
            other = case.server.at(naming(case.request, one.id), 0)
            if other.status in SENT:
                case.become(other)
                return


def _video_in_minutes(case: Case, made: Made) -> None:
    """The video itself begins at a whole minute from an hour on."""
    start = start_of(made.body)
    if made.operation == CREATE and start >= 3_600 and start % 60 and case.request.header(b"range") is None:
        case.response.body = mp4(start - start % 60 + float(made.body.get("duration", 10)))
        case.header(b"content-length", None)


DEFECTS: Table = {
    ("content-without-tables", "R26", "behind a right beginning there are zeros"): changes_whole(
        lambda video: video[:32] + bytes(len(video) - 32)
    ),
    ("content-is-sample", "R26", "the content is the 24 bytes of the contract's example"): changes_whole(
        lambda video: video[:24]
    ),
    ("content-half-as-long", "R26", "videos are half as long"): _whole_long(lambda length, *_: length / 2),
    ("content-10-seconds", "R26", "videos are always ten seconds long"): _whole_long(lambda *_: 10),
    ("content-a-second-short", "R26", "videos end a second early"): _whole_long(lambda length, *_: length - 1),
    ("content-without-start", "R26", "videos hold only what was added"): _whole_long(_without_start),
    ("content-without-start-on-unified", "R26", "the unified submit forgets its start_time"): _whole_long(
        _without_start, {UNIFIED}
    ),
    ("content-without-model-rule", "R26", "grok-video-3-max adds ten seconds like the others"): _whole_long(
        _without_model
    ),
    (
        "content-with-model-rule-on-create",
        "R26",
        "createVideoExtension adds fifteen seconds with grok-video-3-max",
    ): _whole_long(_with_model, {CREATE}),
    ("content-duration-is-total", "R26", "a duration is the length of the whole video"): _whole_long(
        _as_total, {CREATE}
    ),
    ("content-of-first-task", "R26", "the first video that was sent is sent for every task"): changes(
        _of_last, {CONTENT}, OK
    ),
}

RARE: Table = {
    ("content-from-end-where-start-is-zero", "R26", "the unified submit takes a start_time of zero for none"): _long(
        _video_from_end, {UNIFIED}
    ),
    (
        "content-max-adds-ten-without-start",
        "R26",
        "grok-video-3-max adds ten seconds where start_time is left out",
    ): _long(_max_without_start, EXTENDS),
    ("content-start-cut-to-source", "R26", "a start_time past the end of the source is cut to it"): _long(
        _start_within_source
    ),
    ("content-faster-when-upscaled", "R26", "an upscaled video shows the frames of 30 seconds in 25"): _long(
        _faster_when_upscaled
    ),
    (
        "only-max-ignores-duration",
        "R26",
        "createVideoExtension adds ten seconds with grok-video-3-max, whatever the duration",
    ): rewrites(_max_adds_ten, {CREATE}),
    ("only-start-ignored-with-images", "R26", "the unified submit forgets start_time where images are sent"): rewrites(
        _no_start_with_images, {UNIFIED}
    ),
    (
        "content-of-later-extension",
        "R26",
        "the content of a task is that of the last one that extended the same source",
    ): for_task(_of_later, {CONTENT}, SENT),
    ("content-minute-at-most", "R26", "videos end after a minute"): _long(lambda length, _: min(length, 60.0)),
    (
        "content-of-chain-is-added-alone",
        "R26",
        "the video of an extension of an own extension holds only what was added",
    ): _films(_chain_alone),
    ("content-duration-six-is-five", "R26", "createVideoExtension adds five seconds where six are asked for"): _films(
        _six_is_five
    ),
    ("content-start-from-one-on-unified", "R26", "the unified submit counts a start_time from one"): _films(
        _start_from_one
    ),
    ("content-of-same-prompt", "R26", "the content of a task is that of the first one of the same prompt"): for_task(
        _of_same_prompt, {CONTENT}, SENT
    ),
    (
        "content-starts-at-whole-minutes",
        "R26",
        "a video of createVideoExtension begins at a whole minute where start_time is an hour or more",
    ): for_task(_video_in_minutes, {CONTENT}, OK),
}
