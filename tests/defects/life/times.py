"""Times and lengths that a read reports wrongly."""

from __future__ import annotations

from typing import Any

from octopusx_video_mock.messages import Request, Response

from tests.defects._defect import (
    CREATE,
    EXTEND,
    EXTENDS,
    HOUR,
    QUERY,
    READ,
    READS,
    SUBMITS,
    Case,
    Json,
    Server,
    Table,
    edits,
    mapped,
    put,
    remembers,
    running,
    sent,
    succeeded,
)
from tests.defects._requests import start_of
from tests.defects._tasks import Made, reports, task_read, task_reads


def _uptime(case: Case) -> dict[str, Json]:
    begun = case.memory.setdefault("begun", case.value.get("created_at", 0))
    return {"created_at": case.value.get("created_at", 0) - begun + 3}


def _length_added(case: Case) -> dict[str, Json]:
    return {"seconds": "10"}


def _seconds_of_extension(case: Case) -> dict[str, Json]:
    """The length of the video is that of what was added."""
    seconds = float(case.value.get("seconds", "0"))
    return {"seconds": str(int(min(seconds, 15 if seconds > 15 else 10)))}


@remembers
def _seconds_of_submit(server: Server, memory: dict[str, Any], request: Request) -> Response:
    """The length that is reported is that of the request's duration, without where it starts."""
    given = server.correct(request)
    if given.operation == CREATE and given.task is not None:
        memory[given.task] = str(sent(request).get("duration", 10))
    elif given.operation == READ and given.task in memory:
        case = Case(server, memory, request, given)
        case.value = {**case.value, "seconds": memory[given.task]}
    return given


def _zero_is_none(case: Case, made: Made, value: Json) -> Json:
    """start_time or length of the source."""
    is_zero = made.operation == EXTEND and made.body.get("start_time") == 0 and "seconds" in value
    return {"seconds": str(int(float(value["seconds"]) + made.source_length))} if is_zero else {}


def _from_root(case: Case, made: Made, value: Json) -> Json:
    if "start_time" in made.body or made.operation == CREATE or "seconds" not in value:
        return {}
    root, length = made.source, made.source_length
    while root in case.memory["made"]:
        root, length = case.memory["made"][root].source, case.memory["made"][root].source_length
    return {"seconds": str(int(float(value["seconds"]) - made.source_length + length))}


def _time_of_read(case: Case, made: Made, value: Json) -> Json:
    return {"completed_at": int(case.server.now)} if succeeded(value) else {}


def _time_of_source(case: Case, made: Made, value: Json) -> Json:
    if not running(value):
        return {}
    reported = task_read(case.server, case.request, made.source, by=QUERY).get("status_update_time")
    return {} if reported is None else {"status_update_time": reported}


def _as_others_long(case: Case, made: Made, value: Json) -> Json:
    is_max = made.is_max and made.operation in EXTENDS and "seconds" in value
    return {"seconds": str(int(float(value["seconds"])) - 5)} if is_max else {}


def _six_by_default(case: Case, made: Made, value: Json) -> Json:
    is_default = made.operation == CREATE and "duration" not in made.body and "seconds" in value
    return {"seconds": str(int(float(value["seconds"])) - 4)} if is_default else {}


def _source_long(case: Case, made: Made, value: Json) -> Json:
    reported = task_read(case.server, case.request, made.source).get("seconds") if running(value) else None
    return {} if reported is None else {"seconds": reported}


def _created_of_source(case: Case, made: Made, value: Json) -> Json:
    reported = task_read(case.server, case.request, made.source).get("created_at")
    return {} if reported is None else {"created_at": reported}


def _length_between(case: Case, made: Made, value: dict[str, Json]) -> dict[str, Json]:
    if "seconds" in value and 1_000 <= start_of(made.body) < 2_000:
        return {"seconds": str(int(float(value["seconds"])) - 1)}
    return {}


def _length_in_a_byte(case: Case, made: Made, value: dict[str, Json]) -> dict[str, Json]:
    """A start_time from 256 to 511 is kept in eight bits."""
    if "seconds" in value and 256 <= start_of(made.body) < 512:
        return {"seconds": str(int(float(value["seconds"])) - 256)}
    return {}


