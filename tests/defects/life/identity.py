"""Task ids that are not new, not unique, or not those of the task."""

from __future__ import annotations

import copy
import threading
import time
from collections.abc import Callable
from typing import Any

from octopusx_video_mock.messages import Request, Response

from tests.defects._concurrency import MOMENT, beside
from tests.defects._defect import (
    CREATE,
    LIFE,
    OK,
    QUERY,
    READ,
    READS,
    SUBMITS,
    Case,
    Handler,
    Json,
    Make,
    Operations,
    Server,
    Table,
    changes,
    failed,
    named,
    naming,
    sent,
)
from tests.defects._tasks import Made, extensions_of, for_task, sets, task_read, task_reads


def _renamed(name: Callable[[Case], str | None]) -> Make:
    """A server that responds to a submit with another id, that of the task that it names."""

    def change(case: Case) -> None:
        other = name(case)
        if other is not None:
            case.value = {**case.value, "id": other}

    return changes(change, SUBMITS, OK)


def _every_other(case: Case) -> str | None:
    last = case.memory.get("last")
    case.memory["last"] = case.value["id"] if last is None else None
    return last


def _by_body(case: Case) -> str | None:
    body = (case.request.body or b"", case.request.path)
    first: str = case.memory.setdefault("ids", {}).setdefault(body, case.value["id"])
    return first


def _by_prompt(case: Case) -> str | None:
    prompt = sent(case.request).get("prompt")
    first: str = case.memory.setdefault("ids", {}).setdefault(prompt, case.value["id"])
    return first


def _by_second(case: Case) -> str | None:
    first: str = case.memory.setdefault("ids", {}).setdefault(int(case.server.now), case.value["id"])
    return first


def _source(case: Case) -> str | None:
    return named(case.request) or sent(case.request).get("task_id") if case.response.operation != CREATE else None


def _id_cut(case: Case) -> dict[str, Any] | None:
    return {"id": case.value["id"].removeprefix("grok:")}


def _last_read(case: Case) -> dict[str, Any] | None:
    last = case.memory.get("last", case.value["id"])
    case.memory["last"] = case.value["id"]
    return {"id": last}


def _cached_by_path(server: Server) -> Handler:
    """A cache in front of the unified read whose key lacks the query."""
    kept: dict[bytes, tuple[float, Response]] = {}

    def handle(request: Request) -> Response:
        given = server.correct(request)
        if given.operation != QUERY or given.status != 200:
            return given
        key = request.header(b"authorization") or b""
        at, first = kept.get(key, (-1e9, given))
        if server.now - at > 10:
            kept[key] = server.now, copy.copy(given)
            return given
        given.body = first.body
        return given

    return handle


def _same_source(case: Case, made: Made) -> None:
    """A second extension of a source is taken for the first one sent again, while that runs."""
    running_one: dict[tuple[bytes | None, str], Made] = case.memory.setdefault("running", {})
    place = case.request.header(b"authorization"), made.source
    earlier = running_one.get(place)
    if earlier is not None and earlier.age(case.server) < LIFE.lasts:
        case.value = {**case.value, "id": earlier.id}
    else:
        running_one[place] = made


def _id_as_asked(case: Case) -> None:
    raw = case.request.path.rpartition(b"/")[2].decode("latin-1")
    if "%3a" in raw.lower():
        case.value = {**case.value, "id": raw}


def _first_of_body(case: Case, made: Made) -> None:
    place = case.request.path, case.request.body
    first: Made = case.memory.setdefault("bodies", {}).setdefault(place, made)
    if first.key != made.key:
        case.value = {**case.value, "id": first.id}


def _id_of_extension(case: Case, made: Made, value: Json) -> Json:
    extensions = extensions_of(case, made)
    return {"id": extensions[-1].id} if extensions else {}


def _id_of_failed(case: Case, made: Made) -> None:
    """Who sends a body again whose task has failed gets that task."""
    place = case.request.path, case.request.body, made.key
    first: Made = case.memory.setdefault("first", {}).setdefault(place, made)
    if first is not made and failed(task_read(case.server, case.request, first.id)):
        case.value = {**case.value, "id": first.id}


def _one_flight(of: Operations) -> Make:
    """A server that gives all requests that are under way together the response to the first."""

    def make(server: Server) -> Handler:
        lock = threading.Lock()
        under_way: list[Request] = []
        first: list[Response] = []

        def handle(request: Request) -> Response:
            if server.operation(request) not in of:
                return server.correct(request)
            with lock:
                under_way.append(request)
            time.sleep(MOMENT)
            try:
                with lock:
                    response = server.correct(request)
                    if response.status != 200:
                        return response
                    first.append(response)
                    return copy.copy(first[0])
            finally:
                with lock:
                    under_way.pop()
                    if not under_way:
                        first.clear()

        return handle

    return make


def _of_another(server: Server, request: Request, other: Request) -> Response:
    other_task = named(other)
    if not other_task or other_task == named(request) or server.correct(request).status != 200:
        return server.correct(request)
    return server.correct(naming(request, other_task))


DEFECTS: Table = {
    ("id-every-other", "R03", "two submits in a row get one id"): _renamed(_every_other),
    ("id-of-same-body", "R03", "a submit of the same body gets the first one's id"): _renamed(_by_body),
    ("id-of-same-prompt", "R03", "a submit of the same prompt gets the first one's id, at whatever route"): _renamed(
        _by_prompt
    ),
    ("id-of-same-second", "R03", "the submits of one second get one id"): _renamed(_by_second),
    ("id-of-source", "R03", "the extends return the id of the source, as a sample of the pages does"): _renamed(
        _source
    ),
    ("read-id-cut", "R06", "the unified read leaves out what is before the colon of an id"): sets(_id_cut, {QUERY}),
    ("read-id-of-last-read", "R06", "a read returns the id of the read before it"): sets(_last_read, {READ}),
}

RARE: Table = {
    ("query-cached-by-path", "R06", "the unified read is cached for ten seconds by path and key"): _cached_by_path,
    (
        "id-of-running-extension-of-source",
        "R03",
        "a submit gets the id of the task that already extends its source",
    ): for_task(_same_source, SUBMITS),
    (
        "id-told-as-encoded",
        "R06",
        "the OpenAI-format read returns an id whose colon was encoded as it was encoded",
    ): changes(_id_as_asked, {READ}, OK),
    ("id-of-same-body-of-others", "R03", "a submit gets the id of another account's that had the same body"): for_task(
        _first_of_body, SUBMITS
    ),
    (
        "id-of-failed-again",
        "R03",
        "a submit whose body was sent before, and whose task has failed, gets that task's id",
    ): for_task(_id_of_failed, SUBMITS),
    (
        "id-of-extension-once-extended",
        "R06",
        "the OpenAI-format read of a task that was extended returns the id of its extension",
    ): task_reads(_id_of_extension, {READ}),
    ("together-one-id", "R03", "submits that come together get one id"): _one_flight(SUBMITS),
    (
        "together-read-of-another",
        "R06",
        "a read that comes while another task is read gets that task",
    ): beside(READS, READS, _of_another),
}
