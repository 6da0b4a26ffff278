"""What several kinds of defects do to requests: accept invalid bodies, reject valid ones, break."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from octopusx_video_mock.messages import Request, Response

from tests.defects._defect import (
    ALL,
    AUTHORIZATION,
    CONTENT,
    CONTENT_TYPE,
    JSON,
    READS,
    SUBMITS,
    Case,
    Make,
    Operations,
    Server,
    Statuses,
    changes,
    handles,
    rewrites,
    sending,
    sent,
)

Fix = Callable[[dict[str, Any]], dict[str, Any]]
NAMING = READS | {CONTENT}
PANIC = b'{"error":{"message":"Panic detected, error: runtime error","type":"new_api_panic"}}'
Body = dict[str, Any]


def flat_video(value: dict[str, Any]) -> dict[str, Any]:
    if "video.url" not in value or value.get("video"):
        return value
    return {**{name: one for name, one in value.items() if name != "video.url"}, "video": {"url": value["video.url"]}}


def id_header(given: Response) -> list[tuple[bytes, bytes]]:
    return [pair for pair in given.headers if pair[0] == b"x-oneapi-request-id"]


def authorization(request: Request) -> bytes:
    return request.header(AUTHORIZATION) or b""


def is_not_ascii(request: Request) -> bool:
    return any(byte > 0x7F for byte in authorization(request))


def takes(fix: Fix, of: Operations = SUBMITS) -> Make:
    """A server that takes a body which the fix has to make valid first."""

    def rewrite(request: Request) -> Request:
        value = sent(request)
        fixed = fix(value) if value else value
        return request if json.dumps(fixed) == json.dumps(value) else sending(request, fixed)

    return rewrites(rewrite, of)


def is_malformed(case: Case) -> bool:
    return b"JSON" in case.response.body and "error" in case.value


def sent_as(media_type: bytes | None, body: Callable[[bytes], bytes], of: Operations, statuses: Statuses) -> Make:
    def change(case: Case) -> None:
        case.response.body = body(case.response.body)
        case.header(CONTENT_TYPE, media_type)

    return changes(change, of, statuses)


def start_time(value: dict[str, Any]) -> Any:
    return value.get("start_time")


def code(case: Case) -> Any:
    return case.value.get("code")


def breaks(is_breaking: Callable[[Request], bool], of: Operations = ALL, *, without_key: bool = False) -> Make:
    """A server that breaks over a request, behind the check of the key or within it."""

    def handle(server: Server, request: Request) -> Response:
        if server.operation(request) not in of or not is_breaking(request):
            return server.correct(request)
        given = server.correct(request)
        if given.status == 401 and not without_key:
            return given
        return Response(500, [(CONTENT_TYPE, JSON), *id_header(given)], PANIC, given.operation)

    return handles(handle)


def refusing(when: Callable[[Body, Request], bool], of: Operations = SUBMITS, status: int = 400) -> Make:
    """A server that refuses a submit that it should accept, or breaks over it."""

    def handle(server: Server, request: Request) -> Response:
        is_meant = server.operation(request) in of and when(sent(request), request)
        if not is_meant or server.at(request, 0).status != 200:
            return server.correct(request)
        # The body of a refusal, under the status of what has become of the request.
        refusal = server.invalid(request)
        refusal.status = status
        return refusal

    return handles(handle)


def prompt_of(body: Body) -> str:
    prompt = body.get("prompt")
    return prompt if isinstance(prompt, str) else ""


def images_of(body: Body) -> list[Any]:
    images = body.get("images")
    return images if isinstance(images, list) else []


def start_of(body: Body) -> int:
    start = body.get("start_time")
    return start if isinstance(start, int) and not isinstance(start, bool) else -1