DEFECTS: Table = {
    ("created-other-zone", "R56", "created_at is eight hours ahead"): edits(
        mapped("created_at", lambda at: at + 8 * HOUR), {READ}
    ),
    ("created-by-uptime", "R56", "created_at counts from the start of the server"): reports(_uptime, {READ}),
    ("created-constant", "R56", "created_at is that of the page's sample"): edits(
        put(created_at=1735689600), {READ}, when=lambda value: not value["id"].startswith("video")
    ),
    ("updated-other-zone", "R56", "the unified read's status_update_time is five hours behind"): edits(
        mapped("status_update_time", lambda at: at - 5 * HOUR), {QUERY}
    ),
    ("submitted-other-zone", "R56", "a submit's and both reads' times are an hour ahead"): edits(
        lambda value: {
            name: one + HOUR
            if name in {"created_at", "completed_at", "expires_at", "status_update_time"} and one
            else one
            for name, one in value.items()
        },
        READS | SUBMITS,
    ),
    ("completed-before-created", "R49", "completed_at is before created_at"): edits(
        lambda value: {**value, "completed_at": value["created_at"] - 1}, {READ}, when=succeeded
    ),
    ("expires-before-end", "R49", "a video expires a minute after its submit"): edits(
        lambda value: {**value, "expires_at": value["created_at"] + 60}, {READ}, when=lambda value: not running(value)
    ),
    ("seconds-always-10", "R55", "seconds is always 10"): reports(_length_added, {READ}),
    ("seconds-of-extension", "R55", "seconds is what was added"): reports(_seconds_of_extension, {READ}),
    (
        "seconds-of-duration",
        "R55",
        "seconds is the duration of createVideoExtension, without its start",
    ): _seconds_of_submit,
    ("seconds-with-unit", "R55", "seconds has a unit"): edits(mapped("seconds", lambda seconds: f"{seconds}s"), {READ}),
    ("seconds-in-milliseconds", "R55", "seconds counts milliseconds"): edits(
        mapped("seconds", lambda seconds: str(int(float(seconds) * 1000))), {READ}, when=succeeded
    ),
}

RARE: Table = {
    (
        "seconds-from-end-where-start-is-zero",
        "R55",
        "seconds takes a start_time of zero for none at extendVideo, and counts from the end of the source",
    ): task_reads(_zero_is_none, {READ}),
    (
        "seconds-from-root",
        "R55",
        "seconds of an extension of an extension counts from the end of the first source",
    ): task_reads(_from_root, {READ}),
    ("completed-at-read", "R49", "completed_at is the time of the read, past expires_at as well"): task_reads(
        _time_of_read, {READ}
    ),
    ("updated-of-source", "R56", "status_update_time of a running task is that of its source"): task_reads(
        _time_of_source, {QUERY}
    ),
    ("created-cut-to-day", "R56", "created_at is the midnight before the submit"): edits(
        mapped("created_at", lambda at: at - at % 86_400), {READ}
    ),
    ("seconds-max-as-others", "R55", "seconds adds ten with grok-video-3-max at both extends"): task_reads(
        _as_others_long, {READ}
    ),
    ("seconds-six-by-default", "R55", "seconds adds six where createVideoExtension has no duration"): task_reads(
        _six_by_default, {READ}
    ),
    ("seconds-of-source-while-running", "R55", "seconds of a running task is the length of its source"): task_reads(
        _source_long, {READ}
    ),
    ("created-of-source", "R56", "created_at of an extension is that of its source"): task_reads(
        _created_of_source, {READ}
    ),
    (
        "seconds-wrong-from-1000-to-2000",
        "R55",
        "seconds is one less where start_time is from 1,000 to 1,999",
    ): task_reads(_length_between, {READ}),
    (
        "seconds-of-start-in-a-byte",
        "R55",
        "seconds takes a start_time from 256 to 511 for one that is 256 less",
    ): task_reads(_length_in_a_byte, {READ}),
}
