"""Servers that are right as long as one request is handled at a time, or one key is in use."""

from __future__ import annotations

import copy
import json
import threading
import time
from collections.abc import Callable

from octopusx_video_mock.messages import Request, Response

from tests.defects._defect import (
    CONTENT,
    READS,
    SUBMITS,
    UNKNOWN_ID,
    Answerer,
    Defect,
    Family,
    Json,
    Make,
    Server,
    altered,
    naming,
    sending,
    sent,
)
from tests.defects._defect import named as task_of

_MOMENT = 0.004
"""Seconds that a request takes at least, so that others come while it is under way."""
_AUTH, _RANGE = b"authorization", b"range"
_CONTENT = frozenset({CONTENT})

Beside = Callable[[Server, Request, Request], Response]
"""Answers a request while another one is under way, which comes last."""


def _beside(of: frozenset[str], others: frozenset[str], answer: Beside) -> Make:
    """A server that answers some operations otherwise while one of the others is under way."""

    def make(server: Server) -> Answerer:
        under_way: dict[int, Request] = {}

        def handle(request: Request) -> Response:
            operation = server.operation(request)
            if operation not in of | others:
                return server.correct(request)
            if operation in others:
                under_way[id(request)] = request
            try:
                time.sleep(_MOMENT)
                beside = next((other for other in list(under_way.values()) if other is not request), None)
                if beside is None or operation not in of:
                    return server.correct(request)
                return answer(server, request, beside)
            finally:
                under_way.pop(id(request), None)

        return handle

    return make


def _edited(server: Server, request: Request, edit: Callable[[Json], Json]) -> Response:
    """The correct answer with another JSON value, where it is a success."""
    answer = server.correct(request)
    if answer.status == 200:
        answer.body = json.dumps(edit(json.loads(answer.body))).encode()
    return answer


def _one_flight(of: frozenset[str]) -> Make:
    """A server that gives all requests that are under way together the answer of the first."""

    def make(server: Server) -> Answerer:
        lock = threading.Lock()
        under_way: list[Request] = []
        first: list[Response] = []

        def handle(request: Request) -> Response:
            if server.operation(request) not in of:
                return server.correct(request)
            with lock:
                under_way.append(request)
            time.sleep(_MOMENT)
            try:
                with lock:
                    answer = server.correct(request)
                    if answer.status != 200:
                        return answer
                    first.append(answer)
                    return copy.copy(first[0])
            finally:
                with lock:
                    under_way.pop()
                    if not under_way:
                        first.clear()

        return handle

    return make


def _forgotten(server: Server, request: Request, _: Request) -> Response:
    def lost(value: Json) -> Json:
        number = int(time.monotonic_ns() % 10**12)
        return {**value, "id": f"{UNKNOWN_ID[:-12]}{number:012d}"}

    return _edited(server, request, lost)


def _prompt_of(server: Server, request: Request, other: Request) -> Response:
    prompt = sent(other).get("prompt")
    body = sent(request)
    valid = isinstance(prompt, str) and isinstance(body.get("prompt"), str)
    return server.correct(sending(request, {**body, "prompt": prompt}) if valid else request)


def _broken(server: Server, request: Request, _: Request) -> Response:
    answer = server.correct(request)
    return Response(500, answer.headers, b'{"error":{"message":"database is locked","type":"new_api_error","code":""}}')


def _of_another(server: Server, request: Request, other: Request) -> Response:
    other_task = task_of(other)
    if not other_task or other_task == task_of(request) or server.correct(request).status != 200:
        return server.correct(request)
    return server.correct(naming(request, other_task))


def _with_key_of(server: Server, request: Request, other: Request) -> Response:
    if request.path != other.path or request.query != other.query:
        return server.correct(request)
    return server.correct(altered(request, headers={_AUTH: other.header(_AUTH)}))


def _billed_twice(server: Server, request: Request, _: Request) -> Response:
    answer = server.correct(request)
    if answer.status == 200:
        server.bill(server.operation(request) or "")
    return answer


def _part_of(server: Server, request: Request, other: Request) -> Response:
    answer = server.correct(request)
    if answer.status == 206 and other.header(_RANGE) not in {None, request.header(_RANGE)}:
        wrong = server.correct(altered(request, headers={_RANGE: other.header(_RANGE)}))
        if wrong.status == 206:
            answer.body = wrong.body
    return answer


def _half(server: Server, request: Request, _: Request) -> Response:
    answer = server.correct(request)
    if answer.status == 200:
        answer.body = answer.body[: len(answer.body) // 2]
    return answer


def _refused(server: Server, request: Request, _: Request) -> Response:
    return server.invalid(request) if server.correct(request).status == 200 else server.correct(request)


def _unknown(server: Server, request: Request, _: Request) -> Response:
    return server.unknown(request)


def _account_of_the_one_before(server: Server) -> Answerer:
    """A server that keeps the account of a request for the submit that comes next, whoever sends it."""
    before: list[str | None] = [None]

    def answer(request: Request) -> Response:
        key = server.mock.engine.credentials.key_of(request)
        valid = key in {server.key, server.other_key}
        used = before[0]
        if valid:
            before[0] = key
        if server.operation(request) in SUBMITS and valid and used is not None:
            return server.correct(altered(request, headers={_AUTH: f"Bearer {used}".encode()}))
        return server.correct(request)

    return answer


def _defect(name: str, family: Family, rule: str, summary: str, make: Make) -> Defect:
    return Defect(f"together-{name}", family, rule, summary, make)


DEFECTS = (
    _defect("one-id", "life", "R03", "submits that come together get one id", _one_flight(SUBMITS)),
    _defect(
        "lost-task",
        "life",
        "R04",
        "a submit that comes while another one is handled is answered, and its task is not stored",
        _beside(SUBMITS, SUBMITS, _forgotten),
    ),
    _defect(
        "prompt-of-another",
        "life",
        "R48",
        "a submit that comes while another one is handled gets the prompt of that one",
        _beside(SUBMITS, SUBMITS, _prompt_of),
    ),
    _defect(
        "submit-refused",
        "validation",
        "R34",
        "a submit that comes while another one is handled is called invalid",
        _beside(SUBMITS, SUBMITS, _refused),
    ),
    _defect(
        "billed-twice",
        "billing",
        "R54",
        "a submit that comes while another one is handled is billed twice",
        _beside(SUBMITS, SUBMITS, _billed_twice),
    ),
    _defect(
        "read-breaks",
        "status",
        "R44",
        "a read that comes while a submit is handled is answered with 500",
        _beside(READS, SUBMITS, _broken),
    ),
    _defect(
        "read-unknown",
        "life",
        "R34",
        "a task that is read while a submit is handled is unknown",
        _beside(READS, SUBMITS, _unknown),
    ),
    _defect(
        "read-of-another",
        "life",
        "R06",
        "a read that comes while another task is read is answered with that task",
        _beside(READS, READS, _of_another),
    ),
    _defect(
        "key-of-another",
        "credentials",
        "R20",
        "two reads of a task that come together are answered for the key of one of them",
        _beside(READS, READS, _with_key_of),
    ),
    _defect(
        "account-before",
        "credentials",
        "R04",
        "a submit belongs to the account of the request that came before it",
        _account_of_the_one_before,
    ),
    _defect(
        "part-of-another",
        "content",
        "R24",
        "a part that is asked for while another one is sent is that other part",
        _beside(_CONTENT, _CONTENT, _part_of),
    ),
    _defect(
        "half-a-video",
        "content",
        "R52",
        "a video that is downloaded while a part of it is sent ends in the middle",
        _beside(_CONTENT, _CONTENT, _half),
    ),
)
