"""Submits, reads and downloads that are billed against the contract."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from octopusx_video_mock.messages import Request, Response

from tests.defects._concurrency import beside
from tests.defects._defect import (
    AUTHORIZATION,
    CONTENT,
    CREATE,
    EXTEND,
    EXTENDS,
    HOUR,
    MAX_MODEL,
    OK,
    QUERY,
    READ,
    READS,
    SENT,
    SUBMITS,
    UNIFIED,
    Case,
    Handler,
    Make,
    Operations,
    Server,
    Statuses,
    Table,
    changes,
    failed,
    handles,
    remembers,
    running,
    sent,
    succeeded,
)
from tests.defects._tasks import Made, for_task, is_of_others, note, source_of, task_read, unbilled, with_key

_LONG = 30
_MANY_READS = 10


def _bills(when: Callable[[Case], bool], of: Operations, statuses: Statuses) -> Make:
    """A server that charges requests with such responses."""

    def change(case: Case) -> None:
        if when(case):
            case.server.bill(case.response.operation or EXTEND, case.task)

    return changes(change, of, statuses)


def _always(_: Case) -> bool:
    return True


def _says(code: str) -> Callable[[Case], bool]:
    return lambda case: case.value.get("code") == code


def _is_of_gateway(case: Case) -> bool:
    return "error" in case.value


def _is_invalid_and_not_ordered(case: Case) -> bool:
    return "prefer" not in {name.decode() for name, _ in case.request.headers} and _says("invalid_request")(case)


def _first_end(case: Case) -> bool:
    return succeeded(case.value) and case.counted(case.task) == 1


def free(of: Operations) -> Make:
    """A server that forgets to charge these submits."""

    def handle(server: Server, request: Request) -> Response:
        if server.operation(request) not in of:
            return server.correct(request)
        with server.uncharged():
            return server.correct(request)

    return handles(handle)


def _first_free(server: Server) -> Handler:
    """The price of a submit is looked up at the next one."""
    unbilled = free(SUBMITS)(server)
    seen: list[Response] = []

    def handle(request: Request) -> Response:
        if server.operation(request) not in SUBMITS or seen:
            return server.correct(request)
        given = unbilled(request)
        seen.extend([given] if given.status == 200 else [])
        return given

    return handle


def _priced(times: Callable[[dict[str, Any]], int], of: Operations = SUBMITS) -> Make:
    """A server that charges what it accepts so often."""

    def handle(server: Server, request: Request) -> Response:
        operation = server.operation(request)
        count = times(sent(request)) if operation in of else 1
        given = server.correct(request) if count else unbilled(server, request)
        if given.operation in of and given.status == 200 and given.task is not None:
            for _ in range(count - 1):
                server.bill(given.operation or EXTEND, given.task)
        return given

    return handles(handle)


def _by_images(body: dict[str, Any]) -> int:
    images = body.get("images")
    return len(images) if isinstance(images, list) else 1


def _second_free(server: Server) -> Handler:
    """The second submit of an account is let through by the reservation that the first one left."""
    counts: dict[bytes | None, int] = {}

    def handle(request: Request) -> Response:
        if server.operation(request) not in SUBMITS:
            return server.correct(request)
        key = request.header(b"authorization")
        given = unbilled(server, request) if counts.get(key) == 1 else server.correct(request)
        if given.status == 200:
            counts[key] = counts.get(key, 0) + 1
        return given

    return handle


def _others_source(case: Case) -> None:
    if case.value.get("code") != "task_not_exist":
        return
    for key in (case.server.key, case.server.other_key):
        if task_read(case.server, with_key(case.request, key), source_of(case.request)):
            case.server.bill(case.response.operation or EXTEND)
            return


def _charged(times: Callable[[dict[str, Any], Request], int]) -> Make:
    """A server that charges what it accepts so often, given what it remembers and the request."""

    def handle(server: Server, memory: dict[str, Any], request: Request) -> Response:
        operation = server.operation(request)
        count = times(memory, request) if operation in SUBMITS else 1
        given = server.correct(request) if count else unbilled(server, request)
        note(server, memory, request, given)
        if given.operation in SUBMITS and given.status == 200 and given.task is not None:
            memory.setdefault("prompts", set()).add(_asked(request))
            for _ in range(count - 1):
                server.bill(given.operation or EXTEND, given.task)
        return given

    return remembers(handle)


def _asked(request: Request) -> tuple[Any, ...]:
    return request.header(AUTHORIZATION), str(sent(request).get("prompt")), source_of(request)


def _by_n(memory: dict[str, Any], request: Request) -> int:
    count = sent(request).get("n")
    return count if type(count) is int and 0 < count <= 10 else 1


def _once_for_a_prompt(memory: dict[str, Any], request: Request) -> int:
    return 0 if _asked(request) in memory.get("prompts", set()) else 1


def _first_of_chain(memory: dict[str, Any], request: Request) -> int:
    return 0 if source_of(request) in memory.get("made", {}) else 1


def _billed_read(case: Case) -> None:
    if is_of_others(case):
        case.server.bill(EXTEND)


def _twice_after_refusal(server: Server) -> Handler:
    """What was reserved for a submit that is refused is charged with the next one."""
    reserved: set[bytes | None] = set()

    def handle(request: Request) -> Response:
        given = server.correct(request)
        key = request.header(AUTHORIZATION)
        if given.operation in SUBMITS and given.status == 400:
            reserved.add(key)
        elif given.operation in SUBMITS and given.status == 200 and given.task is not None and key in reserved:
            reserved.discard(key)
            server.bill(given.operation or EXTEND, given.task)
        return given

    return handle


def _is_zero(value: Any) -> bool:
    return type(value) is int and value == 0


def _by_start(memory: dict[str, Any], request: Request) -> int:
    start = sent(request).get("start_time")
    return 2 if type(start) is int and start >= _LONG else 1


def _other_account_free(server: Server) -> Handler:
    other = f"Bearer {server.other_key}".encode()
    return _charged(lambda _, request: 0 if request.header(AUTHORIZATION) == other else 1)(server)


def _late_billed(case: Case, made: Made) -> None:
    if made.since_end(case.server) > HOUR:
        case.server.bill(made.operation, made.id)


def _many_billed(case: Case) -> None:
    if case.counted(case.task) > _MANY_READS:
        case.server.bill(EXTEND, case.task)


def _billed_twice(server: Server, request: Request, _: Request) -> Response:
    response = server.correct(request)
    if response.status == 200:
        server.bill(server.operation(request) or "")
    return response


DEFECTS: Table = {
    ("invalid-billed", "R54", "a submit that is refused as invalid is charged"): _bills(
        _says("invalid_request"), SUBMITS, {400}
    ),
    ("near-miss-billed", "R54", "a submit with a wrong value is charged before its values are looked at"): _bills(
        _is_invalid_and_not_ordered, SUBMITS, {400}
    ),
    ("refused-download-billed", "R54", "a download that is refused is charged"): _bills(
        _always, {CONTENT}, {400, 401, 404, 502}
    ),
    ("malformed-billed", "R54", "a body that is not JSON is charged"): _bills(_is_of_gateway, SUBMITS, {400}),
    ("no-key-billed", "R54", "a submit without a key is charged to the first account"): _bills(_always, SUBMITS, {401}),
    ("unknown-source-billed", "R54", "a submit with an unknown source is charged"): _bills(
        _says("task_not_exist"), SUBMITS, {400}
    ),
    ("forbidden-billed", "R54", "a submit that is refused with 403 is charged"): _bills(_always, SUBMITS, {403}),
    ("not-found-billed", "R54", "a submit that is refused with 404 is charged"): _bills(_always, SUBMITS, {404}),
    ("too-large-billed", "R54", "a body that is too large is charged"): _bills(_always, SUBMITS, {413}),
    ("submit-billed-twice", "R54", "every submit is charged twice"): _bills(_always, SUBMITS, OK),
    ("unified-billed-twice", "R54", "the unified submit is charged by the gateway and by its upstream"): _bills(
        _always, {UNIFIED}, OK
    ),
    ("submit-free", "R54", "createVideoExtension is never charged"): free({CREATE}),
    ("first-submit-free", "R54", "the first submit of a server is not charged"): _first_free,
    ("rate-limit-billed", "R28", "a 429 of the middleware is charged"): _bills(_is_of_gateway, SUBMITS, {429}),
    ("unavailable-billed", "R28", "a 503 of the middleware is charged"): _bills(_is_of_gateway, SUBMITS, {503}),
    ("unavailable-billed-on-extend", "R28", "extendVideo charges where no channel serves the model"): _bills(
        _is_of_gateway, {EXTEND}, {503}
    ),
    ("read-billed", "R19", "every read is charged"): _bills(_always, READS, OK),
    ("query-billed-while-running", "R19", "the unified read charges what runs"): _bills(
        lambda case: running(case.value), {QUERY}, OK
    ),
    ("end-billed", "R19", "the first read of a task's end charges it once more"): _bills(_first_end, READS, OK),
    ("failure-read-billed", "R19", "reading a failed task charges it"): _bills(
        lambda case: failed(case.value), {READ}, OK
    ),
    ("download-billed", "R19", "each download is charged"): _bills(_always, {CONTENT}, OK),
    ("part-billed", "R19", "each part of a download is charged"): _bills(_always, {CONTENT}, {206}),
    ("unknown-read-billed", "R54", "reading an unknown task is charged"): _bills(_always, READS, {400}),
}

RARE: Table = {
    ("second-submit-free", "R54", "the second submit of an account is not charged"): _second_free,
    ("max-billed-twice", "R54", "grok-video-3-max is charged twice"): _priced(
        lambda body: 2 if body.get("model") == MAX_MODEL else 1
    ),
    (
        "images-multiply-bill",
        "R54",
        "a submit is charged for each of its images, and not at all with an empty list",
    ): _priced(_by_images, EXTENDS),
    ("no-duration-free", "R54", "createVideoExtension is not charged where duration is left out"): _priced(
        lambda body: 1 if "duration" in body else 0, {CREATE}
    ),
    (
        "source-of-others-billed",
        "R54",
        "a submit is charged that is refused because its source is another account's",
    ): changes(_others_source, SUBMITS, {400, 404}),
    ("n-multiplies-bill", "R54", "a submit is charged n times, where n is sent along"): _charged(_by_n),
    ("same-prompt-free", "R54", "a submit of the same prompt and source is made again, and not charged"): _charged(
        _once_for_a_prompt
    ),
    ("chain-free", "R54", "an extension of an own extension is not charged"): _charged(_first_of_chain),
    ("range-past-end-billed", "R54", "a Range past the end is charged"): changes(
        lambda case: case.server.bill(EXTEND), {CONTENT}, {416}
    ),
    ("read-of-others-billed", "R54", "a read of another account's task is refused, and charged"): changes(
        _billed_read, READS, {400, 404}
    ),
    (
        "accepted-after-refusal-billed-twice",
        "R54",
        "a submit that is accepted after one that was refused with 400 is charged twice",
    ): _twice_after_refusal,
    ("start-zero-free", "R54", "a submit with a start_time of zero is not charged"): _charged(
        lambda _, request: 0 if _is_zero(sent(request).get("start_time")) else 1
    ),
    ("late-start-billed-twice", "R54", "a submit whose start_time is thirty or more is charged twice"): _charged(
        _by_start
    ),
    ("other-account-free", "R54", "the submits of the second account are not charged"): _other_account_free,
    ("late-download-billed", "R19", "a download is charged an hour after its task has ended"): for_task(
        _late_billed, {CONTENT}, SENT
    ),
    ("eleventh-read-billed", "R19", "each read of a task after its tenth is charged"): changes(_many_billed, READS, OK),
    ("together-billed-twice", "R54", "a submit that comes while another one is handled is billed twice"): beside(
        SUBMITS, SUBMITS, _billed_twice
    ),
}
