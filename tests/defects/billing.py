"""Servers that charge for what is free, twice, or not at all. The control routes tell what was charged."""

from __future__ import annotations

from collections.abc import Callable

from octopusx_video_mock.messages import Request, Response

from tests.defects._defect import (
    CONTENT,
    CREATE,
    EXTEND,
    OK,
    QUERY,
    READ,
    READS,
    SUBMITS,
    UNIFIED,
    Answerer,
    Case,
    Defect,
    Make,
    Server,
    changes,
    failed,
    running,
    succeeded,
)

_INVALID = frozenset({400})


def _defect(name: str, rule: str, summary: str, make: Make) -> Defect:
    return Defect(name, "billing", rule, summary, make)


def _bills(when: Callable[[Case], bool], of: frozenset[str], statuses: frozenset[int]) -> Make:
    """A server that charges what is answered so."""

    def change(case: Case) -> None:
        if when(case):
            case.server.bill(case.answer.operation or EXTEND, case.task)

    return changes(change, of, statuses)


def _always(_: Case) -> bool:
    return True


def _says(code: str) -> Callable[[Case], bool]:
    return lambda case: case.value.get("code") == code


def _is_middlewares(case: Case) -> bool:
    return "error" in case.value


def _is_malformed(case: Case) -> bool:
    return "error" in case.value


def _is_invalid_and_not_ordered(case: Case) -> bool:
    return "prefer" not in {name.decode() for name, _ in case.request.headers} and _says("invalid_request")(case)


def _first_end(case: Case) -> bool:
    return succeeded(case.value) and case.counted(case.task) == 1


def free(of: frozenset[str]) -> Make:
    """A server that forgets to charge these submits."""

    def make(server: Server) -> Answerer:
        def answer(request: Request) -> Response:
            if server.operation(request) not in of:
                return server.correct(request)
            with server.uncharged():
                return server.correct(request)

        return answer

    return make


def _first_free(server: Server) -> Answerer:
    """The price of a submit is looked up at the next one."""
    unbilled = free(SUBMITS)(server)
    seen: list[Response] = []

    def answer(request: Request) -> Response:
        if server.operation(request) not in SUBMITS or seen:
            return server.correct(request)
        given = unbilled(request)
        seen.extend([given] if given.status == 200 else [])
        return given

    return answer


DEFECTS = (
    _defect(
        "invalid-billed",
        "R54",
        "a submit that is refused as invalid is charged",
        _bills(_says("invalid_request"), SUBMITS, _INVALID),
    ),
    _defect(
        "near-miss-billed",
        "R54",
        "a submit with a wrong value is charged before its values are looked at",
        _bills(_is_invalid_and_not_ordered, SUBMITS, _INVALID),
    ),
    _defect(
        "refused-download-billed",
        "R54",
        "a download that is refused is charged",
        _bills(_always, frozenset({CONTENT}), frozenset({400, 401, 404, 502})),
    ),
    _defect("malformed-billed", "R54", "a body that is not JSON is charged", _bills(_is_malformed, SUBMITS, _INVALID)),
    _defect(
        "no-key-billed",
        "R54",
        "a submit without a key is charged to the first account",
        _bills(_always, SUBMITS, frozenset({401})),
    ),
    _defect(
        "unknown-source-billed",
        "R54",
        "a submit with an unknown source is charged",
        _bills(_says("task_not_exist"), SUBMITS, _INVALID),
    ),
    _defect(
        "forbidden-billed",
        "R54",
        "a submit that is refused with 403 is charged",
        _bills(_always, SUBMITS, frozenset({403})),
    ),
    _defect(
        "not-found-billed",
        "R54",
        "a submit that is refused with 404 is charged",
        _bills(_always, SUBMITS, frozenset({404})),
    ),
    _defect(
        "too-large-billed", "R54", "a body that is too large is charged", _bills(_always, SUBMITS, frozenset({413}))
    ),
    _defect("submit-billed-twice", "R54", "every submit is charged twice", _bills(_always, SUBMITS, OK)),
    _defect(
        "unified-billed-twice",
        "R54",
        "the unified submit is charged by the gateway and by its upstream",
        _bills(_always, frozenset({UNIFIED}), OK),
    ),
    _defect("submit-free", "R54", "createVideoExtension is never charged", free(frozenset({CREATE}))),
    _defect("first-submit-free", "R54", "the first submit of a server is not charged", _first_free),
    _defect(
        "rate-limit-billed",
        "R28",
        "a 429 of the middleware is charged",
        _bills(_is_middlewares, SUBMITS, frozenset({429})),
    ),
    _defect(
        "unavailable-billed",
        "R28",
        "a 503 of the middleware is charged",
        _bills(_is_middlewares, SUBMITS, frozenset({503})),
    ),
    _defect(
        "unavailable-billed-on-extend",
        "R28",
        "extendVideo charges where no channel serves the model",
        _bills(_is_middlewares, frozenset({EXTEND}), frozenset({503})),
    ),
    _defect("read-billed", "R19", "every read is charged", _bills(_always, READS, OK)),
    _defect(
        "query-billed-while-running",
        "R19",
        "the unified read charges what runs",
        _bills(lambda case: running(case.value), frozenset({QUERY}), OK),
    ),
    _defect("end-billed", "R19", "the first read of a task's end charges it once more", _bills(_first_end, READS, OK)),
    _defect(
        "failure-read-billed",
        "R19",
        "reading a failed task charges it",
        _bills(lambda case: failed(case.value), frozenset({READ}), OK),
    ),
    _defect("download-billed", "R19", "each download is charged", _bills(_always, frozenset({CONTENT}), OK)),
    _defect(
        "part-billed",
        "R19",
        "each part of a download is charged",
        _bills(_always, frozenset({CONTENT}), frozenset({206})),
    ),
    _defect("unknown-read-billed", "R54", "reading an unknown task is charged", _bills(_always, READS, _INVALID)),
)
